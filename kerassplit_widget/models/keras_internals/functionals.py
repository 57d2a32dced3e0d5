"""Functional models: made of a graph known to be whole, without the searches that Keras does; and what they hold."""

from __future__ import annotations

import collections
import types
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import keras
from keras.src.models.functional import Functional
from keras.src.ops.function import make_node_key
from keras.src.ops.node import Node
from keras.src.utils.tracking import DotNotTrackScope

from kerassplit_widget.models.keras_internals.graphs import Operation, call_of, calls_before, input_structure, maker_of
from kerassplit_widget.models.keras_internals.inputs import passed_on
from kerassplit_widget.models.keras_internals.tracking import track_more

Before: TypeAlias = Mapping[Node, list[Node]]
"""From calls to the calls before them."""

__all__ = ["keep_sizes", "losses_of", "model_of", "set_policy"]


def model_of(inputs: Any, outputs: Any, name: str, before: Before = types.MappingProxyType({})) -> Functional:
    """Make a model of a graph, equal to ``keras.Model(inputs, outputs, name=name)`` in all that Keras keeps of it.

    Keras looks for the graph by recursion, compares each name with all others, and runs through the result: half the
    time of a split. Here a part is a graph of twins from its own inputs to its outputs, so only the order is needed.

    An input that nothing reads is legal, but Keras before 3.14 wants it to be read.

    Parameters
    ----------
    inputs, outputs : structure of keras.KerasTensor
    name : str
    before : mapping of Node to list of Node, optional
        What `calls_before` says of calls, as far as it is known.

    Returns
    -------
    Functional
    """
    flat_inputs, flat_outputs = keras.tree.flatten(inputs), keras.tree.flatten(outputs)
    for tensor in flat_inputs:
        if not maker_of(tensor)._outbound_nodes:
            passed_on(tensor)  # a call that leads to no output is not part of the model
    model = Functional.__new__(Functional)
    with DotNotTrackScope():
        keras.Model.__init__(model, name=name)
        state: dict[str, Any] = model.__dict__
        state.update(_inputs_struct=inputs, _outputs_struct=outputs, _inputs=flat_inputs, _outputs=flat_outputs)
        _write_graph(model, flat_inputs, flat_outputs, before)
    operations = model.operations
    assert len({operation.name for operation in operations}) == len(operations)  # saved calls refer to them by name
    layers, layer = model._tracker, keras.layers.Layer
    for operation in operations:
        if isinstance(operation, layer):
            layers.add_to_store("layers", operation)
    model.build(None)
    model._convert_input_args, model._allow_non_tensor_positional_args = False, True
    model.output_names = [maker_of(tensor).name for tensor in flat_outputs]
    return model


def keep_sizes(model: Functional) -> None:
    """Let a model refuse what has another batch size than its inputs: Keras takes any, whatever the inputs say.

    Where Keras compiles for batches of any size (`predict` on arrays, but for ``batch_size=``) it cannot.

    Parameters
    ----------
    model : Functional
    """
    specs = model.input_spec
    inputs = input_structure(model)
    named = isinstance(inputs, dict)
    for i, spec in enumerate(specs or ()):
        spec.shape = tuple((inputs[spec.name] if named else model.inputs[i]).shape)
    model.input_spec = specs


def set_policy(model: keras.Model, policy: Any) -> None:
    """Give a model a dtype policy; its layers keep theirs, with which they compute.

    A new model has the global one. `compile` goes by it when it decides whether to scale the loss, so that what is made
    of a model needs the model's. The property of Keras does more than that: it would quantize the layers.

    Parameters
    ----------
    model : keras.Model
    policy : keras.DTypePolicy, or str or dict that says which
    """
    model._dtype_policy = keras.dtype_policies.get(policy)


def losses_of(model: keras.Model) -> tuple[list[Any], list[tuple[keras.Variable, Any]]]:
    """Take ``model.losses`` apart.

    Keras lists the losses that layers have added during the last call, then those of the regularised variables.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    list of tensors
        What layers have added.
    list of (keras.Variable, tensor)
        Each trainable variable that has a regulariser, with its loss.
    """
    losses = model.losses
    regularised = [variable for variable in model.trainable_weights if variable.regularizer is not None]
    added = len(losses) - len(regularised)
    return losses[:added], list(zip(regularised, losses[added:], strict=True))


def _write_graph(
    model: Functional, inputs: list[keras.KerasTensor], outputs: list[keras.KerasTensor], known: Before
) -> None:
    """Write down the calls between inputs and outputs, by how many calls lie between them and the last output."""
    before, first = _in_order(map(call_of, outputs), known)
    depths: dict[Node, int] = {}
    of_operation: dict[Operation, int] = {}
    for node in reversed(before):
        # All calls of a shared layer are as deep as the deepest of them that was met.
        depth = max(depths.setdefault(node, 0), of_operation.get(node.operation, 0))
        depths[node] = of_operation[node.operation] = depth
        for each in before[node]:
            depths[each] = max(depth + 1, depths.get(each, 0))
    for node in map(call_of, inputs):
        if node not in depths:  # an input from which no output is computed
            depths[node] = of_operation[node.operation] = 0
            first[node.operation] = -1
    by_depth: dict[int, list[Node]] = collections.defaultdict(list)
    for node, depth in depths.items():
        by_depth[depth].append(node)
    operations_by_depth: dict[int, list[Operation]] = collections.defaultdict(list)
    for operation in sorted(of_operation, key=first.__getitem__):
        operations_by_depth[of_operation[operation]].append(operation)
    deepest_first = sorted(operations_by_depth, reverse=True)
    model._nodes = {make_node_key(node.operation, node.operation._inbound_nodes.index(node)) for node in depths}
    model._nodes_by_depth = by_depth
    operations = [operation for depth in deepest_first for operation in operations_by_depth[depth]]
    model._operations = operations[:1]
    track_more(model._operations, operations[1:])
    model._operations_by_depth = operations_by_depth


def _in_order(ends: Iterable[Node], known: Before) -> tuple[dict[Node, list[Node]], dict[Operation, int]]:
    """Sort the calls that lead to some, depth first; also number the operations as they are met on the way up.

    Returns
    -------
    dict of Node to list of Node
        In topological order, each with the calls before it.
    dict of Operation to int
    """
    order: dict[Node, list[Node]] = {}
    first: dict[Operation, int] = {}
    entered: dict[Node, list[Node]] = {}
    for end in ends:
        stack = [end]
        while stack:
            node = stack[-1]
            if node in order:
                stack.pop()
            elif node in entered:
                order[stack.pop()] = entered[node]
            else:
                before = entered[node] = known[node] if node in known else calls_before(node)
                first.setdefault(node.operation, len(first))
                stack.extend(reversed(before))
    return order, first
