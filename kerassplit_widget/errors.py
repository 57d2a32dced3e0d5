"""The errors this package raises.

Every message says three things in plain words: what was asked, what was found, what to do instead.
All of them are `SplitError`, and `SplitError` is a `ValueError`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

__all__ = [
    "CutError",
    "ModelError",
    "NamingError",
    "PartError",
    "PipelineError",
    "PlanError",
    "PointError",
    "SplitError",
    "closest",
    "first_line",
]

_FEW = 8  # names that can all be listed in a message


class SplitError(ValueError):
    """Base of everything this package refuses to do, and what is raised for arguments that make no sense.

    Examples
    --------
    >>> import keras
    >>> import kerassplit_widget as ks
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="first"), keras.layers.Dense(2)])
    >>> try:
    ...     ks.split(model, ["frist"])
    ... except ks.SplitError as error:
    ...     print(error)  # doctest: +ELLIPSIS
    There is no call 'frist' in the model ... The closest name is 'first'.
    """


class ModelError(SplitError):
    """The model cannot be read or run: not a Keras model, not built, never called, or not of the shapes given."""


class PointError(SplitError):
    """A name, layer or tensor given as a point is not in the model, or could mean several calls."""


class CutError(SplitError):
    """The place exists, but a cut there would leave an empty part or contradict another cut."""


class NamingError(SplitError):
    """A variable name that Python does not accept, or that is in use."""


class PartError(SplitError):
    """A part has returned another kind of tensor than a layer in it declares, which the next part would change."""


class PlanError(SplitError):
    """What the planner was asked for is no problem it can solve, or has no solution."""


class PipelineError(SplitError):
    """A pipeline cannot be started, one of its parts failed, or a process of it is gone."""


def closest(name: str, names: Iterable[str], most: int = 3) -> str:
    """Say which of `names` come closest to `name`, as the end of an error message.

    Parameters
    ----------
    name : str
        What was asked for.
    names : iterable of str
        What there is.
    most : int
        How many names to show at most.

    Returns
    -------
    str
        ``"The closest names are 'a', 'b'."``; when none is close all of a few names, or how to list them.
    """
    pool = {candidate.casefold(): candidate for candidate in names}
    found = difflib.get_close_matches(name.casefold(), list(pool), n=most, cutoff=0.5)
    if not pool:
        return "There are none."
    if not found and len(pool) > _FEW:
        return "No name comes close; `ks.read(model).names` lists them all."
    listed = ", ".join(repr(pool[key]) for key in found or pool)
    return f"The {'closest ' * bool(found)}{'name is' if len(found or pool) == 1 else 'names are'} {listed}."


def first_line(error: BaseException, most: int = 160) -> str:
    r"""Return the line of somebody else's error that says what went wrong, for a message of one sentence.

    Parameters
    ----------
    error : BaseException
    most : int
        How many characters at most.

    Returns
    -------
    str
        Its first line, without an ending mark, but of Keras's "Exception encountered when calling" the one behind; its
        class if it says nothing.

    Examples
    --------
    >>> first_line(ValueError("Exception encountered when calling Dense.call().\n\nIncompatible shapes."))
    'Incompatible shapes'
    >>> first_line(KeyError())
    'KeyError'
    """
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith("Exception encountered when calling")]
    first = [*telling, *lines, type(error).__name__][0].rstrip(":. ")
    return first if len(first) <= most else f"{first[: most - 1]}…"
