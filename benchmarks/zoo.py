"""The graphs that layouts are judged on: models as they are read, and graphs that are hard to draw.

Models come as they are read, what is drawn up by hand as successor lists; all is made when asked for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import keras
from keras import layers

import kerassplit_widget as ks
from benchmarks.drawing import Drawing, Graph
from kerassplit_widget.structure.graph import LayerGraph

__all__ = ["Named", "applications", "backbones", "hand_made"]

Named = tuple[str, Callable[[], Graph | LayerGraph]]


def applications() -> Iterator[Named]:
    """Yield every architecture of ``keras.applications``, on the smallest images that it takes."""
    for name, make in sorted(vars(keras.applications).items()):
        if inspect.isfunction(make):
            yield name, partial(_read, partial(_smallest, make))


def _read(make: Callable[[], keras.Model], **options: Any) -> LayerGraph:
    keras.backend.clear_session()
    return ks.read(make(), **options)


def _smallest(make: Callable[..., Any]) -> keras.Model:
    for side in (32, 71, 75, 128, 224):
        try:
            return make(weights=None, include_top=False, input_shape=(side, side, 3))
        except ValueError:
            continue
    return make(weights=None)


def backbones() -> Iterator[Named]:
    """Yield transformers with masks: block by block, and every call inside the blocks."""
    import keras_hub  # type: ignore[import-untyped]  # ships no type information

    small = {"vocabulary_size": 40, "num_layers": 4, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 16}
    length = {"token_ids": (1, 6), "padding_mask": (1, 6)}
    both = {f"{side}_{key}": shape for side in ("encoder", "decoder") for key, shape in length.items()}
    for name, config, shapes in (
        ("GPT2", {**small, "max_sequence_length": 12}, length),
        ("Bert", {**small, "max_sequence_length": 12}, {**length, "segment_ids": (1, 6)}),
        ("Bart", {**small, "max_sequence_length": 12}, both),
        ("T5", small, both),
    ):
        make = partial(getattr(keras_hub.models, f"{name}Backbone"), **config)
        yield name, partial(_read, make)
        yield f"{name}, all calls", partial(_read, make, expand="all", input_shapes=shapes)


def hand_made() -> Iterator[Named]:
    """Yield architectures that ``keras.applications`` lacks."""
    for make in (_unet, _unet_plus_plus, _dense_block, _two_dense_blocks, _translator, _branches):
        yield make.__name__.lstrip("_"), partial(_read, make)
    yield "gpt", partial(_gpt, 6)
    yield "t5", partial(_t5, 4)


def _convolved(x: Any, filters: int) -> Any:
    return layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same")(x)))


def _unet(depth: int = 4) -> keras.Model:
    image = x = keras.Input((32, 32, 3))
    skips = []
    for _ in range(depth):
        x = _convolved(_convolved(x, 4), 4)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = _convolved(x, 4)
    for skip in reversed(skips):
        x = layers.Concatenate()([skip, layers.UpSampling2D()(x)])
        x = _convolved(_convolved(x, 4), 4)
    return keras.Model(image, layers.Conv2D(1, 1)(x))


def _unet_plus_plus(depth: int = 4) -> keras.Model:
    """Build the nested U-Net (Zhou et al., 2018): node (i, j) reads all (i, <j) and (i + 1, j - 1)."""
    image = x = keras.Input((32, 32, 3))
    nodes = {}
    for i in range(depth + 1):
        nodes[i, 0] = _convolved(x, 4)
        x = layers.MaxPooling2D()(nodes[i, 0]) if i < depth else None
    for j in range(1, depth + 1):
        for i in range(depth + 1 - j):
            below = layers.UpSampling2D()(nodes[i + 1, j - 1])
            nodes[i, j] = _convolved(layers.Concatenate()([*(nodes[i, k] for k in range(j)), below]), 4)
    return keras.Model(image, [layers.Conv2D(1, 1)(nodes[0, j]) for j in range(1, depth + 1)])


def _all_to_all(x: Any, steps: int) -> Any:
    made = [x]
    for _ in range(steps):
        joined = layers.Concatenate()(made) if len(made) > 1 else made[0]
        made.append(_convolved(joined, 2))
    return layers.Concatenate()(made)


def _dense_block(steps: int = 6) -> keras.Model:
    image = keras.Input((8, 8, 3))
    return keras.Model(image, _all_to_all(image, steps))


def _two_dense_blocks() -> keras.Model:
    image = keras.Input((8, 8, 3))
    x = _convolved(_all_to_all(_convolved(image, 4), 4), 4)
    return keras.Model(image, layers.Conv2D(1, 1)(_all_to_all(x, 4)))


def _translator() -> keras.Model:
    """Build a sequence-to-sequence model of LSTMs with masks, attention and states handed over."""
    source, target = keras.Input((7,)), keras.Input((5,))
    embedded = layers.Embedding(20, 6, mask_zero=True)(source)
    made, *states = layers.LSTM(6, return_sequences=True, return_state=True)(embedded)
    embedded = layers.Embedding(20, 6, mask_zero=True)(target)
    decoded, *_ = layers.LSTM(6, return_sequences=True, return_state=True)(embedded, initial_state=states)
    seen = layers.Attention()([decoded, made])
    return keras.Model([source, target], layers.Dense(20)(layers.Concatenate()([decoded, seen])))


def _branches() -> keras.Model:
    """Build three inputs that meet in pairs, and four outputs on the way."""
    inputs = [keras.Input((4,)) for _ in range(3)]
    made = [layers.Dense(4)(layers.Dense(4)(x)) for x in inputs]
    pairs = [layers.Concatenate()(pair) for pair in (made[:2], made[1:])]
    seen = [layers.Dense(4)(pair) for pair in pairs]
    body = layers.Dense(4)(layers.Add()(seen))
    return keras.Model(inputs, [layers.Dense(1)(x) for x in (*seen, body, layers.Dense(3)(body))])


def _gpt(blocks: int) -> Graph:
    net = Drawing()
    tokens, padding = net.call(), net.call()
    mask = net.call(padding, tokens)
    x = net.call(net.call(tokens), net.call(tokens))
    for _ in range(blocks):
        x = net.feed_forward(net.self_attention(x, mask))
    net.call(net.call(x))
    return net.successors


def _t5(blocks: int) -> Graph:
    """Draw an encoder and a decoder; each has a mask and a position bias that all its blocks read."""
    net = Drawing()
    source, source_padding, target, target_padding = (net.call() for _ in range(4))
    mask, bias = net.call(source_padding), net.call(source)
    memory = net.call(source)
    for _ in range(blocks):
        memory = net.feed_forward(net.self_attention(memory, mask, bias))
    memory = net.call(memory)
    causal, bias = net.call(target_padding), net.call(target)
    x = net.call(target)
    for _ in range(blocks):
        x = net.attention(net.self_attention(x, causal, bias), memory, mask)
        x = net.feed_forward(x)
    net.call(x)
    return net.successors
