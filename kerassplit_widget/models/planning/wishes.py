"""Pinned and forbidden cuts, and calls that stay together: from names to numbers, refused by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import keras

from kerassplit_widget.errors import PlanError
from kerassplit_widget.models.cutting import place_cuts
from kerassplit_widget.models.planning.problems import Numbers
from kerassplit_widget.models.planning.questions import Question
from kerassplit_widget.models.reading import Reading
from kerassplit_widget.structure.cuts import Cut
from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.text import listed

__all__ = ["Wishes", "place_wishes"]

MOST_ISLANDS = 8
"""Of a model that falls apart into more, the cuts between them are not kept from the planner."""


class Wishes(NamedTuple):
    """What a plan has to keep to, by the numbers of the graph: sets that stay together, and heads."""

    together: tuple[frozenset[int], ...]
    pinned: tuple[frozenset[int], ...]
    forbidden: tuple[frozenset[int], ...]


def place_wishes(reading: Reading, numbers: Numbers, question: Question) -> Wishes:
    """Find what the names in a question mean.

    Raises
    ------
    PlanError
        If a set that is to stay together is none, or two wishes contradict each other.
    PointError, CutError
        If a cut is not in the model.
    """
    together = [_set(numbers, names) for names in _entries(question.together)]
    pinned = place_cuts(reading, question.pinned) if _entries(question.pinned) else []
    forbidden = [cut for entry in _entries(question.forbidden) for cut in place_cuts(reading, [entry])]
    for cut in pinned:
        where = f"The cut after {listed(cut.points)} is pinned"
        if any(cut.head == other.head for other in forbidden):
            raise PlanError(f"{where} and forbidden: choose one.")
        if question.single_tensor and len(cut.tensors) != 1:
            raise PlanError(
                f"{where} and {len(cut.tensors)} tensors cross there, but single_tensor=True was asked for: drop one "
                "or the other."
            )
        for group in together:
            if group & cut.head and not group <= cut.head:
                raise PlanError(f"{where}, but divides {_some(reading.graph, group)}, which are to stay together.")
    return Wishes(tuple(together), _heads(pinned), _heads(forbidden))


def _entries(wish: Any) -> list[Any]:
    """Return the entries of a list; one name, or one cut, is a list of one."""
    if isinstance(wish, str | Cut):
        return [wish]
    if not isinstance(wish, Iterable) or isinstance(wish, keras.KerasTensor | bytes):
        raise PlanError(f"What a plan has to keep to is given in a list; found {type(wish).__name__}: {wish!r:.80}.")
    return list(wish)


def _set(numbers: Numbers, names: Any) -> frozenset[int]:
    found = numbers.named("together=", names)
    if len(numbers.inside(found)) < 2:
        raise PlanError(
            f"together= has {names!r}, which is one call, and no cut divides a call. Put the names that are to stay "
            "together in one set: together=[('a', 'b')]."
        )
    return frozenset(n for n in found if n in numbers.number)


def _heads(cuts: Iterable[Cut]) -> tuple[frozenset[int], ...]:
    return tuple(cut.head for cut in cuts)


def _some(graph: LayerGraph, calls: Iterable[int]) -> str:
    names = [graph.names[n] for n in sorted(calls)]
    return listed(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} others"
