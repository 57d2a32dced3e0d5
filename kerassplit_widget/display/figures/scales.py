"""Axes of bytes, counts and times, with round numbers in the units of every other text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from kerassplit_widget.structure.text import bytes_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

__all__ = ["amount_axis", "bytes_axis", "load_axis"]

_DECADES = 30.0
"""From this ratio of the largest to the smallest on, an axis of bytes is logarithmic."""

_BYTES = ("B", "kB", "MB", "GB", "TB")
_COUNTS = ("", "k", "M", "G", "T")
_TIMES = ("ns", "µs", "ms", "s")


def bytes_axis(axes: Axes, values: Sequence[float]) -> None:
    """Scale the upright axis to numbers of bytes, logarithmically when they span decades.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    values : sequence of float
        All above 0; there may be none.
    """
    low, high = min(values, default=1.0), max(values, default=1.0)
    if high < _DECADES * low:
        axes.set_ylim(0, 1.12 * high)
        _linear(axes.yaxis, 1.12 * high, 1024, _BYTES, 5)
        return
    axes.set_yscale("log")
    axes.set_ylim(low / 2, 2 * high)
    step = next(step for step in (4, 16, 64, 256, 1024) if (high / low) < step**5 or step == 1024)
    ticks = [float(step**power) for power in range(60) if low / 2 <= step**power <= 2 * high]
    axes.set_yticks(ticks, [bytes_text(int(tick)).replace(".0 ", " ") for tick in ticks])
    axes.yaxis.set_minor_locator(NullLocator())


def amount_axis(axis: Axis, total: float, inches: float) -> None:
    """Mark round counts on an axis from 0 to `total` that is so long."""
    _linear(axis, total, 1000, _COUNTS, max(3, int(1.6 * inches)))


def load_axis(axis: Axis, largest: float, unit: str, inches: float) -> None:
    """Mark round loads, in ``"seconds"`` or ``"bytes"``, on an axis from 0 to `largest` that is so long."""
    ticks = max(3, int(1.3 * inches))
    if unit == "bytes":
        _linear(axis, largest, 1024, _BYTES, ticks)
    else:
        _linear(axis, largest, 1000, _TIMES, ticks, 1e-9)


def _linear(axis: Axis, largest: float, step: int, units: Sequence[str], ticks: int, least: float = 1.0) -> None:
    """Mark numbers that are round in the unit of which the largest has a few; the least unit is so large."""
    power = 0
    while largest >= 3 * least * step ** (power + 1) and power + 1 < len(units):
        power += 1
    size = least * step**power
    found = MaxNLocator(ticks, integer=size == 1.0, min_n_ticks=2).tick_values(0, largest / size)
    axis.set_major_locator(FixedLocator([value * size for value in found if 0 <= value * size <= largest]))
    axis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value / size:g} {units[power]}".strip() if value else "0")
    )
