"""From a model that was read to the numbers that the planner works with."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kerassplit_widget.errors import PlanError, closest
from kerassplit_widget.models.counting import count_reading
from kerassplit_widget.models.counting.shapes import Shapes
from kerassplit_widget.models.keras_internals import counting as details
from kerassplit_widget.models.reading import Reading
from kerassplit_widget.structure.costs import CostTable
from kerassplit_widget.structure.graph import LayerGraph, Tensor
from kerassplit_widget.structure.planning import Flow, Problem, Raw, Weight
from kerassplit_widget.structure.text import shape_text

__all__ = ["ITEM_BYTES", "Numbers", "bytes_of_dtype"]

ITEM_BYTES = {"float32": 4.0, "float16": 2.0, "bfloat16": 2.0, "int8": 1.0, "int4": 0.5, "float64": 8.0}
"""Bytes of an element in the precisions that weights and crossing tensors may be brought to."""


def bytes_of_dtype(what: str, dtype: str) -> float:
    """Return the bytes of an element.

    Raises
    ------
    PlanError
        If it is no precision that a plan can count with.
    """
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        raise PlanError(f"{what} is one of {', '.join(ITEM_BYTES)}; found {dtype!r}.")
    return ITEM_BYTES[dtype]


class Parameters(NamedTuple):
    """A variable: how many parameters it has, their bytes (None is unknown), and the calls that need it."""

    params: int
    nbytes: int | None
    calls: frozenset[int]


@dataclass(frozen=True)
class Numbers:
    """The sizes and the work of a model, by the numbers of the planner: computed calls only, from 0.

    Attributes
    ----------
    reading : Reading
    batch_size : int
    """

    reading: Reading
    batch_size: int = 1

    @cached_property
    def graph(self) -> LayerGraph:
        """The graph that was read."""
        return self.reading.graph

    @cached_property
    def calls(self) -> list[int]:
        """The computed calls: the planner's number i is ``graph.calls[calls[i]]``."""
        return [n for n, call in enumerate(self.graph.calls) if not call.is_input]

    @cached_property
    def number(self) -> dict[int, int]:
        """From a computed call to the planner's number of it."""
        return {n: i for i, n in enumerate(self.calls)}

    @cached_property
    def table(self) -> CostTable:
        """What each call costs."""
        return count_reading(self.reading, self.batch_size)

    def problem(
        self,
        cost: npt.ArrayLike,
        *,
        bandwidth: float,
        wiring: str,
        hop: float,
        precision: str | None,
        crossing: str | None,
        together: Iterable[frozenset[int]],
        pinned: Iterable[frozenset[int]],
        forbidden: Iterable[frozenset[int]],
        single_tensor: bool,
        unread: bool,
        inputs_travel: bool,
    ) -> Problem:
        """Write the problem. Heads and sets of calls are given by the numbers of the graph.

        Tensors that nothing reads, such as the model's outputs, go nowhere; `unread` tells whether they are held.
        `inputs_travel` tells whether raw inputs cost something; else their sizes, which words have none of, do not
        matter.
        """
        tensors: list[Flow] = []
        raw: list[Raw] = []
        for call in self.graph:
            for tensor in call.outputs:
                readers = self._readers(self.graph.consumers[tensor.name])
                masked = self._readers(self.graph.mask_consumers.get(tensor.name, ()))
                if call.is_input:
                    if readers:
                        raw.append(Raw(self._size(tensor, crossing) if inputs_travel else 0.0, readers))
                    continue
                if not (readers or unread):
                    continue
                size = self._size(tensor, crossing)
                mask = self._mask_size(tensor) if masked else 0.0
                maker = self.number[self.graph.number[call.name]]
                if masked and not single_tensor:
                    tensors.append(Flow(maker, mask, masked))
                    mask = 0.0
                tensors.append(Flow(maker, size + mask, readers))  # a mask that comes along is no tensor of its own
        return Problem(
            np.asarray(cost, dtype=np.float64),
            tensors,
            self._weights(precision),
            raw,
            bandwidth,
            wiring,
            hop,
            together=tuple(map(self.inside, together)),
            pinned=tuple(map(self.inside, pinned)),
            forbidden=tuple(map(self.inside, forbidden)),
            single_tensor=single_tensor,
        )

    def inside(self, calls: Collection[int]) -> frozenset[int]:
        """Turn numbers of the graph into those of the planner; raw inputs are left out."""
        return frozenset(self.number[n] for n in calls if n in self.number)

    def outside(self, calls: Iterable[int]) -> frozenset[int]:
        """Turn numbers of the planner into those of the graph."""
        return frozenset(self.calls[i] for i in calls)

    def _readers(self, calls: Iterable[int]) -> tuple[int, ...]:
        return tuple(self.number[n] for n in calls)

    def _size(self, tensor: Tensor, crossing: str | None) -> float:
        """Count the bytes that go over the wire for a tensor: floats in the precision asked for."""
        size = self._sized(tensor, tensor.shape)
        own = ITEM_BYTES.get(tensor.dtype)
        if crossing is None or own is None or "float" not in tensor.dtype:
            return float(size)
        return size / own * bytes_of_dtype("The type of crossing tensors", crossing)

    def _mask_size(self, tensor: Tensor) -> float:
        return float(self._sized(replace(tensor, dtype="bool"), tensor.mask or ()))

    def _sized(self, tensor: Tensor, shape: tuple[int | None, ...]) -> int:
        """Count the bytes of a tensor, or of a mask in its first dimensions."""
        size = replace(tensor, shape=shape).nbytes(self.batch_size)
        if size is None and tensor.name in self._fixed:  # some layers forget a length that follows from the inputs
            fixed = tuple(self._fixed[tensor.name].shape[: len(shape)])
            size = replace(tensor, shape=fixed).nbytes()
        if size is None:
            why = self.table[tensor.call].why or "it is known only when the model runs"
            advice = ' Or keep its layer whole, expand="none" or expand="nested".'
            if tensor.dtype not in ITEM_BYTES:
                why, advice = f"an entry of type {tensor.dtype} may be of any size", ""
            raise PlanError(
                f"The size of the tensor {tensor.name} ({shape_text(tensor.shape)} {tensor.dtype}) is unknown, so that "
                f"no plan can count it: {why}.{advice}"
            )
        return size

    @cached_property
    def _fixed(self) -> dict[str, Any]:
        """From the name of a tensor to one of its kind with all dimensions known."""
        shapes = Shapes(self.reading, self.batch_size)
        for step in self.reading.steps:
            shapes.step(step)
        return shapes.known

    @cached_property
    def weights(self) -> tuple[Parameters, ...]:
        """The variables of the model, each once, in the order in which calls first need them."""
        found: dict[int, tuple[tuple[int, ...], str, list[int]]] = {}
        for n, i in self.number.items():
            for key, shape, dtype in details.weight_sizes(self.reading.steps[n].node.operation):
                calls = found.setdefault(key, (shape, dtype, []))[2]
                if i not in calls[-1:]:
                    calls.append(i)
        return tuple(
            Parameters(math.prod(shape), Tensor("", "", 0, (math.prod(shape),), dtype).nbytes(), frozenset(calls))
            for shape, dtype, calls in found.values()
        )

    def count_params(self, calls: Collection[int]) -> int:
        """Count the parameters that some calls need, each once."""
        return sum(each.params for each in self.weights if not each.calls.isdisjoint(calls))

    def _weights(self, precision: str | None) -> list[Weight]:
        """Add up the bytes of the weights that the same calls need."""
        item = None if precision is None else bytes_of_dtype("precision=", precision)
        sizes: dict[frozenset[int], float] = {}
        for params, nbytes, calls in self.weights:
            if item is None and nbytes is None:
                raise PlanError(
                    f"The bytes of the parameters of {self.graph.names[self.calls[min(calls)]]} are unknown: "
                    "give precision=."
                )
            sizes[calls] = sizes.get(calls, 0.0) + (params * item if item is not None else float(nbytes or 0))
        return [Weight(size, tuple(sorted(calls))) for calls, size in sizes.items() if size]

    def named(self, what: str, names: Any) -> frozenset[int]:
        """Turn the names of calls, layers or groups into numbers of the graph.

        Raises
        ------
        PlanError
            If one is not in the model.
        """
        found: set[int] = set()
        for name in [names] if isinstance(names, str) else names:
            label = self.reading.point_name(name)
            inside = [n for n, each in enumerate(self.graph.names) if each == label or each.startswith(f"{label}/")]
            if not inside:
                raise PlanError(f"{what} names {label!r}, which is no call or group. {_closest(label, self.graph)}")
            found.update(inside)
        return frozenset(found)


def _closest(name: str, graph: LayerGraph) -> str:
    return closest(name, [*graph.names, *graph.groups])
