"""Every solver of the planner against brute force over all chains of heads.

``python -m tests.structure.test_planning 1000`` compares on that many random problems.
"""

import math
import random
import sys

import pytest

from kerassplit_widget.errors import PlanError
from kerassplit_widget.structure.planning import balance, evaluate, latency, memory

from .ideals import (
    best_by_brute_force,
    best_latency_by_brute_force,
    load_between,
    memory_between,
    random_problem,
    random_times,
)

CHUNKS = 30


def solve(solver, *args, **options):
    """Solve, and check that bound and value meet, and that the bound is not above the value."""
    try:
        plan = solver(*args, time_limit=60, **options)
    except PlanError:
        return math.inf, None
    assert plan.status == "optimal" and plan.gap == 0
    assert plan.bound <= plan.value
    assert all(plan.stages)
    return plan.value, plan


def compare(seed):
    """Compare the four solvers with brute force on one random problem."""
    rng = random.Random(seed)
    problem = random_problem(rng)
    parts = rng.randint(1, min(rng.choice((4, 4, 6)), problem.n))
    activations = rng.choice(("none", "none", "peak", "sum"))

    def load(before, after):
        return load_between(problem, before, after)

    def held(before, after):
        return memory_between(problem, before, after, activations)

    close = {"rel": 2e-6, "abs": 1e-9}
    best = best_by_brute_force(problem, parts, load)
    value, plan = solve(balance, problem, parts)
    assert value == pytest.approx(best, **close)
    if plan:
        assert plan.bound <= best * (1 + 1e-12)
        check_loads(problem, plan, load)

    smallest = best_by_brute_force(problem, parts, held)
    value, plan = solve(memory, problem, parts, activations=activations)
    assert value == pytest.approx(smallest, **close)
    if plan:
        assert plan.bound <= smallest * (1 + 1e-12)

    cap = smallest * rng.choice((0.9, 1.0, 1.1, 1.5)) if smallest < math.inf else 5.0
    if cap > 0:
        best = best_by_brute_force(
            problem,
            parts,
            lambda before, after: load(before, after) if held(before, after) <= cap * (1 + 1e-9) else math.inf,
        )
        value, plan = solve(balance, problem, parts, cap=cap, activations=activations)
        assert value == pytest.approx(best, **close)
        if plan:
            assert plan.bound <= best * (1 + 1e-12)
            assert (plan.loads.memory <= cap * (1 + 1e-9)).all()

        fewest = next(
            (k for k in range(1, problem.n + 1) if best_by_brute_force(problem, k, held) <= cap * (1 + 1e-9)), math.inf
        )
        value, plan = solve(memory, problem, cap=cap, activations=activations)
        assert value == fewest
        if plan:
            assert len(plan.stages) == fewest

    if len(problem.pinned) < 2:
        device, server = random_times(problem, rng)
        trip = rng.choice((0.0, 0.5, 2.0))
        best = best_latency_by_brute_force(problem, device, server, trip)
        plan = latency(problem, device, server, round_trip=trip)
        assert plan.value == pytest.approx(best, rel=1e-12, abs=1e-12)


def check_loads(problem, plan, load):
    before = frozenset()
    totals = evaluate(problem, plan.stages).total
    for stage, total in zip(plan.stages, totals, strict=True):
        assert total == pytest.approx(load(before, before | stage))
        before |= stage


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_solver_equals_brute_force(chunk):
    for seed in range(10 * chunk, 10 * chunk + 10):
        try:
            compare(seed)
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise


if __name__ == "__main__":
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    for number in range(many):
        try:
            compare(10_000 + number)
        except Exception:
            print(f"seed {10_000 + number}")
            raise
    print(f"{many} random problems: every solver equals brute force.")
