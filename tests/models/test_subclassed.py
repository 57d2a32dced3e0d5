"""Subclassed models: their call() read as a graph, with the checks of composite layers."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import kerassplit_widget as ks
from kerassplit_widget.models import keras_internals as internals
from tests.models.tutorials import REFUSED, TUTORIALS


class Residual(keras.Model):
    def __init__(self, name="residual"):
        super().__init__(name=name)
        self.stem = layers.Conv2D(4, 3, padding="same", name="stem")
        self.convs = [layers.Conv2D(4, 3, padding="same", kernel_regularizer="l2") for _ in range(3)]
        self.norms = [layers.BatchNormalization() for _ in range(3)]
        self.drop = layers.Dropout(0.5, seed=3)
        self.scores = layers.Dense(5, name="scores")

    def call(self, images, training=None):
        x = self.stem(images)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = x + ops.relu(norm(conv(x), training=training))
        pooled = self.drop(ops.mean(x, axis=(1, 2)), training=training)
        return {"scores": self.scores(pooled), "features": x}


class Words(keras.Model):
    def __init__(self):
        super().__init__()
        self.embed = layers.Embedding(30, 8, mask_zero=True, name="embed")
        self.lstm = layers.LSTM(4, return_sequences=True, name="lstm")
        self.out = layers.Dense(2, name="out")

    def call(self, ids):
        return self.out(self.lstm(self.embed(ids)))


class Towers(keras.Model):
    def __init__(self):
        super().__init__()
        self.tower = keras.Sequential([layers.Dense(4, name="a"), layers.Dense(4, name="b")], name="tower")
        self.match = layers.Dot(axes=1, name="match")

    def call(self, inputs):
        return self.match([self.tower(inputs["user"]), self.tower(inputs["item"])])


class Doubled(keras.Sequential):
    def call(self, x):
        return super().call(x) * 2


def called(model, *data):
    model(*data)
    return model


def images(number=2):
    return np.random.default_rng(0).random((number, 8, 8, 3), "float32")


def towers():
    return called(Towers(), {"user": np.ones((2, 3), "float32"), "item": np.ones((2, 3), "float32")})


def test_the_calls_are_those_of_call():
    graph = ks.read(called(Residual(), images()))
    assert [call.kind for call in graph][:6] == ["InputLayer", "Conv2D", "Conv2D", "BatchNormalization", "Relu", "Add"]
    assert graph.inputs == ("images",) and graph.tensors["images"].shape == (None, 8, 8, 3)
    assert graph["scores"].outputs[0].shape == (None, 5) and graph.params == 4 * 28 + 3 * (4 * 37 + 16) + 25
    assert len(graph.outputs) == 2 and graph.outputs[1] == "scores"  # by the sorted keys


@pytest.mark.parametrize("weights", ["share", "copy"])
@pytest.mark.parametrize("wiring", ["relay", "direct"])
def test_every_cut_is_exact(weights, wiring):
    model = called(Residual(), images())
    before = internals.fingerprint(model)
    x = images(3)
    expected = model(x)
    names = [call.name for call in ks.read(model) if not call.is_input][:-1]
    for name in names:
        split = ks.split(model, [name], weights=weights, wiring=wiring)
        found = split(x)
        for key in ("scores", "features"):
            np.testing.assert_array_equal(found[key], expected[key])
    assert internals.fingerprint(model) == before
    assert len(names) == 15


def test_training_goes_on_in_the_model():
    model, twin = called(Residual(), images()), called(Residual("twin"), images())
    twin.set_weights(model.get_weights())
    split = ks.split(model, [model.convs[1]])
    x = images(6)
    for _ in range(3):
        expected, found = twin(x, training=True), split(x, training=True)
        np.testing.assert_array_equal(found["scores"], expected["scores"])
    for own, other in zip(model.get_weights(), twin.get_weights(), strict=True):  # moving means and random states
        np.testing.assert_array_equal(own, other)
    assert np.abs(model.norms[0].moving_mean.numpy()).max() > 0
    np.testing.assert_allclose(sum(split.losses), sum(model.losses), rtol=1e-6)


def test_verify_save_and_join(tmp_path):
    model = called(Residual(), images())
    split = ks.split(model, ["add"])
    assert split.verify(save=True).sentence().startswith("parts = model, exact on 3 inputs")
    split.save(tmp_path / "parts")
    x = images()
    for again in (ks.Split.load(tmp_path / "parts"), split.join()):
        np.testing.assert_allclose(again(x)["scores"], model(x)["scores"], atol=1e-6)


def test_ids_are_whole_numbers_and_masks_go_along():
    model = called(Words(), np.array([[1, 2, 0, 0]]))
    split = ks.split(model, ["embed"], wiring="relay")
    assert split[0].inputs[0].dtype == "int32" and split[0].inputs[0].shape == (None, 4)
    ids = np.array([[3, 1, 0, 0], [5, 0, 0, 0]])
    handed = [np.asarray(each) for each in keras.tree.flatten(split[0](ids))]
    np.testing.assert_allclose(split[1](handed if len(handed) > 1 else handed[0]), model(ids), atol=1e-6)
    assert split.verify().ok


def test_other_shapes_than_it_was_called_with():
    model = called(Words(), np.array([[1, 2, 0, 0]]))
    assert ks.read(model, input_shapes=(None, None))["lstm"].outputs[0].shape == (None, None, 4)
    split = ks.split(model, ["lstm"], input_shapes={"ids": (1, 7)})
    assert split.verify().ok
    with pytest.raises(ks.SplitError, match="made for a batch of 1"):
        split(np.ones((2, 7), int))
    with pytest.raises(ks.SplitError, match="'words', which is no input of the model"):
        ks.read(model, input_shapes={"words": (4,)})
    with pytest.raises(ks.SplitError, match="has shape"):
        ks.read(model, input_shapes=(1, 2, 3))


def test_dicts_and_sequentials_that_were_called_on_a_batch():
    model = towers()
    graph = ks.read(model)
    assert graph.names == ("item", "user", "tower#2/a", "tower#2/b", "tower/a", "tower/b", "match")
    assert graph["tower/b"].outputs[0].shape == (None, 4)  # though the tower was built on a batch of 2
    split = ks.split(model, [("tower/a", "tower#2/a")])
    x = {"user": np.eye(5, 3, dtype="float32"), "item": np.ones((5, 3), "float32")}
    np.testing.assert_array_equal(split(x), model(x))
    assert split.verify().ok


def test_points_are_layers_too():
    model = called(Residual(), images())
    assert ks.cut_at(model, model.norms[1]).points == (model.norms[1].name,)
    with pytest.raises(ks.SplitError, match="belongs to another model"):
        ks.cut_at(model, Residual().stem)


def test_a_call_of_its_own_on_a_model_with_a_graph():
    model = Doubled([keras.Input((2,)), layers.Dense(2, name="a"), layers.Dense(2, name="b")])
    split = ks.split(model, ["a"])
    x = np.eye(2, dtype="float32")
    np.testing.assert_array_equal(split(x), model(x))
    assert ks.read(model).names[-1] == "multiply"


def test_costs_plans_pictures_and_the_widget():
    model = called(Residual(), images())
    table = ks.costs(model)
    assert table["stem"].macs == 8 * 8 * 9 * 3 * 4 and table.total_params == model.count_params()
    plan = ks.plan(model, parts=2)
    assert ks.split(model, plan).verify().ok
    widget = ks.SplitWidget(model, cuts=["add"])
    assert widget.cuts == [["add"]] and 'ks.split(model, ["add"])' in widget.code


class OwnVariable(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)
        self.scale = self.add_weight(shape=(2,), name="scale")

    def call(self, x):
        return self.dense(x) * self.scale


class Branch(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x):
        return self.dense(x) if ops.sum(x) > 0 else x


class Noisy(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x):
        return self.dense(x) + keras.random.normal((1, 2))


class Late(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense, self.other = layers.Dense(2), layers.Dense(2)

    def call(self, x, training=None):
        return self.other(x) if training else self.dense(x)


@pytest.mark.parametrize(
    ("cls", "data", "words"),
    [
        (OwnVariable, [np.ones((2, 3))], "uses a variable of its own, 'scale'"),
        (Branch, [np.ones((2, 3))], "may branch on values"),
        (Noisy, [np.ones((2, 3))], "random numbers"),
        (Late, [np.ones((2, 3))], "in training"),
        (Residual, [], "has never been called.*Call it once on data"),
    ],
)
def test_what_cannot_be_told_is_refused(cls, data, words):
    model = called(cls(), *data) if data else cls()
    before = internals.fingerprint(model)
    with pytest.raises(ks.SplitError, match=words):
        ks.read(model)
    assert internals.fingerprint(model) == before


def test_a_regularised_layer_inside_a_composite_one_is_opened():
    class Block(layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.dense = layers.Dense(3, kernel_regularizer="l2", name="dense")

        def build(self, shape):
            self.dense.build(shape)

        def call(self, x):
            return self.dense(x)

    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(1, name="out")(Block(name="block")(x)))
    assert ks.read(model, expand="all").collapsed == {}
    split = ks.split(model, ["block/dense"], expand="all")
    np.testing.assert_allclose(sum(split.losses), sum(model.losses))


@pytest.mark.parametrize("cls", TUTORIALS, ids=lambda cls: cls.__name__)
def test_models_of_tutorials_are_read(cls):
    data, given = TUTORIALS[cls]
    model = called(cls(), *data)
    before = internals.fingerprint(model)
    graph = ks.read(model, expand="all", input_shapes=given)
    assert graph.collapsed == {} and graph.params == model.count_params()
    points = [call.name for call in graph if not call.is_input and call.name not in graph.outputs]
    point = points[len(points) // 2]
    around = ["/".join(point.split("/")[:i]) for i in range(1, point.count("/") + 1)]
    split = ks.split(model, [point], expand=around, input_shapes=given)
    assert split.verify(data if len(data) > 1 else data[0]).exact
    assert internals.fingerprint(model) == before


@pytest.mark.parametrize("cls", REFUSED, ids=lambda cls: cls.__name__)
def test_models_of_tutorials_are_refused_with_the_reason(cls):
    data, given, words = REFUSED[cls]
    model = called(cls(), *data)
    before = internals.fingerprint(model)
    with pytest.raises(ks.SplitError, match=words):
        ks.read(model, expand="all", input_shapes=given)
    assert internals.fingerprint(model) == before
