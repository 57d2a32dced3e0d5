"""What is inside of a group: a graph of calls from what is fed to it to what it returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.keras_internals import Functional, Node
from kerassplit_widget.models.twins import Twins

__all__ = ["Body", "Naming", "Refusal", "Unfit"]


class Refusal(Exception):  # noqa: N818 - it is an answer, not an error
    """Why a group stays one call."""


class Unfit(Refusal):
    """Its call() fails on tensors of these kinds and sizes."""


@dataclass(frozen=True, slots=True)
class Body:
    """What is inside of a group.

    Attributes
    ----------
    inputs, outputs : list of keras.KerasTensor
        Flat; they stand for what is fed to the group's call and for what it returns.
    nodes : list of Node
        In topological order.
    traced : bool
        Whether a tensor that is fed twice is one input here (and not two, as in a nested model).
    """

    inputs: list[keras.KerasTensor]
    outputs: list[keras.KerasTensor]
    nodes: list[Node]
    traced: bool = False

    @classmethod
    def of_function(cls, function: Functional) -> Body:
        """Return the body of a nested model, which holds its graph itself."""
        return cls(function.inputs, function.outputs, list(internals.nodes_in_order(function)))

    def built(
        self, twins: Twins, names: Sequence[str], name: str, inputs: Any = None, outputs: Any = None
    ) -> Functional:
        """Build a model of a body without models in it, as parts are built.

        Parameters
        ----------
        twins : Twins
            The layers of the model; no two may have one name.
        names : sequence of str
            Of the inputs.
        name : str
            Of the model.
        inputs, outputs : structure, optional
            What the model takes and returns, the body's tensors in their places; lists by default.

        Returns
        -------
        Functional
        """
        with internals.fresh_names():
            made = {id(each): internals.input_like(each, own) for each, own in zip(self.inputs, names, strict=True)}
            for node in self.nodes:
                results = twins.repeat(node, lambda tensor: made[id(tensor)])
                made.update(zip(map(id, node.outputs), results, strict=True))
            structures = (self.inputs if inputs is None else inputs, self.outputs if outputs is None else outputs)
            taken, returned = (keras.tree.map_structure(lambda tensor: made[id(tensor)], each) for each in structures)
            return internals.model_of(taken, returned, name)


class Naming:
    """Names the layers and calls of a body as they are met.

    Layers of one name, as composite layers may have, get ``_2``, ``_3``; the calls of a shared layer ``#2``, ``#3``.

    Parameters
    ----------
    nodes : sequence of Node
        Of the body.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._among = frozenset(map(id, nodes))
        self._known: dict[int, str] = {}
        self._taken: set[str] = set()
        self._numbers: dict[int, int] = {}  # of the calls of shared layers

    def layer(self, operation: internals.Operation) -> str:
        """Name a layer or op."""
        known = self._known.get(id(operation))
        if known is not None:
            return known
        name: str = operation.name
        count = 1
        while name in self._taken:
            count += 1
            name = f"{operation.name}_{count}"
        self._taken.add(name)
        self._known[id(operation)] = name
        return name

    def call(self, node: Node) -> str:
        """Name a call."""
        name = self.layer(node.operation)
        if internals.called_once(node.operation):
            return name
        if id(node) not in self._numbers:
            own = internals.own_nodes(node.operation, self._among)
            self._numbers.update((id(each), number) for number, each in enumerate(own, 1))
        number = self._numbers[id(node)]
        return name if number == 1 else f"{name}#{number}"
