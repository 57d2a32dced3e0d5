"""What an attribute of a layer may hold of the layer itself, and what a twin holds instead.

Keras puts a wrapper around ``build`` and one around ``quantize`` into each layer, which close over it; layers of users
do the like (``self.scaled = lambda x: x * self.scale``). Taken over by a twin as they are, they would change the
original.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Collection
from typing import Any

import keras
from keras.src.utils import tracking

from kerassplit_widget.errors import SplitError
from kerassplit_widget.models.keras_internals.functions import FUNCTIONS, StandIn, rebind
from kerassplit_widget.models.keras_internals.graphs import layers_within
from kerassplit_widget.models.keras_internals.variables import original_of, own_variables, view_of

__all__ = ["METHODS", "changed_by_saving", "give_methods", "own_values"]

METHODS = frozenset(("build", "quantize", "enable_lora", "adapt"))
"""Attributes with methods that `give_methods` writes. They hold the twin, and nothing of the original."""


def give_methods(state: dict[str, Any], twin: Any, *, shared: bool) -> None:
    """Write the methods that a twin needs in other form than its class has them into its attributes.

    Parameters
    ----------
    state : dict
        The attributes of the twin.
    twin : keras.layers.Layer
    shared : bool
        Whether the twin holds the very variables of the original.
    """
    cls: Any = type(twin)
    for name, method in _methods_of(cls):
        state[name] = types.MethodType(method, twin)
    if not shared and "adapt" in state:
        del state["adapt"]
    if "predict_function" in state:  # compiled for the original; Keras makes new ones
        state.update(train_function=None, test_function=None, predict_function=None)


@functools.lru_cache(maxsize=256)
def _methods_of(cls: Any) -> list[tuple[str, Callable[..., Any]]]:
    """List the methods that twins of a class get, by name."""
    methods = [(name, _as_wrapped(cls, name)) for name in ("build", "quantize")]
    if hasattr(cls, "enable_lora"):
        methods.append(("enable_lora", functools.wraps(cls.enable_lora)(_enable_lora)))
    if hasattr(cls, "adapt"):
        methods.append(("adapt", functools.wraps(cls.adapt)(_adapt)))
    return methods


def _as_wrapped(cls: Any, name: str) -> Callable[..., Any]:
    """Give a method that has Keras put its wrapper around the one of the class when it is first used: few ever are."""

    @functools.wraps(getattr(cls, name))
    def method(twin: Any, *args: Any, **kwargs: Any) -> Any:
        bare = keras.layers.Layer.__new__(cls)
        known = {id(bare): twin}
        made = twin.__dict__[name] = rebind(bare.__dict__[name], lambda value: known.get(id(value)), {})
        return made(*args, **kwargs)

    return method


def _enable_lora(twin: Any, *args: Any, **kwargs: Any) -> None:
    """Enable LoRA on a twin: Keras freezes the kernel by its flag, so it gets views of variables that others hold."""
    state: dict[str, Any] = twin.__dict__
    store, made = twin._non_trainable_variables, twin._trainable_variables
    views = [(each, view_of(each, trainable=True)) for each in store if each.trainable]

    def exchange(others: dict[int, Any]) -> None:
        state.update({key: others[id(value)] for key, value in state.items() if id(value) in others})
        store[:] = [others.get(id(each), each) for each in (*store, *made)]
        made.clear()
        twin._tracker.forget()

    exchange({id(each): view for each, view in views})
    try:
        type(twin).enable_lora(twin, *args, **kwargs)
    finally:
        exchange({id(view): each for each, view in views if view.trainable})


def changed_by_saving(layer: Any) -> set[int]:
    """Return the ids of the variables in a layer that Keras does not save as they are: LoRA is merged into them."""
    return {
        id(original_of(variable))
        for each in (layer, *layers_within(layer))
        if getattr(each, "lora_enabled", False)
        for variable in own_variables(each)
        if not variable.trainable
    }


def _adapt(twin: Any, *args: Any, **kwargs: Any) -> Any:
    """Refuse to adapt variables that the model holds, since what the model made of them would stay."""
    if twin.variables:
        raise SplitError(
            f"The layer {twin.name!r} of this part shares its statistics with the model, which adapt() here would "
            "change by half; call adapt() on the layer of the model before splitting, or split with "
            'weights="copy".'
        )
    return type(twin).adapt(twin, *args, **kwargs)


def own_values(state: dict[str, Any], layer: Any, stand_in: StandIn, apart: Collection[str]) -> None:
    """Give a twin functions and containers of its own where it holds those of the original.

    Parameters
    ----------
    state : dict
        The attributes of the twin.
    layer : keras.layers.Layer
        The original.
    stand_in : callable
    apart : collection of str
        Attributes that are the twin's own already.
    """
    made: dict[int, Any] = {}
    for key, value in state.items():
        if key in apart:
            continue
        if isinstance(value, FUNCTIONS):
            state[key] = rebind(value, stand_in, made)
        elif type(value) in _PLAIN and isinstance(old := layer.__dict__.get(key), _TRACKED):
            state[key] = type(old)(value)
            state[key].tracker = state["_tracker"]


_TRACKED = tuple(
    getattr(tracking, name)
    for name in ("TrackedList", "TrackedDict", "TrackedOrderedDict", "TrackedSet")
    if hasattr(tracking, name)
)
_PLAIN = frozenset((*_TRACKED, list, dict, set))
