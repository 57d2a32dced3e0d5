"""The layered graphs of many cores in flat arrays, one after the other: the first step of drawing them roughly.

What it is made of is said in `layered`: *items* on levels, *dummies* where a line passes a level. Here an item takes
one level however tall it is, and all lines of one producer share one trunk of dummies. A *row* is a level of one core;
the entry and the exit of a core have a row each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from kerassplit_widget.structure.layout.routes import Floats, Numbers
from kerassplit_widget.structure.layout.shapes import Shape

__all__ = ["Bools", "Core", "Items", "Rows", "items_of", "rows_of"]

Bools = npt.NDArray[np.bool_]

_FAR = 1 << 40  # beyond all levels


@dataclass(frozen=True, slots=True, eq=False)
class Core:
    """A core to be drawn.

    Attributes
    ----------
    children : sequence of int
        Calls and edges as they come in a `Region`, the edges to a call before it. A call is the number of its shape,
        negative. An edge is ``source << 32 | shape``: 0 for the entry or the how manieth call it comes from, and the
        number of the shape of what is on it.
    open_ends : tuple of bool
        Whether the entry and the exit stand for nothing.
    """

    children: Sequence[int]
    open_ends: tuple[bool, bool]


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """Calls, blocks and ends of some cores, core by core and in topological order, and the edges between them.

    Attributes
    ----------
    shapes : ndarray of int
        Number of each item's shape; an entry or exit has none, 0.
    left, right, height : ndarray of float
        Of each item's shape.
    core : ndarray of int
        Of each item.
    calls, blocks : ndarray of int
        The items that are calls, and those that are blocks, each of which has one edge in and one out.
    entries, exits : ndarray of int
        The two ends of each core.
    sources, targets : ndarray of int
        Edges by their lower end. Those to calls and exits are, in this order, the edges of the cores.
    open_ends : ndarray of bool, shape (cores, 2)
    tapped : list of bool
        Of each core: whether something in it is joined with a bus.
    """

    shapes: Numbers
    left: Floats
    right: Floats
    height: Floats
    core: Numbers
    calls: Numbers
    blocks: Numbers
    entries: Numbers
    exits: Numbers
    sources: Numbers
    targets: Numbers
    open_ends: Bools
    tapped: list[bool]

    def inside(self, core: int) -> tuple[list[int], list[int]]:
        """List the calls and the blocks of a core."""
        ends = (self.entries[core], self.exits[core])
        calls, blocks = (each[slice(*np.searchsorted(each, ends))].tolist() for each in (self.calls, self.blocks))
        return calls, blocks


def items_of(cores: Sequence[Core], shapes: Sequence[Shape], plain: int) -> Items:
    """Take cores apart.

    Parameters
    ----------
    cores : sequence of Core
    shapes : sequence of Shape
        All shapes, number 1 first.
    plain : int
        The number of the shape of an edge on which there is nothing.
    """
    count = np.array([len(core.children) for core in cores], dtype=np.int64)
    children = np.fromiter(chain.from_iterable([core.children for core in cores]), dtype=np.int64, count=count.sum())
    core = np.repeat(np.arange(len(cores)), count)
    is_call = children < 0
    on_edge = children & 0xFFFFFFFF
    is_block = ~is_call & (on_edge != plain)
    is_item = is_call | is_block
    inner = np.bincount(core[is_item], minlength=len(cores))
    exits = np.cumsum(inner + 2) - 1
    entries = exits - inner - 1
    item = np.cumsum(is_item) + 2 * core  # where a child is one: after all before it and their ends, and its own entry
    calls, blocks = item[is_call], item[is_block]
    number = np.zeros(len(calls) + len(blocks) + 2 * len(cores), dtype=np.int64)
    number[calls], number[blocks] = -children[is_call], on_edge[is_block]
    # Edges: from where, through which block, to the next call or the exit.
    edge = np.flatnonzero(~is_call)
    before = np.cumsum(is_call)[edge]  # calls
    first = np.searchsorted(core[is_call], np.arange(len(cores) + 1))
    source = children[edge] >> 32
    start = np.where(source == 0, entries[core[edge]], calls[first[core[edge]] + source - 1])
    end = np.where(before < first[core[edge] + 1], np.append(calls, 0)[before], exits[core[edge]])
    through = is_block[edge]
    sources = np.concatenate([start[through], np.where(through, item[edge], start)])
    targets = np.concatenate([item[edge[through]], end])
    order = np.argsort(targets, kind="stable")
    used, which = np.unique(number, return_inverse=True)
    met = [shapes[i - 1] if i else Shape(0, 0.0, 0.0, 0.0, 0) for i in used.tolist()]
    sides = ([getattr(shape, side) for shape in met] for side in ("left", "right", "height", "tapped"))
    left, right, height, tapped = (np.array(side, dtype=np.float64)[which] for side in sides)
    of_item = np.repeat(np.arange(len(cores)), inner + 2)
    return Items(
        number,
        left,
        right,
        height,
        of_item,
        calls,
        blocks,
        entries,
        exits,
        sources[order],
        targets[order],
        np.array([core.open_ends for core in cores], dtype=bool).reshape(-1, 2),
        (np.bincount(of_item, tapped) > 0).tolist(),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Nodes on rows: first the items, then the dummies, those of one trunk from top to bottom.

    Attributes
    ----------
    items : int
        Number of items.
    row : ndarray of int
        Of each node.
    level : ndarray of int
        Of each row in its core.
    trunk : ndarray of int
        Of each item: the first dummy of its trunk, the next ones following.
    upper, lower : ndarray of int
        Nodes that are joined; the upper ones ascend but for the dummies among them.
    drawn : ndarray of bool
        Which of the edges between items are drawn, as edges at an open end are not.
    """

    items: int
    row: Numbers
    level: Numbers
    trunk: Numbers
    upper: Numbers
    lower: Numbers
    drawn: Bools


def rows_of(items: Items) -> Rows:
    """Choose levels, then lay trunks."""
    sources, targets, entries, exits = items.sources, items.targets, items.entries, items.exits
    n = len(items.core)
    hidden = np.zeros(n, dtype=bool)
    hidden[entries], hidden[exits] = items.open_ends.T
    drawn = ~(hidden[sources] | hidden[targets])
    level, reach = _levels(items, drawn)
    depth = level[exits]
    first_row = np.cumsum(depth + 1) - depth - 1
    row = level + first_row[items.core]
    passed = np.maximum(reach - level - 1, 0)
    trunk = n + np.cumsum(passed) - passed
    producer = np.repeat(np.arange(n), passed)
    dummies = n + np.arange(len(producer))
    below = dummies - trunk[producer]  # how far down its trunk each dummy is
    a, b = sources[drawn], targets[drawn]
    span = level[b] - level[a] - 1
    return Rows(
        n,
        np.concatenate([row, row[producer] + 1 + below]),
        np.arange(depth.sum() + len(depth)) - np.repeat(first_row, depth + 1),
        trunk,
        np.concatenate([np.where(below == 0, producer, dummies - 1), np.where(span == 0, a, trunk[a] + span - 1)]),
        np.concatenate([dummies, b]),
        drawn,
    )


def _levels(items: Items, drawn: Bools) -> tuple[Numbers, Numbers]:
    """Put items as high as their inputs allow, then down to their readers where that makes hardly a trunk longer.

    Gives the level of each item, and of the lowest that it is drawn to lead to.
    """
    n = len(items.core)
    sources, targets = items.sources.tolist(), items.targets.tolist()
    level = [0] * n
    for a, b in zip(sources, targets, strict=True):
        if level[a] >= level[b]:
            level[b] = level[a] + 1
    early = np.array(level)
    reaches = np.zeros(n, dtype=np.int64)
    np.maximum.at(reaches, items.sources[drawn], early[items.targets[drawn]])
    reach = reaches.tolist()
    # Inputs that are not drawn are no trunks.
    inputs = np.where(drawn, items.sources, -1).tolist()
    reach.append(_FAR)
    lowest = [_FAR] * (n + 1)  # level of the highest reader
    starts = np.searchsorted(items.targets, np.arange(n + 1)).tolist()
    for v in range(n - 1, -1, -1):
        start, end = starts[v], starts[v + 1]
        here = level[v]
        low = lowest[v] - 1
        if here < low and reach[v]:
            # Its own trunk gets shorter; those that lead to it and end above get longer.
            longer = [a for a in inputs[start:end] if reach[a] < low]
            if len(longer) <= 1:
                level[v] = here = low
                for a in longer:
                    reach[a] = low
        for a in sources[start:end]:
            if here < lowest[a]:
                lowest[a] = here
    return np.array(level), np.array(reach[:-1])
