"""The inside of layers: what a twin needs to be one."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import keras
from keras.src.utils.tracking import Tracker

from kerassplit_widget.models.keras_internals.following import follow
from kerassplit_widget.models.keras_internals.functions import StandIn
from kerassplit_widget.models.keras_internals.graphs import Functional, Operation
from kerassplit_widget.models.keras_internals.methods import METHODS, give_methods, own_values
from kerassplit_widget.models.keras_internals.tracking import TRACKED, track_as_original
from kerassplit_widget.models.keras_internals.variables import view_of

__all__ = ["fill_layer", "set_name"]


def set_name(operation: Operation, name: str) -> None:
    """Rename an operation that is ours (a twin): Keras forbids renaming a layer through its property."""
    state: dict[str, Any] = operation.__dict__
    state["name" if "name" in state else "_name"] = name


class _Gate(list[Any]):
    """The variables of a twin, as Keras collects them: as they are, or non-trainable views while the twin is frozen.

    Keras freezes a layer by a flag on each variable; here that flag belongs to the user's layer. A view has the value
    of its variable and a flag of its own, so that models around a frozen twin see what is frozen.
    """

    __slots__ = ("owner", "views")

    def __init__(self, owner: Any, variables: Iterable[Any]) -> None:
        super().__init__(variables)
        self.owner = owner
        self.views: dict[int, Any] = {}

    def __radd__(self, other: list[Any]) -> list[Any]:
        """Keras asks for ``layer._trainable_variables + layer._non_trainable_variables``."""
        return [*other, *(self if self.owner._trainable else map(self._view, self))]

    def _view(self, variable: Any) -> Any:
        if not variable.trainable:
            return variable
        if id(variable) not in self.views:
            self.views[id(variable)] = view_of(variable, trainable=False)
        return self.views[id(variable)]


class _Tracker(Tracker):  # type: ignore[misc]  # Keras ships no types
    """The books of a twin on what it owns. Written when Keras first looks into them: most twins are only called.

    Parameters
    ----------
    cls : type
        Of the twin.
    state : dict
        The attributes of the twin, with its stores.
    original : Tracker
        The books of the layer.
    """

    def __init__(self, cls: Any, state: dict[str, Any], original: Tracker) -> None:
        self._cls, self._state = cls, state
        self.locked, self._lock_violation_msg = original.locked, original._lock_violation_msg
        self.exclusions = original.exclusions

    @cached_property
    def config(self) -> dict[str, tuple[Callable[[Any], bool], list[Any]]]:
        """From the name of a store to what tells whether something belongs there, and the store."""
        books = keras.layers.Layer.__new__(self._cls)._tracker
        return {name: (test, self._state[f"_{name}"]) for name, (test, _) in books.config.items()}

    @cached_property
    def stored_ids(self) -> dict[str, set[int]]:
        """From the name of a store to the ids of what is there."""
        return {name: set(map(id, store)) for name, (_, store) in self.config.items()}

    def forget(self) -> None:
        """Have the books written anew, since the stores were changed without them."""
        self.__dict__.pop("stored_ids", None)


def fill_layer(
    twin: Any,
    layer: Any,
    counterpart: Callable[[Any], Any] | None = None,
    graph: Functional | None = None,
    *,
    shared: bool = True,
    stand_in: StandIn | None = None,
) -> None:
    """Give a bare twin the state of a layer.

    Calls recorded on the twin leave no trace on the layer. Freezing the twin does not freeze the layer: Keras writes
    ``trainable`` through to every variable in ``_trainable_variables``, so the twin keeps all its variables in the
    other list, behind a `_Gate`.

    Parameters
    ----------
    twin, layer : keras.layers.Layer
        The twin is empty yet.
    counterpart : callable, optional
        From a value that the layer holds to what the twin holds instead. By default it holds the same.
    graph : Functional, optional
        The graph that the twin of a nested model computes, built anew.
    shared : bool
        Whether the twin holds the very variables of the layer.
    stand_in : callable, optional
        From a layer or variable that a function in the layer may hold to what stands for it, if anything does. By
        default only the twin stands for the layer.
    """
    state: dict[str, Any] = dict(layer.__dict__)
    if counterpart is not None:
        for key in state.keys() - _GRAPH - _OWN - TRACKED:
            state[key] = counterpart(state[key])
    if graph is not None and isinstance(layer, keras.Sequential):
        state["_functional"] = graph
    elif graph is not None:
        state.update((key, graph.__dict__[key]) for key in _GRAPH)
    variables = [*state["_trainable_variables"], *state["_non_trainable_variables"]]
    state.update(
        _inbound_nodes=[],
        _outbound_nodes=[],
        _losses=[],
        _loss_ids=set(),
        _losses_override=[],
        _trainable_variables=[],
        _non_trainable_variables=_Gate(twin, variables) if variables else [],
        _layers=[*state["_layers"]],
        _metrics=[*state["_metrics"]],
        _seed_generators=[*state["_seed_generators"]],
        _tracker=_Tracker(type(twin), state, layer._tracker),
    )
    if "_tracked" in state:  # of TensorFlow
        state["_tracked"] = list(state["_tracked"])
    if "_call_has_context_arg" in state:  # of Keras since 3.11
        state["_call_has_context_arg"] = dict(state["_call_has_context_arg"])
    if "_modules" in state:  # of PyTorch, where a layer is a module
        state.update((key, copy.copy(state[key])) for key in state.keys() & _OF_MODULE)
        state["_modules"].pop("_torch_params", None)  # the parameters, which Keras collects anew
    give_methods(state, twin, shared=shared)
    if stand_in is not None or not type(layer).__module__.startswith("keras."):  # Keras's own hold no layer but others
        own_values(state, layer, stand_in or (lambda value: twin if value is layer else None), apart=_BOOKS | METHODS)
    if shared and hasattr(type(layer), "finalize_state"):
        follow(state, twin, layer)
    track_as_original(state, apart=_BOOKS)
    object.__setattr__(twin, "__dict__", state)  # TensorFlow would look at each attribute on its way in


_OWN = frozenset(
    ("_inbound_nodes", "_outbound_nodes", "_losses", "_loss_ids", "_losses_override", "_tracker", "_functional")
)
"""The attributes that are not taken over from the layer as they are."""

_STORES = frozenset(("_trainable_variables", "_non_trainable_variables", "_layers", "_metrics", "_seed_generators"))
"""The lists in which a layer tracks what it owns."""

_BOOKS = _OWN | _STORES

_OF_MODULE = frozenset(
    ("_parameters", "_buffers", "_modules", "_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
)
"""The containers of a `torch.nn.Module` that others write to."""

_GRAPH = frozenset(
    (
        "_nodes",
        "_nodes_by_depth",
        "_operations",
        "_operations_by_depth",
        "_inputs",
        "_outputs",
        "_inputs_struct",
        "_outputs_struct",
    )
)
"""The attributes in which a Functional holds its graph."""
