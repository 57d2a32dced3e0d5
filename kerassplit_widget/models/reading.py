"""Reading a Keras model into a `LayerGraph`.

The vertex is a Keras node (one call), not a layer: a shared layer has several, an op of `keras.ops` has one, and
``model.layers`` would miss both facts. Nested models are expanded in place where that changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import keras

from kerassplit_widget.errors import ModelError, PointError, closest
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.tracing import Body, Refusal, can_be_opened, trace
from kerassplit_widget.models.twins import Twins
from kerassplit_widget.structure.graph import Call, LayerGraph, Tensor, tensor_name

__all__ = ["Reading", "Step", "read", "read_steps"]

Shapes = Sequence[int | None] | Mapping[str, Sequence[int | None]]
"""Shapes of a model's inputs: of the only one, or by name; with or without the batch dimension."""

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
    input_shapes : Shapes or None
        What unknown dimensions of the inputs were fixed to.
    """

    model: keras.Model
    function: internals.Functional
    graph: LayerGraph
    steps: tuple[Step, ...]
    names: Mapping[int, str]
    input_shapes: Shapes | None = None

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
                if tensor is point or self._stands_for(tensor, point):
                    return name
            raise PointError(
                f"The tensor {point.name!r} was not made inside the model {self.graph.name!r}. "
                "Name a call, or take the tensor from the model's own layers."
            )
        if isinstance(point, internals.Operation):
            fixed = self.input_shapes is not None  # then the layers read are twins, of the same names
            calls = [
                step.call.name
                for step in self.steps
                if step.node.operation is point or (fixed and step.call.layer == point.name)
            ]
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

    def _stands_for(self, tensor: keras.KerasTensor, point: keras.KerasTensor) -> bool:
        """Tell whether a tensor of a graph with fixed shapes stands for one of the model's own graph."""
        if self.input_shapes is None or internals.node_of(point) is None:
            return False
        return internals.place_of(tensor) == internals.place_of(point)


def read(model: keras.Model, *, expand: Expand = "nested", input_shapes: Shapes | None = None) -> LayerGraph:
    """Read a model into a graph of its calls.

    Parameters
    ----------
    model : keras.Model
        A Functional model or a Sequential whose input shape is known.
    expand : {"nested", "all", "none"} or list of str
        Which groups to open: nested models; also composite layers and subclassed models, as far as what they do inside
        can be traced and proved; none; or those called by these names. ``graph.collapsed`` says of the others why not.
    input_shapes : tuple, or dict of str to tuple, optional
        Fixes unknown dimensions of the inputs, with or without batch. Some layers can be opened only then.

    Returns
    -------
    LayerGraph
        ``graph.nx`` is a `networkx.MultiDiGraph` keyed by call name.

    Raises
    ------
    ModelError
        If it is not a Keras model, or its graph is not known.
    PointError
        If a name in `expand` is not a group, or cannot be opened.

    Examples
    --------
    >>> import keras
    >>> x = keras.Input((8,), name="x")
    >>> graph = read(keras.Model(x, keras.layers.Dense(2, name="d")(x)))
    >>> graph.names, graph["d"].params
    (('x', 'd'), 18)
    """
    return read_steps(model, expand=expand, input_shapes=input_shapes).graph


def read_steps(model: Any, *, expand: Expand = "nested", input_shapes: Shapes | None = None) -> Reading:
    """Read a model, keeping hold of the Keras nodes. As `read`, for those who build parts."""
    function = _function(model)
    if input_shapes is not None:
        function = _with_shapes(function, input_shapes)
    wanted = None if isinstance(expand, str) else frozenset(expand)
    if wanted is None and expand not in ("nested", "all", "none"):
        raise ModelError(f"expand= takes 'nested', 'all', 'none' or a list of group names; found {expand!r}.")
    walker = _Walker(wanted, nested=expand in ("nested", "all"), composite=expand == "all")
    names = walker.walk(function)
    for name in sorted((wanted or frozenset()) - walker.expanded):
        if name in walker.collapsed:
            raise PointError(f"{name!r} cannot be opened: {walker.collapsed[name]}.")
        raise PointError(f"No group is called {name!r}. {closest(name, walker.groups)}")
    outputs = tuple(names[id(tensor)] for tensor in function.outputs)
    steps = _with_masks(walker.steps, outputs)
    graph = LayerGraph(
        name=model.name,
        calls=tuple(step.call for step in steps),
        inputs=tuple(names[id(tensor)] for tensor in function.inputs),
        outputs=outputs,
        collapsed=walker.collapsed,
    )
    return Reading(model, function, graph, tuple(steps), names, input_shapes)


def _with_shapes(function: internals.Functional, given: Shapes) -> internals.Functional:
    """Build the graph of a model anew, on twins, with the unknown dimensions of its inputs fixed."""
    names = [internals.maker_of(tensor).name for tensor in function.inputs]
    if not isinstance(given, Mapping):
        if len(names) > 1:
            raise ModelError(
                f"The model has {len(names)} inputs: give input_shapes={{name: shape}} for {', '.join(names)}."
            )
        given = {names[0]: given}
    for name in given:
        if name not in names:
            raise ModelError(f"input_shapes= names {name!r}, which is no input of the model. {closest(name, names)}")
    shapes = {}
    for i, (name, tensor) in enumerate(zip(names, function.inputs, strict=True)):
        own = tuple(tensor.shape)
        wanted = tuple(given.get(name, own))
        if len(wanted) == len(own) - 1:
            wanted = (own[0], *wanted)
        if len(wanted) != len(own) or any(b is not None and a != b for a, b in zip(wanted, own, strict=True)):
            raise ModelError(f"The input {name!r} has shape {own}; input_shapes= gives {tuple(given[name])}.")
        shapes[i] = wanted
    return Twins().rebuild(function, shapes)


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

    def __init__(self, wanted: frozenset[str] | None, *, nested: bool, composite: bool) -> None:
        self.wanted, self.nested, self.composite = wanted, nested, composite
        self.steps: list[Step] = []
        self.groups: list[str] = []
        self.expanded: set[str] = set()
        self.collapsed: dict[str, str] = {}
        self.layers: dict[int, str] = {}
        self.params: dict[int, int] = {}
        self.twins: dict[int, Twins] = {}

    def walk(self, function: internals.Functional) -> dict[int, str]:
        """Record every call. Returns the names of the outermost graph's tensors by id."""
        outermost: dict[int, str] = {}
        # One frame for each model that is open: the nodes still to come, their names, and, for a nested
        # model, the node whose outputs are to be named when it is through.
        stack = [_Frame.open(Body.of_function(function), "", outermost)]
        while stack:
            frame = stack[-1]
            node = next(frame.nodes, None)
            if node is None:
                stack.pop()
                if frame.outer is not None:
                    for tensor, inner in zip(frame.outer.outputs, frame.body.outputs, strict=True):
                        stack[-1].names[id(tensor)] = frame.names[id(inner)]
                continue
            if node.is_input and all(id(tensor) in frame.names for tensor in node.outputs):
                continue  # the input of a nested model: named by what is fed in
            name = frame.prefix + frame.call_names[id(node)]
            body = self._open(node, name)
            if body is None:
                self._record(frame, node, name)
            else:
                self.expanded.add(name)
                fed = dict.fromkeys(map(id, node.input_tensors)) if body.traced else map(id, node.input_tensors)
                names = {id(tensor): frame.names[key] for tensor, key in zip(body.inputs, fed, strict=True)}
                stack.append(_Frame.open(body, f"{name}/", names, node))
        return outermost

    def _open(self, node: internals.Node, name: str) -> Body | None:
        """Return what is inside of a call, or None when it stays one call; the reason goes to `collapsed`."""
        inner = internals.function_of(node.operation)
        if inner is None and not can_be_opened(node.operation):
            return None
        self.groups.append(name)
        wish = self.nested if inner is not None else self.composite
        if not (name in self.wanted if self.wanted is not None else wish):
            return None
        try:
            if inner is None:
                return trace(node, self.twins.setdefault(id(node.operation), Twins()))
            _refuse_what_a_graph_does_not_show(node, inner)
            return Body.of_function(inner)
        except Refusal as reason:
            self.collapsed[name] = str(reason)
            return None

    def _record(self, frame: _Frame, node: internals.Node, name: str) -> None:
        operation = node.operation
        layer = self.layers.setdefault(id(operation), frame.prefix + frame.layer_names[id(operation)])
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

    body: Body
    prefix: str
    names: dict[int, str]
    nodes: Iterator[internals.Node]
    layer_names: dict[int, str]
    call_names: dict[int, str]
    outer: internals.Node | None

    @classmethod
    def open(cls, body: Body, prefix: str, names: dict[int, str], outer: internals.Node | None = None) -> _Frame:
        layers = _layer_names(body.nodes)
        return cls(body, prefix, names, iter(body.nodes), layers, _call_names(body.nodes, layers), outer)


def _layer_names(nodes: list[internals.Node]) -> dict[int, str]:
    """Name each operation, by its id; later ones of the same name, as composite layers may have, get ``_2``, ``_3``."""
    names: dict[int, str] = {}
    taken: set[str] = set()
    for operation in (node.operation for node in nodes):
        if id(operation) not in names:
            name, count = operation.name, 1
            while name in taken:
                count += 1
                name = f"{operation.name}_{count}"
            names[id(operation)] = name
            taken.add(name)
    return names


def _call_names(nodes: list[internals.Node], layers: Mapping[int, str]) -> dict[int, str]:
    """Name each node by its operation; the second and further calls of a shared one get ``#2``, ``#3``."""
    among = {id(node) for node in nodes}
    names: dict[int, str] = {}
    for node in nodes:
        if id(node) in names:
            continue
        operation, name = node.operation, layers[id(node.operation)]
        if internals.called_once(operation):
            names[id(node)] = name
            continue
        for i, own in enumerate(internals.own_nodes(operation, among)):
            names[id(own)] = name if i == 0 else f"{name}#{i + 1}"
    return names


def _refuse_what_a_graph_does_not_show(node: internals.Node, inner: internals.Functional) -> None:
    """Refuse to open a nested model in place where that would change something.

    It changes nothing when the model is called on its inputs only (no ``training=`` or ``mask=`` that would have to be
    handed on), when these already have the dtype and rank of its own inputs, so that it converts nothing, and when no
    hidden mask comes in, of which its own graph knows nothing.
    """
    args, kwargs = node.arguments.args, node.arguments.kwargs
    given = [name for name, value in kwargs.items() if value is not None]
    if given:
        raise Refusal(f"it is called with {given[0]}=, which would have to be handed on")
    fed = keras.tree.flatten(args)
    if len(fed) != len(inner.inputs) or not all(isinstance(tensor, keras.KerasTensor) for tensor in fed):
        raise Refusal("it is not called on one tensor for each of its inputs")
    for tensor, own in zip(fed, inner.inputs, strict=True):
        if internals.mask_of(tensor) is not None:
            raise Refusal("a mask travels hidden into it")
        if (tensor.dtype, len(tensor.shape), tensor.sparse) != (own.dtype, len(own.shape), own.sparse):
            raise Refusal("it converts its input")
