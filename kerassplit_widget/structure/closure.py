"""The head that points ask for, with every other call on the side where the fewest bytes cross."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from networkx.utils import UnionFind

from kerassplit_widget.structure.flow import Network
from kerassplit_widget.structure.graph import LayerGraph, Tensor, mask_name

__all__ = ["UNKNOWN_DIM", "Settled", "closure", "comparable_bytes", "completed"]

UNKNOWN_DIM = 128
"""What an unknown dimension (a sequence length, an image side) counts as when crossing bytes are compared."""

Made: TypeAlias = tuple[str, int, tuple[int, ...]]
"""What a call makes: a tensor or its mask by name, its bytes, and the calls that read it."""

Settled: TypeAlias = dict[tuple[frozenset[int], frozenset[str]], frozenset[int]]
"""Which calls of a piece go to the head, by the piece and what is read of the head there and not behind the cut."""


def comparable_bytes(tensor: Tensor) -> int:
    """Count the bytes of a tensor for comparing cuts; unknown dimensions are `UNKNOWN_DIM`, and nothing is free."""
    return max(1, _filled(tensor, tensor.shape).nbytes() or 0)


def _filled(tensor: Tensor, shape: tuple[int | None, ...]) -> Tensor:
    """Fill in unknown dimensions of a tensor, for the shape that it or its mask has."""
    if shape is tensor.shape and tensor.rows is not None and None not in shape[1:]:
        return tensor
    known = tuple(UNKNOWN_DIM if dim is None else dim for dim in shape[1:])
    rows = UNKNOWN_DIM if tensor.rows is None else tensor.rows
    return replace(tensor, shape=(*shape[:1], *known), rows=rows)


def closure(graph: LayerGraph, points: Sequence[int]) -> frozenset[int]:
    """Find the smallest head of fewest crossing bytes that has the points and not their other descendants."""
    head = {*points, *graph.reachable(points, backwards=True)}
    tail = graph.reachable(points) - head
    free = [n for n in range(len(graph)) if n not in head and n not in tail]
    return frozenset(head | completed(graph, head, free, {}))


def completed(graph: LayerGraph, head: Collection[int], free: Sequence[int], settled: Settled) -> set[int]:
    """Choose which free calls go to the head.

    Parameters
    ----------
    graph : LayerGraph
    head : collection of int
        Numbers of the calls that are before the cut in any case.
    free : sequence of int
        Those that may go to either side; the others are behind.
    settled : dict
        What is known of the graph already, and will be: neighbouring cuts leave the same calls free.

    Returns
    -------
    set of int
        The smallest choice with which the fewest bytes cross, and the raw inputs that these calls read.
    """
    chosen: set[int] = set()
    computed = [n for n in free if not graph.calls[n].is_input]
    for piece in _pieces(graph, head, computed) if computed else ():
        if piece not in settled:
            settled[piece] = _minimum_cut(graph, *piece)
        chosen |= settled[piece]
    return chosen.union(*(graph.predecessors[n] for n in chosen)).difference(head)


def _pieces(
    graph: LayerGraph, head: Collection[int], free: Sequence[int]
) -> Iterator[tuple[frozenset[int], frozenset[str]]]:
    """Divide free calls into pieces that nothing joins: what one of them costs has no say in another.

    Calls are joined by what one makes and the other reads, and by reading the same of the head, if it is not read
    behind the cut: that crosses wherever the free calls go.
    """
    among = set(free)
    joined: UnionFind = UnionFind(free)
    shared: list[tuple[str, int]] = []
    for maker in {n for number in free for n in graph.computed_predecessors[number]}:
        if maker in among:
            joined.union(maker, *(reader for reader in graph.successors[maker] if reader in among))
            continue
        for name, _, readers in _made(graph, maker):
            inside = [reader for reader in readers if reader in among]
            if inside and all(reader in among or reader in head for reader in readers):
                shared.append((name, inside[0]))
                joined.union(*inside)
    pieces: dict[int, tuple[list[int], list[str]]] = {}
    for n in free:
        pieces.setdefault(joined[n], ([], []))[0].append(n)
    for name, reader in shared:
        pieces[joined[reader]][1].append(name)
    return ((frozenset(calls), frozenset(names)) for calls, names in pieces.values())


def _made(graph: LayerGraph, maker: int) -> list[Made]:
    """List what a call makes, tensors and masks."""
    found: list[Made] = []
    for tensor in graph.calls[maker].outputs:
        found.append((tensor.name, comparable_bytes(tensor), graph.consumers[tensor.name]))
        if tensor.name in graph.mask_consumers:
            mask = replace(_filled(tensor, tensor.mask), dtype="bool").nbytes() or 0 if tensor.mask else 0
            found.append((mask_name(tensor.name), mask, graph.mask_consumers[tensor.name]))
    return found


def _minimum_cut(graph: LayerGraph, piece: frozenset[int], shared: frozenset[str]) -> frozenset[int]:
    """Choose which calls of a piece go to the head, as a minimum cut of a flow network.

    Each tensor is a vertex of its own, so that it is paid once however many calls read it; an edge of unlimited
    capacity from a reader back to the maker keeps edges from running from tail to head.

    References
    ----------
    J.-C. Picard, "Maximal closure of a graph and applications to combinatorial problems", Manag. Sci. 22, 1976.
    """
    if not shared:  # to have less in the head costs nothing more
        return frozenset()
    source, sink = 0, 1
    calls = {n: i for i, n in enumerate(sorted(piece), 2)}
    makers = {n for number in piece for n in graph.computed_predecessors[number]} | piece
    made = [(maker, *each) for maker in sorted(makers) for each in _made(graph, maker)]
    made = [each for each in made if each[3] and (each[0] in calls or each[1] in shared)]
    network = Network(2 + len(calls) + len(made))
    unlimited = sum(size for _, _, size, _ in made) + 1
    for tensor, (maker, _, size, readers) in enumerate(made, 2 + len(calls)):
        inside = maker in calls
        network.add(calls[maker] if inside else source, tensor, size)
        behind = False
        for reader in readers:
            if reader in calls:
                network.add(tensor, calls[reader], unlimited)
                if inside:
                    network.add(calls[reader], calls[maker], unlimited)
            else:
                behind = behind or inside  # no head reads what a free call makes
        if behind:
            network.add(tensor, sink, unlimited)
    reached = network.reached()
    return frozenset(n for n, i in calls.items() if i in reached)
