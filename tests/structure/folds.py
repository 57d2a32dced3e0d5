"""Graphs with kinds, repeats and groups, and what must hold for every hierarchy of folds."""

from itertools import pairwise

import networkx as nx
from hypothesis import strategies as st

from kerassplit_widget.structure.graph import Call, LayerGraph, Tensor


def typed_graph(calls, *, groups=(), name="test"):
    """Make a `LayerGraph` from rows (name, kind, sources); a row without sources is an input."""
    made = tuple(
        Call(
            call,
            kind,
            call,
            tuple(dict.fromkeys(sources)),
            (Tensor(call, call, 0, (None, 4), "float32"),),
            params=3 if kind in {"Conv2D", "Dense"} else 0,
            is_input=not sources,
        )
        for call, kind, sources in calls
    )
    read = {source for call in made for source in call.inputs}
    outputs = tuple(call.name for call in made if call.name not in read)
    inputs = tuple(call.name for call in made if call.is_input)
    return LayerGraph(name, made, inputs, outputs, groups=dict.fromkeys(groups, ()))


def in_series(*kinds):
    """A chain of calls of the given kinds after an input."""
    rows = [("in", "InputLayer", ())]
    for i, kind in enumerate(kinds):
        rows.append((f"c{i}", kind, (rows[-1][0],)))
    return typed_graph(rows)


def residual_net(stages=(2, 3), *, names="stage{0}_block{1}_{2}"):
    """Stages of residual blocks; the first block of a stage has a convolution in its skip."""
    rows = [("in", "InputLayer", ()), ("stem", "Conv2D", ("in",))]
    for stage, blocks in enumerate(stages):
        for block in range(blocks):
            start = rows[-1][0]

            def call(kind, short, *sources, at=(stage, block)):
                rows.append((names.format(*at, short), kind, sources))
                return rows[-1][0]

            skip = call("Conv2D", "skip", start) if block == 0 else start
            x = start
            for i in range(3):
                x = call("Conv2D", f"conv{i}", x)
                x = call("BatchNormalization", f"bn{i}", x)
            x = call("Add", "add", x, skip)
            call("ReLU", "out", x)
    rows += [("pool", "GlobalAveragePooling2D", (rows[-1][0],)), ("fc", "Dense", ("pool",))]
    return typed_graph(rows)


@st.composite
def random_graphs(draw, most=40):
    """DAGs with few kinds, made of like motifs or of single calls, partly in groups that need not be convex."""
    rows = [(f"in{i}", "InputLayer", ()) for i in range(draw(st.integers(1, 3)))]
    paths = ["", "g/", "g/h/", "k/"]
    kind = st.sampled_from(["Conv2D", "ReLU", "Add"])
    while len(rows) < most and draw(st.integers(0, 9)):
        # A motif: how far back each of its calls reads, and of what kind it is.
        motif = draw(
            st.lists(st.tuples(kind, st.sets(st.integers(1, 5), min_size=1, max_size=2)), min_size=1, max_size=5)
        )
        path = draw(st.sampled_from(paths))
        for _ in range(draw(st.integers(1, 4))):
            for what, far in motif:
                sources = sorted({max(0, len(rows) - steps) for steps in far})
                rows.append((f"{path}c{len(rows)}", what, tuple(rows[i][0] for i in sources)))
    names = [name for name, _, _ in rows]
    groups = [path[:-1] for path in paths[1:] if any(name.startswith(path) for name in names)]
    return typed_graph(rows, groups=groups)


def all_folds(root):
    """All folds, the root included."""
    found, stack = [], [root]
    while stack:
        found.append(stack.pop())
        stack.extend(found[-1].children)
    return found


def leaves(item):
    """Numbers of the calls of a fold in canonical order."""
    if not item.children:
        return list(item.calls)
    return [number for child in item.children for number in leaves(child)]


def wiring(graph, order):
    """How calls, in an order, are wired among each other."""
    place = {number: i for i, number in enumerate(order)}
    return [(graph.calls[n].kind, sorted(place[p] for p in graph.predecessors[n] if p in place)) for n in order]


def is_convex(graph, calls):
    """Whether no path leaves the calls and comes back; by brute force."""
    whole = nx.DiGraph((a, b) for a, to in enumerate(graph.successors) for b in to)
    whole.add_nodes_from(range(len(graph)))
    calls = set(calls)
    below = set().union(*(nx.descendants(whole, n) for n in calls)) - calls
    above = set().union(*(nx.ancestors(whole, n) for n in calls)) - calls
    return not below & above


def skeleton(item):
    """A hierarchy without names and titles."""
    return item.kind, item.count, item.calls, [skeleton(child) for child in item.children]


def rises(numbers):
    return all(a < b for a, b in pairwise(numbers))
