"""Small graphs for tests, drawn from edges or at random."""

from hypothesis import strategies as st

from kerassplit_widget.structure.graph import Call, LayerGraph, Tensor


def graph_of(edges, *, inputs=("in",), outputs=None, sizes=None, name="test"):
    """Make a `LayerGraph` of float32 vectors from edges between call names, topologically ordered by first mention.

    `sizes` gives the length of the vector a call makes (1 by default).
    """
    order = list(dict.fromkeys([*inputs, *(call for edge in edges for call in edge)]))
    readers = {call: [] for call in order}
    feeds = {call: [] for call in order}
    for source, target in edges:
        readers[source].append(target)
        feeds[target].append(source)
    done, topological = set(), []
    while len(topological) < len(order):
        ready = next(c for c in order if c not in done and all(f in done for f in feeds[c]))
        done.add(ready)
        topological.append(ready)
    calls = tuple(
        Call(
            call,
            "InputLayer" if call in inputs else "Dense",
            call,
            tuple(dict.fromkeys(feeds[call])),
            (Tensor(call, call, 0, (None, (sizes or {}).get(call, 1)), "float32"),),
            is_input=call in inputs,
        )
        for call in topological
    )
    if outputs is None:
        outputs = [call for call in topological if not readers[call]]
    return LayerGraph(name, calls, tuple(inputs), tuple(outputs))


@st.composite
def random_graphs(draw, most=9):
    """Random connected-enough DAGs with one or two inputs and random sizes."""
    n = draw(st.integers(2, most))
    inputs = draw(st.integers(1, min(2, n - 1)))
    names = [f"i{k}" for k in range(inputs)] + [f"c{k}" for k in range(n - inputs)]
    edges = []
    for target in range(inputs, n):
        sources = draw(st.sets(st.integers(0, target - 1), min_size=1, max_size=3))
        edges += [(names[source], names[target]) for source in sorted(sources)]
    sizes = {name: draw(st.integers(1, 4)) for name in names}
    return graph_of(edges, inputs=tuple(names[:inputs]), sizes=sizes)
