import time

import networkx as nx
import pytest
from hypothesis import given

from kerassplit_widget.structure.regions import empty_frontier, immediate_dominators

from .graphs import random_graphs


def networkx_dominators(predecessors):
    graph = nx.DiGraph()
    graph.add_nodes_from(range(-1, len(predecessors)))
    for vertex, sources in enumerate(predecessors):
        graph.add_edges_from((source, vertex) for source in (sources or [-1]))
    found = nx.immediate_dominators(graph, -1)
    return [found[vertex] for vertex in range(len(predecessors))]


@given(random_graphs(most=14))
def test_dominators_agree_with_networkx(graph):
    for predecessors in (graph.predecessors, graph.computed_predecessors):
        assert immediate_dominators(predecessors) == networkx_dominators(predecessors)


@given(random_graphs(most=14))
def test_empty_frontier_agrees_with_networkx(graph):
    predecessors = graph.predecessors
    reference = nx.DiGraph()
    reference.add_nodes_from(range(-1, len(graph)))
    for vertex, sources in enumerate(predecessors):
        reference.add_edges_from((source, vertex) for source in (sources or [-1]))
    frontiers = nx.dominance_frontiers(reference, -1)
    assert empty_frontier(predecessors) == [not frontiers.get(v) for v in range(len(graph))]


@pytest.mark.parametrize(
    "predecessors",
    [
        pytest.param([[]] + [[i] for i in range(100_000)], id="chain"),
        pytest.param([[]] + [[0] for _ in range(99_999)] + [list(range(1, 100_000))], id="fan"),
        pytest.param([[]] + [[i] if i % 2 else [max(0, i - 1), i] for i in range(100_000)], id="skips"),
    ],
)
def test_a_hundred_thousand_vertices_take_linear_time(predecessors):
    start = time.process_time()
    assert len(empty_frontier(predecessors)) == len(predecessors)
    assert time.process_time() - start < 2.0  # 0.15 s here; networkx needs minutes on the fan
