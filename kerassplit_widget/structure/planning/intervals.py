"""The load and memory of every interval of a topological order, and the best division into intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from kerassplit_widget.structure.planning.aims import Aim
from kerassplit_widget.structure.planning.folding import Folded
from kerassplit_widget.structure.planning.problem import Floats, Problem

__all__ = ["Stages", "crossing_along", "divide_order", "places_to_cut"]

Integers = npt.NDArray[np.int64]
Stages = tuple[frozenset[int], ...]

MOST_PLACES = 1200
"""Places at which an order may be cut; of more, those crossed by the fewest bytes are kept."""
MOST_LOOKS = 200
"""How often an order is divided again when the peak of a stage turns out higher than assumed."""


def divide_order(
    folded: Folded, order: Sequence[int], aim: Aim, parts: int | None = None
) -> tuple[float, Stages] | None:
    """Find the best plan whose stages are intervals of an order.

    Parameters
    ----------
    folded : Folded
    order : sequence of int
        The groups, topologically; pinned heads first.
    aim : Aim
    parts : int, optional
        Number of stages, none empty. None: as few as the cap allows.

    Returns
    -------
    (float, tuple of frozenset of int) or None
        The largest value of a stage, and the stages (of groups). None if nothing keeps to what was asked.

    References
    ----------
    The recurrence is that of the linear partition problem; J. M. Tarnawski et al., "Efficient Algorithms for Device
    Placement of DNN Graph Operators", NeurIPS 2020, use it on ideals.
    """
    places = places_to_cut(folded.problem, order)
    values = _values(folded, order, places, aim)
    best: tuple[float, Stages] | None = None
    for _ in range(MOST_LOOKS):
        breaks = _fewest(values) if parts is None else _smallest_largest(values, parts)
        if breaks is None:
            break
        stages = tuple(frozenset(order[places[i] : places[j]]) for i, j in pairwise(breaks))
        assumed = values[breaks[:-1], breaks[1:]]
        # The matrix is exact but for peaks, of which it has a lower bound.
        true = aim.values(folded.whole, folded.unfold(stages)) if aim.weighs else assumed
        worst = float(true.max())
        if worst < math.inf and (best is None or worst < best[0]):
            best = worst, stages
        if aim.activations != "peak" or (true <= assumed).all():
            break
        values[breaks[:-1], breaks[1:]] = np.maximum(true, assumed)
    return best


def crossing_along(problem: Problem, order: Sequence[int]) -> tuple[Floats, Floats]:
    """Add up what crosses after each prefix of an order.

    Returns
    -------
    (array of float, array of float), each of shape (n + 1,)
        Bytes, and number of tensors.
    """
    n = problem.n
    place = _inverse(order)
    crossing, count = np.zeros(n + 2), np.zeros(n + 2)
    for maker, size, readers in problem.tensors:
        if readers:
            span = [place[maker] + 1, place[list(readers)].max() + 1]
            crossing[span] += (size, -size)
            count[span] += (1, -1)
    return np.cumsum(crossing)[: n + 1], np.cumsum(count)[: n + 1]


def places_to_cut(problem: Problem, order: Sequence[int]) -> Integers:
    """List the lengths of the prefixes after which an order may be cut, 0 and n included."""
    n = problem.n
    crossing, count = crossing_along(problem, order)
    allowed = count == 1 if problem.single_tensor else np.ones(n + 1, dtype=bool)
    for head in problem.forbidden:
        if head == set(order[: len(head)]):
            allowed[len(head)] = False
    allowed[[0, n]] = True
    places = np.flatnonzero(allowed)
    if len(places) > MOST_PLACES:
        kept = [bucket[crossing[bucket].argmin()] for bucket in np.array_split(places[1:-1], MOST_PLACES)]
        places = np.unique([0, *kept, *map(len, problem.pinned), n])
    return places


def _inverse(order: Sequence[int]) -> Integers:
    place = np.empty(len(order), dtype=np.int64)
    place[list(order)] = np.arange(len(order))
    return place


def _values(folded: Folded, order: Sequence[int], places: Integers, aim: Aim) -> Floats:
    """Compute the objective of ``order[places[i]:places[j]]`` for all i < j; infinity where it is not allowed."""
    problem = folded.problem
    table = _Table(order, places)
    memory = _memory(folded, table, aim) if aim.weighs else None
    values = memory.copy() if aim.memory and memory is not None else _loads(problem, table)
    if memory is not None:
        values[memory > aim.cap * (1 + 1e-12)] = np.inf
    values[np.tril_indices(len(places))] = np.inf
    for head in problem.pinned:
        at = int(np.searchsorted(places, len(head)))
        if at == len(places) or places[at] != len(head):
            return np.full_like(values, np.inf)  # the pinned place is not allowed
        values[:at, at + 1 :] = np.inf
    return values


class _Table:
    """Sums over the intervals of an order, gathered as corners of rectangles (i from ... to, j from ... to)."""

    def __init__(self, order: Sequence[int], places: Integers) -> None:
        self.order, self.places, self.place, self.n = list(order), places, _inverse(order), len(order)

    def sums(self, values: Floats) -> Floats:
        """Sum a value of the calls over each interval."""
        before = np.concatenate([[0.0], np.cumsum(values[self.order])])[self.places]
        sums: Floats = np.maximum(before[None, :] - before[:, None], 0.0)
        return sums

    def rectangles(self, corners: Integers, values: Floats) -> Floats:
        """Add values over rectangles with rows (i0, i1, j0, j1): start of the interval in [i0, i1), end in [j0, j1)."""
        m = len(self.places) + 1
        i0, i1, j0, j1 = np.searchsorted(self.places, corners).T
        change = np.zeros(m * m)
        for i, j, sign in ((i0, j0, 1), (i1, j0, -1), (i0, j1, -1), (i1, j1, 1)):
            change += np.bincount(i * m + j, weights=sign * values, minlength=m * m)
        table: Floats = change.reshape(m, m).cumsum(0).cumsum(1)[:-1, :-1]
        return table

    def touching(self, sets: Sequence[Sequence[int]], values: Floats, makers: Sequence[int] | None = None) -> Floats:
        """Add a value to each interval that has a call of its set; with makers: and that begins after the maker."""
        which = np.repeat(np.arange(len(sets)), [len(calls) for calls in sets])
        at = self.place[[call for calls in sets for call in calls]]
        by = np.lexsort((at, which))
        which, at = which[by], at[by]
        before = np.concatenate([[-1], at[:-1]])
        first = np.concatenate([[True], which[1:] != which[:-1]])
        start = np.full(len(sets), -1) if makers is None else self.place[list(makers)]
        before = np.where(first, start[which], before)
        corners = np.stack([before + 1, at + 1, at + 1, np.full_like(at, self.n + 1)], axis=1)
        return self.rectangles(corners, values[which])


def _loads(problem: Problem, table: _Table) -> Floats:
    loads = table.sums(problem.cost)
    read = [i for i, tensor in enumerate(problem.tensors) if tensor.readers]
    if not read or (problem.bandwidth == math.inf and not problem.hop):
        return loads
    seconds = problem.seconds[read]
    makers = [problem.tensors[i].maker for i in read]
    readers = [problem.tensors[i].readers for i in read]
    made = table.place[makers]
    last = np.array([table.place[list(calls)].max() for calls in readers])
    if problem.wiring == "relay":
        m = len(table.places) + 1
        begin, end = np.searchsorted(table.places, [made + 1, last + 1])

        def crossing(values: Floats) -> Floats:
            total = np.bincount(begin, weights=values, minlength=m) - np.bincount(end, weights=values, minlength=m)
            return np.maximum(np.cumsum(total)[:-1], 0.0)

        bytes_at = crossing(seconds)
        loads += bytes_at[:, None] + bytes_at[None, :]
        return loads + problem.hop * (crossing(np.ones(len(read))) > 0.5)[:, None]
    ends = np.stack([np.zeros_like(made), made + 1, made + 1, last + 1], axis=1)
    loads += table.rectangles(ends, seconds)
    loads += table.touching(readers, seconds, makers)
    if problem.hop:
        loads += problem.hop * (table.touching(readers, np.ones(len(read)), makers) > 0.5)
    return loads


def _memory(folded: Folded, table: _Table, aim: Aim) -> Floats:
    """Compute the bytes held; a lower bound of them where peaks count."""
    problem = folded.problem
    memory = np.zeros((len(table.places),) * 2)
    if problem.weights:
        sizes = np.array([size for size, _ in problem.weights])
        memory += table.touching([calls for _, calls in problem.weights], sizes)
    if aim.activations == "sum" and problem.tensors:
        sizes = np.array([size for _, size, _ in problem.tensors])
        memory += table.touching([(maker, *readers) for maker, _, readers in problem.tensors], sizes)
    return memory


def _smallest_largest(values: Floats, parts: int) -> list[int] | None:
    """Divide 0 .. m-1 into a number of intervals with the smallest largest value; return the borders."""
    m = len(values)
    best, back = values[0], []
    for _ in range(parts - 1):
        through = np.maximum(best[:, None], values)
        back.append(through.argmin(axis=0))
        best = through[back[-1], np.arange(m)]
    if not best[-1] < math.inf:
        return None
    borders = [m - 1]
    for arrows in reversed(back):
        borders.append(int(arrows[borders[-1]]))
    return [0, *reversed(borders)]


def _fewest(values: Floats) -> list[int] | None:
    """Divide 0 .. m-1 into the fewest intervals of finite value, of these with the smallest largest; the borders."""
    for parts in range(1, len(values)):
        borders = _smallest_largest(values, parts)
        if borders is not None:
            return borders
    return None
