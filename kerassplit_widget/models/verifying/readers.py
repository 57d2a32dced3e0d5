"""What is read of the inputs of a model: within which numbers or words they have to be for it to run."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import numpy as np

from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.keras_internals import counting as details

if TYPE_CHECKING:
    from kerassplit_widget.models.reading import Reading, Step

__all__ = ["TOKEN_LIMIT", "Reader", "readers"]

TOKEN_LIMIT = 100
"""Random integers stay below this, or below the smallest number of things that they stand for."""

LOOKUPS = (keras.layers.StringLookup, keras.layers.IntegerLookup, keras.layers.TextVectorization)
"""Layers that know a vocabulary."""

TAKES = {"Take": ("x", "indices"), "TakeAlongAxis": ("x", "indices")}
"""Ops that pick from a tensor by numbers: the names of these arguments."""

SIZED = {
    "OneHot": ("x", "num_classes"),
    "MultiHot": ("inputs", "num_classes"),
    **dict.fromkeys(("SegmentMax", "SegmentMin", "SegmentProd", "SegmentSum"), ("segment_ids", "num_segments")),
}
"""Ops that say themselves how many different numbers there are: the argument they read, and the attribute."""

MOVES = frozenset(
    [
        "BroadcastTo",
        "Cast",
        "Concatenate",
        "ConvertToTensor",
        "Copy",
        "ExpandDims",
        "Flip",
        "GetItem",
        "Hstack",
        "Moveaxis",
        "Ravel",
        "Repeat",
        "Reshape",
        "Roll",
        "Slice",
        "Split",
        "Squeeze",
        "Stack",
        "StopGradient",
        "Swapaxes",
        "Tile",
        "Transpose",
        "Unstack",
        "Vstack",
    ]
)
"""Ops that return numbers they are given, in other places or of another dtype."""

MOVING_LAYERS = (
    keras.layers.Concatenate,
    keras.layers.Flatten,
    keras.layers.Identity,
    keras.layers.Permute,
    keras.layers.RepeatVector,
    keras.layers.Reshape,
)
"""Layers that do."""


class Reader(NamedTuple):
    """What the calls that read a tensor need.

    Attributes
    ----------
    limit : int or None
        Whole numbers stay below it.
    counts : bool
        Whether the tensor is whole numbers for certain, as a call, not a layer inside it, has the limit.
    words : tuple
        What a lookup knows; of strings, phrases where that takes them apart.
    """

    limit: int | None = None
    counts: bool = False
    words: tuple[Any, ...] = ()
    phrases: bool = False

    def and_before(self, earlier: Reader) -> Reader:
        """Put needs together with those of an earlier call: the smallest limit, the first vocabulary."""
        limit = min((each for each in (self.limit, earlier.limit) if each is not None), default=None)
        first = earlier if earlier.words else self
        return Reader(limit, self.counts or earlier.counts, first.words, first.phrases)


def readers(reading: Reading, filled: Callable[[Sequence[int | None]], tuple[int, ...]]) -> dict[str, Reader]:
    """Find what is needed of each tensor by the calls that read it, also behind calls that only move numbers.

    Parameters
    ----------
    reading : Reading
    filled : callable
        Fills the unknown dimensions of a shape, as is done for the inputs.

    Returns
    -------
    dict of str to Reader
        By the names of tensors; those of which nothing is known are left out.
    """
    found: dict[str, Reader] = {}
    for step in reversed(reading.steps):
        needs = [*_needs(step, reading, filled)]
        behind = [found[output.name] for output in step.call.outputs if output.name in found]
        needs += [(name, need) for name in (_moved(step) if behind else ()) for need in behind]
        for name, need in needs:
            found[name] = found.get(name, Reader()).and_before(need)
    return found


def _needs(
    step: Step, reading: Reading, filled: Callable[[Sequence[int | None]], tuple[int, ...]]
) -> Iterator[tuple[str, Reader]]:
    """Yield what a call itself needs, with the name of the tensor it needs that of."""
    op = details.own_op(step.node.operation)
    if op in TAKES:
        table, indices = (_argument(step, name) for name in TAKES[op])
        name = step.names.get(id(indices))
        if name is not None:
            known = reading.graph.tensors.get(step.names.get(id(table), ""))
            shape = filled(np.shape(table) if known is None else known.shape)
            axis = step.node.operation.axis
            yield name, Reader(_at_most(math.prod(shape) if axis is None else shape[axis]), counts=True)
    elif op in SIZED:
        argument, size = SIZED[op]
        name, many = step.names.get(id(_argument(step, argument))), getattr(step.node.operation, size)
        if name is not None and isinstance(many, int):
            yield name, Reader(_at_most(many), counts=True)
    else:
        layers = _within(step.node.operation)
        limits = [size for size in map(_limit, layers) if size is not None]
        lookups = [layer for layer in layers if isinstance(layer, LOOKUPS)]
        words = tuple(lookups[0].get_vocabulary(include_special_tokens=False)) if lookups else ()
        need = Reader(
            limit=min(limits, default=None),
            counts=_limit(layers[0]) is not None,
            words=words,
            phrases=bool(lookups) and isinstance(lookups[0], keras.layers.TextVectorization),
        )
        yield from ((name, need) for name in step.call.inputs if limits or lookups)


def _moved(step: Step) -> list[str]:
    """Name the tensors whose numbers a call returns, as they are or of another dtype."""
    op = details.own_op(step.node.operation)
    if op in TAKES:
        name = step.names.get(id(_argument(step, TAKES[op][0])))
        return [] if name is None else [name]
    return list(step.call.inputs) if op in MOVES or type(step.node.operation) in MOVING_LAYERS else []


def _argument(step: Step, name: str) -> Any:
    """Return what one of Keras's ops is given for a parameter."""
    given = step.node.arguments
    return inspect.signature(step.node.operation.call).bind(*given.args, **given.kwargs).arguments[name]


def _limit(layer: internals.Operation) -> int | None:
    """Return the number of different whole numbers that a layer knows; None where that does not matter."""
    if isinstance(layer, keras.layers.Embedding):
        return _at_most(layer.input_dim)
    if isinstance(layer, keras.layers.CategoryEncoding) and layer.num_tokens is not None:
        return _at_most(layer.num_tokens)
    return None


def _at_most(many: int) -> int:
    return min(int(many), TOKEN_LIMIT)


def _within(operation: internals.Operation) -> list[internals.Operation]:
    """List an operation and the layers inside it."""
    inside = internals.layers_within(operation) if isinstance(operation, keras.layers.Layer) else []
    return [operation, *inside]
