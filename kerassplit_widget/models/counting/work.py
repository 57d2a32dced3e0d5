"""What is counted of a call, and what a counter is given to count it."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    from kerassplit_widget.models.counting.counter import Counter

__all__ = ["Count", "Site", "Unknown", "Work", "shape_of", "size_of"]


class Unknown(Exception):  # noqa: N818 - it is an answer, not an error
    """Why the work of a call is unknown."""


@dataclass(frozen=True, slots=True)
class Work:
    """The work of a call.

    Attributes
    ----------
    macs : int
        Multiply-adds.
    other : int
        Floating-point operations beside these.
    """

    macs: int = 0
    other: int = 0

    @property
    def flops(self) -> int:
        """Floating-point operations; a multiply-add is two."""
        return 2 * self.macs + self.other

    def __add__(self, more: Work) -> Work:
        return Work(self.macs + more.macs, self.other + more.other)

    def times(self, count: int) -> Work:
        """Return the work of doing it so many times."""
        return Work(self.macs * count, self.other * count)

    @staticmethod
    def total(works: Iterable[Work]) -> Work:
        """Add up."""
        return sum(works, Work())


@dataclass(frozen=True, slots=True)
class Site:
    """A call with all shapes known.

    Attributes
    ----------
    operation : keras.Operation
    args : tuple
    kwargs : dict of str to value
        The arguments, with a `keras.KerasTensor` of known shape for each tensor.
    outputs : list of keras.KerasTensor
        Flat.
    counter : Counter
        Counts what is inside.
    """

    operation: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: list[Any]
    counter: Counter

    @property
    def fed(self) -> list[Any]:
        """The symbolic tensors among the arguments, flat."""
        values = keras.tree.flatten((self.args, self.kwargs))
        return [value for value in values if isinstance(value, keras.KerasTensor)]

    @property
    def out(self) -> int:
        """Number of elements of the first output."""
        return size_of(self.outputs[0])

    @property
    def elements(self) -> int:
        """Number of elements of the first tensor that is fed, or that is made if none is fed."""
        fed = self.fed
        return size_of(fed[0]) if fed else self.out

    def argument(self, name: str) -> Any:
        """Return the value of an argument by the name of its parameter in ``call``; None if it is not given."""
        try:
            bound = inspect.signature(self.operation.call).bind(*self.args, **self.kwargs)
        except TypeError as error:
            raise Unknown(f"its arguments are not those that {type(self.operation).__name__} takes: {error}") from None
        bound.apply_defaults()
        return bound.arguments.get(name)


Count = Callable[[Site], Work]
"""A counter for one kind of call. Raises `Unknown`."""


def shape_of(value: Any) -> tuple[int, ...]:
    """Return the shape of a tensor, variable, array or number.

    Raises
    ------
    Unknown
        If a dimension is known only when the model runs.
    """
    shape = getattr(value, "shape", None)
    if shape is None:
        shape = () if isinstance(value, int | float | bool | complex) else keras.ops.shape(value)
    dims = tuple(shape)
    if any(dim is None for dim in dims):
        raise Unknown("a dimension is known only when the model runs")
    return tuple(int(dim) for dim in dims)


def size_of(value: Any) -> int:
    """Return the number of elements of a tensor, variable, array or number, as `shape_of`."""
    return math.prod(shape_of(value))
