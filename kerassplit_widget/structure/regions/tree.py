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

The tree is read off what `reduction` leaves: a single edge that remembers what it stands for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from kerassplit_widget.structure.regions.dominators import SOURCE
from kerassplit_widget.structure.regions.reduction import Contracted, Joined, Merged, Reduction, Rope

__all__ = ["SOURCE", "Kind", "Region", "grown", "region_tree"]

Kind: TypeAlias = Literal["series", "parallel", "core"]

_LARGE = 1 << 31  # more than twice the calls of a graph


# eq=False: comparing or hashing by value would recurse over the depth of the model. Not frozen: there is one for each
# edge of a core, and to make a frozen one takes three times as long.
@dataclass(slots=True, eq=False, repr=False)
class Region:
    """A piece of the graph between two calls. Do not change it.

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
    return grown(Reduction(successors))


def grown(reduction: Reduction) -> Region:
    """Read the region tree off a reduced graph, which is used up."""
    return _freeze(reduction.take(), reduction.sink)


@dataclass(slots=True)
class _Draft:
    """A region whose children are not built yet."""

    kind: Kind
    entry: int
    exit: int
    children: list[int | _Draft | Region] = field(default_factory=list)  # a region here is a plain edge
    first: int = -1
    built: Region | None = None


def _freeze(rope: Rope, sink: int) -> Region:
    """Unroll the ropes into drafts, parents first, then build the regions, children first."""
    root = _Draft("series", SOURCE, sink)
    drafts = []
    work: list[tuple[_Draft, Rope]] = [(root, rope)]
    while work:
        draft, rope = work.pop()
        drafts.append(draft)
        if draft.kind == "series":
            work += _unroll_series(draft, rope)
        elif isinstance(rope, Merged):
            work += _unroll_parallel(draft, rope)
        elif isinstance(rope, Contracted):
            work += _unroll_core(draft, rope)
    for draft in reversed(drafts):
        _build(draft)
    assert root.built is not None
    return root.built


def _unroll_series(draft: _Draft, rope: Rope) -> Iterator[tuple[_Draft, Rope]]:
    """Fill a series from left to right; a merged or contracted edge becomes a child."""
    previous = draft.entry
    waiting: tuple[_Draft, Rope] | None = None  # a child whose exit is not known yet
    stack: list[int | Rope] = [rope]
    while stack:
        item = stack.pop()
        if isinstance(item, int):
            draft.children.append(item)
            previous = item
            if waiting is not None:
                waiting[0].exit = item
                yield waiting
                waiting = None
        elif isinstance(item, Joined):
            stack += (item.right, item.call, item.left)
        elif item is not None:
            kind: Kind = "parallel" if isinstance(item, Merged) else "core"
            waiting = (_Draft(kind, previous, draft.exit), item)
            draft.children.append(waiting[0])
    if waiting is not None:
        yield waiting


def _unroll_parallel(draft: _Draft, rope: Merged) -> Iterator[tuple[_Draft, Rope]]:
    stack: list[Rope] = [rope]
    while stack:
        item = stack.pop()
        if isinstance(item, Merged):
            stack += (item.second, item.first)
        else:
            branch = _Draft("series", draft.entry, draft.exit)
            draft.children.append(branch)
            yield branch, item


def _unroll_core(draft: _Draft, rope: Contracted) -> Iterator[tuple[_Draft, Rope]]:
    """Fill a core: each call after the edges to it, which come by the calls they come from."""
    # Numbers and not pairs: there are many, and the garbage collector would look at each.
    keys = [b * _LARGE + a for a, b in zip(rope.sources, rope.targets, strict=True)]
    calls = iter(rope.calls)
    call = next(calls)
    for i in sorted(range(len(keys)), key=keys.__getitem__):
        a, b, edge = rope.sources[i], rope.targets[i], rope.ropes[i]
        while call < b:
            draft.children.append(call)
            call = next(calls, _LARGE)
        if edge is None:
            draft.children.append(Region("series", a, b, (), 0))
        else:
            child = _Draft("series", a, b)
            draft.children.append(child)
            yield child, edge


def _build(draft: _Draft) -> None:
    """Build the region of a draft whose children are built; sort those of a parallel one topologically."""
    children = draft.children
    if draft.kind == "parallel":
        children.sort(key=_first_call)
    built: list[int | Region] = []
    size = 0
    first = draft.exit
    for child in children:
        if isinstance(child, int):
            built.append(child)
            size += 1
            if child < first:
                first = child
        elif isinstance(child, _Draft):
            assert child.built is not None
            built.append(child.built)
            size += child.built.size
            if child.first < first:
                first = child.first
        else:
            built.append(child)
    draft.first = first
    draft.built = Region(draft.kind, draft.entry, draft.exit, tuple(built), size)


def _first_call(child: int | _Draft | Region) -> int:
    if isinstance(child, int):
        return child
    return child.first if isinstance(child, _Draft) else child.exit
