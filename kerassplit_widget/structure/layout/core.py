"""The shape of an irreducible core.

A core is sketched as a whole (`sketching`) and, where stretches of it repeat, also from drawings of these
(`composing`). The latter is taken if it costs no more crossings, or few for so many copies: then all look alike.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from itertools import accumulate, chain

import numpy as np

from kerassplit_widget.structure.layout.cells import find_cells
from kerassplit_widget.structure.layout.composing import Composition
from kerassplit_widget.structure.layout.layered import drawn_edges
from kerassplit_widget.structure.layout.search import Effort
from kerassplit_widget.structure.layout.shapes import Block, CoreShape, Points, Shape, Spacing
from kerassplit_widget.structure.layout.sketching import Plan, Sketch, arranged, set_out, turned
from kerassplit_widget.structure.layout.stacking import Box

__all__ = ["core_shape"]

_HUGE = 1_500  # items
_LEAST = 1 / 3  # of a core that must be cells; a few may be alike by chance


def core_shape(
    number: int,
    boxes: Sequence[Shape],
    ends: Sequence[tuple[int, int]],
    blocks: Sequence[Shape],
    open_ends: tuple[bool, bool],
    bus: Collection[int],
    space: Spacing,
    effort: Effort,
    wanted: Sequence[Sequence[int]] = (),
    *,
    torn: bool = False,
) -> CoreShape | None:
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
    wanted : sequence of sequences of int
        Calls, by their place in `boxes`, and blocks, by their place in `blocks` plus ``len(boxes)``, that rather stand
        in this order from left to right.
    torn : bool
        Whether something has been added to the core because its last cell may be torn.

    Returns
    -------
    CoreShape or None
        None if what has been added makes no cell whole.
    """
    items = _Items(boxes, ends, blocks)
    trunks = frozenset(items.of_call[call] for call in bus)
    plan = Plan(items.successors, drawn_edges(items.successors, open_ends), items.boxes, open_ends, trunks)
    labels = [(shape, item in trunks) for item, shape in enumerate(items.shapes)]
    pieces = [*items.of_call[1:-1], *items.of_edge]
    rows = [[item for i in row if (item := pieces[i]) is not None] for row in wanted]
    joined = [item for item, call in zip(items.of_call[1:-1], boxes, strict=True) if call.tapped]
    sketch = _sketch(plan, labels, [*rows, *([0, item] for item in joined)], space, effort, torn=torn)
    if sketch is None:
        return None
    ways = [items.ways(sketch, end, middle) for end, middle in zip(ends, items.of_edge, strict=True)]
    last = len(boxes) + 1
    inner = [i for i, (a, b) in enumerate(ends) if a and b != last and items.of_edge[i] is None]
    outer = sorted(set(range(len(ends))).difference(inner))
    ready = [ways[i][0] for i in inner]
    parts = [way for i in outer for way in ways[i]]
    return CoreShape(
        number,
        sketch.left,
        sketch.right,
        sketch.top[-1],
        items.calls,
        np.array(
            [complex(sketch.x[item], sketch.top[item] + items.boxes[item][2] / 2) for item in items.of_call[1:-1]]
        ),
        inner,
        [len(way) for way in ready],
        np.fromiter(chain.from_iterable(ready), dtype=np.complex128),
        outer,
        [None if (item := items.of_edge[i]) is None else _block(sketch, item) for i in outer],
        tuple(chain.from_iterable(parts)),
        [0, *accumulate(map(len, parts))],
        tapped=any(shape.tapped for shape in (*boxes, *blocks)),
    )


def _sketch(
    plan: Plan,
    labels: Sequence[Hashable],
    wanted: Sequence[Sequence[int]],
    space: Spacing,
    effort: Effort,
    *,
    torn: bool,
) -> Sketch | None:
    """Draw a core from its cells, or some classes of them, if that costs hardly more crossings than without.

    Left and right are swapped where items then rather stand as `wanted`; 0 is the middle.
    """
    order, cells = find_cells(plan.successors, plan.drawn, labels, open_exit=plan.open_ends[1])
    items = len(plan.boxes)
    repeated = [cell.items for each in cells.values() for cell in each]
    if sum(map(len, repeated)) < _LEAST * items:
        cells = {}
    if torn and not (cells and any(each[-1] == items - 1 for each in repeated)):
        return None
    # For a huge core two drawings to compare would take long: the cells decide.
    whole = arranged(plan, space, effort.share(items)) if not cells or items <= _HUGE else None
    while cells:
        composition = Composition(plan, order, cells, space, effort)
        if composition.is_drawn_with(composition.crossings if whole is None else whole.crossings):
            return composition.sketch(wanted)
        del cells[composition.worst()]
    assert whole is not None
    return set_out(plan, turned(whole, wanted), space)


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
        self.shapes = [0]
        self.successors: list[list[int]] = [[]]
        for (_, b), block in zip(ends, blocks, strict=True):
            while len(self.of_call) < b:  # a call comes after the edges into it
                self.of_call.append(self._add(calls[len(self.of_call) - 1]))
            self.of_edge.append(self._add(block) if block.size else None)
        self.of_call.append(self._add(Shape(0, 0.0, 0.0, 0.0, 0)))
        for (a, b), middle in zip(ends, self.of_edge, strict=True):
            u, v = self.of_call[a], self.of_call[b]
            if middle is None:
                self.successors[u].append(v)
            else:
                self.successors[u].append(middle)
                self.successors[middle].append(v)

    def _add(self, shape: Shape) -> int:
        self.boxes.append((shape.left, shape.right, shape.height))
        self.shapes.append(shape.number)
        self.successors.append([])
        return len(self.boxes) - 1

    def ways(self, sketch: Sketch, ends: tuple[int, int], middle: int | None) -> tuple[Points, Points]:
        """Read off the two ways of an edge, to its block and on; an empty one stands for none, as at an open end."""
        u, v = self.of_call[ends[0]], self.of_call[ends[1]]
        found = sketch.ways
        if middle is None:
            return found.get((u, v), ()), ()
        return found.get((u, middle), ()), found.get((middle, v), ())


def _block(sketch: Sketch, item: int) -> Block:
    return Block(complex(sketch.x[item], sketch.top[item]), -1 if item in sketch.mirrored else 1)
