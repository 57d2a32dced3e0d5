import numpy as np
import pytest
from drawing_metrics import Quality, quality, straightness
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kerassplit_widget.structure.layout import Layout, lay_out
from kerassplit_widget.structure.regions.tree import region_tree

Graph = list[list[int]]

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


@settings(max_examples=300, deadline=None)
@given(graphs())
@example(BRIDGE)
def test_no_box_overlaps_and_no_edge_runs_through_a_foreign_box(successors: Graph):
    found = quality(lay_out(successors))
    assert (found.overlaps, found.hits) == (0, 0)


@settings(deadline=None)
@given(graphs())
def test_the_calls_on_every_path_stand_on_the_axis(successors: Graph):
    layout = lay_out(successors)
    assert not layout.x[list(region_tree(successors).own_calls)].any()


@settings(deadline=None)
@given(graphs())
def test_routes_lead_down_from_the_producer_to_the_consumer(successors: Graph):
    layout = lay_out(successors)
    edges = [(u, v) for u, targets in enumerate(successors) for v in targets]
    assert list(zip(layout.sources, layout.targets, strict=True)) == edges
    assert len(layout.route_start) == len(edges) + 1
    assert layout.route_start[-1] == len(layout.points)
    half = layout.size[1] / 2
    for (u, v), route in zip(edges, routes(layout), strict=True):
        assert route[0].tolist() == [layout.x[u], layout.y[u] + half]
        assert route[-1].tolist() == [layout.x[v], layout.y[v] - half]
        assert (np.diff(route[:, 1]) >= 0).all()


@settings(deadline=None)
@given(graphs())
def test_bounds_hold_all_boxes_and_routes(successors: Graph):
    layout = lay_out(successors)
    left, top, right, bottom = layout.bounds
    xs = np.concatenate([layout.x - 75, layout.x + 75, layout.points[:, 0]])
    ys = np.concatenate([layout.y - 18, layout.y + 18, layout.points[:, 1]])
    assert (left, right) == (xs.min(), xs.max())
    assert (top, bottom) == (ys.min(), ys.max())


@pytest.mark.parametrize("successors", [resnet(6), cells(6)], ids=["resnet", "cells"])
def test_the_same_graph_is_drawn_the_same(successors: Graph):
    first, second = lay_out(successors), lay_out(successors, tree=region_tree(successors))
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
    assert layout.y.tolist() == [18, 84, 150, 216]
    skip = list(routes(layout))[1].tolist()
    assert skip == [[0, 36], [89, 66], [89, 168], [0, 198]]
    assert layout.bounds == (-75, 0, 89, 234)


def test_equal_branches_are_centred():
    layout = lay_out([[1, 2], [3], [3], []])
    assert sorted(layout.x.tolist()) == [-87, 0, 0, 87]


def test_edges_of_one_producer_share_a_trunk_in_a_core():
    layout = lay_out([[1, 2, 3], [2, 4], [3], [4], []])  # the tensor of 0 is read on three levels
    to_2, to_3 = (route.tolist() for route in routes(layout)[1:3])
    assert to_2[:2] == to_3[:2]  # into the trunk
    assert to_2[2][0] == to_3[2][0]  # down the trunk, which the first leaves earlier
    assert to_2[2][1] < to_3[2][1]


def test_long_cores_keep_their_crossings_low():
    assert quality(lay_out(cells(10))).crossings <= 20


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
    assert layout.y.tolist() == [18, 18, 18, 84]


def test_other_box_sizes():
    layout = lay_out(resnet(3), size=(81.0, 20.0))
    assert layout.size == (81.0, 20.0)
    assert quality(layout) == Quality(0, 0, 0, 0)
    assert layout.y[0] == 10


def test_twenty_thousand_calls_in_a_chain_and_nested_skips():
    n = 20_000
    layout = lay_out([[i + 1] for i in range(n - 1)] + [[]])
    assert not layout.x.any()
    assert layout.y[-1] == 18 + 66 * (n - 1)
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
