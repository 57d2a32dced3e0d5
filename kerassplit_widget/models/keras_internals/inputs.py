"""Inputs of a graph: made, recognised, and handed on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras.src.backend import SUPPORTS_SPARSE_TENSORS, standardize_shape

from kerassplit_widget.models.keras_internals.graphs import Node, copy_tensor, maker_of, node_of
from kerassplit_widget.models.keras_internals.layers import fill_layer, set_name

__all__ = ["Inputs", "input_like", "is_sparse", "passed_on"]


class Inputs:
    """Makes inputs as `keras.Input` does, but those of one kind from the first of it.

    Keras takes a quarter of a millisecond for each, for looking at signatures and taking down every attribute.
    """

    def __init__(self) -> None:
        self._first: dict[tuple[Any, ...], keras.KerasTensor] = {}

    def __call__(self, *, batch_shape: Sequence[int | None], name: str, **kind: Any) -> keras.KerasTensor:
        """Make an input.

        Parameters
        ----------
        batch_shape : sequence of (int or None)
        name : str
        **kind
            The other arguments of `keras.Input`.
        """
        first = self._first.get(key := tuple(sorted(kind.items())))
        if first is None:
            first = self._first[key] = keras.Input(batch_shape=batch_shape, name=name, **kind)
            return first
        layer = object.__new__(keras.layers.InputLayer)
        fill_layer(layer, maker_of(first))
        set_name(layer, name)
        tensor = copy_tensor(first)
        tensor.name, tensor._shape = name, standardize_shape(batch_shape)
        state: dict[str, Any] = layer.__dict__
        state.update(_input_tensor=tensor, _batch_shape=tensor._shape)
        Node(operation=layer, call_args=(), call_kwargs={}, outputs=tensor)
        return tensor


def input_like(
    tensor: keras.KerasTensor,
    name: str,
    *,
    shape: tuple[int | None, ...] | None = None,
    dtype: str | None = None,
    make: Callable[..., keras.KerasTensor] = keras.Input,
) -> keras.KerasTensor:
    """Make a fresh `keras.Input` that accepts what `tensor` is: shape with batch, dtype, sparse, ragged, optional."""
    maker = maker_of(tensor)
    optional = isinstance(maker, keras.layers.InputLayer) and maker.optional
    return make(
        batch_shape=tensor.shape if shape is None else shape,
        dtype=tensor.dtype if dtype is None else dtype,
        sparse=(SUPPORTS_SPARSE_TENSORS and is_sparse(tensor)) or None,
        ragged=getattr(tensor, "ragged", False) or None,
        name=name,
        optional=optional,
    )


def is_sparse(tensor: keras.KerasTensor) -> bool:
    """Tell whether a symbolic tensor of a graph stands for a sparse one, and not only says so.

    To Keras a product with a number is sparse (``x * 2.0``), and what is made of it may be too. Those are believed that
    are made of a sparse input, by what is told to make sparse ones (``sparse=True``), or by a layer that is fed none.
    """
    stack, seen = [tensor], set[int]()
    while stack:
        each = stack.pop()
        node = node_of(each)
        if not each.sparse or (node is not None and id(node) in seen):
            continue
        if node is None or node.is_input or getattr(node.operation, "sparse", False) is True:
            return True
        seen.add(id(node))
        fed = [other for other in node.input_tensors if other.sparse]
        if not fed and (isinstance(node.operation, keras.layers.Layer) or _is_fed_sparse_values(node)):
            return True
        stack.extend(fed)
    return False


def _is_fed_sparse_values(node: Node) -> bool:
    """Tell whether a sparse tensor with values stands among the arguments of a call."""
    flat = keras.tree.flatten((node.arguments.args, node.arguments.kwargs))
    return any(type(each).__name__ in ("SparseTensor", "BCOO", "BCSR") for each in flat)


def passed_on(tensor: keras.KerasTensor) -> keras.KerasTensor:
    """Return an input of a part as an output of it. Keras before 3.14 refuses a model that hands an input out as it is.

    The identity has the dtype of the tensor, lest it converts it.
    """
    dtype = tensor.dtype if "float" in tensor.dtype else None
    return keras.layers.Identity(dtype=dtype, name=f"{maker_of(tensor).name}_passed_on")(tensor)
