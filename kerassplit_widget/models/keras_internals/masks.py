"""Masks that travel hidden, as an attribute of a tensor."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import keras

from kerassplit_widget.models.keras_internals.graphs import Node, function_of, node_of, place_of

__all__ = [
    "given_mask",
    "handed_masks",
    "made_mask",
    "mask_of",
    "uses_masks",
]


def mask_of(tensor: Any) -> Any:
    """Return the mask that travels hidden with a tensor, or None."""
    return getattr(tensor, "_keras_mask", None)


def made_mask(node: Node, index: int) -> tuple[int | None, ...] | None:
    """Return the shape of the mask that an output of a call carries, as far as Keras shows it, or None.

    The symbolic output of a nested model never shows a mask; the output inside it does.
    """
    mask = mask_of(node.outputs[index])
    if mask is not None:
        return tuple(mask.shape)
    function = function_of(node.operation)
    if function is None:
        return None
    inner = node_of(function.outputs[index])
    return None if inner is None else made_mask(inner, place_of(function.outputs[index])[2])


def handed_masks(node: Node, shapes: Mapping[int, tuple[int | None, ...]]) -> list[tuple[int | None, ...] | None]:
    """Work out which masks a call hands on at run time, from those that travel hidden with its inputs.

    Parameters
    ----------
    node : Node
    shapes : mapping of int to tuple
        From the id of an argument that carries a mask to the shape of the mask.

    Returns
    -------
    list of (tuple or None)
        For each output. Keras looks at the mask of the first argument, and asks ``compute_mask`` what becomes of it.
    """
    operation = node.operation
    none: list[tuple[int | None, ...] | None] = [None] * len(node.outputs)
    if not isinstance(operation, keras.layers.Layer) or not operation.supports_masking:
        return none
    values = [*node.arguments.args, *node.arguments.kwargs.values()]

    def mask(tensor: Any) -> Any:
        shape = shapes.get(id(tensor))
        return None if shape is None else keras.KerasTensor(shape, dtype="bool")

    masks = keras.tree.map_structure(mask, values[0]) if values else None
    if all(each is None for each in keras.tree.flatten(masks)):
        return none
    try:
        handed = keras.tree.flatten(operation.compute_mask(values[0], masks))
    except Exception:
        return none  # it would fail at run time too
    handed = [*handed, *none][: len(node.outputs)]
    return [None if each is None else tuple(each.shape) for each in handed]


def given_mask(node: Node) -> bool:
    """Tell whether a call is given a mask as an argument, so that Keras does not look for hidden ones."""
    return any(isinstance(value, keras.KerasTensor) for key, value in node.arguments.kwargs.items() if key == "mask")


def uses_masks(node: Node) -> bool:
    """Tell whether a call would use a hidden mask of its inputs.

    Keras fills ``mask`` from the only tensor argument, and ``query_mask`` and the like from the argument ``query``,
    where these are parameters of ``call`` and are not given.
    """
    operation = node.operation
    if not isinstance(operation, keras.layers.Layer):
        return False
    parameters = inspect.signature(operation.call).parameters
    return any(
        (name == "mask" or (name.endswith("_mask") and name.removesuffix("_mask") in parameters))
        and node.arguments.kwargs.get(name) is None
        for name in parameters
    )
