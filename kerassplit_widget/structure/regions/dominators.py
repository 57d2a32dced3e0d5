"""Dominators of a DAG in one pass over a topological order."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["empty_frontier", "immediate_dominators"]

SOURCE = -1
"""The virtual source under which every vertex without predecessors hangs."""


def immediate_dominators(predecessors: Sequence[Sequence[int]]) -> list[int]:
    """Find the immediate dominator of every vertex of a DAG.

    Vertex `d` dominates `v` when every path from a source to `v` passes through `d`. In a DAG whose vertices come
    in topological order the immediate dominator of `v` is the lowest common ancestor, in the dominator tree built so
    far, of the predecessors of `v`. Jump pointers answer that in logarithmic time, so that the whole takes
    O(m log n), where the iteration of networkx can become quadratic.

    Parameters
    ----------
    predecessors : sequence of sequences of int
        ``predecessors[v]`` are smaller than ``v``.

    Returns
    -------
    list of int
        The immediate dominator of each vertex; -1 is the virtual source.

    References
    ----------
    K. D. Cooper, T. J. Harvey, K. Kennedy, "A Simple, Fast Dominance Algorithm", 2001.
    E. W. Myers, "An applicative random-access stack", Inf. Proc. Letters 17, 1983 (jump pointers).

    Examples
    --------
    A diamond 0 -> (1, 2) -> 3:

    >>> immediate_dominators([[], [0], [0], [1, 2]])
    [-1, 0, 0, 0]
    """
    n = len(predecessors)
    parent, jump, depth = (
        [SOURCE] * (n + 1),
        [SOURCE] * (n + 1),
        [0] * (n + 1),
    )  # [-1] is the source

    def common_ancestor(a: int, b: int) -> int:
        if depth[a] < depth[b]:
            a, b = b, a
        while depth[a] > depth[b]:
            a = jump[a] if depth[jump[a]] >= depth[b] else parent[a]
        while a != b:
            if jump[a] == jump[b]:
                a, b = parent[a], parent[b]
            else:
                a, b = jump[a], jump[b]
        return a

    for vertex, sources in enumerate(predecessors):
        above = SOURCE
        if sources:
            above = sources[0]
            for other in sources[1:]:
                above = common_ancestor(above, other)
        parent[vertex] = above
        depth[vertex] = depth[above] + 1
        # The jump skips as far as the parent's and the grandparent's jumps together when these are of equal length.
        over = jump[above]
        equal = depth[above] - depth[over] == depth[over] - depth[jump[over]]
        jump[vertex] = jump[over] if equal else above
    return parent[:n]


def empty_frontier(predecessors: Sequence[Sequence[int]]) -> list[bool]:
    """Tell for each vertex whether it dominates all its descendants.

    That is so when no edge leaves the subtree of the vertex in the dominator tree, that is when its dominance
    frontier is empty. The edge (a, b) leaves the subtrees of `a` and of all tree ancestors of `a` below
    the immediate dominator of `b`, so a difference at the two ends, summed up the tree, counts the leaving edges.

    Parameters
    ----------
    predecessors : sequence of sequences of int
        As for `immediate_dominators`.

    Returns
    -------
    list of bool

    Examples
    --------
    >>> empty_frontier([[], [0], [0], [1, 2]])
    [True, False, False, True]
    """
    dominator = immediate_dominators(predecessors)
    leaving = [0] * (len(dominator) + 1)  # [-1] collects what reaches the virtual source
    for vertex, sources in enumerate(predecessors):
        for source in sources:
            leaving[source] += 1
            leaving[dominator[vertex]] -= 1
    for vertex in reversed(range(len(dominator))):
        leaving[dominator[vertex]] += leaving[vertex]
    return [count == 0 for count in leaving[: len(dominator)]]
