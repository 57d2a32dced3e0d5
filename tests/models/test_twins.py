"""Nothing that is done to a part reaches the model: no attribute of a twin leads back to its original."""

import contextlib
import functools
import gc
import inspect
import types
import warnings
import weakref

import keras
import numpy as np
import pytest
from keras import layers, ops

import kerassplit_widget as ks
from kerassplit_widget.models.keras_internals import layers_within
from kerassplit_widget.models.twins import Copies, Twins
from kerassplit_widget.models.verifying import random_inputs

from . import zoo
from .test_splitting import arrays


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def chain():
    x = keras.Input((8,), name="x")
    b = layers.Dense(8, name="b")(layers.Dense(8, name="a")(x))
    return keras.Model(x, layers.Dense(4, name="o")(b), name="chain")


class Holding(layers.Layer):
    """Holds itself in all the ways in which people let a layer hold itself, and lists of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Dense(3, name="inner")
        self.closure = lambda x: x * self.scale
        self.decorated = functools.wraps(self.closure)(lambda x: self.closure(x))
        self.partly = functools.partial(Holding.by_scale, self)
        self.bound = self.by_scale
        self.of_inner = self.inner.call
        self.seen = []
        self.counts = {"calls": 0}
        self.recursive = self.make_recursive()

    def make_recursive(self):
        def count(n):
            return self.scale if n == 0 else count(n - 1)

        return count

    def build(self, shape):
        self.scale = self.add_weight(shape=(), name="scale", initializer="ones")
        self.inner.build(shape)

    def by_scale(self, x):
        return x * self.scale

    def call(self, x):
        self.counts["calls"] += 1
        self.seen.append(x.shape)
        x = self.inner(x) + self.of_inner(x)
        return self.closure(x) + self.decorated(x) + self.partly(x) + self.bound(x) * self.recursive(2)


def holding():
    x = keras.Input((5,), name="x")
    return keras.Model(x, layers.Dense(2, name="out")(Holding(name="holding")(x)), name="holding_model")


class Doubled(keras.Model):
    """A graph of layers whose ``call`` does more than the graph says."""

    def call(self, x, training=None):
        return super().call(x, training=training) * 2


class Raised(keras.Sequential):
    def call(self, x, training=None, mask=None):
        return super().call(x, training=training, mask=mask) + 1


def doubled():
    x = keras.Input((8,), name="inner_x")
    y = layers.Dropout(0.5, seed=1, name="drop")(layers.Dense(8, name="a")(x))
    return Doubled(x, layers.Dense(8, name="b")(ops.tanh(layers.BatchNormalization(name="norm")(y))), name="inner")


def raised():
    return Raised([keras.Input((8,)), layers.Dense(8, name="a"), layers.Dense(8, name="b")], name="inner")


def own_call():
    """Build a model that holds both, one of them inside a nested model."""
    x = keras.Input((8,), name="nested_x")
    nested = keras.Model(x, doubled()(x), name="nested")
    x = keras.Input((8,), name="x")
    y = raised()(nested(layers.Dense(8, name="pre")(x)))
    return keras.Model(x, layers.Dense(2, name="out")(y), name="own_call")


def all_layers(model):
    return {id(layer): layer for layer in (model, *layers_within(model))}


def reachable(layer):
    """Yield what the attributes of a layer hold: through functions, methods, partials, lists and dicts."""
    stack, seen = list(layer.__dict__.items()), set()
    while stack:
        name, value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        yield name, value
        held = []
        if isinstance(value, types.MethodType):
            held = [value.__self__, value.__func__]
        elif isinstance(value, functools.partial):
            held = [value.func, *value.args, *value.keywords.values()]
        elif isinstance(value, types.FunctionType):
            held = [cell.cell_contents for cell in value.__closure__ or ()] + list(value.__dict__.values())
        elif isinstance(value, dict):
            held = list(value.values())
        elif isinstance(value, list | tuple | set):
            held = list(value)
        stack.extend((name, each) for each in held)


@pytest.mark.parametrize("make", [*zoo.ALL, holding], ids=lambda make: make.__name__)
@pytest.mark.parametrize("weights", ["share", "copy"])
def test_no_attribute_of_a_twin_leads_to_an_original(make, weights):
    model = make()
    originals = all_layers(model)
    variables = {id(v) for v in model.variables} if weights == "copy" else {}
    twins = Twins(Copies() if weights == "copy" else None)
    for layer in list(originals.values()):
        twin = twins.of(layer)
        for name, value in reachable(twin):
            assert id(value) not in originals, f"{type(layer).__name__}.{name} of a twin leads to the original"
            assert id(value) not in variables, f"{type(layer).__name__}.{name} of a copy leads to the model's variables"
        for each in ("build", "quantize"):  # once more, now that Keras's wrappers are made
            assert inspect.signature(getattr(twin, each)) == inspect.signature(getattr(layer, each))
            assert getattr(twin.build, "_is_default", False) == getattr(layer.build, "_is_default", False)
        assert all(id(value) not in originals for _, value in reachable(twin))


def contents(model):
    """Take down the attributes of all layers: which objects, and what is in their lists, dicts and sets."""
    return [
        (type(layer).__name__, name, id(value), repr(value) if isinstance(value, list | dict | set) else None)
        for layer in all_layers(model).values()
        for name, value in layer.__dict__.items()
    ]


@pytest.mark.parametrize("make", [*zoo.ALL, holding], ids=lambda make: make.__name__)
def test_what_is_done_to_parts_changes_no_attribute_of_the_model(make):
    model = make()
    names = [call.name for call in ks.read(model) if not call.is_input]
    split = ks.split(model, [names[len(names) // 2 - 1]])
    data = random_inputs(split)
    expected = arrays(model(data))
    before = contents(model)
    split(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of layers that Keras cannot quantise
        for part in split:
            part.trainable = False
            part.trainable = True
            with contextlib.suppress(ValueError):  # of layers that compute in float16
                part.quantize("int8")
            for layer in (part, *layers_within(part)):
                layer.notes = ["of the part"]
    assert contents(model) == before
    assert all(np.array_equal(a, b) for a, b in zip(arrays(model(data)), expected, strict=True))


def nodes(model):
    """Count the calls to and from each operation in a model: in all graphs that it holds, at any depth."""
    found, stack = {}, [model]
    while stack:
        each = stack.pop()
        if id(each) not in found:
            found[id(each)] = (each.name, len(each._inbound_nodes), len(each._outbound_nodes))
            graph = each._functional if isinstance(each, keras.Sequential) else each
            stack += [*getattr(each, "_layers", ()), *(getattr(graph, "_operations", None) or ())]
    return sorted(found.values())


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda model: ks.costs(model), id="costs"),
        pytest.param(lambda model: ks.plan(model, parts=2), id="plan"),
        pytest.param(lambda model: ks.read(model, expand="all"), id="read"),
        pytest.param(lambda model: ks.flatten(model), id="flatten"),
        pytest.param(lambda model: ks.measure(ks.split(model, ["pre"])), id="measure"),
        pytest.param(lambda model: ks.split(model, ["pre"]).verify(save=False), id="verify"),
        pytest.param(lambda model: ks.split(model, ["pre"], weights="copy").join(), id="join"),
    ],
)
def test_nothing_is_left_on_the_layers_of_a_nested_model_with_a_call_of_its_own(act):
    model = own_call()
    before = nodes(model)
    assert {"pre", "nested", "inner", "a", "tanh", "b"} <= {name.rstrip("_0123456789") for name, _, _ in before}
    act(model)
    act(model)
    assert nodes(model) == before


@pytest.mark.parametrize("training", [None, False, True])
def test_a_nested_model_with_a_call_of_its_own_is_cut_inside(training):
    model = own_call()
    names = ks.read(model, expand="all").names
    assert {"nested/inner/drop", "nested/inner/b", "nested/inner/multiply", "inner/a", "inner/add"} <= set(names)
    split = ks.split(model, ["nested/inner/drop", "nested/inner/b", "inner/a"], expand="all")
    sentence = "parts = model, exact on 3 inputs; weights shared; model untouched"
    assert split.verify().sentence() == sentence
    start, found = [np.array(variable) for variable in model.variables], []
    for called in (model, split):
        results = arrays(called(normal(4, 8), training=training))
        found.append([*results, *(np.array(variable) for variable in model.variables)])
        for variable, before in zip(model.variables, start, strict=True):
            variable.assign(before)
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))
    changed = [not np.array_equal(a, b) for a, b in zip(found[0][1:], start, strict=True)]
    assert sum(changed) == (3 if training else 0)  # two statistics and a random state


def test_a_copy_of_a_nested_model_with_a_call_of_its_own_computes_with_the_copies():
    model = keras.Model(x := keras.Input((8,), name="x"), layers.Dense(2, name="out")(doubled()(x)))
    part_1, _ = ks.split(model, ["inner"], weights="copy")
    before = arrays(model(normal(2, 8)))[0]
    part_1.get_layer("inner").get_layer("b").kernel.assign(np.zeros((8, 8), "float32"))
    assert not np.any(part_1(normal(2, 8)))
    assert np.array_equal(model(normal(2, 8)), before)


def test_a_proof_leaves_the_losses_of_the_last_calls():
    x = keras.Input((8,), name="x")
    y = layers.Dense(8, name="d", activity_regularizer="l2")(x)
    split = ks.split(keras.Model(x, layers.Dense(2, name="out")(y)), ["d"])
    split.model(normal(2, 8))
    split[0](normal(3, 8, seed=1))
    before = [[float(loss) for loss in each.losses] for each in (split.model, split[0])]
    assert before[0] != before[1] and all(len(losses) == 1 for losses in before)
    assert split.verify().ok
    assert [[float(loss) for loss in each.losses] for each in (split.model, split[0])] == before
    split.model(normal(2, 8))
    assert len(split.model.losses) == 1


def test_functions_of_a_copy_compute_with_the_copies():
    model = holding()
    split = ks.split(model, ["holding"], weights="copy")
    layer = split[0].get_layer("holding")
    x = normal(2, 5)
    expected = arrays(model(x))[0]
    assert np.array_equal(split(x), expected)
    layer.scale.assign(3.0)
    model.get_layer("holding").scale.assign(5.0)
    once = layer.inner(x)
    np.testing.assert_allclose(layer(x), (3 + 3 + 3 + 9) * 2 * once, rtol=1e-5)
    assert model.get_layer("holding").seen is not layer.seen
    assert layer.recursive(3) is layer.scale


def test_lists_of_a_twin_go_on_tracking_for_the_twin():
    class Stack(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.blocks = []

        def call(self, x):
            return x

    model = keras.Sequential([keras.Input((3,)), Stack(name="stack"), layers.Dense(2, name="d")])
    twin = ks.split(model, ["stack"])[0].get_layer("stack")
    twin._tracker.unlock()
    twin.blocks.append(layers.Dense(2, name="more"))
    assert [layer.name for layer in twin._layers] == ["more"]
    assert model.get_layer("stack").blocks == [] and model.get_layer("stack")._layers == []


@pytest.mark.parametrize("weights", ["share", "copy"])
def test_a_part_is_quantised_alone(weights):
    model = chain()
    x = normal(3, 8)
    expected, before = arrays(model(x))[0], model.get_weights()
    split = ks.split(model, ["a"], weights=weights)
    split[0].quantize("int8")
    twin = split[0].get_layer("a")
    assert keras.backend.standardize_dtype(twin._kernel.dtype) == "int8" and twin.quantization_mode == "int8"
    assert twin._tracker.locked
    assert np.array_equal(model(x), expected)
    assert all(v.dtype == "float32" for v in model.variables)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))
    np.testing.assert_allclose(split(x), expected, atol=0.1)
    assert not np.array_equal(split(x), expected)
    fresh = chain()
    fresh.set_weights(before)
    fresh.get_layer("a").quantize("int8")
    assert np.array_equal(split(x), fresh(x))
    assert [v.path.partition("/")[2] for v in twin.variables] == [
        v.path.partition("/")[2] for v in fresh.get_layer("a").variables
    ]


def test_layers_inside_a_composite_layer_are_quantised_alone():
    x = keras.Input((5, 8), name="x")
    model = keras.Model(x, layers.Dense(2, name="o")(layers.MultiHeadAttention(2, 4, name="mha")(x, x)))
    split = ks.split(model, ["mha"], weights="copy")
    data = normal(2, 5, 8)
    expected = arrays(model(data))[0]
    split[0].quantize("int8")
    assert np.array_equal(model(data), expected)
    assert {v.dtype for v in model.variables} == {"float32"} and "int8" in {v.dtype for v in split[0].variables}


@pytest.mark.parametrize("weights", ["share", "copy"])
def test_a_part_gets_lora_and_the_model_stays_as_it_is(weights):
    model = chain()
    x = normal(3, 8)
    flags = [(v.path, v.trainable) for v in model.variables]
    split = ks.split(model, ["a"], weights=weights)
    layer = split[0].get_layer("a")
    layer.enable_lora(2)
    assert [(v.path, v.trainable) for v in model.variables] == flags
    assert [(v.name, v.trainable) for v in layer.variables] == [
        ("kernel", False),
        ("bias", True),
        ("lora_kernel_a", True),
        ("lora_kernel_b", True),
    ]
    assert np.array_equal(split(x), model(x))
    kernel = np.array(model.get_layer("a").kernel)
    split[0].compile("sgd", "mse")
    split[0].fit(x, normal(3, 8, seed=1), verbose=0)
    assert np.array_equal(model.get_layer("a").kernel, kernel)
    assert not np.array_equal(layer.lora_kernel_b, np.zeros((2, 8)))
    split[0].trainable = False
    assert split[0].trainable_variables == []
    split[0].trainable = True
    assert [v.name for v in layer.trainable_variables] == ["bias", "lora_kernel_a", "lora_kernel_b"]
    with pytest.raises(ValueError, match="already enabled"):
        layer.enable_lora(2)
    assert [(v.path, v.trainable) for v in model.variables] == flags


def test_lora_that_keras_refuses_leaves_the_part_as_it_was():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, kernel_constraint="non_neg", name="d")])
    layer = ks.extract(model, outputs=["d"]).get_layer("d")
    with pytest.raises(ValueError, match="constraint"):
        layer.enable_lora(1)
    assert layer.kernel is model.get_layer("d").kernel and layer.kernel.trainable


def test_a_frozen_kernel_follows_the_model():
    model = chain()
    split = ks.split(model, ["a"])
    split[0].get_layer("a").enable_lora(2)
    model.get_layer("a").kernel.assign(np.eye(8))
    model.get_layer("a").bias.assign(np.ones(8))
    np.testing.assert_allclose(split[0](normal(2, 8)), normal(2, 8) + 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("layer", "shape", "dtype"),
    [
        (lambda: layers.Conv2D(3, 2, name="l"), (5, 5, 2), "float32"),
        (lambda: layers.EinsumDense("abc,cd->abd", (None, 4), name="l"), (5, 3), "float32"),
        (lambda: layers.Embedding(7, 4, name="l"), (5,), "int32"),
    ],
)
def test_every_kind_of_lora_spares_the_model(layer, shape, dtype):
    x = keras.Input(shape, dtype=dtype)
    model = keras.Model(x, layers.Dense(2, name="o")(layer()(x)))
    split = ks.split(model, ["l"])
    split[0].get_layer("l").enable_lora(2)
    assert all(v.trainable for v in model.variables)
    assert any(not v.trainable for v in split[0].variables)
    data = np.ones((2, *shape), dtype)
    assert np.array_equal(split(data), model(data))


def test_lora_in_one_of_two_parts_with_the_same_layer_survives_saving(tmp_path):
    x = keras.Input((8,), name="x")
    twice = layers.Dense(8, name="twice")
    model = keras.Model(x, twice(layers.Dense(8, name="b")(twice(x))))
    split = ks.split(model, ["b"])
    layer = split[0].get_layer("twice")
    layer.enable_lora(2)
    layer.lora_kernel_b.assign(normal(2, 8))
    data = normal(3, 8)
    split.save(tmp_path / "s")
    loaded = ks.Split.load(tmp_path / "s")
    np.testing.assert_allclose(loaded(data), split(data), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(split.join()(data), split(data), rtol=1e-6, atol=1e-6)
    assert loaded.tied == {"twice": (0, 1)}  # still by its bias
    biases = [part.get_layer("twice").bias for part in loaded]
    assert biases[0] is biases[1]


def test_adapt_on_a_part_that_shares_statistics_is_refused():
    norm = layers.Normalization(name="norm")
    norm.adapt(normal(20, 4))
    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(2, name="d")(norm(x)))
    before, data = model.get_weights(), normal(20, 4, seed=1) * 3 + 1
    expected = arrays(model(data))[0]
    split = ks.split(model, ["norm"])
    with pytest.raises(ks.SplitError, match=r"'norm' of this part shares its statistics.*weights=\"copy\""):
        split[0].get_layer("norm").adapt(data)
    copies = ks.split(model, ["norm"], weights="copy")
    copies[0].get_layer("norm").adapt(data)
    np.testing.assert_allclose(np.std(copies[0](data), axis=0), np.ones(4), rtol=1e-4)
    assert np.array_equal(model(data), expected)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))
    norm.adapt(data)  # the model's own layer may be adapted at any time


def test_a_layer_that_is_not_built_is_built_as_a_twin():
    class Late(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.never_called = layers.Dense(2, name="never_called")

        def call(self, x):
            return x * 2

    model = keras.Sequential([keras.Input((3,)), Late(name="late"), layers.Dense(2, name="d")])
    original = model.get_layer("late").never_called
    twin = ks.split(model, ["late"])[0].get_layer("late").never_called
    twin.build((None, 3))
    assert twin.built and twin.kernel.path == "never_called/kernel" and twin._tracker.locked
    assert not original.built and original.variables == []
    assert np.shape(twin(normal(2, 3))) == (2, 2)


def test_a_nested_model_that_was_run_is_run_anew_in_a_part():
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(3, name="d")], name="inner")
    inner.compile("sgd", "mse")
    data = normal(4, 3)
    inner.predict(data, verbose=0)
    x = keras.Input((3,))
    model = keras.Model(x, layers.Dense(2, name="o")(inner(x)))
    twin = ks.split(model, ["inner"], weights="copy", expand="none")[0].get_layer("inner")
    for variable in twin.variables:
        variable.assign(ops.zeros_like(variable))
    assert np.array_equal(twin.predict(data, verbose=0), np.zeros((4, 3)))
    assert np.any(inner.predict(data, verbose=0))


def test_copies_keep_no_layer_of_the_model_alive():
    model = holding()
    parts = ks.split(model, ["holding"], weights="copy").parts
    gone = [weakref.ref(layer) for layer in model.layers]
    del model
    gc.collect()
    assert [ref() for ref in gone] == [None] * len(gone)
    assert parts[0].count_params() == 19


def adapted(layer, data):
    layer.adapt(data)
    return layer


def learned(kind, low):
    """A model with a layer that was adapted to numbers or words, and a sample of these."""
    if kind == "words":
        data = np.array([["a"], ["b"], ["b"], ["c"]] if low else [["x"], ["y"], ["y"], ["c"]])
        layer, x = keras.layers.StringLookup(max_tokens=4, name="n"), keras.Input((1,), dtype="string", name="x")
    elif kind == "texts":
        data = np.array([["a b"], ["b"]] if low else [["x y"], ["y"]])
        layer = keras.layers.TextVectorization(max_tokens=4, output_sequence_length=2, name="n")
        x = keras.Input((1,), dtype="string", name="x")
    else:
        data = np.linspace(0, 1 if low else 50, 32, dtype="float32").reshape(8, 4)
        cls = keras.layers.Normalization if kind == "numbers" else keras.layers.Discretization
        layer = cls(name="n") if kind == "numbers" else cls(num_bins=3, name="n")
        x = keras.Input((4,), name="x")
    y = keras.layers.Identity(name="first")(x) if x.dtype != "string" else x
    y = keras.ops.cast(adapted(layer, data)(y), "float32")
    y = keras.layers.Dense(2, name="d")(y)
    return keras.Model(x, keras.layers.Dense(2, name="e")(y)), data


@pytest.mark.parametrize("kind", ["numbers", "bins", "words", "texts"])
def test_what_a_layer_learns_after_the_split_reaches_the_parts(kind, tmp_path):
    model, _ = learned(kind, low=True)
    other, data = learned(kind, low=False)
    split = ks.split(model, ["d"])
    tensor = keras.ops.convert_to_tensor(data)
    before = np.asarray(model(tensor))
    model.get_layer("n").adapt(data)
    assert np.abs(np.asarray(model(tensor)) - before).max() > 1e-3
    np.testing.assert_array_equal(split(tensor), model(tensor))

    other.save_weights(tmp_path / "other.weights.h5")
    model.load_weights(tmp_path / "other.weights.h5")
    np.testing.assert_array_equal(split(tensor), model(tensor))
    np.testing.assert_array_equal(split(tensor), other(tensor))
    split.save(tmp_path / "saved")
    np.testing.assert_array_equal(ks.Split.load(tmp_path / "saved")(tensor), model(tensor))


def test_what_a_part_loads_reaches_the_model(tmp_path):
    model, _ = learned("numbers", low=True)
    other, data = learned("numbers", low=False)
    ks.split(other, ["d"])[0].save_weights(tmp_path / "part.weights.h5")
    split = ks.split(model, ["d"])
    split[0].load_weights(tmp_path / "part.weights.h5")
    np.testing.assert_array_equal(model.get_layer("n").mean, other.get_layer("n").mean)
    np.testing.assert_array_equal(split(data), model(data))


def test_copies_learn_for_themselves_and_freezing_stays_with_the_part():
    model, _ = learned("numbers", low=True)
    _, data = learned("numbers", low=False)
    before = np.asarray(model(data))
    shared, copied = ks.split(model, ["d"]), ks.split(model, ["d"], weights="copy")
    shared[0].get_layer("n").trainable = False
    model.get_layer("n").adapt(data)
    np.testing.assert_array_equal(copied(data), before)
    np.testing.assert_array_equal(shared(data), model(data))
    assert not shared[0].get_layer("n").trainable and model.get_layer("n").trainable
