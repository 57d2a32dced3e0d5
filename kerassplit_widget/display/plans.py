"""The questions of the Plan panel, asked of the planner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kerassplit_widget.errors import PlanError
from kerassplit_widget.models.planning import Plan, Planner, Question
from kerassplit_widget.models.reading import Reading
from kerassplit_widget.structure.cuts import Cut

__all__ = ["PlanDesk"]

LIVE_SECONDS = 0.1
"""How long the search may take while a slider moves."""

FRONT = 60
"""How many cuts of the Pareto front are shown."""


class PlanDesk:
    """Keeps what the planner has worked out of a model, so that a slider can ask again and again."""

    def __init__(self) -> None:
        self._planner: Planner | None = None
        self._front: list[tuple[float, float, Cut]] = []

    def plan(self, reading: Reading, message: Mapping[str, Any], batch_size: int, stopping: Callable[[], bool]) -> Plan:
        """Answer a request of the Plan panel.

        Parameters
        ----------
        reading : Reading
        message : mapping
            As the front end sends it; it is not trusted.
        batch_size : int
        stopping : callable
            Whether the search is to end.

        Raises
        ------
        PlanError
            If a field makes no sense, or there is no such plan.
        """
        question = _question(message, batch_size)
        known = self._planner
        if (
            known is None
            or known.reading is not reading
            or replace(known.question, bandwidth=question.bandwidth) != question
        ):
            known = Planner(reading, question)
            self._front = []
        self._planner = known.at(question.bandwidth)
        return self._planner.plan({}, cancelled=stopping)

    def front(self) -> list[tuple[float, float, Cut]]:
        """List cuts in two: crossing bytes, imbalance, and the cut. Worked out once for each question."""
        if not self._front and self._planner is not None and self._planner.question.objective != "memory":
            found = self._planner.front()
            step = max(1, -(-len(found) // FRONT))
            self._front = [(each.crossing, each.imbalance, cut) for each, cut in found[::step]]
        return self._front


def _question(message: Mapping[str, Any], batch_size: int) -> Question:
    live = message.get("live") is True
    objective = str(message.get("objective", "balance"))
    precision = message.get("precision")
    parts = message.get("parts", 4)
    if parts is not None and not (isinstance(parts, int) and not isinstance(parts, bool)):
        raise PlanError(f"The number of parts is a whole number; found {parts!r:.40}.")
    return Question(
        parts=parts,
        objective=objective,
        speed=_number(message, "device_speed", 1e11),
        device_speed=_number(message, "device_speed", 1e10),
        server_speed=_number(message, "server_speed", 1e12),
        bandwidth=_number(message, "bandwidth", 125e6),
        round_trip=_number(message, "round_trip", 0.0),
        cap=_number(message, "cap", 0.0) if objective == "memory" and message.get("cap") is not None else None,
        precision=None if precision in (None, "") else str(precision),
        wiring="relay" if message.get("wiring") == "relay" else "direct",
        single_tensor=message.get("single_tensor") is True,
        batch_size=batch_size,
        time_limit=LIVE_SECONDS if live else 20.0,
    )


def _number(message: Mapping[str, Any], name: str, default: float) -> float:
    value = message.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PlanError(f"{name.replace('_', ' ')} is a number; found {value!r:.40}.")
    return float(value)
