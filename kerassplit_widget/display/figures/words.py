"""How wide text is, reckoned from its characters, and how it is shortened to fit."""

from __future__ import annotations

__all__ = ["shortened", "text_width", "wrapped"]

_NARROW, _WIDE = frozenset("ijltfrI1.,:;'|!/()[] ·"), frozenset("mwMW@%—…×")


def text_width(text: str, size: float) -> float:
    """Reckon the width of a text in the unit of its size, for the widest of the usual sans-serif fonts.

    Examples
    --------
    >>> text_width("conv1", 10.0) < text_width("MMMMM", 10.0)
    True
    """
    units = sum(0.4 if c in _NARROW else 0.92 if c in _WIDE else 0.7 if c.isupper() else 0.63 for c in text)
    return units * size


def shortened(text: str, size: float, width: float) -> str:
    """Leave out the middle of a text that is too long for its place: the ends of layer names tell them apart.

    Examples
    --------
    >>> shortened("conv2_block1_1_conv", 10.0, 80.0), shortened("add", 10.0, 80.0)
    ('conv2_…_conv', 'add')
    """
    if text_width(text, size) <= width:
        return text
    keep = len(text) - 1
    while keep > 2:
        front = (keep + 1) // 2
        short = f"{text[:front]}…{text[len(text) - (keep - front) :]}"
        if text_width(short, size) <= width:
            return short
        keep -= 1
    return f"{text[:1]}…"


def wrapped(items: list[float], width: float, gap: float) -> list[list[int]]:
    """Put items of given widths into rows, in their order; at least one into each."""
    rows: list[list[int]] = []
    used = 0.0
    for i, item in enumerate(items):
        if rows and used + gap + item <= width:
            rows[-1].append(i)
            used += gap + item
        else:
            rows.append([i])
            used = item
    return rows
