"""What TensorFlow hangs on Keras objects, to find what is to be saved with them.

On other backends the objects have none of it, and nothing is done here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from kerassplit_widget.models.keras_internals.graphs import Operation

__all__ = ["TRACKED", "track_as_original", "track_more"]

_DEPENDENCIES = "_self_unconditional_checkpoint_dependencies"
"""The attribute with what is saved with an object."""

_NAMES = "_self_unconditional_dependency_names"
"""The attribute with the same by name."""

_DEFERRED = "_self_unconditional_deferred_dependencies"
_RESTORES = "_self_name_based_restores"
_UPDATES = "_self_update_uid"
_FACTORIES = "_self_saveable_object_factories"

TRACKED = frozenset((_DEPENDENCIES, _NAMES, _DEFERRED, _RESTORES, _UPDATES, _FACTORIES))
"""The attributes of an object that TensorFlow keeps its books in."""


def track_as_original(state: dict[str, Any], apart: Collection[str]) -> None:
    """Hang on a twin what hangs on the original.

    Without it `tf.train.Checkpoint` would save, and restore, nothing of a part.

    Parameters
    ----------
    state : dict
        The attributes of the twin, of which those in `TRACKED` are the original's.
    apart : collection of str
        Lists in which Keras keeps its books; the layers in them hang on the attributes that hold them.
    """
    if _DEPENDENCIES not in state:
        return
    references = []
    names = {}
    for old in state[_DEPENDENCIES]:
        name, value = old.name, state.get(old.name)
        if value is old.ref:
            references.append(old)
            names[name] = value
            continue
        if isinstance(value, list | tuple | dict) and not _is_trackable(value):
            if name in apart:
                continue
            value = state[name] = type(old.ref)(value)  # wrapped as TensorFlow does with an attribute
        if _is_trackable(value):
            references.append(type(old)(name, value))
            names[name] = value
    state[_DEPENDENCIES], state[_NAMES] = references, names
    # as it is as long as nothing is to be restored
    state[_DEFERRED], state[_RESTORES], state[_UPDATES] = {}, set(), -1
    if _FACTORIES in state:
        state[_FACTORIES] = {}


def track_more(held: Any, more: Sequence[Operation]) -> None:
    """Extend the list of operations that a new model holds, as ``held.extend(more)`` does.

    TensorFlow takes 6 µs for each, since something to be restored could be waiting for it; not so for a new model.

    Parameters
    ----------
    held : list of keras.Operation
        With one layer in it.
    more : sequence of keras.Operation
    """
    if not _is_trackable(held):
        held.extend(more)
        return
    references, names = getattr(held, _DEPENDENCIES), getattr(held, _NAMES)
    kind = type(references[0])
    found = [kind(str(i), each) for i, each in enumerate(more, len(held)) if _is_trackable(each)]
    references.extend(found)
    names.update((each.name, each.ref) for each in found)
    held._storage.extend(more)
    held._last_wrapped_list_snapshot.extend(more)


def _is_trackable(value: Any) -> bool:
    return hasattr(type(value), "_trackable_children")  # of a class, which is quicker to know
