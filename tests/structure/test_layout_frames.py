"""Outlines round boxes that belong together: they never overlap, and each has room for its title."""

from itertools import combinations

import numpy as np
import pytest
from drawing_metrics import Quality, quality
from hypothesis import given, settings
from hypothesis import strategies as st

from kerassplit_widget.structure.layout import lay_out
from kerassplit_widget.structure.layout.frames import Rect, outlines, room_for
from kerassplit_widget.structure.regions.folding import fold
from kerassplit_widget.structure.views import opened_at, view

from .folds import random_graphs, residual_net, typed_graph

DIRECTIONS = ["down", "right"]
TITLE = 14  # pixels that a title takes


def framed(graph, direction):
    """Everything open: the layout with room for all frames, the frames, and their outlines."""
    root = fold(graph)
    seen = view(graph, root, opened_at(graph, root, "all"))
    frames = [frame.boxes for frame in seen.frames]
    room = room_for(frames, len(seen.boxes), seen.successors)
    layout = lay_out(seen.successors, size=(172, 38), direction=direction, room=room)
    return layout, frames, outlines(layout, frames)


def apart(a: Rect, b: Rect) -> bool:
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def boxes_of(layout) -> list[Rect]:
    half = layout.sizes / 2
    centres = np.stack([layout.x, layout.y], axis=1)
    return [tuple(row) for row in np.concatenate([centres - half, centres + half], axis=1).tolist()]


def nested_net(blocks: int):
    """Groups in groups in groups, one after the other, the inner ones beginning with the outer ones."""
    rows, groups = [("in", "InputLayer", ())], []
    for i in range(blocks):
        groups += [f"a{i}", f"a{i}/b", f"a{i}/b/c"]
        for name in (f"a{i}/b/c/one", f"a{i}/b/c/two", f"a{i}/b/three", f"a{i}/four"):
            rows.append((name, f"Kind{name[-3:]}{i}", (rows[-1][0],)))
    return typed_graph(rows, groups=groups)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("graph", [residual_net((4, 6)), nested_net(3)], ids=["residual", "nested"])
def test_all_frames_are_outlined_with_a_strip_for_the_title(graph, direction):
    layout, frames, found = framed(graph, direction)
    assert len(frames) >= 9 and None not in found
    boxes = boxes_of(layout)
    strips = [(left, top - 2, right, top + TITLE - 3) for left, top, right, _ in found]
    for i, strip in enumerate(strips):
        assert all(apart(strip, box) for box in boxes)
        assert all(apart(strip, other) for other in strips[:i])


@pytest.mark.parametrize("direction", DIRECTIONS)
@settings(max_examples=60, deadline=None)
@given(graph=random_graphs())
def test_two_outlines_lie_apart_or_one_in_the_other(graph, direction):
    layout, frames, found = framed(graph, direction)
    boxes = boxes_of(layout)
    for (inside, a), (more, b) in combinations([(set(f), r) for f, r in zip(frames, found, strict=True) if r], 2):
        if inside < more or more < inside:
            outer, inner = (b, a) if inside < more else (a, b)
            assert outer[0] <= inner[0] and outer[1] < inner[1] and outer[2] >= inner[2] and outer[3] > inner[3]
        elif inside != more:
            assert apart(a, b)
    for frame, rect in zip(frames, found, strict=True):
        assert rect is None or {i for i, box in enumerate(boxes) if not apart(rect, box)} == set(frame)


@settings(max_examples=60, deadline=None)
@given(random_graphs(), st.sampled_from(DIRECTIONS), st.integers(0, 60))
def test_room_spoils_no_drawing(graph, direction, room):
    rooms = [room * (i % 3) for i in range(len(graph))]
    found = quality(lay_out(graph.successors, direction=direction, room=rooms))
    assert (found.hits, found.overlaps, found.laid_over) == (0, 0, 0)


def test_room_is_free_above_a_box_and_the_line_goes_on_through_it():
    chain = [[1, 2], [2], []]
    layout = lay_out(chain, room=[0, 20, 0])
    assert layout.y.tolist() == [18, 98, 158]
    assert layout.points[layout.route_start[0] : layout.route_start[1]].tolist() == [[0, 36], [0, 80]]
    assert quality(layout) == Quality(0, 0, 0, 0)
    assert layout.sizes.tolist() == [[150, 36]] * 3


def test_a_frame_that_would_hold_a_foreign_box_has_no_outline():
    layout = lay_out([[1], [2], []])
    assert outlines(layout, [(0, 2), (), (0, 1)]) == [None, None, (-81.0, -15.0, 81.0, 102.0)]
