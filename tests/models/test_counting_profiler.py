"""FLOPs against TensorFlow's profiler, layer by layer."""

import re

import keras
import pytest
from keras import layers

from kerassplit_widget.models.counting import costs

from . import zoo
from .profiled import profile

TOLERANCE = 0.03


def image(*shape):
    return [(2, *shape)]


def small_images():
    image_input = keras.Input((16, 16, 3), name="small")
    return keras.Model(image_input, zoo.unknown_dims()(image_input), name="small_images")


# TensorFlow refuses the names of `hostile_names`, and dense tensors for `ragged` and `sparse`;
# the shapes of `unknown_dims` are fixed in `small_images`.
LEFT_OUT = {"hostile_names", "unknown_dims", "ragged", "sparse"}
OLDER = tuple(map(int, keras.__version__.split(".")[:2])) < (3, 15)
if OLDER:
    LEFT_OUT.add("masked_attention")  # a masked average multiplies there
ZOO = [make for make in zoo.ALL if make.__name__ not in LEFT_OUT] + [small_images, zoo.no_config]


@pytest.mark.parametrize("make", ZOO, ids=lambda make: make.__name__)
def test_zoo_layer_by_layer(make):
    model = make()
    table = costs(model, batch_size=2)
    by_layer, total, unsure = profile(model, batch_size=2)
    found, expected, unknown = {}, {}, set()
    names = {layer.name for layer in model.layers}
    for row in table:
        name = row.layer.split("/")[0]
        name = name if name in names else "ops"
        found[name] = found.get(name, 0) + row.flops
    for scope, flops in by_layer.items():
        name = re.sub(r"_\d+$", "", scope)
        name = scope if scope in names else name if name in names else "ops"
        expected[name] = expected.get(name, 0) + flops
        unknown |= {name} if scope in unsure else set()
    if make.__name__.startswith("masked"):
        unknown.add("ops")  # Keras makes a mask twice when the model runs: as it travels hidden, and as an edge
    compared = [name for name in expected if name not in unknown and expected[name]]
    for name in compared:
        shapes_only = found.get(name, 0) == 0 and expected[name] <= 4  # the arithmetic of shapes is not counted
        assert shapes_only or found[name] == pytest.approx(expected[name], rel=TOLERANCE), name
    if not unknown:
        assert table.total_flops == pytest.approx(total, rel=TOLERANCE)
    assert compared


LAYERS = {
    "conv": (lambda: layers.Conv2D(6, 3, padding="same"), image(8, 8, 4)),
    "conv without bias": (lambda: layers.Conv2D(6, 3, use_bias=False), image(8, 8, 4)),
    "conv with strides": (lambda: layers.Conv2D(6, 3, strides=2, activation="silu"), image(9, 9, 4)),
    "dilated conv": (lambda: layers.Conv2D(6, 3, padding="same", dilation_rate=2), image(8, 8, 4)),
    "conv 1d": (lambda: layers.Conv1D(6, 3, padding="causal"), image(8, 4)),
    "conv 3d": (lambda: layers.Conv3D(6, 2), image(4, 4, 4, 3)),
    "transposed conv": (lambda: layers.Conv2DTranspose(6, 3, strides=2, padding="same"), image(8, 8, 4)),
    "transposed conv 1d": (lambda: layers.Conv1DTranspose(6, 2, strides=2), image(8, 4)),
    "depthwise": (lambda: layers.DepthwiseConv2D(3, depth_multiplier=2), image(8, 8, 4)),
    "depthwise 1d": (lambda: layers.DepthwiseConv1D(3), image(8, 4)),
    "separable": (lambda: layers.SeparableConv2D(6, 3, depth_multiplier=2, activation="gelu"), image(8, 8, 4)),
    "separable 1d": (lambda: layers.SeparableConv1D(6, 3), image(8, 4)),
    "dense": (lambda: layers.Dense(5, activation="softmax"), image(3, 4)),
    "einsum dense": (lambda: layers.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d"), image(3, 4)),
    "batch norm": (lambda: layers.BatchNormalization(), image(8, 8, 4)),
    "batch norm, plain": (lambda: layers.BatchNormalization(center=False, scale=False), image(8, 8, 4)),
    "layer norm": (lambda: layers.LayerNormalization(), image(8, 8, 4)),
    "layer norm, plain": (lambda: layers.LayerNormalization(center=False, scale=False), image(8, 8, 4)),
    "group norm": (lambda: layers.GroupNormalization(2), image(8, 8, 4)),
    "rms norm": (lambda: layers.RMSNormalization(), image(8, 8, 4)),
    "unit norm": (lambda: layers.UnitNormalization(), image(8, 8, 4)),
    "spectral norm": (lambda: layers.SpectralNormalization(layers.Dense(5)), image(4)),
    "normalization": (lambda: layers.Normalization(mean=1.0, variance=2.0), image(8, 4)),
    "rescaling": (lambda: layers.Rescaling(1 / 255.0), image(8, 8, 4)),
    "max pool": (lambda: layers.MaxPooling2D(3, strides=2, padding="same"), image(8, 8, 4)),
    "average pool": (lambda: layers.AveragePooling1D(2), image(8, 4)),
    "global pool": (lambda: layers.GlobalAveragePooling2D(), image(8, 8, 4)),
    "adaptive pool": (lambda: layers.AdaptiveAveragePooling2D(3), image(40, 40, 4)),
    "adaptive max pool": (lambda: layers.AdaptiveMaxPooling2D(5), image(40, 40, 4)),
    "add": (lambda: layers.Add(), image(8, 4) * 3),
    "average": (lambda: layers.Average(), image(8, 4) * 3),
    "multiply": (lambda: layers.Multiply(), image(8, 4) * 2),
    "dot": (lambda: layers.Dot(axes=-1, normalize=True), [(2, 3, 8), (2, 5, 8)]),
    "prelu": (lambda: layers.PReLU(), image(8, 4)),
    "relu with everything": (lambda: layers.ReLU(6.0, negative_slope=0.1, threshold=0.2), image(8, 4)),
    "softmax": (lambda: layers.Softmax(), image(8, 4)),
    "attention": (lambda: layers.Attention(use_scale=True), image(5, 8) * 2),
    "additive attention": (lambda: layers.AdditiveAttention(), image(5, 8) * 2),
    "concatenating attention": (lambda: layers.Attention(score_mode="concat"), image(5, 8) * 2),
    "simple rnn": (lambda: layers.SimpleRNN(5, unroll=True), image(4, 6)),
    "lstm": (lambda: layers.LSTM(5, unroll=True, return_sequences=True), image(4, 6)),
    "gru": (lambda: layers.GRU(5, unroll=True), image(4, 6)),
    "gru of old": (lambda: layers.GRU(5, unroll=True, reset_after=False), image(4, 6)),
    "cell": (lambda: layers.RNN(layers.LSTMCell(5), unroll=True), image(4, 6)),
    "both ways": (lambda: layers.Bidirectional(layers.GRU(3, unroll=True), merge_mode="ave"), image(4, 6)),
    "conv lstm": (lambda: layers.ConvLSTM2D(3, 3, unroll=True, padding="same"), image(3, 6, 6, 2)),
    "conv lstm 1d": (lambda: layers.ConvLSTM1D(3, 3, unroll=True), image(3, 6, 2)),
    "time distributed": (lambda: layers.TimeDistributed(layers.Conv2D(3, 3)), image(4, 6, 6, 2)),
} | {
    f"activation {name}": (lambda name=name: layers.Activation(name), image(6, 4))
    for name in (
        "celu",
        "gelu",
        "glu",
        "hard_sigmoid",
        "hard_silu",
        "hard_tanh",
        "mish",
        "silu",
        "softmax",
        "sparsemax",
    )
}

if OLDER:
    # Newer than the oldest Keras, or done by it in other steps.
    for newer in ("adaptive pool", "adaptive max pool", "rms norm", "relu with everything", "activation glu"):
        del LAYERS[newer]


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name):
    make, shapes = LAYERS[name]
    inputs = [keras.Input(batch_shape=shape) for shape in shapes]
    model = keras.Model(inputs, make()(inputs if len(inputs) > 1 else inputs[0]))
    _, total, unsure = profile(model)
    assert not unsure
    assert costs(model).total_flops == pytest.approx(total, rel=TOLERANCE)
