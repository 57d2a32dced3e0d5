"""Layers that a call() calls on constants: learned positions, class tokens, code books."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import kerassplit_widget as ks
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.verifying.inputs import random_batches

IDS = np.random.default_rng(0).integers(1, 30, (3, 7))


class Text(keras.Model):
    """Positions first, as in the tutorial of Keras, or after the tokens; with dropout on what is made of constants."""

    def __init__(self, first=True, name="text"):
        super().__init__(name=name)
        self.tokens, self.positions = layers.Embedding(30, 8, name="tokens"), layers.Embedding(20, 8, name="positions")
        self.drop = layers.Dropout(0.5, seed=1, name="drop")
        self.attention = layers.MultiHeadAttention(2, 4, name="attention")
        self.out = layers.Dense(3, name="out")
        self.first = first

    def call(self, ids, training=None):
        places = ops.arange(ops.shape(ids)[1])
        if self.first:
            x = self.drop(self.positions(places), training=training) + self.tokens(ids)
        else:
            x = self.tokens(ids)
            x = x + self.drop(self.positions(places[None]), training=training)
        return self.out(x + self.attention(x, x, use_causal_mask=True))


def text(first=True, name="text"):
    model = Text(first, name)
    model(IDS)
    return model


def inner(graph):
    return [call.name for call in graph if not call.is_input and call.name not in graph.outputs]


@pytest.mark.parametrize("first", [True, False])
def test_the_call_is_in_the_graph_beside_what_it_meets(first):
    graph = ks.read(text(first))
    positions = graph["positions"]
    assert positions.params == 160 and positions.inputs == ("positions_constant",)
    assert graph["get_item"].inputs == ("tokens",)  # an empty piece of it
    candidates = [cut.points[0] for cut in ks.cut_candidates(graph)]
    assert candidates == ["tokens", "add", "add_1"]


@pytest.mark.parametrize(("first", "weights"), [(True, "share"), (False, "copy")])
def test_every_cut_is_exact(first, weights):
    model = text(first)
    before, expected = internals.fingerprint(model), model(IDS)
    names = inner(ks.read(model))
    for name, wiring in zip(names, ["relay", "direct"] * len(names), strict=False):
        split = ks.split(model, [name], weights=weights, wiring=wiring)
        np.testing.assert_array_equal(split(IDS), expected)
    assert internals.fingerprint(model) == before and len(names) == 9


def test_gradients_reach_the_weights_of_the_layer():
    model = text()
    split = ks.split(model, ["add"])
    weights = model.trainable_weights

    def gradients(run):
        with tf.GradientTape() as tape:
            loss = ops.sum(ops.square(run(IDS)))
        return [ops.convert_to_numpy(each) for each in tape.gradient(loss, [weight.value for weight in weights])]

    for own, other in zip(gradients(model), gradients(split), strict=True):
        np.testing.assert_array_equal(own, other)
        assert np.abs(own).max() > 0


def test_training_is_the_same():
    model, twin = text(), text(name="twin")
    twin.set_weights(model.get_weights())
    split = ks.split(model, ["drop"])
    for _ in range(2):
        np.testing.assert_array_equal(split(IDS, training=True), twin(IDS, training=True))


def test_weights_set_later_are_seen_by_parts_that_share_them():
    model = text()
    shared, copied = (ks.split(model, ["tokens"], weights=weights) for weights in ("share", "copy"))
    old = ops.convert_to_numpy(model(IDS))
    model.positions.embeddings.assign(model.positions.embeddings * 3)
    assert np.abs(model(IDS) - old).max() > 0
    np.testing.assert_array_equal(shared(IDS), model(IDS))
    np.testing.assert_array_equal(copied(IDS), old)


def test_parts_load_where_this_package_is_unknown(tmp_path):
    model = text()
    split = ks.split(model, ["tokens"])
    split.save(tmp_path / "parts")
    np.save(tmp_path / "ids.npy", IDS)
    script = f"""
import sys, keras, numpy as np
x = np.load({str(tmp_path / "ids.npy")!r})
for i in (1, 2):
    x = keras.saving.load_model({str(tmp_path)!r} + f"/parts/part_{{i}}.keras")(x)
assert not any("kerassplit" in name for name in sys.modules)
np.save({str(tmp_path / "out.npy")!r}, x)
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path, env={"PATH": ""})
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), model(IDS), atol=1e-6)
    assert split.verify(save=True).ok
    np.testing.assert_allclose(split.join()(IDS), model(IDS), atol=1e-6)


def test_what_was_made_for_one_length_refuses_another():
    split = ks.split(text(), ["add"])
    for run in (split, split[0], split.join()):
        with pytest.raises(ValueError, match="shape"):
            run(IDS[:, :5])
    assert ks.split(text(), ["add"], input_shapes=(None, 4))(IDS[:, :4]).shape == (3, 4, 3)


class Book(keras.Model):
    """A code book is an output too; its constant is of floats, and no number in the input reaches it."""

    def __init__(self):
        super().__init__()
        self.code, self.token = layers.Dense(4, name="code"), layers.Embedding(2, 4, name="token")
        self.dense = layers.Dense(4, name="dense")

    def call(self, x):
        x = self.dense(x)
        code = self.code(np.eye(5, 3, dtype="float32"))
        ends = ops.stack([self.token(np.zeros((1,), "int32")), self.token(np.ones((1,), "int32"))])
        return {"like": ops.matmul(x, ops.transpose(code)), "code": code, "ends": ends}


def test_numbers_of_the_input_do_not_reach_what_is_made_of_constants():
    model = Book()
    x = np.full((2, 3), np.nan, "float32")
    expected = model(x)
    for name in inner(ks.read(model)):
        found = ks.split(model, [name])(x)
        for key in expected:
            np.testing.assert_array_equal(found[key], expected[key])
    assert np.isfinite(expected["code"]).all() and np.isfinite(expected["ends"]).all()
    assert {"token", "token#2", "code"} <= set(ks.read(model).names)
    assert ks.split(model, ["dense"])(np.ones((0, 3), "float32"))["code"].shape == (5, 4)  # an empty batch


class Embedded(layers.Layer):
    """Token and position embedding in one layer, as in the tutorial of Keras."""

    def __init__(self, start=False, **options):
        super().__init__(**options)
        self.tokens, self.positions = layers.Embedding(30, 8, name="tokens"), layers.Embedding(20, 8, name="positions")
        self.start = start

    def call(self, ids):
        length = ops.shape(ids)[-1]
        return self.positions(ops.arange(0, length) if self.start else ops.arange(length)) + self.tokens(ids)


def embedded(length, start=False):
    ids = keras.Input((length,), dtype="int32", name="ids")
    y = layers.GlobalAveragePooling1D(name="pool")(Embedded(start, name="embedded")(ids))
    return keras.Model(ids, layers.Dense(2, name="out")(y))


def test_composite_layers_are_opened():
    model = embedded(7)
    before = internals.fingerprint(model)
    graph = ks.read(model, expand="all")
    assert graph.collapsed == {} and "embedded/positions" in graph.names
    for name in inner(graph):
        split = ks.split(model, [name], expand="all")
        np.testing.assert_array_equal(split(IDS), model(IDS))
    assert split.verify().ok and internals.fingerprint(model) == before


@pytest.mark.parametrize("start", [False, True])
def test_an_unknown_length_has_to_be_fixed(start):
    model = embedded(None, start)
    assert "input_shapes= may help" in ks.read(model, expand="all").collapsed["embedded"]
    split = ks.split(model, ["embedded/tokens"], expand="all", input_shapes=(None, 7))
    np.testing.assert_array_equal(split(IDS), model(IDS))
    with pytest.raises(ValueError, match="shape"):
        split(IDS[:, :5])


class Tied(Text):
    def call(self, ids):
        x = self.tokens(ids) + self.positions(ops.arange(ops.shape(ids)[1]))
        return self.out(self.attention(x, x)) @ ops.ones((3, 8)) @ ops.transpose(self.tokens.embeddings)


class Drawn(Text):
    def call(self, ids):
        return self.out(self.tokens(ids)) + self.out(keras.random.normal((1, 8)))


class Table(Text):
    def call(self, ids):
        x = self.tokens(ids) + self.positions(ids % 20)
        return self.out(x) + self.out(ops.convert_to_tensor(self.positions.embeddings)[:1])


@pytest.mark.parametrize(
    ("cls", "words"), [(Tied, "use some of them directly"), (Drawn, "random numbers"), (Table, "some of them directly")]
)
def test_what_is_no_constant_is_refused(cls, words):
    model = cls()
    model(IDS)
    with pytest.raises(ks.SplitError, match=words):
        ks.read(model)


class Scaled(keras.Model):
    """What is made of constants meets single numbers, of which there are no pieces, before it meets other tensors."""

    def __init__(self):
        super().__init__()
        self.token, self.dense = layers.Embedding(5, 4, name="token"), layers.Dense(4, name="dense")

    def call(self, x):
        x = self.dense(x)
        token = self.token(ops.arange(1))
        return x + (ops.mean(x) * token + token), ops.mean(x) * ops.sum(self.token(ops.arange(3)))


def test_single_numbers_are_met():
    model, x = Scaled(), np.ones((3, 2), "float32")
    expected = model(x)
    for name in inner(ks.read(model)):
        for own, other in zip(ks.split(model, [name])(x), expected, strict=True):
            np.testing.assert_array_equal(own, other)


def test_parts_are_proved_on_a_batch_of_two():
    split = ks.split(text(), ["add"])
    assert [len(batch) for batch in random_batches(split, 3, 0)] == [2, 1]
    assert split.verify().ok
