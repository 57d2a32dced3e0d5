"""The search for a drawing of a core with few crossings: which levels, which trunks, which order.

Several *drafts*, one for every way to choose levels and trunks, are improved side by side. After
each round the worse half is given up and the steps of the next round go to the others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random
from types import MappingProxyType

from kerassplit_widget.structure.layout.layered import LayeredGraph, bundled, layered_graph
from kerassplit_widget.structure.layout.levels import levelings
from kerassplit_widget.structure.layout.ordering import Order
from kerassplit_widget.structure.layout.sweeping import swept

__all__ = ["Effort", "ordered"]

_TRIED = 0.35  # share of the steps that goes into trying many drafts
_DRAFTS = 48  # of one core, at most
_STEPS = 400_000  # for one core at most
_STEPS_PER_ITEM = 12_000
_LEAST_PER_ITEM = 40  # even when the steps of the whole graph are used up
_HUGE = 2_000  # items of a core, for each further one of which there are only
_STEPS_PER_FURTHER = 8
_WHOLE = 2_400_000  # steps for one graph, fewer
_LARGE = 2_000  # if it has more calls, but not fewer than
_LEAST = 60_000


class Effort:
    """What may still be spent on the cores of one graph of so many calls, in steps."""

    def __init__(self, calls: int) -> None:
        shrunk = (_LARGE / max(_LARGE, calls)) ** 3
        self.left = max(_LEAST, int(_WHOLE * shrunk))

    def share(self, items: int) -> int:
        """Take what one core of so many items may use."""
        further = max(0, items - _HUGE)
        least = _LEAST_PER_ITEM * (items - further) + _STEPS_PER_FURTHER * further
        steps = min(_STEPS, _STEPS_PER_ITEM * items, self.left // 3)
        steps = max(steps, least) if not further else least
        self.left -= steps
        return steps


@dataclass(slots=True)
class _Draft:
    """A layered graph with its order."""

    order: Order
    random: Random

    def rank(self) -> tuple[int, int]:
        """Tell what makes a draft good: few crossings, then few dummies."""
        return self.order.crossings, len(self.order.graph.level)

    def bundle(self, steps: int) -> int:
        """Bundle lines and settle them; tell how many steps that took."""
        graph, rows = bundled(self.order.graph, self.order.rows())
        if len(graph.level) == len(self.order.graph.level):
            return 0
        self.order = Order(graph, self.random, rows, self.order.still, self.order.ports)
        self.order.settle(steps)
        return self.order.steps


def ordered(
    successors: Sequence[Sequence[int]],
    drawn: Sequence[Sequence[int]],
    rows: Sequence[int],
    trunks: Collection[int],
    steps: int,
    pinned: Sequence[int] = (),
    ports: Mapping[int, Sequence[int]] = MappingProxyType({}),
    *,
    fixed: bool = False,
) -> tuple[LayeredGraph, list[list[int]], int]:
    """Choose levels and trunks for a core, and the order on each level.

    Parameters
    ----------
    successors : sequence of sequences of int
        Edges between the items of the core.
    drawn : sequence of sequences of int
        Those edges that are drawn.
    rows : sequence of int
        How many rows each item takes.
    trunks : collection of int
        Items whose lines must run in one trunk.
    steps : int
        What may be spent, roughly.
    pinned : sequence of int
        Items that stand on the first level, alone.
    ports : mapping of int to sequence of int
        For some items the order in which lines should come to them from left to right, by producer.
    fixed : bool
        Whether pinned items stand in this order.

    Returns
    -------
    graph : LayeredGraph
    rows : list of list of int
        The nodes of each level from left to right.
    crossings : int
    """
    random = Random(3)  # the same for every core: equal cores are ordered equally
    ways = (
        (levels, together)
        for heights in (rows, [1] * len(rows))
        for levels in levelings(successors, drawn, heights, steps // 4, pinned)
        for together in (True, False)
    )
    best: dict[bool, _Draft] = {}  # with and without trunks, because neither easily becomes the other
    left = steps
    for levels, together in islice(cycle(ways), _DRAFTS):
        graph = layered_graph(drawn, *levels, range(len(rows)) if together else trunks)
        start, spent = swept(graph, random, left // 8)
        if fixed:
            start[1] = list(pinned)
        draft = _Draft(Order(graph, random, start, pinned if fixed else (), ports), random)
        draft.order.settle(left // 2)
        left -= spent + draft.order.steps
        left -= draft.bundle(left // 2)
        best[together] = min(best.get(together, draft), draft, key=_Draft.rank)
        if left < (1 - _TRIED) * steps or not draft.order.crossings:
            break
    drafts = sorted(best.values(), key=_Draft.rank)
    while left > 0 and drafts[0].order.crossings:
        share = left // (2 * len(drafts)) if len(drafts) > 1 else left
        for draft in drafts:
            draft.order.improve(share)
            draft.bundle(share)
        left -= max(1, share * len(drafts))
        drafts.sort(key=_Draft.rank)
        del drafts[(len(drafts) + 1) // 2 :]
    best_order = drafts[0].order
    return best_order.graph, best_order.rows(), best_order.crossings
