import re

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers, ops

from kerassplit_widget.errors import ModelError, SplitError
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.counting import costs, count_reading
from kerassplit_widget.models.counting.ops import einsum_work
from kerassplit_widget.models.reading import read, read_steps

from . import zoo


def of(function, *shapes, dtype="float32", batch=None):
    inputs = [keras.Input(shape, batch_size=batch, dtype=dtype) for shape in shapes]
    return keras.Model(inputs, function(*inputs))


def last(model, **options):
    return list(costs(model, **options))[-1]


# --- parameters and bytes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [*zoo.ALL, zoo.no_config], ids=lambda make: make.__name__)
def test_rows_are_the_calls_and_parameters_are_keras_own(make):
    model = make()
    shapes = {"unknown_dims": (16, 16, 3), "ragged": (7,)}.get(make.__name__)
    before = internals.fingerprint(model)
    table = costs(model, input_shapes=shapes)
    assert internals.fingerprint(model) == before
    assert [row.name for row in table] == list(read(model).names)
    assert table.total_params == model.count_params()
    assert table.total_param_bytes == sum(keras.ops.convert_to_numpy(w.value).nbytes for w in model.weights)
    assert table.unknown == ()


def test_shared_layers_are_paid_once_and_work_every_time():
    table = costs(zoo.tied_loop())
    assert [table[name].params for name in ("step", "step#2", "step#3")] == [20, 0, 0]
    assert [table[name].tied_to for name in ("step", "step#2", "step#3")] == [None, "step", "step"]
    assert [table[name].macs for name in ("step", "step#2", "step#3")] == [16, 16, 16]


def test_a_backbone_called_twice_is_paid_once():
    table = costs(zoo.twice())
    assert (table["backbone/a"].params, table["backbone#2/a"].params) == (42, 0)
    assert table["backbone#2/b"].tied_to == "backbone/b"


def test_bytes_follow_dtypes():
    model = zoo.mixed_precision()
    table = costs(model, batch_size=3)
    assert table["half"].param_bytes == 35 * 4  # variables stay float32
    assert table["half"].output_bytes == 3 * 5 * 2
    assert table["out"].output_bytes == 3 * 2 * 4
    assert costs(zoo.recurrent(), batch_size=2)["encoder"].output_bytes == 2 * (7 * 5 + 5 + 5) * 4
    small = of(lambda x: layers.Dense(3, dtype="bfloat16")(x), (5,))
    assert last(small).param_bytes == 18 * 2


def test_a_fixed_batch_is_kept():
    assert costs(zoo.fixed_batch(), batch_size=7)["a"].output_bytes == 2 * 3 * 4


# --- work -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shape", "macs", "flops"),
    [
        (layers.Conv2D(16, 3, padding="same"), (10, 10, 8), 100 * 9 * 8 * 16, 2 * 100 * 9 * 8 * 16 + 1600),
        (layers.Conv2D(16, 3, groups=4, use_bias=False), (10, 10, 8), 64 * 9 * 2 * 16, 2 * 64 * 9 * 2 * 16),
        (layers.Conv1D(4, 5, strides=2, use_bias=False), (11, 3), 4 * 5 * 3 * 4, 2 * 4 * 5 * 3 * 4),
        (layers.Conv3D(2, 2, use_bias=False), (3, 3, 3, 5), 8 * 8 * 5 * 2, 2 * 8 * 8 * 5 * 2),
        (layers.Conv2DTranspose(6, 3, strides=2, use_bias=False), (4, 4, 5), 16 * 5 * 9 * 6, 2 * 16 * 5 * 9 * 6),
        (layers.Conv3DTranspose(2, 2, strides=2, use_bias=False), (3, 3, 3, 5), 27 * 5 * 8 * 2, 2 * 27 * 5 * 8 * 2),
        (layers.DepthwiseConv2D(3, use_bias=False), (5, 5, 4), 9 * 9 * 4, 2 * 9 * 9 * 4),
        (layers.SeparableConv1D(6, 3, use_bias=False), (8, 4), 6 * (3 * 4 + 4 * 6), 12 * (3 * 4 + 4 * 6)),
        (layers.MaxPooling3D(2), (4, 4, 4, 3), 0, 8 * 3 * 8),
        (layers.GlobalMaxPooling2D(), (4, 4, 3), 0, 48 - 3),
        (layers.UpSampling2D(2), (4, 4, 3), 0, 0),
        (layers.UpSampling2D(2, interpolation="bilinear"), (4, 4, 3), 0, 192 * 7),
        (layers.Resizing(8, 8, interpolation="bicubic"), (4, 4, 3), 0, 192 * 31),
        (layers.Flatten(), (4, 4, 3), 0, 0),
        (layers.Dropout(0.5), (4,), 0, 0),
        (layers.RandomFlip(), (4, 4, 3), 0, 0),
        (layers.ReLU(), (7,), 0, 0),
        (layers.EinsumDense("abc,cde->abde", (None, 2, 3)), (5, 4), 5 * 4 * 6, 2 * 5 * 4 * 6),
        (layers.LSTM(5, use_bias=False), (9, 4), 9 * (4 + 5) * 20, 9 * (2 * (4 + 5) * 20 + 20 + 4 * 5)),
        (layers.TimeDistributed(layers.Dense(3, use_bias=False)), (7, 4), 7 * 12, 2 * 7 * 12),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_formulas_by_hand(layer, shape, macs, flops):
    model = of(layer, shape)
    assert (last(model).macs, last(model).flops) == (macs, flops)
    assert (last(model, batch_size=4).macs, last(model, batch_size=4).flops) == (4 * macs, 4 * flops)


def test_attention_by_hand():
    query, key, size = 5, 7, 4
    layer = layers.MultiHeadAttention(2, size, use_bias=False)
    row = last(of(lambda q, v: layer(q, v), (query, 8), (key, 8)))
    projections = query * 8 * 8 + 2 * key * 8 * 8 + query * 8 * 8
    assert row.macs == projections + 2 * (2 * query * key * size)
    grouped = layers.GroupQueryAttention(4, 8, 2, use_bias=False)
    row = last(of(lambda q, v: grouped(q, v), (query, 8), (key, 8)))
    projections = query * 8 * 32 + 2 * key * 8 * 8 + query * 32 * 8
    assert row.macs == projections + 2 * (8 * query * key * 4)


def test_embedding_has_no_macs():
    table = costs(zoo.recurrent())
    assert (table["embed"].macs, table["embed"].flops) == (0, 14)


def test_ops_by_hand():
    x = keras.Input((4, 6))
    for made, macs, flops in [
        (ops.matmul(x, ops.transpose(x, (0, 2, 1))), 4 * 4 * 6, 2 * 4 * 4 * 6),
        (ops.einsum("bij,bkj->bik", x, x), 4 * 4 * 6, 2 * 4 * 4 * 6),
        (ops.einsum("bij,bij->bij", x, x), 0, 24),
        (ops.tensordot(x, np.ones((6, 3), "float32"), axes=[[2], [0]]), 4 * 6 * 3, 2 * 4 * 6 * 3),
        (ops.sum(x, axis=-1), 0, 24 - 4),
        (ops.softmax(x), 0, 24 * 5),
        (ops.top_k(x, 2)[0], 0, 0),
        (ops.fft((x, x))[0], 0, round(5 * 24 * np.log2(6))),
        (ops.cumsum(x, axis=1), 0, 24),
    ]:
        row = last(keras.Model(x, made))
        assert (row.macs, row.flops) == (macs, flops), row.kind


def test_linear_algebra():
    x = keras.Input((6, 6))
    for made, macs in [
        (ops.cholesky(x), 6**3 // 6),
        (ops.det(x), 6**3 // 3),
        (ops.inv(x), 6**3),
        (ops.solve(x, x), 6**3 // 3 + 6**3),
    ]:
        assert last(keras.Model(x, made)).macs == macs


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True), min_size=2, max_size=2), st.data()
)
def test_einsum_of_two_operands_is_the_size_of_all_letters(operands, data):
    sizes = dict(zip("abcd", (2, 3, 5, 7), strict=True))
    letters = sorted(set().union(*operands))
    result = data.draw(st.lists(st.sampled_from(letters), unique=True))
    work = einsum_work(
        ",".join("".join(o) for o in operands) + "->" + "".join(result),
        [tuple(sizes[letter] for letter in o) for o in operands],
    )
    products = int(np.prod([sizes[letter] for letter in letters]))
    summed = set(result) != set(letters)
    assert (work.macs, work.other) == ((products, 0) if summed else (0, products))


def test_einsum_of_three_is_contracted_in_pairs():
    chain = einsum_work("ab,bc,cd->ad", [(2, 30), (30, 4), (4, 5)])
    assert chain.macs == 2 * 30 * 4 + 2 * 4 * 5
    assert einsum_work("...ab,bc->...ac", [(9, 8, 2, 3), (3, 4)]).macs == 9 * 8 * 2 * 3 * 4
    assert einsum_work("ab,bc", [(2, 3), (3, 4)]).macs == 24
    assert einsum_work("ab->a", [(2, 3)]).other == 6 - 2


# --- steps, groups, insides -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.LSTM(4),
        lambda: layers.GRU(4, return_sequences=True),
        lambda: layers.Bidirectional(layers.SimpleRNN(4)),
        lambda: layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)]),
        lambda: layers.TimeDistributed(layers.Dense(4, activation="gelu")),
    ],
    ids=["lstm", "gru", "bidirectional", "stacked", "distributed"],
)
def test_every_step_counts(make):
    once, often = (last(of(make(), (steps, 6))).flops for steps in (1, 50))
    assert often == 50 * once > 0


@keras.saving.register_keras_serializable(package="counting")
class Block(layers.Layer):
    """Layers, ops, and a weight of its own that stands before a tensor."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = layers.Dense(8, activation="gelu", name="first")
        self.norm = layers.LayerNormalization(name="norm")
        self.gamma = self.add_weight(shape=(6,), initializer="ones", name="gamma")
        self.second = layers.EinsumDense("abc,cd->abd", (None, 6), name="second")

    def call(self, x):
        return self.gamma * self.second(self.first(self.norm(x))) + x


def test_composite_layers_are_counted_from_inside():
    model = of(Block(name="block"), (5, 6))
    before = internals.fingerprint(model)
    row = last(model)
    assert row.macs == 5 * 6 * 8 * 2
    assert row.flops == 2 * row.macs + (9 * 30 + 4 * 5) + (40 + 4 * 40) + 30 + 30
    assert internals.fingerprint(model) == before


def test_opened_or_not_the_sum_is_the_same():
    inputs = keras.Input((5, 6))

    class Feed(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.one, self.two = layers.Dense(8, activation="relu", name="one"), layers.Dense(6, name="two")

        def call(self, x):
            return x + self.two(self.one(x))

    model = keras.Model(inputs, Feed(name="feed")(inputs))
    closed, opened = costs(model), costs(model, expand="all")
    assert len(closed) == 2 and len(opened) == 4
    assert opened.total_flops == closed.total_flops == 2 * 2 * 5 * 48 + 40 + 30 + 30
    assert opened.total_params == closed.total_params == model.count_params()


@pytest.mark.parametrize("make", [zoo.nested, zoo.twice], ids=lambda make: make.__name__)
def test_nested_models_closed_or_open(make):
    closed, opened = costs(make(), expand="none"), costs(make())
    assert len(closed) < len(opened)
    assert closed.total_flops == opened.total_flops
    assert closed.total_params == opened.total_params


def test_a_subclass_that_cannot_be_looked_into_is_what_it_is_made_from():
    class MyGRU(layers.GRU):
        pass

    assert last(of(MyGRU(4), (3, 2))).flops == last(of(layers.GRU(4), (3, 2))).flops


def test_an_activation_of_ones_own():
    model = of(layers.Dense(4, activation=lambda x: x * ops.sigmoid(1.5 * x)), (3,))
    assert last(model).flops == 2 * 12 + 4 + 8


def test_shapes_that_only_running_the_layer_tells():
    x = keras.Input((5, 6))
    y = layers.EinsumDense("abc,cd->abd", (None, 3))(x)  # its specification forgets that there are 5
    table = costs(keras.Model(x, layers.Dense(2)(y)), batch_size=2)
    assert [row.macs for row in table] == [0, 2 * 5 * 18, 2 * 5 * 6]
    assert list(table)[1].output_bytes == 2 * 5 * 3 * 4


def test_ops_that_move_the_batch():
    x = keras.Input((4, 6))
    y = layers.Dense(3)(ops.reshape(x, (-1, 6)))
    table = costs(keras.Model(x, y), batch_size=2)
    assert list(table)[-1].macs == 2 * 4 * 18
    assert list(table)[-1].output_bytes == 2 * 4 * 3 * 4


# --- what is not known ------------------------------------------------------------------------------------------------


class Foreign(layers.Layer):
    def call(self, x):
        return keras.ops.convert_to_tensor(np.cumsum(np.asarray(x), axis=-1))

    def compute_output_shape(self, shape):
        return shape


def test_unknown_work_has_a_reason():
    table = costs(of(lambda x: layers.Dense(2)(Foreign(name="foreign")(x)), (4,)))
    assert table.unknown == ("foreign",)
    row = table["foreign"]
    assert row.macs is None and row.flops is None and row.output_bytes == 16
    assert row.why.startswith("its call() cannot be run symbolically")
    assert table.total_flops is None
    assert list(table)[-1].flops == 2 * 8 + 2


def test_unknown_ops_and_layers():
    x = keras.Input((4, 4))
    row = last(keras.Model(x, ops.svd(x)[1]))
    assert row.flops is None and row.why == "it iterates until it converges"
    image = keras.Input((8, 8, 3))
    row = last(keras.Model(image, layers.Solarization()(image)))
    assert row.flops is None and row.why == "it is not described"


def test_unknown_inside_is_unknown_outside():
    class Around(layers.Layer):
        def call(self, x):
            return ops.svd(x)[1]

    row = last(of(Around(name="around"), (4, 4)))
    assert row.flops is None and row.why == "inside, SVD: it iterates until it converges"


def test_strings_have_no_size():
    words, found = costs(of(layers.StringLookup(vocabulary=["a", "b"]), (3,), dtype="string"))
    assert words.output_bytes is None and found.flops == 0


def unknown_length():
    x = keras.Input((None,), name="x")
    return keras.Model(x, layers.ReLU()(x))


def test_what_depends_on_unknown_dimensions_is_unknown_and_says_how_to_give_them():
    model = zoo.unknown_dims()
    table = costs(model, batch_size=2)
    assert re.search(r"of the input 'image' .*input_shapes=\{'image': \(128, 128, 3\)\}", table["conv"].why)
    assert table["conv"].params == 112 and table["conv"].macs is table["conv"].output_bytes is table.total_macs is None
    assert table["image"].flops == 0 and table["image"].output_bytes is None
    assert "input_shapes={'x': (128,)}" in costs(unknown_length()).rows[-1].why


def test_behind_a_pooling_the_shapes_are_known_again():
    image = keras.Input((None, None, 3), name="image")
    pooled = layers.GlobalAveragePooling2D(name="pool")(layers.Conv2D(8, 3, name="conv")(image))
    flat = keras.ops.reshape(layers.Conv1D(4, 1, name="line")(keras.ops.reshape(image, (-1, 5, 3))), (-1, 4))
    model = keras.Model(image, [layers.Dense(4, name="dense")(pooled), layers.Dense(2, name="rest")(flat)])
    table = costs(model, batch_size=3)
    assert (table["pool"].output_bytes, table["pool"].flops) == (3 * 8 * 4, None)
    assert (table["dense"].macs, table["dense"].flops, table["dense"].why) == (3 * 32, 3 * 68, "")
    assert table["line"].macs is table["rest"].macs is None  # the first dimension is not the batch any more


def test_unknown_dimensions_can_be_given():
    model = zoo.unknown_dims()
    table = costs(model, input_shapes=(16, 12, 3))
    assert table["conv"].macs == 16 * 12 * 27 * 4
    assert costs(model, input_shapes={"image": (2, 16, 12, 3)}).total_macs == 2 * table.total_macs
    with pytest.raises(ModelError, match=r"input_shapes= gives \(8, 8, 1\)"):
        costs(model, input_shapes=(8, 8, 1))


def test_shapes_reach_into_nested_models():
    image = keras.Input((16, 12, 3))
    table = costs(keras.Model(image, zoo.unknown_dims()(image)))
    assert table.total_macs == costs(zoo.unknown_dims(), input_shapes=(16, 12, 3)).total_macs


@pytest.mark.parametrize("batch_size", [0, -1, 1.5, "2"])
def test_bad_batch_sizes(batch_size):
    with pytest.raises(SplitError, match="batch_size= is a whole number, at least 1; found"):
        costs(zoo.sequential(), batch_size=batch_size)


def test_no_model():
    with pytest.raises(ModelError, match=r"A keras.Model is needed; found keras"):
        costs(layers.Dense(2))


def test_a_reading_can_be_counted():
    reading = read_steps(zoo.residual())
    table = count_reading(reading, 2)
    assert [row.name for row in table] == [call.name for call in reading.graph]
    assert table == costs(reading.model, 2)


def test_masked_attention_inside_a_layer():
    class Block(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.attention = layers.MultiHeadAttention(2, 4, use_bias=False, dropout=0.1)

        def call(self, x, mask=None):
            return x + self.attention(x, x, use_causal_mask=True)

    row = last(of(Block(name="block"), (5, 8)))
    assert row.macs == 4 * 5 * 64 + 2 * (2 * 5 * 5 * 4)
    assert row.flops == 2 * row.macs + 40 + 40 + 5 * 50  # the queries are scaled, and 2 x 5 x 5 scores go to a softmax


def test_masking_is_a_product_in_every_version():
    x = keras.Input((2, 3), batch_size=4)
    table = costs(keras.Model(x, keras.layers.Masking(name="mask")(x)))
    assert (table["mask"].flops, table.unknown) == (4 * 2 * 3, ())
