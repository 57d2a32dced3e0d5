"""What a plan costs: the one place that computes loads."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kerassplit_widget.errors import PlanError
from kerassplit_widget.structure.planning.problem import Activations, Floats, Problem, one_of

__all__ = ["Loads", "Solution", "evaluate", "evaluate_offload", "stage_of"]


@dataclass(frozen=True, eq=False)
class Loads:
    """What each stage has to do and to hold; every array has shape (stages,).

    Attributes
    ----------
    compute : array
        Seconds of computing.
    received, sent : array
        Bytes.
    waiting : array
        Seconds of hops and round trips.
    weights, activations : array
        Bytes held.
    total : array
        Seconds in all: computing, communication and waiting.
    """

    compute: Floats
    received: Floats
    sent: Floats
    waiting: Floats
    weights: Floats
    activations: Floats
    total: Floats

    @property
    def memory(self) -> Floats:
        """Bytes of weights and activations."""
        return self.weights + self.activations

    def __len__(self) -> int:
        return len(self.compute)


@dataclass(frozen=True, eq=False)
class Solution:
    """A plan, its value, and what is proved about it.

    Attributes
    ----------
    objective : {"balance", "memory", "fewest", "latency"}
    value : float
        Of this plan: the largest load (seconds), the largest memory (bytes), the number of stages, or the latency
        (seconds).
    bound : float
        No plan has a smaller value. It never exceeds the optimum.
    gap : float
        ``(value - bound) / value``, or 0 when that is at most 1e-6: then the plan is proved optimal.
    stages : tuple of frozenset of int
        Numbers of the calls of each stage. For latency: device, server; either may be empty.
    loads : Loads
        What `evaluate` says of the stages.
    status : str
        ``"optimal"`` or why it ended before, ``"time limit: within 3.2 %"``.
    """

    objective: str
    value: float
    bound: float
    gap: float
    stages: tuple[frozenset[int], ...]
    loads: Loads
    status: str

    @property
    def heads(self) -> tuple[frozenset[int], ...]:
        """The head of each cut between the stages, empty sides left out."""
        heads, head, n = [], frozenset[int](), sum(map(len, self.stages))
        for stage in self.stages[:-1]:
            head |= stage
            if 0 < len(head) < n:
                heads.append(head)
        return tuple(heads)


def stage_of(problem: Problem, stages: Sequence[Iterable[int]]) -> list[int]:
    """Tell the stage of each call.

    Raises
    ------
    PlanError
        If a call is in no stage or in two.
    """
    stage = [-1] * problem.n
    for s, calls in enumerate(stages):
        for call in calls:
            if not 0 <= call < problem.n:
                raise PlanError(f"Stage {s} has call {call}, but the calls are 0 to {problem.n - 1}.")
            if stage[call] >= 0:
                raise PlanError(f"Call {call} is in stage {stage[call]} and in stage {s}: put it in one.")
            stage[call] = s
    if -1 in stage:
        raise PlanError(f"Call {stage.index(-1)} is in no stage: put every call in one.")
    return stage


def evaluate(problem: Problem, stages: Sequence[Iterable[int]], *, activations: Activations = "none") -> Loads:
    """Compute what each stage of a plan has to do and to hold.

    The load of a stage is the summed cost of its calls, plus the bytes of every tensor it receives and of every
    tensor it sends, each once, divided by the bandwidth, plus a hop if it receives anything. With relay wiring a
    stage also receives and sends the tensors that pass over it.

    Its memory is the weights it holds, each layer once, plus activations: ``"sum"`` counts all tensors its calls make
    or read, ``"peak"`` the most that is alive at once when its calls run in the order of their numbers. A tensor from
    an earlier stage is there from the start until its last reader has run; one that is read by a later stage, or by
    nobody, stays until the end. What a relay only passes on is not held.

    Parameters
    ----------
    problem : Problem
    stages : sequence of iterables of int
        A partition of the calls, in order. Stages may be empty.
    activations : {"none", "peak", "sum"}

    Returns
    -------
    Loads

    Raises
    ------
    PlanError
        If the stages are no partition, or a tensor would flow backwards.

    Examples
    --------
    The tensor of call 0 is read in both later stages: sent once, received twice.

    >>> problem = Problem([1.0, 2.0, 3.0], [(0, 100, (1, 2)), (1, 50, (2,))], bandwidth=100)
    >>> evaluate(problem, [{0}, {1}, {2}]).total.tolist()
    [2.0, 3.5, 4.5]
    """
    one_of("way to count activations", activations, ("none", "peak", "sum"))
    k = len(stages)
    stage = stage_of(problem, stages)
    compute = np.bincount(stage, weights=problem.cost, minlength=k).astype(np.float64)
    moved = _moves(problem, stage, k)
    waiting = np.where(moved.arrives, problem.hop, 0.0)
    weights = np.zeros(k)
    for size, calls in problem.weights:
        weights[list({stage[call] for call in calls})] += size
    held = np.zeros(k)
    if activations == "sum":
        for maker, size, readers in problem.tensors:
            held[list({stage[call] for call in (maker, *readers)})] += size
    elif activations == "peak":
        held = np.array([max(alive_at(problem, stage, s).values(), default=0.0) for s in range(k)])
    total = compute + (moved.received + moved.sent) / problem.bandwidth + waiting
    return Loads(compute, moved.received, moved.sent, waiting, weights, held, total)


def evaluate_offload(
    problem: Problem, head: Iterable[int], device: Floats, server: Floats, round_trip: float = 0.0
) -> Loads:
    """Compute what device and server do when the device runs the head and the server the rest.

    The latency is ``total.sum()``. Communication is counted at the device: computed tensors that cross and raw inputs
    that the server reads, each once; the round trip at the server, if anything crosses.

    Parameters
    ----------
    problem : Problem
    head : iterable of int
        What runs on the device; may be empty or all.
    device, server : array of float, shape (n,)
        Seconds of each call on either side.
    round_trip : float
        Seconds, paid once if anything crosses.
    """
    chosen = set(head)
    stage = stage_of(problem, [chosen, [call for call in range(problem.n) if call not in chosen]])
    on_server = np.array(stage) == 1
    moved = _moves(problem, stage, 2)
    raw = [size for size, readers in problem.raw if any(on_server[reader] for reader in readers)]
    compute = np.array([device[~on_server].sum(), server[on_server].sum()])
    crossing = moved.sent[0] + sum(raw)
    waiting = np.array([0.0, round_trip if raw or moved.arrives[1] else 0.0])
    zero = np.zeros(2)
    total = compute + np.array([crossing / problem.bandwidth, 0.0]) + waiting
    return Loads(compute, np.array([0.0, crossing]), np.array([crossing, 0.0]), waiting, zero, zero, total)


class _Moves(NamedTuple):
    received: Floats
    sent: Floats
    arrives: Floats


def _moves(problem: Problem, stage: Sequence[int], k: int) -> _Moves:
    """Add up what each stage receives and sends, in bytes, and tell whether anything arrives."""
    moved = _Moves(np.zeros(k), np.zeros(k), np.zeros(k, dtype=bool))
    relay = problem.wiring == "relay"
    for i, (maker, size, readers) in enumerate(problem.tensors):
        home = stage[maker]
        away = {stage[reader] for reader in readers} - {home}
        if not away:
            continue
        last = max(away)
        if min(away) < home:
            raise PlanError(
                f"Tensor {i} is made by call {maker} in stage {home} and read in stage {min(away)}: a stage may only "
                "read what it or an earlier stage makes."
            )
        into = list(range(home + 1, last + 1)) if relay else list(away)
        moved.received[into] += size
        moved.arrives[into] = True
        moved.sent[home : last if relay else home + 1] += size
    return moved


def alive_at(problem: Problem, stage: Sequence[int], s: int) -> dict[int, float]:
    """Tell for each call of stage `s` how many bytes of activations are alive when it runs."""
    calls = [call for call in range(problem.n) if stage[call] == s]
    change = np.zeros(len(calls) + 1)
    for i in range(len(problem.tensors)):
        span = lifetime(problem, stage, s, i)
        if span:
            first, last = span
            change[bisect_left(calls, first)] += problem.tensors[i].size
            change[bisect_left(calls, last + 1)] -= problem.tensors[i].size
    return dict(zip(calls, np.cumsum(change)[:-1].tolist(), strict=True))


def lifetime(problem: Problem, stage: Sequence[int], s: int, tensor: int) -> tuple[int, int] | None:
    """Tell during which calls a tensor is alive in stage `s`: from the first to the last number, or None."""
    maker, _, readers = problem.tensors[tensor]
    local = [reader for reader in readers if stage[reader] == s]
    if stage[maker] != s:
        return (0, local[-1]) if local else None
    kept = len(local) < len(readers) or not readers
    return maker, problem.n - 1 if kept else local[-1]
