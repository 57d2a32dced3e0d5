"""Subclassed models whose call() takes several tensors, and what their inputs are of."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import kerassplit_widget as ks
from kerassplit_widget.models import keras_internals as internals

RANDOM = np.random.default_rng(0)
QUERY = RANDOM.random((3, 5, 4)).astype("float32")
CONTEXT = RANDOM.random((3, 7, 4)).astype("float32")
BIAS = RANDOM.random((3, 5, 4)).astype("float32")
MASK = RANDOM.random((3, 5, 7)) > 0.3


class Cross(keras.Model):
    """The names are not in the order of the alphabet; some arguments have defaults, some come by keyword only."""

    def __init__(self):
        super().__init__(name="cross")
        self.first = layers.Dense(4, name="first")
        self.attention = layers.MultiHeadAttention(1, 4, name="attention")
        self.norm = layers.BatchNormalization(name="norm")
        self.out = layers.Dense(2, name="out")

    def call(self, query, context, mask=None, *, training=None, bias=None):
        x = self.norm(self.attention(self.first(query), context, attention_mask=mask), training=training)
        return {"scores": self.out(x if bias is None else x + bias), "x": x}


class Built(keras.Model):
    """Its build() takes all shapes, so that Keras keeps them."""

    def __init__(self):
        super().__init__(name="built")
        self.dense, self.words = layers.Dense(4, name="dense"), layers.Embedding(9, 4, name="words")
        self.out = layers.Dense(2, name="out")

    def build(self, numbers_shape, ids_shape):
        self.dense.build(numbers_shape)
        self.words.build(ids_shape)
        self.out.build((None, 4))

    def call(self, numbers, ids):
        return self.out(self.dense(numbers) + self.words(ids))


def called(model, *args, **kwargs):
    model(*args, **kwargs)
    return model


def same(found, expected):
    keras.tree.assert_same_structure(found, expected)
    for a, b in zip(keras.tree.flatten(found), keras.tree.flatten(expected), strict=True):
        np.testing.assert_array_equal(a, b)


def shapes(**more):
    return {"context": (None, 7, 4), **more}


def test_inputs_are_called_like_the_arguments():
    model = called(Cross(), QUERY, CONTEXT)
    graph = ks.read(model, input_shapes=shapes())
    assert graph.inputs == ("query", "context")
    assert [graph.tensors[name].shape for name in graph.inputs] == [(None, 5, 4), (None, 7, 4)]
    graph = ks.read(model, input_shapes={"context": (None, None, 4), "query": (None, None, 4)})
    assert graph.tensors["query"].shape == (None, None, 4) == graph.tensors["context"].shape
    graph = ks.read(model, input_shapes=shapes(bias=(None, 5, 4)))
    assert graph.inputs == ("query", "context", "bias") and "add" in graph.names


@pytest.mark.parametrize("wiring", ["relay", "direct"])
@pytest.mark.parametrize("weights", ["share", "copy"])
def test_every_cut_is_exact(weights, wiring):
    model = called(Cross(), QUERY, CONTEXT)
    before = internals.fingerprint(model)
    given = shapes(bias=(None, 5, 4), mask=(None, 5, 7))
    names = [each.name for each in ks.read(model, input_shapes=given) if not each.is_input][:-1]
    assert names == ["first", "attention", "norm", "add"]
    for name in names:
        split = ks.split(model, [name], weights=weights, wiring=wiring, input_shapes=given)
        expected = model(QUERY, CONTEXT, mask=MASK, bias=BIAS)
        same(split([QUERY, CONTEXT, MASK, BIAS]), expected)
        same(split({"query": QUERY, "context": CONTEXT, "bias": BIAS, "mask": MASK}), expected)
    assert internals.fingerprint(model) == before


def test_verify_save_join_and_extract(tmp_path):
    model = called(Cross(), QUERY, CONTEXT)
    split = ks.split(model, ["attention"], input_shapes=shapes())
    assert split.verify(save=True).sentence().startswith("parts = model, exact on 3 inputs")
    for data in ([QUERY, CONTEXT], {"query": QUERY, "context": CONTEXT}, iter([((QUERY, CONTEXT), np.ones(3))])):
        assert split.verify(data).ok
    split.save(tmp_path / "parts")
    expected = model(QUERY, CONTEXT)
    for again in (ks.Split.load(tmp_path / "parts"), split.join()):
        np.testing.assert_allclose(again([QUERY, CONTEXT])["scores"], expected["scores"], atol=1e-6)
    assert split.join().predict([QUERY, CONTEXT], verbose=0)["x"].shape == (3, 5, 4)
    taken = ks.extract(model, outputs=["attention"], input_shapes=shapes())
    assert taken([QUERY, CONTEXT]).shape == (3, 5, 4)
    for data in (QUERY, [QUERY], [QUERY, CONTEXT, BIAS]):
        with pytest.raises(ks.SplitError, match=r"takes \['query', 'context'\]"):
            split(data)
        with pytest.raises(ks.SplitError, match=r"takes \['query', 'context'\]"):
            split.verify(data)


def test_verify_sees_a_part_that_is_something_else():
    model = called(Cross(), QUERY, CONTEXT)
    split = ks.split(model, ["attention"], weights="copy", input_shapes=shapes())
    split[1].get_layer("out").kernel.assign(split[1].get_layer("out").kernel * 1.1)
    assert not split.verify().ok


def test_training_goes_on_in_the_model():
    model, twin = called(Cross(), QUERY, CONTEXT), called(Cross(), QUERY, CONTEXT)
    twin.set_weights(model.get_weights())
    split = ks.split(model, ["norm"], input_shapes=shapes())
    for _ in range(2):
        same(split([QUERY, CONTEXT], training=True), twin(QUERY, CONTEXT, training=True))
    for own, other in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(own, other)


def test_keras_keeps_all_shapes_that_build_takes():
    numbers, ids = np.ones((3, 6), "float32"), np.array([1, 2, 8])
    model = called(Built(), numbers, ids)
    graph = ks.read(model)
    assert [(name, graph.tensors[name].shape, graph.tensors[name].dtype) for name in graph.inputs] == [
        ("numbers", (None, 6), "float32"),
        ("ids", (None,), "int32"),
    ]
    split = ks.split(model, ["add"])
    same(split([numbers, ids]), model(numbers, ids))
    assert split.verify().ok


class Optional(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4, name="dense")

    def call(self, inputs, extra=None):
        y = self.dense(inputs["a"] + inputs["b"])
        return y if extra is None else y * extra


def test_an_argument_with_a_default_is_an_input_if_it_is_named():
    pair, extra = {"a": np.ones((2, 3), "float32"), "b": np.eye(2, 3, dtype="float32")}, np.full((2, 4), 3, "float32")
    model = called(Optional(), pair, extra)
    alone = ks.read(model)
    assert alone.inputs == ("a", "b") and "multiply" not in alone.names
    graph = ks.read(model, input_shapes={"extra": (None, 4)})
    assert graph.inputs == ("inputs_a", "inputs_b", "extra") and "multiply" in graph.names
    split = ks.split(model, ["dense"], input_shapes={"extra": (None, 4)})
    same(split([pair, extra]), model(pair, extra))
    assert split.verify([pair, extra]).ok and split.verify().ok


class Collecting(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)

    def call(self, *args):
        return self.dense(args[0])


@pytest.mark.parametrize(
    ("cls", "data", "given", "words"),
    [
        (Cross, [QUERY, CONTEXT], None, r"takes query, context.*input_shapes=\{'context': \(None, ...\)\}"),
        (Cross, [QUERY, CONTEXT], (None, 5, 4), r"takes query, context.*input_shapes=\{'context'"),
        (Cross, [QUERY, CONTEXT], shapes(contexts=(1, 2)), "'contexts', which is no input"),
        (Cross, [QUERY, CONTEXT], {"context": 3}, "a shape is a tuple"),
        (Cross, [QUERY, CONTEXT], {"context": (None, 4)}, "cannot be told from its call"),
        (Collecting, [np.ones((2, 3))], None, r"only \*args"),
    ],
)
def test_what_is_missing_is_said(cls, data, given, words):
    model = called(cls(), *data)
    before = internals.fingerprint(model)
    with pytest.raises(ks.SplitError, match=words):
        ks.read(model, input_shapes=given)
    assert internals.fingerprint(model) == before


class Table(keras.Model):
    """Only whole numbers can be looked up; the others would be cut off if they were taken for such."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4, name="dense")

    def call(self, inputs):
        return self.dense(inputs["numbers"]) + ops.take(np.eye(9, 4, dtype="float32"), inputs["ids"], axis=0)


class Inside(layers.Layer):
    def __init__(self):
        super().__init__(name="inside")
        self.words = layers.Embedding(9, 4, name="words")

    def call(self, ids):
        return self.words(ops.reshape(ids, (-1, 6)))


class Deep(keras.Model):
    def __init__(self, said=None):
        super().__init__()
        self.inside = Inside()
        if said:
            self.input_spec = keras.layers.InputSpec(shape=(None, 6), dtype=said)

    def call(self, ids):
        return self.inside(ids)


def test_whole_numbers_are_told_from_others():
    data = {"ids": np.array([0, 3]), "numbers": np.full((2, 3), 0.7, "float32")}
    model = called(Table(), data)
    graph = ks.read(model)
    assert {name: graph.tensors[name].dtype for name in graph.inputs} == {"ids": "int32", "numbers": "float32"}
    same(ks.split(model, ["dense"])(data), model(data))


def test_an_embedding_may_be_inside_a_layer():
    ids = np.array([[1, 2, 3, 4, 5, 6]])
    assert ks.read(called(Deep(), ids)).tensors["ids"].dtype == "int32"
    said = ks.read(called(Deep("uint8"), ids.astype("uint8")))
    assert said.tensors["ids"].dtype == "uint8"


def test_the_flat_model_takes_a_list():
    model = called(Cross(), QUERY, CONTEXT)
    flat = ks.flatten(model, input_shapes=shapes())
    np.testing.assert_array_equal(flat([QUERY, CONTEXT])["scores"], model(QUERY, CONTEXT)["scores"])
