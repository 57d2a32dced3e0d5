"""The questions of the Plan panel, asked of the planner."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from kerassplit_widget.display.session import Session
from kerassplit_widget.errors import PlanError
from kerassplit_widget.models.planning import Plan
from kerassplit_widget.models.planning.efforts import SPEED
from kerassplit_widget.models.planning.planner import Planner
from kerassplit_widget.models.planning.questions import Question
from kerassplit_widget.structure.cuts import Cut

__all__ = ["PlanDesk"]

LIVE_SECONDS = 0.1
"""How long the search may take while a slider moves."""

FRONT = 60
"""How many cuts of the Pareto front are shown."""


_WORDS = {
    "objective": "Objective", "parts": "Parts", "bandwidth": "Bandwidth", "device_speed": "Device speed",
    "server_speed": "Server speed", "speed": "Speed", "round_trip": "Round trip", "cap": "Cap",
    "precision": "Precision", "wiring": "Wiring", "single_tensor": "One tensor only",
}  # fmt: skip
"""What the planner's options are called in the form."""

_UNITS = {
    "bandwidth": ("MB/s", 1e6), "speed": ("GFLOP/s", 1e9), "device_speed": ("GFLOP/s", 1e9),
    "server_speed": ("GFLOP/s", 1e9), "round_trip": ("ms", 1e-3), "cap": ("MiB", 2.0**20),
}  # fmt: skip
"""The units of the form, and how much they are of those in a request."""

_FIELDS = {
    "balance": ("parts", "speed", "bandwidth", "wiring", "single_tensor"),
    "latency": ("bandwidth", "device_speed", "server_speed", "round_trip", "single_tensor"),
    "memory": ("parts", "cap", "precision", "single_tensor"),
}
"""The fields of the form that an objective has. What stands in a hidden one was not asked."""


class PlanDesk:
    """Keeps what the planner has worked out, so that a slider can ask again, and the plan whose cuts were placed."""

    def __init__(self) -> None:
        self._planner: Planner | None = None
        self._front: list[tuple[float, float, Cut]] = []
        self._placed: tuple[Plan, Question | None] | None = None

    def plan(self, session: Session, message: Mapping[str, Any], stopping: Callable[[], bool]) -> tuple[Plan, Question]:
        """Answer a request of the Plan panel.

        Parameters
        ----------
        session : Session
            What is planned, as it is open now.
        message : mapping
            As the front end sends it; it is not trusted.
        stopping : callable
            Whether the search is to end.

        Returns
        -------
        Plan, Question
            The second is what was asked.

        Raises
        ------
        PlanError
            If a field makes no sense, or there is no such plan.
        """
        try:
            return self._plan(session, message, stopping)
        except PlanError as error:
            raise PlanError(in_form_words(str(error))) from None

    def _plan(
        self, session: Session, message: Mapping[str, Any], stopping: Callable[[], bool]
    ) -> tuple[Plan, Question]:
        reading, options = session.reading, session.options
        question = _question(message, session.batch_size)
        if "points" in message:  # a dot of the front: what these cuts cost, whatever else there may be
            given = replace(question, cuts=[tuple(message["points"])], parts=None, single_tensor=False)
            return Planner(reading, given).plan(options), given
        known = self._planner
        if (
            known is None
            or known.reading is not reading
            or replace(known.question, bandwidth=question.bandwidth) != question
        ):
            known = Planner(reading, question)
            self._front = []
        self._planner = known = known.at(question.bandwidth)
        return known.plan(options, cancelled=stopping), question

    def front(self) -> list[tuple[float, float, Cut]]:
        """List cuts in two: crossing bytes, imbalance, and the cut. Worked out once for each question."""
        if not self._front and self._planner is not None and self._planner.question.objective != "memory":
            found = self._planner.front()
            step = max(1, -(-len(found) // FRONT))
            self._front = [(each.crossing, each.imbalance, cut) for each, cut in found[::step]]
        return self._front

    def keep(self, plan: Plan, question: Question | None = None) -> None:
        """Keep a plan whose cuts are placed now, and what was asked, if that is known."""
        self._placed = plan, question

    def plan_of(self, cuts: Sequence[Sequence[str]]) -> Plan | None:
        """Return the plan that was kept last, if these are its cuts."""
        if self._placed is None or [list(cut.points) for cut in self._placed[0].cuts] != cuts:
            return None
        return self._placed[0]

    def asked(self, cuts: Sequence[Sequence[str]], model: str) -> str:
        """Write the call of `plan` that chose these cuts; empty where none is known to have."""
        plan, question = self._placed or (None, None)
        if plan is None or question is None or self.plan_of(cuts) is None or question.cuts is not None:
            return ""  # of the last they were chosen by hand
        usual = Question()
        given = {each.name: getattr(question, each.name) for each in fields(Question)}
        given = {name: value for name, value in given.items() if value != getattr(usual, name)}
        if question.speed == SPEED:
            del given["speed"]
        if plan.proved:  # no matter how long the search took
            given.pop("time_limit", None)
        words = [f"{name}={_written(value)}" for name, value in (given | plan.options).items()]
        return f"ks.plan({', '.join([model, *words])})"


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
    objective = str(message.get("objective", "balance"))
    given: dict[str, Any] = {
        name: message[name] for name in _FIELDS.get(objective, ()) if message.get(name) not in (None, "")
    }
    parts = given.get("parts", 1)
    if not isinstance(parts, int) or isinstance(parts, bool):
        raise PlanError(f"The number of parts is a whole number; found {parts!r:.40}.")
    for name in given.keys() & _UNITS.keys():
        given[name] = _number(name, given[name], above=name != "round_trip")
    if message.get("live") is True:
        given["time_limit"] = LIVE_SECONDS
    return Question(objective=objective, batch_size=batch_size, **given)


def _number(name: str, value: Any, *, above: bool) -> float:
    """Read a number that makes sense: above 0, or at least 0."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not good or value < 0 or (above and value == 0):
        least = "above 0" if above else "at least 0"
        unit, size = _UNITS[name]
        found = f"{value / size:g} {unit}" if good else f"{value!r:.40}"
        raise PlanError(f"{_WORDS[name]} is a number {least}; found {found}.")
    return float(value)


def _written(value: Any) -> str:
    """Write a value as a person would: 2.5e7, not 25000000.0."""
    if isinstance(value, float):
        return f"{value:.12g}" if value < 1e4 else re.sub(r"\.?0*e\+0*", "e", f"{value:.11e}")
    return f'"{value}"' if isinstance(value, str) else repr(value)
