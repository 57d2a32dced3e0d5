"""A view of a graph on matplotlib's axes, in the pixels of the widget.

Everything has a fixed place in depth: frames, edges, lines of cuts, boxes, texts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.path import Path

from kerassplit_widget.display.figures import palette
from kerassplit_widget.display.figures.inks import Ink
from kerassplit_widget.display.figures.marks import Mark
from kerassplit_widget.display.figures.pages import write
from kerassplit_widget.display.figures.words import shortened, text_width
from kerassplit_widget.display.viewing import Scene, shown_title
from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.text import plural, shape_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DETAIL", "NAME", "Frame", "draw"]

NAME, DETAIL = 10.5, 9.0
"""Sizes of the two lines in a box, in pixels."""

_RADIUS = 5.0
_STACK = (6.0, 3.0)
"""How far the papers behind a repeat look out."""

_CURVE = 0.5523
"""How far the handles of a Bezier curve that is a quarter of a circle reach."""


@dataclass(frozen=True)
class Frame:
    """The outline of an open fold: a title; left, top, right, bottom in pixels; and of a group its name."""

    title: str
    rect: tuple[float, float, float, float]
    group: str = ""


def draw(
    axes: Axes,
    point: float,
    graph: LayerGraph,
    scene: Scene,
    inks: Sequence[Ink],
    frames: Sequence[Frame] = (),
    marks: Sequence[Mark] = (),
    ghosts: Collection[str] = (),
) -> None:
    """Draw a view.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        With pixels as coordinates, y growing downwards.
    point : float
        Points on paper that a pixel takes.
    graph : LayerGraph
        With n calls.
    scene : Scene
        Of this graph, with m boxes.
    inks : sequence of Ink, shape (m,)
    frames : sequence of Frame
    marks : sequence of Mark
        The cuts.
    ghosts : collection of str
        Calls that stand outside of the piece that is drawn.
    """
    _draw_frames(axes, point, frames)
    _draw_edges(axes, point, scene, marks)
    _draw_boxes(axes, point, graph, scene, inks, ghosts)
    _draw_texts(axes, point, graph, scene, inks, frames, ghosts)
    for mark in marks:
        _draw_mark(axes, point, scene, mark)


def _draw_frames(axes: Axes, point: float, frames: Sequence[Frame]) -> None:
    outlines = [_rounded(*frame.rect, 10.0) for frame in frames]
    axes.add_collection(
        PathCollection(
            outlines, facecolors="#f7f8fa", edgecolors="#c3c8ce", linewidths=1.0 * point, zorder=1.0, gid="frames"
        )
    )
    for frame in frames:
        left, top, right, _ = frame.rect
        title = shortened(frame.title, DETAIL, right - left - 24)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5 * point}
        write(axes, left + 12, top, title, DETAIL * point, color=palette.DIM, ha="left", zorder=3.5, bbox=box)


def _draw_edges(axes: Axes, point: float, scene: Scene, marks: Sequence[Mark]) -> None:
    layout = scene.layout
    if not len(layout.sources):
        return
    boxes = scene.view.boxes
    routes = [
        _before_papers(route) if boxes[target].kind == "repeat" and layout.direction == "down" else route
        for route, target in zip(
            np.split(layout.points.astype(float), layout.route_start[1:-1]), layout.targets.tolist(), strict=True
        )
    ]
    crossing = {edge for mark in marks for edge in mark.edges}
    plain = [route for edge, route in enumerate(routes) if edge not in crossing]
    lit = [routes[edge] for edge in sorted(crossing)]
    for some, colour, width in ((plain, palette.EDGE, 1.1), (lit, palette.ACCENT, 1.8)):
        axes.add_collection(LineCollection(some, colors=colour, linewidths=width * point, zorder=2.0))
        heads = [_arrow_head(route) for route in some if len(route) > 1]
        axes.add_collection(PolyCollection(heads, facecolors=colour, edgecolors="none", zorder=2.1, gid="arrows"))


def _before_papers(route: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """End a route that comes from above where the papers behind a repeat begin, which would hide its head."""
    drop = route[-1, 1] - route[-2, 1]
    if drop <= _STACK[0]:
        return route
    end = route[-1] - (route[-1] - route[-2]) * (_STACK[0] / drop)
    return np.concatenate([route[:-1], end[None]])


def _arrow_head(route: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    end, step = route[-1], route[-1] - route[-2]
    along = step / max(float(np.hypot(*step)), 1e-6)
    across = np.array([-along[1], along[0]])
    return np.array([end, end - 6.0 * along + 2.7 * across, end - 6.0 * along - 2.7 * across])


def _draw_boxes(
    axes: Axes,
    point: float,
    graph: LayerGraph,
    scene: Scene,
    inks: Sequence[Ink],
    ghosts: Collection[str],
) -> None:
    papers, outlines, bars, bar_inks = [], [], [], []
    for (left, top, right, bottom), box, ink in zip(_rects(scene), scene.view.boxes, inks, strict=True):
        outlines.append(_rounded(left, top, right, bottom, _RADIUS))
        if box.kind == "repeat":
            papers += [_rounded(left + d, top - d, right + d, bottom - d, _RADIUS) for d in _STACK]
        if ink.bar is not None:
            bars.append(_rounded(left + 5, top + 7, left + 8, bottom - 7, 1.5))
            bar_inks.append(ink.bar)
    thin = 0.8 * point
    axes.add_collection(
        PathCollection(papers, facecolors="white", edgecolors=palette.LINE, linewidths=thin, zorder=4.0)
    )
    axes.add_collection(
        PathCollection(
            outlines,
            facecolors=[ink.ground for ink in inks],
            edgecolors=[palette.DIM if box.children else palette.LINE for box in scene.view.boxes],
            linewidths=thin,
            linestyles=[(0, (3, 2)) if box.name in ghosts else "solid" for box in scene.view.boxes],
            zorder=5.0,
            gid="boxes",
        )
    )
    unknown = [outline for outline, ink in zip(outlines, inks, strict=True) if ink.hatched]
    axes.add_collection(
        PathCollection(
            unknown,
            facecolors="none",
            edgecolors=palette.HATCH,
            linewidths=0.0,
            hatch="////",
            zorder=5.2,
            gid="unknown",
        )
    )
    axes.add_collection(PathCollection(bars, facecolors=bar_inks, edgecolors="none", zorder=5.5))


def _draw_texts(
    axes: Axes,
    point: float,
    graph: LayerGraph,
    scene: Scene,
    inks: Sequence[Ink],
    frames: Sequence[Frame],
    ghosts: Collection[str],
) -> None:
    groups = {frame.group for frame in frames}
    for place, (box, ink) in enumerate(zip(scene.view.boxes, inks, strict=True)):
        x, y, width = float(scene.layout.x[place]), float(scene.layout.y[place]), float(scene.layout.sizes[place, 0])
        badge = f"×{box.count}" if box.count > 1 else ""
        used = text_width(badge, NAME) + 8 if badge else 0.0
        room = width - 16 - used - (8 if ink.bar is not None else 0)
        middle = x - used / 2 + (4 if ink.bar is not None else 0)
        title = shown_title(box, groups)
        title = title.removesuffix(f" {badge}") if badge else title
        if box.name in ghosts:
            title = f"from {title}"
        write(axes, middle, y - 6.5, shortened(title, NAME, room), NAME * point, color=ink.text, ha="center")
        detail = _detail(graph, scene, place, room)
        write(axes, middle, y + 7.5, detail, DETAIL * point, color=ink.dim, ha="center")
        if badge:
            write(axes, x + width / 2 - 9, y, badge, NAME * point, color=ink.text, ha="right", weight="bold")


def _detail(graph: LayerGraph, scene: Scene, place: int, room: float) -> str:
    """Write the second line, "Conv2D · 56×56×64". When short of room, the class gives way."""
    box = scene.view.boxes[place]
    exits = scene.view.exits[place]
    last = graph.calls[exits[0] if len(exits) == 1 else max(box.calls)]
    shape = shape_text(last.outputs[0].shape)
    calls = len(box.calls)
    kind = plural(calls, "call") if box.children else last.kind
    rest = room - text_width(f" · {shape}", DETAIL)
    if text_width(kind, DETAIL) <= rest:
        return f"{kind} · {shape}"
    keep = len(kind) - 1
    while keep > 3 and text_width(f"{kind[:keep]}…", DETAIL) > rest:
        keep -= 1
    if box.children or keep <= 3:
        return shortened(shape, DETAIL, room)
    return f"{kind[:keep]}… · {shape}"


def _draw_mark(axes: Axes, point: float, scene: Scene, mark: Mark) -> None:
    """Draw the line of a cut, the tensors that cross on it, and what there is to say at its end."""
    # below the boxes: it may have to pass one
    axes.plot(
        *zip(*mark.line, strict=True), color=palette.ACCENT, linewidth=1.4 * point, zorder=3.0, solid_capstyle="round"
    )
    if len(mark.chips):
        across, along = zip(*mark.chips, strict=True)
        axes.scatter(
            across,
            along,
            s=(7 * point) ** 2,
            facecolors="white",
            edgecolors=palette.ACCENT,
            linewidths=1.4 * point,
            zorder=5.8,
        )
    x, y = mark.text_at
    if mark.down:
        write(axes, x, y, mark.text, NAME * point, color=palette.ACCENT, ha="left", linespacing=1.15)
    else:
        style = {"ha": "center", "va": "bottom", "linespacing": 1.15}
        write(axes, x, y, mark.text, NAME * point, color=palette.ACCENT, **style)


def _rects(scene: Scene) -> list[list[float]]:
    centres = np.stack([scene.layout.x, scene.layout.y], axis=1)
    halves = scene.layout.sizes / 2
    rects: list[list[float]] = np.concatenate([centres - halves, centres + halves], axis=1).tolist()
    return rects


def _rounded(left: float, top: float, right: float, bottom: float, radius: float) -> Path:
    """Outline a rectangle with round corners."""
    r = min(radius, (right - left) / 2, (bottom - top) / 2)
    h = r * (1 - _CURVE)
    vertices = [
        (left + r, top),
        (right - r, top),
        (right - h, top),
        (right, top + h),
        (right, top + r),
        (right, bottom - r),
        (right, bottom - h),
        (right - h, bottom),
        (right - r, bottom),
        (left + r, bottom),
        (left + h, bottom),
        (left, bottom - h),
        (left, bottom - r),
        (left, top + r),
        (left, top + h),
        (left + h, top),
        (left + r, top),
        (left + r, top),
    ]
    corner = [Path.LINETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    return Path(vertices, [Path.MOVETO, *corner * 4, Path.CLOSEPOLY])
