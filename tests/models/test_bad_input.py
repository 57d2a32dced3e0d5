"""What cannot be done is refused in a sentence that says what to do instead."""

import collections

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerassplit_widget as ks
from kerassplit_widget.errors import CutError, ModelError, PointError

from . import zoo


class Called(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2)

    def call(self, x):
        return self.dense(x)


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (lambda: 3, ["A keras.Model is needed; found int.", "keras.Model object"]),
        (lambda: "model.keras", ["found str.", "keras.saving.load_model(path)"]),
        (lambda: None, ["found None.", "model.compile return None"]),
        (lambda: Called, ["found the class Called.", "model = Called(...)"]),
        (lambda: keras.layers.Dense(2), ["Dense", "keras.Model(x, layer(x))"]),
        (lambda: keras.Sequential([keras.layers.Dense(2)]), ["not built", "model.build("]),
        (Called, ["Called is a subclassed model and has never been called", "model(x)"]),
    ],
    ids=["number", "path", "nothing", "class", "layer", "unbuilt", "subclassed"],
)
@pytest.mark.parametrize(
    "ask",
    [
        ks.read,
        ks.cut_candidates,
        ks.SplitWidget,
        lambda m: ks.split(m, ["x"]),
        lambda m: ks.why_not(m, "x"),
    ],
    ids=["read", "candidates", "widget", "split", "why_not"],
)
def test_things_that_are_no_readable_model(thing, words, ask):
    with pytest.raises(ks.SplitError) as caught:
        ask(thing())
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "ask",
    [
        lambda m: ks.read(m, expand="al"),
        lambda m: ks.split(m, ["add"], expand=3),
        lambda m: ks.costs(m, 0),
        lambda m: ks.cut_candidates(ks.read(m), expand="all"),
    ],
    ids=["expand", "expand number", "batch_size", "read already"],
)
def test_a_bad_argument_is_no_fault_of_the_model(ask):
    with pytest.raises(ks.SplitError) as caught:
        ask(zoo.residual())
    assert type(caught.value) is ks.SplitError


@pytest.mark.parametrize("shape", [(3, 3), (8, 8, 1)])
def test_shapes_that_do_not_fit_say_which_would(shape):
    with pytest.raises(ks.SplitError, match="Give 4 dimensions, or 3 without the batch, the known ones as they are"):
        ks.read(zoo.unknown_dims(), input_shapes=shape)


@pytest.mark.parametrize("table", [ks.read, ks.costs], ids=["read", "costs"])
def test_a_call_that_there_is_not_is_told_with_the_closest(table):
    with pytest.raises(PointError, match=r"'convv'.*The closest name is 'conv'"):
        table(zoo.residual())["convv"]


@pytest.mark.parametrize(
    ("cuts", "words"),
    [
        (["convv"], ["no call 'convv'", "'conv'"]),
        (["image"], ["is an input of the model"]),
        (["out"], ["'out' is an output of the model"]),
        ([], ["No cut is given", "cut_candidates"]),
        ([()], ["at least one point"]),
        ([3], ["found int: 3"]),
    ],
)
def test_bad_cuts(cuts, words):
    with pytest.raises(ks.SplitError) as caught:
        ks.split(zoo.residual(), cuts)
    for word in words:
        assert word in str(caught.value)


def test_a_layer_called_twice_must_be_named_by_call():
    model = zoo.siamese()
    with pytest.raises(ks.SplitError, match=r"called 2 times.*'shared', 'shared#2'"):
        ks.cut_at(model, model.get_layer("shared"))
    assert ks.cut_at(model, "shared#2").points == ("shared#2",)


def test_layers_tensors_and_cuts_of_another_model():
    model, other = zoo.residual(), zoo.unet()
    with pytest.raises(ks.SplitError, match="not a call of 'residual'"):
        ks.cut_at(model, other.get_layer("bottom"))
    with pytest.raises(ks.SplitError, match="not made inside the model 'residual'"):
        ks.cut_at(model, other.get_layer("bottom").output)
    with pytest.raises(ks.SplitError, match="made from the model 'unet'"):
        ks.split(model, [ks.cut_at(other, "bottom")])


def test_bad_expand():
    with pytest.raises(ks.SplitError, match="expand= takes"):
        ks.read(zoo.nested(), expand="deep")
    with pytest.raises(ks.SplitError, match=r"'backbon'.*'backbone'"):
        ks.read(zoo.nested(), expand=["backbon"])


def test_a_model_that_does_not_run_says_so():
    model = keras.Model(x := keras.Input((4,)), keras.layers.Dense(2)(keras.layers.Dense(2, name="a")(x)))
    with pytest.raises(ks.SplitError, match="itself does not run on these inputs"):
        ks.split(model, ["a"]).verify(data=[[1.0, 2.0]])


def chain():
    dense = [keras.layers.Dense(4, name=name) for name in "abc"]
    return keras.Sequential([keras.Input((4,), name="x"), *dense], name="chain")


@pytest.mark.parametrize("cuts", [None, 2, True, b"a", object()], ids=lambda cuts: type(cuts).__name__)
def test_cuts_that_are_no_list(cuts):
    with pytest.raises(CutError, match=f"Cuts are given in a list.*found {type(cuts).__name__}"):
        ks.split(chain(), cuts)


def test_a_single_layer_or_tensor_is_no_list_of_cuts():
    model = chain()
    with pytest.raises(CutError, match=r"Cuts are given in a list.*found Dense"):
        ks.split(model, model.layers[0])
    with pytest.raises(CutError, match=r"Cuts are given in a list.*found KerasTensor"):
        ks.split(model, model.layers[0].output)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda m: ks.split(m, ["a"], prefix=3), "prefix= is a text; found int: 3"),
        (lambda m: ks.split(m, ["a"], weights="shared"), "weights= is 'share' or 'copy'; found 'shared'"),
        (lambda m: ks.split(m, ["a"], wiring=3), "wiring= is 'relay' or 'direct'; found 3"),
        (lambda m: ks.split(m, ["a"], input_shapes=4), "input_shapes= gives 4 for the input 'x': a shape is a tuple"),
        (lambda m: ks.split(m, ["a"], input_shapes=(-1, 4)), r"gives \(-1, 4\) for the input 'x'"),
        (lambda m: ks.read(m, input_shapes={"x": ("4",)}), r"gives \('4',\) for the input 'x'"),
        (lambda m: ks.read(m, expand=None), "expand= takes .* a list of group names; found None"),
        (lambda m: ks.read(m, expand=[3]), r"expand= takes .* a list of group names; found \[3\]"),
        (lambda m: ks.extract(m, outputs=[]), "outputs= is empty: name at least one call"),
        (lambda m: ks.extract(m, inputs=()), "inputs= is empty: name at least one call"),
        (lambda m: ks.extract(m, weights="shared"), "weights= is 'share' or 'copy'"),
        (lambda m: ks.flatten(m, weights=None), "weights= is 'share' or 'copy'; found None"),
        (lambda m: ks.flatten(m, prefix=b"p"), "prefix= is a text; found bytes"),
        (lambda m: ks.cheapest_cuts(m, "2"), "tensors= is a whole number"),
        (lambda m: ks.cheapest_cuts(m, limit=0), "limit= is a whole number, at least 1; found 0"),
        (lambda m: ks.split(m, ["a"]).code(names=["only"]), "names= has one name for each of the 2 parts"),
        (lambda m: ks.split(m, ["a"]).code(names="p, q"), "names= has one name for each of the 2 parts"),
        (
            lambda m: ks.measure(m, object(), ["a"]),
            "The model 'chain' does not run on these inputs: ",
        ),
    ],
)
def test_bad_arguments_are_answered_in_a_sentence(ask, message):
    with pytest.raises(ks.SplitError, match=message) as caught:
        ask(chain())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("batch_size", [0, -1, "4", None, 2.5, True])
@pytest.mark.parametrize(
    "ask",
    [
        lambda m, n: ks.why_not(m, "a", batch_size=n),
        lambda m, n: ks.cut_at(m, "a").nbytes(n),
        lambda m, n: ks.cut_at(m, "a").describe(n),
        lambda m, n: ks.costs(m, batch_size=n),
        lambda m, n: ks.measure(m, batch_size=n),
        lambda m, n: ks.plan(m, 2, batch_size=n),
        lambda m, n: ks.plot(m, batch_size=n),
        lambda m, n: ks.plot_landscape(m, batch_size=n),
        lambda m, n: ks.SplitWidget(m, batch_size=n),
    ],
    ids=["why_not", "nbytes", "describe", "costs", "measure", "plan", "plot", "landscape", "widget"],
)
def test_a_batch_has_one_example_or_more(ask, batch_size):
    with pytest.raises(ks.SplitError, match=f"batch_size= is a whole number, at least 1; found {batch_size!r}"):
        ask(chain(), batch_size)


def test_whole_numbers_of_numpy_are_whole_numbers():
    model, two = chain(), np.int64(2)
    assert ks.cut_at(model, "a").nbytes(np.uint8(200)) == 200 * 16  # and do not overflow
    assert "32 B" in ks.why_not(model, "a", two)
    assert ks.costs(model, batch_size=np.int32(2)).batch_size == 2
    assert len(ks.plan(model, parts=two, speed=np.float32(1e9), batch_size=two)) == 2
    assert ks.measure(model, cuts=["a"], repeats=two, warmup=np.int8(0), batch_size=two).batch_size == 2
    assert len(ks.cheapest_cuts(model, limit=np.int64(1))) == 1
    assert ks.split(model, ["a"], input_shapes=(np.int64(4),))[0].input_shape == (None, 4)
    assert ks.SplitWidget(model, height=np.int64(300), batch_size=two).height == 300


@pytest.mark.parametrize("options", [{}, {"input_shapes": (4,)}], ids=["as it is", "fixed"])
def test_a_layer_of_another_model_of_the_same_name(options):
    model, other = chain(), chain()
    with pytest.raises(PointError, match=r"'a' belongs to another model: 'chain' has a layer of that name") as caught:
        ks.split(model, [other.get_layer("a")], **options)
    assert "model.get_layer('a')" in str(caught.value)
    assert ks.split(model, [model.get_layer("a")], **options).cuts == (("a",),)


def test_a_nested_model_of_another_model():
    model, other = zoo.nested(), zoo.nested()
    with pytest.raises(PointError, match="'backbone' belongs to another model"):
        ks.cut_at(model, other.get_layer("backbone"))
    assert ks.cut_at(model, model.get_layer("backbone")).points == ks.cut_at(model, "backbone").points


def test_an_empty_list_of_groups_opens_none():
    split = ks.split(zoo.nested(), ["backbone"], expand=[])
    assert split.manifest.options["expand"] == [] and split.verify().exact


def of_a_dict(names="ab"):
    """Two inputs in a dict, of which the second is halved in effect: taking one for the other is seen."""
    inputs = {name: keras.Input((3,), name=name) for name in names}
    first, second = inputs.values()
    y = keras.layers.Add(name="add")([first, keras.layers.Dense(3, name="d")(second)])
    return keras.Model(inputs, keras.layers.Dense(2, name="o")(y), name="of_a_dict")


ONES, TWOS, LABEL = (np.full((2, width), value, "float32") for width, value in ((3, 1.0), (3, 2.0), (1, 5.0)))


def test_a_dict_may_have_more_keys_than_the_model_needs():
    model = of_a_dict()
    split = ks.split(model, ["d"])
    expected = np.array(model({"a": ONES, "b": TWOS}))
    for more in ({"label": LABEL}, {"weights": {"of": LABEL}, "id": np.array([["x"]] * 2, dtype=object)}):
        x = {"b": TWOS, **more, "a": ONES}
        assert np.array_equal(split(x), expected) and np.array_equal(model(x), expected)
    assert split.verify({"a": ONES, "b": TWOS, "label": LABEL}).exact


def test_a_nested_dict_may_have_more_keys_too():
    a, b, c = (keras.Input((3,), name=name) for name in "abc")
    y = keras.layers.Add(name="add")([a, keras.layers.Dense(3, name="d")(b), c])
    model = keras.Model({"p": {"a": a, "b": b}, "q": [c]}, y)
    x = {"p": {"a": ONES, "b": TWOS}, "q": (TWOS,), "z": LABEL}
    assert np.array_equal(ks.split(model, ["d"])(x), model(x))


@pytest.mark.parametrize(
    "x",
    [
        {"Label": LABEL, "a": ONES, "b": TWOS},
        {"a": ONES, "aa": TWOS, "b": TWOS * 2},
        collections.OrderedDict(b=TWOS, a=ONES),
    ],
    ids=["before", "between", "order"],
)
def test_a_dict_of_which_keras_takes_other_values_than_the_keys_say_is_refused(x):
    """Keras computes something else than was meant, and at most warns."""
    model = of_a_dict()
    assert not np.array_equal(model(x), model({"a": x["a"], "b": x["b"]}))
    split = ks.split(model, ["d"])
    with pytest.raises(ks.SplitError, match=r"would take another value for the input '[ab]' than that of its key"):
        split(x)
    with pytest.raises(ks.SplitError, match="Give only the keys that the model takes, in the same kind of dict"):
        split.verify(x)


@pytest.mark.parametrize(
    "x",
    [{"a": ONES}, {"a": ONES, "b": [TWOS]}, [ONES, TWOS], {"a": ONES, "c": TWOS}, ONES],
    ids=["missing", "nested", "list", "other", "alone"],
)
def test_inputs_in_another_structure_are_refused(x):
    with pytest.raises(ks.SplitError, match=r"The model takes \{'a': 'a', 'b': 'b'\}; other inputs were given: "):
        ks.split(of_a_dict(), ["d"])(x)


class CalledTenfold(keras.Model):
    def __call__(self, inputs, **how):
        return super().__call__(inputs, **how) * 10


class Absolute(keras.Model):
    def _standardize_inputs(self, inputs):
        return super()._standardize_inputs(keras.ops.abs(inputs))


@pytest.mark.parametrize("kind", [CalledTenfold, Absolute])
def test_a_model_that_does_more_than_its_call_is_refused_and_stays_whole_inside_another(kind):
    plain = zoo.residual()
    model = kind(plain.input, plain.output, name="more")
    with pytest.raises(ModelError, match=r"The model 'more' has, as a .* of its own, of which parts would know"):
        ks.split(model, ["conv"])
    x = keras.Input(plain.input.shape[1:], name="x")
    outer = keras.Model(x, keras.layers.Dense(2)(keras.layers.Identity(name="first")(model(x))))
    assert "more" in ks.read(outer)
    for expand in ("nested", "all"):  # traced as it is called, it may be opened
        split = ks.split(outer, ["first"], expand=expand)
        data = np.random.default_rng(0).normal(size=(2, *plain.input.shape[1:])).astype("float32")
        np.testing.assert_array_equal(split(data), outer(data))


def test_a_call_of_the_model_alone_is_refused_unless_it_is_the_same_compiled():
    model = zoo.residual()
    inside = model.call
    model.call = lambda inputs, training=None, mask=None: inside(inputs) * 10
    with pytest.raises(ModelError, match=r"was given a call.. of its own, of which parts would know nothing"):
        ks.flatten(model)
    model.call = tf.function(inside)
    assert len(ks.split(model, ["conv"])) == 2
