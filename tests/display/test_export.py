import base64
import hashlib
import html.parser
import json
import re

import keras
import numpy as np
import pytest
from keras import layers

import kerassplit_widget as ks
from kerassplit_widget.display.export import page_html, write_page
from kerassplit_widget.display.export.views import encoded, pack_places
from kerassplit_widget.display.session import Session
from kerassplit_widget.display.viewing import Viewer
from kerassplit_widget.structure.cuts import cut_candidates

from ..models import zoo


def deep(n=50):
    """A stem and n like blocks of three calls: folded at first."""
    x = keras.Input((8,), name="x")
    y = layers.Dense(8, name="stem")(x)
    for i in range(n):
        z = layers.Dense(8, name=f"block{i}_dense")(y)
        z = layers.ReLU(name=f"block{i}_relu")(z)
        y = layers.Add(name=f"block{i}_add")([y, z])
    return keras.Model(x, layers.Dense(1, name="head")(y), name="deep")


@pytest.fixture(scope="module")
def session():
    return Session(deep())


class Page(html.parser.HTMLParser):
    """What a browser would find: the scripts by their kind, the policy, the title, and all elements."""

    def __init__(self, text):
        super().__init__()
        self.scripts, self.metas, self.tags, self.title, self._open = {}, [], [], "", None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._open = (tag, dict(attrs).get("type"))
        if tag == "meta":
            self.metas.append(dict(attrs))

    def handle_endtag(self, tag):
        self._open = None

    def handle_data(self, data):
        if self._open and self._open[0] == "script":
            self.scripts[self._open[1]] = data
        elif self._open and self._open[0] == "title":
            self.title += data

    @property
    def state(self):
        return json.loads(self.scripts["application/json"])

    @property
    def policy(self):
        return next(meta["content"] for meta in self.metas if meta.get("http-equiv") == "Content-Security-Policy")


def test_the_page_allows_its_own_script_and_nothing_else(session):
    page = Page(page_html(session))
    digest = base64.b64encode(hashlib.sha256(page.scripts["module"].encode()).digest()).decode()
    rules = dict(rule.split(" ", 1) for rule in page.policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert set(page.scripts) == {"module", "application/json"}
    assert page.tags.count("script") == 2 and "link" not in page.tags and "img" not in page.tags


def test_names_stay_text():
    name = "</script><img src=x onerror=alert(1)>"
    x = keras.Input((4,), name="x")
    model = keras.Model(x, layers.Dense(2)(layers.Dense(3, name="hidden")(x)), name="evil")
    model.name = name
    text = page_html(Session(model))
    page = Page(text)
    assert page.title == name
    assert page.tags.count("script") == 2 and "img" not in page.tags
    assert page.state["traits"]["_model"]["model"]["name"] == name
    assert "<" not in page.scripts["application/json"]
    hostile = Page(page_html(Session(zoo.hostile_names())))
    assert "<img src=q onerror=alert(1)>" in hostile.state["traits"]["_model"]["calls"]["name"]
    assert "img" not in hostile.tags


def test_what_is_encoded_comes_back():
    value = {"a": ["<b>", "\u2028", None, 1.5], "é×": {"__proto__": True}}
    assert json.loads(encoded(value)) == value
    assert base64.b64decode(json.loads(encoded(b"\x00\xff<"))) == b"\x00\xff<"
    with pytest.raises(TypeError, match="set cannot be written"):
        encoded({1})


def test_traits_are_those_of_the_widget_made_still(session):
    traits = Page(page_html(session, {"selection": "stem", "status": "Done.", "height": 700, "secret": 1})).state[
        "traits"
    ]
    assert traits["_static"] is True and traits["_costs"] == {} and traits["_busy"] == {}
    assert traits["selection"] == "stem"
    # What the widget said last is about a notebook: nothing can be split here.
    assert traits["status"] == "A saved page: look around; a notebook is needed to cut."
    assert traits["_model"]["calls"]["name"] == list(session.graph.names)
    assert traits["_model"]["model"]["macs"] == ks.costs(session.model).total_macs
    assert "secret" not in traits


def test_every_call_has_its_preview_and_its_costs(session):
    state = Page(page_html(session)).state
    assert len(state["previews"]) == len(state["costs"]["macs"]) == len(session.graph)
    number = session.graph.number["block7_dense"]
    row = session.preview("block7_dense")
    assert state["previews"][number] == json.loads(json.dumps(row))
    assert row["nearest"] == ["block6_add", "block7_add"]


@pytest.mark.parametrize("make", [*zoo.ALL, lambda: keras.applications.NASNetMobile(weights=None)])
def test_the_previews_are_what_the_widget_says_of_each_call(make):
    session = Session(make())
    session.place([next(cut.points for cut in cut_candidates(session.graph))] if make is zoo.unet else [])
    names = session.graph.names if len(session.graph) < 200 else session.graph.names[::7]
    found = dict(zip(session.graph.names, session.previews(), strict=True))
    assert [found[name] for name in names] == [session.preview(name) for name in names]


def test_unknown_dimensions_cost_the_costs_only():
    state = Page(page_html(Session(zoo.unknown_dims()))).state
    assert state["traits"]["_model"]["model"]["macs"] is None and None in state["costs"]["macs"]
    assert len(state["previews"]) == len(ks.read(zoo.unknown_dims()))


def test_the_page_brings_the_code_of_its_split():
    session = Session(zoo.residual())
    assert Page(page_html(session)).state["code"] == ""
    session.place([["conv"]])
    state = Page(page_html(session)).state
    assert "part_1, part_2" in state["code"] and "'conv'" in state["code"].replace('"', "'")
    assert state["traits"]["cuts"] == [["conv"]]
    assert set(state["traits"]["_placed"]["part_of"]) == {0, 1}


def view(packed, place, direction=0):
    """Put a view together as the page does."""
    own = packed["views"][packed["places"][place][direction]]
    return {**packed["shared"][own["share"]], **own}


def test_the_depths_are_seen_as_in_the_widget():
    session = Session(deep())
    packed = pack_places(session.graph, [], session.viewer)
    for depth, place in packed["depths"].items():
        session.viewer.show(depth)
        for number, direction in enumerate(("down", "right")):
            session.viewer.turn(direction)
            seen = view(packed, place, number)
            expected = session.view_payload()
            for key in ("boxes", "box_of", "edges", "bounds", "direction", "geometry", "frames"):
                assert seen[key] == expected[key], (depth, direction, key)
            assert seen["opened"] == sorted(session.viewer.opened)


def test_each_block_opens_alone_and_closes_again():
    session = Session(deep())
    packed = pack_places(session.graph, [], session.viewer)
    blocks = packed["depths"]["blocks"]
    seen = view(packed, blocks)["boxes"]
    (repeat,) = (name for name, kind in zip(seen["id"], seen["kind"], strict=True) if kind == 2)
    folds = dict(packed["folds"])
    inner = view(packed, folds[repeat])
    assert repeat not in inner["boxes"]["id"] and len(inner["boxes"]["id"]) == len(seen["id"]) + 49
    assert packed["places"][folds[repeat]][2] == blocks
    copy = inner["boxes"]["id"][inner["box_of"][session.graph.number["block7_dense"]]]
    assert "block7_dense" in view(packed, folds[copy])["boxes"]["id"]
    assert "block8_dense" not in view(packed, folds[copy])["boxes"]["id"]
    assert packed["places"][folds[copy]][2] == folds[repeat]


def test_every_call_can_be_revealed():
    session = Session(deep())
    for budget in (0, 10_000, 10**9):
        packed = pack_places(session.graph, [], session.viewer, budget=budget)
        for number, name in enumerate(session.graph.names):
            assert name in view(packed, packed["reveal"][number])["boxes"]["id"]
        everything = packed["depths"]["all"]
        assert (packed["reveal"][session.graph.number["block7_dense"]] == everything) == (budget < 10**9)


def test_cuts_stay_between_boxes_in_every_view():
    session = Session(deep())
    session.place([["block7_dense"]])
    (cut,) = session.editor.cuts
    packed = pack_places(session.graph, [cut.head], session.viewer)
    inside = np.isin(np.arange(len(session.graph)), list(cut.head))
    for place in range(len(packed["places"])):
        box_of = np.array(view(packed, place)["box_of"])
        assert not set(box_of[inside]) & set(box_of[~inside])


def test_a_view_of_ones_own_is_where_the_page_begins():
    session = Session(deep())
    session.viewer.show("blocks")
    (repeat,) = (box.name for box in session.viewer.scene.view.boxes if box.kind == "repeat")
    session.viewer.open(repeat)
    session.viewer.open(session.viewer.scene.view.boxes[3].name)
    session.viewer.turn("right")
    opened = set(session.viewer.opened)
    packed = pack_places(session.graph, [], session.viewer)
    assert packed["direction"] == "right"
    assert set(view(packed, packed["start"], 1)["opened"]) == opened
    assert session.viewer.opened == opened and session.viewer.direction == "right"


def test_what_is_shared_is_written_once():
    session = Session(zoo.unet())
    packed = pack_places(session.graph, [], Viewer(session.graph))
    assert packed["depths"]["layers"] == packed["depths"]["all"]
    assert len(packed["shared"]) == len(packed["places"]) == len(packed["views"]) / 2


def test_the_page_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    session = Session(zoo.residual())
    path = write_page(tmp_path / "a.html", session)
    before = path.read_text()
    assert [each.name for each in tmp_path.iterdir()] == ["a.html"]
    assert re.search(r"const widget = [\w$]+;", before)

    def full(self, target):
        raise OSError("no space left")

    monkeypatch.setattr(type(path), "replace", full)
    with pytest.raises(OSError, match="no space"):
        write_page(path, session, {"status": "other"})
    assert path.read_text() == before
    assert [each.name for each in tmp_path.iterdir()] == ["a.html"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ks.SplitError, match="nowhere, which is no folder"):
        write_page(tmp_path / "nowhere" / "a.html", Session(zoo.residual()))
