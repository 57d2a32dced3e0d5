"""The layered graph of a core: what lies on which level, with dummies where lines pass levels.

*Items* are what a core consists of: its entry (item 0), its calls and blocks, its exit (the last
item), in a topological order. A line that leads further than to the next level has a dummy on every
level in between, and so has an item that reaches down several levels, its *body*. Items and dummies
together are the *nodes*; edges between nodes join neighbouring levels only.

The lines of one producer may share dummies from the top on, and part further down: then they are
one *trunk*. Where trunks help and where they hinder depends on the graph, so a layered graph can be
made with all lines of a producer in one trunk or each for itself; of the latter those that came to
lie side by side can be bundled later.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

__all__ = ["LayeredGraph", "bundled", "drawn_edges", "layered_graph", "passing"]

_MANY = 4  # readers, from which on a tensor is likely to be read all along


@dataclass(slots=True)
class LayeredGraph:
    """Nodes on levels. Items come first, then dummies, a dummy after those above it.

    Attributes
    ----------
    items : int
        Number of items; further nodes are dummies.
    level : list of int
        Level of each node; the entry is on level 0, the exit on the last.
    up, down : list of list of int
        Neighbours on the level above and below. A dummy has one above. Edges at an open end are not
        here.
    producer : list of int
        Whose body a dummy is of, or whose lines run through it; an item is its own producer.
    tall : list of int
        Number of dummies in the body of each item.
    """

    items: int
    level: list[int]
    up: list[list[int]]
    down: list[list[int]]
    producer: list[int]
    tall: list[int]

    @classmethod
    def of_items(cls, level: Sequence[int], tall: Sequence[int]) -> LayeredGraph:
        """Start a graph with items alone."""
        items = range(len(level))
        return cls(len(level), list(level), [[] for _ in items], [[] for _ in items], list(items), list(tall))

    @property
    def depth(self) -> int:
        """Level of the exit."""
        return self.level[self.items - 1]

    def add(self, producer: int, level: int) -> int:
        """Add a dummy."""
        self.level.append(level)
        self.up.append([])
        self.down.append([])
        self.producer.append(producer)
        return len(self.level) - 1

    def extend(self, node: int, producer: int, last: int) -> list[int]:
        """Hang a chain of dummies on a node, down to level `last`; list the node and them."""
        chain = [node]
        for level in range(self.level[node] + 1, last + 1):
            chain.append(self.add(producer, level))
            self.join(chain[-2], chain[-1])
        return chain

    def join(self, upper: int, lower: int) -> None:
        """Add an edge."""
        self.down[upper].append(lower)
        self.up[lower].append(upper)

    def last_before(self, v: int, u: int) -> int:
        """Find the node above item `v` on the line from item `u`; -1 if that line is not drawn."""
        return next((node for node in self.up[v] if self.producer[node] == u), -1)

    def body(self, item: int) -> list[int]:
        """List an item and the dummies of its body."""
        nodes = [item]
        for _ in range(self.tall[item]):
            nodes += self.down[nodes[-1]]
        return nodes

    def lanes(self) -> list[list[int]]:
        """Divide the dummies of lines into runs from top to bottom; where lines part, the longest run goes on."""
        reach = [0] * len(self.level)
        following = [-1] * len(self.level)
        for dummy in range(len(self.level) - 1, self.items - 1, -1):
            for lower in self.down[dummy]:
                if lower >= self.items and reach[lower] >= reach[dummy]:
                    reach[dummy] = reach[lower] + 1
                    following[dummy] = lower
        bodies = [node for item in range(self.items) for node in self.body(item)[1:]]
        for node in bodies:
            following[node] = -1
        starts = set(range(self.items, len(self.level))) - set(following) - set(bodies)
        lanes = []
        for dummy in sorted(starts):
            lane = [dummy]
            while following[lane[-1]] >= 0:
                lane.append(following[lane[-1]])
            lanes.append(lane)
        return lanes


def drawn_edges(successors: Sequence[Sequence[int]], open_ends: tuple[bool, bool]) -> list[list[int]]:
    """Leave out the edges at an open end: an entry or exit that stands for nothing."""
    last = len(successors) - 1
    return [
        [v for v in targets if not (v == last and open_ends[1])] if u or not open_ends[0] else []
        for u, targets in enumerate(successors)
    ]


def passing(drawn: Sequence[Sequence[int]], trunks: Collection[int]) -> list[int]:
    """Count the lines that are made before and still read after each item, in topological order.

    A tensor with many readers, and those of `trunks`, are left out: they run beside the rest.
    """
    change = [0] * (len(drawn) + 1)
    for u, targets in enumerate(drawn):
        if targets and u not in trunks and len(targets) < _MANY:
            change[u + 1] += 1
            change[max(targets)] -= 1
    counts = []
    count = 0
    for step in change[:-1]:
        count += step
        counts.append(count)
    return counts


def layered_graph(
    drawn: Sequence[Sequence[int]],
    first: Sequence[int],
    last: Sequence[int],
    trunks: Collection[int],
) -> LayeredGraph:
    """Lay the lines of a core.

    Parameters
    ----------
    drawn : sequence of sequences of int
        Edges between items.
    first, last : sequence of int
        The first and the last level of each item; edges lead from the last to the first.
    trunks : collection of int
        Items whose lines run in one trunk each.
    """
    graph = LayeredGraph.of_items(first, [b - a for a, b in zip(first, last, strict=True)])
    for u, targets in enumerate(drawn):
        foot = graph.extend(u, u, last[u])[-1]
        for ends in [targets] if u in trunks and targets else [[v] for v in targets]:
            chain = graph.extend(foot, u, max(first[v] for v in ends) - 1)
            for v in ends:
                graph.join(chain[first[v] - last[u] - 1], v)
    return graph


def bundled(graph: LayeredGraph, rows: Sequence[Sequence[int]]) -> tuple[LayeredGraph, list[list[int]]]:
    """Let lines of one producer that run side by side from the top on be one.

    Parameters
    ----------
    graph : LayeredGraph
    rows : sequence of sequences of int
        The nodes of each level from left to right.

    Returns
    -------
    graph : LayeredGraph
    rows : list of list of int
        Of the new graph, in the same order.
    """
    items = graph.items
    new = LayeredGraph.of_items(graph.level[:items], graph.tall)
    name = list(range(len(graph.level)))
    new_rows: list[list[int]] = []
    for row in rows:
        new_row: list[int] = []
        for node in row:
            if node >= items:
                above = name[graph.up[node][0]]
                if new_row and new_row[-1] >= items and new.up[new_row[-1]] == [above]:
                    name[node] = new_row[-1]
                    continue
                name[node] = new.add(graph.producer[node], graph.level[node])
                new.join(above, name[node])
            new_row.append(name[node])
        new_rows.append(new_row)
    for v in range(items):
        for upper in graph.up[v]:
            new.join(name[upper], v)
    return new, new_rows
