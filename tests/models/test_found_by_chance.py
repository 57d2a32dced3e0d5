"""What random models have found: each was a bug once."""

import keras
import numpy as np
import pytest
from keras import layers

import kerassplit_widget as ks
from kerassplit_widget.structure.regions.folding import fold

from .test_splitting import arrays
from .zoo import NEWER_THAN_3_13

D = layers.Dense


def prove(model, cuts, **options):
    split = ks.split(model, cuts, **options)
    proof = split.verify(save=True)
    assert proof.ok and proof.exact, proof
    return split


def test_a_layer_named_like_an_output_of_another():
    x = keras.Input((6, 4), name="x2")
    _, h, c = layers.LSTM(3, return_sequences=True, return_state=True, name="l")(x)
    model = keras.Model(x, layers.Add(name="add")([D(3, name="l:1")(c), h, c]))
    graph = ks.read(model)
    assert len(graph.tensors) == sum(len(call.outputs) for call in graph) and "l:1_" in graph
    prove(model, ["l"])


def test_a_layer_named_like_the_second_call_of_another():
    x = keras.Input((4,), name="x")
    d = D(4, name="d")
    model = keras.Model(x, D(2, name="o")(D(4, name="d#2")(d(d(x)))))
    assert len(set(ks.read(model).names)) == 5
    for call in ks.read(model).names[1:-1]:
        prove(model, [call])


def test_crossing_cuts_of_several_points_come_to_an_end():
    x = keras.Input((4,), name="x")
    a = D(4, name="a")(x)
    b, c = D(4, name="b")(a), D(1, name="c")(a)
    d = D(4, name="d")(D(4, name="d0")(D(4, name="d1")(x)))
    model = keras.Model(x, [layers.Add(name="out")([b, d]), c])
    split = prove(model, [("b",), ("a", "d")])
    assert split.cuts == (("a", "d"), ("b", "d", "c"))  # the second also asks for what the first does


def test_a_sub_model_that_hands_its_input_on():
    i, j = keras.Input((4,)), keras.Input((4,))
    try:
        ident = keras.Model(i, i, name="ident")
    except ValueError:  # Keras before 3.14 has none
        ident = keras.Model(i, layers.Identity()(i), name="ident")
    sub = keras.Model(j, D(4, name="d")(j), name="sub")
    x = keras.Input((4,), name="x")
    model = keras.Model(x, D(2, name="o")(D(4, name="h")(ident(sub(x)))))
    for point in ("h", "sub/d", "sub"):
        prove(model, [point])


@pytest.mark.parametrize("wrap", [list, tuple])
def test_structures_of_one(wrap):
    x = keras.Input((4,), name="x")
    model = keras.Model(wrap([x]), wrap([D(2, name="b")(D(4, name="a")(x))]))
    split = prove(model, ["a"])
    data = np.ones((1, 4), "float32")
    for given in (data, [data], {"x": data}):
        assert np.array_equal(split(given), model(data))
    with pytest.raises(ks.SplitError, match="other inputs were given"):
        split([data, data])


def test_an_output_of_a_sub_model_that_nobody_reads():
    i = keras.Input((4,))
    h = D(4, name="h")(i)
    sub = keras.Model(i, [D(4, name="used")(h), D(3, name="unused")(h)], name="sub")
    x = keras.Input((4,), name="x")
    model = keras.Model(x, D(2, name="out")(sub(x)[0]))
    for cuts in (["sub/h"], ["sub/h", "sub/used"], ["sub/used"]):
        prove(model, cuts)
        prove(model, cuts, weights="copy")


def test_names_that_are_equal_once_they_are_made_safe():
    tokens = keras.Input((5,), dtype="int32", name="t")
    a, b = (layers.Embedding(9, 4, mask_zero=True, name=name)(tokens) for name in ("a b", "a_b"))
    model = keras.Model(tokens, layers.MultiHeadAttention(2, 3, name="mha")(query=a, value=b))
    prove(model, [("a b", "a_b")])


def test_a_prefixed_layer_named_like_an_input():
    x = keras.Input((4,), name="p_a")
    model = keras.Model(x, D(2, name="b")(D(4, name="a")(x)))
    split = prove(model, ["a"], prefix="p_")
    assert [layer.name for layer in split[0].layers] == ["p_a", "p_a_in"]
    assert arrays(split.join()(np.ones((1, 4))))[0].shape == (1, 2)


def test_ops_that_work_out_masks_are_named_the_same_every_time():
    x, y = keras.Input((5, 4), name="x"), keras.Input((5, 4), name="y")
    masked = D(4, name="d")(layers.Masking(0.0, name="mask")(x))
    model = keras.Model([x, y], layers.Add(name="not_equal")([masked, D(4, name="any_1")(y)]))

    def names():
        return [[operation.name for operation in part.operations] for part in prove(model, ["mask"])]

    first = names()
    keras.ops.not_equal(keras.Input((3,)), 0)
    assert names() == first


def test_a_sub_model_that_hands_its_input_on_past_a_cut():
    i = keras.Input((4,), name="i")
    hands_on = keras.Model(i, {"same": i, "new": D(4, name="d")(i)}, name="hands_on")
    x = keras.Input((4,), name="x")
    both = hands_on(D(4, name="a")(x))
    early = D(3, name="early")(both["same"])
    model = keras.Model(x, [D(2, name="out")(both["new"]), D(2, name="late")(early)])
    for wiring in ("relay", "direct"):
        split = prove(model, ["early"], wiring=wiring)
        first, second = split.manifest.wires
        assert set(second.takes) <= {*first.returns, "x"} and "early" in second.takes


class DeclaresHalf(layers.Layer):
    """Computes in float32 and tells Keras float16, as wrappers of layers of another precision do."""

    def call(self, x):
        return x * 1.001

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, "float16")


def test_an_output_whose_dtype_is_not_what_keras_declares():
    x = keras.Input((4,), name="x")
    wrong = DeclaresHalf(name="wrong")(D(4, name="a")(x))
    model = keras.Model(x, [wrong, D(2, name="end", dtype="float32")(wrong)])
    split = ks.split(model, ["wrong"])
    assert split.verify().exact and split[0].outputs[0].dtype == "float32"
    data = np.random.default_rng(0).random((3, 4), "float32")
    for found, expected in zip(split(data), model(data), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_a_piece_of_a_shared_model_is_tied_to_the_whole_also_after_loading(tmp_path):
    shared = keras.Sequential([keras.Input((4,)), D(4, name="a"), D(4, name="b")], name="shared")
    x = keras.Input((4,), name="x")
    model = keras.Model(x, D(2, name="out")(shared(shared(x))))
    split = prove(model, ["shared/a"])
    assert split.tied == {"shared_a": (0, 1)}
    split.save(tmp_path / "s")
    loaded = ks.Split.load(tmp_path / "s")
    assert loaded.tied == split.tied
    assert len(loaded.join().weights) == len(model.weights) == 6
    loaded[0].get_layer("shared_a").kernel.assign(np.zeros((4, 4)))
    model.get_layer("shared").get_layer("a").kernel.assign(np.zeros((4, 4)))
    data = np.ones((1, 4), "float32")
    assert np.array_equal(loaded(data), model(data))


def test_one_input_that_is_two_outputs():
    x, y = keras.Input((4,), name="x"), keras.Input((2,), name="y")
    same = y if NEWER_THAN_3_13 else layers.Identity(name="same")(y)  # before, Keras refused an input as an output
    model = keras.Model([x, y], {"first": same, "second": same, "out": D(2, name="b")(D(3, name="a")(x))})
    joined = prove(model, ["a"]).join()
    data = [np.ones((1, 4), "float32"), np.ones((1, 2), "float32")]
    assert [np.array_equal(a, b) for a, b in zip(arrays(joined(data)), arrays(model(data)), strict=True)] == [True] * 3


def test_scores_of_attention_between_sequences_of_other_lengths_cross_a_cut():
    x, y = keras.Input((6, 4), name="x"), keras.Input((3, 4), name="y")
    z, scores = layers.MultiHeadAttention(2, 3, name="mha")(x, y, return_attention_scores=True)
    model = keras.Model([x, y], [D(2, name="out")(D(3, name="a")(z)), scores])
    assert ks.read(model).tensors["mha:1"].shape == (None, 2, 6, 3)
    prove(model, ["mha"])
    prove(model, ["a"])


def test_a_part_of_calls_that_lead_to_no_output():
    i = keras.Input((4,), name="i")
    sub = keras.Model(i, [D(4, name="used")(i), D(3, name="unused")(D(3, name="before")(i))], name="sub")
    x = keras.Input((4,), name="x")
    model = keras.Model(x, D(2, name="out")(D(3, name="a")(sub(x)[0])))
    cuts = [("sub/used",), ("sub/used", "sub/unused")]
    with pytest.raises(ks.SplitError, match=r"Part 2 would return nothing: no output .* sub/before and sub/unused"):
        ks.split(model, cuts, wiring="direct")
    proof = ks.split(model, cuts).verify(save=NEWER_THAN_3_13)  # before, Keras did not load inputs that nothing reads
    assert proof.ok and proof.exact


def test_a_repeat_of_repeats_has_a_title():
    inputs = [keras.Input((2,), name=f"i{k}") for k in range(12)]
    x = inputs[0]
    for k, each in enumerate(inputs[1:]):
        x = keras.layers.Add(name=f"a{k}")([x, each])
    folded = fold(ks.read(keras.Model(inputs, keras.layers.Dense(2)(x))))
    outer = next(item for item in folded.children if item.kind == "repeat")
    assert [(item.kind, item.count) for item in (outer, *outer.children)] == [("repeat", 3)] * 4
    assert outer.title == "a" and [child.title for child in outer.children] == ["a2 – 4", "a5 – 7", "a8 – 10"]


def test_two_heads_can_be_cut_one_after_the_other():
    x = keras.Input((4,), name="x")
    trunk = keras.layers.Dense(4, name="trunk")(x)
    heads = [keras.layers.Dense(2, name=f"out_{k}")(keras.layers.Dense(8, name=f"head_{k}")(trunk)) for k in "ab"]
    model = keras.Model(x, heads)
    for cuts in (["head_a", "head_b"], ks.cut_candidates(model)):
        split = ks.split(model, cuts)
        assert len(split) == len(cuts) + 1 and split.verify(rounds=1).exact


def test_a_nested_model_with_an_input_that_it_does_not_read():
    i, j = keras.Input((4,), name="i"), keras.Input((4,), name="j")
    if not NEWER_THAN_3_13:
        with pytest.raises(ValueError, match="not connected"):
            keras.Model([i, j], D(4, name="inner")(i), name="sub")
        return
    sub = keras.Model([i, j], D(4, name="inner")(i), name="sub")
    x = keras.Input((4,), name="x")
    late = D(4, name="late")(x)
    y = D(2, name="out")(D(4, name="mid")(sub([D(4, name="early")(x), late])))
    model = keras.Model(x, [y, D(3, name="other")(late)])
    assert prove(model, ["mid"]).cuts == (("mid",),)
    prove(model, ["sub/inner", "out"])
