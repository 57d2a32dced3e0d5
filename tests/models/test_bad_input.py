"""What cannot be done is refused in a sentence that says what to do instead."""

import keras
import pytest

import kerassplit_widget as ks

from . import zoo


class Called(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2)

    def call(self, x):
        return self.dense(x)


class Overridden(keras.Sequential):
    def call(self, x):
        return super().call(x) * 2


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (lambda: 3, ["A keras.Model is needed; found builtins.int", "keras.Model object"]),
        (lambda: "model.keras", ["found builtins.str", "keras.saving.load_model(path)"]),
        (lambda: keras.layers.Dense(2), ["Dense", "keras.Model(x, layer(x))"]),
        (lambda: keras.Sequential([keras.layers.Dense(2)]), ["not built", "model.build("]),
        (Called, ["Called is a subclassed model and has never been called", "model.call(x)"]),
    ],
    ids=["number", "path", "layer", "unbuilt", "subclassed"],
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


def test_the_line_given_for_subclassed_models_works():
    model = Called()
    x = keras.Input((3,))
    functional = keras.Model(x, model.call(x))
    assert [call.kind for call in ks.read(functional)] == ["InputLayer", "Dense"]


def test_an_overridden_call_is_not_taken_for_its_graph():
    model = Overridden([keras.Input((2,)), keras.layers.Dense(2), keras.layers.Dense(2)])
    with pytest.raises(ks.SplitError, match="Overridden"):
        ks.read(model)


@pytest.mark.parametrize(
    ("cuts", "words"),
    [
        (["convv"], ["no call 'convv'", "'conv'"]),
        (["image"], ["is an input of the model"]),
        (["out"], ["out is an output of the model"]),
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
