"""What calls return, where Keras declares something else: parts take and hand on what is really there."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import kerassplit_widget as ks
from kerassplit_widget.errors import PartError
from kerassplit_widget.models import keras_internals as internals


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def assert_exact(model, cuts, x, **options):
    """Each way of running the parts gives the values, shapes and dtypes of the model."""
    expected = [array(each) for each in keras.tree.flatten(model(x))]
    split = ks.split(model, cuts, **options)
    assert split.verify().ok
    numbers = x
    for part in split if options.get("wiring", "relay") == "relay" else ():
        made = part(numbers)
        numbers = [array(each) for each in made] if isinstance(made, list) else array(made)
    for run in (split(x), numbers):
        found = [array(each) for each in keras.tree.flatten(run)]
        if options.get("wiring", "relay") == "direct" and run is numbers:
            continue
        for one, other in zip(found, expected, strict=True):
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
            np.testing.assert_array_equal(one, other)
    return split


@pytest.fixture
def policy():
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy("float32")


WHOLE = {
    "repeat": lambda x: layers.RepeatVector(2, name="cut")(x),
    "concatenate": lambda x: layers.Concatenate(name="cut")([x, x]),
    "add": lambda x: layers.Add(name="cut")([x, x]),
    "dropout": lambda x: layers.Dropout(0.1, name="cut")(x),
    "relu": lambda x: layers.ReLU(name="cut")(x),
    "lambda": lambda x: layers.Lambda(lambda t: t % 7, output_shape=(3,), name="cut")(x),
    "behind": lambda x: ops.add(layers.Concatenate(name="cut")([x, x]), 1),
}


@pytest.mark.parametrize("make", WHOLE.values(), ids=WHOLE)
def test_whole_numbers_stay_whole_numbers(make):
    x = keras.Input((3,), dtype="int32", name="x")
    model = keras.Model(x, ops.multiply(make(x), 1))
    split = assert_exact(model, ["cut"], np.full((2, 3), 2**24 + 1, "int32"))
    assert split[1].inputs[0].dtype == split[0].outputs[0].dtype == "int32"
    assert ks.read(model).tensors[ks.read(model).outputs[0]].dtype == "int32"


def test_token_ids_through_a_merging_layer_in_mixed_precision(policy, tmp_path):
    policy("mixed_float16")
    first, rest = keras.Input((1,), dtype="int32", name="first"), keras.Input((4,), dtype="int32", name="rest")
    ids = layers.Concatenate(name="ids")([first, rest])
    embedded = layers.Embedding(30000, 4, name="embedding")(ids)
    model = keras.Model([first, rest], layers.Dense(2, name="out")(embedded))
    x = [np.full((2, 1), 101, "int32"), np.random.default_rng(0).integers(20000, 30000, (2, 4)).astype("int32")]
    split = assert_exact(model, ["ids"], x)
    tail = ks.extract(model, inputs=["ids"])
    np.testing.assert_array_equal(array(tail(np.concatenate(x, 1))), array(model(x)))
    split.save(tmp_path / "parts")  # Keras takes the loaded part's output for float16 again
    np.testing.assert_array_equal(array(ks.Split.load(tmp_path / "parts")(x)), array(model(x)))
    np.testing.assert_array_equal(array(split.join()(x)), array(model(x)))


def test_bytes_are_those_that_cross():
    x = keras.Input((4, 4, 1), dtype="uint8", name="image")
    pooled = layers.MaxPooling2D(name="pool")(x)
    model = keras.Model(x, ops.cast(pooled + pooled, "float32"))
    cut = ks.cut_at(model, "pool")
    assert cut.nbytes(1) == 4 and ks.costs(model)["pool"].output_bytes == 4
    assert_exact(model, ["pool"], np.full((1, 4, 4, 1), 200, "uint8"))  # 144 by overflow, 400 in floats


class Widen(layers.Layer):
    """Returns float32, whatever it computes in."""

    def call(self, x):
        return ops.cast(x, "float32") * 1.0001

    def compute_output_shape(self, input_shape):
        return input_shape


def test_an_own_layer_that_returns_another_dtype(policy):
    policy("mixed_float16")
    x = keras.Input((6,), name="x")
    y = Widen(name="wide")(layers.Dense(6, name="dense")(x))
    model = keras.Model(x, layers.Dense(3, name="out", dtype="float32")(y))
    data = np.random.default_rng(0).normal(size=(4, 6)).astype("float32") * 100
    assert_exact(model, ["wide"], data)
    assert_exact(model, ["dense", "wide"], data, wiring="direct")


class RowSum(layers.Layer):
    def call(self, x):
        return ops.sum(x, -1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 1)  # has one dimension too many


def test_another_rank_than_declared():
    x = keras.Input((4,), name="x")
    y = RowSum(name="rows")(x)
    model = keras.Model(x, ops.sum(ops.abs(ops.subtract(y, ops.transpose(y)))))
    assert_exact(model, ["rows"], np.random.default_rng(0).normal(size=(3, 4)).astype("float32"))
    assert ks.read(model).tensors["rows"].shape == (None,)


class Augment(layers.Layer):
    """Declares what it makes in training, as augmentation does."""

    def call(self, x, training=None):
        return x[:, :3] if training else x

    def compute_output_shape(self, shape):
        return (shape[0], 3)


def test_another_shape_in_training():
    x = keras.Input((4,), name="x")
    model = keras.Model(x, layers.ReLU(name="out")(Augment(name="cut")(x)))
    assert ks.read(model).tensors["cut"].shape == (None, None)
    data = np.ones((2, 4), "float32")
    split = assert_exact(model, ["cut"], data)
    assert split(data, training=True).shape == model(data, training=True).shape == (2, 3)


class DropLast(layers.Layer):
    def call(self, x):
        return x[:, :-1]

    def compute_output_shape(self, input_shape):
        return input_shape


@pytest.mark.parametrize("wiring", ["relay", "direct"])
def test_another_shape_than_declared(wiring):
    x = keras.Input((6, 4), name="x")
    y = DropLast(name="drop")(layers.Dense(4, name="dense")(x))
    model = keras.Model(x, layers.Dense(3, name="out")(y))
    assert_exact(model, ["drop"], np.ones((2, 6, 4), "float32"), wiring=wiring)
    assert ks.cut_at(model, "drop").nbytes(1) == 5 * 4 * 4


COMPUTED = type(ops.zeros(1))


class Unsteady(layers.Layer):
    """Tells nobody what it returns: half of what it is declared to."""

    def call(self, x):
        if not isinstance(x, COMPUTED):
            raise NotImplementedError  # where it is only asked
        return x[:, ::2]

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, dtype=x.dtype)


def test_what_cannot_be_known_before_is_refused_when_it_is_run():
    x = keras.Input((8,), name="x")
    model = keras.Model(x, ops.multiply(Unsteady(name="half")(x), 2.0))
    split = ks.split(model, ["half"])
    with pytest.raises(ks.SplitError, match=r"'half' was taken to be 8 float32, .* and is 4 float32"):
        split(np.ones((2, 8), "float32"))


def test_a_proof_looks_across_the_batch():
    x = keras.Input((4,), name="x")
    model = keras.Model(x, layers.Dense(2, name="out")(layers.Dense(4, name="dense")(x)))
    sizes = []
    split = ks.split(model, ["dense"])
    run = split.run
    object.__setattr__(split, "run", lambda batch, **options: sizes.append(len(batch)) or run(batch, **options))
    assert split.verify().sentence().startswith("parts = model, exact on 3 inputs")
    assert sorted(set(sizes)) == [1, 2]


class Silent(layers.Layer):
    """Cannot say how it is set, as some layers of KerasHub, whose get_config fails."""

    def __init__(self, step, **options):
        super().__init__(**options)
        self.step = step

    def get_config(self):
        raise AttributeError("step_size")

    def call(self, x):
        return x[:, : 6 - 2 * (self.step - 1)]

    def compute_output_shape(self, shape):
        return shape


def test_like_layers_are_asked_once(monkeypatch):
    asked = []
    ask = internals.observed_outputs

    def noted(node, *arguments, **options):
        asked.append(node.operation.name)
        return ask(node, *arguments, **options)

    monkeypatch.setattr(internals, "observed_outputs", noted)
    x = y = keras.Input((6, 4), name="x")
    for i in range(5):
        y = DropLast(name=f"drop_{i}")(y)
    shapes = [tensor.shape for tensor in ks.read(keras.Model(x, y)).tensors.values()]
    assert shapes == [(None, 6 - i, 4) for i in range(6)] and len(set(asked)) == 5  # each is fed another shape
    asked.clear()
    x = y = keras.Input((6,), name="x")
    for i in range(5):
        y = Widen(name=f"wide_{i}")(y)
    ks.read(keras.Model(x, y))
    assert asked == ["wide_0"]
    asked.clear()
    x = y = keras.Input((6,), name="x")
    for i in range(6):
        y = Silent(2 if i == 3 else 1, name=f"silent_{i}")(y)
    assert ks.read(keras.Model(x, y)).tensors["silent_5"].shape == (None, 4)
    assert asked == [
        "silent_0",
        "silent_3",
        "silent_3",
        "silent_4",
        "silent_4",
    ]  # 3 and 4, also in training: 4 is fed less


def test_of_a_layer_of_keras_it_is_said_what_helps():
    def model(dtype):
        x = keras.Input((9, 9, 3), dtype=dtype, name="image")
        y = keras.layers.Rescaling(1 / 255, name="scale")(keras.layers.Resizing(8, 8, name="resize")(x))
        return keras.Model(x, keras.layers.Dense(2, name="o")(y))

    data = np.random.default_rng(0).integers(0, 255, (2, 9, 9, 3)).astype("uint8")
    with pytest.raises(PartError, match=r"is 8×8×3 uint8 now.*Resizing and the like keep whole numbers unless"):
        ks.split(model("uint8"), ["resize"])(data)
    floats = model("float32")
    np.testing.assert_array_equal(ks.split(floats, ["resize"])(data), floats(data))
