"""Drawings for matplotlib: the picture of the widget, still, as vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kerassplit_widget.models.cutting import place_cuts
from kerassplit_widget.models.reading import read_steps
from kerassplit_widget.structure.cuts import Cut
from kerassplit_widget.structure.graph import Call, LayerGraph
from kerassplit_widget.structure.layout import Layout, lay_out
from kerassplit_widget.structure.text import bytes_text, listed, shape_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot"]

# Okabe and Ito's colours, which colour-blind people can tell apart, lightened as backgrounds of the parts.
PART_COLOURS = ("#d6e8f5", "#fbe3c8", "#d2eee4", "#f4dbea", "#fdf8c9", "#e3e3e3")
CUT_COLOUR = "#0b62a8"
POINTS_A_PIXEL = 0.5
LONGEST_INCHES = 200.0
"""matplotlib's renderers refuse images of more than 65,536 pixels; longer figures are scaled down to this."""


def plot(model: Any, cuts: Sequence[Any] | None = None) -> Figure:
    """Draw the layer graph of a model.

    Parameters
    ----------
    model : keras.Model
        A Functional model or a built Sequential.
    cuts : list, optional
        Cuts to mark, as `split` takes them. Boxes are coloured by part then.

    Returns
    -------
    matplotlib.figure.Figure
        In the size at which its text is 5 points high; save it as PDF or SVG for vectors.

    Raises
    ------
    ModelError
        If it is not a Keras model, or its graph is not known.
    PointError, CutError
        If a cut is not possible.

    Examples
    --------
    >>> import keras
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(2)])
    >>> figure = plot(model, cuts=["a"])
    >>> [text.get_text() for text in figure.axes[0].texts if "cut" in text.get_text()]
    ['cut after a: 1 tensor, 12 B']
    """
    from matplotlib.figure import Figure

    reading = read_steps(model)
    graph = reading.graph
    placed = place_cuts(reading, cuts) if cuts else []
    layout = lay_out(graph.successors)
    left, top, right, bottom = layout.bounds
    width, height = right - left + 40, bottom - top + 40
    inches = np.array([width + (200 if placed else 0), height]) * POINTS_A_PIXEL / 72
    figure = Figure(figsize=tuple(inches * min(1.0, LONGEST_INCHES / inches.max())))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(left - 20, right + 20 + (200 if placed else 0))
    axes.set_ylim(bottom + 20, top - 20)  # y grows downwards, as in the widget
    axes.set_axis_off()
    font = 9 * POINTS_A_PIXEL * min(1.0, LONGEST_INCHES / inches.max())
    _draw_edges(axes, layout)
    _draw_boxes(axes, graph, layout, placed, font)
    for cut in placed:
        _draw_cut(axes, graph, layout, cut, font)
    return figure


def _draw_edges(axes: Axes, layout: Layout) -> None:
    from matplotlib.collections import LineCollection

    routes = np.split(layout.points, layout.route_start[1:-1])
    axes.add_collection(LineCollection(routes, colors="#8a8f98", linewidths=0.5, zorder=1))


def _draw_boxes(axes: Axes, graph: LayerGraph, layout: Layout, cuts: Sequence[Cut], font: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    width, height = layout.size
    for n, call in enumerate(graph):
        x, y = float(layout.x[n]), float(layout.y[n])
        part = sum(n not in cut.head for cut in cuts)
        colour = PART_COLOURS[part % len(PART_COLOURS)] if cuts else "white"
        axes.add_patch(
            FancyBboxPatch(
                (x - width / 2, y - height / 2),
                width,
                height,
                boxstyle="round,pad=0,rounding_size=5",
                facecolor=colour,
                edgecolor="#5b616b",
                linewidth=0.4,
                zorder=2,
            )
        )
        for text, dy, size, ink in (
            (call.name, -6, font, "#1b1e23"),
            (_second_line(call), 8, 0.8 * font, "#5b616b"),
        ):
            shown = _shortened(text, 27 if dy < 0 else 34)
            # parse_math=False: a name with dollar signs is a name
            axes.text(
                x,
                y + dy,
                shown,
                size=size,
                color=ink,
                ha="center",
                va="center",
                zorder=3,
                parse_math=False,
            )


def _draw_cut(axes: Axes, graph: LayerGraph, layout: Layout, cut: Cut, font: float) -> None:
    """Draw a line below the lowest point of the cut, with what crosses there written at its right end."""
    lowest = max(float(layout.y[graph.number[point]]) for point in cut.points)
    y = lowest + layout.size[1] / 2 + 15
    right = layout.bounds[2]
    axes.plot([layout.bounds[0], right], [y, y], color=CUT_COLOUR, linewidth=1.0, zorder=4)
    many = f"{len(cut.tensors)} tensor{'' if len(cut.tensors) == 1 else 's'}"
    text = f"cut after {listed(cut.points)}: {many}, {bytes_text(cut.nbytes())}"
    axes.text(right + 6, y, text, size=font, color=CUT_COLOUR, va="center", zorder=4, parse_math=False)


def _second_line(call: Call) -> str:
    return f"{call.kind} · {shape_text(call.outputs[0].shape)}"


def _shortened(text: str, most: int) -> str:
    """Leave out the middle of a text that is too long for its box: the ends of layer names tell them apart."""
    if len(text) <= most:
        return text
    front = (most - 1) // 2
    return f"{text[:front]}…{text[len(text) - (most - 1 - front) :]}"
