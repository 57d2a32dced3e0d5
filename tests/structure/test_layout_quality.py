"""Drawings of graphs that are hard to draw, held to what they have reached.

The bounds on crossings are those of the best of dot, dagre and ELK, or better; `make bench` draws
these graphs and many more with all of them.
"""

from random import Random

import pytest
from drawing_metrics import alike, overlaps, quality

from benchmarks.drawing import Drawing
from kerassplit_widget.structure.layout import Layout, lay_out, search

Graph = list[list[int]]


def unet_plus_plus(depth: int = 4) -> Graph:
    net = Drawing()
    nodes = {(0, 0): net.chain(net.call(), 3)}
    for i in range(1, depth + 1):
        nodes[i, 0] = net.chain(nodes[i - 1, 0], 4)
    for j in range(1, depth + 1):
        for i in range(depth + 1 - j):
            joined = net.call(*(nodes[i, k] for k in range(j)), net.call(nodes[i + 1, j - 1]))
            nodes[i, j] = net.chain(joined, 3)
    for j in range(1, depth + 1):
        net.call(nodes[0, j])
    return net.successors


def all_to_all(steps: int) -> Graph:
    net = Drawing()
    made = [net.call()]
    for _ in range(steps):
        made.append(net.chain(net.call(*made), 2))
    net.call(*made)
    return net.successors


def cells(count: int) -> Graph:
    """Cells that read the two cells before them, with branches of several calls, as NASNet's do."""
    net = Drawing()
    before, x = net.call(), net.call(0)
    for _ in range(count):
        left, right = net.call(before), net.call(x)
        sums = [net.call(net.chain(left, 6), right), net.call(left, net.chain(right, 6)), left]
        before, x = x, net.call(*sums)
    return net.successors


def encoder_and_decoder(blocks: int) -> Graph:
    """Attention with masks and position biases that all blocks read, as in T5."""
    net = Drawing()

    def attend(x: int, memory: int, *also: int) -> int:
        query, key, value = net.call(x), net.call(memory), net.call(memory)
        weights = net.call(net.call(query, key), *also)
        return net.call(x, net.call(weights, value))

    source, target = net.call(), net.call()
    mask, bias, memory = net.call(net.call()), net.call(source), net.call(source)
    for _ in range(blocks):
        memory = attend(memory, memory, mask, bias)
    causal, bias, x = net.call(net.call()), net.call(target), net.call(target)
    for _ in range(blocks):
        x = attend(attend(x, x, causal, bias), memory, mask)
    net.call(x)
    return net.successors


def random_graph(seed: int) -> Graph:
    random = Random(seed)
    calls = random.randint(2, 40)
    reach = random.choice((3, 9, 40))
    successors: Graph = [[] for _ in range(calls)]
    for v in range(1, calls):
        near = range(max(0, v - reach), v)
        for u in random.sample(near, min(len(near), random.choice((0, 1, 1, 1, 2, 2, 3)))):
            successors[u].append(v)
    return successors


@pytest.mark.parametrize(
    ("successors", "most"),
    [
        pytest.param(unet_plus_plus(), 5, id="UNet++"),
        pytest.param(all_to_all(6), 13, id="all to all"),
        pytest.param(cells(10), 10, id="cells"),
        pytest.param(encoder_and_decoder(3), 10, id="encoder and decoder"),
    ],
)
def test_hard_graphs_keep_their_crossings_low(successors: Graph, most: int):
    found = quality(lay_out(successors))
    assert found.crossings <= most
    assert (found.hits, found.overlaps, found.laid_over) == (0, 0, 0)


def test_no_boxes_overlap_in_a_thousand_random_drawings(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(search, "_STEPS", 3_000)  # the order does not matter here
    flawed = []
    for seed in range(1_000):
        successors, random = random_graph(seed), Random(seed)
        sizes = [(random.randint(20, 200), random.randint(10, 90)) for _ in successors] if seed % 2 else (150, 36)
        layout = lay_out(successors, size=sizes, direction="right" if seed % 3 == 0 else "down")
        if overlaps(layout):
            flawed.append(seed)
    assert flawed == []


def test_cells_of_tall_blocks_are_stacked_about_as_tight_as_their_longest_path():
    successors = cells(12)
    longest = [0] * len(successors)
    for u, targets in enumerate(successors):
        for v in targets:
            longest[v] = max(longest[v], longest[u] + 1)
    assert height(lay_out(successors)) < 1.25 * (66 * max(longest) + 36)


def test_drawing_again_gives_the_same():
    first, second = lay_out(unet_plus_plus()), lay_out(unet_plus_plus())
    assert first.points.tobytes() == second.points.tobytes()


def height(layout: Layout) -> float:
    return layout.bounds[3] - layout.bounds[1]


def test_the_cells_of_a_core_are_drawn_alike_or_as_mirror_images():
    successors = cells(12)
    copies = [list(range(2 + 17 * i, 19 + 17 * i)) for i in range(12)]
    layout = lay_out(successors)
    found = quality(layout)
    assert (found.crossings <= 12, found.hits, found.overlaps, found.laid_over) == (True, 0, 0, 0)
    # the last one, whose last call is not in the core any more, too
    assert alike(layout, copies, mirrored=True) == 12
    assert alike(layout, copies) == 6


@pytest.mark.parametrize(("blocks", "most"), [(3, 10), (5, 19), (6, 23)])
def test_blocks_that_read_several_tensors_all_along_are_drawn_alike(blocks: int, most: int):
    # Lines come to the blocks in another order than is best inside of a block.
    layout = lay_out(encoder_and_decoder(blocks))
    encoder = [list(range(6 + 7 * i, 13 + 7 * i)) for i in range(blocks)]
    start = 10 + 7 * blocks
    decoder = [list(range(start + 14 * i, start + 14 + 14 * i)) for i in range(blocks)]
    found = quality(layout)
    assert (found.crossings <= most, found.hits, found.overlaps, found.laid_over) == (True, 0, 0, 0)
    assert alike(layout, encoder) == alike(layout, decoder) == blocks


@pytest.mark.parametrize("blocks", [2, 3, 6])
def test_the_last_block_is_whole_though_nothing_leads_past_its_end(blocks: int):
    # The core ends where the last block has read the memory; the feed-forward calls after that belong to the block.
    net = Drawing()
    memory = net.chain(net.call(), 3)
    x, mask = net.call(net.call()), net.call(net.call())
    copies = []
    for _ in range(blocks):
        start = len(net.successors)
        x = net.feed_forward(net.attention(net.self_attention(x, mask), memory))
        copies.append(list(range(start, len(net.successors))))
    net.call(net.call(x))
    layout = lay_out(net.successors)
    found = quality(layout)
    assert (found.crossings, found.hits, found.overlaps, found.laid_over) == (0, 0, 0, 0)
    assert alike(layout, copies) == blocks


def test_two_copies_of_a_core_with_a_tail_of_its_own_each_are_alike_inside():
    successors = cells(6)
    n = len(successors)
    twice = [*successors[:-1], [n], *[[n + v for v in targets] for targets in successors]]
    layout = lay_out(twice)
    assert alike(layout, [range(n), range(n, 2 * n)]) == 2


def transformer(blocks: int, *, prepared: int = 0) -> tuple[Graph, int, list[list[int]]]:
    """Residual attention blocks that all read one mask, each after some calls of its own; mask, and calls of blocks."""
    net = Drawing()
    tokens = net.call()
    mask = net.call()
    x = net.call(net.call(tokens), net.call(tokens))
    copies = []
    for _ in range(blocks):
        start = len(net.successors)
        normed = net.call(x)
        scores = net.call(net.call(normed), net.call(normed))
        weights = net.call(scores, net.chain(mask, prepared))
        x = net.call(x, net.call(weights, net.call(normed)))
        x = net.call(x, net.chain(x, 3))
        copies.append(list(range(start, len(net.successors))))
    net.call(x)
    return net.successors, mask, copies


@pytest.mark.parametrize("prepared", [0, 1, 4])
@pytest.mark.parametrize("direction", ["down", "right"])
def test_a_mask_is_a_bus_at_a_side_and_the_blocks_are_alike_on_the_spine(prepared: int, direction):
    successors, mask, copies = transformer(6, prepared=prepared)
    layout = lay_out(successors, direction=direction)
    found = quality(layout)
    assert (found.crossings, found.hits, found.overlaps, found.laid_over) == (0, 0, 0, 0)
    assert alike(layout, copies) == 6
    across = layout.x if direction == "down" else layout.y
    half = layout.sizes[0, 0 if direction == "down" else 1] / 2
    body = [call for call in range(len(successors)) if call != mask]
    assert across[mask] - half > max(across[body]) + half  # beside all the rest
    spine = [copy[0] for copy in copies] + [copy[-1] for copy in copies]
    assert set(across[spine].tolist()) == {0.0}
    # What each block does with the mask alone stands between bus and spine.
    own = [call for copy in copies for call in copy[4 : 4 + prepared]]
    assert all(0 < across[call] < across[mask] for call in own)
    # One trunk: all lines of the mask share the column of its box.
    lines = [
        (layout.points[a:b, 0 if direction == "down" else 1] == across[mask]).sum() >= 2
        for a, b, u in zip(layout.route_start, layout.route_start[1:], layout.sources, strict=False)
        if u == mask
    ]
    assert lines == [True] * 6


@pytest.mark.parametrize("ordered", [False, True])
def test_inputs_and_outputs_stand_in_the_order_asked_for(ordered: bool):
    net = Drawing()
    names = [net.call() for _ in range(4)]
    joined = net.call(*(net.call(x) for x in (2, 0, 3, 1)))
    outputs = [net.call(joined) for _ in range(3)]
    for inputs in ([0, 1, 2, 3], [3, 1, 0, 2]):
        layout = lay_out(net.successors, inputs=inputs, outputs=outputs[::-1] if ordered else outputs)
        assert sorted(names, key=layout.x.__getitem__) == inputs
        assert sorted(outputs, key=layout.x.__getitem__) == (outputs[::-1] if ordered else outputs)
        assert quality(layout).crossings == 0


def test_a_long_branch_stays_on_the_axis_and_the_other_inputs_stand_on_their_sides():
    net = Drawing()
    left, main, right = net.call(), net.call(), net.call()
    net.call(left, net.chain(main, 9), right)
    for inputs in ([left, main, right], [right, main, left], [main, left, right]):
        layout = lay_out(net.successors, inputs=inputs)
        assert sorted(inputs, key=layout.x.__getitem__) == inputs
        assert layout.x[main] == 0


def test_a_core_is_turned_so_that_its_inputs_stand_in_their_order():
    net = Drawing()
    a, b = net.call(), net.call()
    first, second = net.call(a), net.call(b)
    net.call(net.call(first, second), first)
    for inputs in ([a, b], [b, a]):
        layout = lay_out(net.successors, inputs=inputs)
        assert layout.x[inputs[0]] < layout.x[inputs[1]]
        assert quality(layout).crossings == 0


def test_a_core_of_like_blocks_is_turned_too():
    successors = encoder_and_decoder(4)
    for inputs in ([0, 1], [1, 0]):
        layout = lay_out(successors, inputs=inputs)
        assert layout.x[inputs[0]] < layout.x[inputs[1]]
        decoder = [list(range(38 + 14 * i, 52 + 14 * i)) for i in range(4)]
        assert alike(layout, decoder) == 4
        assert quality(layout).hits == 0
