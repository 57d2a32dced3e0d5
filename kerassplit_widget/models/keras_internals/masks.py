"""Masks that travel hidden, as an attribute of a tensor."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import keras
from keras.src.backend import get_keras_mask, set_keras_mask

from kerassplit_widget.models.keras_internals.graphs import (
    Node,
    copy_tensor,
    function_of,
    inner_layers,
    layers_within,
    node_of,
    place_of,
    refill,
)

__all__ = [
    "Shape",
    "given_mask",
    "handed_masks",
    "hands_on_given_masks",
    "hides_masks",
    "looks_beside_given",
    "made_mask",
    "mask_of",
    "masks_given",
    "observed_masks",
    "set_mask",
    "take_masked",
    "uses_masks",
]

Shape: TypeAlias = tuple[int | None, ...]


def mask_of(tensor: Any) -> Any:
    """Return the mask that travels hidden with a tensor, or None."""
    return getattr(tensor, "_keras_mask", None)


def set_mask(tensor: Any, mask: Any) -> None:
    """Let a mask travel hidden with a tensor."""
    set_keras_mask(tensor, mask)


def made_mask(node: Node, index: int) -> Shape | None:
    """Return the shape of the mask that an output of a call carries, as far as Keras shows it, or None.

    The symbolic output of a nested model never shows a mask; the output inside it does.
    """
    mask = mask_of(node.outputs[index])
    if isinstance(mask, keras.KerasTensor):
        return tuple(mask.shape)
    function = function_of(node.operation)
    if function is None:
        return None
    inner = node_of(function.outputs[index])
    return None if inner is None else made_mask(inner, place_of(function.outputs[index])[2])


def handed_masks(node: Node, shapes: Mapping[int, Shape]) -> list[Shape | None]:
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
    none: list[Shape | None] = [None] * len(node.outputs)
    if not isinstance(operation, keras.layers.Layer) or not operation.supports_masking:
        return none
    values = [*node.arguments.args, *node.arguments.kwargs.values()]

    def mask(tensor: Any) -> Any:
        shape = shapes.get(id(tensor))
        return None if shape is None else keras.KerasTensor(shape, dtype="bool")

    masks = keras.tree.map_structure(mask, values[0]) if values else None
    try:
        # on copies: asking may make ops, which would stay on the user's layers
        inputs = keras.tree.map_structure(_apart, values[0])
        handed = keras.tree.flatten(operation.compute_mask(inputs, masks))
    except Exception:
        return none  # it would fail at run time too
    handed = [*handed, *none][: len(node.outputs)]
    return [None if each is None else tuple(each.shape) for each in handed]


def _apart(value: Any) -> Any:
    return copy_tensor(value) if isinstance(value, keras.KerasTensor) else value


def hides_masks(node: Node, *, masked: bool) -> bool:
    """Tell whether a call may do to masks what Keras does not show before the call is run.

    That is so for layers of layers: masks go on to what is inside, and come out of it. Attention also takes the masks
    off the tensors that it is called on, for all that are called on them afterwards.

    Parameters
    ----------
    node : Node
    masked : bool
        Whether a mask travels with one of its inputs, or is given to it.
    """
    operation = node.operation
    if not isinstance(operation, keras.layers.Layer):
        return False
    inner = operation._layers
    if not inner and not masked:  # most calls
        return _makes_unseen(operation)
    known = type(operation).__module__.startswith("keras.") and not isinstance(operation, keras.Model)
    if not inner:
        return _makes_unseen(operation) or not known
    if masked:
        return not _has_mask_argument(operation)
    inside = layers_within(operation)
    # Keras shows what goes through a graph of layers, but not through layers of layers in it.
    shown = function_of(operation) is not None and not any(map(inner_layers, inside))
    return not known and any(map(_makes_unseen if shown else _makes, inside))


def observed_masks(node: Node, twin: Any, shapes: Mapping[int, Shape]) -> Observed | None:
    """Run a call on zeros, on a twin, to see what it does to the masks that travel with its inputs.

    Parameters
    ----------
    node : Node
    twin : keras.layers.Layer
        Of the layer that is called.
    shapes : mapping of int to tuple
        From the id of an argument that carries a mask to the shape of the mask.

    Returns
    -------
    Observed or None
        None if it cannot be run.
    """
    given: dict[int, Any] = {}

    def example(tensor: keras.KerasTensor) -> Any:
        key = id(tensor)
        if key not in given:
            given[key] = keras.ops.zeros(_filled(tensor.shape), tensor.dtype)
            if key in shapes:
                set_keras_mask(given[key], keras.ops.ones(_filled(shapes[key]), "bool"))
        return given[key]

    try:
        arguments = refill(node, example)
        with keras.StatelessScope(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the mask is destroyed, which is what is to be seen
            results = keras.tree.flatten(twin(*arguments.args, **arguments.kwargs))
        masks = [get_keras_mask(result) for result in results]
    except Exception:
        return None
    made = [None if m is None else tuple(t.shape[: len(m.shape)]) for m, t in zip(masks, node.outputs, strict=True)]
    return Observed(made, frozenset(key for key in shapes if key in given and get_keras_mask(given[key]) is None))


class Observed(NamedTuple):
    """What a call does to masks.

    Attributes
    ----------
    made : list of (tuple or None)
        Shape of the mask that each output carries.
    dropped : frozenset of int
        Ids of the arguments that carry none any more afterwards.
    """

    made: list[Shape | None]
    dropped: frozenset[int]


def _filled(shape: Shape) -> tuple[int, ...]:
    return tuple(2 if dim is None else dim for dim in shape)


def _makes(layer: Any) -> bool:
    return bool(getattr(layer, "mask_zero", False)) or isinstance(layer, keras.layers.Masking)


def _makes_unseen(layer: Any) -> bool:
    """Tell whether a layer makes a mask in ``call`` only."""
    makes = getattr(layer, "mask_zero", False)
    return bool(makes) and getattr(type(layer), "compute_mask", None) is not keras.layers.Embedding.compute_mask


def given_mask(node: Node) -> bool:
    """Tell whether a call is given a mask as an argument, so that it does not use hidden ones.

    Layers of layers may use both: `looks_beside_given`.
    """
    return any(isinstance(value, keras.KerasTensor) for key, value in node.arguments.kwargs.items() if key == "mask")


def masks_given(node: Node) -> set[int]:
    """Return the ids of the tensors that a call is given as ``mask``, ``query_mask`` and the like."""
    given = [value for key, value in node.arguments.kwargs.items() if key == "mask" or key.endswith("_mask")]
    return {id(each) for each in keras.tree.flatten(given) if isinstance(each, keras.KerasTensor)}


def looks_beside_given(node: Node) -> bool:
    """Tell whether a call that is given a mask may use the hidden ones of its inputs as well.

    The layers inside find them on the tensors. Keras's own hand them the mask that is given, as a graph of layers does.
    """
    operation = node.operation
    if not isinstance(operation, keras.layers.Layer) or not inner_layers(operation):
        return False
    return function_of(operation) is None and not _has_mask_argument(operation)


def _has_mask_argument(operation: keras.layers.Layer) -> bool:
    """Tell whether a layer is one of Keras that takes ``mask``."""
    own = type(operation).__module__.startswith("keras.") and not isinstance(operation, keras.Model)
    return own and "mask" in inspect.signature(operation.call).parameters


def hands_on_given_masks() -> bool:
    """Tell whether what a call hands on is the mask that it is given, rather than the hidden one of its input.

    Keras 3.10 hands on the hidden mask even then. Asked of Keras itself, on a layer that is thrown away.
    """
    mask = keras.KerasTensor((None, 1), dtype="bool")
    return mask_of(keras.layers.Softmax()(keras.KerasTensor((None, 1)), mask=mask)) is mask


def uses_masks(node: Node) -> bool:
    """Tell whether a call may use a hidden mask of its inputs.

    Keras fills ``mask`` from the only tensor argument, and ``query_mask`` and the like from the argument ``query``,
    where these are parameters of ``call`` and are not given. A layer of layers hands masks on to what is inside.
    """
    operation = node.operation
    if not isinstance(operation, keras.layers.Layer):
        return False
    if isinstance(operation, _MERGING) or inner_layers(operation):
        return True
    parameters = inspect.signature(operation.call).parameters
    return any(
        (name == "mask" or (name.endswith("_mask") and name.removesuffix("_mask") in parameters))
        and node.arguments.kwargs.get(name) is None
        for name in parameters
    )


_MERGING = (keras.layers.Multiply, keras.layers.Maximum, keras.layers.Minimum)
"""Layers that look at the masks of what they merge."""


def take_masked(model: keras.Model) -> None:
    """Let a model take tensors that masks travel with, and hand none on, without Keras's warning that they are lost.

    Parameters
    ----------
    model : keras.Model
        Is fed the masks that are needed in it as tensors.
    """
    model.supports_masking = True
    model.compute_mask = _hands_no_mask_on


def _hands_no_mask_on(inputs: Any, previous_mask: Any) -> None:
    """Stand in the place of ``compute_mask``."""
