import numpy as np
import pytest
from drawing_metrics import Quality, quality, straightness, turned_down
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kerassplit_widget.structure.layout import Layout, lay_out, search
from kerassplit_widget.structure.regions.tree import region_tree

Graph = list[list[int]]


@pytest.fixture(autouse=True, scope="module")
def little_effort():
    """What is tested here holds for every order of a core, so none is searched for long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_STEPS_PER_ITEM", 500)
        yield


BRIDGE: Graph = [[1, 2], [2, 3], [3], []]  # the smallest irreducible core


class Network:
    """Builds graphs call by call; the numbers are a topological order."""

    def __init__(self) -> None:
        self.successors: Graph = []

    def call(self, *inputs: int) -> int:
        self.successors.append([])
        new = len(self.successors) - 1
        for source in inputs:
            self.successors[source].append(new)
        return new

    def chain(self, start: int, calls: int) -> int:
        for _ in range(calls):
            start = self.call(start)
        return start


def resnet(blocks: int) -> Graph:
    net = Network()
    x = net.chain(net.call(), 3)
    for block in range(blocks):
        shortcut = net.chain(x, 2) if block % 4 == 0 else x
        x = net.call(net.call(net.chain(x, 8), shortcut))
    return net.successors


def densenet(blocks: int) -> Graph:
    net = Network()
    x = net.chain(net.call(), 3)
    for _ in range(blocks):
        x = net.call(x, net.chain(x, 6))
    return net.successors


def inception(blocks: int) -> Graph:
    net = Network()
    x = net.call()
    for _ in range(blocks):
        x = net.call(*[net.chain(x, calls) for calls in (3, 6, 9, 4)])
    return net.successors


def unet(depth: int) -> Graph:
    net = Network()
    x = net.call()
    skips = []
    for _ in range(depth):
        x = net.chain(x, 2)
        skips.append(x)
        x = net.call(x)
    x = net.chain(x, 2)
    for skip in reversed(skips):
        x = net.chain(net.call(net.call(x), skip), 2)
    return net.successors


def cells(count: int) -> Graph:
    """Cells that read the two cells before them, as NASNet's do: one long core."""
    net = Network()
    before, x = net.call(), net.call(0)
    for _ in range(count):
        left, right = net.call(before), net.call(x)
        sums = [net.call(net.chain(left, 2), right), net.call(left, net.chain(right, 2)), left]
        before, x = x, net.call(*sums)
    return net.successors


def in_a_row(blocks: list[Graph]) -> tuple[Graph, list[int]]:
    """Blocks in series, the last call of one being the first of the next; where each starts."""
    successors: Graph = [[]]
    starts = []
    for block in blocks:
        start = len(successors) - 1
        starts.append(start)
        successors.pop()
        successors += [[start + v for v in targets] for targets in block]
    return successors, starts


@st.composite
def graphs(draw: st.DrawFn, max_calls: int = 24) -> Graph:
    n = draw(st.integers(1, max_calls))
    reach = draw(st.integers(1, n))
    successors: Graph = []
    for u in range(n):
        later = list(range(u + 1, min(n, u + 1 + reach)))
        chosen = draw(st.lists(st.sampled_from(later), unique=True, max_size=3)) if later else []
        successors.append(sorted(chosen))
    return successors


@st.composite
def drawings(draw: st.DrawFn) -> tuple[Graph, Layout]:
    """Graphs with boxes of equal or different sizes, drawn down or to the right."""
    successors = draw(graphs())
    side = st.integers(4, 160)
    n = len(successors)
    size = draw(st.one_of(st.just((150, 36)), st.lists(st.tuples(side, side), min_size=n, max_size=n)))
    return successors, lay_out(successors, size=size, direction=draw(st.sampled_from(["down", "right"])))


FAMILIES = {
    "resnet": resnet(12),
    "densenet": densenet(12),
    "inception": inception(6),
    "unet": unet(4),
    "chain": [[1], [2], []],
}


@pytest.mark.parametrize("family", FAMILIES)
def test_convolutional_families_are_drawn_without_any_flaw(family: str):
    successors = FAMILIES[family]
    layout = lay_out(successors)
    assert quality(layout) == Quality(crossings=0, laid_over=0, hits=0, overlaps=0)
    assert straightness(layout, region_tree(successors).own_calls) == 1


@settings(max_examples=200, deadline=None)
@given(drawings())
@example((BRIDGE, lay_out(BRIDGE)))
def test_no_box_overlaps_and_no_edge_runs_through_a_foreign_box(drawn: tuple[Graph, Layout]):
    found = quality(drawn[1])
    assert (found.overlaps, found.hits, found.laid_over) == (0, 0, 0)


@settings(deadline=None)
@given(drawings())
def test_the_calls_on_every_path_stand_on_the_axis(drawn: tuple[Graph, Layout]):
    successors, layout = drawn
    across = layout.x if layout.direction == "down" else layout.y
    assert not across[list(region_tree(successors).own_calls)].any()


@settings(deadline=None)
@given(drawings())
def test_routes_lead_from_the_producer_to_the_consumer(drawn: tuple[Graph, Layout]):
    successors, layout = drawn
    layout = turned_down(layout)
    edges = [(u, v) for u, targets in enumerate(successors) for v in targets]
    assert list(zip(layout.sources, layout.targets, strict=True)) == edges
    assert len(layout.route_start) == len(edges) + 1
    assert layout.route_start[-1] == len(layout.points)
    half = layout.sizes[:, 1] / 2
    for (u, v), route in zip(edges, routes(layout), strict=True):
        assert route[0].tolist() == pytest.approx([layout.x[u], layout.y[u] + half[u]])
        assert route[-1].tolist() == pytest.approx([layout.x[v], layout.y[v] - half[v]])
        assert (np.diff(route[:, 1]) >= 0).all()


@settings(deadline=None)
@given(drawings())
def test_bounds_hold_all_boxes_and_routes(drawn: tuple[Graph, Layout]):
    _, layout = drawn
    left, top, right, bottom = layout.bounds
    width, height = layout.sizes.T / 2
    xs = np.concatenate([layout.x - width, layout.x + width, layout.points[:, 0]])
    ys = np.concatenate([layout.y - height, layout.y + height, layout.points[:, 1]])
    assert (left, right) == (xs.min(), xs.max())
    assert (top, bottom) == (ys.min(), ys.max())


@pytest.mark.parametrize("successors", [resnet(6), cells(6)], ids=["resnet", "cells"])
def test_the_same_graph_is_drawn_the_same(successors: Graph):
    first, second = lay_out(successors), lay_out(successors)
    for name in ("x", "y", "sources", "targets", "route_start", "points"):
        assert np.array_equal(getattr(first, name), getattr(second, name))
    assert first.bounds == second.bounds


# Each block twice, the second time numbered differently: (block, renumbered, old call -> new call).
RENUMBERED = {
    "branches": (
        [[1, 2, 4], [5], [3], [5], [5], []],
        [[1, 2, 3], [5], [5], [4], [5], []],
        [0, 1, 3, 4, 2, 5],
    ),
    "symmetric core": (
        [[1, 2], [3, 4], [4, 5], [6], [6], [6], []],
        [[1, 2], [3, 4], [3, 5], [6], [6], [6], []],
        [0, 2, 1, 5, 3, 4, 6],
    ),
    "core with a block": (
        [[1, 2], [3, 5], [4], [6], [5, 6], [6], []],
        [[1, 2], [3], [4, 5], [5, 6], [6], [6], []],
        [0, 2, 1, 4, 3, 5, 6],
    ),
}


@pytest.mark.parametrize("case", RENUMBERED)
def test_equal_blocks_are_drawn_alike_however_they_are_numbered(case: str):
    block, renumbered, new = RENUMBERED[case]
    mapped = sorted((new[u], new[v]) for u, targets in enumerate(block) for v in targets)
    assert mapped == [(u, v) for u, targets in enumerate(renumbered) for v in targets]
    successors, (first, second) = in_a_row([block, renumbered])
    layout = lay_out(successors)
    # Which of two interchangeable calls stands where is open, so the strokes are compared.
    assert block_routes(layout, first, len(block)) == block_routes(layout, second, len(block))


def test_repeated_blocks_are_congruent_to_the_last_point():
    successors, starts = in_a_row([BRIDGE] * 5)
    layout = lay_out(successors)
    drawn = [block_routes(layout, start, len(BRIDGE)) for start in starts]
    assert all(block == drawn[0] for block in drawn)


def test_a_dominant_branch_stays_on_the_axis_and_a_skip_takes_a_lane():
    layout = lay_out([[1, 3], [2], [3], []])
    assert layout.x.tolist() == [0, 0, 0, 0]
    assert layout.y.tolist() == [18, 78, 138, 198]
    skip = list(routes(layout))[1].tolist()
    assert skip == [[0, 36], [89, 60], [89, 156], [0, 180]]
    assert layout.bounds == (-75, 0, 89, 216)


def test_equal_branches_are_centred():
    layout = lay_out([[1, 2], [3], [3], []])
    assert sorted(layout.x.tolist()) == [-87, 0, 0, 87]


def test_edges_of_one_producer_share_a_trunk_in_a_core():
    layout = lay_out([[1, 2, 3], [2, 4], [3], [4], []])  # the tensor of 0 is read on three levels
    to_2, to_3 = (route.tolist() for route in routes(layout)[1:3])
    assert to_2[:2] == to_3[:2]  # into the trunk
    assert to_2[2][0] == to_3[2][0]  # down the trunk, which the first leaves earlier
    assert to_2[2][1] < to_3[2][1]


def test_one_call():
    layout = lay_out([[]])
    assert (layout.x.tolist(), layout.y.tolist()) == ([0], [18])
    assert layout.bounds == (-75, 0, 75, 36)
    assert layout.route_start.tolist() == [0]
    assert layout.points.shape == (0, 2)


def test_no_calls():
    layout = lay_out([])
    assert layout.bounds == (0, 0, 0, 0)
    assert len(layout.x) == len(layout.sources) == len(layout.points) == 0


def test_inputs_stand_close_to_their_readers_and_outputs_to_their_makers():
    net = Network()
    long = net.chain(net.call(), 3)
    short = net.call()
    joined = net.call(long, short)
    net.chain(joined, 3)
    output = net.call(joined)
    layout = lay_out(net.successors)
    assert layout.y[long] == layout.y[short]
    assert layout.y[output] == layout.y[joined + 1]
    assert quality(layout) == Quality(0, 0, 0, 0)


def test_unconnected_inputs_stand_side_by_side():
    layout = lay_out([[], [3], [], []])
    assert quality(layout) == Quality(0, 0, 0, 0)
    assert layout.y.tolist() == [18, 18, 18, 78]


def test_other_box_sizes():
    layout = lay_out(resnet(3), size=(81.0, 20.0))
    assert layout.size == (81.0, 20.0)
    assert quality(layout) == Quality(0, 0, 0, 0)
    assert layout.y[0] == 10


def test_every_box_may_have_its_own_size():
    layout = lay_out([[1, 2], [3], [3], []], size=[(40, 20), (100, 30), (60, 50), (150, 36)])
    assert layout.sizes.tolist() == [[40, 20], [100, 30], [60, 50], [150, 36]]
    assert layout.size == (150, 50)
    # Side by side, a gap of 24 between them; one above the other, a gap of 24 for the lines.
    assert abs(layout.x[1] - layout.x[2]) == 50 + 24 + 30
    assert layout.y.tolist() == [10, 69, 69, 136]


def test_blocks_are_congruent_only_if_their_boxes_have_the_same_sizes():
    successors, starts = in_a_row([BRIDGE] * 3)
    size = np.tile((150.0, 36.0), (len(successors), 1))
    size[starts[2] + 1] = (150, 90)
    first, second, third = (block_routes(lay_out(successors, size=size), start, len(BRIDGE)) for start in starts)
    assert first == second != third


@pytest.mark.parametrize("successors", [unet(3), cells(4)], ids=["unet", "cells"])
def test_to_the_right_is_down_turned_with_the_sides_of_the_boxes_swapped(successors: Graph):
    right = lay_out(successors, size=(150, 36), direction="right")
    down = lay_out(successors, size=(36, 150))
    assert right.size == (150, 36)
    assert np.array_equal(right.x, down.y) and np.array_equal(right.y, down.x)
    assert np.array_equal(right.points, down.points[:, ::-1])
    left, top, *ends = down.bounds
    assert right.bounds == (top, left, *reversed(ends))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"direction": "up"}, "the direction is 'up'"),
        ({"size": (150, 36, 2)}, r"the sizes have shape \(3,\); it must be \(2,\), or \(n, 2\) for the 3 calls"),
        ({"size": [(150, 36)] * 4}, r"the sizes have shape \(4, 2\)"),
        ({"size": (150, 0)}, "every width and height"),
        ({"size": (float("nan"), 36)}, "every width and height"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options: dict, message: str):
    with pytest.raises(ValueError, match=message):
        lay_out([[1], [2], []], **options)


def with_a_mask(blocks: int) -> tuple[Graph, int]:
    """Residual blocks that all read one mask, made from an input; and the call that makes it."""
    net = Network()
    x = net.call()
    mask = net.call(net.call())
    for _ in range(blocks):
        scores = net.call(net.call(x), mask)
        x = net.call(x, net.call(scores))
    net.call(x)
    return net.successors, mask


def test_a_bus_is_one_trunk_with_a_tap_for_each_reader_beside_a_straight_body():
    successors, mask = with_a_mask(8)
    layout = lay_out(successors, bus=[mask])
    assert quality(layout) == Quality(0, 0, 0, 0)
    taps = [route for route, u in zip(routes(layout), layout.sources, strict=True) if u == mask]
    assert len(taps) == 8
    # Down one trunk, and across to the reader.
    assert {tap[-2, 0] for tap in taps} == {layout.x[mask]} != {0}
    assert all((tap[:-1, 0] == layout.x[mask]).all() for tap in taps)
    assert not layout.x[mask + 2 :].any()


def test_twenty_thousand_calls_in_a_chain_and_nested_skips():
    n = 20_000
    layout = lay_out([[i + 1] for i in range(n - 1)] + [[]])
    assert not layout.x.any()
    assert layout.y[-1] == 18 + 60 * (n - 1)
    n = 2_000  # each skip spans the one within it
    nested = [[i + 1, n - 1 - i] if i + 1 < n - 1 - i else [i + 1] for i in range(n - 1)] + [[]]
    assert lay_out(nested).bounds[2] > 14 * 450


def test_arrays_have_the_types_of_the_payload():
    layout = lay_out(resnet(1))
    assert {a.dtype for a in (layout.x, layout.y, layout.points)} == {np.dtype("float32")}
    assert {a.dtype for a in (layout.sources, layout.targets, layout.route_start)} == {np.dtype("int32")}


def routes(layout: Layout) -> list[np.ndarray]:
    return np.split(layout.points, layout.route_start[1:-1]) if len(layout.sources) else []


def block_routes(layout: Layout, start: int, calls: int) -> list[list[list[float]]]:
    """The routes inside a block that begins with call `start`, relative to that call."""
    within = (layout.sources >= start) & (layout.sources < start + calls - 1)
    inner = [route for route, inside in zip(routes(layout), within, strict=True) if inside]
    return sorted((route - [0, layout.y[start]]).tolist() for route in inner)
