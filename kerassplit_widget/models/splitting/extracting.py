"""Any sub-model between given tensors, and a model of models as one flat model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from kerassplit_widget.errors import CutError, PointError
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.cutting import place_cuts
from kerassplit_widget.models.inputs import Shapes
from kerassplit_widget.models.reading import Expand, Reading, read_steps
from kerassplit_widget.models.splitting.building import Builder, names_of, open_groups, reopen
from kerassplit_widget.models.twins import Copies, Weights
from kerassplit_widget.structure.arguments import one_of, text_or_none
from kerassplit_widget.structure.cuts import find_tensor
from kerassplit_widget.structure.graph import LayerGraph, mask_name
from kerassplit_widget.structure.text import listed
from kerassplit_widget.structure.wiring import Wire

__all__ = ["extract", "flatten"]


def extract(
    model: Any,
    inputs: Any = None,
    outputs: Any = None,
    *,
    weights: Weights = "share",
    prefix: str | None = None,
    expand: Expand = "nested",
    input_shapes: Shapes | None = None,
) -> keras.Model:
    """Take a sub-model out of a model: any inputs, any outputs, also inside nested models.

    Parameters
    ----------
    model : keras.Model
        It is not changed.
    inputs : list of points, optional
        Calls (names, layers, or tensors) whose output is fed in. By default the model's own inputs.
    outputs : list of points, optional
        Calls whose output is returned. By default the model's own outputs.
    weights : {"share", "copy"}
        On the model's variables or on copies.
    prefix : str, optional
        Put before the names of the layers.
    expand, input_shapes
        As for `split`.

    Returns
    -------
    keras.Model
        It takes and returns one tensor for one point, a list for several, and the model's own structure where none
        were given. A fed tensor that has to bring a mask is followed by that mask.

    Raises
    ------
    ModelError
        If it is not a Keras model, or its graph is not known.
    PointError
        If a point is not in the model.
    CutError
        If the outputs cannot be computed from the inputs; the message names what is missing. Also if a list is empty.
    SplitError
        If another argument makes no sense.

    Examples
    --------
    >>> import keras
    >>> import kerassplit_widget as ks
    >>> x = keras.Input((4,), name="x")
    >>> a = keras.layers.Dense(3, name="a")(x)
    >>> model = keras.Model(x, keras.layers.Dense(2, name="b")(a))
    >>> ks.extract(model, outputs=["a"]).output_shape, ks.extract(model, inputs=["a"]).input_shape
    ((None, 3), (None, 3))
    """
    one_of("weights", weights, ("share", "copy"))
    text_or_none("prefix", prefix)
    reading = read_steps(model, expand=expand, input_shapes=input_shapes)
    fed = None if inputs is None else _tensors(reading, "inputs", inputs)
    wanted = None if outputs is None else _tensors(reading, "outputs", outputs)
    groups = {group for name in (*(fed or ()), *(wanted or ())) for group in open_groups(name)}
    reading, _ = reopen(reading, groups)
    graph = reading.graph
    takes = graph.inputs if fed is None else fed
    returns = graph.outputs if wanted is None else wanted
    calls = _needed(graph, takes, returns)
    masked = {name for n in calls for name in graph.calls[n].masked}
    takes = tuple(each for n in takes for each in ((n, mask_name(n)) if n in masked else (n,)))
    wire = Wire(tuple(dict.fromkeys(takes)), returns, tuple(calls))
    builder = Builder.plan(reading, [wire], copies=Copies() if weights == "copy" else None, prefix=prefix)
    structures = (internals.input_structure(reading.function), internals.output_structure(reading.function))
    own_inputs, own_outputs = (names_of(structure, reading) for structure in structures)
    return builder.build(
        wire,
        f"{graph.name}_extract",
        inputs=own_inputs if fed is None else None,
        outputs=own_outputs if wanted is None else None,
    )


def flatten(
    model: Any, *, weights: Weights = "share", prefix: str | None = None, input_shapes: Shapes | None = None
) -> keras.Model:
    """Make of a model of models one flat model on the same variables.

    Parameters
    ----------
    model : keras.Model
        It is not changed.
    weights : {"share", "copy"}
        On the model's variables or on copies.
    prefix : str, optional
        Put before the names of the layers.
    input_shapes : tuple, or dict of str to tuple, optional
        Fixes unknown dimensions of the inputs, as for `read`; of a subclassed model that takes several tensors it gives
        the shapes that Keras does not keep.

    Returns
    -------
    keras.Model
        With the model's inputs and outputs; what no output is computed from is left out.
        A layer ``conv1`` that lay in the nested model ``backbone`` is called
        ``backbone_conv1``.

    Raises
    ------
    ModelError
        If it is not a Keras model, or its graph is not known.
    SplitError
        If another argument makes no sense.

    Examples
    --------
    >>> import keras
    >>> import kerassplit_widget as ks
    >>> backbone = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="conv1")], name="backbone")
    >>> x = keras.Input((4,), name="x")
    >>> model = keras.Model(x, keras.layers.Dense(2, name="head")(backbone(x)))
    >>> [layer.name for layer in ks.flatten(model).layers]
    ['x', 'backbone_conv1', 'head']
    """
    one_of("weights", weights, ("share", "copy"))
    text_or_none("prefix", prefix)
    reading = read_steps(model, expand="nested", input_shapes=input_shapes)
    graph = reading.graph
    calls = tuple(n for n, call in enumerate(graph.calls) if not call.is_input)
    wire = Wire(graph.inputs, graph.outputs, calls)
    builder = Builder.plan(reading, [wire], copies=Copies() if weights == "copy" else None, prefix=prefix)
    structures = (internals.input_structure(reading.function), internals.output_structure(reading.function))
    inputs, outputs = (names_of(structure, reading) for structure in structures)
    return builder.build(wire, graph.name, inputs=inputs, outputs=outputs)


def _tensors(reading: Reading, argument: str, points: Any) -> tuple[str, ...]:
    """Name the tensors that points mean."""
    several = points if isinstance(points, list | tuple) else [points]
    if not several:
        raise CutError(f"{argument}= is empty: name at least one call, or leave it out for the model's own {argument}.")
    groups, found = reading.graph.groups, []
    for point in several:
        try:
            name = reading.point_name(point)
            found += [find_tensor(reading.graph, each) for each in groups.get(name, (name,))]
        except PointError:
            place_cuts(reading, [(point,)])  # says of one inside a group that is closed how that is opened
            raise
    return tuple(found)


def _needed(graph: LayerGraph, takes: Sequence[str], returns: Sequence[str]) -> list[int]:
    """Find the calls that lead from some tensors to others, and refuse when others are needed too."""
    fed, found, missing = set(takes), set(), []
    stack = [name for name in returns if name not in fed]
    while stack:
        number = graph.number[graph.tensors[stack.pop()].call]
        if number in found:
            continue
        found.add(number)
        call = graph.calls[number]
        if call.is_input:
            missing.append(call.name)
        stack.extend(name for name in call.inputs if name not in fed)
    if missing:
        raise CutError(
            f"{listed(returns)} cannot be computed from {listed(takes)} alone: "
            f"{listed(sorted(missing))} {'is' if len(missing) == 1 else 'are'} needed too. "
            f"Add {'it' if len(missing) == 1 else 'them'} to inputs=, or leave inputs out for the model's own."
        )
    return sorted(found)
