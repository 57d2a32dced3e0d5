"""Brute force over all chains of heads: what the planner is compared with.

Written from the definitions, on sets, and sharing no code with the planner.
"""

import math

import numpy as np

from kerassplit_widget.structure.planning import Problem


def random_problem(rng, most=9, *, constrained=True):
    """Draw a problem with up to `most` calls; numbers are small and often equal or 0."""
    n = rng.randint(1, most)
    cost = [rng.choice((0, 0, 1, 2, 3, rng.random() * 4)) for _ in range(n)]
    tensors, chance = [], rng.choice((0.15, 0.3, 0.5))
    for maker in range(n):
        for _ in range(rng.choice((1, 1, 1, 2))):
            readers = [reader for reader in range(maker + 1, n) if rng.random() < chance]
            if not readers and maker + 1 < n and rng.random() < 0.7:
                readers = [rng.randrange(maker + 1, min(n, maker + 3))]
            tensors.append((maker, rng.choice((0, 1, 2, 3, 5, rng.random() * 6)), readers))
    weights = [
        (rng.choice((0, 1, 4, 9, rng.random() * 9)), sorted(rng.sample(range(n), min(n, rng.choice((1, 1, 1, 2, 3))))))
        for _ in range(rng.randint(0, n))
    ]
    raw = [
        (rng.choice((0, 2, 6, 10)), sorted(rng.sample(range(n), rng.randint(0, min(2, n)))))
        for _ in range(rng.randint(0, 2))
    ]
    options = {}
    plain = Problem(cost, tensors)
    heads = [head for head in ideals(plain) if 0 < len(head) < n]
    if constrained and heads and rng.random() < 0.4:
        options["single_tensor"] = rng.random() < 0.3
        pins = [head for head in heads if len(crossing_tensors(plain, head)) == 1 or not options["single_tensor"]]
        if pins and rng.random() < 0.4:
            options["pinned"] = [rng.choice(pins)]
            inside = [head for head in pins if head < options["pinned"][0]]
            if inside and rng.random() < 0.3:
                options["pinned"].append(rng.choice(inside))
        if rng.random() < 0.4:
            loose = [head for head in heads if head not in options.get("pinned", ())]
            options["forbidden"] = rng.sample(loose, min(len(loose), rng.randint(1, 4)))
        if rng.random() < 0.4 and "pinned" not in options:
            options["together"] = [rng.sample(range(n), min(n, rng.randint(2, 3)))]
    return Problem(
        cost,
        tensors,
        weights,
        raw,
        bandwidth=rng.choice((math.inf, 0.5, 1.0, 2.0, 10.0)),
        wiring=rng.choice(("direct", "relay")),
        hop=rng.choice((0, 0, 0, 0.5)),
        **options,
    )


def ideals(problem):
    """List all heads, smallest first."""
    makers = [set() for _ in range(problem.n)]
    for tensor in problem.tensors:
        for reader in tensor.readers:
            makers[reader].add(tensor.maker)
    found, fresh = {frozenset()}, [frozenset()]
    while fresh:
        grown = {
            head | {call} for head in fresh for call in range(problem.n) if call not in head and makers[call] <= head
        }
        fresh = list(grown - found)
        found |= grown
    return sorted(found, key=lambda head: (len(head), sorted(head)))


def load_between(problem, before, after):
    """Seconds of the stage that turns one head into another."""
    stage = after - before
    seconds, received = sum(problem.cost[call] for call in stage), False
    for maker, size, readers in problem.tensors:
        if problem.wiring == "direct":
            arrives = maker in before and any(reader in stage for reader in readers)
            leaves = maker in stage and any(reader not in after for reader in readers)
        else:
            arrives = maker in before and any(reader not in before for reader in readers)
            leaves = maker in after and any(reader not in after for reader in readers)
        seconds += (arrives + leaves) * size / problem.bandwidth
        received = received or arrives
    return seconds + problem.hop * received


def memory_between(problem, before, after, activations):
    """Bytes of the stage that turns one head into another."""
    stage = after - before
    weights = sum(size for size, calls in problem.weights if stage & set(calls))
    if activations == "sum":
        return weights + sum(t.size for t in problem.tensors if stage & {t.maker, *t.readers})
    if activations == "none":
        return weights
    # Run the stage: tensors from before are there, each is dropped when nobody needs it any more.
    alive = {i for i, t in enumerate(problem.tensors) if t.maker in before and stage & set(t.readers)}
    peak, left = 0.0, set(stage)
    for call in sorted(stage):
        alive |= {i for i, t in enumerate(problem.tensors) if t.maker == call}
        peak = max(peak, sum(problem.tensors[i].size for i in alive))
        left.discard(call)
        for i in list(alive):
            maker, _, readers = problem.tensors[i]
            keep = maker in stage and (not readers or not set(readers) <= stage)
            if not keep and not left & set(readers):
                alive.discard(i)
    return weights + peak


def crossing_tensors(problem, head):
    """List the tensors that cross after a head."""
    return [tensor for tensor in problem.tensors if tensor.maker in head and not set(tensor.readers) <= head]


def cut_is_allowed(problem, head):
    """Whether a cut there keeps to what was asked."""
    if head in problem.forbidden:
        return False
    return not problem.single_tensor or len(crossing_tensors(problem, head)) == 1


def stage_is_allowed(problem, before, after):
    """Whether a stage divides nothing that must be together, and holds no pinned cut inside."""
    stage = after - before
    return all(group <= stage or not group & stage for group in problem.together) and all(
        pin <= before or after <= pin for pin in problem.pinned
    )


def best_by_brute_force(problem, parts, value):
    """Find the smallest largest ``value(before, after)`` over chains of so many stages; inf if there is none."""
    heads = [head for head in ideals(problem) if not 0 < len(head) < problem.n or cut_is_allowed(problem, head)]
    best = {frozenset(): 0.0}
    memo = {}
    for _ in range(parts):
        step = {}
        for after in heads:
            for before, so_far in best.items():
                if before < after and stage_is_allowed(problem, before, after):
                    if (before, after) not in memo:
                        memo[before, after] = value(before, after)
                    step[after] = min(step.get(after, math.inf), max(so_far, memo[before, after]))
        best = step
    return best.get(frozenset(range(problem.n)), math.inf)


def best_latency_by_brute_force(problem, device, server, round_trip):
    """Find the smallest latency over all heads."""
    best, everything = math.inf, frozenset(range(problem.n))
    for head in ideals(problem):
        if problem.pinned and head not in problem.pinned:
            continue
        proper = 0 < len(head) < problem.n
        if proper and not (cut_is_allowed(problem, head) and stage_is_allowed(problem, head, everything)):
            continue
        crossing = [tensor.size for tensor in crossing_tensors(problem, head)]
        crossing += [size for size, readers in problem.raw if not set(readers) <= head]
        seconds = sum(device[call] for call in head) + sum(server[call] for call in everything - head)
        best = min(best, seconds + sum(crossing) / problem.bandwidth + (round_trip if crossing else 0.0))
    return best


def random_times(problem, rng):
    """Draw seconds for device and server."""
    device = np.array([cost * rng.choice((1, 2, 4)) for cost in problem.cost])
    return device, problem.cost * rng.choice((0.1, 0.5, 1.0))
