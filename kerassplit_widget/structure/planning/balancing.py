"""The objectives over a chain of stages: balance, and memory."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from kerassplit_widget.errors import PlanError
from kerassplit_widget.structure.planning.aims import Aim, Progress, Watch
from kerassplit_widget.structure.planning.chains import best_chain, check_parts, least_value, solved
from kerassplit_widget.structure.planning.evaluation import Solution, evaluate
from kerassplit_widget.structure.planning.folding import Folded, obliged
from kerassplit_widget.structure.planning.intervals import Stages, divide_order
from kerassplit_widget.structure.planning.orders import topological_orders
from kerassplit_widget.structure.planning.problem import Activations, Problem, one_of

__all__ = ["balance", "memory"]

TIME_LIMIT = 20.0
"""Seconds."""


def balance(
    problem: Problem,
    parts: int,
    *,
    cap: float = math.inf,
    activations: Activations = "none",
    time_limit: float = TIME_LIMIT,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Solution:
    """Divide the calls into stages such that the largest load is small.

    A first plan comes from the best division of many topological orders; HiGHS then improves it and proves a bound.

    Parameters
    ----------
    problem : Problem
    parts : int
        Number of stages; none is empty.
    cap : float
        Bytes that no stage may hold more of; see `evaluate` for what counts.
    activations : {"none", "peak", "sum"}
        How activations count in the bytes held.
    time_limit : float
        Seconds.
    progress : callable, optional
        Called with value, bound and a text whenever one of them improves.
    cancelled : callable, optional
        Polled; when it returns true, the best plan so far is returned.

    Returns
    -------
    Solution
        Its value is the largest load, in seconds.

    Raises
    ------
    PlanError
        If there is no such plan. With a cap the message names the smallest that works.

    References
    ----------
    J. M. Tarnawski et al., "Efficient Algorithms for Device Placement of DNN Graph Operators", NeurIPS 2020: loads,
    and integer programs for them. The nested binaries are those of precedence-constrained scheduling.

    Examples
    --------
    >>> problem = Problem([2.0, 3.0, 1.0], [(0, 100, (1, 2)), (1, 10, (2,))], bandwidth=100)
    >>> plan = balance(problem, 2)
    >>> plan.value, [sorted(stage) for stage in plan.stages], plan.status
    (5.0, [[0], [1, 2]], 'optimal')
    """
    aim = Aim(cap=_cap(cap), activations=_activations(activations))
    base = obliged(problem)
    check_parts(base, parts)
    watch = Watch(time_limit, progress, cancelled)
    if cap < least_value(base, parts, Aim(memory=True, activations=activations)) * (1 - 1e-12):
        raise _too_small(base, cap, parts, activations, watch)
    stages = best_chain(base, parts, aim, watch)
    if stages is None:
        if watch.bound == math.inf and cap < math.inf:
            raise _too_small(base, cap, parts, activations, watch)
        raise _none_found(parts, watch)
    loads = evaluate(problem, stages, activations=activations)
    return solved("balance", aim.value(problem, stages), watch.bound, stages, loads, watch)


def memory(
    problem: Problem,
    parts: int | None = None,
    *,
    cap: float = math.inf,
    activations: Activations = "none",
    time_limit: float = TIME_LIMIT,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Solution:
    """Divide the calls into stages that hold few bytes.

    Parameters
    ----------
    problem : Problem
        Its costs and links do not matter.
    parts : int, optional
        Number of stages: the largest holds as little as possible. None: as few stages as the cap allows.
    cap, activations, time_limit, progress, cancelled
        As for `balance`. Without `parts`, a cap is needed.

    Returns
    -------
    Solution
        Its value is the largest memory of a stage in bytes; without `parts`, the number of stages.

    Raises
    ------
    PlanError
        If there is no such plan. The message names the smallest cap that works.

    Examples
    --------
    >>> problem = Problem([1.0, 1.0, 1.0], [(0, 8, (1,)), (1, 8, (2,))], [(30, (0,)), (20, (1,)), (40, (2,))])
    >>> memory(problem, 2).value, memory(problem, cap=64).value
    (50.0, 2.0)
    """
    _activations(activations)
    _cap(cap)
    base = obliged(problem)
    watch = Watch(time_limit, progress, cancelled)
    if parts is None:
        return _fewest(base, cap, activations, watch)
    check_parts(base, parts)
    aim = Aim(memory=True, activations=activations)
    stages = best_chain(base, parts, aim, watch)
    if stages is None:
        raise _none_found(parts, watch)
    value = aim.value(problem, stages)
    if value > cap * (1 + 1e-12):
        raise _too_small(base, cap, parts, activations, watch) if watch.bound > cap else _none_found(parts, watch)
    loads = evaluate(problem, stages, activations=activations)
    return solved("memory", value, watch.bound, stages, loads, watch)


def _fewest(base: Folded, cap: float, activations: Activations, watch: Watch) -> Solution:
    """Find the smallest number of stages that keep to a cap, trying one number after the other."""
    if cap == math.inf:
        raise PlanError("Neither a number of parts nor a cap was given: say which, or both.")
    problem, aim = base.whole, Aim(memory=True, cap=cap, activations=activations)
    if cap < least_value(base, base.problem.n, aim) * (1 - 1e-12):
        raise _too_small(base, cap, None, activations, watch)
    best: Stages | None = None
    for order in topological_orders(base.problem, 6, random.Random(0)):
        found = divide_order(base, order, aim)
        if found is not None and (best is None or len(found[1]) < len(best)):
            best = base.unfold(found[1])
            watch.report("orders", value=len(best))
    for parts in range(len(set(problem.pinned)) + 1, base.problem.n + 1):
        watch.report("search", bound=parts)
        if watch.stopped or (best is not None and parts >= len(best)):
            break
        if least_value(base, parts, aim) > cap * (1 + 1e-12):
            continue
        trial = Watch(watch.left, None, watch.cancelled, enough=cap)
        stages = best_chain(base, parts, aim, trial)
        if stages is not None:
            best = stages
            watch.report("search", value=parts)
            break
        if trial.bound < math.inf:
            break  # neither found nor refuted in the time there was
    if best is None:
        if watch.bound >= base.problem.n:
            raise _too_small(base, cap, None, activations, watch)
        raise _none_found(None, watch)
    loads = evaluate(problem, best, activations=activations)
    return solved("fewest", float(len(best)), watch.bound, best, loads, watch)


def _cap(cap: float) -> float:
    if not cap > 0:  # also refuses NaN
        raise PlanError(f"The cap is {cap:g}: give bytes, more than 0.")
    return cap


def _activations(activations: Activations) -> Activations:
    return one_of("way to count activations", activations, ("none", "peak", "sum"))


def _none_found(parts: int | None, watch: Watch) -> PlanError:
    many = "any number of parts" if parts is None else f"{parts} part{'s' if parts > 1 else ''}"
    if watch.bound == math.inf:
        return PlanError(
            f"No plan with {many} keeps to everything asked: release a pinned or forbidden cut, calls that must "
            "stay together, or the wish for a single tensor at each cut."
        )
    return PlanError(f"No plan with {many} was found before the search was stopped: give it more time.")


def _too_small(base: Folded, cap: float, parts: int | None, activations: Activations, watch: Watch) -> PlanError:
    """Say which cap would do, for a number of parts or for any."""
    problem = base.whole
    if parts is None:
        parts = base.problem.n
        where = "however many parts there are"
    else:
        where = f"in {parts} part{'s' if parts > 1 else ''}"
    asked = f"No plan keeps to the cap of {cap:,.0f} bytes {where}"
    aim = Aim(memory=True, activations=activations)
    trial = Watch(max(watch.left, 1.0), None, watch.cancelled)
    stages = best_chain(base, parts, aim, trial)
    if stages is None:
        return PlanError(f"{asked}.")
    least = aim.value(problem, stages)
    proved = "the smallest that works is" if trial.settled else "one that works is"
    return PlanError(f"{asked}; {proved} {math.ceil(least):,} bytes.")
