"""What calls really return, where Keras declares something else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import keras
from keras.src import backend

from kerassplit_widget.models.keras_internals.graphs import (
    Node,
    Operation,
    fresh_names,
    function_of,
    is_sparse,
    nodes_in_order,
    refill,
)

__all__ = ["Declared", "declare", "may_declare_wrongly", "observed_outputs"]

Declared: TypeAlias = tuple[tuple[int | None, ...], str]
"""Shape, with batch, and dtype of a tensor."""


def may_declare_wrongly(node: Node) -> bool:
    """Tell whether Keras may declare something else for the outputs of a call than the call returns.

    Where a class says the shape of its output itself, Keras believes it, and takes the dtype in which the layer
    computes for that of the output. Keras's own layers are right where they are given floats. Of a graph of layers it
    declares what it declares of the calls inside.
    """
    operation = node.operation
    if not isinstance(operation, keras.layers.Layer):
        return False
    function = function_of(operation)
    if function is not None:
        return any(map(may_declare_wrongly, nodes_in_order(function)))
    cls = type(operation)
    if cls.__module__.startswith("keras.src.layers.") and cls is not keras.layers.Lambda:
        whole = any("float" not in tensor.dtype for tensor in node.input_tensors)
        return whole and not _EXACT.intersection(each.__name__ for each in cls.__mro__)
    own = keras.layers.Layer
    return (
        cls.compute_output_shape is not own.compute_output_shape
        or cls.compute_output_spec is not own.compute_output_spec
    )


_EXACT = frozenset({"Embedding", "InputLayer"})
"""Layers of Keras that declare rightly what they make of whole numbers."""


def observed_outputs(
    node: Node, twin: Operation, fed: Mapping[int, Declared], training: bool | None = None
) -> list[Declared] | None:
    """Let a call tell what it returns, without computing it.

    Parameters
    ----------
    node : Node
        The call.
    twin : Operation
        A twin of its operation.
    fed : mapping of int to Declared
        From the id of a tensor among its arguments to what that really is, where it is not what it is declared.
    training : bool, optional
        What it is called with, where the call itself does not say.

    Returns
    -------
    list of Declared or None
        For each output; None where the call cannot be followed.
    """

    def real(tensor: keras.KerasTensor) -> keras.KerasTensor:
        shape, dtype = fed.get(id(tensor), (tensor.shape, tensor.dtype))
        return keras.KerasTensor(shape, dtype=dtype, sparse=is_sparse(tensor))

    arguments = refill(node, real)
    keywords = arguments.kwargs if training is None else {"training": training, **arguments.kwargs}
    try:
        with fresh_names():
            results: Any = backend.compute_output_spec(twin, *arguments.args, **keywords)
    except Exception:
        return None
    flat = keras.tree.flatten(results)
    if len(flat) != len(node.outputs) or not all(isinstance(each, keras.KerasTensor) for each in flat):
        return None
    return [(tuple(each.shape), each.dtype) for each in flat]


def declare(tensor: keras.KerasTensor, declared: Declared) -> None:
    """Let a symbolic tensor of ours be of another shape and dtype."""
    tensor._shape, tensor._dtype = declared
