"""What people write in ``call`` that symbolic tensors do not do as others: ``==``, and sizes that are unknown."""

import keras
import numpy as np
from keras import layers, ops

import kerassplit_widget as ks

from .own_layers import Blank, Heads
from .test_masks import arrays

ROWS = np.array([[0, 1, 2], [1, 0, 0], [0, 0, 0]], "float32")


class BlankModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.a, self.b = layers.Dense(4, name="a", bias_initializer="ones"), layers.Dense(2, name="b")

    def call(self, x):
        return self.b(self.a(x) * ops.where(x[:, :1] == np.zeros(1, "float32"), 0.0, 1.0))


class Counts(layers.Layer):
    """What it makes of the batch is no size of a reshape."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(3)

    def call(self, x):
        return self.dense(x) * ops.cast(ops.shape(x)[0], "float32")


class Own(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm = layers.LayerNormalization(name="norm")

    def build(self, shape):
        self.alpha = self.add_weight(shape=(shape[-1],), name="alpha")
        self.norm.build(shape)

    def call(self, x):
        return self.alpha * (1.0 - self.norm(x))


def around(layer, shape):
    x = keras.Input(shape)
    return keras.Model(x, layers.Dense(2, name="after")(layer(x)))


def check_exact(model, point, data, **options):
    split = ks.split(model, [point], **options)
    for a, b in zip(arrays(split(data)), arrays(model(data)), strict=True):
        assert np.array_equal(a, b)
    assert split.verify(data).ok


def test_comparing_with_equals_is_a_call():
    model = around(Blank(name="blank"), (3,))
    kinds = [call.kind for call in ks.read(model, expand="all")]
    assert "Equal" in kinds and "NotEqual" in kinds
    check_exact(model, "blank/dense", ROWS, expand="all")


def test_comparing_with_equals_in_a_subclassed_model_is_a_call():
    model = BlankModel()
    expected = arrays(model(ROWS))[0]
    check_exact(model, "a", ROWS)
    assert np.array_equal(arrays(ks.flatten(model)(ROWS))[0], expected)


def test_comparing_is_as_before_once_a_layer_was_looked_into():
    one, other = keras.Input((3,)), keras.Input((3,))
    ks.read(around(Blank(name="blank"), (3,)), expand="all")
    assert "__eq__" not in vars(keras.KerasTensor)
    assert (one == other) is False and one in [other, one]
    assert ops.reshape(one, (None, 1, 3))._keras_history.operation.newshape == (None, 1, 3)


def test_a_reshape_by_the_unknown_batch_is_opened():
    model = around(Heads(name="heads"), (5, 8))
    graph = ks.read(model, expand="all")
    assert graph.collapsed == {}
    assert graph.tensors["heads/reshape"].shape == (None, 5, 2, 4)
    data = np.random.default_rng(0).normal(size=(3, 5, 8)).astype("float32")
    check_exact(model, "heads/reshape", data, expand="all")


def test_what_else_is_made_of_the_unknown_batch_stays_closed():
    assert "counts" in ks.read(around(Counts(name="counts"), (4,)), expand="all").collapsed


def test_reasons_name_what_stands_in_the_way():
    collapsed = ks.read(around(Own(name="own"), (4,)), expand="all").collapsed
    assert collapsed == {"own": "its call() uses a variable of its own, 'alpha'"}
    collapsed = ks.read(around(layers.LSTM(4, name="lstm"), (5, 3)), expand="all").collapsed
    assert collapsed == {"lstm": "it is recurrent: its loop over time is no graph of calls"}


def test_sizes_inside_a_nested_model_are_those_that_it_is_called_with():
    x = keras.Input((None, None, 3))
    y = layers.ReLU(name="relu")(layers.Conv2D(4, 3, padding="same", name="conv")(x))
    backbone = keras.Model(x, y, name="backbone")
    x = keras.Input((32, 32, 3))
    model = keras.Model(x, layers.GlobalAveragePooling2D()(backbone(x)))
    assert ks.cut_at(model, "backbone/conv").nbytes() == 32 * 32 * 4 * 4
    data = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    check_exact(model, "backbone/conv", data)
    assert ks.split(model, ["backbone/conv"])[1].input_shape == (None, 32, 32, 4)
    other = keras.Input((16, 16, 3))
    both = keras.Model([x, other], [backbone(x), backbone(other)])
    shapes = {name: tensor.shape for name, tensor in ks.read(both).tensors.items()}
    assert shapes["backbone/conv"] == (None, 32, 32, 4) and shapes["backbone#2/relu"] == (None, 16, 16, 4)


def test_costs_inside_a_model_made_for_another_batch():
    inner = keras.Sequential([keras.Input((6,), batch_size=10), layers.Dense(4, name="d"), layers.ReLU()], name="inner")
    x = keras.Input((6,), batch_size=20)
    model = keras.Model(x, layers.Dense(2)(inner(x)))
    macs = 20 * 6 * 4 + 20 * 4 * 2
    assert ks.costs(model, expand="none").total_macs == ks.costs(model).total_macs == macs


def test_sizes_inside_attention_are_known_where_those_of_its_inputs_are():
    x = keras.Input((5, 4))
    y, scores = layers.MultiHeadAttention(2, 3, name="attend")(x, x, return_attention_scores=True)
    model = keras.Model(x, [layers.Dense(2)(y), scores])
    graph = ks.read(model, expand="all")
    assert all(None not in tensor.shape[1:] for tensor in graph.tensors.values())
    assert graph.tensors["attend/query"].shape == (None, 5, 2, 3)
    softmax = next(call.name for call in graph if call.kind == "Softmax")  # Keras counts these as they are made
    assert graph.tensors[softmax].shape == (None, 2, 5, 5)
    assert ks.cut_at(model, softmax, expand="all").nbytes() == 2 * 5 * 5 * 4
    check_exact(model, softmax, np.random.default_rng(0).normal(size=(2, 5, 4)), expand="all")
