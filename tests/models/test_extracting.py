"""Sub-models between any tensors, also inside nested models."""

import keras
import numpy as np
import pytest

import kerassplit_widget as ks

from . import zoo
from .test_splitting import arrays, inbound


def test_head_middle_and_tail():
    model = zoo.residual()
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    before = inbound(model)
    head = ks.extract(model, outputs=["stem", "bn"])
    middle = ks.extract(model, inputs=["stem", "bn"], outputs="pool")
    tail = ks.extract(model, inputs=model.get_layer("pool"))
    assert isinstance(head(x), list) and len(head(x)) == 2
    assert np.array_equal(arrays(tail(middle(head(x))))[0], arrays(model(x))[0])
    assert [t.name for t in middle.inputs] == ["stem", "bn"]
    assert inbound(model) == before


def test_the_models_own_structure_is_kept_where_no_points_are_given():
    model = zoo.structured()
    whole = ks.extract(model)
    assert set(whole.input) == {"left", "right"} and set(whole.output) == {"main", "early", "same"}
    assert ks.extract(model, inputs=["b", "right"], outputs=["d"]).input_shape == [(None, 4), (None, 3)]


def test_inside_nested_models():
    model = zoo.nested()
    x = np.ones((1, 6), "float32")
    inner = ks.extract(model, outputs=["backbone/first", "backbone/block/act", "out"])
    first, act, out = inner(x)
    assert np.array_equal(out, model(x))
    assert np.array_equal(act, np.maximum(first, 0))
    rest = ks.extract(model, inputs=["x", "backbone/first"])
    assert np.array_equal(rest([x, arrays(first)[0]]), model(x))


def test_the_second_call_of_a_shared_layer():
    model = zoo.siamese()
    part = ks.extract(model, inputs=["right"], outputs=["shared#2"])
    x = np.ones((1, 5), "float32")
    assert np.array_equal(part(x), model.get_layer("shared")(x))


def test_second_outputs_of_a_call():
    model = zoo.recurrent()
    tokens = np.array([[1, 2, 3, 4, 5, 6, 7]])
    states = ks.extract(model, outputs=["encoder:1", "encoder:2"])(tokens)
    assert np.array_equal(states[0], model(tokens)[1])


def test_a_fed_tensor_brings_its_mask():
    model = zoo.masked_attention()
    attend = ks.extract(model, inputs=["dense"], outputs=["mha"])
    assert [tuple(t.shape) for t in attend.inputs] == [(None, 7, 8), (None, 7)]
    tokens = np.array([[3, 4, 0, 0, 5, 0, 0]])
    dense, expected = map(arrays, ks.extract(model, outputs=["dense", "mha"])(tokens))
    np.testing.assert_allclose(attend([dense[0], tokens != 0]), expected[0], rtol=1e-5, atol=1e-6)
    assert not np.allclose(attend([dense[0], tokens >= 0]), expected[0], atol=1e-4)


def test_what_is_missing_is_named():
    with pytest.raises(ks.SplitError, match="out cannot be computed from conv alone: image is needed too"):
        ks.extract(zoo.residual(), inputs=["conv"])
    with pytest.raises(ks.SplitError, match=r"no call 'convv'"):
        ks.extract(zoo.residual(), outputs=["convv"])


def test_a_point_in_a_closed_layer_says_how_it_is_opened():
    class Two(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.one, self.other = keras.layers.Dense(4, name="one"), keras.layers.Dense(4, name="other")

        def build(self, shape):
            self.one.build(shape)
            self.other.build(shape)

        def call(self, x):
            return self.other(self.one(x))

    x = keras.Input((4,), name="x")
    q = Two(name="q")
    model = keras.Model(x, keras.layers.Dense(2, name="out")(q(x)))
    for point in ("q/one", q.one):
        for argument in ("inputs", "outputs"):
            with pytest.raises(ks.SplitError, match="'q' is closed here"):
                ks.extract(model, **{argument: [point]})
    with pytest.raises(ks.SplitError, match=r"no call 'qq'.* closest name is 'q'"):
        ks.extract(model, outputs=["qq"])
    assert ks.extract(model, outputs=["q/one"], expand="all").output_shape == (None, 4)


def test_flat_models_have_readable_names():
    flat = ks.flatten(zoo.nested())
    assert [layer.name for layer in flat.layers] == [
        "x", "backbone_first", "backbone_block_act", "backbone_block_inner", "backbone_sum", "head", "out",
    ]  # fmt: skip
    assert all(not isinstance(layer, keras.Model) for layer in flat.layers)
    assert flat.name == "nested"
