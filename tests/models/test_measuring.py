import keras
import numpy as np
import pytest

import kerassplit_widget as ks
from kerassplit_widget.errors import CutError, ModelError, PointError, SplitError
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.measuring import SEGMENTS, Measurement, Segment, measure

from . import zoo


def test_segments_are_the_parts():
    model = zoo.residual()
    before = internals.fingerprint(model)
    seen = []
    measured = measure(model, cuts=["stem", "add"], repeats=4, warmup=2, progress=lambda *told: seen.append(told))
    assert internals.fingerprint(model) == before
    assert [row.name for row in measured] == ["stem", "conv … add", "pool … out"]
    assert [row.calls for row in measured] == [("stem",), ("conv", "bn", "add"), ("pool", "out")]
    assert measured.cuts == (("stem",), ("add",))
    for row in (*measured, measured.whole):
        assert 0 < row.ms_low <= row.ms <= row.ms_high
    assert measured.whole_ms == measured.whole.ms
    assert measured["stem"].ms == measured.rows[0].ms
    assert seen == [(i, 6, "warming up" if i <= 2 else "measuring") for i in range(1, 7)]


def test_what_is_run_computes_what_the_parts_compute(monkeypatch):
    """Every compiled function is called in every round, on the tensors that the split itself would hand it."""
    from kerassplit_widget.models import measuring

    calls = []

    def compiled(model):
        calls.append([])
        mine = calls[-1]

        def run(inputs):
            mine.append(keras.ops.convert_to_numpy(keras.tree.flatten(model(inputs, training=False))[-1]))

        return run

    monkeypatch.setattr(measuring.details, "compiled", compiled)
    model, x = zoo.sequential(), np.linspace(-1, 1, 12, dtype="float32").reshape(2, 6)
    measured = measure(model, x, cuts=["b"], repeats=3, warmup=1)
    assert measured.batch_size == 2
    assert [len(results) for results in calls] == [4, 4, 4]
    expected = keras.ops.convert_to_numpy(model(x))
    middle = keras.ops.convert_to_numpy(ks.split(model, ["b"])[0](x))
    for results, value in zip(calls, (middle, expected, expected), strict=True):
        assert all(np.array_equal(result, value) for result in results)


def test_a_split_is_measured_part_by_part():
    split = ks.split(zoo.recurrent(), ["encoder"], wiring="direct")
    measured = measure(split, repeats=2, warmup=1, batch_size=3)
    assert [row.calls for row in measured] == [("embed", "encoder"), ("decoder", "out")]
    assert measured.batch_size == 3
    assert not hasattr(split[0], "predict_function") or split[0].predict_function is None


def test_a_loaded_split_needs_inputs(tmp_path):
    ks.split(zoo.sequential(), ["a"]).save(tmp_path / "s")
    split = ks.Split.load(tmp_path / "s")
    with pytest.raises(ModelError, match=r"give inputs, x="):
        measure(split)
    measured = measure(split, np.ones((1, 6), "float32"), repeats=2, warmup=1)
    assert [row.calls for row in measured] == [("a",), ("b", "c")]


def test_default_cuts_are_few_and_keep_fused_layers_together():
    x = y = keras.Input((8,), name="x")
    for i in range(40):
        y = keras.layers.Dense(8, name=f"dense_{i}")(y)
        y = keras.layers.ReLU(name=f"relu_{i}")(y)
    measured = measure(keras.Model(x, y), repeats=1, warmup=1)
    assert len(measured) == SEGMENTS
    assert all(cut[0].startswith("relu") for cut in measured.cuts)
    lengths = [len(row.calls) for row in measured]
    assert sum(lengths) == 80 and max(lengths) - min(lengths) <= 4


def test_a_model_without_single_tensor_cuts():
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    a, b = keras.layers.Dense(4, name="a")(left), keras.layers.Dense(4, name="b")(right)
    both = keras.Model([left, right], [keras.layers.ReLU(name="c")(a), keras.layers.ReLU(name="d")(b)])
    measured = measure(both, repeats=1, warmup=0)
    assert len(measured) == 2
    assert sorted(name for row in measured for name in row.calls) == ["a", "b", "c", "d"]
    with pytest.raises(CutError, match="No cut leaves two parts"):
        measure(keras.Model([left, right], [a, b]))


def example():
    segments = tuple(
        Segment(name, calls, ms, ms - 0.5, ms + 1)
        for name, calls, ms in [("a", ("a",), 1.0), ("b … c", ("b", "c"), 2.0)]
    )
    return Measurement("<b>m</b>", segments, Segment("whole", ("a", "b", "c"), 2.5, 2.0, 3.5), 4, 9, (("a",),))


def test_table():
    table = example()
    assert (table.sum_ms, table.whole_ms, table.ratio) == (3.0, 2.5, 1.2)
    assert table.to_dict()["name"] == ["a", "b … c", "whole"]
    assert table.to_dict()["ms_high"] == [2.0, 3.0, 3.5]
    lines = repr(table).splitlines()
    assert lines[0].startswith("<b>m</b>: 2.5 ms, batch of 4; its 2 segments add up to 3 ms, 1.20 of the whole")
    assert table.sentence().endswith("(medians of 9; quartiles of the whole: 2 and 3.5 ms)")
    assert lines[-1].split() == ["whole", "3", "2.500", "2.000", "to", "3.500"]
    assert "<b>" not in table._repr_html_()
    with pytest.raises(PointError, match="No segment is named 'c'"):
        table["c"]


@pytest.mark.parametrize("wrong", [{"repeats": 0}, {"warmup": -1}, {"batch_size": 0}, {"repeats": 2.5}])
def test_bad_numbers(wrong):
    with pytest.raises(SplitError, match=f"{next(iter(wrong))}= is a whole number"):
        measure(zoo.sequential(), **wrong)


def test_bad_cuts_and_inputs():
    with pytest.raises(CutError):
        measure(zoo.sequential(), cuts=["c"])
    with pytest.raises(PointError):
        measure(zoo.sequential(), cuts=["nowhere"])
    with pytest.raises(SplitError, match="has its cuts already"):
        measure(ks.split(zoo.sequential(), ["a"]), cuts=["b"])
    with pytest.raises(ModelError, match="does not run on these inputs"):
        measure(zoo.sequential(), np.ones((1, 5), "float32"), cuts=["a"])


def test_states_are_afterwards_what_they_were():
    x = keras.Input(batch_shape=(2, 5, 4))
    y = keras.layers.LSTM(3, stateful=True, return_sequences=True, name="rnn")(x)
    model = keras.Model(x, keras.layers.Dense(2, name="o")(y))
    model(np.ones((2, 5, 4), "float32"))
    before = [keras.ops.convert_to_numpy(state).copy() for state in model.get_layer("rnn").states]
    assert any(state.any() for state in before)
    measured = measure(model, cuts=["rnn"], repeats=2, warmup=1)
    assert [row.name for row in measured] == ["rnn", "o"]

    def stop(done, total, what):
        raise KeyError(what)

    with pytest.raises(KeyError):
        measure(model, cuts=["rnn"], progress=stop)
    for state, was in zip(model.get_layer("rnn").states, before, strict=True):
        assert np.array_equal(keras.ops.convert_to_numpy(state), was)


def test_words_and_optional_inputs():
    x = keras.Input((1,), dtype="string", name="x")
    look = keras.layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot", name="look")
    model = keras.Model(x, keras.layers.Dense(3, name="d")(look(x)))
    assert measure(model, cuts=["look"], repeats=1, warmup=0, batch_size=4).batch_size == 4
    given = np.array([["a"], ["b"], ["?"]], dtype=object)
    assert measure(model, given, ["look"], repeats=1, warmup=0).batch_size == 3


def test_the_batch_that_a_model_takes_is_the_one_that_is_told():
    x, z = keras.Input(batch_shape=(4, 8), name="x"), keras.Input(batch_shape=(4, 3), name="z")
    y = keras.layers.Concatenate(name="both")([keras.layers.Dense(3, name="d")(x), z])
    model = keras.Model([x, z], keras.layers.Dense(2, name="o")(y), name="fixed")
    table = ks.costs(model, batch_size=9)
    assert (table.batch_size, table["d"].output_bytes, table["d"].macs) == (4, 4 * 3 * 4, 4 * 8 * 3)
    assert table.sentence().endswith("for a batch of 4") and "9" not in table.sentence()
    measured = measure(model, cuts=["d"], repeats=1, warmup=0, batch_size=9)
    assert measured.batch_size == 4 and "ms, batch of 4; its 2 segments" in measured.sentence()


def test_the_batch_that_is_open_is_the_one_that_was_asked_for():
    x, prior = keras.Input((8,), name="x"), keras.Input(batch_shape=(1, 3), name="prior")
    y = keras.layers.Add(name="sum")([keras.layers.Dense(3, name="d")(x), prior])
    model = keras.Model([prior, x], keras.layers.Dense(2, name="o")(y))
    table = ks.costs(model, batch_size=9)
    assert (table.batch_size, table["d"].output_bytes) == (9, 9 * 3 * 4)
    assert measure(model, cuts=["d"], repeats=1, warmup=0, batch_size=9).batch_size == 9
    assert ks.costs(model, input_shapes={"x": (5, 8)}, batch_size=9)["d"].output_bytes == 5 * 3 * 4


def test_given_inputs_say_how_many_examples_there_are():
    data = {"x": np.ones((3, 8), "float32"), "zz_names": np.array([["a"]] * 7, dtype=object)}
    x = keras.Input((8,), name="x")
    model = keras.Model({"x": x}, keras.layers.Dense(2, name="o")(keras.layers.Dense(3, name="d")(x)))
    assert measure(model, data, ["d"], repeats=1, warmup=0, batch_size=5).batch_size == 3


class Two(keras.layers.Layer):
    """A composite layer: closed unless it is asked for."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.one, self.other = keras.layers.Dense(4, name="one"), keras.layers.Dense(4, name="other")

    def build(self, shape):
        self.one.build(shape)
        self.other.build(shape)

    def call(self, x):
        return self.other(self.one(x))


def composite():
    x = keras.Input((4,), name="x")
    return keras.Model(x, keras.layers.Dense(2, name="out")(Two(name="q")(x)))


def test_a_model_is_measured_inside_what_is_opened():
    model, quick = composite(), {"repeats": 1, "warmup": 0}
    with pytest.raises(PointError, match="'q' is closed here"):
        measure(model, cuts=["q/one"], **quick)
    for given in ({"cuts": ["q/one"], "expand": "all"}, {"cuts": ks.plan(model, 2, expand="all")}):
        assert measure(model, **given, **quick)["q/one"].calls == ("q/one",)
    assert [row.calls for row in measure(model, expand=["q"], **quick)] == [("q/one",), ("q/other",), ("out",)]


def test_open_dimensions_are_measured_at_the_size_that_is_given():
    measured = measure(zoo.unknown_dims(), input_shapes=(12, 10, 3), repeats=1, warmup=0)
    assert len(measured) > 1
    split = ks.split(composite(), ["q"])
    for name, value in (("expand", "all"), ("input_shapes", (4,))):
        with pytest.raises(SplitError, match=f"has its cuts already: .* at other {name}="):
            measure(split, **{name: value})
