"""Masks that travel hidden into a layer that is looked into, and those that it puts on what it returns.

Around ``call`` Keras does two things with them, which a trace of ``call`` does not show: it fills ``mask=`` and the
like from the masks of the arguments, and puts on the outputs what ``compute_mask`` gives. In the graph the first begins
with a call that takes a mask off its tensor, before attention takes it off for good, and the second ends in a call that
attaches one. Layers inside find the masks on the tensors themselves, in the model as in parts.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from typing import Any

import keras

from kerassplit_widget.errors import first_line
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.bodies import Refusal
from kerassplit_widget.models.keras_internals import Node
from kerassplit_widget.models.masks import AttachMask, TakeMask

__all__ = ["HiddenMasks", "takes_mask"]


def takes_mask(node: Node, inputs: Collection[keras.KerasTensor]) -> bool:
    """Tell whether a call takes the mask off one of the inputs of a trace."""
    return isinstance(node.operation, TakeMask) and any(node.input_tensors[0] is each for each in inputs)


class HiddenMasks:
    """The masks around one call that is traced.

    Parameters
    ----------
    node : Node
        The call.
    twin : keras.layers.Layer
        Its layer, as it is traced.
    fresh : mapping of int to keras.KerasTensor
        From the id of a tensor among the arguments to what stands for it in the trace.
    shapes : mapping of int to tuple
        From the id of a tensor that a mask travels with to the shape of the mask.
    """

    def __init__(
        self, node: Node, twin: Any, fresh: Mapping[int, keras.KerasTensor], shapes: Mapping[int, internals.Shape]
    ) -> None:
        self._node, self._twin, self._fresh, self._shapes = node, twin, fresh, shapes
        self._taken: dict[int, keras.KerasTensor] = {}

    def _of(self, value: Any) -> Any:
        """Return the masks of a structure of tensors, as tensors of the trace."""
        return keras.tree.map_structure(self._take, value)

    def _take(self, tensor: Any) -> keras.KerasTensor | None:
        return self._taken_off(id(tensor)) if id(tensor) in self._shapes else None

    def _taken_off(self, key: int) -> keras.KerasTensor:
        if key not in self._taken:
            self._taken[key] = TakeMask(rank=len(self._shapes[key]))(self._fresh[key])
        return self._taken[key]

    def show(self) -> None:
        """Let the masks travel with what stands for the tensors in the trace."""
        for key in self._shapes:
            internals.set_mask(self._fresh[key], self._taken_off(key))

    def filled(self) -> dict[str, Any]:
        """Return the arguments that Keras fills with masks.

        That is ``mask`` from the only tensors that are given, else ``query_mask`` and the like from those given as
        ``query``, where these are parameters of ``call`` and not given.
        """
        if not self._shapes:
            return {}
        parameters = inspect.signature(self._twin.call).parameters
        arguments = self._node.arguments
        given = dict(zip(parameters, arguments.args, strict=False)) | arguments.kwargs
        tensors = {key: value for key, value in given.items() if _is_of_tensors(value)}
        filled = {}
        for key, value in tensors.items():
            parameter = "mask" if len(tensors) == 1 else f"{key}_mask"
            if parameter in parameters and given.get(parameter) is None:
                masks = self._of(value)
                if any(mask is not None for mask in keras.tree.flatten(masks)):
                    filled[parameter] = masks
        return filled

    def attached(
        self, outputs: list[keras.KerasTensor], lacking: Collection[int], given: Any
    ) -> list[keras.KerasTensor]:
        """Put on some outputs the masks that ``compute_mask`` gives them.

        Parameters
        ----------
        outputs : list of keras.KerasTensor
        lacking : collection of int
            Which of them.
        given : structure, optional
            What the call gets as ``mask``. By default Keras takes the masks of the first argument.

        Raises
        ------
        Refusal
            If the masks cannot be traced.
        """
        first = next(iter((*self._node.arguments.args, *self._node.arguments.kwargs.values())))
        masks = self._of(first) if given is None else given
        inputs = keras.tree.map_structure(lambda tensor: self._fresh.get(id(tensor), tensor), first)
        try:
            with internals.recording_plainly():
                made = keras.tree.flatten(self._twin.compute_mask(inputs, masks))
        except Exception as error:
            raise Refusal(f"its compute_mask() cannot be traced: {first_line(error)}") from None
        if any(i >= len(made) or not isinstance(made[i], keras.KerasTensor) for i in lacking):
            raise Refusal("it puts masks on what it returns that cannot be traced")
        return [AttachMask()([each, made[i]]) if i in lacking else each for i, each in enumerate(outputs)]


def _is_of_tensors(value: Any) -> bool:
    flat = keras.tree.flatten(value)
    return bool(flat) and all(isinstance(each, keras.KerasTensor) for each in flat)
