"""Asking about cuts inside what only `expand="all"` opens, and asking a graph that was read already."""

import keras
import pytest
from keras import layers

import kerassplit_widget as ks

from .test_groups import Branch
from .test_tracing import Around, around


@pytest.fixture
def model():
    return around(Around(name="outer"))


def test_what_is_opened_can_be_asked_about(model):
    graph = ks.read(model, expand="all")
    cut = ks.cut_at(model, "outer/pair/one", expand="all")
    assert cut.tensors == ("outer/pair/one",)
    assert cut.inputs_also_needed == ("x",)
    assert "1 tensor crosses after outer/pair/one" in ks.why_not(model, "outer/pair/one", 4, expand="all")
    points = [cut.points[0] for cut in ks.cut_candidates(model, expand="all")]
    assert {"outer/pair/one", "outer/norm"} <= set(points)
    assert [cut.points for cut in ks.cheapest_cuts(model, 1, expand="all")] == [
        cut.points for cut in ks.cheapest_cuts(graph, 1)
    ]
    assert len(ks.split(model, [cut], expand="all")) == 2


def test_groups_may_be_opened_by_name_or_not_at_all(model):
    assert "outer/pair" in [cut.points[0] for cut in ks.cut_candidates(model, expand=["outer"])]
    nested = keras.Model(x := keras.Input((4,), name="in"), layers.Dense(1, name="end")(model(x)))
    inside = f"{model.name}/outer"
    assert ks.cut_at(nested, inside).points == (inside,)
    with pytest.raises(ks.SplitError, match=r'is closed here\. expand="all" opens'):
        ks.cut_at(nested, inside, expand="none")


def test_shapes_may_be_fixed():
    x = keras.Input((None, 4), name="x")
    model = keras.Model(x, layers.Dense(2, name="b")(layers.Dense(3, name="a")(x)))
    assert ks.cut_at(model, "a").nbytes() is None
    assert ks.cut_at(model, "a", input_shapes=(5, 4)).nbytes() == 60
    assert ks.cheapest_cuts(model, input_shapes=(5, 4))[0].nbytes() == 60
    assert ks.cut_candidates(model, input_shapes={"x": (5, 4)})[0].nbytes(2) == 120
    assert "60 B" in ks.why_not(model, "a", input_shapes=(5, 4))


def test_a_graph_may_be_asked_in_place_of_the_model(model):
    graph = ks.read(model, expand="all")
    assert ks.cut_at(graph, "outer/norm").points == ("outer/norm",)
    assert ks.cut_candidates(graph) == ks.cut_candidates(model, expand="all")
    assert ks.why_not(graph, "outer/norm") == ks.why_not(model, "outer/norm", expand="all")
    with pytest.raises(ks.SplitError, match=r"read already.* come too late: give them to ks\.read"):
        ks.cut_candidates(graph, expand="all")
    with pytest.raises(ks.SplitError, match="knows calls by their names; found Dense"):
        ks.cut_at(graph, model.get_layer("o"))


@pytest.mark.parametrize(
    "ask",
    [
        lambda model, point: ks.cut_at(model, point),
        lambda model, point: ks.why_not(model, point),
        lambda model, point: ks.split(model, [point]),
    ],
)
def test_a_point_inside_a_closed_group_says_how_to_open_it(model, ask):
    with pytest.raises(ks.SplitError, match=r"'outer/pair/one' .* 'outer' is closed here\. expand=\"all\" opens such"):
        ask(model, "outer/pair/one")
    with pytest.raises(ks.SplitError, match=r"layer 'pair' is no call of .* 'outer' is closed here\. expand=\"all\""):
        ask(model, model.get_layer("outer").pair)
    with pytest.raises(ks.SplitError, match=r"There is no call 'outre/pair/one'.* closest"):
        ask(model, "outre/pair/one")


def test_a_point_inside_what_cannot_be_opened_says_why():
    model = around(Branch(name="branch"))
    why = ks.read(model, expand="all").collapsed["branch"]
    with pytest.raises(ks.SplitError) as caught:
        ks.cut_at(model, "branch/first", expand="all")
    assert f"'branch' stays one call, as {why}." in str(caught.value)


def test_a_cut_that_was_read_in_another_way_says_so(model):
    cut = ks.cut_at(model, "outer/norm", expand="all")
    with pytest.raises(ks.SplitError, match=r"as it is read here\. Give the same expand= and input_shapes="):
        ks.split(model, [cut])


@pytest.mark.parametrize("ask", [ks.cut_at, ks.cut_candidates, ks.cheapest_cuts, ks.why_not])
def test_unknown_keywords_are_type_errors(model, ask):
    with pytest.raises(TypeError, match="expnd"):
        ask(model, expnd="all")


def test_a_cut_of_a_like_model_of_other_sizes_is_worked_out_anew():
    def model(wide):
        x = keras.Input((4,), name="x")
        early = keras.layers.Dense(9 if wide else 3, name="early")(x)
        late, side = keras.layers.Dense(5, name="late")(early), keras.layers.Dense(6, name="side")(early)
        return keras.Model(x, keras.layers.Concatenate(name="both")([side, late]))

    one, other = model(wide=True), model(wide=False)
    cut = ks.cut_at(one, "late")
    assert set(cut.tensors) == {"late", "side"}  # less than what side is made of
    assert {tensor.name for tensor in ks.split(one, [cut])[0].outputs} == {"late", "side"}
    assert {tensor.name for tensor in ks.split(other, [cut])[0].outputs} == {"early", "late"}
