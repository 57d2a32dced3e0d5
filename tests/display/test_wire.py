"""The payload: one format, written here and read by the front end's tests."""

import base64
import contextlib
import json
from pathlib import Path

import keras
import numpy as np
import pytest

import kerassplit_widget as ks
from kerassplit_widget.display import wire
from kerassplit_widget.display.editing import Editor
from kerassplit_widget.display.viewing import Viewer
from kerassplit_widget.models.counting import costs
from kerassplit_widget.models.planning.planner import plan
from kerassplit_widget.structure.cuts import cut_at

from ..models import zoo

GOLDEN = Path(__file__).parent.parent / "data" / "payload_v2.json"


def sample():
    """A two-block residual net with a second output and a name that is not to be trusted."""
    layers = keras.layers
    x = keras.Input((16, 16, 3), name="image")
    y = layers.Conv2D(8, 3, padding="same", name="stem")(x)
    for i in (1, 2):
        z = layers.Conv2D(8, 3, padding="same", name=f"block{i}_conv")(y)
        z = layers.BatchNormalization(name=f"block{i}_bn")(z)
        y = layers.Add(name=f"block{i}_add")([y, z])
    z = layers.GlobalAveragePooling2D(name="pool")(y)
    z = layers.Dense(4, name="<img src=q onerror=alert(1)>")(z)
    tokens = layers.Conv2D(2, 1, name="map")(y)
    return keras.Model(x, [z, tokens], name="sample")


def payload():
    model = sample()
    graph = ks.read(model)
    editor = Editor(graph)
    editor.place_cuts([cut_at(editor.graph, "stem"), cut_at(editor.graph, "block2_bn")])
    viewer = Viewer(graph)
    whole = wire.view(graph, viewer.scene)
    viewer.show("blocks")
    viewer.open(next(box.name for box in viewer.scene.view.boxes if box.children))
    folded = wire.view(graph, viewer.scene, ["pool"])
    viewer.turn("right")
    for seen in (whole, folded):
        seen["geometry"] = base64.b64encode(seen["geometry"]).decode()
    found = plan(model, parts=2, speed=1e9, bandwidth=1e6)
    return {
        "model": wire.model(graph),
        "view": whole,
        "folded": folded,
        "costs": wire.costs(costs(model)),
        "placed": wire.placed(editor, ["head", "middle", "tail"]),
        "cuts": editor.points,
        "result": wire.result("print(1)", ["head", "middle", "tail"]),
        "plan": wire.plan(found, [(128.0, 0.5, found.cuts[0])]),
    }


def test_the_golden_payload_is_what_is_written_today(request):
    text = json.dumps(payload(), indent=1, ensure_ascii=True) + "\n"
    if request.config.getoption("--write-golden"):
        GOLDEN.write_text(text)
    assert GOLDEN.read_text() == text, "if the format is meant to change: pytest --write-golden"


def test_columns_fit_together():
    graph = ks.read(zoo.recurrent())
    model = wire.model(graph, batch_size=2)
    n, t, m = len(graph), len(graph.tensors), len(model["edges"]["source"])
    assert {len(column) for column in model["calls"].values()} == {n}
    assert {len(column) for column in model["tensors"].values()} == {t}
    assert len(model["edges"]["target"]) == len(model["edges"]["tensors"]) == m
    encoder = graph.number["encoder"]
    first = model["calls"]["first_tensor"][encoder]
    assert model["tensors"]["name"][first : first + 3] == ["encoder", "encoder:1", "encoder:2"]
    assert model["tensors"]["shape"][first] == [None, 7, 5]
    assert model["tensors"]["nbytes"][first] == 2 * 7 * 5 * 4
    between = dict(
        zip(
            zip(model["edges"]["source"], model["edges"]["target"], strict=True), model["edges"]["tensors"], strict=True
        )
    )
    assert between[encoder, graph.number["decoder"]] == [first, first + 1, first + 2]
    assert model["kinds"][model["calls"]["kind"][encoder]] == "LSTM"
    assert model["calls"]["input"] == [1] + [0] * (n - 1)


def test_calls_of_a_shared_layer_are_tied_to_the_first():
    graph = ks.read(zoo.tied_loop())
    tied = dict(zip(graph.names, wire.model(graph)["calls"]["tied"], strict=True))
    assert tied == {"x": -1, "step": -1, "step#2": graph.number["step"], "step#3": graph.number["step"], "out": -1}


@pytest.mark.parametrize("direction", ["down", "right"])
def test_geometry_is_the_layout(direction):
    graph = ks.read(zoo.unet())
    viewer = Viewer(graph)
    viewer.turn(direction)
    layout, packed = viewer.scene.layout, wire.view(graph, viewer.scene)
    raw = packed["geometry"]
    n, m = len(viewer.scene.view.boxes), len(layout.sources)
    x, y, width, height = (np.frombuffer(raw, "<f4", n, 4 * n * i) for i in range(4))
    starts = np.frombuffer(raw, "<i4", m + 1, 16 * n)
    points = np.frombuffer(raw, "<f4", -1, 16 * n + 4 * (m + 1)).reshape(-1, 2)
    assert np.array_equal(x, layout.x) and np.array_equal(y, layout.y)
    assert np.array_equal(np.stack([width, height], 1), layout.sizes)
    assert np.array_equal(starts, layout.route_start) and np.array_equal(points, layout.points)
    assert packed["edges"]["source"] == layout.sources.tolist()
    assert packed["direction"] == direction


def test_a_folded_view_says_what_is_in_its_boxes_and_frames():
    graph = ks.read(keras.applications.ResNet50(weights=None))
    viewer = Viewer(graph)
    viewer.show("blocks")
    packed = wire.view(graph, viewer.scene)
    boxes = packed["boxes"]
    repeat = next(i for i, title in enumerate(boxes["title"]) if title == "conv4_block")
    assert boxes["kind"][repeat] == 2 and boxes["count"][repeat] == 5 and boxes["openable"][repeat] == 1
    inside = [graph.names[n] for n, box in enumerate(packed["box_of"]) if box == repeat]
    assert inside[0] == "conv4_block2_1_conv" and inside[-1] == "conv4_block6_out"
    assert [graph.names[n] for n in boxes["exits"][repeat]] == ["conv4_block6_out"]
    assert packed["frames"] == []
    viewer.open(boxes["id"][repeat])
    (frame,) = wire.view(graph, viewer.scene)["frames"]
    assert frame["id"] == boxes["id"][repeat] and len(frame["boxes"]) == 5 and frame["level"] == 0
    left, top, right, bottom = frame["rect"]
    layout = viewer.scene.layout
    for box in range(len(layout.x)):
        within = left < layout.x[box] < right and top < layout.y[box] < bottom
        assert within == (box in frame["boxes"])


def test_parts_say_what_they_hold_need_and_return():
    graph = ks.read(zoo.residual())
    editor = Editor(graph)
    editor.place_cuts([cut_at(editor.graph, "conv")])
    placed = wire.placed(editor, ["head"])
    first, second = placed["parts"]
    assert first == {
        "variable": "head",
        "calls": 3,
        "params": graph["stem"].params + graph["conv"].params,
        "needs": ["image 8×8×3"],
        "returns": ["stem 8×8×4", "conv 8×8×4"],
    }
    assert second["variable"] == "part_2"
    assert first["calls"] + second["calls"] == len(graph)
    assert first["params"] + second["params"] == graph.params
    assert [placed["part_of"][graph.number[name]] for name in ("image", "stem", "bn", "out")] == [
        0,
        0,
        1,
        1,
    ]
    (cut,) = placed["cuts"]
    assert cut["points"] == ["conv"] and cut["nbytes"] == 2 * 8 * 8 * 4 * 4 and not cut["candidate"]


@pytest.mark.parametrize("make", [zoo.siamese, zoo.masked_attention, zoo.recurrent])
def test_the_calls_of_the_parts_add_up_to_those_of_the_model(make):
    graph = ks.read(make())
    for name in graph.names:
        editor = Editor(graph)
        with contextlib.suppress(ks.SplitError):
            editor.toggle(name)
        assert sum(part["calls"] for part in wire.placed(editor, [])["parts"]) == len(graph)


@pytest.mark.parametrize("name", ["ResNet50", "NASNetLarge"])
def test_payloads_are_small(name):
    graph = ks.read(getattr(keras.applications, name)(weights=None))
    viewer = Viewer(graph)
    viewer.show("blocks")
    scene = viewer.scene
    assert len(scene.view.boxes) <= 40
    view = wire.view(graph, scene)
    geometry = len(view.pop("geometry"))
    nbytes = len(json.dumps(wire.model(graph), separators=(",", ":"))) + len(json.dumps(view)) + geometry
    assert nbytes / len(graph) < 200  # bytes a call, names included
