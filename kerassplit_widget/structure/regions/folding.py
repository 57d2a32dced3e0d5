"""Folding: a hierarchy of boxes over the calls of a graph, repeats shown once.

All boxes are intervals of one topological order of the calls, the *canonical order*. An interval of a topological
order is convex (no path leaves it and comes back), and boxes that do not overlap are joined by a graph without cycles,
whichever of them are open. Only the wiring and the kinds of the calls decide: names give titles, never a fold.

1. Groups (nested models) are scopes of their own; each is one item of the scope around it.
2. In a scope the region tree gives the canonical order: a parallel region or core and the call that joins it make
   a *unit*, and structural labels tell which units are alike.
3. Repeats, runs and clusters are found in the sequence of items (`sequences`); units too large to be one box are
   taken apart first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from string import digits
from typing import Literal, TypeAlias

from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.regions.items import Item, Labels
from kerassplit_widget.structure.regions.scopes import Scope, scopes_of
from kerassplit_widget.structure.regions.sequences import Folder
from kerassplit_widget.structure.regions.titles import common_title, is_generic, kinds_title, named_title, range_title
from kerassplit_widget.structure.regions.tree import Region, region_tree

__all__ = ["Fold", "FoldKind", "fold"]

FoldKind: TypeAlias = Literal["call", "block", "repeat", "group"]


# eq=False: comparing or hashing by value would recurse over the depth of the hierarchy.
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Fold:
    """A box: calls that can be shown as one.

    Attributes
    ----------
    name : str
        Unique in the hierarchy and always the same for the same graph: the name of the call or of the group, else those
        of its first and last call joined by ``…``. That of the root is ``""``.
    title : str
        For people: what the names of the calls have in common, else the kinds of layers in it; where boxes beside each
        other would have the same, their first and last copy or call.
    kind : {"call", "block", "repeat", "group"}
        A single call; neighbouring calls; like blocks, calls or groups one after the other (or many side by side); an
        open nested model, or the root.
    count : int
        Of a repeat, how many like copies it has; 1 otherwise.
    calls : tuple of int
        Numbers of its calls, ascending. They are convex in the graph.
    children : tuple of Fold
        What is seen when it is opened, in canonical (topological) order. Like copies of a repeat have like children in
        like order. Empty for a call.
    """

    name: str
    title: str
    kind: FoldKind
    count: int
    calls: tuple[int, ...]
    children: tuple[Fold, ...] = ()

    def __repr__(self) -> str:
        times = f" ×{self.count}" if self.kind == "repeat" else ""
        return f"<Fold {self.kind} {self.title!r}{times}: {len(self.calls)} calls>"


def fold(graph: LayerGraph, tree: Region | None = None) -> Fold:
    """Build the hierarchy of boxes of a graph.

    Parameters
    ----------
    graph : LayerGraph
        With n calls.
    tree : Region, optional
        ``region_tree(graph.successors)``, if it is at hand. It is used where the graph has no open groups.

    Returns
    -------
    Fold
        The root, a group of all calls. It has at most about 40 children, and so has every fold in it, repeats apart.

    Notes
    -----
    About O(n log n). Nothing recurses. Neither names nor shapes nor settings of layers decide what is folded.

    Examples
    --------
    >>> from kerassplit_widget.structure.graph import Call, Tensor
    >>> kinds = ["InputLayer"] + ["Conv2D", "BatchNormalization", "ReLU"] * 4 + ["Dense"]
    >>> made = [(Tensor(f"c{i}", f"c{i}", 0, (None, 8), "float32"),) for i in range(14)]
    >>> calls = tuple(
    ...     Call(f"c{i}", kind, f"c{i}", (f"c{i - 1}",) * bool(i), made[i], is_input=not i)
    ...     for i, kind in enumerate(kinds))
    >>> root = fold(LayerGraph("chain", calls, ("c0",), ("c13",)))
    >>> root.children[1], len(root.children)
    (<Fold repeat 'Conv2D · BatchNormalization · ReLU' ×4: 12 calls>, 3)
    """
    labels = Labels(graph)
    folder = Folder(graph, labels)
    scopes = scopes_of(graph)
    made: dict[str, Item] = {}
    for scope in reversed(scopes):  # inner ones first
        items = _order_scope(scope, made, labels, tree if len(scopes) == 1 else None)
        made[scope.name] = folder.group(items, scope.name)
    return _freeze(graph, made[""])


def _order_scope(scope: Scope, made: dict[str, Item], labels: Labels, tree: Region | None) -> list[Item]:
    """Bring the members of a scope into canonical order, as items."""
    members = [made[member] if isinstance(member, str) else labels.call(member) for member in scope.members]
    return labels.order(region_tree(scope.successors) if tree is None else tree, members)


def _freeze(graph: LayerGraph, root: Item) -> Fold:
    """Build the folds of items, children first."""
    items: list[Item] = []
    stack = [root]
    while stack:
        item = stack.pop()
        items.append(item)
        stack.extend(item.children)
    title = _Titles(graph)
    taken = {*graph.names, *graph.groups, ""}
    built: dict[int, tuple[Fold, tuple[int, ...]]] = {}  # a fold, and its calls in canonical order
    for item in reversed(items):
        if item.kind == "call":
            name = graph.names[item.call]
            built[id(item)] = Fold(name, name, "call", 1, (item.call,)), (item.call,)
            continue
        inner = [built.pop(id(child)) for child in item.children]
        children = title.told_apart(inner)
        calls = tuple(chain.from_iterable(order for _, order in inner))
        if item.kind == "group":
            name = item.group
        else:
            name = f"{graph.names[calls[0]]}…{graph.names[calls[-1]]}"
            while name in taken:
                name += "_"
            taken.add(name)
        kind: FoldKind = "block" if item.kind == "unit" else item.kind
        text = title.of(name, kind, calls, children)
        built[id(item)] = Fold(name, text, kind, item.count, tuple(sorted(calls)), children), calls
    return built[id(root)][0]


class _Titles:
    """Finds titles, those of copies before those of repeats."""

    def __init__(self, graph: LayerGraph) -> None:
        self._graph = graph
        self._named: dict[str, str] = {}  # from the name of a fold to a title that is taken from names
        telling = [call.name for call in graph if not (call.is_input or is_generic(call))]
        self._model = common_title(telling) if len(telling) > 1 else ""

    def of(self, name: str, kind: FoldKind, calls: Sequence[int], children: Sequence[Fold]) -> str:
        inside = [self._graph.calls[number] for number in calls]
        if kind == "group":
            return name.rpartition("/")[2] or self._graph.name
        if kind == "repeat":
            title = common_title([self._of_copy(child) for child in children])
        else:
            title = named_title(inside, self._model)
        self._named[name] = title  # a repeat too may be a copy in a repeat
        return title or kinds_title(inside[: len(inside) // len(children)] if kind == "repeat" else inside)

    def _of_copy(self, copy: Fold) -> str:
        if copy.kind == "call":
            call = self._graph.calls[copy.calls[0]]
            return "" if is_generic(call) else call.name
        return copy.title if copy.kind == "group" else self._named[copy.name]

    def told_apart(self, siblings: Sequence[tuple[Fold, Sequence[int]]]) -> tuple[Fold, ...]:
        """Give other titles to folds beside each other that have the same; each comes with its calls in order."""
        count = Counter(item.title for item, _ in siblings)
        return tuple(
            replace(item, title=self._ends(item, calls))
            if count[item.title] > 1 and item.kind in ("block", "repeat")
            else item
            for item, calls in siblings
        )

    def _ends(self, item: Fold, calls: Sequence[int]) -> str:
        """Name the first and the last copy of a repeat, if these have names, else the first and the last call."""
        ends = [self._of_copy(copy) for copy in (item.children[0], item.children[-1])] if item.kind == "repeat" else []
        # A title such as "mixed" beside "mixed9" is what the names of one copy have in common with those of others.
        if (
            not all(ends)
            or len(set(ends)) < 2
            or any(each.rstrip(digits) in ends for each in ends if each[-1].isdigit())
        ):
            ends = [self._graph.names[calls[0]], self._graph.names[calls[-1]]]
        return range_title(*(name.rpartition("/")[2] for name in ends))
