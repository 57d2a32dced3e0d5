"""How subclassed models are called: a graph takes one structure of inputs, ``call`` may take several arguments."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import keras

from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.inputs import Shapes

__all__ = ["bound", "call_on", "inputs_of", "recorded_shapes", "takes_several"]


def takes_several(model: keras.Model, given: Shapes | None = None) -> bool:
    """Tell whether ``call`` of a model takes several arguments for the one list that its graph takes.

    Parameters
    ----------
    model : keras.Model
        Of any kind.
    given : Shapes, optional
        With which the graph was made.
    """
    return internals.held_graph(model) is None and len(inputs_of(model, given)) > 1


def call_on(model: keras.Model, inputs: Any, given: Shapes | None = None, **options: Any) -> Any:
    """Call a model on inputs in the structure in which its graph takes them.

    Parameters
    ----------
    model : keras.Model
        Of any kind.
    inputs : structure of tensors
    given : Shapes, optional
        With which the graph was made.
    **options
        Further arguments of the call.
    """
    if not takes_several(model, given):
        return model(inputs, **options)
    args, kwargs = bound(model, dict(zip(inputs_of(model, given), inputs, strict=True)))
    return model(*args, **kwargs, **options)


def inputs_of(model: keras.Model, given: Any = None) -> list[str]:
    """Name the arguments of ``call`` of a subclassed model that are inputs of its graph.

    These are the arguments without a default, and those of which the shape is known: as Keras has kept it, or as it is
    given by name.
    """
    collecting = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = [
        each
        for each in inspect.signature(model.call).parameters.values()
        if each.name != "training" and each.kind not in collecting
    ]
    known = {*recorded_shapes(model), *(given if isinstance(given, Mapping) else ())}
    found = [each.name for each in parameters if each.default is each.empty or each.name in known]
    return found or [each.name for each in parameters[:1]]


def recorded_shapes(model: keras.Model) -> dict[str, Any]:
    """Return the shapes that Keras has kept of a call, by argument.

    That is the shape of the first tensor, or of all that ``build`` of the model takes the shapes of.
    """
    config = model.get_build_config() or {}
    if config.get("input_shape") is not None:
        first = next(iter(inspect.signature(model.call).parameters), "inputs")
        return {first: _plain(config["input_shape"])}
    shapes = config.get("shapes_dict") or {}
    return {key.removesuffix("_shape"): _plain(shape) for key, shape in shapes.items() if shape is not None}


def _plain(structure: Any) -> Any:
    """Return a structure without the classes in which Keras watches what a model holds: JAX does not know them."""
    if isinstance(structure, dict):
        return {key: _plain(value) for key, value in structure.items()}
    return [_plain(value) for value in structure] if isinstance(structure, list) else structure


def bound(model: keras.Model, values: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the positional arguments and the keywords by which ``call`` gets values for arguments of these names."""
    found = inspect.BoundArguments(inspect.signature(model.call), dict(values))
    return found.args, found.kwargs
