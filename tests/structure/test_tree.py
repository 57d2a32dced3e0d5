from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kerassplit_widget.structure.regions.reduction import Contracted, Joined, Reduction
from kerassplit_widget.structure.regions.tree import SOURCE, Region, region_tree

Graph = list[list[int]]

# Once the bridge 9..12 is contracted, call 9 is reduced away, yet 3..9 is still in the list of pairs.
GONE: Graph = [[2], [2, 3], [3], [4], [5], [7], [], [8], [9], [10, 11], [11, 12], [12], []]
BRIDGE: Graph = [[1, 2], [2, 3], [3], []]  # the smallest irreducible core


@st.composite
def graphs(draw: st.DrawFn, max_calls: int = 16) -> Graph:
    n = draw(st.integers(1, max_calls))
    pairs = [(u, v) for u in range(n) for v in range(u + 1, n)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=3 * n) if pairs else st.just([]))
    return from_edges(n, chosen)


@st.composite
def series_parallel_graphs(draw: st.DrawFn) -> Graph:
    """Start from one edge; put a vertex on an edge, or on a copy of it."""
    edges = [(0, 1)]
    for new in range(2, 2 + draw(st.integers(0, 25))):
        i = draw(st.integers(0, len(edges) - 1))
        u, v = edges[i] if draw(st.booleans()) else edges.pop(i)
        edges += [(u, new), (new, v)]
    order = {v: i for i, v in enumerate(nx.lexicographical_topological_sort(nx.DiGraph(edges)))}
    return from_edges(len(order), [(order[u], order[v]) for u, v in edges])


def from_edges(n: int, edges: list[tuple[int, int]]) -> Graph:
    successors: Graph = [[] for _ in range(n)]
    for u, v in sorted(edges):
        successors[u].append(v)
    return successors


def edges_of(successors: Graph) -> list[tuple[int, int]]:
    return [(u, v) for u, targets in enumerate(successors) for v in targets]


def reassembled(tree: Region) -> list[tuple[int, int]]:
    """All edges that the tree stands for, those at virtual ends left out."""
    found = []
    for region in tree.walk():
        if region.kind == "series":
            steps = [region.entry, *region.children, region.exit]
            found += [(u, v) for u, v in pairwise(steps) if isinstance(u, int) and isinstance(v, int)]
    return sorted((u, v) for u, v in found if u != SOURCE and v != tree.exit)


def on_every_path(successors: Graph) -> list[int]:
    n = len(successors)
    graph = nx.DiGraph(edges_of(successors))
    graph.add_nodes_from(range(n))
    graph.add_edges_from([("source", v) for v in range(n) if not graph.in_degree(v)])
    graph.add_edges_from([(v, "sink") for v in range(n) if not successors[v]])
    dominator = nx.immediate_dominators(graph, "source")
    chain = []
    call = dominator["sink"]
    while call != "source":
        chain.append(call)
        call = dominator[call]
    return chain[::-1]


@given(graphs())
def test_every_call_appears_exactly_once_and_in_topological_order(successors: Graph):
    tree = region_tree(successors)
    calls = list(tree.calls())
    assert sorted(calls) == list(range(len(successors)))
    place = {call: i for i, call in enumerate(calls)}
    assert all(place[u] < place[v] for u, v in edges_of(successors))


@given(graphs())
def test_the_tree_stands_for_exactly_the_edges_of_the_graph(successors: Graph):
    assert reassembled(region_tree(successors)) == edges_of(successors)


@given(graphs())
def test_the_outermost_calls_are_those_on_every_path(successors: Graph):
    assert list(region_tree(successors).own_calls) == on_every_path(successors)


@given(series_parallel_graphs())
def test_series_parallel_graphs_have_no_core(successors: Graph):
    assert all(region.kind != "core" for region in region_tree(successors).walk())


@settings(max_examples=300, deadline=None)
@given(graphs())
@example(GONE)
def test_regions_are_well_formed(successors: Graph):
    for region in region_tree(successors).walk():
        assert region.size == len(list(region.calls()))
        assert all(region.entry < call < region.exit for call in region.calls())
        if region.kind == "series":
            steps = [region.entry, *region.children, region.exit]
            for before, child, after in zip(steps, steps[1:], steps[2:], strict=False):
                if isinstance(child, Region):
                    assert child.kind != "series"
                    assert (child.entry, child.exit) == (before, after)  # so no two touch
        elif region.kind == "parallel":
            assert len(region.children) >= 2
            ends = {(child.kind, child.entry, child.exit) for child in region.regions}
            assert ends == {("series", region.entry, region.exit)}
            assert sum(not child.children for child in region.regions) <= 1
        else:
            assert_irreducible(region)


def assert_irreducible(core: Region) -> None:
    edges = [(edge.entry, edge.exit) for edge in core.regions]
    assert len(set(edges)) == len(edges)
    assert {edge.kind for edge in core.regions} == {"series"}
    graph = nx.DiGraph(edges)
    assert set(graph) == {core.entry, core.exit, *core.own_calls}
    assert not any(graph.in_degree(c) == graph.out_degree(c) == 1 for c in core.own_calls)
    # No call of a core is on every path through it, or it would be two.
    dominators = nx.immediate_dominators(graph, core.entry)
    assert dominators[core.exit] == core.entry


def test_a_residual_block_is_a_branch_beside_an_empty_series():
    tree = region_tree([[1, 3], [2], [3], []])
    assert tree.own_calls == (0, 3)
    (block,) = tree.regions
    assert (block.kind, block.entry, block.exit, block.size) == ("parallel", 0, 3, 2)
    assert [branch.children for branch in block.regions] == [(1, 2), ()]
    assert repr(block) == "<parallel 0..3, 2 calls>"


def test_a_bridge_is_a_core_between_its_ends():
    tree = region_tree(BRIDGE)
    (core,) = tree.regions
    assert core.kind == "core"
    assert core.own_calls == (1, 2)
    assert [(edge.entry, edge.exit) for edge in core.regions] == [
        (0, 1),
        (0, 2),
        (1, 2),
        (1, 3),
        (2, 3),
    ]


def test_a_bridge_in_a_branch_of_a_bridge_is_a_core_in_a_core():
    # 0 -> (1, 2) -> 6 is the outer bridge; on its edge 2 -> 6 lies 2 -> (3, 4) -> 5.
    tree = region_tree([[1, 2], [2, 6], [3, 4], [4, 5], [5], [6], []])
    kinds = [region.kind for region in tree.walk() if region.kind != "series"]
    assert kinds == ["core", "core"]


def test_one_call():
    tree = region_tree([[]])
    assert (tree.entry, tree.children, tree.exit) == (SOURCE, (0,), 1)


def test_no_calls():
    assert region_tree([]).children == ()


def test_unconnected_calls_lie_side_by_side():
    tree = region_tree([[], [], []])
    (parallel,) = tree.regions
    assert [branch.children for branch in parallel.regions] == [(0,), (1,), (2,)]


def test_inputs_and_outputs_join_at_virtual_ends():
    tree = region_tree([[2], [2], [3, 4], [], []])
    inputs, outputs = tree.regions
    assert tree.own_calls == (2,)
    assert (inputs.entry, inputs.exit, outputs.entry, outputs.exit) == (SOURCE, 2, 2, 5)


def test_an_edge_backwards_is_refused():
    with pytest.raises(ValueError, match="edge 1 -> 0: every call must come before its consumers"):
        region_tree([[1], [0]])


def test_an_edge_out_of_the_graph_is_refused():
    with pytest.raises(ValueError, match="edge 0 -> 7"):
        region_tree([[7], []])


@pytest.mark.parametrize("n", [20_000])
def test_depth_is_no_problem(n: int):
    chain: Graph = [[i + 1] for i in range(n - 1)] + [[]]
    assert region_tree(chain).own_calls == tuple(range(n))
    nested = [[i + 1, n - 1 - i] if i + 1 < n - 1 - i else [i + 1] for i in range(n - 1)] + [[]]
    tree = region_tree(nested)
    assert tree.size == n
    assert list(tree.calls()) == list(range(n))


def test_nested_cores_take_linear_time():
    # Bridges in bridges, 3,000 deep: u -> (a, b), a -> b, the next one between b and its end.
    n = 3_000
    successors: Graph = [[] for _ in range(4 * n + 1)]
    for i in range(n):
        u, a, b, end = 2 * i, 2 * i + 1, 2 * i + 2, 4 * n - 2 * i
        successors[u] += [a, b]
        successors[a] += [b, end]
    successors[2 * n] += [2 * n + 1]
    for v in range(2 * n + 1, 4 * n):
        successors[v] += [v + 1]
    tree = region_tree([sorted(set(targets)) for targets in successors])
    assert sum(region.kind == "core" for region in tree.walk()) >= n - 1


@settings(max_examples=200, deadline=None)
@given(graphs())
@example(GONE)
def test_the_reduction_leaves_nothing_exactly_if_there_is_no_core(successors: Graph):
    own = [len(region.own_calls) for region in region_tree(successors).walk() if region.kind == "core"]
    left = Reduction(successors).left
    assert (left == 0) == (own == [])
    assert left >= sum(own)


def test_a_core_is_contracted_to_one_edge():
    core = Contracted([1, 2], [0, 0, 1, 1, 2], [1, 2, 2, 3, 3], [None] * 5)
    assert Reduction(BRIDGE).take() == Joined(None, 0, Joined(core, 3, None))
