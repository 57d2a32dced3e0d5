"""Routes of edges, in flat arrays: an object for each of 100,000 edges would take longer to make than its points."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Complex", "Floats", "Lines", "Numbers"]

Complex: TypeAlias = npt.NDArray[np.complex128]
Floats: TypeAlias = npt.NDArray[np.float64]
Numbers: TypeAlias = npt.NDArray[np.int64]


class Lines(NamedTuple):
    """Polylines: edge ``edges[i]`` (`shapes.edge_number`) has ``counts[i]`` of the points, one edge after the other."""

    edges: Numbers
    counts: Numbers
    points: Complex

    @property
    def starts(self) -> Numbers:
        """The place of the first point of each edge."""
        return np.cumsum(self.counts) - self.counts

    def taken(self, chosen: Numbers) -> Lines:
        """Take some edges, in a given order."""
        counts = self.counts[chosen]
        shift = self.starts[chosen] - (np.cumsum(counts) - counts)
        return Lines(self.edges[chosen], counts, self.points[np.arange(counts.sum()) + np.repeat(shift, counts)])

    def simplified(self) -> Lines:
        """Leave out points that repeat the one before or lie within a vertical line."""
        return self._without_repeated()._without_middle()

    def _without_repeated(self) -> Lines:
        repeated = self.points[1:] == self.points[:-1]
        repeated[self._seams()] = False
        return self._without(np.flatnonzero(repeated) + 1) if repeated.any() else self

    def _without_middle(self) -> Lines:
        """Keep of points one below the other the first and the last."""
        x = self.points.real
        with_next = x[1:] == x[:-1]
        with_next[self._seams()] = False
        return self._without(np.flatnonzero(with_next[1:] & with_next[:-1]) + 1)

    def _seams(self) -> Numbers:
        """List the points that end a route, but for the last one."""
        ends = np.cumsum(self.counts)
        return ends[(ends > 0) & (ends < len(self.points))] - 1

    def _without(self, gone: Numbers) -> Lines:
        owner = np.repeat(np.arange(len(self.counts)), self.counts)[gone]
        counts = self.counts - np.bincount(owner, minlength=len(self.counts))
        return Lines(self.edges, counts, np.delete(self.points, gone))
