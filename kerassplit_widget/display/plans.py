"""The questions of the Plan panel, asked of the planner."""

from __future__ import annotations

import math
import re
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


_WORDS = {
    "objective": "Objective", "parts": "Parts", "bandwidth": "Bandwidth", "device_speed": "Device speed",
    "server_speed": "Server speed", "speed": "Device speed", "round_trip": "Round trip", "cap": "Cap",
    "precision": "Precision", "wiring": "Wiring", "single_tensor": "One tensor only",
}  # fmt: skip
"""What the planner's options are called in the form."""

_UNITS = {
    "bandwidth": ("MB/s", 1e6), "device_speed": ("GFLOP/s", 1e9), "server_speed": ("GFLOP/s", 1e9),
    "round_trip": ("ms", 1e-3), "cap": ("MiB", 2.0**20),
}  # fmt: skip
"""The units of the form, and how much they are of those in a request."""


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
        try:
            return self._plan(reading, message, batch_size, stopping)
        except PlanError as error:
            raise PlanError(in_form_words(str(error))) from None

    def _plan(
        self, reading: Reading, message: Mapping[str, Any], batch_size: int, stopping: Callable[[], bool]
    ) -> Plan:
        question = _question(message, batch_size)
        if "points" in message:  # a dot of the front: what these cuts cost, whatever else there may be
            given = replace(question, cuts=[tuple(message["points"])], parts=None, single_tensor=False)
            return Planner(reading, given).plan({})
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


def in_form_words(text: str) -> str:
    """Write what the planner says of its options in the words and units of the form."""
    for name, word in _WORDS.items():
        text = re.sub(rf"\b{name}=(?:True\b)?", word, text)
    if shapes := re.search(r"say how large they are, for example (input_shapes=\{[^}]*\})", text):
        # The form has no field for it; what else Python offers is harder to come by.
        return f"{text[: shapes.start()]}ks.SplitWidget(model, {shapes[1]}) fixes them."
    text = re.sub(r"([\d,]+) bytes", lambda found: _mebibytes(int(found[1].replace(",", ""))), text)
    python = " In Python these are options of ks.plan." if re.search(r"\b[a-z_]+=", text) else ""
    return text + python


def _mebibytes(nbytes: int) -> str:
    """Write bytes in the unit of the form, rounded up: what is said to be enough has to be."""
    digits = 2 if nbytes >= 2**20 else 6
    return f"{math.ceil(nbytes / 2**20 * 10**digits) / 10**digits:,g} MiB"


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
        round_trip=_number(message, "round_trip", 0.0, above=False),
        cap=_number(message, "cap", 0.0) if objective == "memory" and message.get("cap") is not None else None,
        precision=None if precision in (None, "") else str(precision),
        wiring="relay" if message.get("wiring") == "relay" else "direct",
        single_tensor=message.get("single_tensor") is True,
        batch_size=batch_size,
        time_limit=LIVE_SECONDS if live else 20.0,
    )


def _number(message: Mapping[str, Any], name: str, default: float, *, above: bool = True) -> float:
    """Read a number that makes sense: above 0, or at least 0."""
    value = message.get(name, default)
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not good or value < 0 or (above and value == 0):
        least = "above 0" if above else "at least 0"
        unit, size = _UNITS[name]
        found = f"{value / size:g} {unit}" if good else f"{value!r:.40}"
        raise PlanError(f"{_WORDS[name]} is a number {least}; found {found}.")
    return float(value)
