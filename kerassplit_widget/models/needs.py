"""What of the calls of a model is needed: masks that travel hidden, and calls that only make masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.walking import Step

__all__ = ["needed"]


def needed(
    steps: list[Step], unread: Iterable[str], attached: Collection[str], outputs: tuple[str, ...]
) -> tuple[list[Step], dict[str, str]]:
    """Leave out what only makes masks that nobody needs, and note which calls need the others.

    Parameters
    ----------
    steps : list of Step
    unread : iterable of str
        Masks that were read by what is open now.
    attached : collection of str
        Tensors made by calls that attach a mask to another tensor.
    outputs : tuple of str
        The tensors that the model returns.

    Returns
    -------
    list of Step
    dict of str to str
        From each of `attached` that is left out to the tensor that stands for it.
    """
    bare: dict[str, str] = {}
    while True:
        kept = _without_unread(steps, unread, outputs)
        found = _with_masks(kept, outputs)
        wanted = {*outputs, *(name for step in found for name in step.call.masked)}
        idle = {name for name in attached if name not in wanted and name not in bare}
        if not idle:
            return found, {name: _last(name, bare) for name in bare}
        makers = {step.call.outputs[0].name: step for step in kept}
        unread = {*unread, *(name for made in idle for name in makers[made].call.inputs[1:])}
        bare.update((made, makers[made].call.inputs[0]) for made in idle)
        steps = [_reading(step, bare) for step in kept if step.call.outputs[0].name not in idle]


def _reading(step: Step, instead: Mapping[str, str]) -> Step:
    """Let a call read other tensors than it did."""
    if not any(name in instead for name in step.call.inputs):
        return step
    names = {key: _last(name, instead) for key, name in step.names.items()}
    inputs = tuple(dict.fromkeys(_last(name, instead) for name in step.call.inputs))
    call = replace(step.call, inputs=inputs)
    return step._replace(
        call=call, names=names, unmasked=step.unmasked - instead.keys(), unmasks=step.unmasks - instead.keys()
    )


def _last(name: str, instead: Mapping[str, str]) -> str:
    while name in instead:
        name = instead[name]
    return name


def _without_unread(steps: list[Step], unread: Iterable[str], outputs: tuple[str, ...]) -> list[Step]:
    """Leave out the calls that only make masks which nobody reads, where these travel with a tensor anyway."""
    idle = set(unread)
    if not idle:
        return steps
    readers = Counter([*outputs, *(name for step in steps for name in step.call.inputs)])
    kept = []
    for step in reversed(steps):
        made = {tensor.name for tensor in step.call.outputs}
        if step.call.is_input or not made <= idle or any(readers[name] for name in made):
            kept.append(step)
            continue
        readers.subtract(step.call.inputs)
        idle.update(step.call.inputs)
    return kept[::-1]


def _with_masks(steps: list[Step], outputs: tuple[str, ...]) -> list[Step]:
    """Find out, from the outputs upwards, which calls need the masks that travel hidden with their inputs.

    A call needs them if it uses masks, or hands them on to a call that needs them, or to an output of the model, where
    the loss uses them. A mask that it is given as an argument is an edge like any other, and used instead of them, but
    that layers inside of it may look at both.
    """
    masked = {tensor.name for step in steps for tensor in step.call.outputs if tensor.mask is not None}
    if not masked:
        return steps
    needed = set(outputs)
    found = []
    for step in reversed(steps):
        names = [name for name in step.call.inputs if name in masked and name not in step.unmasked]
        given = bool(names) and internals.given_mask(step.node)
        hands_on = any(tensor.name in masked and tensor.name in needed for tensor in step.call.outputs)
        if given:
            wanted = (hands_on and not internals.hands_on_given_masks()) or internals.looks_beside_given(step.node)
        else:
            wanted = hands_on or internals.uses_masks(step.node)
        if names and wanted:
            needed.update(names)
            step = step._replace(call=replace(step.call, masked=tuple(names)))
        found.append(step)
    return found[::-1]
