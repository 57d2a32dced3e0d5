"""Titles of boxes: what a person reads on a fold. Names decide here, and only here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import takewhile
from string import digits

from kerassplit_widget.structure.graph import Call

__all__ = ["common_title", "is_generic", "kinds_title", "named_title", "range_title"]

_TO = " – "


def common_title(names: Sequence[str]) -> str:
    """Find what names begin with in common, up to the end of a word or number.

    Parameters
    ----------
    names : sequence of str
        Names of calls, or titles; at least one. The path of the groups they all lie in is left out.

    Returns
    -------
    str
        Empty when they have nothing in common.

    Examples
    --------
    >>> common_title(["conv4_block2_1_conv", "conv4_block2_out"]), common_title(["conv4_block2_1", "conv4_block13_1"])
    ('conv4_block2', 'conv4_block')
    >>> common_title(["add", "activation"]), common_title(["net/b1/conv", "net/b2/conv"])
    ('', 'b')
    """
    least, most = min(names), max(names)  # of all, these two have the least in common
    prefix = "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(least, most, strict=False)))
    inside = prefix.rfind("/") + 1
    end = len(prefix)
    while end > inside and not all(_ends_at(name, end) for name in names):
        end -= 1
    return prefix[inside:end].rstrip("_-. ")


def _ends_at(name: str, end: int) -> bool:
    """Tell whether a word or number of a name ends before position `end`."""
    if end == len(name):
        return True
    before, after = name[end - 1], name[end]
    return before in "_-./#" or after in "_-./#" or before.isdigit() != after.isdigit()


def is_generic(call: Call) -> bool:
    """Tell whether the name of a call says no more than its kind, as the names that Keras gives.

    Examples
    --------
    >>> [is_generic(Call(name, "ReLU", name, (), ())) for name in ("re_lu", "re_lu_12", "net/re_lu#2", "out")]
    [True, True, True, False]
    """
    name = re.sub(r"(_\d+)?(#\d+)?$", "", call.name.rpartition("/")[2])
    return name.replace("_", "").lower() == call.kind.lower()


def named_title(calls: Sequence[Call], model: str = "") -> str:
    """Find a title in the names of the calls of a block.

    Parameters
    ----------
    calls : sequence of Call
        In the order of the block.
    model : str
        What the names of all calls of the model begin with, which says nothing about the block.

    Returns
    -------
    str
        What the names have in common, generic ones left out; else the name of the call that joins the block; empty
        when that says no more than the kinds do.
    """
    telling = [call for call in calls if not is_generic(call)]
    if len(telling) > 1:
        title = common_title([call.name for call in telling])
        kinds = {call.kind.lower() for call in calls}
        if title and not any(kind.startswith(title.replace("_", "").lower()) for kind in kinds):
            short = title.removeprefix(f"{model}_")
            return short if short[:1].isalpha() else title
    last = calls[-1]
    name = last.name.rpartition("/")[2]
    return name if len(last.inputs) > 1 and last.kind.lower() not in name.replace("_", "").lower() else ""


def kinds_title(calls: Sequence[Call], most: int = 3) -> str:
    """Name the kinds of layers that make up calls, those with parameters first, in the order they come.

    Parameters
    ----------
    calls : sequence of Call
    most : int
        How many kinds to name at most.

    Returns
    -------
    str

    Examples
    --------
    >>> kinds = ["ZeroPadding2D", "Conv2D", "BatchNormalization", "ReLU", "Conv2D"]
    >>> kinds_title([Call(str(i), kind, "", (), (), params=kind[0] in "CB") for i, kind in enumerate(kinds)])
    'ZeroPadding2D · Conv2D · BatchNormalization'
    """
    count = Counter(call.kind for call in calls)
    weighty = {call.kind for call in calls if call.params}
    first = list(dict.fromkeys(call.kind for call in calls))
    chosen = sorted(first, key=lambda kind: (kind not in weighty, -count[kind], first.index(kind)))[:most]
    return " · ".join(sorted(chosen, key=first.index))


def range_title(first: str, last: str) -> str:
    """Name what goes from one thing to another, by the titles of both.

    Parameters
    ----------
    first, last : str
        Titles; either may be such a range itself, of which the outer end counts.

    Returns
    -------
    str
        What both begin with is said once where they are numbered.

    Examples
    --------
    >>> range_title("block_4", "block_15"), range_title("stem_conv", "pool"), range_title("dense", "dense")
    ('block_4 – 15', 'stem_conv – pool', 'dense')
    >>> range_title("block_4 – 5", "block_6 – 9"), range_title("mixed9", "mixed")
    ('block_4 – 9', 'mixed9 – mixed')
    """
    start, end = first.split(_TO)[0], last
    if _TO in last:
        begun, end = last.split(_TO)[0], last.split(_TO)[-1]
        end = begun.rstrip(digits) + end if end.isdigit() else end
    if start == end:
        return start
    stem = start.rstrip(digits)
    if stem not in (start, end, "") and stem == end.rstrip(digits):
        end = end[len(stem) :]
    return f"{start}{_TO}{end}"
