"""The widget from Python and through the messages that the front end sends."""

import gc
import threading
import weakref
from dataclasses import replace

import anywidget
import keras
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

import kerassplit_widget as ks
from kerassplit_widget.display import actions, notebook, parting, plans, viewing
from kerassplit_widget.structure.regions import folding

from ..models import zoo


class FrontEnd:
    """Sends what the browser sends and keeps the answers."""

    def __init__(self, widget, monkeypatch):
        self.widget, self.sent, self.count = widget, [], 0
        monkeypatch.setattr(widget, "send", lambda content, buffers=None: self.sent.append(content))

    def ask(self, kind, **fields):
        self.count += 1
        self.widget._handle_custom_msg({"id": self.count, "kind": kind, **fields}, [])
        self.widget._worker.join()
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
    assert w.status == "Cut after conv: 2 tensors, 2.0 kB."
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
    reply = front.ask("preview", call="conv")
    cut = reply["cut"]
    assert reply["nearest"] == ["stem", "add"]
    assert cut["points"] == ["conv"] and len(cut["tensors"]) == 2 and not cut["removes"]
    assert "Nearest candidates: stem before and add after" in cut["sentence"]
    assert front.ask("preview", call="out") == {
        "kind": "reply",
        "id": 2,
        "ok": True,
        "cut": None,
        "sentence": "'out' is an output of the model and nothing is computed after: the part behind a cut there would "
        "be empty. Choose a call between, such as 'add'.",
        "nearest": ["pool", None],
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


@pytest.mark.parametrize("names", ["1st, b", "class, b", "a", "a, b, c", "a, a", "a, split"])
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
    assert front.widget.variable_names == "head, tail, part_3"
    assert front.ask("split")["ok"] and isinstance(shell.user_ns["part_3"], keras.Model)
    front.ask("remove", index=0)
    assert front.widget.variable_names == "head, tail"


@pytest.mark.parametrize("names", ["", "first,,", ", second,", "first,, third", "a, b, "])
def test_what_the_parts_are_called_is_what_split_calls_them(front, shell, names):
    w = front.widget
    front.ask("toggle", call="stem")
    front.ask("toggle", call="add")
    w.variable_names = names
    shown = [part["variable"] for part in w._placed["parts"]]
    assert front.ask("split")["ok"]
    assert [shell.user_ns[name] for name in shown] == list(w.split)
    assert w.variable_names == ", ".join(shown) and w._result["variables"] == shown


def test_a_naming_error_is_taken_back_when_the_name_is_corrected(front):
    front.ask("toggle", call="add")
    assert not front.ask("split", names="1st, b")["ok"]
    front.widget.variable_names = "2nd, b"
    assert "1st" in front.widget.last_error  # still no good
    front.widget.variable_names = "first, b"
    assert front.widget.last_error == ""


def test_variables_that_hold_what_was_put_there_are_free(front, shell):
    front.ask("toggle", call="add")
    assert front.ask("split")["ok"] and front.ask("split")["ok"]
    front.ask("toggle", call="stem")
    assert front.ask("split")["ok"]  # part_3 is new, the others are still ours
    shell.user_ns["part_2"] = "mine"
    assert "part_2 is already in use" in front.ask("split")["error"] and shell.user_ns["part_2"] == "mine"


def test_parts_that_were_built_while_the_cuts_changed_are_not_handed_out(front, shell, monkeypatch):
    w = front.widget
    front.ask("toggle", call="conv")
    proper = parting.split

    def slow(model, cuts, **options):
        monkeypatch.setattr(parting, "split", proper)
        made = proper(model, cuts, **options)
        w.cuts = [["pool"]]
        return made

    monkeypatch.setattr(parting, "split", slow)
    assert front.ask("verify")["error"] == "The cuts changed while verifying: verify again."
    assert w.split is None and w._result == {} and w.cuts == [["pool"]]
    assert front.ask("split")["ok"]
    assert [output.name for output in w.split[0].outputs] == ["pool"] and shell.user_ns["split"] is w.split
    w.cuts = [["stem"]]
    monkeypatch.setattr(parting, "split", slow)
    with pytest.raises(ks.SplitError, match="The cuts changed while the parts were built: split again"):
        w.materialize()
    assert w._result == {}


def test_a_proof_of_other_parts_is_not_shown(front, monkeypatch):
    w = front.widget
    front.ask("toggle", call="conv")
    results = []
    w.observe(lambda change: results.append(change["new"]), "_result")
    proper = type(w._parting.build()).verify

    def slow(parts, **given):
        found = proper(parts, **given)
        front.widget.cuts = [["conv"], ["pool"]]
        return found

    monkeypatch.setattr(type(w.split), "verify", slow)
    assert front.ask("verify")["error"] == "The cuts changed while verifying: verify again."
    assert w.last_error == "The cuts changed while verifying: verify again." and results == []
    assert w.status == "2 cuts placed; split to build the 3 parts."


def test_a_plan_does_not_take_the_place_of_cuts_that_came_meanwhile(folded, monkeypatch):
    w = folded.widget
    proper = plans.Planner.plan

    def slow(planner, *given, **more):
        w.cuts = [["pool"]]
        return proper(planner, *given, **more)

    monkeypatch.setattr(plans.Planner, "plan", slow)
    assert "The cuts changed while planning" in folded.ask("plan", parts=3)["error"] and w.cuts == [["pool"]]


def test_times_of_another_picture_are_not_shown(front, monkeypatch):
    session = front.widget._session
    proper = actions.measure

    def slow(model, **given):
        found = proper(model, **given)
        session.reading = replace(session.reading)  # as when a layer is opened
        return found

    monkeypatch.setattr(actions, "measure", slow)
    assert front.ask("measure")["error"] == "A layer was opened while measuring: measure again."
    assert front.widget._costs == {}


def test_an_old_error_does_not_stand_beside_long_work(front):
    front.ask("toggle", call="nowhere")
    assert "nowhere" in front.widget.last_error
    seen = []
    front.widget.observe(lambda change: seen.append(front.widget.last_error), "_busy")
    front.ask("measure")
    assert seen and set(seen) == {""}


def test_a_call_that_is_not_there_cannot_be_selected(front):
    w = front.widget
    w.selection = "add"
    with pytest.raises(ks.SplitError, match=r"There is no call 'addd' to select\. The closest name is 'add'"):
        w.selection = "addd"
    assert w.selection == "add"
    w.selection = ""


def test_names_may_come_with_the_press(front, shell):
    front.ask("toggle", call="add")
    assert front.ask("split", names="first, second")["ok"]
    assert front.widget.variable_names == "first, second" and isinstance(shell.user_ns["second"], keras.Model)


def test_verify_reports_progress_and_proof(front):
    seen = []
    front.widget.observe(lambda change: seen.append(change["new"]), "_busy")
    front.ask("toggle", call="conv")
    assert front.ask("verify")["ok"]
    assert seen[0] == {"what": "verifying", "done": 0, "total": 0} and seen[-1] == {}
    # three inputs in two batches: the model, and two parts in two ways; then the weights
    assert {step["total"] for step in seen[1:-1]} == {0, 2 * (1 + 2 * 2) + 1}
    proof = front.widget._result["verification"]
    assert proof["ok"] and len(proof["rows"]) == 5 and all(row[1] for row in proof["rows"])
    assert front.widget.status == "parts = model, exact on 3 inputs; weights shared; model untouched"
    front.ask("toggle", call="stem")
    assert front.widget._result == {}  # a proof of other cuts proves nothing


def test_what_was_proved_of_the_parts_stays_when_they_are_put_in_the_notebook(front, shell):
    w = front.widget
    front.ask("toggle", call="conv")
    assert front.ask("verify")["ok"]
    proof = w._result["verification"]
    assert front.ask("split")["ok"]
    assert w._result["verification"] == proof and w._result["variables"] == ["part_1", "part_2"]
    assert w.status == "part_1 and part_2 are in the notebook; proved equal to the model."
    front.ask("toggle", call="stem")
    assert front.ask("split")["ok"] and w._result["verification"] is None
    assert w.status.endswith("are in the notebook; verify to prove that they equal the model.")
    front.ask("undo")
    assert front.ask("split")["ok"] and w._result["verification"] is None  # other parts, of the same cuts


def test_parts_that_were_found_to_differ_are_not_called_equal(front, monkeypatch):
    w = front.widget
    front.ask("toggle", call="conv")
    proper = type(w._parting.build()).verify

    def failing(parts, **given):
        proof = proper(parts, **given)
        return replace(proof, checks=tuple(replace(check, ok=False) for check in proof.checks))

    monkeypatch.setattr(type(w.split), "verify", failing)
    front.ask("verify")
    front.ask("split")
    assert not w._result["verification"]["ok"]
    assert w.status == "part_1 and part_2 are in the notebook; verifying found that they differ from the model."


def test_long_work_can_be_cancelled_and_leaves_nothing_half_done(front, monkeypatch):
    w = front.widget
    front.ask("toggle", call="conv")
    begun, go_on = threading.Event(), threading.Event()
    proper = w._parting.build().verify

    def slow(progress):
        begun.set()
        assert go_on.wait(10)
        return proper(progress=progress)

    monkeypatch.setattr(w._parting.build(), "verify", slow)
    w._handle_custom_msg({"id": 7, "kind": "verify"}, [])
    assert begun.wait(10) and w._busy["what"] == "building the parts"
    w._handle_custom_msg({"id": 8, "kind": "measure"}, [])
    assert front.sent[-1]["id"] == 8 and "still verifying: wait for it, or press Cancel" in front.sent[-1]["error"]
    w._handle_custom_msg({"id": 9, "kind": "preview", "call": "add"}, [])  # the widget goes on answering
    assert front.sent[-1]["id"] == 9 and front.sent[-1]["ok"]
    w._handle_custom_msg({"id": 10, "kind": "cancel"}, [])
    go_on.set()
    w._worker.join()
    assert front.sent[-1] == {
        "kind": "reply", "id": 7, "ok": False, "error": "Stopped verifying. Nothing was changed."
    }  # fmt: skip
    assert w._busy == {} and w._result == {} and w.last_error == "Stopped verifying. Nothing was changed."


def test_cancelling_acts_between_two_parts(front, monkeypatch):
    w = front.widget
    front.ask("toggle", call="conv")
    told, ran = [], []
    proper = w._worker.tell

    def tell(done, total, what):
        told.append(what)
        if what == "running part 2 of 2, chained in memory":
            w._handle_custom_msg({"id": 9, "kind": "cancel"}, [])
        proper(done, total, what)

    monkeypatch.setattr(w._worker, "tell", tell)
    for i, part in enumerate(w._parting.build(), 1):
        monkeypatch.setattr(
            part, "call", lambda *given, i=i, call=part.call, **more: ran.append(i) or call(*given, **more)
        )
    assert front.ask("verify")["error"] == "Stopped verifying. Nothing was changed."
    assert told == [
        "building the parts",
        "running the model",
        "running part 1 of 2, chained in memory",
        "running part 2 of 2, chained in memory",
    ]
    assert ran == [1]


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
    monkeypatch.setattr(front.widget._parting, "build", lambda: 1 / 0)
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


def deep(blocks=60):
    """A net of many like residual blocks: large enough to be folded."""
    layers = keras.layers
    x = keras.Input((8, 8, 4), name="image")
    y = layers.Conv2D(4, 3, padding="same", name="stem")(x)
    for i in range(blocks):
        z = layers.Conv2D(4, 3, padding="same", name=f"block{i}_conv")(y)
        z = layers.BatchNormalization(name=f"block{i}_bn")(z)
        z = layers.ReLU(name=f"block{i}_relu")(z)
        y = layers.Add(name=f"block{i}_add")([y, z])
    return keras.Model(x, layers.Dense(2, name="out")(layers.GlobalAveragePooling2D(name="pool")(y)), name="deep")


def test_models_of_moderate_size_are_shown_whole(shell):
    w = ks.SplitWidget(deep(12))
    assert titles(w) == list(w.graph.names) and w._view["depth"] == "layers" and w._view["frames"] == []


@pytest.fixture
def folded(monkeypatch, shell):
    return FrontEnd(ks.SplitWidget(deep()), monkeypatch)


def test_one_fold_serves_the_widget_its_still_picture_and_its_page(monkeypatch, shell, tmp_path):
    folded = []
    monkeypatch.setattr(viewing, "fold", lambda graph: folded.append(graph) or folding.fold(graph))
    w = ks.SplitWidget(deep())
    data, _ = w._repr_mimebundle_()
    assert data["image/png"]
    w.to_html(tmp_path / "page.html")
    assert len(folded) == 1


def titles(widget):
    return widget._view["boxes"]["title"]


def test_large_models_open_folded_and_blocks_open_and_close(folded):
    w = folded.widget
    assert w._view["depth"] == "blocks" and titles(w) == ["image", "stem", "block", "pool", "out"]
    assert w._view["boxes"]["count"] == [1, 1, 60, 1, 1] and w.opened == []
    repeat = w._view["boxes"]["id"][2]
    assert folded.ask("view", open=repeat)["ok"]
    assert len(titles(w)) == 64 and w.opened == [repeat] and w._view["depth"] == "custom"
    assert folded.ask("view", close=repeat)["ok"] and len(titles(w)) == 5
    folded.ask("view", depth="all")
    assert len(titles(w)) == len(w.graph) == 244 and w._view["depth"] == "all"
    folded.ask("view", depth="layers")
    assert len(titles(w)) == 244 and w._view["depth"] == "layers"  # the same without nested models
    folded.ask("view", depth="blocks")
    folded.ask("view", reveal="block7_bn")
    assert "block7_bn" in titles(w)
    folded.ask("view", direction="right")
    assert w._view["direction"] == "right"
    for wrong in ({"open": "nothing"}, {"close": 3}, {"depth": "deep"}, {"reveal": "x"}, {"direction": "up"}):
        assert not folded.ask("view", **wrong)["ok"]


def block(start, stop):
    return [f"block{i}" for i in range(start, stop)]


def test_going_to_a_call_opens_its_copy_only(folded):
    w = folded.widget
    assert folded.ask("view", reveal="block7_bn")["ok"]
    inside = ["block7_conv", "block7_bn", "block7_relu", "block7_add"]
    assert titles(w) == ["image", "stem", "block0 – 6", *inside, "block8 – 59", "pool", "out"]
    assert w._view["depth"] == "custom" and len(w.opened) == 1
    repeat, copy = (frame["id"] for frame in w._view["frames"])
    assert folded.ask("view", reveal="block9_add")["ok"]
    assert titles(w)[2:8] == ["block0 – 6", *inside, "block8"]
    assert folded.ask("view", close=copy)["ok"]
    assert titles(w)[2:4] == ["block0 – 8", "block9_conv"]
    assert folded.ask("view", close=repeat)["ok"] and titles(w) == ["image", "stem", "block", "pool", "out"]
    assert w.opened == []


def test_a_cut_inside_a_block_keeps_it_open(folded):
    w = folded.widget
    assert folded.ask("toggle", call="block3_bn")["ok"]
    inside = ["block3_conv", "block3_bn", "block3_relu", "block3_add"]
    around = ["image", "stem", "block0 – 2", *inside, "block4 – 59", "pool", "out"]
    assert titles(w) == around
    repeat, copy = (frame["id"] for frame in w._view["frames"])
    for fold in (repeat, copy):
        assert "a cut lies inside" in folded.ask("view", close=fold)["error"]
    row = w._view["boxes"]["id"][7]
    assert folded.ask("view", open=row)["ok"] and w.opened == [repeat]
    assert titles(w) == ["image", "stem", "block0", "block1", "block2", *inside, *block(4, 60), "pool", "out"]
    assert folded.ask("view", close=repeat)["ok"] and titles(w) == around
    folded.ask("clear")
    assert titles(w) == ["image", "stem", "block", "pool", "out"]
    folded.ask("toggle", call="block3_add")  # between two copies
    assert titles(w) == ["image", "stem", "block0 – 3", "block4 – 59", "pool", "out"]
    assert folded.ask("move", index=0, call="pool")["ok"] and w.cuts == [["pool"]] and len(titles(w)) == 5
    assert not folded.ask("move", index=5, call="pool")["ok"] and not folded.ask("move", index="0", call="pool")["ok"]
    folded.ask("undo")
    assert w.cuts == [["block3_add"]]


def test_the_view_is_sent_only_when_it_changes(folded):
    w = folded.widget
    seen = []
    w.observe(lambda change: seen.append(change["new"]), "_view")
    folded.ask("toggle", call="pool")
    folded.ask("preview", call="stem")
    assert seen == []
    folded.ask("toggle", call="block0_bn")
    assert len(seen) == 1


def test_costs_are_sent_when_asked_for(front):
    w = front.widget
    assert w._costs == {}
    front.ask("costs")
    table = ks.costs(w.model)
    assert w._costs["macs"] == [row.macs for row in table] and w._costs["ms"] is None
    assert sum(w._costs["macs"]) == table.total_macs


def test_each_call_shows_the_time_of_the_segment_that_was_measured(front, monkeypatch):
    measured = []
    proper = actions.measure
    monkeypatch.setattr(
        actions, "measure", lambda *given, **more: measured.append(proper(*given, **more)) or measured[0]
    )
    assert front.ask("measure")["ok"]
    w, (found,) = front.widget, measured
    times = dict(zip(w.graph.names, w._costs["ms"], strict=True))
    assert len(found) > 1 and any(len(segment.calls) > 1 for segment in found)
    for segment in found:  # no shares: a call without FLOPs too is in a segment that takes time
        assert {times[name] for name in segment.calls} == {segment.ms}
    assert times["image"] == 0
    whole = f"the model as one takes {found.whole_ms:.3g} ms"
    assert w.status == f"{len(found)} segments measured: {found.sum_ms:.3g} ms in all; {whole}."


def test_calls_of_a_layer_that_was_measured_closed_show_its_segment(monkeypatch, shell):
    front = FrontEnd(ks.SplitWidget(composite()), monkeypatch)
    assert front.ask("view", open="block")["ok"] and front.ask("measure")["ok"]
    times = dict(zip(front.widget.graph.names, front.widget._costs["ms"], strict=True))
    assert times["block/first"] == times["block/second"] == times["block/add"] > 0


def test_a_call_of_unknown_work_takes_time_too(monkeypatch, shell):
    class Unknown(keras.layers.Layer):
        def call(self, x):
            return keras.ops.svd(keras.ops.reshape(x, (-1, 8, 8)))[1]

    x = keras.Input((64,), name="x")
    y = Unknown(name="own")(keras.layers.Dense(64, name="a")(x))
    front = FrontEnd(ks.SplitWidget(keras.Model(x, keras.layers.Dense(2, name="b")(y))), monkeypatch)
    assert front.ask("measure")["ok"]
    costs, number = front.widget._costs, front.widget.graph.number["own"]
    assert costs["flops"][number] is None and costs["ms"][number] > 0


def test_a_plan_is_drawn_as_cuts(folded):
    w = folded.widget
    reply = folded.ask("plan", objective="balance", parts=3, bandwidth=1e9, speed=1e9)
    assert reply["ok"] and reply["plan"]["proved"] and len(w.cuts) == 2
    assert [stage["part"] for stage in reply["plan"]["stages"]] == ["part_1", "part_2", "part_3"]
    assert w.status == reply["plan"]["sentence"]
    shares = [row["imbalance"] for row in reply["plan"]["front"]]
    assert shares == sorted(shares, reverse=True)
    split = w.materialize()
    assert split.verify().exact
    by_name = ks.plan(w.model, 3, speed=1e9, bandwidth=1e9)
    assert [list(cut.points) for cut in by_name.cuts] == w.cuts


def test_the_panel_asks_what_plan_asks_where_nothing_is_said(folded):
    found = ks.plan(folded.widget.model)
    assert folded.ask("plan")["ok"]
    w = folded.widget
    assert w.cuts == [list(cut.points) for cut in found.cuts]
    assert (w.plan.value, w.plan.wiring, w.plan.stages) == (found.value, found.wiring, found.stages)
    assert "# chosen by ks.plan(model)\n" in w.code
    folded.ask("plan", speed=1e11, bandwidth=125e6, wiring="direct", precision="", parts=4)  # as the panel begins
    assert "# chosen by ks.plan(model)\n" in w.code
    for objective in ("latency", "memory"):
        folded.ask("plan", objective=objective)
        assert w.plan.value == ks.plan(w.model, objective=objective).value


def test_the_plan_of_the_cuts_is_at_hand_and_in_the_code_until_they_change(folded, shell):
    w = folded.widget
    shell.user_ns |= {"net": w.model, "ks": ks}
    assert w.plan is None
    ask = {"objective": "balance", "parts": 3, "bandwidth": 2.5e7, "speed": 1e9, "device_speed": 5e9, "precision": ""}
    reply = folded.ask("plan", single_tensor=True, wiring="relay", **ask)
    assert w.plan.sentence() == reply["plan"]["sentence"] and w.plan.bound == reply["plan"]["bound"]
    line = 'ks.plan(net, parts=3, bandwidth=2.5e7, wiring="relay", single_tensor=True, speed=1e9)'
    lines = w.code.splitlines()
    assert lines[:2] == ["import kerassplit_widget as ks", ""] and lines[2].startswith(
        "# chosen by ks.plan(net, parts=3, "
    )
    asked = lines[2].removeprefix("# chosen by ")
    assert sorted(asked[:-1].split(", ")) == sorted(line[:-1].split(", "))
    assert [list(cut.points) for cut in eval(asked, shell.user_ns).cuts] == w.cuts
    assert folded.ask("code")["code"] == w.code
    exec(w.code, shell.user_ns)
    assert shell.user_ns["split"].cuts == tuple(map(tuple, w.cuts))
    folded.ask("toggle", call="pool")
    assert w.plan is None and "ks.plan" not in w.code
    folded.ask("undo")
    assert w.plan is not None and asked in w.code
    # A dot of the front was chosen by hand: there is what it costs, and no line.
    folded.ask("plan", points=["block3_add"], **ask)
    assert w.cuts == [["block3_add"]] and w.plan.status == "by hand" and "ks.plan" not in w.code
    plan = ks.plan(w.model, 2)
    w.cuts = plan
    assert w.plan is plan and "ks.plan" not in w.code  # what was asked is not known
    w.cuts = []
    assert w.plan is None


def test_a_plan_of_an_opened_layer_is_split_and_asked_again(monkeypatch, shell):
    front = FrontEnd(ks.SplitWidget(composite(), expand="all"), monkeypatch)
    w = front.widget
    shell.user_ns |= {"model": w.model, "ks": ks}
    assert front.ask("plan", parts=3)["ok"]
    assert ks.split(w.model, w.plan).cuts == tuple(map(tuple, w.cuts))
    asked = w.code.splitlines()[2].removeprefix("# chosen by ")
    assert asked == 'ks.plan(model, parts=3, expand="all")'
    assert eval(asked, shell.user_ns).cuts == w.plan.cuts


def test_a_plan_of_a_moving_slider_says_how_long_it_searched(folded, monkeypatch):
    w = folded.widget
    assert folded.ask("plan", objective="balance", parts=2, live=True)["ok"]
    placed, question = w._desk._placed
    for gap, said in ((0.0, False), (0.1, True)):  # what is proved is found again, however long that takes
        w._desk.keep(replace(placed, gap=gap), question)
        assert ("time_limit=0.1" in w.code) == said


def test_the_front_follows_what_is_asked(folded):
    ask = {"objective": "balance", "parts": 2, "bandwidth": 1e9, "speed": 1e9}
    several = folded.ask("plan", **ask)["plan"]["front"]
    single = folded.ask("plan", single_tensor=True, **ask)["plan"]["front"]

    def tensors(row):
        return ks.cut_at(folded.widget.model, *row["points"]).tensors

    assert any(len(tensors(row)) > 1 for row in several)
    assert single and all(len(tensors(row)) == 1 for row in single)


def test_a_dot_of_the_front_says_what_its_cut_costs(folded):
    w = folded.widget
    ask = {"objective": "balance", "parts": 4, "bandwidth": 1e9, "speed": 1e9, "single_tensor": True}
    front = folded.ask("plan", **ask)["plan"]["front"]
    reply = folded.ask("plan", points=front[-1]["points"], **ask)
    assert reply["ok"] and w.cuts == [front[-1]["points"]]
    plan = ks.plan(w.model, None, cuts=w.cuts, speed=1e9, bandwidth=1e9)
    assert reply["plan"]["sentence"] == plan.sentence() == w.status and "2 parts" in w.status
    assert [stage["calls"] for stage in reply["plan"]["stages"]] == [stage.calls for stage in plan.stages]
    assert reply["plan"]["front"] == front  # another dot may be tried
    folded.ask("undo")
    assert len(w.cuts) == 3
    assert not folded.ask("plan", points=["nowhere"], **ask)["ok"]


def test_a_slider_moves_the_cut_and_undo_takes_all_its_steps_back(folded):
    w = folded.widget
    folded.ask("toggle", call="stem")
    ask = {"objective": "latency", "device_speed": 1e6, "server_speed": 1e9, "live": True}
    for bandwidth in (1e3, 1e4, 1e5, 1e6):
        assert folded.ask("plan", bandwidth=bandwidth, **ask)["ok"]
    assert "everything on the server" in w.status and w.cuts == []
    folded.ask("undo")
    assert w.cuts == [["stem"]]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"parts": 999}, "999 parts were asked for"),
        ({"parts": "two"}, "whole number"),
        ({"parts": 2.7}, "The number of parts is a whole number; found 2.7."),
        ({"parts": 0}, "Parts is a whole number, at least 1; found 0."),
        ({"bandwidth": 0}, "Bandwidth is a number above 0; found 0 MB/s."),
        ({"bandwidth": "fast"}, "is a number"),
        ({"speed": -1e10}, "Speed is a number above 0; found -10 GFLOP/s."),
        ({"objective": "latency", "device_speed": -1e10}, "Device speed is a number above 0; found -10 GFLOP/s."),
        ({"objective": "latency", "round_trip": -0.002}, "Round trip is a number at least 0; found -2 ms."),
        ({"objective": "beauty"}, "Objective is one of balance, latency, memory; found 'beauty'."),
        (
            {"objective": "memory", "cap": 1024, "parts": 2},
            "No plan keeps to the cap of 0.000977 MiB in 2 parts; the smallest that works is 0.0",
        ),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_a_sentence(folded, fields, text):
    folded.ask("toggle", call="pool")
    reply = folded.ask("plan", **fields)
    assert not reply["ok"] and text in reply["error"] and folded.widget.cuts == [["pool"]]


def test_unknown_dimensions_are_told_with_the_way_to_fix_them(monkeypatch, shell):
    way = "ks.SplitWidget(model, input_shapes={'image': (128, 128, 3)}) fixes them."
    front = FrontEnd(ks.SplitWidget(zoo.unknown_dims()), monkeypatch)
    assert front.widget.status.endswith(f"Choose a call to cut after it. Sizes are unknown where dimensions are: {way}")
    error = front.ask("plan", parts=2)["error"]
    assert error.endswith(f"of the input 'image' (None, None, None, 3): {way}") and "In Python" not in error
    fixed = FrontEnd(ks.SplitWidget(zoo.unknown_dims(), input_shapes=(12, 10, 3)), monkeypatch)
    assert fixed.widget.status.endswith("Choose a call to cut after it.") and fixed.ask("plan", parts=2)["ok"]


def test_boxes_are_as_wide_as_their_widest_text_and_marks():
    def width(model, **given):
        sizes = ks.SplitWidget(model, **given)._session.viewer.scene.layout.sizes
        return float(sizes[0, 0])

    def chain(*names, layer=None):
        y = x = keras.Input((4,), name="x")
        for name in names:
            y = keras.layers.Dense(4, name=name)(y)
        return keras.Model(x, layer(layer(y)) if layer else y)

    long = "a_name_of_many_letters"
    alone = width(chain(long))
    assert width(chain("a", "b", long, "c", "d")) == alone == pytest.approx(28 + 6.7 * len(long))
    assert width(chain("a", layer=keras.layers.Dense(4, name=long))) == pytest.approx(alone + 16 + 2 * 6.7)  # "#2"
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name=long), keras.layers.ReLU()], name="a_group")
    assert width(chain("a", layer=inner)) == pytest.approx(alone + 16)  # of the path the outline tells


def composite():
    """A composite layer between two dense ones."""

    class Block(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.first, self.second = keras.layers.Dense(4, name="first"), keras.layers.Dense(4, name="second")

        def build(self, shape):
            self.first.build(shape)
            self.second.build(shape)

        def call(self, x):
            return x + self.second(self.first(x))

    x = keras.Input((4,), name="x")
    return keras.Model(x, keras.layers.Dense(2, name="out")(Block(name="block")(keras.layers.Dense(4, name="in")(x))))


def test_a_composite_layer_is_opened_in_place(monkeypatch, shell):
    model = composite()
    front = FrontEnd(ks.SplitWidget(model, cuts=["in"]), monkeypatch)
    w = front.widget
    w.selection = "block"
    assert w._view["boxes"]["openable"] == [0, 0, 1, 0]
    assert front.ask("view", open="block")["ok"]
    assert w.graph.names == ("x", "in", "block/first", "block/second", "block/add", "out")
    assert w.cuts == [["in"]] and len(w._model["calls"]["name"]) == 6
    assert w.selection == "block/add"  # what makes what the block made
    front.ask("toggle", call="block/first")
    split = w.materialize()
    assert split.verify().exact and len(split) == 3
    shell.user_ns["model"] = model
    exec(w.code, shell.user_ns)
    assert [len(part.layers) for part in shell.user_ns["split"]] == [len(part.layers) for part in split]
    front.ask("undo")
    assert w.cuts == [["in"]]


def test_a_widget_opens_what_its_own_code_opens(shell):
    model = composite()
    w = ks.SplitWidget(model, cuts=["block/first"], expand="all")
    assert w.cuts == [["block/first"]] and "block/second" in w.graph
    shell.user_ns["model"] = model
    exec(w.code, shell.user_ns)
    assert shell.user_ns["split"].cuts == (("block/first",),)
    again = ks.SplitWidget(model, cuts=["block/first"], expand=["block"])
    assert again.materialize().verify().exact
    with pytest.raises(ks.SplitError, match="Give the same expand="):
        ks.SplitWidget(model, cuts=ks.plan(model, 2, expand="all"), expand="nested")
    with pytest.raises(ks.SplitError, match="expand"):
        ks.SplitWidget(model, expand="some")


def test_a_cut_in_a_closed_layer_says_how_it_is_opened(shell):
    w = ks.SplitWidget(composite(), cuts=["in"])
    for cuts in ([["block/first"]], ["block/first"], [w.model.get_layer("block").first]):
        with pytest.raises(ks.SplitError, match="'block' is closed here"):
            w.cuts = cuts
    assert w.cuts == [["in"]]


def test_a_model_is_measured_as_it_is_read(monkeypatch, shell):
    given, proper = [], actions.measure
    monkeypatch.setattr(actions, "measure", lambda model, **more: given.append(more) or proper(model, **more))
    assert FrontEnd(ks.SplitWidget(composite(), expand="all"), monkeypatch).ask("measure")["ok"]
    shapes = FrontEnd(ks.SplitWidget(zoo.unknown_dims(), input_shapes=(12, 10, 3)), monkeypatch)
    assert shapes.ask("measure")["ok"]
    assert given[0]["expand"] == "all" and given[1]["input_shapes"] == (12, 10, 3)


def test_a_layer_that_cannot_be_opened_says_why(monkeypatch, shell):
    class Own(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = keras.layers.Dense(3, name="inner")

        def build(self, shape):
            self.inner.build(shape)
            self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

        def call(self, x):
            return self.inner(x) * self.scale

    x = keras.Input((3,), name="x")
    model = keras.Model(x, keras.layers.Dense(2, name="out")(Own(name="own")(x)))
    front = FrontEnd(ks.SplitWidget(model), monkeypatch)
    assert "'own' cannot be opened" in front.ask("view", open="own")["error"]
    assert front.widget.graph.names == ("x", "own", "out")


def test_cuts_to_begin_with_are_given_as_to_split():
    model = zoo.residual()
    layer = model.get_layer("add")
    for cuts in (
        ["add"],
        "add",
        [layer],
        [layer.output],
        [("add",)],
        [ks.cut_at(model, "add")],
        ks.cut_at(model, "add"),
    ):
        assert ks.SplitWidget(model, cuts=cuts).cuts == [["add"]]
    for cuts in ((), [], None):
        assert ks.SplitWidget(model, cuts=cuts).cuts == []
    with pytest.raises(ks.SplitError, match="Cuts are given in a list"):
        ks.SplitWidget(model, cuts=3)


def test_cuts_are_set_as_they_are_given_to_split():
    model = zoo.residual()
    w, layer = ks.SplitWidget(model), model.get_layer("add")
    nodes = len(layer._inbound_nodes)
    for cuts in (
        ["add"],
        "add",
        [["add"]],
        [layer],
        [layer.output],
        (("add",),),
        [ks.cut_at(model, "add")],
        ks.cut_at(model, "add"),
        ks.plan(model, None, cuts=["add"]),
    ):
        w.cuts = []
        w.cuts = cuts
        assert w.cuts == [["add"]] and w.status == "1 cut placed; split to build the 2 parts."
    w.cuts = cuts  # a second time: nothing changes
    assert w.split is None and len(layer._inbound_nodes) == nodes
    for none in (None, (), []):
        w.cuts = none
        assert w.cuts == []
        w.cuts = ["pool"]
    for wrong, words in (
        (3, "Cuts are given in a list"),
        ([5], "found int|no call|not a call|5"),
        ([[]], "at least one"),
    ):
        with pytest.raises(ks.SplitError, match=words):
            w.cuts = wrong
        assert w.cuts == [["pool"]]
    assert ks.SplitWidget(model).cuts == []


def test_the_height_is_set_as_it_is_given():
    w = ks.SplitWidget(zoo.residual())
    w.height = np.int64(300)
    assert w.height == 300 and type(w.height) is int
    for wrong in (10, "tall", None, 2.5):
        with pytest.raises(ks.SplitError, match="height= is a whole number, at least 200; found"):
            w.height = wrong
    with pytest.raises(ks.SplitError, match="at most 4000; found 5000"):
        w.height = 5000
    assert w.height == 300


def test_completion_shows_what_people_use():
    own = set(dir(ks.SplitWidget(zoo.residual()))) - set(dir(anywidget.AnyWidget()))
    assert {name for name in own if not name.startswith("_")} == {
        "code", "cuts", "graph", "height", "last_error", "materialize", "model", "opened", "plan", "png", "selection",
        "split", "status", "to_html", "variable_names",
    }  # fmt: skip


def test_without_cuts_there_are_no_names_of_parts(front):
    w = front.widget
    assert w.variable_names == ""
    front.ask("toggle", call="add")
    assert w.variable_names == "part_1, part_2"
    front.ask("clear")
    assert w.variable_names == ""
    front.ask("undo")
    w.variable_names = "head, tail"
    front.ask("clear")
    assert w.variable_names == "head"  # typed by somebody: it stays


def test_a_plan_to_begin_with_stands_for_its_cuts_and_its_reading(shell):
    model = zoo.residual()
    plan = ks.plan(model, 3)
    w = ks.SplitWidget(model, cuts=plan)
    assert w.cuts == [list(cut.points) for cut in plan.cuts] and len(w.cuts) == 2
    shaped = ks.plan(zoo.unknown_dims(), 2, input_shapes=(12, 10, 3))
    w = ks.SplitWidget(zoo.unknown_dims(), cuts=shaped)
    assert w.materialize()[1].input_shape[1:3] != (None, None)
    closed = zoo.nested()
    plan = ks.plan(closed, 2, expand="none")
    w = ks.SplitWidget(closed, cuts=plan)
    assert w.graph.names == ks.read(closed, expand="none").names and w.materialize().verify().ok
    shell.user_ns["model"] = closed
    exec(w.code, shell.user_ns)
    assert shell.user_ns["split"].cuts == w.split.cuts


def test_the_status_speaks_of_the_cuts_that_are_there():
    w = ks.SplitWidget(zoo.residual())
    w.cuts = [["add"]]
    assert w.status == "1 cut placed; split to build the 2 parts."
    w.materialize()
    assert "verify" in w.status
    w.cuts = [["stem"], ["add"]]
    assert w.split is None and w.status == "2 cuts placed; split to build the 3 parts."
    w.cuts = []
    assert w.status == "All cuts are removed."


def test_code_without_cuts_runs():
    w = ks.SplitWidget(zoo.residual())
    space = {"model": w.model}
    exec(w.code, space)
    assert "cut_candidates(model)" in w.code and "split" not in space


@pytest.mark.parametrize("height", [3, 199, "300", 2.5, None])
def test_a_picture_is_so_high(height):
    with pytest.raises(ks.SplitError, match="height= is a whole number, at least 200; found"):
        ks.SplitWidget(zoo.residual(), height=height)
    with pytest.raises(ks.SplitError, match="height= is a number of pixels, at most 4000; found 4001"):
        ks.SplitWidget(zoo.residual(), height=4001)


@pytest.mark.parametrize("names", [3, ["a", 3], b"ab"])
def test_names_that_are_no_texts(names):
    w = ks.SplitWidget(zoo.residual(), cuts=["add"])
    with pytest.raises(ks.SplitError, match="Variable names are given as texts"):
        w.materialize(names)
