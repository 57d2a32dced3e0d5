"""What `cut_at` and `nearest_candidates` say of every call of a graph, in one sweep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kerassplit_widget.errors import CutError
from kerassplit_widget.structure.closure import Settled, completed
from kerassplit_widget.structure.cuts import Cut, cut_at, cut_candidates, known_cut
from kerassplit_widget.structure.graph import LayerGraph

__all__ = ["Place", "survey"]

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Place:
    """A call as a place to cut after.

    Attributes
    ----------
    cut : Cut or None
        None where no cut is possible.
    refusal : str
        Why none is.
    nearest : tuple of (Cut or None)
        The last candidate among the ancestors, and the first among the descendants.
    """

    cut: Cut | None
    refusal: str
    nearest: tuple[Cut | None, Cut | None]


def survey(graph: LayerGraph) -> Iterator[Place]:
    """Tell of each call what a cut after it would be, and where the nearest candidates are.

    Parameters
    ----------
    graph : LayerGraph
        With n calls.

    Yields
    ------
    Place
        For each call, in the order of the graph: what `cut_at` and `nearest_candidates` find, call by call.

    Notes
    -----
    Takes n²/8 bytes for who is computed from whom. Flow problems that neighbouring calls have in common are solved
    once: a third of them in NASNetLarge, of less than half the size.

    Examples
    --------
    >>> from kerassplit_widget.structure.graph import Call, Tensor
    >>> calls = tuple(
    ...     Call(f"c{i}", "Dense", f"c{i}", (f"c{i - 1}",) * bool(i), (Tensor(f"c{i}", f"c{i}", 0, (1,), "bool"),),
    ...          is_input=not i)
    ...     for i in range(4))
    >>> for place in survey(LayerGraph("chain", calls, ("c0",), ("c3",))):
    ...     print(place.cut and place.cut.tensors, [cut and cut.points[0] for cut in place.nearest])
    None [None, 'c1']
    ('c1',) [None, 'c2']
    ('c2',) ['c1', None]
    None ['c2', None]
    """
    kin = _Kin(graph)
    tensors = _Tensors(graph)
    candidates = {graph.number[cut.points[0]]: cut for cut in cut_candidates(graph)}
    before, after = _nearest(graph, candidates)
    settled: Settled = {}
    for number, (name, call) in enumerate(zip(graph.names, graph.calls, strict=True)):
        near = (candidates.get(before[number]), candidates.get(after[number]))
        if call.is_input or not graph.successors[number]:  # the rare places where a cut may be refused
            try:
                yield Place(cut_at(graph, name), "", near)
            except CutError as error:
                yield Place(None, str(error), near)
            continue
        head = kin.head(number)
        free = np.flatnonzero(~(head | kin.tail(number))).tolist()
        if free:
            head[list(completed(graph, set(np.flatnonzero(head).tolist()), free, settled))] = True
        crossing = tensors.crossing(head)
        # What is read of the call itself crosses in any case, so a single tensor is its own.
        alone = len(crossing) == 1 and number in candidates
        inside = frozenset(np.flatnonzero(head).tolist())
        cut = known_cut(graph, (name,), head=inside, tensors=crossing, is_candidate=alone)
        yield Place(cut, "", near)


def _nearest(graph: LayerGraph, candidates: dict[int, Cut]) -> tuple[list[int], list[int]]:
    """Find for each call the last candidate above and the first below; -1 and n where there is none.

    All candidates above a call come before it in each other's order, so the last is the largest; and so below.
    """
    n = len(graph)
    before, after = [-1] * n, [n] * n
    for number in range(n):
        for above in graph.predecessors[number]:
            before[number] = max(before[number], before[above], above if above in candidates else -1)
    for number in reversed(range(n)):
        for below in graph.successors[number]:
            after[number] = min(after[number], after[below], below if below in candidates else n)
    return before, after


class _Kin:
    """Who is computed from whom: a bit for each pair of calls."""

    def __init__(self, graph: LayerGraph) -> None:
        self.n = len(graph)
        self._bits = np.zeros((self.n, (self.n + 7) // 8), dtype=np.uint8)
        for number, above in enumerate(graph.predecessors):
            row = self._bits[number]
            for each in above:
                row |= self._bits[each]
            row[number >> 3] |= 0x80 >> (number & 7)

    def head(self, number: int) -> Bools:
        """Mark a call and its ancestors."""
        return np.unpackbits(self._bits[number], count=self.n).astype(bool)

    def tail(self, number: int) -> Bools:
        """Mark a call and its descendants."""
        found: Bools = (self._bits[:, number >> 3] & (0x80 >> (number & 7))) != 0
        return found


class _Tensors:
    """The tensors that are computed and read."""

    def __init__(self, graph: LayerGraph) -> None:
        made = [
            (tensor.name, number, graph.consumers[tensor.name])
            for number, call in enumerate(graph.calls)
            for tensor in call.outputs
            if not call.is_input and graph.consumers[tensor.name]
        ]
        self._names: Sequence[str] = [name for name, _, _ in made]
        self._makers = np.array([maker for _, maker, _ in made], dtype=np.intp)
        self._readers = np.array([reader for _, _, readers in made for reader in readers], dtype=np.intp)
        self._starts = np.cumsum([0, *(len(readers) for _, _, readers in made)], dtype=np.intp)[:-1]

    def crossing(self, head: Bools) -> tuple[str, ...]:
        """Name the tensors that are made in a head and read outside of it."""
        if not len(self._makers):
            return ()
        kept = np.logical_and.reduceat(head[self._readers], self._starts)
        return tuple(self._names[i] for i in np.flatnonzero(head[self._makers] & ~kept).tolist())
