"""Regions of a graph: dominators and the region tree."""

from kerassplit_widget.structure.regions.dominators import empty_frontier, immediate_dominators

__all__ = ["empty_frontier", "immediate_dominators"]
