"""From a model that was read to the numbers that the planner works with."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from kerassplit_widget.errors import PlanError, closest
from kerassplit_widget.models.counting import count_reading
from kerassplit_widget.models.reading import Reading
from kerassplit_widget.structure.costs import CostTable
from kerassplit_widget.structure.graph import LayerGraph, Tensor
from kerassplit_widget.structure.planning import Flow, Problem, Raw, Weight
from kerassplit_widget.structure.text import listed

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
    if dtype not in ITEM_BYTES:
        raise PlanError(f"{what} is one of {', '.join(ITEM_BYTES)}; found {dtype!r}.")
    return ITEM_BYTES[dtype]


@dataclass(frozen=True)
class Numbers:
    """The sizes and the work of a model, by the numbers of the planner: computed calls only, from 0.

    Attributes
    ----------
    reading : Reading
    batch_size : int
    flops : mapping of str to float
        FLOPs of calls whose work is not known, or known better.
    """

    reading: Reading
    batch_size: int
    flops: Mapping[str, float]

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

    def work(self) -> npt.NDArray[np.float64]:
        """Return the FLOPs of each call.

        Raises
        ------
        PlanError
            If they are unknown of a call, or given of a call that does not exist, or negative.
        """
        for name, value in self.flops.items():
            if name not in self.graph:
                raise PlanError(f"flops= names {name!r}, which is no call. {closest(name, self.graph.names)}")
            if not (isinstance(value, int | float) and math.isfinite(value) and value >= 0):
                raise PlanError(f"flops= gives {value!r} for {name!r}: FLOPs are a finite number, at least 0.")
        rows = [self.table.rows[n] for n in self.calls]
        unknown = [row for row in rows if row.flops is None and row.name not in self.flops]
        if unknown:
            some = listed([f"{row.name} ({row.why})" for row in unknown[:3]])
            more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
            raise PlanError(
                f"The plan needs the FLOPs of {some}{more}, which are unknown. "
                f"Give them: flops={{{unknown[0].name!r}: ...}}."
            )
        return np.array([self.flops.get(row.name, row.flops) for row in rows], dtype=np.float64)

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
    ) -> Problem:
        """Write the problem. Heads and sets of calls are given by the numbers of the graph."""
        tensors: list[Flow] = []
        raw: list[Raw] = []
        for call in self.graph:
            for tensor in call.outputs:
                readers = self._readers(self.graph.consumers[tensor.name])
                masked = self._readers(self.graph.mask_consumers.get(tensor.name, ()))
                mask = float(tensor.mask_nbytes(self.batch_size) or 0) if masked else 0.0
                if not readers:
                    continue
                size = self._size(tensor, crossing)
                if call.is_input:
                    raw.append(Raw(size, readers))
                    continue
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
        size = tensor.nbytes(self.batch_size)
        if size is None:
            raise PlanError(
                f"The size of the tensor {tensor.name} {tensor.shape} is unknown. "
                "Fix the model's inputs: input_shapes=..."
            )
        own = ITEM_BYTES.get(tensor.dtype)
        if crossing is None or own is None or "float" not in tensor.dtype:
            return float(size)
        return size / own * bytes_of_dtype("The type of crossing tensors", crossing)

    def _weights(self, precision: str | None) -> list[Weight]:
        """Count the bytes of each layer's weights, and which calls need them."""
        held: dict[str, set[int]] = {}
        sizes: dict[str, float] = {}
        for row in self.table:
            n = self.graph.number[row.name]
            if n not in self.number:
                continue
            owner = row.tied_to or row.name
            held.setdefault(owner, set()).add(self.number[n])
            if row.params and precision is not None:
                sizes[row.name] = row.params * bytes_of_dtype("precision=", precision)
            elif row.params:
                if row.param_bytes is None:
                    raise PlanError(f"The bytes of the parameters of {row.name} are unknown: give precision=.")
                sizes[row.name] = float(row.param_bytes)
        weights = [Weight(sizes[owner], tuple(sorted(calls))) for owner, calls in held.items() if sizes.get(owner)]
        # A call may hold parameters of its own and share others with an earlier call.
        weights += [
            Weight(sizes[row.name], (self.number[self.graph.number[row.name]],))
            for row in self.table
            if row.tied_to is not None and sizes.get(row.name) and row.name not in held
        ]
        return weights

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
