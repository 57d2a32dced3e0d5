"""The shape of an irreducible core: a small layered drawing with one trunk per tensor.

The steps are those of any layered layout, each in a module of its own: levels and trunks
(`layered`), order on the levels (`ordering`), columns (`columns`). This module puts them together
and reads the ways of the edges off the result.

Because each dummy has a column of its own and boxes stand on levels only, edges meet no boxes: they
are vertical along a level and slanted only in the gap between two levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from kerassplit_widget.structure.layout.columns import columns
from kerassplit_widget.structure.layout.layered import LayeredGraph, layered_graph
from kerassplit_widget.structure.layout.ordering import order_levels
from kerassplit_widget.structure.layout.shapes import (
    CoreShape,
    EdgeShape,
    Point,
    Points,
    Shape,
    Spacing,
    simplified,
)

__all__ = ["core_shape"]

_TRY_BOTH = 40  # up to this many items, levels are tried both early and late
_BETWEEN_DUMMIES = 2.0  # added to a lane's width, which is a dummy's own


def core_shape(
    number: int,
    size: int,
    ends: Sequence[tuple[int, int]],
    blocks: Sequence[Shape],
    open_ends: tuple[bool, bool],
    space: Spacing,
) -> CoreShape:
    """Lay out a core.

    Parameters
    ----------
    number : int
        The number of the new shape.
    size : int
        The number of the core's own calls. They are 1..size; 0 is the entry, size + 1 the exit.
    ends : sequence of (int, int)
        The two ends of each edge, sorted by the second, then the first; ends ascend.
    blocks : sequence of Shape
        What lies on each edge, a shape without calls for a plain edge.
    open_ends : tuple of bool
        Whether the entry and the exit stand for nothing.
    space : Spacing
    """
    items = _Items(size, ends, blocks, space)
    tries = (True, False) if len(items.boxes) <= _TRY_BOTH else (True,)
    drawings = [_draw(items, open_ends, late, space) for late in tries]
    best = min(drawings, key=lambda drawing: (drawing.crossings, drawing.area))
    return best.shape(number)


class _Items:
    """Calls and blocks of a core in one topological order, with the room each takes."""

    def __init__(
        self,
        size: int,
        ends: Sequence[tuple[int, int]],
        blocks: Sequence[Shape],
        space: Spacing,
    ) -> None:
        half = space.width / 2
        self.ends = ends
        self.blocks = blocks
        self.calls = size + sum(block.size for block in blocks)
        self.of_call = [0]
        self.of_edge: list[int | None] = []
        # Left, right, height. The ends of the core are as wide as a box but take no height.
        self.boxes = [(half, half, 0.0)]
        self.successors: list[list[int]] = [[]]
        for (_, b), block in zip(ends, blocks, strict=True):
            while len(self.of_call) < b:  # a call comes after the edges into it
                self._close(half, space.height)
            if block.size:
                self.of_edge.append(len(self.boxes))
                self.boxes.append((block.left, block.right, block.height))
                self.successors.append([])
            else:
                self.of_edge.append(None)
        self._close(half, 0.0)
        for (a, b), middle in zip(ends, self.of_edge, strict=True):
            u, v = self.of_call[a], self.of_call[b]
            if middle is None:
                self.successors[u].append(v)
            else:
                self.successors[u].append(middle)
                self.successors[middle].append(v)

    def _close(self, half: float, height: float) -> None:
        self.of_call.append(len(self.boxes))
        self.boxes.append((half, half, height))
        self.successors.append([])


def _draw(items: _Items, open_ends: tuple[bool, bool], late: bool, space: Spacing) -> _Drawing:
    graph = layered_graph(items.successors, open_ends, late=late)
    levels, crossings = order_levels(graph)
    dummies = len(graph.level) - graph.items
    left = [box[0] for box in items.boxes] + [space.lane / 2] * dummies
    right = [box[1] for box in items.boxes] + [space.lane / 2] * dummies
    gaps = [
        [right[a] + left[b] + (space.node if min(a, b) < graph.items else _BETWEEN_DUMMIES) for a, b in pairwise(level)]
        for level in levels
    ]
    x = columns(graph, levels, gaps)
    heights = [max(items.boxes[i][2] if i < graph.items else 0.0 for i in level) for level in levels]
    tops = [0.0, 0.0]
    for height in heights[1:-2]:
        tops.append(tops[-1] + height + space.rank)
    tops.append(tops[-1] + heights[-2])
    inner = [node for level in levels[1:-1] for node in level]
    half = space.width / 2
    return _Drawing(
        items,
        graph,
        crossings,
        x,
        tops,
        heights,
        max(half, *(left[node] - x[node] for node in inner)),
        max(half, *(x[node] + right[node] for node in inner)),
    )


@dataclass(slots=True)
class _Drawing:
    """A finished drawing of a core: `x` per node, `tops` and `heights` per level."""

    items: _Items
    graph: LayeredGraph
    crossings: int
    x: list[float]
    tops: list[float]
    heights: list[float]
    left: float
    right: float

    @property
    def area(self) -> float:
        return self.tops[-1] * (self.left + self.right)

    def shape(self, number: int) -> CoreShape:
        calls = tuple(self._box(item)[1] for item in self.items.of_call[1:-1])
        edges = tuple(map(self._edge, self.items.ends, self.items.of_edge))
        return CoreShape(number, self.left, self.right, self.tops[-1], self.items.calls, calls, edges)

    def _box(self, item: int) -> tuple[Point, Point, Point]:
        """Top centre, centre and bottom centre of an item, which stands in its level's middle."""
        level = self.graph.level[item]
        middle = self.tops[level] + self.heights[level] / 2
        x, half = self.x[item], self.items.boxes[item][2] / 2
        return (x, middle - half), (x, middle), (x, middle + half)

    def _edge(self, ends: tuple[int, int], middle: int | None) -> EdgeShape:
        u, v = (self.items.of_call[end] for end in ends)
        if middle is None:
            return EdgeShape(self._way(u, v))
        return EdgeShape(self._way(u, middle), self._box(middle)[0], self._way(middle, v))

    def _way(self, u: int, v: int) -> Points:
        """From the bottom of item u along its trunk to the top of item v."""
        graph, x = self.graph, self.x
        points: list[Point] = []
        if u:
            level = graph.level[u]
            points += (self._box(u)[2], (x[u], self.tops[level] + self.heights[level]))
        for dummy in graph.trunks[u][: graph.level[v] - graph.level[u] - 1]:
            top = self.tops[graph.level[dummy]]
            points += ((x[dummy], top), (x[dummy], top + self.heights[graph.level[dummy]]))
        if v < graph.items - 1:
            points += ((x[v], self.tops[graph.level[v]]), self._box(v)[0])
        return simplified(points)
