"""The head that points ask for, with every other call on the side where the fewest bytes cross."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import networkx as nx

from kerassplit_widget.structure.graph import LayerGraph, Tensor, mask_name

__all__ = ["UNKNOWN_DIM", "closure", "comparable_bytes"]

UNKNOWN_DIM = 128
"""What an unknown dimension (a sequence length, an image side) counts as when crossing bytes are compared."""


def comparable_bytes(tensor: Tensor) -> int:
    """Count the bytes of a tensor for comparing cuts; unknown dimensions are `UNKNOWN_DIM`, and nothing is free."""
    return max(1, _filled(tensor.shape, tensor.dtype))


def _filled(shape: tuple[int | None, ...], dtype: str) -> int:
    """Count bytes with unknown dimensions filled in; 0 where the dtype has no size."""
    known = tuple(UNKNOWN_DIM if dim is None else dim for dim in shape[1:])
    return Tensor("", "", 0, (*shape[:1], *known), dtype).nbytes() or 0


def closure(graph: LayerGraph, points: Sequence[int]) -> frozenset[int]:
    """Find the smallest head of fewest crossing bytes that has the points and not their other descendants."""
    head = {*points, *graph.reachable(points, backwards=True)}
    tail = graph.reachable(points) - head
    free = [n for n in range(len(graph)) if n not in head and n not in tail]
    computed = [n for n in free if not graph.calls[n].is_input]
    if computed:
        moved = _minimum_cut(graph, head, tail, computed)
        head |= moved.union(*(graph.predecessors[n] for n in moved))  # also the raw inputs they read
    return frozenset(head)


def _minimum_cut(graph: LayerGraph, head: set[int], tail: set[int], free: Sequence[int]) -> set[int]:
    """Choose which free calls go to the head, as a minimum cut of a flow network.

    Each tensor is a vertex of its own, so that it is paid once however many calls read it; an edge of unlimited
    capacity from a reader back to the maker keeps edges from running from tail to head.

    References
    ----------
    J.-C. Picard, "Maximal closure of a graph and applications to combinatorial problems", Manag. Sci. 22, 1976.
    """
    source, sink = "head", "tail"
    network: nx.DiGraph = nx.DiGraph()
    network.add_nodes_from((source, sink))

    def side(number: int) -> int | str:
        return source if number in head else sink if number in tail else number

    makers = {n for number in free for n in graph.computed_predecessors[number]} | set(free)
    for maker in makers:
        for tensor in graph.calls[maker].outputs:
            mask = _filled(tensor.mask, "bool") if tensor.mask else 0
            for made, size, numbers in (
                (tensor.name, comparable_bytes(tensor), graph.consumers[tensor.name]),
                (mask_name(tensor.name), mask, graph.mask_consumers.get(tensor.name, ())),
            ):
                readers = {side(reader) for reader in numbers} - {source}
                if not readers or (maker in head and sink in readers):
                    continue  # what is read behind in any case crosses wherever the free calls go
                network.add_edge(side(maker), ("tensor", made), capacity=size)
                for reader in readers:
                    network.add_edge(("tensor", made), reader)
                    if reader != sink and maker not in head:
                        network.add_edge(reader, side(maker))
    residual = nx.algorithms.flow.boykov_kolmogorov(network, source, sink)
    # What the source still reaches is the smallest of the minimum cuts; networkx's partition is the largest.
    reached: set[Any] = {source}
    stack: list[Any] = [source]
    while stack:
        for other, edge in residual[stack.pop()].items():
            if other not in reached and edge["flow"] < edge["capacity"]:
                reached.add(other)
                stack.append(other)
    return reached.intersection(free)
