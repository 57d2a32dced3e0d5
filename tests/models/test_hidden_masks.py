"""Layers that are looked into although masks travel hidden into them, or that put masks on what they return."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import kerassplit_widget as ks
from kerassplit_widget.models.reading import read_steps

from .own_layers import Block, Decoder, Encoder, Masking, Nest, PositionalEmbedding, Scaled
from .test_masks import OTHERS, TOKENS, arrays, check_all_cuts, embedded, tokens


def translator():
    x, z = tokens(), tokens("z")
    memory = Encoder(name="encoder")(PositionalEmbedding(name="embed")(x))
    y = Decoder(name="decoder")([PositionalEmbedding(name="embed_z")(z), memory])
    return keras.Model([x, z], layers.Dense(3, name="dense")(y)), [TOKENS, OTHERS]


def taken_off():
    """What the block takes off its input is missing for the layer after it, and there for the one before it."""
    x = tokens()
    y = embedded(x)
    before = layers.GRU(3, name="before")(y)
    block = Block(name="block")(y)
    return keras.Model(x, [before, layers.GRU(3, name="after")(y), layers.GRU(3, name="behind")(block)]), TOKENS


def handed_on():
    x = tokens()
    y = Scaled(name="scaled")(Masking(name="masking")(embedded(x)))
    return keras.Model(x, layers.GRU(3, name="gru")(y)), TOKENS


def nest():
    x = tokens()
    return keras.Model(x, layers.GRU(3, name="gru")(Nest(name="nest")(embedded(x)))), TOKENS


def unseen():
    """Keras does not show the mask that comes out of a nested model."""
    k = tokens("k")
    x = tokens()
    y = keras.Model(k, embedded(k), name="inner")(x)
    return keras.Model(x, layers.GRU(3, name="gru")(Scaled(name="scaled")(y))), TOKENS


def read_by(reader):
    def make():
        x = tokens()
        y = PositionalEmbedding(name="embed")(x)
        return keras.Model(x, layers.Dense(2, name="dense")(reader(y))), TOKENS

    return make


MODELS = {
    "translator": (translator, 11),
    "taken_off": (taken_off, 2),
    "handed_on": (handed_on, 3),
    "nest": (nest, 8),
    "unseen": (unseen, 1),
    "multi_head": (read_by(lambda y: layers.MultiHeadAttention(2, 3, name="attend")(y, y)), 2),
}


@pytest.mark.parametrize(("make", "every"), MODELS.values(), ids=MODELS)
def test_masks_inside_opened_layers_are_what_they_are_in_the_model(make, every):
    model, data = make()
    for variable in model.weights:  # biases are zero at first, and norms nothing
        variable.assign(np.random.default_rng(0).uniform(-0.5, 0.5, variable.shape))
    assert check_all_cuts(model, data, every, expand="all") >= 3


def test_all_of_a_translator_is_opened():
    model, _ = translator()
    graph = ks.read(model, expand="all")
    assert not graph.collapsed
    kinds = [call.kind for call in graph]
    assert kinds.count("DotProductAttention") == 3 and kinds.count("LayerNormalization") == 3
    assert {"MultiHeadAttention", "Encoder", "Decoder", "PositionalEmbedding"}.isdisjoint(kinds)


def test_a_mask_that_a_layer_makes_around_its_call_is_attached_where_it_is_wanted():
    model, _ = MODELS["multi_head"][0]()
    steps = {step.call.name: step.call for step in read_steps(model, expand=["embed"]).steps}
    assert steps["embed/attach_mask"].inputs == ("embed/add", "embed/not_equal")
    assert steps["embed/attach_mask"].outputs[0].mask == (None, 6)
    assert steps["attend"].masked == ("embed/attach_mask",)
    plain, _ = read_by(lambda y: y)()
    assert "embed/attach_mask" in ks.read(plain, expand="all").names  # for the loss
    unread, _ = read_by(lambda y: layers.Flatten()(y))()
    assert not any("mask" in name or "not_equal" in name for name in ks.read(unread, expand="all").names)


@pytest.mark.parametrize("length", [None, 6])
@pytest.mark.parametrize("cut", ["embed", "encoder_1"])
def test_a_mask_that_is_given_does_not_replace_the_one_that_a_layer_inside_finds(length, cut):
    x = keras.Input((length,), dtype="int32")
    y = Encoder(name="encoder_2")(Encoder(name="encoder_1")(PositionalEmbedding(name="embed")(x)))
    model = keras.Model(x, layers.Dense(2)(y))
    for variable in model.weights:
        variable.assign(np.random.default_rng(0).uniform(-0.5, 0.5, variable.shape))
    split = ks.split(model, [cut])
    found = split.run(TOKENS, hand_on=ops.convert_to_numpy)
    np.testing.assert_allclose(found, arrays(model(TOKENS))[0], atol=1e-5)
    assert split.verify(TOKENS).ok


def test_a_layer_that_reads_masks_as_no_trace_shows_stays_closed():
    class Peeking(Scaled):
        def call(self, x):
            mask = getattr(x, "_keras_mask", None)
            return self.dense(x) if mask is None else self.dense(x) * float(np.asarray(mask).mean())

    x = tokens()
    model = keras.Model(x, layers.Dense(2)(Peeking(name="peeking")(embedded(x))))
    assert "peeking" in ks.read(model, expand="all").collapsed


def test_masks_of_more_dimensions_are_taken_off_as_they_are():
    k, x = keras.Input((2, 3), dtype="int32"), keras.Input((2, 3), dtype="int32")
    inner = keras.Model(k, layers.Embedding(10, 4, mask_zero=True)(k), name="inner")
    model = keras.Model(x, layers.Dense(2, name="dense")(Scaled(name="scaled")(inner(x))))
    graph = ks.read(model, expand=["scaled"])
    assert graph.tensors["scaled/take_mask"].shape == (None, 2, 3)
    assert check_all_cuts(model, np.array([[[1, 2, 0], [3, 0, 0]]]), expand=["scaled"]) >= 4


def test_masks_that_layers_of_layers_attach_twice_are_left_out_where_nobody_wants_them():
    class Around(layers.Layer):
        """Attaches the mask that the layer inside has attached already."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.embed = PositionalEmbedding(name="embed")

        def call(self, x):
            return self.embed(x) * 2.0

        def compute_mask(self, inputs, mask=None):
            return ops.equal(inputs, 3)

    class Outer(Around):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.embed = Around(name="around")

        def call(self, x):
            return self.embed(x)

        def compute_mask(self, inputs, mask=None):
            return self.embed.compute_mask(inputs)

    x = tokens()
    outer = Outer(name="outer")(x)
    unread = ks.read(keras.Model(x, layers.Flatten(name="flat")(outer)), expand="all")
    assert not {"AttachMask", "Equal", "NotEqual"} & {call.kind for call in unread}
    assert unread.calls[unread.number["flat"]].inputs == ("outer/around/multiply",)
    assert unread.groups["outer"] == ("outer/around/multiply",)
    model = keras.Model(x, layers.MultiHeadAttention(1, 2, name="attend")(outer, outer))
    kinds = [call.kind for call in ks.read(model, expand=["outer", "outer/around", "outer/around/embed"])]
    assert kinds.count("AttachMask") == kinds.count("Equal") == 1 and "NotEqual" not in kinds
    assert check_all_cuts(model, TOKENS, 2, expand="all") >= 5


def test_what_a_layer_of_layers_takes_and_does_not_read_stays_in_the_graph():
    class Ignores(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = layers.Dense(2, name="dense")

        def call(self, x, other, mask=None):
            return self.dense(x)

    x = keras.Input((4,))
    flag = layers.Dense(4, name="flag")(x)
    y = Ignores(name="ignores")(layers.Dense(3, name="read")(x), layers.Dense(3, name="unread")(x), mask=flag > 0)
    names = ks.read(keras.Model(x, y), expand="all").names
    assert "unread" in names and "ignores/dense" in names and "flag" not in names  # but for masks
