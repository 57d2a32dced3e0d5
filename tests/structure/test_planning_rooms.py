"""The planner's rooms on their own: evaluation, reductions, orders, front, options, plain graphs and messages."""

import math
import random
import time
from dataclasses import replace
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerassplit_widget.errors import PlanError
from kerassplit_widget.structure.planning import Problem, balance, evaluate, front, latency, memory, plan_graph
from kerassplit_widget.structure.planning.aims import Aim, Watch
from kerassplit_widget.structure.planning.folding import fold, obliged, unfolded
from kerassplit_widget.structure.planning.intervals import divide_order
from kerassplit_widget.structure.planning.orders import search_orders, topological_orders
from kerassplit_widget.structure.planning.reducing import reduce_by_limit, reduce_by_moves

from .ideals import best_by_brute_force, ideals, load_between, memory_between, random_problem


@st.composite
def problems(draw, **options):
    """Random problems, drawn by `random_problem` from a seed."""
    return random_problem(random.Random(draw(st.integers(0, 10**6))), **options)


def chain_of(problem, rng):
    """Draw a chain of heads from nothing to everything."""
    heads = [head for head in ideals(problem) if 0 < len(head) < problem.n]
    chain = [frozenset()]
    for head in sorted(rng.sample(heads, min(len(heads), 3)), key=len):
        if chain[-1] < head:
            chain.append(head)
    return [*chain, frozenset(range(problem.n))]


def stages_of(chain):
    return [after - before for before, after in pairwise(chain)]


def at_most(problem, parts):
    """The optimum over at most so many stages, by brute force."""
    return min(best_by_brute_force(problem, k, lambda a, b: load_between(problem, a, b)) for k in range(1, parts + 1))


# Evaluation


def test_a_hand_made_plan_has_the_loads_worked_out_by_hand():
    # 0 -> 1 -> 3, 0 -> 2 -> 3, 0 -> 3, in stages {0, 1} {2} {3}; 10 bytes take a second.
    problem = Problem([1.0, 2.0, 3.0, 4.0], [(0, 10, (1, 2, 3)), (1, 20, (3,)), (2, 30, (3,))], bandwidth=10)
    loads = evaluate(problem, [{0, 1}, {2}, {3}])
    assert loads.compute.tolist() == [3, 3, 4]
    assert loads.sent.tolist() == [30, 30, 0]  # tensor 0 is sent once
    assert loads.received.tolist() == [0, 10, 60]  # and received in both later stages
    assert loads.total.tolist() == [6, 7, 10]
    relayed = evaluate(replace(problem, wiring="relay", hop=0.5), [{0, 1}, {2}, {3}])
    assert relayed.received.tolist() == [0, 30, 60]  # tensors 0 and 1 pass over the middle stage
    assert relayed.sent.tolist() == [30, 60, 0]
    assert relayed.total.tolist() == [6, 12.5, 10.5]


def test_shared_weights_count_once_in_each_stage():
    problem = Problem([1, 1, 1], [(0, 1, (1,)), (1, 1, (2,))], weights=[(100, (0, 1, 2)), (7, (1,))])
    assert evaluate(problem, [{0, 1}, {2}]).weights.tolist() == [107, 100]


def test_activations_are_counted_at_their_peak_or_all():
    problem = Problem([1, 1, 1, 1], [(0, 8, (1,)), (1, 4, (2, 3)), (2, 2, (3,)), (3, 1, ())])
    whole = [{0, 1, 2, 3}]
    assert evaluate(problem, whole, activations="sum").activations.tolist() == [15]
    assert evaluate(problem, whole, activations="peak").activations.tolist() == [12]  # 8 and 4 while call 1 runs
    assert evaluate(problem, [{0, 1}, {2, 3}], activations="peak").activations.tolist() == [12, 7]
    with pytest.raises(PlanError, match=r"activations 'peaks'\. Did you mean 'peak'"):
        evaluate(problem, whole, activations="peaks")


@settings(max_examples=60, deadline=None)
@given(problems(), st.integers(0, 10**6))
def test_evaluation_agrees_with_the_definitions(problem, seed):
    chain = chain_of(problem, random.Random(seed))
    stages = stages_of(chain)
    loads = [load_between(problem, *step) for step in pairwise(chain)]
    assert evaluate(problem, stages).total.tolist() == pytest.approx(loads)
    for activations in ("none", "peak", "sum"):
        held = [memory_between(problem, *step, activations) for step in pairwise(chain)]
        assert evaluate(problem, stages, activations=activations).memory.tolist() == pytest.approx(held)


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([{0}, {2}], "Call 1 is in no stage"),
        ([{0, 1}, {1, 2}], "Call 1 is in stage 0 and in stage 1"),
        ([{0, 1, 2, 3}], "Stage 0 has call 3, but the calls are 0 to 2"),
        ([{1}, {0, 2}], "Tensor 0 is made by call 0 in stage 1 and read in stage 0"),
    ],
)
def test_stages_that_are_no_plan_are_refused(stages, message):
    with pytest.raises(PlanError, match=message):
        evaluate(Problem([1, 1, 1], [(0, 1, (1, 2))]), stages)


# Reductions


@settings(max_examples=60, deadline=None)
@given(problems(), st.integers(1, 4))
def test_moves_keep_the_optimum_over_at_most_so_many_stages(problem, parts):
    problem = replace(problem, single_tensor=False)
    small = reduce_by_moves(obliged(problem), problem.cost, problem.cost, np.ones(problem.n, dtype=bool))
    assert at_most(small.problem, parts) == pytest.approx(at_most(problem, parts))


@settings(max_examples=60, deadline=None)
@given(problems(constrained=False), st.integers(1, 4), st.floats(0.5, 3.0))
def test_a_limit_keeps_all_plans_below_it(problem, parts, factor):
    best = at_most(problem, parts)
    small = reduce_by_limit(unfolded(problem), best * factor)
    if factor > 1:
        assert at_most(small.problem, parts) == pytest.approx(best)
    else:
        assert at_most(small.problem, parts) >= best * (1 - 1e-9)


@settings(max_examples=60, deadline=None)
@given(problems(constrained=False), st.integers(0, 10**6))
def test_folding_keeps_the_loads_of_plans_that_keep_the_groups(problem, seed):
    rng = random.Random(seed)
    small = fold(unfolded(problem), [rng.sample(range(problem.n), min(problem.n, 2)) for _ in range(2)])
    assert sorted(call for calls in small.members for call in calls) == list(range(problem.n))
    stages = stages_of(chain_of(small.problem, rng))
    for activations in ("none", "sum"):
        folded = evaluate(small.problem, stages, activations=activations)
        whole = evaluate(problem, small.unfold(stages), activations=activations)
        assert folded.total == pytest.approx(whole.total)
        assert folded.memory == pytest.approx(whole.memory)


def test_what_lies_between_calls_that_stay_together_comes_along():
    problem = Problem([1, 1, 1, 1], [(0, 1, (1,)), (1, 1, (2,)), (2, 1, (3,))], together=[{0, 2}])
    assert obliged(problem).members == ((0, 1, 2), (3,))
    # Neither set is divided by the pinned cut, yet together they lie on a cycle that is.
    problem = Problem([1, 1, 1, 1], [(0, 1, (3,)), (1, 1, (2,))], together=[{0, 2}, {1, 3}])
    assert obliged(problem).members == ((0, 1, 2, 3),)


def test_a_chain_of_calls_that_cost_nothing_becomes_one():
    n = 1000
    problem = Problem([1.0] + [0.0] * (n - 1), [(i, 4, (i + 1,)) for i in range(n - 1)], bandwidth=1)
    small = reduce_by_moves(unfolded(problem), problem.cost, problem.cost, np.ones(n, dtype=bool))
    assert small.problem.n == 1


# Orders


@settings(max_examples=40, deadline=None)
@given(problems())
def test_orders_are_topological_and_have_pinned_heads_first(problem):
    for order in topological_orders(problem, 2, random.Random(0)):
        place = {call: i for i, call in enumerate(order)}
        assert len(place) == problem.n
        assert all(place[t.maker] < place[reader] for t in problem.tensors for reader in t.readers)
        assert all(set(order[: len(head)]) == head for head in problem.pinned)


@settings(max_examples=40, deadline=None)
@given(problems(), st.integers(1, 4))
def test_the_division_of_an_order_has_the_value_it_claims(problem, parts):
    base = obliged(problem)
    for aim in (Aim(), Aim(memory=True), Aim(memory=True, activations="sum"), Aim(memory=True, activations="peak")):
        found = divide_order(base, range(base.problem.n), aim, parts)
        if found is not None:
            assert aim.value(problem, base.unfold(found[1])) == pytest.approx(found[0])


def test_a_first_answer_is_never_better_than_the_optimum_and_is_reported():
    problem = random_problem(random.Random(5), constrained=False)
    seen = []
    watch = Watch(10, lambda *what: seen.append(what))
    stages = search_orders(unfolded(problem), 2, Aim(), watch)
    best = best_by_brute_force(problem, 2, lambda a, b: load_between(problem, a, b))
    assert Aim().value(problem, stages) >= best * (1 - 1e-9)
    assert seen[-1][0] == pytest.approx(Aim().value(problem, stages))


# Large graphs


def ladder(rungs, rng):
    """Two chains side by side that are joined now and then."""
    tensors = []
    for i in range(rungs):
        a, b = 2 * i, 2 * i + 1
        readers = [(2 * i + 2,), (2 * i + 3,)] if i + 1 < rungs else [(), ()]
        if i % 7 == 6 and i + 1 < rungs:
            readers[0] = (2 * i + 2, 2 * i + 3)
        tensors += [(a, rng.randint(1, 50), readers[0]), (b, rng.randint(1, 50), readers[1])]
    return Problem([rng.random() * 3 for _ in range(2 * rungs)], tensors, bandwidth=100)


def test_many_stages_are_improved_in_windows_and_bounded():
    problem = ladder(60, random.Random(3))
    texts = []
    plan = balance(problem, 10, time_limit=8, progress=lambda value, bound, text: texts.append((value, bound, text)))
    assert any(text.startswith("stages ") for _, _, text in texts)
    values, bounds = [value for value, _, _ in texts], [bound for _, bound, _ in texts]
    assert values == sorted(values, reverse=True) and bounds == sorted(bounds)
    assert problem.cost.sum() / 10 * (1 - 1e-9) <= plan.bound <= plan.value == plan.loads.total.max()
    assert plan.gap < 0.2


def test_the_same_problem_gives_the_same_plan():
    problem = ladder(30, random.Random(4))
    assert balance(problem, 3).stages == balance(problem, 3).stages


def test_a_cancelled_search_returns_what_it_has():
    polls = []

    def cancelled():
        polls.append(True)
        return len(polls) > 1

    plan = balance(ladder(60, random.Random(3)), 6, cancelled=cancelled)
    assert plan.status.startswith("cancelled: within ") and plan.status.endswith(" %")
    assert 0 < plan.bound < plan.value and plan.gap == pytest.approx(1 - plan.bound / plan.value)


def test_without_time_there_is_still_a_plan():
    plan = balance(ladder(60, random.Random(3)), 6, time_limit=0)
    assert plan.status.startswith("time limit: within ")
    assert len(plan.stages) == 6 and all(plan.stages)


def test_the_cut_for_a_slider_is_fast_on_two_hundred_calls():
    rng = random.Random(1)
    problem = ladder(100, rng)
    problem = replace(problem, raw=[(500, (0, 1))])
    latency(problem, problem.cost * 5)
    start = time.process_time()
    for exponent in range(10):
        plan = latency(replace(problem, bandwidth=10.0**exponent), problem.cost * 5, round_trip=0.1)
    assert (time.process_time() - start) / 10 < 0.1  # 0.02 s when nothing else runs
    assert plan.stages[0] == frozenset()  # over an infinitely fast link all is done by the server


# The front


@settings(max_examples=40, deadline=None)
@given(problems())
def test_the_front_is_undominated_and_its_cuts_are_allowed(problem):
    cuts = front(problem)
    for first, second in pairwise(cuts):
        assert first.crossing < second.crossing and first.imbalance > second.imbalance
    for cut in cuts:
        assert cut.head in ideals(problem) and cut.head not in problem.forbidden
        loads = evaluate(problem, [cut.head, set(range(problem.n)) - cut.head])
        assert cut.crossing == pytest.approx(loads.sent[0])
        assert cut.imbalance * problem.cost.sum() == pytest.approx(abs(loads.compute[0] - loads.compute[1]))


@settings(max_examples=40, deadline=None)
@given(problems(constrained=False))
def test_no_cut_along_the_numbers_is_better_than_the_front(problem):
    cuts = front(problem)
    for place in range(1, problem.n):
        loads = evaluate(problem, [range(place), range(place, problem.n)])
        lean = abs(loads.compute[0] - loads.compute[1]) / (problem.cost.sum() or 1)
        assert any(cut.crossing <= loads.sent[0] + 1e-9 and cut.imbalance <= lean + 1e-9 for cut in cuts)


def test_the_front_knows_cuts_that_no_order_it_looks_along_has():
    # Ten branches of two calls; only calls 1, 4, 7 ... make little, so the leanest cut is behind all of these.
    tensors, n = [(0, 100, tuple(range(1, 31, 3)))], 32
    for branch in range(1, 31, 3):
        tensors += [(branch, 1, (branch + 1,)), (branch + 1, 9, (branch + 2,)), (branch + 2, 9, (31,))]
    cuts = front(Problem([1.0] * n, tensors))
    assert cuts[0].crossing == 10 and cuts[0].head == {0, *range(1, 31, 3)}


def test_with_pinned_heads_the_front_is_these():
    problem = Problem([1, 1, 1], [(0, 5, (1,)), (1, 2, (2,))], pinned=[{0}])
    assert [(cut.crossing, cut.head) for cut in front(problem)] == [(5, {0})]


# Messages


GOOD = {"cost": [1.0, 1.0, 1.0], "tensors": [(0, 4, (1,)), (1, 4, (2,))]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cost": []}, "nothing to plan"),
        ({"cost": [1, -2, 3]}, "Call 1 costs -2: a cost is a finite number"),
        ({"cost": [1, 2, math.nan]}, "Call 2 costs nan"),
        ({"tensors": [(0, -4, (1,))]}, "The size of tensor 0 is -4"),
        ({"tensors": [(0, math.inf, (1,))]}, "The size of tensor 0 is inf"),
        ({"tensors": [(1, 4, (0,))]}, "made by call 1 and read by call 0: the calls must come in topological order"),
        ({"tensors": [(0, 4, (3,))]}, "Tensor 0 names call 3, but the calls are 0 to 2"),
        ({"weights": [(math.nan, (0,))]}, "The size of weight 0 is nan"),
        ({"raw": [(-1, (0,))]}, "The size of raw input 0 is -1"),
        ({"bandwidth": 0}, "The bandwidth is 0: give bytes per second, more than 0"),
        ({"bandwidth": math.nan}, "The bandwidth is nan"),
        ({"hop": -1}, "The time of a hop is -1"),
        ({"wiring": "rely"}, "There is no wiring 'rely'. Did you mean 'relay'?"),
        ({"wiring": "x"}, "There is no wiring 'x'. Choose one of 'direct', 'relay'."),
        ({"pinned": [{1}]}, "The pinned head calls 1 is no head: call 1 reads what call 0 makes"),
        ({"pinned": [{0, 1, 2}]}, "A pinned cut has an empty side"),
        ({"pinned": [{0}], "forbidden": [{0}]}, "is pinned and forbidden"),
        (
            {"tensors": [(0, 4, (2,)), (1, 4, (2,))], "pinned": [{0, 1}], "single_tensor": True},
            "2 tensors cross at the",
        ),
        ({"pinned": [{0}], "together": [{0, 1}]}, "The pinned cut after calls 0 divides calls 0, 1"),
        ({"tensors": [], "pinned": [{0}, {1, 2}]}, "cross: of two pinned heads one must contain the other"),
    ],
)
def test_numbers_that_make_no_problem_are_refused(change, message):
    with pytest.raises(PlanError, match=message.replace("?", r"\?").replace(".", r"\.")):
        Problem(**{**GOOD, **change})


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda p: balance(p, 4), "4 parts were asked for, but there are only 3 calls: ask for at most 3"),
        (lambda p: balance(p, 0), "0 parts were asked for: ask for a whole number, at least 1"),
        (
            lambda p: balance(replace(p, together=[{0, 1}]), 3),
            "3 parts were asked for, but the calls that may be parted form 2 groups",
        ),
        (lambda p: balance(replace(p, pinned=[{0}]), 1), "1 parts were asked for, but 1 cut is pinned"),
        (lambda p: balance(replace(p, forbidden=[{0}, {0, 1}]), 2), "No plan with 2 parts keeps to everything asked"),
        (lambda p: balance(p, 2, cap=40), "the cap of 40 bytes in 2 parts; the smallest that works is 50 bytes"),
        (
            lambda p: memory(p, cap=25),
            "the cap of 25 bytes however many parts there are; the smallest that works is 30",
        ),
        (lambda p: memory(p, 2, cap=45), "the cap of 45 bytes in 2 parts; the smallest that works is 50 bytes"),
        (lambda p: memory(p), "Neither a number of parts nor a cap was given"),
        (lambda p: memory(p, 2, cap=math.nan), "The cap is nan"),
        (lambda p: latency(p, [1, 2]), r"The times on the device have the shape \(2,\): give one for each of the 3"),
        (lambda p: latency(p, [1, 2, -3]), "Call 2 takes -3 on the device"),
        (lambda p: latency(p, [1, 2, 3], round_trip=math.nan), "The round trip takes nan"),
        (lambda p: latency(replace(p, pinned=[{0}, {0, 1}]), [1, 2, 3]), "2 cuts are pinned, but there is only one"),
    ],
)
def test_questions_without_an_answer_are_refused(ask, message):
    problem = Problem(**GOOD, weights=[(30, (0,)), (20, (1,)), (30, (2,))], bandwidth=1)
    with pytest.raises(PlanError, match=message):
        ask(problem)


# Plain graphs


def graph_of(edges, cost, nbytes, kind=nx.DiGraph):
    graph = kind(edges)
    nx.set_node_attributes(graph, dict(zip(sorted(graph), cost, strict=True)), "cost")
    nx.set_node_attributes(graph, dict(zip(sorted(graph), nbytes, strict=True)), "nbytes")
    return graph


DIAMOND = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("a", "d")]


@pytest.mark.parametrize("kind", [nx.DiGraph, nx.MultiDiGraph])
def test_a_plain_graph_is_planned_as_worked_out_by_hand(kind):
    graph = graph_of(DIAMOND, [4.0, 3.0, 3.0, 4.0], [10, 10, 10, 0], kind)
    plan = plan_graph(graph, parts=2, bandwidth=10)
    # {a, b} {c, d} costs 7 and sends a and b; {a} {b, c, d} costs 10 and receives a; so 7 + 2.
    assert plan.value == 9 and plan.bound == pytest.approx(9) and plan.gap == 0
    assert plan.stages in ([{"a", "b"}, {"c", "d"}], [{"a", "c"}, {"b", "d"}])
    assert plan.loads.tolist() == [9, 9]
    assert repr(plan).startswith("<GraphPlan: balance 9.00 s, optimal\n  stage 1: 9.00 s, 2 nodes: a, ")


def test_other_objectives_on_a_plain_graph():
    graph = graph_of(DIAMOND, [4.0, 3.0, 3.0, 4.0], [10, 10, 10, 0])
    nx.set_node_attributes(graph, 0.5, "server_cost")
    plan = plan_graph(graph, bandwidth=10, objective="latency", round_trip=1)
    assert plan.value == 2 and plan.stages == [set(), {"a", "b", "c", "d"}]  # no raw input has to be sent
    nx.set_node_attributes(graph, {"a": 5, "b": 1, "c": 1, "d": 1}, "memory")
    plan = plan_graph(graph, parts=2, objective="memory")
    assert plan.value == 5 and plan.stages == [{"a"}, {"b", "c", "d"}]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda g: g.add_edge("d", "a"), {}, "The graph has a cycle, "),
        (lambda g: g.add_edge("b", "b"), {}, "The graph has a cycle, 'b' -> 'b': remove"),
        (lambda g: g.nodes["c"].pop("cost"), {}, "The node 'c' has no attribute 'cost': set it on every node"),
        (lambda g: g.nodes["c"].pop("nbytes"), {}, "The node 'c' has no attribute 'nbytes'"),
        (lambda g: g.nodes["c"].update(cost=-1), {}, "The cost of the node 'c' is -1: give a finite number"),
        (lambda g: g.nodes["c"].update(nbytes=math.nan), {}, "The nbytes of the node 'c' is nan"),
        (lambda g: g.nodes["c"].update(cost="much"), {}, "The cost of the node 'c' is 'much': give a number"),
        (lambda g: g.nodes["c"].update(cost="1"), {}, "The cost of the node 'c' is '1': give a number"),
        (lambda g: [g.nodes[n].update(cost=1e308) for n in g], {}, "The cost of all nodes together is too large a num"),
        (lambda g: g.clear(), {}, "The graph is empty"),
        (lambda g: None, {"parts": True}, "True parts were asked for: ask for a whole number"),
        (lambda g: None, {"time_limit": "x"}, "The time limit is 'x': give a number"),
        (lambda g: None, {"time_limit": -1}, "The time limit is -1 s: give a number above 0"),
        (lambda g: None, {"parts": 0}, "0 parts were asked for: ask for a whole number, at least 1"),
        (lambda g: None, {"parts": 5}, "5 parts were asked for, but the graph has 4 nodes"),
        (lambda g: None, {"parts": 1.5}, "1.5 parts were asked for"),
        (lambda g: None, {"bandwidth": 0}, "The bandwidth is 0"),
        (lambda g: None, {"bandwidth": "fast"}, "The bandwidth is 'fast': give a number"),
        (lambda g: None, {"wiring": "directly"}, "There is no wiring 'directly'. Did you mean 'direct'"),
        (lambda g: None, {"objective": "balanced"}, "There is no objective 'balanced'. Did you mean 'balance'"),
        (lambda g: None, {"objective": "memory"}, "The node 'a' has no attribute 'memory'"),
    ],
)
def test_graphs_that_cannot_be_planned_are_refused(change, options, message):
    graph = graph_of(DIAMOND, [4.0, 3.0, 3.0, 4.0], [10, 10, 10, 0])
    change(graph)
    with pytest.raises(PlanError, match=message):
        plan_graph(graph, **options)


@pytest.mark.parametrize(("thing", "found"), [(nx.Graph([(1, 2)]), "found Graph: <networkx"), (3, "found int: 3")])
def test_what_is_no_directed_graph_is_refused(thing, found):
    with pytest.raises(PlanError, match=rf"A networkx\.DiGraph is needed, .*; {found}"):
        plan_graph(thing)
