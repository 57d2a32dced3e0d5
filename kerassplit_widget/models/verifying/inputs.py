"""What models and parts are compared on: random inputs, or the batches that people give."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import numpy.typing as npt

from kerassplit_widget.errors import SplitError
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.verifying.readers import TOKEN_LIMIT, Reader, readers

if TYPE_CHECKING:
    from kerassplit_widget.models.splitting import Split

__all__ = ["given_inputs", "length_of", "random_batches", "random_inputs", "smaller_batches"]

UNKNOWN_IMAGE_SIDE, UNKNOWN_LENGTH = 96, 8
"""Sizes that stand in for unknown dimensions of random inputs: of images and volumes, and of everything else."""

SMALLER = 2, 1
"""Below what whole numbers stay, one after the other, where the model does not run on others."""


def random_batches(split: Split, rounds: int, seed: int, below: int = TOKEN_LIMIT) -> list[Any]:
    """Make so many random inputs that fit a model's input specs, in batches.

    The first two are one batch: in a batch of one, what is wrong from example to example is not seen. That is not so
    where something on the way is made for one size of batch. What is made of constants alone, such as
    positions, does not count.
    """
    reading = split.reading
    assert reading is not None  # `split.model` was there
    tensors = reading.graph.tensors
    first = [
        tensor.shape[0]
        for call in reading.graph
        for tensor in call.outputs
        if tensor.shape and tensor.rows is not None
        if call.is_input or any(tensors[name].shape[:1] == (None,) for name in call.inputs)
    ]
    sizes = [2] + [1] * (rounds - 2) if rounds > 1 and set(first) <= {None} else [1] * rounds
    return [random_inputs(split, seed + i, size, below) for i, size in enumerate(sizes)]


def smaller_batches(split: Split, rounds: int, seed: int, number: int) -> Iterator[tuple[int, Any]]:
    """Make a batch of `random_batches` anew, by its place among them, of ever smaller whole numbers.

    How many different numbers a model knows may be hidden in the ``call`` of a layer.

    Yields
    ------
    int, structure of numpy.ndarray
        What the whole numbers are below, and the batch. There is none of a model that takes no whole numbers.
    """
    reading = split.reading
    assert reading is not None  # `split.model` was there
    if any("int" in tensor.dtype for tensor in reading.function.inputs):
        yield from ((below, random_batches(split, rounds, seed, below)[number]) for below in SMALLER)


def random_inputs(split: Split, seed: int = 0, batch_size: int = 1, below: int = TOKEN_LIMIT) -> Any:
    """Make random inputs that fit a model's input specs.

    Parameters
    ----------
    split : Split
    seed : int
    batch_size : int
        Where it is not fixed.
    below : int
        What whole numbers are below in any case.

    Returns
    -------
    structure of numpy.ndarray
        As the model takes them: normal numbers for floats, whole numbers within the vocabulary of the embeddings that
        read them or the size of what they pick from, true or false for booleans, words that the lookups know for
        strings. All are backend tensors if one is of a dtype that NumPy has not, as Keras takes no mixture.
    """
    generator = np.random.default_rng(seed)
    reading = split.reading
    assert reading is not None  # `split.model` was there
    function = reading.function

    def filled(shape: Sequence[int | None]) -> tuple[int, ...]:
        unknown = UNKNOWN_IMAGE_SIDE if len(shape) >= 4 else UNKNOWN_LENGTH
        return tuple((batch_size if axis == 0 else unknown) if dim is None else dim for axis, dim in enumerate(shape))

    needs = readers(reading, filled)
    made: list[Any] = []
    for name, tensor in zip(reading.graph.inputs, function.inputs, strict=True):
        need = needs.get(name, Reader())
        need = need._replace(limit=min(need.limit or TOKEN_LIMIT, below))
        made.append(_values(generator, filled(tensor.shape), tensor.dtype, need))
    if any(tensor.dtype not in _OF_NUMPY for tensor in function.inputs):
        made = [
            keras.ops.convert_to_tensor(values, dtype=tensor.dtype)
            for values, tensor in zip(made, function.inputs, strict=True)
        ]
    return keras.tree.pack_sequence_as(internals.input_structure(function), made)


_INTEGERS = frozenset(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
_OF_NUMPY = _INTEGERS | {"bool", "string", "float16", "float32", "float64", "complex64", "complex128"}
"""The dtypes of inputs that NumPy has too, by the names that Keras gives them."""


def _values(generator: np.random.Generator, shape: tuple[int, ...], dtype: str, reader: Reader) -> npt.NDArray[Any]:
    """Make random values of a dtype; of one that NumPy has not, what is to be cast to it."""
    if dtype == "string":
        words = [str(word) for word in reader.words] or [str(number) for number in range(TOKEN_LIMIT)]
        many = UNKNOWN_LENGTH if reader.phrases else 1
        chosen = generator.integers(0, len(words), (*shape, many)).reshape(-1, many)
        return np.array([" ".join(words[n] for n in row) for row in chosen], dtype=object).reshape(shape)
    if dtype == "bool":
        return generator.random(shape) < 0.5
    numbers: npt.NDArray[Any]
    if "int" in dtype or reader.counts:
        known = np.array(reader.words)
        if len(known) and known.dtype.kind in "iu":
            numbers = generator.choice(known, shape)
        else:
            numbers = generator.integers(0, reader.limit or TOKEN_LIMIT, shape)
    else:
        numbers = generator.standard_normal(shape)
    if dtype.startswith("complex"):
        numbers = numbers + 1j * generator.standard_normal(shape)
    return numbers.astype(dtype if dtype in _OF_NUMPY else "float32")


def given_inputs(split: Split, data: Any, rounds: int) -> list[Any]:
    """Take from what people give the batches to compare on.

    Parameters
    ----------
    split : Split
    data : structure of tensors, or iterable of such
        An iterable that is no tensor, list, tuple or dict gives a batch at a time: a ``tf.data.Dataset``, a
        `keras.utils.PyDataset`, a loader, a generator.
    rounds : int
        How many batches to take at most of an iterable; no more are asked for.

    Returns
    -------
    list of structure of tensors
        The inputs of each batch. Of ``(x, y)`` and ``(x, y, weights)`` that is x, unless the model itself takes so many
        tensors.

    Raises
    ------
    SplitError
        If there is no batch, or one without examples.
    """
    stream = _stream(data)
    batches = [data] if stream is None else [_inputs(split, batch) for batch in islice(stream, rounds)]
    if not batches:
        raise SplitError(f"data= is a {type(data).__name__} that gives no batch: there is nothing to compare on.")
    for batch in batches:
        if any(isinstance(leaf, keras.KerasTensor) for leaf in keras.tree.flatten(batch)):
            raise SplitError("data= has symbolic tensors, which hold no numbers to compare on: give arrays or tensors.")
        if any(tuple(leaf.shape)[:1] == (0,) for leaf in _leaves(batch)):
            raise SplitError("data= has a batch of 0 examples: there is nothing to compare on. Give 1 or more.")
    return batches


def _stream(data: Any) -> Iterator[Any] | None:
    """Return the batches that data come in; None if they are one batch."""
    if isinstance(data, keras.utils.PyDataset):  # in old versions of Keras these are no iterables
        return _of_dataset(data)
    structure = isinstance(data, Mapping | list | tuple | str | bytes) or hasattr(data, "shape")
    return iter(data) if isinstance(data, Iterable) and not structure else None


def _of_dataset(data: Any) -> Iterator[Any]:
    many = data.num_batches  # None: they never end
    number = 0
    while many is None or number < many:
        yield data[number]
        number += 1


def _inputs(split: Split, batch: Any) -> Any:
    """Leave out targets and weights, where the batch as a whole cannot be what the model takes."""
    if isinstance(batch, tuple | list) and 1 <= len(batch) <= 3 and not _fits(split, batch) and _fits(split, batch[0]):
        return batch[0]
    return batch


def _fits(split: Split, batch: Any) -> bool:
    try:
        split.manifest.match_inputs(batch)
    except SplitError:
        return False
    return True


def _leaves(batch: Any) -> list[Any]:
    """List the tensors of a batch; an optional input may be None."""
    return [leaf for leaf in keras.tree.flatten(batch) if hasattr(leaf, "shape")]


def length_of(batch: Any) -> int:
    """Count the examples in a batch: the first dimension of the first tensor that has one, or 1."""
    return next((int(leaf.shape[0]) for leaf in _leaves(batch) if len(leaf.shape) > 0), 1)
