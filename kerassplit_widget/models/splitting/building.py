"""Building one model of some calls of another: the calls are repeated on twins, from fresh and named inputs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras

from kerassplit_widget.errors import SplitError
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.masks import AttachMask, TakeMask
from kerassplit_widget.models.reading import Reading, read_steps
from kerassplit_widget.models.splitting.masking import Readers
from kerassplit_widget.models.twins import Copies, Twins
from kerassplit_widget.structure.graph import mask_name
from kerassplit_widget.structure.wiring import Wire

__all__ = ["Builder", "collapse", "names_of", "open_groups", "reopen", "safe"]


def safe(name: str) -> str:
    """Turn a name of the graph into one that Keras and saved signatures accept."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)


def open_groups(name: str) -> list[str]:
    """List the groups that a call lies in, from the outermost: ``a/b/c`` lies in ``a`` and ``a/b``."""
    return [name[: match.start()] for match in re.finditer("/", name)] if "/" in name else []


def reopen(reading: Reading, cut_through: set[str]) -> tuple[Reading, dict[int, int]]:
    """Read a model again with only some nested models open; the others stay whole.

    Parameters
    ----------
    reading : Reading
        With more groups open.
    cut_through : set of str
        Groups that are to be open.

    Returns
    -------
    Reading
    dict of int to int
        From a call of the new reading to a call of the old: itself, or one inside of what is closed now.
    """
    names = reading.graph.names
    home = {name: n for n, name in enumerate(names)}
    for n, name in enumerate(names):
        for group in open_groups(name):
            home.setdefault(group, n)
    for group, outputs in reading.graph.groups.items():  # a group without calls hands its input on
        home.setdefault(group, reading.graph.number[reading.graph.tensors[outputs[0]].call])
    if len(home) == len(names):
        return reading, {n: n for n in range(len(names))}
    again = read_steps(reading.model, expand=sorted(cut_through), input_shapes=reading.input_shapes)
    for n, name in reversed(list(enumerate(again.graph.names))):
        if name not in home:  # it makes a mask that only a closed model reads
            home[name] = min(home[again.graph.names[reader]] for reader in again.graph.successors[n])
    return again, {n: home[name] for n, name in enumerate(again.graph.names)}


def collapse(reading: Reading, heads: list[frozenset[int]]) -> tuple[Reading, list[set[int]]]:
    """Read again with only those nested models open that a cut goes through; the others stay whole in a part."""
    if not reading.graph.groups:  # none is open
        return reading, [set(head) for head in heads]
    names = reading.graph.names
    members: dict[str, list[int]] = {}
    for n, name in enumerate(names):
        for group in open_groups(name):
            members.setdefault(group, []).append(n)
    cut_through = {
        group for group, inside in members.items() for head in heads if 0 < sum(n in head for n in inside) < len(inside)
    }
    while True:
        again, home = reopen(reading, cut_through)
        mapped = [{n for n in home if home[n] in head} for head in heads]
        torn = {group for head in mapped for group in _torn(again, head, reading)}
        if not torn:
            return again, mapped
        cut_through |= torn


def _torn(again: Reading, head: set[int], reading: Reading) -> Iterator[str]:
    """Name closed models that seem to be before a cut and to read what is behind it, or to be read there.

    So it is with those that hand an input on, or do not read one, or whose mask is made for them alone.
    """
    graph, groups = again.graph, reading.graph.groups
    for n in head:
        for source in set(graph.computed_predecessors[n]) - head:
            for either in (n, source):
                makes_mask = graph.names[either] not in groups and graph.names[either] not in reading.graph.number
                for each in graph.successors[either] if makes_mask else (either,):
                    if graph.names[each] in groups:
                        yield graph.names[each]


def names_of(structure: Any, reading: Reading) -> Any:
    """Put the names of the tensors in the places of a structure of the model's symbolic tensors."""
    return keras.tree.map_structure(lambda tensor: reading.names[id(tensor)], structure)


@dataclass(frozen=True)
class Builder:
    """Builds the parts of one model, with names that are the same in every run and in every part.

    Attributes
    ----------
    reading : Reading
    copies : Copies or None
        Copies of the variables, the same for all parts; None to share the variables.
    prefix : str
        Put before the names of the models and their layers.
    layers : dict of str to str
        From a layer to the name of its twin where that is another: with the prefix, and ``backbone_conv1`` for
        ``backbone/conv1``, which lay inside an opened group.
    inputs : dict of str to str
        From a tensor to the name of the `keras.Input` that stands for it.
    make_input : Inputs
        Makes it.
    """

    reading: Reading
    copies: Copies | None
    prefix: str
    layers: dict[str, str]
    inputs: dict[str, str]
    make_input: internals.Inputs = field(default_factory=internals.Inputs, init=False)

    @classmethod
    def plan(
        cls, reading: Reading, wires: Sequence[Wire], *, copies: Copies | None = None, prefix: str | None = None
    ) -> Builder:
        """Choose the names for parts that are wired in this way.

        Raises
        ------
        SplitError
            If Keras could not load layers whose names begin with the prefix.
        """
        graph, prefix = reading.graph, prefix or ""
        if "/" in prefix:
            raise SplitError(
                f'prefix= is put before the names of layers, which may not contain "/"; found {prefix!r}. '
                f"Use {prefix.replace('/', '_')!r}."
            )
        wanted = {
            call.layer: prefix + (safe(call.layer) if "/" in call.layer else call.layer)
            for call in graph
            if not call.is_input
        }
        taken = {*graph.inputs, *(layer for layer, name in wanted.items() if name == layer)}
        layers: dict[str, str] = {}
        for layer, name in wanted.items():
            if name != layer:
                layers[layer] = _unlike(name, taken)
                taken.add(layers[layer])
        inputs = {name: name for name in graph.inputs}
        taken = set(inputs.values())
        inside = [{layers.get(c.layer, c.layer) for c in map(graph.calls.__getitem__, w.calls)} for w in wires]
        for name in dict.fromkeys(name for wire in wires for name in wire.takes):
            if name not in inputs:
                near = (inside[i] for i, wire in enumerate(wires) if name in wire.takes)
                inputs[name] = _unlike(safe(name), taken.union(*near))
                taken.add(inputs[name])
        return cls(reading, copies, prefix, layers, inputs)

    def build(self, wire: Wire, name: str, *, inputs: Any = None, outputs: Any = None) -> keras.Model:
        """Build the model of the calls of a wire.

        Parameters
        ----------
        wire : Wire
        name : str
        inputs, outputs : structure of str, optional
            Names of the tensors that it takes and returns in the places of a structure. By default one tensor alone or
            a list, in the order of the wire.

        Returns
        -------
        keras.Model
        """
        # Working out masks makes ops, which get no name from us.
        with internals.fresh_names(self._taken):
            model = self._build(wire, name, inputs, outputs)
        internals.set_policy(model, self.reading.model.dtype_policy)
        tensors = self.reading.graph.tensors
        if any(name in tensors and tensors[name].mask is not None for name in wire.takes):
            internals.take_masked(model)
        if self.batch_is_fixed:
            internals.keep_sizes(model)
        return model

    @property
    def batch_is_fixed(self) -> bool:
        """Whether ``input_shapes=`` gave a batch size that the model leaves open."""
        if self.reading.input_shapes is None:
            return False
        function = internals.function_of(self.reading.model)
        fixed = self.reading.function.inputs
        opened = [True] * len(fixed) if function is None else [own.shape[:1] == (None,) for own in function.inputs]
        return any(is_open and tensor.shape[0] is not None for is_open, tensor in zip(opened, fixed, strict=True))

    def _build(self, wire: Wire, name: str, inputs: Any, outputs: Any) -> keras.Model:
        made = {tensor: self._input(tensor) for tensor in wire.takes}
        starts = dict(made)
        for tensor in wire.takes:
            mask = mask_name(tensor)
            if mask in made:
                made[tensor] = AttachMask(name=f"{self.inputs[mask]}_attached")([made[tensor], made[mask]])
        twins = Twins(self.copies, self._rename())
        readers = Readers(self.reading, wire, starts, self._name_apart)
        for n in wire.calls:
            step = self.reading.steps[n]
            results = twins.repeat(step.node, _fill(step.names, readers.read(step, made)), training=step.training)
            for output, result in zip(step.call.outputs, results, strict=True):
                made[output.name] = result
                if output.name in self.reading.real:
                    internals.declare(result, self.reading.real[output.name])
        for tensor in wire.returns:
            if tensor not in made:
                made[tensor] = self._mask(tensor, made)
            elif made[tensor] is starts.get(tensor):
                made[tensor] = internals.passed_on(starts[tensor])
            made[tensor].name = safe(tensor)
        inputs = _alone(wire.takes) if inputs is None else inputs
        outputs = _alone(wire.returns) if outputs is None else outputs
        return internals.model_of(
            keras.tree.map_structure(starts.__getitem__, inputs),
            keras.tree.map_structure(made.__getitem__, outputs),
            safe(self.prefix + name),
            twins.before,
        )

    def _input(self, tensor: str) -> keras.KerasTensor:
        name = self.inputs[tensor]
        graph = self.reading.graph
        if tensor not in graph.tensors:  # a mask
            of = graph.tensors[tensor.removesuffix(mask_name(""))]
            assert of.mask is not None  # only masks of masked tensors are wired
            return self.make_input(batch_shape=of.mask, dtype="bool", name=name)
        real = graph.tensors[tensor]
        like = self.reading.symbolic[tensor]
        return internals.input_like(like, name, shape=real.shape, dtype=real.dtype, make=self.make_input)

    def _mask(self, mask: str, made: Mapping[str, keras.KerasTensor]) -> keras.KerasTensor:
        of = self.reading.graph.tensors[mask.removesuffix(mask_name(""))]
        assert of.mask is not None
        return TakeMask(rank=len(of.mask), name=f"{self.inputs[mask]}_taken")(made[of.name])

    def _name_apart(self, name: str) -> str:
        """Name a layer that the model does not have."""
        return _unlike(safe(self.prefix + name), self._names)

    @cached_property
    def _names(self) -> frozenset[str]:
        """The names of the model's layers and of the parts' inputs."""
        return frozenset((*self.inputs.values(), *(call.layer for call in self.reading.graph)))

    @cached_property
    def _taken(self) -> dict[str, int]:
        return internals.names_taken(self._names)

    def _rename(self) -> Callable[[internals.Operation], str] | None:
        if not self.layers:
            return None
        renamed = {
            id(step.node.operation): self.layers[step.call.layer]
            for step in self.reading.steps
            if step.call.layer in self.layers
        }
        return lambda operation: renamed.get(id(operation), operation.name)


def _fill(names: Mapping[int, str], made: Mapping[str, keras.KerasTensor]) -> Callable[[keras.KerasTensor], Any]:
    """Give what finds the tensor of the part that takes the place of one of the model."""
    return lambda tensor: made[names[id(tensor)]]


def _alone(names: Sequence[str]) -> Any:
    return names[0] if len(names) == 1 else list(names)


def _unlike(name: str, taken: Iterable[str]) -> str:
    """Lengthen a name until it is not taken."""
    while name in taken:
        name += "_in"
    return name
