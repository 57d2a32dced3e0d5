"""Splits that are joined, changed, saved and loaded, and folders that are not what they should be."""

import collections
import json
import shutil
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

import kerassplit_widget as ks
from kerassplit_widget.models.verifying import random_inputs

from . import zoo
from .test_splitting import arrays


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(arrays(a), arrays(b), strict=True))


def test_join_sees_parts_that_were_trained():
    model = zoo.residual()
    split = ks.split(model, ["add"], weights="copy")
    x = np.ones((2, 8, 8, 3), "float32")
    split[1].compile("sgd", "mse")
    split[1].fit(split[0].predict(x, verbose=0), np.zeros((2, 2)), verbose=0)
    joined = split.join()
    assert not equal(joined(x), model(x))
    assert equal(joined(x), split[1](split[0](x)))
    assert [layer.name for layer in joined.layers] == [layer.name for layer in model.layers]


def tied_around(make):
    """Call one layer before and after a cut at ``r``."""
    tied, x = make(), keras.Input((8,), name="x")
    return keras.Model(x, keras.layers.Dense(2, name="o")(tied(keras.layers.ReLU(name="r")(tied(x)))))


class Scaled(keras.layers.Layer):
    """Has no configuration, an attribute, and a layer inside."""

    more = 0.0

    def __init__(self, scale, function, **kwargs):
        super().__init__(**kwargs)
        self.scale, self.function = scale, function
        self.inner = keras.layers.Dense(8, activation="relu", name="inner")

    def call(self, x):
        return self.function(self.inner(x)) * self.scale + self.more


def dense():
    return keras.layers.Dense(8, activation="relu", name="tied")


def scaled():
    return Scaled(2.0, keras.ops.sin, name="tied")


class Doubling:
    by = 2.0

    def __call__(self, x):
        return x * self.by


class Halving(Doubling):
    by = 0.5


def doubling():
    return Scaled(2.0, Doubling(), name="tied")


def with_tanh(layer):
    layer.activation = keras.activations.tanh


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("weights", ["share", "copy"])
@pytest.mark.parametrize(
    ("make", "change"),
    [
        (dense, with_tanh),
        (scaled, lambda layer: setattr(layer, "scale", 3.0)),
        (scaled, lambda layer: setattr(layer, "function", keras.ops.cos)),
        (scaled, lambda layer: setattr(layer, "function", Doubling())),
        (doubling, lambda layer: setattr(layer, "function", Halving())),
        (scaled, lambda layer: with_tanh(layer.inner)),
        (scaled, lambda layer: setattr(layer, "more", 1.0)),
        (dense, lambda layer: setattr(layer, "call", keras.ops.sin)),
    ],
    ids=["activation", "attribute", "function", "object for function", "object", "inside", "of the class", "call"],
)
def test_join_sees_a_tied_layer_that_was_changed_in_one_part(make, change, number, weights, tmp_path):
    split = ks.split(tied_around(make), ["r"], weights=weights)
    x = np.random.default_rng(0).normal(size=(6, 8)).astype("float32")
    assert [layer.name for layer in split.join().layers] == ["x", "tied", "r", "o"]
    change(split[number].get_layer("tied"))
    assert not equal(split(x), split.model(x))
    joined = split.join()
    assert equal(joined(x), split(x))
    assert [layer.name for layer in joined.layers] == ["x", "tied", "r", "tied_2", "o"]
    assert len(joined.weights) == len(split.model.weights)  # they are tied still
    if change is with_tanh:
        split.save(tmp_path / "s")
        loaded = ks.Split.load(tmp_path / "s")
        assert equal(loaded.join()(x), split(x)) and loaded.tied == {"tied": (0, 1)}


def test_join_makes_one_layer_of_what_was_not_changed():
    inside = keras.Input((8,))
    for make in (
        lambda: keras.Model(inside, keras.layers.Add()([dense()(inside), keras.ops.sin(inside) * 2]), name="tied"),
        scaled,
        doubling,
        lambda: keras.layers.Dropout(0.5, seed=1, name="tied"),
        lambda: keras.layers.Lambda(lambda x: keras.ops.sin(x), name="tied"),
        lambda: keras.Sequential([dense(), keras.layers.BatchNormalization(name="b")], name="tied"),
    ):
        for weights in ("share", "copy"):
            joined = ks.split(tied_around(make), ["r"], weights=weights).join()
            assert [layer.name for layer in joined.layers] == ["x", "tied", "r", "o"]


def test_join_keeps_what_is_frozen_in_one_part_only():
    split = ks.split(tied_around(lambda: keras.layers.BatchNormalization(name="tied")), ["r"], weights="copy")
    split[0].trainable = False
    x = np.random.default_rng(0).normal(size=(6, 8)).astype("float32")
    expected = split(x, training=True)
    split = ks.split(split.model, ["r"], weights="copy")
    split[0].trainable = False
    assert equal(split.join()(x, training=True), expected)


@pytest.mark.parametrize("name", ["a/b", "", 3])
def test_join_takes_names_that_keras_takes(name):
    with pytest.raises(ks.SplitError, match="name= is "):
        ks.split(zoo.residual(), ["add"]).join(name)


def test_a_part_can_be_replaced_by_one_that_takes_and_returns_the_same(tmp_path):
    model = zoo.residual()
    split = ks.split(model, ["add"])
    i = keras.Input((8, 8, 4))
    flat = keras.layers.Flatten(name="flat")(i)
    head = keras.Model(i, keras.layers.Dense(2, name="conv")(flat))  # a name that part 1 has too
    split.parts = (split[0], head)
    joined = split.join()
    x = np.ones((1, 8, 8, 3), "float32")
    assert equal(joined(x), head(split[0](x)))
    assert {"conv", "conv_2", "flat"} <= {layer.name for layer in joined.layers}
    joined.save(tmp_path / "joined.keras")
    assert equal(keras.saving.load_model(tmp_path / "joined.keras")(x), joined(x))


def test_a_part_that_does_not_fit_is_refused():
    split = ks.split(zoo.residual(), ["add"])
    i = keras.Input((8, 8, 5))
    wrong = keras.Model(i, keras.layers.Dense(2)(keras.layers.Flatten()(i)), name="wrong")
    with pytest.raises(ks.SplitError, match=r"Part 2 has to take 8×8×4 float32; .*'wrong'\) takes 8×8×5 float32"):
        split.parts = (split[0], wrong)
    with pytest.raises(ks.SplitError, match="2 parts; 1 were given"):
        split.parts = (split[0],)
    assert split[1].name == "residual_part_2"


@pytest.mark.parametrize("wiring", ["relay", "direct"])
def test_layers_in_several_parts_are_tied_also_after_loading(wiring, tmp_path):
    model = zoo.tied_loop()
    split = ks.split(model, ["step", "step#2"], wiring=wiring)
    assert split.tied == {"step": (0, 1, 2)}
    assert "tied: step" in repr(split)
    split.save(tmp_path / "s")
    loaded = ks.Split.load(tmp_path / "s")
    assert loaded.tied == split.tied
    kernels = [part.get_layer("step").kernel for part in loaded]
    assert kernels[1] is kernels[0] and kernels[2] is kernels[0]
    x = np.ones((1, 4), "float32")
    kernels[0].assign(np.eye(4))
    model.get_layer("step").kernel.assign(np.eye(4))
    assert equal(loaded(x), model(x))
    joined = loaded.join()
    assert [layer.name for layer in joined.layers] == ["x", "step", "out"]
    assert equal(joined(x), model(x))


def test_the_manifest_says_what_goes_over_the_wire(tmp_path):
    model = zoo.structured()
    ks.split(model, ["b"]).save(tmp_path / "s")
    manifest = json.loads((tmp_path / "s" / "manifest.json").read_text())
    assert manifest["format"] == "kerassplit-split" and manifest["version"] == 1
    assert manifest["keras"] == keras.__version__
    assert manifest["cuts"] == [["b"]]
    assert manifest["tensors"]["a"] == {"shape": [None, 4], "dtype": "float32", "nbytes": 16}
    assert sorted(manifest["parts"][1]["takes"]) == ["a", "b", "right"]
    assert [part["needs"] for part in manifest["parts"]] == [[], []]
    assert sorted(p.name for p in (tmp_path / "s").iterdir()) == ["manifest.json", "part_1.keras", "part_2.keras"]


def test_loaded_splits_know_their_cuts_but_not_their_model(tmp_path):
    split = ks.split(zoo.structured(), ["b"])
    split.save(tmp_path / "s")
    loaded = ks.Split.load(tmp_path / "s")
    assert loaded.cuts == split.cuts and loaded.code() == split.code()
    with pytest.raises(ks.SplitError, match="has no model beside its parts"):
        loaded.verify()


def test_saving_again_replaces_a_split_and_nothing_else(tmp_path):
    first, second = ks.split(zoo.residual(), ["stem"]), ks.split(zoo.residual(), ["stem", "add"])
    first.save(tmp_path / "s")
    second.save(tmp_path / "s")
    assert len(ks.Split.load(tmp_path / "s")) == 3
    assert [p.name for p in tmp_path.iterdir()] == ["s"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    (tmp_path / "file").write_text("precious")
    for name in ("mine", "file"):
        with pytest.raises(ks.SplitError, match="is no saved split; it is left alone"):
            first.save(tmp_path / name)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"
    (tmp_path / "s" / "notes.txt").write_text("precious")
    with pytest.raises(ks.SplitError, match=r"holds something else: notes\.txt; it is left alone"):
        first.save(tmp_path / "s")
    assert (tmp_path / "s" / "notes.txt").read_text() == "precious" and len(ks.Split.load(tmp_path / "s")) == 3
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "manifest.json").write_text('{"name": "a web page"}')
    with pytest.raises(ks.SplitError, match="is no saved split; it is left alone"):
        first.save(tmp_path / "page")
    (tmp_path / "empty").mkdir()
    first.save(tmp_path / "empty")
    assert len(ks.Split.load(tmp_path / "empty")) == 2


def test_a_part_that_cannot_be_saved_leaves_nothing_behind(tmp_path, monkeypatch):
    split = ks.split(zoo.residual(), ["add"])
    split.save(tmp_path / "s")
    before = (tmp_path / "s" / "manifest.json").read_text()

    def full(*args, **kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr(type(split[1]), "save", full)
    with pytest.raises(ks.SplitError, match="Part 1 cannot be saved, and nothing was written: no space left"):
        split.save(tmp_path / "s")
    with pytest.raises(ks.SplitError):
        split.save(tmp_path / "new")
    assert [p.name for p in tmp_path.iterdir()] == ["s"]
    assert (tmp_path / "s" / "manifest.json").read_text() == before


def damage(folder, what):
    manifest = folder / "manifest.json"
    data = json.loads(manifest.read_text())
    if what == "missing part":
        (folder / "part_2.keras").unlink()
    elif what == "changed part":
        shutil.copy(folder / "part_1.keras", folder / "part_2.keras")
    elif what == "no manifest":
        manifest.unlink()
    elif what == "no json":
        manifest.write_text("{")
    elif what == "foreign":
        manifest.write_text('{"name": "something else"}')
    elif what == "newer":
        manifest.write_text(json.dumps({**data, "version": 2}))
    elif what == "path":
        data["parts"][0]["file"] = "../elsewhere.keras"
        manifest.write_text(json.dumps(data))
    elif what == "incomplete":
        del data["tensors"]
        manifest.write_text(json.dumps(data))
    elif what == "no parts":
        manifest.write_text(json.dumps({**data, "parts": []}))
    elif what == "one part":
        manifest.write_text(json.dumps({**data, "parts": data["parts"][1:]}))
    elif what == "other tensors":
        data["tensors"]["add"]["shape"] = [None, 9, 9, 4]
        manifest.write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("missing part", "part_2.keras is missing"),
        ("changed part", "part_2.keras has changed since it was saved"),
        ("no manifest", "holds no saved split: there is no manifest.json"),
        ("no json", "is damaged: manifest.json cannot be read"),
        ("foreign", "does not describe a split of this package"),
        ("newer", "version 2 of the format; this package"),
        ("path", "manifest.json is incomplete (ValueError: '../elsewhere.keras' is no file of the folder)"),
        ("incomplete", "manifest.json is incomplete (KeyError: 'tensors')"),
        ("no parts", "manifest.json is incomplete (ValueError: 0 parts do not give all outputs)"),
        ("one part", "manifest.json is incomplete (ValueError: nothing gives ['add'])"),
        ("other tensors", "Part 1 has to return 9×9×4 float32"),
    ],
)
def test_damaged_and_foreign_folders_are_refused(tmp_path, what, words):
    ks.split(zoo.residual(), ["add"]).save(tmp_path / "s")
    damage(tmp_path / "s", what)
    with pytest.raises(ks.SplitError) as caught:
        ks.Split.load(tmp_path / "s")
    assert words in str(caught.value)


class Doubled(keras.layers.Layer):
    def call(self, x):
        return 2 * x


class Applied(keras.layers.Layer):
    """Cannot be saved: Keras does not know how to write a function down."""

    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def call(self, x):
        return self.function(x)


def around(layer):
    x = keras.Input((4,), name="x")
    return keras.Model(x, keras.layers.Dense(2, name="out")(layer(keras.layers.Dense(3, name="a")(x))))


def test_parts_are_loaded_in_safe_mode(tmp_path):
    ks.split(zoo.no_config(), ["dense"]).save(tmp_path / "s")
    with pytest.raises(ks.SplitError) as caught:
        ks.Split.load(tmp_path / "s")
    assert "part_1.keras cannot be loaded: it holds Python code (a Lambda layer)" in str(caught.value)
    assert "safe_mode" not in str(caught.value) and "\n" not in str(caught.value)  # it is no argument of ours
    assert 'keras.saving.load_model("part_1.keras")' in str(caught.value)


def test_a_layer_that_keras_does_not_know_is_named(tmp_path):
    model = around(Doubled(name="doubled"))
    ks.split(model, ["a"]).save(tmp_path / "s")
    with pytest.raises(ks.SplitError) as caught:
        ks.Split.load(tmp_path / "s")
    assert "part_2.keras cannot be loaded: 'Doubled' is not known here" in str(caught.value)
    assert "custom_objects={'Doubled': ...}" in str(caught.value) and "\n" not in str(caught.value)
    loaded = ks.Split.load(tmp_path / "s", custom_objects={"Doubled": Doubled})
    x = np.ones((1, 4), "float32")
    np.testing.assert_allclose(loaded(x), model(x), rtol=1e-6)


def test_a_layer_that_keras_cannot_save_is_named(tmp_path):
    split = ks.split(around(Applied(keras.ops.tanh)), ["a"])
    with pytest.raises(ks.SplitError) as caught:
        split.save(tmp_path / "s")
    words = "Part 2 cannot be saved, and nothing was written: the class Applied has no get_config()"
    assert str(caught.value).startswith(words) and "\n" not in str(caught.value)


def subtracting():
    x = keras.Input((4,), name="x")
    a, b = keras.layers.Dense(4, name="a")(x), keras.layers.Dense(4, name="b")(x)
    return keras.Model(x, keras.layers.Subtract(name="s")([a, b]))


def test_a_part_is_not_fed_in_another_order_than_its_names_say():
    split = ks.split(subtracting(), [("a", "b")])
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    with pytest.raises(ks.SplitError, match=r"Part 2 has to take \['a', 'b'\] in this order; .* takes \['b', 'a'\]"):
        split.parts = (split[0], keras.Model([b, a], keras.layers.Subtract()([a, b])))
    with pytest.raises(ks.SplitError, match=r"Part 2 is called with \['a', 'b'\]; .* another structure, \{'a'"):
        split.parts = (split[0], keras.Model({"a": a, "b": b}, keras.layers.Subtract()([a, b])))
    x = keras.Input((4,), name="x")
    swapped = [keras.layers.Dense(4, name="b")(x), keras.layers.Dense(4, name="a")(x)]
    with pytest.raises(ks.SplitError, match=r"Part 1 has to return \['a', 'b'\] in this order; .*\['b', 'a'\]"):
        split.parts = (keras.Model(x, swapped), split[1])
    given = np.ones((2, 4), "float32")
    for own in ((a, b), [keras.Input((4,), name="left"), keras.Input((4,), name="right")]):
        split.parts = (split[0], keras.Model(own, {"all": keras.layers.Subtract()(list(own))}))
        assert equal(split(given), split.model(given)) and equal(split.join()(given), split.model(given))


@pytest.mark.parametrize("given", [3, "part_2", keras.layers.Dense(2)], ids=str)
def test_what_is_no_model_is_refused_as_a_part(given):
    split = ks.split(subtracting(), [("a", "b")])
    with pytest.raises(ks.SplitError, match="Part 2 has to be a Functional model or a built Sequential; found "):
        split.parts = (split[0], given)
    with pytest.raises(ks.SplitError, match="has 2 parts; "):
        split.parts = given


@pytest.mark.parametrize("make", [ks.flatten, lambda model, **k: ks.split(model, ["a"], **k)], ids=["flatten", "split"])
def test_a_prefix_that_keras_could_not_load_is_refused(make):
    with pytest.raises(ks.SplitError, match=r"prefix= .* may not contain \"/\"; found 'left/'. Use 'left_'."):
        make(subtracting(), prefix="left/")
    assert make(subtracting(), prefix="left_") is not None


def test_a_folder_is_a_path():
    for call in (ks.Split.load, ks.split(subtracting(), ["a"]).save):
        with pytest.raises(ks.SplitError, match="give its path; found None"):
            call(None)
        with pytest.raises(ks.SplitError, match="give its path; found an empty one"):
            call("")


def test_as_keras_a_split_takes_a_list_of_one_tensor():
    model = subtracting()
    given = np.ones((2, 4), "float32")
    assert equal(ks.split(model, [("a", "b")])([given]), model([given]))


@pytest.mark.parametrize("dtype", ["float32", "int32", "float16"])
@pytest.mark.parametrize("given", ["float32", "float64", "int64"])
def test_an_input_that_is_an_output_is_cast_as_the_model_casts_it(dtype, given, tmp_path):
    """With direct wiring no part takes it."""
    x = keras.Input((4, 1), dtype=dtype, name="x")
    y = keras.layers.Flatten(name="f")(keras.ops.cast(x, "float32"))
    model = keras.Model(x, {"o": keras.layers.Dense(2, name="o")(y), "x": x})
    split = ks.split(model, ["f"], wiring="direct")
    split.save(tmp_path / "s")
    for data in (np.full((3, 4, 1), 1.7).astype(given), np.full((3, 4), 1.7).astype(given)):  # Keras adds a dimension
        expected = model(data)["x"]
        for found in (split(data)["x"], ks.Split.load(tmp_path / "s")(data)["x"]):
            assert found.dtype == expected.dtype == dtype and np.array_equal(found, expected)
        assert split.verify(data).ok


def test_arrays_of_objects_are_taken_as_the_model_takes_them():
    """``DataFrame.to_numpy()`` gives such arrays where columns are of several dtypes."""
    model, data = subtracting(), np.arange(8).reshape(2, 4).astype(object)
    data[0, 0] = 1.5
    split = ks.split(model, [("a", "b")])
    assert equal(split(data), model(data)) and split.verify(data).exact
    data[0, 0] = "a word"
    with pytest.raises(ks.SplitError, match=r"'x' is an array of objects that are no float32 .*: give numbers"):
        split(data)


LOAD = """
    import sys
    import keras, numpy as np
    {import_}
    part = keras.saving.load_model(sys.argv[1])
    given = [np.load(path) for path in sys.argv[3:]]
    result = part(given[0] if len(given) == 1 else given)
    np.save(sys.argv[2], keras.ops.convert_to_numpy(result))
"""


@pytest.mark.parametrize(
    ("make", "point", "import_"),
    [
        pytest.param(zoo.residual, "add", "sys.modules['kerassplit_widget'] = None  # cannot be imported", id="plain"),
        pytest.param(zoo.masked_attention, "dense", "import kerassplit_widget.models.masks", id="mask"),
    ],
)
def test_a_saved_part_runs_in_a_process_of_its_own(tmp_path, make, point, import_):
    """Without this package, unless a mask had to be carried."""
    model = make()
    split = ks.split(model, [point])
    split.save(tmp_path / "s")
    needs = json.loads((tmp_path / "s" / "manifest.json").read_text())["parts"][1]["needs"]
    assert needs == (["kerassplit_widget.models.masks"] if make is zoo.masked_attention else [])
    data = random_inputs(split)
    files = []
    for i, tensor in enumerate(arrays(split[0](data))):
        np.save(tmp_path / f"{i}.npy", tensor)
        files.append(str(tmp_path / f"{i}.npy"))

    def run(import_):
        code = textwrap.dedent(LOAD.format(import_=import_))
        part, out = str(tmp_path / "s" / "part_2.keras"), str(tmp_path / "out.npy")
        return subprocess.run([sys.executable, "-c", code, part, out, *files], capture_output=True, text=True)

    done = run(import_)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), arrays(model(data))[0], rtol=1e-5, atol=1e-5)
    if needs:
        assert "kerassplit_widget.models.masks" in run("").stderr  # what to import


def test_a_part_can_be_exported(tmp_path):
    import tensorflow as tf

    model = zoo.residual()
    split = ks.split(model, ["add"])
    split[1].export(tmp_path / "tail", verbose=False)
    x = np.ones((1, 8, 8, 3), "float32")
    served = tf.saved_model.load(tmp_path / "tail")
    np.testing.assert_allclose(served.serve(split[0](x)), model(x), rtol=1e-5, atol=1e-6)


def hanging(*models):
    """Count the variables that TensorFlow finds in models when it saves them, by name and shape."""
    seen, stack = {}, list(models)
    while stack:
        each = stack.pop()
        if id(each) not in seen:
            seen[id(each)] = each
            stack.extend(() if isinstance(each, keras.Variable) else each._trackable_children().values())
    found = (each for each in seen.values() if isinstance(each, keras.Variable))
    return collections.Counter((each.name, tuple(each.shape)) for each in found)


@pytest.mark.parametrize("make", zoo.ALL, ids=lambda make: make.__name__)
@pytest.mark.parametrize("weights", ["share", "copy"])
def test_tensorflow_finds_in_the_parts_what_it_finds_in_the_model(make, weights):
    model = make()
    before = hanging(model)
    calls = [call.name for call in ks.read(model) if not call.is_input]
    parts = ks.split(model, [calls[len(calls) // 2 - 1]], weights=weights)
    assert hanging(*parts) == before == hanging(model)


def test_a_checkpoint_of_a_part_restores_it_and_it_saves_as_a_saved_model(tmp_path):
    import tensorflow as tf

    model = zoo.residual()
    head, tail = ks.split(model, ["add"])
    x = np.ones((1, 8, 8, 3), "float32")
    expected = np.array(model(x))
    checkpoint = tf.train.Checkpoint(head=head, tail=tail)
    path = checkpoint.save(str(tmp_path / "checkpoint"))
    for variable in (*head.variables, *tail.variables):
        variable.assign(variable + 1)
    assert not np.array_equal(model(x), expected)
    checkpoint.restore(path).assert_consumed()
    assert np.array_equal(tail(head(x)), expected)
    tf.saved_model.save(tail, str(tmp_path / "tail"))
    loaded = tf.saved_model.load(str(tmp_path / "tail"))
    np.testing.assert_allclose(loaded.signatures["serving_default"](head(x))["output_0"], expected, rtol=1e-5)


def test_copies_are_independent_and_may_be_renamed():
    model = zoo.nested()
    split = ks.split(model, ["head"], weights="copy", prefix="b_")
    assert not {id(w) for part in split for w in part.weights} & {id(w) for w in model.weights}
    assert [layer.name for layer in split[0].layers] == ["x", "b_backbone", "b_head"]
    assert split[0].name == "b_nested_part_1"
    x = np.ones((1, 6), "float32")
    before = arrays(model(x))[0]
    for weight in split[0].weights:
        weight.assign(weight * 2)
    assert np.array_equal(arrays(model(x))[0], before)


def test_two_copies_of_one_backbone_fit_in_one_model(tmp_path):
    backbone = zoo.residual()
    left, right = ks.flatten(backbone, weights="copy", prefix="l_"), ks.flatten(backbone, weights="copy", prefix="r_")
    x = keras.Input((8, 8, 3))
    model = keras.Model(x, keras.layers.Concatenate()([left(x), right(x)]))
    assert ks.flatten(model).count_params() == 2 * backbone.count_params()
    model.save(tmp_path / "m.keras")
    keras.saving.load_model(tmp_path / "m.keras")


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"weights": "clone"}, "'share' or 'copy'; found 'clone'"),
        ({"wiring": "bus"}, "'relay' or 'direct'; found 'bus'"),
    ],
)
def test_unknown_options(kwargs, words):
    with pytest.raises(ks.SplitError, match=words):
        ks.split(zoo.residual(), ["add"], **kwargs)


class Holder(keras.layers.Layer):
    """Keras makes a class of its own of a dict that a layer holds."""

    def __init__(self, held):
        super().__init__()
        self.held = held


@pytest.mark.parametrize("wiring", ["relay", "direct"])
def test_inputs_and_outputs_in_dicts_that_a_layer_held(wiring, tmp_path):
    inputs = Holder({"b": keras.Input((3,), name="b"), "a": keras.Input((3,), name="a")}).held
    assert type(inputs) is not dict
    y = keras.layers.Add(name="add")([inputs["a"], keras.layers.Dense(3, name="d")(inputs["b"])])
    model = keras.Model(inputs, Holder({"o": keras.layers.Dense(2, name="o")(y), "e": y}).held)
    x = {"a": np.ones((2, 3), "float32"), "b": np.full((2, 3), 2.0, "float32")}
    split = ks.split(model, ["d"], wiring=wiring)
    assert equal(split(x), model(x)) and split.verify(x).exact and split.verify().exact
    assert type(split(x)) is type(model(x)) and set(split(x)) == {"o", "e"}
    assert equal(split.join()(x), model(x))
    split.save(tmp_path / "s")
    assert equal(list(dict(ks.Split.load(tmp_path / "s")(x)).values()), list(dict(model(x)).values()))


def test_the_inputs_of_a_feature_space():
    import tensorflow as tf

    kinds = keras.utils.FeatureSpace
    space = kinds(features={"a": kinds.float(), "c": kinds.integer_hashed(num_bins=4)}, output_mode="concat")
    space.adapt(tf.data.Dataset.from_tensor_slices({"a": [1.0, 2.0], "c": [1, 2]}).batch(2))
    y = keras.layers.Dense(3, name="h")(space.get_encoded_features())
    model = keras.Model(space.get_inputs(), keras.layers.Dense(2, name="o")(y))
    x = {"a": tf.constant([[1.0], [2.0]]), "c": tf.constant([[1], [2]])}
    split = ks.split(model, ["h"])
    assert equal(split(x), model(x))
    assert split.verify(x).exact and split.verify().exact


def test_what_is_made_of_a_model_has_its_dtype_policy(tmp_path):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        x = keras.Input((6,), name="x")
        inner = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, name="d"), keras.layers.Dense(8, name="e")])
        step = keras.layers.Dense(8, name="step")
        model = keras.Model(x, keras.layers.Dense(2, name="o", dtype="float32")(step(step(inner(x)))), name="mixed")
    finally:
        keras.config.set_dtype_policy("float32")
    inside = f"{inner.name}/d"
    split = ks.split(model, [inside, "step"])
    split.save(tmp_path / "s")
    loaded = ks.Split.load(tmp_path / "s")
    assert loaded.tied == {"step": (1, 2)}  # the loaded parts are built anew
    made = [
        *split, *loaded, split.join(), loaded.join(), ks.flatten(model),
        ks.flatten(model, weights="copy"), ks.extract(model, ["step"]),
    ]  # fmt: skip
    model.compile("adam", "mse")
    for each in made:
        each.compile("adam", "mse")
        assert each.dtype_policy.name == "mixed_float16"
        assert type(each.optimizer) is type(model.optimizer) is keras.optimizers.LossScaleOptimizer
    assert split.verify(save=True).exact


def test_a_policy_that_is_none_is_a_damaged_manifest(tmp_path):
    split = ks.split(zoo.sequential(), ["a"])
    split.save(tmp_path / "s")
    file = tmp_path / "s" / "manifest.json"
    manifest = json.loads(file.read_text())
    assert [part.pop("dtype_policy") for part in manifest["parts"]] == ["float32", "float32"]
    file.write_text(json.dumps(manifest))  # as it was saved before
    assert [part.dtype_policy.name for part in ks.Split.load(tmp_path / "s")] == ["float32", "float32"]
    manifest["parts"][0]["dtype_policy"] = "float_three"
    file.write_text(json.dumps(manifest))
    with pytest.raises(ks.SplitError, match=r"is damaged: manifest.json is incomplete"):
        ks.Split.load(tmp_path / "s")


@pytest.mark.parametrize("wiring", ["relay", "direct"])
def test_inputs_in_an_ordered_dict_are_sorted_when_loaded(wiring, tmp_path):
    """Keras loads a plain dict, whose keys it sorts: the first input of the part is the second it was saved with."""
    a, b = keras.Input((3,), name="a"), keras.Input((4,), name="b")
    y = keras.layers.Concatenate(name="both")([a, keras.layers.Dense(3, name="d")(b)])
    model = keras.Model(collections.OrderedDict(b=b, a=a), y)
    plain = {"a": np.ones((2, 3), "float32"), "b": np.full((2, 4), 2.0, "float32")}
    expected = model(collections.OrderedDict(b=plain["b"], a=plain["a"]))
    split = ks.split(model, ["d"], wiring=wiring)
    assert equal(split(collections.OrderedDict(b=plain["b"], a=plain["a"])), expected)
    split.save(tmp_path / "s")
    loaded = ks.Split.load(tmp_path / "s")
    assert equal(loaded(plain), expected)
    assert equal(loaded.join()(plain), expected)
    if wiring == "relay":  # a part that takes a plain dict would be given the values in another order
        inputs = {"a": keras.Input((3,), name="a"), "b": keras.Input((4,), name="b")}
        dense = keras.layers.Dense(3, name="d")(inputs["b"])
        with pytest.raises(ks.SplitError, match="Part 1 "):
            split.parts = (keras.Model(inputs, [inputs["a"], dense]), split[1])
