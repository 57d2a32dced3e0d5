"""Layout: where to draw every call, and how to draw the edges between them.

The drawing follows the region tree. What is in series is stacked on one axis, what is parallel
stands side by side, so neither can cross anything; only irreducible cores need the usual art. All
calls that lie on every path through the graph stand on the axis x = 0, and regions that are built
alike are drawn alike.

Reading order: `shapes` (the words), `measure` (sizes, inside out), `core` and its helpers
`layered`, `ordering`, `columns` (what is neither series nor parallel), `place` (coordinates,
outside in).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from kerassplit_widget.structure.layout.measure import Measurer
from kerassplit_widget.structure.layout.place import Placement, place
from kerassplit_widget.structure.layout.shapes import Spacing
from kerassplit_widget.structure.regions.tree import Region, region_tree

__all__ = ["Layout", "lay_out"]


# eq=False: arrays do not compare to a bool.
@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Coordinates of a drawn graph with n calls and m edges, in pixels; y grows downwards.

    Attributes
    ----------
    x, y : ndarray of float32, shape (n,)
        Centres of the boxes. x = 0 is the axis.
    sources, targets : ndarray of int32, shape (m,)
        Ends of the edges, in the order ``for u in calls: for v in successors[u]``.
    route_start : ndarray of int32, shape (m + 1,)
        Edge ``e`` is drawn through ``points[route_start[e]:route_start[e + 1]]``.
    points : ndarray of float32, shape (k, 2)
        Polylines from the bottom centre of the producer's box to the top centre of the consumer's.
        Edges of one producer may run along the same trunk before they part.
    size : tuple of float
        Width and height of every box.
    bounds : tuple of float
        Left, top, right, bottom of all boxes and routes.
    """

    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]
    sources: npt.NDArray[np.int32]
    targets: npt.NDArray[np.int32]
    route_start: npt.NDArray[np.int32]
    points: npt.NDArray[np.float32]
    size: tuple[float, float]
    bounds: tuple[float, float, float, float]


def lay_out(
    successors: Sequence[Sequence[int]],
    *,
    size: tuple[float, float] = (150.0, 36.0),
    tree: Region | None = None,
) -> Layout:
    """Draw a graph along its region tree.

    Parameters
    ----------
    successors : sequence of sequences of int
        ``successors[i]`` lists the distinct consumers of call ``i``, each greater than ``i``,
        ascending.
    size : tuple of float, optional
        Width and height of a box in pixels.
    tree : Region, optional
        ``region_tree(successors)``, if it is at hand.

    Returns
    -------
    Layout
        The same for the same input, always.

    Notes
    -----
    Linear in the size of the graph and of the drawing, cores apart; the effort for one is bounded.

    Examples
    --------
    >>> layout = lay_out([[1, 3], [2], [3], []])
    >>> layout.x.tolist(), layout.y.tolist()
    ([0.0, 0.0, 0.0, 0.0], [18.0, 84.0, 150.0, 216.0])
    """
    tree = region_tree(successors) if tree is None else tree
    space = Spacing(*size)
    placement = place(tree, Measurer(space).measure(tree), space)
    return _packed(successors, size, placement)


def _packed(successors: Sequence[Sequence[int]], size: tuple[float, float], placement: Placement) -> Layout:
    """Put coordinates and routes into arrays."""
    edges = [(u, v) for u, targets in enumerate(successors) for v in targets]
    routes = [placement.routes[edge] for edge in edges]
    ends = np.array(edges, dtype=np.int32).reshape(-1, 2)
    x = np.array(placement.x, dtype=np.float32)
    y = np.array(placement.y, dtype=np.float32)
    points = np.array(list(chain.from_iterable(routes)), dtype=np.float32).reshape(-1, 2)
    lengths = np.fromiter(map(len, routes), dtype=np.int32, count=len(routes))
    return Layout(
        x=x,
        y=y,
        sources=ends[:, 0].copy(),
        targets=ends[:, 1].copy(),
        route_start=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32),
        points=points,
        size=size,
        bounds=_bounds(x, y, points, size),
    )


def _bounds(
    x: npt.NDArray[np.float32],
    y: npt.NDArray[np.float32],
    points: npt.NDArray[np.float32],
    size: tuple[float, float],
) -> tuple[float, float, float, float]:
    if not len(x):
        return (0.0, 0.0, 0.0, 0.0)
    half_width, half_height = size[0] / 2, size[1] / 2
    xs, ys = points[:, 0], points[:, 1]
    return (
        float(min(x.min() - half_width, xs.min(initial=0.0))),
        float(min(y.min() - half_height, ys.min(initial=np.inf))),
        float(max(x.max() + half_width, xs.max(initial=0.0))),
        float(max(y.max() + half_height, ys.max(initial=-np.inf))),
    )
