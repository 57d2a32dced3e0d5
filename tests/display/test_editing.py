from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerassplit_widget.display.editing import Editor
from kerassplit_widget.errors import CutError, PointError, SplitError
from kerassplit_widget.structure.cuts import cut_at
from kerassplit_widget.structure.nesting import nest

from ..structure.graphs import graph_of, random_graphs

CHAIN = graph_of([("in", "a"), ("a", "b"), ("b", "c"), ("c", "d")])
BRANCHES = graph_of(
    [("in", "s"), ("s", "a"), ("s", "b"), ("a", "a2"), ("b", "b2"), ("a2", "add"), ("b2", "add")],
    sizes={"s": 1, "a": 5, "b": 5, "a2": 9, "b2": 9},
)


def test_a_second_click_removes_the_cut():
    editor = Editor(CHAIN)
    assert editor.toggle("c") == "Cut after c: 1 tensor, 4 B."
    editor.toggle("a")
    assert editor.points == [["a"], ["c"]]
    assert editor.toggle("c") == "Removed the cut after c."
    assert editor.points == [["a"]]


def test_cuts_in_two_branches_become_nested_and_come_apart_again():
    editor = Editor(BRANCHES)
    editor.toggle("a")
    assert editor.toggle("b") == "Cut after a and b: 2 tensors, 40 B."
    assert editor.points == [["a"], ["a", "b"]]
    editor.toggle("b")
    assert editor.points == [["a"]]


def test_a_cut_that_divides_the_same_way_is_said_to_be_there():
    graph = graph_of(
        [("in", "s"), ("s", "a"), ("s", "b"), ("a", "add"), ("b", "add"), ("add", "o")],
        sizes={"s": 9},
    )
    editor = Editor(graph)
    editor.toggle("a")
    assert editor.toggle("b") == "The cut after a already divides the model there."
    assert editor.points == [["a"]]


def test_undo_and_redo():
    editor = Editor(CHAIN)
    assert editor.undo() == "There is nothing to undo."
    editor.toggle("a")
    editor.place_cuts(nest(cut_at(editor.graph, *points) for points in [["b"], ["c"]]))
    assert editor.can_undo and not editor.can_redo
    editor.undo()
    assert editor.points == [["a"]]
    editor.undo()
    assert editor.points == [] and not editor.can_undo
    editor.redo()
    editor.redo()
    assert editor.points == [["b"], ["c"]] and not editor.can_redo
    editor.undo()
    editor.toggle("b")
    assert not editor.can_redo


def test_what_cannot_be_done_changes_nothing():
    editor = Editor(CHAIN)
    editor.toggle("b")
    for call, error in (("d", CutError), ("in", CutError), ("x", PointError)):
        with pytest.raises(error):
            editor.toggle(call)
    with pytest.raises(PointError):
        editor.place_cuts(nest(cut_at(editor.graph, *points) for points in [["a"], ["x"]]))
    with pytest.raises(SplitError, match="no cut number 4; 1 cuts"):
        editor.remove(4)
    assert editor.points == [["b"]]


@given(random_graphs(), st.data())
def test_any_clicks_leave_nested_cuts_and_can_all_be_undone(graph, data):
    editor = Editor(graph)
    for _ in range(data.draw(st.integers(0, 6))):
        try:
            editor.toggle(data.draw(st.sampled_from(graph.names)))
        except CutError:
            continue
        heads = [cut.head for cut in editor.cuts]
        assert all(a < b for a, b in pairwise(heads))
    while editor.can_undo:
        editor.undo()
    assert editor.points == []


def test_steps_of_a_slider_that_change_something_later_are_taken_back_together():
    editor = Editor(CHAIN)
    editor.place_cuts([], following=True)
    for point in "abc":
        editor.place_cuts([cut_at(CHAIN, point)], following=True)
    assert editor.points == [["c"]] and editor.can_undo
    editor.undo()
    assert editor.points == [] and not editor.can_undo
