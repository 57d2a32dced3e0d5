"""The cheapest cuts that a few tensors cross.

Take the tensors of a set away. What hangs together without them lies on one side of every cut that only they cross, so
the head of such a cut is what hangs together with their makers, and it is a cut when each of them still has a reader
elsewhere. A single tensor is an articulation of the graph of calls and tensors. Pairs are found as separation pairs
are: both lie in one biconnected component, and with one taken away, the other is an articulation of the rest.

References
----------
J. Hopcroft, R. Tarjan, "Algorithm 447: efficient algorithms for graph manipulation", CACM 16(6), 1973.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappush, heapreplace
from itertools import combinations

import networkx as nx

from kerassplit_widget.errors import CutError
from kerassplit_widget.structure.arguments import whole_number
from kerassplit_widget.structure.closure import comparable_bytes
from kerassplit_widget.structure.cuts import Cut, cut_of
from kerassplit_widget.structure.graph import LayerGraph

__all__ = ["cheapest_cuts"]


def cheapest_cuts(graph: LayerGraph, tensors: int = 2, limit: int | None = 20) -> list[Cut]:
    """Rank the cuts that at most so many tensors cross.

    Of places that differ only by how far down a chain of tensors with one reader each they lie, the cheapest is listed
    (of equal ones the first). Cuts that are smaller ones in separate branches taken together, such as those of two
    towers or two heads, are not.

    Parameters
    ----------
    graph : LayerGraph
    tensors : int
        The largest number of crossing tensors, 1 to 3. Three take a multiple of the time of two.
    limit : int, optional
        How many to list; None for all.

    Returns
    -------
    list of Cut
        The fewest bytes first; equal ones in topological order. Unknown dimensions count as `UNKNOWN_DIM`.

    Raises
    ------
    CutError
        If `tensors` or `limit` is out of range.
    """
    if tensors not in (1, 2, 3):
        raise CutError(f"tensors= is how many tensors may cross, 1, 2 or 3; found {tensors!r:.80}.")
    limit = None if limit is None else whole_number("limit", limit, error=CutError)
    chains = _Chains(graph)
    best = _Best(limit)
    joined = chains.joined()
    for node in nx.articulation_points(joined):
        if isinstance(node, tuple):
            best.offer((node[1],), chains)
    for piece in (_Piece(edges, chains.cost) for edges in nx.biconnected_component_edges(joined)):
        for size in range(2, tensors + 1):
            for chosen in piece.separators(size, best):
                best.offer(chosen, chains)
    return [cut_of(graph, head) for head in best.heads()]


class _Chains:
    """The tensors of a graph, those that follow each other in a chain of calls as one, of which the cheapest is cut.

    Attributes
    ----------
    of : dict of str to int
        From a tensor that somebody reads to the number of its chain.
    cost : list of int
        Bytes of the cheapest tensor of each chain.
    """

    def __init__(self, graph: LayerGraph) -> None:
        self.graph = graph
        self.of: dict[str, int] = {}
        self.cost: list[int] = []
        self.cheapest: list[str] = []
        self.last: list[str] = []
        for call in graph:
            read = [tensor for tensor in call.outputs if graph.consumers[tensor.name]]
            if call.is_input:
                continue
            fed = {self.of[name] for name in call.inputs if name in self.of}
            alone = len(read) == 1 and len(graph.consumers[read[0].name]) == 1
            through = len(fed) == 1 and alone and self._has_one_reader(min(fed))
            for tensor in read:
                cost = comparable_bytes(tensor)
                if through:
                    chain = min(fed)
                    self.last[chain] = tensor.name
                    if cost < self.cost[chain]:
                        self.cost[chain], self.cheapest[chain] = cost, tensor.name
                else:
                    chain = len(self.cost)
                    self.cost.append(cost)
                    self.cheapest.append(tensor.name)
                    self.last.append(tensor.name)
                self.of[tensor.name] = chain

    def _has_one_reader(self, chain: int) -> bool:
        return len(self.graph.consumers[self.last[chain]]) == 1

    def joined(self) -> nx.Graph:
        """Join each chain, ``("chain", number)``, with the calls at its ends."""
        graph: nx.Graph = nx.Graph()
        for name, chain in self.of.items():
            node = ("chain", chain)
            maker = self.graph.number[self.graph.tensors[name].call]
            if not any(self.of.get(each) == chain for each in self.graph.calls[maker].inputs):
                graph.add_edge(maker, node)  # makes the first tensor of the chain
            if name == self.last[chain]:
                graph.add_edges_from((node, reader) for reader in self.graph.consumers[name])
        return graph

    def head(self, chosen: Sequence[int]) -> set[int] | None:
        """Collect the calls before the cut that these chains cross at their cheapest; None if there is no such cut."""
        graph, away = self.graph, {self.cheapest[chain] for chain in chosen}
        head = {graph.number[graph.tensors[name].call] for name in away}
        stack = list(head)
        while stack:
            call = graph.calls[stack.pop()]
            near = [graph.number[graph.tensors[name].call] for name in call.inputs if name not in away]
            near = [n for n in near if not graph.calls[n].is_input]
            near += [n for tensor in call.outputs if tensor.name not in away for n in graph.consumers[tensor.name]]
            fresh = set(near) - head
            head |= fresh
            stack.extend(fresh)
        crosses = all(not head.issuperset(graph.consumers[name]) for name in away)
        return head if crosses else None

    def are_smaller_ones_together(self, chosen: Sequence[int], head: set[int]) -> bool:
        """Tell whether a cut is made of smaller ones, such as those of two towers."""
        for size in range(1, len(chosen) // 2 + 1):
            for some in combinations(chosen, size):
                one, other = self.head(some), self.head([chain for chain in chosen if chain not in some])
                if one is not None and other is not None and one | other == head:
                    return True
        return False


class _Piece:
    """A biconnected component: calls and chains by numbers of its own, with who is joined to whom."""

    def __init__(self, edges: Sequence[tuple[object, object]], cost: Sequence[int]) -> None:
        nodes = list(dict.fromkeys(node for edge in edges for node in edge))
        number = {node: i for i, node in enumerate(nodes)}
        self.near: list[list[int]] = [[] for _ in nodes]
        for a, b in edges:
            self.near[number[a]].append(number[b])
            self.near[number[b]].append(number[a])
        self.chain = [node[1] if isinstance(node, tuple) else None for node in nodes]
        known = [(cost[chain], chain, i) for i, chain in enumerate(self.chain) if chain is not None]
        self.chains = [(i, price) for price, _, i in sorted(known)]

    def separators(self, size: int, best: _Best) -> Iterator[tuple[int, ...]]:
        """Yield sets of chains without which the piece falls apart, as long as they may be among the best."""
        stack: list[tuple[tuple[int, ...], int]] = [((), 0)]
        while stack:
            taken, start = stack.pop()
            price = sum(self.chains[at][1] for at in taken)
            if taken and not self._may_be_among(best, taken, price, size - len(taken)):
                continue
            if len(taken) == size - 1:
                away = {self.chains[at][0] for at in taken}
                found = self._articulations(away)
                for at in range(start, len(self.chains)):
                    node, last = self.chains[at]
                    if price + last > best.bound:
                        break
                    if node in found:
                        yield tuple(sorted(self.chain[i] or 0 for i in (*away, node)))
                continue
            for at in reversed(range(start, len(self.chains))):
                if price + (size - len(taken)) * self.chains[at][1] <= best.bound:
                    stack.append(((*taken, at), at + 1))

    def _may_be_among(self, best: _Best, taken: Sequence[int], price: int, more: int) -> bool:
        """Tell whether some chains, with so many more that come later, may be among the best."""
        node, last = self.chains[taken[-1]]
        # As cheap as the last, they would have larger numbers.
        numbers = [self.chain[self.chains[at][0]] or 0 for at in taken] + [(self.chain[node] or 0) + 1] * more
        return best.takes(price + more * last, tuple(sorted(numbers)))

    def _articulations(self, away: set[int]) -> set[int]:
        """Collect the nodes without which what is joined falls apart, some nodes being taken away already."""
        found: set[int] = set()
        order = [0] * len(self.near)
        for root in range(len(self.near)):
            if order[root] or root in away:
                continue
            count = order[root] = 1
            low = {root: 1}
            children = 0
            stack = [(root, -1, iter(self.near[root]))]
            while stack:
                node, parent, rest = stack[-1]
                for other in rest:
                    if other in away or other == parent:
                        continue
                    if order[other]:
                        low[node] = min(low[node], order[other])
                        continue
                    count += 1
                    order[other] = low[other] = count
                    stack.append((other, node, iter(self.near[other])))
                    break
                else:
                    stack.pop()
                    if parent == root:
                        children += 1
                    elif parent >= 0:
                        low[parent] = min(low[parent], low[node])
                        if low[node] >= order[parent]:
                            found.add(parent)
            if children > 1:
                found.add(root)
        return found


class _Best:
    """The cheapest cuts found so far."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._kept: list[tuple[int, tuple[int, ...]]] = []
        self._heads: dict[tuple[int, ...], set[int]] = {}

    @property
    def bound(self) -> float:
        """What a cut must not exceed to be kept."""
        return -self._kept[0][0] if self._is_full else float("inf")

    @property
    def _is_full(self) -> bool:
        return self.limit is not None and len(self._kept) >= self.limit

    def takes(self, price: int, chosen: tuple[int, ...]) -> bool:
        """Tell whether a set of chains of this price, if it is a cut, is among the cheapest."""
        return not self._is_full or self._entry(price, chosen) > self._kept[0]

    @staticmethod
    def _entry(price: int, chosen: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
        return -price, tuple(-chain for chain in chosen)

    def offer(self, chosen: tuple[int, ...], chains: _Chains) -> None:
        """Keep a set of chains if it is among the cheapest and they are what crosses a cut."""
        price = sum(chains.cost[chain] for chain in chosen)
        if chosen in self._heads or not self.takes(price, chosen):
            return
        head = chains.head(chosen)
        if head is None or chains.are_smaller_ones_together(chosen, head):
            return
        self._heads[chosen] = head
        entry = self._entry(price, chosen)
        if self._is_full:
            heapreplace(self._kept, entry)
        else:
            heappush(self._kept, entry)

    def heads(self) -> list[set[int]]:
        """List the heads of what was kept, the cheapest first."""
        return [self._heads[tuple(-each for each in chosen)] for _, chosen in sorted(self._kept, reverse=True)]
