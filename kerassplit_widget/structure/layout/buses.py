"""Buses: a tensor that is read all along the graph, as a mask is, runs in one trunk beside it, with taps.

The graph without its edges is often in series and parallel where the whole was one core, so the body is drawn straight
and its blocks alike. Calls that a reader of the bus needs for itself (a mask made ready in each block) hang on the bus
alone; they are tied to where the other branches of their block part, by an edge that is not drawn.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain, product
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from kerassplit_widget.structure.layout.place import Placement
from kerassplit_widget.structure.layout.routes import Complex, Lines, Numbers
from kerassplit_widget.structure.layout.shapes import Spacing, edge_ends, edge_number
from kerassplit_widget.structure.regions.dominators import immediate_dominators

__all__ = ["Taken", "on_every_path", "tapped", "without_bus"]

_MANY = 3  # readers at least
_MAKERS = 6  # calls that make the tensor at most, itself left out
_FAR = 0.25  # share of all calls that lie between its first and last reader at least

Graph = Sequence[Sequence[int]]
Real: TypeAlias = npt.NDArray[np.float64]


def on_every_path(successors: Graph) -> list[int]:
    """List the calls that lie on every path: no edge leads past them in topological order.

    Examples
    --------
    >>> on_every_path([[1, 2], [3], [3], [4], []])
    [0, 3, 4]
    """
    n = len(successors)
    read = {v for targets in successors for v in targets}
    last_input = max((v for v in range(n) if v not in read), default=0)
    found = []
    reach = 0
    for call, targets in enumerate(successors):
        if call >= max(reach, last_input):
            found.append(call)
        reach = max(reach, targets[-1] if targets else n)
    return found


def _bus_of(successors: Graph, before: Graph, wanted: Collection[int]) -> int | None:
    """Find the call whose tensor is best drawn as a bus.

    It is the one with the most readers that read something else too, now or after some calls of their own; among those
    wanted, or if there are none, among all that are made from few others and read by many.
    """
    best, most = None, _MANY - 1
    for call in sorted(wanted) or range(len(successors)):
        if len(successors[call]) <= most or not (wanted or _runs_along(call, successors, before)):
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


def _runs_along(call: int, successors: Graph, before: Graph) -> bool:
    """Tell whether a call is made of few others and read far apart."""
    readers = successors[call]
    if readers[-1] - readers[0] <= _FAR * len(successors):
        return False
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
    successors : sequence of sequences of int
        New numbers.
    aside : set of int
        New numbers of the calls that need nothing but the bus.
    """

    bus: int
    order: list[int]
    successors: Sequence[Sequence[int]]
    aside: set[int]


def without_bus(successors: Graph, wanted: Collection[int]) -> Taken | None:
    """Take the edges out of a bus away.

    Parameters
    ----------
    successors : sequence of sequences of int
    wanted : collection of int
        Calls to choose the bus from; if there are none, all that are made from few others and read all along.

    Returns
    -------
    Taken or None
        None if there is no bus, or what hangs on it cannot be tied to the rest.
    """
    far = _FAR * len(successors)
    if not wanted and not any(len(v) >= _MANY and v[-1] - v[0] > far for v in successors):
        return None
    before = _turned(successors)
    bus = _bus_of(successors, before, wanted)
    if bus is None:
        return None
    only = _hanging(successors, before, bus)
    edges: list[Sequence[int]] = list(successors)
    edges[bus] = ()
    if not only:  # nothing must be tied to the rest, and calls keep their numbers
        return Taken(bus, list(range(len(edges))), edges, set())
    gone = {bus, *only}
    dominator = immediate_dominators(
        [sources if gone.isdisjoint(sources) else [u for u in sources if u not in gone] for sources in before]
    )  # of what hangs on the bus it is -1 and not used
    for call in sorted(only & set(successors[bus])):
        joins = {v for u in _reached(call, successors, only) for v in successors[u]} - only
        if not joins:
            continue
        anchor = dominator[min(joins)]
        if anchor < 0:
            return None
        edges[anchor] = (*edges[anchor], call)
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
    halves: Complex,
    successors: Graph,
    space: Spacing,
) -> Placement | None:
    """Draw the bus into the drawing of all the rest.

    Parameters
    ----------
    taken : Taken
    placed : Placement
        Of the graph in it, new numbers.
    halves : ndarray of complex
        Half the width and the height of each call's box, old numbers.
    successors : sequence of sequences of int
        With the edges out of the bus, old numbers.
    space : Spacing

    Returns
    -------
    Placement or None
        Old numbers. None if the bus would cross a line or run through a box.
    """
    n = len(taken.order)
    order = np.array(taken.order)
    x, y = np.zeros(n), np.zeros(n)
    x[order], y[order] = placed.x, placed.y
    is_aside = np.zeros(n, dtype=bool)
    is_aside[list(taken.aside)] = True
    producers, consumers = edge_ends(placed.routes.edges)
    # What is tied to the rest does not read it.
    drawn = np.flatnonzero(~is_aside[consumers] | is_aside[producers])
    routes = placed.routes.taken(drawn)
    routes = routes._replace(edges=edge_number(order[producers[drawn]], order[consumers[drawn]]))
    bus, readers = taken.bus, np.array(successors[taken.bus])
    start = float(y[bus] + halves[bus].imag)
    tops = y[readers] - halves[readers].imag
    if tops.min() - space.rank < start:
        return None
    centres = x + 1j * y
    lines = _pieces(routes)
    trunk = max(x[bus], _right_of(start, tops.max(), centres, halves, lines) + space.lane)
    lead = [complex(x[bus], start)]
    if trunk != x[bus]:
        lead.append(complex(trunk, start + space.rank))
    turns = tops - space.rank
    if turns.min() < lead[-1].imag:
        return None
    ways = np.empty((len(readers), len(lead) + 2), dtype=np.complex128)
    ways[:, :-2] = lead
    ways[:, -2], ways[:, -1] = trunk + 1j * turns, x[readers] + 1j * tops
    taps = Lines(edge_number(np.full(len(readers), bus), readers), np.full(len(ways), ways.shape[1]), ways.ravel())
    slants = _pieces(taps)
    slants = slants.only(slants.start.real != slants.end.real)  # their trunk is beyond all that could be met
    if not _is_clear(slants, lines, centres, halves):
        return None
    together = Lines(*(np.concatenate(pair) for pair in zip(routes, taps, strict=True)))
    return Placement(x, y, together)


class _Pieces(NamedTuple):
    """Straight pieces of routes, each from one point to a lower one, and the calls at the ends of its edge."""

    start: Complex
    end: Complex
    source: Numbers
    target: Numbers

    def only(self, chosen: Numbers | npt.NDArray[np.bool_]) -> _Pieces:
        return _Pieces(self.start[chosen], self.end[chosen], self.source[chosen], self.target[chosen])


def _pieces(routes: Lines) -> _Pieces:
    routes = routes.simplified()
    edges = np.repeat(routes.edges, routes.counts - 1)
    start = np.delete(np.arange(len(routes.points)), np.cumsum(routes.counts) - 1)
    return _Pieces(routes.points[start], routes.points[start + 1], *edge_ends(edges))


def _right_of(top: float, bottom: float, centres: Complex, halves: Complex, lines: _Pieces) -> float:
    """Find the right end of all that lies between two heights."""
    boxes = (centres + halves)[(centres.imag + halves.imag > top) & (centres.imag - halves.imag < bottom)]
    between = (lines.end.imag > top) & (lines.start.imag < bottom)
    right = np.maximum(lines.start.real, lines.end.real)[between]
    return float(max(boxes.real.max(initial=-np.inf), right.max(initial=-np.inf)))


def _is_clear(slants: _Pieces, lines: _Pieces, centres: Complex, halves: Complex) -> bool:
    """Tell whether slants meet no box, and no line that leads elsewhere."""
    span = slants.start.imag, slants.end.imag
    i, box = _side_by_side(*span, centres.imag - halves.imag, centres.imag + halves.imag)
    foreign = (slants.source[i] != box) & (slants.target[i] != box)
    i, box = i[foreign], box[foreign]
    if _run_through(slants.start[i], slants.end[i], centres[box], halves[box]).any():
        return False
    i, line = _side_by_side(*span, lines.start.imag, lines.end.imag)
    near, others = slants.only(i), lines.only(line)
    ends = (near.source, near.target), (others.source, others.target)
    unrelated = np.logical_and.reduce([a != b for a, b in product(*ends)])
    near, others = near.only(unrelated), others.only(unrelated)
    return not _meet(near.start, near.end, others.start, others.end).any()


def _side_by_side(top: Real, bottom: Real, other_top: Real, other_bottom: Real) -> tuple[Numbers, Numbers]:
    """List all pairs of one thing each that have heights in common, and few that have not."""
    none = np.zeros(0, dtype=np.int64)
    pairs: list[tuple[Numbers, Numbers]] = [(none, none)]
    # Things are looked up by their tops, those of about one height together: so few are looked at in vain.
    height = np.ceil(np.log2(np.maximum(other_bottom - other_top, 1.0)))
    for each in np.unique(height):
        things = np.flatnonzero(height == each)
        things = things[np.argsort(other_top[things], kind="stable")]
        first = np.searchsorted(other_top[things], top - 2.0**each)
        count = np.searchsorted(other_top[things], bottom, side="right") - first
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        pairs.append((np.repeat(np.arange(len(top)), count), things[np.repeat(first, count) + within]))
    ones, others = zip(*pairs, strict=True)
    return np.concatenate(ones), np.concatenate(others)


def _run_through(a: Complex, b: Complex, centre: Complex, half: Complex) -> npt.NDArray[np.bool_]:
    """Tell which slants run through a box, by clipping them to it."""
    enter, leave = np.zeros(len(a)), np.ones(len(a))
    for start, step, middle, reach in (
        (a.real, (b - a).real, centre.real, half.real),
        (a.imag, (b - a).imag, centre.imag, half.imag),
    ):
        first, second = (middle - reach - start) / step, (middle + reach - start) / step
        enter = np.maximum(enter, np.minimum(first, second))
        leave = np.minimum(leave, np.maximum(first, second))
    return leave > enter


def _meet(a: Complex, b: Complex, c: Complex, d: Complex) -> npt.NDArray[np.bool_]:
    """Tell which pairs of pieces have a point in common."""

    def side(p: Complex, q: Complex, r: Complex) -> Real:
        return ((q - p).conj() * (r - p)).imag

    return (side(a, b, c) * side(a, b, d) <= 0) & (side(c, d, a) * side(c, d, b) <= 0)
