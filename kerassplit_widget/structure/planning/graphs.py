"""The planner on a plain networkx graph."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np

from kerassplit_widget.errors import PlanError
from kerassplit_widget.structure.planning.aims import Progress
from kerassplit_widget.structure.planning.balancing import TIME_LIMIT, balance, memory
from kerassplit_widget.structure.planning.evaluation import Loads, Solution
from kerassplit_widget.structure.planning.latency import latency
from kerassplit_widget.structure.planning.problem import Floats, Flow, Problem, Weight, one_of
from kerassplit_widget.structure.text import bytes_text, plural, seconds_text

__all__ = ["GraphPlan", "plan_graph"]


@dataclass(frozen=True, eq=False, repr=False)
class GraphPlan:
    """A plan of a graph.

    Attributes
    ----------
    objective : {"balance", "memory", "latency"}
    value : float
        Of this plan: the largest load, the largest memory, or the latency.
    bound : float
        No plan has a smaller value.
    gap : float
        ``(value - bound) / value``, or 0 when that is at most 1e-6: then the plan counts as proved optimal.
    stages : list of set of nodes
        In order.
    loads : array of float, shape (stages,)
        What of the objective falls to each stage.
    details : Loads
        The same, divided into computing, receiving and sending.
    status : str
        ``"optimal"``, or why the search ended before.

    Examples
    --------
    >>> import networkx as nx
    >>> import kerassplit_widget as ks
    >>> G = nx.path_graph(4, create_using=nx.DiGraph)
    >>> nx.set_node_attributes(G, 1.0, "cost")
    >>> nx.set_node_attributes(G, 8, "nbytes")
    >>> found = ks.plan_graph(G, parts=2)
    >>> found.stages, found.status
    ([{0, 1}, {2, 3}], 'optimal')
    """

    objective: str
    value: float
    bound: float
    gap: float
    stages: list[set[Hashable]]
    loads: Floats
    details: Loads
    status: str

    def __len__(self) -> int:
        return len(self.stages)

    def __repr__(self) -> str:
        def amount(value: float) -> str:
            return bytes_text(round(value)) if self.objective == "memory" else seconds_text(value)

        lines = [f"<GraphPlan: {self.objective} {amount(self.value)}, {self.status}"]
        for i, (stage, load) in enumerate(zip(self.stages, self.loads, strict=True)):
            some = ", ".join(sorted(map(str, stage))[:4]) + (", ..." if len(stage) > 4 else "")
            lines.append(f"  stage {i + 1}: {amount(load)}, {plural(len(stage), 'node')}: {some}")
        return "\n".join(lines) + ">"


def plan_graph(
    G: nx.DiGraph,  # noqa: N803 - the name networkx uses
    parts: int = 4,
    bandwidth: float = 1e9,
    wiring: str = "direct",
    objective: str = "balance",
    *,
    hop: float = 0.0,
    round_trip: float = 0.0,
    time_limit: float = TIME_LIMIT,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> GraphPlan:
    """Divide the nodes of a graph into ordered stages such that no edge runs backwards.

    A stage's load (direct) is its summed cost, plus the bytes of every tensor it receives and of every tensor it
    sends, each once, divided by the bandwidth. With relay wiring it also receives and sends what passes over it.

    Parameters
    ----------
    G : networkx.DiGraph
        Without cycles. Each node has the attributes ``cost``, in seconds, and ``nbytes``, the size of its output, which
        all its successors read. Parallel edges count as one.
    parts : int
        Number of stages, none empty. With the objective "latency" there are always two, which may be empty.
    bandwidth : float
        Bytes per second of each link.
    wiring : {"direct", "relay"}
    objective : {"balance", "memory", "latency"}
        "balance": the largest load is small. "memory": the most bytes that a stage holds are few, the node attribute
        ``memory`` being the bytes of a node. "latency": a device runs the head at ``cost``, a server the rest at the
        node attribute ``server_cost``.
    hop : float
        Seconds added to each stage that receives anything.
    round_trip : float
        Seconds, for "latency", if anything crosses.
    time_limit : float
        Seconds.
    progress : callable, optional
        Called as ``progress(value, bound, text)`` whenever a better plan or bound is found.
    cancelled : callable, optional
        Polled; when it returns true the best plan so far is returned.

    Returns
    -------
    GraphPlan

    Raises
    ------
    PlanError
        If the graph is empty or has a cycle, an attribute is missing or negative, or an option makes no sense.

    Examples
    --------
    >>> import networkx as nx
    >>> import kerassplit_widget as ks
    >>> G = nx.DiGraph([("a", "b"), ("a", "c"), ("b", "c")])
    >>> nx.set_node_attributes(G, {"a": 2.0, "b": 3.0, "c": 1.0}, "cost")
    >>> nx.set_node_attributes(G, {"a": 100, "b": 10, "c": 0}, "nbytes")
    >>> plan = ks.plan_graph(G, parts=2, bandwidth=100)
    >>> plan.value, [sorted(stage) for stage in plan.stages], plan.status
    (5.0, [['a'], ['b', 'c']], 'optimal')
    """
    one_of("objective", objective, ("balance", "memory", "latency"))
    nodes = _ordered(G)
    number = {node: i for i, node in enumerate(nodes)}
    cost, nbytes = _attribute(G, nodes, "cost"), _attribute(G, nodes, "nbytes")
    problem = Problem(
        np.array(cost),
        [
            Flow(number[node], nbytes[number[node]], tuple(number[reader] for reader in G.successors(node)))
            for node in nodes
        ],
        [Weight(size, (i,)) for i, size in enumerate(_attribute(G, nodes, "memory"))] if objective == "memory" else (),
        bandwidth=_number("bandwidth", bandwidth),
        wiring=wiring,
        hop=_number("time of a hop", hop),
    )
    if objective == "latency":
        server = np.array(_attribute(G, nodes, "server_cost"))
        plan = latency(problem, problem.cost, server, round_trip=_number("round trip", round_trip))
        return _translated(plan, nodes, plan.loads.total)
    seconds = _number("time limit", time_limit)
    if not seconds > 0:
        raise PlanError(f"The time limit is {seconds:g} s: give a number above 0.")
    try:
        if isinstance(parts, bool):
            raise TypeError
        parts = operator.index(parts)
    except TypeError:
        raise PlanError(f"{parts!r} parts were asked for: ask for a whole number, at least 1.") from None
    if parts > len(nodes):
        raise PlanError(
            f"{parts} parts were asked for, but the graph has {len(nodes)} nodes: ask for at most that many."
        )
    solve = balance if objective == "balance" else memory
    plan = solve(problem, parts, time_limit=seconds, progress=progress, cancelled=cancelled)
    return _translated(plan, nodes, plan.loads.total if objective == "balance" else plan.loads.memory)


def _translated(plan: Solution, nodes: list[Any], loads: Floats) -> GraphPlan:
    stages = [{nodes[i] for i in sorted(stage)} for stage in plan.stages]
    return GraphPlan(plan.objective, plan.value, plan.bound, plan.gap, stages, loads, plan.loads, plan.status)


def _ordered(graph: nx.DiGraph) -> list[Any]:
    if not (hasattr(graph, "is_directed") and graph.is_directed()):
        raise PlanError(
            f"A networkx.DiGraph is needed, edges from maker to reader; found {type(graph).__name__}: {graph!r:.80}."
        )
    if not len(graph):
        raise PlanError("The graph is empty: there is nothing to plan.")
    try:
        return list(nx.topological_sort(graph))
    except nx.NetworkXUnfeasible:
        cycle = [edge[0] for edge in nx.find_cycle(graph)]
        path = " -> ".join(map(repr, [*cycle, cycle[0]]))
        raise PlanError(f"The graph has a cycle, {path}: remove one of its edges.") from None


def _attribute(graph: nx.DiGraph, nodes: list[Any], name: str) -> list[float]:
    values = []
    for node in nodes:
        if name not in graph.nodes[node]:
            raise PlanError(f"The node {node!r} has no attribute {name!r}: set it on every node.")
        value = _number(f"{name} of the node {node!r}", graph.nodes[node][name])
        if not (math.isfinite(value) and value >= 0):
            raise PlanError(f"The {name} of the node {node!r} is {value:g}: give a finite number, at least 0.")
        values.append(value)
    if not math.isfinite(sum(values)):
        raise PlanError(f"The {name} of all nodes together is too large a number: give it in a larger unit.")
    return values


def _number(what: str, value: Any) -> float:
    try:
        if isinstance(value, str | bytes | bool):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise PlanError(f"The {what} is {value!r:.80}: give a number.") from None
