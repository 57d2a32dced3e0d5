"""`plan`: where to cut a model, with a proof."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from kerassplit_widget.errors import PlanError
from kerassplit_widget.models.cutting import place_cuts
from kerassplit_widget.models.planning.plans import Plan, Stage
from kerassplit_widget.models.planning.problems import Numbers
from kerassplit_widget.models.reading import Expand, Reading, Shapes, read_steps
from kerassplit_widget.structure import planning
from kerassplit_widget.structure.cuts import Cut, cut_of
from kerassplit_widget.structure.planning import FrontCut, Solution

__all__ = ["Planner", "Question", "plan", "plan_reading"]

Objective = Literal["balance", "latency", "memory"]
Progress = Callable[[float, float, str], None]


@dataclass(frozen=True)
class Question:
    """What is asked of the planner; see `plan` for what each field means."""

    parts: int | None = 4
    objective: str = "balance"
    cuts: Any = None
    speed: float = 1e11
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
    batch_size: int = 1
    time_limit: float = 20.0

    def __post_init__(self) -> None:
        known = ("balance", "latency", "memory")
        if self.objective not in known:
            raise PlanError(f"objective= is one of {', '.join(known)}; found {self.objective!r}.")
        for name in ("speed", "device_speed", "server_speed", "bandwidth"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and value > 0):
                raise PlanError(f"{name}= is a number above 0; found {value!r}.")
        if self.cap is not None and not (isinstance(self.cap, int | float) and self.cap > 0):
            raise PlanError(f"cap= is a number of bytes above 0; found {self.cap!r}.")


def plan(
    model: Any,
    parts: int | None = 4,
    objective: Objective = "balance",
    *,
    cuts: Any = None,
    speed: float = 1e11,
    device_speed: float = 1e10,
    server_speed: float = 1e12,
    bandwidth: float = 125e6,
    round_trip: float = 0.0,
    hop: float = 0.0,
    cap: float | None = None,
    precision: str | None = None,
    activations: str = "none",
    wiring: Literal["direct", "relay"] = "direct",
    single_tensor: bool = False,
    crossing: str | None = None,
    pinned: Any = (),
    forbidden: Any = (),
    together: Any = (),
    flops: Mapping[str, float] | None = None,
    batch_size: int = 1,
    input_shapes: Shapes | None = None,
    expand: Expand = "nested",
    time_limit: float = 20.0,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Plan:
    """Find the best places to cut a model.

    Parameters
    ----------
    model : keras.Model
    parts : int, optional
        How many. With ``objective="memory"`` and None: as few as the cap allows. A latency plan has always two.
    objective : {"balance", "latency", "memory"}
        "balance": parts for a pipeline, the largest load as small as possible. A part's load is its computing time plus
        the bytes it receives and sends, each tensor once, divided by the bandwidth. "latency": a device computes the
        head and a server the tail, so that one run takes as little time as possible; either may be everything.
        "memory": the part that holds the most holds as little as possible, or is under the cap.
    cuts : list, optional
        Cuts as `split` takes them: nothing is searched, the plan tells what these cost.
    speed, device_speed, server_speed : float
        FLOPs a second: of each part, of the device and of the server of a latency plan.
    bandwidth : float
        Bytes a second over each link. 125e6 is 1 Gb/s.
    round_trip, hop : float
        Seconds: once if anything crosses (latency); for each part that receives anything (balance).
    cap : float, optional
        Bytes that no part may hold more of.
    precision : str, optional
        Precision in which weights are held, such as ``"int8"``; by default as they are.
    activations : {"none", "peak", "sum"}
        How activations count in what a part holds: not at all, as much as is alive at one time, or all.
    wiring : {"direct", "relay"}
        Whether tensors that skip a part go past it or through it. `split` wires the parts of the plan in this way.
    single_tensor : bool
        Only cuts that one tensor crosses.
    crossing : str, optional
        Precision in which floating-point tensors go over the wire, such as ``"int8"``.
    pinned, forbidden : list, optional
        Cuts, as `split` takes them, that must be, or must not be, among those chosen.
    together : list, optional
        Sets of names of calls or groups that must stay in one part. One name of a group is enough.
    flops : dict of str to float, optional
        FLOPs of calls whose work is unknown, or that you know better.
    batch_size : int
    input_shapes, expand
        As for `read`.
    time_limit : float
        Seconds for the search. The best plan found by then is returned, with the bound that is proved.
    progress : callable, optional
        Called as ``progress(value, bound, text)`` whenever a better plan or bound is found.
    cancelled : callable, optional
        Polled; when it returns true the best plan so far is returned.

    Returns
    -------
    Plan
        ``.cuts``, ``.value``, ``.bound``, ``.gap``, ``.stages`` (a table). ``ks.split(model, plan)`` cuts it so.

    Raises
    ------
    PlanError
        If there is no such plan (the message names the smallest cap or the largest number of parts), an option makes no
        sense, or the FLOPs of a call are needed and unknown.
    ModelError, PointError, CutError
        As `split`.

    Notes
    -----
    Raw model inputs are free but for latency, where what the server reads has to be sent; so are the model's outputs.
    Computing time is FLOPs, counted as `costs` does, over speed.

    References
    ----------
    Balance: J. M. Tarnawski et al., "Efficient Algorithms for Device Placement of DNN Graph Operators", NeurIPS 2020.
    Latency: C. Hu et al., "Dynamic Adaptive DNN Surgery for Inference Acceleration on the Edge", INFOCOM 2019.

    Examples
    --------
    >>> import keras
    >>> model = keras.Sequential([keras.Input((8,)), *(keras.layers.Dense(8, name=name) for name in "abcd")])
    >>> found = plan(model, parts=2, speed=1e3, bandwidth=1e6)
    >>> [cut.points for cut in found.cuts], found.proved
    ([('b',)], True)
    """
    question = Question(
        parts, objective, cuts, speed, device_speed, server_speed, bandwidth, round_trip, hop, cap, precision,
        activations, wiring, single_tensor, crossing, pinned, forbidden, together, dict(flops or {}), batch_size,
        time_limit,
    )  # fmt: skip
    reading = read_steps(model, expand=expand, input_shapes=input_shapes)
    options = {"expand": expand, "input_shapes": input_shapes}
    usual = {"expand": "nested", "input_shapes": None}
    chosen = {key: value for key, value in options.items() if value != usual[key]}
    return plan_reading(reading, question, options=chosen, progress=progress, cancelled=cancelled)


def plan_reading(
    reading: Reading,
    question: Question,
    *,
    options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Plan:
    """Plan a model that was read, as `plan`."""
    return Planner(reading, question).plan(dict(options or {}), progress, cancelled)


class Planner:
    """The planner's view of one model and one question. Keep it to ask again with another bandwidth."""

    def __init__(self, reading: Reading, question: Question) -> None:
        self.question = question
        self.reading = reading
        self.numbers = Numbers(reading, question.batch_size, question.flops)
        work = None if question.objective == "memory" else self.numbers.work()
        self._work = work
        seconds = np.zeros(len(self.numbers.calls)) if work is None else work / question.speed
        by_hand = [] if question.cuts is None else place_cuts(reading, question.cuts)
        self.by_hand = by_hand
        self.problem = self.numbers.problem(
            seconds,
            bandwidth=question.bandwidth,
            wiring=question.wiring,
            hop=question.hop,
            precision=question.precision,
            crossing=question.crossing,
            together=[self.numbers.named("together=", names) for names in question.together],
            pinned=[cut.head for cut in by_hand or self._placed(question.pinned)],
            forbidden=[cut.head for cut in self._placed(question.forbidden)],
            single_tensor=question.single_tensor,
        )

    def _placed(self, cuts: Any) -> list[Cut]:
        return place_cuts(self.reading, cuts) if cuts else []

    def at(self, bandwidth: float) -> Planner:
        """Ask the same with another bandwidth."""
        other = object.__new__(Planner)
        other.__dict__.update(self.__dict__)
        other.question = replace(self.question, bandwidth=bandwidth)
        other.problem = replace(self.problem, bandwidth=bandwidth)
        return other

    def plan(
        self,
        options: dict[str, Any],
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Plan:
        """Search, and say what was found."""
        found, unit = self._search(progress, cancelled)
        asked = self.question
        cuts = tuple(cut_of(self.reading.graph, self.numbers.outside(head)) for head in found.heads)
        return Plan(
            self.reading.graph.name,
            asked.objective,
            unit,
            cuts,
            found.value,
            found.bound,
            found.gap,
            self._stages(found),
            found.status,
            asked.wiring,
            options,
        )

    def front(self) -> list[tuple[FrontCut, Cut]]:
        """List cuts in two of which none has both fewer crossing bytes and a smaller imbalance than another."""
        graph = self.reading.graph
        return [(each, cut_of(graph, self.numbers.outside(each.head))) for each in planning.front(self.problem)]

    def _search(self, progress: Progress | None, cancelled: Callable[[], bool] | None) -> tuple[Solution, str]:
        asked, problem = self.question, self.problem
        if asked.objective == "latency":
            assert self._work is not None
            device, server = self._work / asked.device_speed, self._work / asked.server_speed
            return planning.latency(problem, device, server, round_trip=asked.round_trip), "seconds"
        cap = math.inf if asked.cap is None else float(asked.cap)
        parts = len(self.by_hand) + 1 if self.by_hand else asked.parts
        watch: dict[str, Any] = {
            "time_limit": asked.time_limit, "progress": progress, "cancelled": cancelled,
            "activations": asked.activations, "cap": cap,
        }  # fmt: skip
        if asked.objective == "memory":
            if parts is None and asked.cap is None:
                raise PlanError('objective="memory" needs parts=, or cap= to find the fewest parts under it.')
            return planning.memory(problem, parts, **watch), "parts" if parts is None else "bytes"
        if parts is None:
            raise PlanError(f"objective={asked.objective!r} needs the number of parts: parts=2, say.")
        return planning.balance(problem, _whole(parts, len(self.numbers.calls)), **watch), "seconds"

    def _stages(self, found: Solution) -> tuple[Stage, ...]:
        loads = found.loads
        names = ["device", "server"] if self.question.objective == "latency" else None
        rows = []
        for i, calls in enumerate(found.stages):
            numbers = self.numbers.outside(calls)
            graph = self.reading.graph
            params = sum({graph.calls[n].layer: graph.calls[n].params for n in numbers}.values())
            work = [self.numbers.table.rows[n].flops for n in numbers] if self._work is None else None
            known = None if work is None or None in work else float(sum(each or 0 for each in work))
            rows.append(
                Stage(
                    names[i] if names else f"part_{i + 1}",
                    len(calls),
                    params,
                    known if self._work is None else float(self._work[sorted(calls)].sum()),
                    float(loads.compute[i]),
                    float(loads.received[i]),
                    float(loads.sent[i]),
                    float(loads.total[i]),
                    float(loads.memory[i]),
                )
            )
        return tuple(rows)


def _whole(parts: Any, calls: int) -> int:
    if not isinstance(parts, int) or isinstance(parts, bool) or parts < 1:
        raise PlanError(f"parts= is a whole number, at least 1; found {parts!r}.")
    if parts > calls:
        raise PlanError(f"{parts} parts were asked for, but the model has {calls} calls: ask for at most that many.")
    return parts
