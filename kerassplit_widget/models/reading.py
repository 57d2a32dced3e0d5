"""Reading a Keras model into a `LayerGraph`.

The vertex is a Keras node (one call), not a layer: a shared layer has several, an op of `keras.ops` has one, and
``model.layers`` would miss both facts. Nested models are expanded in place where that changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import keras

from kerassplit_widget.errors import ModelError, PointError, closest
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.structure.graph import Call, LayerGraph, Tensor, tensor_name

__all__ = ["Reading", "Step", "read", "read_steps"]

Expand = str | list[str] | tuple[str, ...] | set[str] | frozenset[str]


@dataclass(frozen=True, slots=True)
class Step:
    """How a call of the graph is made in Keras.

    Attributes
    ----------
    call : Call
    node : Node
        The Keras node, with its operation, arguments and output tensors.
    names : mapping of int to str
        From the id of a symbolic tensor among the node's arguments to the name of the tensor in the graph. It differs
        between two calls of one group, whose nodes are the same.
    """

    call: Call
    node: internals.Node
    names: Mapping[int, str]


@dataclass(frozen=True)
class Reading:
    """A graph together with the Keras objects behind it.

    Attributes
    ----------
    model : keras.Model
        The user's model. It is only looked at.
    function : Functional
        The graph of layers that the model computes.
    graph : LayerGraph
    steps : tuple of Step
        One for each call of the graph, in its order.
    names : mapping of int to str
        From the id of a symbolic tensor of the outermost graph to its name.
    """

    model: keras.Model
    function: internals.Functional
    graph: LayerGraph
    steps: tuple[Step, ...]
    names: Mapping[int, str]

    @cached_property
    def symbolic(self) -> dict[str, keras.KerasTensor]:
        """From the name of a tensor to the symbolic tensor that describes it."""
        return {tensor.name: step.node.outputs[tensor.index] for step in self.steps for tensor in step.call.outputs}

    def point_name(self, point: Any) -> str:
        """Name the call that a point means.

        Parameters
        ----------
        point : str, keras.Operation or keras.KerasTensor
            A name is handed back as it is.

        Raises
        ------
        PointError
            If the layer or tensor is not in the model, or the layer has several calls.
        """
        if isinstance(point, str):
            return point
        if isinstance(point, keras.KerasTensor):
            for name, tensor in self.symbolic.items():
                if tensor is point:
                    return name
            raise PointError(
                f"The tensor {point.name!r} was not made inside the model {self.graph.name!r}. "
                "Name a call, or take the tensor from the model's own layers."
            )
        if isinstance(point, internals.Operation):
            calls = [step.call.name for step in self.steps if step.node.operation is point]
            if len(calls) == 1:
                return calls[0]
            if calls:
                raise PointError(
                    f"The layer {point.name!r} is called {len(calls)} times in {self.graph.name!r}: say which call, "
                    f"by its name: {', '.join(map(repr, calls))}."
                )
            raise PointError(
                f"The layer {point.name!r} is not a call of {self.graph.name!r}. "
                f"{closest(point.name, self.graph.names)}"
            )
        raise PointError(
            f"A point is the name of a call, a layer or a KerasTensor; found {type(point).__name__}: {point!r:.80}."
        )


def read(model: keras.Model, *, expand: Expand = "nested") -> LayerGraph:
    """Read a model into a graph of its calls.

    Parameters
    ----------
    model : keras.Model
        A Functional model or a Sequential whose input shape is known.
    expand : {"nested", "none"} or list of str
        Which nested models to open: all of them, none, or those called by these names.

    Returns
    -------
    LayerGraph
        ``graph.nx`` is a `networkx.MultiDiGraph` keyed by call name.

    Raises
    ------
    ModelError
        If it is not a Keras model, or its graph is not known.
    PointError
        If a name in `expand` is not a call of a nested model.

    Examples
    --------
    >>> import keras
    >>> x = keras.Input((8,), name="x")
    >>> graph = read(keras.Model(x, keras.layers.Dense(2, name="d")(x)))
    >>> graph.names, graph["d"].params
    (('x', 'd'), 18)
    """
    return read_steps(model, expand=expand).graph


def read_steps(model: Any, *, expand: Expand = "nested") -> Reading:
    """Read a model, keeping hold of the Keras nodes. As `read`, for those who build parts."""
    function = _function(model)
    wanted = None if isinstance(expand, str) else set(expand)
    if wanted is None and expand not in ("nested", "none"):
        raise ModelError(f"expand= takes 'nested', 'none' or a list of group names; found {expand!r}.")
    walker = _Walker(wanted, expand == "nested")
    names = walker.walk(function)
    if wanted is not None and wanted - walker.expanded:
        missing = sorted(wanted - walker.expanded)
        raise PointError(f"No nested model is called by the name {missing[0]!r}. {closest(missing[0], walker.groups)}")
    outputs = tuple(names[id(tensor)] for tensor in function.outputs)
    steps = _with_masks(walker.steps, outputs)
    graph = LayerGraph(
        name=model.name,
        calls=tuple(step.call for step in steps),
        inputs=tuple(names[id(tensor)] for tensor in function.inputs),
        outputs=outputs,
    )
    return Reading(model, function, graph, tuple(steps), names)


def _with_masks(steps: list[Step], outputs: tuple[str, ...]) -> list[Step]:
    """Find out, from the outputs upwards, which calls need the masks that travel hidden with their inputs.

    A call needs them if it uses masks, or hands them on to a call that needs them, or to an output of the model, where
    the loss uses them; but not if it is given a mask of its own as an argument, which is an edge like any other.
    """
    if all(tensor.mask is None for step in steps for tensor in step.call.outputs):
        return steps
    needed = set(outputs)
    found = []
    for step in reversed(steps):
        hidden = internals.hidden_masks(step.node)
        names = dict.fromkeys(step.names[id(tensor)] for tensor in hidden)
        hands_on = any(tensor.mask is not None and tensor.name in needed for tensor in step.call.outputs)
        if names and (hands_on or internals.uses_masks(step.node)):
            needed.update(names)
            step = replace(step, call=replace(step.call, masked=tuple(names)))
        found.append(step)
    return found[::-1]


def _function(model: Any) -> internals.Functional:
    """Return the graph of a model, or say what the thing is and which line helps."""
    if not isinstance(model, keras.Model):
        kind = f"{type(model).__module__}.{type(model).__name__}"
        if isinstance(model, keras.layers.Layer):
            help_ = "Wrap the layer: x = keras.Input(shape); model = keras.Model(x, layer(x))."
        elif isinstance(model, str) or hasattr(model, "__fspath__"):
            help_ = "Load the file first: model = keras.saving.load_model(path)."
        else:
            help_ = "Give the keras.Model object itself."
        raise ModelError(f"A keras.Model is needed; found {kind}. {help_}")
    function = internals.function_of(model)
    if function is not None:
        return function
    if internals.is_plain_sequential(model):
        raise ModelError(
            f"The Sequential {model.name!r} is not built: its input shape is unknown. "
            "Build it: model.build((None, *shape)), or begin it with keras.Input(shape)."
        )
    state = "has never been called" if not model.built else "has no graph of its own"
    raise ModelError(
        f"{type(model).__name__} is a subclassed model and {state}: what it computes is written in its call(). "
        "If call() uses only layers and keras.ops, trace it: "
        "x = keras.Input(shape); model = keras.Model(x, model.call(x))."
    )


class _Walker:
    """Walks the nodes of a model, stepping into nested models. The state of one reading."""

    def __init__(self, wanted: set[str] | None, nested: bool) -> None:
        self.wanted, self.nested = wanted, nested
        self.steps: list[Step] = []
        self.groups: list[str] = []
        self.expanded: set[str] = set()
        self.layers: dict[int, str] = {}
        self.params: dict[int, int] = {}

    def walk(self, function: internals.Functional) -> dict[int, str]:
        """Record every call. Returns the names of the outermost graph's tensors by id."""
        outermost: dict[int, str] = {}
        # One frame for each model that is open: the nodes still to come, their names, and, for a nested
        # model, the node whose outputs are to be named when it is through.
        stack = [_Frame.open(function, "", outermost)]
        while stack:
            frame = stack[-1]
            node = next(frame.nodes, None)
            if node is None:
                stack.pop()
                if frame.outer is not None:
                    for tensor, inner in zip(frame.outer.outputs, frame.function.outputs, strict=True):
                        stack[-1].names[id(tensor)] = frame.names[id(inner)]
                continue
            if node.is_input and all(id(tensor) in frame.names for tensor in node.outputs):
                continue  # the input of a nested model: named by what is fed in
            name = frame.prefix + frame.call_names[id(node)]
            inner = self._inner(node, name)
            if inner is None:
                self._record(frame, node, name)
            else:
                self.expanded.add(name)
                fed = keras.tree.flatten(node.arguments.args[0])
                names = {id(tensor): frame.names[id(given)] for tensor, given in zip(inner.inputs, fed, strict=True)}
                stack.append(_Frame.open(inner, f"{name}/", names, node))
        return outermost

    def _inner(self, node: internals.Node, name: str) -> internals.Functional | None:
        """Return the graph to step into, or None when the call stays one call."""
        inner = internals.function_of(node.operation)
        if inner is None or not _plain_call(node, inner):
            return None
        self.groups.append(name)
        return inner if self.nested or (self.wanted and name in self.wanted) else None

    def _record(self, frame: _Frame, node: internals.Node, name: str) -> None:
        operation = node.operation
        layer = self.layers.setdefault(id(operation), frame.prefix + operation.name)
        if id(operation) not in self.params:
            self.params[id(operation)] = internals.count_params(operation)
        outputs = tuple(
            Tensor(tensor_name(name, i), name, i, tuple(tensor.shape), tensor.dtype, internals.mask_shape(tensor))
            for i, tensor in enumerate(node.outputs)
        )
        for tensor, made in zip(node.outputs, outputs, strict=True):
            frame.names[id(tensor)] = made.name
        inputs = dict.fromkeys(frame.names[id(tensor)] for tensor in node.input_tensors)
        kind = type(operation).__name__
        call = Call(name, kind, layer, tuple(inputs), outputs, self.params[id(operation)], node.is_input)
        self.steps.append(Step(call, node, frame.names))


@dataclass(slots=True)
class _Frame:
    """A model that is being walked."""

    function: internals.Functional
    prefix: str
    names: dict[int, str]
    nodes: Iterator[internals.Node]
    call_names: dict[int, str]
    outer: internals.Node | None

    @classmethod
    def open(
        cls,
        function: internals.Functional,
        prefix: str,
        names: dict[int, str],
        outer: internals.Node | None = None,
    ) -> _Frame:
        nodes = list(internals.nodes_in_order(function))
        return cls(function, prefix, names, iter(nodes), _call_names(nodes), outer)


def _call_names(nodes: list[internals.Node]) -> dict[int, str]:
    """Name each node by its operation; the second and further calls of a shared one get ``#2``, ``#3``."""
    among = {id(node) for node in nodes}
    names: dict[int, str] = {}
    for node in nodes:
        if id(node) in names:
            continue
        operation = node.operation
        if internals.called_once(operation):
            names[id(node)] = operation.name
            continue
        for i, own in enumerate(internals.own_nodes(operation, among)):
            names[id(own)] = operation.name if i == 0 else f"{operation.name}#{i + 1}"
    return names


def _plain_call(node: internals.Node, inner: internals.Functional) -> bool:
    """Tell whether opening a nested model in place changes nothing.

    That is so when it is called on its inputs only (no ``training=`` or ``mask=`` that would have to be handed on) and
    when these already have the dtype and rank of its own inputs, so that it converts nothing, and no hidden mask, of
    which its own graph knows nothing.
    """
    args, kwargs = node.arguments.args, node.arguments.kwargs
    if len(args) != 1 or any(value is not None for value in kwargs.values()):
        return False
    fed = keras.tree.flatten(args[0])
    return len(fed) == len(inner.inputs) and all(
        isinstance(given, keras.KerasTensor)
        and given.dtype == own.dtype
        and len(given.shape) == len(own.shape)
        and given.sparse == own.sparse
        and internals.mask_of(given) is None
        for given, own in zip(fed, inner.inputs, strict=True)
    )
