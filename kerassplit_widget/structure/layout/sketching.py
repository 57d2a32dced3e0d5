"""A sketch of a core: where its items stand and how the lines between them run.

The steps are those of any layered layout, each in a module of its own: levels (`levels`), lines with dummies
(`layered`), order on the levels (`ordering`, `search`), columns (`columns`), heights (`stacking`). This module puts
them together and reads the ways of the edges off the result.

Because each dummy has a column of its own, edges meet no boxes: they are vertical, and slanted only where there is a
gap between what is above and what is below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise

from kerassplit_widget.structure.layout.columns import columns
from kerassplit_widget.structure.layout.layered import LayeredGraph, passing
from kerassplit_widget.structure.layout.search import ordered
from kerassplit_widget.structure.layout.shapes import Points, Spacing, simplified
from kerassplit_widget.structure.layout.stacking import Box, Stack, stacked

__all__ = ["Arranged", "Plan", "Ports", "Sketch", "arranged", "set_out", "turned"]

_BETWEEN_DUMMIES = 2.0  # added to a lane's width, which is a dummy's own

Ports = Mapping[int, Mapping[int, float]]
"""For an item that is not entered at its axis: from producer to how far right of the axis its line arrives."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be drawn.

    Attributes
    ----------
    successors : list of list of int
        Edges between items; item 0 is the entry and reaches all others, all reach the last one, the exit.
    drawn : list of list of int
        Those that are drawn.
    boxes : list of (float, float, float)
        Left, right and height of each item; the ends take no room.
    open_ends : tuple of bool
        Whether the entry and the exit stand for nothing.
    trunks : frozenset of int
        Items whose lines must run in one trunk each.
    pinned : tuple of int
        Items that stand on the first level, alone.
    fixed : bool
        Whether they stand there in this order from left to right.
    ports : mapping of int to tuple of int
        For some items the order in which lines should come to them from left to right, by producer.
    """

    successors: list[list[int]]
    drawn: list[list[int]]
    boxes: list[Box]
    open_ends: tuple[bool, bool]
    trunks: frozenset[int] = frozenset()
    pinned: tuple[int, ...] = ()
    fixed: bool = False
    ports: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Arranged:
    """A plan with levels and an order on each; the nodes of each level from left to right."""

    graph: LayeredGraph
    rows: list[list[int]]
    crossings: int


@dataclass(slots=True)
class Sketch:
    """A finished drawing.

    Attributes
    ----------
    x, top : list of float
        Axis and top of each item; the top of the exit is the height of all.
    left, right : float
        Room to the left and right of x = 0.
    ways : dict of (int, int) to Points
        From the bottom of one item to the top of another, for each edge that is drawn.
    mirrored : set of int
        Items whose inside is seen in a mirror.
    """

    x: list[float]
    top: list[float]
    left: float
    right: float
    ways: dict[tuple[int, int], Points]
    mirrored: set[int] = field(default_factory=set)


def arranged(plan: Plan, space: Spacing, steps: int) -> Arranged:
    """Choose levels, trunks and order, spending about so many steps."""
    row_height = space.rank + min((box[2] for box in plan.boxes[1:-1] if box[2]), default=space.rank)
    tall = [max(1, round((height + space.rank) / row_height)) for *_, height in plan.boxes]
    return Arranged(
        *ordered(plan.successors, plan.drawn, tall, plan.trunks, steps, plan.pinned, plan.ports, fixed=plan.fixed)
    )


def turned(order: Arranged, wanted: Sequence[Sequence[int]]) -> Arranged:
    """Swap left and right if most of the pairs of items that are to stand in an order stand the other way round."""

    def place(item: int) -> float:
        row = order.rows[order.graph.level[item]]
        return row.index(item) - (len(row) - 1) / 2 if item else 0.0

    lean = 0
    for items in wanted:
        places = [place(item) for item in items]
        lean += sum((b > a) - (b < a) for a, b in combinations(places, 2))
    if lean >= 0:
        return order
    return Arranged(order.graph, [row[::-1] for row in order.rows], order.crossings)


def set_out(plan: Plan, order: Arranged, space: Spacing, ports: Ports | None = None) -> Sketch:
    """Give everything its place."""
    graph, rows = order.graph, order.rows
    dummies = len(graph.level) - graph.items
    left = [box[0] for box in plan.boxes] + [space.lane / 2] * dummies
    right = [box[1] for box in plan.boxes] + [space.lane / 2] * dummies
    wide = [True] * graph.items + [False] * dummies
    for item in range(graph.items):
        for node in graph.body(item)[1:]:
            left[node], right[node], wide[node] = left[item], right[item], True
    gaps = [
        [right[a] + left[b] + (space.node if wide[a] or wide[b] else _BETWEEN_DUMMIES) for a, b in pairwise(row)]
        for row in rows
    ]
    x = columns(graph, rows, gaps, passing(plan.drawn, plan.trunks))
    shifts = {
        (above, item): x[item] + offsets[graph.producer[above]]
        for item, offsets in (ports or {}).items()
        for above in graph.up[item]
    }
    stack = stacked(graph, rows, x, plan.boxes, plan.open_ends, space, shifts)
    inner = [node for row in rows[1:-1] for node in row]
    return Sketch(
        x[: graph.items],
        stack.top,
        max(0.0, *(left[node] - x[node] for node in inner)),
        max(0.0, *(x[node] + right[node] for node in inner)),
        _ways(plan, graph, x, stack, shifts),
    )


def _ways(
    plan: Plan,
    graph: LayeredGraph,
    x: Sequence[float],
    stack: Stack,
    shifts: Mapping[tuple[int, int], float],
) -> dict[tuple[int, int], Points]:
    """Find the way from each producer to each node on its lines; a long straight trunk is one point."""
    traces: list[Points] = [
        (complex(x[item], top + box[2]),) for item, (top, box) in enumerate(zip(stack.top, plan.boxes, strict=True))
    ]

    def traced(a: int, b: int) -> Points:
        """Lead on from a to the edge's arrival in the column of b; a way from the entry begins there."""
        goal = shifts.get((a, b), x[b])
        if a == 0:
            return (complex(goal, 0.0),)
        if (a, b) not in stack.slant:
            return traces[a]
        leave, reach = stack.slant[a, b]
        return (*traces[a], complex(x[a], leave), complex(goal, reach))

    for node in range(graph.items, len(x)):
        (above,) = graph.up[node]
        traces.append(traced(above, node))
    ways: dict[tuple[int, int], Points] = {}
    last = graph.items - 1
    for v in range(1, graph.items):
        for above in graph.up[v]:
            if v == last:
                points = (*traces[above], complex(x[above], stack.top[v]))
            else:
                points = (*traced(above, v), complex(shifts.get((above, v), x[v]), stack.top[v]))
            ways[graph.producer[above], v] = simplified(points)
    return ways
