"""Parts compute what the model computes, on every construct, and leave the model alone."""

import gc
import weakref

import keras
import numpy as np
import pytest

import kerassplit_widget as ks
from kerassplit_widget.models.verifying import random_inputs

from . import zoo


def arrays(structure):
    return [keras.ops.convert_to_numpy(t) for t in keras.tree.flatten(structure)]


def legal_points(model):
    graph = ks.read(model)
    points = []
    for call in graph:
        try:
            ks.cut_at(model, call.name)
        except ks.SplitError:
            continue
        points.append(call.name)
    return points


def inbound(model):
    stack, rows = [model], {}
    while stack:
        op = stack.pop()
        rows[id(op)] = [id(node) for node in op._inbound_nodes]
        stack += [o for o in getattr(op, "operations", ()) if id(o) not in rows]
    return rows


@pytest.mark.parametrize("make", zoo.ALL, ids=lambda make: make.__name__)
def test_every_cut_is_exact_and_leaves_the_model_as_it_was(make, tmp_path):
    model = make()
    before = inbound(model)
    points = legal_points(model)
    assert points
    data = expected = None
    for point in points:
        split = ks.split(model, [point])
        if data is None:
            data = random_inputs(split)
            expected = arrays(model(data, training=False))
        assert len(split) == 2
        part_1, part_2 = split
        result = part_2(part_1(data, training=False), training=False)
        keras.tree.assert_same_structure(result, model(data, training=False))
        assert all(np.array_equal(a, b) for a, b in zip(arrays(result), expected, strict=True))
        by_hand = keras.tree.map_structure(keras.ops.convert_to_numpy, part_1(data))
        for a, b in zip(arrays(part_2(by_hand)), expected, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5, rtol=1e-5)
        assert {id(w) for part in split for w in part.weights} == {id(w) for w in model.weights}
    assert inbound(model) == before
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert all(np.array_equal(a, b) for a, b in zip(arrays(loaded(data)), expected, strict=True))


@pytest.mark.parametrize("make", zoo.ALL, ids=lambda make: make.__name__)
def test_every_topological_prefix_is_a_cut_and_exact(make):
    """The head is the first n calls: as many tensors cross as happen to be open there."""
    model = make()
    computed = [call.name for call in ks.read(model) if not call.is_input]
    data = expected = None
    for n in range(1, len(computed)):
        try:
            split = ks.split(model, [tuple(computed[:n])])
        except ks.SplitError:  # what is left hangs on raw inputs alone, so that the tail would be empty
            continue
        if data is None:
            data = random_inputs(split)
            expected = arrays(model(data))
        found = arrays(split.run(data, training=False))
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
        by_hand = arrays(split.run(data, training=False, hand_on=lambda t: keras.ops.convert_to_numpy(t)))
        for a, b in zip(by_hand, expected, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5, rtol=1e-5)
        assert {id(w) for part in split for w in part.weights} == {id(w) for w in model.weights}


@pytest.mark.parametrize("make", zoo.ALL, ids=lambda make: make.__name__)
@pytest.mark.parametrize("wiring", ["relay", "direct"])
@pytest.mark.parametrize("weights", ["share", "copy"])
def test_all_cuts_at_once(make, wiring, weights):
    model = make()
    graph = ks.read(model)  # a cut after an output leaves, of several towers, the others: together they leave nothing
    points = [name for name in legal_points(model) if graph.successors[graph.number[name]]]
    split = ks.split(model, points, wiring=wiring, weights=weights)
    proof = split.verify(save=True)
    assert proof.ok, proof
    assert proof.exact
    joined = split.join()
    data = random_inputs(split)
    assert joined.name == model.name
    keras.tree.assert_same_structure(joined(data), model(data))
    for a, b in zip(arrays(joined(data)), arrays(model(data)), strict=True):
        assert np.array_equal(a, b)
    if weights == "share":
        assert {id(w) for w in joined.weights} == {id(w) for w in model.weights}


@pytest.mark.parametrize("make", zoo.ALL, ids=lambda make: make.__name__)
def test_saved_parts_load_and_agree(make, tmp_path):
    model = make()
    points = legal_points(model)
    split = ks.split(model, [points[len(points) // 2]])
    data = random_inputs(split)
    carried = data
    for i, part in enumerate(split):
        part.save(tmp_path / f"{i}.keras")
        loaded = keras.saving.load_model(tmp_path / f"{i}.keras")
        carried = loaded(keras.tree.map_structure(keras.ops.convert_to_numpy, carried))
    for a, b in zip(arrays(carried), arrays(model(data)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("make", zoo.ALL, ids=lambda make: make.__name__)
def test_flat_models_compute_the_same(make, tmp_path):
    model = make()
    before = inbound(model)
    flat = ks.flatten(model)
    data = random_inputs(ks.split(model, legal_points(model)[:1]))
    assert all(np.array_equal(a, b) for a, b in zip(arrays(flat(data)), arrays(model(data)), strict=True))
    assert {id(w) for w in flat.weights} == {id(w) for w in model.weights}
    assert inbound(model) == before
    flat.save(tmp_path / "flat.keras")
    loaded = keras.saving.load_model(tmp_path / "flat.keras")
    assert all(np.array_equal(a, b) for a, b in zip(arrays(loaded(data)), arrays(model(data)), strict=True))


def test_parts_share_variables_and_see_training():
    model = zoo.residual()
    part_1, part_2 = ks.split(model, ["conv"])
    model.get_layer("out").kernel.assign_add(np.ones((4, 2), "float32"))
    x = np.ones((1, 8, 8, 3), "float32")
    assert np.array_equal(arrays(part_2(part_1(x)))[0], arrays(model(x))[0])
    mean = arrays(model.get_layer("bn").moving_mean)[0].copy()
    part_2(part_1(x + 1, training=True), training=True)
    assert not np.array_equal(arrays(model.get_layer("bn").moving_mean)[0], mean)


def test_freezing_a_part_freezes_nothing_else():
    model = zoo.residual()
    part_1, part_2 = ks.split(model, ["add"])
    trainable = len(model.trainable_weights)
    part_1.trainable = False
    assert part_1.trainable_weights == []
    assert len(model.trainable_weights) == trainable
    assert model.get_layer("conv").trainable and model.get_layer("conv").kernel.trainable
    assert len(part_2.trainable_weights) == 2
    part_1.trainable = True
    assert len(part_1.trainable_weights) == trainable - 2


def test_a_frozen_layer_stays_frozen_in_its_part():
    model = zoo.residual()
    model.get_layer("conv").trainable = False
    part_1, _ = ks.split(model, ["add"])
    assert [w.path for w in part_1.trainable_weights] == [
        w.path for name in ("stem", "bn") for w in model.get_layer(name).trainable_weights
    ]


def test_names_are_readable_and_the_same_every_time():
    model = zoo.unet()
    for _ in range(2):
        split = ks.split(model, ["bottom"])
        names = [tensor.name for tensor in split[1].inputs]
        assert names == ["down_0", "down_1", "down_2", "bottom"]
        assert split[0].name == "unet_part_1"
        assert [layer.name for layer in split[0].layers if "down" in layer.name] == names[:3]


def test_a_shared_layer_on_both_sides_does_not_clash_with_the_input():
    split = ks.split(zoo.tied_loop(), ["step"])
    assert [t.name for t in split[1].inputs] == ["step_in"]
    assert [layer.name for layer in split[1].layers] == ["step_in", "step", "out"]


def test_only_what_is_cut_is_opened():
    model = zoo.nested()
    head, _ = ks.split(model, ["head"])
    assert [layer.name for layer in head.layers] == ["x", "backbone", "head"]
    inside, rest = ks.split(model, ["backbone/first"])
    assert {layer.name for layer in inside.layers} == {"x", "backbone_first", "x_passed_on"}
    assert "block" in " ".join(layer.name for layer in rest.layers)  # the inner model stays whole
    assert not any("act" in layer.name for layer in rest.layers)


def test_raw_inputs_enter_first_and_are_passed_on():
    split = ks.split(zoo.structured(), ["a", "b"])
    assert split.manifest.wires[0].takes == ("left", "right")
    # In the order of the graph, which Keras's versions see differently. "a" is also an early output.
    assert sorted(split.manifest.wires[1].takes) == ["a", "right"]
    assert sorted(split.manifest.wires[2].takes) == ["a", "b", "right"]
    assert set(split.parts[0].input) == {"left", "right"}
    assert set(split.parts[2].output) == {"main", "early", "same"}


def test_order_and_repetition_of_cuts_do_not_matter():
    model = zoo.residual()
    a = ks.split(model, ["pool", "stem", "pool", ks.cut_at(model, "stem")])
    assert list(a.cuts) == [("stem",), ("pool",)]
    assert len(a) == 3


def test_points_may_be_layers_tensors_tuples_and_cuts():
    model = zoo.residual()
    expected = [("stem",), ("stem", "bn")]
    layer, tensor = model.get_layer("stem"), model.get_layer("bn").output
    split = ks.split(model, [layer, (layer, tensor)])
    assert list(split.cuts) == expected
    assert ks.split(model, "stem").cuts[0] == ("stem",)


def test_three_hundred_splits_leave_nothing_behind():
    model = zoo.residual()
    before = inbound(model)
    parts = [weakref.ref(part) for _ in range(300) for part in ks.split(model, ["conv"])]
    gc.collect()
    assert inbound(model) == before
    assert [part for part in parts if part() is not None] == []


def test_the_code_makes_the_same_split_again():
    model = zoo.hostile_names()
    points = legal_points(model)
    split = ks.split(model, points)
    scope = {"model": model}
    exec(split.code(), scope)
    assert scope["split"].cuts == split.cuts
    assert isinstance(scope["part_3"], keras.Model)
    assert split.code(model="net", names=["a", "b", "c"]).endswith("a, b, c = split")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"names": ["for", "b"]}, "'for' is no name that Python takes"),
        ({"names": ["1", "b"]}, "'1' is no name that Python takes"),
        ({"names": ["a", 1]}, "1 is no name that Python takes"),
        ({"names": ["a", "a"]}, "'a' is given twice"),
        ({"names": ["split", "b"]}, "'split' has another meaning in the code"),
        ({"model": "1x"}, "model= is the variable that holds the model; found '1x'"),
        ({"model": None}, "found None"),
    ],
    ids=str,
)
def test_code_that_python_would_not_take_is_not_written(asked, words):
    split = ks.split(zoo.residual(), ["add"])
    with pytest.raises(ks.SplitError, match=words):
        split.code(**asked)
    assert "ks.split(self.model, " in split.code(model="self.model")


def test_the_code_has_the_options(tmp_path):
    model = zoo.nested()
    options = {"weights": "copy", "wiring": "direct", "prefix": "p_", "expand": ["backbone"]}
    split = ks.split(model, ["backbone/first"], **options)
    scope = {"model": model}
    exec(split.code(), scope)
    assert scope["split"].manifest == split.manifest and scope["split"].manifest.options == options
    split.save(tmp_path / "s")
    assert ks.Split.load(tmp_path / "s").code() == split.code()


def test_a_long_chain_needs_no_recursion():
    x = y = keras.Input((2,), name="x")
    for i in range(900):
        y = keras.layers.Activation("linear", name=f"l{i}")(y)
    model = keras.Model(x, y)
    assert len(ks.cut_candidates(model)) == 899
    part_1, part_2 = ks.split(model, ["l450"])
    data = np.ones((1, 2), "float32")
    assert np.array_equal(part_2(part_1(data)), model(data))


@pytest.mark.parametrize("wiring", ["relay", "direct"])
def test_towers_that_share_only_an_input_are_taken_apart(wiring):
    x = keras.Input((4,), name="x")
    a, b = (keras.layers.Dense(3, name=f"{name}_2")(keras.layers.Dense(3, name=name)(x)) for name in "ab")
    model = keras.Model(x, [a, b])
    split = ks.split(model, ["a_2"], wiring=wiring)
    assert split.verify(save=True).exact
    assert [layer.name for layer in split[1].layers if layer.name[0] == "b"] == ["b", "b_2"]


def test_inputs_and_outputs_of_parts_are_named_by_their_tensors_every_time():
    for _ in range(2):
        split = ks.split(zoo.recurrent(), ["encoder"])
        assert [tensor.name for tensor in split[0].outputs] == [
            name.replace(":", "_") for name in split.manifest.wires[0].returns
        ]
        assert [tensor.name for tensor in split[1].inputs] == [tensor.name for tensor in split[0].outputs]


def tied_and_regularised(seed=5):
    """One layer in all three parts, with a loss for its kernel and for what it makes; one that is in one part only."""
    keras.utils.set_random_seed(seed)
    step = keras.layers.Dense(6, kernel_regularizer="l2", activity_regularizer="l1", name="step")
    x = keras.Input((6,), name="x")
    y = keras.layers.Dense(6, bias_regularizer="l1", bias_initializer="ones", name="middle")(step(x))
    return keras.Model(x, keras.layers.Dense(2, name="o")(step(step(y))), name="tied_and_regularised")


@pytest.mark.parametrize("weights", ["share", "copy"])
@pytest.mark.parametrize("wiring", ["relay", "direct"])
def test_losses_of_a_split_are_those_of_the_model(weights, wiring, tmp_path):
    model = tied_and_regularised()
    x = np.linspace(-1, 1, 12, dtype="float32").reshape(2, 6)
    split = ks.split(model, ["middle", "step#2"], weights=weights, wiring=wiring)
    assert split.tied == {"step": (0, 1, 2)}
    split.save(tmp_path / "s")
    for each in (split, ks.Split.load(tmp_path / "s")):
        model(x), each(x)
        told, expected = sorted(map(float, each.losses)), sorted(map(float, model.losses))
        assert told == pytest.approx(expected, rel=1e-6) and len(told) == 3 + 2  # three calls, two variables
        assert sum(len(part.losses) for part in each) == 3 + 4  # each part is a model of its own
    for part in split:
        part.trainable = False
    assert len(split.losses) == 3  # what is frozen has no loss, as in Keras


def test_training_with_the_losses_of_a_split_is_training_the_whole():
    import tensorflow as tf

    whole, cut = tied_and_regularised(), tied_and_regularised()
    start = arrays(cut.weights)
    generator = np.random.default_rng(0)
    data = [generator.normal(size=(12, 16, width)).astype("float32") for width in (6, 2)]
    whole.compile(keras.optimizers.SGD(0.05, momentum=0.9), "mse")
    split, optimizer = ks.split(cut, ["middle", "step#2"]), keras.optimizers.SGD(0.05, momentum=0.9)
    variables = list({id(v): v for part in split for v in part.trainable_variables}.values())
    for x, y in zip(*data, strict=True):
        whole.train_on_batch(x, y)
        with tf.GradientTape() as tape:
            loss = keras.ops.mean(keras.losses.mean_squared_error(y, split(x, training=True))) + sum(split.losses)
        optimizer.apply(tape.gradient(loss, variables), variables)
    for a, b, c in zip(arrays(whole.weights), arrays(cut.weights), start, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
        assert np.abs(b - c).max() > 1e-3


def test_code_has_all_texts_in_double_quotes():
    x = keras.Input((None, 3), name="x")
    inner = keras.Sequential([keras.Input((None, 3)), keras.layers.Dense(3, name="deep")], name="inner")
    model = keras.Model(x, keras.layers.Dense(2, name="last")(inner(x)))
    split = ks.split(model, ["inner/deep"], expand=["inner"], input_shapes={"x": (None, 4, 3)})
    assert 'ks.split(model, ["inner/deep"], expand=["inner"], input_shapes={"x": (None, 4, 3)})' in split.code()
