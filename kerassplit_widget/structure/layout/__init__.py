"""Layout: where to draw every call, and how to draw the edges between them.

The drawing follows the region tree. What is in series is stacked on one axis, what is parallel
stands side by side, so neither can cross anything; only irreducible cores need the usual art. All
calls that lie on every path through the graph stand on one straight line, the axis, and regions
that are built alike are drawn alike.

Everything is worked out for a drawing that runs down. One that runs to the right is the same with
x and y swapped, made for boxes of swapped sizes, so that its text stays horizontal.

Reading order: `shapes` (the words), `measure` (sizes, inside out), `core` and its helpers
`layered`, `ordering`, `columns` (what is neither series nor parallel), `place` (coordinates,
outside in).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from kerassplit_widget.structure.layout.measure import Measurer
from kerassplit_widget.structure.layout.place import Placement, place
from kerassplit_widget.structure.layout.shapes import Spacing
from kerassplit_widget.structure.regions.tree import Region, region_tree

__all__ = ["Direction", "Layout", "lay_out"]

Direction: TypeAlias = Literal["down", "right"]


# eq=False: arrays do not compare to a bool.
@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Coordinates of a drawn graph with n calls and m edges, in pixels; y grows downwards.

    Attributes
    ----------
    x, y : ndarray of float32, shape (n,)
        Centres of the boxes. The axis is x = 0, or y = 0 if the drawing runs to the right.
    sizes : ndarray of float32, shape (n, 2)
        Width and height of each box.
    sources, targets : ndarray of int32, shape (m,)
        Ends of the edges, in the order ``for u in calls: for v in successors[u]``.
    route_start : ndarray of int32, shape (m + 1,)
        Edge ``e`` is drawn through ``points[route_start[e]:route_start[e + 1]]``.
    points : ndarray of float32, shape (k, 2)
        Polylines from the bottom centre of the producer's box to the top centre of the consumer's,
        or from right to left centre if the drawing runs to the right.
        Edges of one producer may run along the same trunk before they part.
    bounds : tuple of float
        Left, top, right, bottom of all boxes and routes.
    direction : {"down", "right"}
        Where the edges lead.
    """

    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]
    sizes: npt.NDArray[np.float32]
    sources: npt.NDArray[np.int32]
    targets: npt.NDArray[np.int32]
    route_start: npt.NDArray[np.int32]
    points: npt.NDArray[np.float32]
    bounds: tuple[float, float, float, float]
    direction: Direction = "down"

    @property
    def size(self) -> tuple[float, float]:
        """The largest width and the largest height of a box; the size of all, if they are alike."""
        width, height = self.sizes.max(axis=0, initial=0.0).tolist()
        return width, height


def lay_out(
    successors: Sequence[Sequence[int]],
    *,
    size: npt.ArrayLike = (150.0, 36.0),
    tree: Region | None = None,
    direction: Direction = "down",
    bus: Collection[int] = (),
) -> Layout:
    """Draw a graph along its region tree.

    Parameters
    ----------
    successors : sequence of sequences of int
        ``successors[i]`` lists the distinct consumers of call ``i``, each greater than ``i``,
        ascending.
    size : array_like of float, shape (2,) or (n, 2), optional
        Width and height in pixels, of every box or of each.
    tree : Region, optional
        ``region_tree(successors)``, if it is at hand.
    direction : {"down", "right"}, optional
        Where the edges lead.
    bus : collection of int, optional
        Calls that are read all along the graph, as a mask is. The edges out of one are drawn as one
        trunk beside the body with a tap for each reader, and the body is lined up without regard to
        them.

    Returns
    -------
    Layout
        The same for the same input, always.

    Raises
    ------
    ValueError
        If `size` or `direction` is none of these, or an edge leads to a smaller call.

    Notes
    -----
    Linear in the size of the graph and of the drawing, cores apart; the effort for one is bounded.

    Examples
    --------
    >>> layout = lay_out([[1, 3], [2], [3], []])
    >>> layout.x.tolist(), layout.y.tolist()
    ([0.0, 0.0, 0.0, 0.0], [18.0, 84.0, 150.0, 216.0])

    To the right, with a box of its own size for each call:

    >>> layout = lay_out([[1], []], size=[(100, 20), (60, 40)], direction="right")
    >>> layout.x.tolist(), layout.y.tolist(), layout.points.tolist()
    ([50.0, 160.0], [0.0, 0.0], [[100.0, 0.0], [130.0, 0.0]])
    """
    if direction not in ("down", "right"):
        raise ValueError(f'the direction is {direction!r}; it must be "down" or "right"')
    sizes = _sizes(size, len(successors))
    along = slice(None, None, -1 if direction == "right" else 1)  # swaps x and y
    tree = region_tree(successors) if tree is None else tree
    space = Spacing()
    measurer = Measurer(zip(*sizes[:, along].T.tolist(), strict=True), space, bus)
    placement = place(tree, measurer.boxes, measurer.measure(tree), space)
    return _packed(successors, sizes, placement, direction, along)


def _sizes(size: npt.ArrayLike, n: int) -> npt.NDArray[np.float32]:
    """One width and height for each of n calls."""
    found = np.asarray(size, dtype=np.float32)
    if found.shape not in ((2,), (n, 2)):
        raise ValueError(f"the sizes have shape {found.shape}; it must be (2,), or (n, 2) for the {n} calls")
    if not (np.isfinite(found) & (found > 0)).all():
        raise ValueError("every width and height must be a number above 0")
    return np.broadcast_to(found, (n, 2)).copy()


def _packed(
    successors: Sequence[Sequence[int]],
    sizes: npt.NDArray[np.float32],
    placement: Placement,
    direction: Direction,
    along: slice,
) -> Layout:
    """Put coordinates and routes into arrays."""
    edges = [(u, v) for u, targets in enumerate(successors) for v in targets]
    routes = [placement.routes[edge] for edge in edges]
    # fromiter is much faster than array for a list of tuples
    ends = np.fromiter(chain.from_iterable(edges), dtype=np.int32).reshape(-1, 2)
    centres = np.array([placement.x, placement.y], dtype=np.float32).T[:, along]
    flat = chain.from_iterable(chain.from_iterable(routes))
    points = np.fromiter(flat, dtype=np.float32).reshape(-1, 2)[:, along]
    half = sizes / np.float32(2)
    route_start = np.zeros(len(routes) + 1, dtype=np.int32)
    np.cumsum([len(route) for route in routes], out=route_start[1:])
    return Layout(
        x=centres[:, 0].copy(),
        y=centres[:, 1].copy(),
        sizes=sizes,
        sources=ends[:, 0].copy(),
        targets=ends[:, 1].copy(),
        route_start=route_start,
        points=points.copy(),
        bounds=_bounds(centres - half, centres + half, points),
        direction=direction,
    )


def _bounds(
    top_left: npt.NDArray[np.float32],
    bottom_right: npt.NDArray[np.float32],
    points: npt.NDArray[np.float32],
) -> tuple[float, float, float, float]:
    if not len(top_left):
        return (0.0, 0.0, 0.0, 0.0)
    left, top = np.minimum(top_left.min(axis=0), points.min(axis=0, initial=np.inf)).tolist()
    right, bottom = np.maximum(bottom_right.max(axis=0), points.max(axis=0, initial=-np.inf)).tolist()
    return left, top, right, bottom
