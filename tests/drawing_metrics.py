"""How good a drawing is: crossings, hits, overlaps, strokes laid over each other, straightness, likeness of copies.

A stroke is a straight piece of a route. Pieces that edges of one producer share, its trunk, are one
stroke, also where one edge leaves the trunk before the other; so are pieces on which edges to one
consumer have met and that are the same from end to end. Strokes of edges with a call in common are
not compared: they meet at that call. A drawing that runs to the right is judged turned, as one that
runs down.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from kerassplit_widget.structure.layout import Layout

__all__ = ["Quality", "alike", "crossings", "hits", "overlaps", "quality", "straightness", "strokes", "turned_down"]

Array = npt.NDArray[np.float64]

_MARGIN = 2.0  # a line this far inside a box counts as running through it
_TOUCH = 0.5  # boxes that come closer than their size less this overlap
_SHARED = -7.0  # the consumer of a stroke that leads to several


@dataclass(frozen=True)
class Quality:
    crossings: int
    laid_over: int
    hits: int
    overlaps: int


def quality(layout: Layout) -> Quality:
    layout = turned_down(layout)
    lines = strokes(layout)
    crossed, laid_over = _meetings(lines)
    return Quality(crossed, laid_over, hits(layout, lines), overlaps(layout))


def turned_down(layout: Layout) -> Layout:
    """Swap x and y of a drawing that runs to the right."""
    if layout.direction == "down":
        return layout
    left, top, right, bottom = layout.bounds
    return replace(
        layout,
        x=layout.y,
        y=layout.x,
        sizes=layout.sizes[:, ::-1],
        points=layout.points[:, ::-1],
        bounds=(top, left, bottom, right),
        direction="down",
    )


def crossings(layout: Layout) -> int:
    """Pairs of strokes of unrelated edges that cross."""
    return _meetings(strokes(layout))[0]


def strokes(layout: Layout) -> Array:
    """Rows (x0, y0, x1, y1, producer, consumer), trunks joined."""
    layout = turned_down(layout)
    slanted: dict[tuple[float, ...], tuple[float, ...]] = {}
    vertical: dict[tuple[int, float], set[tuple[float, float, int]]] = defaultdict(set)
    ends = zip(layout.sources.tolist(), layout.targets.tolist(), strict=True)
    starts = layout.route_start
    for edge, (u, v) in enumerate(ends):
        route = layout.points[starts[edge] : starts[edge + 1]].round(2).tolist()
        for (x0, y0), (x1, y1) in pairwise(route):
            if x0 == x1:
                vertical[u, x0].add((min(y0, y1), max(y0, y1), v))
            else:
                slanted.setdefault((u, x0, y0, x1, y1), (x0, y0, x1, y1, u, v))
    rows = list(slanted.values())
    for (u, x), pieces in vertical.items():
        rows += [(x, low, x, high, u, v) for low, high, v in _unions(list(pieces))]
    merged = {(*row[:4], row[5]): row for row in rows}
    return np.array(list(merged.values()), dtype=float).reshape(-1, 6)


def _unions(pieces: list[tuple[float, float, int]]) -> list[tuple[float, float, float]]:
    """Cut overlapping intervals where their owners change; one with several owners belongs to none."""
    joined: list[tuple[float, float, float]] = []
    for low, high in pairwise(sorted({end for piece in pieces for end in piece[:2]})):
        owners = {v for start, end, v in pieces if start <= low and high <= end}
        if owners:
            owner = owners.pop() if len(owners) == 1 else _SHARED
            if joined and joined[-1][1:] == (low, owner):
                low = joined.pop()[0]
            joined.append((low, high, owner))
    return joined


def _meetings(lines: Array) -> tuple[int, int]:
    """Count crossing pairs, and pairs that lie on one line for more than 3 pixels."""
    low, high = np.minimum(lines[:, 1], lines[:, 3]), np.maximum(lines[:, 1], lines[:, 3])
    order = np.argsort(low, kind="stable")
    lines, low, high = lines[order], low[order], high[order]
    left, right = np.minimum(lines[:, 0], lines[:, 2]), np.maximum(lines[:, 0], lines[:, 2])
    ends = np.searchsorted(low, high, side="right")
    crossed = laid_over = 0
    for i, line in enumerate(lines):
        rest = slice(i + 1, ends[i])
        u, v = lines[rest, 4], lines[rest, 5]
        unrelated = (u != line[4]) & (v != line[5]) & (u != line[5]) & (v != line[4])
        near = (left[rest] <= right[i]) & (right[rest] >= left[i]) & unrelated
        if near.any():
            found = _meet(line, lines[rest][near])
            crossed += found[0]
            laid_over += found[1]
    return crossed, laid_over


def _meet(line: Array, others: Array) -> tuple[int, int]:
    start, along = line[:2], line[2:4] - line[:2]
    tails, heads = others[:, :2], others[:, 2:4]
    d1, d2 = _cross(along, tails - start), _cross(along, heads - start)
    d3, d4 = _cross(heads - tails, start - tails), _cross(heads - tails, line[2:4] - tails)
    tiny = 1e-6 * np.abs(along).sum() * np.abs(heads - tails).sum(axis=1) + 1e-9
    crossed = (d1 * d2 < -tiny) & (d3 * d4 < -tiny)
    length = np.hypot(*along)
    on_line = (np.abs(d1) < length) & (np.abs(d2) < length)  # both ends within a pixel
    t0, t1 = (tails - start) @ along / length, (heads - start) @ along / length
    shared = np.minimum(np.maximum(t0, t1), length) - np.maximum(np.minimum(t0, t1), 0)
    return int(crossed.sum()), int((on_line & (shared > 3)).sum())


def _cross(a: Array, b: Array) -> Array:
    product: Array = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return product


def hits(layout: Layout, lines: Array | None = None) -> int:
    """Pairs of a stroke and a box it runs through, the boxes at the edge's ends left out."""
    layout = turned_down(layout)
    lines = strokes(layout) if lines is None else lines
    order = np.argsort(layout.y, kind="stable")
    centres = np.stack([layout.x, layout.y], axis=1)[order].astype(float)
    half = layout.sizes[order].astype(float) / 2 - _MARGIN
    tallest = half[:, 1].max(initial=0.0)
    count = 0
    for line in lines:
        top, bottom = sorted((line[1], line[3]))
        rows = slice(*np.searchsorted(centres[:, 1], (top - tallest, bottom + tallest)))
        foreign = (order[rows] != line[4]) & (order[rows] != line[5])
        count += int((foreign & _runs_through(line, centres[rows], half[rows])).sum())
    return count


def _runs_through(line: Array, centres: Array, half: Array) -> npt.NDArray[np.bool_]:
    """Clip a stroke to each box (Liang and Barsky); is anything left?"""
    enter, leave = np.zeros(len(centres)), np.ones(len(centres))
    for axis in (0, 1):
        low, high = centres[:, axis] - half[:, axis], centres[:, axis] + half[:, axis]
        start, step = line[axis], line[axis + 2] - line[axis]
        if step == 0:
            leave = np.where((start < low) | (start > high), -1.0, leave)
        else:
            first, second = (low - start) / step, (high - start) / step
            enter = np.maximum(enter, np.minimum(first, second))
            leave = np.minimum(leave, np.maximum(first, second))
    inside: npt.NDArray[np.bool_] = leave > enter
    return inside


def overlaps(layout: Layout) -> int:
    """Pairs of boxes that overlap."""
    sizes = layout.sizes.astype(float)
    tops = layout.y - sizes[:, 1] / 2
    order = np.argsort(tops, kind="stable")
    sizes, tops, x = sizes[order], tops[order], layout.x[order].astype(float)
    ends = np.searchsorted(tops, tops + sizes[:, 1] - _TOUCH)
    return sum(
        int((np.abs(x[i + 1 : end] - x[i]) < (sizes[i + 1 : end, 0] + sizes[i, 0]) / 2 - _TOUCH).sum())
        for i, end in enumerate(ends)
    )


def straightness(layout: Layout, calls: npt.ArrayLike) -> float:
    """Share of the given calls that stand on one straight line, their median x."""
    x = turned_down(layout).x[np.asarray(calls, dtype=int)]
    return float((np.abs(x - np.median(x)) < 1).mean()) if len(x) else 1.0


def alike(layout: Layout, copies: Sequence[Sequence[int]], *, mirrored: bool = False) -> int:
    """Count the copies that are drawn like most are: boxes and inner routes, moved but not otherwise changed.

    `copies` are the calls of each in the same order; `mirrored` counts mirror images as alike.
    """
    layout = turned_down(layout)
    routes = np.split(layout.points.astype(float), layout.route_start[1:-1]) if len(layout.sources) else []
    leaving: dict[int, list[tuple[int, Array]]] = defaultdict(list)
    for u, v, route in zip(layout.sources.tolist(), layout.targets.tolist(), routes, strict=True):
        leaving[u].append((v, route))
    drawn: Counter[tuple[tuple[float, ...], ...]] = Counter()
    for calls in copies:
        place = {call: i for i, call in enumerate(calls)}
        centres = np.stack([layout.x[list(calls)], layout.y[list(calls)]], axis=1).astype(float)
        start = centres[0].copy()
        looks = []
        for sign in (1, -1) if mirrored else (1,):
            pieces = [tuple(((point - start) * (sign, 1) + 0.0).round(1).ravel().tolist()) for point in centres]
            pieces += sorted(
                (place[u], place[v], *((route - start) * (sign, 1) + 0.0).round(1).ravel().tolist())
                for u in calls
                for v, route in leaving[u]
                if v in place
            )
            looks.append(tuple(pieces))
        drawn[min(looks)] += 1
    return max(drawn.values(), default=0)
