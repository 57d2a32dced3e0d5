"""The order of nodes on each level of a core, chosen so that few edges cross.

The usual layered method: start from a depth-first order, sweep up and down sorting each level by
the barycentres or medians of its neighbours, swap neighbours where that helps, several times from
different starts. Two additions matter for networks made of cells:

- levels with at most two nodes cut the core into *windows*. The best order seen for a window is
  kept for each order of its first and last level, and the best windows are joined at the end, so
  one start need not be good everywhere;
- whole trunks are moved at once (*sifting*), which swaps of single nodes cannot do.

All effort is bounded by the number of steps a graph may cost, see `_BUDGET`.

References
----------
.. [1] K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical system
   structures", IEEE Trans. SMC 11(2), 1981.
.. [2] C. Matuszewski, R. Schönfeld, P. Molitor, "Using sifting for k-layer straightline crossing
   minimization", Graph Drawing 1999.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from random import Random

from kerassplit_widget.structure.layout.layered import LayeredGraph

__all__ = ["order_levels"]

_BUDGET = 40_000  # steps of one sweep, times sweeps, times starts
_STARTS = 12
_SWEEPS = 12
_PATIENCE = 3  # sweeps without progress before a start is given up
_SIFT_ROUNDS = 2
_SIFT_BUDGET = 20_000  # edges looked at, for each place that is tried

Levels = list[list[int]]


def order_levels(graph: LayeredGraph) -> tuple[Levels, int]:
    """Order the nodes of each level.

    Returns
    -------
    levels : list of list of int
        The nodes of each level from left to right.
    crossings : int
        The number of crossings between edges of neighbouring levels.
    """
    cost = _sweep_cost(graph)
    starts = max(1, min(_STARTS, _BUDGET // cost))
    sweeps = max(1, min(_SWEEPS, 4 * _BUDGET // cost))
    random = Random(1)  # the same for every core: equal cores are ordered equally
    first = _Order(graph, _depth_first(graph, None))
    windows = _Windows(first)
    best, fewest = _copy(first.levels), sum(first.crossings())
    for start in range(starts):
        if not fewest:
            break
        order = _Order(graph, _depth_first(graph, random)) if start else first
        for levels, crossings in _sweeps(order, start, sweeps):
            windows.record(levels, crossings)
            if sum(crossings) < fewest:
                best, fewest = _copy(levels), sum(crossings)
    if fewest:
        best, fewest = min((best, fewest), windows.join(), key=lambda found: found[1])
    if fewest and cost < _BUDGET:
        order = _Order(graph, best)
        best, fewest = order.sift()
    return best, fewest


def _sweep_cost(graph: LayeredGraph) -> int:
    """Roughly the steps of one sweep: what swapping neighbours costs on every level."""
    return sum(1 + len(up) * len(up) + len(down) * len(down) for up, down in zip(graph.up, graph.down, strict=True))


def _copy(levels: Levels) -> Levels:
    return [list(level) for level in levels]


def _depth_first(graph: LayeredGraph, random: Random | None) -> Levels:
    """Nodes in depth-first order from the top; shuffled neighbours if `random` is given."""
    levels: Levels = [[] for _ in range(graph.depth + 1)]
    roots = [node for node, up in enumerate(graph.up) if not up and node]
    if random is not None:
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
            below = graph.down[node][::-1]
            if random is not None:
                random.shuffle(below)
            stack += below
    return levels


def _sweeps(order: _Order, start: int, sweeps: int) -> Iterator[tuple[Levels, list[int]]]:
    """Improve `order` in place; yield it with its crossings per gap after every sweep."""
    centre = _median if start % 2 else _barycentre
    fewest: int | None = None
    stale = 0
    for sweep in range(sweeps):
        order.sweep(downwards=(sweep + start // 2) % 2 == 0, centre=centre)
        order.swap_neighbours()
        crossings = order.crossings()
        yield order.levels, crossings
        total = sum(crossings)
        if fewest is None or total < fewest:
            fewest, stale = total, 0
        else:
            stale += 1
        if not total or stale > _PATIENCE:
            return


def _barycentre(places: list[int]) -> float:
    return sum(places) / len(places)


def _median(places: list[int]) -> float:
    places.sort()
    middle = len(places) // 2
    return places[middle] if len(places) % 2 else (places[middle - 1] + places[middle]) / 2


class _Order:
    """An order of the nodes on each level, and the operations that improve it in place."""

    def __init__(self, graph: LayeredGraph, levels: Levels) -> None:
        self.graph = graph
        self.levels = levels
        self.place = [0] * len(graph.level)
        for level in levels:
            self._number(level)
        self.edges = [sum(len(graph.down[node]) for node in level) for level in levels]  # per gap

    def _number(self, level: Sequence[int]) -> None:
        for i, node in enumerate(level):
            self.place[node] = i

    def gap_crossings(self, gap: int) -> int:
        """Crossings between levels `gap` and `gap + 1`."""
        if len(self.levels[gap]) == 1 or len(self.levels[gap + 1]) == 1:
            return 0
        place, down = self.place, self.graph.down
        count = 0
        ends: list[int] = []  # lower ends of the edges so far, sorted
        for node in self.levels[gap]:
            lower = [place[v] for v in down[node]]
            lower.sort()
            for end in lower:
                i = bisect_right(ends, end)
                count += len(ends) - i
                ends.insert(i, end)
        return count

    def crossings(self) -> list[int]:
        """Crossings of each gap between levels."""
        return [self.gap_crossings(gap) for gap in range(self.graph.depth)]

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

    def sift(self) -> tuple[Levels, int]:
        """Move whole trunks, and single items, to where fewer edges cross."""
        graph = self.graph
        chains = [trunk for trunk in graph.trunks if trunk]
        chains += [[item] for item in range(1, graph.items - 1)]
        best, fewest = _copy(self.levels), sum(self.crossings())
        steps = _SIFT_BUDGET
        for _ in range(_SIFT_ROUNDS):
            moved = []
            for chain in chains:
                gaps = self._gaps_at(chain)
                steps -= sum(map(self.edges.__getitem__, gaps))
                if steps < 0:
                    break
                moved.append(self._sift_chain(chain, gaps))
            self.swap_neighbours()
            total = sum(self.crossings())
            if total < fewest:
                best, fewest = _copy(self.levels), total
            if not fewest or not any(moved) or steps < 0:
                break
        return best, fewest

    def _gaps_at(self, chain: Sequence[int]) -> range:
        """List the gaps above, within and below a chain."""
        top, bottom = self.graph.level[chain[0]], self.graph.level[chain[-1]]
        return range(max(0, top - 1), min(self.graph.depth, bottom + 1))

    def _sift_chain(self, chain: Sequence[int], gaps: range) -> bool:
        """Try a chain at the far left and right, and next to its first and last neighbours."""
        place, graph = self.place, self.graph
        top, bottom = graph.level[chain[0]], graph.level[chain[-1]]
        fewest = sum(self.gap_crossings(gap) for gap in gaps)
        if not fewest:
            return False
        kept = [list(level) for level in self.levels[top : bottom + 1]]
        better: Levels | None = None
        goals: list[float] = [0, float("inf")]
        goals += [
            _barycentre([place[v] for v in near]) + shift
            for near, shift in ((graph.up[chain[0]], 1), (graph.down[chain[-1]], 0))
            if near
        ]
        for goal in goals:
            for node in chain:
                level = self.levels[graph.level[node]]
                level.remove(node)
                level.insert(int(min(goal, len(level))), node)
                self._number(level)
            total = sum(self.gap_crossings(gap) for gap in gaps)
            if total < fewest:
                better, fewest = [list(level) for level in self.levels[top : bottom + 1]], total
            self._restore(top, kept)
        if better is not None:
            self._restore(top, better)
        return better is not None

    def _restore(self, top: int, levels: Levels) -> None:
        for i, level in enumerate(levels, top):
            self.levels[i][:] = level
            self._number(level)


class _Windows:
    """The best orders seen for the windows between narrow levels."""

    def __init__(self, order: _Order) -> None:
        depth = order.graph.depth
        narrow = {i for i, level in enumerate(order.levels) if len(level) <= 2}
        self.bounds = list(pairwise(sorted(narrow | {0, depth})))
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

    def join(self) -> tuple[Levels, int]:
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
        fewest = reached[last]
        levels: Levels = [list(last)]
        for seen, step in zip(reversed(self.seen), reversed(ways), strict=True):
            first = step[last][1]
            levels[:1] = _copy(seen[first, last][1])
            last = first
        return levels, fewest
