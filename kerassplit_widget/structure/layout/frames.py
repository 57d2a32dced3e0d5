"""Frames: outlines round boxes that belong together, one in another, with room for a title on the top edge.

The layout is asked for the room first (`room_for`); with it the outlines of neighbours never overlap.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kerassplit_widget.structure.layout import Layout

__all__ = ["Rect", "outlines", "room_for"]

Rect = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""

_TITLE = 15.0  # of a frame above what is in it
_SIDE = (6.0, 9.0, 11.0)  # of a frame around boxes, of one around that, of all further ones
_FOOT = 4.0


def room_for(frames: Sequence[Sequence[int]], n: int, successors: Sequence[Sequence[int]]) -> list[float]:
    """Tell how much room the titles of frames need beside the gaps that there are anyway.

    Parameters
    ----------
    frames : sequence of sequences of int
        The boxes in each frame, ascending; an outer frame before those in it.
    n : int
        Number of boxes.
    successors : sequence of sequences of int
        For each box those that read from it.

    Returns
    -------
    list of float
        For each box the room in pixels before it, as `lay_out` takes it.

    Examples
    --------
    >>> room_for([(1, 2, 3), (2, 3)], 4, [[1], [2], [3], []])
    [0.0, 15.0, 15.0, 0.0]
    """
    room = [0.0] * n
    for boxes in frames:
        inside = set(boxes)
        led_to = {v for u in boxes for v in successors[u] if v in inside}
        for box in inside - led_to:
            room[box] += _TITLE
    return room


def outlines(layout: Layout, frames: Sequence[Sequence[int]]) -> list[Rect | None]:
    """Outline frames.

    Parameters
    ----------
    layout : Layout
        Of n boxes, made with the room for the frames.
    frames : sequence of sequences of int
        The boxes in each frame, ascending; an outer frame before those in it.

    Returns
    -------
    list of Rect or None
        None for a frame without boxes, and for one that would hold a box or cut a frame that is not in it.

    Examples
    --------
    >>> from kerassplit_widget.structure.layout import lay_out
    >>> chain = [[1], [2], []]
    >>> frames = [(1, 2), (2,)]
    >>> outlines(lay_out(chain, size=(100, 40), room=room_for(frames, 3, chain)), frames)
    [(-59.0, 64.0, 59.0, 208.0), (-56.0, 143.0, 56.0, 204.0)]
    """
    centres = np.stack([layout.x, layout.y], axis=1).astype(float)
    low, high = centres - layout.sizes / 2, centres + layout.sizes / 2
    around = _around(frames)
    found: list[Rect | None] = [None] * len(frames)
    height = [0] * len(frames)  # frames one in another, from the inside
    for i in range(len(frames) - 1, -1, -1):
        boxes = list(frames[i])
        if not boxes:
            continue
        inner = [j for j, outer in enumerate(around) if outer == i]
        level = height[i] = 1 + max((height[j] for j in inner), default=0)
        side = _SIDE[min(level, len(_SIDE)) - 1]
        rects = [rect for j in inner if (rect := found[j]) is not None]
        left, right = low[boxes, 0].min() - side, high[boxes, 0].max() + side
        # Where a frame begins with another one, its title stands above that of the other.
        top = min([low[boxes, 1].min(), *(rect[1] for rect in rects)]) - _TITLE
        bottom = max([high[boxes, 1].max() + _SIDE[0] - _FOOT, *(rect[3] for rect in rects)]) + _FOOT
        found[i] = (float(left), float(top), float(right), float(bottom))
    return _apart(found, frames, low, high)


def _around(frames: Sequence[Sequence[int]]) -> list[int]:
    """Find for each frame the innermost one around it; -1 if there is none."""
    around = []
    stack: list[int] = []
    for i, boxes in enumerate(frames):
        while stack and not (boxes and set(boxes) <= set(frames[stack[-1]])):
            stack.pop()
        around.append(stack[-1] if stack else -1)
        stack.append(i)
    return around


def _apart(
    rects: list[Rect | None],
    frames: Sequence[Sequence[int]],
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
) -> list[Rect | None]:
    """Leave out frames that hold a foreign box, then inner ones that overlap a frame that is not around them."""
    kept: list[tuple[int, Rect]] = []
    for i, rect in enumerate(rects):
        if rect is None:
            continue
        inside = set(frames[i])
        touched = ((high > rect[:2]) & (low < rect[2:])).all(axis=1)
        foreign = any(box not in inside for box in np.flatnonzero(touched).tolist())
        if foreign or any(_overlap(rect, other) and not inside <= set(frames[j]) for j, other in kept):
            rects[i] = None
        else:
            kept.append((i, rect))
    return rects


def _overlap(a: Rect, b: Rect) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
