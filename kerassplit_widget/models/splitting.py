"""Cutting a model into parts: each part is a `keras.Model` on the same variables.

The calls of a part are repeated on twins of the layers (`models.twins`), starting from fresh, named inputs.
Keras's own ``keras.Model(intermediate, output)`` is not used: it writes nodes on the user's layers for ever, can make
the original unsaveable, and refuses shared layers on both sides of the cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from kerassplit_widget.models import codegen
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.cutting import place_cuts
from kerassplit_widget.models.reading import Reading, read_steps
from kerassplit_widget.models.twins import Twins
from kerassplit_widget.models.verifying import Progress, Verification, verify
from kerassplit_widget.structure.cuts import Cut
from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.text import count_text

__all__ = ["Split", "Wire", "split", "wire_parts"]


@dataclass(frozen=True, slots=True)
class Wire:
    """What a part takes and returns, as names of tensors of the graph, in order."""

    takes: tuple[str, ...]
    returns: tuple[str, ...]


class Split:
    """The ordered parts of one model, and how they are wired.

    It behaves as a sequence of its parts and as a function that computes what the model computes. Made by `split`.

    Attributes
    ----------
    reading : Reading
        The model that was cut, and its graph. The model is never changed.
    cuts : tuple of Cut
        In the order of the parts.
    parts : tuple of keras.Model
        One more than cuts. They share the model's variables.
    wires : tuple of Wire
        One for each part.
    before : tuple
        Fingerprint of the model, taken before it was cut.
    """

    def __init__(
        self,
        reading: Reading,
        cuts: Sequence[Cut],
        parts: Sequence[keras.Model],
        wires: Sequence[Wire],
        before: internals.Fingerprint,
    ) -> None:
        self.reading = reading
        self.cuts = tuple(cuts)
        self.parts = tuple(parts)
        self.wires = tuple(wires)
        self.before = before

    @property
    def model(self) -> keras.Model:
        """The model that was cut."""
        return self.reading.model

    def __len__(self) -> int:
        return len(self.parts)

    def __iter__(self) -> Iterator[keras.Model]:
        return iter(self.parts)

    def __getitem__(self, index: int) -> keras.Model:
        return self.parts[index]

    def __repr__(self) -> str:
        lines = [f"<Split of {self.model.name!r} in {len(self)} parts>"]
        for i, (part, wire) in enumerate(zip(self.parts, self.wires, strict=True), 1):
            lines.append(
                f"  part_{i}: {count_text(part.count_params())} parameters, "
                f"{', '.join(wire.takes)} -> {', '.join(wire.returns)}"
            )
        return "\n".join(lines)

    def __call__(self, inputs: Any, training: bool | None = None) -> Any:
        """Compute what ``model(inputs)`` computes, part after part.

        Parameters
        ----------
        inputs : tensor or structure of tensors
            As the model takes them.
        training : bool, optional
            Handed to every part.

        Returns
        -------
        tensor or structure of tensors
            As the model returns them.
        """
        carried = inputs
        for part in self.parts:
            carried = part(carried, training=training)
        return carried

    def verify(
        self, data: Any = None, *, rounds: int = 3, seed: int = 0, progress: Progress | None = None
    ) -> Verification:
        """Prove that the parts compute what the model computes.

        Parameters
        ----------
        data : tensor or structure of tensors, optional
            Inputs to compare on, as the model takes them. By default random inputs that fit the model's input specs.
        rounds : int
            How many random inputs.
        seed : int
            Of the random inputs.
        progress : callable, optional
            Called as ``progress(done, total, what)``.

        Returns
        -------
        Verification
            ``.ok``, ``.exact``, ``.max_abs_diff`` and the table ``.checks``.

        Raises
        ------
        ModelError
            If the model itself cannot be run on the inputs.
        """
        return verify(self, data, rounds=rounds, seed=seed, progress=progress)

    def code(self, model: str = "model", names: Sequence[str] | None = None) -> str:
        """Write the Python that makes this split again.

        Parameters
        ----------
        model : str
            Variable that holds the model.
        names : sequence of str, optional
            Variables for the parts; ``part_1``, ``part_2``, … by default.

        Returns
        -------
        str
        """
        return codegen.split_code([cut.points for cut in self.cuts], model=model, names=names)


def split(model: Any, cuts: Any) -> Split:
    """Cut a model into working sub-models.

    With k cuts there are k + 1 parts, and ``part_2(part_1(x))`` equals ``model(x)`` (two parts; more in the same way):
    tensors, raw inputs and early outputs that a later part needs are passed through. The first part takes the model's
    own input structure and the last returns its output structure. The parts share the model's variables, and the
    model itself is not changed.

    Parameters
    ----------
    model : keras.Model
        A Functional model or a built Sequential.
    cuts : list
        Each entry is a point (name of a call, layer, or `KerasTensor`), a tuple of points, or a `Cut`. The order does
        not matter and equal cuts count once.

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
        If a part would be empty.

    Examples
    --------
    >>> import keras, numpy as np
    >>> x = keras.Input((4,))
    >>> y = keras.layers.Dense(3, name="middle")(x)
    >>> model = keras.Model(x, keras.layers.Dense(2)(y))
    >>> part_1, part_2 = split(model, ["middle"])
    >>> data = np.ones((1, 4), "float32")
    >>> bool(np.all(part_2(part_1(data)) == model(data)))
    True
    """
    reading = read_steps(model)
    placed = place_cuts(reading, cuts)
    before = internals.fingerprint(model)
    reading, heads = _collapse(reading, [cut.head for cut in placed])
    stage = _stages(reading.graph, heads)
    wires = wire_parts(reading.graph, heads)
    names = _Names.choose(reading.graph, stage, wires)
    parts = [_build(reading, stage, i, wires, names) for i in range(len(wires))]
    return Split(reading, placed, parts, wires, before)


def _collapse(reading: Reading, heads: list[frozenset[int]]) -> tuple[Reading, list[set[int]]]:
    """Read again with only those nested models open that a cut goes through; the others stay whole in a part."""
    names = reading.graph.names
    # Every group of the graph, by its path.
    groups = {name[: match.start()] for name in names if "/" in name for match in re.finditer("/", name)}
    if not groups:
        return reading, [set(head) for head in heads]
    cut_through = set()
    for head in heads:
        inside = {names[n] for n in head}
        for group in groups:
            members = [name for name in names if name.startswith(f"{group}/")]
            if 0 < sum(name in inside for name in members) < len(members):
                cut_through.add(group)
    again = read_steps(reading.model, expand=cut_through)
    # A collapsed call lies where any of its inner calls lies, for it is not cut.
    home = {name: reading.graph.number[name] for name in names}
    for name in names:
        for match in re.finditer("/", name):
            home.setdefault(name[: match.start()], reading.graph.number[name])
    placed = []
    for head in heads:
        placed.append({n for n, name in enumerate(again.graph.names) if home[name] in head})
    return again, placed


def _stages(graph: LayerGraph, heads: Sequence[Iterable[int]]) -> list[int]:
    """Tell in which part each call is made, counting from 0. Raw inputs all enter at the first."""
    stage = [len(heads)] * len(graph)
    for i in reversed(range(len(heads))):
        for n in heads[i]:
            stage[n] = i
    return [0 if call.is_input else stage[n] for n, call in enumerate(graph.calls)]


def wire_parts(graph: LayerGraph, heads: Sequence[Iterable[int]]) -> list[Wire]:
    """Wire the parts as a chain: whatever a later part needs is passed through those between.

    Parameters
    ----------
    graph : LayerGraph
    heads : sequence of iterables of int
        The head of each cut, nested.

    Returns
    -------
    list of Wire
        One more than heads.
    """
    stage, parts = _stages(graph, heads), len(heads) + 1
    last_use = {name: max((stage[n] for n in readers), default=-1) for name, readers in graph.consumers.items()}
    last_use.update(dict.fromkeys(graph.outputs, parts - 1))
    made = {name: stage[graph.number[tensor.call]] for name, tensor in graph.tensors.items()}
    borders = [tuple(name for name in graph.tensors if made[name] <= i < last_use[name]) for i in range(parts - 1)]
    takes = [graph.inputs, *borders]
    returns = [*borders, graph.outputs]
    return [Wire(*wire) for wire in zip(takes, returns, strict=True)]


@dataclass(frozen=True, slots=True)
class _Names:
    """Readable names for what is made anew in the parts: the same in every run and in every part.

    Attributes
    ----------
    layers : dict
        From a layer that lay inside an opened group (``backbone/conv1``) to the name of its twin (``backbone_conv1``).
    inputs : dict
        From a tensor to the name of the `keras.Input` that stands for it.
    """

    layers: dict[str, str]
    inputs: dict[str, str]

    @classmethod
    def choose(cls, graph: LayerGraph, stage: Sequence[int], wires: Sequence[Wire]) -> _Names:
        own = {call.layer for call in graph if "/" not in call.layer}
        layers: dict[str, str] = {}
        for layer in dict.fromkeys(call.layer for call in graph if "/" in call.layer):
            layers[layer] = _unlike(_safe(layer), own)
            own.add(layers[layer])
        inside: list[set[str]] = [set() for _ in wires]
        for n, call in enumerate(graph.calls):
            inside[stage[n]].add(layers.get(call.layer, call.layer))
        inputs = {name: name for name in graph.inputs}
        for tensor in dict.fromkeys(name for wire in wires for name in wire.takes):
            if tensor not in inputs:
                near = (inside[i] for i, wire in enumerate(wires) if tensor in wire.takes)
                inputs[tensor] = _unlike(_safe(tensor), set(inputs.values()).union(*near))
        return cls(layers, inputs)


def _safe(name: str) -> str:
    """Turn a name of the graph into one that Keras and saved signatures accept."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)


def _unlike(name: str, taken: set[str]) -> str:
    """Lengthen a name until it is not taken."""
    while name in taken:
        name += "_in"
    return name


def _build(
    reading: Reading,
    stage: Sequence[int],
    number: int,
    wires: Sequence[Wire],
    names: _Names,
) -> keras.Model:
    """Build one part by repeating its calls on twins."""
    wire = wires[number]
    made = {name: internals.input_like(reading.symbolic[name], names.inputs[name]) for name in wire.takes}
    inputs: Any = [made[name] for name in wire.takes]
    if number == 0:
        inputs = keras.tree.pack_sequence_as(internals.input_structure(reading.function), inputs)
    elif len(inputs) == 1:
        (inputs,) = inputs
    renamed = {
        id(step.node.operation): names.layers[step.call.layer]
        for step in reading.steps
        if step.call.layer in names.layers
    }
    twins = Twins(rename=lambda operation: renamed.get(id(operation), operation.name))
    for n, step in enumerate(reading.steps):
        if stage[n] == number and not step.call.is_input:
            outputs = twins.repeat(step.node, _fill(step.names, made))
            made.update((tensor.name, output) for tensor, output in zip(step.call.outputs, outputs, strict=True))
    results: Any = [made[name] for name in wire.returns]
    if number == len(wires) - 1:
        results = keras.tree.pack_sequence_as(internals.output_structure(reading.function), results)
    elif len(results) == 1:
        (results,) = results
    return keras.Model(inputs, results, name=_safe(f"{reading.graph.name}_part_{number + 1}"))


def _fill(names: Mapping[int, str], made: Mapping[str, keras.KerasTensor]) -> Callable[[keras.KerasTensor], Any]:
    """Give what finds the tensor of the part that takes the place of one of the model."""
    return lambda tensor: made[names[id(tensor)]]
