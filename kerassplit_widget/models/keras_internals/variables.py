"""Variables: copies of them, and second handles on them."""

from __future__ import annotations

import types
from typing import Any

import keras

__all__ = ["copy_variable", "is_variable_of_backend", "original_of", "own_variables", "view_of"]


def copy_variable(variable: keras.Variable) -> keras.Variable:
    """Make an independent variable with the value, dtype, flags and path of another."""
    twin = keras.Variable(
        keras.ops.convert_to_numpy(variable.value) if variable.dtype != "bfloat16" else variable.value,
        dtype=variable.dtype,
        trainable=variable.trainable,
        autocast=variable._autocast,
        name=variable.name,
    )
    twin._path = variable._path
    for name in ("regularizer", "constraint", "overwrite_with_gradient"):
        if hasattr(variable, name):
            setattr(twin, name, getattr(variable, name))
    return twin


def is_variable_of_backend(value: Any) -> bool:
    """Tell whether something is a variable of TensorFlow or PyTorch; those of Keras are none, but hold one."""
    return keras.ops.is_tensor(value) and (hasattr(value, "assign") or type(value).__module__ == "torch.nn.parameter")


def own_variables(layer: keras.layers.Layer) -> list[keras.Variable]:
    """List the variables that a layer holds itself, not in a layer inside."""
    return [*list(layer._trainable_variables), *list(layer._non_trainable_variables)]


def view_of(variable: keras.Variable, trainable: bool) -> keras.Variable:
    """Make a second handle on a variable, with a flag of its own that says whether it is trainable."""

    def read(view: Any) -> Any:
        return view._variable._value

    def write(view: Any, value: Any) -> None:
        view._variable._value = value

    cls: Any = types.new_class(type(variable).__name__, (type(variable),))
    cls._value = property(read, write)
    view = object.__new__(cls)
    state: dict[str, Any] = view.__dict__
    state.update({key: value for key, value in variable.__dict__.items() if key != "_value"})
    state.update(_variable=original_of(variable), _trainable=trainable)
    return view


def original_of(variable: keras.Variable) -> keras.Variable:
    """Return the variable behind a view of it."""
    return variable.__dict__.get("_variable", variable)
