"""Minimum cuts of flow networks, against networkx; and cuts of graphs in which the flow is wide or long."""

import time

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerassplit_widget.structure.cuts import cut_at, why_not
from kerassplit_widget.structure.flow import Network
from kerassplit_widget.structure.graph import Call, LayerGraph, Tensor

EDGES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 6)), max_size=40)


def smallest_cut_of_networkx(edges):
    graph = nx.DiGraph()
    graph.add_nodes_from(range(10))
    for start, end, capacity in edges:
        before = graph.get_edge_data(start, end, {"capacity": 0})["capacity"]
        graph.add_edge(start, end, capacity=before + capacity)
    residual = nx.algorithms.flow.edmonds_karp(graph, 0, 1)
    reached, stack = {0}, [0]
    while stack:
        for other, edge in residual[stack.pop()].items():
            if other not in reached and edge["flow"] < edge["capacity"]:
                reached.add(other)
                stack.append(other)
    return reached


@given(EDGES)
def test_the_smallest_minimum_cut_is_found(edges):
    edges = [(start, end, capacity) for start, end, capacity in edges if start != end]
    network = Network(10)
    for edge in edges:
        network.add(*edge)
    assert network.reached() == smallest_cut_of_networkx(edges)


def call(name, inputs, size=4):
    return Call(name, "Dense", name, inputs, (Tensor(name, name, 0, (None, size), "float32"),), is_input=not inputs)


def fan(arms):
    names = tuple(f"w{i}" for i in range(arms))
    return LayerGraph("fan", (call("x", ()), call("s", ("x",)), *(call(n, ("s",)) for n in names), call("o", names)),
                      ("x",), ("o",))  # fmt: skip


def towers(height):
    calls = [call("x", ()), call("s", ("x",))]
    for i in range(height):
        for side in "ab":
            below = (f"{side}{i - 1}" if i else "s", *([f"{side}{i - 2}"] if i > 1 and i % 3 == 0 else []))
            # the other tower is narrow somewhere in the middle
            calls.append(call(f"{side}{i}", below, 1 if side == "b" and i == height // 3 else 4))
    return LayerGraph("towers", (*calls, call("o", (f"a{height - 1}", f"b{height - 1}"))), ("x",), ("o",))


@pytest.mark.parametrize(
    ("graph", "point", "tensors"),
    [(fan(50_000), "w25000", {"s", "w25000"}), (towers(49_999), "a25000", {"a25000", "b16666"})],
    ids=["fan", "towers"],
)
def test_a_cut_in_many_thousand_parallel_calls(graph, point, tensors):
    start = time.process_time()
    assert set(cut_at(graph, point).tensors) == tensors
    assert "2 tensors cross" in why_not(graph, point)
    assert time.process_time() - start < 10  # 1 to 2 s; networkx needs a minute and a half for the fan
