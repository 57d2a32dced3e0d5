"""How wide text is, reckoned from its characters, and how it is shortened to fit."""

from __future__ import annotations

import unicodedata

__all__ = ["on_one_line", "shortened", "text_width", "wrapped"]

_NARROW = frozenset("ijltfrI.,:;'|!/()[]- ·")
_MIDDLE = frozenset("cksvxyz_?*–")
_BROAD = frozenset("#&+<=>^~¬±×÷")
_WIDE = frozenset("mwMW@%—…©®¼½¾Ææ")


def _ems(character: str) -> float:
    """Reckon the width of a character, rather too wide than too narrow: matplotlib's own font is a wide one."""
    for some, width in ((_NARROW, 0.42), (_MIDDLE, 0.6), (_BROAD, 0.84), (_WIDE, 1.0)):
        if character in some:
            return width
    if character > "ÿ":  # other scripts, and what stands for a letter that the font does not have
        return 1.0 if character.islower() else 1.25
    return 0.79 if character.isupper() else 0.65


def on_one_line(text: str) -> str:
    r"""Write line breaks, tabs and the like as the spaces that they are to the eye: fonts have no letters for them.

    Examples
    --------
    >>> on_one_line("tab\tin name")
    'tab in name'
    """
    return "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)


def text_width(text: str, size: float) -> float:
    """Reckon the width of a text in the unit of its size, for the widest of the usual sans-serif fonts.

    Examples
    --------
    >>> text_width("conv1", 10.0) < text_width("MMMMM", 10.0)
    True
    """
    return sum(map(_ems, text)) * size


def shortened(text: str, size: float, width: float) -> str:
    """Leave out the middle of a text that is too long for its place: the ends of layer names tell them apart.

    Examples
    --------
    >>> shortened("conv2_block1_1_conv", 10.0, 80.0), shortened("add", 10.0, 80.0)
    ('conv2_…_conv', 'add')
    """
    text = on_one_line(text)
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
