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
    simplified,
)
from kerassplit_widget.structure.regions.tree import Region

__all__ = ["Placement", "place"]


@dataclass(slots=True)
class Placement:
    """Centres of all boxes, and routes by (producer, consumer)."""

    x: list[float]
    y: list[float]
    routes: dict[tuple[int, int], Points]


@dataclass(slots=True)
class _Spot:
    """A region that waits to be placed: its axis and top, the ways to it and on; side -1 is a mirror image."""

    region: Region
    x: float
    y: float
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
    work = [_Spot(tree, 0.0, 0.0, (), ())]
    while work:
        spot = work.pop()
        place_in = measured[spot.region]
        if isinstance(place_in.shape, ParallelShape):
            _place_parallel(spot, place_in, place_in.shape, measured, work)
        elif isinstance(place_in.shape, CoreShape):
            _place_core(spot, place_in, place_in.shape, found, work)
        else:
            _place_series(spot, boxes, measured, space, found, work)
    return found


def _place_series(
    spot: _Spot,
    boxes: Sequence[Shape],
    measured: Mapping[Region, Measured],
    space: Spacing,
    found: Placement,
    work: list[_Spot],
) -> None:
    """Stack the children; join neighbouring calls. Other edges belong to the regions between."""
    region, x, y, rank = spot.region, spot.x, spot.y, space.rank
    xs, ys, routes = found.x, found.y, found.routes
    way, previous = spot.way, region.entry
    for i, child in enumerate(region.children):
        if isinstance(child, int):
            if i:
                y += rank
            height = boxes[child].height
            xs[child], ys[child] = x, y + height / 2
            if way:
                # Most edges join neighbours in a series; one point needs no simplifying.
                routes[previous, child] = (way[0], (x, y)) if len(way) == 1 else simplified((*way, (x, y)))
            y += height
            way, previous = ((x, y),), child
        else:
            if i or way:
                y += rank
            bottom = y + measured[child].shape.height
            on: Points = ((x, bottom + rank),)
            if i == len(region.children) - 1:
                on = _joined(on, spot.way_on)
            work.append(_Spot(child, x, y, way, on, spot.side))
            y, way = bottom, ()
    if way and spot.way_on:
        routes[previous, region.exit] = _joined(way, spot.way_on)


def _place_parallel(
    spot: _Spot,
    measured: Measured,
    shape: ParallelShape,
    shapes: Mapping[Region, Measured],
    work: list[_Spot],
) -> None:
    """Hand each branch its axis; its ways are vertical until the branches fan in and out."""
    for child, (dx, dy) in zip(measured.children, shape.slots, strict=True):
        assert isinstance(child, Region)
        x, top = spot.x + spot.side * dx, spot.y + dy
        way = _joined(spot.way, ((x, spot.y), (x, top)))
        bottom = top + shapes[child].shape.height
        on = _joined(((x, bottom), (x, spot.y + shape.height)), spot.way_on)
        work.append(_Spot(child, x, top, way, on, spot.side))


def _place_core(spot: _Spot, measured: Measured, shape: CoreShape, found: Placement, work: list[_Spot]) -> None:
    """Move the finished drawing of the core to its place and hand the blocks on."""
    region = spot.region
    calls = len(shape.calls)
    for call, (dx, dy) in zip(measured.children[:calls], shape.calls, strict=True):
        assert isinstance(call, int)
        found.x[call], found.y[call] = spot.x + spot.side * dx, spot.y + dy
    for child, edge in zip(measured.children[calls:], shape.edges, strict=True):
        assert isinstance(child, Region)
        way = _moved(edge.way, spot)
        if child.entry == region.entry:
            way = _joined(spot.way, way)
        if edge.block is not None:
            on = _moved(edge.way_on, spot)
            if child.exit == region.exit:
                on = _joined(on, spot.way_on)
            x, top = spot.x + spot.side * edge.block[0], spot.y + edge.block[1]
            work.append(_Spot(child, x, top, way, on, spot.side * edge.side))
            continue
        if child.exit == region.exit:
            way = _joined(way, spot.way_on)
        if way:
            found.routes[child.entry, child.exit] = way


def _joined(way: Points, on: Points) -> Points:
    """One way after the other; none if there is nothing at an end."""
    return simplified((*way, *on)) if way and on else ()


def _moved(points: Points, spot: _Spot) -> Points:
    left, top, side = spot.x, spot.y, spot.side
    return tuple([(left + side * x, top + y) for x, y in points])
