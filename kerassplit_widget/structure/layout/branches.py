"""Parallel branches: which stands where, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from kerassplit_widget.structure.layout.shapes import ParallelShape, Shape, Spacing

__all__ = ["parallel_shape"]

_DOMINANT = 0.55  # share of the calls, from which on a branch stands on the axis


def parallel_shape(
    number: int,
    inner: Sequence[Shape],
    size: int,
    open_ends: tuple[bool, bool],
    space: Spacing,
    *,
    ordered: bool,
) -> ParallelShape:
    """Put branches side by side, the skip in a lane on the lighter side, what hangs on a bus to the right."""
    branches = [i for i, shape in enumerate(inner) if shape.size and not shape.aside]
    height = max(shape.height for shape in inner)
    tapped = any(shape.tapped for shape in inner)
    side_by_side = _in_a_row if ordered else _side_by_side
    axis, left, right = side_by_side([inner[i] for i in branches], size, space)
    across = dict(zip(branches, axis, strict=True))
    for i, shape in enumerate(inner):
        if shape.aside:
            across[i] = right + space.node + shape.left
            right = across[i] + shape.right
        elif not shape.size and not branches:
            across[i] = 0.0
        elif not shape.size and right <= left and not tapped:
            right += space.lane
            across[i] = right
        elif not shape.size:
            left += space.lane
            across[i] = -left
    slots = []
    for i, shape in enumerate(inner):
        slack = height - shape.height if shape.size else 0.0
        # Inputs stand close to what reads them, outputs close to what makes them.
        y = {(True, False): slack, (False, False): slack / 2}.get(open_ends, 0.0)
        slots.append(complex(across[i], y))
    return ParallelShape(number, left, right, height, size, tuple(slots), tapped=tapped)


def _side_by_side(inner: Sequence[Shape], size: int, space: Spacing) -> tuple[list[float], float, float]:
    """Axes of the branches, and the room to the left and right of the common axis.

    A branch with at least 55 % of the calls goes on the axis and the others beside it, each on the
    side that is lighter so far. Otherwise the row is centred, the largest branch in the middle.
    Between a branch that is joined with a bus and the bus on the right are only others such.
    """
    tapped = any(shape.tapped for shape in inner)
    by_size = sorted(range(len(inner)), key=lambda i: (-inner[i].size, inner[i].number, i))
    if not inner:
        return [], space.lane / 2, space.lane / 2
    first = inner[by_size[0]]
    axis = [0.0] * len(inner)
    left, right = first.left, first.right
    for i in by_size[1:]:
        shape = inner[i]
        if shape.tapped if tapped else right <= left:
            axis[i] = right + space.node + shape.left
            right = axis[i] + shape.right
        else:
            axis[i] = -(left + space.node + shape.right)
            left = -axis[i] + shape.left
    if first.size < _DOMINANT * size and len(inner) % 2 == 0:  # an odd row has its middle on the axis
        shift = (left - right) / 2
        axis = [x + shift for x in axis]
        left = right = (left + right) / 2
    return axis, left, right


def _in_a_row(inner: Sequence[Shape], size: int, space: Spacing) -> tuple[list[float], float, float]:
    """Do the same for branches that keep their order from left to right."""
    n = len(inner)
    pivot = max(range(n), key=lambda i: inner[i].size)
    alone = inner[pivot].size >= _DOMINANT * size
    if not alone:
        pivot = n // 2
    axis = [0.0] * n
    left, right = inner[pivot].left, inner[pivot].right
    for i in range(pivot + 1, n):
        axis[i] = right + space.node + inner[i].left
        right = axis[i] + inner[i].right
    for i in range(pivot - 1, -1, -1):
        axis[i] = -(left + space.node + inner[i].right)
        left = -axis[i] + inner[i].left
    if not alone and n % 2 == 0:
        shift = (left - right) / 2
        axis = [x + shift for x in axis]
        left = right = (left + right) / 2
    return axis, left, right
