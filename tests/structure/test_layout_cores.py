"""The steps by which a core is laid out, each against a plainer way to the same answer."""

from itertools import combinations, pairwise, product
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerassplit_widget.structure.layout import lay_out, measure
from kerassplit_widget.structure.layout.buses import _meet, _run_through, _side_by_side
from kerassplit_widget.structure.layout.cells import Cell, Pattern, find_cells
from kerassplit_widget.structure.layout.layered import LayeredGraph, bundled, layered_graph
from kerassplit_widget.structure.layout.levels import levelings
from kerassplit_widget.structure.layout.ordering import Order
from kerassplit_widget.structure.layout.search import Effort, ordered
from kerassplit_widget.structure.layout.shapes import Spacing
from kerassplit_widget.structure.layout.stacking import stacked
from kerassplit_widget.structure.layout.sweeping import inversions, swept

Graph = list[list[int]]


@st.composite
def cores(draw: st.DrawFn, most: int = 12) -> tuple[Graph, list[int]]:
    """Edges between items, of which the first reaches all and all reach the last; rows of each item."""
    n = draw(st.integers(3, most))
    edges = set()
    for v in range(1, n):
        edges |= {(u, v) for u in draw(st.sets(st.integers(0, v - 1), min_size=1, max_size=3))}
    edges |= {(u, n - 1) for u in range(n - 1) if not any(a == u for a, _ in edges)}
    rows = [1, *draw(st.lists(st.integers(1, 3), min_size=n - 2, max_size=n - 2)), 1]
    return [sorted(b for a, b in edges if a == u) for u in range(n)], rows


def crossings(graph: LayeredGraph, rows: list[list[int]], ports: dict[int, list[int]] | None = None) -> int:
    """Look at all pairs of edges, and at all that come to one item with ports."""
    place = {node: i for row in rows for i, node in enumerate(row)}
    found = 0
    for row in rows:
        edges = [(place[u], place[v]) for u in row for v in graph.down[u]]
        found += sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(edges, 2))
    for item, producers in (ports or {}).items():
        port = {node: producers.index(graph.producer[node]) for node in graph.up[item]}
        found += sum((port[a] - port[b]) * (place[a] - place[b]) < 0 for a, b in combinations(graph.up[item], 2))
    return found


@given(st.lists(st.integers(0, 9)))
def test_inversions_are_pairs_in_the_wrong_order(values: list[int]):
    assert inversions(values) == sum(a > b for a, b in combinations(values, 2))


@settings(max_examples=60, deadline=None)
@given(cores())
def test_every_leveling_puts_readers_below_and_leaves_no_level_empty(core: tuple[Graph, list[int]]):
    successors, rows = core
    found = list(levelings(successors, successors, rows, 100_000))
    assert found
    for first, last in found:
        assert first[0] == last[0] == 0
        assert all(last[u] < first[v] for u, targets in enumerate(successors) for v in targets)
        assert sorted(set(first)) == list(range(first[-1] + 1))
        assert first.count(0) == first.count(first[-1]) == 1


@settings(max_examples=60, deadline=None)
@given(cores(most=7))
def test_two_levelings_make_the_lines_as_short_as_possible(core: tuple[Graph, list[int]]):
    successors, _ = core
    n = len(successors)
    ones = [1] * n

    def each(level: tuple[int, ...] | list[int]) -> int:
        return sum(level[v] - level[u] for u, targets in enumerate(successors) for v in targets)

    def trunks(level: tuple[int, ...] | list[int]) -> int:
        return sum(max(level[v] for v in targets) - level[u] for u, targets in enumerate(successors) if targets)

    legal = [
        (0, *inner)
        for inner in product(range(1, n), repeat=n - 1)
        if all((0, *inner)[v] > (0, *inner)[u] for u, targets in enumerate(successors) for v in targets)
    ]
    found = [first for first, _ in levelings(successors, successors, ones, 100_000)]
    for length in (each, trunks):
        assert min(map(length, found)) == min(map(length, legal))


@settings(max_examples=60, deadline=None)
@given(cores(), st.booleans(), st.booleans(), st.integers(0, 99))
def test_the_crossings_are_counted_right_after_every_step(
    core: tuple[Graph, list[int]], together: bool, with_ports: bool, seed: int
):
    successors, rows = core
    random = Random(seed)
    sources = {v: [u for u, targets in enumerate(successors) if v in targets] for v in range(1, len(successors))}
    ports = {v: random.sample(near, len(near)) for v, near in sources.items() if with_ports and random.random() < 0.5}
    for first, last in levelings(successors, successors, rows, 100_000):
        graph = layered_graph(successors, first, last, range(len(rows)) if together else ())
        start, _ = swept(graph, random, 2_000)
        order = Order(graph, random, start, ports=ports)
        assert order.crossings == crossings(graph, order.rows(), ports)
        before = order.crossings
        order.settle(2_000)
        assert order.crossings == crossings(graph, order.rows(), ports) <= before
        before = order.crossings
        order.improve(3_000)
        assert order.crossings == crossings(graph, order.rows(), ports) <= before


@settings(max_examples=60, deadline=None)
@given(cores(), st.integers(0, 99))
def test_bundling_joins_neighbours_of_one_producer_and_adds_no_crossing(core: tuple[Graph, list[int]], seed: int):
    successors, rows = core
    first, last = next(levelings(successors, successors, rows, 100_000))
    graph = layered_graph(successors, first, last, ())
    start, _ = swept(graph, Random(seed), 2_000)
    new, new_rows = bundled(graph, start)
    assert crossings(new, new_rows) <= crossings(graph, start)
    assert sorted(node for row in new_rows for node in row) == list(range(len(new.level)))
    for row in new_rows:
        for a, b in pairwise(row):
            assert min(a, b) < new.items or new.up[a] != new.up[b]
    for u, targets in enumerate(successors):
        for v in targets:
            node = new.last_before(v, u)
            while node != u:
                (node,) = new.up[node]


def test_a_line_between_neighbouring_levels_needs_no_dummy_and_a_tall_item_has_a_body():
    graph = layered_graph([[1, 2], [2], []], [0, 1, 4], [0, 3, 4], ())
    assert [graph.level[node] for node in graph.body(1)] == [1, 2, 3]
    assert graph.lanes() == [[3, 4, 5]]
    assert [graph.producer[node] for node in graph.lanes()[0]] == [0, 0, 0]
    assert graph.last_before(2, 0) == 5
    assert graph.last_before(2, 1) == graph.body(1)[-1]
    assert graph.last_before(1, 2) == -1


@pytest.mark.parametrize(
    ("successors", "least"),
    [
        ([[1, 2], [3, 4], [3, 4], [5], [5], []], 1),  # K2,2 between an entry and an exit
        ([[1, 2, 3], [4, 5, 6], [4, 5, 6], [4, 5, 6], [7], [7], [7], []], 9),  # K3,3, two levels
        ([[1, 2], [2, 3], [3], []], 0),
    ],
)
def test_the_search_finds_the_least_crossings(successors: Graph, least: int):
    graph, rows, counted = ordered(successors, successors, [1] * len(successors), (), 20_000)
    assert crossings(graph, rows) == counted == least


def test_the_lines_of_a_bus_share_one_trunk():
    successors = [[1, 2, 3, 4], [2], [3], [4], []]
    graph, *_ = ordered(successors, successors, [1] * 5, {0}, 20_000)
    assert sum(producer == 0 for producer in graph.producer[5:]) == 3


def test_a_tall_item_makes_room_beside_it_and_not_its_level_taller():
    # 1 is as tall as 2, 3 and 4 with the gaps between them.
    graph = layered_graph([[1, 2], [5], [3], [4], [5], []], [0, 1, 1, 2, 3, 4], [0, 3, 1, 2, 3, 4], ())
    rows = [[0], [1, 2], [6, 3], [7, 4], [5]]
    x = [0.0, -50.0, 50.0, 50.0, 50.0, 0.0, -50.0, -50.0]
    boxes = [(0.0, 0.0, 0.0), (30.0, 30.0, 108.0), *[(30.0, 30.0, 20.0)] * 3, (0.0, 0.0, 0.0)]
    found = stacked(graph, rows, x, boxes, (False, False), Spacing())
    assert found.top == [0, 0, 0, 44, 88, 108]


def test_what_is_left_for_a_core_shrinks_but_never_to_nothing():
    effort = Effort(1)
    shares = [effort.share(100) for _ in range(20)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 10 * shares[-1]
    assert shares[-1] == effort.share(100) > 0


def test_a_large_graph_has_less_to_spend_on_its_cores():
    def spent(calls):
        effort = Effort(calls)
        return sum(effort.share(20) for _ in range(30))

    assert spent(2_000) == spent(10) > 2 * spent(20_000)


def test_cores_numbered_alike_are_put_in_order_once(monkeypatch):
    ordered = []
    canonical = measure.canonical_order
    monkeypatch.setattr(measure, "canonical_order", lambda core, *rest: ordered.append(core) or canonical(core, *rest))
    bridge = [[1, 2], [2, 3], [3]]
    successors = [[3 * k + v for v in targets] for k in range(9) for targets in bridge] + [[]]
    layout = lay_out(successors)
    inner = [layout.x[3 * k : 3 * k + 3].tolist() for k in range(9)]
    assert len(ordered) == 1
    assert all(copy == inner[0] for copy in inner)


def test_a_core_that_cannot_be_put_better_is_soon_given_up():
    successors = [[1, 2, 3], [4, 5, 6], [4, 5, 6], [4, 5, 6], [7], [7], [7], []]  # K3,3: 9 crossings at least
    random = Random(0)
    graph = layered_graph(successors, [0, 1, 1, 1, 2, 2, 2, 3], [0, 1, 1, 1, 2, 2, 2, 3], ())
    order = Order(graph, random, swept(graph, random, 100)[0])
    order.improve(10_000_000)
    assert order.crossings == 9
    assert order.steps < 50_000


# Three cells of four items, each of which reads the two before; the last item of the third is the exit.
CELLS = [[1, 2], [3, 6], [4, 5], [4], [5], [7, 10], [8, 9], [8], [9], [11], [12, 13], [12], [13], []]


def test_the_exit_of_a_core_ends_its_last_cell():
    _, found = find_cells(CELLS, CELLS, [7] * len(CELLS), open_exit=False)
    assert found == {
        Pattern((7, 7, 7, 7), ((2,), (2, 3), (3,), ()), ((0,), (1,))): [
            Cell((3, 2, 4, 5), (1, 0)),
            Cell((7, 6, 8, 9), (5, 1)),
            Cell((11, 10, 12, 13), (9, 5)),
        ]
    }


def test_cells_are_found_though_what_they_share_has_come_further_than_the_first_of_them():
    # The way to item 6, which each cell reads, is longer than that to the first cell and shorter than to the last one.
    successors: Graph = [[1, 7], [2], [3], [4], [5], [6], [9, 13, 17]]
    for x in (7, 11, 15):
        successors += [[x + 1, x + 4], [x + 3], [x + 3], [x + 4]]
    successors += [[20], []]
    _, found = find_cells(successors, successors, [7] * 21, open_exit=False)
    (cells,) = found.values()
    assert [sorted(cell.items) for cell in cells] == [[8, 9, 10, 11], [12, 13, 14, 15], [16, 17, 18, 19]]


def test_the_exit_ends_no_cell_if_others_lead_to_it_too():
    successors = [targets if u != 5 else [*targets, 13] for u, targets in enumerate(CELLS)]
    _, found = find_cells(successors, successors, [7] * len(CELLS), open_exit=False)
    assert all(13 not in cell.items for cells in found.values() for cell in cells)


@given(st.lists(st.tuples(st.floats(0, 99), st.floats(0, 9)), max_size=9), st.data())
def test_all_pairs_at_one_height_are_found(spans: list[tuple[float, float]], data: st.DataObject):
    others = data.draw(st.lists(st.tuples(st.floats(0, 99), st.floats(0, 60)), max_size=9))
    (top, tall), (other_top, other_tall) = (np.array(each, dtype=float).reshape(-1, 2).T for each in (spans, others))
    ones, others_near = _side_by_side(top, top + tall, other_top, other_top + other_tall)
    found = set(zip(ones.tolist(), others_near.tolist(), strict=True))
    for i, j in product(range(len(spans)), range(len(others))):
        if top[i] <= other_top[j] + other_tall[j] and other_top[j] <= top[i] + tall[i]:
            assert (i, j) in found


def test_pieces_meet_where_they_have_a_point_in_common():
    def meet(a: complex, b: complex, c: complex, d: complex) -> bool:
        return bool(_meet(*(np.array([point]) for point in (a, b, c, d)))[0])

    assert meet(0j, 2 + 2j, 2 + 0j, 2j)
    assert meet(0j, 2 + 2j, 1 + 1j, 5j)
    assert not meet(0j, 2 + 2j, 2 + 0j, 2 + 1j)
    assert not meet(0j, 2 + 2j, 1 + 0j, 3 + 2j)


def test_a_slant_runs_through_a_box_if_it_meets_its_inside():
    centre, half = np.array([10 + 10j]), np.array([4 + 2j])
    through = [
        bool(_run_through(np.array([a]), np.array([b]), centre, half)[0])
        for a, b in ((0j, 20 + 20j), (5 + 9j, 15 + 11j), (0j, 20 + 6j), (7 + 0j, 13 + 7.9j), (5 + 5j, 6 + 12j))
    ]
    assert through == [True, True, False, False, False]


@pytest.mark.parametrize("pinned", [(1, 2, 3), (2, 3, 1), (3, 1, 2)])
def test_pinned_items_stand_in_their_order_if_it_is_fixed(pinned: tuple[int, ...]):
    # 1, 2 and 3 lead to 4, 5 and 6: in any other order than (1, 2, 3) lines must cross.
    successors = [[1, 2, 3], [4], [5], [6], [7], [7], [7, 8], [8], []]
    graph, rows, counted = ordered(successors, successors, [1] * 9, (), 20_000, pinned, fixed=True)
    assert rows[1] == list(pinned)
    assert counted == crossings(graph, rows)


@pytest.mark.parametrize("blocks", [2, 3, 4])
def test_a_mask_that_a_few_blocks_read_stands_beside_what_they_compute(blocks: int):
    # An encoder: embeddings (two inputs), then a padding mask (6) that each block reads.
    first = 7
    successors = [[1], [2, 4], [4], [4], [5], [first], [*range(first, first + blocks)]]
    successors += [[first + i + 1] for i in range(blocks)] + [[]]
    layout = lay_out(successors)
    body = [0, 1, 4, 5, *range(first, first + blocks + 1)]
    assert all(layout.x[call] == 0 for call in body)
    assert abs(layout.x[6]) >= 150
    steps = np.diff([layout.y[call] for call in (4, 5, *range(first, first + blocks + 1))])
    assert (steps == 60).all()  # the mask takes no rank of its own
