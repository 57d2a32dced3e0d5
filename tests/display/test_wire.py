"""The payload: one format, written here and read by the front end's tests."""

import base64
import json
from pathlib import Path

import keras
import numpy as np
import pytest

import kerassplit_widget as ks
from kerassplit_widget.display import wire
from kerassplit_widget.display.editing import Editor
from kerassplit_widget.structure.layout import lay_out

from ..models import zoo

GOLDEN = Path(__file__).parent.parent / "data" / "payload_v1.json"


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
    graph = ks.read(sample())
    editor = Editor(graph)
    editor.place([["stem"], ["block2_bn"]])
    picture = wire.picture(graph, lay_out(graph.successors))
    picture["geometry"] = base64.b64encode(picture["geometry"]).decode()
    return {
        "picture": picture,
        "placed": wire.placed(editor, ["head", "middle", "tail"]),
        "cuts": editor.points,
        "result": wire.result("print(1)", ["head", "middle", "tail"]),
    }


def test_the_golden_payload_is_what_is_written_today(request):
    text = json.dumps(payload(), indent=1, ensure_ascii=True) + "\n"
    if request.config.getoption("--write-golden"):
        GOLDEN.write_text(text)
    assert GOLDEN.read_text() == text, "if the format is meant to change: pytest --write-golden"


def test_columns_fit_together():
    graph = ks.read(zoo.recurrent())
    layout = lay_out(graph.successors)
    picture = wire.picture(graph, layout, batch_size=2)
    n, t, m = len(graph), len(graph.tensors), len(picture["edges"]["source"])
    assert {len(column) for column in picture["calls"].values()} == {n}
    assert {len(column) for column in picture["tensors"].values()} == {t}
    assert len(picture["edges"]["target"]) == len(picture["edges"]["tensors"]) == m
    encoder = graph.number["encoder"]
    first = picture["calls"]["first_tensor"][encoder]
    assert picture["tensors"]["name"][first : first + 3] == ["encoder", "encoder:1", "encoder:2"]
    assert picture["tensors"]["shape"][first] == [None, 7, 5]
    assert picture["tensors"]["nbytes"][first] == 2 * 7 * 5 * 4
    between = dict(
        zip(
            zip(picture["edges"]["source"], picture["edges"]["target"], strict=True),
            picture["edges"]["tensors"],
            strict=True,
        )
    )
    assert between[encoder, graph.number["decoder"]] == [first, first + 1, first + 2]
    assert picture["kinds"][picture["calls"]["kind"][encoder]] == "LSTM"
    assert picture["calls"]["input"] == [1] + [0] * (n - 1)


def test_geometry_is_the_layout():
    graph = ks.read(zoo.unet())
    layout = lay_out(graph.successors)
    raw = wire.picture(graph, layout)["geometry"]
    n, m = len(graph), len(layout.sources)
    x, y = np.frombuffer(raw, "<f4", n), np.frombuffer(raw, "<f4", n, 4 * n)
    starts = np.frombuffer(raw, "<i4", m + 1, 8 * n)
    points = np.frombuffer(raw, "<f4", -1, 8 * n + 4 * (m + 1)).reshape(-1, 2)
    assert np.array_equal(x, layout.x) and np.array_equal(y, layout.y)
    assert np.array_equal(starts, layout.route_start) and np.array_equal(points, layout.points)
    edges = wire.picture(graph, layout)["edges"]
    assert edges["source"] == layout.sources.tolist() and edges["target"] == layout.targets.tolist()


def test_parts_say_what_they_hold_need_and_return():
    graph = ks.read(zoo.residual())
    editor = Editor(graph)
    editor.place([["conv"]])
    placed = wire.placed(editor, ["head"])
    first, second = placed["parts"]
    assert first == {
        "variable": "head",
        "calls": 2,
        "params": graph["stem"].params + graph["conv"].params,
        "needs": ["image 8×8×3"],
        "returns": ["stem 8×8×4", "conv 8×8×4"],
    }
    assert second["variable"] == "part_2"
    assert first["calls"] + second["calls"] == len(graph) - 1
    assert first["params"] + second["params"] == graph.params
    assert [placed["part_of"][graph.number[name]] for name in ("image", "stem", "bn", "out")] == [
        0,
        0,
        1,
        1,
    ]
    (cut,) = placed["cuts"]
    assert cut["points"] == ["conv"] and cut["nbytes"] == 2 * 8 * 8 * 4 * 4 and not cut["candidate"]


@pytest.mark.parametrize("name", ["ResNet50", "NASNetLarge"])
def test_payloads_are_small(name):
    graph = ks.read(getattr(keras.applications, name)(weights=None))
    picture = wire.picture(graph, lay_out(graph.successors))
    geometry = len(picture.pop("geometry"))
    assert (len(json.dumps(picture)) + geometry) / len(graph) < 260  # bytes a call, names included
