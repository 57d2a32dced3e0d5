"""The shapes of a model's inputs, where a person gives others: ``input_shapes=``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from kerassplit_widget.errors import ModelError, SplitError, closest
from kerassplit_widget.structure.arguments import whole_number

__all__ = ["Shape", "Shapes", "agree", "asked_shapes", "dimensions"]

Shape: TypeAlias = tuple[int | None, ...]

Shapes: TypeAlias = Sequence[int | None] | Mapping[str, Sequence[int | None]]
"""Shapes of a model's inputs: of the only one, or by name; with or without the batch dimension."""


def agree(one: Sequence[int | None], other: Sequence[int | None]) -> bool:
    """Tell whether two shapes may be the same."""
    return len(one) == len(other) and all(a == b or None in (a, b) for a, b in zip(one, other, strict=True))


def asked_shapes(names: Sequence[str], own: Sequence[Shape], given: Any, *, keep: bool) -> list[Shape]:
    """Put the shapes that are given in the places of a model's own.

    Parameters
    ----------
    names : sequence of str
        Of the inputs.
    own : sequence of tuple
        Their shapes, with batch.
    given : Shapes
        Not trusted.
    keep : bool
        Only unknown dimensions may become others.

    Returns
    -------
    list of tuple
        With batch, of as many dimensions as the own ones.

    Raises
    ------
    ModelError
        If they are no shapes, or of no inputs of the model.
    """
    if not isinstance(given, Mapping):
        if len(names) > 1:
            raise ModelError(
                f"The model has {len(names)} inputs: give input_shapes={{name: shape}} for {', '.join(names)}."
            )
        given = {names[0]: given}
    for name in given:
        if name not in names:
            raise ModelError(f"input_shapes= names {name!r}, which is no input of the model. {closest(name, names)}")
    shapes = []
    for name, known in zip(names, own, strict=True):
        wanted = dimensions(name, given[name]) if name in given else known
        if len(wanted) == len(known) - 1:
            wanted = (known[0], *wanted)
        changed = keep and any(b is not None and a != b for a, b in zip(wanted, known, strict=False))
        if len(wanted) != len(known) or changed:
            raise ModelError(
                f"The input {name!r} has shape {known}; input_shapes= gives {tuple(given[name])}. Give {len(known)} "
                f"dimensions, or {len(known) - 1} without the batch{', the known ones as they are' if keep else ''}."
            )
        shapes.append(wanted)
    return shapes


def dimensions(name: str, given: Any) -> Shape:
    """Return the dimensions that are given for an input, or refuse what is no shape."""
    try:
        return tuple(None if dim is None else whole_number("input_shapes", dim) for dim in given)
    except (TypeError, NotImplementedError, SplitError):  # the second is what a KerasTensor raises
        raise ModelError(
            f"input_shapes= gives {given!r:.80} for the input {name!r}: a shape is a tuple of whole numbers, at least "
            "1, and None for what is unknown."
        ) from None
