"""Where the cuts lie in a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from kerassplit_widget.display.figures.words import text_width
from kerassplit_widget.display.viewing import Scene
from kerassplit_widget.structure.graph import LayerGraph

__all__ = ["CutLine", "Mark", "mark_cuts"]

Point = tuple[float, float]

_GAP = 30.0
"""Half of how far a line may stand from its boxes when the next row is far."""

_STEP = 14.0
"""How far a line that goes round a box stays away from it, where there is room."""

_ASIDE = 4.0
"""The same, sideways."""


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
    line : tuple of points
        Straight where all boxes of the head lie before it; else it goes round those that reach past, in steps.
    text_at : point
        Left middle of the text beside a level line; bottom centre of that above an upright one.
    edges : tuple of int
        The edges of the view that cross.
    chips : tuple of points
        Where the crossing tensors meet the line; one that does not has its chip half way along an edge.
    """

    text: str
    down: bool
    line: tuple[Point, ...]
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
    words = [cut.text.split("\n") for cut in cuts]
    high = [len(each) * size * 1.3 for each in words]
    wide = [max(text_width(line, size) for line in each) for each in words]
    borders = [_border(scene, cut, at, main) for cut, at in zip(cuts, places, strict=True)]
    if down:
        lines = [_line(border, left, right + 8, main) for border in borders]
        middles = _apart([line[-1][1] for line in lines], high)
        texts = [(right + 14, middle) for middle in middles]
        extent = (
            left,
            min([top, *(m - h / 2 - 4 for m, h in zip(middles, high, strict=True))]),
            max([right, *(right + 14 + w for w in wide)]),
            max([bottom, *(m + h / 2 + 4 for m, h in zip(middles, high, strict=True))]),
        )
    else:
        starts = [border[0][1] for border in borders]
        levels = _levels(starts, wide)
        step = max(high, default=0.0) + 6
        overs = [top - 8 - level * step for level in levels]
        lines = [_line(border, over, bottom, main) for border, over in zip(borders, overs, strict=True)]
        texts = [(at, over - 3) for at, over in zip(starts, overs, strict=True)]
        extent = (
            min([left, *(at - w / 2 for at, w in zip(starts, wide, strict=True))]),
            top - (8 + step * (1 + max(levels, default=0)) if cuts else 0),
            max([right, *(at + w / 2 for at, w in zip(starts, wide, strict=True))]),
            bottom,
        )
    return [_mark(graph, scene, *each, main) for each in zip(cuts, lines, texts, strict=True)], extent


def _mark(
    graph: LayerGraph,
    scene: Scene,
    cut: CutLine,
    line: tuple[Point, ...],
    text_at: Point,
    main: int,
) -> Mark:
    """Find the edges that cross, and for each tensor the place where it meets the line, nearest to where it was cut."""
    seen, layout = scene.view, scene.layout
    boxes = sorted({int(seen.box_of[point]) for point in cut.points})
    side = layout.x if main else layout.y
    centre = float(np.mean([side[box] for box in boxes])) if boxes else 0.0
    inside = [box.calls[0] in cut.head for box in seen.boxes]
    edges = []
    chips: dict[str, tuple[float, Point]] = {}
    for edge, names in enumerate(seen.tensors):
        if not inside[seen.sources[edge]] or inside[seen.targets[edge]]:
            continue
        carried = cut.tensors.intersection(names)
        if not carried:
            continue
        edges.append(edge)
        route = layout.points[layout.route_start[edge] : layout.route_start[edge + 1]].astype(float)
        met = _meets(route, line)
        place = _half_way(route) if met is None else met
        away = np.inf if met is None else abs(met[1 - main] - centre)
        for name in carried:
            if name not in chips or away < chips[name][0]:
                chips[name] = (float(away), place)
    places = tuple(sorted({place for _, place in chips.values()}))
    return Mark(cut.text, bool(main), line, text_at, tuple(edges), places)


def _border(scene: Scene, cut: CutLine, at: float, main: int) -> list[tuple[float, float]]:
    """Tell where the line of a cut runs: from which place across on, and how far along.

    Boxes of the head lie before it and all others behind it, as far as they do not stand one behind the other in the
    wrong order. It moves away from `at` as seldom as it can, outwards from where the cut was asked for.
    """
    layout, boxes = scene.layout, scene.view.boxes
    centres = np.stack([layout.x, layout.y], axis=1).astype(float)
    halves = layout.sizes.astype(float) / 2
    low, high = (centres - halves)[:, main], (centres + halves)[:, main]
    first, last = (
        (centres - halves)[:, 1 - main] - _ASIDE,
        (centres + halves)[:, 1 - main] + _ASIDE,
    )
    inside = np.array([box.calls[0] in cut.head for box in boxes])
    if not ((inside & (high > at)) | (~inside & (low < at))).any():
        return [(-np.inf, at)]
    stops = np.unique(np.concatenate([first, last]))
    rooms = []
    for a, b in pairwise(stops.tolist()):
        there = (first < b) & (last > a)
        rooms.append((high[there & inside].max(initial=-np.inf), low[there & ~inside].min(initial=np.inf)))
    points = [int(scene.view.box_of[point]) for point in cut.points]
    middle = float(np.mean(centres[points, 1 - main]))
    begin = int(np.clip(np.searchsorted(stops, middle, side="right") - 1, 0, len(rooms) - 1))
    levels = [at] * len(rooms)
    for way in (range(begin, len(rooms)), range(begin, -1, -1)):
        level = at
        for i in way:
            before, behind = rooms[i]
            if before < behind:
                near = min(_STEP, (behind - before) / 2)
                level = float(min(max(level, before + near), behind - near))
            levels[i] = level
    border = [(-np.inf, levels[0])]
    for start, level in zip(stops[1:-1].tolist(), levels[1:], strict=True):
        if level != border[-1][1]:
            border.append((start, level))
    return border


def _line(border: Sequence[tuple[float, float]], first: float, last: float, main: int) -> tuple[Point, ...]:
    """Draw a border as one line between two places across."""
    found = [(first, border[0][1])]
    for start, level in border[1:]:
        found += [(start, found[-1][1]), (start, level)]
    found.append((last, found[-1][1]))
    return tuple((across, along) if main else (along, across) for across, along in found)


def _meets(route: npt.NDArray[np.float64], line: Sequence[Point]) -> Point | None:
    """Where a route first meets a line of level and upright pieces."""
    for a, b in pairwise(route):
        met = []
        for c, d in pairwise(np.array(line)):
            fixed = 0 if c[0] == d[0] else 1  # what is the same all along this piece of the line
            if a[fixed] == b[fixed]:
                continue
            share = (c[fixed] - a[fixed]) / (b[fixed] - a[fixed])
            place = a + share * (b - a)
            other = 1 - fixed
            if 0 <= share <= 1 and min(c[other], d[other]) <= place[other] <= max(c[other], d[other]):
                place[fixed] = c[fixed]
                met.append((float(share), (float(place[0]), float(place[1]))))
        if met:
            return min(met)[1]
    return None


def _half_way(route: npt.NDArray[np.float64]) -> Point:
    """Give the middle of a route."""
    steps = np.hypot(*np.diff(route, axis=0).T)
    ways = np.concatenate([[0.0], np.cumsum(steps)])
    x, y = (float(np.interp(ways[-1] / 2, ways, route[:, axis])) for axis in (0, 1))
    return x, y


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
