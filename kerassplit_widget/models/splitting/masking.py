"""What each call of a part reads where attention takes masks off.

Keras's attention takes the masks off the very tensors that it is called on, so whatever reads one of them later finds
none. In a part the order may be another than in the model, or the mask is to be handed over to the next part. There
attention reads a copy, and what found no mask in the model reads a copy without one.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping

import keras

from kerassplit_widget.models.masks import CopyTensor
from kerassplit_widget.models.reading import Reading, Step
from kerassplit_widget.structure.graph import mask_name
from kerassplit_widget.structure.wiring import Wire

__all__ = ["Readers"]


class Readers:
    """Finds for each call of a part the tensors that it reads.

    Parameters
    ----------
    reading : Reading
    wire : Wire
        The part.
    starts : mapping of str to keras.KerasTensor
        The inputs of the part.
    name : callable
        Makes a name for a layer that is like no other in the part.
    """

    def __init__(
        self, reading: Reading, wire: Wire, starts: Mapping[str, keras.KerasTensor], name: Callable[[str], str]
    ) -> None:
        self._starts, self._name = starts, name
        self._apart = _to_be_copied(reading, wire)
        self._bare: dict[str, keras.KerasTensor] = {}

    def read(self, step: Step, made: Mapping[str, keras.KerasTensor]) -> Mapping[str, keras.KerasTensor]:
        """Return what has been `made` as a call reads it, by name."""
        if not (step.unmasked or step.unmasks):
            return made
        own: dict[str, keras.KerasTensor] = {}
        for name in step.unmasked:
            if name in self._starts or name in self._apart:  # in memory, inputs may come with masks
                own[name] = self._without_mask(name, self._starts.get(name, made[name]))
        for name in step.unmasks & self._apart:
            own[name] = CopyTensor(name=self._name(f"{name}_for_{step.call.name}"))(made[name])
        return ChainMap(own, made) if own else made  # type: ignore[arg-type]

    def _without_mask(self, name: str, tensor: keras.KerasTensor) -> keras.KerasTensor:
        if name not in self._bare:
            self._bare[name] = CopyTensor(masked=False, name=self._name(f"{name}_unmasked"))(tensor)
        return self._bare[name]


def _to_be_copied(reading: Reading, wire: Wire) -> frozenset[str]:
    """Name the tensors of which some calls have to read copies.

    That is not so where attention takes the mask off before the calls that found none in the model, as they wait for
    it, and nothing else wants the mask.
    """
    graph, steps = reading.graph, reading.steps
    inside = set(wire.calls)
    found = set()
    for name in {name for n in wire.calls for name in steps[n].unmasked | steps[n].unmasks}:
        readers = [n for n in graph.consumers[name] if n in inside]
        takers = [n for n in readers if name in steps[n].unmasks]
        late = {n for n in readers if name in steps[n].unmasked} - graph.reachable(takers)
        taken = mask_name(name) in wire.returns and mask_name(name) not in wire.takes
        others = any(name in graph.calls[n].masked for n in readers if n not in takers)
        if late or (takers and (taken or others)):
            found.add(name)
    return frozenset(found)
