"""Layout: where to draw every call, and how to draw the edges between them.

The drawing follows the region tree. What is in series is stacked on one axis, what is parallel
stands side by side, so neither can cross anything; only irreducible cores need the usual art. All
calls that lie on every path through the graph stand on one straight line, the axis, and regions
that are built alike are drawn alike.

Everything is worked out for a drawing that runs down. One that runs to the right is the same with
x and y swapped, made for boxes of swapped sizes, so that its text stays horizontal.

Reading order: `shapes` and `routes` (the words), `measure` (sizes, inside out) with `branches`, `canonical` and
`walking`, `core` (what is neither series nor parallel) with `sketching` and its helpers `levels`, `layered`,
`ordering`, `columns`, `stacking`, and `cells` and `composing` for what repeats in it, `rough` (more in cores than can
be drawn so well) with the rooms of that name, `place` (coordinates, outside in); `buses` (a tensor that is read all
along), `frames` (outlines).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from kerassplit_widget.structure.layout.buses import on_every_path, tapped, without_bus
from kerassplit_widget.structure.layout.measure import Measurer
from kerassplit_widget.structure.layout.place import Placement, place
from kerassplit_widget.structure.layout.routes import Lines
from kerassplit_widget.structure.layout.shapes import Spacing, edge_ends
from kerassplit_widget.structure.regions.reduction import Reduction
from kerassplit_widget.structure.regions.tree import grown

__all__ = ["Direction", "Layout", "lay_out"]

Direction: TypeAlias = Literal["down", "right"]
SPACING = Spacing()


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
    direction: Direction = "down",
    bus: Collection[int] = (),
    inputs: Sequence[int] = (),
    outputs: Sequence[int] = (),
    room: npt.ArrayLike = 0.0,
) -> Layout:
    """Draw a graph along its region tree.

    Parameters
    ----------
    successors : sequence of sequences of int
        ``successors[i]`` lists the distinct consumers of call ``i``, each greater than ``i``,
        ascending.
    size : array_like of float, shape (2,) or (n, 2), optional
        Width and height in pixels, of every box or of each.
    direction : {"down", "right"}, optional
        Where the edges lead.
    bus : collection of int, optional
        Calls that are read all along the graph, as a mask is. The edges out of one are drawn as one
        trunk beside the body with a tap for each reader, and the body is lined up without regard to
        them. Without this, a tensor that is made from few others and read by many is drawn so where it makes the body
        straight and crosses nothing.
    inputs, outputs : sequence of int, optional
        Calls that rather stand in this order from left to right (or from top to bottom, if the drawing runs to the
        right), where no more lines cross for it.
    room : array_like of float, shape () or (n,), optional
        Pixels that are to be kept free above each box, as titles of frames need it; below it too, if the drawing runs
        to the right.

    Returns
    -------
    Layout
        The same for the same input, always.

    Raises
    ------
    ValueError
        If `size`, `room` or `direction` is none of these, or an edge leads to a smaller call.

    Notes
    -----
    Linear in the size of the graph and of the drawing. Where many calls are in cores that differ, these are drawn less
    well.

    Examples
    --------
    >>> layout = lay_out([[1, 3], [2], [3], []])
    >>> layout.x.tolist(), layout.y.tolist()
    ([0.0, 0.0, 0.0, 0.0], [18.0, 78.0, 138.0, 198.0])

    To the right, with a box of its own size for each call:

    >>> layout = lay_out([[1], []], size=[(100, 20), (60, 40)], direction="right")
    >>> layout.x.tolist(), layout.y.tolist(), layout.points.tolist()
    ([50.0, 154.0], [0.0, 0.0], [[100.0, 0.0], [124.0, 0.0]])
    """
    if direction not in ("down", "right"):
        raise ValueError(f'the direction is {direction!r}; it must be "down" or "right"')
    sizes = _sizes(size, len(successors))
    along = slice(None, None, -1 if direction == "right" else 1)  # swaps x and y
    free = np.broadcast_to(np.asarray(room, dtype=np.float32), len(successors))
    across, length = sizes[:, along].T
    if direction == "down":
        length = length + free
    else:
        across = across + 2 * free
    ends = (inputs, outputs)
    reduction = Reduction(successors)
    placement = _with_a_bus(successors, reduction.left, (across, length), bus, ends) if reduction.left else None
    if placement is None:
        tree = grown(reduction)
        measurer = Measurer(
            zip(across.tolist(), length.tolist(), strict=True), SPACING, bus, inputs=inputs, outputs=outputs
        )
        placement = place(tree, measurer.boxes, measurer.measure(tree), SPACING)
    if direction == "down" and free.any():
        placement = _free_above(placement, free)
    return _packed(successors, sizes, placement, direction, along)


def _free_above(placement: Placement, free: npt.NDArray[np.float32]) -> Placement:
    """Move boxes to the bottom of the room they have got; lines go on down to them."""
    more = free.astype(np.float64)
    edges, counts, points = placement.routes
    _, readers = edge_ends(edges)
    longer = more[readers] > 0
    ends = np.cumsum(counts)[longer]
    points = np.insert(points, ends, points[ends - 1] + 1j * more[readers[longer]])
    return Placement(placement.x, placement.y + more / 2, Lines(edges, counts + longer, points))


def _with_a_bus(
    successors: Sequence[Sequence[int]],
    left: int,
    sizes: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]],
    wanted: Collection[int],
    ends: tuple[Sequence[int], Sequence[int]],
) -> Placement | None:
    """Draw one tensor beside all the rest, where that makes most cores vanish and costs no crossing.

    `left` calls of the graph are in cores, or between them.
    """
    taken = without_bus(successors, wanted)
    if taken is None:
        return None
    reduction = Reduction(taken.successors)
    if reduction.left > left // 4:
        return None
    body = grown(reduction)
    readers = {taken.bus, *successors[taken.bus]}
    near = {i for i, call in enumerate(taken.order) if call in readers}
    place_of = {call: i for i, call in enumerate(taken.order)}
    inputs, outputs = ([place_of[call] for call in calls] for calls in ends)
    boxes = zip(*(side[taken.order].tolist() for side in sizes), strict=True)
    measurer = Measurer(boxes, SPACING, (), near, taken.aside, inputs, outputs)
    placed = place(body, measurer.boxes, measurer.measure(body), SPACING)
    halves = sizes[0].astype(np.complex128) / 2 + 0.5j * sizes[1]
    found = tapped(taken, placed, halves, successors, SPACING)
    return found if found is not None and not found.x[on_every_path(successors)].any() else None


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
    routes = placement.routes.simplified()
    routes = routes.taken(np.argsort(routes.edges))  # by producer, then by consumer
    centres = np.array([placement.x, placement.y], dtype=np.float32).T[:, along]
    points = routes.points.astype(np.complex64).view(np.float32).reshape(-1, 2)[:, along]
    half = sizes / np.float32(2)
    readers = np.fromiter(map(len, successors), dtype=np.int32)
    route_start = np.zeros(len(routes.counts) + 1, dtype=np.int32)
    np.cumsum(routes.counts, out=route_start[1:])
    return Layout(
        x=centres[:, 0].copy(),
        y=centres[:, 1].copy(),
        sizes=sizes,
        sources=np.repeat(np.arange(len(successors), dtype=np.int32), readers),
        targets=np.fromiter(chain.from_iterable(successors), dtype=np.int32),
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
    # one column after the other: along a short axis numpy is slow
    sides = [
        float(extreme([pick(boxes[:, k]), pick(points[:, k], initial=start)]))
        for boxes, pick, extreme, start in ((top_left, np.min, min, np.inf), (bottom_right, np.max, max, -np.inf))
        for k in (0, 1)
    ]
    left, top, right, bottom = sides
    return left, top, right, bottom
