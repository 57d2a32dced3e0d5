"""A proof compares like with like, on inputs that fit, and leaves no trace; on nothing it proves nothing."""

import re

import keras
import numpy as np
import pytest
from keras import layers, ops

import kerassplit_widget as ks
from kerassplit_widget.models.verifying import Apart, length_of, random_inputs
from kerassplit_widget.models.verifying.inputs import random_batches

from . import zoo


def chain():
    return keras.Sequential([keras.Input((4,), name="x"), *(layers.Dense(4, name=n) for n in "abc")], name="chain")


def ones(*shape):
    return np.ones(shape, "float32")


def value(variable):
    return keras.ops.convert_to_numpy(variable.value).tolist()


# On nothing


@pytest.mark.parametrize("rounds", [0, -1, 1.5, "3", None, True])
def test_rounds_are_one_or_more(rounds):
    with pytest.raises(ks.SplitError, match="rounds= is a whole number, at least 1; found"):
        ks.split(chain(), ["a"]).verify(rounds=rounds)


def test_seeds_are_whole_numbers():
    with pytest.raises(ks.SplitError, match="seed= is a whole number, at least 0; found -1"):
        ks.split(chain(), ["a"]).verify(seed=-1)
    assert ks.split(chain(), ["a"]).verify(rounds=np.int64(2), seed=np.uint8(3)).inputs == 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (ones(0, 4), "a batch of 0 examples: there is nothing to compare on"),
        ([(ones(0, 4), ones(0))], "a batch of 0 examples"),
        ({"x": ones(0, 4)}, "a batch of 0 examples"),
        (iter([(ones(2, 4), 1), (ones(0, 4), 1)]), "a batch of 0 examples"),
        (iter([]), "data= is a list_iterator that gives no batch"),
        (keras.Input((4,)), "data= has symbolic tensors"),
    ],
    ids=["array", "list", "dict", "second batch", "no batch", "symbolic"],
)
def test_data_that_prove_nothing_are_refused(data, message):
    with pytest.raises(ks.SplitError, match=message):
        ks.split(chain(), ["a"]).verify(data)


def proved_nothing(split, *data):
    proof = split.verify(*data)
    assert not proof.ok and [check.name for check in proof.checks if not check.ok] == ["output values"]
    return proof.sentence()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_outputs_without_a_number_prove_nothing(value):
    split = ks.split(chain(), ["a"], weights="copy")
    split[1].get_layer("b").kernel.assign(ones(4, 4))  # and are equal in spite of that
    words = r"output values: c of the model is NaN or infinite everywhere on these inputs; give others: verify\(data="
    assert re.search(words, proved_nothing(split, np.full((3, 4), value, "float32")))
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4, name="a"), layers.Lambda(no_number, name="n")])
    assert "n of the model is NaN" in proved_nothing(ks.split(model, ["a"]))


def no_number(x):
    return keras.ops.log(-1 - keras.ops.abs(x))


def test_one_of_several_outputs_without_a_number_proves_nothing():
    x = keras.Input((4,), name="x")
    a = layers.Dense(4, name="a")(x)
    outputs = [layers.Lambda(no_number, name="n")(a), a, layers.Lambda(no_number, name="m")(a)]
    assert "n and m of the model is NaN" in proved_nothing(ks.split(keras.Model(x, outputs), ["a"]))


def test_some_numbers_prove_something():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4, name="a"), layers.Lambda(keras.ops.log, name="n")])
    split = ks.split(model, ["a"])
    assert np.isnan(model(np.eye(4))).any() and split.verify(np.eye(4, dtype="float32")).exact
    assert split.verify(iter([ones(2, 4) * np.nan, np.eye(4, dtype="float32")])).exact  # a single batch may be empty


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"save": "yes"}, "save= is True or False; found 'yes'"),
        ({"save": 1}, "save= is True or False; found 1"),
        ({"progress": 3}, r"progress= is called as progress\(done, total, what\); found 3"),
    ],
    ids=str,
)
def test_wrong_arguments_are_told(wrong, words):
    with pytest.raises(ks.SplitError, match=words):
        ks.split(chain(), ["a"]).verify(**wrong)
    assert ks.split(chain(), ["a"]).verify(save=np.bool_(True)).ok


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda model: setattr(model.get_layer("a"), "trainable", False), "trainable of 'a' changed since the split"),
        (lambda model: setattr(model.get_layer("b"), "name", "z"), r"the name of 'b' \('z' now\) changed"),
        (lambda model: setattr(model, "trainable", False), "trainable of 'chain', .* and 2 more changed"),
        (lambda model: model.get_layer("b")(keras.Input((4,))), "the calls of 'b' changed"),
    ],
    ids=["frozen", "renamed", "all frozen", "called"],
)
def test_what_has_changed_in_the_model_is_named(change, words):
    model = chain()
    split = ks.split(model, ["a"])
    change(model)
    proof = split.verify()
    assert not proof.ok and re.search(words + ".*; split again to prove it", proof.sentence())


class Twice(layers.Layer):
    def call(self, x):
        return x * 2


def test_layers_of_ones_own_are_saved_and_loaded():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4, name="a"), Twice(name="t")])
    assert ks.split(model, ["a"]).verify(save=True).ok


# Data that come batch by batch


class Numbered(keras.utils.PyDataset):
    def __init__(self, many, endless=False):
        super().__init__()
        self.many, self.endless, self.asked = many, endless, []

    @property
    def num_batches(self):
        return None if self.endless else self.many

    def __getitem__(self, number):
        self.asked.append(number)
        return ones(5, 4) * number, ones(5), ones(5)


@pytest.mark.parametrize(("many", "endless", "taken"), [(2, False, 2), (9, False, 3), (0, True, 3)])
def test_data_sets_of_keras(many, endless, taken):
    data = Numbered(many, endless)
    assert ks.split(chain(), ["b"]).verify(data).inputs == 5 * taken
    assert data.asked == list(range(taken))  # what is not compared is not computed


def test_generators_are_not_drawn_farther_than_compared():
    source = iter([(ones(3, 4), ones(3))] * 5)
    assert ks.split(chain(), ["b"]).verify(source, rounds=2).inputs == 6
    assert len(list(source)) == 3
    assert ks.split(chain(), ["b"]).verify(batch for batch in [ones(1, 4), (ones(2, 4),)]).inputs == 3


def test_data_sets_of_tensorflow():
    import tensorflow as tf

    features, targets = ones(20, 4), ones(20)
    split = ks.split(chain(), ["b"])
    assert split.verify(tf.data.Dataset.from_tensor_slices((features, targets)).batch(8)).inputs == 20
    assert split.verify(tf.data.Dataset.from_tensor_slices(features).batch(8), rounds=2).inputs == 16
    assert split.verify(tf.data.Dataset.from_tensor_slices({"x": features}).batch(6), rounds=1).inputs == 6


def test_a_pair_is_the_input_where_the_model_takes_a_pair():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    split = ks.split(keras.Model([a, b], layers.Subtract(name="s")([layers.Dense(4, name="d")(a), b])), ["d"])
    first, second = ones(3, 4), 2 * ones(3, 4)
    assert split.verify(iter([(first, second)])).inputs == 3
    assert split.verify(iter([((first, second), ones(3))])).inputs == 3
    assert split.verify(iter([({"a": first, "b": second}, ones(3), ones(3))])).inputs == 3
    with pytest.raises(ks.SplitError, match="does not run on these inputs"):
        split.verify(iter([(first, second, ones(3))]))


def test_examples_are_counted_on_what_has_a_first_dimension():
    assert length_of({"o": None, "x": ones(3, 4)}) == 3
    assert length_of([np.float32(1), ones(2)]) == 2 and length_of(np.float32(1)) == 1


# Random inputs that fit


def test_strings_are_what_a_lookup_knows():
    x = keras.Input((3,), dtype="string", name="x")
    looked_up = layers.StringLookup(vocabulary=["red", "green"], num_oov_indices=0, name="look")(x)
    split = ks.split(keras.Model(x, layers.Embedding(2, 3)(looked_up)), ["look"])
    assert set(random_inputs(split).ravel()) <= {"red", "green"}
    assert split.verify().exact


def test_strings_that_no_lookup_reads_are_numbers_in_words():
    x = keras.Input((2,), dtype="string", name="x")
    model = keras.Model(x, [x, layers.Embedding(50, 3)(layers.Hashing(50, name="hash")(x))])
    assert all(int(word) < 100 for word in random_inputs(ks.split(model, ["hash"])).ravel())
    assert ks.split(model, ["hash"]).verify().exact  # an output of strings too


def test_text_is_several_words():
    x = keras.Input((), dtype="string", name="x")
    ids = layers.TextVectorization(vocabulary=["one", "two"], output_sequence_length=5, name="ids")(x)
    split = ks.split(keras.Model(x, layers.Embedding(4, 3)(ids)), ["ids"])
    (phrase,) = random_inputs(split)
    assert len(phrase.split()) == 8 and set(phrase.split()) <= {"one", "two"}
    assert split.verify().exact


def test_whole_numbers_are_within_what_reads_them():
    x, f, c = keras.Input((40,), dtype="int32"), keras.Input((40,)), keras.Input((40,), dtype="int64")
    codes = layers.IntegerLookup(vocabulary=[500, 700], name="codes")(x)
    ids = layers.Embedding(3, 2, name="ids")(f)  # reads floats, as `keras.Input` makes them if nothing else is said
    many = layers.CategoryEncoding(num_tokens=4, output_mode="multi_hot", name="many")(c)
    split = ks.split(keras.Model([x, f, c], [codes, ids, many]), ["codes"], wiring="direct")
    made = random_inputs(split)
    assert [set(np.unique(each)) for each in made] == [{500, 700}, {0, 1, 2}, {0, 1, 2, 3}]
    assert split.verify().exact


def moved_ids(x):
    """Whole numbers that pass every kind of call that only moves them, on the way to an embedding of 7."""
    ids = ops.concatenate([x[:, :1], ops.expand_dims(x[:, 1], 1), layers.Reshape((4,))(x[:, 2:6])], axis=1)
    ids = ops.transpose(ops.stack(ops.unstack(ops.cast(ids, "int64"), axis=1), axis=0))
    ids = ops.take(ops.squeeze(layers.RepeatVector(1)(ids), 1), [0, 1, 2, 5], axis=1)
    return layers.Concatenate()([layers.Embedding(7, 2)(each) for each in ops.split(ids, 2, axis=1)])


SEVEN = np.arange(14, dtype="float32").reshape(7, 2)


@pytest.mark.parametrize(
    ("read", "limit"),
    [
        (moved_ids, 7),
        (lambda x: ops.take(SEVEN, x, axis=0), 7),
        (lambda x: ops.take(SEVEN, x), 14),
        (lambda x: ops.take(SEVEN, x[:, :2], axis=-1), 2),
        (lambda x: ops.take_along_axis(SEVEN.T[None], x[:, None], axis=-1), 7),
        (lambda x: ops.take(layers.Embedding(7, 2)(x), x, axis=1), 6),
        (lambda x: ops.one_hot(x, 7), 7),
        (lambda x: layers.Embedding(5, 2)(x) * ops.cast(layers.Embedding(7, 2)(ops.flip(x, 1)), "float32"), 5),
        (lambda x: ops.segment_sum(ops.cast(x[0], "float32"), x[0], num_segments=7), 7),
    ],
)
@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_whole_numbers_are_within_what_reads_them_behind_calls_that_move_them(read, limit, dtype):
    x = keras.Input((6,), dtype=dtype, name="x")
    y = read(x if dtype == "int32" else ops.cast(x, "int32"))
    split = ks.split(keras.Model(x, layers.ReLU(name="o")(layers.ReLU(name="mid")(y))), ["mid"])
    numbers = {int(number) for seed in range(30) for number in random_inputs(split, seed).ravel()}
    assert numbers == set(range(limit))
    proof = split.verify()
    assert proof.exact and proof.sentence().startswith("parts = model, exact on 3 inputs; ")


def test_indices_into_a_batch_are_within_it():
    rows, picked = keras.Input((5,), name="rows"), keras.Input((), dtype="int32", name="picked")
    y = ops.take(layers.Dense(4, name="mid")(rows), picked, axis=0)
    split = ks.split(keras.Model([rows, picked], layers.Dense(2)(y)), ["mid"])
    assert {int(n) for seed in range(9) for n in random_inputs(split, seed, 4)[1]} == {0, 1, 2, 3}
    assert split.verify().exact


class Picks(layers.Layer):
    """Reads a table that nobody sees."""

    def __init__(self, many):
        super().__init__(name="picks")
        self.many = many

    def call(self, ids):
        if isinstance(ids, keras.KerasTensor) or int(ops.max(ids)) < self.many:
            return ops.cast(ids, "float32")
        raise ValueError(f"{int(ops.max(ids))} is not in [0, {self.many})")

    def compute_output_spec(self, ids):
        return keras.KerasTensor(ids.shape, "float32")


def picking(many):
    x = keras.Input((3,), dtype="int32", name="x")
    return ks.split(keras.Model(x, layers.Dense(2)(layers.Dense(3, name="mid")(Picks(many)(x)))), ["mid"])


@pytest.mark.parametrize(("many", "below"), [(None, 2), (5, 2), (2, 2), (1, 1)])
def test_where_the_model_does_not_run_on_larger_numbers_smaller_ones_are_taken_and_told(many, below):
    largest = max(int(batch.max()) for batch in random_batches(picking(100), 5, 0))
    split = picking(many or largest)
    proof = split.verify(rounds=5)
    (check,) = [check for check in proof.checks if check.name == "inputs"]
    which = "all" if many else "1 of 4 batches"
    assert check.detail.startswith(f"{which} with whole numbers below {below}, as the model does not run on the larger")
    assert proof.exact and f"exact on 5 inputs ({which} with whole numbers below {below}); " in proof.sentence()
    assert "inputs" not in [check.name for check in split.verify(np.zeros((1, 3), "int32")).checks]


def test_where_the_model_runs_on_no_numbers_the_first_that_were_tried_are_named():
    with pytest.raises(ks.SplitError, match=r"itself does not run on these inputs: .*\d+ is not in") as caught:
        picking(-9).verify()
    assert int(re.search(r"(\d+) is not in", str(caught.value))[1]) > 1
    with pytest.raises(ks.SplitError, match="95 is not in"):  # what people give is what is compared
        picking(90).verify(np.full((1, 3), 95, "int32"))


@pytest.mark.parametrize("dtype", ["float16", "float64", "bfloat16", "complex64", "uint8"])
def test_dtypes_beside_each_other(dtype):
    b, h = keras.Input((4,), dtype="bool"), keras.Input((4,), dtype=dtype)
    a = layers.Dense(3, name="a")(keras.ops.cast(b, "float32"))
    split = ks.split(keras.Model([b, h], [layers.Dense(3, name="o")(a), keras.ops.flip(h, axis=1)]), ["a"])
    assert [keras.backend.standardize_dtype(each.dtype) for each in random_inputs(split)] == ["bool", dtype]
    assert split.verify().ok


def test_a_difference_in_the_imaginary_part_or_in_words_is_one():
    from kerassplit_widget.models.verifying.proving import _difference

    assert _difference([np.array([1 + 1j])], [np.array([1 + 3j])]) == 2.0
    assert _difference(np.array(["a"], object), np.array(["b"], object)) == np.inf
    assert _difference(np.array(["a"], object), np.array(["a"], object)) == 0.0
    assert _difference([ones(1)], [ones(1), ones(1)]) == np.inf


class OrNot(layers.Layer):
    def call(self, x, o=None):
        return x if o is None else x + o

    def compute_output_shape(self, x_shape, o_shape=None):
        return x_shape


def test_an_optional_input_may_be_none():
    x, o = keras.Input((4,), name="x"), keras.Input((4,), name="o", optional=True)
    inner = OrNot(name="n")(layers.Dense(4, name="a")(x), o)
    split = ks.split(keras.Model({"x": x, "o": o}, layers.Dense(2, name="b")(inner)), ["a"])
    assert split.verify({"o": None, "x": ones(3, 4)}).inputs == 3
    assert split.verify({"o": ones(3, 4), "x": ones(3, 4)}).exact


# What does not run


COMPUTED = type(keras.ops.zeros(1))


class Shrinks(layers.Layer):
    """Says that it makes another shape than it does, and cannot be asked before it is run."""

    def call(self, x):
        if not isinstance(x, COMPUTED):
            raise NotImplementedError
        return x[:, :3]

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, dtype=x.dtype)


def test_a_part_that_does_not_run_is_no_proof_and_no_traceback():
    x = keras.Input((4,))
    split = ks.split(keras.Model(x, layers.ReLU()(Shrinks(name="shrinks")(x))), ["shrinks"])
    proof = split.verify()
    assert not proof.ok and not proof.exact
    text = proof.sentence()
    assert "\n" not in text and text.count("'shrinks' was taken to be 4 float32") == 1
    assert "chained in memory and handed on as NumPy arrays: The tensor 'shrinks'" in text


def test_what_a_listener_raises_is_handed_on():
    def stop(done, total, what):
        if what.startswith("running part 2"):
            raise KeyError(what)

    with pytest.raises(KeyError, match="running part 2 of 2, chained in memory"):
        ks.split(chain(), ["a"]).verify(progress=stop)


# States


class Counts(layers.Layer):
    """Adds how often it was called: a state that is there in inference too."""

    def build(self, shape):
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")

    def call(self, x):
        self.count.assign_add(1.0)
        return x + self.count


class Noise(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seeds = keras.random.SeedGenerator(3)

    def call(self, x):
        return x + keras.random.normal((1, 4), seed=self.seeds)


def stateful():
    x = keras.Input(batch_shape=(2, 5, 4))
    y = layers.LSTM(3, stateful=True, return_sequences=True, name="rnn")(x)
    return keras.Model(x, layers.Dense(2, name="o")(y)), "rnn"


def counting():
    x = keras.Input((4,))
    return keras.Model(x, layers.Dense(2)(Counts(name="counts")(x))), "counts"


def noisy():
    x = keras.Input((4,))
    return keras.Model(x, layers.Dense(2)(Noise(name="noise")(x))), "noise"


def state_of(model, name):
    layer = model.get_layer(name)
    variables = getattr(layer, "states", None) or layer.variables
    return [value(variable) for variable in variables]


@pytest.mark.parametrize("make", [stateful, counting, noisy])
@pytest.mark.parametrize("weights", ["share", "copy"])
def test_models_with_a_state_are_compared_from_the_same_state(make, weights):
    model, name = make()
    model(random_inputs(ks.split(model, [name])))  # a state that is not the first
    before = state_of(model, name)
    split = ks.split(model, [name], weights=weights)
    proof = split.verify()
    assert proof.ok and proof.exact, proof
    assert state_of(model, name) == before and state_of(split[0], name) == before
    split[0](random_inputs(split))
    assert state_of(split[0], name) != before  # a part itself has a state as the model has


def test_what_was_changed_apart_is_known_and_forgotten():
    variable, other = keras.Variable([1.0]), keras.Variable([5.0])
    with Apart() as scope:
        variable.assign([2.0])
        assert float(variable[0]) == 2.0
    assert float(variable[0]) == 1.0 and list(scope.changed.values()) == [variable] and float(other[0]) == 5.0


def test_losses_of_a_proof_stay_out_of_the_model():
    class Costly(layers.Layer):
        def call(self, x):
            self.add_loss(keras.ops.sum(x))
            return x

    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(2)(Costly(name="costly")(x)))
    ks.split(model, ["costly"]).verify()
    assert model.losses == []


def test_a_loaded_split_has_nothing_to_be_compared_with(tmp_path):
    ks.split(zoo.sequential(), ["a"]).save(tmp_path / "s")
    with pytest.raises(ks.SplitError, match="has no model beside its parts"):
        ks.Split.load(tmp_path / "s").verify(ones(1, 6))


def test_ragged_tensors_are_said_not_to_go_through_numpy():
    import tensorflow  # the one backend that has them

    x = keras.Input((None,), ragged=True, dtype="int32", name="x")
    model = keras.Model(x, layers.ReLU()(layers.Embedding(20, 4, name="embed")(x)))
    proof = ks.split(model, ["embed"]).verify(tensorflow.ragged.constant([[1, 2, 3], [4]]))
    rows = {check.name: check for check in proof.checks}
    assert rows["chained in memory"].ok and not rows["handed on as NumPy arrays"].ok
    assert "ragged tensors cannot be handed on as NumPy arrays" in rows["handed on as NumPy arrays"].detail
