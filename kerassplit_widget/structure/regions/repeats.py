"""Tandem repeats: like stretches of a row that follow each other."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable
from typing import Literal

import numpy as np
import numpy.typing as npt

from kerassplit_widget.structure.regions.items import Item
from kerassplit_widget.structure.regions.rows import Row, Wiring

__all__ = ["Repeat", "best_division", "find_repeats", "fold_repeats", "joined"]

Repeat = tuple[int, int, int]
"""First item, items of one copy, number of copies."""

_LONGEST = 1024
"""The most items that one copy of a repeat may have."""

_EFFORT = 5_000_000
"""About how many pairs of items are compared: on long rows only short copies are looked for."""

_PHASES = 16
"""How many ways to divide a stretch into copies are tried."""


def fold_repeats(
    items: list[Item],
    wiring: Wiring,
    label: Callable[..., int],
    least: int,
    misfit: Callable[[Item, Item], int],
    longest: int = _LONGEST,
) -> list[Item]:
    """Make one item of each stretch of like copies, until there are no more.

    Parameters
    ----------
    items : list of Item
        In canonical order.
    wiring : Wiring
        Of their graph.
    label : callable
        Gives equal numbers to equal structures.
    least, misfit, longest
        As `find_repeats` takes them.
    """
    while True:
        row = wiring.row(items)
        repeats = find_repeats(row, least, misfit, longest)
        if not repeats:
            return items
        items, done = [], 0
        for first, length, count in repeats:
            borders = range(first, first + length * count, length)
            copies = [joined(row, a, a + length, label) for a in borders]
            size = sum(copy.size for copy in copies)
            whole = Item("repeat", label("repeat", count, copies[0].label), size, copies, count=count)
            items += [*row.items[done:first], whole]
            done = first + length * count
        items += row.items[done:]


def joined(row: Row, start: int, end: int, label: Callable[..., int], kind: Literal["unit", "block"] = "block") -> Item:
    """Make one item of neighbours in a row; a single one is left as it is."""
    if end - start == 1:
        return row.items[start]
    structure: tuple[Hashable, ...] = row.shape(start, end)
    return Item(kind, label("stretch", *structure), row.size(start, end), row.items[start:end])


def find_repeats(row: Row, least: int, misfit: Callable[[Item, Item], int], longest: int = _LONGEST) -> list[Repeat]:
    """Find stretches of like copies that do not overlap, those of the shortest copies first.

    Parameters
    ----------
    row : Row
    least : int
        How many calls all copies must have together.
    misfit : callable
        How ill an item fits as the first of a copy, given the last of a copy; among divisions that cut equally
        few tensors the least wins.
    longest : int
        The most items that one copy may have.

    Returns
    -------
    list of Repeat
        In the order of the row. Copies that have repeats in them are at least three: two are clearer in a row.

    Notes
    -----
    Items `i` and ``i + length`` are compared for every length in turn, which finds each run of period `length`. A run
    only proposes: its copies count when they are also wired alike inside, and as much crosses between any two of them
    as before the first, so that the steps of a U, which each have a skip of their own, are not taken for repeats.
    """
    n = len(row.items)
    labels = np.array([item.label for item in row.items], dtype=np.int64)
    free = np.ones(n, dtype=np.bool_)
    heap: list[tuple[int, int, int, int]] = []

    def propose(start: int, end: int, length: int) -> None:
        copies = (end - start) // length
        if copies > 1 and row.size(start, end) >= least:
            heapq.heappush(heap, (length, -copies, start, end))

    longest = min(n // 2, longest, _EFFORT // max(n, 1))
    for length in range(1, longest + 1):
        for start, end in _runs(labels[:-length] == labels[length:], length):
            propose(start, end + length, length)
    found: list[Repeat] = []
    while heap:
        length, _, start, end = heapq.heappop(heap)
        if not free[start:end].all():
            for a, b in _runs(free[start:end]):
                propose(start + a, start + b, length)
            continue
        repeat = best_division(row, start, end, length, misfit)
        if repeat is None:
            continue
        first, _, copies = repeat
        last = first + length * copies
        nested = any(item.kind == "repeat" for item in row.items[first : first + length])
        if row.size(first, last) >= least and copies >= (3 if nested else 2):
            found.append(repeat)
            free[first:last] = False
            propose(start, first, length)
            propose(last, end, length)
    return sorted(found)


def _runs(flags: npt.NDArray[np.bool_], least: int = 1) -> list[tuple[int, int]]:
    """List the stretches of at least so many True as (first, one past the last)."""
    padded = np.concatenate([[False], flags, [False]])
    borders = np.flatnonzero(padded[1:] != padded[:-1]).reshape(-1, 2)
    runs: list[list[int]] = borders[borders[:, 1] - borders[:, 0] >= least].tolist()
    return [(first, end) for first, end in runs]


def best_division(row: Row, start: int, end: int, length: int, misfit: Callable[[Item, Item], int]) -> Repeat | None:
    """Divide a stretch of period `length` into the most like copies, where the fewest tensors cross.

    Parameters
    ----------
    row : Row
    start, end : int
        The stretch: each of its items has the label of the one `length` items before it.
    length : int
    misfit : callable
        As `find_repeats` takes it.

    Returns
    -------
    Repeat or None
        None if no two neighbours are alike.
    """
    copies, slack = divmod(end - start, length)

    def cost(first: int) -> tuple[int, int, int]:
        crossing = max(row.width[first + length * k] for k in range(copies + 1))
        before = row.items[first - 1 + length]  # the last of the first copy, as of all
        return crossing, misfit(row.items[first], before), first

    best: Repeat | None = None
    for first in sorted(range(start, start + slack + 1), key=cost)[:_PHASES]:
        repeat = _longest(row, first, end, length)
        if best is None or repeat[2] > best[2]:
            best = repeat
        if best[2] == copies:
            break
    return best if best is not None and best[2] > 1 else None


def _longest(row: Row, start: int, end: int, length: int) -> Repeat:
    """Find the most copies in a row that are built alike."""
    best = (start, length, 1)
    first = start
    for border in range(start + length, end - length + 1, length):
        if row.crossed[border] != row.crossed[first] or not row.are_alike(border - length, border, length):
            first = border
        copies = (border - first) // length + 1
        if copies > best[2]:
            best = (first, length, copies)
    return best
