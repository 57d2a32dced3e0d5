"""Names of ops, which Keras counts for the whole program."""

from __future__ import annotations

import collections
import contextlib
import types
from collections.abc import Iterable, Iterator, Mapping

from keras.src.backend.common import global_state

__all__ = ["fresh_names", "names_taken"]


def names_taken(names: Iterable[str]) -> dict[str, int]:
    """Count as Keras does how often each name was given, where those in `names` are not to be given again."""
    counts = dict.fromkeys(names, 1)
    for name in list(counts):
        if name[-1:].isdecimal():
            base, _, number = name.rpartition("_")
            if base and number.isdecimal():
                counts[base] = max(counts.get(base, 0), int(number) + 1)
    return counts


@contextlib.contextmanager
def fresh_names(taken: Mapping[str, int] = types.MappingProxyType({})) -> Iterator[None]:
    """Name ops as if none but those `taken` had been made yet, so that they are named the same every time.

    Afterwards Keras goes on counting as before, and in the name scope it was in: a call that fails may leave its own.

    Parameters
    ----------
    taken : mapping of str to int
        What `names_taken` makes of names.
    """
    counts = collections.defaultdict(int, taken)
    before = global_state.get_global_attribute("object_name_uids")
    scopes = list(global_state.get_global_attribute("name_scope_stack") or ())
    global_state.set_global_attribute("object_name_uids", counts)
    try:
        yield
    finally:
        global_state.set_global_attribute("object_name_uids", before)
        stack = global_state.get_global_attribute("name_scope_stack")
        if stack is not None:
            stack[:] = scopes
