"""What a plan is: cuts, what each stage does and holds, and what is proved of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from kerassplit_widget.structure.cuts import Cut
from kerassplit_widget.structure.tables import html_table, text_table
from kerassplit_widget.structure.text import bytes_text, count_text, listed, plural, seconds_text

__all__ = ["Plan", "Stage"]


@dataclass(frozen=True, slots=True)
class Stage:
    """What one part of a plan does and holds.

    Attributes
    ----------
    part : str
        ``"part_1"`` and so on; of a latency plan ``"device"`` and ``"server"``.
    calls : int
        How many are computed in it: the model's inputs, which compute nothing, are not counted.
    params : int
        Parameters of the layers it calls, each layer once; one that other parts call too counts in each.
    flops : float or None
        None where they are unknown; only where the plan needs them it insists on them.
    compute : float or None
        Seconds of computing; None where they are unknown.
    received, sent : float
        Bytes over the wire.
    load : float or None
        Seconds: computing, receiving, sending, and waiting for the link; None where those of computing are unknown.
    memory : float
        Bytes of weights, and of activations if they were asked for.
    """

    part: str
    calls: int
    params: int
    flops: float | None
    compute: float | None
    received: float
    sent: float
    load: float | None
    memory: float


@dataclass(frozen=True, eq=False)
class Plan:
    """Cuts chosen by the planner, with the objective's value and what is proved of it.

    Give it to `split` in the place of cuts: ``ks.split(model, plan)``.

    Attributes
    ----------
    objective : {"balance", "latency", "memory"}
    cuts : tuple of Cut
        Nested, one fewer than parts. A latency plan that leaves everything on one side has none.
    value : float
        Of this plan: seconds of the largest stage, seconds of one run, or bytes of the largest stage; with
        ``parts=None`` the number of parts.
    bound : float
        No plan with as many parts has a smaller value.
    gap : float
        ``(value - bound) / value``, or 0 when that is at most 1e-6: then the plan counts as proved optimal.
    stages : tuple of Stage
    status : str
        ``"optimal"``, why the search ended before, or ``"by hand"``.
    wiring : {"direct", "relay"}
        What the loads were counted for, and how `split` wires the parts of this plan.
    options : dict
        Keyword arguments with which `split` reads the model as the plan did.

    Examples
    --------
    >>> import keras
    >>> import kerassplit_widget as ks
    >>> model = keras.Sequential([keras.Input((8,)), *(keras.layers.Dense(8, name=name) for name in "abcd")])
    >>> plan = ks.plan(model, parts=2, speed=1e3, bandwidth=1e6)
    >>> plan.cuts[0].points, [stage.calls for stage in plan.stages], plan.proved
    (('b',), [2, 2], True)
    """

    model: str
    objective: str
    unit: str
    cuts: tuple[Cut, ...]
    value: float
    bound: float
    gap: float
    stages: tuple[Stage, ...]
    status: str
    wiring: Literal["direct", "relay"]
    options: dict[str, Any]

    def __len__(self) -> int:
        return len(self.stages)

    @property
    def proved(self) -> bool:
        """Whether no plan is better."""
        return self.gap == 0

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns of the stages, for ``pandas.DataFrame(plan.to_dict())``."""
        return {field.name: [asdict(stage)[field.name] for stage in self.stages] for field in fields(Stage)}

    def sentence(self) -> str:
        """Say in one sentence what was found and what is proved."""
        what = {
            "balance": f"the largest takes {self._amount(self.value)}",
            "latency": f"one run takes {self._amount(self.value)}",
            "memory": f"the largest holds {self._amount(self.value)}",
            "fewest": "as few as the cap allows",
        }[self.objective if self.unit != "parts" else "fewest"]
        proof = "proved optimal" if self.proved else f"{self.status}, bound {self._amount(self.bound)}"
        points = [listed(cut.points) for cut in self.cuts]
        where = listed(points) if all(len(cut.points) == 1 for cut in self.cuts) else "; ".join(points)
        place = f"; cut{'' if len(self.cuts) == 1 else 's'} after {where}" if where and len(where) < 120 else ""
        parts = len(self)
        if self.objective == "latency" and not self.cuts:  # two sides, of which one has nothing: one part
            side = next(stage.part for stage in self.stages if stage.calls)
            place, parts = f"; everything on the {side}", 1
        return f"{plural(parts, 'part')}, {what} ({proof}){place}."

    def _amount(self, value: float) -> str:
        if self.unit == "seconds":
            return seconds_text(value)
        return bytes_text(round(value)) if self.unit == "bytes" else f"{value:g}"

    def _table(self) -> dict[str, Any]:
        rows = [
            (
                stage.part,
                str(stage.calls),
                count_text(stage.params),
                _known(stage.flops, lambda flops: count_text(round(flops))),
                _known(stage.compute, seconds_text),
                bytes_text(round(stage.received)),
                bytes_text(round(stage.sent)),
                _known(stage.load, seconds_text),
                bytes_text(round(stage.memory)),
            )
            for stage in self.stages
        ]
        return {"headers": HEADERS, "rows": rows, "left": 0, "sentence": self.sentence()}

    def __repr__(self) -> str:
        return text_table(**self._table())

    def _repr_html_(self) -> str:
        return html_table(**self._table())


HEADERS = ("part", "computed calls", "parameters", "FLOPs", "computing", "received", "sent", "load", "memory")


def _known(value: float | None, write: Callable[[float], str]) -> str:
    return "unknown" if value is None else write(value)
