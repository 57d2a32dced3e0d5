"""How much work each call is, counted or measured, and how long it takes at a given speed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kerassplit_widget.errors import PlanError, closest
from kerassplit_widget.models.planning.problems import Numbers
from kerassplit_widget.structure.text import listed, plural

if TYPE_CHECKING:
    from kerassplit_widget.models.measuring import Measurement

__all__ = ["SPEED", "Effort"]

SPEED = 1e11
"""FLOPs a second of a part, where neither a speed nor a measurement is given."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Effort:
    """The work of each call of a model, by the numbers of the planner.

    Attributes
    ----------
    numbers : Numbers
    given : mapping of str to float
        FLOPs of calls whose work is not known, or known better.
    measured : Measurement, optional
        Times of segments of the model. Each segment's time, corrected so that the segments add up to the whole, is
        divided among its calls in proportion to their FLOPs.

    Raises
    ------
    PlanError
        If FLOPs are given of a call that does not exist, or are no number at least 0; or if the measurement is of
        another model or another batch size.
    """

    numbers: Numbers
    given: Mapping[str, float] = field(default_factory=dict)
    measured: Measurement | None = None

    def __post_init__(self) -> None:
        graph = self.numbers.graph
        for name, value in self.given.items():
            if name not in graph:
                raise PlanError(f"flops= names {name!r}, which is no call. {closest(str(name), graph.names)}")
            if not (isinstance(value, Real) and math.isfinite(value) and value >= 0):
                raise PlanError(f"flops= gives {value!r} for {name!r}: FLOPs are a finite number, at least 0.")
        if self.measured is not None:
            _ = self.times  # refuses what does not fit

    @cached_property
    def flops(self) -> Floats:
        """FLOPs of each call, shape (calls,); NaN where unknown."""
        rows = [self.numbers.table.rows[n] for n in self.numbers.calls]
        known = [self.given.get(row.name, row.flops) for row in rows]
        return np.array([np.nan if each is None else each for each in known], dtype=np.float64)

    @cached_property
    def times(self) -> Floats:
        """Measured seconds of each call, shape (calls,); NaN in segments whose time cannot be divided among calls."""
        measured = self.measured
        assert measured is not None
        _check(measured, self.numbers.batch_size)
        times = np.zeros(len(self.numbers.calls))
        scale = measured.whole_ms / measured.sum_ms / 1e3
        for calls, row in zip(self._segments(measured), measured.rows, strict=True):
            work = self.flops[calls]
            if len(calls) > 1:
                share = work / work.sum() if work.sum() != 0 else np.full(len(calls), 1 / len(calls))
            else:
                share = np.ones(len(calls))  # all of it, whatever the FLOPs are
            times[calls] = row.ms * scale * share
        return times

    def seconds(self, speed: float | None) -> Floats:
        """Return the seconds that each call takes, shape (calls,); NaN where unknown.

        Parameters
        ----------
        speed : float or None
            FLOPs a second of the whole model. None: as measured, or else `SPEED`.
        """
        if self.measured is None:
            return self.flops / (SPEED if speed is None else speed)
        return self.times if speed is None else self.times / self.times.sum() * (self.flops.sum() / speed)

    def known(self, speed: float | None) -> Floats:
        """Return the seconds that each call takes.

        Raises
        ------
        PlanError
            If they are unknown of a call.
        """
        seconds = self.seconds(speed)
        unknown = np.flatnonzero(np.isnan(seconds) & np.isnan(self.flops))
        if len(unknown):
            rows = [self.numbers.table.rows[self.numbers.calls[i]] for i in unknown]
            one = len({row.why for row in rows}) == 1
            some = [row.name if one else f"{row.name} ({row.why})" for row in rows[:3]]
            some += [f"{len(rows) - 3} more"] if len(rows) > 3 else []
            raise PlanError(
                f"The plan needs the FLOPs of {listed(some)}, which are unknown{f': {rows[0].why}' if one else ''}. "
                f"Or give the FLOPs: flops={{{rows[0].name!r}: ...}}."
            )
        return seconds

    def _segments(self, measured: Measurement) -> list[list[int]]:
        """List the calls of each segment; a nested model that was measured whole stands for all inside."""
        graph, numbers = self.numbers.graph, self.numbers
        home: dict[str, list[int]] = {}
        for i, n in enumerate(numbers.calls):
            path = graph.names[n].split("/")
            for depth in range(len(path)):
                home.setdefault("/".join(path[: depth + 1]), []).append(i)
        segments: list[list[int]] = []
        owner: dict[int, int] = {}
        for row in measured.rows:
            for name in row.calls:
                if name not in home:
                    raise PlanError(
                        f"The measurement is of {measured.model!r} with a call {name!r}, which {graph.name!r} does not "
                        f"have as it is read here. {closest(name, graph.names)} Measure this model: ks.measure(model)."
                    )
                if not owner.keys().isdisjoint(home[name]):
                    raise PlanError(f"The measurement of {measured.model!r} has {name!r} twice: measure again.")
                owner.update(dict.fromkeys(home[name], len(segments)))
            segments.append([i for i, segment in owner.items() if segment == len(segments)])
        missing = [graph.names[numbers.calls[i]] for i in range(len(numbers.calls)) if i not in owner]
        if missing:
            more = f" and {plural(len(missing) - 1, 'other call')}" if len(missing) > 1 else ""
            raise PlanError(
                f"The measurement of {measured.model!r} says nothing of {missing[0]!r}{more} of {graph.name!r}: "
                "measure this model, ks.measure(model)."
            )
        return segments


def _check(measured: Measurement, batch_size: int) -> None:
    if not hasattr(measured, "whole_ms"):
        raise PlanError(f"measured= is what ks.measure(model) returns; found {measured!r:.80}.")
    if measured.batch_size != batch_size:
        raise PlanError(
            f"The measurement is for batches of {measured.batch_size}, the plan for batches of {batch_size}: give both "
            "the same batch_size=."
        )
    times = [*(row.ms for row in measured.rows), measured.whole_ms]
    if not all(math.isfinite(ms) and ms >= 0 for ms in times) or measured.whole_ms * measured.sum_ms == 0:
        raise PlanError("The measurement has a time that is negative, no number, or 0 in all: measure again.")
