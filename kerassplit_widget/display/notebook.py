"""What the notebook around a widget offers: its variables."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kerassplit_widget.errors import NamingError
from kerassplit_widget.structure.text import listed

__all__ = [
    "default_names",
    "field_text",
    "good_names",
    "in_use",
    "model_variable",
    "parse_names",
    "put",
    "shown_names",
    "variables",
]


SPLIT = "split"
"""The variable that holds the parts together."""

_TAKEN = {SPLIT: "holds all the parts together", "ks": "is this library in the code that makes the split again"}


def variables() -> dict[str, Any] | None:
    """Return the notebook's variables, or None where there is no notebook (a script, marimo)."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return None if shell is None else shell.user_ns


def default_names(count: int) -> str:
    """Write the default variable names of so many parts: ``"part_1, part_2"``."""
    return ", ".join(f"part_{i}" for i in range(1, count + 1))


def shown_names(text: str, count: int) -> list[str]:
    """List a name for each part: those in a text divided by commas, the default where one is empty or missing."""
    given = [name.strip() for name in text.split(",")][:count]
    return [name or f"part_{i}" for i, name in enumerate(given + [""] * (count - len(given)), 1)]


def field_text(text: str, count: int) -> str:
    """Write what becomes of the field of variable names when there are so many parts: one whole needs no name."""
    names = ", ".join(shown_names(text, count))
    return "" if count == 1 and names == default_names(1) else names


def good_names(text: str, count: int) -> list[str]:
    """Take the variable names of so many parts from a text, or the default ones if that is no good."""
    try:
        return parse_names(text, count)
    except NamingError:
        return shown_names("", count)


def parse_names(text: str | Sequence[str], count: int) -> list[str]:
    """Check the variable names for the parts of a split.

    Parameters
    ----------
    text : str or sequence of str
        Names, in one string divided by commas or one by one. In a string, an empty one stands for its default.
    count : int
        Number of parts.

    Returns
    -------
    list of str

    Raises
    ------
    NamingError
        If there are too few or too many, one is given twice, is that of the split itself, or is no Python identifier
        or a keyword.
    """
    given: Any = text
    if isinstance(text, str):
        given = shown_names(text, len(text.split(",")) if text.strip() else count)
    if not isinstance(given, Iterable) or not all(isinstance(name, str) for name in given):
        raise NamingError(f"Variable names are given as texts, one for each part; found {text!r:.80}.")
    names = [name.strip() for name in given]
    for name in names:
        if not name.isidentifier() or keyword.iskeyword(name):
            what = "a Python keyword" if keyword.iskeyword(name) else "not a Python identifier"
            advice = "Use letters, digits and underscores, not beginning with a digit."
            words = re.split(r"[\s;]+", name)
            if isinstance(text, str) and len(words) > 1 and all(map(str.isidentifier, words)):
                advice = f"Divide names by commas: {', '.join(words)}."
            raise NamingError(f"{name!r} cannot name a variable: it is {what}. {advice}")
        if name in _TAKEN:
            raise NamingError(f"{name!r} cannot name a part: the variable {name} {_TAKEN[name]}. Choose another name.")
    if len(names) != count:
        raise NamingError(
            f"{count} parts need {count} variable names; found {len(names)}: {', '.join(names)}. "
            f"For example: {default_names(count)}."
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise NamingError(f"{listed(twice)} is given twice. Each part needs its own variable.")
    return names


def in_use(names: Sequence[str], own: Mapping[str, Callable[[], object]] | None = None) -> list[str]:
    """List which names are already variables of the notebook or built into Python.

    Parameters
    ----------
    names : sequence of str
    own : mapping of str to callable, optional
        References to what was put into variables before: those that still hold it are free.

    Returns
    -------
    list of str
    """
    known, own = variables() or {}, own or {}
    held = {name for name, find in own.items() if name in known and find() is known[name]}
    return [name for name in names if name not in held and (name in known or hasattr(builtins, name))]


def put(values: Mapping[str, Any]) -> bool:
    """Set variables of the notebook.

    Parameters
    ----------
    values : mapping of str to object

    Returns
    -------
    bool
        False where there is no notebook to set them in.
    """
    known = variables()
    if known is None:
        return False
    known.update(values)
    return True


def model_variable(model: object) -> str:
    """Name the notebook's variable that holds a model; ``"model"`` when there is none."""
    known = variables() or {}
    names = (
        name
        for name, value in list(known.items())
        if value is model and name.isidentifier() and not name.startswith("_")
    )
    return next(names, "model")
