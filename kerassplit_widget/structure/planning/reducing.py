"""Which calls an optimal plan need not separate."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kerassplit_widget.structure.planning.folding import Folded, fold
from kerassplit_widget.structure.planning.problem import Floats, Problem

__all__ = ["reduce_by_latency", "reduce_by_limit", "reduce_by_moves"]


def reduce_by_moves(folded: Folded, later: Floats, earlier: Floats, movable: Floats) -> Folded:
    """Merge calls that may be moved to a neighbour without making any plan worse, until none is left.

    *Late:* everything that call u makes is read by call v only. In a plan that separates them u may be moved to the
    stage of v: there u's inputs arrive instead of its outputs. If u's cost and inputs take no longer than its outputs,
    no stage becomes worse (direct and relay alike: what crossed as output now crosses as input).

    *Early:* v reads only what u makes. Moved to the stage of u, v's outputs leave it instead of those tensors that
    nobody else reads. If v's cost and outputs take no longer than these, no stage becomes worse.

    A plan of k stages may lose a stage by this, so the optimum that is kept is that over *at most* k stages.

    Parameters
    ----------
    folded : Folded
    later, earlier : array of float, shape (n of the whole problem,)
        What it costs, in seconds, to have a call one stage later or earlier: its cost.
    movable : array of bool, shape (n of the whole problem,)
        Whether a call may be moved at all.

    Returns
    -------
    Folded
    """
    while True:
        late, early = folded.summed(later), folded.summed(earlier)
        free = np.array([all(movable[list(calls)]) for calls in folded.members])
        taken = np.zeros(folded.problem.n, dtype=bool)
        merges = []
        for u, v in _moves(folded.problem, late, early, free):
            if not (taken[u] or taken[v]):
                taken[[u, v]] = True
                merges.append((u, v))
        if not merges:
            return folded
        folded = fold(folded, merges)


def _moves(problem: Problem, late: Floats, early: Floats, free: Floats) -> Iterator[tuple[int, int]]:
    """Yield pairs (maker, reader) that need not be separated."""
    made, read, alone = np.zeros(problem.n), np.zeros(problem.n), np.zeros(problem.n)
    for (maker, _, readers), seconds in zip(problem.tensors, problem.seconds, strict=True):
        if readers:
            made[maker] += seconds
            read[list(readers)] += seconds
        if len(readers) == 1:
            alone[readers[0]] += seconds
    for size, readers in problem.raw:
        # Only counted by latency; elsewhere it makes the rule a little more careful than it needs to be.
        read[list(readers)] += size / problem.bandwidth
    for u, followers in enumerate(problem.successors):
        if len(followers) == 1 and free[u] and late[u] + read[u] <= made[u]:
            v = followers[0]
            if _same_side(problem, u, v) and not _hits_forbidden(problem, u, v, late=True):
                yield u, v
    for v, makers in enumerate(problem.predecessors):
        if len(makers) == 1 and free[v] and early[v] + made[v] <= alone[v]:
            u = makers[0]
            if _same_side(problem, u, v) and not _hits_forbidden(problem, u, v, late=False):
                yield u, v


def _same_side(problem: Problem, u: int, v: int) -> bool:
    return all((u in head) == (v in head) for head in problem.pinned)


def _hits_forbidden(problem: Problem, u: int, v: int, *, late: bool) -> bool:
    """Tell whether moving u to v (late), or v to u, could turn an allowed cut into a forbidden one."""
    for head in problem.forbidden:
        if late and u not in head and v not in head and head.issuperset(problem.predecessors[u]):
            return True
        if not late and v in head and u in head and head.isdisjoint(problem.successors[v]):
            return True
    return False


def reduce_by_limit(folded: Folded, limit: float) -> Folded:
    """Merge calls that every plan with loads below a limit keeps together, until none is left.

    If a tensor crosses, the stage that sends it has the maker's cost, that transfer, and for each maker before it
    either the transfer of what it reads from there or that maker's cost. The same holds where it is received.

    Parameters
    ----------
    folded : Folded
    limit : float
        Seconds. Only plans all of whose loads are smaller matter.

    Returns
    -------
    Folded
    """
    while True:
        merges = list(_inseparable(folded.problem, limit))
        if not merges:
            return folded
        folded = fold(folded, merges)


def _inseparable(problem: Problem, limit: float) -> Iterator[tuple[int, ...]]:
    link: dict[tuple[int, int], float] = {}
    for (maker, _, readers), seconds in zip(problem.tensors, problem.seconds, strict=True):
        for reader in readers:
            link[maker, reader] = link.get((maker, reader), 0.0) + seconds
    feed = np.zeros(problem.n)  # the least a stage with this call pays for its inputs
    for (maker, reader), seconds in link.items():
        feed[reader] += min(problem.cost[maker], seconds)
    for (maker, _, readers), seconds in zip(problem.tensors, problem.seconds, strict=True):
        if readers and problem.cost[maker] + feed[maker] + seconds >= limit:
            yield (maker, *readers)
    for (maker, reader), seconds in link.items():
        other = feed[reader] - min(problem.cost[maker], seconds)
        if problem.cost[reader] + other + seconds + problem.hop >= limit:
            yield maker, reader


def reduce_by_latency(folded: Folded, slow: Floats, fast: Floats, limit: float) -> Folded:
    """Merge calls between which there is no cut with a latency up to a limit.

    If a tensor crosses to a reader, the device has all that comes before its maker, and the server all that comes
    behind the reader.

    Parameters
    ----------
    folded : Folded
    slow, fast : array of float, shape (n of the whole problem,)
        Seconds on device and server.
    limit : float
        Seconds.

    Returns
    -------
    Folded
    """
    problem = folded.problem
    before, behind = problem.before(folded.summed(slow)), problem.behind(folded.summed(fast))
    merges = [
        (maker, reader)
        for (maker, _, readers), seconds in zip(problem.tensors, problem.seconds, strict=True)
        for reader in readers
        if before[maker] + seconds + behind[reader] > limit * (1 + 1e-9)
    ]
    return fold(folded, merges)
