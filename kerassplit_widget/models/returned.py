"""What calls return, where that is something else than Keras declares.

A part is built on what crosses to it. Were that taken to be what Keras declares, Keras would cast whole numbers to
floats, and give tensors other shapes, without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import keras

from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.inputs import agree
from kerassplit_widget.models.keras_internals import Declared, Node, Operation
from kerassplit_widget.models.twins import Twins

__all__ = ["Returned"]


class Returned:
    """Finds out what the calls of one model return.

    Parameters
    ----------
    twins : callable
        Gives the twins that stand for an operation where it is run.

    Attributes
    ----------
    real : dict of str to Declared
        Of tensors that are something else than Keras declares, by their names.
    """

    def __init__(self, twins: Callable[[Operation], Twins]) -> None:
        self._twins = twins
        self._seen: dict[Hashable, list[Declared]] = {}
        self.real: dict[str, Declared] = {}

    def by(self, node: Node, names: Mapping[int, str]) -> list[Declared]:
        """Tell what a call returns.

        Parameters
        ----------
        node : Node
        names : mapping of int to str
            From the id of a symbolic tensor among its arguments to its name.

        Returns
        -------
        list of Declared
            For each output shape and dtype: as Keras declares them unless that is wrong.
        """
        declared = [(internals.shape_of(node, i), tensor.dtype) for i, tensor in enumerate(node.outputs)]
        fed: dict[int, Declared] = {}
        if self.real:
            named = ((id(tensor), names[id(tensor)]) for tensor in node.input_tensors)
            fed = {key: self.real[name] for key, name in named if name in self.real}
        if not fed and not internals.may_declare_wrongly(node) and not internals.leaves_open(node):
            return declared
        key = _key(node, fed)
        if key not in self._seen:
            self._seen[key] = self._observed(node, fed, declared)
        return self._seen[key]

    def _observed(self, node: Node, fed: Mapping[int, Declared], declared: list[Declared]) -> list[Declared]:
        """Let a call tell what it returns, and correct what is declared where that contradicts it."""
        twin = self._twins(node.operation).of(node.operation)
        alike = all(fed[id(each)][1] == each.dtype for each in node.input_tensors if id(each) in fed)
        opened = internals.leaves_open(node)
        right = alike and not opened and not internals.may_declare_wrongly(node)
        found = internals.observed_outputs(node, twin, fed, declared=right)
        if right and any(None in shape[1:] for shape, _ in found or ()):
            found = internals.observed_outputs(node, twin, fed)
        if found is None:
            return declared
        # where a call is fed other sizes than it was made for, more may be known than is declared
        sized = opened or any(fed[id(each)][0] != tuple(each.shape) for each in node.input_tensors if id(each) in fed)
        agreed = [agree(own[0], real[0]) for own, real in zip(declared, found, strict=True)]
        trained = found
        if not all(agreed) or (sized and not right):
            trained = internals.observed_outputs(node, twin, fed, training=True) or found
        shapes = [_common(real[0], other[0]) for real, other in zip(found, trained, strict=True)]
        shapes = [
            shape if not same else _known(own[0], shape) if sized else own[0]
            for own, shape, same in zip(declared, shapes, agreed, strict=True)
        ]
        return [(shape, real[1]) for shape, real in zip(shapes, found, strict=True)]


def _known(declared: internals.Shape, real: internals.Shape) -> internals.Shape:
    return tuple(b if a is None else a for a, b in zip(declared, real, strict=True))


def _common(one: internals.Shape, other: internals.Shape) -> internals.Shape:
    """Leave open what a layer makes larger or smaller in training than it does otherwise."""
    if len(one) != len(other):
        return one
    return tuple(a if a == b else None for a, b in zip(one, other, strict=True))


def _key(node: Node, fed: Mapping[int, Declared]) -> Hashable:
    """Return what calls have in common that return the same."""
    operation = node.operation
    settings: list[Any] = [_plain(operation)]  # a layer may not say all of itself
    try:
        settings.append({key: value for key, value in operation.get_config().items() if key != "name"})
    except Exception:  # or fail to
        settings += [(type(layer).__name__, _plain(layer)) for layer in internals.layers_within(operation)]
    arguments = keras.tree.map_structure(
        lambda each: fed.get(id(each), (each.shape, each.dtype)) if isinstance(each, keras.KerasTensor) else each,
        (node.arguments.args, node.arguments.kwargs),
    )
    return type(operation), repr(settings), repr(arguments)


def _plain(layer: Operation) -> dict[str, Any]:
    """Collect the numbers, words and the like that a layer holds, but for its names."""
    return {
        key: value
        for key, value in vars(layer).items()
        if "name" not in key and "path" not in key and isinstance(value, int | float | str | tuple | None)
    }
