"""The x of every node and the height of every row, for many cores at once.

Nodes are drawn to the middle of their neighbours, all at the same time, and then put apart again: on each row the
leftmost positions that keep the gaps and are not left of where a node is drawn, and the rightmost that are not right
of it, are averaged. At last trunks are made straight: of the room between two nodes each may take half, so that all can
be moved at once.
"""

from __future__ import annotations

import numpy as np

from kerassplit_widget.structure.layout.rough.graph import Bools, Items, Rows
from kerassplit_widget.structure.layout.routes import Floats, Numbers
from kerassplit_widget.structure.layout.shapes import Spacing

__all__ = ["columns", "heights", "widths"]

_ROUNDS = 5
_KEPT = 0.4  # share of the own place in where a node is drawn: or neighbours would swing from side to side
_TO_THE_AXIS = 0.02  # share of the axis in it: deep cores would wander off
_PULL = (1.0, 3.0, 8.0)  # of a neighbour, if none, one or both of the two are dummies
_BETWEEN_DUMMIES = 2.0  # added to a lane's width, which is a dummy's own
_FLATTEST = 16.0  # of a slant, width to height


def widths(items: Items, rows: Rows, space: Spacing) -> tuple[Floats, Floats]:
    """Tell the room each node takes to the left and to the right of its axis."""
    dummies = np.full(len(rows.row) - rows.items, space.lane / 2)
    return np.concatenate([items.left, dummies]), np.concatenate([items.right, dummies])


def columns(rows: Rows, order: Numbers, sides: tuple[Floats, Floats], space: Spacing) -> Floats:
    """Choose the x of every node, in multiples of half a pixel; the ends of cores stand on the axis.

    `order` lists the nodes row by row and from left to right, `sides` are their `widths`. In here a node goes by its
    place in that list, its *seat*.
    """
    n = len(order)
    row, dummy = rows.row[order], order >= rows.items
    left, right = sides
    seat = np.empty_like(order)
    seat[order] = np.arange(n)
    upper, lower = seat[rows.upper], seat[rows.lower]
    pull = np.array(_PULL)[dummy[upper].astype(np.intp) + dummy[lower]]
    weight = np.bincount(upper, pull, n) + np.bincount(lower, pull, n)
    free = weight == 0
    weight[free] = 1.0

    # Of each node from the first of its row, if they stand as close as they may.
    gap = right[order[:-1]] + left[order[1:]] + np.where(dummy[:-1] & dummy[1:], _BETWEEN_DUMMIES, space.node)
    closest = np.concatenate([[0.0], np.cumsum(gap)])
    starts = np.flatnonzero(np.concatenate([[True], row[1:] != row[:-1]]))
    count = np.diff(np.append(starts, n))
    closest -= np.repeat(closest[starts], count)
    ends = _ends(rows)[row]
    x = closest - np.repeat(closest[starts + count - 1], count) / 2
    for _ in range(_ROUNDS):
        drawn = (np.bincount(upper, pull * x[lower], n) + np.bincount(lower, pull * x[upper], n)) / weight
        drawn[free] = x[free]
        x = _apart(_KEPT * x + (1 - _KEPT - _TO_THE_AXIS) * drawn, closest, row)
        x[ends] = 0.0
    _straighten(x, rows, seat, closest)
    return np.floor(2 * x[seat] + 0.5) / 2


def _ends(rows: Rows) -> Bools:
    """Tell which rows are those of entries and exits."""
    entries: Bools = rows.level == 0
    ends: Bools = entries | np.append(entries[1:], True)
    return ends


def _apart(drawn: Floats, closest: Floats, row: Numbers) -> Floats:
    """Move nodes so that they keep their gaps."""
    loose = drawn - closest  # must not shrink along a row
    apart = row * (loose.max() - loose.min() + 1.0)  # rows one after the other, to go along all at once
    loose += apart
    leftmost = np.maximum.accumulate(loose)
    rightmost = np.minimum.accumulate(loose[::-1])[::-1]
    found: Floats = (leftmost + rightmost) / 2 - apart + closest
    return found


def _straighten(x: Floats, rows: Rows, seat: Numbers, closest: Floats) -> None:
    """Put a trunk, the item it comes from and one that it leads to on one x, where there is room; or parts of them."""
    n = rows.items
    passed = np.diff(np.append(rows.trunk, len(seat)))
    source = np.flatnonzero(passed)
    if not len(source):
        return
    last = rows.trunk[source] + passed[source] - 1
    led_to = np.zeros(len(seat), dtype=np.int64)
    led_to[rows.upper] = rows.lower
    target = led_to[last]
    trunk = np.arange(len(source))
    first_to = np.zeros(len(source), dtype=bool)  # of those that lead to one target
    first_to[np.unique(target, return_index=True)[1]] = True
    movable = ~_ends(rows)[rows.row]
    nodes = np.concatenate([source, np.arange(n, len(seat)), target])
    owner = np.concatenate([trunk, np.repeat(trunk, passed[source]), trunk])
    part = np.repeat([-1, 0, 1], [len(source), len(seat) - n, len(source)])
    usable = np.concatenate([movable[source], np.ones(len(seat) - n, dtype=bool), first_to & movable[target]])
    order = np.lexsort((part, owner))
    seats, owner, part, usable = seat[nodes[order]], owner[order], part[order], usable[order]
    last_on_row = np.append(np.diff(closest) <= 0, True)
    for left_out in ((), (1,), (-1,), (-1, 1)):
        chosen = usable & ~np.isin(part, left_out)
        line, of = seats[chosen], owner[chosen]
        starts = np.searchsorted(of, trunk)
        room = np.append(np.diff(x - closest), 0.0) / 2
        room[last_on_row] = np.inf
        low = np.maximum.reduceat((x - np.roll(room, 1))[line], starts)
        high = np.minimum.reduceat((x + room)[line], starts)
        middle = np.add.reduceat(x[line], starts) / np.diff(np.append(starts, len(line)))
        fits = (low <= high)[of]
        x[line[fits]] = np.clip(middle, low, high)[of[fits]]


def heights(items: Items, rows: Rows, x: Floats, space: Spacing) -> tuple[Floats, Floats]:
    """Find the top of every row, from that of its core, and its height; an exit is at the bottom of its core."""
    ends = _ends(rows)
    height, furthest = np.zeros(len(ends)), np.zeros(len(ends))
    np.maximum.at(height, rows.row[: rows.items], items.height)
    np.maximum.at(furthest, rows.row[rows.upper], np.abs(x[rows.upper] - x[rows.lower]))
    # Lines from the entry and to the exit slant outside of the core.
    gap = np.where(ends | np.append(ends[1:], True), 0.0, np.maximum(space.rank, np.round(furthest / _FLATTEST)))
    top = np.cumsum(height + gap) - height - gap
    first = np.flatnonzero(rows.level == 0)
    return top - np.repeat(top[first], np.diff(np.append(first, len(top)))), height
