"""Cores drawn roughly: all of a graph at once, in flat arrays, for graphs with more in cores than can be drawn well.

The border is this. `core` draws a core as well as it can, which takes a millisecond or more for the smallest. So it
does until `LIMIT` calls are in cores, those that look like one before left out. The wave of cores with which it gets
more, and all that come later, are drawn here, in a few microseconds for each call; but for large cores that are made of
repeated cells, which look alike only in `core` and take little time there. A *wave* is of the cores that hold equally
many others one in another: what a core holds must be drawn before it.

What both ways promise is the same: boxes do not overlap, lines run through none and are not laid over each other, ends
of cores stand on the axis, and the same graph is always drawn the same. What is given up here: lines cross up to a
quarter more often, bends are more, a tall block makes its whole row tall, and a core numbered otherwise is another one.

The steps are those of `sketching`: levels and trunks (`graph`), order (`order`), columns and heights
(`columns`), ways (`ways`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from kerassplit_widget.structure.layout.rough.columns import columns, heights, widths
from kerassplit_widget.structure.layout.rough.graph import Items, Rows, rows_of
from kerassplit_widget.structure.layout.rough.order import ordered_rows
from kerassplit_widget.structure.layout.rough.ways import ways
from kerassplit_widget.structure.layout.routes import Complex, Lines, Numbers
from kerassplit_widget.structure.layout.shapes import Block, CoreShape, Points, Spacing

__all__ = ["LIMIT", "repeating", "rough_shapes"]

LIMIT = 2_000
_LARGE = 100  # items of a core
_CELLS = 1 / 3  # share of the items that have a twin
_ROUNDS = 3  # how far twins must have like surroundings

Wanted = Mapping[int, Sequence[Sequence[int]]]
"""For some cores items that rather stand in an order from left to right; the entry stands for the middle."""


def repeating(items: Items) -> list[bool]:
    """Tell for each core whether it is large and made of repeated cells: many items have a twin there.

    Twins are what they are themselves, and so is what leads to them and what they lead to, three edges far.
    """
    size = items.exits - items.entries + 1
    if not (size >= _LARGE).any():
        return [False] * len(size)
    n = len(items.core)
    sources, targets = items.sources, items.targets
    by_source = np.argsort(sources, kind="stable")
    ends = [np.cumsum(np.bincount(each, minlength=n)) for each in (targets, sources)]
    above, below = sources, targets[by_source]
    known = _mixed(items.shapes.astype(np.uint64))
    for _ in range(_ROUNDS):
        # Sums of 64 bits that run over, as hashes may.
        total = known * np.uint64(3)
        for salt, (near, end) in enumerate(zip((above, below), ends, strict=True)):
            sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(_mixed(known[near] + np.uint64(salt)))])
            total += np.diff(sums[end], prepend=np.uint64(0))
        known = _mixed(total)
    in_core = _mixed(known + items.core.astype(np.uint64))
    _, kind, count = np.unique(in_core, return_inverse=True, return_counts=True)
    twins = np.bincount(items.core, count[kind] > 1)
    found: list[bool] = ((size >= _LARGE) & (twins >= _CELLS * size)).tolist()
    return found


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Turn numbers into others that have nothing in common (the finalizer of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: npt.NDArray[np.uint64] = values ^ (values >> np.uint64(31))
    return found


def rough_shapes(
    items: Items, sizes: Sequence[int], number: int, wanted: Wanted, space: Spacing
) -> Iterator[CoreShape]:
    """Draw cores.

    Parameters
    ----------
    items : Items
        Of all cores.
    sizes : sequence of int
        The number of calls in each.
    number : int
        The number of the first shape; the others have the next ones.
    wanted : mapping of int to sequence of sequences of int
        For some cores items that rather stand in an order from left to right; its entry stands for the middle.
    space : Spacing

    Yields
    ------
    CoreShape
        Of one core after the other; its edges are in the order of `Items`.
    """
    rows = rows_of(items)
    order = ordered_rows(rows)
    for core, lists in wanted.items():
        _turn(order, rows, items.exits[core], lists)
    left, right = sides = widths(items, rows, space)
    x = columns(rows, order, sides, space)
    top, height = heights(items, rows, x, space)
    # Things hang from the top of their row if the exit is open, stand on the ground if the entry is.
    share = np.where(items.open_ends[:, 1], 0.0, np.where(items.open_ends[:, 0], 1.0, 0.5))[items.core]
    row = rows.row[: rows.items]
    tops = top[row] + share * (height[row] - items.height)
    edges = _Edges(items, rows, ways(items, rows, x, top, height, tops))
    first = np.flatnonzero(rows.level[rows.row[order]] == 0)  # the entry of each core, before all that is in it
    lefts = np.maximum.reduceat((left - x)[order], first).tolist()
    rights = np.maximum.reduceat((x + right)[order], first).tolist()
    bottoms = tops[items.exits].tolist()
    axes = (x[: rows.items] + 1j * tops).tolist()
    middles = (x[: rows.items] + 1j * (tops + items.height / 2))[items.calls]
    start = 0
    for core, end in enumerate(np.searchsorted(items.calls, items.exits).tolist()):
        outer, blocks, points, starts = edges.outer(core)
        yield CoreShape(
            number + core,
            lefts[core],
            rights[core],
            bottoms[core],
            sizes[core],
            middles[start:end],
            *edges.inner(core),
            outer,
            [None if block is None else Block(axes[block], 1) for block in blocks],
            points,
            starts,
            tapped=items.tapped[core],
        )
        start = end


def _turn(order: Numbers, rows: Rows, exit_: int, wanted: Sequence[Sequence[int]]) -> None:
    """Swap left and right of a core if most pairs of items that are to stand in an order stand the other way round."""
    last = rows.row[exit_]
    inside = slice(*np.searchsorted(rows.row[order], (last - rows.level[last], last + 1)))
    nodes = order[inside]
    row = rows.row[nodes]
    start, end = np.searchsorted(row, row), np.searchsorted(row, row, side="right")
    place = dict(zip(nodes.tolist(), (np.arange(len(row)) - (start + end - 1) / 2).tolist(), strict=True))
    lean = 0
    for items in wanted:
        lean += sum((place[b] > place[a]) - (place[b] < place[a]) for a, b in combinations(items, 2))
    if lean < 0:
        nodes = nodes[::-1]
        order[inside] = nodes[np.argsort(rows.row[nodes], kind="stable")]


class _Edges:
    """The edges of each core, as `CoreShape` has them."""

    def __init__(self, items: Items, rows: Rows, lines: Lines) -> None:
        is_block, is_end = np.zeros((2, rows.items), dtype=bool)
        is_block[items.blocks] = True
        is_end[items.entries] = is_end[items.exits] = True
        into = np.empty(rows.items, dtype=np.int64)  # the edge to each block
        into[items.targets] = np.arange(len(items.targets))
        edges = np.flatnonzero(~is_block[items.targets])  # each of these is the last piece of an edge of the core
        sources, targets = items.sources[edges], items.targets[edges]
        blocked = is_block[sources]
        outer = blocked | is_end[sources] | is_end[targets]
        cores = np.arange(len(items.entries) + 1)
        core = items.core[targets]
        start = np.searchsorted(core, cores)
        place = np.arange(len(edges)) - start[core]
        self._inner_start = np.searchsorted(core[~outer], cores).tolist()
        self._inner = place[~outer].tolist()
        ready = lines.taken(edges[~outer])
        self._inner_counts, self._inner_points = ready.counts.tolist(), ready.points
        self._ready = np.append(0, np.cumsum(ready.counts))[self._inner_start].tolist()
        # The way to the block, if there is one, and the way on; a way of no points is at the end of all.
        through = blocked[outer]
        last = edges[outer]
        parts = np.empty((len(last), 2), dtype=np.int64)
        parts[:, 0] = np.where(through, into[items.sources[last]], last)
        parts[:, 1] = np.where(through, last, len(lines.counts))
        none = Lines(np.append(lines.edges, -1), np.append(lines.counts, 0), lines.points)
        led = none.taken(parts.ravel())
        self._outer_start = np.searchsorted(core[outer], cores).tolist()
        self._outer = place[outer].tolist()
        self._blocks = [
            block if is_one else None for block, is_one in zip(items.sources[last].tolist(), through, strict=True)
        ]
        self._starts = [0, *np.cumsum(led.counts).tolist()]
        self._points = led.points.tolist()

    def inner(self, core: int) -> tuple[list[int], list[int], Complex]:
        """List those between two calls: their places, and as many of the points as each has."""
        some = slice(*self._inner_start[core : core + 2])
        points = self._inner_points[slice(*self._ready[core : core + 2])]
        return self._inner[some], self._inner_counts[some], points

    def outer(self, core: int) -> tuple[list[int], list[int | None], Points, list[int]]:
        """List the others: their places, the blocks on them, points and where each way starts in these."""
        start, end = self._outer_start[core : core + 2]
        starts = self._starts[2 * start : 2 * end + 1]
        first = starts[0]
        return (
            self._outer[start:end],
            self._blocks[start:end],
            tuple(self._points[first : starts[-1]]),
            [each - first for each in starts],
        )
