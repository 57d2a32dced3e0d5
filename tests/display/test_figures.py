import io
from itertools import pairwise
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from matplotlib.figure import Figure
from PIL import Image

import kerassplit_widget as ks
from kerassplit_widget.display.figures import png
from kerassplit_widget.display.figures.marks import CutLine, mark_cuts
from kerassplit_widget.display.figures.palette import FAMILIES, PARTS, tint
from kerassplit_widget.display.figures.ranges import piece
from kerassplit_widget.display.figures.words import shortened, text_width
from kerassplit_widget.display.viewing import Viewer
from kerassplit_widget.structure.cuts import cut_at

from ..models import zoo


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def boxes(figure):
    """The outlines of the boxes, as one collection."""
    (found,) = (each for each in figure.axes[0].collections if each.get_gid() == "boxes")
    return found


def blocks(n=8):
    """A stem, n like residual blocks, a head."""
    x = keras.Input((8, 8, 3), name="image")
    y = layers.Conv2D(4, 3, padding="same", name="stem")(x)
    for i in range(n):
        z = layers.Conv2D(4, 3, padding="same", name=f"block{i}_conv1")(y)
        z = layers.ReLU(name=f"block{i}_relu")(z)
        z = layers.Conv2D(4, 3, padding="same", name=f"block{i}_conv2")(z)
        z = layers.BatchNormalization(name=f"block{i}_bn")(z)
        y = layers.Add(name=f"block{i}_add")([y, z])
        y = layers.ReLU(name=f"block{i}_out")(y)
    y = layers.GlobalAveragePooling2D(name="pool")(y)
    return keras.Model(x, layers.Dense(2, name="scores")(y), name="blocks")


def test_every_call_has_a_box_with_its_name_and_shape():
    figure = ks.plot(zoo.unet())
    assert isinstance(figure, Figure)
    assert len(boxes(figure).get_paths()) == len(ks.read(zoo.unet()))
    assert "bottom" in texts(figure) and "Conv2D · 4×4×32" in texts(figure)


def test_parts_have_colours_and_cuts_say_what_crosses():
    figure = ks.plot(zoo.residual(), cuts=["conv", "pool"])
    assert "cut after conv: 2 tensors, 2.0 kB" in texts(figure)
    grounds = {tuple(np.round(colour[:3], 3)) for colour in boxes(figure).get_facecolors()}
    assert grounds == {tuple(np.round(tint(colour), 3)) for colour in PARTS[:3]}
    assert "part 1: 3 calls, 260 parameters" in texts(figure)
    assert "part 3: 1 call, 10 parameters" in texts(figure)


def test_the_calls_of_the_parts_add_up_to_those_of_the_model():
    model = zoo.siamese()
    said = texts(ks.plot(model, cuts=["shared"]))
    counted = [int(text.split(": ")[1].split()[0]) for text in said if text.startswith("part ")]
    assert len(counted) == 2 and sum(counted) == len(ks.read(model))


def test_bytes_are_for_the_batch():
    assert "cut after conv: 2 tensors, 8.0 kB" in texts(ks.plot(zoo.residual(), cuts=["conv"], batch_size=4))


def test_the_crossing_tensors_are_marked_on_the_line():
    figure = ks.plot(zoo.unet(), cuts=["bottom"])
    lines = figure.axes[0].lines
    assert len(lines) == 1
    (level,) = set(lines[0].get_ydata())
    chips = [c.get_offsets() for c in figure.axes[0].collections if len(c.get_offsets()) == 4]
    assert len(chips) == 1
    assert np.allclose(chips[0][:, 1], level)
    assert len(np.unique(chips[0][:, 0])) == 4


def lopsided():
    """A cut after `left` takes the small tensors of the other branch along, which is the longer one."""
    x = keras.Input((8, 8, 3), name="image")
    y = layers.Conv2D(16, 3, padding="same", name="stem")(x)
    left = layers.Conv2D(16, 3, padding="same", name="left")(y)
    right = layers.Conv2D(8, 3, padding="same", name="right_1")(y)
    right = layers.ReLU(name="right_2")(right)
    right = layers.Conv2D(1, 3, padding="same", name="right_3")(right)
    right = layers.Conv2D(16, 3, padding="same", name="right_4")(right)
    for i in (2, 3, 4, 5):
        left = layers.Conv2D(16, 3, padding="same", name=f"left_{i}")(left)
    return keras.Model(x, layers.Add(name="sum")([left, right]), name="lopsided")


@pytest.mark.parametrize("direction", ["down", "right"])
def test_the_line_goes_round_what_reaches_past_it(direction):
    graph = ks.read(lopsided())
    viewer = Viewer(graph, direction)
    scene, cut = viewer.scene, cut_at(graph, "left")
    line = CutLine("", tuple(graph.number[point] for point in cut.points), cut.head, frozenset(cut.tensors))
    ((mark,), _) = mark_cuts(graph, scene, [line], scene.layout.bounds, 10.0)
    main = 1 if direction == "down" else 0
    assert {"right_1", "right_2", "right_3"} <= {graph.names[n] for n in cut.head}
    assert len({point[main] for point in mark.line}) == 2  # one step
    for place, box in enumerate(scene.view.boxes):
        centre = (float(scene.layout.x[place]), float(scene.layout.y[place]))
        over = [a for a, b in pairwise(mark.line) if a[1 - main] <= centre[1 - main] < b[1 - main]]
        level = over[0][main] if over else mark.line[0][main]
        half = float(scene.layout.sizes[place, main]) / 2
        if box.calls[0] in cut.head:
            assert centre[main] + half < level, box.name
        else:
            assert centre[main] - half > level, box.name
    assert len(mark.chips) == len(cut.tensors) == 2


def test_the_line_is_straight_where_it_can_be():
    graph = ks.read(zoo.unet())
    scene, cut = Viewer(graph).scene, cut_at(graph, "bottom")
    line = CutLine("", (graph.number["bottom"],), cut.head, frozenset(cut.tensors))
    ((mark,), _) = mark_cuts(graph, scene, [line], scene.layout.bounds, 10.0)
    assert len(mark.line) == 2 and mark.line[0][1] == mark.line[1][1]


def test_what_is_unknown_is_hatched_and_not_taken_for_nothing():
    figure = ks.plot(zoo.unknown_dims(), colour="bytes")
    (hatched,) = (each for each in figure.axes[0].collections if each.get_gid() == "unknown")
    assert len(hatched.get_paths()) == 3 and hatched.get_hatch()  # all but the pooled, whose size is known
    assert {"unknown", "bytes of outputs: 16 B"} <= set(texts(figure)) and "none" not in texts(figure)
    (hatched,) = (
        each for each in ks.plot(zoo.unet(), colour="bytes").axes[0].collections if each.get_gid() == "unknown"
    )
    assert not len(hatched.get_paths())


def test_a_fold_with_something_unknown_inside_is_unknown():
    x = keras.Input((None, None, 3), name="image")
    y = layers.Conv2D(4, 3, padding="same", name="stem")(x)
    for i in range(3):
        y = layers.Conv2D(4, 3, padding="same", name=f"block{i}_conv")(y)
        y = layers.ReLU(name=f"block{i}_relu")(y)
    model = keras.Model(x, layers.Dense(2, name="out")(layers.GlobalMaxPooling2D(name="pool")(y)), name="open")
    figure = ks.plot(model, colour="bytes", depth="blocks")
    (hatched,) = (each for each in figure.axes[0].collections if each.get_gid() == "unknown")
    assert "×3" in texts(figure) and len(hatched.get_paths()) == 3


def test_a_cut_to_the_right_is_an_upright_line():
    figure = ks.plot(zoo.residual(), cuts=["conv"], direction="right")
    assert len(set(figure.axes[0].lines[0].get_xdata())) == 1
    wide, high = figure.get_size_inches()
    assert wide > 3 * high


def test_large_models_are_folded_and_cuts_open_what_they_go_through():
    model = blocks()
    folded = ks.plot(model)
    assert len(boxes(folded).get_paths()) < 8
    assert "×8" in texts(folded)
    opened = ks.plot(model, cuts=["block3_conv1"])
    assert {"block3_conv1", "block3_relu"} <= set(texts(opened))
    assert "cut after block3_conv1: 2 tensors, 2.0 kB" in texts(opened)
    assert len(boxes(ks.plot(model, depth="all")).get_paths()) == len(ks.read(model))


def test_copies_between_cuts_stay_one_box():
    figure = ks.plot(blocks(), cuts=["block3_conv1", "block5_out"])
    said = texts(figure)
    # image, stem, 3 copies, the six calls of the fourth, 2 copies, 2 copies, pool, scores
    assert len(boxes(figure).get_paths()) == 2 + 1 + 6 + 1 + 1 + 2
    assert {"block0 – 2", "block4 – 5", "block6 – 7", "×3", "×2"} <= set(said)
    assert "block ×8" in said
    alone = texts(ks.plot(blocks(), cuts=["block0_out", "block1_out"]))
    assert {"block0", "block1", "block2 – 7", "×6"} <= set(alone)


def test_small_models_are_folded_when_asked():
    assert len(boxes(ks.plot(blocks(3), depth="blocks")).get_paths()) < len(boxes(ks.plot(blocks(3))).get_paths())


def test_a_width_is_the_width_of_the_figure():
    for model in (zoo.residual(), zoo.unet()):
        assert ks.plot(model, width=3.5).get_size_inches()[0] == pytest.approx(3.5)
    # text is not blown up: a narrow graph stands in the middle of a wide page
    sizes = {text.get_size() for text in ks.plot(zoo.residual(), width=12).axes[0].texts}
    assert max(sizes) < 9


def test_nothing_is_outside_of_the_figure():
    for options in (
        {"cuts": ["conv", "pool"]},
        {"cuts": ["conv"], "direction": "right", "width": 7},
        {"colour": "bytes"},
        {"colour": "kind", "width": 3.5},
    ):
        figure = ks.plot(zoo.residual(), **options)
        figure.draw_without_rendering()
        wide, high = figure.bbox.size
        for text in figure.axes[0].texts:
            box = text.get_window_extent()
            assert box.x0 >= 0 and box.x1 <= wide and box.y0 >= 0 and box.y1 <= high, text


def test_texts_stay_in_their_boxes():
    figure = ks.plot(zoo.unet(), colour="kind")
    figure.draw_without_rendering()
    rects = [path.get_extents(figure.axes[0].transData) for path in boxes(figure).get_paths()]
    inside = 0
    for text in figure.axes[0].texts:
        box = text.get_window_extent()
        middle = ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2)
        for rect in rects:
            if rect.contains(*middle):
                inside += 1
                assert rect.x0 <= box.x0 and box.x1 <= rect.x1 and rect.y0 <= box.y0 and box.y1 <= rect.y1, text
    assert inside == 2 * len(rects)


def test_the_widest_names_stay_in_their_boxes_too():
    x = y = keras.Input((4,), name="x")
    names = ["W" * 60, "MODEL_OUTPUT_GATED_" * 4, "ЩЖШ" * 12, "مرحبا" * 12, "~#&" * 20, "a\tb\nc"]
    for name in names:
        y = layers.Dense(4, name=name)(y)
    figure = ks.plot(keras.Model(x, y))
    figure.draw_without_rendering()
    wide = {round(path.get_extents(figure.axes[0].transData).width, 3) for path in boxes(figure).get_paths()}
    assert len(wide) == 1
    drawn = {text.get_text(): text.get_window_extent().width for text in figure.axes[0].texts}
    assert max(drawn.values()) < min(wide)
    assert "a b c" in drawn and not any("\t" in text or "\n" in text for text in drawn)


def test_arrows_into_a_repeat_end_before_the_papers_behind_it():
    figure = ks.plot(blocks(), depth="blocks")
    assert "×8" in texts(figure)
    heads = next(each for each in figure.axes[0].collections if each.get_gid() == "arrows")
    tips = sorted(float(path.vertices[0][1]) for path in heads.get_paths())
    tops = [path.get_extents().y0 for path in boxes(figure).get_paths()]  # the image, the stem, the repeat, ...
    above = [top - tip for tip, top in zip(tips, tops[1:], strict=True)]
    assert above == pytest.approx([0, 6, 0, 0], abs=1e-3)


def test_calls_in_an_outlined_group_go_without_its_path():
    said = texts(ks.plot(zoo.nested()))
    graph = ks.read(zoo.nested())
    inner = [name for name in graph.names if "/" in name]
    assert inner and not any("/" in text for text in said)
    assert {name.rpartition("/")[2] for name in inner} <= set(said)


def test_colours_by_kind_have_a_legend_of_what_is_there():
    said = texts(ks.plot(zoo.residual(), colour="kind"))
    assert {"input", "convolution", "normalization", "merge", "pooling", "dense"} == set(said) & set(FAMILIES)


@pytest.mark.parametrize(
    ("colour", "ends"),
    [("params", ("10", "148")), ("macs", ("8", "9.2 k")), ("bytes", ("8 B", "1.0 kB"))],
)
def test_colours_by_amount_have_a_scale_with_its_ends(colour, ends):
    figure = ks.plot(zoo.residual(), colour=colour)
    said = texts(figure)
    table = ks.costs(zoo.residual())
    if colour == "macs":
        counted = [row.macs for row in table if row.macs]
        assert (min(counted), max(counted)) == (8, 9216)
    assert all(end in said for end in ends), said
    grounds = boxes(figure).get_facecolors()
    assert len({tuple(colour) for colour in grounds}) >= 3


def test_a_range_is_drawn_with_what_comes_into_it():
    figure = ks.plot(zoo.unet(), only=("up_1", "merge_0"))
    said = texts(figure)
    assert "from merge_2" in said and "from down_0" in said
    assert "bottom" not in said and "merge_0" in said and "mask" not in said
    assert "down_0" not in said


def test_a_range_keeps_the_numbers_of_the_parts():
    figure = ks.plot(zoo.residual(), cuts=["stem", "pool"], only=("add", None))
    assert [text for text in texts(figure) if text.startswith("cut")] == ["cut after pool: 1 tensor, 16 B"]
    assert [text for text in texts(figure) if text.startswith("part")] == [
        "part 2: 4 calls (2 drawn), 164 parameters",
        "part 3: 1 call, 10 parameters",
    ]


def test_a_range_may_be_open_at_either_end():
    graph = ks.read(zoo.residual())
    assert piece(graph, None, "conv")[0].names == ("image", "stem", "conv")
    found, outside = piece(graph, "add", None)
    assert set(found.names) - outside == {"add", "pool", "out"}
    assert outside == {"stem", "bn"}
    assert all(found[name].is_input for name in outside)
    assert piece(graph, None, None) == (graph, frozenset())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cuts": ["nope"]}, "no call 'nope'"),
        ({"colour": "red"}, "colour= is one of part, kind, params, macs and bytes; found 'red'"),
        ({"width": 0}, "inches, from 1 to 100; found 0"),
        ({"direction": "up"}, "found 'up'"),
        ({"depth": "half"}, "found 'half'"),
        ({"only": "conv"}, "only= is a pair of points"),
        ({"only": ("pool", "conv")}, "No way leads from 'pool' to 'conv'"),
        ({"only": ("pool", "cnov")}, "no call 'cnov'"),
    ],
)
def test_bad_arguments_are_refused(options, said):
    with pytest.raises(ks.SplitError, match=said):
        ks.plot(zoo.residual(), **options)


def test_names_are_drawn_as_they_are():
    figure = ks.plot(zoo.hostile_names(), cuts=["<img src=q onerror=alert(1)>"])
    assert any(text.startswith("cut after <img src=q onerror=alert(1)>:") for text in texts(figure))
    assert "${out}" in texts(figure)
    figure.savefig(io.BytesIO(), format="svg")


def test_vectors_are_text_and_not_images(tmp_path):
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none"}):
        ks.plot(zoo.residual(), cuts=["conv"]).savefig(tmp_path / "a.svg")
    drawn = (tmp_path / "a.svg").read_text()
    assert "cut after conv: 2 tensors, 2.0 kB" in drawn
    assert "<image" not in drawn


def test_a_notebook_shows_it_without_pyplot():
    assert ks.plot(zoo.residual())._repr_png_().startswith(b"\x89PNG")


def test_the_png_is_small_and_gets_coarser_when_it_must():
    graph = ks.read(blocks())
    fine = png(graph)
    assert fine.startswith(b"\x89PNG") and len(fine) <= 300_000
    coarse = png(graph, [cut_at(graph, "block3_conv1")], max_bytes=len(fine) // 2)
    assert len(coarse) <= len(fine) // 2
    with pytest.raises(ks.SplitError, match="takes more than 100 B"):
        png(graph, max_bytes=100)


def colours(picture):
    """The colours of a picture, and how many points have each."""
    image = Image.open(io.BytesIO(picture))
    return {"#{:02x}{:02x}{:02x}".format(*colour): count for count, colour in image.convert("RGB").getcolors(1 << 24)}


def test_the_png_has_the_colours_that_the_legend_names():
    y = x = keras.Input((32, 32, 3), name="image")
    for i in range(30):
        y = layers.Conv2D(4, 3, padding="same", name=f"conv_{i}")(y)
    for layer in (layers.BatchNormalization, layers.ReLU, layers.MaxPooling2D, layers.Flatten):
        y = layer()(y)
    y = layers.Dense(4, name="dense")(y)
    graph = ks.read(keras.Model(x, layers.Add(name="merge")([y, layers.Dense(4, name="other")(y)])))
    seen = colours(png(graph))
    names = ("input", "convolution", "normalization", "activation", "pooling", "dense", "merge", "reshape")
    assert all(seen.get(FAMILIES[name], 0) > 20 for name in names), seen
    parts = colours(png(graph, [cut_at(graph, "conv_3"), cut_at(graph, "conv_9")]))
    tints = ["#" + "".join(f"{round(255 * each):02x}" for each in tint(colour)) for colour in PARTS[:3]]
    assert {*PARTS[:3], *tints} <= parts.keys()


def test_the_picture_of_the_widget_has_them_too():
    picture = Path(__file__).parents[2].joinpath("docs", "widget.png").read_bytes()
    seen = colours(picture)
    names = ("input", "convolution", "normalization", "activation", "merge", "pooling", "dense", "reshape")
    assert all(seen.get(FAMILIES[name], 0) > 20 for name in names) and len(picture) <= 300_000


def test_shortened_texts_keep_both_ends_and_fit():
    name = "conv2_block1_preact_batch_normalization"
    short = shortened(name, 10.5, 100.0)
    front, back = short.split("…")
    assert name.startswith(front) and name.endswith(back) and front and back
    assert text_width(short, 10.5) <= 100.0 < text_width(name, 10.5)
