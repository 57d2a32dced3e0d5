"""Runs that leave no trace: what layers write to their variables is dropped."""

from __future__ import annotations

from typing import Any

import keras

from kerassplit_widget.models import keras_internals as internals

__all__ = ["Apart"]


class Apart(keras.StatelessScope):  # type: ignore[misc]  # Keras ships no types
    """Layers called inside read and write their states, statistics and seeds apart from the variables themselves.

    Every run in a scope of its own begins with the variables as they are outside, so that a model and its parts, which
    share them, can be compared; and afterwards the variables are as they were.

    Parameters
    ----------
    *models : keras.Model
        What is called inside; afterwards the losses of their last calls are as they were, too.

    Attributes
    ----------
    changed : dict of int to keras.Variable
        By their ids, the variables that a layer has assigned to.

    Examples
    --------
    >>> variable = keras.Variable([1.0])
    >>> with Apart() as scope:
    ...     _ = variable.assign([2.0])
    ...     float(variable[0])
    2.0
    >>> float(variable[0]), [each is variable for each in scope.changed.values()]
    (1.0, [True])
    """

    def __init__(self, *models: keras.Model) -> None:
        super().__init__()
        self.changed: dict[int, keras.Variable] = {}
        self._put_back = [internals.keep_losses(model) for model in models]

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for put_back in self._put_back:
            put_back()

    def add_update(self, update: tuple[keras.Variable, Any]) -> None:
        """Take the new value of a variable, as Keras hands it over."""
        self.changed[id(update[0])] = update[0]
        super().add_update(update)
