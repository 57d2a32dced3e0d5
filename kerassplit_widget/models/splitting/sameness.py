"""Telling whether two layers of one name, in two parts, are still one layer."""

from __future__ import annotations

import functools
import types
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.keras_internals import Operation

__all__ = ["same_layer"]

_PLAIN = (bool, int, float, complex, str, bytes, type(None), np.ndarray, np.generic)
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, functools.partial, type)


def same_layer(one: Operation, other: Operation, part: keras.Model) -> bool:
    """Tell whether two layers compute the same with the same variables: one may have been changed in its part.

    Parameters
    ----------
    one, other : keras.Operation
        Of one name, each in a part of its own.
    part : keras.Model
        A part, which has the attributes that Keras gives to every model.

    Returns
    -------
    bool
        If that cannot be told it is False: two layers on the same variables compute what they did.
    """
    if type(one) is not type(other) or not isinstance(one, keras.layers.Layer):
        return False
    if list(map(id, one.variables)) != list(map(id, other.variables)):
        return False
    inside, there = ([each, *internals.layers_within(each)] for each in (one, other))
    if list(map(type, inside)) != list(map(type, there)):
        return False
    books = (key for key in vars(part) if key.startswith("_"))
    known = frozenset(("enable_lora", "adapt", *vars(keras.layers.Layer(name="any")), *books))
    for a, b in zip(inside, there, strict=True):
        alike = _same_config(a, b)
        if alike is False or a.trainable != b.trainable or not _same_attributes(a, b, known, whole=alike is None):
            return False
    return True


def _same_config(one: keras.layers.Layer, other: keras.layers.Layer) -> bool | None:
    """Compare what the layers would be made of again; None if they do not say."""
    try:
        configs = one.get_config(), other.get_config()
    except Exception:  # it is the user's code, and most often not written at all
        return None
    return _alike(*({key: value for key, value in config.items() if key != "name"} for config in configs))


def _same_attributes(one: Any, other: Any, known: frozenset[str], *, whole: bool) -> bool:
    """Compare numbers, words, arrays and functions that layers hold, as a configuration need not have them.

    Where there is none, compare objects of any kind, which layers that are one have in common.
    """
    for key in (vars(one).keys() | vars(other).keys()) - known:
        if not key.startswith("_self_") and hasattr(one, key) and hasattr(other, key):  # TensorFlow's own books
            a, b = getattr(one, key), getattr(other, key)  # the one may be that of the class
            if (whole or _is_plain(a) or _is_plain(b)) and not _alike(a, b):
                return False
    return True


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_is_plain, value))
    return isinstance(value, (*_PLAIN, *_FUNCTIONS))


def _alike(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, set | frozenset) and isinstance(other, set | frozenset):
        return one == other
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, keras.Variable) and isinstance(other, keras.Variable):
        return internals.original_of(one) is internals.original_of(other)
    if type(one) is not type(other):
        return isinstance(one, int | float) and isinstance(other, int | float) and one == other
    if isinstance(one, keras.layers.Layer):  # those inside are compared for themselves
        return True
    if isinstance(one, types.MethodType):
        return one.__func__ is other.__func__
    if isinstance(one, functools.partial):
        return _alike((one.func, one.args, one.keywords), (other.func, other.args, other.keywords))
    if isinstance(one, types.FunctionType):
        return _alike(_written(one), _written(other))
    try:
        return bool(one == other) or _alike(one.get_config(), other.get_config())
    except Exception:  # objects of users that cannot be compared
        return False


def _written(function: types.FunctionType) -> tuple[Any, ...]:
    """Return all that a function computes with: copies of one function are alike."""
    held = tuple(cell.cell_contents for cell in function.__closure__ or () if cell != types.CellType())
    return function.__code__, function.__defaults__, function.__kwdefaults__, held
