"""`split`: from cuts to parts."""

from __future__ import annotations

from typing import Any, Literal

from kerassplit_widget.errors import CutError
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.cutting import place_cuts
from kerassplit_widget.models.inputs import Shapes
from kerassplit_widget.models.planning import Plan
from kerassplit_widget.models.reading import Expand, read_steps
from kerassplit_widget.models.splitting.building import Builder, collapse, names_of
from kerassplit_widget.models.splitting.manifest import Manifest, Spec
from kerassplit_widget.models.splitting.parts import Split
from kerassplit_widget.models.twins import Copies, Weights
from kerassplit_widget.structure.arguments import one_of, text_or_none
from kerassplit_widget.structure.text import listed
from kerassplit_widget.structure.wiring import wire_parts

__all__ = ["split"]


def split(
    model: Any,
    cuts: Any,
    *,
    weights: Weights = "share",
    wiring: Literal["relay", "direct"] | None = None,
    prefix: str | None = None,
    expand: Expand | None = None,
    input_shapes: Shapes | None = None,
) -> Split:
    """Cut a model into working sub-models. The model itself is not changed.

    Parameters
    ----------
    model : keras.Model
        A Functional model, a Sequential whose input shape is known, or a subclassed model that was called on data.
    cuts : list or Plan
        Each entry is a point (name of a call, layer, or `KerasTensor`), a tuple of points, or a `Cut`. The order does
        not matter and equal cuts count once. With k cuts there are k + 1 parts. A `Plan` stands for its cuts and,
        where they are not given, its wiring and the way it read the model.
    weights : {"share", "copy"}
        Parts on the model's own variables, or on copies.
    wiring : {"relay", "direct"}, optional
        With "relay" (the default) the parts form a chain, ``part_3(part_2(part_1(x)))``: tensors, raw inputs and early
        outputs that a later part needs are passed through; the first part takes the model's own input structure and
        the last returns its output structure. With "direct" each part takes and returns only what it computes with,
        and calling the `Split` wires them by name.
    prefix : str, optional
        Put before the names of the parts and their layers, so that two copies fit into one model.
    expand : str or list of str, optional
        Which groups may be cut inside, as for `read` ("nested" by default). What is not cut through stays whole.
    input_shapes : tuple, or dict of str to tuple, optional
        Fixes unknown dimensions of the inputs, as for `read`. The parts then take these shapes only: what was traced
        for one length is never used at another. ``predict`` cannot tell: give it that batch as its ``batch_size=``.

    Returns
    -------
    Split

    Raises
    ------
    ModelError
        If it is not a Keras model, or its graph is not known.
    PointError
        If a point is not in the model.
    CutError
        If a part would be empty or return nothing, or cuts contradict each other.
    SplitError
        If another argument makes no sense: `weights`, `wiring`, `prefix`, `expand`, `input_shapes`.

    Examples
    --------
    >>> import keras
    >>> import numpy as np
    >>> import kerassplit_widget as ks
    >>> x = keras.Input((4,))
    >>> y = keras.layers.Dense(3, name="middle")(x)
    >>> model = keras.Model(x, keras.layers.Dense(2)(y))
    >>> part_1, part_2 = ks.split(model, ["middle"])
    >>> data = np.ones((1, 4), "float32")
    >>> bool(np.all(part_2(part_1(data)) == model(data)))
    True
    """
    if isinstance(cuts, Plan):
        planned, cuts = cuts, cuts.cuts
        if not cuts:
            raise CutError(f"The plan has no cut: {planned.sentence()} There is nothing to split.")
        wiring = wiring or planned.wiring
        expand = planned.options.get("expand") if expand is None else expand
        input_shapes = planned.options.get("input_shapes") if input_shapes is None else input_shapes
    wiring, expand = wiring or "relay", "nested" if expand is None else expand
    one_of("weights", weights, ("share", "copy"))
    one_of("wiring", wiring, ("relay", "direct"))
    text_or_none("prefix", prefix)
    reading = read_steps(model, expand=expand, input_shapes=input_shapes)
    placed = place_cuts(reading, cuts)
    before = internals.fingerprint(model)
    reading, heads = collapse(reading, [cut.head for cut in placed])
    wires = wire_parts(reading.graph, heads, direct=wiring == "direct")
    for i, wire in enumerate(wires, 1):
        if not wire.returns:
            idle = listed([reading.graph.names[n] for n in wire.calls[:3]])
            raise CutError(
                f"Part {i} would return nothing: no output of the model is computed from {idle}. Leave out the cut "
                f'after {listed(placed[min(i, len(placed)) - 1].points)}, or use wiring="relay".'
            )
    builder = Builder.plan(reading, wires, copies=Copies() if weights == "copy" else None, prefix=prefix)
    function = reading.function
    inputs = names_of(internals.input_structure(function), reading)
    outputs = names_of(internals.output_structure(function), reading)
    chain = wiring == "relay"
    parts = [
        builder.build(
            wire,
            f"{reading.graph.name}_part_{i + 1}",
            inputs=inputs if chain and i == 0 else None,
            outputs=outputs if chain and i == len(wires) - 1 else None,
        )
        for i, wire in enumerate(wires)
    ]
    given = {"weights": weights, "wiring": wiring, "prefix": prefix, "expand": expand, "input_shapes": input_shapes}
    usual = {"weights": "share", "wiring": "relay", "prefix": None, "expand": "nested", "input_shapes": None}
    manifest = Manifest(
        model=reading.graph.name,
        cuts=tuple(cut.points for cut in placed),
        wiring=wiring,
        wires=tuple(wires),
        inputs=inputs,
        outputs=outputs,
        specs=Spec.of_wires(reading, wires),
        weights=weights,
        options={key: value for key, value in given.items() if value != usual[key]},
        batch_is_fixed=builder.batch_is_fixed,
    )
    return Split(manifest, parts, reading, before)
