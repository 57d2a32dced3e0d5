"""From shapes to coordinates: where every box is, and the route of every edge.

Regions are placed from the outside in. Every series is handed two *ways*: one from the call before
it to its top, one from its bottom to the call after it. A route is such a way, or two joined.
A way of no points means that there is nothing before or after, so nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from kerassplit_widget.structure.layout.routes import Complex, Floats, Lines
from kerassplit_widget.structure.layout.shapes import (
    CoreShape,
    Measured,
    ParallelShape,
    Points,
    Shape,
    Spacing,
    edge_number,
    simplified,
)
from kerassplit_widget.structure.regions.tree import Region

__all__ = ["Placement", "place"]


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Centres of all boxes, and routes, in which there may be points to leave out."""

    x: Floats
    y: Floats
    routes: Lines


Spot: TypeAlias = tuple[Region, complex, Points, Points, int]
"""A region that waits to be placed: it, where its axis meets its top, the ways to it and on; side -1 is mirrored."""


@dataclass(slots=True)
class _Drawings:
    """Finished drawings to be moved, all at once: points and where to, how many to the same, and on which side."""

    points: list[Complex] = field(default_factory=list)
    at: list[complex] = field(default_factory=list)
    sides: list[int] = field(default_factory=list)

    def add(self, points: Complex, at: complex, side: int) -> None:
        self.points.append(points)
        self.at.append(at)
        self.sides.append(side)

    def moved(self) -> Complex:
        count = [len(points) for points in self.points]
        found = np.concatenate([np.zeros(0, dtype=np.complex128), *self.points])
        found.real *= np.repeat(np.array(self.sides, dtype=np.float64), count)
        found += np.repeat(np.array(self.at, dtype=np.complex128), count)
        return found


class _Found:
    """What has been placed so far."""

    def __init__(self, calls: int) -> None:
        self.x, self.y = [0.0] * calls, [0.0] * calls
        # The routes of single edges, to whose lists a few points are soon added.
        self.edges: list[int] = []
        self.counts: list[int] = []
        self.points: list[complex] = []
        # What is in cores.
        self.calls: list[int] = []
        self.centres = _Drawings()
        self.inner_edges: list[int] = []
        self.inner_counts: list[int] = []
        self.inner = _Drawings()

    def add(self, edge: int, way: Points) -> None:
        """Add the route of one edge."""
        self.edges.append(edge)
        self.counts.append(len(way))
        self.points += way

    def all(self) -> Placement:
        x, y = np.array(self.x), np.array(self.y)
        centres = self.centres.moved()
        x[self.calls], y[self.calls] = centres.real, centres.imag
        edges, counts = (
            np.array(each, dtype=np.int64) for each in (self.edges + self.inner_edges, self.counts + self.inner_counts)
        )
        single = np.fromiter(self.points, dtype=np.complex128, count=len(self.points))
        return Placement(x, y, Lines(edges, counts, np.concatenate([single, self.inner.moved()])))


def place(
    tree: Region,
    boxes: Sequence[Shape],
    measured: Mapping[Region, Measured],
    space: Spacing,
) -> Placement:
    """Place all calls of `tree`, with the top of the outermost series at y = 0.

    `boxes` are the shapes of the calls, `measured` those of the regions.
    """
    found = _Found(tree.size)
    work: list[Spot] = [(tree, 0j, (), (), 1)]
    while work:
        spot = work.pop()
        place_in = measured[spot[0]]
        if isinstance(place_in.shape, ParallelShape):
            _place_parallel(spot, place_in, place_in.shape, measured, work)
        elif isinstance(place_in.shape, CoreShape):
            _place_core(spot, place_in, place_in.shape, found, work)
        else:
            _place_series(spot, place_in.children, boxes, measured, space, found, work)
    return found.all()


def _place_series(
    spot: Spot,
    children: Sequence[int | Region],
    boxes: Sequence[Shape],
    measured: Mapping[Region, Measured],
    space: Spacing,
    found: _Found,
    work: list[Spot],
) -> None:
    """Stack the children; join neighbouring calls. Other edges belong to the regions between."""
    region, at, way, way_on, side = spot
    x, y, rank, previous = at.real, at.imag, space.rank, region.entry
    xs, ys = found.x, found.y
    edges, counts, points = found.edges, found.counts, found.points
    for i, child in enumerate(children):
        if isinstance(child, int):
            if i:
                y += rank
            height = boxes[child].height
            xs[child], ys[child] = x, y + height / 2
            if way:
                # Most edges are drawn here: their number is made, and the route is added, without a call.
                edges.append(previous << 32 | child)
                counts.append(len(way) + 1)
                points += way
                points.append(complex(x, y))
            y += height
            way, previous = (complex(x, y),), child
        else:
            if i or way:
                y += rank
            bottom = y + measured[child].shape.height
            on: Points = (complex(x, bottom + rank),)
            if i == len(children) - 1:
                on = _joined(on, way_on)
            work.append((child, complex(x, y), way, on, side))
            y, way = bottom, ()
    if way and way_on:
        found.add(edge_number(previous, region.exit), way + way_on)


def _place_parallel(
    spot: Spot,
    measured: Measured,
    shape: ParallelShape,
    shapes: Mapping[Region, Measured],
    work: list[Spot],
) -> None:
    """Hand each branch its axis; its ways are vertical until the branches fan in and out."""
    _, at, way, way_on, side = spot
    first, last = at.imag, at.imag + shape.height
    for child, slot in zip(measured.children, shape.slots, strict=True):
        assert isinstance(child, Region)
        top = at + slot if side > 0 else at - slot.conjugate()
        bottom = top + 1j * shapes[child].shape.height
        x = top.real
        work.append((child, top, _then(way, x, first, top), _first(bottom, x, last, way_on), side))


def _then(way: Points, x: float, turn: float, end: complex) -> Points:
    """Lead a way on to a column, which it reaches at height `turn`, and down to `end`."""
    if not way:
        return ()
    if way[-1].real != x:
        return (*way, complex(x, turn), end)
    # Points within a vertical line are left out here already, or ways would get longer with every region round others.
    return (*way[:-1], end) if len(way) > 1 and way[-2].real == x else (*way, end)


def _first(start: complex, x: float, turn: float, way: Points) -> Points:
    """Begin a way at `start`, in a column that it leaves at height `turn`."""
    if not way:
        return ()
    if way[0].real != x:
        return (start, complex(x, turn), *way)
    return (start, *way[1:]) if len(way) > 1 and way[1].real == x else (start, *way)


def _place_core(spot: Spot, measured: Measured, shape: CoreShape, found: _Found, work: list[Spot]) -> None:
    """Move the finished drawing of the core to its place and hand the blocks on."""
    region, at, way_in, way_on, side = spot
    entry, exit_ = region.entry, region.exit
    calls = len(shape.calls)
    found.calls += measured.children[:calls]  # type: ignore[arg-type]  # the calls come first
    found.centres.add(shape.calls, at, side)
    edges: Sequence[Region] = measured.children[calls:]  # type: ignore[assignment]
    found.inner_edges += [(edge := edges[i]).entry << 32 | edge.exit for i in shape.inner]
    found.inner_counts += shape.inner_counts
    found.inner.add(shape.inner_points, at, side)
    moved = _moved(shape.points, at, side)
    starts = shape.starts
    for j, i in enumerate(shape.outer):
        child, block = edges[i], shape.blocks[j]
        middle = starts[2 * j + 1]
        way = moved[starts[2 * j] : middle]
        if child.entry == entry:
            way = _joined(way_in, way)
        if block is not None:
            on = moved[middle : starts[2 * j + 2]]
            if child.exit == exit_:
                on = _joined(on, way_on)
            (top,) = _moved((block.at,), at, side)
            work.append((child, top, way, on, side * block.side))
            continue
        if child.exit == exit_:
            way = _joined(way, way_on)
        if way:
            found.add(edge_number(child.entry, child.exit), way)


def _joined(way: Points, on: Points) -> Points:
    """One way after the other; none if there is nothing at an end."""
    if not (way and on):
        return ()
    return simplified((*way, *on)) if way[-1].real == on[0].real else (*way, *on)


def _moved(points: Points, at: complex, side: int) -> Points:
    if side > 0:
        return tuple([at + point for point in points])
    return tuple([at - point.conjugate() for point in points])
