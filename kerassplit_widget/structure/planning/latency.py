"""The two-sided problem: a device runs the head, a server the tail. Exact, by minimum cuts."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import NamedTuple

import networkx as nx
import numpy as np
import numpy.typing as npt

from kerassplit_widget.errors import PlanError
from kerassplit_widget.structure.planning.evaluation import Solution, evaluate_offload
from kerassplit_widget.structure.planning.folding import Folded, fold, obliged, unfolded
from kerassplit_widget.structure.planning.intervals import crossing_along
from kerassplit_widget.structure.planning.problem import Floats, Problem
from kerassplit_widget.structure.planning.reducing import reduce_by_latency, reduce_by_moves

__all__ = ["Sides", "cheapest_head", "latency"]

Head = frozenset[int]

PREFIXES = 3
"""Prefixes that are evaluated for a first upper bound."""


def latency(
    problem: Problem, device: npt.ArrayLike, server: npt.ArrayLike | None = None, *, round_trip: float = 0.0
) -> Solution:
    """Divide the calls between a device and a server such that one run takes as little time as possible.

    The time is that of the head on the device, of everything that crosses (computed tensors, and raw inputs that the
    server reads, each once) over the bandwidth, a round trip if anything crosses, and of the tail on the server.
    Either side may be empty.

    Parameters
    ----------
    problem : Problem
        Its bandwidth is that between device and server. With pinned heads (one at most) the cut is that one. Cuts that
        are forbidden, or crossed by more than one tensor where `single_tensor` is asked for, are left out; having no
        cut is always allowed.
    device, server : array of float, shape (n,)
        Seconds of each call on either side; the server's default is the problem's cost.
    round_trip : float
        Seconds.

    Returns
    -------
    Solution
        Its stages are device and server. The value is proved: bound and value are equal.

    Raises
    ------
    PlanError
        If times are negative or of the wrong number, or more than one head is pinned.

    References
    ----------
    C. Hu et al., "Dynamic Adaptive DNN Surgery for Inference Acceleration on the Edge" (DADS), INFOCOM 2019, for the
    minimum cut; Y. Kang et al., "Neurosurgeon", ASPLOS 2017, for the question. Forbidden cuts are passed over by
    ranking, as in E. L. Lawler, "A procedure for computing the K best solutions", Manag. Sci. 18, 1972.

    Examples
    --------
    The first call makes 8 times less of what comes in:

    >>> problem = Problem([1.0, 1.0], [(0, 10, (1,))], raw=[(80, (0,))], bandwidth=10)
    >>> plan = latency(problem, device=[2.0, 20.0], server=[0.2, 2.0])
    >>> plan.value, [sorted(stage) for stage in plan.stages]
    (5.0, [[0], [1]])
    """
    slow = _times("device", device, problem.n)
    fast = _times("server", problem.cost if server is None else server, problem.n)
    if not (np.isfinite(round_trip) and round_trip >= 0):
        raise PlanError(f"The round trip takes {round_trip:g}: give finite seconds, at least 0.")
    if len(set(problem.pinned)) > 1:
        raise PlanError(f"{len(set(problem.pinned))} cuts are pinned, but there is only one between device and server.")

    def time(head: Head) -> float:
        return float(evaluate_offload(problem, head, slow, fast, round_trip).total.sum())

    heads = problem.pinned or _candidates(problem, slow, fast, time)
    best = min(heads, key=lambda head: (time(head), len(head), sorted(head)))
    loads = evaluate_offload(problem, best, slow, fast, round_trip)
    value = float(loads.total.sum())
    stages = best, frozenset(range(problem.n)) - best
    return Solution("latency", value, value, 0.0, stages, loads, "optimal")


def _times(side: str, times: npt.ArrayLike, n: int) -> Floats:
    array = np.asarray(times, dtype=np.float64)
    if array.shape != (n,):
        raise PlanError(f"The times on the {side} have the shape {array.shape}: give one for each of the {n} calls.")
    bad = np.flatnonzero(~(np.isfinite(array) & (array >= 0)))
    if len(bad):
        raise PlanError(
            f"Call {bad[0]} takes {array[bad[0]]:g} on the {side}: times are finite numbers of seconds, at least 0."
        )
    return array


def _candidates(problem: Problem, slow: Floats, fast: Floats, time: Callable[[Head], float]) -> Iterator[Head]:
    """Yield heads of which one is optimal.

    The round trip is the same for all heads that something crosses, and without it their best is a minimum cut. The
    best of those that nothing crosses is looked for apart: what hangs together is then on one side, and what reads a
    raw input on the device.
    """
    ends = frozenset(range(problem.n)), frozenset[int]()
    yield from ends
    if problem.single_tensor:
        yield from _with_one_tensor(problem, slow, fast)
        return
    whole = unfolded(problem)
    limit = min(time(head) for head in (*ends, *_prefixes(problem)))
    links = [(tensor.maker, *tensor.readers) for tensor in problem.tensors]
    islands = fold(whole, [*links, *(readers for _, readers in problem.raw), *problem.together])
    fed = frozenset(islands.group[reader] for _, readers in problem.raw for reader in readers)
    yield from cheapest_head(islands, slow, fast, Sides(fed))
    small = reduce_by_latency(fold(whole, problem.together), slow, fast, limit)
    small = reduce_by_moves(small, fast - slow, slow - fast, np.ones(problem.n, dtype=bool))
    yield from cheapest_head(small, slow, fast, Sides())


def _prefixes(problem: Problem) -> Iterator[Head]:
    """Yield some heads: the leanest that are prefixes of the calls as numbered."""
    if problem.together or problem.forbidden:
        return
    crossing, _ = crossing_along(problem, range(problem.n))
    for place in np.argsort(crossing[1:-1], kind="stable")[:PREFIXES] + 1:
        yield frozenset(range(place))


def _with_one_tensor(problem: Problem, slow: Floats, fast: Floats) -> Iterator[Head]:
    """Yield for each tensor that can cross alone, and each of its readers, the best head with that one behind it."""
    base = obliged(problem)
    links = [(tensor.maker, *tensor.readers) for tensor in base.problem.tensors]
    for i in range(len(links)):
        folded = fold(base, links[:i] + links[i + 1 :])
        home, *away = (folded.group[base.members[g][0]] for g in links[i])
        for reader in sorted(set(away) - {home}):
            yield from cheapest_head(folded, slow, fast, Sides(frozenset([home]), frozenset([reader])))


class Sides(NamedTuple):
    """Groups that have to be on the device, and on the server."""

    device: Head = frozenset()
    server: Head = frozenset()


def cheapest_head(folded: Folded, slow: Floats, fast: Floats, sides: Sides) -> Iterator[Head]:
    """Yield the cheapest head that is not forbidden, if there is one; round trips are left out."""
    problem = folded.problem
    network = _Network(problem, folded.summed(slow), folded.summed(fast))
    ranked: list[tuple[int, int, Head, Sides]] = []

    def consider(sides: Sides) -> None:
        found = network.minimum_cut(sides)
        if found is not None:
            heapq.heappush(ranked, (found[0], len(made), found[1], sides))
            made.append(sides)

    made: list[Sides] = []
    consider(sides)
    while ranked:
        _, _, head, sides = heapq.heappop(ranked)
        if head not in problem.forbidden or not 0 < len(head) < problem.n:
            (calls,) = folded.unfold([head])
            yield calls
            return
        for other in _all_but(problem, head, sides):
            consider(other)


def _all_but(problem: Problem, head: Head, sides: Sides) -> Iterator[Sides]:
    """Divide the heads other than `head` into cases: which of its last calls is missing, or which of the next is in."""
    device, server = set(sides.device), set(sides.server)
    for call in sorted(head):
        if head.isdisjoint(problem.successors[call]):
            yield Sides(frozenset(device), frozenset({*server, call}))
            device.add(call)
    for call in range(problem.n):
        if call not in head and head.issuperset(problem.predecessors[call]):
            yield Sides(frozenset({*device, call}), frozenset(server))
            server.add(call)


class _Network:
    """A flow network whose minimum cuts are the cheapest heads.

    The source is the device. Each tensor is a vertex of its own and so is paid once; edges of unlimited capacity from
    readers back to makers keep tensors from flowing backwards. Capacities are whole numbers, floats being fractions
    with a common denominator, so that cuts are exact.
    """

    def __init__(self, problem: Problem, slow: Floats, fast: Floats) -> None:
        self.n = problem.n
        self.graph: nx.DiGraph = nx.DiGraph()
        self.graph.add_nodes_from(("device", "server", *range(problem.n)))
        raw = [size / problem.bandwidth for size, _ in problem.raw]
        unit = max(float(x).as_integer_ratio()[1] for x in (*slow, *fast, *problem.seconds, *raw))

        def whole(seconds: float) -> int:
            numerator, denominator = float(seconds).as_integer_ratio()
            return numerator * (unit // denominator)

        for call in range(problem.n):
            more = whole(slow[call]) - whole(fast[call])
            if more > 0:
                self.graph.add_edge(call, "server", capacity=more)
            elif more < 0:
                self.graph.add_edge("device", call, capacity=-more)
        for i, (maker, _, readers) in enumerate(problem.tensors):
            self.graph.add_edges_from((reader, maker) for reader in readers)
            if readers and problem.seconds[i]:
                self.graph.add_edge(maker, ("tensor", i), capacity=whole(problem.seconds[i]))
                self.graph.add_edges_from((("tensor", i), reader) for reader in readers)
        for i, (_, readers) in enumerate(problem.raw):
            if readers and raw[i]:
                self.graph.add_edge("device", ("raw", i), capacity=whole(raw[i]))
                self.graph.add_edges_from((("raw", i), reader) for reader in readers)

    def minimum_cut(self, sides: Sides) -> tuple[int, Head] | None:
        """Find the cheapest head with some calls on given sides: its value, and its groups; None if there is none."""
        graph = self.graph.copy()
        graph.add_edges_from(("device", call) for call in sides.device)
        graph.add_edges_from((call, "server") for call in sides.server)
        # An edge that had a capacity keeps it when it is added anew without one.
        for edge in [("device", call) for call in sides.device] + [(call, "server") for call in sides.server]:
            graph.edges[edge].pop("capacity", None)
        try:
            value, (head, _) = nx.minimum_cut(graph, "device", "server", flow_func=nx.algorithms.flow.boykov_kolmogorov)
        except nx.NetworkXUnbounded:
            return None
        return value, frozenset(call for call in range(self.n) if call in head)
