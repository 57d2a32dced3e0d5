"""Graphs drawn up call by call, and at random. Nothing here needs Keras."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

__all__ = ["Drawing", "Graph", "random_graph"]

Graph = Sequence[Sequence[int]]
"""The distinct consumers of each call."""


class Drawing:
    """A graph drawn up call by call; each method gives the last call that it adds."""

    def __init__(self) -> None:
        self.successors: list[list[int]] = []

    def call(self, *inputs: int) -> int:
        """Add a call that reads others."""
        self.successors.append([])
        new = len(self.successors) - 1
        for source in dict.fromkeys(inputs):
            self.successors[source].append(new)
        return new

    def chain(self, x: int, calls: int) -> int:
        """Add calls one after the other."""
        for _ in range(calls):
            x = self.call(x)
        return x

    def attention(self, x: int, memory: int, *also: int) -> int:
        """Add residual attention of x to memory, with query, key and value apart."""
        normed = self.call(x)
        query, key, value = self.call(normed), self.call(memory), self.call(memory)
        weights = self.call(self.call(query, key), *also)
        return self.call(x, self.call(self.call(weights, value)))

    def self_attention(self, x: int, *also: int) -> int:
        """Add residual attention of x to itself."""
        normed = self.call(x)
        query, key, value = self.call(normed), self.call(normed), self.call(normed)
        weights = self.call(self.call(query, key), *also)
        return self.call(x, self.call(self.call(weights, value)))

    def feed_forward(self, x: int) -> int:
        """Add a residual block of three calls."""
        return self.call(x, self.chain(x, 3))


def random_graph(calls: int, seed: int) -> Graph:
    """Draw a graph in which every call but the first reads one to three calls among the nine before."""
    random = Random(seed)
    successors: list[list[int]] = [[] for _ in range(calls)]
    for v in range(1, calls):
        for u in random.sample(range(max(0, v - 9), v), min(v, random.choice((1, 1, 1, 2, 2, 3)))):
            successors[u].append(v)
    return successors
