"""Layers that a ``call`` calls on constants, as in ``self.positions(ops.arange(length))``.

Keras makes no node of such a call, and what it returns would be frozen into a trace: the weights of the layer as they
were. So the layer is called on a symbolic tensor of the shape of the constant, and its call is in the graph. What makes
that tensor is put into the graph afterwards, where what the layer returns first meets another tensor: the numbers in
an empty piece of that tensor (``x[..., :0]``) are counted, and the constant is taken at this zero. These are operations
of Keras, which are saved and loaded without this package, and what they make does not depend on any value.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.keras_internals import Node

__all__ = ["Constants"]


class Constants:
    """The constants that layers are called on in one trace.

    Attributes
    ----------
    tensors : list of keras.KerasTensor
        What stands for them.
    """

    def __init__(self) -> None:
        self.tensors: list[keras.KerasTensor] = []
        self._values: list[Any] = []
        self._names: list[str] = []
        self._inside = False

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Leave alone what a layer does while it is called: that is in its call."""
        before, self._inside = self._inside, True
        try:
            yield
        finally:
            self._inside = before

    def replaced(self, layer: keras.layers.Layer, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """Return the arguments of a call, with a symbolic tensor for a constant if there are only constants.

        One is enough to make the call a node. What a layer without variables makes of constants is a constant.
        """
        if self._inside:
            return args, kwargs
        flat = keras.tree.flatten((args, kwargs))
        if any(isinstance(each, keras.KerasTensor) for each in flat) or not layer.variables:
            return args, kwargs
        place = next((i for i, each in enumerate(flat) if _is_constant(each)), None)
        if place is None:
            return args, kwargs
        value = keras.ops.convert_to_tensor(flat[place])
        flat[place] = keras.KerasTensor(tuple(value.shape), dtype=keras.backend.standardize_dtype(value.dtype))
        self.tensors.append(flat[place])
        self._values.append(value)
        self._names.append(layer.name)
        args, kwargs = keras.tree.pack_sequence_as((args, kwargs), flat)
        return args, kwargs

    def put_in(self, nodes: Iterable[Node], inputs: Sequence[keras.KerasTensor]) -> None:
        """Make the tensors that stand for constants by calls in the graph.

        Parameters
        ----------
        nodes : iterable of Node
            The calls of the trace, in topological order.
        inputs : sequence of keras.KerasTensor
            Of the trace.
        """
        near = self._neighbours(nodes, inputs[0])
        zeros: dict[int, keras.KerasTensor] = {}
        for i, tensor in enumerate(self.tensors):
            other = near.get(i, inputs[0])
            if id(other) not in zeros:
                zeros[id(other)] = keras.ops.count_nonzero(other[..., :0])
            made = keras.ops.take(self._values[i][None], zeros[id(other)], axis=0)
            internals.set_name(internals.maker_of(made), f"{self._names[i]}_constant")
            internals.put_in_place(made, tensor)

    def _neighbours(self, nodes: Iterable[Node], first: keras.KerasTensor) -> dict[int, keras.KerasTensor]:
        """Find for each constant, by number, the tensor that what is made of it meets first, and is made without it."""
        numbers = {id(tensor): {i} for i, tensor in enumerate(self.tensors)}  # of what is made of constants only
        met: dict[int, keras.KerasTensor] = {}
        for node in nodes:
            of = set[int]().union(*(numbers.get(id(tensor), ()) for tensor in node.input_tensors))
            others = [tensor for tensor in node.input_tensors if id(tensor) not in numbers]
            if not others:
                numbers.update((id(tensor), of) for tensor in node.outputs)
            for i in of if others else ():  # of a single number there are no pieces
                met.setdefault(i, next((tensor for tensor in others if tensor.shape), first))
        return met


def _is_constant(value: Any) -> bool:
    """Tell whether an argument is an array, and no variable, which may change."""
    if isinstance(value, np.ndarray):
        return True
    return bool(keras.ops.is_tensor(value)) and not internals.is_variable_of_backend(value)
