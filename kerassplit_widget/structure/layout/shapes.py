"""Shapes: how much room a region takes, and where its children go inside it.

Coordinates are relative: x to the region's axis, y to its top, y growing downwards. A point is a complex number,
x + iy: one object, and none that the garbage collector looks at. A drawing of 100,000 calls has a million of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from kerassplit_widget.structure.layout.routes import Complex
from kerassplit_widget.structure.regions.tree import Region

__all__ = [
    "Block",
    "CoreShape",
    "Measured",
    "ParallelShape",
    "Points",
    "Shape",
    "Spacing",
    "edge_ends",
    "edge_number",
    "simplified",
]

Points = tuple[complex, ...]
Number = TypeVar("Number", int, npt.NDArray[np.int64])


def simplified(points: Iterable[complex]) -> Points:
    """Leave out points that repeat the one before or lie within a vertical line."""
    kept: list[complex] = []
    for point in points:
        if kept and kept[-1].real == point.real:
            if kept[-1] == point:
                continue
            if len(kept) > 1 and kept[-2].real == point.real:
                kept[-1] = point
                continue
        kept.append(point)
    return tuple(kept)


def edge_number(producer: Number, consumer: Number) -> Number:
    """Make one number of the two ends of an edge, as a point is one object; or of the ends of an array of edges.

    Examples
    --------
    >>> edge_ends(edge_number(3, 5))
    (3, 5)
    """
    return producer << 32 | consumer


def edge_ends(edge: Number) -> tuple[Number, Number]:
    """Tell the producer and the consumer of an edge, or of an array of edges."""
    return edge >> 32, edge & 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Spacing:
    """Gaps in pixels: between ranks, between boxes side by side, beside a lane."""

    rank: float = 24.0
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
class Block:
    """Where the axis and the top of a block in a core are; side -1 is a mirror image."""

    at: complex
    side: int


@dataclass(frozen=True, slots=True, eq=False)
class CoreShape(Shape):
    """A core: `calls` are the centres of its own calls, in slot order; its edges are `inner` and `outer`, by slot.

    Inner edges are plain ones between two of its calls. Their routes are ready, `inner_counts` of the `inner_points`
    each. Of the others, `blocks` are what lies on them; a plain one has no block (None). The way to the block of outer
    edge i, or to its lower end, leads through ``points[starts[2 * i]:starts[2 * i + 1]]``, the way on from there
    through those up to ``starts[2 * i + 2]``. Ways begin at the core's top if they come from the entry, and end at its
    bottom if they lead to the exit.
    """

    calls: Complex
    inner: list[int]
    inner_counts: list[int]
    inner_points: Complex
    outer: list[int]
    blocks: list[Block | None]
    points: Points
    starts: list[int]


@dataclass(slots=True, eq=False)
class Measured:
    """A region's shape, and the region's children in the order of the shape's slots."""

    shape: Shape
    children: tuple[int | Region, ...]
