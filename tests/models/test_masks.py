"""Masks that travel hidden: through layers of layers, past attention that takes them off, across cuts."""

import sys
import warnings

import keras
import numpy as np
import pytest
from keras import layers

import kerassplit_widget as ks
from kerassplit_widget.errors import CutError
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.reading import read_steps

from .own_layers import Block

TOKENS = np.array([[1, 2, 3, 0, 0, 0], [4, 5, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6]], "int32")
OTHERS = np.ascontiguousarray(TOKENS[::-1])


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    """What comes out of it carries the mask that went in, which Keras does not show."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.gru = layers.GRU(4, return_sequences=True)

    def build(self, shape):
        self.gru.build(shape)

    def call(self, x):
        return self.gru(x)


@keras.saving.register_keras_serializable("tests")
class Embedder(layers.Layer):
    """Makes a mask inside."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.table = layers.Embedding(10, 4, mask_zero=True)
        self.norm = layers.LayerNormalization()

    def build(self, shape):
        self.table.build(shape)
        self.norm.build((*shape, 4))

    def call(self, tokens):
        return self.norm(self.table(tokens))


def tokens(name="x"):
    return keras.Input((6,), dtype="int32", name=name)


def embedded(x, name="embed"):
    return layers.Embedding(10, 4, mask_zero=True, name=name)(x)


def nested(name="sub"):
    x = keras.Input((6, 4))
    return keras.Model(x, layers.LSTM(4, return_sequences=True, name=f"{name}_lstm")(x), name=name)


def nested_attention(name="inner"):
    """Attention in it takes the mask off its own input, too."""
    x = keras.Input((6, 4))
    y = layers.Add(name=f"{name}_add")([x, layers.MultiHeadAttention(2, 3, name=f"{name}_attend")(x, x)])
    return keras.Sequential(
        [keras.Model(x, y, name=f"{name}_block"), layers.GRU(4, return_sequences=True, name=f"{name}_gru")], name=name
    )


def nested_of_two(name="two"):
    x, z = keras.Input((6, 4)), keras.Input((6, 4))
    y = layers.LSTM(4, return_sequences=True, name=f"{name}_lstm")(x)
    return keras.Model(
        [x, z], layers.Maximum(name=f"{name}_max")([y, layers.Dense(4, name=f"{name}_dense")(z)]), name=name
    )


def post_norm():
    x = tokens()
    y = embedded(x)
    for i in range(2):
        y = layers.Add(name=f"add_{i}")([y, layers.MultiHeadAttention(2, 3, name=f"attend_{i}")(y, y)])
        y = layers.LayerNormalization(name=f"norm_{i}")(y)
    return keras.Model(x, layers.MultiHeadAttention(2, 3, name="last")(y, y)), TOKENS


def shared_memory():
    x, z = tokens(), tokens("z")
    memory, query = embedded(x, "memory"), embedded(z, "query")
    for i in range(2):
        query = layers.MultiHeadAttention(2, 3, name=f"attend_{i}")(query, memory)
    return keras.Model([x, z], [query, layers.GRU(3, name="beside")(memory)]), [TOKENS, OTHERS]


def blocks():
    x = tokens()
    y = layers.Dense(4, name="dense")(embedded(x))
    return keras.Model(x, Block(name="block_1")(Block(name="block_0")(y))), TOKENS


def out_of_layers_of_layers():
    x = tokens()
    y = Subclassed(name="subclassed")(layers.Dense(4, name="dense")(Embedder(name="embedder")(x)))
    y = layers.Dense(4, name="between")(nested()(y))
    return keras.Model(x, layers.GRU(3, name="gru")(y)), TOKENS


def into_nested_models():
    x, z = tokens(), tokens("z")
    y, shared = embedded(x), nested_attention()
    y = nested_of_two()([shared(y), shared(layers.Dense(4, name="dense")(embedded(z, "other")))])
    return keras.Model([x, z], [layers.GRU(3, name="gru")(y), layers.MultiHeadAttention(2, 3, name="last")(y, y)]), [
        TOKENS,
        OTHERS,
    ]


def merging(kind):
    def make():
        x, z = tokens(), tokens("z")
        a = layers.Dense(4, name="a")(embedded(x, "left"))
        b = layers.Dense(4, name="b")(layers.Embedding(10, 4, name="right")(z))
        return keras.Model([x, z], kind(name="merge")([a, b])), [TOKENS, OTHERS]

    return make


def taken_beside():
    """Attention comes first in the model; what reads beside it finds no mask, in whatever order a part calls."""
    x = tokens()
    y = embedded(x)
    attended = layers.Dense(4, name="dense")(layers.MultiHeadAttention(2, 3, name="attend")(y, y))
    beside = Subclassed(name="beside")(y)
    return keras.Model(x, [layers.GRU(3, name="gru")(attended), beside]), TOKENS


MODELS = {
    "post_norm": post_norm,
    "shared_memory": shared_memory,
    "blocks": blocks,
    "out_of_layers_of_layers": out_of_layers_of_layers,
    "into_nested_models": into_nested_models,
    "multiply": merging(layers.Multiply),
    "maximum": merging(layers.Maximum),
    "minimum": merging(layers.Minimum),
    "taken_beside": taken_beside,
}


def random_model(seed):
    """Make a model of layers that use masks, hand them on, take them off or lose them."""
    random = np.random.default_rng(seed)
    x, z = tokens(), tokens("z")
    made = [embedded(x, "left"), Embedder(name="right")(z) if seed % 2 else embedded(z, "right")]

    def some():
        return made[-int(random.integers(1, min(4, len(made)) + 1))]

    kinds = [
        lambda name: layers.Dense(4, name=name)(some()),
        lambda name: layers.LayerNormalization(name=name)(some()),
        lambda name: layers.Add(name=name)([some(), some()]),
        lambda name: layers.Multiply(name=name)([some(), some()]),
        lambda name: layers.Maximum(name=name)([some(), some()]),
        lambda name: layers.MultiHeadAttention(2, 3, name=name)(some(), some()),
        lambda name: layers.MultiHeadAttention(2, 3, name=name)(*[some()] * 2),
        lambda name: layers.GRU(4, return_sequences=True, name=name)(some()),
        lambda name: Block(name=name)(some()),
        lambda name: Subclassed(name=name)(some()),
        lambda name: nested(name)(some()),
        lambda name: nested_attention(name)(some()),
        lambda name: nested_of_two(name)([some(), some()]),
        lambda name: keras.ops.tanh(some()),
    ]
    for i in range(int(random.integers(5, 10))):
        made.append(kinds[int(random.integers(len(kinds)))](f"layer_{i}"))
    ends = [layers.GRU(3, name="gru")(made[-1]), layers.GlobalAveragePooling1D(name="pool")(some()), some()]
    return keras.Model([x, z], ends), [TOKENS, OTHERS]


def arrays(results):
    return [keras.ops.convert_to_numpy(each) for each in keras.tree.flatten(results)]


def check_all_cuts(model, data, every=1, **options):
    """Cut after every call, or one in so many, and compare, in memory and through NumPy; returns the number of cuts."""
    expected = arrays(model(data))
    nodes = [len(layer._inbound_nodes) + len(layer._outbound_nodes) for layer in model.layers]
    cuts = 0
    for call in list(ks.read(model, **options))[::every]:
        try:
            split = ks.split(model, [call.name], wiring=("relay", "direct")[cuts % 2], **options)
        except CutError:
            continue
        cuts += 1
        for found in (split(data), split.join()(data)):
            for a, b in zip(arrays(found), expected, strict=True):
                assert np.array_equal(a, b), f"cut after {call.name}: {np.abs(a - b).max()}"
        for a, b in zip(arrays(split.run(data, hand_on=keras.ops.convert_to_numpy)), expected, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5, err_msg=f"through NumPy, cut after {call.name}")
    assert nodes == [len(layer._inbound_nodes) + len(layer._outbound_nodes) for layer in model.layers]
    return cuts


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_masks_are_at_every_cut_what_they_are_in_the_model(make):
    assert check_all_cuts(*make()) >= 2


@pytest.mark.parametrize("seed", range(16))
def test_masks_in_random_models(seed):
    assert check_all_cuts(*random_model(seed)) >= 2


def test_nested_models_are_opened_where_masks_go_in():
    model, data = into_nested_models()
    graph = ks.read(model)
    assert not graph.collapsed
    block = {"inner_block/inner_attend", "inner_block/inner_add", "inner_gru"}
    inside = {f"{call}/{name}" for call in ("inner", "inner#2") for name in block}
    inside |= {"two/two_lstm", "two/two_dense", "two/two_max"}
    assert set(graph.names) == {"x", "z", "embed", "other", "dense", "gru", "last"} | inside
    for a, b in zip(arrays(ks.flatten(model)(data)), arrays(model(data)), strict=True):
        assert np.array_equal(a, b)
    split = ks.split(model, ["two/two_max"])  # what only the closed models read goes with them
    assert [layer.name for layer in split[0].layers if layer.name in ("inner", "two")] == ["inner", "two"]


def test_attention_takes_masks_off_what_it_is_called_on():
    steps = {step.call.name: step for step in read_steps(post_norm()[0]).steps}
    assert steps["attend_0"].unmasks == {"embed"} and steps["attend_0"].call.masked == ("embed",)
    assert steps["add_0"].unmasked == {"embed"}
    masks = {name: step.call.outputs[0].mask for name, step in steps.items()}
    assert masks["embed"] == masks["attend_0"] == (None, 6)
    assert masks["add_0"] is masks["norm_0"] is masks["attend_1"] is None


def test_parts_with_masks_save_and_load_and_predict(tmp_path):
    for make in (post_norm, shared_memory, blocks):
        model, data = make()
        cut = {"post_norm": "attend_0", "shared_memory": "attend_0", "blocks": "dense"}[make.__name__]
        folder = tmp_path / make.__name__
        ks.split(model, [cut]).save(folder)
        found = ks.Split.load(folder).run(data, hand_on=keras.ops.convert_to_numpy)
        for a, b in zip(arrays(found), arrays(model(data)), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


def test_a_mask_that_is_made_in_call_only():
    x = tokens()
    new = hasattr(layers, "ReversibleEmbedding")  # since Keras 3.13; where Embedding makes a mask, that is a call
    kind, cuts = (layers.ReversibleEmbedding, 2) if new else (layers.Embedding, 3)
    y = kind(10, 4, mask_zero=True, name="embed")(x)
    assert check_all_cuts(keras.Model(x, layers.GRU(3, name="gru")(layers.Dense(4, name="dense")(y))), TOKENS) == cuts


def test_a_mask_that_is_given_beside_a_hidden_one():
    x, given = tokens(), keras.Input((6,), dtype="bool", name="given")
    y = layers.Dense(4, name="dense")(embedded(x))
    y = layers.LSTM(4, return_sequences=True, name="lstm")(y, mask=given)
    after = layers.Dense(4, name="after")(y)
    model = keras.Model([x, given], layers.MultiHeadAttention(2, 3, name="attend")(after, after))
    assert check_all_cuts(model, [TOKENS, np.arange(6) < np.array([[5], [1], [3]])]) >= 4
    steps = {step.call.name: step.call for step in read_steps(model).steps}
    assert (steps["lstm"].masked == ()) == internals.hands_on_given_masks()  # Keras 3.10 hands on the hidden one


@pytest.mark.parametrize("pack", [lambda a, b: [a, b], lambda a, b: (a, b), lambda a, b: {"u": a, "v": b}])
def test_a_nested_model_of_several_inputs_is_opened(pack):
    u, v = keras.Input((4,), name="u"), keras.Input((4,), name="v")
    inner = keras.Model(pack(u, v), layers.Dense(3, name="dense")(layers.Add(name="sum")([u, v])), name="inner")
    x = keras.Input((4,), name="x")
    model = keras.Model(x, inner(pack(layers.Dense(4, name="before")(x), x)))
    assert "inner/sum" in ks.read(model).names
    data = np.arange(8, dtype="float32").reshape(2, 4)
    for a, b in zip(arrays(ks.split(model, ["inner/sum"])(data)), arrays(model(data)), strict=True):
        assert np.array_equal(a, b)


if __name__ == "__main__":  # a hunt: python -m tests.models.test_masks FIRST LAST
    for number in range(*map(int, sys.argv[1:3])):
        print(number, check_all_cuts(*random_model(number)), flush=True)
        keras.backend.clear_session()


def test_parts_that_are_fed_masks_warn_of_none_that_are_lost():
    words = keras.Input((6,), dtype="int32", name="words")
    x = keras.layers.Embedding(50, 8, mask_zero=True, name="embedding")(words)
    x = keras.layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    model = keras.Model(words, keras.layers.Dense(1)(keras.ops.reshape(x, (-1, 48))))
    split = ks.split(model, ["embedding"])
    data = np.array([[4, 8, 15, 16, 23, 42], [42, 7, 1, 0, 0, 0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = model(data)
        np.testing.assert_array_equal(split(data), expected)
        np.testing.assert_array_equal(split[1](split[0](data)), expected)
    assert getattr(split(data), "_keras_mask", None) is None


def test_a_mask_that_is_made_in_a_closed_model_and_goes_through_another_in_it_is_carried():
    y = keras.Input((5, 4), name="y")
    inner = keras.Model(y, keras.layers.LSTM(4, return_sequences=True, name="lstm")(y), name="inner")
    z = keras.Input((5, 4), name="z")
    outer = keras.Model(z, inner(keras.layers.Masking(name="masking")(z)), name="outer")
    x = keras.Input((5, 4), name="x")
    model = keras.Model(x, keras.layers.GRU(3, name="gru")(outer(x)))
    data = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
    data[0, 3:] = 0
    split = ks.split(model, ["outer"])  # stays whole in the first part
    assert split.manifest.wires[0].returns == ("outer", "outer:mask")
    handed = [np.asarray(each) for each in split[0](data)]
    np.testing.assert_array_equal(split[1](handed), model(data))
