"""What is written into notebook cells: the models that people look at, and the widget on them."""

from __future__ import annotations

__all__ = ["LOOKED_AT", "MODELS", "widget_on"]

_UNET = """
def unet(depth=4):
    x = y = keras.Input((128, 128, 3), name="image")
    skips = []
    for i in range(depth):
        for j in "ab":
            y = layers.Conv2D(16 * 2**i, 3, padding="same", name=f"down{i}_{j}_conv")(y)
            y = layers.BatchNormalization(name=f"down{i}_{j}_bn")(y)
            y = layers.ReLU(name=f"down{i}_{j}_relu")(y)
        skips.append(y)
        y = layers.MaxPooling2D(name=f"down{i}_pool")(y)
    y = layers.Conv2D(16 * 2**depth, 3, padding="same", activation="relu", name="bottom")(y)
    for i in reversed(range(depth)):
        y = layers.UpSampling2D(name=f"up{i}")(y)
        y = layers.Concatenate(name=f"up{i}_concat")([skips[i], y])
        for j in "ab":
            y = layers.Conv2D(16 * 2**i, 3, padding="same", name=f"up{i}_{j}_conv")(y)
            y = layers.BatchNormalization(name=f"up{i}_{j}_bn")(y)
            y = layers.ReLU(name=f"up{i}_{j}_relu")(y)
    return keras.Model(x, layers.Conv2D(1, 1, activation="sigmoid", name="segmentation")(y), name="unet")

model = unet()
"""

_BERT = """
def bert(blocks=6, width=128):
    tokens = keras.Input((64,), dtype="int32", name="token_ids")
    segments = keras.Input((64,), dtype="int32", name="segment_ids")
    padding = keras.Input((64,), dtype="bool", name="padding_mask")
    mask = ops.expand_dims(padding, 1)
    y = layers.Embedding(3000, width, name="token_embedding")(tokens)
    y = layers.Add(name="embeddings")([y, layers.Embedding(2, width, name="segment_embedding")(segments)])
    y = layers.LayerNormalization(name="embeddings_norm")(y)
    for i in range(blocks):
        a = layers.MultiHeadAttention(4, width // 4, name=f"block_{i}_attention")(
            query=y, value=y, attention_mask=mask
        )
        y = layers.LayerNormalization(name=f"block_{i}_attention_norm")(layers.Add(name=f"block_{i}_add_1")([y, a]))
        f = layers.Dense(4 * width, activation="gelu", name=f"block_{i}_wide")(y)
        f = layers.Dense(width, name=f"block_{i}_narrow")(f)
        y = layers.LayerNormalization(name=f"block_{i}_norm")(layers.Add(name=f"block_{i}_add_2")([y, f]))
    return keras.Model(
        [tokens, segments, padding],
        {
            "pooled": layers.Dense(width, activation="tanh", name="pooler")(y[:, 0]),
            "sequence": layers.Dense(3000, name="masked_language")(y),
        },
        name="bert_like",
    )

model = bert()
"""

_SEQ2SEQ = """
def seq2seq(units=64):
    source = keras.Input((20,), dtype="int32", name="source_tokens")
    target = keras.Input((24,), dtype="int32", name="target_tokens")
    x = layers.Embedding(1000, units, mask_zero=True, name="source_embedding")(source)
    x, h, c = layers.LSTM(units, return_sequences=True, return_state=True, name="encoder")(x)
    y = layers.Embedding(1200, units, mask_zero=True, name="target_embedding")(target)
    y = layers.LSTM(units, return_sequences=True, name="decoder")(y, initial_state=[h, c])
    a = layers.Attention(name="attention")([y, x])
    y = layers.Concatenate(name="context")([y, a])
    return keras.Model([source, target], layers.Dense(1200, activation="softmax", name="words")(y), name="seq2seq")

model = seq2seq()
"""

_SIAMESE = """
def siamese():
    image = keras.Input((64, 64, 3))
    y = image
    for i, width in enumerate((16, 32, 64)):
        y = layers.Conv2D(width, 3, strides=2, padding="same", activation="relu", name=f"conv_{i}")(y)
    embed = keras.Model(image, layers.GlobalAveragePooling2D(name="pool")(y), name="embed")
    left, right = keras.Input((64, 64, 3), name="left"), keras.Input((64, 64, 3), name="right")
    table = keras.Input((8,), name="table")
    tower = layers.Dense(32, activation="relu", name="tower")
    a, b = tower(embed(left)), tower(embed(right))
    y = layers.Concatenate(name="both")([layers.Subtract(name="difference")([a, b]), table])
    return keras.Model([left, right, table], layers.Dense(1, activation="sigmoid", name="same")(y), name="siamese")

model = siamese()
"""

_APPLICATIONS = ("ResNet50", "NASNetLarge", "MobileNetV2", "DenseNet121", "EfficientNetB0")

MODELS = {
    **{name: f"model = keras.applications.{name}(weights=None)" for name in _APPLICATIONS},
    "unet": _UNET,
    "bert": _BERT,
    "seq2seq": _SEQ2SEQ,
    "siamese": _SIAMESE,
    "slow": """
import time

class Slow(layers.Layer):
    def call(self, x):
        time.sleep(0.25)
        return x + 1

x = y = keras.Input((8,), name="x")
for i in range(8):
    y = Slow(name=f"slow_{i}")(y)
model = keras.Model(x, y, name="slow")
""",
    "small": """
x = y = keras.Input((8,), name="x")
for i in range(6):
    y = layers.Dense(8, name=f"dense_{i}")(y)
model = keras.Model(x, y, name="small")
""",
}
"""Code that makes ``model``, by a name for people."""

LOOKED_AT = ("ResNet50", "NASNetLarge", "unet", "bert", "seq2seq", "siamese")


def widget_on(model: str, arguments: str = "") -> str:
    """Return a cell that shows the widget ``w`` on one of the models."""
    return f"""
import keras
from keras import layers, ops
import kerassplit_widget as ks
{MODELS[model].strip()}
w = ks.SplitWidget(model{", " if arguments else ""}{arguments})
w
"""
