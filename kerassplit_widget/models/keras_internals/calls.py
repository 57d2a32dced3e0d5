"""What Keras keeps while a layer is called, and what a call leaves on it."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import keras

from kerassplit_widget.models.keras_internals.graphs import layers_within

__all__ = ["inside_call", "keep_losses", "training_inside"]


@contextlib.contextmanager
def inside_call(layer: Any, training: bool | None) -> Iterator[None]:
    """Let layers find themselves inside a call of a layer, where its ``call`` is run without Keras.

    Parameters
    ----------
    layer : keras.layers.Layer
        Should be a twin: at the beginning of a call Keras drops the losses of the last one.
    training : bool or None
        What it is called with; None for what its ``call`` has by default.
    """
    parameter = inspect.signature(layer.call).parameters.get("training")
    if training is None and parameter is not None and parameter.default is not parameter.empty:
        training = parameter.default
    context = layer._get_call_context()
    before = context.get_value("training")
    context.set_value("training", training)
    try:
        yield
    finally:
        context.set_value("training", before)
        layer._maybe_reset_call_context()


def training_inside(layer: keras.layers.Layer) -> bool | None:
    """Return what a layer gets as ``training`` if it is called now and not given any, inside the call of another."""
    training: bool | None = layer._get_call_context().get_value("training")
    return training


def keep_losses(model: keras.Model) -> Callable[[], None]:
    """Take down the losses that the last call of a model has added; the next one would drop them.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    callable
        Puts them back.
    """
    kept = [(each, list(each._losses), set(each._loss_ids)) for each in (model, *layers_within(model))]

    def put_back() -> None:
        for layer, losses, ids in kept:
            layer._losses[:] = losses
            layer._loss_ids.clear()
            layer._loss_ids.update(ids)

    return put_back
