import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerassplit_widget.structure.cuts import cut_at
from kerassplit_widget.structure.gathering import gathered
from kerassplit_widget.structure.layout import lay_out
from kerassplit_widget.structure.regions.folding import fold
from kerassplit_widget.structure.views import opened_at, path_to, straddled, view

from .folds import all_folds, in_series, leaves, random_graphs, residual_net, rises, typed_graph


@st.composite
def looked_at(draw):
    graph = draw(random_graphs())
    root = fold(graph)
    names = [item.name for item in all_folds(root) if item.children]
    return graph, root, draw(st.sets(st.sampled_from([*names, "no such fold"])))


@settings(max_examples=120, deadline=None)
@given(looked_at())
def test_a_view_is_the_quotient_of_the_graph(case):
    graph, root, opened = case
    seen = view(graph, root, opened)
    assert seen.box_of.dtype == np.int32 and seen.box_of.shape == (len(graph),)
    assert [tuple(np.flatnonzero(seen.box_of == i)) for i in range(len(seen.boxes))] == [b.calls for b in seen.boxes]

    calls = nx.DiGraph((a, b) for a, to in enumerate(graph.successors) for b in to)
    calls.add_nodes_from(range(len(graph)))
    quotient = nx.quotient_graph(calls, [frozenset(box.calls) for box in seen.boxes], create_using=nx.DiGraph)
    place = {frozenset(box.calls): i for i, box in enumerate(seen.boxes)}
    expected = {(place[a], place[b]) for a, b in quotient.edges}
    edges = list(zip(seen.sources.tolist(), seen.targets.tolist(), strict=True))
    assert set(edges) == expected
    assert edges == [(a, b) for a, to in enumerate(seen.successors) for b in to]
    assert all(rises(to) for to in seen.successors)
    assert all(a < b for a, b in edges)  # so there is no cycle, and the order is topological


@settings(max_examples=120, deadline=None)
@given(looked_at())
def test_edges_carry_tensors_and_boxes_have_exits(case):
    graph, root, opened = case
    seen = view(graph, root, opened)
    for a, b, tensors in zip(seen.sources, seen.targets, seen.tensors, strict=True):
        crossing = {
            name
            for n in seen.boxes[b].calls
            for name in graph.calls[n].inputs
            if graph.number[graph.tensors[name].call] in seen.boxes[a].calls
        }
        assert set(tensors) == crossing and len(tensors) == len(crossing) > 0
    for box, exits, params in zip(seen.boxes, seen.exits, seen.params, strict=True):
        last = {n for n in box.calls if not set(graph.successors[n]) & set(box.calls)}
        computed = {n for n in last if not graph.calls[n].is_input}
        assert set(exits) == (computed or last) and rises(exits)
        assert params == sum({graph.calls[n].layer: graph.calls[n].params for n in box.calls}.values())


@settings(max_examples=120, deadline=None)
@given(looked_at())
def test_frames_are_the_open_folds_around_boxes(case):
    graph, root, opened = case
    seen = view(graph, root, opened)
    for frame in seen.frames:
        assert frame.fold.name in opened and frame.fold.children
        assert sorted(n for i in frame.boxes for n in seen.boxes[i].calls) == list(frame.fold.calls)
        assert list(frame.boxes) == list(range(frame.boxes[0], frame.boxes[-1] + 1))
        around = [f for f in seen.frames if f is not frame and set(frame.boxes) <= set(f.boxes)]
        assert frame.depth == len([f for f in around if len(f.fold.calls) > len(frame.fold.calls)])
    for box in seen.boxes:
        assert not box.children or box.name not in opened


@settings(max_examples=100, deadline=None)
@given(random_graphs(), st.data())
def test_opening_what_a_cut_straddles_puts_it_between_boxes(graph, data):
    root = fold(graph)
    point = data.draw(st.integers(0, len(graph) - 1))
    head = frozenset({point, *graph.reachable([point], backwards=True)})
    names = straddled(root, head)
    folds = {item.name: item for item in all_folds(root)}
    assert [len(folds[name].calls) > 1 for name in names] == [True] * len(names)
    expected = {i.name for i in all_folds(root) if i is not root and 0 < len(head & set(i.calls)) < len(i.calls)}
    assert set(names) == expected
    for box in view(graph, root, names).boxes:
        assert head.issuperset(box.calls) or head.isdisjoint(box.calls)
    order = {name: i for i, name in enumerate(names)}
    for inner in names:
        for outer in names:
            if set(folds[inner].calls) < set(folds[outer].calls):
                assert order[outer] < order[inner]


@settings(max_examples=120, deadline=None)
@given(looked_at(), st.data())
def test_copies_are_gathered_where_nothing_is_to_be_seen_of_them(case, data):
    graph, root, opened = case
    point = data.draw(st.integers(0, len(graph) - 1))
    head = frozenset({point, *graph.reachable([point], backwards=True)})
    found = gathered(root, [head], opened)
    seen = view(graph, found.root, found.opened)
    assert sorted(n for box in seen.boxes for n in box.calls) == list(range(len(graph)))
    assert all(a < b for a, b in zip(seen.sources.tolist(), seen.targets.tolist(), strict=True))
    whole = view(graph, root, opened | set(straddled(root, head)))
    folds = {item.name: item for item in all_folds(root)}
    inside = {copy.name: item.name for item in folds.values() if item.kind == "repeat" for copy in item.children}
    for box in seen.boxes:
        assert head.issuperset(box.calls) or head.isdisjoint(box.calls)
        if box.name in found.rows:  # like copies, side by side in the repeat, none of them asked for
            copies = folds[found.rows[box.name]].children
            first = copies.index(next(copy for copy in copies if copy.name == box.children[0].name))
            assert [c.name for c in copies[first : first + box.count]] == [c.name for c in box.children]
            assert box.count >= 2 and not opened & {found.rows[box.name], *(c.name for c in box.children)}
    at_copies = {inside[name] for name in opened if name in inside} - opened
    if not at_copies:  # then just rows are new
        assert len(seen.boxes) <= len(whole.boxes)
        assert {b.name for b in seen.boxes} - found.rows.keys() <= {b.name for b in whole.boxes}


@settings(max_examples=60, deadline=None)
@given(random_graphs(), st.data())
def test_opening_the_path_to_a_call_shows_it(graph, data):
    root = fold(graph)
    call = data.draw(st.integers(0, len(graph) - 1))
    path = path_to(root, call)
    seen = view(graph, root, path)
    assert seen.boxes[seen.box_of[call]].calls == (call,)
    assert [frame.fold.name for frame in seen.frames] == path
    if path:
        closed = view(graph, root, path[:-1])
        assert len(closed.boxes[closed.box_of[call]].calls) > 1


@settings(max_examples=60, deadline=None)
@given(random_graphs())
def test_depths(graph):
    root = fold(graph)
    assert [box.calls for box in view(graph, root, opened_at(graph, root, "all")).boxes] == [(n,) for n in leaves(root)]
    layers = view(graph, root, opened_at(graph, root, "layers")).boxes
    assert {box.kind for box in layers} <= {"call", "group"}
    shown = {box.name for box in layers if box.kind == "group"}
    outermost = {i.name for i in all_folds(root) if i.kind == "group" and i is not root and not path_of_groups(root, i)}
    assert shown == outermost
    assert len(view(graph, root, opened_at(graph, root, "blocks")).boxes) <= 40


def path_of_groups(root, item):
    """Names of groups around a fold, the root left out."""
    return [
        other.name
        for other in all_folds(root)
        if other is not root and other.kind == "group" and set(item.calls) < set(other.calls)
    ]


def test_blocks_opens_what_holds_most_of_a_model():
    rows = [("in", "InputLayer", ())]
    for i in range(80):
        rows.append((f"net/c{i}", f"Kind{i}", (rows[-1][0],)))
    rows.append(("head", "Dense", (rows[-1][0],)))
    graph = typed_graph(rows, groups=["net"])
    root = fold(graph)
    assert opened_at(graph, root, "blocks") == {"net"}
    assert 3 < len(view(graph, root, {"net"}).boxes) <= 40
    repeat = in_series(*["Dense"] * 50)
    assert opened_at(repeat, fold(repeat), "blocks") == set()


def test_unknown_depths_and_calls_are_refused():
    graph = residual_net()
    root = fold(graph)
    with pytest.raises(ValueError, match='"blocks", "layers" or "all"; found \'deep\''):
        opened_at(graph, root, "deep")
    with pytest.raises(ValueError, match="no call number 999"):
        path_to(root, 999)


def test_breadcrumbs_of_a_residual_net():
    graph = residual_net((4, 6))
    root = fold(graph)
    titles = {item.name: item.title for item in all_folds(root)}
    path = path_to(root, graph.number["stage1_block3_bn1"])
    assert [titles[name] for name in path] == ["stage1_block", "stage1_block3"]
    cut = cut_at(graph, "stage1_block3_bn1")
    assert straddled(root, cut.head) == path
    assert straddled(root, cut_at(graph, "stage0_block3_out").head) == []
    assert straddled(root, cut_at(graph, "stage1_block2_out").head) == path[:1]


def test_a_block_is_left_by_its_last_call():
    graph = residual_net((4, 6))
    root = fold(graph)
    seen = view(graph, root)
    assert [[graph.names[n] for n in exits] for exits in seen.exits] == [
        ["in"],
        ["stem"],
        ["stage0_block0_out"],
        ["stage0_block3_out"],
        ["stage1_block0_out"],
        ["stage1_block5_out"],
        ["pool"],
        ["fc"],
    ]


def test_like_copies_are_drawn_alike():
    graph = residual_net((4, 6))
    root = fold(graph)
    opened = opened_at(graph, root, "all")
    seen = view(graph, root, opened)
    layout = lay_out(seen.successors, size=(172.0, 38.0))
    drawn = 0
    for frame in seen.frames:
        if frame.fold.kind == "repeat":
            first, *others = [[seen.box_of[n] for n in leaves(copy)] for copy in frame.fold.children]
            for copy in others:
                for axis in (layout.x, layout.y):
                    assert np.allclose(axis[copy] - axis[copy[0]], axis[first] - axis[first[0]], atol=0.01)
                drawn += 1
    assert drawn == 2 + 4
