"""What the planner is asked, checked as it is asked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

from kerassplit_widget.errors import PlanError
from kerassplit_widget.models.planning.problems import bytes_of_dtype
from kerassplit_widget.structure.arguments import whole_number
from kerassplit_widget.structure.text import listed

if TYPE_CHECKING:
    from kerassplit_widget.models.measuring import Measurement

__all__ = ["Question"]


@dataclass(frozen=True)
class Question:
    """What is asked of the planner; see `plan` for what each field means.

    Raises
    ------
    PlanError
        If a field makes no sense, by itself or with the objective.
    """

    parts: int | None = 4
    objective: str = "balance"
    cuts: Any = None
    speed: float | None = None
    device_speed: float = 1e10
    server_speed: float = 1e12
    bandwidth: float = 125e6
    round_trip: float = 0.0
    hop: float = 0.0
    cap: float | None = None
    precision: str | None = None
    activations: str = "none"
    wiring: Literal["direct", "relay"] = "direct"
    single_tensor: bool = False
    crossing: str | None = None
    pinned: Any = ()
    forbidden: Any = ()
    together: Any = ()
    flops: Mapping[str, float] = field(default_factory=dict)
    measured: Measurement | None = None
    batch_size: int = 1
    time_limit: float = 20.0

    def __post_init__(self) -> None:
        _one_of("objective", self.objective, ("balance", "latency", "memory"))
        _one_of("wiring", self.wiring, ("direct", "relay"))
        _one_of("activations", self.activations, ("none", "peak", "sum"))
        for name in ("precision", "crossing"):
            if getattr(self, name) is not None:
                bytes_of_dtype(f"{name}=", getattr(self, name))
        for name in ("device_speed", "server_speed", "bandwidth"):
            _above_zero(name, getattr(self, name))
        if self.speed is not None:
            _above_zero("speed", self.speed)
        if self.cap is not None:
            _above_zero("cap", self.cap, "bytes above 0")
        for name in ("round_trip", "hop", "time_limit"):
            value = getattr(self, name)
            if not (_is_number(value) and 0 <= value < math.inf):
                raise PlanError(f"{name}= is a number of seconds, at least 0; found {value!r}.")
        for name in ("batch_size", "parts"):
            if getattr(self, name) is not None or name == "batch_size":
                number = whole_number(name, getattr(self, name), error=PlanError)
                object.__setattr__(self, name, number)  # NumPy's become Python's: some go into JSON
        if not isinstance(self.flops, Mapping):
            raise PlanError(f"flops= gives FLOPs by the names of calls, in a dict; found {self.flops!r:.80}.")
        for name in ("pinned", "forbidden", "together"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, ())
        self._check_parts_and_cap()
        if self.cuts is not None:
            chosen = [name for name in ("pinned", "forbidden", "together", "single_tensor") if getattr(self, name)]
            if chosen:
                raise PlanError(
                    f"With cuts= nothing is chosen, so that {listed([f'{name}=' for name in chosen])} cannot be kept "
                    "to: drop one or the other."
                )

    def _check_parts_and_cap(self) -> None:
        latency, memory = self.objective == "latency", self.objective == "memory"
        if latency and self.cap is not None:
            raise PlanError(
                'objective="latency" looks for the fastest run and keeps to no cap: drop cap=, or ask for '
                'objective="memory" or "balance".'
            )
        if self.cuts is None and self.parts is None and not latency:
            if not memory:
                raise PlanError(f"objective={self.objective!r} needs the number of parts: parts=2, say.")
            if self.cap is None:
                raise PlanError('objective="memory" needs parts=, or cap= to find the fewest parts under it.')
        if not memory and self.cap is not None and self.activations != "none" and self.crossing is not None:
            raise PlanError(
                "crossing= makes tensors smaller on the wire and not in memory, and a balanced plan under a cap cannot "
                'count both: drop crossing=, or activations=, or ask for objective="memory".'
            )


def _one_of(name: str, value: Any, known: Iterable[str]) -> None:
    if value not in tuple(known):
        raise PlanError(f"{name}= is one of {', '.join(known)}; found {value!r}.")


def _above_zero(name: str, value: Any, what: str = "a number above 0") -> None:
    if not (_is_number(value) and value > 0):  # also refuses NaN
        raise PlanError(f"{name}= is {what}; found {value!r}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)  # NumPy's numbers are real ones too
