"""Composite layers and subclassed models: opened where that is faithful, left whole with the reason where not."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import kerassplit_widget as ks

from .test_splitting import arrays, inbound


class Block(layers.Layer):
    """A Transformer block as people write them: attributes, skips, a residual around attention."""

    def __init__(self, width=8, **kwargs):
        super().__init__(**kwargs)
        self.attention = layers.MultiHeadAttention(2, 4, name="attention")
        self.norms = [layers.LayerNormalization(name=f"norm_{i}") for i in range(2)]
        self.mlp = {
            "up": layers.Dense(2 * width, activation="gelu", name="up"),
            "down": layers.Dense(width, name="down"),
        }
        self.dropout = layers.Dropout(0.3, name="dropout")

    def build(self, shape):
        self.attention.build(shape, shape)
        for norm in self.norms:
            norm.build(shape)
        self.mlp["up"].build(shape)
        self.mlp["down"].build((*shape[:-1], self.mlp["up"].units))

    def call(self, x, training=None):
        y = self.attention(self.norms[0](x), x)
        x = x + self.dropout(y, training=training)
        return x + self.mlp["down"](self.mlp["up"](self.norms[1](x)))


def model_of(*blocks, length=None, width=8):
    x = y = keras.Input((length, width), name="x")
    for block in blocks:
        y = block(y)
    return keras.Model(x, layers.Dense(2, name="out")(y), name="outer")


def data(length=5, batch=2, width=8):
    return np.random.default_rng(0).normal(size=(batch, length, width)).astype("float32")


def test_a_transformer_block_is_cut_between_attention_and_mlp():
    model = model_of(Block(name="one"), Block(name="two"))
    before = inbound(model)
    inner = [inbound(layer) for block in model.layers[1:3] for layer in block._flatten_layers()]
    graph = ks.read(model, expand="all")
    assert graph.collapsed == {}
    assert graph.params == model.count_params()
    assert {"one/norm_0", "one/attention/query", "one/add", "two/up", "two/down"} <= set(graph.names)
    split = ks.split(model, ["one/add", "two/up"], expand="all")
    assert [layer.name for layer in split[0].layers] == ["x", "one_norm_0", "one_attention", "one_dropout"]
    for length in (4, 7):
        assert np.array_equal(split(data(length)), model(data(length)))
    assert split.verify(data()).ok
    assert inbound(model) == before
    assert inner == [inbound(layer) for block in model.layers[1:3] for layer in block._flatten_layers()]


def test_what_is_not_cut_stays_the_original_layer():
    model = model_of(Block(name="one"), Block(name="two"))
    part_1, part_2 = ks.split(model, ["one/add"], expand="all")
    assert [type(layer).__name__ for layer in part_2.layers if layer.name == "two"] == ["Block"]
    assert "one_attention" in [layer.name for layer in part_1.layers]


def test_names_are_the_same_every_time():
    model = model_of(Block(name="one"))
    first = ks.read(model, expand="all")
    keras.layers.Add()(2 * [keras.Input((3,))])
    assert ks.read(model, expand="all").names == first.names
    assert set(ks.read(model, expand=["one"]).names) == {
        "one/attention" if name.startswith("one/attention/") else name for name in first.names
    }


def test_training_through_the_parts_of_a_block():
    import tensorflow as tf

    model = model_of(Block(name="one"), length=5)
    part_1, part_2 = ks.split(model, ["one/up"], expand="all")
    seed = model.get_layer("one").dropout.seed_generator.state
    start = arrays(seed)[0].copy()
    results = []
    for run in (model, lambda x, training: part_2(part_1(x, training=training), training=training)):
        seed.assign(start)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(run(data(), training=True) ** 2)
        results.append([loss, *tape.gradient(loss, model.trainable_variables)])
    assert all(np.array_equal(a, b) for a, b in zip(arrays(results[0]), arrays(results[1]), strict=True))
    assert not np.array_equal(model(data(), training=False), model(data(), training=True))


class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.a, self.b = layers.Dense(4, name="a"), layers.Dense(8, name="b")

    def build(self, shape):
        self.a.build(shape)
        self.b.build((*shape[:-1], 4))

    def call(self, x):
        return self.b(ops.tanh(self.a(x)))


def test_a_subclassed_model_inside_a_model():
    model = model_of(Subclassed(name="sub"))
    assert ks.read(model, expand="all").names == ("x", "sub/a", "sub/tanh", "sub/b", "out")
    split = ks.split(model, ["sub/tanh"], expand="all")
    assert np.array_equal(split(data()), model(data()))
    flat = ks.extract(model, outputs=["sub/a", "out"], expand="all")
    assert np.array_equal(flat(data())[1], model(data()))


def test_a_composite_called_twice_counts_its_parameters_once():
    block = Subclassed(name="sub")
    model = model_of(block, block)
    graph = ks.read(model, expand="all")
    assert graph.params == model.count_params()
    assert {"sub/a", "sub#2/a"} <= set(graph.names) and graph["sub#2/a"].layer == "sub/a"
    split = ks.split(model, ["sub/a", "sub#2/tanh"], expand="all")
    assert np.array_equal(split(data()), model(data()))


class OwnVariable(Subclassed):
    def build(self, shape):
        super().build(shape)
        self.scale = self.add_weight(shape=(8,), name="scale")

    def call(self, x):
        return super().call(x) * self.scale


class FrozenVariable(OwnVariable):
    def call(self, x):
        return Subclassed.call(self, x) * ops.convert_to_tensor(self.scale)


class Branch(Subclassed):
    def call(self, x, training=None):
        return super().call(x) if training else self.b(self.a(x))


class Random(Subclassed):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed = keras.random.SeedGenerator(1)

    def call(self, x):
        return super().call(x) + keras.random.normal((8,), seed=self.seed)


class Regular(Subclassed):
    def __init__(self, **kwargs):
        super().__init__(activity_regularizer="l2", **kwargs)


class AddsLoss(Subclassed):
    def call(self, x):
        y = super().call(x)
        self.add_loss(ops.mean(y))
        return y


class Counts(Subclassed):
    """Counts its calls."""

    def build(self, shape):
        super().build(shape)
        self.calls = self.add_weight(shape=(), name="calls", initializer="zeros", trainable=False)

    def call(self, x):
        self.calls.assign_add(1.0)
        return super().call(x)


class CountsTraining(Counts):
    """Counts its calls in training, and does not look at the count."""

    def call(self, x, training=None):
        if training:
            self.calls.assign_add(1.0)
        return Subclassed.call(self, x)


class AssignsToInner(Subclassed):
    """Normalises the weights of a layer inside in training, as `SpectralNormalization` does."""

    def call(self, x, training=None):
        if training:
            self.a.kernel.assign(self.a.kernel / ops.norm(self.a.kernel))
        return super().call(x)


class Length(Subclassed):
    """Bakes the length into a causal mask."""

    def call(self, x):
        length = x.shape[1]
        mask = ops.convert_to_tensor(np.tril(np.ones((length, length), "float32")))
        return self.b(self.a(ops.einsum("qk,bkd->bqd", mask, x)))

    def compute_output_shape(self, shape):
        return shape


class Halved(Subclassed):
    """Computes something else at lengths above four."""

    def call(self, x):
        y = super().call(x)
        return y if x.shape[1] is None or x.shape[1] < 4 else y / 2


class Long(Subclassed):
    """Asks whether a length is known before it looks at it."""

    def call(self, x):
        y = super().call(x)
        return y * 2 if x.shape[1] is not None and x.shape[1] > 7 else y


class LongValue(Subclassed):
    """Computes the same calls at all lengths, with another value."""

    def call(self, x):
        return super().call(x) * (2 if x.shape[1] is not None and x.shape[1] > 7 else 1)


class LargeBatch(Subclassed):
    def call(self, x):
        y = super().call(x)
        return -y if x.shape[0] is not None and x.shape[0] >= 3 else y


class Looped(Subclassed):
    """Runs in Python over a length that is not known."""

    def call(self, x):
        return self.b(ops.stack([self.a(x[:, i]) for i in range(x.shape[1])], axis=1))

    def compute_output_shape(self, shape):
        return shape


class Normalised(Subclassed):
    """Has a layer inside that changes its variables in its own call, and one that draws random numbers in its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm, self.drop = layers.BatchNormalization(name="norm"), layers.Dropout(0.5, seed=1, name="drop")

    def build(self, shape):
        super().build(shape)
        self.norm.build(shape)

    def call(self, x, training=None):
        return self.drop(self.norm(super().call(x), training=training), training=training)


class HandsNothingOn(Normalised):
    """Leaves it to Keras to tell the layers inside that they train."""

    def call(self, x):
        return self.drop(self.norm(Subclassed.call(self, x)))


class Frozen(Normalised):
    """Normalises with the statistics that it has, as one does with a backbone that is not to be trained."""

    def call(self, x):
        return Subclassed.call(self, self.norm(x, training=False))


class FrozenBackbone(Normalised):
    """Holds a nested model and calls it as the guide of Keras to transfer learning does."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        x = keras.Input((None, 8))
        self.base = keras.Model(x, layers.BatchNormalization(name="base_norm")(x), name="base")

    def call(self, x):
        return Subclassed.call(self, self.base(x, training=False))


class AlwaysTraining(Normalised):
    def call(self, x):
        return Subclassed.call(self, self.norm(x, training=True))


class AlwaysDropping(Normalised):
    def call(self, x):
        return Subclassed.call(self, self.drop(x, training=True))


class NeverDropping(Normalised):
    def call(self, x, training=None):
        return Subclassed.call(self, self.drop(x, training=False))


class Inverted(Normalised):
    def call(self, x, training=None):
        return Subclassed.call(self, self.norm(x, training=not training))


class Scaled(Normalised):
    """Makes the same calls in training, with another value."""

    def call(self, x, training=None):
        return self.b(self.a(x) * (2.0 if training else 1.0))


class ScaledByLayer(Normalised):
    """Makes a layer in its call, another one in training."""

    def call(self, x, training=None):
        return self.b(layers.Rescaling(2.0 if training else 1.0)(self.a(x)))


class OtherAxis(Normalised):
    """Calls the same op in training, made for another axis."""

    def call(self, x, training=None):
        return self.b(ops.softmax(self.a(x), axis=1 if training else 2))


class AddsLossInTraining(Normalised):
    def call(self, x, training=None):
        y = Subclassed.call(self, x)
        if training:
            self.add_loss(ops.mean(y))
        return y


OWN_TRAINING = [Frozen, FrozenBackbone, AlwaysTraining, NeverDropping, Inverted, Scaled, ScaledByLayer, OtherAxis]


@pytest.mark.parametrize(
    ("cls", "reasons"),
    [
        (OwnVariable, ["its call() uses a variable of its own, 'scale'"]),
        (FrozenVariable, ["its call() uses a variable of its own", "when its weights change"]),
        (Branch, ["its call() does something else in training"]),
        (Random, ["random numbers itself", "when its weights change", "for one shape only"]),
        (Regular, ["it regularises its output"]),
        (AddsLoss, ["its call() adds losses", "cannot be traced"]),
        (Counts, ["its call() assigns to 'sub/calls'"]),
        (CountsTraining, ["its call() assigns to 'sub/calls'"]),
        (AssignsToInner, ["its call() assigns to 'a/kernel'"]),
        (Length, ["its call() cannot be traced: "]),
        (Looped, ["its call() cannot be traced: 'NoneType' object cannot be interpreted as an integer"]),
        (Halved, ["its call() does something else where unknown dimensions have other sizes"]),
        (Long, ["its call() does something else where unknown dimensions have other sizes"]),
        (LongValue, ["its call() does something else where unknown dimensions have other sizes"]),
        (LargeBatch, ["its call() does something else where unknown dimensions have other sizes"]),
        (Frozen, ["its call() gives 'norm' a training= of its own, which parts would not keep"]),
        (FrozenBackbone, ["its call() gives 'base' a training= of its own, which parts would not keep"]),
        (AlwaysTraining, ["its call() gives 'norm' a training= of its own, which parts would not keep"]),
        (AlwaysDropping, ["its call() gives 'drop' a training= of its own, which parts would not keep"]),
        (NeverDropping, ["its call() gives 'drop' a training= of its own, which parts would not keep"]),
        (Inverted, ["its call() gives 'norm' a training= of its own, which parts would not keep"]),
        (Scaled, ["its call() does something else in training"]),
        (ScaledByLayer, ["its call() does something else in training"]),
        (OtherAxis, ["its call() does something else in training"]),
        (AddsLossInTraining, ["its call() adds losses", "cannot be traced"]),
    ],
)
def test_what_cannot_be_opened_says_why_and_is_split_around(cls, reasons):
    model = model_of(cls(name="sub"))
    graph = ks.read(model, expand="all")
    assert list(graph.collapsed) == ["sub"]
    assert any(reason in graph.collapsed["sub"] for reason in reasons), graph.collapsed
    assert "sub" in graph
    if cls not in (Random, AlwaysDropping):  # which never give the same numbers twice
        assert ks.split(model, ["sub"], expand="all").verify(data(4)).ok
    with pytest.raises(ks.SplitError, match="'sub' cannot be opened: "):
        ks.read(model, expand=["sub"])


@pytest.mark.parametrize("cls", [Counts, CountsTraining, AssignsToInner, Random])
def test_looking_inside_changes_no_variable_of_the_model(cls):
    model = model_of(cls(name="sub"))
    before = [np.array(variable) for variable in model.variables]  # states of random generators too
    ks.read(model, expand="all")
    assert all(np.array_equal(a, b) for a, b in zip(before, model.variables, strict=True))


def test_training_through_the_parts_around_a_layer_that_assigns():
    x = keras.Input((8,), name="x")
    spectral = layers.SpectralNormalization(layers.Dense(4, name="d"), name="spectral")
    model = keras.Model(x, layers.Dense(2, name="out")(spectral(x)))
    assert list(ks.read(model, expand="all").collapsed) == ["spectral"]
    split = ks.split(model, ["spectral"], expand="all")
    start, given = model.get_weights(), np.ones((3, 8), "float32")
    expected, after = arrays(model(given, training=True))[0], model.get_weights()
    assert not all(np.array_equal(a, b) for a, b in zip(start, after, strict=True))
    model.set_weights(start)
    assert np.array_equal(split(given, training=True), expected)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), after, strict=True))


def run(model, called, training):
    """Return what a call gives and what states it leaves behind, random ones too; then put the states back."""
    start = [np.array(variable) for variable in model.variables]
    results = arrays(called(data(), training=training))
    results += [np.array(variable) for variable in model.variables]
    for variable, before in zip(model.variables, start, strict=True):
        variable.assign(before)
    return results


@pytest.mark.parametrize("cls", [Normalised, HandsNothingOn])
@pytest.mark.parametrize("training", [None, False, True])
def test_what_layers_inside_change_themselves_is_no_hindrance(cls, training):
    model = model_of(cls(name="sub"))
    split = ks.split(model, ["sub/b", "sub/norm"], expand="all")
    expected = run(model, model, training)
    for called in (split, split.join()):
        assert all(np.array_equal(a, b) for a, b in zip(run(model, called, training), expected, strict=True))
    changed = not np.array_equal(expected[0], run(model, model, None)[0])
    assert changed is (training is True)


@pytest.mark.parametrize("cls", OWN_TRAINING)
@pytest.mark.parametrize("training", [None, False, True])
def test_a_training_that_call_sets_itself_is_kept(cls, training):
    model = model_of(cls(name="sub"))
    split = ks.split(model, ["sub"], expand="all")
    expected = run(model, model, training)
    assert all(np.array_equal(a, b) for a, b in zip(run(model, split, training), expected, strict=True))
    with pytest.raises(ks.SplitError, match="'sub/a'"):
        ks.split(model, ["sub/a"], expand="all")


def test_fixed_shapes_open_what_needs_them_and_are_kept_by_the_parts():
    model = model_of(Length(name="sub"))
    graph = ks.read(model, expand="all", input_shapes=(2, 4, 8))
    assert graph.collapsed == {} and "sub/einsum" in graph
    split = ks.split(model, ["sub/einsum"], expand="all", input_shapes=(2, 4, 8))
    assert np.array_equal(split(data(4)), model(data(4)))
    assert split[0].input_shape == (2, 4, 8)
    with pytest.raises(ValueError, match="shape"):
        split(data(5))


class PerExample(layers.Layer):
    """Asks for the size of the batch, which is a constant in a trace at a fixed one."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(4, name="dense")

    def build(self, shape):
        self.dense.build(shape)

    def call(self, x):
        return ops.mean(ops.reshape(self.dense(x), (ops.shape(x)[0], -1)), axis=-1)


@pytest.mark.parametrize("wiring", ["relay", "direct"])
def test_another_batch_than_the_one_that_was_fixed_is_refused(wiring, tmp_path):
    x = keras.Input((6, 4), name="x")
    model = keras.Model({"x": x}, PerExample(name="sub")(x) * 2.0)
    split = ks.split(model, ["sub/dense"], expand="all", wiring=wiring, input_shapes=(2, 6, 4))
    split.save(tmp_path / "s")
    loaded = ks.Split.load(tmp_path / "s")
    two, three = (np.random.default_rng(0).normal(size=(n, 6, 4)).astype("float32") for n in (2, 3))
    expected = arrays(model({"x": two}))[0]
    for each in (split, loaded):
        np.testing.assert_allclose(each({"x": two}), expected, rtol=1e-6)
        with pytest.raises(ks.SplitError, match=r"made for a batch of 2 \(input_shapes=\).*'x' was given with 3"):
            each({"x": three})
        with pytest.raises(ValueError, match=r"expected shape=\(2, 6, 4\), found shape=\(3, 6, 4\)"):
            each[1](three)
    for whole in (split[0], loaded[0], split.join(), loaded.join()):
        given = {"x": two} if isinstance(whole.input, dict) else two
        whole(given)
        with pytest.raises(ValueError, match=r"expected shape=\(2, 6, 4\), found shape=\(3, 6, 4\)"):
            whole({"x": three} if isinstance(whole.input, dict) else three)


def test_a_batch_is_only_kept_where_it_was_given():
    model = model_of(Block(name="one"))
    split = ks.split(model, ["one/up"], expand="all", input_shapes=(5, 8))
    for batch in (1, 3):
        assert np.array_equal(split(data(batch=batch)), model(data(batch=batch)))
    x = keras.Input(batch_shape=(2, None, 8), name="x")
    own = keras.Model(x, layers.Dense(2, name="d")(Block(name="one")(x)))
    split = ks.split(own, ["one/up"], expand="all", input_shapes=(2, 5, 8))
    assert np.array_equal(split(data(batch=3)), own(data(batch=3)))  # Keras takes it


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ({"xx": (2, 4, 8)}, "names 'xx', which is no input of the model. The closest name is 'x'"),
        ((2, 4, 9), r"has shape (None, None, 8); input_shapes= gives (2, 4, 9)"),
        ((2,), "has shape (None, None, 8)"),
    ],
)
def test_bad_input_shapes(shapes, words):
    with pytest.raises(ks.SplitError) as caught:
        ks.read(model_of(Block(name="one")), input_shapes=shapes)
    assert words in str(caught.value)


def test_freezing_a_part_reaches_layers_inside_and_nothing_else():
    model = model_of(Block(name="one"), Block(name="two"))
    part_1, part_2 = ks.split(model, ["one"])
    trainable = len(model.trainable_weights)
    part_1.trainable = False
    assert part_1.trainable_weights == []
    assert len(model.trainable_weights) == trainable
    assert model.get_layer("one").attention.trainable and model.get_layer("one").mlp["up"].trainable
    assert len(part_2.trainable_weights) > 0


def test_a_nested_model_behind_a_product_with_a_number_is_opened():
    i = keras.Input((4,), name="i")
    inner = keras.Model(i, layers.Dense(2, name="b")(layers.Dense(4, name="a")(i)), name="inner")
    x = keras.Input((4,), name="x")
    model = keras.Model(x, inner(x * 2.0))  # which Keras calls sparse
    graph = ks.read(model)
    assert "inner/a" in graph and graph.collapsed == {}
    data = np.random.default_rng(0).random((3, 4), "float32")
    np.testing.assert_array_equal(ks.split(model, ["inner/a"])(data), model(data))
