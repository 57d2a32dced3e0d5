"""Putting parts together to one flat model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras

from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.keras_internals import Operation
from kerassplit_widget.models.masks import AttachMask, CopyTensor, TakeMask
from kerassplit_widget.models.reading import Reading, Step, read_steps
from kerassplit_widget.models.splitting.sameness import same_layer
from kerassplit_widget.models.twins import Twins

if TYPE_CHECKING:
    from kerassplit_widget.models.splitting.manifest import Manifest

__all__ = ["join_parts"]


class _MaskOf:
    """Stands for the mask of a tensor where the parts hand it over; inside one model Keras carries it itself."""

    def __init__(self, tensor: keras.KerasTensor, rank: int) -> None:
        self.tensor, self.rank = tensor, rank


def join_parts(parts: Sequence[keras.Model], manifest: Manifest, name: str) -> keras.Model:
    """Build one model that computes the parts one after the other.

    A model made of part models would save but not load where two parts hold the same layer, so the calls of all parts
    are repeated side by side, and layers of one name that share their variables become one layer, but where one of them
    was changed in its part.
    """
    readings = [read_steps(part, expand="none") for part in parts]
    starts = {each: manifest.specs[each].input(each) for each in keras.tree.flatten(manifest.inputs)}
    for i, reading in enumerate(readings):
        for tensor, each in zip(reading.function.inputs, manifest.taken(i), strict=True):
            if each in starts:
                starts[each] = internals.input_like(tensor, each)
    known: dict[str, Any] = dict(starts)
    one = _merge(readings)
    twins = Twins(rename=_unique(set(starts)))
    for i, (reading, wire) in enumerate(zip(readings, manifest.wires, strict=True)):
        unmasked = {name for step in reading.steps for name in step.unmasks}
        local = dict(zip(reading.graph.inputs, (known[each] for each in manifest.taken(i)), strict=True))
        for step in reading.steps:
            if not step.call.is_input:
                taken_off = step.call.name in unmasked
                results = _repeat(step, local, twins, one, taken_off=taken_off)
                local.update((tensor.name, result) for tensor, result in zip(step.call.outputs, results, strict=True))
        known.update(zip(wire.returns, (local[each] for each in reading.graph.outputs), strict=True))
    returned = {each: _result(known[each], starts.get(each)) for each in keras.tree.flatten(manifest.outputs)}
    model = internals.model_of(
        keras.tree.map_structure(starts.__getitem__, manifest.inputs),
        keras.tree.map_structure(returned.__getitem__, manifest.outputs),
        name,
    )
    internals.set_policy(model, parts[0].dtype_policy)
    if manifest.batch_is_fixed:
        internals.keep_sizes(model)
    return model


def _repeat(
    step: Step, local: Mapping[str, Any], twins: Twins, one: Mapping[int, Operation], *, taken_off: bool
) -> Sequence[Any]:
    """Repeat a call of a part; what only hands masks over from part to part is left out.

    If the mask is `taken_off` what the call returns, others may want it on the tensor that it was attached to.
    """
    operation = step.node.operation
    given = [local[each] for each in step.call.inputs]
    if isinstance(operation, TakeMask):
        return [_MaskOf(given[0], operation.rank)]
    if isinstance(operation, AttachMask) and isinstance(given[1], _MaskOf) and given[1].tensor is given[0]:
        return [CopyTensor(name=f"{operation.name}_copy")(given[0])] if taken_off else [given[0]]
    return twins.repeat(step.node, lambda tensor: _real(local[step.names[id(tensor)]]), one[id(operation)])


def _real(value: Any) -> keras.KerasTensor:
    """Return a tensor, also for what stands for a mask."""
    if not isinstance(value, _MaskOf):
        return value
    mask = internals.mask_of(value.tensor)
    return TakeMask(rank=value.rank)(value.tensor) if mask is None else mask


def _result(value: Any, start: keras.KerasTensor | None) -> keras.KerasTensor:
    return internals.passed_on(value) if value is start else _real(value)


def _merge(readings: Sequence[Reading]) -> dict[int, Operation]:
    """Map every operation to the one that stands for it: the first of those that are one layer in several parts."""
    one: dict[int, Operation] = {}
    part = readings[0].function
    for operation in (step.node.operation for reading in readings for step in reading.steps):
        if id(operation) not in one:
            named = [other for other in one.values() if other.name == operation.name]
            one[id(operation)] = next((each for each in named if same_layer(each, operation, part)), operation)
    return one


def _unique(taken: set[str]) -> Callable[[Operation], str]:
    """Give what names twins: as the original, with a number where the name is taken."""

    def rename(operation: Operation) -> str:
        name, count = str(operation.name), 1
        while name in taken:
            count += 1
            name = f"{operation.name}_{count}"
        taken.add(name)
        return name

    return rename
