"""Copies of splits and of weights: what they hold of their own, and that what is tied stays tied."""

import copy
import functools
import pickle

import keras
import numpy as np
import pytest
from keras import layers, ops

import kerassplit_widget as ks

TOKENS = np.array([[1, 2, 3, 4, 5]])
SHOWN = layers.Embedding(9, 4, name="embed")


def transposed(embed):
    return ops.transpose(embed.embeddings)


def project(x):
    return ops.matmul(x, transposed(SHOWN))


def in_a_closure(embed):
    return layers.Lambda(lambda x: ops.matmul(x, ops.transpose(embed.embeddings)), name="logits")


def in_a_variable(embed):
    table = embed.embeddings
    return layers.Lambda(lambda x: ops.matmul(x, ops.transpose(table)), name="logits")


def in_a_default(embed):
    return layers.Lambda(lambda x, embed=embed: ops.matmul(x, transposed(embed)), name="logits")


def in_a_keyword_default(embed):
    def project(x, *, embed=embed):
        return ops.matmul(x, transposed(embed))

    return layers.Lambda(project, name="logits")


def in_arguments(embed):
    return layers.Lambda(lambda x, e: ops.matmul(x, transposed(e)), arguments={"e": embed}, name="logits")


def in_a_variable_among_arguments(embed):
    arguments = {"w": embed.embeddings}
    return layers.Lambda(lambda x, w: ops.matmul(x, ops.transpose(w)), arguments=arguments, name="logits")


def in_a_partial(embed):
    return layers.Lambda(functools.partial(lambda e, x: ops.matmul(x, transposed(e)), embed), name="logits")


def in_a_list(embed):
    held = [{"embed": (embed,)}]
    return layers.Lambda(lambda x: ops.matmul(x, transposed(held[0]["embed"][0])), name="logits")


def in_a_function_inside(embed):
    return layers.Lambda(lambda x: (lambda y: ops.matmul(y, transposed(embed)))(x), name="logits")


def in_a_global(embed):
    return layers.Lambda(lambda x: next(project(y) for y in [x]), name="logits")


def in_an_activation(embed):
    return layers.Activation(lambda x: ops.matmul(x, transposed(embed)), name="logits")


def as_an_argument_of_an_op(embed):
    return lambda x: ops.einsum("btd,vd->btv", x, embed.embeddings)


WAYS = [
    in_a_closure,
    in_a_variable,
    in_a_default,
    in_a_keyword_default,
    in_arguments,
    in_a_variable_among_arguments,
    in_a_partial,
    in_a_list,
    in_a_function_inside,
    in_a_global,
    in_an_activation,
    as_an_argument_of_an_op,
]


def reading_weights_of_another_layer(way):
    tokens = keras.Input((5,), dtype="int32", name="tokens")
    embed = SHOWN if way is in_a_global else layers.Embedding(9, 4, name="embed")
    y = layers.Dense(4, name="d")(embed(tokens))
    return keras.Model(tokens, way(embed)(y)), embed


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("point", ["embed", "d"])
@pytest.mark.parametrize("way", WAYS)
def test_copies_of_functions_compute_with_the_copied_weights(way, point):
    model, embed = reading_weights_of_another_layer(way)
    before = array(model(TOKENS))
    split = ks.split(model, [point], weights="copy")
    assert np.array_equal(split(TOKENS), before)
    embed.embeddings.assign(embed.embeddings * 2)  # the original goes on training
    assert np.array_equal(split(TOKENS), before)
    assert not np.array_equal(model(TOKENS), before)


@pytest.mark.parametrize("way", [in_a_closure, in_a_default, in_arguments, in_a_list, in_a_global])
def test_copied_functions_follow_the_copies(way):
    model, _ = reading_weights_of_another_layer(way)
    split, before = ks.split(model, ["d"], weights="copy"), array(model(TOKENS))
    table = split[0].get_layer("embed").embeddings
    table.assign(table * 2)
    doubled = array(split(TOKENS))
    assert np.array_equal(model(TOKENS), before) and not np.array_equal(doubled, before)
    model.get_layer("embed").embeddings.assign(table)
    assert np.array_equal(model(TOKENS), doubled)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_done_to_a_part_does_not_reach_a_layer_that_a_function_reads(way):
    model, embed = reading_weights_of_another_layer(way)
    before, split = array(model(TOKENS)), ks.split(model, ["d"])
    assert np.array_equal(split(TOKENS), before)
    for part in split:
        part.trainable = False
        part.quantize("int8")
    assert embed.trainable and embed.quantization_mode is None and embed.embeddings.trainable
    assert embed.embeddings.dtype == "float32" and np.array_equal(model(TOKENS), before)


def test_a_variable_that_is_not_of_keras_cannot_be_copied():
    model, embed = reading_weights_of_another_layer(in_a_closure)
    raw = embed.embeddings.value
    logits = layers.Lambda(lambda x: ops.matmul(x, ops.transpose(raw)), name="raw")
    model = keras.Model(model.input, logits(model.get_layer("d").output))
    with pytest.raises(ks.SplitError, match=r"'raw' uses a variable that is none of Keras .* keras\.Variable"):
        ks.split(model, ["d"], weights="copy")
    assert ks.split(model, ["d"]).verify().ok


def tied():
    x, step = keras.Input((6,), name="x"), layers.Dense(6, name="step")
    y = step(layers.Dense(6, name="middle")(step(x)))
    return keras.Model(x, layers.Dense(2, name="o")(y), name="tied")


def pickled(split):
    return pickle.loads(pickle.dumps(split))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, pickled], ids=["deepcopy", "pickle"])
@pytest.mark.parametrize("weights", ["share", "copy"])
def test_copies_of_a_split_keep_layers_tied_on_weights_of_their_own(duplicate, weights):
    model, x = tied(), np.random.default_rng(0).normal(size=(4, 6)).astype("float32")
    split = ks.split(model, ["middle"], weights=weights)
    twin = duplicate(split)
    assert twin[0].get_layer("step").kernel is twin[1].get_layer("step").kernel
    assert twin.tied == split.tied == {"step": (0, 1)} and twin.manifest == split.manifest
    assert twin.join().count_params() == model.count_params()
    assert np.array_equal(twin(x), model(x))
    kernel, before = twin[0].get_layer("step").kernel, array(split(x))
    assert all(kernel is not other for part in (model, *split) for other in part.variables)
    kernel.assign(kernel * 2)
    assert np.array_equal(split(x), before) and not np.array_equal(twin(x), before)
    with pytest.raises(ks.SplitError, match=r"loaded from a folder, or copied, and has no model .* join\(\)"):
        twin.verify()
    assert ks.split(twin.join(), ["middle"]).verify().ok


def test_training_a_copy_of_a_split_is_training_the_whole():
    model, x = tied(), np.random.default_rng(0).normal(size=(8, 6)).astype("float32")
    target = np.random.default_rng(1).normal(size=(8, 2)).astype("float32")
    twin = copy.deepcopy(ks.split(model, ["middle"])).join()
    for each in (model, twin):
        each.compile(keras.optimizers.SGD(0.1), "mse")
        each.fit(x, target, epochs=3, batch_size=4, shuffle=False, verbose=0)
    np.testing.assert_allclose(twin(x), model(x), rtol=1e-5, atol=1e-6)


def test_a_shallow_copy_of_a_split_has_the_same_parts_and_its_own_list_of_them():
    split = ks.split(tied(), ["middle"])
    twin = copy.copy(split)
    assert twin.parts == split.parts and twin.model is split.model and twin.verify().ok
    twin.parts = (split[0], keras.models.clone_model(split[1]))
    assert split[1] is not twin[1] and split.verify().ok


def test_a_function_can_be_pickled_with_its_part():
    x = keras.Input((3,), name="x")
    y = layers.Lambda(lambda t: t * 2, output_shape=(3,), name="twice")(layers.Dense(3, name="d")(x))
    split = ks.split(keras.Model(x, y), ["d"])
    assert np.array_equal(pickled(split)(np.ones((1, 3))), split(np.ones((1, 3))))


class Own(layers.Layer):
    """Is not registered with Keras."""

    def call(self, x):
        return x + 1


def with_layer(layer):
    x = keras.Input((3,), name="x")
    return ks.split(keras.Model(x, layers.Dense(2)(layer(x))), [layer.name])


@pytest.mark.parametrize("duplicate", [copy.deepcopy, pickled], ids=["deepcopy", "pickle"])
def test_layers_of_ones_own_are_copied(duplicate):
    split, x = with_layer(Own(name="own")), np.ones((1, 3), "float32")
    twin = duplicate(split)
    assert type(twin[0].get_layer("own")) is Own and np.array_equal(twin(x), split(x))


def test_a_layer_of_a_class_made_in_a_function_is_copied():
    class Local(Own):
        def call(self, x):
            return super().call(x) + 1

    assert type(copy.deepcopy(with_layer(Local(name="own")))[0].get_layer("own")) is Local


class WithoutConfig(Own):
    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function


@pytest.mark.parametrize("duplicate", [copy.deepcopy, pickle.dumps], ids=["deepcopy", "pickle"])
def test_a_split_that_cannot_be_saved_cannot_be_copied(duplicate):
    split = with_layer(WithoutConfig(object(), name="own"))
    with pytest.raises(ks.SplitError, match=r"copied and pickled by saving .* WithoutConfig has no get_config"):
        duplicate(split)


def test_a_copy_that_cannot_be_loaded_says_why():
    def plus_one(x):
        return x + 1

    split = with_layer(layers.Activation(plus_one, name="own"))
    with pytest.raises(ks.SplitError, match=r"one cannot be loaded: 'plus_one' is not known here\. Register it with"):
        copy.deepcopy(split)


def test_options_may_be_sets_and_numbers_of_numpy():
    x = keras.Input((None, 3), name="x")
    model = keras.Model(x, layers.Dense(2)(layers.Dense(3, name="a")(x)))
    split = ks.split(model, ["a"], expand=set(), input_shapes={"x": (np.int64(5), 3)})
    assert copy.deepcopy(split).manifest.options == {"expand": [], "input_shapes": {"x": [5, 3]}}
