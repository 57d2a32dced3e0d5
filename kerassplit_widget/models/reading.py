"""Reading a Keras model into a `LayerGraph`.

The vertex is a Keras node (one call), not a layer: a shared layer has several, an op of `keras.ops` has one, and
``model.layers`` would miss both facts. Nested models are expanded in place where that changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras

from kerassplit_widget.errors import ModelError, PointError, SplitError, closest
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.inputs import Shapes, asked_shapes
from kerassplit_widget.models.needs import needed
from kerassplit_widget.models.subclassed import graph_of
from kerassplit_widget.models.twins import Twins
from kerassplit_widget.models.walking import Step, Walker
from kerassplit_widget.structure.graph import LayerGraph

__all__ = ["Reading", "Step", "read", "read_steps"]

Expand = str | list[str] | tuple[str, ...] | set[str] | frozenset[str]


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
    closed : frozenset of str
        Calls that are groups and were not asked to be opened: one may try.
    real : mapping of str to Declared
        Of tensors that are something else than Keras declares: what.
    """

    model: keras.Model
    function: internals.Functional
    graph: LayerGraph
    steps: tuple[Step, ...]
    names: Mapping[int, str]
    input_shapes: Shapes | None = None
    closed: frozenset[str] = frozenset()
    real: Mapping[str, internals.Declared] = field(default_factory=dict)

    @cached_property
    def on_twins(self) -> bool:
        """Whether the layers read are twins of the model's, of the same names: shapes were fixed, or it was traced."""
        return internals.function_of(self.model) is not self.function

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
            if id(point) in self.names:  # of the outermost graph; a group's output has another name inside
                return self.names[id(point)]
            for name, tensor in self.symbolic.items():
                if tensor is point or self._stands_for(tensor, point):
                    return name
            raise PointError(
                f"The tensor {point.name!r} was not made inside the model {self.graph.name!r}. "
                "Name a call, or take the tensor from the model's own layers."
            )
        if isinstance(point, internals.Operation):
            if isinstance(point, keras.layers.Layer) and not self._holds(point) and self._knows(point.name):
                raise PointError(
                    f"The layer {point.name!r} belongs to another model: {self.graph.name!r} has a layer of that name, "
                    f"but not this one. Give its name, or take it from the model: model.get_layer({point.name!r})."
                )
            calls = [
                step.call.name
                for step in self.steps
                if step.node.operation is point or (self.on_twins and step.call.layer == point.name)
            ]
            if not calls:
                base = point.name
                calls = [name for name in self.graph.groups if name == base or name.startswith(f"{base}#")]
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

    def _holds(self, layer: keras.layers.Layer) -> bool:
        """Tell whether a layer is in the model, at any depth."""
        inside = [*(step.node.operation for step in self.steps), *internals.layers_within(self.model)]
        return any(each is layer for each in inside)

    def _knows(self, name: str) -> bool:
        """Tell whether a call or group of the graph is of a layer of this name."""
        return any(call.layer == name for call in self.graph) or any(
            group == name or group.startswith(f"{name}#") for group in self.graph.groups
        )

    def _stands_for(self, tensor: keras.KerasTensor, point: keras.KerasTensor) -> bool:
        """Tell whether a tensor of a graph with fixed shapes stands for one of the model's own graph."""
        if not self.on_twins or internals.node_of(point) is None:
            return False
        return internals.place_of(tensor) == internals.place_of(point)


def read(model: keras.Model, *, expand: Expand = "nested", input_shapes: Shapes | None = None) -> LayerGraph:
    """Read a model into a graph of its calls.

    Parameters
    ----------
    model : keras.Model
        A Functional model, a Sequential whose input shape is known, or a subclassed model that was called on data, as
        far as what its ``call`` does can be traced and proved.
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
    SplitError
        If another argument makes no sense.

    Examples
    --------
    >>> import keras
    >>> import kerassplit_widget as ks
    >>> x = keras.Input((8,), name="x")
    >>> graph = ks.read(keras.Model(x, keras.layers.Dense(2, name="d")(x)))
    >>> graph.names, graph["d"].params
    (('x', 'd'), 18)
    """
    return read_steps(model, expand=expand, input_shapes=input_shapes).graph


def read_steps(model: Any, *, expand: Expand = "nested", input_shapes: Shapes | None = None) -> Reading:
    """Read a model, keeping hold of the Keras nodes. As `read`, for those who build parts."""
    function = _function(model, input_shapes)
    several = isinstance(expand, list | tuple | set | frozenset) and all(isinstance(name, str) for name in expand)
    if not several and expand not in ("nested", "all", "none"):
        raise SplitError(f"expand= takes 'nested', 'all', 'none' or a list of group names; found {expand!r:.80}.")
    wanted = frozenset(expand) if several else None
    walker = Walker(wanted, nested=expand in ("nested", "all"), composite=expand == "all")
    names = walker.walk(function)
    for name in sorted((wanted or frozenset()) - walker.expanded):
        if name in walker.collapsed:
            raise PointError(f"{name!r} cannot be opened: {walker.collapsed[name]}.")
        raise PointError(f"No group is called {name!r}. {closest(name, walker.groups)}")
    outputs = tuple(names[id(tensor)] for tensor in function.outputs)
    steps, bare = needed(walker.steps, walker.unread, walker.attached, outputs)
    if bare:
        names = {key: bare.get(name, name) for key, name in names.items()}
    graph = LayerGraph(
        name=model.name,
        calls=tuple(step.call for step in steps),
        inputs=tuple(names[id(tensor)] for tensor in function.inputs),
        outputs=outputs,
        collapsed=walker.collapsed,
        groups={key: tuple(bare.get(name, name) for name in made) for key, made in walker.group_outputs.items()},
    )
    closed = frozenset(walker.groups) - walker.expanded - walker.collapsed.keys()
    return Reading(model, function, graph, tuple(steps), names, input_shapes, closed, walker.returned.real)


def _with_shapes(function: internals.Functional, given: Shapes) -> internals.Functional:
    """Build the graph of a model anew, on twins, with the unknown dimensions of its inputs fixed."""
    names = [internals.maker_of(tensor).name for tensor in function.inputs]
    known = [tuple(tensor.shape) for tensor in function.inputs]
    wanted = asked_shapes(names, known, given, keep=True)
    return Twins().rebuild(function, dict(enumerate(wanted)))


def _function(model: Any, given: Shapes | None) -> internals.Functional:
    """Return the graph of a model, or say what the thing is and which line helps."""
    if not isinstance(model, keras.Model):
        kind = f"{type(model).__module__}.{type(model).__name__}".removeprefix("builtins.")
        if isinstance(model, type):
            kind = f"the class {model.__name__}"
            help_ = f"Call it to make a model: model = {model.__name__}(...)."
        elif model is None:
            kind = "None"
            help_ = "Give the keras.Model object itself; methods such as model.build and model.compile return None."
        elif isinstance(model, keras.layers.Layer):
            help_ = "Wrap the layer: x = keras.Input(shape); model = keras.Model(x, layer(x))."
        elif isinstance(model, str) or hasattr(model, "__fspath__"):
            help_ = "Load the file first: model = keras.saving.load_model(path)."
        else:
            help_ = "Give the keras.Model object itself."
        raise ModelError(f"A keras.Model is needed; found {kind}. {help_}")
    function = internals.function_of(model)
    if function is not None:
        return function if given is None else _with_shapes(function, given)
    around = internals.around_call(model)
    if around is not None:
        whose = "was given" if around == "call" else f"has, as a {type(model).__name__},"
        raise ModelError(
            f"The model {model.name!r} {whose} a {around}() of its own, of which parts would know nothing. Do that in "
            "the call() of its class, or in layers."
        )
    if internals.is_plain_sequential(model):
        raise ModelError(
            f"The Sequential {model.name!r} is not built: its input shape is unknown. "
            "Build it: model.build((None, *shape)), or begin it with keras.Input(shape)."
        )
    return graph_of(model, given)
