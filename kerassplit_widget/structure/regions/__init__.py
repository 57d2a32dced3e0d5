"""Regions of a graph: dominators and the region tree."""

from kerassplit_widget.structure.regions.dominators import empty_frontier, immediate_dominators
from kerassplit_widget.structure.regions.tree import Region, region_tree

__all__ = ["Region", "empty_frontier", "immediate_dominators", "region_tree"]
