"""Layers of layers as people write them, to be looked into."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("tests")
class Block(layers.Layer):
    """A transformer block as tutorials write it: no word of masks."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.attention = layers.MultiHeadAttention(2, 3)
        self.norm = layers.LayerNormalization()

    def build(self, shape):
        self.attention.build(shape, shape)
        self.norm.build(shape)

    def call(self, x):
        return self.norm(x + self.attention(x, x))


@keras.saving.register_keras_serializable("tests")
class PositionalEmbedding(layers.Layer):
    """As tutorials on translation write it: the sum has no mask, so the layer makes one."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.token = layers.Embedding(10, 4)
        self.position = layers.Embedding(8, 4)

    def call(self, inputs):
        return self.token(inputs) + self.position(ops.arange(ops.shape(inputs)[-1]))

    def compute_mask(self, inputs, mask=None):
        return ops.not_equal(inputs, 0)


@keras.saving.register_keras_serializable("tests")
class Encoder(layers.Layer):
    """Uses the mask that it is given; the attention inside finds the one on its inputs too."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.attention = layers.MultiHeadAttention(2, 3)
        self.norm_1, self.norm_2 = layers.LayerNormalization(), layers.LayerNormalization()
        self.project = keras.Sequential([layers.Dense(5, activation="relu"), layers.Dense(4)])
        self.supports_masking = True

    def build(self, shape):
        self.attention.build(shape, shape)
        for layer in (self.norm_1, self.norm_2, self.project):
            layer.build(shape)

    def call(self, inputs, mask=None):
        padding = None if mask is None else ops.cast(mask[:, None, :], "int32")
        y = self.norm_1(inputs + self.attention(query=inputs, value=inputs, key=inputs, attention_mask=padding))
        return self.norm_2(y + self.project(y))


@keras.saving.register_keras_serializable("tests")
class Decoder(layers.Layer):
    """Gets two tensors, and the masks of both in one argument."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.own, self.cross = layers.MultiHeadAttention(2, 3), layers.MultiHeadAttention(1, 4)
        self.norm = layers.LayerNormalization()
        self.supports_masking = True

    def call(self, inputs, mask=None):
        x, memory = inputs
        mine, others = (None, None) if mask is None else mask
        causal = ops.cast(ops.arange(6)[:, None] >= ops.arange(6), "int32")[None]
        x = x + self.own(query=x, value=x, key=x, attention_mask=causal, query_mask=mine)
        return self.norm(x + self.cross(query=x, value=memory, key=memory, query_mask=mine, key_mask=others))


@keras.saving.register_keras_serializable("tests")
class Scaled(layers.Layer):
    """Multiplies with the mask, and hands it on."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(4)
        self.supports_masking = True

    def call(self, x, mask=None):
        y = self.dense(x)
        return y if mask is None else y * ops.cast(mask, y.dtype)[..., None]


@keras.saving.register_keras_serializable("tests")
class Masking(Block):
    """A block that hands the mask on, though the sum inside loses it and attention takes it off the input."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True


@keras.saving.register_keras_serializable("tests")
class Nest(layers.Layer):
    """Layers of layers inside, some of which use masks."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.scaled, self.block = Scaled(), Masking()
        self.both = layers.Bidirectional(layers.GRU(2, return_sequences=True))

    def call(self, x):
        return self.both(self.block(self.scaled(x)))


@keras.saving.register_keras_serializable("tests")
class Blank(layers.Layer):
    """Rows whose first value is 0 give 0."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(3, name="dense", bias_initializer="ones")

    def call(self, x):
        return self.dense(x) * (1 - ops.cast(x[..., :1] == 0, "float32")) + ops.cast(x != ops.sum(x), "float32")


@keras.saving.register_keras_serializable("tests")
class Heads(layers.Layer):
    """Splits heads with the sizes of its input, of which that of the batch is unknown."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.all, self.out = layers.Dense(24, name="all"), layers.Dense(8, name="out")

    def call(self, x):
        b, t, _ = ops.shape(x)
        q, k, v = (ops.transpose(ops.reshape(y, (b, t, 2, 4)), (0, 2, 1, 3)) for y in ops.split(self.all(x), 3, -1))
        y = ops.matmul(ops.softmax(ops.matmul(q, ops.transpose(k, (0, 1, 3, 2)))), v)
        return self.out(ops.reshape(ops.transpose(y, (0, 2, 1, 3)), (b, t, 8)))
