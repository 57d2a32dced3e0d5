"""What is to be small: the largest load or the largest memory of a stage, under a cap or not."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from kerassplit_widget.structure.planning.evaluation import evaluate
from kerassplit_widget.structure.planning.problem import Activations, Floats, Problem

__all__ = ["PROVED", "Aim", "Progress", "Watch"]

PROVED = 1e-6
"""Relative gap at which a plan counts as proved optimal."""

Progress = Callable[[float, float, str], object]
"""Called with value, bound and a text whenever either improves."""


@dataclass(frozen=True)
class Aim:
    """The objective, largest value over the stages.

    Attributes
    ----------
    memory : bool
        Whether bytes held are to be small, or seconds of load.
    cap : float
        Bytes that no stage may exceed.
    activations : {"none", "peak", "sum"}
        How activations count in the bytes held.
    """

    memory: bool = False
    cap: float = math.inf
    activations: Activations = "none"

    @property
    def weighs(self) -> bool:
        """Whether the bytes held matter at all."""
        return self.memory or self.cap < math.inf

    def values(self, problem: Problem, stages: Sequence[Iterable[int]]) -> Floats:
        """Compute the objective of each stage; infinity where the cap is exceeded."""
        loads = evaluate(problem, stages, activations=self.activations if self.weighs else "none")
        if not self.weighs:
            return loads.total
        values = loads.memory if self.memory else loads.total
        return np.where(loads.memory <= self.cap * (1 + 1e-12), values, np.inf)

    def value(self, problem: Problem, stages: Sequence[Iterable[int]]) -> float:
        """Compute the objective."""
        return float(self.values(problem, stages).max())


@dataclass
class Watch:
    """Time limit, cancelling, and what is known so far: the best value and the best bound.

    Attributes
    ----------
    limit : float
        Seconds.
    progress : callable, optional
    cancelled : callable, optional
        Polled; when it returns true, the best plan so far is returned.
    enough : float
        A value that is good enough to stop.
    """

    limit: float
    progress: Progress | None = None
    cancelled: Callable[[], bool] | None = None
    start: float = field(default_factory=time.monotonic)
    enough: float = -math.inf
    value: float = math.inf
    bound: float = 0.0

    @property
    def left(self) -> float:
        """Seconds left, at least 0."""
        return max(0.0, self.limit - (time.monotonic() - self.start))

    @property
    def stopped(self) -> bool:
        """Whether to return what there is."""
        return self.left == 0 or (self.cancelled is not None and bool(self.cancelled()))

    @property
    def settled(self) -> bool:
        """Whether there is nothing left to find: value and bound meet, or there is no plan, or it is good enough."""
        return self.value <= self.enough or self.bound >= self.value * (1 - PROVED)

    def report(self, text: str, *, value: float = math.inf, bound: float = 0.0) -> None:
        """Take note of a value or bound, and pass it on if it is better."""
        if value < self.value or bound > self.bound:
            self.value, self.bound = min(value, self.value), max(bound, self.bound)
            if self.progress is not None:
                self.progress(self.value, min(self.bound, self.value), text)
