"""Subclassed models: what their ``call`` computes, as a graph of layers.

The model is traced as a composite layer is (`tracing`), on a twin of it and with the same checks, from inputs of the
shapes that it was called with. So it has to have been called, or built, before: only then has it weights.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras

from kerassplit_widget.errors import ModelError, first_line
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.bodies import Body, Naming, Refusal, Unfit
from kerassplit_widget.models.calling import bound, inputs_of, recorded_shapes
from kerassplit_widget.models.inputs import Shape, asked_shapes, dimensions
from kerassplit_widget.models.tracing import can_be_opened, glance, trace
from kerassplit_widget.models.twins import Twins

__all__ = ["graph_of"]

_ADVICE = "Put what is in the way into a layer of its own, which then stays one call."

_MANY = 5
"""With more inputs than this not all mixtures of whole numbers and others are tried."""


def graph_of(model: keras.Model, given: Any = None) -> internals.Functional:
    """Trace a subclassed model into a graph of layers on its weights.

    Parameters
    ----------
    model : keras.Model
        Its own ``call`` is what it computes. It is only looked at.
    given : tuple, or dict of str to tuple, optional
        Other shapes of its inputs, with or without batch, than those it was called with. Where ``call`` takes several
        tensors, Keras may have kept the shape of the first only: then those of the others, with batch. An argument with
        a default is an input if it is named here.

    Returns
    -------
    Functional
        Its inputs take floats, or whole numbers where an embedding reads them or ``call`` takes nothing else. Where
        ``call`` takes several tensors, it takes a list of them, in that order, named as they are there.

    Raises
    ------
    ModelError
        If it was never called, or what it computes cannot be told from its ``call``.
    """
    taken = _taken(model, given)
    names = _names(taken)
    shapes = [tuple(tensor.shape) for tensor in keras.tree.flatten([*taken.values()])]
    if given is not None:
        shapes = asked_shapes(names, shapes, given, keep=False)
    why = ""
    for dtypes in _dtypes(model, taken):
        try:
            called = _Called.of(model, taken, shapes, dtypes)
            embedded = _embedded(called.body(glance))
            found = ["int32" if i in embedded and "float" in dtype else dtype for i, dtype in enumerate(dtypes)]
            if found != dtypes:
                called = _Called.of(model, taken, shapes, found)
            body = called.body(trace)
        except Unfit as reason:
            why = why or str(reason)
            continue
        except Refusal as reason:
            why = str(reason)
            break
        pack = keras.tree.pack_sequence_as
        structure = [*taken.values()] if len(taken) > 1 else next(iter(taken.values()))
        return _built(model, names, body, pack(structure, body.inputs), pack(called.results, body.outputs))
    raise ModelError(
        f"{type(model).__name__} is a subclassed model, and what it computes cannot be told from its call(): {why}. "
        f"{_ADVICE}"
    )


def _taken(model: keras.Model, given: Any) -> dict[str, Any]:
    """Return for each argument that is an input symbolic tensors in the structure that it has, the batch left open."""
    held = internals.held_graph(model)
    if held is not None:  # a functional model, or a Sequential, with a call of its own
        first = next(iter(inspect.signature(model.call).parameters), "inputs")
        return {first: internals.input_structure(held)}
    own = type(model).__name__
    if not model.built:
        raise ModelError(
            f"{own} is a subclassed model and has never been called: it has no weights yet, and the shape of its input "
            "is unknown. Call it once on data: model(x)."
        )
    arguments, recorded = inputs_of(model, given), recorded_shapes(model)
    if not arguments:
        raise ModelError(
            f"{own} is a subclassed model whose call() takes only *args or **kwargs: let it name the tensors it takes."
        )
    named = given if isinstance(given, Mapping) else {}
    if given is not None and not isinstance(given, Mapping) and len(arguments) == 1:
        named = {arguments[0]: given}
    missing = [name for name in arguments if name not in recorded and name not in named]
    if missing and not recorded:
        raise ModelError(
            f"{own} is a subclassed model whose call() Keras could not follow when it built it, as it may branch on "
            f"values or draw random numbers, so that no graph can be made of it. {_ADVICE}"
        )
    if missing:
        example = ", ".join(f"{name!r}: (None, ...)" for name in missing)
        raise ModelError(
            f"{own} is a subclassed model whose call() takes {', '.join(arguments)}, and Keras keeps the shape of "
            f"{', '.join(recorded)} only. Give the others, with the batch first: input_shapes={{{example}}}."
        )
    shapes = {name: recorded[name] if name in recorded else dimensions(name, named[name]) for name in arguments}
    return {
        name: keras.tree.map_shape_structure(lambda shape: keras.KerasTensor((None, *shape[1:])), shape)
        for name, shape in shapes.items()
    }


def _names(taken: Mapping[str, Any]) -> list[str]:
    """Name the inputs like the arguments, in these by key or number; those in a dict alone by its keys."""
    names = []
    for argument, structure in taken.items():
        for path, _ in keras.tree.flatten_with_path(structure):
            parts = [str(key) if isinstance(key, str) else str(key + 1) for key in path]
            alone = len(taken) == 1 and parts and not parts[0].isdecimal()
            names.append("_".join(parts if alone else [argument, *parts]))
    return names


def _dtypes(model: keras.Model, taken: Mapping[str, Any]) -> Iterator[list[str]]:
    """Yield what the inputs may be of: as few whole numbers as can be, since floats would be cut off there.

    An ``input_spec`` of the model, or a graph that it holds, may say it. Masks may have to be booleans.
    """
    first = keras.tree.flatten(next(iter(taken.values())))
    held = internals.held_graph(model)
    says = keras.tree.flatten(model.input_spec) if held is None else first
    said = [getattr(each, "dtype", None) for each in says] if len(says) == len(first) else []
    if held is not None:
        said = [None if "float" in str(dtype) else dtype for dtype in said]
    number = len(keras.tree.flatten([*taken.values()]))  # the keys of a dict would be sorted
    masks = [name == "mask" or name.endswith("_mask") for name, each in taken.items() for _ in keras.tree.flatten(each)]
    free = [i for i in range(number) if i >= len(said) or said[i] is None]
    for count in range(len(free) + 1 if len(free) <= _MANY else 2):
        for whole in itertools.combinations(free, count):
            dtypes = ["int32" if i in whole else model.compute_dtype for i in range(number)]
            dtypes = [own or dtype for own, dtype in itertools.zip_longest(said, dtypes)]
            yield dtypes
            if any(masks):
                yield ["bool" if mask else dtype for mask, dtype in zip(masks, dtypes, strict=True)]


@dataclass(frozen=True)
class _Called:
    """A symbolic call of a twin of a model: its inputs, and its results in the structure that the model returns."""

    node: internals.Node
    inputs: list[keras.KerasTensor]
    results: Any

    @classmethod
    def of(
        cls, model: keras.Model, taken: Mapping[str, Any], shapes: Sequence[Shape], dtypes: Sequence[str]
    ) -> _Called:
        """Call a twin of a model on inputs of these shapes and dtypes."""
        twin: Any = Twins(open_batch=True).of(model)
        with internals.fresh_names():
            inputs = [keras.Input(batch_shape=each, dtype=dtype) for each, dtype in zip(shapes, dtypes, strict=True)]
            fed, values = iter(inputs), {}
            for name, structure in taken.items():
                values[name] = keras.tree.map_structure(lambda _: next(fed), structure)
            args, kwargs = bound(model, values)
            try:
                results = twin(*args, **kwargs)
            except Exception as error:
                raise Unfit(f"its call() cannot be traced: {first_line(error)}") from None
        flat = keras.tree.flatten(results)
        if not flat or not all(isinstance(each, keras.KerasTensor) for each in flat):
            raise Refusal("its call() does not return tensors only")
        own = {id(internals.original_of(weight)) for weight in model.variables}
        if any(id(internals.original_of(weight)) not in own for weight in twin.variables):
            raise ModelError(
                f"{type(model).__name__} is a subclassed model with layers that have no weights yet: call it once on "
                "data, model(x)."
            )
        node = internals.node_of(flat[0])
        assert node is not None  # the call of the twin
        return cls(node, inputs, results)

    def body(self, look: Callable[[internals.Node, Twins], Body]) -> Body:
        """Look inside. Keywords come in the order of their names there, so that the inputs are put in order."""
        found = look(self.node, Twins())
        places = dict(zip(dict.fromkeys(map(id, self.node.input_tensors)), found.inputs, strict=True))
        return replace(found, inputs=[places[id(each)] for each in self.inputs])


def _embedded(body: Body) -> set[int]:
    """Find the numbers of the inputs that an embedding reads, maybe inside a layer: these are whole numbers."""
    found = set[int]()
    stack = [(body, {id(tensor): i for i, tensor in enumerate(body.inputs)})]
    while stack:
        opened, numbers = stack.pop()
        for node in opened.nodes:
            own = [numbers[id(tensor)] for tensor in node.input_tensors if id(tensor) in numbers]
            if own and isinstance(node.operation, keras.layers.Embedding):
                found.update(own)
            elif own and type(node.operation).__name__ in _REARRANGING:
                numbers.update((id(tensor), own[0]) for tensor in node.outputs)
            elif own and (inside := _opened(node)) is not None:
                fed = list(dict.fromkeys(map(id, node.input_tensors)))
                inner = zip(fed, inside.inputs, strict=True)
                stack.append((inside, {id(tensor): numbers[key] for key, tensor in inner if key in numbers}))
    return found


_REARRANGING = frozenset(("ExpandDims", "Flatten", "Reshape", "Squeeze", "Transpose"))
"""Operations and layers that return all numbers that they are fed."""


def _opened(node: internals.Node) -> Body | None:
    """Look inside a call of a layer with an embedding in it, if that can be done."""
    if not isinstance(node.operation, keras.layers.Layer):
        return None
    if not any(isinstance(layer, keras.layers.Embedding) for layer in internals.layers_within(node.operation)):
        return None
    function = internals.function_of(node.operation)
    if function is not None:
        return Body.of_function(function) if len(function.inputs) == len(set(map(id, node.input_tensors))) else None
    try:
        return glance(node, Twins()) if can_be_opened(node.operation) else None
    except Refusal:
        return None


def _built(model: keras.Model, inputs: Sequence[str], body: Body, taken: Any, returned: Any) -> internals.Functional:
    """Build a model of a body whose layers may have names in common."""
    naming = Naming(body.nodes)
    names = {id(node.operation): naming.layer(node.operation) for node in body.nodes}
    used, fed = set(names.values()), list[str]()
    for name in inputs:
        while name in used:
            name += "_"
        used.add(name)
        fed.append(name)
    twins = Twins(rename=lambda operation: names[id(operation)])
    return body.built(twins, fed, model.name, taken, returned)
