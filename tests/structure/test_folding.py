from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings

from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.regions.folding import fold
from kerassplit_widget.structure.regions.titles import common_title, named_title
from kerassplit_widget.structure.regions.tree import region_tree

from .folds import (
    all_folds,
    in_series,
    is_convex,
    leaves,
    random_graphs,
    residual_net,
    rises,
    skeleton,
    typed_graph,
    wiring,
)


def seen(graph):
    """What is seen of a graph, as short text."""
    return [f"{item.title} ×{item.count}" if item.kind == "repeat" else item.title for item in fold(graph).children]


def renamed(graph, name):
    """The same graph with other names of calls; `name` maps old ones to new ones."""
    tensors = {tensor: tensor.replace(tensor, name(tensor)) for tensor in graph.tensors}
    calls = tuple(
        replace(
            call,
            name=name(call.name),
            layer=name(call.layer),
            inputs=tuple(tensors[tensor] for tensor in call.inputs),
            outputs=tuple(replace(t, name=tensors[t.name], call=name(call.name)) for t in call.outputs),
        )
        for call in graph.calls
    )
    return LayerGraph(graph.name, calls, tuple(map(name, graph.inputs)), tuple(map(name, graph.outputs)))


@settings(max_examples=120, deadline=None)
@given(random_graphs())
def test_every_box_is_convex_and_children_divide_it(graph):
    root = fold(graph)
    assert root.calls == tuple(range(len(graph)))
    for item in all_folds(root):
        assert rises(item.calls)
        assert is_convex(graph, item.calls)
        if item.children:
            assert sorted(n for child in item.children for n in child.calls) == list(item.calls)
            assert len(item.children) > 1 or item is root
        else:
            assert item.kind == "call" and item.name == item.title == graph.names[item.calls[0]]


@settings(max_examples=120, deadline=None)
@given(random_graphs())
def test_the_canonical_order_is_topological(graph):
    place = {number: i for i, number in enumerate(leaves(fold(graph)))}
    assert all(place[a] < place[b] for a, to in enumerate(graph.successors) for b in to)


@settings(max_examples=120, deadline=None)
@given(random_graphs())
def test_copies_of_a_repeat_are_wired_alike(graph):
    for item in all_folds(fold(graph)):
        if item.kind == "repeat":
            assert item.count == len(item.children) >= 2
            first = wiring(graph, leaves(item.children[0]))
            assert all(wiring(graph, leaves(copy)) == first for copy in item.children)
            shapes = [[(c.kind, len(c.calls)) for c in copy.children] for copy in item.children]
            assert all(shape == shapes[0] for shape in shapes)
        else:
            assert item.count == 1


@settings(max_examples=60, deadline=None)
@given(random_graphs())
def test_names_are_unique_and_always_the_same(graph):
    folds = all_folds(fold(graph))
    assert max(Counter(item.name for item in folds).values()) == 1
    assert [item.name for item in folds] == [item.name for item in all_folds(fold(graph))]
    assert all(item.title for item in folds)


@settings(max_examples=60, deadline=None)
@given(random_graphs())
def test_names_of_calls_decide_nothing(graph):
    flat = renamed(graph, lambda name: name.replace("/", "_"))  # without groups
    other = renamed(flat, lambda name: f"z{sum(map(ord, name)) % 97}_{name[::-1]}")
    assert skeleton(fold(other)) == skeleton(fold(flat))


@settings(max_examples=60, deadline=None)
@given(random_graphs())
def test_groups_are_kept_where_they_can_be_one_box(graph):
    folds = {item.name: item for item in all_folds(fold(graph))}
    for group in graph.groups:
        inside = tuple(n for n, name in enumerate(graph.names) if name.startswith(f"{group}/"))
        if group in folds:
            assert folds[group].kind == "group" and folds[group].calls == inside
        else:
            outer = tuple(n for n, name in enumerate(graph.names) if name.startswith(f"{group.rpartition('/')[0]}/"))
            assert len(inside) == 1 or inside == outer or len(graph.groups) > 1 or not is_convex(graph, inside)


def test_a_group_that_would_close_a_cycle_is_taken_apart():
    rows = [
        ("in", "InputLayer", ()),
        ("g/a", "Dense", ("in",)),
        ("b", "Dense", ("g/a",)),
        ("g/c", "Dense", ("b",)),
        ("k/a", "Dense", ("g/c",)),
        ("k/b", "Dense", ("k/a",)),
    ]
    root = fold(typed_graph(rows, groups=("g", "k")))
    assert [(item.name, item.kind) for item in root.children] == [
        ("in", "call"),
        ("g/a", "call"),
        ("b", "call"),
        ("g/c", "call"),
        ("k", "group"),
    ]
    assert root.children[-1].calls == (4, 5)


def test_nested_groups_are_folds_in_folds():
    rows = [("in", "InputLayer", ())]
    for name in ("net/stem", "net/body/a", "net/body/b", "net/top", "head"):
        rows.append((name, "Dense", (rows[-1][0],)))
    (_, net, _) = fold(typed_graph(rows, groups=("net", "net/body"))).children
    assert (net.name, net.title, net.kind, net.calls) == ("net", "net", "group", (1, 2, 3, 4))
    assert [child.name for child in net.children] == ["net/stem", "net/body", "net/top"]
    assert (net.children[1].title, net.children[1].calls) == ("body", (2, 3))


def test_a_residual_net_is_stages_of_blocks():
    graph = residual_net((4, 6))
    assert seen(graph) == [
        "in",
        "stem",
        "stage0_block0",
        "stage0_block ×3",
        "stage1_block0",
        "stage1_block ×5",
        "pool",
        "fc",
    ]
    repeat = fold(graph).children[3]
    assert [copy.title for copy in repeat.children] == ["stage0_block1", "stage0_block2", "stage0_block3"]
    assert repeat.name == "stage0_block1_conv0…stage0_block3_out"
    assert [graph.names[n] for n in leaves(repeat.children[1])][-2:] == ["stage0_block2_add", "stage0_block2_out"]


def test_like_steps_of_a_chain_are_a_repeat_and_what_is_left_a_run():
    kinds = ["Conv2D", "ReLU", "Pool"] * 4 + ["Flatten", "Dropout", "Dense"]
    assert seen(in_series(*kinds)) == ["in", "Conv2D · ReLU · Pool ×4", "c12", "c13", "c14"]
    longer = ["Rescaling", "Normalization", *kinds, "Norm1", "Act1", "Norm2", "Act2", "Norm3", "Act3", "Norm4"]
    found = fold(in_series(*longer)).children
    assert [(item.kind, len(item.calls)) for item in found] == [
        ("call", 1),
        ("call", 1),
        ("call", 1),
        ("repeat", 12),
        ("block", 10),
    ]


def test_transformers_that_all_read_one_mask_are_a_repeat():
    rows = [("ids", "InputLayer", ()), ("mask", "InputLayer", ()), ("embed", "Embedding", ("ids",))]
    for i in range(6):
        x = rows[-1][0]
        rows += [
            (f"block{i}/norm", "LayerNormalization", (x,)),
            (f"block{i}/attention", "Attention", (f"block{i}/norm", "mask")),
            (f"block{i}/add", "Add", (x, f"block{i}/attention")),
            (f"block{i}/mlp", "Dense", (f"block{i}/add",)),
        ]
    graph = typed_graph(rows, groups=[f"block{i}" for i in range(6)])
    assert seen(graph) == ["ids", "embed", "mask", "block ×6"]
    assert [copy.kind for copy in fold(graph).children[-1].children] == ["group"] * 6


def transformer_calls(blocks, *, mask, heads):
    """Blocks call by call, all reading a mask, with one or two heads that read the last."""
    rows = [("ids", "InputLayer", ()), ("mask", "InputLayer", ()), ("seen", "Reshape", ("mask",))]
    x = "ids"
    for i in range(blocks):
        rows += [
            (f"b{i}_attention", "Conv2D", (x, "seen") if mask else (x,)),
            (f"b{i}_add1", "Add", (x, f"b{i}_attention")),
            (f"b{i}_norm1", "LayerNormalization", (f"b{i}_add1",)),
            (f"b{i}_up", "Dense", (f"b{i}_norm1",)),
            (f"b{i}_down", "Dense", (f"b{i}_up",)),
            (f"b{i}_add2", "Add", (f"b{i}_norm1", f"b{i}_down")),
            (f"b{i}_norm2", "LayerNormalization", (f"b{i}_add2",)),
        ]
        x = f"b{i}_norm2"
    return rows + [(f"head{i}", f"Head{i}", (x,)) for i in range(heads)]


@pytest.mark.parametrize("mask", [True, False])
@pytest.mark.parametrize("heads", [1, 2, 3])
def test_the_last_block_is_folded_along_whatever_reads_it(mask, heads):
    graph = typed_graph(transformer_calls(6, mask=mask, heads=heads))
    (repeat,) = [item for item in all_folds(fold(graph)) if item.kind == "repeat" and len(item.calls) > 6]
    assert (repeat.title, repeat.count, len(repeat.calls)) == ("b", 6, 42)
    assert [graph.names[leaves(copy)[-1]] for copy in repeat.children] == [f"b{i}_norm2" for i in range(6)]


def test_a_last_block_that_is_built_otherwise_is_not_folded_along():
    rows = transformer_calls(6, mask=True, heads=2)
    rows = [(name, "OtherNorm" if name == "b5_norm2" else kind, sources) for name, kind, sources in rows]
    (repeat,) = [item for item in all_folds(fold(typed_graph(rows))) if item.kind == "repeat"]
    assert repeat.count == 5


def test_groups_that_are_fed_in_other_places_are_not_alike():
    rows = [("in", "InputLayer", ()), ("stem", "Dense", ("in",))]
    for i in range(9):
        x = rows[-1][0]
        second = (f"g{i}/a", x) if i == 4 else (f"g{i}/a",)
        rows += [(f"g{i}/a", "Conv2D", (x,)), (f"g{i}/b", "Conv2D", second), (f"g{i}/c", "Conv2D", (f"g{i}/b",))]
    root = fold(typed_graph(rows, groups=[f"g{i}" for i in range(9)]))
    assert [(item.title, item.count) for item in root.children] == [
        ("in", 1),
        ("stem", 1),
        ("g0 – 3", 4),
        ("g4", 1),
        ("g5 – 8", 4),
    ]


def test_repeats_beside_each_other_are_told_apart_by_their_first_and_last_copy():
    rows = [("in", "InputLayer", ())]
    for i in range(1, 9):  # block_3 and block_6 are built otherwise
        kinds = ("Conv2D", "Pool", "Dense") if i in (3, 6) else ("Conv2D", "Norm", "Sum", "Gate")
        for j, kind in enumerate(kinds):
            rows.append((f"block_{i}_{'abcd'[j]}", kind, (rows[-1][0],)))
    assert seen(typed_graph(rows)) == ["in", "block_1 – 2 ×2", "block_3", "block_4 – 5 ×2", "block_6", "block_7 – 8 ×2"]


def test_a_copy_whose_title_is_common_to_all_is_told_by_its_calls():
    rows = [("in", "InputLayer", ())]
    for i in range(7):  # mixed2 is built otherwise; in mixed6 the names have less in common
        kinds = ("Conv2D", "Pool", "Dense") if i == 2 else ("Conv2D", "Norm", "Sum", "Gate")
        for j, kind in enumerate(kinds):
            rows.append((f"mixed{5 if (i, j) == (6, 1) else i}_{'abcd'[j]}" + "x" * (i == 6), kind, (rows[-1][0],)))
    assert seen(typed_graph(rows)) == ["in", "mixed0 – 1 ×2", "mixed2", "mixed3_a – mixed6_dx ×4"]


def test_blocks_of_the_same_kinds_are_told_apart_by_their_first_and_last_call():
    rows, made = [("in", "InputLayer", ())], Counter()

    def layer(kind, *sources):
        name = kind.lower() + f"_{made[kind]}" * bool(made[kind])
        made[kind] += 1
        rows.append((name, kind, sources))
        return name

    x, skips = "in", []
    for _ in range(5):
        x = layer("Conv2D", layer("Conv2D", x))
        skips.append(x)
        x = layer("MaxPooling2D", x)
    x = layer("Conv2D", x)
    for skip in reversed(skips):
        x = layer("Concatenate", skip, layer("UpSampling2D", x))
        x = layer("Conv2D", layer("Conv2D", x))
    titles = [item.title for item in fold(typed_graph(rows)).children if item.kind == "block"]
    assert len(set(titles)) == len(titles) > 3
    assert {"conv2d – maxpooling2d", "conv2d_2 – maxpooling2d_1"} <= set(titles)


def test_copies_of_generic_names_are_told_apart_when_their_repeat_is_open():
    (_, repeat, *_) = fold(in_series(*["Conv2D", "ReLU", "Pool"] * 4, "Dense")).children
    assert repeat.title == "Conv2D · ReLU · Pool"
    assert [copy.title for copy in repeat.children] == ["c0 – 2", "c3 – 5", "c6 – 8", "c9 – 11"]


def test_cells_that_read_the_two_before_are_a_repeat():
    rows = [("in", "InputLayer", ()), ("stem", "Conv2D", ("in",))]
    before, last = "stem", "stem"
    for i in range(7):
        rows += [
            (f"cell{i}_a", "Conv2D", (last,)),
            (f"cell{i}_b", "Conv2D", (before,)),
            (f"cell{i}_c", "Pool", (last,)),
            (f"cell{i}_d", "Add", (f"cell{i}_a", f"cell{i}_b")),
            (f"cell{i}_e", "Add", (f"cell{i}_b", f"cell{i}_c")),
            (f"cell{i}_out", "Concatenate", (f"cell{i}_d", f"cell{i}_e")),
        ]
        before, last = last, f"cell{i}_out"
    found = fold(typed_graph(rows)).children
    repeat = max(found, key=lambda item: len(item.calls))
    assert repeat.kind == "repeat" and repeat.count >= 5
    assert {len(copy.calls) for copy in repeat.children} == {6}
    assert len(found) <= 6


def test_the_steps_of_a_u_are_no_repeat():
    rows = [("in", "InputLayer", ())]
    for i in range(8):
        rows += [(f"down{i}", "Conv2D", (rows[-1][0],)), (f"pool{i}", "Pool", (f"down{i}",))]
    for i in reversed(range(8)):
        rows += [(f"up{i}", "Up", (rows[-1][0],)), (f"merge{i}", "Concatenate", (f"down{i}", f"up{i}"))]
    root = fold(typed_graph(rows))
    assert len(root.children) > 4  # the whole is one fork, yet it is not one box
    assert "repeat" not in {item.kind for item in all_folds(root)}


def test_like_branches_side_by_side_are_a_repeat():
    rows = [("in", "InputLayer", ()), ("stem", "Conv2D", ("in",))]
    for i in range(12):
        rows += [(f"path{i}_conv", "Conv2D", ("stem",)), (f"path{i}_relu", "ReLU", (f"path{i}_conv",))]
    rows.append(("join", "Add", tuple(f"path{i}_relu" for i in range(12))))
    assert seen(typed_graph(rows)) == ["in", "stem", "path ×12", "join"]


def test_a_graph_without_any_likeness_still_fits_a_screen():
    graph = in_series(*(f"Kind{i * i % 997}" for i in range(1000)))
    for item in all_folds(fold(graph)):
        assert len(item.children) <= (60 if len(item.calls) <= 60 else 40)


def test_small_and_empty_graphs():
    assert fold(LayerGraph("none", (), (), ())).children == ()
    assert seen(typed_graph([("only", "InputLayer", ())])) == ["only"]
    assert seen(in_series("Dense", "ReLU", "Dense")) == ["in", "c0", "c1", "c2"]


def test_the_tree_may_be_handed_over():
    graph = residual_net()
    assert skeleton(fold(graph, region_tree(graph.successors))) == skeleton(fold(graph))


def test_deep_models_need_no_recursion():
    chain = in_series(*(["Conv2D", "BatchNormalization", "ReLU"] * 2000))
    assert [item.count for item in fold(chain).children] == [1, 2000]
    rows = [("in", "InputLayer", ())]
    rows += [(f"d{i}", "Conv2D", (rows[-1][0] if not i else f"d{i - 1}",)) for i in range(1500)]
    for i in reversed(range(1499)):
        rows.append((f"u{i}", "Add", (f"d{i}", rows[-1][0])))
    assert len(fold(typed_graph(rows)).children) <= 40


@pytest.mark.parametrize(
    ("names", "title"),
    [
        (["conv4_block2_1_conv", "conv4_block2_add"], "conv4_block2"),
        (["conv4_block2", "conv4_block13"], "conv4_block"),
        (["block1b", "block1c"], "block1"),
        (["block1b", "block10c"], "block"),
        (["batch_norm_1", "batch_normal_2"], "batch"),
        (["one"], "one"),
        (["a", "b"], ""),
    ],
)
def test_common_titles_end_with_a_word_or_number(names, title):
    assert common_title(names) == title


def test_titles_from_names_leave_out_what_says_nothing():
    def title(*names_and_kinds):
        rows = [("in", "InputLayer", ()), ("in2", "InputLayer", ())]
        joins = {"Add", "Concatenate"}
        rows += [(name, kind, ("in", "in2") if kind in joins else ("in",)) for name, kind in names_and_kinds]
        return named_title(typed_graph(rows).calls[2:])

    assert title(("block2_conv", "Conv2D"), ("add_3", "Add"), ("block2_out", "ReLU")) == "block2"
    assert title(("conv_dw", "Conv2D"), ("conv_pw", "Conv2D")) == ""
    assert title(("conv2d_7", "Conv2D"), ("concatenate_1", "Concatenate")) == ""
    assert title(("conv2d_7", "Conv2D"), ("mixed3", "Concatenate")) == "mixed3"
