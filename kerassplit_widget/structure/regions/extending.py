"""Extending repeats: the copies at the ends of a stretch that regions have torn apart.

Where the last of some like blocks is no longer crossed by what all others were crossed by, a mask for instance, it
belongs to other regions than they do: its calls lie beside the repeat one by one. Here all is compared call by call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kerassplit_widget.structure.regions.items import Item
from kerassplit_widget.structure.regions.repeats import best_division, joined
from kerassplit_widget.structure.regions.rows import Row, Wiring

__all__ = ["extended"]


def extended(
    items: list[Item],
    wiring: Wiring,
    label: Callable[..., int],
    misfit: Callable[[Item, Item], int],
) -> list[Item]:
    """Let repeats take in what lies beside them and is built like their copies.

    Parameters
    ----------
    items : list of Item
        In canonical order.
    wiring : Wiring
        Of their graph.
    label : callable
        Gives equal numbers to equal structures.
    misfit : callable
        As `find_repeats` takes it.

    Returns
    -------
    list of Item
        With the calls in the same order. A repeat is divided anew if there are more copies then; units and blocks of
        which a piece goes are taken apart. Repeats in repeats stay as they are.
    """
    if not any(_may_grow(item) for item in items):
        return items
    pieces = [list(_pieces(item)) for item in items]
    row = wiring.row([piece for some in pieces for piece in some])
    labels = [piece.label for piece in row.items]
    free: list[bool] = []
    for item, some in zip(items, pieces, strict=True):
        free += [item.kind not in ("repeat", "group")] * len(some)
    taken: dict[int, tuple[Item, int]] = {}  # from the first piece of a new repeat to it and the end of its pieces
    end = 0
    for item, some in zip(items, pieces, strict=True):
        start, end = end, end + len(some)
        if not _may_grow(item):
            continue
        length = len(some) // item.count
        low, high = start, end
        while low and free[low - 1] and labels[low - 1] == labels[low - 1 + length]:
            low -= 1
        while high < len(free) and free[high] and labels[high] == labels[high - length]:
            high += 1
        found = best_division(row, low, high, length, misfit)
        if found is None or found[2] <= item.count:
            continue
        first, _, count = found
        if _cost(row, first, length, count, misfit) > _cost(row, start, length, item.count, misfit):
            continue  # more copies, but cut where more crosses
        copies = [joined(row, a, a + length, label) for a in range(first, first + length * count, length)]
        size = sum(copy.size for copy in copies)
        whole = Item("repeat", label("repeat", count, copies[0].label), size, copies, count=count)
        taken[first] = (whole, first + length * count)
        free[first : first + length * count] = [False] * (length * count)
    return _rebuilt(items, pieces, taken) if taken else items


def _cost(row: Row, first: int, length: int, count: int, misfit: Callable[[Item, Item], int]) -> tuple[int, int]:
    """Rate a division into copies by what crosses between them and how well a copy begins and ends."""
    crossing = max(row.width[first + length * k] for k in range(1, count))
    return crossing, misfit(row.items[first], row.items[first + length - 1])


def _may_grow(item: Item) -> bool:
    """Tell whether an item is a repeat without others in it."""
    if item.kind != "repeat":
        return False
    stack = list(item.children[:1])
    while stack:
        piece = stack.pop()
        if piece.kind == "repeat":
            return False
        if piece.kind != "group":
            stack += piece.children
    return True


def _pieces(item: Item) -> Iterator[Item]:
    """Take an item apart, but for groups."""
    stack = [item]
    while stack:
        piece = stack.pop()
        if piece.kind in ("call", "group"):
            yield piece
        else:
            stack.extend(reversed(piece.children))


def _rebuilt(items: list[Item], pieces: list[list[Item]], taken: dict[int, tuple[Item, int]]) -> list[Item]:
    """Put new repeats in the place of their pieces, between what is left of the other items."""
    found: list[Item] = []
    place = done = 0
    for item, some in zip(items, pieces, strict=True):
        end = place + len(some)
        if place >= done and not any(first in taken for first in range(place, end)):
            found.append(item)
            place = end
            continue
        for piece in some:
            if place in taken:
                repeat, done = taken[place]
                found.append(repeat)
            elif place >= done:
                found.append(piece)
            place += 1
    return found
