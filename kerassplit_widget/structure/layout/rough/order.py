"""The order of the nodes on all rows of many cores at once: one sweep down and one up, then neighbours change places.

Rows are sorted in turns. In each turn it is every 64th or so level of all cores: whole cores at the same time if they
are not deep, otherwise pieces of them, each of which goes on from what was above it before. A second sweep would gain
next to nothing; what neighbours gain is less each time.

References
----------
.. [1] K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical system structures", IEEE
   Trans. SMC 11(2), 1981.
.. [2] P. Eades, D. Kelly, "Heuristics for reducing crossings in 2-layered networks", Ars Combinatoria 21A, 1986
   (greedy switching).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kerassplit_widget.structure.layout.rough.graph import Rows
from kerassplit_widget.structure.layout.routes import Floats, Numbers

__all__ = ["ordered_rows"]

_STRIDE = 64  # at least, more if the nodes of a turn would be more than
_AT_ONCE = 256
_SWITCHES = 2  # times that neighbours change places
_MOST = 4_000  # pairs of edges that are compared for that, or dense graphs would take long


class _Near(NamedTuple):
    """Neighbours on one side: those of node i are ``nodes[start[i]:start[i + 1]]``."""

    nodes: Numbers
    start: Numbers


def ordered_rows(rows: Rows) -> Numbers:
    """List all nodes row by row, from left to right."""
    # Nodes get new numbers, turn by turn and row by row: then each turn is a slice of every array.
    stride = max(_STRIDE, len(rows.row) // _AT_ONCE)
    turn = rows.level[rows.row] % stride
    old = np.lexsort((rows.row, turn))
    new = np.empty_like(old)
    new[old] = np.arange(len(old))
    row = rows.row[old]
    first = np.concatenate([[True], row[1:] != row[:-1]])
    slot = np.arange(len(old)) - np.flatnonzero(first)[np.cumsum(first) - 1]
    turns = np.concatenate([[0], np.cumsum(np.bincount(turn, minlength=stride))]).tolist()
    above = _near(new[rows.lower], new[rows.upper], len(old))
    below = _near(new[rows.upper], new[rows.lower], len(old))
    place = slot.astype(np.float64)
    for near, order in ((above, range(stride)), (below, range(stride - 1, -1, -1))):
        for k in order:
            if turns[k] < turns[k + 1]:
                _sort(place, slot, row, near, slice(turns[k], turns[k + 1]))
    sitting = np.empty_like(old)  # row by row and from left to right
    sitting[np.arange(len(old)) - slot + place.astype(np.intp)] = np.arange(len(old))
    has_next = np.concatenate([~first[1:], [False]])
    level = rows.level[row]
    pairs = [np.flatnonzero(has_next & (level % 2 == i) & (slot % 2 == j)) for i in (0, 1) for j in (0, 1)]
    for _ in range(_SWITCHES):
        for left in pairs:
            _switch(sitting, place, left, (above, below))
    return old[sitting[np.argsort(row, kind="stable")]]


def _near(nodes: Numbers, others: Numbers, n: int) -> _Near:
    order = np.argsort(nodes, kind="stable")
    count = np.bincount(nodes, minlength=n)
    return _Near(others[order], np.concatenate([[0], np.cumsum(count)]))


def _sort(place: Floats, slot: Numbers, row: Numbers, near: _Near, nodes: slice) -> None:
    """Sort the nodes of one turn, on each row, by where their neighbours are on average."""
    start = near.start[nodes.start : nodes.stop + 1]
    total = np.concatenate([[0.0], np.cumsum(place[near.nodes[start[0] : start[-1]]])])[start - start[0]]
    count = np.diff(start)
    mean = np.where(count > 0, np.diff(total) / np.maximum(count, 1), place[nodes])
    order = np.lexsort((mean, row[nodes]))
    found = place[nodes]
    found[order] = slot[nodes]


def _switch(sitting: Numbers, place: Floats, left: Numbers, sides: tuple[_Near, _Near]) -> None:
    """Let the nodes on some seats and the next ones change places where fewer edges cross then."""
    a, b = sitting[left], sitting[left + 1]
    gain = np.zeros(len(left))
    for near in sides:
        some, others = near.start[a + 1] - near.start[a], near.start[b + 1] - near.start[b]
        count = some * others
        count[count > _MOST] = 0
        pair = np.repeat(np.arange(len(left)), count)
        i, j = np.divmod(np.arange(len(pair)) - np.repeat(np.cumsum(count) - count, count), others[pair])
        turned = place[near.nodes[near.start[a][pair] + i]] - place[near.nodes[near.start[b][pair] + j]]
        gain += np.bincount(pair, weights=np.sign(turned), minlength=len(left))
    better = gain > 0
    a, b, left = a[better], b[better], left[better]
    place[a] += 1
    place[b] -= 1
    sitting[left], sitting[left + 1] = b, a
