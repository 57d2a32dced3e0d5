"""Figures that a notebook shows, and their size on paper."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from kerassplit_widget.errors import SplitError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Page", "checked_width", "page", "write"]

LONGEST_INCHES = 200.0
"""matplotlib's renderers refuse images of more than 65,536 pixels; longer figures are scaled down to this."""


class Page(Figure):
    """A matplotlib figure that a notebook shows also where pyplot was never imported."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def checked_width(width: float | None) -> float | None:
    """Check a width in inches.

    Raises
    ------
    SplitError
        If it is no number from 1 to 100.
    """
    if width is not None and not (isinstance(width, int | float) and 1 <= width <= 100):
        raise SplitError(f"width= is the width of the figure in inches, from 1 to 100; found {width!r}.")
    return width


def page(
    bounds: tuple[float, float, float, float], width: float | None, point: float, largest: float
) -> tuple[Page, Axes, float]:
    """Make a figure whose coordinates are pixels of the widget.

    Parameters
    ----------
    bounds : tuple of float
        Left, top, right, bottom of all that is drawn, in pixels; y grows downwards.
    width : float, optional
        Of the figure in inches.
    point : float
        Points on paper for a pixel, where no width is given.
    largest : float
        The same at most, where a width is given: what is narrower is not blown up, it stands in the middle.

    Returns
    -------
    tuple of (Page, Axes, float)
        The last is how many points a pixel takes.
    """
    left, top, right, bottom = bounds
    if width is not None:
        point = min(largest, 72 * width / (right - left))
        spare = (72 * width / point - (right - left)) / 2
        left, right = left - spare, right + spare
    longest = max(right - left, bottom - top) * point / 72
    point *= min(1.0, LONGEST_INCHES / longest)
    figure = Page(figsize=((right - left) * point / 72, (bottom - top) * point / 72), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_axis_off()
    return figure, axes, point


def write(axes: Axes, x: float, y: float, text: str, size: float, **style: Any) -> None:
    """Write a text as it is: a name with dollar signs is a name, not mathematics."""
    style = {"va": "center", "zorder": 6.0, **style}
    axes.text(x, y, text, size=size, parse_math=False, **style)
