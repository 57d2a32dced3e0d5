"""The mixed-integer program of a plan, over nested binaries "call v is in stage s or before"."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kerassplit_widget.structure.planning.aims import Aim, Watch
from kerassplit_widget.structure.planning.evaluation import alive_at, evaluate, lifetime, stage_of
from kerassplit_widget.structure.planning.folding import Folded
from kerassplit_widget.structure.planning.intervals import Stages
from kerassplit_widget.structure.planning.linear import ONE, ZERO, Program, Term
from kerassplit_widget.structure.planning.problem import Floats, Problem

__all__ = ["MARGIN", "Window", "improve", "stage_ranges"]

MARGIN = 5e-7
"""By how much, relatively, a plan has to be better than the known one; below what counts as proved."""


@dataclass(frozen=True)
class Window:
    """What may change.

    Attributes
    ----------
    first, last : sequence of int, shape (n,)
        The stages in which each group may be.
    stages : range
        The stages whose largest value is to become small.
    filled : bool
        Whether each of the stages must have a call.
    """

    first: Sequence[int]
    last: Sequence[int]
    stages: range
    filled: bool


def stage_ranges(problem: Problem, parts: int, limit: float, aim: Aim) -> tuple[list[int], list[int]] | None:
    """Find the first and last stage in which each call can be if every stage stays below a limit.

    A call's ancestors fill the stages before it: it comes no sooner than these can hold them.

    Returns
    -------
    (list of int, list of int) or None
        None if a call fits nowhere.
    """
    amounts = [] if aim.memory else [(problem.cost, limit)]
    most = min(aim.cap, limit) if aim.memory else aim.cap
    if most < math.inf:
        own = np.zeros(problem.n)
        for size, calls in problem.weights:
            if len(calls) == 1:
                own[calls[0]] += size
        amounts.append((own, most))
    first, last = np.zeros(problem.n), np.full(problem.n, parts - 1.0)
    for amount, room in amounts:
        if 0 < room < math.inf:
            # A little room keeps rounding from excluding a stage that just fits.
            slack = 1e-9 * amount.sum() / room
            first = np.maximum(first, np.ceil(problem.before(amount) / room - 1 - slack))
            last = np.minimum(last, parts - np.ceil(problem.behind(amount) / room - slack))
    if (first > last).any():
        return None
    return [int(s) for s in first], [int(s) for s in last]


def improve(
    folded: Folded,
    parts: int,
    aim: Aim,
    window: Window,
    watch: Watch,
    take: Callable[[Stages], object],
    *,
    limit: float,
    bound: float = 0.0,
    seconds: float = math.inf,
) -> float:
    """Find the best plan of a window that is better than a limit, or prove that there is none.

    Peaks of activations would need a row for each call, stage and tensor. Rows are added only for the moments at which
    a solution exceeds what is allowed, and the rest is solved again.

    Parameters
    ----------
    folded : Folded
    parts : int
        Number of stages.
    aim : Aim
    window : Window
    watch : Watch
    take : callable
        Called with the stages (of groups) of each better plan.
    limit : float
        Value of the known plan; may be infinite.
    bound : float
        A bound that is known.
    seconds : float
        Time limit.

    Returns
    -------
    float
        A bound on the value of all plans of the window, at most `limit`.
    """
    model = _StageModel(folded, parts, aim, window, limit=limit, bound=bound)

    def rounded(low: float) -> float:
        return min(low * model.scale, limit) * (1 - MARGIN)

    def stop(low: float) -> bool:
        if len(window.stages) == parts:
            watch.report("search", bound=rounded(low))
        return watch.stopped or watch.settled

    while True:
        outcome = model.program.minimise(
            min(seconds, watch.left), MARGIN / 2, better=lambda values: take(model.read(values)), stop=stop
        )
        bound = max(bound, rounded(outcome.bound))
        if outcome.values is None:
            return bound
        stages = model.read(outcome.values)
        take(stages)
        if not aim.weighs or aim.activations != "peak" or watch.stopped or not model.add_peaks(stages, bound):
            return bound


class _StageModel:
    """Columns: z (the largest value), for each call and stage "in this stage or before", and what follows from it."""

    def __init__(self, folded: Folded, parts: int, aim: Aim, window: Window, *, limit: float, bound: float) -> None:
        problem = folded.problem
        self.folded, self.problem, self.parts, self.aim, self.window = folded, problem, parts, aim, window
        self.program = program = Program()
        total = sum(size for size, _ in problem.weights) + sum(size for _, size, _ in problem.tensors)
        if not aim.memory:
            total = float(problem.cost.sum() + 2 * parts * problem.seconds.sum()) + parts * problem.hop
        self.scale = limit if 0 < limit < math.inf else max(total, 1e-300)
        self.bytes_scale = self.scale if aim.memory else (aim.cap if 0 < aim.cap < math.inf else 1.0)
        most = limit / self.scale * (1 - MARGIN) if limit < math.inf else 1.0
        self.z = program.column(lower=min(bound / self.scale, most), upper=most, cost=1.0)
        self.limit = limit
        self.peaks: set[tuple[int, tuple[int, ...]]] = set()
        self.columns = [
            [program.column(binary=True) for _ in range(first, last)]
            for first, last in zip(window.first, window.last, strict=True)
        ]
        self._nest()
        self._keep_to_heads()
        if problem.single_tensor:
            self._count_tensors()
        if not aim.memory:
            self._loads()
        if aim.weighs:
            self.memory = [self._memory(s) for s in range(parts)]
            for s in range(parts):
                self._bounded(s, self.memory[s], memory=True)

    def until(self, call: int, s: int) -> int:
        """Column of "in stage s or before"."""
        if s < self.window.first[call]:
            return ZERO
        return ONE if s >= self.window.last[call] else self.columns[call][s - self.window.first[call]]

    def within(self, call: int, s: int, factor: float = 1.0) -> list[Term]:
        """Terms of "in stage s"."""
        return [(self.until(call, s), factor), (self.until(call, s - 1), -factor)]

    def can_be(self, call: int, s: int) -> bool:
        """Whether the call may be in stage s."""
        return self.window.first[call] <= s <= self.window.last[call]

    def read(self, values: Floats) -> Stages:
        """Read the stages off a solution."""
        stages: list[set[int]] = [set() for _ in range(self.parts)]
        for call, columns in enumerate(self.columns):
            later = sum(values[column] < 0.5 for column in columns)
            stages[self.window.first[call] + later].add(call)
        return tuple(map(frozenset, stages))

    def _nest(self) -> None:
        for columns in self.columns:
            for before, after in pairwise(columns):
                self.program.at_least([(after, 1), (before, -1)], 0)
        for call, makers in enumerate(self.problem.predecessors):
            for maker in makers:
                for s in range(self.window.first[call], self.window.last[maker]):
                    self.program.at_least([(self.until(maker, s), 1), (self.until(call, s), -1)], 0)
        if self.window.filled:
            for s in self.window.stages:
                calls = (call for call in range(self.problem.n) if self.can_be(call, s))
                self.program.at_least([term for call in calls for term in self.within(call, s)], 1)

    def _keep_to_heads(self) -> None:
        n = self.problem.n
        for head in self.problem.pinned:
            chosen = [self.program.column(binary=True) for _ in range(self.parts - 1)]
            self.program.at_least([(column, 1) for column in chosen], 1)
            for s, column in enumerate(chosen):
                for call in range(n):
                    if call in head:
                        self.program.at_least([(self.until(call, s), 1), (column, -1)], 0)
                    else:
                        self.program.at_least([(self.until(call, s), -1), (column, -1)], -1)
        for head in self.problem.forbidden:
            for s in range(self.parts - 1):
                terms = [(self.until(call, s), -1.0 if call in head else 1.0) for call in range(n)]
                self.program.at_least(terms, 1 - len(head))

    def _count_tensors(self) -> None:
        """Let exactly one tensor cross each border."""
        for s in range(self.parts - 1):
            crossing = []
            for maker, _, readers in self.problem.tensors:
                if not readers:
                    continue
                crosses = self.program.column(binary=True)
                crossing.append(crosses)
                for reader in readers:
                    self.program.at_least([(crosses, 1), (self.until(maker, s), -1), (self.until(reader, s), 1)], 0)
                self.program.at_least([(self.until(maker, s), 1), (crosses, -1)], 0)
                inside = [(self.until(reader, s), -1.0) for reader in readers]
                self.program.at_least([*inside, (crosses, -1)], -len(readers))
            self.program.at_least([(column, 1) for column in crossing], 1)
            self.program.at_least([(column, -1) for column in crossing], -1)

    def _bounded(self, s: int, terms: Iterable[Term], *, memory: bool = False) -> None:
        """Let the terms of a stage be at most z, or the limit, or the cap."""
        negated = [(column, -factor) for column, factor in terms]
        if memory and self.aim.cap < math.inf:
            self.program.at_least(negated, -self.aim.cap / self.bytes_scale)
        if memory == self.aim.memory:
            if s in self.window.stages:
                self.program.at_least([(self.z, 1), *negated], 0)
            elif self.limit < math.inf:
                self.program.at_least(negated, -self.limit / self.scale)

    def _loads(self) -> None:
        problem, program = self.problem, self.program
        loads: list[list[Term]] = [[] for _ in range(self.parts)]
        for call, cost in enumerate(problem.cost / self.scale):
            for s in range(self.window.first[call], self.window.last[call] + 1):
                loads[s] += self.within(call, s, cost)
        hops = [program.column() if s and problem.hop else ZERO for s in range(self.parts)]
        for (maker, _, readers), seconds in zip(problem.tensors, problem.seconds / self.scale, strict=True):
            if readers and (seconds or problem.hop):
                add = self._relayed if problem.wiring == "relay" else self._sent
                add(maker, readers, seconds, loads, hops)
        for s in range(self.parts):
            loads[s].append((hops[s], problem.hop / self.scale))
            self._bounded(s, loads[s])

    def _sent(
        self, maker: int, readers: Sequence[int], seconds: float, loads: list[list[Term]], hops: Sequence[int]
    ) -> None:
        """Direct wiring: the maker's stage sends, each stage with a reader receives."""
        first, last = self.window.first, self.window.last
        final = max(last[reader] for reader in readers)
        for s in range(first[maker], min(last[maker] + 1, final)):
            sends = self.program.column()
            for reader in readers:
                here, there = self.within(maker, s, -1), self.within(reader, s)
                self.program.at_least([(sends, 1), *here, *there], 0)
            loads[s].append((sends, seconds))
        for s in range(first[maker] + 1, final + 1):
            reading = [reader for reader in readers if self.can_be(reader, s)]
            if reading:
                receives = self.program.column()
                for reader in reading:
                    here, there = self.within(reader, s, -1), self.within(maker, s)
                    self.program.at_least([(receives, 1), *here, *there], 0)
                loads[s].append((receives, seconds))
                self.program.at_least([(hops[s], 1), (receives, -1)], 0 if hops[s] != ZERO else -1)

    def _relayed(
        self, maker: int, readers: Sequence[int], seconds: float, loads: list[list[Term]], hops: Sequence[int]
    ) -> None:
        """Relay wiring: whatever crosses a border is sent before it and received behind it."""
        for s in range(self.window.first[maker], max(self.window.last[reader] for reader in readers)):
            crosses = self.program.column()
            for reader in readers:
                self.program.at_least([(crosses, 1), (self.until(maker, s), -1), (self.until(reader, s), 1)], 0)
            loads[s].append((crosses, seconds))
            loads[s + 1].append((crosses, seconds))
            self.program.at_least([(hops[s + 1], 1), (crosses, -1)], 0 if hops[s + 1] != ZERO else -1)

    def _memory(self, s: int) -> list[Term]:
        """Terms of the bytes a stage holds, peaks left out."""
        terms: list[Term] = []
        held = [(size, calls) for size, calls in self.problem.weights]
        if self.aim.activations == "sum":
            held += [(size, (maker, *readers)) for maker, size, readers in self.problem.tensors]
        for size, calls in held:
            here = [call for call in calls if self.can_be(call, s)]
            size /= self.bytes_scale
            if len(here) == 1:
                terms += self.within(here[0], s, size)
            elif here and size:
                holds = self.program.column()
                for call in here:
                    self.program.at_least([(holds, 1), *self.within(call, s, -1)], 0)
                terms.append((holds, size))
        return terms

    def add_peaks(self, stages: Stages, bound: float) -> bool:
        """Add rows for the fullest moment of each stage that holds more than the rows so far allow.

        Parameters
        ----------
        stages : tuple of frozenset of int
            A solution of the rows so far.
        bound : float
            Bytes that a stage may hold in any case, where memory is the objective.

        Returns
        -------
        bool
            Whether any was added.
        """
        whole = self.folded.whole
        unfolded = self.folded.unfold(stages)
        stage = stage_of(whole, unfolded)
        memory = evaluate(whole, unfolded, activations="peak").memory
        most = min(self.aim.cap, bound) if self.aim.memory else self.aim.cap
        added = False
        for s in np.flatnonzero(memory > most * (1 + 1e-12)).tolist():
            alive = alive_at(whole, stage, s)
            call = max(alive, key=lambda each: alive[each])
            spans = [lifetime(whole, stage, s, i) for i in range(len(whole.tensors))]
            tensors = tuple(i for i, span in enumerate(spans) if span and span[0] <= call <= span[1])
            if (call, tensors) not in self.peaks:
                self.peaks.add((call, tensors))
                self._add_peak(call, tensors)
                added = True
        return added

    def _add_peak(self, call: int, tensors: Sequence[int]) -> None:
        """Bound, in whatever stage a call is, its weights and those of the tensors that are alive when it runs."""
        whole, group = self.folded.whole, self.folded.group
        sizes = [whole.tensors[i].size / self.bytes_scale for i in tensors]
        for s in range(self.parts):
            if not self.can_be(group[call], s):
                continue
            terms = [*self.memory[s], (ONE, -sum(sizes)), *self.within(group[call], s, sum(sizes))]
            for i, size in zip(tensors, sizes, strict=True):
                maker, _, readers = whole.tensors[i]
                lives = self.program.column()
                terms.append((lives, size))
                made = self.within(group[maker], s, -1)
                if maker <= call and not readers:
                    self.program.at_least([(lives, 1), *made], 0)
                for reader in readers:
                    read = self.within(group[reader], s, -1)
                    if maker > call:  # it can only have come from an earlier stage
                        self.program.at_least([(lives, 1), *read, *self.within(group[maker], s)], 0)
                        continue
                    self.program.at_least([(lives, 1), *made, *self.within(group[reader], s)], 0)
                    if reader >= call:
                        self.program.at_least([(lives, 1), *read], 0)
            self._bounded(s, terms, memory=True)
