"""What a layer is traced with: as Keras calls it, and with tensors of the kinds that it gets."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import kerassplit_widget as ks
from kerassplit_widget.models import keras_internals as internals

DATA = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")


class Pair(layers.Layer):
    """Does not take ``training``."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.one, self.two = layers.Dense(4, name="one"), layers.Dense(4, name="two")

    def build(self, shape):
        self.one.build(shape)
        self.two.build(shape)

    def call(self, x):
        return self.two(self.one(x))


class Around(layers.Layer):
    """Hands ``training`` to a layer that does not take it: Keras drops it on the way."""

    def __init__(self, given=None, **kwargs):
        super().__init__(**kwargs)
        self.pair, self.norm, self.given = Pair(name="pair"), layers.LayerNormalization(name="norm"), given

    def build(self, shape):
        self.pair.build(shape)
        self.norm.build(shape)

    def call(self, x, training=None):
        return self.norm(self.pair(x, training=training if self.given is None else self.given) + x)


def around(layer):
    x = keras.Input((4,), name="x")
    return keras.Model(x, layers.Dense(2, name="o")(layer(x)))


@pytest.mark.parametrize("training", [None, False, True])
def test_a_layer_may_be_called_with_a_training_that_it_does_not_take(training):
    model = around(Around(name="around"))
    graph = ks.read(model, expand="all")
    assert "around/pair/one" in graph.names and graph.collapsed == {}
    split = ks.split(model, ["around/pair/one"], expand="all")
    assert np.array_equal(split(DATA, training=training), model(DATA, training=training))


def test_a_training_of_its_own_is_seen_where_it_is_not_taken():
    graph = ks.read(around(Around(given=False, name="around")), expand="all")
    assert "gives 'pair' a training= of its own" in graph.collapsed["around"]


class Doubled(layers.Layer):
    def call(self, x, training=None):
        return x * (2.0 if training else 1.0)


class Inside(layers.Layer):
    """Does not take ``training``, but a layer inside does."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.doubled, self.dense = Doubled(), layers.Dense(4)

    def build(self, shape):
        self.dense.build(shape)

    def call(self, x):
        return self.dense(self.doubled(x))


@pytest.mark.parametrize("training", [None, False, True])
@pytest.mark.parametrize("point", ["inner/a", "inner/c"])
@pytest.mark.parametrize("given", [False, True])
def test_layers_inside_are_in_training_where_the_model_around_them_is_said_to_be(given, point, training):
    i = keras.Input((4,))
    y = Inside(name="c")(layers.ReLU(name="a")(i))
    inner = keras.Model(i, layers.Dense(4, name="b")(y), name="inner")
    x = keras.Input((4,), name="x")
    model = keras.Model(x, layers.Dense(2, name="o")(inner(x, training=given)))
    split = ks.split(model, [point])
    assert np.array_equal(split(DATA, training=training), model(DATA, training=training))


class Norm(layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), name="scale")

    def call(self, x):
        return x * ops.rsqrt(ops.mean(ops.square(x), -1, keepdims=True) + 1e-6) * (1 + self.scale)


class Block(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm, self.dense = Norm(name="norm"), layers.Dense(4, name="dense")

    def build(self, shape):
        self.norm.build(shape)
        self.dense.build(shape)

    def call(self, x):
        return self.dense(self.norm(x)) + x

    def compute_output_shape(self, shape):
        return shape


def test_a_block_after_a_product_with_a_number_is_opened():
    x = keras.Input((4,), name="x")
    y = Block(name="second")(Block(name="first")(layers.Dense(4, name="d")(x) * 2.0))
    model = keras.Model(x, y)
    graph = ks.read(model, expand="all")
    assert {"first/norm", "second/norm"} <= set(graph.names) and graph.collapsed == {}
    assert ks.split(model, ["first/norm", "second/norm"], expand="all").verify().ok


@pytest.mark.parametrize("follows", [ops.absolute, lambda y: layers.Add()([y, y]), lambda y: y * y, lambda y: y])
def test_what_comes_to_a_part_is_sparse_only_if_it_really_is(follows):
    dense = keras.Input((4,), name="dense")
    tensor = follows(layers.Dense(4, name="d")(dense) * 2.0)
    model = keras.Model(dense, layers.Dense(2, name="o")(ops.add(tensor, 1.0)))
    point = internals.maker_of(tensor).name
    split = ks.split(model, [point])
    assert not internals.is_sparse(tensor) and not split[1].inputs[0].sparse
    assert split.verify().ok
    assert np.array_equal(split[1](np.asarray(split[0](DATA))), model(DATA))


def test_what_is_sparse_is_known_by_what_makes_it():
    given = keras.Input((4,), name="given", sparse=True)
    dense, number = keras.Input((4,), name="dense"), keras.Input((1,), dtype="int32", name="number")
    for tensor in (given, given * 2.0, ops.absolute(given), given * dense, dense * ops.absolute(given)):
        assert internals.is_sparse(tensor)
    encoded = layers.CategoryEncoding(4, sparse=True)(number)
    assert all(map(internals.is_sparse, (encoded, encoded * 2.0, ops.one_hot(number, 4, sparse=True))))
    assert not any(map(internals.is_sparse, (dense, dense * 2.0, ops.one_hot(number, 4) * 2)))


class Inner(layers.Layer):
    def __init__(self):
        super().__init__(name="inner")
        self.drop, self.dense = layers.Dropout(0.5, seed=2), layers.Dense(4)

    def call(self, x, training=None):
        return self.dense(self.drop(x, training=training))


class AfterModel(keras.Model):
    """What comes after a nested model gets the ``training`` of it, as layers of layers in it tell Keras otherwise."""

    def __init__(self):
        super().__init__()
        self.nested = keras.Sequential([Inner()], name="nested")
        self.drop, self.out = layers.Dropout(0.5, seed=1, name="drop"), layers.Dense(2, name="out")

    def call(self, x, training=None):
        return self.out(self.drop(self.nested(x, training=training)))


@pytest.mark.parametrize("training", [None, False, True])
def test_layers_after_a_nested_model_are_in_training_with_it(training):
    model, twin = AfterModel(), AfterModel()
    model(DATA), twin(DATA)
    twin.set_weights(model.get_weights())
    split = ks.split(model, ["nested/inner"])
    for _ in range(2):
        assert np.array_equal(split(DATA, training=training), twin(DATA, training=training))


def test_a_layer_inside_may_keep_a_tensor_of_its_call():
    class Keeps(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.attend = layers.MultiHeadAttention(1, 2)

        def call(self, x):
            y, self.scores = self.attend(x, x, return_attention_scores=True)
            return x + y

    class Around(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.keeps, self.dense = Keeps(name="keeps"), layers.Dense(4, name="project")

        def call(self, x):
            return self.dense(self.keeps(x))

    x = keras.Input((3, 4))
    model = keras.Model(x, layers.Dense(2)(Around(name="around")(x)))
    model(np.ones((1, 3, 4), "float32"))
    graph = ks.read(model, expand="all")
    assert "around/project" in graph.names and "around/keeps/add" in graph.names
