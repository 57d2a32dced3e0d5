"""A first order of the nodes on each level of a core, found by sweeps.

The usual layered method: start from a depth-first order, sweep up and down sorting each level by
the barycentres or medians of its neighbours, swap neighbours where that helps, several times from
different starts. Levels with at most two nodes cut the core into *windows*. The best order seen for
a window is kept for each order of its first and last level, and the best windows are joined at the
end, so one start need not be good everywhere.

References
----------
.. [1] K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical system
   structures", IEEE Trans. SMC 11(2), 1981.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from random import Random

from kerassplit_widget.structure.layout.layered import LayeredGraph

__all__ = ["inversions", "swept"]

_STARTS = 3
_SWEEPS = 10
_PATIENCE = 3  # sweeps without progress before a start is given up

Levels = list[list[int]]


def swept(graph: LayeredGraph, random: Random, steps: int) -> tuple[Levels, int]:
    """Order the nodes of each level.

    Parameters
    ----------
    graph : LayeredGraph
    random : Random
        Shuffles the starts.
    steps : int
        What may be spent, a step being a pair of edges that is looked at; one sweep is always made.

    Returns
    -------
    rows : list of list of int
        The nodes of each level from left to right.
    steps : int
        What has been spent.
    """
    cost = sum(2 + len(up) * len(up) + len(down) * len(down) for up, down in zip(graph.up, graph.down, strict=True))
    spent = 0
    windows: _Windows | None = None
    for start in range(_STARTS):
        rows = _Rows(graph, _depth_first(graph, random))
        if windows is None:
            windows = _Windows(rows)
        for crossings in _sweeps(rows, start):
            windows.record(rows.levels, crossings)
            spent += cost
            if not sum(crossings) or spent + cost > steps:
                return windows.join(), spent
    assert windows is not None
    return windows.join(), spent


def inversions(values: Sequence[int]) -> int:
    """Count pairs in the wrong order.

    Examples
    --------
    >>> inversions([1, 3, 2, 0])
    4
    """
    count = 0
    before: list[int] = []
    for value in values:
        i = bisect_right(before, value)
        count += len(before) - i
        before.insert(i, value)
    return count


def _depth_first(graph: LayeredGraph, random: Random) -> Levels:
    """List the nodes of each level in the order of a depth-first search with shuffled neighbours."""
    levels: Levels = [[] for _ in range(graph.depth + 1)]
    roots = [node for node, up in enumerate(graph.up) if not up and node]
    random.shuffle(roots)
    seen = [False] * len(graph.level)
    for root in (0, *roots):
        stack = [root]
        while stack:
            node = stack.pop()
            if seen[node]:
                continue
            seen[node] = True
            levels[graph.level[node]].append(node)
            below = graph.down[node].copy()
            random.shuffle(below)
            stack += below
    return levels


def _sweeps(rows: _Rows, start: int) -> Iterator[list[int]]:
    """Improve `rows` in place; yield the crossings per gap after every sweep."""
    centre = _median if start % 2 else _barycentre
    fewest: int | None = None
    stale = 0
    for sweep in range(_SWEEPS):
        rows.sweep(downwards=(sweep + start // 2) % 2 == 0, centre=centre)
        rows.swap_neighbours()
        crossings = rows.crossings()
        yield crossings
        total = sum(crossings)
        if fewest is None or total < fewest:
            fewest, stale = total, 0
        else:
            stale += 1
        if stale > _PATIENCE:
            return


def _barycentre(places: list[int]) -> float:
    return sum(places) / len(places)


def _median(places: list[int]) -> float:
    places.sort()
    middle = len(places) // 2
    return places[middle] if len(places) % 2 else (places[middle - 1] + places[middle]) / 2


class _Rows:
    """An order of the nodes on each level, and the operations that improve it in place."""

    def __init__(self, graph: LayeredGraph, levels: Levels) -> None:
        self.graph = graph
        self.levels = levels
        self.place = [0] * len(graph.level)
        for level in levels:
            self._number(level)

    def _number(self, level: Sequence[int]) -> None:
        for i, node in enumerate(level):
            self.place[node] = i

    def crossings(self) -> list[int]:
        """Count the crossings of each gap between levels."""
        place, down = self.place, self.graph.down
        return [
            inversions([end for node in level for end in sorted([place[v] for v in down[node]])])
            if len(level) > 1 and len(below) > 1
            else 0
            for level, below in pairwise(self.levels)
        ]

    def sweep(self, *, downwards: bool, centre: Callable[[list[int]], float]) -> None:
        """Sort each level by where its neighbours on the level before are."""
        place, depth = self.place, self.graph.depth
        neighbours = self.graph.up if downwards else self.graph.down
        for i in range(1, depth + 1) if downwards else range(depth - 1, -1, -1):
            level = self.levels[i]
            if len(level) < 2:
                continue
            key = {}
            for node in level:
                near = neighbours[node]
                if len(near) > 1:
                    key[node] = centre([place[v] for v in near])
                else:
                    key[node] = place[near[0] if near else node]
            level.sort(key=key.__getitem__)
            self._number(level)

    def swap_neighbours(self) -> None:
        """Swap neighbours on a level where fewer edges cross then."""
        place, up, down = self.place, self.graph.up, self.graph.down
        for level in self.levels:
            for i in range(len(level) - 1):
                left, right = level[i], level[i + 1]
                gain = 0
                for near in (up, down):
                    lefts, rights = near[left], near[right]
                    for a in lefts:
                        at = place[a]
                        for b in rights:
                            if at > place[b]:
                                gain += 1
                            elif at < place[b]:
                                gain -= 1
                if gain > 0:
                    level[i], level[i + 1] = right, left
                    place[left], place[right] = i + 1, i


class _Windows:
    """The best orders seen for the windows between narrow levels."""

    def __init__(self, rows: _Rows) -> None:
        narrow = {i for i, level in enumerate(rows.levels) if len(level) <= 2}
        self.bounds = list(pairwise(sorted(narrow | {0, rows.graph.depth})))
        # Per window: (order of first level, order of last level) -> (crossings, orders).
        self.seen: list[dict[tuple[tuple[int, ...], tuple[int, ...]], tuple[int, Levels]]] = [{} for _ in self.bounds]

    def record(self, levels: Levels, crossings: Sequence[int]) -> None:
        """Keep what is better than before, in each window; a mirror image counts as seen too."""
        for (top, bottom), seen in zip(self.bounds, self.seen, strict=True):
            total = sum(crossings[top:bottom])
            for step in (1, -1):
                key = (tuple(levels[top][::step]), tuple(levels[bottom][::step]))
                if key not in seen or total < seen[key][0]:
                    seen[key] = (total, [level[::step] for level in levels[top : bottom + 1]])

    def join(self) -> Levels:
        """Choose the best sequence of windows that agree on the levels they share."""
        ways: list[dict[tuple[int, ...], tuple[int, tuple[int, ...]]]] = []
        reached = {first: 0 for first, _ in self.seen[0]}
        for seen in self.seen:
            step: dict[tuple[int, ...], tuple[int, tuple[int, ...]]] = {}
            for (first, last), (count, _) in seen.items():
                if first in reached:
                    total = reached[first] + count
                    if last not in step or total < step[last][0]:
                        step[last] = (total, first)
            ways.append(step)
            reached = {last: total for last, (total, _) in step.items()}
        last = min(reached, key=lambda end: reached[end])
        levels: Levels = [list(last)]
        for seen, step in zip(reversed(self.seen), reversed(ways), strict=True):
            first = step[last][1]
            levels[:1] = [list(level) for level in seen[first, last][1]]
            last = first
        return levels
