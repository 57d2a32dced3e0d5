"""Functions that hold layers and variables, and the same functions on what stands for these in a twin.

A function may hold them in its closure, its defaults, its attributes, and the globals that it uses, also in lists,
tuples, dicts and sets; a method holds its object, and a partial its arguments.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

__all__ = ["FUNCTIONS", "StandIn", "rebind"]

StandIn: TypeAlias = Callable[[Any], Any]
"""From a layer or variable to what stands for it in the twin; None for any other object."""

FUNCTIONS = (types.FunctionType, types.MethodType, functools.partial)

_CONTAINERS = (list, tuple, dict, set)

_LIBRARIES = frozenset(("keras", "tensorflow", "torch", "jax", "numpy"))
"""Packages whose functions use no layer or variable but those that they are given."""


def rebind(value: Any, stand_in: StandIn, made: dict[int, Any]) -> Any:
    """Return a function that holds what stands for what the given one holds; itself if it holds nothing of that kind.

    Parameters
    ----------
    value : object
        A function, or what it holds.
    stand_in : callable
    made : dict of int to object
        What was made of other functions and containers: they can hold themselves.
    """
    found = stand_in(value)
    if found is not None:
        return found
    if id(value) in made:
        return made[id(value)]
    if not _holds(value, stand_in):
        return value
    if isinstance(value, types.FunctionType):
        return _rebound(value, stand_in, made)
    again = functools.partial(rebind, stand_in=stand_in, made=made)
    if isinstance(value, types.MethodType):
        return types.MethodType(again(value.__func__), again(value.__self__))
    if isinstance(value, functools.partial):
        keywords = {key: again(each) for key, each in value.keywords.items()}
        return functools.partial(again(value.func), *map(again, value.args), **keywords)
    if type(value) is dict:
        same: dict[Any, Any] = {}
        made[id(value)] = same
        same.update((key, again(each)) for key, each in value.items())
        return same
    if type(value) is list:
        items: list[Any] = []
        made[id(value)] = items
        items.extend(map(again, value))
        return items
    return type(value)(map(again, value))


def _rebound(old: types.FunctionType, stand_in: StandIn, made: dict[int, Any]) -> types.FunctionType:
    """Make a function of the same code that holds other things."""
    again = functools.partial(rebind, stand_in=stand_in, made=made)
    names, used = old.__globals__, _used_globals(old)
    if any(_holds(each, stand_in) for each in used.values()):
        # Only what the code uses, lest a copy keeps all the variables of a notebook alive.
        names = {name: names[name] for name in ("__builtins__", "__name__") if name in names} | used
    cells = tuple(types.CellType() for _ in old.__closure__ or ())
    new = made[id(old)] = types.FunctionType(old.__code__, names, old.__name__, None, cells)
    if names is not old.__globals__:
        names.update((name, again(each)) for name, each in used.items())
    for name in ("__qualname__", "__doc__", "__module__", "__annotations__"):
        setattr(new, name, getattr(old, name))
    new.__defaults__ = None if old.__defaults__ is None else tuple(map(again, old.__defaults__))
    new.__kwdefaults__ = {name: again(each) for name, each in (old.__kwdefaults__ or {}).items()} or None
    new.__dict__.update((name, again(each)) for name, each in old.__dict__.items())
    for cell, filled in zip(cells, old.__closure__ or (), strict=True):
        for contents in _contents(filled):
            cell.cell_contents = again(contents)
    return new


def _holds(value: Any, stand_in: StandIn) -> bool:
    """Tell whether something is, or holds at any depth, what something else stands for."""
    seen: dict[int, Any] = {}
    stack = [value]
    while stack:
        each = stack.pop()
        if stand_in(each) is not None:
            return True
        if id(each) not in seen and (isinstance(each, FUNCTIONS) or type(each) in _CONTAINERS):
            seen[id(each)] = each
            stack.extend(_held(each))
    return False


def _held(value: Any) -> Iterator[Any]:
    """Yield what a function holds beside its code, or a container."""
    if isinstance(value, types.MethodType):
        yield from (value.__func__, value.__self__)
    elif isinstance(value, functools.partial):
        yield from (value.func, *value.args, *value.keywords.values())
    elif isinstance(value, types.FunctionType):
        yield from (*value.__dict__.values(), *(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values())
        for cell in value.__closure__ or ():
            yield from _contents(cell)
        for each in _used_globals(value).values():
            if not isinstance(each, types.FunctionType) or each.__globals__ is value.__globals__:
                yield each  # functions of other modules were written before there were these layers
    else:
        yield from value.values() if isinstance(value, dict) else value


def _used_globals(function: types.FunctionType) -> dict[str, Any]:
    """Return the globals that the code of a function names, as that of functions inside it."""
    known = function.__globals__
    if str(known.get("__name__")).partition(".")[0] in _LIBRARIES:
        return {}
    names = dict[str, None]()
    stack = [function.__code__]
    while stack:
        code = stack.pop()
        names.update(dict.fromkeys(code.co_names))
        stack.extend(each for each in code.co_consts if isinstance(each, types.CodeType))
    return {name: known[name] for name in names if name in known}


def _contents(cell: types.CellType) -> Iterator[Any]:
    try:
        yield cell.cell_contents
    except ValueError:  # not filled yet
        return
