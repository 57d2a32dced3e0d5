"""The shape of an irreducible core: a small layered drawing.

The steps are those of any layered layout, each in a module of its own: levels (`levels`), lines
with dummies (`layered`), order on the levels (`ordering`, `search`), columns (`columns`), heights
(`stacking`). This module puts them together and reads the ways of the edges off the result.

Because each dummy has a column of its own, edges meet no boxes: they are vertical, and slanted only
where there is a gap between what is above and what is below.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from kerassplit_widget.structure.layout.columns import columns
from kerassplit_widget.structure.layout.layered import LayeredGraph, drawn_edges, passing
from kerassplit_widget.structure.layout.search import Effort, ordered
from kerassplit_widget.structure.layout.shapes import (
    CoreShape,
    EdgeShape,
    Point,
    Points,
    Shape,
    Spacing,
    simplified,
)
from kerassplit_widget.structure.layout.stacking import Box, Stack, stacked

__all__ = ["core_shape"]

_BETWEEN_DUMMIES = 2.0  # added to a lane's width, which is a dummy's own


def core_shape(
    number: int,
    boxes: Sequence[Shape],
    ends: Sequence[tuple[int, int]],
    blocks: Sequence[Shape],
    open_ends: tuple[bool, bool],
    bus: Collection[int],
    space: Spacing,
    effort: Effort,
) -> CoreShape:
    """Lay out a core.

    Parameters
    ----------
    number : int
        The number of the new shape.
    boxes : sequence of Shape
        The core's own calls. As ends of edges they are 1, 2, ...; 0 is the entry, the last the exit.
    ends : sequence of (int, int)
        The two ends of each edge, sorted by the second, then the first; ends ascend.
    blocks : sequence of Shape
        What lies on each edge, a shape without calls for a plain edge.
    open_ends : tuple of bool
        Whether the entry and the exit stand for nothing.
    bus : collection of int
        Ends of edges that all edges out of them leave in one trunk.
    space : Spacing
    effort : Effort
        Of which this core takes its share.
    """
    items = _Items(boxes, ends, blocks)
    drawn = drawn_edges(items.successors, open_ends)
    row_height = space.rank + min((box.height for box in boxes), default=space.rank)
    tall = [max(1, round((height + space.rank) / row_height)) for *_, height in items.boxes]
    trunks = {items.of_call[call] for call in bus}
    graph, rows = ordered(items.successors, drawn, tall, trunks, effort.share(len(items.boxes)))
    dummies = len(graph.level) - graph.items
    left = [box[0] for box in items.boxes] + [space.lane / 2] * dummies
    right = [box[1] for box in items.boxes] + [space.lane / 2] * dummies
    wide = [True] * graph.items + [False] * dummies
    for item in range(graph.items):
        for node in graph.body(item)[1:]:
            left[node], right[node], wide[node] = left[item], right[item], True
    gaps = [
        [right[a] + left[b] + (space.node if wide[a] or wide[b] else _BETWEEN_DUMMIES) for a, b in pairwise(row)]
        for row in rows
    ]
    x = columns(graph, rows, gaps, passing(drawn, trunks))
    drawing = _Drawing(items, graph, x, stacked(graph, rows, x, items.boxes, open_ends, space))
    drawing.trace()
    inner = [node for row in rows[1:-1] for node in row]
    return CoreShape(
        number,
        max(0.0, *(left[node] - x[node] for node in inner)),
        max(0.0, *(x[node] + right[node] for node in inner)),
        drawing.height,
        items.calls,
        tuple(drawing.centre(item) for item in items.of_call[1:-1]),
        tuple(map(drawing.edge, ends, items.of_edge)),
    )


class _Items:
    """Calls and blocks of a core in one topological order, with the room each takes."""

    def __init__(
        self,
        calls: Sequence[Shape],
        ends: Sequence[tuple[int, int]],
        blocks: Sequence[Shape],
    ) -> None:
        self.calls = len(calls) + sum(block.size for block in blocks)
        self.of_call = [0]
        self.of_edge: list[int | None] = []
        self.boxes: list[Box] = [(0.0, 0.0, 0.0)]  # left, right, height; the ends of the core take no room
        self.successors: list[list[int]] = [[]]
        for (_, b), block in zip(ends, blocks, strict=True):
            while len(self.of_call) < b:  # a call comes after the edges into it
                call = calls[len(self.of_call) - 1]
                self._close(call.left, call.right, call.height)
            if block.size:
                self.of_edge.append(len(self.boxes))
                self.boxes.append((block.left, block.right, block.height))
                self.successors.append([])
            else:
                self.of_edge.append(None)
        self._close(0.0, 0.0, 0.0)
        for (a, b), middle in zip(ends, self.of_edge, strict=True):
            u, v = self.of_call[a], self.of_call[b]
            if middle is None:
                self.successors[u].append(v)
            else:
                self.successors[u].append(middle)
                self.successors[middle].append(v)

    def _close(self, left: float, right: float, height: float) -> None:
        self.of_call.append(len(self.boxes))
        self.boxes.append((left, right, height))
        self.successors.append([])


@dataclass(slots=True)
class _Drawing:
    """A finished drawing of a core."""

    items: _Items
    graph: LayeredGraph
    x: list[float]
    stack: Stack
    traces: list[Points] = field(default_factory=list)

    @property
    def height(self) -> float:
        return self.stack.top[-1]

    def centre(self, item: int) -> Point:
        return self.x[item], self.stack.top[item] + self.items.boxes[item][2] / 2

    def edge(self, ends: tuple[int, int], middle: int | None) -> EdgeShape:
        """Read off the ways of an edge with or without a block."""
        u, v = (self.items.of_call[end] for end in ends)
        if middle is None:
            return EdgeShape(self._way(u, v))
        return EdgeShape(self._way(u, middle), (self.x[middle], self.stack.top[middle]), self._way(middle, v))

    def _way(self, u: int, v: int) -> Points:
        """From the bottom of item u along its line to the top of item v; none at an open end."""
        last = self.graph.last_before(v, u)
        if last < 0:
            return ()
        if v < self.graph.items - 1:
            return simplified((*self._traced(last, v), (self.x[v], self.stack.top[v])))
        return simplified((*self.traces[last], (self.x[last], self.stack.top[v])))

    def trace(self) -> None:
        """Find the way from its producer to every node on a line; a long straight trunk is one point."""
        x, items = self.x, self.graph.items
        self.traces = [((x[item], self.stack.top[item] + self.items.boxes[item][2]),) for item in range(items)]
        for node in range(items, len(x)):
            (above,) = self.graph.up[node]
            self.traces.append(self._traced(above, node))

    def _traced(self, a: int, b: int) -> Points:
        """From a's producer to the edge's arrival in the column of b; a way from the core's entry begins there."""
        if a == 0:
            return ((self.x[b], 0.0),)
        if (a, b) not in self.stack.slant:
            return self.traces[a]
        leave, reach = self.stack.slant[a, b]
        return (*self.traces[a], (self.x[a], leave), (self.x[b], reach))
