"""`plot_stages`: what each part of a plan does and holds, as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from kerassplit_widget.display.figures import palette
from kerassplit_widget.display.figures.pages import Page, checked_width
from kerassplit_widget.display.figures.scales import load_axis
from kerassplit_widget.display.figures.words import text_width
from kerassplit_widget.errors import SplitError
from kerassplit_widget.models.planning import Plan
from kerassplit_widget.structure.text import bytes_text, seconds_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_stages"]

_SIZE, _SMALL = 8.0, 7.0
_BAR, _BOTTOM, _TOP = 0.26, 0.46, 0.3
"""Inches of a bar with its gap, and around the bars."""

_COLOURS = {
    "computing": palette.PARTS[0],
    "receiving": palette.PARTS[4],
    "sending": palette.PARTS[1],
    "waiting for the link": "#c9ced3",
    "held": palette.PARTS[2],
}
_HATCHES = {"receiving": "////", "sending": "\\\\\\\\"}
"""Beside the colours, for those who print in grey."""


def plot_stages(plan: Plan, *, width: float | None = None) -> Figure:
    """Draw what each part of a plan takes: the time to compute, receive and send, or the memory it holds.

    Parameters
    ----------
    plan : Plan
        Of any objective. One for memory has bars of bytes, the others bars of time.
    width : float, optional
        Inches, such as 3.5 for a column of a paper; 5 by default.

    Returns
    -------
    matplotlib.figure.Figure
        With the plan's value as a solid line, where it is the load of a part, and the proved bound as a dashed one.

    Raises
    ------
    SplitError
        If it is no `Plan`, or `width` is no number from 1 to 100.

    Examples
    --------
    >>> import keras
    >>> import kerassplit_widget as ks
    >>> model = keras.Sequential([keras.Input((4,)), *(keras.layers.Dense(8, name=f"d{i}") for i in range(6))])
    >>> [label.get_text() for label in ks.plot_stages(ks.plan(model, parts=3)).axes[0].get_yticklabels()]
    ['part_1', 'part_2', 'part_3']
    """
    if not isinstance(plan, Plan):
        raise SplitError(
            f"The stages are those of a Plan; found {type(plan).__name__}: {plan!r:.80}. Give ks.plan(model, parts=4)."
        )
    inches = checked_width(width) or 5.0
    names = [stage.part for stage in plan.stages]
    left = 0.2 + max(text_width(name, _SIZE) for name in names) / 72
    wide = inches - left - 0.62
    high = _BOTTOM + _TOP + _BAR * len(names)
    figure = Page(figsize=(inches, high), facecolor="white")
    axes = figure.add_axes((left / inches, _BOTTOM / high, wide / inches, _BAR * len(names) / high))
    of_memory = plan.objective == "memory"
    unit = "bytes" if of_memory else "seconds"
    segments = {"held": [stage.memory for stage in plan.stages]} if of_memory else _times(plan)
    starts = [0.0] * len(names)
    for what, amounts in segments.items():
        if not any(amounts):
            continue
        axes.barh(
            range(len(names)),
            amounts,
            left=starts,
            height=0.68,
            color=_COLOURS[what],
            hatch=_HATCHES.get(what),
            edgecolor="white",
            linewidth=0.0,
            label=what,
            zorder=2,
        )
        starts = [start + amount for start, amount in zip(starts, amounts, strict=True)]
    largest = max([*starts, 1e-12])
    lines = _lines(plan, unit)
    for i, total in enumerate(starts):
        text = bytes_text(round(total)) if of_memory else seconds_text(total)
        axes.annotate(
            text,
            (_clear(total, text_width(text, _SMALL) * 1.02 * largest / (72 * wide), lines), i),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            size=_SMALL,
            color=palette.INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
            zorder=4,
        )
    axes.set_xlim(0, 1.02 * largest)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), names, parse_math=False)
    load_axis(axes.xaxis, largest, unit, wide)
    for label, (at, style) in lines.items():
        axes.axvline(at, color=palette.INK, linewidth=0.7, linestyle=style, zorder=3, label=label)
    axes.tick_params(labelsize=_SMALL, length=3, width=0.6, colors=palette.DIM, labelcolor=palette.INK)
    axes.tick_params(axis="y", length=0, labelsize=_SIZE)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set(color=palette.LINE, linewidth=0.6)
    axes.set_xlabel("bytes held" if of_memory else "time", size=_SIZE)
    _draw_legend(figure, axes, left / inches, high)
    return figure


def _times(plan: Plan) -> dict[str, list[float]]:
    """Divide the loads into what they are made of.

    A stage says how long it is busy with the link in all; how fast the link is, a stage that only sends tells.
    """
    works = [stage.compute or 0.0 for stage in plan.stages]
    waits = [max((stage.load or 0.0) - work, 0.0) for stage, work in zip(plan.stages, works, strict=True)]
    speeds = [
        stage.sent / wait
        for stage, wait in zip(plan.stages, waits, strict=True)
        if wait > 0 and stage.sent and not stage.received
    ]
    received, sent, rest = [], [], []
    for stage, wait in zip(plan.stages, waits, strict=True):
        moved = stage.received + stage.sent
        busy = min(wait, moved / speeds[0]) if speeds else wait
        if plan.objective == "latency" and not stage.sent:
            busy = 0.0  # the time on the wire is counted at the device
        received.append(busy * stage.received / moved if moved else 0.0)
        sent.append(busy * stage.sent / moved if moved else 0.0)
        idle = wait - received[-1] - sent[-1]
        rest.append(idle if idle > 1e-9 * wait else 0.0)
    return {"computing": works, "receiving": received, "sending": sent, "waiting for the link": rest}


def _lines(plan: Plan, unit: str) -> dict[str, tuple[float, str]]:
    """Tell where the value and the bound are drawn, and how: where they are loads of a part."""
    if plan.objective == "latency" or plan.unit != unit:
        return {}
    lines = {"largest part": (plan.value, "-")}
    return lines if plan.proved else lines | {"proved bound": (plan.bound, "--")}


def _clear(start: float, width: float, lines: dict[str, tuple[float, str]]) -> float:
    """Move a label that a line would run through behind that line."""
    for at, _ in sorted(lines.values()):
        if start < at < start + 1.2 * width:  # with the gap before the label, and one behind it
            start = at
    return start


def _draw_legend(figure: Page, axes: Axes, left: float, high: float) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(left, 1 - 0.02 / high),
        ncols=len(labels),
        fontsize=_SMALL,
        frameon=False,
        borderaxespad=0.0,
        handlelength=1.1,
        handletextpad=0.4,
        columnspacing=1.1,
    )
