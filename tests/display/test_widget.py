"""The widget from Python and through the messages that the front end sends."""

import gc
import weakref

import keras
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

import kerassplit_widget as ks
from kerassplit_widget.display import notebook

from ..models import zoo


class FrontEnd:
    """Sends what the browser sends and keeps the answers."""

    def __init__(self, widget, monkeypatch):
        self.widget, self.sent, self.count = widget, [], 0
        monkeypatch.setattr(widget, "send", lambda content, buffers=None: self.sent.append(content))

    def ask(self, kind, **fields):
        self.count += 1
        self.widget._handle_custom_msg({"id": self.count, "kind": kind, **fields}, [])
        reply = self.sent[-1]
        assert reply["kind"] == "reply" and reply["id"] == self.count
        return reply


@pytest.fixture
def shell(monkeypatch):
    shell = InteractiveShell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    return shell


@pytest.fixture
def front(monkeypatch, shell):
    return FrontEnd(ks.SplitWidget(zoo.residual()), monkeypatch)


def test_clicking_places_and_removes_cuts(front):
    assert front.ask("toggle", call="conv")["ok"]
    w = front.widget
    assert w.cuts == [["conv"]]
    assert w.status.startswith("2 tensors cross after conv, 2.0 kB: stem (8×8×4 float32)")
    assert w.variable_names == "part_1, part_2"
    front.ask("toggle", call="pool")
    assert w.cuts == [["conv"], ["pool"]] and w.variable_names == "part_1, part_2, part_3"
    assert [part["variable"] for part in w._placed["parts"]] == ["part_1", "part_2", "part_3"]
    front.ask("remove", index=0)
    assert w.cuts == [["pool"]]
    front.ask("undo")
    assert w.cuts == [["conv"], ["pool"]] and w._placed["can_redo"]
    front.ask("redo")
    front.ask("clear")
    assert w.cuts == [] and w.status == "All cuts are removed."


def test_preview_tells_without_changing_anything(front):
    cut = front.ask("preview", call="conv")["cut"]
    assert cut["points"] == ["conv"] and len(cut["tensors"]) == 2 and not cut["removes"]
    assert "Nearest single-tensor cuts: stem before and add after" in cut["sentence"]
    assert front.ask("preview", call="out") == {
        "kind": "reply",
        "id": 2,
        "ok": True,
        "cut": None,
        "sentence": "out is an output of the model and nothing is computed after: the part behind a cut there would be "
        "empty. Choose a call between, such as 'add'.",
    }
    assert not front.ask("preview", call="nowhere")["ok"]
    assert front.widget.cuts == [] and front.widget.last_error == ""
    front.ask("toggle", call="conv")
    assert front.ask("preview", call="conv")["cut"]["removes"]


def test_split_fills_variables_and_shows_the_code(front, shell):
    w = front.widget
    shell.user_ns["net"] = w.model
    front.ask("toggle", call="add")
    assert front.ask("split")["ok"]
    part_1, part_2 = shell.user_ns["part_1"], shell.user_ns["part_2"]
    x = np.ones((1, 8, 8, 3), "float32")
    assert np.array_equal(part_2(part_1(x)), w.model(x))
    assert shell.user_ns["split"] is w.split
    assert w._result["code"] == (
        'import kerassplit_widget as ks\n\nsplit = ks.split(net, ["add"])\npart_1, part_2 = split'
    )
    assert w._result["variables"] == ["part_1", "part_2"]
    assert front.ask("code")["code"] == w._result["code"] == w.code
    exec(w.code, shell.user_ns)


def test_existing_variables_need_a_second_press(front, shell):
    shell.user_ns["part_2"] = "precious"
    front.ask("toggle", call="add")
    refused = front.ask("split")
    assert not refused["ok"] and "part_2 is already in use" in refused["error"]
    assert front.widget.last_error == refused["error"]
    assert shell.user_ns["part_2"] == "precious" and "part_1" not in shell.user_ns
    front.ask("toggle", call="stem")  # other cuts: the question is asked anew
    assert not front.ask("split")["ok"]
    assert front.ask("split")["ok"]
    assert isinstance(shell.user_ns["part_2"], keras.Model) and front.widget.last_error == ""


@pytest.mark.parametrize("names", ["1st, b", "class, b", "a", "a, a"])
def test_bad_variable_names_are_refused_before_anything_is_built(front, names):
    front.ask("toggle", call="add")
    front.widget.variable_names = names
    reply = front.ask("split")
    assert not reply["ok"] and front.widget.last_error == reply["error"]
    assert front.widget.split is None


def test_own_variable_names(front, shell):
    front.ask("toggle", call="add")
    front.widget.variable_names = "head, tail"
    assert front.ask("split")["ok"]
    assert isinstance(shell.user_ns["tail"], keras.Model)
    front.ask("toggle", call="stem")
    assert front.widget.variable_names == "head, tail"  # kept; the third is to be named
    assert "3 parts need 3 variable names" in front.ask("split")["error"]


def test_names_may_come_with_the_press(front, shell):
    front.ask("toggle", call="add")
    assert front.ask("split", names="first, second")["ok"]
    assert front.widget.variable_names == "first, second" and isinstance(shell.user_ns["second"], keras.Model)


def test_verify_reports_progress_and_proof(front):
    front.ask("toggle", call="conv")
    assert front.ask("verify")["ok"]
    progress = [m for m in front.sent if m["kind"] == "progress"]
    assert [m["done"] for m in progress] == list(range(10)) and progress[-1]["total"] == 9
    proof = front.widget._result["verification"]
    assert proof["ok"] and len(proof["rows"]) == 5 and all(row[1] for row in proof["rows"])
    assert front.widget.status == "parts = model, exact on 3 inputs; weights shared; model untouched"
    front.ask("toggle", call="stem")
    assert front.widget._result == {}  # a proof of other cuts proves nothing


def test_nothing_to_split_or_verify(front):
    for kind in ("split", "verify"):
        assert "No cut is placed" in front.ask(kind)["error"]


def test_bad_messages_are_answered(front):
    assert "does not know" in front.ask("explode")["error"]
    assert "no call 'x'" in front.ask("toggle", call="x")["error"]
    assert "no cut number 9" in front.ask("remove", index=9)["error"]
    assert not front.ask("remove", index="zero")["ok"]
    assert not front.ask("toggle")["ok"]
    before = len(front.sent)
    for junk in ({}, {"kind": "toggle"}, "text", None, 3):
        front.widget._handle_custom_msg(junk, [])
    assert len(front.sent) == before and front.widget.cuts == []


def test_an_unexpected_error_is_shown_too(front, monkeypatch):
    front.ask("toggle", call="add")
    monkeypatch.setattr(front.widget, "_build", lambda: 1 / 0)
    assert front.ask("split")["error"] == "ZeroDivisionError: division by zero"


def test_cuts_can_be_set_and_read_from_python(shell):
    w = ks.SplitWidget(zoo.residual(), cuts=["pool", ("stem", "bn")])
    assert w.cuts == [["stem", "bn"], ["pool"]]
    w.cuts = [["pool"], ["stem"], ["pool"]]
    assert w.cuts == [["stem"], ["pool"]]
    with pytest.raises(ks.SplitError, match="no call 'poool'"):
        w.cuts = [["poool"]]
    assert w.cuts == [["stem"], ["pool"]] and w.split is None
    split = w.materialize(["a", "b", "c"])
    assert w.split is split and len(split) == 3 and shell.user_ns["c"] is split[2]
    w.cuts = [["stem"]]
    assert w.split is None


def test_observing_cuts(shell):
    w = ks.SplitWidget(zoo.residual())
    seen = []
    w.observe(lambda change: seen.append(change["new"]), "cuts")
    w.cuts = [["add"]]
    assert seen == [[["add"]]]


def test_unknown_arguments_get_a_hint():
    with pytest.raises(TypeError, match=r"no argument 'heigth'\. The closest name is 'height'"):
        ks.SplitWidget(zoo.residual(), heigth=3)


def test_fixed_input_shapes_are_drawn_built_and_written(shell):
    w = ks.SplitWidget(zoo.unknown_dims(), cuts=["conv"], input_shapes=(12, 10, 3))
    assert w.graph.tensors["conv"].shape == (None, 12, 10, 4)
    assert w.materialize()[1].input_shape == (None, 12, 10, 4)
    shell.user_ns["model"] = w.model
    exec(w.code, shell.user_ns)
    assert shell.user_ns["part_2"].input_shape == (None, 12, 10, 4)


def test_without_a_notebook_the_parts_are_in_the_widget(monkeypatch):
    monkeypatch.setattr(notebook, "variables", lambda: None)
    w = ks.SplitWidget(zoo.residual(), cuts=["add"])
    assert w.materialize() is w.split
    assert "widget.split" in w.status


def test_text_for_places_without_widgets():
    w = ks.SplitWidget(zoo.residual(), cuts=["add"])
    assert repr(w) == "SplitWidget(residual: 7 calls; cuts: add)"


def test_bundle_is_text_so_that_closed_widgets_are_freed():
    w = ks.SplitWidget(zoo.residual(), cuts=["add"])
    assert isinstance(w._esm, str) and isinstance(w._css, str)
    model = weakref.ref(w.model)
    w.close()
    del w
    gc.collect()
    assert model() is None
