"""What the colours of the boxes say: part, class, or how much of something; and the legend that says so."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from kerassplit_widget.display.figures import palette
from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.text import count_text, plural
from kerassplit_widget.structure.views import View

__all__ = ["UNKNOWN", "Colour", "Ink", "Legend", "PartSize", "Rgb", "by_amount", "by_kind", "by_part", "part_sizes"]

UNKNOWN = "unknown"
"""The word for what is hatched."""

Colour = Literal["part", "kind", "params", "macs", "bytes"]
Rgb = tuple[float, float, float]

_GROUND = palette.tint(palette.INK, 0.0)
_FOLDED = palette.tint(palette.DIM, 0.08)


@dataclass(frozen=True)
class Ink:
    """How a box is painted: its ground, the bar at its left (None: none), the two texts, and lines if it is unknown."""

    ground: Rgb
    bar: str | None = None
    text: str = palette.INK
    dim: str = palette.DIM
    hatched: bool = False


@dataclass(frozen=True)
class Legend:
    """What the colours mean.

    Attributes
    ----------
    title : str
    entries : tuple of (colour, str)
        Colours with their words; with a scale, what is not on it. `UNKNOWN` is hatched.
    scale : tuple of (str, str) or None
        The words at both ends of the colours of `palette.ramp`.
    """

    title: str
    entries: tuple[tuple[Rgb | str, str], ...] = ()
    scale: tuple[str, str] | None = None


@dataclass(frozen=True)
class PartSize:
    """How many calls and parameters a part has, drawn or not."""

    calls: int
    params: int


def _ground(seen: View, place: int) -> Rgb:
    return _FOLDED if seen.boxes[place].children else _GROUND


def part_sizes(graph: LayerGraph, part_of: Sequence[int], ghosts: Collection[str] = ()) -> list[PartSize]:
    """Count the calls and parameters of each part; a layer counts once in each part that calls it.

    Parameters
    ----------
    graph : LayerGraph
        With n calls.
    part_of : sequence of int, shape (n,)
        For each call the number of its part, from 0.
    ghosts : collection of str
        Calls that do not count.
    """
    sizes = []
    for part in range(max(part_of, default=-1) + 1):
        calls = [call for n, call in enumerate(graph) if part_of[n] == part and call.name not in ghosts]
        params = sum({call.layer: call.params for call in calls}.values())
        sizes.append(PartSize(len(calls), params))
    return sizes


def by_part(
    graph: LayerGraph,
    seen: View,
    part_of: Sequence[int] | None,
    sizes: Sequence[PartSize] = (),
    *,
    ghosts: Collection[str] = (),
) -> tuple[list[Ink], Legend | None]:
    """Colour boxes by the part that they are in.

    Parameters
    ----------
    graph : LayerGraph
        With n calls.
    seen : View
    part_of : sequence of int, shape (n,), optional
        For each call the number of its part, from 0; None: there are no cuts, and nothing is coloured.
    sizes : sequence of PartSize
        Of the parts as a whole. Where less of one is drawn, the legend says so; parts of which nothing is are left out.
    ghosts : collection of str
        Calls that stand outside of the piece that is drawn.

    Returns
    -------
    tuple of (list of Ink, Legend or None)
    """
    if part_of is None:
        return [Ink(_ground(seen, place)) for place in range(len(seen.boxes))], None
    inks = []
    for box in seen.boxes:
        colour = palette.PARTS[part_of[box.calls[0]] % len(palette.PARTS)]
        inks.append(Ink(palette.tint(colour), colour))
    entries = tuple(
        (palette.PARTS[part % len(palette.PARTS)], _part_words(part, whole, drawn.calls))
        for part, (drawn, whole) in enumerate(zip(part_sizes(graph, part_of, ghosts), sizes, strict=False))
        if drawn.calls
    )
    return inks, Legend("", entries)


def _part_words(part: int, whole: PartSize, drawn: int) -> str:
    some = f" ({drawn} drawn)" if drawn < whole.calls else ""
    return f"part {part + 1}: {plural(whole.calls, 'call')}{some}, {count_text(whole.params)} parameters"


def by_kind(graph: LayerGraph, seen: View, part_of: Sequence[int] | None) -> tuple[list[Ink], Legend]:
    """Colour the bars of boxes by the family of their class; that of a fold is the commonest with parameters.

    The parameters are those of `by_part`; parts are tinted.
    """
    inks, found = [], set()
    for place, box in enumerate(seen.boxes):
        weights = Counter[str]()
        for number in box.calls:
            weights[palette.family_of(graph.calls[number].kind)] += 1000 if graph.calls[number].params else 1
        family = weights.most_common(1)[0][0]
        found.add(family)
        ground = _ground(seen, place)
        if part_of is not None:
            ground = palette.tint(palette.PARTS[part_of[box.calls[0]] % len(palette.PARTS)])
        inks.append(Ink(ground, palette.FAMILIES[family]))
    return inks, Legend("", tuple((colour, name) for name, colour in palette.FAMILIES.items() if name in found))


def by_amount(
    seen: View, title: str, amounts: Sequence[int | None], text: Callable[[int], str]
) -> tuple[list[Ink], Legend]:
    """Colour boxes by an amount, on a logarithmic scale: costs span many powers of ten.

    Parameters
    ----------
    seen : View
        With m boxes.
    title : str
        What it is an amount of.
    amounts : sequence of (int or None), shape (m,)
        None: unknown, which is hatched: it is not nothing.
    text : callable
        Writes an amount.
    """
    positive = [amount for amount in amounts if amount]
    low, high = min(positive, default=1), max(positive, default=1)
    inks = []
    for place, amount in enumerate(amounts):
        if not amount:
            inks.append(Ink(_ground(seen, place), hatched=amount is None))
            continue
        share = 0.08 + 0.92 * math.log(amount / low) / math.log(high / low) if high > low else 1.0
        ground = palette.ramp(share)
        ink = palette.ink_on(ground)
        inks.append(Ink(ground, None, ink, ink))
    rest: tuple[tuple[Rgb | str, str], ...]
    rest = tuple(("#ffffff", word) for word, amount in (("none", 0), (UNKNOWN, None)) if amount in amounts)
    if positive and low < high:
        return inks, Legend(title, rest, (text(low), text(high)))
    # Without a scale, the title stands before the first word.
    single: list[tuple[Rgb | str, str]] = [(palette.ramp(1.0), text(high))] if positive else []
    entries = [*single, *rest]
    return inks, Legend(title, ((entries[0][0], f"{title}: {entries[0][1]}"), *entries[1:]))
