"""`ks.plan`: its numbers against hand computations and brute force on the graph, and every wish and refusal."""

import math
import time
from itertools import pairwise
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import kerassplit_widget as ks
from kerassplit_widget.errors import CutError, PlanError, PointError, SplitError
from kerassplit_widget.models.measuring import Measurement, Segment
from kerassplit_widget.models.planning.planner import Planner
from kerassplit_widget.models.planning.questions import Question
from kerassplit_widget.models.reading import read_steps
from kerassplit_widget.structure.planning import Flow
from tests.structure.ideals import best_by_brute_force, ideals

from . import random_models, zoo

MiB = 2**20


def chain(*names, width=8):
    """Dense layers of equal work in a row: 64 MACs and 8 additions, 72 parameters, 32 bytes out."""
    return keras.Sequential([keras.Input((width,)), *(keras.layers.Dense(width, name=name) for name in names)])


FLOPS, SIZE, HELD = 136, 32, 288
"""Of a call of `chain`: work, bytes of its tensor, bytes of its weights."""


def heads_of(plan):
    return [frozenset(cut.graph.names[n] for n in cut.head if not cut.graph.calls[n].is_input) for cut in plan.cuts]


# Large models


def test_resnet50_in_four_parts_fits_an_edge_tpu():
    model = keras.applications.ResNet50(weights=None)
    plan = ks.plan(model, 4, "memory", precision="int8", cap=8 * MiB)
    assert plan.proved and plan.unit == "bytes" and len(plan.stages) == 4
    assert plan.value == max(stage.memory for stage in plan.stages) == pytest.approx(6.267 * MiB, rel=1e-3)
    parts = ks.split(model, plan).parts
    assert [part.count_params() for part in parts] == [stage.params for stage in plan.stages]
    assert [stage.memory for stage in plan.stages] == [stage.params for stage in plan.stages]  # a byte each
    assert sum(stage.flops for stage in plan.stages) == ks.costs(model).total_flops
    fewest = ks.plan(model, None, "memory", precision="int8", cap=8 * MiB)
    assert fewest.value == fewest.bound == 4 == len(fewest.stages)  # 24.5 MiB in all


@pytest.fixture(scope="module")
def nasnet():
    """An irreducible model: no more than 4 tensors of its 770 cross alone."""
    return read_steps(keras.applications.NASNetMobile(weights=None))


def test_cuts_of_several_tensors_beat_single_ones(nasnet):
    single = Planner(nasnet, Question(4, single_tensor=True)).plan({})
    assert single.proved and all(len(cut.tensors) == 1 for cut in single.cuts)
    plan = Planner(nasnet, Question(4, time_limit=2)).plan({})
    assert plan.bound <= plan.value < 0.65 * single.value
    assert max(len(cut.tensors) for cut in plan.cuts) > 1
    assert plan.gap == pytest.approx(1 - plan.bound / plan.value)
    assert plan.status.startswith("time limit: within") and f"{plan.status}, bound" in plan.sentence()


def test_values_fall_bounds_rise_and_the_time_limit_is_kept(nasnet):
    planner, told = Planner(nasnet, Question(4, time_limit=1)), []
    start = time.monotonic()
    plan = planner.plan({}, lambda *what: told.append(what))
    assert time.monotonic() - start < 15  # of 1; the machine may be busy
    values, bounds, _ = zip(*told, strict=True)
    assert len(told) > 2 and list(values) == sorted(values, reverse=True) and list(bounds) == sorted(bounds)
    assert (values[-1], bounds[-1]) == (pytest.approx(plan.value), pytest.approx(plan.bound))


def test_a_cancelled_search_stops_at_once_with_what_it_has(nasnet):
    planner, polls = Planner(nasnet, Question(4, time_limit=60)), []
    start = time.monotonic()
    plan = planner.plan({}, cancelled=lambda: polls.append(True) or len(polls) > 2)
    assert time.monotonic() - start < 30  # of 60
    assert plan.status.startswith("cancelled: within") and len(plan.stages) == 4 and not plan.proved
    assert 0 < plan.bound < plan.value


# Brute force, on the graph and the variables themselves


BYTES = {"bool": 1, "float16": 2, "bfloat16": 2, "float64": 8, "int64": 8}
"""Of dtypes that random models have beside those of 4."""


class Oracle:
    """Loads, bytes and times of a model that was read, from the definitions: heads are sets of calls."""

    def __init__(self, reading, flops):
        graph = reading.graph
        self.calls = [n for n, call in enumerate(graph.calls) if not call.is_input]
        place = {n: i for i, n in enumerate(self.calls)}
        self.flops = [flops[graph.names[n]] for n in self.calls]
        self.made, self.raw = [], []
        for call in graph:
            for tensor in call.outputs:
                readers = {place[n] for n in graph.consumers[tensor.name]}
                masked = {place[n] for n in graph.mask_consumers.get(tensor.name, ())}
                size = np.prod([1, *tensor.shape[1:]]) * BYTES.get(tensor.dtype, 4)
                if call.is_input:
                    self.raw.append((size, readers))
                    continue
                self.made.append((place[graph.number[call.name]], size, readers))
                if masked:
                    self.made.append((place[graph.number[call.name]], np.prod([1, *tensor.mask[1:]]), masked))
        self.holders = {}
        for n, step in enumerate(reading.steps):
            for weight in getattr(step.node.operation, "weights", ()):
                owner = getattr(weight, "_value", weight)
                nbytes = np.prod([1, *weight.shape]) * BYTES.get(weight.dtype, 4)
                self.holders.setdefault(id(owner), (nbytes, set()))[1].add(place[n])
        self.problem = SimpleNamespace(
            n=len(self.calls),
            tensors=[Flow(maker, size, tuple(readers)) for maker, size, readers in self.made],
            forbidden=(),
            together=(),
            pinned=(),
            single_tensor=False,
        )

    def load(self, before, after, speed, bandwidth, wiring):
        stage = after - before
        moved = 0
        for maker, size, readers in self.made:
            if wiring == "direct":
                moved += size * (maker in before and bool(readers & stage))
                moved += size * (maker in stage and bool(readers - after))
            else:
                moved += size * (maker in before and bool(readers - before))
                moved += size * (maker in after and bool(readers - after))
        return sum(self.flops[call] for call in stage) / speed + moved / bandwidth

    def held(self, before, after):
        return sum(nbytes for nbytes, calls in self.holders.values() if calls & (after - before))

    def latency(self, device, server, bandwidth, trip):
        everything, best = frozenset(range(len(self.calls))), math.inf
        for head in ideals(self.problem):
            if head in self.problem.forbidden:
                continue
            crossing = [size for maker, size, readers in self.made if maker in head and readers - head]
            crossing += [size for size, readers in self.raw if readers - head]
            seconds = sum(self.flops[call] for call in head) / device
            seconds += sum(self.flops[call] for call in everything - head) / server
            best = min(best, seconds + sum(crossing) / bandwidth + (trip if crossing else 0))
        return best


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    program=random_models.programs(depth=1, most=5),
    parts=st.integers(1, 3),
    speed=st.sampled_from((1e2, 1e4, 1e6)),
    wiring=st.sampled_from(("direct", "relay")),
)
def test_plans_of_random_models_equal_brute_force(program, parts, speed, wiring):
    written = random_models.build(program)
    assume(written is not None)
    reading = read_steps(written.model)
    table = ks.costs(written.model)
    given = dict.fromkeys(table.unknown, 1000.0)
    flops = {row.name: given.get(row.name, row.flops) for row in table}
    oracle = Oracle(reading, flops)
    assume(parts <= len(oracle.calls) <= 12 and len(ideals(oracle.problem)) <= 400)
    options = {"wiring": wiring, "bandwidth": 1e3, "flops": given}
    best = best_by_brute_force(oracle.problem, parts, lambda a, b: oracle.load(a, b, speed, 1e3, wiring))
    if best == math.inf:
        with pytest.raises(PlanError, match="No plan with"):
            ks.plan(written.model, parts, speed=speed, **options)
        return
    plan = ks.plan(written.model, parts, speed=speed, **options)
    assert plan.proved and plan.bound <= best * (1 + 1e-9)
    assert plan.value == pytest.approx(best, rel=2e-6) == max(stage.load for stage in plan.stages)

    plan = ks.plan(written.model, parts, "memory", **options)
    best = best_by_brute_force(oracle.problem, parts, oracle.held)
    assert plan.proved and plan.value == pytest.approx(best) == max(stage.memory for stage in plan.stages)

    plan = ks.plan(written.model, objective="latency", device_speed=speed, server_speed=1e5, round_trip=0.01, **options)
    assert plan.value == plan.bound == pytest.approx(oracle.latency(speed, 1e5, 1e3, 0.01), rel=1e-9)
    assert plan.value == pytest.approx(sum(stage.load for stage in plan.stages))


# By hand


def test_cuts_by_hand_have_the_loads_worked_out_by_hand():
    model = chain("a", "b", "c", "d")
    plan = ks.plan(model, cuts=["a", "c"], speed=136.0, bandwidth=32.0, hop=0.5)
    assert [stage.calls for stage in plan.stages] == [1, 2, 1]
    assert [stage.compute for stage in plan.stages] == [1, 2, 1]
    assert [stage.received for stage in plan.stages] == [0, SIZE, SIZE]
    assert [stage.sent for stage in plan.stages] == [SIZE, SIZE, 0]
    assert [stage.load for stage in plan.stages] == [2, 4.5, 2.5]
    assert [stage.flops for stage in plan.stages] == [FLOPS, 2 * FLOPS, FLOPS]
    assert [stage.memory for stage in plan.stages] == [HELD, 2 * HELD, HELD]
    assert plan.value == 4.5 and plan.status == "by hand"
    assert plan.bound == pytest.approx(4 / 3)  # a third of the work
    assert plan.gap == pytest.approx(1 - plan.bound / 4.5) and not plan.proved
    assert heads_of(plan) == [{"a"}, {"a", "b", "c"}]
    assert plan.sentence() == "3 parts, the largest takes 4.50 s (by hand, bound 1.33 s); cuts after a and c."
    best = ks.plan(model, 3, speed=136.0, bandwidth=32.0, hop=0.5)
    assert plan.bound <= best.bound <= best.value <= plan.value


def test_what_skips_a_part_goes_past_it_or_through_it():
    model = zoo.residual()  # image -> stem -> conv -> bn -> add(stem, bn) -> pool -> out; 8x8x4 floats are 1,024 bytes
    direct = ks.plan(model, cuts=["stem", "conv"], bandwidth=1024.0, speed=math.inf)
    assert [(stage.received, stage.sent) for stage in direct.stages] == [(0, 1024), (1024, 1024), (2048, 0)]
    assert [stage.load for stage in direct.stages] == [1, 2, 2]
    relay = ks.plan(model, cuts=["stem", "conv"], bandwidth=1024.0, speed=math.inf, wiring="relay")
    assert [(stage.received, stage.sent) for stage in relay.stages] == [(0, 1024), (1024, 2048), (2048, 0)]
    assert [stage.load for stage in relay.stages] == [1, 3, 2]
    free = ks.plan(model, cuts=["stem"], bandwidth=math.inf)
    assert [stage.load for stage in free.stages] == [stage.compute for stage in free.stages]


def test_by_hand_under_the_other_objectives():
    model = chain("a", "b", "c")
    plan = ks.plan(model, objective="memory", cuts=["a"], precision="int8", cap=144)
    assert (plan.value, plan.unit, plan.bound) == (144, "bytes", 108) and plan.gap == 0.25
    with pytest.raises(PlanError, match=r"part_2 holds 144 bytes, more than the cap of 143: cut elsewhere"):
        ks.plan(model, objective="memory", cuts=["a"], precision="int8", cap=143)
    options = {"objective": "latency", "device_speed": 136.0, "server_speed": 1360.0, "bandwidth": 32.0}
    plan = ks.plan(model, cuts=["b"], round_trip=0.25, **options)
    assert [stage.part for stage in plan.stages] == ["device", "server"]
    assert [stage.load for stage in plan.stages] == [2 + 1, 0.25 + 0.1]
    assert plan.value == pytest.approx(3.35) and plan.bound == pytest.approx(1 + 0.25 + 0.3)  # all on the server
    with pytest.raises(PlanError, match="divides a model in two, device and server, but cuts= has 2 cuts: give one"):
        ks.plan(model, cuts=["a", "b"], **options)


def test_shared_layers_are_held_once_in_each_part():
    plan = ks.plan(zoo.siamese(), 2, "memory")  # shared: 24 parameters, out: 5
    assert plan.proved and plan.value == 96
    plan = ks.plan(zoo.siamese(), objective="memory", cuts=["shared"])
    assert [(stage.params, stage.memory) for stage in plan.stages] == [(24, 96), (29, 116)]
    plan = ks.plan(zoo.tied_loop(), objective="memory", cuts=["step", "step#2"])  # step: 20 parameters, out: 10
    assert [(stage.params, stage.memory) for stage in plan.stages] == [(20, 80), (20, 80), (30, 120)]
    plan = ks.plan(zoo.tied_loop(), objective="memory", cuts=["step#3"])
    assert [stage.memory for stage in plan.stages] == [80, 40]
    plan = ks.plan(zoo.twice(), objective="memory", cuts=["backbone"])  # its layers a and b: 42 and 28
    assert [stage.params for stage in plan.stages] == [70, 70 + 9]


def test_weights_shared_inside_groups_count_variable_by_variable():
    inner = keras.layers.Dense(4, name="inner")  # 20 parameters
    x = keras.Input((4,), name="x")
    y = keras.Sequential([keras.Input((4,)), inner, keras.layers.Dense(4, name="own")], name="one")(x)
    y = keras.Sequential([keras.Input((4,)), inner, keras.layers.Dense(2, name="other")], name="two")(y)
    y = keras.layers.Dense(1, name="out")(y)
    plan = ks.plan(keras.Model(x, y), objective="memory", cuts=["one", "two"], expand="none")
    assert [stage.params for stage in plan.stages] == [40, 30, 3]
    assert [stage.memory for stage in plan.stages] == [160, 120, 12]


def test_masks_cost_bytes_and_int8_divides_what_is_floating():
    model = zoo.masked_attention()  # after dense cross 7x8 floats and a mask of 7
    sizes = {
        crossing: ks.plan(model, cuts=["dense"], crossing=crossing).stages[1].received
        for crossing in (None, "float16", "int8")
    }
    assert sizes == {None: 224 + 7, "float16": 112 + 7, "int8": 56 + 7}
    assert ks.plan(model, cuts=["dense"], batch_size=3).stages[0].sent == 3 * (224 + 7)
    assert ks.plan(model, cuts=["dense"], wiring="relay").stages[1].received == 231
    # Whole numbers stay as they are.
    tokens = keras.Input((6,), dtype="int32", name="tokens")
    doubled = keras.layers.Identity(name="same")(tokens)
    model = keras.Model(tokens, keras.layers.Embedding(9, 4, name="embed")(doubled))
    assert ks.plan(model, cuts=["same"], crossing="int8").stages[1].received == 24
    # And in half precision a byte is half.
    assert ks.plan(zoo.mixed_precision(), cuts=["half"], crossing="int8").stages[0].sent == 5


def test_activations_are_held_as_they_are_made():
    model = chain("a", "b", "c")
    for crossing in (None, "int8"):
        plan = ks.plan(model, objective="memory", cuts=["a"], activations="sum", crossing=crossing)
        assert [stage.memory for stage in plan.stages] == [HELD + SIZE, 2 * HELD + 3 * SIZE]  # the output is one too
        assert plan.stages[0].sent == (SIZE if crossing is None else SIZE / 4)
    plan = ks.plan(model, 3, "memory", activations="peak", crossing="int8")
    assert plan.value == HELD + 2 * SIZE and plan.proved
    plan = ks.plan(model, 2, cap=2 * HELD + 2 * SIZE, activations="peak")
    assert plan.proved and max(stage.memory for stage in plan.stages) == 2 * HELD + 2 * SIZE


def test_a_memory_plan_shows_times_where_it_knows_them():
    plan = ks.plan(chain("a", "b"), 2, "memory", speed=136.0, bandwidth=32.0)
    assert [(stage.flops, stage.compute, stage.load) for stage in plan.stages] == [(FLOPS, 1, 2), (FLOPS, 1, 2)]
    x = keras.Input((8,))
    y = keras.layers.Lambda(lambda t: np.asarray(t), output_shape=(8,), name="odd")(keras.layers.Dense(8, name="a")(x))
    model = keras.Model(x, y)
    plan = ks.plan(model, 2, "memory", speed=136.0)
    assert plan.value == HELD
    assert [(stage.flops, stage.compute) for stage in plan.stages] == [(FLOPS, 1), (None, None)]
    assert plan.stages[1].load is None
    assert " ".join(repr(plan).splitlines()[-1].split()) == "part_2 1 0 unknown unknown 32 B 0 B unknown 0 B"
    plan = ks.plan(model, 2, "memory", speed=136.0, flops={"odd": 272.0})
    assert plan.stages[1].compute == 2


# Wishes


COSTLY = {"speed": 136.0, "bandwidth": 3200.0}
"""A second for each call of `chain`, a hundredth for each tensor."""


def test_pinned_and_forbidden_cuts():
    model = chain("a", "b", "c", "d")
    assert heads_of(ks.plan(model, 2, **COSTLY)) == [{"a", "b"}]
    pinned = ks.plan(model, 2, pinned=["c"], **COSTLY)
    assert heads_of(pinned) == [{"a", "b", "c"}] and pinned.value == pytest.approx(3.01) and pinned.proved
    three = heads_of(ks.plan(model, 3, pinned="c", **COSTLY))
    assert three[1] == {"a", "b", "c"} and three[0] in ({"a"}, {"a", "b"})
    forbidden = ks.plan(model, 2, forbidden=["b"], **COSTLY)
    assert heads_of(forbidden) in ([{"a"}], [{"a", "b", "c"}]) and forbidden.value == pytest.approx(3.01)
    with pytest.raises(PlanError, match="No plan with 2 parts keeps to everything asked"):
        ks.plan(model, 2, forbidden=["a", "b", "c"], **COSTLY)
    latency = {"objective": "latency", "device_speed": 136.0, "server_speed": 1360.0, "bandwidth": 1e9}
    assert ks.plan(model, pinned=["c"], **latency).value == pytest.approx(3.1)
    assert ks.plan(model, **latency).value == pytest.approx(0.4)


def test_cuts_in_parallel_branches_are_forbidden_each_by_itself():
    x = keras.Input((8,), name="x")
    top = keras.layers.Dense(8, name="top")(x)
    left, right = keras.layers.Dense(8, name="left")(top), keras.layers.Dense(8, name="right")(top)
    model = keras.Model(x, keras.layers.Add(name="add")([left, right]))
    plan = ks.plan(model, 2, forbidden=["left", "right"], **COSTLY)
    assert heads_of(plan) == [{"top"}] or heads_of(plan) == [{"top", "left", "right"}]
    plan = ks.plan(model, 2, forbidden=["left", "right", ("left", "right")], **COSTLY)
    assert heads_of(plan) == [{"top"}]
    assert plan.proved


def test_calls_that_stay_together():
    model = chain("a", "b", "c", "d")
    plan = ks.plan(model, 2, together=[("b", "c")], **COSTLY)
    assert plan.proved and plan.value == pytest.approx(3.01)
    assert heads_of(plan) in ([{"a"}], [{"a", "b", "c"}])
    nested = zoo.nested()
    for name in ("backbone", "backbone/block"):
        plan = ks.plan(nested, 2, together=name, **COSTLY)
        inside = {call for call in ks.read(nested).names if call.startswith(f"{name}/")}
        assert len(inside) > 1 and all(inside <= head or not inside & head for head in heads_of(plan))
    assert any("backbone/first" in head for head in heads_of(ks.plan(nested, 3, **COSTLY)))


def test_single_tensor_cuts_only():
    model = zoo.unet()
    several, single = (ks.plan(model, 3, single_tensor=one, speed=1e9) for one in (False, True))
    assert all(len(cut.tensors) == 1 for cut in single.cuts) and single.proved
    assert max(len(cut.tensors) for cut in several.cuts) > 1 and several.value < single.value


def test_a_cap_on_a_balanced_plan():
    x = keras.Input((8,))
    y = keras.layers.Dense(8, name="a")(x)
    y = keras.layers.Dense(100, name="wide")(y)
    y = keras.layers.Dense(8, name="c")(y)
    model = keras.Model(x, keras.layers.Dense(8, name="d")(y))
    held = {"a": 288, "wide": 3600, "c": 3232, "d": 288}
    free = ks.plan(model, 2, speed=1e3, bandwidth=1e9)
    capped = ks.plan(model, 3, cap=3700, speed=1e3, bandwidth=1e9)
    assert max(stage.memory for stage in free.stages) > 3700 >= max(stage.memory for stage in capped.stages)
    assert heads_of(capped) == [{"a"}, {"a", "wide"}]
    assert [stage.memory for stage in capped.stages] == [held["a"], held["wide"], held["c"] + held["d"]]


# Splitting


@pytest.mark.parametrize("wiring", ["direct", "relay"])
@pytest.mark.parametrize("make", [zoo.unet, zoo.siamese, zoo.structured, zoo.masked_attention, zoo.nested, zoo.twice])
def test_a_plan_is_split_as_planned(make, wiring):
    model = make()
    plan = ks.plan(model, 3, speed=1e6, wiring=wiring)
    split = ks.split(model, plan)
    assert split.manifest.wiring == wiring and len(split) == 3
    assert split.verify(rounds=1).exact
    assert [part.count_params() for part in split.parts] == [stage.params for stage in plan.stages]
    raw = set(keras.tree.flatten(split.manifest.inputs))
    made = {name: spec.nbytes for name, spec in split.manifest.specs.items() if name not in raw}
    if wiring == "direct":
        outputs = set(keras.tree.flatten(split.manifest.outputs))
        later = [{n for wire in split.manifest.wires[i + 1 :] for n in wire.takes} for i in range(3)]
        for wire, stage, wanted in zip(split.manifest.wires, plan.stages, later, strict=True):
            assert stage.received == sum(made.get(name, 0) for name in wire.takes)
            assert stage.sent == sum(made[name] for name in wire.returns if name in wanted or name not in outputs)


def test_wiring_and_options_of_a_plan_can_be_overruled():
    model = chain("a", "b")
    plan = ks.plan(model, 2)
    assert ks.split(model, plan).manifest.wiring == "direct"
    assert ks.split(model, plan, wiring="relay").manifest.wiring == "relay"
    assert plan.options == {}
    with pytest.raises(CutError, match=r"The plan has no cut: 1 part, the largest takes"):
        ks.split(model, ks.plan(model, 1))


def test_plans_inside_composite_layers_and_of_fixed_shapes_split_too():
    model = zoo.attention()
    plan = ks.plan(model, 3, speed=1e6, expand="all")
    assert plan.options == {"expand": "all"}
    assert any("mha/" in point for cut in plan.cuts for point in cut.points)
    assert ks.split(model, plan).verify(rounds=1).ok
    model = zoo.unknown_dims()
    for objective in ("balance", "memory"):
        with pytest.raises(
            SplitError,
            match=r"unknown, of the input 'image' .*: say how large they are, for example input_shapes=",
        ):
            ks.plan(model, 2, objective)
    plan = ks.plan(model, 2, input_shapes=(8, 8, 3), speed=1e6)
    split = ks.split(model, plan)
    assert split.verify(rounds=1).ok and split[0].input_shape[1:] == (8, 8, 3)


def test_models_that_have_only_an_input_in_common_are_cut_between_them():
    x = keras.Input((8,), name="x")
    left = keras.layers.Dense(8, name="left_2")(keras.layers.Dense(8, name="left")(x))
    right = keras.layers.Dense(8, name="right_2")(keras.layers.Dense(8, name="right")(x))
    model = keras.Model(x, [left, right])
    plan = ks.plan(model, 2, **COSTLY)
    assert plan.proved and plan.value == pytest.approx(2.0) == pytest.approx(plan.bound)
    assert heads_of(plan) == [{"left", "left_2"}]
    assert ks.split(model, plan).verify(rounds=1).exact


# Latency


def test_the_cut_moves_from_the_device_to_the_server_with_the_bandwidth():
    x = y = keras.Input((64,), name="x")  # 256 bytes
    for i, width in enumerate((4, 64, 64, 4)):
        y = keras.layers.Dense(width, name=f"d{i}")(y)
    model = keras.Model(x, y)
    graph, table = ks.read(model), ks.costs(model)
    work = {row.name: row.flops for row in table if row.kind == "Dense"}
    names = list(work)
    crossing = [256, *(graph[name].outputs[0].nbytes() for name in names[:-1]), 0]
    seen = set()
    for bandwidth in np.geomspace(1e2, 1e9, 29):
        options = {"device_speed": 1e6, "server_speed": 1e8, "bandwidth": float(bandwidth), "round_trip": 1e-4}
        plan = ks.plan(model, objective="latency", **options)
        times = [
            sum(work[name] for name in names[:k]) / 1e6
            + sum(work[name] for name in names[k:]) / 1e8
            + crossing[k] / bandwidth
            + (1e-4 if crossing[k] else 0)
            for k in range(len(names) + 1)
        ]
        assert plan.value == pytest.approx(min(times)) and plan.bound == plan.value and plan.proved
        assert plan.stages[0].calls == int(np.argmin(times))
        assert [stage.memory for stage in plan.stages] == [
            sum(table[name].param_bytes for name in part)
            for part in (names[: plan.stages[0].calls], names[plan.stages[0].calls :])
        ]
        seen.add(plan.stages[0].calls)
        sides = {0: "; everything on the server.", len(names): "; everything on the device."}
        assert plan.sentence().startswith(f"{len(plan.cuts) + 1} part")  # as many as `split` makes
        assert plan.sentence().endswith(
            sides.get(plan.stages[0].calls, f"cut after {plan.cuts[0].points[0]}." if plan.cuts else "?")
        )
    assert seen == {0, 1, 4}  # on the server, cut where little crosses, on the device


def test_a_planner_is_asked_again_with_another_bandwidth():
    reading = read_steps(zoo.unet())
    planner = Planner(reading, Question(objective="latency", bandwidth=1e9))
    for bandwidth in (1e4, 1e6):
        question = Question(objective="latency", bandwidth=bandwidth)
        assert planner.at(bandwidth).plan({}).value == Planner(reading, question).plan({}).value
    assert planner.question.bandwidth == 1e9


# Measured plans


def measurement(*segments, whole, batch_size=1, model="m"):
    rows = tuple(Segment(calls[0], tuple(calls), ms, ms, ms) for calls, ms in segments)
    names = tuple(name for row in rows for name in row.calls)
    return Measurement(model, rows, Segment("whole", names, whole, whole, whole), batch_size, 9, ())


def test_measured_times_take_the_place_of_flops():
    model = chain("a", "b", "c", "d")
    assert heads_of(ks.plan(model, 2, bandwidth=math.inf)) == [{"a", "b"}]
    # The segments add up to twice the whole: each is halved. Within a segment all calls have equal shares.
    measured = measurement((["a"], 9.0), (["b", "c", "d"], 3.0), whole=6.0)
    plan = ks.plan(model, 2, bandwidth=math.inf, measured=measured)
    assert heads_of(plan) == [{"a"}] and plan.proved
    assert [stage.compute for stage in plan.stages] == pytest.approx([4.5e-3, 1.5e-3])
    assert [stage.flops for stage in plan.stages] == [FLOPS, 3 * FLOPS]
    by_hand = ks.plan(model, cuts=["b"], bandwidth=math.inf, measured=measured)
    assert [stage.compute for stage in by_hand.stages] == pytest.approx([5e-3, 1e-3])
    memory = ks.plan(model, 2, "memory", measured=measured)
    assert sum(stage.compute for stage in memory.stages) == pytest.approx(6e-3)


def test_a_speed_scales_what_was_measured():
    model = chain("a", "b", "c", "d")
    measured = measurement((["a"], 9.0), (["b", "c", "d"], 3.0), whole=6.0)
    plan = ks.plan(model, cuts=["a"], bandwidth=math.inf, speed=4 * 136.0, measured=measured)
    assert [stage.compute for stage in plan.stages] == pytest.approx([0.75, 0.25])  # a second in all
    plan = ks.plan(
        model, objective="latency", device_speed=136.0, server_speed=1360.0, bandwidth=32e3, measured=measured
    )
    assert plan.value == pytest.approx(0.4 + 1e-3)
    plan = ks.plan(
        model,
        objective="latency",
        cuts=["a"],
        device_speed=136.0,
        server_speed=1360.0,
        bandwidth=32.0,
        measured=measured,
    )
    assert [stage.load for stage in plan.stages] == pytest.approx([3 + 1, 0.1])


def test_shares_follow_the_flops_and_no_work_is_shared_equally():
    x = keras.Input((8,))
    y = keras.layers.Dense(8, name="a")(x)
    y = keras.layers.Dense(16, name="b")(y)
    y = keras.layers.Reshape((4, 4), name="r")(y)
    model = keras.Model(x, keras.layers.Flatten(name="f")(y))
    measured = measurement((["a", "b"], 3.0), (["r", "f"], 1.0), whole=4.0)
    plan = ks.plan(model, cuts=["a", "b", "r"], measured=measured, bandwidth=math.inf)
    assert [stage.compute for stage in plan.stages] == pytest.approx([1e-3, 2e-3, 0.5e-3, 0.5e-3])


def test_a_call_that_was_measured_alone_needs_no_flops():
    x = keras.Input((8,))
    y = keras.layers.Dense(8, name="a")(x)
    y = keras.layers.Lambda(lambda t: np.asarray(t), output_shape=(8,), name="odd")(y)
    model = keras.Model(x, keras.layers.Dense(8, name="b")(y))
    with pytest.raises(PlanError, match="needs the FLOPs of odd"):
        ks.plan(model, 2)
    alone = measurement((["a"], 1.0), (["odd"], 4.0), (["b"], 1.0), whole=6.0)
    plan = ks.plan(model, 3, measured=alone, bandwidth=math.inf)
    assert [stage.compute for stage in plan.stages] == pytest.approx([1e-3, 4e-3, 1e-3])
    with pytest.raises(PlanError, match="needs the FLOPs of odd"):
        ks.plan(model, 3, measured=alone, speed=1e9)  # then all are needed
    with pytest.raises(PlanError, match="needs the FLOPs of odd"):
        ks.plan(model, 2, measured=measurement((["a"], 1.0), (["odd", "b"], 5.0), whole=6.0))


def test_a_nested_model_that_was_measured_whole_stands_for_what_is_inside():
    model = zoo.nested()
    inside = [name for name in ks.read(model).names if name.startswith("backbone/")]
    measured = measurement((["backbone"], 6.0), (["head", "out"], 2.0), whole=8.0)
    plan = ks.plan(model, cuts=[inside[-1]], measured=measured)
    assert [stage.compute for stage in plan.stages] == pytest.approx([6e-3, 2e-3])
    measured = measurement(([*inside], 6.0), (["head", "out"], 2.0), whole=8.0)
    assert ks.plan(model, cuts=[inside[-1]], measured=measured).value == plan.value


def test_a_real_measurement_fits():
    model = zoo.nested()
    first = ks.plan(model, 2, speed=1e6)
    measured = ks.measure(model, cuts=first, repeats=2, warmup=1)
    plan = ks.plan(model, 2, measured=measured, bandwidth=math.inf)
    assert sum(stage.compute for stage in plan.stages) == pytest.approx(measured.whole_ms / 1e3)
    assert plan.proved


@pytest.mark.parametrize(
    ("measured", "message"),
    [
        (measurement((["a", "b"], 1.0), whole=1.0, batch_size=4), "is for batches of 4, the plan for batches of 1"),
        (measurement((["a", "c"], 1.0), whole=1.0), "with a call 'c', which 'tiny' does not have as it is read here"),
        (measurement((["a"], 1.0), whole=1.0), "The measurement of 'm' says nothing of 'b' of 'tiny': measure this"),
        (measurement((["a"], 1.0), (["a", "b"], 1.0), whole=1.0), "The measurement of 'm' has 'a' twice"),
        (measurement((["a", "b"], 0.0), whole=1.0), "has a time that is negative, no number, or 0 in all"),
        (measurement((["a", "b"], 1.0), whole=math.nan), "has a time that is negative, no number, or 0 in all"),
        (measurement((["a"], -1.0), (["b"], 2.0), whole=1.0), "has a time that is negative"),
    ],
)
def test_measurements_that_do_not_fit_are_refused(measured, message):
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8, name="a"), keras.layers.Dense(8, name="b")])
    model.name = "tiny"
    with pytest.raises(PlanError, match=message):
        ks.plan(model, 2, measured=measured)


def test_calls_of_unknown_work_are_listed_as_in_a_sentence():
    x = keras.Input((None, 4), name="x")
    y = x
    for name in "abcde":
        y = keras.layers.Dense(4, name=name)(y)
    with pytest.raises(PlanError, match="needs the FLOPs of a, b, c and 2 more, which are unknown"):
        ks.plan(keras.Model(x, y), 2)


# Tables


def test_the_table_of_a_plan():
    plan = ks.plan(chain("a", "b", "c", "d"), 2, **COSTLY)
    text = repr(plan).splitlines()
    assert text[0] == "2 parts, the largest takes 2.01 s (proved optimal); cut after b."
    assert text[1].split() == [
        "part", "computed", "calls", "parameters", "FLOPs", "computing", "received", "sent", "load", "memory",
    ]  # fmt: skip
    assert " ".join(text[2].split()) == "part_1 2 144 272 2.00 s 0 B 32 B 2.01 s 576 B"
    assert len({len(line) for line in text[1:]}) == 1
    assert plan.to_dict()["load"] == [stage.load for stage in plan.stages]
    assert len(plan) == 2


def test_html_is_escaped():
    model = zoo.hostile_names()
    page = ks.plan(model, cuts=["<img src=q onerror=alert(1)>"])._repr_html_()
    assert "<img" not in page and "&lt;img src=q onerror=alert(1)&gt;" in page
    assert page.count("<tr>") == 3


# Refusals


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parts": 4}, "4 parts were asked for, but the model has 3 calls beside its inputs: ask for at most that"),
        ({"parts": 4, "objective": "memory"}, "4 parts were asked for, but the model has 3 calls beside its inputs"),
        ({"parts": 0}, "parts= is a whole number, at least 1; found 0."),
        ({"parts": 1.5}, "parts= is a whole number, at least 1; found 1.5."),
        ({"parts": "two"}, "parts= is a whole number, at least 1; found 'two'."),
        ({"parts": True}, "parts= is a whole number, at least 1; found True."),
        ({"parts": None}, "objective='balance' needs the number of parts: parts=2, say."),
        ({"parts": None, "objective": "memory"}, 'objective="memory" needs parts=, or cap= to find the fewest'),
        ({"objective": "speed"}, "objective= is one of balance, latency, memory; found 'speed'."),
        ({"wiring": "star"}, "wiring= is one of direct, relay; found 'star'."),
        ({"activations": "most"}, "activations= is one of none, peak, sum; found 'most'."),
        ({"precision": "int7"}, "precision= is one of float32, float16, bfloat16, int8, int4, float64; found 'int7'."),
        ({"crossing": "int7"}, "crossing= is one of float32, float16, bfloat16, int8, int4, float64; found 'int7'."),
        *(
            ({name: value}, f"{name}= is a number above 0; found {value!r}.")
            for name in ("bandwidth", "speed", "device_speed", "server_speed")
            for value in (0, -1.0, math.nan, "fast", True)
        ),
        *(({"cap": value}, f"cap= is bytes above 0; found {value!r}.") for value in (0, -1, math.nan, "8 MB")),
        *(
            ({name: value}, f"{name}= is a number of seconds, at least 0; found {value!r}.")
            for name in ("hop", "round_trip", "time_limit")
            for value in (-1, math.nan, math.inf, "long")
        ),
        *(({"batch_size": value}, f"batch_size= is a whole number, at least 1; found {value}") for value in (0, 2.5)),
        ({"objective": "latency", "cap": 8}, 'objective="latency" looks for the fastest run and keeps to no cap'),
        ({"cap": 600, "activations": "sum", "crossing": "int8"}, "crossing= makes tensors smaller on the wire and not"),
        ({"cap": 500}, "No plan keeps to the cap of 500 bytes in 2 parts; the smallest that works is 576 bytes."),
        ({"cap": 200, "objective": "memory", "parts": None}, "however many parts there are; the smallest that works"),
        ({"cuts": ["a"], "pinned": ["b"], "single_tensor": True}, "With cuts= nothing is chosen, so that pinned= and"),
        ({"pinned": ["a"], "forbidden": ["b", "a"]}, "The cut after a is pinned and forbidden: choose one."),
        ({"pinned": ["a"], "together": [("a", "b")]}, "The cut after a is pinned, but divides a and b, which are to"),
        ({"pinned": ["a", "b"]}, "2 parts were asked for, but 2 cuts are pinned: ask for at least 3."),
        ({"objective": "latency", "pinned": ["a", "b"]}, "2 cuts are pinned, but there is only one between device"),
        ({"together": [("a", "bb")]}, "together= names 'bb', which is no call or group. The closest name is 'b'."),
        ({"together": ["a", "b"]}, "together= has 'a', which is one call, and no cut divides a call. Put the names"),
        ({"together": [("a", "b", "c")]}, "2 parts were asked for, but the calls that may be parted form 1 groups"),
        ({"flops": {"aa": 1}}, "flops= names 'aa', which is no call. The closest name is 'a'."),
        *(
            ({"flops": {"a": value}}, f"flops= gives {value!r} for 'a': FLOPs are a finite number, at least 0.")
            for value in (-1, math.inf, math.nan, "many")
        ),
        *(
            ({name: 3}, "What a plan has to keep to is given in a list; found int: 3.")
            for name in ("pinned", "forbidden", "together")
        ),
        ({"flops": 3}, "flops= gives FLOPs by the names of calls, in a dict; found 3."),
        ({"measured": 3}, "measured= is what ks.measure(model) returns; found 3."),
        ({"precision": ["int8"]}, "precision= is one of float32, float16, bfloat16, int8, int4, float64; found ['"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_a_sentence(options, message):
    with pytest.raises(PlanError) as caught:
        ks.plan(chain("a", "b", "c"), **{"parts": 2, **options})
    assert message in str(caught.value)


def test_a_plan_by_hand_may_be_a_plan():
    model = chain("a", "b", "c", "d")
    found = ks.plan(model, 3, speed=136.0)
    again = ks.plan(model, 3, cuts=found, speed=136.0)
    assert again.cuts == found.cuts and again.value == found.value and again.status == "by hand"


def test_none_is_no_wish():
    wishes = dict.fromkeys(("pinned", "forbidden", "together"))
    assert ks.plan(chain("a", "b"), 2, **wishes).cuts == ks.plan(chain("a", "b"), 2).cuts


def test_a_pinned_cut_that_more_than_one_tensor_crosses():
    with pytest.raises(PlanError, match="The cut after conv is pinned and 2 tensors cross there, but single_tensor="):
        ks.plan(zoo.residual(), 2, pinned=["conv"], single_tensor=True)


@pytest.mark.parametrize("name", ["cuts", "pinned", "forbidden"])
def test_cuts_that_are_not_there_are_refused_as_by_split(name):
    with pytest.raises(PointError, match=r"There is no call 'bb' in the model"):
        ks.plan(chain("a", "b", "c"), 2, **{name: ["bb"]})
    with pytest.raises(CutError, match="is an output of the model"):
        ks.plan(chain("a", "b", "c"), 2, **{name: ["c"]})


def test_unknown_work_is_never_taken_for_none():
    x = keras.Input((8,))
    y = keras.layers.Lambda(lambda t: np.asarray(t), output_shape=(8,), name="odd")(keras.layers.Dense(8, name="a")(x))
    model = keras.Model(x, y)
    for objective in ("balance", "latency"):
        with pytest.raises(PlanError, match=r"needs the FLOPs of odd, which are unknown: its call\(\) cannot") as e:
            ks.plan(model, 2, objective)
        assert str(e.value).endswith("flops={'odd': ...}.")
    assert ks.plan(model, 2, speed=136.0, bandwidth=math.inf, flops={"odd": 408}).value == 3


def test_there_is_a_plan_of_one_part():
    plan = ks.plan(chain("a", "b"), 1, speed=136.0)
    assert plan.cuts == () and plan.value == 2 and plan.sentence().startswith("1 part, the largest takes 2.00 s")
    assert all(before < after for before, after in pairwise(heads_of(ks.plan(chain(*"abcde"), 5))))


def test_the_gap_is_what_value_and_bound_say_or_0_below_a_millionth():
    model = keras.Sequential([keras.Input((8,)), *(keras.layers.Dense(8 + i, name=f"d{i}") for i in range(8))])
    plan = ks.plan(model, parts=3, speed=1e3, bandwidth=1e3)
    assert plan.proved and plan.gap == 0
    assert 0 <= (plan.value - plan.bound) / plan.value <= 1e-6
    far = ks.plan(chain(*"abcd"), cuts=["a"])
    assert far.gap == (far.value - far.bound) / far.value > 1e-6


def test_the_size_of_words_that_are_an_input_matters_only_where_they_travel():
    words = keras.layers.TextVectorization(output_sequence_length=4, name="words")
    words.adapt(["a b c"])
    x = keras.Input((), dtype="string", name="x")
    y = keras.layers.GlobalAveragePooling1D(name="pool")(keras.layers.Embedding(9, 4, name="embed")(words(x)))
    model = keras.Model(x, keras.layers.Dense(2, name="o")(keras.layers.Dense(8, name="d")(y)))
    for objective in ("balance", "memory"):
        plan = ks.plan(model, parts=2, objective=objective, flops={"words": 1.0})
        assert plan.proved and len(ks.split(model, plan)) == 2
    with pytest.raises(PlanError, match=r"tensor x \(scalar string\) is unknown.*of type string may be of any size\.$"):
        ks.plan(model, objective="latency", flops={"words": 1.0})
