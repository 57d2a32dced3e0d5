"""Cells: stretches of a core that are met again in it, so that all copies can be drawn alike.

The search is that of folding (`regions.repeats`), on the wiring alone. A *cell* is a copy of a repeat that hands on
one tensor only, that of its last item. What it reads from outside comes in at *ports*, one for each producer. The
last item of the last cell may be the exit of the core.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from kerassplit_widget.structure.regions.items import Item
from kerassplit_widget.structure.regions.repeats import fold_repeats
from kerassplit_widget.structure.regions.rows import Wiring

__all__ = ["Cell", "Pattern", "find_cells"]

_LEAST = 4  # items of a cell
_LONGEST = 200
_PHASES = 24  # ways to divide a stretch into cells that are tried


@dataclass(frozen=True, slots=True)
class Pattern:
    """How all cells of one class are built.

    Attributes
    ----------
    labels : tuple of Hashable
        What each of its items is, in canonical order.
    inner : tuple of tuple of int
        For each item those that read it, within the cell.
    ports : tuple of tuple of int
        For each producer outside the items that read it.
    """

    labels: tuple[Hashable, ...]
    inner: tuple[tuple[int, ...], ...]
    ports: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One copy.

    Attributes
    ----------
    items : tuple of int
        In canonical order; the last one alone is read from outside.
    producers : tuple of int
        The items outside that it reads, in the order of the pattern's ports.
    """

    items: tuple[int, ...]
    producers: tuple[int, ...]


def find_cells(
    successors: Sequence[Sequence[int]],
    drawn: Sequence[Sequence[int]],
    labels: Sequence[Hashable],
    *,
    open_exit: bool,
) -> tuple[list[int], dict[Pattern, list[Cell]]]:
    """Find the repeated cells of a core.

    Parameters
    ----------
    successors : sequence of sequences of int
        Edges between the items of the core; item 0 is its entry, the last its exit.
    drawn : sequence of sequences of int
        Those edges that are drawn.
    labels : sequence of Hashable
        Equal for items that look alike.
    open_exit : bool
        Whether the exit stands for nothing.

    Returns
    -------
    order : list of int
        All items in canonical order.
    cells : dict of Pattern to list of Cell
        At least two of each; they do not overlap, and each is a stretch of `order`.
    """
    end = len(successors) - (1 if open_exit else 0)
    predecessors: list[list[int]] = [[] for _ in successors]
    for u, targets in enumerate(successors):
        for v in targets:
            predecessors[v].append(u)
    if not open_exit:
        # What the exit is nobody knows here; it is taken for what others are that read the same, or else as many.
        as_many = [i for i, sources in enumerate(predecessors[:-1]) if len(sources) == len(predecessors[-1])]
        read = Counter(labels[u] for u in predecessors[-1])
        the_same = [i for i in as_many if Counter(labels[u] for u in predecessors[i]) == read]
        alike = [labels[i] for i in the_same or as_many]
        labels = [*labels[:-1], max(alike, key=alike.count, default=labels[-1])]
    known: dict[Hashable, int] = {}

    def label(*structure: Hashable) -> int:
        return known.setdefault(structure, len(known))

    # Items that read a different number of others are never alike, which spares comparing most stretches.
    items = [Item("call", label(what, len(predecessors[i])), 1, call=i) for i, what in enumerate(labels)]
    order = _canonical(predecessors, successors, [item.label for item in items])
    sequence = [items[i] for i in order[1:end]]
    wiring = Wiring(predecessors, successors, ())
    folded = fold_repeats(sequence, wiring, label, 2 * _LEAST, lambda first, last: 0, _LONGEST)
    width = wiring.row(sequence).width
    found: dict[Pattern, list[Cell]] = {}
    start = 0
    for item in folded:
        if item.kind == "repeat" and item.children[0].size >= _LEAST:
            cells = _best_phase(order[:end], width, start, item, drawn, predecessors, labels)
            for pattern, cell in cells:
                found.setdefault(pattern, []).append(cell)
        start += item.size
    return order, {pattern: cells for pattern, cells in found.items() if len(cells) > 1}


def _best_phase(
    order: Sequence[int],
    width: Sequence[int],
    start: int,
    repeat: Item,
    drawn: Sequence[Sequence[int]],
    predecessors: Sequence[Sequence[int]],
    labels: Sequence[Hashable],
) -> list[tuple[Pattern, Cell]]:
    """Divide a repeat and what is around it anew, where there are the most cells of one class.

    It begins at place `start` of the inner items; what crosses between two of these is `width`.
    """
    length = repeat.children[0].size
    low, high = max(0, start - length), min(len(order) - 1, start + repeat.size + length)

    def rating(i: int) -> tuple[int, int, int]:
        # A block ends where lines part rather than before. Of blocks that begin and end alike the last had better be
        # whole: the first often differs in what it reads.
        return max(width[i + length : high : length], default=0), -len(drawn[order[i + length]]), (high - i) % length

    phases = sorted(range(low, min(low + length, high - length + 1)), key=rating)
    best: list[tuple[Pattern, Cell]] = []
    for phase in phases[:_PHASES]:
        classes: dict[Pattern, list[tuple[Pattern, Cell]]] = {}
        for border in range(phase, high - length + 1, length):
            # the entry is the first of the order
            cell = _cell(tuple(order[border + 1 : border + 1 + length]), drawn, predecessors, labels)
            if cell is not None:
                classes.setdefault(cell[0], []).append(cell)
        most = max(classes.values(), key=len, default=[])
        if len(most) > len(best):
            best = most
    return best


def _canonical(
    predecessors: Sequence[Sequence[int]], successors: Sequence[Sequence[int]], labels: Sequence[int]
) -> list[int]:
    """Order items so that each comes as soon as all it needs is there, the longest way to it first.

    Items that are read once make a tree with the item they lead to, its root. What trees share, as a mask, comes
    before all of a tree, and how far that has come counts for nothing in it: like trees are ordered alike.
    """
    n = len(predecessors)
    root = list(range(n))
    owner = [-1] * n  # the root of all that reads an item, if there is one
    for u in range(n - 2, 0, -1):
        first, *others = successors[u]
        if all(root[v] == root[first] for v in others):
            owner[u] = root[first]
            if not others:
                root[u] = root[first]
    # Of the longest way from the entry, of that along owned items, and of that within a tree.
    length, way, depth = [0] * n, [0] * n, [0] * n
    shared: list[set[int]] = [set() for _ in range(n)]
    for v, sources in enumerate(predecessors):
        length[v] = max((length[u] + 1 for u in sources), default=0)
        way[v] = max((way[u] + 1 for u in sources if owner[u] == root[v]), default=0)
        depth[v] = max((depth[u] + 1 for u in sources if root[u] == root[v]), default=0)
        shared[root[v]].update(u for u in sources if owner[u] != root[v])
    order: list[int] = []
    met = [False] * n
    stack = [(n - 1, False)]
    while stack:
        v, ready = stack.pop()
        if ready:
            order.append(v)
        elif not met[v]:
            met[v] = True
            stack.append((v, True))
            owned = [u for u in predecessors[v] if owner[u] == root[v]]
            stack += [(u, False) for u in sorted(owned, key=lambda u: (way[u], depth[u], labels[u], u))]
            if root[v] == v:
                stack += [(u, False) for u in sorted(shared[v], key=lambda u: (length[u], labels[u], u))]
    return order


def _cell(
    items: tuple[int, ...],
    drawn: Sequence[Sequence[int]],
    predecessors: Sequence[Sequence[int]],
    labels: Sequence[Hashable],
) -> tuple[Pattern, Cell] | None:
    """Make a cell of a stretch, if it is one."""
    place = {item: i for i, item in enumerate(items)}
    if any(not drawn[item] or any(v not in place for v in drawn[item]) for item in items[:-1]):
        return None
    readers: dict[int, list[int]] = {}
    for i, item in enumerate(items):
        for u in predecessors[item]:
            if u not in place and item in drawn[u]:
                readers.setdefault(u, []).append(i)
    producers = tuple(sorted(readers, key=lambda u: (readers[u], u)))
    if items[-1] == len(drawn) - 1 and any(len(items) - 1 in near for near in readers.values()):
        return None  # others than the cell lead to the exit too
    pattern = Pattern(
        tuple(labels[item] for item in items),
        tuple(tuple(place[v] for v in drawn[item] if v in place) for item in items),
        tuple(tuple(readers[u]) for u in producers),
    )
    return pattern, Cell(items, producers)
