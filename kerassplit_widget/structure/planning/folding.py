"""Smaller problems with the same optimum: calls that stay together become one call."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import networkx as nx
import numpy as np

from kerassplit_widget.errors import PlanError
from kerassplit_widget.structure.planning.problem import Floats, Flow, Problem, Raw, Weight

__all__ = ["Folded", "fold", "obliged", "unfolded"]


@dataclass(frozen=True, eq=False)
class Folded:
    """A problem whose calls are groups of the calls of another.

    Attributes
    ----------
    problem : Problem
        The small one. Its loads are those of the whole problem for every plan that keeps the groups together.
    members : tuple of tuple of int
        The calls of the whole problem in each group, ascending.
    whole : Problem
        The other one.
    """

    problem: Problem
    members: tuple[tuple[int, ...], ...]
    whole: Problem

    @cached_property
    def group(self) -> dict[int, int]:
        """From a call of the whole problem to its group."""
        return {call: g for g, calls in enumerate(self.members) for call in calls}

    def unfold(self, stages: Sequence[Iterable[int]]) -> tuple[frozenset[int], ...]:
        """Write stages of groups as stages of calls."""
        return tuple(frozenset(call for g in stage for call in self.members[g]) for stage in stages)

    def summed(self, values: Floats) -> Floats:
        """Add up a value of the calls over each group."""
        return np.array([values[list(calls)].sum() for calls in self.members])


def unfolded(problem: Problem) -> Folded:
    """Take a problem as it is: every call a group."""
    return Folded(problem, tuple((call,) for call in range(problem.n)), problem)


def fold(folded: Folded, merges: Iterable[Iterable[int]]) -> Folded:
    """Merge groups, and what then lies on a cycle.

    Parameters
    ----------
    folded : Folded
    merges : iterable of iterables of int
        Groups to become one.

    Returns
    -------
    Folded

    Raises
    ------
    PlanError
        If a pinned cut runs between calls that must stay together.
    """
    problem = folded.problem
    label = _united(problem.n, merges)
    order = _topological(label, problem.tensors)
    if order is None:
        graph = nx.DiGraph((label[t.maker], label[reader]) for t in problem.tensors for reader in t.readers)
        cycles = (loop for loop in nx.strongly_connected_components(graph) if len(loop) > 1)
        label = _united(problem.n, [*enumerate(label), *cycles])
        order = _topological(label, problem.tensors)
    assert order is not None
    place = {root: g for g, root in enumerate(order)}
    group = [place[root] for root in label]
    members: list[list[int]] = [[] for _ in order]
    for g, calls in zip(group, folded.members, strict=True):
        members[g] += calls
    return Folded(
        _relabelled(problem, group, len(order)), tuple(tuple(sorted(calls)) for calls in members), folded.whole
    )


def obliged(problem: Problem) -> Folded:
    """Fold what has to stay together: the sets of `together`, and with `single_tensor` what no such cut divides.

    A cut that exactly one tensor crosses falls the incidence graph of calls and tensors apart at that tensor, which is
    therefore an articulation point of it; what hangs together without any of these is never divided.
    """
    merges: list[Iterable[int]] = list(problem.together)
    if problem.single_tensor:
        graph = nx.Graph()
        graph.add_nodes_from(range(problem.n))
        for i, (maker, _, readers) in enumerate(problem.tensors):
            graph.add_edges_from((~i, call) for call in (maker, *readers))
        cuttable = {vertex for vertex in nx.articulation_points(graph) if vertex < 0}
        graph.remove_nodes_from(cuttable)
        merges += [[call for call in part if call >= 0] for part in nx.connected_components(graph)]
    return fold(unfolded(problem), merges)


def _united(n: int, merges: Iterable[Iterable[int]]) -> list[int]:
    """Label the vertices such that merged ones have the same label: the smallest of them."""
    root = list(range(n))

    def find(vertex: int) -> int:
        while root[vertex] != vertex:
            root[vertex] = root[root[vertex]]
            vertex = root[vertex]
        return vertex

    for merge in merges:
        roots = {find(vertex) for vertex in merge}
        for other in roots:
            root[other] = min(roots)
    return [find(vertex) for vertex in range(n)]


def _topological(label: Sequence[int], tensors: Sequence[Flow]) -> list[int] | None:
    """Order the labels topologically, small ones first; None if there is a cycle."""
    follow: dict[int, set[int]] = {root: set() for root in label}
    waits = dict.fromkeys(follow, 0)
    for maker, _, readers in tensors:
        source = label[maker]
        for reader in readers:
            target = label[reader]
            if target != source and target not in follow[source]:
                follow[source].add(target)
                waits[target] += 1
    ready = [root for root, count in waits.items() if not count]
    heapq.heapify(ready)
    order = []
    while ready:
        root = heapq.heappop(ready)
        order.append(root)
        for target in follow[root]:
            waits[target] -= 1
            if not waits[target]:
                heapq.heappush(ready, target)
    return order if len(order) == len(follow) else None


def _relabelled(problem: Problem, group: Sequence[int], n: int) -> Problem:
    tensors: dict[tuple[int, tuple[int, ...], int], float] = defaultdict(float)
    for i, (maker, size, readers) in enumerate(problem.tensors):
        outside = tuple(sorted({group[reader] for reader in readers} - {group[maker]}))
        # Where tensors are counted, two that go the same way must stay two.
        tensors[group[maker], outside, i if problem.single_tensor and outside else 0] += size
    weights: dict[tuple[int, ...], float] = defaultdict(float)
    for size, calls in problem.weights:
        weights[tuple(sorted({group[call] for call in calls}))] += size
    pinned = [frozenset(group[call] for call in head) for head in problem.pinned]
    for before, head in zip(problem.pinned, pinned, strict=True):
        if any(group[call] in head for call in range(problem.n) if call not in before):
            raise PlanError(
                "A pinned cut runs between calls that must stay together. Release the pin or the calls: calls that "
                "must stay together take everything between them along."
            )
    forbidden = []
    for head in problem.forbidden:
        groups = frozenset(group[call] for call in head)
        if not any(group[call] in groups for call in range(problem.n) if call not in head):
            forbidden.append(groups)
    return Problem(
        np.bincount(group, weights=problem.cost, minlength=n).astype(np.float64),
        [Flow(maker, size, readers) for (maker, readers, _), size in tensors.items()],
        [Weight(size, calls) for calls, size in weights.items()],
        [Raw(size, tuple(group[reader] for reader in readers)) for size, readers in problem.raw],
        problem.bandwidth,
        problem.wiring,
        problem.hop,
        pinned=pinned,
        forbidden=forbidden,
        single_tensor=problem.single_tensor,
    )
