"""What the first dimension holds, checked against the bytes of real tensors."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import kerassplit_widget as ks
from kerassplit_widget.models.reading import read_steps


class Windows(layers.Layer):
    """Folds the windows of an image into the batch."""

    def call(self, x):
        _, h, w, c = x.shape
        x = ops.transpose(ops.reshape(x, (-1, h // 2, 2, w // 2, 2, c)), (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (-1, 4, c))


class Image(layers.Layer):
    """Makes an image of windows again."""

    def call(self, x):
        return ops.reshape(x, (-1, 8, 8, x.shape[-1]))


class Halves(layers.Layer):
    """Makes less of each row, and keeps the rows."""

    def build(self, shape):
        self.dense = layers.Dense(shape[-1] // 2)
        self.dense.build(shape)

    def call(self, x):
        return self.dense(x)


def windows_in_ops():
    x = keras.Input((8, 32, 16))
    y = layers.Dense(16, name="inside")(ops.reshape(layers.Dense(16)(x), (-1, 16, 16)))
    return keras.Model(x, layers.Dense(3)(ops.reshape(y, (-1, 8, 32, 16)))), {"inside": 16}


def windows_in_layers():
    x = keras.Input((8, 8, 4))
    y = Halves(name="half")(layers.Dense(4, name="inside")(Windows(name="windows")(x)))
    return keras.Model(x, layers.Flatten()(Image(name="image")(y))), {"windows": 16, "inside": 16, "half": 16}


def more_rows():
    x = keras.Input((8,))
    y = layers.Dense(3, name="dense")(layers.Concatenate(axis=0, name="both")([x, x]))
    y = ops.repeat(ops.concatenate([y, y], axis=0), 3, axis=0)
    return keras.Model(x, layers.ReLU(name="relu")(y)), {"both": 2, "dense": 2, "relu": 12}


def fewer_dimensions():
    x = keras.Input((4, 8))
    return keras.Model(x, [layers.Dense(2, name="first")(x[:, 0]), ops.sum(x, axis=0)]), {"first": 1}


@pytest.mark.parametrize("make", [windows_in_ops, windows_in_layers, more_rows, fewer_dimensions])
def test_bytes_are_those_of_real_tensors(make):
    model, rows = make()
    reading = read_steps(model)
    tensors = list(reading.graph.tensors.values())
    assert {name: reading.graph.tensors[name].rows for name in rows} == rows
    every = keras.Model(model.inputs, [reading.symbolic[tensor.name] for tensor in tensors])
    for batch in (1, 3):
        found = map(keras.ops.convert_to_numpy, every(np.zeros((batch, *model.input_shape[1:]), "float32")))
        assert [tensor.nbytes(batch) for tensor in tensors] == [each.nbytes for each in found]
        assert [row.output_bytes for row in ks.costs(model, batch)] == [tensor.nbytes(batch) for tensor in tensors]


@pytest.mark.parametrize("expand", ["nested", "none"])
def test_rows_go_into_nested_models_and_come_out_of_them(expand):
    z = keras.Input((8,))
    inner = keras.Model(z, ops.reshape(layers.Dense(6, name="dense")(z), (-1, 4, 6)), name="inner")
    x = keras.Input((4, 8))
    model = keras.Model(x, layers.ReLU(name="relu")(inner(ops.reshape(x, (-1, 8)))))
    graph = ks.read(model, expand=expand)
    assert graph["relu"].outputs[0].rows == 1
    if expand == "nested":
        assert graph["inner/dense"].outputs[0].nbytes(2) == 2 * 4 * 6 * 4


def test_rows_of_unknown_number_have_no_bytes():
    x = keras.Input((None, 8), name="x")
    rows = layers.Dense(3, name="rows")(ops.reshape(x, (-1, 8)))
    model = keras.Model(x, [rows, layers.GlobalAveragePooling1D(name="pool")(x)])
    graph = ks.read(model)
    assert graph.tensors["rows"].rows is graph.tensors["rows"].nbytes() is None
    assert graph.tensors["pool"].nbytes(2) == 64
    assert ks.read(model, input_shapes=(5, 8)).tensors["rows"].nbytes(2) == 2 * 5 * 3 * 4


def test_the_cheapest_cut_of_windowed_attention_is_not_inside():
    x = keras.Input((8, 32, 16))
    y = layers.Dense(4, name="thin")(x)
    z = layers.Dense(8, name="inside")(ops.reshape(y, (-1, 16, 4)))
    model = keras.Model(x, layers.Dense(3, name="end")(ops.reshape(z, (-1, 8, 32, 8))))
    assert ks.cut_at(model, "inside").nbytes(2) == 2 * 8 * 32 * 8 * 4
    assert ks.cheapest_cuts(model, 1)[0].points[0] in ("thin", "reshape")


class Score(layers.Layer):
    """Makes one number of each row, and says so as many people do."""

    def call(self, x):
        return ops.sum(x, -1, keepdims=True)

    def compute_output_shape(self, shape):
        return (None, 1)


class Folded(layers.Layer):
    """Makes rows of steps, and does not say so."""

    def call(self, x):
        return ops.reshape(x, (-1, x.shape[-1]))

    def compute_output_shape(self, shape):
        return (None, shape[-1])


class Blind(Score):
    """Cannot be followed without values."""

    def call(self, x):
        return super().call(x) + (1.0 if float(ops.max(x)) > 0 else 0.0)


@pytest.mark.parametrize(("layer", "rows"), [(Score, 1), (Folded, 5), (Blind, 1)])
def test_a_layer_may_declare_a_batch_of_unknown_size(layer, rows):
    x = keras.Input((5, 4), name="x")
    y = layers.Dense(4, name="d")(x if layer is Folded else layers.Flatten()(x))
    model = keras.Model(x, layers.Dense(2, name="o")(layer(name="layer")(y)))
    assert ks.read(model).tensors["layer"].rows == rows
    assert ks.read(model).tensors["o"].nbytes(3) == 3 * rows * 2 * 4
    assert ks.split(model, ["d"]).verify().ok


def test_places_of_what_is_not_zero_are_rows_of_unknown_number():
    x = keras.Input((4,), name="x")
    model = keras.Model(x, [each + 1 for each in ops.nonzero(layers.Dense(4, name="d")(x))])
    graph = ks.read(model)
    assert [tensor.rows for tensor in graph["nonzero"].outputs] == [None, None]
    assert ks.costs(model)["nonzero"].output_bytes is None
    assert len(ks.split(model, ["d"])) == 2
