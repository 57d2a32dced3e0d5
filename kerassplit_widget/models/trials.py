"""Running what was traced beside the layer itself.

A trace is believed if a part that is made of it does what the layer does: on other weights than those of the trace (so
that no weight was frozen into a constant), at two shapes (so that no length was), in and out of training, and with
masks where these travel with the inputs.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from kerassplit_widget.errors import SplitError, first_line
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.bodies import Body, Refusal, Unfit
from kerassplit_widget.models.hidden import takes_mask
from kerassplit_widget.models.keras_internals import Node
from kerassplit_widget.models.twins import Copies, Twins

__all__ = ["compare_runs", "exactly", "sized"]

RUNS = ((None, 1, 3), (True, 3, 5))
"""``training``, and sizes for an unknown batch and for other unknown dimensions: unlike each other and unlike most
dimensions that are known."""


ZEROS = 0.125
"""The share of zeros among floats that a call is run on."""


def compare_runs(node: Node, body: Body, carried: Mapping[int, internals.Shape]) -> set[int]:
    """Compare a part that is made of a trace with the layer itself, on other weights than those of the trace.

    Parameters
    ----------
    node : Node
        The call that was traced.
    body : Body
    carried : mapping of int to tuple
        From the id of a tensor among the arguments that a mask travels with to the shape of the mask.

    Returns
    -------
    set of int
        The outputs that come with a mask from the layer, and without one from the part.

    Raises
    ------
    Refusal
        If they differ in anything else, or cannot be run.
    """
    copies = Copies()
    try:
        twin = Twins(copies).of(node.operation)
    except SplitError as error:
        raise Refusal(f"it cannot be copied to check the trace: {first_line(error)}") from None
    takes = [each for each in body.nodes if takes_mask(each, body.inputs)]
    try:
        part = _built(body, takes, copies)
    except Exception as error:
        raise Refusal(f"no part can be built of what was traced: {first_line(error)}") from None
    generator = np.random.default_rng(0)
    for variable in copies.variables():
        if "float" in variable.dtype:
            variable.assign(generator.uniform(0.05, 0.3, variable.shape))
    lacking: set[int] = set()
    for training, *sizes in RUNS:
        feed = _Feed.of(node, body, carried, sizes, generator)
        training = node.arguments.kwargs.get("training") if training is None else training
        try:
            expected = _Run.of(twin, *feed.arguments(node, training))
        except Exception as error:
            raise Unfit(f"it could not be run to check the trace: {first_line(error)}") from None
        try:
            found = _Run.of(part, (feed.tensors(body, takes),), {"training": training})
        except Exception as error:
            raise Refusal(f"what was traced holds for one shape only: {first_line(error)}") from None
        if expected.losses:
            raise Refusal("its call() adds losses")
        if found != expected:
            if _Run.of(twin, *feed.arguments(node, training)) != expected:
                raise Refusal("its call() draws random numbers itself")
            if training:
                raise Refusal("what was traced is not the layer in training")
            why = "it may use some of them directly, or call a layer on no tensor at all"
            raise Refusal(f"what was traced is not the layer when its weights change: {why}")
        lacking |= found.lacks(expected)
    return lacking


def _built(body: Body, takes: Sequence[Node], copies: Copies) -> internals.Functional:
    """Build a model of what was traced, as parts are built; masks that are taken off its inputs are inputs too."""
    number = itertools.count()
    twins = Twins(copies, lambda operation: f"call_{next(number)}")  # Keras wants names that differ
    inputs = [*body.inputs, *(each.outputs[0] for each in takes)]
    bare = Body(inputs, body.outputs, [each for each in body.nodes if each not in takes], traced=True)
    return bare.built(twins, [f"fed_{i}" for i in range(len(inputs))], "traced")


@dataclass(frozen=True)
class _Feed:
    """Arguments for a call: from the id of a symbolic tensor to what is fed in its place, and to the mask of that."""

    values: dict[int, Any]
    masks: dict[int, Any]

    @classmethod
    def of(
        cls,
        node: Node,
        body: Body,
        carried: Mapping[int, internals.Shape],
        sizes: Sequence[int],
        generator: np.random.Generator,
    ) -> _Feed:
        """Make an example for each tensor. A mask that is given as well is the one that travels."""
        fed = {id(tensor): tensor for tensor in node.input_tensors}
        values = {
            key: _example(tensor.dtype, sized(tensor.shape, *sizes), generator)
            for key, tensor in zip(fed, body.inputs, strict=True)
        }
        masks = {}
        for key, shape in carried.items():
            shown = id(internals.mask_of(fed[key]))
            masks[key] = values[shown] if shown in values else _mask(sized(shape, *sizes), generator)
        return cls(values, masks)

    def _fresh(self) -> dict[int, Any]:
        """Copy what is fed, since attention takes masks off the very tensors that it is called on."""
        copies = {key: keras.ops.copy(value) for key, value in self.values.items()}
        for key, mask in self.masks.items():
            internals.set_mask(copies[key], mask)
        return copies

    def arguments(self, node: Node, training: bool | None) -> tuple[Sequence[Any], dict[str, Any]]:
        """Return the arguments of the call, by place and by name, with these in the places of its tensors."""
        fed = self._fresh()
        filled = internals.refill(node, lambda tensor: fed[id(tensor)])
        return filled.args, filled.kwargs if training is None else {**filled.kwargs, "training": training}

    def tensors(self, body: Body, takes: Sequence[Node]) -> list[Any]:
        """List what the inputs of the body are fed, and the masks that are taken off some of them."""
        keys = dict(zip(map(id, body.inputs), self.values, strict=True))
        return [*self._fresh().values(), *(self.masks[keys[id(each.input_tensors[0])]] for each in takes)]


@dataclass(frozen=True)
class _Run:
    """What a call returned, and what it left behind: from the id of a variable to its state. Losses are apart."""

    results: list[Any]
    states: dict[int, Any]
    masks: list[Any] = field(compare=False)
    losses: list[Any] = field(compare=False)

    @classmethod
    def of(cls, run: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> _Run:
        """Run something without a trace on its variables."""
        with keras.StatelessScope(collect_losses=True) as scope, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a mask is lost, which is what the layer does
            results = keras.tree.flatten(run(*args, **kwargs))
        states = {key: exactly(value) for key, value in scope.state_mapping.items()}
        masks = [internals.mask_of(each) for each in results]
        masks = [None if mask is None else exactly(mask) for mask in masks]
        return cls([exactly(each) for each in results], states, masks, scope.losses)

    def lacks(self, other: _Run) -> set[int]:
        """Tell which results have no mask here and have one there.

        Raises
        ------
        Refusal
            If masks differ in another way.
        """
        differ = {i for i, (own, mask) in enumerate(zip(self.masks, other.masks, strict=True)) if own != mask}
        if any(self.masks[i] is not None for i in differ):
            raise Refusal("what was traced leaves other masks on what it returns")
        return differ


def exactly(value: Any) -> tuple[str, tuple[int, ...], bytes]:
    """Return what tells an array from all others; not-a-number is equal to itself."""
    array = keras.ops.convert_to_numpy(value)
    return str(array.dtype), array.shape, array.tobytes()


def sized(shape: Sequence[int | None], batch: int, size: int) -> tuple[int, ...]:
    """Return a shape with these sizes where it is unknown."""
    return tuple((size if axis else batch) if dim is None else dim for axis, dim in enumerate(shape))


def _example(dtype: str, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
    """Make an input of a kind. Whole numbers are 0 or 1, which every vocabulary knows."""
    if "float" in dtype:
        values = np.asarray(generator.standard_normal(shape), "float32")
        values[generator.random(shape) < ZEROS] = 0  # what is compared with zero should be zero now and then
        return keras.ops.convert_to_tensor(values, dtype=dtype)
    return keras.ops.cast(generator.integers(0, 2, shape), dtype)


def _mask(shape: tuple[int, ...], generator: np.random.Generator) -> Any:
    """Make a mask in which each row begins with something and ends with nothing."""
    mask = generator.integers(0, 2, shape).astype(bool)
    if shape and shape[-1] > 1:
        mask[..., 0], mask[..., -1] = True, False
    return keras.ops.convert_to_tensor(mask)
