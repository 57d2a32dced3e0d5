"""Copies of a repeat that nothing is to be seen of, as one box: a cut opens those it goes through, not the others."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby

from kerassplit_widget.structure.regions.folding import Fold
from kerassplit_widget.structure.regions.titles import range_title
from kerassplit_widget.structure.views import straddled

__all__ = ["Gathered", "gathered"]


@dataclass(frozen=True, slots=True)
class Gathered:
    """A hierarchy of folds in which copies are gathered.

    Attributes
    ----------
    root : Fold
        The same hierarchy with a repeat of its own, a *row*, for two or more neighbouring copies.
    opened : frozenset of str
        Names of the folds that are open in it.
    rows : mapping of str to str
        From the name of each row to the name of the repeat it is a row of.
    """

    root: Fold
    opened: frozenset[str]
    rows: Mapping[str, str]


def gathered(root: Fold, heads: Sequence[Collection[int]] = (), opened: Collection[str] = ()) -> Gathered:
    """Open folds, and repeats at single copies: their other copies are gathered in rows.

    Parameters
    ----------
    root : Fold
        ``fold(graph)``.
    heads : sequence of frozenset of int
        Numbers of the calls before each cut. Folds that a cut goes through are open, repeats only there.
    opened : collection of str
        Names of folds that are open besides. A repeat in it shows all its copies; one that is not, but has copies in
        it (folds or calls), is open at these.

    Returns
    -------
    Gathered

    Examples
    --------
    >>> from kerassplit_widget.structure.graph import Call, LayerGraph, Tensor
    >>> from kerassplit_widget.structure.regions.folding import fold
    >>> calls = tuple(
    ...     Call(f"c{i}", "Dense" if i else "InputLayer", f"c{i}", (f"c{i - 1}",) * bool(i),
    ...          (Tensor(f"c{i}", f"c{i}", 0, (None, 8), "float32"),), is_input=not i)
    ...     for i in range(9))
    >>> root = fold(LayerGraph("chain", calls, ("c0",), ("c8",)))
    >>> gathered(root, [frozenset(range(4))]).root.children[1].children
    (<Fold repeat 'c1 – 3' ×3: 3 calls>, <Fold repeat 'c4 – 8' ×5: 5 calls>)
    >>> gathered(root, opened=["c2"]).root.children[1].children
    (<Fold call 'c1': 1 calls>, <Fold call 'c2': 1 calls>, <Fold repeat 'c3 – 8' ×6: 6 calls>)
    """
    through = {name for head in heads for name in straddled(root, head)}
    wished = frozenset(opened)

    def at_copies(item: Fold) -> bool:
        return item.kind == "repeat" and any(copy.name in wished for copy in item.children)

    order, stack = [], [root]
    while stack:
        order.append(stack.pop())
        stack += [each for each in order[-1].children if each.name in through or each.name in wished or at_copies(each)]
    made: dict[str, Fold] = {}
    rows: dict[str, str] = {}
    for item in reversed(order):  # inner ones first
        children: Sequence[Fold] = [made.get(child.name, child) for child in item.children]
        if item.kind == "repeat" and item.name not in wished:
            children = list(_rows(children, through | wished, heads))
            copies = {copy.name for copy in item.children}
            rows |= {row.name: item.name for row in children if row.name not in copies}
        made[item.name] = replace(item, children=tuple(children))
    return Gathered(made[root.name], wished.union(item.name for item in order if item.children), rows)


def _rows(copies: Sequence[Fold], alone: Collection[str], heads: Sequence[Collection[int]]) -> Iterator[Fold]:
    """Make one box of neighbours that no cut goes through or between."""

    def place(copy: Fold) -> tuple[str, int]:
        return copy.name if copy.name in alone else "", sum(copy.calls[0] in head for head in heads)

    for _, row in groupby(copies, place):
        first, *others = row
        if not others:
            yield first
            continue
        last = others[-1]
        title = range_title(first.title, last.title)
        calls = tuple(sorted(chain(first.calls, *(each.calls for each in others))))
        # No fold of `fold` has such a name: theirs have one ellipsis between two calls.
        yield Fold(f"{first.name}……{last.name}", title, "repeat", 1 + len(others), calls, (first, *others))
