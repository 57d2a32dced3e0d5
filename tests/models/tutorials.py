"""Subclassed models as they are written in tutorials, small."""

import keras
import numpy as np
from keras import layers, ops

RANDOM = np.random.default_rng(0)
IDS, OTHER_IDS = RANDOM.integers(1, 30, (3, 7)), RANDOM.integers(1, 30, (3, 5))
IMAGES = RANDOM.random((3, 8, 8, 3)).astype("float32")
NOISE = RANDOM.random((3, 6)).astype("float32")


class Block(layers.Layer):
    def __init__(self, causal=False):
        super().__init__()
        self.causal = causal
        self.attention = layers.MultiHeadAttention(2, 4)
        self.feed = keras.Sequential([layers.Dense(16, activation="relu"), layers.Dense(8)])
        self.norms = [layers.LayerNormalization(epsilon=1e-6) for _ in range(2)]
        self.drop = layers.Dropout(0.1)

    def call(self, x, training=None):
        mask = None
        if self.causal:
            length = ops.shape(x)[1]
            mask = ops.arange(length)[:, None] >= ops.arange(length)
        x = self.norms[0](x + self.drop(self.attention(x, x, attention_mask=mask), training=training))
        return self.norms[1](x + self.drop(self.feed(x), training=training))


class TokenAndPosition(layers.Layer):
    def __init__(self):
        super().__init__()
        self.tokens, self.positions = layers.Embedding(30, 8), layers.Embedding(20, 8)

    def call(self, x):
        positions = self.positions(ops.arange(start=0, stop=ops.shape(x)[-1], step=1))
        return self.tokens(x) + positions


class TextClassifier(keras.Model):
    def __init__(self):
        super().__init__()
        self.tokens, self.positions = layers.Embedding(30, 8), layers.Embedding(20, 8)
        self.block, self.pool, self.out = Block(), layers.GlobalAveragePooling1D(), layers.Dense(2)

    def call(self, ids, training=None):
        x = self.tokens(ids) + self.positions(ops.arange(ops.shape(ids)[-1]))
        return self.out(self.pool(self.block(x, training=training)))


class Gpt(keras.Model):
    def __init__(self):
        super().__init__()
        self.tokens, self.positions = layers.Embedding(30, 8), layers.Embedding(20, 8)
        self.drop, self.block = layers.Dropout(0.1), Block(causal=True)
        self.norm, self.head = layers.LayerNormalization(), layers.Dense(30, use_bias=False)

    def call(self, ids, training=None):
        _, length = ops.shape(ids)
        x = self.drop(self.tokens(ids) + self.positions(ops.arange(length)[None, :]), training=training)
        return self.head(self.norm(self.block(x, training=training)))


class TiedGpt(Gpt):
    def call(self, ids, training=None):
        x = self.tokens(ids) + self.positions(ops.arange(ops.shape(ids)[1]))
        return ops.matmul(self.norm(self.block(x)), ops.transpose(self.tokens.embeddings))


class Patches(layers.Layer):
    def call(self, images):
        _, height, width, channels = ops.shape(images)
        patches = ops.image.extract_patches(images, size=4)
        return ops.reshape(patches, (-1, (height // 4) * (width // 4), 16 * channels))


class Vit(keras.Model):
    """The class token is an embedding of its own."""

    def __init__(self):
        super().__init__()
        self.patches, self.project = Patches(), layers.Dense(8)
        self.token, self.positions = layers.Embedding(1, 8), layers.Embedding(5, 8)
        self.block, self.head = Block(), layers.Dense(3)

    def call(self, images, training=None):
        x = self.project(self.patches(images))
        token = self.token(ops.zeros((1, 1), dtype="int32")) + ops.zeros_like(x[:, :1])
        x = ops.concatenate([token, x], axis=1) + self.positions(ops.arange(5))
        return self.head(self.block(x, training=training)[:, 0])


class WeightVit(Vit):
    """The class token is a weight."""

    def __init__(self):
        super().__init__()
        self.token = self.add_weight(shape=(1, 1, 8), name="token")

    def call(self, images):
        x = self.project(self.patches(images))
        token = ops.broadcast_to(self.token, (ops.shape(x)[0], 1, 8))
        return self.head(self.block(ops.concatenate([token, x], axis=1))[:, 0])


class TwoTowers(keras.Model):
    def __init__(self):
        super().__init__()
        self.words = layers.Embedding(30, 8)
        self.query, self.doc = (keras.Sequential([layers.Dense(8), layers.Dense(4)], name=n) for n in ("q", "d"))
        self.match = layers.Dot(axes=1, normalize=True)

    def call(self, query, doc):
        return self.match(
            [self.query(ops.mean(self.words(query), axis=1)), self.doc(ops.mean(self.words(doc), axis=1))]
        )


class Sampling(layers.Layer):
    def __init__(self):
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator(1)

    def call(self, inputs):
        mean, variance = inputs
        noise = keras.random.normal(shape=ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * variance) * noise


class Vae(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv, self.flat = layers.Conv2D(4, 3, 2, padding="same", activation="relu"), layers.Flatten()
        self.mean, self.variance, self.sampling = layers.Dense(2), layers.Dense(2), Sampling()
        self.decoder = keras.Sequential(
            [layers.Dense(64), layers.Reshape((4, 4, 4)), layers.Conv2DTranspose(3, 3, 2, padding="same")]
        )

    def call(self, images):
        x = self.flat(self.conv(images))
        mean, variance = self.mean(x), self.variance(x)
        return mean, variance, self.decoder(self.sampling([mean, variance]))


class VaeWithLoss(Vae):
    def call(self, images):
        mean, variance, result = super().call(images)
        self.add_loss(ops.mean(variance - mean))
        return result


class Generator(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense, self.reshape = layers.Dense(2 * 2 * 8, use_bias=False), layers.Reshape((2, 2, 8))
        self.norms = [layers.BatchNormalization() for _ in range(2)]
        self.act = layers.LeakyReLU(negative_slope=0.2)
        self.up = layers.Conv2DTranspose(4, 5, 2, padding="same", use_bias=False)
        self.out = layers.Conv2DTranspose(3, 5, 2, padding="same", activation="tanh")

    def call(self, noise, training=False):
        x = self.reshape(self.act(self.norms[0](self.dense(noise), training=training)))
        return self.out(self.act(self.norms[1](self.up(x), training=training)))


class Decoder(layers.Layer):
    def __init__(self):
        super().__init__()
        self.own, self.cross = layers.MultiHeadAttention(2, 4), layers.MultiHeadAttention(2, 4)
        self.feed, self.norm = layers.Dense(8), layers.LayerNormalization()

    def call(self, x, context):
        x = x + self.own(x, x, use_causal_mask=True)
        return self.norm(self.feed(x + self.cross(x, context)))


class Translator(keras.Model):
    def __init__(self):
        super().__init__()
        self.words, self.other_words = TokenAndPosition(), TokenAndPosition()
        self.encoder, self.decoder, self.out = Block(), Decoder(), layers.Dense(30)

    def call(self, source, target, training=None):
        context = self.encoder(self.words(source), training=training)
        return self.out(self.decoder(self.other_words(target), context))


class Unet(keras.Model):
    def __init__(self):
        super().__init__()
        self.down = [layers.Conv2D(4 * 2**i, 3, padding="same", activation="relu") for i in range(3)]
        self.up = [layers.Conv2DTranspose(4 * 2**i, 2, 2) for i in (1, 0)]
        self.conv = [layers.Conv2D(4 * 2**i, 3, padding="same", activation="relu") for i in (1, 0)]
        self.pool, self.out = layers.MaxPooling2D(), layers.Conv2D(2, 1)

    def call(self, x):
        skips = []
        for conv in self.down[:-1]:
            skips.append(conv(x))
            x = self.pool(skips[-1])
        x = self.down[-1](x)
        for up, conv, skip in zip(self.up, self.conv, reversed(skips), strict=True):
            x = conv(ops.concatenate([up(x), skip], axis=-1))
        return self.out(x)


class ResidualBlock(layers.Layer):
    def __init__(self, filters, strides=1):
        super().__init__()
        self.convs = [layers.Conv2D(filters, 3, s, padding="same", use_bias=False) for s in (strides, 1)]
        self.norms = [layers.BatchNormalization() for _ in range(2)]
        self.shortcut = layers.Conv2D(filters, 1, strides) if strides > 1 else layers.Identity()

    def call(self, x, training=None):
        y = ops.relu(self.norms[0](self.convs[0](x), training=training))
        return ops.relu(self.norms[1](self.convs[1](y), training=training) + self.shortcut(x))


class Resnet(keras.Model):
    def __init__(self):
        super().__init__()
        self.stem = keras.Sequential([layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization(), layers.ReLU()])
        self.stages = [[ResidualBlock(4)], [ResidualBlock(8, 2), ResidualBlock(8)]]
        self.pool, self.out = layers.GlobalAveragePooling2D(), layers.Dense(3)

    def call(self, x, training=None):
        x = self.stem(x, training=training)
        for stage in self.stages:
            for block in stage:
                x = block(x, training=training)
        return self.out(self.pool(x))


class Mixing(layers.Layer):
    def __init__(self):
        super().__init__()
        self.across = keras.Sequential([layers.Dense(4, activation="gelu"), layers.Dense(4), layers.Dropout(0.2)])
        self.along = keras.Sequential([layers.Dense(8, activation="gelu"), layers.Dense(8), layers.Dropout(0.2)])
        self.norm = layers.LayerNormalization()

    def call(self, x, training=None):
        y = self.across(ops.transpose(self.norm(x), (0, 2, 1)), training=training)
        x = x + ops.transpose(y, (0, 2, 1))
        return x + self.along(self.norm(x), training=training)


class Mixer(keras.Model):
    def __init__(self):
        super().__init__()
        self.patches, self.project, self.positions = Patches(), layers.Dense(8), layers.Embedding(4, 8)
        self.blocks, self.out = keras.Sequential([Mixing(), Mixing()]), layers.Dense(3)

    def call(self, images, training=None):
        x = self.project(self.patches(images)) + self.positions(ops.arange(4))
        return self.out(ops.mean(self.blocks(x, training=training), axis=1))


TUTORIALS = {
    TextClassifier: ([IDS], None),
    Gpt: ([IDS], None),
    Vit: ([IMAGES], None),
    TwoTowers: ([IDS, OTHER_IDS], {"doc": (None, 5)}),
    Vae: ([IMAGES], None),
    Generator: ([NOISE], None),
    Translator: ([IDS, OTHER_IDS], {"target": (None, 5)}),
    Unet: ([IMAGES], None),
    Resnet: ([IMAGES], None),
    Mixer: ([IMAGES], None),
}
"""Those that can be read: what they are called on, and the shapes that are needed."""

REFUSED = {
    TiedGpt: ([IDS], None, "may use some of them directly"),
    WeightVit: ([IMAGES], (2, 8, 8, 3), "may use some of them directly"),
    VaeWithLoss: ([IMAGES], None, "add_loss"),
    TwoTowers: ([IDS, OTHER_IDS], None, r"takes query, doc.*input_shapes=\{'doc'"),
}
"""Those that cannot, with the reason."""
