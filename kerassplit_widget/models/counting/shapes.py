"""The shapes of all tensors of a model for one batch size, where they can be known before it runs."""

from __future__ import annotations

from typing import Any

import keras

from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.batches import keeps_batch
from kerassplit_widget.models.counting.opening import run_inside
from kerassplit_widget.models.keras_internals import counting as details
from kerassplit_widget.models.reading import Reading, Step
from kerassplit_widget.structure.text import listed

__all__ = ["Shapes"]

_EXAMPLE = 128  # what a message shows for an unknown dimension


class Shapes:
    """Walks down a model and fixes the shapes, call by call.

    Attributes
    ----------
    known : dict of str to keras.KerasTensor
        From the name of a tensor to one of its kind with all dimensions known; a tensor is left out if one is not.
    """

    def __init__(self, reading: Reading, batch_size: int) -> None:
        self.batch_size = batch_size
        self.known: dict[str, keras.KerasTensor] = {}
        self._advice = _advice(reading)
        self._for_want_of_it: set[str] = set()

    def step(self, step: Step) -> tuple[tuple[Any, ...], dict[str, Any], list[Any]] | str:
        """Fix the shapes of one call; those before it must be fixed already.

        Parameters
        ----------
        step : Step

        Returns
        -------
        args, kwargs, outputs, or str
            With a `keras.KerasTensor` of known shape for each tensor; or why that cannot be.
        """
        node, call = step.node, step.call
        missing = [name for name in call.inputs if name not in self.known]
        if missing or (call.is_input and any(None in tensor.shape[1:] for tensor in node.outputs)):
            self._fix_by_rows(step)
            if self._advice and (call.is_input or self._for_want_of_it.intersection(missing)):
                self._for_want_of_it.update(tensor.name for tensor in call.outputs)
                return self._advice
            return f"the shape of what it is fed, {missing[0]!r}, is known only when the model runs"
        args: Any = ()
        kwargs: dict[str, Any] = {}
        if not call.is_input:
            arguments = internals.refill(node, lambda tensor: self.known[step.names[id(tensor)]])
            args, kwargs = arguments.args, arguments.kwargs
        shapes = self._shapes(step, args, kwargs)
        if isinstance(shapes, str):
            return shapes
        outputs = [details.fixed_tensor(*pair) for pair in zip(node.outputs, shapes, strict=True)]
        self.known.update((tensor.name, fixed) for tensor, fixed in zip(call.outputs, outputs, strict=True))
        return tuple(args), kwargs, outputs

    def _fix_by_rows(self, step: Step) -> None:
        """Fix the shapes of those outputs of which the batch alone is unknown, though what is fed is not known."""
        for tensor, recorded in zip(step.call.outputs, step.node.outputs, strict=True):
            first, *others = tensor.shape or (1,)
            if first is None and tensor.rows is not None:
                first = tensor.rows * self.batch_size
            if None not in (first, *others):
                self.known[tensor.name] = details.fixed_tensor(recorded, (first, *others)[: len(tensor.shape)])

    def _shapes(self, step: Step, args: Any, kwargs: dict[str, Any]) -> list[tuple[int, ...]] | str:
        recorded: list[Any] = [tuple(tensor.shape) for tensor in step.call.outputs]
        operation = step.node.operation
        if step.call.is_input or self._keeps_the_batch(step):
            fed = [self.known[name].shape[:1] for name in step.call.inputs]
            batch = max((first[0] for first in fed if first), default=self.batch_size)
            return [tuple(batch if dim is None else dim for dim in shape) for shape in recorded]
        if all(None not in shape for shape in recorded) and all(
            None not in tensor.shape for tensor in step.node.input_tensors
        ):
            return recorded
        for ask in (self._by_specification, self._by_running):
            try:
                found = [tuple(tensor.shape) for tensor in ask(operation, tuple(args), kwargs)]
            except Exception:
                continue  # the next may know; if none does, that is said below
            if len(found) == len(recorded) and all(None not in shape for shape in found):
                return found
        return "the shape of what it makes is known only when the model runs"

    def _by_specification(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        return list(keras.tree.flatten(operation.compute_output_spec(*args, **kwargs)))

    def _by_running(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """For layers that answer with the shapes they were built for, such as `EinsumDense`."""
        return run_inside(operation, args, kwargs, lambda cls: False)

    def _keeps_the_batch(self, step: Step) -> bool:
        """Tell whether only the batch dimension was unknown, of a layer of Keras: these hand it on as the first."""
        if not keeps_batch(step.node.operation):
            return False
        if any(None in tensor.shape[1:] or not tensor.shape for tensor in step.call.outputs):
            return False
        return all(
            tuple(tensor.shape[1:]) == tuple(self.known[step.names[id(tensor)]].shape[1:])
            for tensor in step.node.input_tensors
        )


def _advice(reading: Reading) -> str:
    """Say which dimensions of the model's inputs are unknown, and how to give them; nothing if none is."""
    graph = reading.graph
    wrong = {name: graph.tensors[name].shape for name in graph.inputs if None in graph.tensors[name].shape[1:]}
    if not wrong:
        return ""
    found = listed(f"{name!r} {shape}" for name, shape in wrong.items())
    given = {name: tuple(dim or _EXAMPLE for dim in shape[1:]) for name, shape in wrong.items()}
    many = "inputs" if len(wrong) > 1 else "input"
    return (
        f"it depends on dimensions that are unknown, of the {many} {found}: "
        f"say how large they are, for example input_shapes={given}"
    )
