"""`plan`: where to cut a model, with a proof."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from kerassplit_widget.errors import PlanError
from kerassplit_widget.models.cutting import place_cuts
from kerassplit_widget.models.inputs import Shapes
from kerassplit_widget.models.planning.efforts import Effort
from kerassplit_widget.models.planning.plans import Plan, Stage
from kerassplit_widget.models.planning.problems import Numbers
from kerassplit_widget.models.planning.questions import Question
from kerassplit_widget.models.planning.wishes import place_wishes
from kerassplit_widget.models.reading import Expand, Reading, read_steps
from kerassplit_widget.structure import planning
from kerassplit_widget.structure.cuts import Cut, cut_of
from kerassplit_widget.structure.planning import FrontCut, Problem, Solution
from kerassplit_widget.structure.planning.aims import PROVED, Aim
from kerassplit_widget.structure.planning.chains import least_value
from kerassplit_widget.structure.planning.folding import unfolded
from kerassplit_widget.structure.text import plural

if TYPE_CHECKING:
    from kerassplit_widget.models.measuring import Measurement

__all__ = ["Planner", "plan", "plan_reading"]

Objective = Literal["balance", "latency", "memory"]
Progress = Callable[[float, float, str], None]


def plan(
    model: Any,
    parts: int | None = 4,
    objective: Objective = "balance",
    *,
    cuts: Any = None,
    speed: float | None = None,
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
    measured: Measurement | None = None,
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
    cuts : list or Plan, optional
        Cuts as `split` takes them: nothing is searched, the plan tells what these cost, with a bound on what as many
        parts could.
    speed : float, optional
        FLOPs a second of each part. By default 1e11 or, with `measured`, that of the machine that measured.
    device_speed, server_speed : float
        FLOPs a second of the device and of the server of a latency plan.
    bandwidth : float
        Bytes a second over each link. 125e6 is 1 Gb/s.
    round_trip, hop : float
        Seconds: once if anything crosses (latency); for each part that receives anything (balance).
    cap : float, optional
        Bytes that no part may hold more of.
    precision : str, optional
        Precision in which weights are held, such as ``"int8"``; by default as they are.
    activations : {"none", "peak", "sum"}
        How activations count in what a part holds: not at all, as much as is alive at one time, or all. They are held
        as they are made.
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
    measured : Measurement, optional
        What `measure` found, at any cuts and the same `batch_size`. Each segment's time, corrected so that the segments
        add up to the whole, takes the place of its FLOPs; within a segment calls keep their shares. At a speed that you
        give, the whole model takes its FLOPs over that speed.
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
    ModelError
        If it is not a Keras model, or its graph is not known.
    PointError, CutError
        If a cut is not possible.
    SplitError
        If `expand` or `input_shapes` makes no sense.

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
    >>> import kerassplit_widget as ks
    >>> model = keras.Sequential([keras.Input((8,)), *(keras.layers.Dense(8, name=name) for name in "abcd")])
    >>> found = ks.plan(model, parts=2, speed=1e3, bandwidth=1e6)
    >>> [cut.points for cut in found.cuts], found.proved
    ([('b',)], True)

    Measure the parts of a plan and plan once more:

    >>> measured = ks.measure(model, cuts=found, repeats=2, warmup=1)
    >>> again = ks.plan(model, parts=2, bandwidth=1e9, measured=measured)
    >>> len(again.stages), again.value > 0
    (2, True)
    """
    if isinstance(cuts, Plan):
        expand = cuts.options.get("expand", expand)
        input_shapes = cuts.options.get("input_shapes") if input_shapes is None else input_shapes
        cuts = cuts.cuts
    question = Question(
        parts, objective, cuts, speed, device_speed, server_speed, bandwidth, round_trip, hop, cap, precision,
        activations, wiring, single_tensor, crossing, pinned, forbidden, together, {} if flops is None else flops,
        measured,
        batch_size, time_limit,
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
        self.numbers = Numbers(reading, question.batch_size)
        self.effort = Effort(self.numbers, question.flops, question.measured)
        self.by_hand = [] if question.cuts is None else place_cuts(reading, question.cuts)
        if question.objective == "balance":
            seconds = self.effort.known(question.speed)
        else:
            seconds = self.effort.seconds(question.speed)
        wishes = place_wishes(reading, self.numbers, question)
        write = partial(
            self.numbers.problem,
            np.zeros_like(seconds) if np.isnan(seconds).any() else seconds,
            bandwidth=question.bandwidth,
            wiring=question.wiring,
            hop=question.hop,
            precision=question.precision,
            together=wishes.together,
            pinned=wishes.pinned,
            forbidden=wishes.forbidden,
            single_tensor=question.single_tensor,
            unread=question.activations != "none",
            inputs_travel=question.objective == "latency",
        )
        self.seconds = seconds
        self.problem = write(crossing=question.crossing)
        # What is held is held as it was made, whatever it is brought to on the wire.
        self.held = self.problem if question.crossing is None else write(crossing=None)

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
        found, unit = self._judged() if self.by_hand else self._search(progress, cancelled)
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
        asked = self.question
        if asked.objective == "latency":
            return self._latency(self.problem), "seconds"
        watch: dict[str, Any] = {
            "time_limit": asked.time_limit, "progress": progress, "cancelled": cancelled,
            "activations": asked.activations, "cap": math.inf if asked.cap is None else float(asked.cap),
        }  # fmt: skip
        calls = len(self.numbers.calls)
        if asked.parts is not None and asked.parts > calls:
            raise PlanError(
                f"{asked.parts} parts were asked for, but the model has {plural(calls, 'call')} beside its inputs: "
                "ask for at most that many."
            )
        if asked.objective == "memory":
            return planning.memory(self.held, asked.parts, **watch), "parts" if asked.parts is None else "bytes"
        assert asked.parts is not None  # or the question would have been refused
        return planning.balance(self.problem, asked.parts, **watch), "seconds"

    def _latency(self, problem: Problem) -> Solution:
        asked, known = self.question, self.effort.known
        device, server = known(asked.device_speed), known(asked.server_speed)
        return planning.latency(problem, device, server, round_trip=asked.round_trip)

    def _judged(self) -> tuple[Solution, str]:
        """Tell what the cuts given by hand cost, beside what no plan with as many parts can fall below."""
        asked, everything = self.question, frozenset(range(self.problem.n))
        heads = [frozenset(), *(self.numbers.inside(cut.head) for cut in self.by_hand), everything]
        stages = tuple(after - before for before, after in pairwise(heads))
        if asked.objective == "latency":
            if len(self.by_hand) > 1:
                raise PlanError(
                    f'objective="latency" divides a model in two, device and server, but cuts= has {len(self.by_hand)} '
                    "cuts: give one."
                )
            found = self._latency(replace(self.problem, pinned=(heads[1],)))
            bound, unit = self._latency(self.problem).value, "seconds"
            value, loads = found.value, found.loads
        else:
            loads = planning.evaluate(self.problem, stages)
            memory = planning.evaluate(self.held, stages, activations=asked.activations).memory
            over = int(memory.argmax())
            if asked.cap is not None and memory[over] > asked.cap:
                raise PlanError(
                    f"With these cuts part_{over + 1} holds {memory[over]:,.0f} bytes, more than the cap of "
                    f"{asked.cap:,.0f}: cut elsewhere, or let ks.plan choose by leaving out cuts=."
                )
            aim = Aim(memory=asked.objective == "memory", activations=asked.activations)
            unit = "bytes" if aim.memory else "seconds"
            value = float((memory if aim.memory else loads.total).max())
            bound = least_value(unfolded(self.held), len(stages), aim)
        bound = min(bound, value)
        gap = (value - bound) / value if value else 0.0
        return Solution(asked.objective, value, bound, gap if gap > PROVED else 0.0, stages, loads, "by hand"), unit

    def _stages(self, found: Solution) -> tuple[Stage, ...]:
        asked, loads = self.question, found.loads
        if asked.objective == "memory":  # its search knows nothing of seconds, nor of tensors made smaller on the wire
            loads = planning.evaluate(self.problem, found.stages)
        memory = planning.evaluate(self.held, found.stages, activations=asked.activations).memory
        names = ["device", "server"] if asked.objective == "latency" else None
        rows = []
        for i, calls in enumerate(found.stages):
            numbers = sorted(calls)
            flops = float(self.effort.flops[numbers].sum())
            compute = float(loads.compute[i])
            if asked.objective == "memory":
                compute = float(self.seconds[numbers].sum())
            load = float(loads.total[i] - loads.compute[i]) + compute
            rows.append(
                Stage(
                    names[i] if names else f"part_{i + 1}",
                    len(calls),
                    self.numbers.count_params(calls),
                    _or_none(flops),
                    _or_none(compute),
                    float(loads.received[i]),
                    float(loads.sent[i]),
                    _or_none(load),
                    float(memory[i]),
                )
            )
        return tuple(rows)


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
