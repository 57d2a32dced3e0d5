"""Items: calls, groups and regions in canonical order, with labels that tell which are alike."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import Literal, TypeAlias

from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.regions.tree import Region

__all__ = ["Item", "Labels", "reads_of"]

_BRANCHES = 6
"""So many like branches side by side are a repeat."""

ItemKind: TypeAlias = Literal["call", "unit", "block", "repeat", "group"]


@dataclass(slots=True, eq=False)
class Item:
    """A stretch of the canonical order.

    Attributes
    ----------
    kind : {"call", "unit", "block", "repeat", "group"}
        A *unit* is a parallel region or core with the call that joins it.
    label : int
        Equal for items that are built alike inside.
    size : int
        Number of calls.
    children : list of Item
        In canonical order.
    call : int
        Number of the call, of a call.
    count : int
        Number of copies, of a repeat.
    group : str
        Name of the group, of a group.
    """

    kind: ItemKind
    label: int
    size: int
    children: list[Item] = field(default_factory=list)
    call: int = -1
    count: int = 1
    group: str = ""

    def calls(self) -> Iterator[int]:
        """Yield the numbers of the calls in canonical order."""
        stack = [self]
        while stack:
            item = stack.pop()
            if item.kind == "call":
                yield item.call
            stack.extend(reversed(item.children))


@dataclass(slots=True)
class _Ordered:
    """A region in canonical order."""

    label: int
    size: int
    items: list[Item]

    def as_item(self) -> Item:
        """Make one item of it."""
        return self.items[0] if len(self.items) == 1 else Item("block", self.label, self.size, self.items)


def reads_of(predecessors: Sequence[Sequence[int]], calls: Sequence[int]) -> list[list[int]]:
    """Tell for each of some calls, in canonical order, how far before it those lie that it reads; 0 is outside."""
    place = {number: i for i, number in enumerate(calls)}
    return [
        sorted({i - place[source] if source in place else 0 for source in predecessors[number]})
        for i, number in enumerate(calls)
    ]


class Labels:
    """Gives equal numbers to equal structures. The state of one folding."""

    def __init__(self, graph: LayerGraph) -> None:
        self._graph = graph
        self._known: dict[Hashable, int] = {}

    def of(self, *structure: Hashable) -> int:
        """Label a structure that is described by labels of its pieces."""
        return self._known.setdefault(structure, len(self._known))

    def call(self, number: int) -> Item:
        """Make the item of a call. Its kind, and whether it has parameters, decide; names and shapes do not."""
        call = self._graph.calls[number]
        return Item("call", self.of("call", call.kind, call.params > 0, call.is_input), 1, call=number)

    def order(self, tree: Region, members: Sequence[Item]) -> list[Item]:
        """Bring the members of a scope into canonical order, regions with the call that joins them as units.

        Parameters
        ----------
        tree : Region
            The region tree of the graph between the members.
        members : sequence of Item

        Returns
        -------
        list of Item
        """
        done: dict[int, _Ordered] = {}
        for region in reversed(list(tree.walk())):
            inner = {id(child): done.pop(id(child)) for child in region.regions}
            if region.kind == "series":
                done[id(region)] = self._series(region, inner, members)
            elif region.kind == "parallel":
                done[id(region)] = self._parallel(region, inner)
            else:
                done[id(region)] = self._core(region, inner, members)
        return done[id(tree)].items

    def _series(self, region: Region, inner: dict[int, _Ordered], members: Sequence[Item]) -> _Ordered:
        items: list[Item] = []
        waiting: _Ordered | None = None
        for child in region.children:
            if isinstance(child, Region):
                waiting = inner[id(child)]
            elif waiting is not None and waiting.items:
                join = members[child]
                items.append(
                    Item(
                        "unit",
                        self.of("unit", waiting.label, join.label),
                        waiting.size + join.size,
                        [*waiting.items, join],
                    )
                )
                waiting = None
            else:
                items.append(members[child])
                waiting = None
        if waiting is not None and len(waiting.items) > 1:
            items.append(Item("unit", self.of("unit", waiting.label), waiting.size, waiting.items))
        elif waiting is not None:
            items += waiting.items
        label = self.of("series", *(item.label for item in items))
        return _Ordered(label, sum(item.size for item in items), items)

    def _parallel(self, region: Region, inner: dict[int, _Ordered]) -> _Ordered:
        branches = sorted(
            (inner[id(child)] for child in region.regions), key=lambda branch: (-branch.size, branch.label)
        )
        items: list[Item] = []
        for label, like in groupby(branches, key=lambda branch: branch.label):
            copies = list(like)
            if len(copies) >= _BRANCHES and self._are_alike(copies):
                children = [copy.as_item() for copy in copies]
                size = sum(copy.size for copy in copies)
                items.append(
                    Item("repeat", self.of("side by side", len(copies), label), size, children, count=len(copies))
                )
            else:
                items += chain.from_iterable(copy.items for copy in copies)
        whole = self.of("parallel", *(branch.label for branch in branches))
        return _Ordered(whole, sum(branch.size for branch in branches), items)

    def _are_alike(self, branches: Sequence[_Ordered]) -> bool:
        """Tell whether branches of one label are wired alike also into and out of the groups in them."""
        shapes = [
            reads_of(self._graph.predecessors, list(branch.as_item().calls())) for branch in branches if branch.items
        ]
        return bool(shapes) and all(shape == shapes[0] for shape in shapes)

    def _core(self, region: Region, inner: dict[int, _Ordered], members: Sequence[Item]) -> _Ordered:
        """Order a core so that each call comes as soon as all it needs is there, the longest way to it first."""
        into: dict[int, list[tuple[int, _Ordered]]] = {call: [] for call in region.own_calls}
        into[region.exit] = []
        length = {region.entry: 0}  # of the longest way from the entry, in calls
        for child in region.children:  # edges come before the call they lead to
            if isinstance(child, Region):
                into[child.exit].append((child.entry, inner[id(child)]))
            else:
                length[child] = max(length[a] + edge.size for a, edge in into[child]) + members[child].size
        # Where there is no common end, what ends early (an auxiliary head) is a side branch: it comes first.
        sign = 1 if region.exit == len(members) else -1
        order: list[Item] = []
        shape: list[Hashable] = []
        place = {region.entry: -1}
        # A call is met twice: to bring what it needs before it, and to be put into the order.
        stack: list[tuple[int, _Ordered | None, bool]] = [(region.exit, None, False)]
        while stack:
            call, edge, ready = stack.pop()
            if edge is not None:
                order += edge.items
            elif ready:
                if call != region.exit:
                    place[call] = len(place)
                    order.append(members[call])
                    shape.append(members[call].label)
                shape.append(tuple(sorted((place[a], e.label) for a, e in into[call])))
            elif call not in place:
                stack.append((call, None, True))
                wanted = sorted(
                    into[call], key=lambda way: (sign * (length[way[0]] + way[1].size), way[1].label, way[0])
                )
                for a, series in reversed(wanted):
                    if series.items:
                        stack.append((a, series, True))
                    if a not in place:
                        stack.append((a, None, False))
        return _Ordered(self.of("core", *shape), sum(item.size for item in order), order)
