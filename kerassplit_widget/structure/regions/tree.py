"""The region tree: how a graph is put together from pieces with one entry and one exit.

Three ways of putting pieces together are enough for every acyclic graph:

- **series**: calls one after the other, with regions in the gaps between them;
- **parallel**: several series between the same two calls. A direct skip is an *empty* series;
- **core**: what is neither: calls joined by edges that do not nest. Each edge of a core is again a
  series, usually an empty one.

A region lies *between* two calls, its ``entry`` and its ``exit``, which it does not contain. Calls
without predecessors get a common virtual entry (``SOURCE``), calls without successors a common
virtual exit (the number of calls ``n``), so that a graph is always one series from ``SOURCE`` to
``n``. A residual block ``0 -> 1 -> 2 -> 3`` with a skip ``0 -> 3`` reads

    series -1..4:  0, parallel 0..3, 3
        parallel 0..3:
            series 0..3:  1, 2
            series 0..3:  (empty: the skip)

Two regions never touch: in a series there is always a call between them. Hence the calls of the
outermost series are exactly the calls that lie on every path through the graph.

The tree is found by reduction. A vertex with one edge in and one edge out is replaced by one edge
(series), edges with the same two ends are merged (parallel), and every edge remembers what it
stands for. Convolutional networks usually shrink to a single edge. Where the reduction gets stuck,
the innermost pair ``(u, v)`` of which ``u`` dominates ``v`` and ``v`` post-dominates ``u`` is
contracted into a core and the reduction goes on. Contracting changes no dominance among the
vertices that stay, so the pairs are worked out only once.

References
----------
.. [1] J. Valdes, R. E. Tarjan, E. L. Lawler, "The recognition of series parallel digraphs",
   SIAM Journal on Computing 11(2), 1982.
.. [2] R. Johnson, D. Pearson, K. Pingali, "The program structure tree", PLDI 1994.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from kerassplit_widget.structure.regions.dominators import immediate_dominators

__all__ = ["SOURCE", "Kind", "Region", "region_tree"]

SOURCE = -1
"""The virtual entry before all calls. As a list index it is the last element, see `_Reduction`."""

Kind: TypeAlias = Literal["series", "parallel", "core"]


# eq=False: comparing or hashing by value would recurse over the depth of the model.
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Region:
    """A piece of the graph between two calls.

    Attributes
    ----------
    kind : {"series", "parallel", "core"}
        How the children are put together.
    entry, exit : int
        The calls just before and just after the region; ``SOURCE`` and ``n`` stand for "nothing".
    children : tuple of int and Region
        Calls (int) and regions, in a topological order.
        In a series, calls and the parallel or core regions between them; two neighbouring calls are
        joined by an edge. In a parallel region, series with the same entry and exit, by their first
        call, a direct skip last. In a core, its own calls and one series for each edge, which comes
        before the call it leads to.
    size : int
        Number of calls in the region, all levels together.
    """

    kind: Kind
    entry: int
    exit: int
    children: tuple[int | Region, ...]
    size: int

    @property
    def own_calls(self) -> tuple[int, ...]:
        """The calls that are direct children, in topological order."""
        return tuple([child for child in self.children if isinstance(child, int)])

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions that are direct children, in order."""
        return tuple([child for child in self.children if isinstance(child, Region)])

    def walk(self) -> Iterator[Region]:
        """Yield this region and all regions in it, a parent before its children."""
        stack = [self]
        while stack:
            region = stack.pop()
            yield region
            if region.children:
                stack.extend(reversed(region.regions))

    def calls(self) -> Iterator[int]:
        """Yield all calls in the region once, in a topological order."""
        stack: list[int | Region] = [self]
        while stack:
            item = stack.pop()
            if isinstance(item, int):
                yield item
            else:
                stack.extend(reversed(item.children))

    def __repr__(self) -> str:
        return f"<{self.kind} {self.entry}..{self.exit}, {self.size} calls>"


def region_tree(successors: Sequence[Sequence[int]]) -> Region:
    """Decompose an acyclic graph into nested regions.

    Parameters
    ----------
    successors : sequence of sequences of int
        ``successors[i]`` lists the distinct consumers of call ``i``, each greater than ``i``.

    Returns
    -------
    Region
        The outermost series, from ``SOURCE`` to ``len(successors)``.

    Raises
    ------
    ValueError
        If an edge does not lead from a smaller to a larger call.

    Notes
    -----
    Linear in calls and edges, plus one run of a dominator algorithm on what the series-parallel
    reduction leaves. Nothing recurses.

    Examples
    --------
    >>> tree = region_tree([[1, 3], [2], [3], []])
    >>> tree.own_calls
    (0, 3)
    >>> [child.own_calls for child in tree.regions[0].regions]
    [(1, 2), ()]
    """
    reduction = _Reduction(successors)
    reduction.reduce(range(len(successors) - 1, -1, -1))
    if not reduction.is_one_edge:
        reduction.contract_cores()
    return _freeze(reduction.out[SOURCE][reduction.sink], reduction.sink)


# What an edge of the graph under reduction stands for: nothing (None: a plain edge) or a rope.


class _Joined(NamedTuple):
    """Edge `left`, then `call`, then edge `right`."""

    left: _Rope
    call: int
    right: _Rope


class _Merged(NamedTuple):
    """Two edges with the same ends."""

    first: _Rope
    second: _Rope


class _Contracted(NamedTuple):
    """A core: its calls and its edges (from, to, what the edge stands for)."""

    calls: list[int]
    edges: list[tuple[int, int, _Rope]]


_Rope: TypeAlias = "_Joined | _Merged | _Contracted | None"


class _Reduction:
    """The graph under reduction.

    `out[u]` maps each successor of `u` to what the edge stands for, `into[v]` are the predecessors.
    Both lists have n + 2 entries: n is the virtual sink, and the virtual source, -1, is by Python's
    rule for negative indices the last one. A vertex that was reduced away has no edges any more.
    """

    def __init__(self, successors: Sequence[Sequence[int]]) -> None:
        n = self.sink = len(successors)
        self.out: list[dict[int, _Rope]] = [dict.fromkeys(targets) for targets in successors]
        self.out += [{}, {}]
        self.into: list[set[int]] = [set() for _ in range(n + 2)]
        for u, targets in enumerate(successors):
            for v in targets or (n,):
                if not u < v <= n:
                    raise ValueError(f"edge {u} -> {v}: every call must come before its consumers")
                self.into[v].add(u)
            if not targets:
                self.out[u][n] = None
        for v in range(n):
            if not self.into[v]:
                self.out[SOURCE][v] = None
                self.into[v].add(SOURCE)
        if not n:
            self.out[SOURCE][n] = None

    @property
    def is_one_edge(self) -> bool:
        return self.out[SOURCE].keys() == {self.sink}

    def reduce(self, vertices: Iterable[int]) -> None:
        """Join series and merge parallel edges, starting from `vertices`, until nothing is left."""
        out, into = self.out, self.into
        work = list(vertices)
        while work:
            w = work.pop()
            if len(out[w]) != 1 or len(into[w]) != 1:
                continue
            ((v, right),) = out[w].items()
            (u,) = into[w]
            out[w], into[w] = {}, set()
            rope = _Joined(out[u].pop(w), w, right)
            into[v].discard(w)
            if v in out[u]:
                out[u][v] = _Merged(out[u][v], rope)
                work += (u, v)  # their degrees have shrunk
            else:
                out[u][v] = rope
                into[v].add(u)

    def contract_cores(self) -> None:
        """Contract every irreducible piece, inner ones first, until one edge is left."""
        for u, v in self._mutually_dominating():
            # Where the reduction has made a single edge of the pair by now, it may have joined that
            # edge with the next: then v is gone, and a walk from u would run past it.
            inner = self._between(u, v) if self.into[v] else []
            if not inner:
                continue
            edges = [(a, b, rope) for a in (u, *inner) for b, rope in self.out[a].items()]
            for w in inner:
                self.out[w], self.into[w] = {}, set()
            self.out[u] = {v: _Contracted(inner, edges)}
            self.into[v] = {u}
            self.reduce((u, v))

    def _mutually_dominating(self) -> list[tuple[int, int]]:
        """Pairs in which u immediately dominates v and v immediately post-dominates u.

        They nest or lie apart, and an inner pair spans fewer numbers than one around it.
        """
        left = [SOURCE, *(w for w in range(self.sink) if self.out[w]), self.sink]
        place = {w: i for i, w in enumerate(left)}
        last = len(left) - 1
        before = [[place[u] for u in self.into[w]] for w in left]
        after = [[last - place[v] for v in self.out[w]] for w in reversed(left)]
        dominator = immediate_dominators(before)
        post_dominator = [last - i for i in reversed(immediate_dominators(after))]
        pairs = [
            (left[i], left[j])
            for i, j in enumerate(post_dominator[:-1])  # the sink itself has none
            if dominator[j] == i
        ]
        return sorted(pairs, key=lambda pair: (pair[1] - pair[0], pair))

    def _between(self, u: int, v: int) -> list[int]:
        """List the vertices between u and v, its post-dominator, both left out; ascending."""
        seen = {v}
        stack = [u]
        while stack:
            fresh = [b for b in self.out[stack.pop()] if b not in seen]
            seen.update(fresh)
            stack += fresh
        seen.discard(v)
        return sorted(seen)


@dataclass(slots=True)
class _Draft:
    """A region whose children are not built yet."""

    kind: Kind
    entry: int
    exit: int
    children: list[int | _Draft | Region] = field(default_factory=list)  # a region here is a plain edge
    first: int = -1
    built: Region | None = None


def _freeze(rope: _Rope, sink: int) -> Region:
    """Unroll the ropes into drafts, parents first, then build the regions, children first."""
    root = _Draft("series", SOURCE, sink)
    drafts = []
    work: list[tuple[_Draft, _Rope]] = [(root, rope)]
    while work:
        draft, rope = work.pop()
        drafts.append(draft)
        if draft.kind == "series":
            work += _unroll_series(draft, rope)
        elif isinstance(rope, _Merged):
            work += _unroll_parallel(draft, rope)
        elif isinstance(rope, _Contracted):
            work += _unroll_core(draft, rope)
    for draft in reversed(drafts):
        _build(draft)
    assert root.built is not None
    return root.built


def _unroll_series(draft: _Draft, rope: _Rope) -> Iterator[tuple[_Draft, _Rope]]:
    """Fill a series from left to right; a merged or contracted edge becomes a child."""
    previous = draft.entry
    waiting: tuple[_Draft, _Rope] | None = None  # a child whose exit is not known yet
    stack: list[int | _Rope] = [rope]
    while stack:
        item = stack.pop()
        if isinstance(item, int):
            draft.children.append(item)
            previous = item
            if waiting is not None:
                waiting[0].exit = item
                yield waiting
                waiting = None
        elif isinstance(item, _Joined):
            stack += (item.right, item.call, item.left)
        elif item is not None:
            kind: Kind = "parallel" if isinstance(item, _Merged) else "core"
            waiting = (_Draft(kind, previous, draft.exit), item)
            draft.children.append(waiting[0])
    if waiting is not None:
        yield waiting


def _unroll_parallel(draft: _Draft, rope: _Merged) -> Iterator[tuple[_Draft, _Rope]]:
    stack: list[_Rope] = [rope]
    while stack:
        item = stack.pop()
        if isinstance(item, _Merged):
            stack += (item.second, item.first)
        else:
            branch = _Draft("series", draft.entry, draft.exit)
            draft.children.append(branch)
            yield branch, item


def _unroll_core(draft: _Draft, rope: _Contracted) -> Iterator[tuple[_Draft, _Rope]]:
    draft.children += rope.calls
    for a, b, edge in rope.edges:
        if edge is None:
            draft.children.append(Region("series", a, b, (), 0))
        else:
            child = _Draft("series", a, b)
            draft.children.append(child)
            yield child, edge


def _build(draft: _Draft) -> None:
    """Build the region of a draft whose children are built; sort them topologically."""
    children = draft.children
    if draft.kind == "parallel":
        children.sort(key=_first_call)
    elif draft.kind == "core":
        children.sort(key=_place_in_core)
    draft.first = min(map(_first_call, children), default=draft.exit)
    built: list[int | Region] = []
    size = 0
    for child in children:
        if isinstance(child, _Draft):
            assert child.built is not None
            built.append(child.built)
            size += child.built.size
        else:
            built.append(child)
            size += isinstance(child, int)
    draft.built = Region(draft.kind, draft.entry, draft.exit, tuple(built), size)


def _first_call(child: int | _Draft | Region) -> int:
    if isinstance(child, int):
        return child
    return child.first if isinstance(child, _Draft) else child.exit


def _place_in_core(child: int | _Draft | Region) -> tuple[int, bool, int]:
    """Order the edges of a core by the call they lead to, and the call after them."""
    return (child, True, 0) if isinstance(child, int) else (child.exit, False, child.entry)
