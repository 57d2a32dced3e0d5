"""Columns of a core: the x of every node, once the order on each level is known.

Nodes are drawn towards their neighbours by isotonic regression (pool adjacent violators), which
finds on one level the least moved positions that keep order and gaps. Trunks pull most, so that
they become straight, and the spine of the core is held on the axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import floor

from kerassplit_widget.structure.layout.layered import LayeredGraph

__all__ = ["columns"]

_SWEEPS = 10
_FEWER_SWEEPS = 6  # if there are more nodes than
_LARGE = 3_000
_ONE_SIDED = 4  # sweeps in which only the level before counts
_ON_AXIS = 1e5  # weight of a node that belongs on the axis
_PULL = (1.0, 3.0, 8.0)  # of a neighbour, if none, one or both of the two are dummies
_TRUNK_WEIGHT = 4.0


def columns(
    graph: LayeredGraph,
    levels: Sequence[Sequence[int]],
    gaps: Sequence[Sequence[float]],
    passing: Sequence[int],
) -> list[float]:
    """Choose the x of every node, in multiples of half a pixel.

    Parameters
    ----------
    graph : LayeredGraph
    levels : sequence of sequences of int
        Nodes of each level from left to right.
    gaps : sequence of sequences of float
        The least distance between each node of a level and the next one on it.
    passing : sequence of int
        For each item the number of tensors that pass by it.
    """
    found = _Columns(graph, levels, gaps, _spine(graph, passing))
    found.settle()
    bodies_and_lanes = [run for run in (*map(graph.body, range(graph.items)), *graph.lanes()) if len(run) > 1]
    for runs in (bodies_and_lanes, _strands(graph), bodies_and_lanes):
        for run in runs:
            found.straighten(run)
    return [floor(2 * value + 0.5) / 2 for value in found.x]


class _Columns:
    """Positions that always keep the order and the gaps of every level."""

    def __init__(
        self,
        graph: LayeredGraph,
        levels: Sequence[Sequence[int]],
        gaps: Sequence[Sequence[float]],
        spine: set[int],
    ) -> None:
        self.graph, self.levels, self.gaps, self.spine = graph, levels, gaps, spine
        self.x = [0.0] * len(graph.level)
        self.slot = [0] * len(graph.level)
        for level, gap in zip(levels, gaps, strict=True):
            place = -sum(gap) / 2  # packed and centred, to start with
            for i, (node, width) in enumerate(zip(level, (*gap, 0.0), strict=True)):
                self.x[node] = place
                self.slot[node] = i
                place += width

    def settle(self) -> None:
        """Sweep down and up, first drawn by one side only, then by both."""
        rows = range(len(self.levels))
        up, down = self.graph.up, self.graph.down
        both = [[*above, *below] for above, below in zip(up, down, strict=True)]
        sides = [(near, self._shares(near)) for near in (up, down, both)]
        weights = [[self._weight(node) for node in level] for level in self.levels]
        for sweep in range(_SWEEPS if len(self.x) <= _LARGE else _FEWER_SWEEPS):
            near, shares = sides[2 if sweep >= _ONE_SIDED else sweep % 2]
            for row in rows if sweep % 2 == 0 else reversed(rows):
                self._settle_level(row, near, shares, weights[row])

    def _shares(self, near: Sequence[Sequence[int]]) -> list[Sequence[float]]:
        """List for each node which share each of its neighbours has in where it is pulled, if there are several."""
        items = self.graph.items
        plain, trunk = (_PULL[0], _PULL[1]), (_PULL[1], _PULL[2])
        found: list[Sequence[float]] = []
        for node, others in enumerate(near):
            if len(others) < 2:
                found.append(())
                continue
            pulls = [(plain if node < items else trunk)[other >= items] for other in others]
            total = sum(pulls)
            found.append([pull / total for pull in pulls])
        return found

    def _weight(self, node: int) -> float:
        if node in self.spine:
            return _ON_AXIS
        return _TRUNK_WEIGHT if node >= self.graph.items else 1.0

    def _settle_level(
        self,
        row: int,
        near: Sequence[Sequence[int]],
        shares: Sequence[Sequence[float]],
        weights: Sequence[float],
    ) -> None:
        x, level, spine, gap = self.x, self.levels[row], self.spine, self.gaps[row]
        goals: list[float] = []
        free = True  # nothing is in the way of where the nodes are pulled
        for i, node in enumerate(level):
            others = near[node]
            if node in spine:
                goal = 0.0
            elif len(others) > 1:
                goal = 0.0
                for other, share in zip(others, shares[node], strict=True):
                    goal += share * x[other]
            else:
                goal = x[others[0] if others else node]
            if i and goal - goals[-1] < gap[i - 1]:
                free = False
            goals.append(goal)
        for node, value in zip(level, goals if free else _isotonic(goals, weights, gap), strict=True):
            x[node] = value

    def straighten(self, lane: Sequence[int]) -> None:
        """Put the longest runs of a lane that fit between their neighbours on one x each."""
        x = self.x
        start = 0
        while start < len(lane):
            low, high = self._room(lane[start])
            end = start + 1
            while end < len(lane):
                left, right = self._room(lane[end])
                if max(low, left) > min(high, right):
                    break
                low, high = max(low, left), min(high, right)
                end += 1
            run = lane[start:end]
            middle = sorted(x[node] for node in run)[len(run) // 2]
            if low <= high:  # rounding may leave a single dummy no room at all
                for node in run:
                    x[node] = min(max(middle, low), high)
            start = end

    def _room(self, node: int) -> tuple[float, float]:
        """Find the least and the largest x of a node between its neighbours on the level."""
        if node in self.spine:
            return self.x[node], self.x[node]
        row, i = self.graph.level[node], self.slot[node]
        level, gap = self.levels[row], self.gaps[row]
        low = self.x[level[i - 1]] + gap[i - 1] if i else float("-inf")
        high = self.x[level[i + 1]] - gap[i] if i + 1 < len(level) else float("inf")
        return low, high


def _strands(graph: LayeredGraph) -> list[list[int]]:
    """List runs of nodes that look best in one column: each the main neighbour of the one before it."""
    following = [_main(down, graph.up) for down in graph.down]
    before = [_main(up, graph.down) for up in graph.up]
    strands = []
    for node, upper in enumerate(before):
        if upper >= 0 and following[upper] == node:
            continue
        strand = [node]
        while following[strand[-1]] >= 0 and before[following[strand[-1]]] == strand[-1]:
            strand.append(following[strand[-1]])
        if len(strand) > 1:
            strands.append(strand)
    return sorted(strands, key=len, reverse=True)


def _main(near: Sequence[int], back: Sequence[Sequence[int]]) -> int:
    """Choose the neighbour with the fewest edges to this side, the middle one of several; -1 if there is none."""
    if not near:
        return -1
    least = min(len(back[node]) for node in near)
    best = [node for node in near if len(back[node]) == least]
    return best[len(best) // 2]


def _spine(graph: LayeredGraph, passing: Sequence[int]) -> set[int]:
    """Find the two ends and items that at most one tensor passes by, tall ones first: one node for each level."""
    spine = {0, graph.items - 1}
    taken: set[int] = set()
    bodies = {item: graph.body(item) for item, count in enumerate(passing) if count <= 1}
    for item in sorted(bodies, key=lambda item: (-len(bodies[item]), passing[item])):
        levels = [graph.level[node] for node in bodies[item]]
        if taken.isdisjoint(levels):
            taken.update(levels)
            spine.update(bodies[item])
    return spine


def _isotonic(goals: Sequence[float], weights: Sequence[float], gap: Sequence[float]) -> list[float]:
    """Minimise sum of weight * (x - goal)^2 with x[i + 1] - x[i] >= gap[i]."""
    shifts = [0.0, *accumulate(gap)]
    pools: list[tuple[float, float, int]] = []  # mean, weight, count
    for goal, weight, shift in zip(goals, weights, shifts, strict=True):
        mean, count = goal - shift, 1
        while pools and pools[-1][0] >= mean:
            other, other_weight, other_count = pools.pop()
            mean = (other * other_weight + mean * weight) / (other_weight + weight)
            weight += other_weight
            count += other_count
        pools.append((mean, weight, count))
    flat = [mean for mean, _, count in pools for _ in range(count)]
    return [mean + shift for mean, shift in zip(flat, shifts, strict=True)]
