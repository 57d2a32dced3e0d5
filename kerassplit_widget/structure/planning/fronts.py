"""The cuts in two that are worth looking at: few bytes against an even division."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from kerassplit_widget.structure.planning.folding import Folded, obliged
from kerassplit_widget.structure.planning.intervals import crossing_along, places_to_cut
from kerassplit_widget.structure.planning.latency import Sides, cheapest_head
from kerassplit_widget.structure.planning.orders import topological_orders
from kerassplit_widget.structure.planning.problem import Problem
from kerassplit_widget.structure.planning.reducing import reduce_by_latency, reduce_by_moves

__all__ = ["FrontCut", "front"]

ORDERS = 8
"""Shuffled orders to look along, beside the systematic ones."""
RATES = (0.03, 0.3, 3.0)
"""Exchange rates between the whole cost and the bytes of the leanest cut, at which minimum cuts are taken."""


class FrontCut(NamedTuple):
    """A cut in two.

    Attributes
    ----------
    crossing : float
        Bytes of the computed tensors that cross, each once.
    imbalance : float
        Difference of the costs of both sides, as a share of the total: 0 is even, 1 has everything on one side.
    head : frozenset of int
        Calls before the cut.
    """

    crossing: float
    imbalance: float
    head: frozenset[int]


def front(problem: Problem) -> list[FrontCut]:
    """Find cuts in two such that no other found one has both fewer crossing bytes and a smaller imbalance.

    Looked at are all cuts along a number of topological orders, and minimum cuts at several exchange rates between
    bytes and cost; that is a good picture of the front, not a proof of it. With pinned heads only these are looked at.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    list of FrontCut
        By increasing crossing bytes and decreasing imbalance.

    Examples
    --------
    >>> problem = Problem([1.0, 1.0, 4.0], [(0, 100, (1,)), (1, 40, (2,))])
    >>> [(cut.crossing, round(cut.imbalance, 2), sorted(cut.head)) for cut in front(problem)]
    [(40.0, 0.33, [0, 1])]
    """
    base = obliged(problem)
    if problem.pinned:
        found = [_weighed(base, head) for head in base.problem.pinned]
    else:
        found = []
        for order in topological_orders(base.problem, ORDERS, random.Random(0)):
            found += _along(base.problem, order)
        if found and not problem.single_tensor:
            found += [_weighed(base, head) for head in _minimum_cuts(base, found)]
    return [cut._replace(head=base.unfold([cut.head])[0]) for cut in _undominated(found)]


def _undominated(cuts: list[FrontCut]) -> list[FrontCut]:
    kept: list[FrontCut] = []
    for cut in sorted(cuts, key=lambda cut: (cut.crossing, cut.imbalance, len(cut.head))):
        if not kept or cut.imbalance < kept[-1].imbalance - 1e-12:
            kept.append(cut)
    return kept


def _along(problem: Problem, order: list[int]) -> list[FrontCut]:
    """List the undominated cuts along an order."""
    crossing, _ = crossing_along(problem, order)
    before = np.concatenate([[0.0], np.cumsum(problem.cost[order])])
    lean = np.abs(2 * before - before[-1]) / (before[-1] or 1.0)
    places = places_to_cut(problem, order)[1:-1]
    cuts, least = [], math.inf
    for place in places[np.lexsort((lean[places], crossing[places]))]:
        if lean[place] < least:
            least = lean[place]
            cuts.append(FrontCut(float(crossing[place]), float(least), frozenset(order[:place])))
    return cuts


def _weighed(base: Folded, head: frozenset[int]) -> FrontCut:
    problem = base.problem
    crossing = sum(t.size for t in problem.tensors if t.maker in head and not head.issuperset(t.readers))
    total = float(problem.cost.sum())
    return FrontCut(crossing, abs(2 * float(problem.cost[list(head)].sum()) - total) / (total or 1.0), head)


def _minimum_cuts(base: Folded, found: list[FrontCut]) -> Iterator[frozenset[int]]:
    """Yield heads that minimise bytes plus a price on the cost of the head, or of the tail."""
    free = replace(base, problem=replace(base.problem, raw=(), bandwidth=1.0))
    everywhere, nothing = np.ones(base.whole.n, dtype=bool), np.zeros(base.whole.n)
    crossing = np.array([cut.crossing for cut in found])
    headed = np.array([base.problem.cost[list(cut.head)].sum() for cut in found])
    total = float(base.problem.cost.sum())
    for rate in RATES:
        price = rate * (crossing.min() or 1.0) / (total or 1.0)
        for slow, fast in ((base.whole.cost * price, nothing), (nothing, base.whole.cost * price)):
            side = headed if fast is nothing else total - headed
            small = reduce_by_latency(free, slow, fast, float((crossing + price * side).min()))
            small = reduce_by_moves(small, fast - slow, slow - fast, everywhere)
            if small.problem.n == 1:
                continue
            ends = Sides(frozenset([0]), frozenset([small.problem.n - 1]))
            for calls in cheapest_head(small, slow, fast, ends):
                yield frozenset(base.group[call] for call in calls)
