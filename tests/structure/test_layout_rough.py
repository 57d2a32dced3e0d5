"""Cores drawn roughly, all at once: what every drawing promises holds there too, and each step by itself."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from drawing_metrics import alike, crossings, quality
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.drawing import Drawing, random_graph
from benchmarks.growth import KINDS
from kerassplit_widget.structure.layout import lay_out, measure, rough
from kerassplit_widget.structure.layout.rough.columns import columns, heights, widths
from kerassplit_widget.structure.layout.rough.graph import Core, Items, Rows, items_of, rows_of
from kerassplit_widget.structure.layout.rough.order import _near, _switch, ordered_rows
from kerassplit_widget.structure.layout.rough.ways import ways
from kerassplit_widget.structure.layout.routes import Lines
from kerassplit_widget.structure.layout.shapes import Shape, Spacing, simplified
from kerassplit_widget.structure.regions.tree import region_tree

from .test_layout import BRIDGE, graphs, in_a_row, routes

PLAIN, BOX, BLOCK = 1, 2, 3
SHAPES = [Shape(1, 0.0, 0.0, 0.0, 0), Shape(2, 75.0, 75.0, 36.0, 1), Shape(3, 40.0, 90.0, 300.0, 5)]


@pytest.fixture
def all_rough(monkeypatch):
    """Draw every core roughly, however few there are."""
    monkeypatch.setattr(measure, "LIMIT", 0)


@st.composite
def several_cores(draw: st.DrawFn) -> list[Core]:
    """Up to four cores of up to nine calls, some with blocks on their edges."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        n = draw(st.integers(1, 9))
        children, read = [], set()
        for call in range(1, n + 1):
            sources = sorted(draw(st.sets(st.integers(0, call - 1), min_size=1, max_size=3)))
            read.update(sources)
            children += [source << 32 | draw(st.sampled_from([PLAIN, PLAIN, BLOCK])) for source in sources]
            children.append(-BOX)
        children += [call << 32 | PLAIN for call in range(n + 1) if call not in read]
        found.append(Core(children, draw(st.tuples(st.booleans(), st.booleans()))))
    return found


def laid(cores: list[Core]) -> tuple[Items, Rows]:
    items = items_of(cores, SHAPES, PLAIN)
    return items, rows_of(items)


def counted(rows: Rows, order: np.ndarray) -> int:
    """Look at all pairs of edges between the same two rows."""
    place = np.empty(len(order), dtype=int)
    place[order] = np.arange(len(order))
    edges = [(rows.row[a], place[a], place[b]) for a, b in zip(rows.upper, rows.lower, strict=True)]
    return sum(r == s and (a - c) * (b - d) < 0 for (r, a, b), (s, c, d) in combinations(edges, 2))


@settings(max_examples=100, deadline=None)
@given(graphs(40), st.data())
def test_rough_drawings_keep_what_all_drawings_promise(successors: list[list[int]], data: st.DataObject):
    n, side = len(successors), st.integers(4, 160)
    sizes = data.draw(st.one_of(st.just((150, 36)), st.lists(st.tuples(side, side), min_size=n, max_size=n)))
    options = {
        "size": sizes,
        "direction": data.draw(st.sampled_from(["down", "right"])),
        "inputs": data.draw(st.permutations(sorted(set(range(n)) - {v for each in successors for v in each}))),
        "outputs": data.draw(st.permutations([u for u, targets in enumerate(successors) if not targets])),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "LIMIT", 0)
        layout, again = (lay_out(successors, **options) for _ in range(2))
    found = quality(layout)
    assert (found.overlaps, found.hits, found.laid_over) == (0, 0, 0)
    across = layout.x if layout.direction == "down" else layout.y
    assert not across[list(region_tree(successors).own_calls)].any()
    assert again.points.tobytes() == layout.points.tobytes()
    down = int(layout.direction == "down")
    half = layout.sizes / 2
    for u, v, route in zip(layout.sources, layout.targets, routes(layout), strict=True):
        start, end = ([layout.x[i], layout.y[i]] for i in (u, v))
        start[down] += half[u, down]
        end[down] -= half[v, down]
        assert route[0].tolist() == pytest.approx(start)
        assert route[-1].tolist() == pytest.approx(end)
        assert (np.diff(route[:, down]) >= 0).all()


@pytest.mark.usefixtures("all_rough")
@pytest.mark.parametrize("seed", range(3))
def test_large_cores_are_drawn_without_flaws_and_hardly_worse(seed: int, monkeypatch):
    successors = random_graph(300, seed)
    found = quality(lay_out(successors))
    assert (found.overlaps, found.hits, found.laid_over) == (0, 0, 0)
    monkeypatch.setattr(measure, "LIMIT", 10**9)
    assert found.crossings <= 1.7 * crossings(lay_out(successors))  # with all the effort for 300 calls


@pytest.mark.parametrize("calls", [1_500, 4_000])
def test_only_what_is_too_much_is_drawn_roughly(calls: int, monkeypatch):
    drawn = []
    original = measure.rough_shapes
    monkeypatch.setattr(measure, "rough_shapes", lambda *some: drawn.append(some[0]) or original(*some))
    lay_out(KINDS["cores, all different"](calls))
    assert sum(len(items.calls) for items in drawn) > calls / 2 if calls > rough.LIMIT else not drawn
    drawn.clear()
    lay_out(KINDS["cores of five kinds"](calls))  # few to draw, though many calls are in them
    assert not drawn


@pytest.mark.usefixtures("all_rough")
def test_large_cores_of_repeated_cells_are_drawn_alike_all_the_same():
    net = Drawing()
    before, x = net.call(), net.call(0)
    for _ in range(30):
        left, right = net.call(before), net.call(x)
        sums = [net.call(net.chain(left, 2), right), net.call(left, net.chain(right, 2)), left]
        before, x = x, net.call(*sums)
    copies = [list(range(2 + 9 * i, 11 + 9 * i)) for i in range(30)]
    assert alike(lay_out(net.successors), copies, mirrored=True) == 30


@pytest.mark.usefixtures("all_rough")
def test_cores_numbered_alike_are_congruent():
    successors, starts = in_a_row([BRIDGE] * 5)
    layout = lay_out(successors)
    inner = [(layout.x[start + 1 : start + 3].tolist(), layout.y[start + 1] - layout.y[start]) for start in starts]
    assert all(block == inner[0] for block in inner)


@pytest.mark.usefixtures("all_rough")
def test_a_bus_runs_straight_beside_cores_that_read_it():
    net = Drawing()
    x, mask = net.call(), net.call()
    for block in range(40):
        x = net.feed_forward(net.self_attention(x, mask))
        if block % 10 == 5:  # a core, in which one call reads the mask
            a, b = net.call(x), net.call(x)
            c = net.call(a, b)
            d = net.call(a, mask)
            x = net.call(c, d, net.call(b, d, c))
    layout = lay_out(net.successors)
    found = quality(layout)
    assert (found.overlaps, found.hits, found.laid_over) == (0, 0, 0)
    taps = [route for route, u in zip(routes(layout), layout.sources, strict=True) if u == mask]
    assert len({tap[-2, 0] for tap in taps}) == 1


@settings(max_examples=60, deadline=None)
@given(several_cores())
def test_cores_are_taken_apart_into_items_and_edges_by_their_lower_end(cores: list[Core]):
    items = items_of(cores, SHAPES, PLAIN)
    expected, n = [], 0
    for core in cores:
        call, above, of = n, [], {0: n}
        n += 1
        for child in core.children:
            if child < 0:
                expected += [(u, n) for u in above]
                of[len(of)], above = n, []
            elif child & 0xFFFFFFFF == PLAIN:
                above.append(of[child >> 32])
                continue
            else:
                expected.append((of[child >> 32], n))
                above.append(n)
            n += 1
        expected += [(u, n) for u in above]
        assert call in items.entries and n in items.exits
        n += 1
    assert list(zip(items.sources, items.targets, strict=True)) == expected
    assert len(items.core) == n
    assert items.height[items.blocks].tolist() == [300] * len(items.blocks)


@settings(max_examples=60, deadline=None)
@given(several_cores())
def test_edges_join_neighbouring_rows_and_trunks_are_shared(cores: list[Core]):
    items, rows = laid(cores)
    assert (rows.row[rows.lower] == rows.row[rows.upper] + 1).all()
    assert (rows.row[items.sources] < rows.row[items.targets]).all()
    assert len(set(zip(rows.upper, rows.lower, strict=True))) == len(rows.upper)
    above = dict(zip(rows.lower.tolist(), rows.upper.tolist(), strict=True))
    for dummy in range(rows.items, len(rows.row)):
        assert np.count_nonzero(rows.lower == dummy) == 1
        assert above[dummy] == dummy - 1 or dummy in rows.trunk
    hidden = [
        end
        for ends, (first, last) in zip(zip(items.entries, items.exits, strict=True), items.open_ends, strict=True)
        for end, is_open in zip(ends, (first, last), strict=True)
        if is_open
    ]
    assert not np.isin(hidden, [*rows.upper, *rows.lower]).any()


@settings(max_examples=60, deadline=None)
@given(several_cores())
def test_the_order_is_one_of_each_row_and_switching_takes_crossings_away(cores: list[Core]):
    _, rows = laid(cores)
    order = ordered_rows(rows)
    assert sorted(order) == list(range(len(rows.row)))
    assert (np.diff(rows.row[order]) >= 0).all()
    start = np.lexsort((rows.row,))  # as numbered
    sitting, place = start.copy(), np.empty(len(start))
    seat = np.searchsorted(rows.row[start], rows.row[start])
    place[start] = np.arange(len(start)) - seat
    sides = (_near(rows.lower, rows.upper, len(start)), _near(rows.upper, rows.lower, len(start)))
    level = rows.level[rows.row[start]]
    has_next = np.append(rows.row[start][1:] == rows.row[start][:-1], False)
    before = counted(rows, sitting)
    for parity in (0, 1):
        _switch(
            sitting,
            place,
            np.flatnonzero(has_next & (level % 2 == parity) & ((np.arange(len(start)) - seat) % 2 == 0)),
            sides,
        )
        after = counted(rows, sitting)
        assert after <= before
        before = after


@settings(max_examples=60, deadline=None)
@given(several_cores())
def test_columns_keep_order_and_gaps_and_rows_their_distance(cores: list[Core]):
    items, rows = laid(cores)
    space = Spacing()
    order = ordered_rows(rows)
    left, right = widths(items, rows, space)
    x = columns(rows, order, (left, right), space)
    assert not x[[*items.entries, *items.exits]].any()
    assert (2 * x == np.round(2 * x)).all()
    for a, b in pairwise(order):
        if rows.row[a] == rows.row[b]:
            between = 2.0 if min(a, b) >= rows.items else space.node
            assert x[b] - x[a] >= right[a] + left[b] + between
    top, height = heights(items, rows, x, space)
    inner = np.flatnonzero(rows.level > 0)[:-1]
    for row in inner:
        if rows.level[row + 1] > 1 and row + 1 not in rows.row[items.exits]:
            assert top[row + 1] >= top[row] + height[row] + space.rank
    for edge, line in enumerate(np.split(*_split(ways(items, rows, x, top, height, top[rows.row[: rows.items]])))):
        assert bool(len(line)) == rows.drawn[edge]
        assert (np.diff(line.imag) >= 0).all()


def _split(lines: Lines) -> tuple[np.ndarray, np.ndarray]:
    return lines.points, np.cumsum(lines.counts)[:-1]


@given(st.lists(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=7), min_size=1, max_size=5))
def test_routes_are_simplified_all_at_once_as_one_by_one(given_routes: list[list[tuple[int, int]]]):
    # As in drawings none turns back.
    wanted = [sorted((complex(x, y) for x, y in route), key=lambda point: point.imag) for route in given_routes]
    points = np.array([point for route in wanted for point in route], dtype=complex)
    lines = Lines(np.arange(len(wanted)), np.array([len(route) for route in wanted]), points).simplified()
    assert [tuple(line.tolist()) for line in np.split(*_split(lines))] == [simplified(route) for route in wanted]
    chosen = np.arange(len(wanted))[::-2]
    taken = lines.taken(chosen)
    assert taken.edges.tolist() == chosen.tolist()
    assert [tuple(line.tolist()) for line in np.split(*_split(taken))] == [simplified(wanted[i]) for i in chosen]
