"""What layers learn outside of their variables: the statistics and tables of preprocessing layers.

Keras works these out of the variables when a layer is adapted or its weights are loaded (``finalize_state``), and keeps
them as plain attributes. A twin that shares the variables has to share them too.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import keras

__all__ = ["follow"]

_READS = ("call", "get_config", "save_own_variables", "save_assets")
"""Methods that read what was learned."""

_WRITES = ("load_own_variables", "load_assets")
"""Methods that write it. What they do to a twin they do to the original, as to the variables that both hold."""


def follow(state: dict[str, Any], twin: Any, layer: Any) -> None:
    """Let a twin have what its original has learned since, whenever that matters.

    Parameters
    ----------
    state : dict
        The attributes of the twin. Those that are the original's own stay so.
    twin, layer : keras.layers.Layer
        The twin, and its original with a ``finalize_state``.
    """
    # What each layer has, such as its name and whether it is trainable, is the twin's own matter.
    taken = {key for key, value in state.items() if layer.__dict__.get(key) is value} - _usual()

    def catch_up() -> None:
        own: dict[str, Any] = twin.__dict__
        for key, value in layer.__dict__.items():
            if key in taken or not (key in own or isinstance(value, keras.layers.Layer)):
                own[key] = value

    for name in (*_READS, *_WRITES):
        method = getattr(type(layer), name, None)
        if method is not None and name not in state:
            state[name] = types.MethodType(_following(method, catch_up, layer if name in _WRITES else None), twin)


@functools.cache
def _usual() -> frozenset[str]:
    """Collect the attributes that layers have anyway."""
    return frozenset(vars(keras.layers.Layer(name="any")))


def _following(method: Callable[..., Any], catch_up: Callable[[], None], instead: Any) -> Callable[..., Any]:
    """Have a method look at the original first, or run on it."""

    @functools.wraps(method)
    def wrapped(twin: Any, *args: Any, **kwargs: Any) -> Any:
        if instead is not None:
            made = method(instead, *args, **kwargs)
            catch_up()
            return made
        catch_up()
        return method(twin, *args, **kwargs)

    return wrapped
