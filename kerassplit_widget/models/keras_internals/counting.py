"""What counting needs to know of operations and variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from kerassplit_widget.models.keras_internals.graphs import Node, node_of
from kerassplit_widget.models.keras_internals.variables import original_of

__all__ = ["compiled", "fixed_tensor", "nodes_between", "own_op", "symbolic_weight", "weight_sizes"]


def own_op(operation: Any) -> str | None:
    """Return the name of one of Keras's own ops, such as ``"Matmul"``; None for layers and for ops of somebody else."""
    cls = type(operation)
    if isinstance(operation, keras.layers.Layer) or not cls.__module__.startswith("keras.src."):
        return None
    return cls.__name__


def weight_sizes(operation: Any) -> list[tuple[int, tuple[int, ...], str]]:
    """List the parameters of an operation: an identity that views share with their variable, shape and dtype."""
    return [(id(original_of(w)), tuple(w._shape), w.dtype) for w in getattr(operation, "weights", ())]


def fixed_tensor(like: keras.KerasTensor, shape: Sequence[int | None]) -> keras.KerasTensor:
    """Make a symbolic tensor of another shape that belongs to no graph."""
    return keras.KerasTensor(tuple(shape), like.dtype, sparse=like.sparse, name=like.name)


def symbolic_weight(variable: keras.Variable) -> Any:
    """Make a symbolic tensor that stands for a variable where only shapes matter."""
    return keras.KerasTensor(tuple(variable._shape), variable.dtype, name=variable.name)


def compiled(model: keras.Model) -> Callable[[Any], Any]:
    """Return a function that computes what a model computes, in graph mode, without training.

    On TensorFlow it is traced to a graph, once for each shape. On other backends it is ``predict_on_batch``, which
    keeps what it compiles on the model, so that the model should be a twin.
    """
    if keras.backend.backend() != "tensorflow":
        run: Callable[[Any], Any] = model.predict_on_batch
        return run
    from keras.src.utils.module_utils import tensorflow  # Keras's own handle, there on this backend only

    graph: Callable[[Any], Any] = tensorflow.function(lambda inputs: model(inputs, training=False), autograph=False)
    return graph


def nodes_between(inputs: Sequence[Any], outputs: Sequence[Any]) -> list[Node]:
    """List the calls that lead from some symbolic tensors to others, each once.

    Values that were not computed from the inputs, as from weights, end the walk.
    """
    done = {id(tensor) for tensor in inputs}
    found: dict[int, Node] = {}
    stack = [tensor for tensor in outputs if isinstance(tensor, keras.KerasTensor)]
    while stack:
        tensor = stack.pop()
        if id(tensor) in done:
            continue
        done.add(id(tensor))
        node = node_of(tensor)
        if node is not None and not node.is_input and id(node) not in found:
            found[id(node)] = node
            stack.extend(node.input_tensors)
    return list(found.values())
