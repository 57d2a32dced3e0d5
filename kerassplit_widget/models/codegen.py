"""From cuts to the Python a person would have typed."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Mapping, Sequence

from kerassplit_widget.errors import NamingError

__all__ = ["split_code"]


def split_code(
    cuts: Sequence[Sequence[str]],
    *,
    model: str = "model",
    names: Sequence[str] | None = None,
    options: Mapping[str, object] | None = None,
) -> str:
    """Write the code that makes a split again.

    Parameters
    ----------
    cuts : sequence of sequences of str
        The points of each cut.
    model : str
        Variable that holds the model, which may be an attribute: ``self.model``.
    names : sequence of str, optional
        Variables for the parts; by default ``part_1``, ``part_2``, …
    options : mapping of str to object, optional
        Keyword arguments of `split` that are not the default.

    Returns
    -------
    str
        Without cuts, code that lists where one may be.

    Raises
    ------
    NamingError
        If there is not one name for each part, or one is none that Python takes, is given twice, or is that of the
        split itself.

    Examples
    --------
    >>> print(split_code([["a"], ["b", "c"]]))
    import kerassplit_widget as ks
    <BLANKLINE>
    split = ks.split(model, ["a", ("b", "c")])
    part_1, part_2, part_3 = split
    """
    if not isinstance(model, str) or not all(map(_is_name, model.split("."))):
        raise NamingError(f"model= is the variable that holds the model; found {model!r:.80}.")
    if not cuts:
        why = "no cut is placed: here a single tensor would cross"
        return f"import kerassplit_widget as ks\n\nks.cut_candidates({model})  # {why}"
    if names is None:
        names = [f"part_{i}" for i in range(1, len(cuts) + 2)]
    if isinstance(names, str) or not isinstance(names, Iterable) or len(names := list(names)) != len(cuts) + 1:
        raise NamingError(f"names= has one name for each of the {len(cuts) + 1} parts, in a list; found {names!r:.80}.")
    for name in names:
        if not isinstance(name, str) or not _is_name(name):
            raise NamingError(f"names= are variables for the parts; {name!r:.80} is no name that Python takes.")
        if name in ("ks", "split") or names.count(name) > 1:
            why = "is given twice" if names.count(name) > 1 else "has another meaning in the code"
            raise NamingError(f"names= are variables for the parts; {name!r:.80} {why}. Choose another.")
    entries = [_quoted(points[0]) if len(points) == 1 else f"({', '.join(map(_quoted, points))})" for points in cuts]
    listed = f"[{', '.join(entries)}]"
    if len(listed) > 70:
        listed = "[\n" + "".join(f"    {entry},\n" for entry in entries) + "]"
    given = "".join(f", {key}={_written(value)}" for key, value in (options or {}).items())
    return f"import kerassplit_widget as ks\n\nsplit = ks.split({model}, {listed}{given})\n{', '.join(names)} = split"


def _is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)


def _written(value: object) -> str:
    """Write an option as the cuts are written, all texts in double quotes."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_written(key)}: {_written(each)}" for key, each in value.items()) + "}"
    return f"[{', '.join(map(_written, value))}]" if isinstance(value, list) else repr(value)


def _quoted(name: str) -> str:
    """Write a name as a Python string, in double quotes where that needs no escape."""
    return f'"{name}"' if name.isprintable() and not set(name) & {'"', "\\"} else repr(name)
