"""Graphs: nodes, symbolic tensors, and how calls are recorded."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import keras
from keras.src.models.functional import Functional
from keras.src.ops.node import KerasHistory, Node
from keras.src.ops.symbolic_arguments import SymbolicArguments

__all__ = [
    "Fill",
    "Fingerprint",
    "Functional",
    "Node",
    "Operation",
    "around_call",
    "as_tensor",
    "call_of",
    "called_once",
    "calls_before",
    "copy_tensor",
    "count_params",
    "fingerprint",
    "function_of",
    "held_graph",
    "inner_layers",
    "input_structure",
    "is_plain_sequential",
    "layers_within",
    "maker_of",
    "node_of",
    "nodes_in_order",
    "output_structure",
    "own_nodes",
    "place_of",
    "refill",
    "shape_of",
    "shape_of_tensor",
    "takes_training",
    "with_keyword",
    "with_values",
    "write_node",
]

Operation: TypeAlias = keras.Operation

Fill: TypeAlias = Callable[[keras.KerasTensor], keras.KerasTensor]
"""From a tensor of a graph to the one that takes its place in another."""

Fingerprint: TypeAlias = tuple[tuple[str, int, int, bool], ...]
"""Name, number of incoming and of outgoing nodes, and ``trainable`` of each operation."""


def is_plain_sequential(model: Any) -> bool:
    """Tell whether a model is a Sequential that computes its layers in order and nothing else."""
    return isinstance(model, keras.Sequential) and type(model).call is keras.Sequential.call


def function_of(model: Any) -> Functional | None:
    """Return the graph that a model computes, or None when it is not a graph of layers.

    A Sequential keeps its graph in ``_functional`` once its input shape is known. A subclass that overrides ``call``
    computes something that its graph need not show, as does a model that does something around it (`around_call`).
    """
    if not isinstance(model, keras.Model):
        return None
    own_call = type(model).call is not Functional.call and not is_plain_sequential(model)
    return None if own_call or around_call(model) else held_graph(model)


def around_call(model: keras.Model) -> str | None:
    """Name what a model does otherwise than Keras around or in place of the ``call`` of its class, if anything.

    A ``call`` that is the same but compiled, as in ``model.call = tf.function(model.call)``, does nothing else.
    """
    base = next(each for each in (Functional, keras.Sequential, keras.Model) if isinstance(model, each))
    for name in ("__call__", "_standardize_inputs"):
        if getattr(type(model), name, None) is not getattr(base, name, None):
            return name
    own = vars(model).get("call")
    inside = getattr(own, "python_function", None) or getattr(own, "__wrapped__", None)
    same = own is None or getattr(inside, "__func__", None) is type(model).call
    return None if same else "call"


def held_graph(model: Any) -> Functional | None:
    """Return the graph of layers that a model holds, whether or not that is what its ``call`` computes."""
    if isinstance(model, keras.Sequential):
        return model._functional
    return model if isinstance(model, Functional) else None


def nodes_in_order(function: Functional) -> Iterator[Node]:
    """Yield the nodes of a graph in topological order: from the deepest level to the outputs."""
    for depth in sorted(function._nodes_by_depth, reverse=True):
        yield from function._nodes_by_depth[depth]


def own_nodes(operation: Operation, among: Container[int]) -> list[Node]:
    """List the calls of an operation inside one graph, in the order in which they were made.

    ``_inbound_nodes`` holds the calls of all graphs ever built from the operation; `among` has the ids of
    the nodes of the graph in question.
    """
    return [node for node in operation._inbound_nodes if id(node) in among]


def called_once(operation: Operation) -> bool:
    """Tell whether an operation has been called only once in its life (the common case, quick to know)."""
    return len(operation._inbound_nodes) == 1


def input_structure(function: Functional) -> Any:
    """Return the (nested) structure of input tensors that the model is called with."""
    return function._inputs_struct


def output_structure(function: Functional) -> Any:
    """Return the (nested) structure of output tensors that the model returns."""
    return function._outputs_struct


def maker_of(tensor: keras.KerasTensor) -> Operation:
    """Return the operation that made a symbolic tensor of a graph."""
    return tensor._keras_history.operation


def node_of(tensor: keras.KerasTensor) -> Node | None:
    """Return the call that made a symbolic tensor, or None for one that was made by none."""
    history = getattr(tensor, "_keras_history", None)
    if history is None or history.operation is None:
        return None
    return history.operation._inbound_nodes[history.node_index]


def place_of(tensor: keras.KerasTensor) -> tuple[str, int, int]:
    """Return where a symbolic tensor was made: name of the operation, number of its call, number of the output."""
    history = tensor._keras_history
    return (history.operation.name, history.node_index, history.tensor_index)


def inner_layers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """List the layers that a layer holds."""
    return list(layer._layers)


def layers_within(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """List the layers inside a layer, at any depth, each once."""
    found: dict[int, keras.layers.Layer] = {}
    stack = inner_layers(layer)
    while stack:
        each = stack.pop()
        if id(each) not in found:
            found[id(each)] = each
            stack.extend(inner_layers(each))
    return list(found.values())


def takes_training(layer: keras.layers.Layer) -> bool:
    """Tell whether ``call`` has a parameter ``training``."""
    return "training" in inspect.signature(layer.call).parameters


def shape_of(node: Node, index: int) -> tuple[int | None, ...]:
    """Return the shape of an output of a call, with batch.

    It is what Keras declares, but for the scores of `MultiHeadAttention`: Keras declares as many keys as queries, also
    where query and value differ in length, and a part that takes the scores would refuse them.
    """
    shape = tuple(node.outputs[index].shape)
    if index == 1 and isinstance(node.operation, keras.layers.MultiHeadAttention) and len(shape) == 4:
        value = node.arguments.kwargs.get("value", (*node.arguments.args, None, None)[1])
        if isinstance(value, keras.KerasTensor) and len(value.shape) == 3:
            return (*shape[:3], value.shape[1])
    return shape


def shape_of_tensor(tensor: keras.KerasTensor) -> tuple[int | None, ...]:
    """Return the shape of a tensor of a graph as `shape_of` does."""
    return shape_of(call_of(tensor), tensor._keras_history.tensor_index)


def copy_tensor(tensor: keras.KerasTensor) -> keras.KerasTensor:
    """Make a symbolic tensor of the same kind, and name, that belongs to no graph yet."""
    twin = object.__new__(type(tensor))
    state = twin.__dict__
    state.update(tensor.__dict__)
    state.pop("_keras_history", None)  # where it was made
    state.pop("_keras_mask", None)  # what travels with it
    state.pop("_keras_logits", None)
    return twin


def refill(node: Node, fill: Fill) -> SymbolicArguments:
    """Return the arguments of a call with other symbolic tensors in the places of its own.

    ``SymbolicArguments`` walks the structure several times to find the tensors, which are known here.
    """
    old, new = node.arguments, object.__new__(SymbolicArguments)
    alone = old._single_positional_tensor
    if alone is not None:
        alone = new._single_positional_tensor = fill(alone)
        new.args, new.kwargs, new._flat_arguments, new.keras_tensors = (alone,), {}, [alone], [alone]
        return new
    flat = [fill(each) if isinstance(each, keras.KerasTensor) else each for each in old._flat_arguments]
    args: Any
    kwargs: Any = {}
    if not old.kwargs and len(old.args) == 1 and isinstance(old.args[0], list) and len(old.args[0]) == len(flat):
        args = (list(flat),)  # a merging layer; packing takes twice the time of all the rest
    elif len(old.keras_tensors) == 1 and len(old.args) == 1 and old.args[0] is old.keras_tensors[0]:
        args, kwargs = (flat[0],), dict(old.kwargs)
    else:
        args, kwargs = keras.tree.pack_sequence_as((old.args, old.kwargs), flat)
    new.args, new.kwargs, new._flat_arguments = args, kwargs, flat
    new._single_positional_tensor = None
    new.keras_tensors = [each for each in flat if isinstance(each, keras.KerasTensor)]
    return new


def with_keyword(arguments: SymbolicArguments, name: str, value: Any) -> SymbolicArguments:
    """Return the arguments of a call with one more keyword, or another value for it."""
    return SymbolicArguments(*arguments.args, **{**arguments.kwargs, name: value})


def with_values(arguments: SymbolicArguments, value_for: Callable[[Any], Any]) -> SymbolicArguments:
    """Return the arguments of a call with other values for some of those that are no symbolic tensors."""
    old = arguments._flat_arguments
    new = [each if isinstance(each, keras.KerasTensor) else value_for(each) for each in old]
    if all(a is b for a, b in zip(new, old, strict=True)):
        return arguments
    args, kwargs = keras.tree.pack_sequence_as((arguments.args, arguments.kwargs), new)
    return SymbolicArguments(*args, **kwargs)


def count_params(operation: Operation) -> int:
    """Count the parameters of an operation, as ``Layer.count_params`` does.

    The shape is read from where Keras keeps it: ``Variable.shape`` builds a new object at every look on TensorFlow.
    """
    inside = getattr(operation, "_layers", None)
    if inside is None:  # an op
        return 0
    if inside or type(operation).weights is not keras.layers.Layer.weights:
        weights = operation.weights
    else:  # what it lists, each once
        weights = operation._trainable_variables + operation._non_trainable_variables
    count = 0
    for weight in weights:
        count += math.prod(weight._shape)
    return count


def write_node(operation: Operation, arguments: SymbolicArguments, like: Sequence[keras.KerasTensor]) -> Node:
    """Record the call of an operation without running its shape inference.

    Keras's own graph cloning writes nodes in the same way (``clone_graph_nodes``): the shapes are known from the
    call that is repeated.

    Parameters
    ----------
    operation : keras.Operation
        Should be a twin (`models.twins`): the node stays on it.
    arguments : SymbolicArguments
        Of the call, with the symbolic tensors of the new graph in them.
    like : sequence of keras.KerasTensor
        The outputs of the call that is repeated.

    Returns
    -------
    Node
    """
    node = object.__new__(Node)
    node.operation, node.arguments, node.is_input = operation, arguments, False
    node.outputs = [copy_tensor(tensor) for tensor in like]
    for i, tensor in enumerate(node.outputs):
        tensor._keras_history = KerasHistory(operation, len(operation._inbound_nodes), i)
    operation._inbound_nodes.append(node)
    for tensor in arguments.keras_tensors:
        maker_of(tensor)._outbound_nodes.append(node)
    return node


def calls_before(node: Node) -> list[Node]:
    """List the calls that made what a call is given, one for each tensor."""
    return [call_of(tensor) for tensor in node.arguments.keras_tensors]


def call_of(tensor: keras.KerasTensor) -> Node:
    """Return the call that made a symbolic tensor of a graph: `node_of` where there is one for sure."""
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index]


def as_tensor(value: Any) -> Any:
    """Make a tensor of an array; leave tensors, symbolic ones and None alone. Keras refuses a mixture of them."""
    if value is None or isinstance(value, keras.KerasTensor) or keras.ops.is_tensor(value):
        return value
    return keras.ops.convert_to_tensor(value)


def fingerprint(model: keras.Model) -> Fingerprint:
    """Take down what splitting must not change: names, numbers of nodes and ``trainable`` of every operation.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    Fingerprint
        Two of them are equal when nothing has changed in between.
    """
    return tuple(
        (each.name, len(each._inbound_nodes), len(each._outbound_nodes), bool(getattr(each, "trainable", True)))
        for each in _operations(model)
    )


def _operations(model: keras.Model) -> Iterable[Operation]:
    """Yield a model's operations, and those of the models and layers in it, each once."""
    seen: set[int] = set()
    stack: list[Operation] = [model]
    while stack:
        operation = stack.pop()
        if id(operation) in seen:
            continue
        seen.add(id(operation))
        yield operation
        inside = getattr(operation, "_layers", None)
        if inside:
            stack.extend(inside)
            function = held_graph(operation) if isinstance(operation, keras.Model) else None
            if function is not None:
                stack.extend(function.operations)
