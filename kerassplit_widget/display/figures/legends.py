"""Legends, below a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.collections import PolyCollection

from kerassplit_widget.display.figures import palette
from kerassplit_widget.display.figures.inks import UNKNOWN, Legend, Rgb
from kerassplit_widget.display.figures.pages import write
from kerassplit_widget.display.figures.words import text_width, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_legend", "legend_size"]

SIZE = 10.0
_ROW, _SWATCH, _SPACE, _GAP, _SCALE = 20.0, 11.0, 6.0, 18.0, 110.0
_STEPS = 48


def _rows(legend: Legend, width: float) -> tuple[list[float], list[list[int]]]:
    """Give the widths of the items and the rows that they fall into; the scale is the first item."""
    widths = [_SWATCH + _SPACE + text_width(word, SIZE) for _, word in legend.entries]
    if legend.scale is not None:
        ends = sum(text_width(word, SIZE) for word in (f"{legend.title}:", *legend.scale))
        widths.insert(0, _SCALE + 3 * _SPACE + ends)
    return widths, wrapped(widths, width, _GAP)


def legend_size(legend: Legend, width: float) -> tuple[float, float]:
    """Reckon the width and height of a legend that should be no wider than this, in pixels."""
    widths, rows = _rows(legend, width)
    return max(width, *widths), _ROW * len(rows)


def draw_legend(axes: Axes, point: float, legend: Legend, left: float, top: float, width: float) -> None:
    """Draw a legend; the place and the width are in pixels."""
    widths, rows = _rows(legend, width)
    entries = [None, *legend.entries] if legend.scale is not None else list(legend.entries)
    for i, row in enumerate(rows):
        x, y = left, top + _ROW * (i + 0.5)
        for item in row:
            entry = entries[item]
            if entry is None:
                _draw_scale(axes, point, legend, x, y)
            else:
                colour, word = entry
                _draw_swatches(axes, point, x, y, _SWATCH, [colour], "//////" if word.endswith(UNKNOWN) else None)
                write(axes, x + _SWATCH + _SPACE, y, word, SIZE * point, color=palette.INK, ha="left")
            x += widths[item] + _GAP


def _draw_scale(axes: Axes, point: float, legend: Legend, x: float, y: float) -> None:
    low, high = legend.scale or ("", "")
    for text, after in ((f"{legend.title}:", 0.0), (low, _SCALE), (high, 0.0)):
        write(axes, x, y, text, SIZE * point, color=palette.INK, ha="left")
        x += text_width(text, SIZE) + _SPACE
        if after:
            shades = [palette.ramp(0.08 + 0.92 * step / (_STEPS - 1)) for step in range(_STEPS)]
            _draw_swatches(axes, point, x, y, after, shades)
            x += after + _SPACE


def _draw_swatches(
    axes: Axes,
    point: float,
    x: float,
    y: float,
    width: float,
    colours: Sequence[Rgb | str],
    hatch: str | None = None,
) -> None:
    """Draw neighbouring fields of colour with one outline around them."""
    step = width / len(colours)
    up, low = y - _SWATCH / 2, y + _SWATCH / 2
    fields = [[(x + i * step, up), (x + (i + 1) * step, up), (x + (i + 1) * step, low), (x + i * step, low)]
              for i in range(len(colours))]  # fmt: skip
    axes.add_collection(PolyCollection(fields, facecolors=colours, edgecolors="face", linewidths=0.2, zorder=6.0))
    if hatch is not None:
        axes.add_collection(
            PolyCollection(
                fields, facecolors="none", edgecolors=palette.HATCH, hatch=hatch, linewidths=0.0, zorder=6.05
            )
        )
    around = [[(x, up), (x + width, up), (x + width, low), (x, low)]]
    axes.add_collection(
        PolyCollection(around, facecolors="none", edgecolors=palette.LINE, linewidths=0.6 * point, zorder=6.1)
    )
