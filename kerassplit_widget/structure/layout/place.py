"""From shapes to coordinates: where every box is, and the route of every edge.

Regions are placed from the outside in. Every series is handed two *ways*: one from the call before
it to its top, one from its bottom to the call after it. A route is such a way, or two joined.
A way of no points means that there is nothing before or after, so nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(slots=True)
class Placement:
    """Centres of all boxes, and routes by `edge_number`."""

    x: list[float]
    y: list[float]
    routes: dict[int, Points]


@dataclass(slots=True)
class _Spot:
    """A region that waits to be placed: where its axis meets its top, the ways to it and on; side -1 is mirrored."""

    region: Region
    at: complex
    way: Points
    way_on: Points
    side: int = 1


def place(
    tree: Region,
    boxes: Sequence[Shape],
    measured: Mapping[Region, Measured],
    space: Spacing,
) -> Placement:
    """Place all calls of `tree`, with the top of the outermost series at y = 0.

    `boxes` are the shapes of the calls, `measured` those of the regions.
    """
    found = Placement([0.0] * tree.size, [0.0] * tree.size, {})
    work = [_Spot(tree, 0j, (), ())]
    while work:
        spot = work.pop()
        place_in = measured[spot.region]
        if isinstance(place_in.shape, ParallelShape):
            _place_parallel(spot, place_in, place_in.shape, measured, work)
        elif isinstance(place_in.shape, CoreShape):
            _place_core(spot, place_in, place_in.shape, found, work)
        else:
            _place_series(spot, place_in.children, boxes, measured, space, found, work)
    return found


def _place_series(
    spot: _Spot,
    children: Sequence[int | Region],
    boxes: Sequence[Shape],
    measured: Mapping[Region, Measured],
    space: Spacing,
    found: Placement,
    work: list[_Spot],
) -> None:
    """Stack the children; join neighbouring calls. Other edges belong to the regions between."""
    region, x, y, rank = spot.region, spot.at.real, spot.at.imag, space.rank
    xs, ys, routes = found.x, found.y, found.routes
    way, previous = spot.way, region.entry
    for i, child in enumerate(children):
        if isinstance(child, int):
            if i:
                y += rank
            height = boxes[child].height
            xs[child], ys[child] = x, y + height / 2
            if way:
                # Most edges join neighbours in a series; one point needs no simplifying.
                here = complex(x, y)
                # The number of the edge, without a call: most edges are drawn here.
                routes[previous << 32 | child] = (way[0], here) if len(way) == 1 else simplified((*way, here))
            y += height
            way, previous = (complex(x, y),), child
        else:
            if i or way:
                y += rank
            bottom = y + measured[child].shape.height
            on: Points = (complex(x, bottom + rank),)
            if i == len(children) - 1:
                on = _joined(on, spot.way_on)
            work.append(_Spot(child, complex(x, y), way, on, spot.side))
            y, way = bottom, ()
    if way and spot.way_on:
        routes[edge_number(previous, region.exit)] = _joined(way, spot.way_on)


def _place_parallel(
    spot: _Spot,
    measured: Measured,
    shape: ParallelShape,
    shapes: Mapping[Region, Measured],
    work: list[_Spot],
) -> None:
    """Hand each branch its axis; its ways are vertical until the branches fan in and out."""
    first, last = spot.at.imag, spot.at.imag + shape.height
    for child, top in zip(measured.children, _moved(shape.slots, spot), strict=True):
        assert isinstance(child, Region)
        x = top.real
        way = _joined(spot.way, (complex(x, first), top))
        on = _joined((top + 1j * shapes[child].shape.height, complex(x, last)), spot.way_on)
        work.append(_Spot(child, top, way, on, spot.side))


def _place_core(spot: _Spot, measured: Measured, shape: CoreShape, found: Placement, work: list[_Spot]) -> None:
    """Move the finished drawing of the core to its place and hand the blocks on."""
    entry, exit_, routes = spot.region.entry, spot.region.exit, found.routes
    calls = len(shape.calls)
    for call, centre in zip(measured.children[:calls], _moved(shape.calls, spot), strict=True):
        assert isinstance(call, int)
        found.x[call], found.y[call] = centre.real, centre.imag
    points = spot.at + shape.points if spot.side > 0 else spot.at - shape.points.conj()
    moved: Points = tuple(points.tolist())
    starts = shape.starts
    for i, (child, block) in enumerate(zip(measured.children[calls:], shape.blocks, strict=True)):
        assert isinstance(child, Region)
        middle = starts[2 * i + 1]
        way = moved[starts[2 * i] : middle]
        if child.entry == entry:
            way = _joined(spot.way, way)
        if block is not None:
            on = moved[middle : starts[2 * i + 2]]
            if child.exit == exit_:
                on = _joined(on, spot.way_on)
            (top,) = _moved((block.at,), spot)
            work.append(_Spot(child, top, way, on, spot.side * block.side))
            continue
        if child.exit == exit_:
            way = _joined(way, spot.way_on)
        if way:
            routes[edge_number(child.entry, child.exit)] = way


def _joined(way: Points, on: Points) -> Points:
    """One way after the other; none if there is nothing at an end."""
    return simplified((*way, *on)) if way and on else ()


def _moved(points: Points, spot: _Spot) -> Points:
    at = spot.at
    if spot.side > 0:
        return tuple([at + point for point in points])
    return tuple([at - point.conjugate() for point in points])
