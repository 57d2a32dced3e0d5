"""Random models, randomly cut: parts compute what the model computes, and leave the model alone.

In the suite a fixed sequence of examples runs. More, and other ones each time, with

    python -m tests.models.test_random_models 1000
"""

import collections
import contextlib
import itertools
import pathlib
import signal
import sys
import tempfile
import traceback
from dataclasses import dataclass

import hypothesis
import hypothesis.errors
import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from keras.src.random.seed_generator import SeedGenerator

import kerassplit_widget as ks
from kerassplit_widget.errors import CutError

from . import random_models
from .zoo import NEWER_THAN_3_13

COMMON = {
    "deadline": None,  # the first model of a process takes seconds
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    "print_blob": False,
}
QUICK = settings(max_examples=60, derandomize=True, database=None, **COMMON)
COUNTS = collections.Counter()


@dataclass(frozen=True)
class Cutting:
    """How to cut a model: points as numbers among those that are legal, and how to wire and weigh the parts."""

    cuts: tuple[tuple[int, ...], ...]
    wiring: str
    weights: str
    prefix: str | None
    probe: str
    expand: str


def cuttings():
    point = st.lists(st.integers(0, 40), min_size=1, max_size=3).map(tuple)
    return st.builds(
        Cutting,
        cuts=st.lists(point, min_size=1, max_size=4).map(tuple),
        wiring=st.sampled_from(("relay", "direct")),
        weights=st.sampled_from(("share", "copy")),
        prefix=st.sampled_from((None, None, None, "p_", "a_")),
        probe=st.sampled_from(("memory", "memory", "split", "join", "flatten", "original")),
        expand=st.sampled_from(("nested", "nested", "all")),
    )


def arrays(structure):
    return [np.asarray(keras.ops.convert_to_numpy(t)) for t in keras.tree.flatten(structure)]


def numpy(structure):
    return keras.tree.map_structure(keras.ops.convert_to_numpy, structure)


def assert_equal(found, expected, what):
    """The very same numbers, in the same structure."""
    keras.tree.assert_same_structure(found, expected)
    for a, b in zip(arrays(found), arrays(expected), strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape, what
        assert np.array_equal(a.astype("float64"), b.astype("float64"), equal_nan=True), what


def assert_close(found, expected, what):
    """Within 1e-5 of the largest output, or one step of a shorter float."""
    for a, b in zip(arrays(found), arrays(expected), strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape, what
        step = 1e-5 if a.dtype not in ("float16", "bfloat16") else 0.02
        a, b = a.astype("float64"), b.astype("float64")
        finite = np.abs(b[np.isfinite(b)])
        allowed = step * max(1.0, float(finite.max(initial=0.0)))
        np.testing.assert_allclose(a, b, rtol=0, atol=allowed, equal_nan=True, err_msg=what)


def state(model):
    """What must not change: of each operation its calls, name and flag."""
    stack, rows = [model], {}
    while stack:
        operation = stack.pop()
        if id(operation) in rows:
            continue
        rows[id(operation)] = (
            operation.name,
            list(map(id, operation._inbound_nodes)),
            list(map(id, operation._outbound_nodes)),
            getattr(operation, "trainable", None),
        )
        stack += [*getattr(operation, "_layers", ()), *getattr(operation, "operations", ())]
        if getattr(operation, "_functional", None) is not None:
            stack.append(operation._functional)
    return rows


# what brute force says


def plain_graph(model):
    """Calls and edges from the outputs upwards, by Keras's history, models inside not opened: the reader's oracle."""
    calls, edges, stack = set(), set(), list(model.outputs) + list(model.inputs)
    while stack:
        tensor = stack.pop()
        node = tensor._keras_history.operation._inbound_nodes[tensor._keras_history.node_index]
        if id(node) in calls:
            continue
        calls.add(id(node))
        for tensor_in in node.input_tensors:
            edges.add((id(tensor_in), id(node)))
            stack.append(tensor_in)
    return calls, edges


def descendants(graph, numbers, backwards=False):
    edges = [(graph.tensors[name].call, call.name) for call in graph for name in call.inputs]
    pairs = [(graph.number[a], graph.number[b]) for a, b in edges]
    found, grown = set(), set(numbers)
    while grown - found:
        found |= grown
        grown = {a if backwards else b for a, b in pairs if (b if backwards else a) in found}
        grown |= found
    return found - set(numbers)


def crossing(graph, head):
    """Computed tensors made in the head and read in the tail."""
    return [
        tensor.name
        for n, call in enumerate(graph.calls)
        if n in head and not call.is_input
        for tensor in call.outputs
        if any(tensor.name in other.inputs for m, other in enumerate(graph.calls) if m not in head)
    ]


def assert_cut_is_right(graph, cut):
    numbers = {graph.number[name] for name in cut.points}
    above, below = descendants(graph, numbers, backwards=True), descendants(graph, numbers) - numbers
    head = set(cut.head)
    assert numbers <= head and above <= head and not (below - above) & head
    computed = [n for n, call in enumerate(graph.calls) if not call.is_input]
    assert not (set(computed) & descendants(graph, [n for n in computed if n not in head])) & head, "an edge runs back"
    assert list(cut.tensors) == crossing(graph, head)
    needed = {x for n, call in enumerate(graph.calls) if n not in head for x in call.inputs} & set(graph.inputs)
    assert list(cut.inputs_also_needed) == [x for x in graph.inputs if x in needed]
    free = [n for n in computed if n not in numbers | above | below]
    known = all(tensor.nbytes() is not None for tensor in graph.tensors.values())
    if len(free) <= 9 and known:
        least = min(_costs(graph, (numbers | above), free))
        placed = {n for n in free if n in head}
        assert least == (_cost(graph, numbers | above | placed), len(placed)), "not the fewest bytes"


def _cost(graph, head):
    sizes = [max(1, graph.tensors[name].nbytes() or 1) for name in crossing(graph, head)]
    behind = [call for n, call in enumerate(graph.calls) if n not in head]
    masks = [name for name in crossing(graph, head) if any(name in call.masked for call in behind)]
    return sum(sizes) + sum(graph.tensors[name].mask_nbytes() for name in masks)


def _costs(graph, base, free):
    for k in range(len(free) + 1):
        for chosen in itertools.combinations(free, k):
            head = base | set(chosen)
            made = {t for n in chosen for t in graph.calls[n].inputs}
            makers = {graph.number[graph.tensors[t].call] for t in made}
            if all(n in head or graph.calls[n].is_input for n in makers):
                yield _cost(graph, head), k


def candidates(graph):
    """Calls without which nothing below is computed, and of which one output is read."""
    found = []
    computed = {n for n, call in enumerate(graph.calls) if not call.is_input}
    before = {
        n: {graph.number[graph.tensors[t].call] for t in graph.calls[n].inputs} & computed for n in range(len(graph))
    }
    sources = {n for n in computed if not before[n]}
    for n in sorted(computed):
        below = descendants(graph, [n]) - {n}
        reached = sources - {n}
        while True:
            more = {m for m in computed - reached - {n} if before[m] & reached}
            if not more:
                break
            reached |= more
        read = [t for t in graph.calls[n].outputs if any(t.name in call.inputs for call in graph.calls)]
        if below and len(read) == 1 and not below & reached:
            found.append(graph.names[n])
    return found


# running


def by_hand(split, data):
    """Run the parts with what their wires say, as NumPy between them."""
    names = keras.tree.flatten(split.manifest.inputs)
    known = dict(zip(names, keras.tree.flatten(data), strict=True))
    for i, (part, wire) in enumerate(zip(split, split.manifest.wires, strict=True)):
        assert set(wire.takes) <= set(known), f"part {i + 1} takes what nothing before it returns"
        results = keras.tree.flatten(part(split.manifest.pack_inputs(i, known), training=False))
        assert len(results) == len(wire.returns)
        known.update(zip(wire.returns, map(keras.ops.convert_to_numpy, results), strict=True))
    return keras.tree.map_structure(known.__getitem__, split.manifest.outputs)


def assert_wired(split, graph):
    known = set(graph.inputs)
    for i, (part, wire) in enumerate(zip(split, split.manifest.wires, strict=True)):
        assert set(wire.takes) <= known
        if split.manifest.wiring == "relay" and i:
            assert wire.takes == split.manifest.wires[i - 1].returns
        known |= set(wire.returns)
        assert [tuple(t.shape) for t in part.inputs] == [split.manifest.specs[n].shape for n in wire.takes]
        assert [t.dtype for t in part.outputs] == [split.manifest.specs[n].dtype for n in wire.returns]
        assert wire.calls, "an empty part"


def names(split):
    return [([t.name for t in part.inputs], part.output_names, [x.name for x in part.operations]) for part in split]


@contextlib.contextmanager
def draws():
    """Count how often each random state is drawn from."""
    counts, original = collections.Counter(), SeedGenerator.next

    def next_(self, *args, **kwargs):
        counts[id(self.state)] += 1
        return original(self, *args, **kwargs)

    SeedGenerator.next = next_
    try:
        yield counts
    finally:
        SeedGenerator.next = original


@contextlib.contextmanager
def at_most(seconds):
    """Turn an endless loop into a failure, where the system has alarms."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def ring(*args):
        raise TimeoutError(f"not done after {seconds} s")

    old = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)


def variables(*models):
    return list({id(v): v for model in models for v in model.variables}.values())


def trained_run(run, held):
    """Run with ``training=True``, random states begun anew, and put the state of all variables back.

    Anew, for an RNN with dropout draws without training too: copies have drawn another number of times by now.
    """
    values = [v.numpy() for v in held]
    for variable, value in zip(held, values, strict=True):
        if "seed_generator_state" in variable.path:
            variable.assign(np.array([value[0], 0]))
    try:
        return numpy(run())
    finally:
        for variable, value in zip(held, values, strict=True):
            variable.assign(value)


def saved(model, folder, name="m"):
    model.save(folder / f"{name}.keras")
    return keras.saving.load_model(folder / f"{name}.keras")


def keeps_to_declared_dtypes(model, data):
    """Whether every tensor has the dtype that Keras declares; some layers of other precision do not keep to it."""
    tensors = [t for node in itertools.chain(*model._nodes_by_depth.values()) for t in node.outputs]
    fed = keras.tree.map_structure(keras.ops.convert_to_tensor, data)
    values = keras.Function(model._inputs_struct, tensors)(fed)
    return all(keras.backend.standardize_dtype(v.dtype) == t.dtype for v, t in zip(values, tensors, strict=True))


def check(written, plans, folder):
    model, data = written.model, written.data
    try:
        expected = model(data, training=False)
    except Exception:  # Keras builds it and cannot run it
        COUNTS["do not run"] += 1
        hypothesis.reject()
    try:
        assert_close(saved(model, folder)(data), expected, "Keras itself")
        can_save = True
    except Exception:
        COUNTS["Keras itself cannot save and load"] += 1
        can_save = False
    if not keeps_to_declared_dtypes(model, data):
        COUNTS["not the dtypes that Keras declares"] += 1
        hypothesis.reject()
    before = state(model)
    graph = ks.read(model)
    COUNTS["models"] += 1
    COUNTS["calls"] += len(graph)

    assert len(set(graph.names)) == len(graph), "two calls of one name"
    assert len(graph.tensors) == sum(len(call.outputs) for call in graph), "two tensors of one name"
    calls, edges = plain_graph(model)
    closed = ks.read(model, expand="none")
    assert len(closed) == len(calls)
    assert sum(len(call.inputs) for call in closed) == len(edges)

    assert [cut.points[0] for cut in ks.cut_candidates(model)] == candidates(graph)
    legal = []
    for call in graph:
        assert isinstance(ks.why_not(model, call.name), str)
        try:
            cut = ks.cut_at(model, call.name)
        except ks.SplitError:
            assert call.is_input or not set(graph.successors[graph.number[call.name]]), call.name
            continue
        legal.append(call.name)
        assert_cut_is_right(graph, cut)
        assert cut.is_candidate == (call.name in candidates(graph))
    COUNTS["legal points"] += len(legal)

    flat = ks.flatten(model)
    assert_equal(flat(data, training=False), expected, "flatten")
    # A sub-model may have outputs that nobody reads.
    assert {id(w) for w in flat.weights} <= {id(w) for w in model.weights}, "flatten: weights"

    for plan in plans if legal else ():
        opened, points = graph, legal
        if plan.expand == "all":
            opened = ks.read(model, expand="all")
            points = [call.name for call in opened if not call.is_input and opened.successors[opened.number[call.name]]]
            COUNTS["opened"] += len(opened) > len(graph)
        if points:
            check_split(model, opened, data, expected, points, plan, folder, can_save)
    assert state(model) == before, "the model has changed"
    if can_save and any(plan.probe == "flatten" for plan in plans):
        assert_close(saved(flat, folder, "flat")(data), expected, "flatten, saved and loaded")
    if can_save and any(plan.probe == "original" for plan in plans):
        assert_close(saved(model, folder, "again")(data), expected, "the original, saved after splitting")


def live(model):
    """Weights that an output is computed with."""
    return {id(w) for w in ks.flatten(model).weights}


def check_split(model, graph, data, expected, legal, plan, folder, can_save):
    cuts = []
    for numbers in plan.cuts:
        points = tuple(dict.fromkeys(legal[n % len(legal)] for n in numbers))
        try:
            cut = ks.cut_at(model, *points, expand=plan.expand)
        except ks.SplitError:  # each is legal, together nothing is left
            continue
        assert_cut_is_right(graph, cut)
        cuts.append(points)
    if not cuts:
        return
    options = {"wiring": plan.wiring, "weights": plan.weights, "prefix": plan.prefix, "expand": plan.expand}
    note(f"ks.split(model, {cuts}, {', '.join(f'{k}={v!r}' for k, v in options.items())})")
    try:
        split = ks.split(model, cuts, **options)
    except CutError:  # nested, two of them leave nothing
        COUNTS["cuts that together leave nothing"] += 1
        return
    COUNTS["splits"] += 1
    COUNTS["cuts"] += len(split) - 1
    assert_wired(split, graph)
    assert_equal(split(data, training=False), expected, "chained in memory")
    if plan.wiring == "relay":
        chained = data
        for part in split:
            chained = part(chained, training=False)
        assert_equal(chained, expected, "a chain")
    assert_close(by_hand(split, data), expected, "handed on as NumPy")

    own, theirs = {id(v) for v in model.weights}, [v for part in split for v in part.weights]
    if plan.weights == "share":
        assert live(model) <= {id(v) for v in theirs} <= own, "weights are not the model's"
        assert {id(v) for part in split for v in part.variables} <= {id(v) for v in model.variables}, "variables"
    else:
        copies = {id(v): v for v in theirs}
        assert not set(copies) & own and len(live(model)) <= len(copies) <= len(own), "copied weights"
        assert not {id(v) for part in split for v in part.variables} & {id(v) for v in model.variables}, "variables"
        mine, copied = (
            collections.Counter(v.numpy().astype("float64").tobytes() for v in each)
            for each in (model.weights, copies.values())
        )
        assert not copied - mine, "values of the copies"
    assert names(ks.split(model, cuts, **options)) == names(split), "names differ the second time"

    held = variables(model, *split)
    with draws() as counts:
        try:
            random = trained_run(lambda: model(data, training=True), held)
        except Exception:  # Keras's own: such as dropout in a half-precision cell
            COUNTS["models that Keras cannot train"] += 1
            random = None
    if random is not None and all(count == 1 for count in counts.values()):  # else the order of calls decides
        COUNTS["trained runs"] += 1
        COUNTS["with random layers"] += bool(counts)
        assert_equal(trained_run(lambda: split(data, training=True), held), random, "training=True")

    joined = split.join()
    assert joined.name == model.name
    assert_equal(joined(data, training=False), expected, "join")
    if plan.weights == "share":
        assert live(model) <= {id(w) for w in joined.weights} <= own, "join: weights"
    graphs = [ks.read(part, expand="none") for part in split]
    unread = [name for graph in graphs for name in graph.inputs if not graph.consumers[name]]
    if not can_save or (unread and not NEWER_THAN_3_13):  # before, Keras did not load inputs that nothing reads
        return
    if plan.probe == "split":
        COUNTS["saved and loaded"] += 1
        split.save(folder / "split")
        loaded = ks.Split.load(folder / "split")
        assert loaded.cuts == split.cuts and loaded.manifest.wires == split.manifest.wires
        assert_close(by_hand(loaded, data), expected, "split, saved and loaded")
        again = loaded.join()
        assert_close(again(data, training=False), expected, "split, saved, loaded and joined")
        assert len(live(model)) <= len(again.weights) <= len(own), "ties are lost"
    elif plan.probe == "join":
        try:
            again = saved(joined, folder, "joined")
        except ValueError as error:
            # Keras cannot call a model that returns its input on other sizes than it was made for, and forgets sizes
            # when it loads what comes out of attention.
            if plan.expand != "all" or "is part of a cycle" not in str(error):
                raise
            COUNTS["Keras cannot call what returns its input"] += 1
            return
        assert_close(again(data), expected, "join, saved and loaded")


def test_random_models():
    run_all(QUICK)


def run_all(chosen, failures=None):
    """Run examples; what fails is raised, or put with its source into `failures` so that the run goes on."""
    COUNTS.clear()

    @chosen
    @given(program=random_models.programs(), plans=st.lists(cuttings(), min_size=1, max_size=3), seed=st.integers(0, 9))
    def run(program, plans, seed):
        written = random_models.build(program, seed)
        if written is None:
            COUNTS["Keras refuses"] += 1
            hypothesis.reject()
        note(written.source)
        try:
            with at_most(60), tempfile.TemporaryDirectory() as folder:
                check(written, plans, pathlib.Path(folder))
        except Exception as error:
            if failures is None or isinstance(error, hypothesis.errors.UnsatisfiedAssumption):
                raise
            failures.append(f"{traceback.format_exc()}\n{written.source}\n{plans}, {seed}")

    try:
        run()
    finally:
        print(dict(COUNTS))
    if not COUNTS["splits"]:
        pytest.fail("nothing was split")


if __name__ == "__main__":
    FAILURES = []
    run_all(settings(max_examples=int(sys.argv[1]), database=None, phases=[Phase.generate], **COMMON), FAILURES)
    print(*FAILURES, f"{len(FAILURES)} failures", sep="\n\n")
    sys.exit(bool(FAILURES))
