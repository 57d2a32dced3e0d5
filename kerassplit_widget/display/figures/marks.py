"""Where the cuts lie in a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kerassplit_widget.display.figures.words import text_width
from kerassplit_widget.display.viewing import Scene
from kerassplit_widget.structure.graph import LayerGraph

__all__ = ["CutLine", "Mark", "mark_cuts"]

Point = tuple[float, float]

_GAP = 30.0
"""Half of how far a line may stand from its boxes when the next row is far."""


@dataclass(frozen=True)
class CutLine:
    """A cut, told in the calls of the graph that is drawn.

    Attributes
    ----------
    text : str
        What to say of it.
    points : tuple of int
        Numbers of the calls after which it cuts, as far as they are drawn.
    head : frozenset of int
        Numbers of the calls before it.
    tensors : frozenset of str
        Names of the crossing tensors.
    """

    text: str
    points: tuple[int, ...]
    head: frozenset[int]
    tensors: frozenset[str]


@dataclass(frozen=True)
class Mark:
    """A cut as it is drawn, in pixels.

    Attributes
    ----------
    text : str
    down : bool
        Whether the drawing runs down, so that the line lies level.
    ends : tuple of two points
        Of the line.
    text_at : point
        Left middle of the text beside a level line; bottom centre of that above an upright one.
    edges : tuple of int
        The edges of the view that cross.
    chips : tuple of points
        Where the crossing tensors meet the line, one for each that does.
    """

    text: str
    down: bool
    ends: tuple[Point, Point]
    text_at: Point
    edges: tuple[int, ...]
    chips: tuple[Point, ...]


def mark_cuts(
    graph: LayerGraph,
    scene: Scene,
    cuts: Sequence[CutLine],
    bounds: tuple[float, float, float, float],
    size: float,
) -> tuple[list[Mark], tuple[float, float, float, float]]:
    """Place the lines of cuts and their texts.

    Parameters
    ----------
    graph : LayerGraph
    scene : Scene
        In which no box lies on both sides of a cut.
    cuts : sequence of CutLine
    bounds : tuple of float
        Left, top, right, bottom of the drawing without them.
    size : float
        Of the texts in pixels.

    Returns
    -------
    tuple of (list of Mark, tuple of float)
        The marks, and the bounds of the drawing with them.
    """
    down = scene.layout.direction == "down"
    main = 1 if down else 0
    left, top, right, bottom = bounds
    places = [_line_at(scene, [int(scene.view.box_of[point]) for point in cut.points], main) for cut in cuts]
    lines = [cut.text.split("\n") for cut in cuts]
    high = [len(each) * size * 1.3 for each in lines]
    wide = [max(text_width(line, size) for line in each) for each in lines]
    marks = []
    if down:
        middles = _apart(places, high)
        for cut, at, middle in zip(cuts, places, middles, strict=True):
            ends = ((left, at), (right + 8, at))
            marks.append(_mark(graph, scene, cut, ends, (right + 14, middle), at, main))
        extent = (
            left,
            min([top, *(m - h / 2 - 4 for m, h in zip(middles, high, strict=True))]),
            max([right, *(right + 14 + w for w in wide)]),
            max([bottom, *(m + h / 2 + 4 for m, h in zip(middles, high, strict=True))]),
        )
        return marks, extent
    levels = _levels(places, wide)
    step = max(high, default=0.0) + 6
    for cut, at, level in zip(cuts, places, levels, strict=True):
        over = top - 8 - level * step
        marks.append(_mark(graph, scene, cut, ((at, over), (at, bottom)), (at, over - 3), at, main))
    reach = [(at - w / 2, at + w / 2) for at, w in zip(places, wide, strict=True)]
    return marks, (
        min([left, *(low for low, _ in reach)]),
        top - (8 + step * (1 + max(levels, default=0)) if cuts else 0),
        max([right, *(high_ for _, high_ in reach)]),
        bottom,
    )


def _mark(
    graph: LayerGraph,
    scene: Scene,
    cut: CutLine,
    ends: tuple[Point, Point],
    text_at: Point,
    at: float,
    main: int,
) -> Mark:
    """Find the edges that cross, and for each tensor the place where it meets the line, nearest to where it was cut."""
    seen, layout = scene.view, scene.layout
    boxes = sorted({int(seen.box_of[point]) for point in cut.points})
    side = layout.x if main else layout.y
    centre = float(np.mean([side[box] for box in boxes])) if boxes else 0.0
    inside = [box.calls[0] in cut.head for box in seen.boxes]
    edges = []
    chips: dict[str, Point] = {}
    for edge, names in enumerate(seen.tensors):
        if not inside[seen.sources[edge]] or inside[seen.targets[edge]]:
            continue
        carried = cut.tensors.intersection(names)
        if not carried:
            continue
        edges.append(edge)
        route = layout.points[layout.route_start[edge] : layout.route_start[edge + 1]]
        met = _meets(route, at, main)
        for name in carried if met else ():
            known = chips.get(name)
            if known is None or abs(met[1 - main] - centre) < abs(known[1 - main] - centre):
                chips[name] = met
    return Mark(cut.text, bool(main), ends, text_at, tuple(edges), tuple(sorted(set(chips.values()))))


def _meets(route: npt.NDArray[np.float32], at: float, main: int) -> Point:
    """Where a route first meets the line across at this place; empty if it does not."""
    for a, b in zip(route[:-1].astype(float), route[1:].astype(float), strict=True):
        if a[main] == b[main] or not min(a[main], b[main]) <= at <= max(a[main], b[main]):
            continue
        across = float(a[1 - main] + (at - a[main]) / (b[main] - a[main]) * (b[1 - main] - a[1 - main]))
        return (across, at) if main else (at, across)
    return ()  # type: ignore[return-value]  # no place


def _line_at(scene: Scene, boxes: Sequence[int], main: int) -> float:
    """Place a cut after boxes: half way between the last of them and the next row."""
    centre = scene.layout.y if main else scene.layout.x
    half = scene.layout.sizes[:, main] / 2
    end = float((centre + half)[list(boxes)].max())
    later = np.sort((centre - half)[(centre - half) >= end - 1e-3])
    beyond = min(float(later[0]), end + 2 * _GAP) if len(later) else end + _GAP
    return (end + beyond) / 2


def _apart(places: Sequence[float], high: Sequence[float]) -> list[float]:
    """Move texts of given heights away from each other, downwards, as little as needed."""
    moved = list(places)
    free = -np.inf
    for i in sorted(range(len(moved)), key=lambda i: (places[i], i)):
        moved[i] = max(moved[i], free + high[i] / 2)
        free = moved[i] + high[i] / 2 + 2
    return moved


def _levels(places: Sequence[float], wide: Sequence[float]) -> list[int]:
    """Put texts of given widths on the lowest level where they touch no other."""
    ends: list[float] = []
    levels = [0] * len(places)
    for i in sorted(range(len(places)), key=lambda i: (places[i], i)):
        start = places[i] - wide[i] / 2
        level = next((n for n, end in enumerate(ends) if end + 8 <= start), len(ends))
        ends[level : level + 1] = [places[i] + wide[i] / 2]
        levels[i] = level
    return levels
