"""Subclassed models: what their ``call`` computes, as a graph of layers.

The model is traced as a composite layer is (`tracing`), on a twin of it and with the same checks, from inputs of the
shapes that it was called with. So it has to have been called, or built, before: only then has it weights.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import keras

from kerassplit_widget.errors import ModelError, first_line
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.bodies import Body, layer_names
from kerassplit_widget.models.inputs import Shape, asked_shapes
from kerassplit_widget.models.tracing import Refusal, trace
from kerassplit_widget.models.twins import Twins

__all__ = ["graph_of"]

_ADVICE = "Put what is in the way into a layer of its own, which then stays one call."


def graph_of(model: keras.Model, given: Any = None) -> internals.Functional:
    """Trace a subclassed model into a graph of layers on its weights.

    Parameters
    ----------
    model : keras.Model
        Its own ``call`` is what it computes. It is only looked at.
    given : tuple, or dict of str to tuple, optional
        Other shapes of its inputs, with or without batch, than those it was called with.

    Returns
    -------
    Functional
        Its inputs take floats, or whole numbers where an embedding reads them or ``call`` takes nothing else.

    Raises
    ------
    ModelError
        If it was never called, or what it computes cannot be told from its ``call``.
    """
    taken = _taken(model)
    names = _names(model, taken)
    shapes = [tuple(tensor.shape) for tensor in keras.tree.flatten(taken)]
    if given is not None:
        shapes = asked_shapes(names, shapes, given, keep=False)
    why = ""
    for dtype in (model.compute_dtype, "int32"):
        dtypes = [dtype] * len(shapes)
        try:
            body, outputs = _traced(model, taken, shapes, dtypes)
            embedded = ["int32" if _is_embedded(body, tensor) else dtype for tensor in body.inputs]
            if embedded != dtypes:
                body, outputs = _traced(model, taken, shapes, embedded)
        except Refusal as reason:
            why = why or str(reason)
            continue
        return _built(model, names, body, keras.tree.pack_sequence_as(taken, body.inputs), outputs)
    raise ModelError(
        f"{type(model).__name__} is a subclassed model, and what it computes cannot be told from its call(): {why}. "
        f"{_ADVICE}"
    )


def _taken(model: keras.Model) -> Any:
    """Return symbolic tensors in the structure that a model was called with, the batch left open."""
    held = internals.held_graph(model)
    if held is not None:  # a functional model, or a Sequential, with a call of its own
        return internals.input_structure(held)
    own = type(model).__name__
    needed = [
        each.name
        for each in inspect.signature(model.call).parameters.values()
        if each.default is each.empty and each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    if len(needed) > 1:
        raise ModelError(
            f"{own} is a subclassed model whose call() takes {', '.join(needed)}: let it take one list or dict of them."
        )
    if not model.built:
        raise ModelError(
            f"{own} is a subclassed model and has never been called: it has no weights yet, and the shape of its input "
            "is unknown. Call it once on data: model(x)."
        )
    config = model.get_build_config() or {}
    if config.get("input_shape") is None:
        raise ModelError(
            f"{own} is a subclassed model whose call() Keras could not follow when it built it, as it may branch on "
            f"values or draw random numbers, so that no graph can be made of it. {_ADVICE}"
        )
    shapes = _plain(config["input_shape"])
    return keras.tree.map_shape_structure(lambda shape: keras.KerasTensor((None, *shape[1:])), shapes)


def _plain(structure: Any) -> Any:
    """Return a structure without the classes in which Keras watches what a model holds: JAX does not know them."""
    if isinstance(structure, dict):
        return {key: _plain(value) for key, value in structure.items()}
    return [_plain(value) for value in structure] if isinstance(structure, list) else structure


def _names(model: keras.Model, taken: Any) -> list[str]:
    """Name the inputs: by the keys of a dict, by number in a list, like the parameter of ``call`` if there is one."""
    parameter = next(iter(inspect.signature(model.call).parameters), "inputs")
    paths = [path for path, _ in keras.tree.flatten_with_path(taken)]
    named = [[str(key) if isinstance(key, str) else str(key + 1) for key in path] for path in paths]
    return ["_".join(path if path and not path[0].isdecimal() else [parameter, *path]) for path in named]


def _traced(model: keras.Model, taken: Any, shapes: Sequence[Shape], dtypes: Sequence[str]) -> tuple[Body, Any]:
    """Trace a model. Returns the body, and its outputs in the structure that the model returns."""
    twin: Any = Twins(open_batch=True).of(model)
    with internals.fresh_names():
        inputs = [keras.Input(batch_shape=each, dtype=dtype) for each, dtype in zip(shapes, dtypes, strict=True)]
        try:
            results = twin(keras.tree.pack_sequence_as(taken, inputs))
        except Exception as error:
            raise Refusal(f"its call() cannot be traced: {first_line(error)}") from None
    flat = keras.tree.flatten(results)
    if not flat or not all(isinstance(each, keras.KerasTensor) for each in flat):
        raise Refusal("its call() does not return tensors only")
    own = {id(internals.original_of(weight)) for weight in model.variables}
    if any(id(internals.original_of(weight)) not in own for weight in twin.variables):
        raise ModelError(
            f"{type(model).__name__} is a subclassed model with layers that have no weights yet: call it once on data, "
            "model(x)."
        )
    node = internals.node_of(flat[0])
    assert node is not None  # the call of the twin
    body = trace(node, Twins())
    return body, keras.tree.pack_sequence_as(results, body.outputs)


def _is_embedded(body: Body, tensor: keras.KerasTensor) -> bool:
    """Tell whether an embedding reads a tensor, which then is of whole numbers."""
    readers = [node.operation for node in body.nodes if any(each is tensor for each in node.input_tensors)]
    return any(isinstance(each, keras.layers.Embedding) for each in readers)


def _built(model: keras.Model, inputs: Sequence[str], body: Body, taken: Any, returned: Any) -> internals.Functional:
    """Build a model of a body whose layers may have names in common."""
    names = layer_names(body.nodes)
    used, fed = set(names.values()), list[str]()
    for name in inputs:
        while name in used:
            name += "_"
        used.add(name)
        fed.append(name)
    twins = Twins(rename=lambda operation: names[id(operation)])
    return body.built(twins, fed, model.name, taken, returned)
