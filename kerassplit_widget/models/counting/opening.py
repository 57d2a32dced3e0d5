"""Running the ``call`` of a layer on symbolic tensors of known shapes, to see what it calls inside.

Unlike `models.tracing`, which must be sure that what it finds is the layer, this is for counting only: a constant that
was frozen, or a mask that was forgotten, changes no count.
"""

from __future__ import annotations

import contextlib
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras

from kerassplit_widget.errors import first_line
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.counting.work import Unknown
from kerassplit_widget.models.keras_internals import counting as details
from kerassplit_widget.models.twins import Copies, Twins

__all__ = ["run_inside", "run_symbolically"]


def run_inside(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], whole: Callable[[type], bool]) -> list[Any]:
    """Run ``call`` of a layer, on a twin, so that the layer is not touched.

    Parameters
    ----------
    layer : keras.layers.Layer
    args, kwargs
        With symbolic tensors that belong to no graph.
    whole : callable
        Tells of the class of a layer inside whether its calls are to be recorded. The others are run through.

    Returns
    -------
    list
        What it returns, flat.

    Raises
    ------
    Unknown
        If it fails, as calls of another library do.
    """
    if internals.takes_training(layer):
        kwargs = {**kwargs, "training": False}

    def run(twins: Twins) -> list[Any]:
        def call() -> Any:
            twin: Any = twins.of(layer)
            with _open(twin, whole):
                return twin.call(*args, **kwargs)

        return run_symbolically(call)

    try:
        # Symbolic weights, since `weight * tensor` asks the weight, and Keras's variables compute at once.
        return run(Twins(Copies(rest=details.symbolic_weight)))
    except Unknown:
        # The layer may ask of its weights what only variables have; or it is such a twin itself.
        return run(Twins())


def run_symbolically(run: Callable[[], Any]) -> list[Any]:
    """Run something that makes symbolic tensors, without a trace on how Keras names; return these, flat."""
    try:
        # Keras warns of what it did in the user's model too, such as a mask that ends here.
        with internals.fresh_names(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(keras.tree.flatten(run()))
    except Exception as error:
        raise Unknown(f"its call() cannot be run symbolically: {first_line(error)}") from None


@contextlib.contextmanager
def _open(twin: Any, whole: Callable[[type], bool]) -> Iterator[None]:
    """Let the layers inside a twin be run through. They are twins too, and get their classes back afterwards."""
    layers: dict[int, Any] = {id(layer): layer for layer in internals.layers_within(twin)}
    classes = {key: type(layer) for key, layer in layers.items()}
    opened: dict[type, type] = {}
    for key, layer in layers.items():
        cls = classes[key]
        if cls not in opened:
            opened[cls] = types.new_class(cls.__name__, (cls,), exec_body=_opening(cls, whole(cls)))
        object.__setattr__(layer, "__class__", opened[cls])
    try:
        yield
    finally:
        for key, layer in layers.items():
            object.__setattr__(layer, "__class__", classes[key])


def _opening(cls: Any, whole: bool) -> Callable[[dict[str, Any]], None]:
    """Give what makes a subclass whose calls are run through, unless they can be recorded and counted whole."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if whole:
            with contextlib.suppress(Exception):
                made = cls.__call__(self, *args, **kwargs)
                if all(None not in tensor.shape for tensor in keras.tree.flatten(made)):
                    return made
        if not internals.takes_training(self):
            kwargs.pop("training", None)  # a nested model hands it to every layer, and `__call__` drops it
        return self.call(*args, **kwargs)

    return lambda namespace: namespace.update(__call__=call)
