"""The best chain of stages: first answers, then windows, then the search that proves."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from kerassplit_widget.errors import PlanError
from kerassplit_widget.structure.planning.aims import PROVED, Aim, Watch
from kerassplit_widget.structure.planning.evaluation import Loads, Solution, evaluate
from kerassplit_widget.structure.planning.folding import Folded
from kerassplit_widget.structure.planning.intervals import Stages, divide_order
from kerassplit_widget.structure.planning.orders import order_along, search_orders
from kerassplit_widget.structure.planning.reducing import reduce_by_limit, reduce_by_moves
from kerassplit_widget.structure.planning.staging import MARGIN, Window, improve, stage_ranges
from kerassplit_widget.structure.planning.windows import improve_in_windows

__all__ = ["best_chain", "check_parts", "least_value", "solved"]

FEW = 5
"""From so many stages on, windows come before the search over all stages at once."""
MOST_BINARIES = 12_000
"""More binaries than this are not given to the search: it would only run out of time."""


def best_chain(base: Folded, parts: int, aim: Aim, watch: Watch) -> Stages | None:
    """Find the best plan with a number of stages.

    Value and bound are reported to `watch`; when nothing keeps to what was asked, the bound becomes infinite.

    Parameters
    ----------
    base : Folded
        As `obliged` makes it, with at least `parts` groups.
    parts : int
    aim : Aim
    watch : Watch

    Returns
    -------
    tuple of frozenset of int or None
        Stages of calls of the whole problem.
    """
    return _Chain(base, parts, aim, watch).solve()


class _Chain:
    """One search; `stages` is the best plan so far, in calls of the whole problem."""

    def __init__(self, base: Folded, parts: int, aim: Aim, watch: Watch) -> None:
        if aim.memory:
            free = replace(base.problem, bandwidth=math.inf, hop=0.0, cost=np.zeros(base.problem.n))
            base = replace(base, problem=free)
        self.base, self.parts, self.aim, self.watch = base, parts, aim, watch
        self.core = self._reduced(base)
        self.stages: Stages | None = None

    def solve(self) -> Stages | None:
        watch = self.watch
        watch.report("arithmetic", bound=least_value(self.base, self.parts, self.aim) * (1 - 1e-12))
        level = self.core if self.core.problem.n >= self.parts else self.base
        self._take(level, search_orders(level, self.parts, self.aim, watch))
        if self.stages is None and level is not self.base:
            level = self.base
            self._take(level, search_orders(level, self.parts, self.aim, watch))
        if self._done:
            return self.stages
        if self.stages is not None and self.parts >= FEW:
            groups = tuple(frozenset(level.group[call] for call in stage) for stage in self.stages)
            self._take(level, improve_in_windows(level, groups, self.aim, watch, watch.left / 2))
        if self.core.problem.n < self.base.problem.n and not self._done:
            # Moves may empty a stage: what this finds is a bound, and nearly always the optimum too.
            self._search(self.core, filled=False)
        if not self._done:
            self._search(self.base, filled=True)
        return self.stages

    @property
    def _done(self) -> bool:
        return self.watch.stopped or self.watch.settled

    def _reduced(self, folded: Folded) -> Folded:
        """Merge what an optimal plan over at most so many stages need not separate."""
        problem, aim = folded.whole, self.aim
        if problem.single_tensor or (aim.weighs and aim.activations != "none"):
            return folded
        movable = np.ones(problem.n, dtype=bool)
        if aim.weighs:
            for size, calls in problem.weights:
                if size:
                    movable[list(calls)] = False
        cost = np.zeros(problem.n) if aim.memory else problem.cost
        return reduce_by_moves(folded, cost, cost, movable)

    def _take(self, folded: Folded, stages: Stages | None) -> None:
        """Keep a plan if it is complete and better, in calls of the whole problem."""
        if stages is None:
            return
        if all(stages):
            whole = folded.unfold(stages)
        else:
            groups = tuple(frozenset(self.base.group[call] for call in stage) for stage in folded.unfold(stages))
            found = divide_order(self.base, order_along(self.base.problem, groups), self.aim, self.parts)
            if found is None:
                return
            whole = self.base.unfold(found[1])
        value = self.aim.value(folded.whole, whole)
        best = math.inf if self.stages is None else self.aim.value(folded.whole, self.stages)
        if value < best:
            self.stages = whole
            self.watch.report("search", value=value)

    def _search(self, folded: Folded, *, filled: bool) -> None:
        watch, aim, parts = self.watch, self.aim, self.parts
        limit = watch.value
        if not aim.memory and limit < math.inf:
            try:
                folded = self._reduced_by_limit(folded, limit * (1 - MARGIN), filled=filled)
            except PlanError:  # a better plan could not have the pinned cuts
                watch.report("search", bound=limit * (1 - MARGIN))
                return
        ranges = stage_ranges(folded.problem, parts, limit, aim)
        if ranges is None or (filled and folded.problem.n < parts):
            watch.report("search", bound=limit * (1 - MARGIN))
            return
        if sum(last - first for first, last in zip(*ranges, strict=True)) > MOST_BINARIES:
            return
        window = Window(*ranges, range(parts), filled=filled)
        bound = improve(
            folded,
            parts,
            aim,
            window,
            watch,
            lambda stages: self._take(folded, stages),
            limit=limit,
            bound=watch.bound,
        )
        watch.report("search", bound=bound)

    def _reduced_by_limit(self, folded: Folded, limit: float, *, filled: bool) -> Folded:
        while True:
            smaller = reduce_by_limit(folded, limit)
            if not filled:
                smaller = self._reduced(smaller)
            if smaller.problem.n == folded.problem.n:
                return folded
            folded = smaller


def check_parts(base: Folded, parts: int) -> None:
    """Refuse a number of stages that cannot be.

    Raises
    ------
    PlanError
    """
    calls, groups = base.whole.n, base.problem.n
    if parts < 1 or parts != int(parts):
        raise PlanError(f"{parts} parts were asked for: ask for a whole number, at least 1.")
    if parts > groups:
        what = (
            f"there are only {calls} calls" if groups == calls else f"the calls that may be parted form {groups} groups"
        )
        raise PlanError(f"{parts} parts were asked for, but {what}: ask for at most {groups}.")
    pins = len(set(base.whole.pinned))
    if parts <= pins:
        what = "1 cut is" if pins == 1 else f"{pins} cuts are"
        raise PlanError(f"{parts} parts were asked for, but {what} pinned: ask for at least {pins + 1}.")


def least_value(base: Folded, parts: int, aim: Aim) -> float:
    """Bound the objective by simple arithmetic: the average stage, and the largest single group."""
    problem, whole = base.problem, base.whole
    if not aim.memory:
        return float(max(problem.cost.sum() / parts, problem.cost.max()))
    weights = np.zeros(problem.n)
    for size, calls in problem.weights:
        weights[list(calls)] += size
    total = sum(size for size, _ in problem.weights)
    touched = np.zeros(whole.n)
    if aim.activations != "none":
        for maker, size, readers in whole.tensors:
            touched[[maker, *readers]] += size
    if aim.activations == "sum":
        total += sum(size for _, size, _ in whole.tensors)
        alone = evaluate(whole, base.unfold([[g] for g in range(problem.n)]), activations="sum").memory
        return max(total / parts, float(alone.max()))
    alone = weights + np.array([touched[list(calls)].max() for calls in base.members])
    return max(total / parts, float(alone.max()))


def solved(objective: str, value: float, bound: float, stages: Stages, loads: Loads, watch: Watch) -> Solution:
    """Put together what was found and what is proved about it."""
    bound = min(bound, value)
    gap = (value - bound) / value if value > 0 else 0.0
    if gap <= PROVED:
        return Solution(objective, value, bound, 0.0, stages, loads, "optimal")
    if watch.left == 0:
        why = "time limit"
    elif watch.stopped:
        why = "cancelled"
    else:
        why = "not proved"
    return Solution(objective, value, bound, gap, stages, loads, f"{why}: within {gap:.1%}".replace("%", " %"))
