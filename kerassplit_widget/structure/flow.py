"""Minimum cuts of flow networks, on flat lists: a cut after a call of a large model asks for one."""

from __future__ import annotations

__all__ = ["Network"]

_NONE = -1


class Network:
    """A flow network from node 0, the source, to node 1, the sink.

    Parameters
    ----------
    nodes : int
        How many, the two included.

    Examples
    --------
    >>> network = Network(4)
    >>> network.add(0, 2, 5), network.add(2, 3, 2), network.add(3, 1, 5)
    (None, None, None)
    >>> network.reached()
    {0, 2}
    """

    def __init__(self, nodes: int) -> None:
        # Edge 2i and its reverse, 2i + 1: where it leads, how much more can flow, and which edge its start has besides.
        # A list for each node would have Python look for garbage among all objects, again and again.
        self._to: list[int] = []
        self._left: list[int] = []
        self._next: list[int] = []
        self._first = [_NONE] * nodes

    def add(self, start: int, end: int, capacity: int) -> None:
        """Add an edge."""
        number = len(self._to)
        self._to += (end, start)
        self._left += (capacity, 0)
        self._next += (self._first[start], self._first[end])
        self._first[start], self._first[end] = number, number + 1

    def reached(self) -> set[int]:
        """Let as much flow as can, and tell which nodes the source still reaches: the smallest minimum cut.

        References
        ----------
        E. A. Dinic, "Algorithm for solution of a problem of maximum flow in a network with power estimation", Soviet
        Math. Doklady 11, 1970.
        """
        while True:
            level = self._levels()
            if 1 not in level:
                return set(level)
            self._block(level)

    def _levels(self) -> dict[int, int]:
        """Find how many edges away from the source each node is that it still reaches; no further than the sink."""
        to, left, following = self._to, self._left, self._next
        level = {0: 0}
        reached = [0]
        for node in reached:  # grows on the way
            if 1 in level and level[node] >= level[1]:
                break
            below = level[node] + 1
            edge = self._first[node]
            while edge != _NONE:
                if left[edge] and to[edge] not in level:
                    level[to[edge]] = below
                    reached.append(to[edge])
                edge = following[edge]
        return level

    def _block(self, level: dict[int, int]) -> None:
        """Send flow along shortest paths until none is left."""
        to, left, following = self._to, self._left, self._next
        untried = {node: self._first[node] for node in level}  # by the edges before it nothing more gets to the sink
        path: list[int] = []
        node = 0
        while True:
            if node == 1:
                sent = min([left[edge] for edge in path])
                for edge in path:
                    left[edge] -= sent
                    left[edge ^ 1] += sent
                full = next(i for i, edge in enumerate(path) if not left[edge])
                node = to[path[full] ^ 1]
                del path[full:]
            edge, below = untried[node], level[node] + 1
            while edge != _NONE and not (left[edge] and level.get(to[edge]) == below):
                edge = following[edge]
            untried[node] = edge
            if edge != _NONE:
                path.append(edge)
                node = to[edge]
            elif path:
                edge = path.pop()
                node = to[edge ^ 1]
                untried[node] = following[edge]
            else:
                return
