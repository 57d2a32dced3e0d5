"""Scopes: the open groups of a graph, as far as each can be shown as one box."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import networkx as nx

from kerassplit_widget.structure.graph import LayerGraph

__all__ = ["Scope", "scopes_of"]


@dataclass(frozen=True, slots=True)
class Scope:
    """What lies directly in an open group, or in the graph outside all groups.

    Attributes
    ----------
    name : str
        Of the group; ``""`` for the graph itself.
    members : tuple of (int or str)
        Numbers of calls and names of groups, in a topological order.
    successors : tuple of tuple of int
        For each member the places in `members` of those that read its tensors, ascending.
    """

    name: str
    members: tuple[int | str, ...]
    successors: tuple[tuple[int, ...], ...]


def scopes_of(graph: LayerGraph) -> list[Scope]:
    """Divide a graph into nested scopes.

    A group is a scope unless it has a single call, or all calls of the group around it, or contracting it would make a
    cycle with what lies beside it; then its members belong to the scope around it.

    Parameters
    ----------
    graph : LayerGraph

    Returns
    -------
    list of Scope
        A scope before those inside it; the first is the graph itself.
    """
    around = [_groups_around(name, graph.groups) for name in graph.names]
    size = Counter(group for groups in around for group in groups)
    around = [
        [group for group, outer in zip(groups, ["", *groups], strict=False) if 1 < size[group] != size[outer]]
        for groups in around
    ]
    scopes: list[Scope] = []
    # A scope: its name, its calls, and for each of them the groups further in, outermost first.
    work: list[tuple[str, dict[int, list[str]]]] = [("", dict(enumerate(around)))]
    while work:
        name, calls = work.pop()
        scope = _scope(graph, name, calls)
        scopes.append(scope)
        groups = {member for member in scope.members if isinstance(member, str)}
        inside: dict[str, dict[int, list[str]]] = {group: {} for group in groups}
        for call, further in calls.items():
            depth = next((i for i, group in enumerate(further) if group in groups), None)
            if depth is not None:
                inside[further[depth]][call] = further[depth + 1 :]
        work += sorted(inside.items())
    return scopes


def _groups_around(name: str, groups: Mapping[str, object]) -> list[str]:
    """List the open groups around a call, outermost first."""
    return [name[:i] for i, letter in enumerate(name) if letter == "/" and name[:i] in groups]


def _scope(graph: LayerGraph, name: str, calls: Mapping[int, list[str]]) -> Scope:
    """Make one scope; groups that are tangled with others are taken apart until the rest is in order."""
    tangled: set[int | str] = set()
    while True:
        member = {
            call: next((group for group in further if group not in tangled), call) for call, further in calls.items()
        }
        successors: dict[int | str, set[int | str]] = {key: set() for key in member.values()}
        for call, key in member.items():
            successors[key].update(member[reader] for reader in graph.successors[call] if reader in member)
            successors[key].discard(key)
        order = _topological(successors)
        if order is not None:
            place = {key: i for i, key in enumerate(order)}
            edges = tuple(tuple(sorted(place[reader] for reader in successors[key])) for key in order)
            return Scope(name, tuple(order), edges)
        parts = nx.strongly_connected_components(nx.DiGraph({key: list(to) for key, to in successors.items()}))
        tangled.update(key for part in parts if len(part) > 1 for key in part)


def _topological(successors: Mapping[int | str, set[int | str]]) -> list[int | str] | None:
    """Sort by first mention as far as the edges allow; None when there is a cycle."""
    keys = list(successors)
    rank = {key: i for i, key in enumerate(keys)}
    waiting = Counter(reader for readers in successors.values() for reader in readers)
    ready = [rank[key] for key in keys if not waiting[key]]
    order: list[int | str] = []
    while ready:
        key = keys[heapq.heappop(ready)]
        order.append(key)
        for reader in successors[key]:
            waiting[reader] -= 1
            if not waiting[reader]:
                heapq.heappush(ready, rank[reader])
    return order if len(order) == len(keys) else None
