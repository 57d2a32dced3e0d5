"""Rows: sequences of items with the wiring between them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain

from kerassplit_widget.structure.regions.items import Item, reads_of

__all__ = ["Row", "Shape", "Wiring"]

Shape = tuple[tuple[int, ...], ...]
"""How a stretch is built: the labels of its items, then for each of its calls whether it reads from outside, and how
many calls back it reads inside."""


@dataclass(frozen=True, slots=True)
class Row:
    """Neighbouring items of the canonical order.

    Attributes
    ----------
    items : list of Item
        n of them.
    needs : list of list of int
        For each item how far before it those items of the row are whose tensors it reads, ascending; 0 stands for
        anything before the row.
    reads : list of list of int
        For each call of the row, in canonical order, how many calls before it those lie that it reads, ascending; 0 for
        anything before the row.
    first : list of int
        For each item the place of its first call among all of the row; n + 1 entries.
    width : list of int
        What crosses the n + 1 borders between items: ``width[i]`` calls before item ``i`` are read by it or after it.
        Raw inputs are not counted.
    crossed : list of int
        As `width`, with the raw inputs.
    """

    items: list[Item]
    needs: list[list[int]]
    reads: list[list[int]]
    first: list[int]
    width: list[int]
    crossed: list[int]

    def size(self, start: int, end: int) -> int:
        """Count the calls from item `start` to before item `end`."""
        return self.first[end] - self.first[start]

    def shape(self, start: int, end: int) -> Shape:
        """Describe how the items from `start` to before `end` are built, the same for like stretches."""
        labels = tuple(item.label for item in self.items[start:end])
        return labels, *(self._reading(self.first[start], i) for i in range(self.size(start, end)))

    def are_alike(self, a: int, b: int, length: int) -> bool:
        """Tell whether the `length` items from `a` have the same shape as those from `b`."""
        size = self.size(a, a + length)
        return (
            size == self.size(b, b + length)
            and all(self.items[a + i].label == self.items[b + i].label for i in range(length))
            and all(self._reading(self.first[a], i) == self._reading(self.first[b], i) for i in range(size))
        )

    def _reading(self, start: int, i: int) -> tuple[int, ...]:
        """Say of the i-th call from call `start` on whether it reads from before, and how far back it reads since."""
        reads = self.reads[start + i]
        inside = [far for far in reads if 0 < far <= i]
        return int(len(inside) < len(reads)), *inside


class Wiring:
    """Makes rows of one graph.

    Parameters
    ----------
    predecessors, successors : sequence of sequences of int
        For each call those that it reads and those that read it.
    inputs : collection of int
        The raw inputs among the calls.
    """

    def __init__(
        self, predecessors: Sequence[Sequence[int]], successors: Sequence[Sequence[int]], inputs: Collection[int]
    ) -> None:
        self._predecessors, self._successors = predecessors, successors
        self._inputs = frozenset(inputs)
        self._place = [-1] * len(predecessors)  # of a call in the row at hand; -1 is outside

    def row(self, items: list[Item]) -> Row:
        """Find the wiring between neighbouring items."""
        calls = [list(item.calls()) for item in items]
        for i, numbers in enumerate(calls):
            for number in numbers:
                self._place[number] = i
        needs = [self._needs(i, numbers) for i, numbers in enumerate(calls)]
        first = [0, *accumulate(map(len, calls))]
        row = Row(
            items, needs, reads_of(self._predecessors, list(chain.from_iterable(calls))), first, *self._widths(calls)
        )
        for numbers in calls:
            for number in numbers:
                self._place[number] = -1
        return row

    def _needs(self, i: int, calls: list[int]) -> list[int]:
        places = {self._place[source] for number in calls for source in self._predecessors[number]}
        return sorted({i - place if place >= 0 else 0 for place in places if place != i})

    def _widths(self, calls: list[list[int]]) -> tuple[list[int], list[int]]:
        place, end = self._place, len(calls)
        # From each call that is read to the item that reads it last; the end is after all items.
        last = {source: i for i, numbers in enumerate(calls) for n in numbers for source in self._predecessors[n]}
        change, inputs = [0] * (end + 2), [0] * (end + 2)
        for numbers in calls:
            for number in numbers:
                if any(place[reader] < 0 for reader in self._successors[number]):
                    last[number] = end
        for number, until in last.items():
            counted = inputs if number in self._inputs else change
            counted[place[number] + 1] += 1
            counted[until + 1] -= 1
        width, raw = list(accumulate(change))[:-1], list(accumulate(inputs))[:-1]
        return width, [a + b for a, b in zip(width, raw, strict=True)]
