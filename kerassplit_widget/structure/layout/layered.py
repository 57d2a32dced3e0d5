"""The layered graph of a core: what lies on which level, with dummies where tensors pass levels.

*Items* are what a core consists of: its entry (item 0), its calls and blocks, its exit (the last
item), in a topological order. A tensor that is read more than one level below its producer gets one
*trunk*: a dummy on every level in between, shared by all its consumers. Items and dummies together
are the *nodes*; edges between nodes join neighbouring levels only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["LayeredGraph", "layered_graph"]


@dataclass(slots=True)
class LayeredGraph:
    """Nodes on levels. Items come first, `level`, `up` and `down` are per node.

    Attributes
    ----------
    items : int
        Number of items; further nodes are dummies.
    depth : int
        Level of the exit; the entry is on level 0.
    level : list of int
    up, down : list of list of int
        Neighbours on the level above and below. Edges at an open end are not here.
    trunks : list of list of int
        For each item the dummies of its trunk, from the first level below the item on.
    passing : list of int
        For each item the number of tensors that pass by it, in topological order.
    """

    items: int
    depth: int
    level: list[int]
    up: list[list[int]]
    down: list[list[int]]
    trunks: list[list[int]]
    passing: list[int]


def layered_graph(successors: Sequence[Sequence[int]], open_ends: tuple[bool, bool], *, late: bool) -> LayeredGraph:
    """Assign levels to the items of a core and lay its trunks.

    Parameters
    ----------
    successors : sequence of sequences of int
        Edges between items; item 0 reaches all others and all reach the last one.
    open_ends : tuple of bool
        Whether the entry and the exit stand for nothing: edges at them are not drawn.
    late : bool
        Whether an item also moves down where that only shifts length from its own trunk to one of
        its inputs'.
    """
    items = len(successors)
    drawn = [
        [v for v in targets if not (v == items - 1 and open_ends[1])] if u or not open_ends[0] else []
        for u, targets in enumerate(successors)
    ]
    level = _levels(successors, drawn, late)
    graph = LayeredGraph(
        items,
        level[-1],
        level,
        [[] for _ in range(items)],
        [[] for _ in range(items)],
        [[] for _ in range(items)],
        _passing(drawn),
    )
    for u, targets in enumerate(drawn):
        _lay_trunk(graph, u, targets)
    return graph


def _levels(successors: Sequence[Sequence[int]], drawn: Sequence[Sequence[int]], late: bool) -> list[int]:
    """Find longest paths from the entry, then pull items down where that takes no more dummies."""
    items = len(successors)
    level = [0] * items
    for u, targets in enumerate(successors):
        for v in targets:
            level[v] = max(level[v], level[u] + 1)
    inputs: list[list[int]] = [[] for _ in range(items)]
    for u, targets in enumerate(drawn):
        for v in targets:
            inputs[v].append(u)
    for v in range(items - 2, 0, -1):
        lowest = min(level[w] for w in successors[v]) - 1
        if lowest == level[v] or not drawn[v]:
            continue
        # Moving down shortens one trunk, the item's own, and lengthens those of its inputs that do
        # not reach as far down anyway.
        longer = sum(max((level[w] for w in drawn[u] if w != v), default=0) < lowest for u in inputs[v])
        if longer == 0 or (longer == 1 and late):
            level[v] = lowest
    return level


def _passing(drawn: Sequence[Sequence[int]]) -> list[int]:
    """How many tensors are made before and still read after each item, in topological order."""
    change = [0] * (len(drawn) + 1)
    for u, targets in enumerate(drawn):
        if targets:
            change[u + 1] += 1
            change[max(targets)] -= 1
    passing = []
    count = 0
    for step in change[:-1]:
        count += step
        passing.append(count)
    return passing


def _lay_trunk(graph: LayeredGraph, u: int, targets: Sequence[int]) -> None:
    """Join an item with its consumers by one chain of dummies."""
    level = graph.level
    chain = [u]
    for lower in range(level[u] + 1, max((level[v] for v in targets), default=0)):
        dummy = len(level)
        level.append(lower)
        graph.up.append([chain[-1]])
        graph.down.append([])
        graph.down[chain[-1]].append(dummy)
        graph.trunks[u].append(dummy)
        chain.append(dummy)
    for v in targets:
        branch = chain[level[v] - level[u] - 1]
        graph.up[v].append(branch)
        graph.down[branch].append(v)
