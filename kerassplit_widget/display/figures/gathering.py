"""Copies of a repeat between two cuts as one box: a cut opens the repeat, not each copy that it leaves whole."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import chain, groupby

from kerassplit_widget.structure.regions.folding import Fold
from kerassplit_widget.structure.views import straddled

__all__ = ["gathered"]


def gathered(root: Fold, heads: Sequence[Collection[int]]) -> Fold:
    """Gather neighbouring copies, in the repeats that cuts go through, that lie in one part.

    Parameters
    ----------
    root : Fold
        ``fold(graph)``.
    heads : sequence of frozenset of int
        Numbers of the calls before each cut.

    Returns
    -------
    Fold
        The same hierarchy with a repeat of its own for each row of two or more copies between cuts.

    Examples
    --------
    >>> from kerassplit_widget.structure.graph import Call, LayerGraph, Tensor
    >>> from kerassplit_widget.structure.regions.folding import fold
    >>> calls = tuple(
    ...     Call(f"c{i}", "Dense" if i else "InputLayer", f"c{i}", (f"c{i - 1}",) * bool(i),
    ...          (Tensor(f"c{i}", f"c{i}", 0, (None, 8), "float32"),), is_input=not i)
    ...     for i in range(9))
    >>> root = fold(LayerGraph("chain", calls, ("c0",), ("c8",)))
    >>> gathered(root, [frozenset(range(4))]).children[1].children
    (<Fold repeat 'c1 … c3' ×3: 3 calls>, <Fold repeat 'c4 … c8' ×5: 5 calls>)
    """
    through = {name for head in heads for name in straddled(root, head)}
    order, stack = [], [root]
    while stack:
        order.append(stack.pop())
        stack += [child for child in order[-1].children if child.name in through]
    made: dict[str, Fold] = {}
    for item in reversed(order):  # inner ones first
        children = tuple(made.get(child.name, child) for child in item.children)
        if item.kind == "repeat":
            children = _rows(children, through, heads)
        made[item.name] = replace(item, children=children)
    return made[root.name]


def _rows(copies: Sequence[Fold], through: Collection[str], heads: Sequence[Collection[int]]) -> tuple[Fold, ...]:
    """Make one box of neighbours that no cut goes through or between."""

    def place(copy: Fold) -> tuple[str, int]:
        alone = copy.name if copy.name in through else ""
        return alone, sum(copy.calls[0] in head for head in heads)

    found = []
    for _, row in groupby(copies, place):
        first, *others = row
        if not others:
            found.append(first)
            continue
        last = others[-1]
        title = first.title if first.title == last.title else f"{first.title} … {last.title}"
        calls = tuple(sorted(chain(first.calls, *(each.calls for each in others))))
        # No fold of `fold` has such a name: theirs have one ellipsis between two calls.
        name = f"{first.name}……{last.name}"
        found.append(Fold(name, title, "repeat", 1 + len(others), calls, (first, *others)))
    return tuple(found)
