"""Bringing several cuts into the order in which they divide a graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

import networkx as nx

from kerassplit_widget.errors import CutError
from kerassplit_widget.structure.closure import closure, completed
from kerassplit_widget.structure.cuts import Cut, cut_at, cut_of
from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.text import listed

__all__ = ["nest"]

Calls = frozenset[int]


def nest(cuts: Iterable[Cut]) -> list[Cut]:
    """Bring cuts into the order in which they divide the graph.

    Equal cuts are kept once. Of two cuts of which neither head contains the other (points in parallel branches) one
    comes first, and the other has the points of both before it. What is left to choose is where the fewest bytes cross.

    Parameters
    ----------
    cuts : iterable of Cut
        Of one graph.

    Returns
    -------
    list of Cut
        The head of each is a proper subset of the head of the next.

    Raises
    ------
    CutError
        If cuts contradict each other: each has a call before it that is to come after the other.

    Notes
    -----
    Each cut wants its points and their ancestors before it, and the other descendants of its points behind it. In the
    chain it has to bear with what the cuts before it want to be before them, and those after it behind them. With these
    wishes the smallest heads of fewest crossing bytes are nested, as the cost is submodular.
    """
    chain = sorted({cut.head: cut for cut in reversed(list(cuts))}.values(), key=_order)
    if all(first.head < second.head for first, second in pairwise(chain)):
        return chain
    graph = chain[0].graph
    before, behind = {}, {}
    for cut in chain:
        numbers = [graph.number[point] for point in cut.points]
        before[cut] = frozenset(numbers).union(graph.reachable(numbers, backwards=True))
        behind[cut] = frozenset(graph.reachable(numbers)) - before[cut]
    chain = _ordered(chain, before, behind)
    heads = [*accumulate((before[cut] for cut in chain), Calls.union)]
    tails = [*accumulate((behind[cut] for cut in reversed(chain)), Calls.union)][::-1]
    wholes = []
    for head, tail in zip(heads, tails, strict=True):
        free = [n for n in range(len(graph)) if n not in head and n not in tail]
        wholes.append(head | completed(graph, head, free, {}))
    if _is_all(graph, wholes[-1]):
        # Nothing crosses if nothing is left behind; then no more is taken along than has to be.
        wholes[-1] = _fed(graph, heads[-1]).union(*wholes[-2:-1])
        if _is_all(graph, wholes[-1]):  # nor by the cuts before
            wholes = [_fed(graph, head) for head in heads]
    found: dict[Calls, Cut] = {}
    for i, whole in enumerate(wholes):
        found.setdefault(whole, _cut_with(graph, whole, chain[: i + 1]))
    return list(found.values())


def _is_all(graph: LayerGraph, head: Calls) -> bool:
    """Tell whether all calls that compute something are in a head."""
    return all(call.is_input or n in head for n, call in enumerate(graph.calls))


def _fed(graph: LayerGraph, head: Calls) -> Calls:
    """Add the raw inputs that are read in a head."""
    return head.union(*(graph.predecessors[n] for n in head))


def _order(cut: Cut) -> tuple[int, int]:
    """Sort key: a head inside another is smaller; others come in the order of their points."""
    return len(cut.head), max(cut.graph.number[point] for point in cut.points)


def _ordered(chain: Sequence[Cut], before: dict[Cut, Calls], behind: dict[Cut, Calls]) -> list[Cut]:
    """Sort cuts so that each wants behind it what a later one wants before it, never the other way round."""
    wishes: nx.DiGraph = nx.DiGraph()
    wishes.add_nodes_from(range(len(chain)))
    for i, first in enumerate(chain):
        wishes.add_edges_from((i, j) for j, second in enumerate(chain) if i != j and behind[first] & before[second])
    try:
        order = list(nx.lexicographical_topological_sort(wishes, key=lambda i: _order(chain[i])))
    except nx.NetworkXUnfeasible:
        cycle = nx.find_cycle(wishes)
        between = [min(behind[chain[i]] & before[chain[j]]) for i, j in cycle]
        places = listed(str(list(chain[i].points)) for i, _ in cycle)
        one, other = (chain[0].graph.names[n] for n in between[:2])
        raise CutError(
            f"The cuts {places} contradict each other: {one!r} is to come behind the first and before the second, "
            f"{other!r} the other way round. Leave one out."
        ) from None
    return [chain[i] for i in order]


def _cut_with(graph: LayerGraph, head: Calls, cuts: Sequence[Cut]) -> Cut:
    """Name a cut by the points of the last of some cuts, or of all, if that is the cut with this head."""
    for points in (cuts[-1].points, tuple(point for cut in cuts for point in cut.points)):
        numbers = sorted({graph.number[point] for point in points})
        if closure(graph, numbers) == head:
            return cut_at(graph, *points)
    return cut_of(graph, head)
