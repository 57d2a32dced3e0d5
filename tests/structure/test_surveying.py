"""The sweep over all calls says what is found call by call."""

from itertools import pairwise

from hypothesis import given

from kerassplit_widget.errors import CutError
from kerassplit_widget.structure import closure
from kerassplit_widget.structure.cuts import cut_at, explain, nearest_candidates
from kerassplit_widget.structure.surveying import survey

from .graphs import graph_of, random_graphs


def one_by_one(graph, name):
    """Everything that `cut_at` and `nearest_candidates` say of a call."""
    nearest = nearest_candidates(graph, name)
    try:
        cut = cut_at(graph, name)
    except CutError as error:
        return None, str(error), nearest
    told = (cut.points, cut.head, cut.tensors, cut.masks, cut.inputs_also_needed, cut.is_candidate)
    return told, explain(cut, nearest), nearest


def swept(place):
    cut = place.cut
    if cut is None:
        return None, place.refusal, place.nearest
    told = (cut.points, cut.head, cut.tensors, cut.masks, cut.inputs_also_needed, cut.is_candidate)
    return told, explain(cut, place.nearest), place.nearest


@given(random_graphs(most=14))
def test_every_place_is_told_as_by_itself(graph):
    assert [swept(place) for place in survey(graph)] == [one_by_one(graph, name) for name in graph.names]


def test_cuts_along_a_branch_solve_one_flow_problem(monkeypatch):
    left, right = [f"a{i}" for i in range(9)], [f"b{i}" for i in range(9)]
    edges = [("in", "stem")]
    for branch in (left, right):
        way = ["stem", *branch, "add"]
        edges += pairwise(way)
    graph = graph_of([*edges, ("add", "out")])
    solved = []
    proper = closure._minimum_cut
    monkeypatch.setattr(closure, "_minimum_cut", lambda *given: solved.append(given) or proper(*given))
    places = list(survey(graph))
    assert len(solved) == 2  # one for each branch; nine each, cut by cut
    assert [swept(place) for place in places] == [one_by_one(graph, name) for name in graph.names]
    assert len(solved) == 2 + 18
