"""Small models, one for each construct that splitting must get right."""

import keras
from keras import layers, ops

NEWER_THAN_3_13 = tuple(map(int, keras.__version__.split(".")[:2])) > (3, 13)


def sequential():
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(5, name="a"),
            layers.ReLU(name="b"),
            layers.Dense(3, name="c"),
        ]
    )


def residual():
    x = keras.Input((8, 8, 3), name="image")
    y = layers.Conv2D(4, 3, padding="same", name="stem")(x)
    z = layers.Conv2D(4, 3, padding="same", name="conv")(y)
    z = layers.BatchNormalization(name="bn")(z)
    y = layers.Add(name="add")([y, z])
    y = layers.GlobalAveragePooling2D(name="pool")(y)
    return keras.Model(x, layers.Dense(2, name="out")(y), name="residual")


def unet(depth=3):
    x = y = keras.Input((32, 32, 1), name="image")
    skips = []
    for i in range(depth):
        y = layers.Conv2D(4 * 2**i, 3, padding="same", activation="relu", name=f"down_{i}")(y)
        skips.append(y)
        y = layers.MaxPooling2D(name=f"pool_{i}")(y)
    y = layers.Conv2D(4 * 2**depth, 3, padding="same", activation="relu", name="bottom")(y)
    for i in reversed(range(depth)):
        y = layers.UpSampling2D(name=f"up_{i}")(y)
        y = layers.Concatenate(name=f"concat_{i}")([skips[i], y])
        y = layers.Conv2D(4 * 2**i, 3, padding="same", activation="relu", name=f"merge_{i}")(y)
    return keras.Model(x, layers.Conv2D(1, 1, name="mask")(y), name="unet")


def structured():
    """Inputs and outputs in dicts, an early output, an input needed late, an input that is an output."""
    inputs = {"left": keras.Input((4,), name="left"), "right": keras.Input((3,), name="right")}
    a = layers.Dense(4, name="a")(inputs["left"])
    b = layers.Dense(4, name="b")(a)
    c = layers.Concatenate(name="c")([b, inputs["right"]])
    d = layers.Dense(2, name="d")(c)
    # Keras before 3.14 refuses an output that is an input.
    same = inputs["right"] if NEWER_THAN_3_13 else layers.Identity(name="same")(inputs["right"])
    return keras.Model(inputs, {"main": d, "early": a, "same": same}, name="structured")


def siamese():
    shared = layers.Dense(4, activation="tanh", name="shared")
    left, right = keras.Input((5,), name="left"), keras.Input((5,), name="right")
    both = layers.Subtract(name="difference")([shared(left), shared(right)])
    return keras.Model([left, right], layers.Dense(1, name="out")(both), name="siamese")


def tied_loop():
    """One layer called three times in a row: on both sides of most cuts."""
    x = y = keras.Input((4,), name="x")
    step = layers.Dense(4, activation="tanh", name="step")
    for _ in range(3):
        y = step(y)
    return keras.Model(x, layers.Dense(2, name="out")(y), name="tied_loop")


def operators():
    """`keras.ops`, Python operators and constants."""
    x = keras.Input((4,), name="x")
    y = ops.relu(x * 2.0 - 1.0)
    z = ops.concatenate([y, ops.square(x)], axis=-1)
    return keras.Model(x, ops.sum(z[:, 1:5] / 3.0, axis=-1, keepdims=True) + 0.5, name="operators")


def recurrent():
    """Several outputs of one call, states handed on by keyword, whole numbers as input."""
    tokens = keras.Input((7,), dtype="int32", name="tokens")
    y = layers.Embedding(11, 6, name="embed")(tokens)
    y, h, c = layers.LSTM(5, return_sequences=True, return_state=True, name="encoder")(y)
    y = layers.LSTM(5, name="decoder")(y, initial_state=[h, c])
    return keras.Model(tokens, [layers.Dense(2, name="out")(y), h], name="recurrent")


def nested():
    """A model in a model in a model."""
    i = keras.Input((6,))
    block = keras.Model(i, layers.Dense(6, name="inner")(layers.ReLU(name="act")(i)), name="block")
    j = keras.Input((6,))
    backbone = keras.Model(j, layers.Add(name="sum")([j, block(layers.Dense(6, name="first")(j))]), name="backbone")
    x = keras.Input((6,), name="x")
    y = layers.Dense(6, name="head")(backbone(x))
    return keras.Model(x, layers.Dense(2, name="out")(y), name="nested")


def twice():
    """A backbone called twice: both calls have the same inner layers."""
    i = keras.Input((6,))
    backbone = keras.Model(i, layers.Dense(4, name="b")(layers.Dense(6, name="a")(i)), name="backbone")
    left, right = keras.Input((6,), name="left"), keras.Input((6,), name="right")
    y = layers.Concatenate(name="both")([backbone(left), backbone(right)])
    return keras.Model([left, right], layers.Dense(1, name="out")(y), name="twice")


def attention():
    """Keyword tensors and a mask that is an input of its own."""
    x = keras.Input((5, 8), name="x")
    mask = keras.Input((5,), dtype="bool", name="mask")
    y = layers.MultiHeadAttention(2, 4, name="mha")(query=x, value=x, attention_mask=ops.expand_dims(mask, 1))
    y = layers.LayerNormalization(name="norm")(x + y)
    return keras.Model([x, mask], layers.Dense(3, name="out")(y), name="attention")


def masked_lstm():
    """A mask made by an Embedding and used by the next layer: Keras makes it an argument, visible in the graph."""
    tokens = keras.Input((7,), dtype="int32", name="tokens")
    y = layers.Embedding(11, 6, mask_zero=True, name="embed")(tokens)
    y = layers.LSTM(5, return_sequences=True, name="lstm")(y)
    return keras.Model(tokens, layers.GRU(3, name="gru")(y), name="masked_lstm")


def masked_attention():
    """A mask that travels hidden: through Dense, to attention that is called by keyword."""
    tokens = keras.Input((7,), dtype="int32", name="tokens")
    y = layers.Embedding(11, 8, mask_zero=True, name="embed")(tokens)
    y = layers.Dense(8, name="dense")(y)
    z = layers.MultiHeadAttention(2, 4, name="mha")(query=y, value=y)
    y = layers.Add(name="add")([y, z])
    y = layers.Dense(8, name="ffn")(y)
    return keras.Model(tokens, layers.GlobalAveragePooling1D(name="pool")(y), name="masked_attention")


def masked_backbone():
    """A sub-model with an RNN, fed by an embedding that masks: inside, nothing shows the mask."""
    i = keras.Input((7, 6))
    encoder = keras.Model(i, layers.LSTM(4, name="lstm")(layers.Dense(6, name="d")(i)), name="encoder")
    tokens = keras.Input((7,), dtype="int32", name="tokens")
    y = layers.Embedding(11, 6, mask_zero=True, name="embed")(tokens)
    y = encoder(layers.Dropout(0.1, name="drop")(y))
    return keras.Model(tokens, layers.Dense(2, name="out")(y), name="masked_backbone")


def wrappers():
    x = keras.Input((5, 6, 6, 1), name="video")
    y = layers.TimeDistributed(layers.Conv2D(2, 3, name="conv"), name="frames")(x)
    y = layers.TimeDistributed(layers.Flatten(name="flat"), name="flatten")(y)
    y = layers.Bidirectional(layers.GRU(3, return_sequences=True, name="gru"), name="both_ways")(y)
    y = layers.RNN([layers.LSTMCell(4), layers.LSTMCell(3)], name="stacked")(y)
    return keras.Model(x, layers.Dense(2, name="out")(y), name="wrappers")


def mixed_precision():
    policy = keras.dtype_policies.DTypePolicy("mixed_float16")
    x = keras.Input((6,), name="x")
    y = layers.Dense(5, activation="relu", dtype=policy, name="half")(x)
    y = layers.Dense(4, dtype=policy, name="half_too")(y)
    return keras.Model(x, layers.Dense(2, dtype="float32", name="out")(y), name="mixed")


def tied_embedding():
    """One embedding used to read tokens and, reversed, to score them."""
    tokens = keras.Input((5,), dtype="int32", name="tokens")
    embedding = layers.ReversibleEmbedding(13, 6, name="embedding")
    y = layers.Dense(6, name="dense")(embedding(tokens))
    return keras.Model(tokens, embedding(y, reverse=True), name="tied_embedding")


def optional_input():
    x, extra = keras.Input((4,), name="x"), keras.Input((4,), optional=True, name="extra")
    y = layers.Dense(4, name="a")(x)
    y = OrNothing(name="or_nothing")([y, extra])
    return keras.Model([x, extra], layers.Dense(2, name="b")(y), name="optional_input")


@keras.saving.register_keras_serializable(package="zoo")
class OrNothing(keras.layers.Layer):
    def call(self, inputs):
        x, extra = inputs
        return x if extra is None else x + extra

    def compute_output_shape(self, shapes):
        return shapes[0]


def unused_input():
    x, y = keras.Input((4,), name="x"), keras.Input((3,), name="never_read")
    return keras.Model([x, y], layers.Dense(2, name="b")(layers.Dense(3, name="a")(x)), name="unused_input")


def chosen():
    """Two outputs of different dtype from one op; integers inside."""
    x = keras.Input((6,), name="x")
    values, indices = ops.top_k(layers.Dense(6, name="a")(x), 2)
    y = ops.one_hot(indices[:, 0], 6)
    return keras.Model(x, layers.Dense(2, name="b")(ops.concatenate([values, y], axis=-1)), name="chosen")


def unknown_dims():
    image = keras.Input((None, None, 3), name="image")
    y = layers.Conv2D(4, 3, padding="same", name="conv")(image)
    y = layers.Conv2D(4, 3, strides=2, padding="same", name="down")(y)
    return keras.Model(image, layers.GlobalMaxPooling2D(name="pool")(y), name="unknown_dims")


def sparse():
    """A sparse input, and sparse tensors made inside, that cross cuts."""
    x = keras.Input((6,), sparse=True, name="x")
    words = keras.Input((3,), dtype="int32", name="words")
    bag = layers.CategoryEncoding(20, output_mode="multi_hot", sparse=True, name="bag")(words)
    y = layers.Dense(4, name="a")(ops.multiply(x, 2.0))
    return keras.Model([x, words], layers.Dense(2, name="out")(layers.Add(name="add")([y, layers.Dense(4)(bag)])))


def ragged():
    x = keras.Input((None,), ragged=True, dtype="int32", name="x")
    y = layers.Embedding(20, 4, name="embed")(x)
    return keras.Model(x, layers.Dense(2, name="out")(layers.Dense(3, name="a")(y)), name="ragged")


class Scale(keras.layers.Layer):
    """A layer of somebody who never wrote get_config."""

    def __init__(self, by, **kwargs):
        super().__init__(**kwargs)
        self.by, self.weight = by, self.add_weight(shape=(), initializer="ones")

    def call(self, x):
        return x * self.by * self.weight


def no_config():
    x = keras.Input((4,), name="x")
    y = layers.Lambda(lambda t: t * 2.0, name="double")(x)
    y = Scale(3.0, name="scale")(layers.Dense(4, name="dense")(y))
    return keras.Model(x, layers.Dense(2, name="out")(y), name="no_config")


def fixed_batch():
    x = keras.Input(batch_shape=(2, 4), name="x")
    return keras.Model(x, layers.Dense(2, name="out")(layers.Dense(3, name="a")(x)), name="fixed")


def hostile_names():
    x = keras.Input((3,), name="x")
    y = layers.Dense(3, name="<img src=q onerror=alert(1)>")(x)
    y = layers.Dense(3, name='"quoted" \\ name')(y)
    return keras.Model(x, layers.Dense(2, name="${out}")(y), name="hostile")


ALL = [
    sequential,
    residual,
    unet,
    structured,
    siamese,
    tied_loop,
    operators,
    recurrent,
    nested,
    twice,
    attention,
    masked_lstm,
    masked_attention,
    masked_backbone,
    wrappers,
    mixed_precision,
    unknown_dims,
    optional_input,
    chosen,
    fixed_batch,
    hostile_names,
]

if keras.backend.backend() == "tensorflow":  # the one with both
    ALL += [sparse, ragged]

if NEWER_THAN_3_13:  # before, Keras refused an input that no output is computed from
    ALL.append(unused_input)
if hasattr(layers, "ReversibleEmbedding"):  # newer than the oldest Keras we support
    ALL.append(tied_embedding)
