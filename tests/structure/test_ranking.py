"""The cheapest cuts of few tensors, against brute force over all heads."""

import re
import time
from itertools import combinations

import networkx as nx
import pytest
from hypothesis import given, settings

from kerassplit_widget.errors import CutError
from kerassplit_widget.structure.cuts import cut_at, cut_of
from kerassplit_widget.structure.ranking import cheapest_cuts

from .graphs import graph_of, random_graphs
from .test_cuts import RESIDUAL, computed_ideals, computed_only, crossing


def all_cuts(graph, most):
    """Sets of tensors that cross some cut, not being smaller cuts of separate branches, with their bytes."""
    joined = nx.Graph(
        [(call.name, (t.name,)) for call in graph if not call.is_input for t in call.outputs]
        + [((name,), call.name) for call in graph for name in call.inputs if not graph[name].is_input]
    )
    pieces = [joined.subgraph(nodes) for nodes in nx.biconnected_components(joined)]
    heads = {}
    for head in computed_ideals(graph):  # the smallest come first
        names = frozenset(t.name for t in crossing(graph, head))
        if 0 < len(names) <= most:
            heads.setdefault(names, head)

    def smaller_ones_together(names):
        return any(
            some in heads and names - some in heads and heads[some] | heads[names - some] == heads[names]
            for size in range(1, len(names))
            for some in map(frozenset, combinations(sorted(names), size))
        )

    def separate_a_piece(names):
        nodes = {(name,) for name in names}
        return any(
            all(node in nx.articulation_points(piece.subgraph(set(piece) - nodes | {node})) for node in nodes)
            for piece in pieces
            if nodes <= set(piece)
        )

    return {
        names: sum(graph.tensors[name].nbytes() for name in names)
        for names in heads
        if len(names) == 1 or (separate_a_piece(names) and not smaller_ones_together(names))
    }


def test_a_residual_block_is_cut_before_it_inside_it_and_after_it():
    cuts = cheapest_cuts(RESIDUAL)
    assert [(cut.points, cut.tensors, cut.nbytes()) for cut in cuts] == [
        (("stem",), ("stem",), 16),
        (("add",), ("add",), 16),
        (("stem", "a"), ("stem", "a"), 24),
    ]
    assert cheapest_cuts(RESIDUAL, tensors=1) == cuts[:2]
    assert cheapest_cuts(RESIDUAL, limit=1) == cuts[:1]


def test_of_a_chain_the_cheapest_place_is_listed_and_of_equal_ones_the_first():
    graph = graph_of([("x", "a"), ("a", "b"), ("b", "c"), ("c", "d")], inputs=("x",), sizes={"a": 3, "b": 2, "c": 2})
    assert [cut.points for cut in cheapest_cuts(graph)] == [("b",)]


def test_an_encoder_read_all_along_the_decoder_is_cut_by_two_tensors():
    layers = [(f"d{k}", f"d{k + 1}") for k in range(4)]
    graph = graph_of([("x", "enc"), ("y", "d0"), *layers, *(("enc", f"d{k}") for k in range(5))], inputs=("x", "y"))
    pairs = [cut.tensors for cut in cheapest_cuts(graph) if len(cut.tensors) == 2]
    assert pairs == [("enc", f"d{k}") for k in range(4)]


@pytest.mark.parametrize(
    ("tensors", "limit", "said"),
    [
        (0, 5, "tensors= is how many tensors may cross, 1, 2 or 3; found 0."),
        (4, 5, "tensors= is how many tensors may cross, 1, 2 or 3; found 4."),
        (2, 0, "limit= is a whole number, at least 1; found 0."),
    ],
)
def test_what_cannot_be_ranked_is_refused(tensors, limit, said):
    with pytest.raises(CutError, match=re.escape(said)):
        cheapest_cuts(RESIDUAL, tensors, limit)


@settings(max_examples=300)
@given(random_graphs(most=9))
def test_pairs_and_triples_are_those_of_brute_force(graph):
    for most in (2, 3):
        truth = all_cuts(graph, most)
        cuts = cheapest_cuts(graph, most, limit=None)
        for cut in cuts:
            assert len(cut.tensors) <= most
            assert set(cut.tensors) == {t.name for t in crossing(graph, cut.head)}
            if len(cut.tensors) < 3:
                assert frozenset(cut.tensors) in truth
        costs = [cut.nbytes() for cut in cuts]
        assert costs == sorted(costs)
        # What is not listed lies in a chain with something listed that costs no more.
        listed = {frozenset(cut.tensors) for cut in cuts}
        for names, cost in truth.items():
            assert names in listed or any(
                len(other) == len(names) and truth[other] <= cost and in_one_chain(graph, names, other)
                for other in listed
            )
        assert [c.tensors for c in cheapest_cuts(graph, most, limit=3)] == [c.tensors for c in cuts[:3]]


def in_one_chain(graph, some, others):
    """Whether each tensor of one set leads through a chain of calls to one of the other, or comes from it."""

    def link(name):
        readers = graph.consumers[name]
        if len(readers) != 1:
            return None
        after = graph.calls[readers[0]]
        fed = [each for each in after.inputs if not graph[graph.tensors[each].call].is_input]
        made = after.outputs[0].name
        return made if len(fed) == 1 and len(graph.consumers[made]) == 1 else None

    def chain_of(name):
        names = {name}
        while (name := link(name)) is not None:
            names.add(name)
        return names

    return all(any(a in chain_of(b) or b in chain_of(a) for b in others) for a in some)


@settings(max_examples=200)
@given(random_graphs(most=8))
def test_a_cut_made_from_its_head_is_the_cut_at_its_points(graph):
    for head in computed_ideals(graph):
        if crossing(graph, head):
            cut = cut_of(graph, head)
            assert computed_only(graph, cut.head) == head
            again = cut_at(graph, *cut.points)
            assert again.tensors == cut.tensors
            assert computed_only(graph, again.head) == head


def test_of_many_equal_cuts_the_first_are_found_without_looking_at_all():
    edges = [("in", "s"), ("s", "a0"), ("s", "b0")]
    for i in range(1, 1500):
        for side in "ab":
            edges.append((f"{side}{i - 1}", f"{side}{i}"))
            if i % 3 == 0:
                edges.append((f"{side}{i - 2}", f"{side}{i}"))
    graph = graph_of([*edges, ("a1499", "out"), ("b1499", "out")])
    start = time.process_time()
    found = cheapest_cuts(graph, 2)
    assert [cut.tensors for cut in found[:2]] == [("s",), ("s", "a0")] and len(found) == 20
    assert time.process_time() - start < 5  # 0.2 s; all pairs take half a minute
