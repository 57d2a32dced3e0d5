"""The colours of the pictures, which colour-blind people can tell apart.

Okabe and Ito's eight for classes and parts (Color Universal Design, 2008), ColorBrewer's YlGnBu for magnitudes
(Harrower and Brewer, 2003). `js/src/palette.ts` has the same ones.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

__all__ = [
    "ACCENT",
    "DIM",
    "EDGE",
    "FAMILIES",
    "FOLD",
    "HATCH",
    "INK",
    "LINE",
    "PARTS",
    "RAMP",
    "family_of",
    "ink_on",
    "ramp",
    "tint",
]

ACCENT = "#0b62a8"
INK = "#1b1e23"
DIM = "#5b616b"
LINE = "#8a8f98"
EDGE = "#9aa0a8"
FOLD = "#f1f3f5"
HATCH = "#d3d7dc"
"""Lines across what is unknown, faint enough for text on them."""

PARTS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#c4b414", "#788086")

FAMILIES: Mapping[str, str] = {
    "input": "#3f474d",
    "convolution": "#0072b2",
    "normalization": "#d6c516",
    "activation": "#e69f00",
    "merge": "#cc79a7",
    "pooling": "#009e73",
    "dense": "#d55e00",
    "sequence, attention": "#56b4e9",
    "reshape": "#8b949b",
    "other": "#b9bfc4",
}
"""From a family of layers to its colour, in the order of the legend."""

RAMP = ("#ffffe5", "#c7e9b4", "#7fcdbb", "#41b6c4", "#1d91c0", "#225ea8", "#0c2c84")

_PATTERNS = (
    ("input", r"^InputLayer$"),
    ("sequence, attention", r"lstm|gru|rnn|attention|recurrent|transformer|bidirectional|embedding"),
    ("pooling", r"pool"),
    ("normalization", r"norm|rescal|layer_?scale"),
    ("convolution", r"conv"),
    (
        "reshape",
        r"reshape|flatten|permute|transpose|repeat|padding|cropping|upsampling|resiz|getitem|expand|squeeze"
        r"|cast|split|slice|stack",
    ),
    ("dense", r"dense|linear|matmul|einsum"),
    (
        "merge",
        r"^(add|concat|multiply|subtract|average$|maximum$|minimum$|dot|merge|divide|truediv"
        r"|(not_?)?equal|greater|less|logical|where)",
    ),
    ("activation", r"relu|softmax|activation|elu$|gelu|silu|swish|sigmoid|tanh|softplus"),
)


def family_of(kind: str) -> str:
    """Name the family of layers that a class belongs to.

    Examples
    --------
    >>> family_of("DepthwiseConv2D"), family_of("MaxPooling2D"), family_of("Lambda")
    ('convolution', 'pooling', 'other')
    """
    return next((name for name, pattern in _PATTERNS if re.search(pattern, kind, re.IGNORECASE)), "other")


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def tint(colour: str, share: float = 0.17) -> tuple[float, float, float]:
    """Mix a share of a colour into white: the ground of a box."""
    red, green, blue = (share * part + 1 - share for part in _rgb(colour))
    return red, green, blue


def ramp(share: float) -> tuple[float, float, float]:
    """Give the colour of a share from 0 to 1: more is further from the paper."""
    at = min(max(share, 0.0), 1.0) * (len(RAMP) - 1)
    i = min(int(at), len(RAMP) - 2)
    low, high = _rgb(RAMP[i]), _rgb(RAMP[i + 1])
    red, green, blue = (a + (at - i) * (b - a) for a, b in zip(low, high, strict=True))
    return red, green, blue


def ink_on(rgb: tuple[float, float, float]) -> str:
    """Choose black or white, whichever is read better on a colour (relative luminance of WCAG 2)."""
    linear = [value / 12.92 if value <= 0.04045 else math.pow((value + 0.055) / 1.055, 2.4) for value in rgb]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return INK if luminance > 0.18 else "white"
