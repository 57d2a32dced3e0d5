"""What Keras keeps while a layer is called, and what a call leaves on it."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
from keras.src.ops.numpy import Reshape

from kerassplit_widget.models.keras_internals.graphs import (
    Node,
    function_of,
    layers_within,
    nodes_in_order,
    takes_training,
)

__all__ = [
    "as_call_takes",
    "handing_on_training",
    "inside_call",
    "keep_losses",
    "put_in_place",
    "recording_plainly",
    "training_after",
    "training_inside",
]


def as_call_takes(layer: keras.layers.Layer, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keywords of a call as ``call`` gets them: Keras drops a ``training`` that it does not take.

    Parameters
    ----------
    layer : keras.layers.Layer
    keywords : mapping of str to object
        As the layer is called with them.
    """
    dropped = () if takes_training(layer) else ("training",)
    return {key: value for key, value in keywords.items() if key not in dropped}


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
    training = _default_training(layer) if training is None else training
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


@contextlib.contextmanager
def handing_on_training(layer: Any, training: bool | None) -> Iterator[None]:
    """Let the layers called after one get the ``training`` that it has got, inside the call of another.

    So it is when they are run. Where a model is called on symbolic tensors, Keras asks what is in it without any, and
    the layers called next get what these were made with.

    Parameters
    ----------
    layer : keras.layers.Layer
    training : bool or None
        What it is called with.
    """
    context = layer._get_call_context()
    got = context.get_value("training") if training is None else training
    yield
    if got is not None:
        context.set_value("training", got)


@contextlib.contextmanager
def recording_plainly() -> Iterator[None]:
    """Let two things be calls on symbolic tensors that are on others, when they are called by a layer.

    ``x == 0``: Keras gives symbolic tensors all operators but this one, which would be False whatever the values are.
    And ``ops.reshape(x, (batch, 4, 2))`` with the one size that is unknown.
    """
    own, reshape = vars(keras.KerasTensor).get("__eq__"), Reshape.__init__

    def initialise(self: Any, newshape: Any, **kwargs: Any) -> None:
        if isinstance(newshape, list | tuple) and [*newshape].count(None) == 1 and -1 not in newshape:
            newshape = tuple(-1 if size is None else size for size in newshape)
        reshape(self, newshape, **kwargs)

    keras.KerasTensor.__eq__, Reshape.__init__ = _equals, initialise
    try:
        yield
    finally:
        Reshape.__init__ = reshape
        if own is None:
            del keras.KerasTensor.__eq__
        else:  # of a trace around this one, or of a Keras that has it
            keras.KerasTensor.__eq__ = own


def _equals(tensor: Any, other: Any) -> Any:
    kinds = (keras.KerasTensor, keras.Variable, np.ndarray, np.generic, bool, int, float)
    known = isinstance(other, kinds) or keras.ops.is_tensor(other)
    return keras.ops.equal(tensor, other) if known else NotImplemented


def training_after(node: Node, training: bool | None) -> bool | None:
    """Tell what layers called after a call get as ``training``, inside the call of a model that got none.

    Keras hands on what the layer called last has got, were it only by the default of its ``call``.

    Parameters
    ----------
    node : Node
        The call.
    training : bool or None
        What it gets itself.
    """
    if training is not None:
        return training
    function = function_of(node.operation)
    if function is None:
        trains = any(_default_training(layer) is True for layer in layers_within(node.operation))
        return True if trains else None
    for inner in nodes_in_order(function):
        if isinstance(inner.operation, keras.layers.Layer):
            given = inner.arguments.kwargs.get("training")
            training = training_after(inner, training if given is None else given)
    return training


def _default_training(layer: keras.layers.Layer) -> bool | None:
    """Return what ``call`` of a layer takes for ``training`` if it is given none."""
    parameter = inspect.signature(layer.call).parameters.get("training")
    default: bool | None = None if parameter is None or parameter.default is parameter.empty else parameter.default
    return default


def put_in_place(made: keras.KerasTensor, tensor: keras.KerasTensor) -> None:
    """Let a symbolic tensor that calls were recorded on, and that no call has made, be what one has made.

    Parameters
    ----------
    made : keras.KerasTensor
        What the call has made so far.
    tensor : keras.KerasTensor
    """
    history = tensor._keras_history = made._keras_history
    history.operation._inbound_nodes[history.node_index].outputs[history.tensor_index] = tensor


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
