"""`plot_landscape`: what crosses along a model and what is left on each side, so that one look tells where to cut."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from kerassplit_widget.display.figures import palette
from kerassplit_widget.display.figures.pages import Page, checked_width
from kerassplit_widget.display.figures.scales import amount_axis, bytes_axis
from kerassplit_widget.display.figures.words import shortened, text_width
from kerassplit_widget.errors import ModelError, SplitError
from kerassplit_widget.models.counting import count_reading
from kerassplit_widget.models.cutting import place_cuts
from kerassplit_widget.models.inputs import Shapes
from kerassplit_widget.models.planning import Plan
from kerassplit_widget.models.reading import Expand, read_steps
from kerassplit_widget.structure.arguments import whole_number
from kerassplit_widget.structure.costs import CostTable
from kerassplit_widget.structure.cuts import Cut, cut_candidates, cut_of
from kerassplit_widget.structure.graph import LayerGraph
from kerassplit_widget.structure.text import bytes_text, count_text, listed, plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["crossing_bytes", "plot_landscape"]

Measure = Literal["depth", "macs", "params"]
Array = npt.NDArray[np.float64]

_TITLES = {
    "depth": "calls before the cut",
    "macs": "multiply-adds before the cut",
    "params": "parameters before the cut",
}
_SIZE = 8.0
_SMALL = 7.0
_LEFT, _RIGHT, _BOTTOM, _GAP = 0.72, 0.16, 0.48, 0.14
"""Inches around the two panels and between them."""

_CROSSING, _SHARES = 1.9, 0.85
"""Heights of the two panels in inches."""


def plot_landscape(
    model: Any,
    cuts: Sequence[Any] | Plan | None = None,
    *,
    batch_size: int = 1,
    x: Measure = "depth",
    plan: Plan | None = None,
    width: float | None = None,
    input_shapes: Shapes | None = None,
    expand: Expand = "nested",
) -> Figure:
    """Draw what crosses along a model, and what is left on each side.

    Above: the bytes of the tensors that are made before a place and read after it, each once, with the masks that have
    to come along; at every place between two calls in the model's topological order. Open circles are candidates, where
    a single tensor crosses; without cuts, the place or candidate in each third of the axis where the least crosses is
    named. Below: how much of the parameters and of the multiply-adds lies before the place.

    Parameters
    ----------
    model : keras.Model
    cuts : list or Plan, optional
        Cuts to mark, as `split` takes them.
    batch_size : int
    x : {"depth", "macs", "params"}
        What the model's length is measured by: calls, multiply-adds or parameters before the place.
    plan : Plan, optional
        Its cuts are marked by dashed lines. What the plan was made with goes before `input_shapes` and `expand`.
    width : float, optional
        Inches, such as 3.5 for a column of a paper; 7 by default.
    input_shapes : tuple, or dict of str to tuple, optional
        Fixes unknown dimensions of the inputs, as for `read`.
    expand : str or list of str
        Which groups are opened, as for `read`.

    Returns
    -------
    matplotlib.figure.Figure
        With two axes that share what is on x. A cut that is no place in the topological order stands where as much
        is before it.

    Raises
    ------
    ModelError
        If it is not a Keras model, its graph is not known, a dimension other than the batch is unknown, or it has no
        two calls to cut between.
    PointError, CutError
        If a cut is not possible.
    SplitError
        If another argument is none of these.

    Examples
    --------
    >>> import keras
    >>> import kerassplit_widget as ks
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(2)])
    >>> figure = ks.plot_landscape(model, cuts=["a"])
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['bytes crossing', 'before, %']
    """
    if x not in get_args(Measure):
        raise SplitError(f"x= is one of {listed(get_args(Measure))}; found {x!r}.")
    if plan is not None and not isinstance(plan, Plan):
        raise SplitError(f"plan= is a Plan, as ks.plan returns it; found {plan!r:.80}.")
    batch_size = whole_number("batch_size", batch_size)
    inches = checked_width(width) or 7.0
    options: dict[str, Any] = {"expand": expand, "input_shapes": input_shapes}
    for given in (cuts, plan):
        options |= given.options if isinstance(given, Plan) else {}
    reading = read_steps(model, **options)
    graph = reading.graph
    ground = _Ground(graph, count_reading(reading, batch_size), x)
    if len(ground.order) < 2:
        raise ModelError(
            f"{graph.name!r} has {plural(len(ground.order), 'call')}: there is no place between two to cut at."
        )
    solid = place_cuts(reading, cuts.cuts if isinstance(cuts, Plan) else cuts) if cuts else []
    dashed = place_cuts(reading, plan.cuts) if plan is not None and plan.cuts else []
    crossing = crossing_bytes(graph, batch_size)
    known = [each for each in [*solid, *dashed] if each.nbytes(batch_size) is not None]
    if crossing is None or len(known) < len(solid) + len(dashed):
        raise ModelError(
            f"The size of a tensor of {graph.name!r} is unknown: fix the unknown dimensions by input_shapes=."
        )
    marks = [_Mark(cut, ground.before(cut), cut.nbytes(batch_size) or 0, "-") for cut in solid]
    marks += [_Mark(cut, ground.before(cut), cut.nbytes(batch_size) or 0, "--") for cut in dashed]
    return _draw(ground, crossing, marks, inches, batch_size)


def crossing_bytes(graph: LayerGraph, batch_size: int = 1) -> Array | None:
    """Count what crosses at each place of the topological order of the computed calls.

    Parameters
    ----------
    graph : LayerGraph
        With n computed calls.
    batch_size : int

    Returns
    -------
    ndarray of float64, shape (n - 1,) or None
        Bytes of the tensors made before the place and read after it, each once, and of the masks that come along;
        raw inputs left out. None when the size of one is unknown.
    """
    order = [n for n, call in enumerate(graph) if not call.is_input]
    place = {n: i for i, n in enumerate(order)}
    steps = np.zeros(len(order) + 1)
    for n in order:
        for tensor in graph.calls[n].outputs:
            for size, readers in (
                (tensor.nbytes(batch_size), graph.consumers[tensor.name]),
                (tensor.mask_nbytes(batch_size), graph.mask_consumers.get(tensor.name, ())),
            ):
                if not readers:
                    continue
                if size is None:
                    return None
                steps[place[n]] += size
                steps[place[readers[-1]]] -= size
    return np.cumsum(steps)[: max(len(order) - 1, 0)]


class _Ground:
    """Where the calls of a model are along the axis.

    Attributes
    ----------
    order : list of int
        Numbers of the computed calls.
    ends : ndarray of float64, shape (n,)
        How much is before the place after each of them.
    shares : dict of str to ndarray of float64, shape (n,)
        Percent of the parameters and of the multiply-adds before that place; a quantity of which there is none, or
        that is unknown, is left out.
    totals : dict of str to int
    title : str
        What the axis measures.
    """

    def __init__(self, graph: LayerGraph, table: CostTable, measure: Measure) -> None:
        self.graph, self.measure = graph, measure
        self.order = [n for n, call in enumerate(graph) if not call.is_input]
        amounts = {
            "depth": np.ones(len(self.order)),
            "macs": np.array([table.rows[n].macs or 0 for n in self.order], dtype=float),
            "params": np.array([table.rows[n].params for n in self.order], dtype=float),
        }
        if measure != "depth" and not amounts[measure].sum():
            raise SplitError(f"The {_TITLES[measure].split()[0]} of {graph.name!r} are 0 or unknown: take x='depth'.")
        self.amount = dict(zip(self.order, amounts[measure].tolist(), strict=True))
        self.ends = np.cumsum(amounts[measure])
        self.total = float(self.ends[-1]) if self.order else 0.0
        words = {"params": "parameters", "macs": "multiply-adds"}
        self.title = _TITLES[measure]
        if any(table.rows[n].macs is None for n in self.order):
            words["macs"] = "multiply-adds, as far as known"
            self.title += ", as far as known" if measure == "macs" else ""
        self.totals = {words[key]: int(amounts[key].sum()) for key in words if amounts[key].sum()}
        self.shares = {words[key]: 100 * np.cumsum(amounts[key]) / amounts[key].sum() for key in words
                       if amounts[key].sum()}  # fmt: skip

    def before(self, cut: Cut) -> float:
        """Tell how much is before a cut."""
        return math.fsum(self.amount[n] for n in cut.head if n in self.amount)


@dataclass(frozen=True)
class _Mark:
    cut: Cut
    at: float
    nbytes: int
    style: str


def _draw(ground: _Ground, crossing: Array, marks: list[_Mark], inches: float, batch_size: int) -> Page:
    candidates = [
        _Mark(cut, ground.before(cut), size, "")
        for cut in cut_candidates(ground.graph)
        if (size := cut.nbytes(batch_size)) is not None
    ]
    shown = _once(marks) or _lowest(ground, crossing, candidates)
    wide = inches - _LEFT - _RIGHT
    per_point = ground.total / (72 * wide)
    texts = [_label(mark, 72 * wide) for mark in shown]
    levels, centres = _stacked(shown, texts, ground.total, per_point)
    top = 0.1 + (max(levels, default=-1) + 1) * 2.5 * _SMALL / 72
    high = _BOTTOM + _SHARES + _GAP + _CROSSING + top
    figure = Page(figsize=(inches, high), facecolor="white")
    upper = figure.add_axes((_LEFT / inches, (_BOTTOM + _SHARES + _GAP) / high, wide / inches, _CROSSING / high))
    lower = figure.add_axes((_LEFT / inches, _BOTTOM / high, wide / inches, _SHARES / high), sharex=upper)
    for axes in (upper, lower):
        axes.set_xlim(0, ground.total)
        axes.tick_params(labelsize=_SMALL, length=3, width=0.6, colors=palette.DIM, labelcolor=palette.INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set(color=palette.LINE, linewidth=0.6)
    _draw_crossing(upper, ground, crossing, candidates, marks)
    _draw_shares(lower, ground)
    _draw_parts(upper, ground, marks, 72 * wide)
    for mark, text, level, centre in zip(shown, texts, levels, centres, strict=True):
        _draw_line(upper, lower, mark, text, level, centre, bool(marks))
    amount_axis(lower.xaxis, ground.total, wide)
    lower.set_xlabel(ground.title, size=_SIZE, loc="left")
    if candidates:
        place = (1 - _RIGHT / inches, 0.02 / high)
        handles, labels = upper.get_legend_handles_labels()
        style = {"fontsize": _SMALL, "frameon": False, "borderaxespad": 0.1, "handletextpad": 0.2}
        figure.legend(handles, labels, loc="lower right", bbox_to_anchor=place, **style)
    upper.tick_params(labelbottom=False)
    return figure


def _draw_crossing(
    axes: Axes, ground: _Ground, crossing: Array, candidates: Sequence[_Mark], marks: Sequence[_Mark]
) -> None:
    values = [*crossing.tolist(), *(mark.nbytes for mark in [*candidates, *marks])]
    edges = [*ground.ends.tolist()]
    bytes_axis(axes, [value for value in values if value > 0])
    floor = axes.get_ylim()[0]
    curve = np.maximum(crossing, floor)
    axes.stairs(curve, edges, baseline=floor, fill=True, color=palette.tint(palette.PARTS[0], 0.22), zorder=2)
    axes.stairs(curve, edges, baseline=None, color=palette.PARTS[0], linewidth=0.9, zorder=3)
    axes.scatter(
        [mark.at for mark in candidates],
        [mark.nbytes for mark in candidates],
        s=9,
        facecolors="white",
        edgecolors=palette.INK,
        linewidths=0.7,
        zorder=4,
        clip_on=False,
        label="a single tensor crosses",
    )
    axes.set_ylabel("bytes crossing", size=_SIZE)


def _draw_shares(axes: Axes, ground: _Ground) -> None:
    styles = {"p": (palette.PARTS[5], "-"), "m": (palette.PARTS[2], (0, (4, 1.5)))}
    for name, share in ground.shares.items():
        colour, dashes = styles[name[0]]
        label = f"{name} ({count_text(ground.totals[name])})"
        axes.plot([0, *ground.ends], [0, *share], color=colour, linewidth=1.1, linestyle=dashes, label=label)
    axes.set_ylim(0, 104)
    axes.set_yticks([0, 50, 100])
    axes.set_ylabel("before, %", size=_SIZE)
    if ground.shares:
        legend = axes.legend(fontsize=_SMALL, loc="upper left", borderaxespad=0.1, borderpad=0.15, handlelength=1.8)
        legend.get_frame().set(facecolor="white", edgecolor="none", alpha=0.85)


def _draw_parts(axes: Axes, ground: _Ground, marks: Sequence[_Mark], points: float) -> None:
    """Tint the parts between the cuts and number those with room for it."""
    solid = sorted({mark.at for mark in marks if mark.style == "-"} or {mark.at for mark in marks})
    if not solid:
        return
    ends = [0.0, *solid, ground.total]
    for part, (start, end) in enumerate(pairwise(ends)):
        colour = palette.PARTS[part % len(palette.PARTS)]
        axes.axvspan(start, end, color=palette.tint(colour, 0.1), linewidth=0, zorder=1)
        room = (end - start) / ground.total * points
        for text in (f"part {part + 1}", str(part + 1)):
            if text_width(text, _SMALL) + 4 <= room:
                place = axes.get_xaxis_transform()
                middle = (start + end) / 2
                axes.text(middle, 0.02, text, transform=place, ha="center", va="bottom", color=palette.DIM, size=_SMALL)
                break


def _draw_line(upper: Axes, lower: Axes, mark: _Mark, text: str, level: int, centre: float, chosen: bool) -> None:
    """Draw the line of a cut through both panels, and its text above them; a candidate that is only named is thin."""
    colour = palette.ACCENT if chosen else palette.DIM
    for axes in (upper, lower):
        axes.axvline(mark.at, color=colour, linewidth=1.2 if chosen else 0.5, linestyle=mark.style, zorder=3.5)
    if chosen:
        upper.scatter([mark.at], [mark.nbytes], s=16, color=colour, zorder=6, clip_on=False)
    upper.annotate(
        text,
        (mark.at, 1.0),
        xycoords=upper.get_xaxis_transform(),
        xytext=(centre, 72 * _CROSSING + 3 + level * 2.5 * _SMALL),
        textcoords=("data", "axes points"),
        ha="center",
        va="bottom",
        size=_SMALL,
        color=colour,
        linespacing=1.1,
        parse_math=False,
        annotation_clip=False,
        zorder=10 - level,  # a line that leads past a text of a lower level goes behind it
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
        arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 0,
                    "relpos": (0.5, 0.0)},
    )  # fmt: skip


def _once(marks: Sequence[_Mark]) -> list[_Mark]:
    """Leave out cuts of a plan that are marked already."""
    return list({mark.cut.head: mark for mark in reversed(marks)}.values())[::-1]


def _lowest(ground: _Ground, crossing: Array, candidates: Sequence[_Mark]) -> list[_Mark]:
    """Choose the place in each third of the axis, but its ends, where the least crosses; of equal ones the last.

    A candidate need not be a place of the topological order. Where it is no dearer than the place beside it, it is
    chosen.
    """
    ends = ground.ends[:-1].tolist()
    found: list[tuple[float, float, bool, int]] = [(size, -at, True, i) for i, (size, at) in
                                                   enumerate(zip(crossing.tolist(), ends, strict=True))]  # fmt: skip
    found += [(mark.nbytes, -mark.at, False, i) for i, mark in enumerate(candidates)]
    best: dict[int, tuple[float, float, bool, int]] = {}
    for option in found:
        share = -option[1] / ground.total
        third = min(int(3 * share), 2)
        if 0.03 <= share <= 0.97 and (third not in best or option < best[third]):
            best[third] = option
    marks = []
    for size, at, is_place, i in best.values():
        cut = cut_of(ground.graph, ground.order[: i + 1]) if is_place else candidates[i].cut
        marks.append(_Mark(cut, -at, int(size), ":"))
    return sorted(marks, key=lambda mark: mark.at)


def _label(mark: _Mark, points: float) -> str:
    first, *others = mark.cut.points
    place = shortened(first, _SMALL, min(120.0, 0.4 * points)) + (f" + {len(others)}" if others else "")
    # One tensor goes without saying where one call makes it.
    many = "" if len(mark.cut.tensors) == 1 and not others else f"{plural(len(mark.cut.tensors), 'tensor')}, "
    return f"{place}\n{many}{bytes_text(mark.nbytes)}"


def _stacked(
    marks: Sequence[_Mark], texts: Sequence[str], total: float, per_point: float
) -> tuple[list[int], list[float]]:
    """Put texts above their lines, within the figure, on the lowest level where they touch no other."""
    levels, centres = [0] * len(marks), [0.0] * len(marks)
    ends: list[float] = []
    for i in sorted(range(len(marks)), key=lambda i: marks[i].at):
        half = max(text_width(line, _SMALL) for line in texts[i].split("\n")) / 2 * per_point
        centres[i] = max(min(marks[i].at, total + 0.12 * 72 * per_point - half), half - 0.6 * 72 * per_point)
        level = next((n for n, end in enumerate(ends) if end + 5 * per_point <= centres[i] - half), len(ends))
        ends[level : level + 1] = [centres[i] + half]
        levels[i] = level
    return levels, centres
