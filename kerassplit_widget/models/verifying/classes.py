"""Classes of layers that Keras has to be told of when it loads saved parts."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from kerassplit_widget.errors import SplitError
from kerassplit_widget.models import keras_internals as internals

__all__ = ["own_classes"]


def own_classes(parts: Sequence[keras.Model]) -> dict[str, type]:
    """Collect the classes of layers that Keras would not know when it loads parts, by the names it would look for.

    Raises
    ------
    SplitError
        If two have one name.
    """
    found: dict[str, type] = {}
    for cls in dict.fromkeys(type(layer) for part in parts for layer in internals.layers_within(part)):
        name = keras.saving.get_registered_name(cls)
        if name == cls.__name__ and not cls.__module__.startswith("keras.") and found.setdefault(name, cls) is not cls:
            raise SplitError(
                f"Two classes of layers are called {name!r}, and Keras, which loads layers by such names, could not "
                "tell them apart: register one with keras.saving.register_keras_serializable()."
            )
    return found
