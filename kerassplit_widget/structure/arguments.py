"""Arguments that many functions take, checked in one way."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from kerassplit_widget.errors import SplitError

__all__ = ["one_of", "text_or_none", "whole_number"]


def whole_number(name: str, value: Any, least: int = 1, *, error: type[SplitError] = SplitError) -> int:
    """Check that an argument is a whole number, of Python, NumPy or any other library.

    Parameters
    ----------
    name : str
        Of the argument, for the message.
    value : object
        What was given for it.
    least : int
        The smallest number that makes sense.
    error : type of SplitError
        What to raise.

    Returns
    -------
    int

    Raises
    ------
    SplitError
        If it is none, or too small.

    Examples
    --------
    >>> import numpy as np
    >>> whole_number("batch_size", np.int64(4))
    4
    >>> whole_number("batch_size", 0)
    Traceback (most recent call last):
    kerassplit_widget.errors.SplitError: batch_size= is a whole number, at least 1; found 0.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or number < least:
        raise error(f"{name}= is a whole number, at least {least}; found {value!r:.80}.")
    return number


def one_of(name: str, value: Any, known: Iterable[str]) -> None:
    """Check that an argument is one of some words.

    Raises
    ------
    SplitError
        If it is another, or no word.

    Examples
    --------
    >>> one_of("weights", "shared", ("share", "copy"))
    Traceback (most recent call last):
    kerassplit_widget.errors.SplitError: weights= is 'share' or 'copy'; found 'shared'.
    """
    words = tuple(known)
    if not isinstance(value, str) or value not in words:
        raise SplitError(f"{name}= is {' or '.join(map(repr, words))}; found {value!r:.80}.")


def text_or_none(name: str, value: Any) -> None:
    """Check that an argument is a text, or None where it may be left out.

    Raises
    ------
    SplitError
        If it is something else.

    Examples
    --------
    >>> text_or_none("prefix", 3)
    Traceback (most recent call last):
    kerassplit_widget.errors.SplitError: prefix= is a text; found int: 3.
    """
    if value is not None and not isinstance(value, str):
        raise SplitError(f"{name}= is a text; found {type(value).__name__}: {value!r:.80}.")
