"""Buses: a tensor that is read all along the graph, as a mask is, runs in one trunk beside it, with taps.

The graph without its edges is often in series and parallel where the whole was one core, so the body is drawn straight
and its blocks alike. Calls that a reader of the bus needs for itself (a mask made ready in each block) hang on the bus
alone; they are tied to where the other branches of their block part, by an edge that is not drawn.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from kerassplit_widget.structure.layout.place import Placement
from kerassplit_widget.structure.layout.shapes import Point, Points, Shape, Spacing, simplified
from kerassplit_widget.structure.regions.dominators import immediate_dominators

__all__ = ["Taken", "bus_of", "tapped", "without_bus"]

_MANY = 3  # readers at least
_MAKERS = 6  # calls that make the tensor at most, itself left out
_FAR = 0.25  # share of all calls that lie between its first and last reader at least
_BAND = 400.0  # pixels of height in which things are looked up together

Graph = Sequence[Sequence[int]]


def bus_of(successors: Graph, wanted: Collection[int]) -> int | None:
    """Find the call whose tensor is best drawn as a bus.

    Parameters
    ----------
    successors : sequence of sequences of int
    wanted : collection of int
        Calls to choose from; if there are none, all that are made from few others and read by many.

    Returns
    -------
    int or None
        The one with the most readers that read something else too, now or after some calls of their own.
    """
    before = _turned(successors)
    best, most = None, _MANY - 1
    for call in sorted(wanted) or range(len(successors)):
        readers = successors[call]
        if len(readers) <= most or not (wanted or (_along(readers, before) and _is_made_of_few(call, before))):
            continue
        only = _hanging(successors, before, call)
        joins = {v for u in (call, *only) for v in successors[u]} - only
        if len(joins) > most:
            best, most = call, len(joins)
    return best


def _turned(successors: Graph) -> list[list[int]]:
    before: list[list[int]] = [[] for _ in successors]
    for u, targets in enumerate(successors):
        for v in targets:
            before[v].append(u)
    return before


def _along(readers: Sequence[int], before: Graph) -> bool:
    """Tell whether calls lie far apart."""
    return readers[-1] - readers[0] > _FAR * len(before)


def _is_made_of_few(call: int, before: Graph) -> bool:
    found, stack = {call}, [call]
    while stack and len(found) <= _MAKERS + 1:
        fresh = [u for u in before[stack.pop()] if u not in found]
        found.update(fresh)
        stack += fresh
    return len(found) <= _MAKERS + 1


def _hanging(successors: Graph, before: Graph, bus: int) -> set[int]:
    """Collect the calls that need nothing but the bus."""
    found: set[int] = set()
    heap = list(successors[bus])
    heapq.heapify(heap)
    while heap:
        call = heapq.heappop(heap)
        if call not in found and all(u == bus or u in found for u in before[call]):
            found.add(call)
            for v in successors[call]:
                heapq.heappush(heap, v)
    return found


@dataclass(frozen=True, slots=True)
class Taken:
    """A graph without the edges out of a bus, with calls renumbered.

    Attributes
    ----------
    bus : int
        Old number.
    order : list of int
        Old numbers in the new order.
    successors : list of list of int
        New numbers.
    aside : set of int
        New numbers of the calls that need nothing but the bus.
    """

    bus: int
    order: list[int]
    successors: list[list[int]]
    aside: set[int]


def without_bus(successors: Graph, bus: int) -> Taken | None:
    """Take the edges out of a bus away.

    Parameters
    ----------
    successors : sequence of sequences of int
    bus : int

    Returns
    -------
    Taken or None
        None if what hangs on the bus cannot be tied to the rest.
    """
    before = _turned(successors)
    only = _hanging(successors, before, bus)
    edges: list[set[int]] = [set(targets) if u != bus else set() for u, targets in enumerate(successors)]
    dominator = immediate_dominators(
        [[u for u in sources if u != bus and u not in only] for sources in before]
    )  # of what hangs on the bus it is -1 and not used
    for call in sorted(only & set(successors[bus])):
        joins = {v for u in _reached(call, successors, only) for v in successors[u]} - only
        if not joins:
            continue
        anchor = dominator[min(joins)]
        if anchor < 0:
            return None
        edges[anchor].add(call)
    order = _topological(edges)
    if len(order) < len(successors):
        return None
    place = {call: i for i, call in enumerate(order)}
    renumbered = [sorted(place[v] for v in edges[call]) for call in order]
    return Taken(bus, order, renumbered, {place[call] for call in only})


def _reached(call: int, successors: Graph, within: Collection[int]) -> set[int]:
    found, stack = {call}, [call]
    while stack:
        fresh = [v for v in successors[stack.pop()] if v in within and v not in found]
        found.update(fresh)
        stack += fresh
    return found


def _topological(edges: Sequence[Collection[int]]) -> list[int]:
    """Sort calls by number as far as the edges allow."""
    waiting = [0] * len(edges)
    for v in chain.from_iterable(edges):
        waiting[v] += 1
    ready = [u for u, count in enumerate(waiting) if not count]
    order = []
    while ready:
        u = heapq.heappop(ready)
        order.append(u)
        for v in edges[u]:
            waiting[v] -= 1
            if not waiting[v]:
                heapq.heappush(ready, v)
    return order


def tapped(
    taken: Taken,
    placed: Placement,
    boxes: Sequence[Shape],
    successors: Graph,
    space: Spacing,
) -> Placement | None:
    """Draw the bus into the drawing of all the rest.

    Parameters
    ----------
    taken : Taken
    placed : Placement
        Of the graph in it, new numbers.
    boxes : sequence of Shape
        Of the calls, old numbers.
    successors : sequence of sequences of int
        With the edges out of the bus, old numbers.
    space : Spacing

    Returns
    -------
    Placement or None
        Old numbers. None if the bus would cross a line or run through a box.
    """
    n = len(taken.order)
    x, y = [0.0] * n, [0.0] * n
    for i, call in enumerate(taken.order):
        x[call], y[call] = placed.x[i], placed.y[i]
    routes = {(taken.order[a], taken.order[b]): way for (a, b), way in placed.routes.items()}
    drawn = {(u, v) for u, targets in enumerate(successors) for v in targets}
    routes = {edge: way for edge, way in routes.items() if edge in drawn}  # without the ties
    bus, readers = taken.bus, successors[taken.bus]
    start = y[bus] + boxes[bus].height / 2
    tops = {v: y[v] - boxes[v].height / 2 for v in readers}
    if min(tops.values()) - space.rank < start:
        return None
    trunk = max(x[bus], _right_of(start, max(tops.values()), x, y, boxes, routes.values()) + space.lane)
    taps: dict[tuple[int, int], Points] = {}
    for v in readers:
        turn = tops[v] - space.rank
        lead = ((x[bus], start),) if trunk == x[bus] else ((x[bus], start), (trunk, start + space.rank))
        if turn < lead[-1][1]:
            return None
        taps[bus, v] = simplified((*lead, (trunk, turn), (x[v], tops[v])))
    if not _is_clear(taps, routes, x, y, boxes):
        return None
    return Placement(x, y, {**routes, **taps})


def _right_of(
    top: float,
    bottom: float,
    x: Sequence[float],
    y: Sequence[float],
    boxes: Sequence[Shape],
    routes: Collection[Points],
) -> float:
    """Find the right end of all that lies between two heights."""
    ends = [
        x[call] + box.right
        for call, box in enumerate(boxes)
        if y[call] + box.height / 2 > top and y[call] - box.height / 2 < bottom
    ]
    ends += [max(a[0], b[0]) for way in routes for a, b in pairwise(way) if b[1] > top and a[1] < bottom]
    return max(ends, default=0.0)


def _is_clear(
    taps: Mapping[tuple[int, int], Points],
    routes: Mapping[tuple[int, int], Points],
    x: Sequence[float],
    y: Sequence[float],
    boxes: Sequence[Shape],
) -> bool:
    """Tell whether taps meet no box, and no line that leads elsewhere. Their trunk is beyond all of these."""
    lines = [(u, v, a, b) for (u, v), way in routes.items() for a, b in pairwise(way)]
    lines_at = _by_height((a[1], b[1]) for _, _, a, b in lines)
    boxes_at = _by_height((y[call] - box.height / 2, y[call] + box.height / 2) for call, box in enumerate(boxes))
    for (u, v), way in taps.items():
        for a, b in pairwise(way):
            if a[0] == b[0]:
                continue
            bands = range(int(a[1] // _BAND), int(b[1] // _BAND) + 1)
            for call in {call for band in bands for call in boxes_at.get(band, ())} - {u, v}:
                if _runs_through(a, b, (x[call], y[call]), (boxes[call].right, boxes[call].height / 2)):
                    return False
            for line in {line for band in bands for line in lines_at.get(band, ())}:
                tail, head, c, d = lines[line]
                if tail not in (u, v) and head not in (u, v) and _meet(a, b, c, d):
                    return False
    return True


def _by_height(spans: Iterable[tuple[float, float]]) -> dict[int, list[int]]:
    """Sort things into bands by the heights between which they lie."""
    found: dict[int, list[int]] = {}
    for i, (top, bottom) in enumerate(spans):
        for band in range(int(top // _BAND), int(bottom // _BAND) + 1):
            found.setdefault(band, []).append(i)
    return found


def _runs_through(a: Point, b: Point, centre: Point, half: Point) -> bool:
    """Tell whether a piece runs through a box, by clipping it to the box."""
    enter, leave = 0.0, 1.0
    for axis in (0, 1):
        step = b[axis] - a[axis]
        low, high = centre[axis] - half[axis] - a[axis], centre[axis] + half[axis] - a[axis]
        if step == 0:
            if low > 0 or high < 0:
                return False
            continue
        enter, leave = max(enter, min(low / step, high / step)), min(leave, max(low / step, high / step))
    return leave > enter


def _meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Tell whether two pieces have a point in common."""

    def side(p: Point, q: Point, r: Point) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) <= 0 and side(c, d, a) * side(c, d, b) <= 0
