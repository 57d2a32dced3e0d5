"""What the first dimension of a tensor holds: an example of the batch each, or several rows of one.

Windows of an image, patches, and the steps of a sequence are often folded into it (``reshape(x, (-1, 7, 7, c))``).
Keras shows the first dimension as unknown all the same, but a tensor has so many times the bytes then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras

from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.keras_internals import counting as details
from kerassplit_widget.models.twins import Twins

__all__ = ["Rows", "keeps_batch", "rows_of"]

Rows: TypeAlias = Callable[[keras.KerasTensor], int | None]
"""Tells how many rows of a tensor are of one example; None if that is unknown."""

_SIZES = ((1, 3), (2, 3), (2, 5))
"""Examples in the batch, and what stands for other unknown dimensions, at which shapes are asked for."""


def keeps_batch(operation: Any) -> bool:
    """Tell whether the first dimension of what a call makes is that of what it is fed: so it is in layers of Keras."""
    cls = type(operation)
    if getattr(keras.layers, cls.__name__, None) is not cls or cls is keras.layers.Lambda:
        return False
    return not (cls is keras.layers.Concatenate and operation.axis == 0)


def rows_of(node: internals.Node, fed: Rows) -> list[int | None]:
    """Find how many rows of each output of a call are of one example of the batch.

    Parameters
    ----------
    node : Node
    fed : callable
        Tells it of the inputs of the call.

    Returns
    -------
    list of (int or None)
        1 where the first dimension is known. Other layers than those of Keras are taken to keep the batch, unless what
        they make for a row is smaller than what they are fed, or they are fed several rows of an example: then they
        are asked for their shapes, and if these do not tell, what they return is followed.
    """
    outputs = [tuple(tensor.shape) for tensor in node.outputs]
    if node.is_input or all(_is_known(shape) for shape in outputs):
        return [1] * len(outputs)
    inputs = [tensor for tensor in node.input_tensors if not _is_known(tensor.shape)]
    rows = {fed(tensor) for tensor in inputs}
    same = next(iter(rows)) if len(rows) == 1 else None
    operation = node.operation
    foreign = isinstance(operation, keras.layers.Layer) and not type(operation).__module__.startswith("keras.")
    if keeps_batch(operation) or (foreign and same == 1 and not _shrinks(node)):
        return [same] * len(outputs)
    if None in rows:
        return [None] * len(outputs)
    function = internals.function_of(operation)
    if function is not None:
        return _through(function, [fed(tensor) for tensor in keras.tree.flatten(node.arguments.args)])
    try:
        asked = [_shapes(node, fed, batch, size) for batch, size in _SIZES]
    except Exception:  # it cannot say
        return [same if foreign else None] * len(outputs)
    return [1 if _is_known(shape) else _factor(firsts) for shape, *firsts in zip(outputs, *asked, strict=True)]


def _is_known(shape: Sequence[int | None]) -> bool:
    return not shape or shape[0] is not None


def _shrinks(node: internals.Node) -> bool:
    """Tell whether a call makes less for each row than it is fed."""

    def size(tensors: Sequence[keras.KerasTensor]) -> int:
        return max((math.prod(dim or 1 for dim in tensor.shape[1:]) for tensor in tensors), default=1)

    return size(node.outputs) < size(node.input_tensors)


def _through(function: internals.Functional, fed: Sequence[int | None]) -> list[int | None]:
    """Follow the rows through a nested model."""
    known = dict(zip(map(id, function.inputs), fed, strict=False))
    for node in internals.nodes_in_order(function):
        if not node.is_input:
            found = rows_of(node, lambda tensor: known.get(id(tensor), 1))
            known.update(zip(map(id, node.outputs), found, strict=True))
    return [known.get(id(tensor), 1) for tensor in function.outputs]


def _shapes(node: internals.Node, fed: Rows, batch: int, size: int) -> list[int | None]:
    """Ask a call for the first dimensions of its outputs at one size; None for what it does not know either."""

    def shape(tensor: keras.KerasTensor) -> tuple[int, ...]:
        first = size if _is_known(tensor.shape) else (fed(tensor) or 1) * batch
        return tuple(dim if dim is not None else size if axis else first for axis, dim in enumerate(tensor.shape))

    twin = Twins().of(node.operation)
    arguments = internals.refill(node, lambda tensor: details.fixed_tensor(tensor, shape(tensor)))
    with keras.StatelessScope():
        spec = twin.compute_output_spec(*arguments.args, **arguments.kwargs)
    found = [tensor.shape[0] if tensor.shape else 1 for tensor in keras.tree.flatten(spec)]
    if None not in found:
        return found
    # A class may declare None for the batch whatever it is fed, as in `return (None, 1)`.
    real = {id(tensor): (shape(tensor), tensor.dtype) for tensor in node.input_tensors}
    seen = internals.observed_outputs(node, twin, real)
    if seen is None:
        raise LookupError("its call() cannot be followed")
    return [each[0] if each else 1 for each, _ in seen]


def _factor(firsts: Sequence[int | None]) -> int | None:
    """Tell how many rows an example makes, from the first dimensions at all sizes; None if that is not one number."""
    rows, both, other = firsts
    return rows if rows is not None and both == other == 2 * rows else None
