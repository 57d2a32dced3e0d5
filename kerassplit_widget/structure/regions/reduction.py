"""The reduction of a graph to a single edge, which remembers how: the way to the region tree.

A vertex with one edge in and one edge out is replaced by one edge (series), edges with the same two ends are merged
(parallel), and every edge remembers what it stands for. Convolutional networks usually shrink to a single edge. Where
the reduction gets stuck, the innermost pair ``(u, v)`` of which ``u`` dominates ``v`` and ``v`` post-dominates ``u`` is
contracted into a core and the reduction goes on. Contracting changes no dominance among the vertices that stay, so the
pairs are worked out only once.

References
----------
.. [1] J. Valdes, R. E. Tarjan, E. L. Lawler, "The recognition of series parallel digraphs",
   SIAM Journal on Computing 11(2), 1982.
.. [2] R. Johnson, D. Pearson, K. Pingali, "The program structure tree", PLDI 1994.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from kerassplit_widget.structure.regions.dominators import SOURCE, immediate_dominators

__all__ = ["Contracted", "Joined", "Merged", "Reduction", "Rope"]

# What an edge of the graph under reduction stands for: nothing (None: a plain edge) or a rope.


class Joined(NamedTuple):
    """Edge `left`, then `call`, then edge `right`."""

    left: Rope
    call: int
    right: Rope


class Merged(NamedTuple):
    """Two edges with the same ends."""

    first: Rope
    second: Rope


class Contracted(NamedTuple):
    """A core: its calls, and for each of its edges from where to where it leads and what it stands for."""

    calls: list[int]
    sources: list[int]
    targets: list[int]
    ropes: list[Rope]


Rope: TypeAlias = "Joined | Merged | Contracted | None"


class Reduction:
    """A graph reduced to one edge, from a virtual source to a virtual sink.

    Parameters
    ----------
    successors : sequence of sequences of int
        ``successors[i]`` lists the distinct consumers of call ``i``, each greater than ``i``.

    Attributes
    ----------
    sink : int
        The number of calls.
    left : int
        How many calls are left after joining and merging, those of cores for the most part; 0 if there are no cores.

    Raises
    ------
    ValueError
        If an edge does not lead from a smaller to a larger call.

    Notes
    -----
    Linear in calls and edges, plus one run of a dominator algorithm on what the series-parallel reduction leaves.
    Of the neighbours of a vertex only their number and the sum of their numbers is kept, which tells the only one when
    it comes to that: hundreds of thousands of sets would keep the garbage collector busy. The source, -1, is by
    Python's rule for negative indices the last of a list.

    Examples
    --------
    >>> Reduction([[1, 3], [2], [3], [4], []]).left
    0
    >>> reduction = Reduction([[1, 2], [2, 3], [3], []])
    >>> reduction.left, reduction.take().right.left.sources
    (4, [0, 0, 1, 1, 2])
    """

    def __init__(self, successors: Sequence[Sequence[int]]) -> None:
        n = self.sink = len(successors)
        self._base = n + 2  # the edge from u to v is number u * base + v
        self._ropes: dict[int, Rope] = {}
        self._outs, self._out_sum = [0] * (n + 2), [0] * (n + 2)
        self._ins, self._in_sum = [0] * (n + 2), [0] * (n + 2)
        self._below: dict[int, list[int]] = {}  # neighbours of what is left after the first run, former ones too
        for u, targets in enumerate(successors):
            for v in targets or (n,):
                if not u < v <= n:
                    raise ValueError(f"edge {u} -> {v}: every call must come before its consumers")
                self._ropes[u * self._base + v] = None
                self._ins[v] += 1
                self._in_sum[v] += u
            self._outs[u], self._out_sum[u] = (len(targets), sum(targets)) if targets else (1, n)
        for v in range(n):
            if not self._ins[v]:
                self._add(SOURCE, v, None)
        if not n:
            self._add(SOURCE, n, None)
        self._reduce(range(n - 1, -1, -1))
        self.left = n - self._outs.count(0) + 1  # the sink has no edges out of it

    def take(self) -> Rope:
        """Hand over what the whole graph is. It is not kept: so it can be freed while it is unrolled."""
        if len(self._ropes) > 1:
            self._contract_cores()
        return self._ropes.pop(SOURCE * self._base + self.sink)

    def _add(self, u: int, v: int, rope: Rope) -> None:
        self._ropes[u * self._base + v] = rope
        self._outs[u] += 1
        self._out_sum[u] += v
        self._ins[v] += 1
        self._in_sum[v] += u

    def _reduce(self, vertices: Iterable[int]) -> None:
        """Join series and merge parallel edges, starting from `vertices`, until nothing is left."""
        base, ropes, below = self._base, self._ropes, self._below
        outs, out_sum, ins, in_sum = self._outs, self._out_sum, self._ins, self._in_sum
        work = list(vertices)
        while work:
            w = work.pop()
            if outs[w] != 1 or ins[w] != 1:
                continue
            u, v = in_sum[w], out_sum[w]
            outs[w] = ins[w] = 0
            rope = Joined(ropes.pop(u * base + w), w, ropes.pop(w * base + v))
            edge = u * base + v
            out_sum[u] -= w
            in_sum[v] -= w
            if edge in ropes:
                ropes[edge] = Merged(ropes[edge], rope)
                outs[u] -= 1
                ins[v] -= 1
                work += (u, v)  # their degrees have shrunk
            else:
                ropes[edge] = rope
                out_sum[u] += v
                in_sum[v] += u
                if below:
                    below[u].append(v)

    def _contract_cores(self) -> None:
        """Contract every irreducible piece, inner ones first, until one edge is left."""
        base, ropes = self._base, self._ropes
        for edge in ropes:
            u, v = divmod(edge, base)
            self._below.setdefault(u, []).append(v)
        for u, v in self._mutually_dominating():
            # Where the reduction has made a single edge of the pair by now, it may have joined that
            # edge with the next: then v is gone, and a walk from u would run past it.
            readers = self._between(u, v) if self._ins[v] else {}
            if len(readers) < 2:
                continue
            inner = sorted(readers)[1:]
            core = Contracted(inner, [], [], [])
            for a in (u, *inner):
                read_by, first = readers[a], a * base
                core.sources.extend([a] * len(read_by))
                core.targets.extend(read_by)
                core.ropes.extend([ropes.pop(first + b) for b in read_by])
                self._outs[a] = self._out_sum[a] = 0
            for b in inner:
                self._ins[b] = self._in_sum[b] = 0
            into_v = [a for a, b in zip(core.sources, core.targets, strict=True) if b == v]
            self._ins[v] -= len(into_v)
            self._in_sum[v] -= sum(into_v)
            self._add(u, v, core)
            self._below[u] = [v]
            self._reduce((u, v))

    def _readers(self, u: int) -> list[int]:
        """List the vertices to which an edge leads now."""
        first, ropes = u * self._base, self._ropes
        return [v for v in self._below[u] if first + v in ropes]

    def _mutually_dominating(self) -> list[tuple[int, int]]:
        """Pairs in which u immediately dominates v and v immediately post-dominates u.

        They nest or lie apart, and an inner pair spans fewer numbers than one around it.
        """
        left = [*sorted(self._below), self.sink]
        place = {w: i for i, w in enumerate(left)}
        last = len(left) - 1
        before: list[list[int]] = [[] for _ in left]
        after: list[list[int]] = [[] for _ in left]
        for i, u in enumerate(left[:-1]):
            for v in self._below[u]:
                before[place[v]].append(i)
                after[last - i].append(last - place[v])
        dominator = immediate_dominators(before)
        post_dominator = [last - i for i in reversed(immediate_dominators(after))]
        pairs = [
            (left[i], left[j])
            for i, j in enumerate(post_dominator[:-1])  # the sink itself has none
            if dominator[j] == i
        ]
        return sorted(pairs, key=lambda pair: pair[1] - pair[0])

    def _between(self, u: int, v: int) -> dict[int, list[int]]:
        """Find u and the vertices between it and v, its post-dominator, which is left out, each with its readers."""
        found: dict[int, list[int]] = {}
        seen = {u, v}
        stack = [u]
        while stack:
            a = stack.pop()
            readers = found[a] = self._readers(a)
            for b in readers:
                if b not in seen:
                    seen.add(b)
                    stack.append(b)
        return found
