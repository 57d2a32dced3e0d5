"""``training`` where nobody says it: Keras hands on what the layer called before has got, and parts keep to that."""

import keras
import numpy as np
import pytest
from keras import layers

import kerassplit_widget as ks

DATA = np.random.default_rng(0).normal(size=(3, 4, 4, 3)).astype("float32")


@keras.saving.register_keras_serializable("tests")
class ByDefault(layers.Layer):
    """Is in training unless it is told otherwise, as layers for augmentation are."""

    def call(self, x, training=True):
        return x * (2.0 if training else 1.0)


@keras.saving.register_keras_serializable("tests")
class AsTold(layers.Layer):
    def call(self, x, training=None):
        return x * (2.0 if training else 1.0)


class Inside(layers.Layer):
    def build(self, shape):
        self.first, self.norm = ByDefault(), layers.BatchNormalization()
        self.norm.build(shape)

    def call(self, x):
        return self.norm(self.first(x))


def augmentation(x):
    return keras.Sequential([keras.Input((4, 4, 3)), ByDefault(name="t"), AsTold(name="s")], name="first")(x)


def backbone():
    x = keras.Input((4, 4, 3))
    y = layers.Dropout(0.0, name="drop")(AsTold(name="told")(x))
    return keras.Model(x, layers.BatchNormalization(name="norm")(y), name="backbone")


FIRST = {
    "by_default": lambda x: ByDefault(name="first")(x),
    "inside_a_layer": lambda x: Inside(name="first")(x),
    "inside_a_model": augmentation,
    "dropout": lambda x: layers.Dropout(0.0, name="first")(x, training=True),
    "batch_normalization": lambda x: layers.BatchNormalization(name="first")(x, training=True),
}


def in_a_row(first):
    x = keras.Input((4, 4, 3))
    y = layers.BatchNormalization(name="norm")(AsTold(name="second")(first(x)))
    y = backbone()(AsTold(name="third")(layers.Dropout(0.0, name="drop")(y)))
    return keras.Model(x, AsTold(name="last")(y))


def beside():
    """What comes first in the model need not come first in a part."""
    x = keras.Input((4, 4, 3))
    a = layers.BatchNormalization(name="norm")(AsTold(name="a")(x))
    b = AsTold(name="b")(ByDefault(name="trains")(x))
    y = backbone()(layers.Add(name="sum")([a, b]), training=False)
    return keras.Model(x, [AsTold(name="last")(y), a])


def outcome(run, model, training):
    """Compute, and return the outputs and the states that are left; the model is as before afterwards."""
    before = [keras.ops.convert_to_numpy(weight) for weight in model.weights]
    results = run(DATA) if training is None else run(DATA, training=training)
    found = [keras.ops.convert_to_numpy(each) for each in [*keras.tree.flatten(results), *model.weights]]
    for weight, value in zip(model.weights, before, strict=True):
        weight.assign(value)
    return found


@pytest.mark.parametrize("training", [None, False, True])
@pytest.mark.parametrize("make", [*[lambda f=f: in_a_row(f) for f in FIRST.values()], beside], ids=[*FIRST, "beside"])
def test_parts_train_where_the_model_does(make, training):
    model = make()
    expected = outcome(model, model, training)
    cuts = 0
    for expand in ("nested", "none"):
        for call in ks.read(model, expand=expand):
            try:
                split = ks.split(model, [call.name], expand=expand)
            except ks.SplitError:
                continue
            cuts += 1
            for run in (split, split.join()):
                for a, b in zip(outcome(run, model, training), expected, strict=True):
                    assert np.array_equal(a, b), f"cut after {call.name}"
    assert cuts >= 9


def test_what_a_part_was_told_is_saved(tmp_path):
    model = in_a_row(FIRST["by_default"])
    ks.split(model, ["second"]).save(tmp_path / "split")
    loaded = ks.Split.load(tmp_path / "split")
    # in training the moving statistics are written
    before = [np.array(weight) for weight in loaded[1].non_trainable_weights]
    loaded(DATA)
    assert not all(map(np.array_equal, before, map(np.array, loaded[1].non_trainable_weights)))
    np.testing.assert_allclose(loaded(DATA), model(DATA), atol=1e-5)
