"""Levels of a core: which items stand side by side.

A tall item takes several *rows*, and rows are what is assigned. Rows on which nothing begins are of
no use and left out at the end, so an item lies on its level and perhaps on some of those below.

No assignment is best for every graph, so there are several: as early as the inputs allow, pulled
down where that costs nothing, and two that make the lines as short as possible in total.

References
----------
.. [1] E. R. Gansner, E. Koutsofios, S. C. North, K.-P. Vo, "A technique for drawing directed
   graphs", IEEE Trans. Software Engineering 19(3), 1993 (network simplex).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence

__all__ = ["levelings"]

Arc = tuple[int, int, int, int]  # from, to, least length, weight


def levelings(
    successors: Sequence[Sequence[int]],
    drawn: Sequence[Sequence[int]],
    rows: Sequence[int],
    steps: int,
    pinned: Collection[int] = (),
) -> Iterator[tuple[list[int], list[int]]]:
    """Assign levels to the items of a core in several ways, without repeating one.

    Parameters
    ----------
    successors : sequence of sequences of int
        Edges between items; item 0 reaches all others and all reach the last one.
    drawn : sequence of sequences of int
        Those edges that are drawn, which edges at an open end are not.
    rows : sequence of int
        How many rows each item takes, at least 1.
    steps : int
        What one way may cost; the cheap ones come first.
    pinned : collection of int
        Items that only item 0 leads to, and that stand on the first level, alone.

    Yields
    ------
    first : list of int
        The first level of each item; item 0 is alone on level 0, and the last item on the last.
    last : list of int
        The last level of each item, above all its readers.
    """
    early = _early(successors, rows)
    found: list[list[int]] = []
    for costs in (1, 0, -1):
        found.append(_pulled_down(early, successors, drawn, rows, costs=costs))
        if found[-1] not in found[:-1]:
            yield _compressed(_pinned(found[-1], pinned), rows)
    for together in (True, False):
        shortest = _shortest(early, successors, drawn, rows, steps, together=together)
        if shortest is not None and shortest not in found:
            found.append(shortest)
            yield _compressed(_pinned(shortest, pinned), rows)


def _pinned(row: list[int], pinned: Collection[int]) -> list[int]:
    """Put some items on a row of their own, just below item 0."""
    if not pinned:
        return row
    return [1 if i in pinned else value + (i > 0) for i, value in enumerate(row)]


def _compressed(row: Sequence[int], rows: Sequence[int]) -> tuple[list[int], list[int]]:
    """Leave out rows on which nothing begins; find the first and last level of each item."""
    starts = sorted(set(row))
    number = {start: i for i, start in enumerate(starts)}
    last = [bisect_left(starts, start + tall) - 1 for start, tall in zip(row, rows, strict=True)]
    return [number[start] for start in row], last


def _early(successors: Sequence[Sequence[int]], rows: Sequence[int]) -> list[int]:
    """Find the longest path from item 0 to each item."""
    row = [0] * len(successors)
    for u, targets in enumerate(successors):
        below = row[u] + rows[u]
        for v in targets:
            row[v] = max(row[v], below)
    return row


def _pulled_down(
    early: Sequence[int],
    successors: Sequence[Sequence[int]],
    drawn: Sequence[Sequence[int]],
    rows: Sequence[int],
    *,
    costs: int,
) -> list[int]:
    """Move items down to their readers if at most `costs` of the trunks that lead to them get longer.

    With -1, only items that nothing leads to are moved.
    """
    level = list(early)
    items = len(level)
    inputs: list[list[int]] = [[] for _ in range(items)]
    for u, targets in enumerate(drawn):
        for v in targets:
            inputs[v].append(u)
    for v in range(items - 2, 0, -1):
        lowest = min(level[w] for w in successors[v]) - rows[v]
        if lowest == level[v] or not drawn[v]:
            continue
        # Moving down shortens one trunk, the item's own, and lengthens those of its inputs that do
        # not reach as far down anyway.
        longer = sum(max((level[w] for w in drawn[u] if w != v), default=0) < lowest for u in inputs[v])
        if longer <= costs or not inputs[v]:
            level[v] = lowest
    return level


def _shortest(
    early: Sequence[int],
    successors: Sequence[Sequence[int]],
    drawn: Sequence[Sequence[int]],
    rows: Sequence[int],
    steps: int,
    *,
    together: bool,
) -> list[int] | None:
    """Make the lines as short as possible, counting what one producer's edges share once or for each."""
    arcs = [
        (u, v, rows[u], 0 if together else int(v in drawn[u])) for u, targets in enumerate(successors) for v in targets
    ]
    level = list(early)
    if together:
        for u, targets in enumerate(drawn):
            if targets:  # a vertex at the end of u's trunk
                arcs.append((u, len(level), rows[u], 1))
                arcs += [(v, len(level), 0, 0) for v in targets]
                level.append(max(level[v] for v in targets))
    simplex = _Simplex(level, arcs)
    if not simplex.run(steps):
        return None
    items = len(successors)
    # Where nothing pulls at an end, it may have been left in the middle.
    level = simplex.level[:items]
    level[0] = min(level[1:-1], default=1) - 1
    level[-1] = max((row + tall for row, tall in zip(level[1:-1], rows[1:-1], strict=True)), default=1)
    return [value - level[0] for value in level]


class _Simplex:
    """Minimise the sum of weight * length over all arcs, given their least lengths.

    A spanning tree of *tight* arcs, which have their least length, determines all levels. An arc of
    the tree whose lengthening would shorten the whole is exchanged for the first other arc that
    becomes tight on the way. How much an arc shortens the whole is a sum over the subtree below it.
    """

    def __init__(self, level: list[int], arcs: list[Arc]) -> None:
        self.level, self.arcs = level, arcs
        self.touching: list[list[int]] = [[] for _ in level]
        self.pull = [0] * len(level)  # weight of arcs out of a vertex, less that of arcs into it
        for i, (u, v, _, weight) in enumerate(arcs):
            self.touching[u].append(i)
            self.touching[v].append(i)
            self.pull[u] += weight
            self.pull[v] -= weight
        self.tree: list[set[int]] = [set() for _ in level]

    def run(self, steps: int) -> bool:
        """Find the optimum; tell whether that was possible within so many steps."""
        seen: set[int] = set()
        self._grow(seen, 0)
        while len(seen) < len(self.level):
            steps -= len(self.arcs)
            if steps < 0:
                return False
            slack, i = self._least_slack(seen, inwards=None)
            u, v, *_ = self.arcs[i]
            shift = slack if u in seen else -slack
            for x in seen:
                self.level[x] += shift
            self._grow(seen, u if u in seen else v)
        while steps > 0:
            steps -= len(self.arcs)
            leaving = self._leaving()
            if leaving is None:
                return True
            self._exchange(*leaving)
        return False

    def _slack(self, i: int) -> int:
        u, v, least, _ = self.arcs[i]
        return self.level[v] - self.level[u] - least

    def _grow(self, seen: set[int], start: int) -> None:
        """Let the tree reach from `start` along tight arcs whatever it can."""
        seen.add(start)
        stack = [start]
        while stack:
            x = stack.pop()
            for i in self.touching[x]:
                u, v, *_ = self.arcs[i]
                y = v if x == u else u
                if y not in seen and self._slack(i) == 0:
                    seen.add(y)
                    stack.append(y)
                    self.tree[u].add(i)
                    self.tree[v].add(i)

    def _least_slack(self, side: set[int], *, inwards: bool | None) -> tuple[int, int]:
        """Find the arc of least slack that leads into `side`, or out of it, or either (None)."""
        return min(
            (self._slack(i), i)
            for i, (u, v, *_) in enumerate(self.arcs)
            if (u in side) != (v in side) and inwards in (None, v in side)
        )

    def _leaving(self) -> tuple[int, set[int]] | None:
        """Find the tree arc that is best lengthened, and the vertices on its far side from vertex 0."""
        parent, order = self._walk()
        total = list(self.pull)
        best, lowest = None, 0
        for x in reversed(order[1:]):
            above, i = parent[x]
            total[above] += total[x]
            value = total[x] if self.arcs[i][0] == x else -total[x]
            if value < lowest:
                best, lowest = x, value
        if best is None:
            return None
        side = {best}
        for x in order:
            if x not in side and parent[x][0] in side:
                side.add(x)
        return parent[best][1], side

    def _walk(self) -> tuple[dict[int, tuple[int, int]], list[int]]:
        """Walk the tree from vertex 0: for each vertex the one before and the arc there, and the order."""
        parent = {0: (-1, -1)}
        order = [0]
        for x in order:
            for i in self.tree[x]:
                u, v, *_ = self.arcs[i]
                y = v if x == u else u
                if y not in parent:
                    parent[y] = (x, i)
                    order.append(y)
        return parent, order

    def _exchange(self, leaving: int, side: set[int]) -> None:
        """Lengthen an arc at which `side` hangs until another becomes tight."""
        u, v, *_ = self.arcs[leaving]
        slack, entering = self._least_slack(side, inwards=u in side)
        shift = -slack if u in side else slack
        for x in side:
            self.level[x] += shift
        for ends, change in ((leaving, set.discard), (entering, set.add)):
            u, v, *_ = self.arcs[ends]
            change(self.tree[u], ends)
            change(self.tree[v], ends)
