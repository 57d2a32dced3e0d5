"""Cuts on small graphs, against brute force over all partitions."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerassplit_widget.errors import CutError, PointError
from kerassplit_widget.structure.cuts import cut_at, cut_candidates, why_not
from kerassplit_widget.structure.graph import Call, LayerGraph, Tensor
from kerassplit_widget.structure.nesting import nest

from .graphs import graph_of, random_graphs

RESIDUAL = graph_of(
    [("in", "stem"), ("stem", "a"), ("a", "b"), ("b", "add"), ("stem", "add"), ("add", "out")],
    sizes={"stem": 4, "a": 2, "b": 4, "add": 4},
)


def crossing(graph, head):
    return [
        tensor
        for number in sorted(head)
        if not graph.calls[number].is_input
        for tensor in graph.calls[number].outputs
        if any(reader not in head for reader in graph.consumers[tensor.name])
    ]


def computed_ideals(graph):
    """All heads: sets of computed calls that are closed under computed predecessors."""
    computed = [n for n in range(len(graph)) if not graph.calls[n].is_input]
    for size in range(len(computed) + 1):
        for chosen in combinations(computed, size):
            ideal = set(chosen)
            if all(ideal.issuperset(graph.computed_predecessors[n]) for n in ideal):
                yield ideal


def computed_only(graph, head):
    return {n for n in head if not graph.calls[n].is_input}


def test_a_cut_beside_a_skip_takes_the_skip_along():
    cut = cut_at(RESIDUAL, "a")
    assert cut.points == ("a",)
    assert cut.tensors == ("stem", "a")
    assert cut.nbytes() == 4 * (4 + 2)
    assert cut.nbytes(batch_size=3) == 3 * cut.nbytes()
    assert not cut.is_candidate
    assert cut.describe() == "2 tensors cross after a, 24 B: stem (4 float32) and a (2 float32)."


def test_a_cut_shows_what_crosses():
    assert repr(cut_at(RESIDUAL, "a")) == "Cut('a': 2 tensors, 24 B)"
    assert repr(cut_candidates(RESIDUAL)) == "[Cut('stem': 1 tensor, 16 B), Cut('add': 1 tensor, 16 B)]"
    towers = graph_of([("in", "a"), ("in", "b")])
    assert repr(cut_at(towers, "a")) == "Cut('a': 0 tensors)"


def test_candidates_are_the_calls_that_everything_passes():
    assert [cut.points for cut in cut_candidates(RESIDUAL)] == [("stem",), ("add",)]
    assert all(cut.is_candidate and len(cut.tensors) == 1 for cut in cut_candidates(RESIDUAL))


def test_raw_inputs_do_not_count_as_crossing_but_are_listed():
    graph = graph_of([("x", "a"), ("a", "b"), ("mask", "b"), ("mask", "a"), ("b", "out")], inputs=("x", "mask"))
    cut = cut_at(graph, "a")
    assert cut.is_candidate
    assert cut.tensors == ("a",)
    assert cut.inputs_also_needed == ("mask",)
    assert "the tail also needs the model input mask" in cut.describe()


def test_an_auxiliary_head_does_not_spoil_candidates():
    graph = graph_of([("in", "a"), ("a", "b"), ("b", "c"), ("a", "aux"), ("b", "aux"), ("c", "out")])
    assert [cut.points[0] for cut in cut_candidates(graph)] == ["a", "c"]
    assert cut_at(graph, "b").tensors == ("a", "b")
    assert cut_at(graph, "c").tensors == ("c",)
    graph = graph_of([("in", "a"), ("a", "b"), ("a", "aux"), ("b", "out")])
    assert [cut.points[0] for cut in cut_candidates(graph)] == ["a", "b"]
    assert "aux" in {graph.names[n] for n in cut_at(graph, "b").head}


@given(random_graphs())
def test_candidates_are_exactly_the_single_tensor_cuts(graph):
    computed = [n for n in range(len(graph)) if not graph.calls[n].is_input]
    expected = []
    for n in computed:
        below = graph.reachable([n])
        if below and all({n, *below}.issuperset(graph.computed_predecessors[b]) for b in below):
            expected.append(graph.names[n])
    found = [cut.points[0] for cut in cut_candidates(graph)]
    assert found == expected
    for n in computed:
        if graph.reachable([n]):
            assert cut_at(graph, graph.names[n]).is_candidate == (graph.names[n] in expected)
    for cut in cut_candidates(graph):
        assert crossing(graph, computed_only(graph, cut.head)) == [graph.tensors[cut.points[0]]]


def test_a_tower_of_its_own_is_crossed_by_one_tensor_but_is_no_candidate():
    graph = graph_of([("x", "a"), ("y", "b"), ("a", "add"), ("b", "add"), ("add", "out")], inputs=("x", "y"))
    assert [cut.points[0] for cut in cut_candidates(graph)] == ["add"]
    assert cut_at(graph, "a").tensors == ("a",)
    assert not cut_at(graph, "a").is_candidate


@given(random_graphs(), st.data())
def test_cut_at_finds_the_fewest_bytes_and_the_smallest_head(graph, data):
    points = data.draw(st.lists(st.sampled_from(graph.names), min_size=1, max_size=2, unique=True), label="points")
    try:
        cut = cut_at(graph, *points)
    except CutError:
        return
    numbers = [graph.number[point] for point in points]
    must = computed_only(graph, {*numbers, *graph.reachable(numbers, backwards=True)})
    never = graph.reachable(numbers) - must
    best = min(
        (sum(t.nbytes() for t in crossing(graph, head)), len(head))
        for head in computed_ideals(graph)
        if must <= head and not head & never
    )
    head = computed_only(graph, cut.head)
    assert must <= head and not head & never
    assert (cut.nbytes(), len(head)) == best
    assert cut.tensors == tuple(t.name for t in crossing(graph, head))
    for n in head:
        assert head.issuperset(graph.computed_predecessors[n])


def test_cuts_after_ends_take_no_more_along_than_leaves_something_behind():
    graph = graph_of([("in", "a"), ("a", "b"), ("a", "c"), ("in", "d"), ("in", "e")])
    chain = nest(cut_at(graph, name) for name in ("a", "d", "e"))
    assert [computed_only(graph, cut.head) for cut in chain] == [
        {graph.number[name] for name in names} for names in ("a", "ad", "ade")
    ]


@given(random_graphs(), st.data())
def test_nested_cuts_grow_and_keep_every_point(graph, data):
    names = data.draw(st.lists(st.sampled_from(graph.names), min_size=1, max_size=4), label="points")
    cuts = []
    for name in names:
        try:
            cuts.append(cut_at(graph, name))
        except CutError:
            continue
    computed = {n for n, call in enumerate(graph.calls) if not call.is_input}
    try:
        chain = nest(cuts)
    except CutError:  # of towers, or after all outputs: nothing would be left behind the last
        assert computed <= set().union(*(cut.head for cut in cuts))
        return
    assert nest(reversed(chain)) == chain
    for first, second in pairwise(chain):
        assert first.head < second.head
    heads = {cut.head for cut in chain}
    for cut in cuts:  # a cut that crosses no other one is kept as it is
        if all(cut.head <= other.head or other.head <= cut.head for other in cuts):
            assert cut.head in heads


def test_cuts_in_parallel_branches_become_nested():
    graph = graph_of(
        [
            ("in", "s"),
            ("s", "a"),
            ("s", "b"),
            ("a", "a2"),
            ("b", "b2"),
            ("a2", "add"),
            ("b2", "add"),
        ],
        sizes={"s": 9, "a": 5, "b": 5, "a2": 9, "b2": 9},
    )
    a, b = cut_at(graph, "a"), cut_at(graph, "b")
    assert a.head == b.head  # the fewest bytes take both branches along: one cut, kept once
    assert nest([a, b]) == [a]
    wide = graph_of(
        [
            ("in", "s"),
            ("s", "a"),
            ("s", "b"),
            ("a", "a2"),
            ("b", "b2"),
            ("a2", "add"),
            ("b2", "add"),
        ],
        sizes={"s": 1, "a": 5, "b": 5, "a2": 9, "b2": 9},
    )
    chain = nest([cut_at(wide, "b"), cut_at(wide, "a")])
    assert [cut.points for cut in chain] == [("a",), ("a", "b")]


def test_cuts_in_two_heads_follow_each_other():
    edges = [("in", "s"), ("s", "a"), ("s", "b"), ("a", "a_out"), ("b", "b_out")]
    graph = graph_of(edges, sizes={"s": 4, "a": 8, "b": 8, "a_out": 2, "b_out": 2})
    a, b = cut_at(graph, "a"), cut_at(graph, "b")
    assert not a.head <= b.head and a.head | b.head == set(range(len(graph)))  # nothing would be left behind both
    chain = nest([a, b])
    named = [sorted(graph.names[n] for n in cut.head) for cut in chain]
    assert named == [["a", "in", "s"], ["a", "a_out", "b", "in", "s"]]
    assert nest(cut_candidates(graph))[0].points == ("s",)


def test_cuts_that_contradict_each_other_are_refused():
    edges = [("in", "a"), ("in", "b"), ("a", "p"), ("b", "q"), ("p", "add"), ("q", "add")]
    graph = graph_of(edges)
    with pytest.raises(CutError) as caught:
        nest([cut_at(graph, "a", "q"), cut_at(graph, "p", "b")])
    assert str(caught.value).startswith(
        "The cuts ['b', 'p'] and ['a', 'q'] contradict each other: 'q' is to come behind"
    )


@pytest.mark.parametrize(
    ("points", "error", "words"),
    [
        (("in",), CutError, ["'in' is an input of the model", "would be empty", "such as 'add'"]),
        (("out",), CutError, ["'out' is an output of the model", "would be empty"]),
        (("ad",), PointError, ["no call 'ad'", "'add'"]),
        ((), PointError, ["at least one point"]),
    ],
)
def test_bad_points_are_refused_in_a_sentence(points, error, words):
    with pytest.raises(error) as caught:
        cut_at(RESIDUAL, *points)
    for word in words:
        assert word in str(caught.value)


def test_tensor_names_are_points_too():
    assert cut_at(RESIDUAL, "add:0").points == ("add",)


def test_points_come_in_topological_order_and_once():
    assert cut_at(RESIDUAL, "a", "stem", "a").points == ("stem", "a")


def test_why_not_names_tensors_and_neighbours():
    assert why_not(RESIDUAL, "a") == (
        "2 tensors cross after a, 24 B: stem (4 float32) and a (2 float32). "
        "Nearest candidates: stem before and add after."
    )
    assert "It is a candidate" in why_not(RESIDUAL, "stem")
    assert "is an input of the model" in why_not(RESIDUAL, "in")


def test_unknown_sizes_stay_unknown():
    graph = graph_of([("in", "a"), ("a", "b"), ("b", "c"), ("a", "c")], sizes={"a": None})
    assert cut_at(graph, "b").nbytes() is None
    assert "size unknown" in cut_at(graph, "b").describe()


def test_a_mask_that_would_have_to_come_along_is_weighed():
    """The free call `b` halves the tensor, yet what reads it needs the mask of `b` as well."""

    def call(name, inputs, size, mask=None, masked=()):
        return Call(name, "Dense", name, inputs, (Tensor(name, name, 0, (None, size), "float32", mask),), masked=masked)

    def graph(length):
        return LayerGraph(
            "m",
            (
                Call("x", "InputLayer", "x", (), (Tensor("x", "x", 0, (None, 4), "float32"),), is_input=True),
                call("a", ("x",), 4),
                call("p", ("a",), 1),
                call("b", ("a",), 2, (None, length)),
                call("out", ("b", "p"), 1, masked=("b",)),
            ),
            ("x",),
            ("out",),
        )

    assert cut_at(graph(7), "p").tensors == ("p", "b")  # 4 + 8 + 7 bytes, and not 4 + 16
    assert cut_at(graph(9), "p").tensors == ("a", "p")
    assert cut_at(graph(7), "p").masks == ("b",) and cut_at(graph(7), "p").nbytes() == 19


def test_a_cut_between_towers_that_share_only_an_input_is_crossed_by_nothing():
    graph = graph_of([("x", "a"), ("a", "b"), ("x", "c"), ("c", "d")], inputs=("x",))
    cut = cut_at(graph, "b")
    assert [graph.names[n] for n in sorted(cut.head)] == ["x", "a", "b"]
    assert (cut.tensors, cut.nbytes(), cut.inputs_also_needed, cut.is_candidate) == ((), 0, ("x",), False)
    assert cut.describe() == (
        "Nothing crosses after b: what follows is computed from model inputs alone; "
        "the tail also needs the model input x."
    )
    with pytest.raises(CutError, match="'b' and 'd' are outputs of the model and nothing is computed after"):
        cut_at(graph, "b", "d")


def test_why_a_single_tensor_is_no_candidate():
    edges = [("x", "a"), ("a", "b"), ("z", "side"), ("b", "both"), ("side", "both"), ("both", "out")]
    graph = graph_of(edges, inputs=("x", "z"))
    assert [cut.points for cut in cut_candidates(graph)] == [("both",)]
    assert why_not(graph, "a") == (
        "1 tensor crosses after a, 4 B: a (1 float32); the tail also needs the model input z. It is no candidate, as "
        "both is also computed from side, which does not come through a. Nearest candidates: both after."
    )
    without = graph_of(edges[:-1], inputs=("x", "z"))
    assert why_not(without, "b").endswith(
        "as both is also computed from side, which does not come through b. The model has no candidate."
    )


def test_only_outputs_are_called_outputs():
    graph = graph_of([("in", "a"), ("a", "p"), ("in", "q")])
    with pytest.raises(CutError) as caught:
        cut_at(graph, "a", "p", "q")
    assert str(caught.value).startswith(
        "'p' and 'q' are outputs of the model and nothing is computed after 'a', 'p' and 'q': "
    )
    idle = graph_of([("in", "a"), ("a", "b"), ("b", "idle")], outputs=("b",))
    with pytest.raises(
        CutError, match=r"^Nothing is computed after 'idle': the part behind a cut there would be empty"
    ):
        cut_at(idle, "idle")
