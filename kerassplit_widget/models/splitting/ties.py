"""Variables that several layers hold, in one part or in several, and letting loaded parts share them again.

A layer that is called in two parts is in both; of a shared model that is cut through once, one part has a piece and the
other the whole. So it is the variables that are tied, wherever they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras

from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.twins import Copies, Twins

__all__ = ["Place", "find_ties", "losses_once", "tie", "tied_layers"]


class Place(NamedTuple):
    """Where a variable is: number of the part, name of the layer, place among the variables of the layer."""

    part: int
    layer: str
    place: int


def find_ties(parts: Sequence[keras.Model]) -> list[list[Place]]:
    """List for each variable that is in several places, and saved there as it is, those places, in order."""
    apart = {
        (i, layer.name, each)
        for i, part in enumerate(parts)
        for layer in part.layers
        for each in internals.changed_by_saving(layer)
    }
    ties = (
        [place for place in places if (place.part, place.layer, variable) not in apart]
        for variable, places in _places(parts, "variables").items()
    )
    return [places for places in ties if len(places) > 1]


def tied_layers(parts: Sequence[keras.Model]) -> dict[str, tuple[int, ...]]:
    """Name the layers, as in the first part they are in, whose weights several parts hold, and the parts."""
    tied: dict[str, set[int]] = {}
    for places in _places(parts, "weights").values():
        numbers = {place.part for place in places}
        if len(numbers) > 1:
            tied.setdefault(places[0].layer, set()).update(numbers)
    return {layer: tuple(sorted(numbers)) for layer, numbers in tied.items()}


def losses_once(parts: Sequence[keras.Model]) -> list[Any]:
    """List the losses of all parts as one model would: that of a regularised variable once, wherever it is."""
    added: list[Any] = []
    regularised: dict[int, Any] = {}
    for part in parts:
        own, of_variables = internals.losses_of(part)
        added += own
        for variable, loss in of_variables:
            regularised.setdefault(id(internals.original_of(variable)), loss)
    return [*added, *regularised.values()]


def _places(parts: Sequence[keras.Model], which: str) -> dict[int, list[Place]]:
    """List by the id of each variable where it is."""
    places: dict[int, list[Place]] = {}
    for i, part in enumerate(parts):
        for layer in part.layers:
            for k, variable in enumerate(getattr(layer, which)):
                places.setdefault(id(internals.original_of(variable)), []).append(Place(i, layer.name, k))
    return places


def tie(parts: Sequence[keras.Model], ties: Sequence[Sequence[Place]]) -> Iterator[keras.Model]:
    """Let loaded parts share variables again: what is in later places becomes what is in the first.

    Raises
    ------
    ValueError, IndexError
        If a part has no such layer or variable.
    """
    stands_for: dict[int, keras.Variable] = {}
    again: set[int] = set()
    for first, *others in ties:
        variable = parts[first.part].get_layer(first.layer).variables[first.place]
        for other in others:
            own = parts[other.part].get_layer(other.layer).variables[other.place]
            if (own.shape, own.dtype) != (variable.shape, variable.dtype):
                raise ValueError(f"a variable of {first.layer!r} and one of {other.layer!r} are of two kinds")
            stands_for[id(own)] = variable
            again.add(other.part)
    for i, part in enumerate(parts):
        if i in again:
            function = internals.function_of(part)
            assert function is not None  # parts are graphs of layers
            rebuilt = Twins(Copies(stands_for, rest=lambda variable: variable)).rebuild(function)
            internals.set_policy(rebuilt, part.dtype_policy)
            yield rebuilt
        else:
            yield part
