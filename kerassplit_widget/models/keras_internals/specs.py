"""What calls really return, where Keras declares something else."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, TypeAlias

import keras
from keras.src import backend

from kerassplit_widget.models.keras_internals.graphs import (
    Node,
    Operation,
    function_of,
    nodes_in_order,
    refill,
)
from kerassplit_widget.models.keras_internals.inputs import is_sparse
from kerassplit_widget.models.keras_internals.names import fresh_names

__all__ = [
    "Declared",
    "declare",
    "is_plain",
    "is_plain_tensor",
    "leaves_open",
    "may_declare_wrongly",
    "observed_outputs",
]

Declared: TypeAlias = tuple[tuple[int | None, ...], str]
"""Shape, with batch, and dtype of a tensor."""


def is_plain(node: Node, *, fed_plain: bool = False) -> bool:
    """Tell whether a call is what Keras shows of it: a layer of Keras, with none inside, makes one plain tensor.

    It keeps the batch, declares its output rightly, makes no mask, and is given nothing but its inputs, which are
    plain too (`is_plain_tensor`), as is known if they are `fed_plain`. Only a mask that comes with these, or that they
    are something else than Keras declares, could make a difference.
    """
    operation = node.operation
    cls: Any = type(operation)
    if not _is_plain_class(cls) or operation._layers or len(node.outputs) != 1:
        return False
    arguments = node.arguments
    if arguments.kwargs and any(value is not None for value in arguments.kwargs.values()):
        return False
    return is_plain_tensor(node.outputs[0]) and (fed_plain or all(map(is_plain_tensor, arguments.keras_tensors)))


def is_plain_tensor(tensor: keras.KerasTensor) -> bool:
    """Tell whether a tensor is of floats and carries no mask that Keras shows."""
    return "float" in tensor.dtype and getattr(tensor, "_keras_mask", None) is None


@functools.lru_cache(maxsize=256)
def _is_plain_class(cls: Any) -> bool:
    """Tell whether a class is one of Keras's layers of which nothing special is known."""
    known: Any = getattr(keras.layers, cls.__name__, None)
    return cls.__module__.startswith("keras.src.layers.") and known is cls and not issubclass(known, _SPECIAL)


_SPECIAL = (
    keras.layers.Concatenate,  # may be along the batch
    keras.layers.EinsumDense,  # leaves sizes open
    keras.layers.Embedding,  # may make a mask
    keras.layers.Lambda,
    keras.layers.RNN,
    keras.layers.Wrapper,
)


def leaves_open(node: Node) -> bool:
    """Tell whether Keras declares unknown sizes, but that of the batch, of what is made of known ones.

    `EinsumDense` does, and with it attention.
    """
    if node.is_input or all(None not in tensor.shape[1:] for tensor in node.outputs):
        return False
    return all(None not in tensor.shape[1:] for tensor in node.input_tensors)


def may_declare_wrongly(node: Node) -> bool:
    """Tell whether Keras may declare something else for the outputs of a call than the call returns.

    Where a class says the shape of its output itself, Keras believes it, and takes the dtype in which the layer
    computes for that of the output. Keras's own layers are right where they are given floats. Of a graph of layers it
    declares what it declares of the calls inside.
    """
    operation = node.operation
    cls = type(operation)
    if cls.__module__.startswith("keras.src.layers.") and cls is not keras.layers.Lambda:
        for tensor in node.input_tensors:
            if "float" not in tensor.dtype:
                return not _EXACT.intersection(each.__name__ for each in cls.__mro__)
        return False
    if not isinstance(operation, keras.layers.Layer):
        return False
    function = function_of(operation)
    if function is not None:
        return any(map(may_declare_wrongly, nodes_in_order(function)))
    own = keras.layers.Layer
    return (
        cls.compute_output_shape is not own.compute_output_shape
        or cls.compute_output_spec is not own.compute_output_spec
    )


_EXACT = frozenset({"Embedding", "InputLayer"})
"""Layers of Keras that declare rightly what they make of whole numbers."""


def observed_outputs(
    node: Node, twin: Operation, fed: Mapping[int, Declared], training: bool | None = None, *, declared: bool = False
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
    declared : bool
        Whether to believe what the operation declares, which is quicker.

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
            ask = twin.compute_output_spec if declared else functools.partial(backend.compute_output_spec, twin)
            results: Any = ask(*arguments.args, **keywords)
    except Exception:
        return None
    flat = keras.tree.flatten(results)
    if len(flat) != len(node.outputs) or not all(isinstance(each, keras.KerasTensor) for each in flat):
        return None
    return [(tuple(each.shape), each.dtype) for each in flat]


def declare(tensor: keras.KerasTensor, declared: Declared) -> None:
    """Let a symbolic tensor of ours be of another shape and dtype."""
    tensor._shape, tensor._dtype = declared
