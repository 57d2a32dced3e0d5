"""Shapes: how much room a region takes, and where its children go inside it.

Coordinates are relative: x to the region's axis, y to its top, y growing downwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from kerassplit_widget.structure.regions.tree import Region

__all__ = [
    "CoreShape",
    "EdgeShape",
    "Measured",
    "ParallelShape",
    "Point",
    "Points",
    "Shape",
    "Spacing",
    "simplified",
]

Point = tuple[float, float]
Points = tuple[Point, ...]


def simplified(points: Iterable[Point]) -> Points:
    """Leave out points that repeat the one before or lie within a vertical line."""
    kept: list[Point] = []
    for point in points:
        if kept and kept[-1][0] == point[0]:
            if kept[-1][1] == point[1]:
                continue
            if len(kept) > 1 and kept[-2][0] == point[0]:
                kept[-1] = point
                continue
        kept.append(point)
    return tuple(kept)


@dataclass(frozen=True, slots=True)
class Spacing:
    """Gaps in pixels: between ranks, between boxes side by side, beside a lane."""

    rank: float = 30.0
    node: float = 24.0
    lane: float = 14.0


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """The room a region takes: to the left and right of its axis, and from top to bottom.

    `number` tells shapes apart: two regions have the same number exactly if they share the shape. A
    single call has a shape too, its box. `tapped` says whether a call in it is joined with a bus, which runs on its
    right; `aside` whether it hangs on the bus alone.
    """

    number: int
    left: float
    right: float
    height: float
    size: int
    tapped: bool = field(default=False, kw_only=True)
    aside: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True, eq=False)
class ParallelShape(Shape):
    """`slots` are axis and top of each branch, in the order of `Measured.children`."""

    slots: Points


@dataclass(frozen=True, slots=True, eq=False)
class EdgeShape:
    """An edge of a core: the way to its block, the block's axis and top, the way on, and whether the block is mirrored.

    A plain edge has no block (None) and only the first way. Ways begin at the core's top if they
    come from the entry, and end at its bottom if they lead to the exit.
    """

    way: Points
    block: Point | None = None
    way_on: Points = ()
    side: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class CoreShape(Shape):
    """`calls` are the centres of the core's own calls, `edges` its edges, in slot order."""

    calls: Points
    edges: tuple[EdgeShape, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A region's shape, and the region's children in the order of the shape's slots."""

    shape: Shape
    children: tuple[int | Region, ...]
