"""Folding a sequence of items into a screenful of boxes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.regions.extending import extended
from kerassplit_widget.structure.regions.items import Item, Labels
from kerassplit_widget.structure.regions.repeats import fold_repeats, joined
from kerassplit_widget.structure.regions.rows import Row, Wiring

__all__ = ["Folder"]

_SCREEN = 40
"""How many boxes a view should have at most."""

_LEAF = 60
"""A block of at most so many calls opens straight into its calls."""

_SMALL = 24
"""In a scope of at most so many calls only repeats are folded."""

_MAJOR = 6
"""A unit of at least so many calls may be a block of its own; so many calls a repeat has at least."""

_SHORT = 3
"""A run of fewer items is not made a block."""

_WORD = 4
"""A run of at least so many items that is met again within a longer run divides it there."""

_ROUNDS = 12
"""How often units are taken apart to find repeats in them; forks that nest deeper are then dissolved at once."""

_INPUTS = 8
"""Up to so many inputs of a scope have boxes of their own."""


class Folder:
    """Folds sequences of items of one graph. The state of one folding."""

    def __init__(self, graph: LayerGraph, labels: Labels) -> None:
        self._graph, self._labels = graph, labels
        inputs = [number for number, call in enumerate(graph) if call.is_input]
        self._wiring = Wiring(graph.predecessors, graph.successors, inputs)
        self._few_inputs = len(inputs) <= _INPUTS

    def group(self, items: list[Item], name: str) -> Item:
        """Make the item of a scope.

        Parameters
        ----------
        items : list of Item
            Its members in canonical order.
        name : str
            Of the group; ``""`` for the graph itself.

        Returns
        -------
        Item
            Folded inside; a group that is small opens into its members.
        """
        size = sum(item.size for item in items)
        label = self._labels.of("group", *self._wiring.row(items).shape(0, len(items)))
        if name and size <= _LEAF:
            return Item("group", label, size, _flat(items), group=name)
        root = Item("group", label, size, self._arrange(items), group=name)
        work = list(root.children)
        while work:
            item = work.pop()
            if item.kind in ("call", "group"):
                continue
            if item.kind != "repeat":
                item.children = _flat(item.children) if item.size <= _LEAF else self._arrange(item.children)
            work += item.children
        return root

    def _arrange(self, items: list[Item]) -> list[Item]:
        """Fold a sequence into at most about a screenful of boxes."""
        size = sum(item.size for item in items)
        items = self._fold_repeats(items, size)
        for round_ in range(_ROUNDS):
            apart = [self._is_taken_apart(item, size, len(items)) for item in items]
            if not any(apart):
                break
            take = self._pieces if round_ < _ROUNDS - 1 else _flat
            items = [
                piece
                for item, gone in zip(items, apart, strict=True)
                for piece in (take(item.children) if gone else [item])
            ]
            items = self._fold_repeats(items, size)
        items = extended(items, self._wiring, self._labels.of, self._misfit)
        if size <= _SMALL:
            return _flat(items, {"unit", "block"})
        items = self._fold_runs(self._wiring.row(items))
        return items if len(items) <= _SCREEN else self._fold_clusters(self._wiring.row(items))

    def _is_taken_apart(self, unit: Item, size: int, among: int) -> bool:
        """Tell whether a unit is seen as what is in it, among so many items with `size` calls."""
        if unit.kind != "unit":
            return False
        if among == 1 or (self._few_inputs and any(self._graph.calls[number].is_input for number in unit.calls())):
            return True
        return unit.size > max(_MAJOR, size // 8)

    def _pieces(self, items: list[Item]) -> list[Item]:
        """Divide a sequence where the fewest tensors cross; what lies between two such places is a unit."""
        row = self._wiring.row(items)
        least = min(row.width[1:-1], default=0)
        marks = [0, *(i for i in range(1, len(items)) if row.width[i] == least), len(items)]
        pieces: list[tuple[int, int]] = []
        for a, b in pairwise(marks):
            # A few calls on the way into a large piece belong to it.
            lead = len(pieces)
            if b - a > 1 and row.size(a, b) >= 4 * _MAJOR:
                while lead and row.size(*pieces[lead - 1]) == 1:
                    lead -= 1
            if len(pieces) - lead <= _SHORT and (lead or b < len(items)):
                a = pieces[lead][0] if lead < len(pieces) else a
                del pieces[lead:]
            pieces.append((a, b))
        return [self._join(row, a, b, "unit") for a, b in pieces]

    def _join(self, row: Row, start: int, end: int, kind: str = "block") -> Item:
        """Make one item of neighbours; a single one is left as it is."""
        return joined(row, start, end, self._labels.of, "unit" if kind == "unit" else "block")

    # -- repeats ------------------------------------------------------------------------------------

    def _fold_repeats(self, items: list[Item], size: int) -> list[Item]:
        """Make one item of each stretch of like copies, until there are no more."""
        least = max(_MAJOR, min(2 * _MAJOR, size // 16))
        return fold_repeats(items, self._wiring, self._labels.of, least, self._misfit)

    def _misfit(self, first: Item, last: Item) -> int:
        """Rate a pair as first and last of a copy.

        What has no weights stays with what it follows; a block ends best where its largest fork is joined.
        """
        if not self._is_weighty(first):
            return 2
        if last.kind == "unit":
            return -last.size
        return int(self._is_weighty(last))

    def _is_weighty(self, item: Item) -> bool:
        return item.kind != "call" or self._graph.calls[item.call].params > 0

    # -- runs ---------------------------------------------------------------------------------------

    def _fold_runs(self, row: Row) -> list[Item]:
        """Make blocks of what lies between repeats, groups and inputs."""
        joins = {_last(unit).label for item in row.items for unit in _units(item) if item.kind == "repeat"}
        spans: list[tuple[int, int]] = []
        start = 0
        for i, item in enumerate([*row.items, None]):
            if item is None or self._stands_alone(item):
                spans += self._blocks(row, start, i, joins)
                if item is not None:
                    spans.append((i, i + 1))
                start = i + 1
        return [
            piece
            for a, b in _divide_by_words(row, spans)
            for piece in (
                [self._join(row, a, b)]
                if b - a >= _SHORT or any(item.kind == "unit" for item in row.items[a:b])
                else row.items[a:b]
            )
        ]

    def _stands_alone(self, item: Item) -> bool:
        return item.kind not in ("call", "unit") or (self._few_inputs and self._is_input(item))

    def _blocks(self, row: Row, start: int, end: int, joins: set[int]) -> list[tuple[int, int]]:
        """Divide a run: chains of calls, and major units with the few calls before and those without weights after.

        As much crosses everywhere inside of a block. What follows an input directly is a stem, not the way into a unit.
        """
        spans: list[tuple[int, int]] = []
        begin, has_major = start, False
        for i in range(start, end):
            major = self._is_major(row.items[i], joins)
            few = i - begin <= _SHORT and begin > 0 and not self._is_input(row.items[begin - 1])
            if i > begin and (
                1 not in row.needs[i]  # it does not read what comes just before it
                or row.width[i] != row.width[begin + 1]
                or (has_major and self._is_weighty(row.items[i]))
                or (major and not few)
                or row.size(begin, i + 1) > _LEAF
            ):
                spans.append((begin, i))
                begin, has_major = i, False
            has_major = has_major or major
        return [*spans, (begin, end)] if begin < end else spans

    def _is_major(self, item: Item, joins: set[int]) -> bool:
        """Tell whether an item is a block by itself: a unit that is large, or joined as the units in repeats are."""
        if item.kind != "unit" or item.size < _MAJOR:
            return False
        return not joins or item.size >= 4 * _MAJOR or _last(item).label in joins

    def _is_input(self, item: Item) -> bool:
        return item.kind == "call" and self._graph.calls[item.call].is_input

    # -- clusters -----------------------------------------------------------------------------------

    def _fold_clusters(self, row: Row) -> list[Item]:
        """Join neighbours into a screenful of blocks of about equal numbers of items, divided where little crosses."""
        n = len(row.items)
        step = n / _SCREEN
        marks = [0]
        for k in range(1, _SCREEN):
            around = range(max(marks[-1] + 1, round((k - 0.25) * step)), round((k + 0.25) * step) + 1)
            if around:
                marks.append(min(around, key=lambda i: (row.width[i], abs(i - k * step))))
        return [self._join(row, a, b) for a, b in pairwise([*marks, n])]


def _divide_by_words(row: Row, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Divide runs where they hold a whole shorter run that is met elsewhere."""
    labels = [item.label for item in row.items]
    words = {tuple(labels[a:b]) for a, b in spans if b - a >= _WORD}
    lengths = sorted({len(word) for word in words}, reverse=True)
    divided = []
    for start, end in spans:
        marks = [end]
        i = end
        while i > start:
            found = next(
                (n for n in lengths if i - n >= start and n < end - start and tuple(labels[i - n : i]) in words), 0
            )
            if found:
                marks += [i, i - found]
            i -= found or 1
        marks.append(start)
        divided += [(a, b) for a, b in pairwise(sorted(set(marks)))]
    return divided


def _units(item: Item) -> Iterable[Item]:
    """Yield the units that are copies of a repeat or direct pieces of them."""
    for child in item.children:
        if child.kind == "unit":
            yield child
        elif child.kind == "block":
            yield from (piece for piece in child.children if piece.kind == "unit")


def _last(item: Item) -> Item:
    """Return the last call of an item."""
    while item.children:
        item = item.children[-1]
    return item


def _flat(items: Iterable[Item], kinds: Iterable[str] = ("unit", "block", "repeat")) -> list[Item]:
    """Take items of some kinds apart."""
    flat = []
    stack = list(reversed(list(items)))
    while stack:
        item = stack.pop()
        if item.kind in kinds:
            stack.extend(reversed(item.children))
        else:
            flat.append(item)
    return flat
