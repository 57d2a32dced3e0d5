"""The order of nodes on each level of a core, chosen so that few edges cross.

What is ordered are *runs*: an item with its body, or the dummies of a lane from top to bottom, which
thus stay straight. All runs stand in one order from left to right, and that order holds on every level.
Putting one run past its neighbour changes only crossings of edges at these two, so the change is
quickly counted, and a run can be tried at every place on the levels where it lies (*sifting*). When
no run alone can be put better, a few are put at random, their surroundings are sifted again, and
what got worse is undone.

All effort is counted in steps, and an order stops being improved when its steps are used up.

References
----------
.. [1] C. Bachmaier, F. J. Brandenburg, W. Brunner, F. Hübner, "Global k-level crossing reduction",
   Journal of Graph Algorithms and Applications 15(5), 2011.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from random import Random
from types import MappingProxyType

from kerassplit_widget.structure.layout.layered import LayeredGraph
from kerassplit_widget.structure.layout.sweeping import inversions

__all__ = ["Order"]

_STEPS_PER_NODE = 10  # that it takes to set up an order
_ROUNDS = 10
_KICKED = 3  # runs that are put at random at once, at most
_FAR = 2  # levels from where they were put, in which their surroundings are sifted
_QUEUE = 200  # runs that are sifted after that, at most
_PATIENCE = 40  # such trials without progress for each run, after which there will hardly be any
_STALE = 60  # such trials until it is looked up again where edges cross


class Order:
    """Runs in an order from left to right, and the operations that improve it in place.

    Parameters
    ----------
    graph : LayeredGraph
    random : Random
        Decides wherever chance does; seed it, and the result is always the same.
    rows : sequence of sequences of int
        The nodes of each level, in an order to begin with.
    still : collection of int
        Items whose order among each other is not changed.
    ports : mapping of int to sequence of int
        For some items the producers they read, in the order from left to right in which lines should come to them;
        lines that come in another order are counted as crossings.

    Attributes
    ----------
    crossings : int
    steps : int
        What has been spent so far, a step being a pair of edges that is looked at.
    """

    def __init__(
        self,
        graph: LayeredGraph,
        random: Random,
        rows: Sequence[Sequence[int]],
        still: Collection[int] = (),
        ports: Mapping[int, Sequence[int]] = MappingProxyType({}),
    ) -> None:
        self.graph, self.random, self.still, self.ports = graph, random, still, ports
        self.runs = [*map(graph.body, range(graph.items)), *graph.lanes()]
        self.run_of = [0] * len(graph.level)
        for run, nodes in enumerate(self.runs):
            for node in nodes:
                self.run_of[node] = run
        self.top = [graph.level[nodes[0]] for nodes in self.runs]
        self.bottom = [graph.level[nodes[-1]] for nodes in self.runs]
        of = self.run_of.__getitem__
        self.above = [[of(node) for node in graph.up[nodes[0]]] for nodes in self.runs]
        # Levels on which something leaves a run downwards: what does, the run itself included.
        self.below = [
            {
                graph.level[node]: [of(lower) for lower in graph.down[node]]
                for node in nodes
                if node == nodes[-1] or len(graph.down[node]) > 1
            }
            for nodes in self.runs
        ]
        self.on_level: list[list[int]] = [[] for _ in range(graph.depth + 1)]
        for run in range(len(self.runs)):
            for level in range(self.top[run], self.bottom[run] + 1):
                self.on_level[level].append(run)
        # What comes to a port, and the item: which of its ports that is.
        self._port = {
            (of(node), item): producers.index(graph.producer[node])
            for item, producers in ports.items()
            for node in graph.up[item]
        }
        self.steps = 0
        self._beside: dict[int, list[int]] = {}
        self.order: list[int] = []
        self.place: list[float] = [0.0] * len(self.runs)
        self._start(rows)
        self.crossings = self._count()
        self.steps = _STEPS_PER_NODE * len(graph.level)

    def rows(self) -> list[list[int]]:
        """List the nodes of each level from left to right."""
        rows: list[list[int]] = [[] for _ in self.on_level]
        for run in self.order:
            for level, node in enumerate(self.runs[run], self.top[run]):
                rows[level].append(node)
        return rows

    def settle(self, steps: int) -> None:
        """Sift every run until none can be put better, or the steps are used up."""
        limit = self.steps + steps
        runs = [run for run in range(len(self.runs)) if run not in self.still]
        for _ in range(_ROUNDS):
            self.random.shuffle(runs)
            before = self.crossings
            for run in runs:
                if self.steps > limit:
                    return
                self.crossings += self._sift(run)
            if self.crossings == before:
                return

    def improve(self, steps: int) -> None:
        """Put a few runs at random where edges cross and settle what is around; keep what is no worse."""
        limit = self.steps + steps
        crossed: list[int] = []
        stale = 0
        patience = _PATIENCE * len(self.runs)
        while self.crossings and self.steps < limit and patience:
            patience -= 1
            if stale == 0:
                crossed, stale = self._crossed_gaps(), _STALE
            stale -= 1
            kept = self.place.copy(), self.order.copy()
            gap = self.random.choice(crossed)
            near = [run for run in self.on_level[gap + self.random.randint(0, 1)] if run not in self.still]
            moved = self.random.sample(near, min(len(near), self.random.randint(1, _KICKED)))
            change = sum(map(self._kick, moved)) + self._settle_around(moved, gap)
            if change <= 0:
                self.crossings += change
            else:
                self.place, self.order = kept
            if change < 0:
                stale, patience = 0, _PATIENCE * len(self.runs)
            self.steps += len(self.runs) // 8 + 1

    def _settle_around(self, moved: Iterable[int], gap: int) -> int:
        """Sift what is joined with `moved` near a gap, then what is joined with what found a better place."""
        top, bottom = gap - _FAR, gap + 1 + _FAR

        def joined(run: int) -> list[int]:
            around = chain(self.above[run], *self.below[run].values())
            return [
                o
                for o in around
                if o != run and self.bottom[o] >= top and self.top[o] <= bottom and o not in self.still
            ]

        queue = sorted({other for run in moved for other in (run, *joined(run))})
        self.random.shuffle(queue)
        waiting = set(queue)
        total = 0
        for run in queue:  # it grows as we go
            waiting.discard(run)
            change = self._sift(run)
            total += change
            if change and len(queue) < _QUEUE:
                fresh = [other for other in joined(run) if other not in waiting]
                queue += fresh
                waiting.update(fresh)
        return total

    def _neighbours(self, run: int) -> list[int]:
        """List the runs that share a level with `run`."""
        found = self._beside.get(run)
        if found is None:
            levels = self.on_level[self.top[run] : self.bottom[run] + 1]
            found = sorted({other for level in levels for other in level} - {run})
            self._beside[run] = found
            self.steps += len(found)
        return found

    def _sift(self, run: int) -> int:
        """Put a run where it is best; tell how many crossings that adds, which is never more than 0."""
        place, swap = self.place, self._swap
        near = sorted(self._neighbours(run), key=place.__getitem__)
        here = place[run]
        middle = bisect_right(near, here, key=place.__getitem__)
        least, best = 0, -1
        # As `_pass` does, whose calls would add up here.
        change = 0
        for i in range(middle, len(near)):
            other = near[i]
            place[run] = place[other] - 0.5
            change += swap(run, other)
            if change < least:
                least, best = change, i
        change = 0
        for i in range(middle - 1, -1, -1):
            other = near[i]
            place[run] = place[other] + 0.5
            change += swap(other, run)
            if change < least:
                least, best = change, i
        place[run] = here
        if best >= 0:
            self._move(run, near[best], after=best >= middle)
        return least

    def _kick(self, run: int) -> int:
        """Put a run at a random place; tell how many crossings that adds."""
        place = self.place
        near = sorted(self._neighbours(run), key=place.__getitem__)
        here = place[run]
        middle = bisect_right(near, here, key=place.__getitem__)
        goal = self.random.randrange(len(near) + 1)
        way = range(middle, goal) if goal > middle else range(middle - 1, goal - 1, -1)
        change = sum(self._pass(run, near[i], rightwards=goal > middle) for i in way)
        place[run] = here
        if way:
            self._move(run, near[way[-1]], after=goal > middle)
        return change

    def _pass(self, run: int, other: int, *, rightwards: bool) -> int:
        """Count the crossings that arise when `run` moves past its neighbour `other`."""
        if rightwards:
            self.place[run] = self.place[other] - 0.5
            return self._swap(run, other)
        self.place[run] = self.place[other] + 0.5
        return self._swap(other, run)

    def _swap(self, left: int, right: int) -> int:
        """Count the crossings that arise when two neighbours change places, less those that vanish."""
        place, port, tops, bottoms = self.place, self._port, self.top, self.bottom
        left_top, right_top, left_bottom, right_bottom = tops[left], tops[right], bottoms[left], bottoms[right]
        top = left_top if left_top > right_top else right_top
        bottom = left_bottom if left_bottom < right_bottom else right_bottom
        lefts, rights = self.below[left], self.below[right]
        alone: tuple[Sequence[int], Sequence[int]] = (left,), (right,)
        upper = self.above[left] if left_top == top else alone[0], self.above[right] if right_top == top else alone[1]
        change = 0
        meetings: Sequence[tuple[Sequence[int], Sequence[int]]]
        if top == bottom:  # as most do
            meetings = (upper, (lefts.get(top, alone[0]), rights.get(top, alone[1])))
        else:
            levels = {t for ends in (lefts, rights) for t in ends if top <= t <= bottom}
            meetings = [upper, *((lefts.get(t, alone[0]), rights.get(t, alone[1])) for t in levels)]
            # Where both runs go on, these two pieces never cross, though they change places on both levels.
            change = -len(levels) + (bottom in levels)
        steps = 0
        for some, others in meetings:
            steps += 1 + len(some) * len(others)
            for a in some:
                here = place[a]
                for b in others:
                    there = place[b]
                    if here < there:
                        change += 1
                    elif here > there:
                        change -= 1
                    elif port and (left, a) in port:  # the same run, and one with ports
                        change += 1 if port[left, a] < port[right, a] else -1
        self.steps += steps
        return change

    def _move(self, run: int, other: int, *, after: bool) -> None:
        """Put `run` just before or after `other` in the order."""
        order, place = self.order, self.place
        start, goal = int(place[run]), int(place[other])
        del order[start]
        goal += after - (start < goal)
        order.insert(goal, run)
        for i in range(min(start, goal), max(start, goal) + 1):
            place[order[i]] = i
        self.steps += 1 + abs(start - goal) // 4

    def _start(self, rows: Sequence[Sequence[int]]) -> None:
        """Order runs by where their nodes are on their levels, on average."""
        share = [0.5] * len(self.run_of)
        for row in rows:
            for i, node in enumerate(row):
                share[node] = (i + 0.5) / len(row)
        mean = [sum(share[node] for node in nodes) / len(nodes) for nodes in self.runs]
        self.order = sorted(range(len(self.runs)), key=mean.__getitem__)
        for i, run in enumerate(self.order):
            self.place[run] = i

    def _crossed_gaps(self) -> list[int]:
        """List the gaps in which edges cross, by the level above; one with many crossings more often."""
        found = []
        for gap, ends in self._gaps():
            self.steps += len(ends)
            found += [gap] * min(4, inversions(ends))
        found += [self.top[item] - 1 for item in self.ports if self._at_ports(item)]
        return found

    def _count(self) -> int:
        """Count all crossings."""
        return sum(inversions(ends) for _, ends in self._gaps()) + sum(map(self._at_ports, self.ports))

    def _at_ports(self, item: int) -> int:
        """Count the crossings just before the ports of an item."""
        return inversions([self._port[run, item] for run in sorted(self.above[item], key=self.place.__getitem__)])

    def _gaps(self) -> Iterator[tuple[int, list[int]]]:
        """Yield the gaps between levels: level above, places of the lower ends of its edges from left to right."""
        for gap, (row, next_row) in enumerate(pairwise(self.rows())):
            if len(row) > 1 and len(next_row) > 1:
                at = {node: i for i, node in enumerate(next_row)}
                yield gap, [end for node in row for end in sorted(at[v] for v in self.graph.down[node])]
