"""First answers: many topological orders, and on each the best plan whose stages are intervals of it."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterator, Sequence

from kerassplit_widget.structure.planning.aims import Aim, Watch
from kerassplit_widget.structure.planning.folding import Folded
from kerassplit_widget.structure.planning.intervals import Stages, divide_order
from kerassplit_widget.structure.planning.problem import Problem

__all__ = ["order_along", "search_orders", "topological_orders"]


def search_orders(folded: Folded, parts: int, aim: Aim, watch: Watch, *, tries: int = 24) -> Stages | None:
    """Find a good plan quickly.

    Parameters
    ----------
    folded : Folded
    parts : int
        Number of stages, none of them empty.
    aim : Aim
    watch : Watch
    tries : int
        Orders to try beside the systematic ones: half of them at random, half as variations of the best.

    Returns
    -------
    tuple of frozenset of int or None
        Stages of groups of `folded`. None if no order has a plan that keeps to what was asked.
    """
    problem = folded.problem
    best: Stages | None = None
    value = math.inf
    rng = random.Random(0)
    for order in topological_orders(problem, tries // 2, rng):
        found = divide_order(folded, order, aim, parts)
        if found is not None and found[0] < value:
            value, best = found
            watch.report("orders", value=value)
        if watch.stopped or watch.settled:
            return best
    for _ in range(tries - tries // 2):
        if best is None or watch.stopped or watch.settled:
            break
        found = divide_order(folded, order_along(problem, best, rng), aim, parts)
        if found is not None and found[0] < value:
            value, best = found
            watch.report("orders", value=value)
    return best


def topological_orders(problem: Problem, shuffled: int, rng: random.Random) -> Iterator[list[int]]:
    """Yield topological orders in which the pinned heads come first.

    As numbered; by depth from the sources, to the sinks, and between; depth first; breadth first; and a number of
    depth first ones with shuffled choices.
    """
    n = problem.n
    depth, height = [0] * n, [0] * n
    for call, makers in enumerate(problem.predecessors):
        depth[call] = max((depth[maker] + 1 for maker in makers), default=0)
    for call in reversed(range(n)):
        height[call] = max((height[reader] + 1 for reader in problem.successors[call]), default=0)
    yield _by_key(problem, range(n))
    yield _by_key(problem, depth)
    yield _by_key(problem, [-steps for steps in height])
    yield _by_key(problem, [d - h for d, h in zip(depth, height, strict=True)])
    yield _by_choice(problem, lambda ready: ready - 1)
    yield _by_choice(problem, lambda ready: 0)
    for _ in range(shuffled):
        yield _by_choice(problem, lambda ready: rng.randrange(max(0, ready - 3), ready))


def order_along(problem: Problem, stages: Stages, rng: random.Random | None = None) -> list[int]:
    """Order topologically, stage by stage; with `rng` some calls change to a stage nearby."""
    at = {call: float(s) for s, stage in enumerate(stages) for call in stage}
    width = rng.choice((0.3, 0.6, 1.2)) if rng else 0.0
    return _by_key(problem, [at[call] + (rng.gauss(0, width) if rng else 0.0) for call in range(problem.n)])


def _phases(problem: Problem) -> list[int]:
    """Count for each call the pinned heads that it is not in."""
    return [sum(call not in head for head in problem.pinned) for call in range(problem.n)]


def _by_key(problem: Problem, key: Sequence[float]) -> list[int]:
    """Order topologically; of the calls that are ready the one with the smallest key is next."""
    phase = _phases(problem)
    waits = [len(makers) for makers in problem.predecessors]
    ready = [(phase[call], key[call], call) for call in range(problem.n) if not waits[call]]
    heapq.heapify(ready)
    order = []
    while ready:
        call = heapq.heappop(ready)[2]
        order.append(call)
        for reader in problem.successors[call]:
            waits[reader] -= 1
            if not waits[reader]:
                heapq.heappush(ready, (phase[reader], key[reader], reader))
    return order


def _by_choice(problem: Problem, choose: Callable[[int], int]) -> list[int]:
    """Order topologically; `choose` says which of so many calls that are ready is next, the newest being last."""
    phase = _phases(problem)
    waits = [len(makers) for makers in problem.predecessors]
    ready: list[list[int]] = [[] for _ in range(len(problem.pinned) + 1)]
    for call in range(problem.n):
        if not waits[call]:
            ready[phase[call]].append(call)
    order: list[int] = []
    while len(order) < problem.n:
        first = next(calls for calls in ready if calls)
        call = first.pop(choose(len(first)))
        order.append(call)
        for reader in problem.successors[call]:
            waits[reader] -= 1
            if not waits[reader]:
                ready[phase[reader]].append(reader)
    return order
