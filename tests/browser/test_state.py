"""What stays: a second view, a saved notebook, its size; and what goes: a closed widget's model."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from browser.cells import widget_on
from browser.harness import LIMIT, notebook_file
from browser.seeing import found, hide_sides, record, show

ONLY_LAB = True

LAB = pytest.mark.parametrize("server", ["lab"], indirect=True)

SAVE = """async () => {
  const { context } = jupyterapp.shell.currentWidget;
  await context.save();
  return context.model.dirty;
}"""

MANY = (
    "ResNet50",
    "NASNetLarge",
    "unet",
    "bert",
    "seq2seq",
    "siamese",
    "MobileNetV2",
    "small",
    "DenseNet121",
    "EfficientNetB0",
)

# Whoever shows a value as the last line of a cell has it in `Out` as well: `display` does not.
SHOWN_ONCE = """
import gc, weakref
import keras, kerassplit_widget as ks
def show():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(2, name="b")])
    w = ks.SplitWidget(model, cuts=["a"])
    display(w)
    return w, weakref.ref(w), weakref.ref(model)
w, widget_gone, model_gone = show()
"""


@LAB
def test_two_views_of_one_widget_stay_in_step(notebook):
    page = notebook.page
    first = show(notebook, "unet")
    notebook.run_cell("w")
    second = found(notebook, 1)
    second.select("down2_pool")
    expect(first.option("down2_pool")).to_have_attribute("aria-selected", "true")
    second.listbox.focus()
    page.keyboard.press("Enter")
    first.eventually("cuts", [["down2_pool"]])
    for view in (first, second):
        expect(view.option("down2_pool")).to_have_accessible_name(
            "down2_pool, MaxPooling2D, 16×16×64, cut after this call"
        )
    first.show_depth("Blocks")
    blocks = first.listbox.get_by_role("option").count()
    assert blocks < 63
    expect(second.listbox.get_by_role("option")).to_have_count(blocks)
    first.button("Undo").click()
    expect(second.button("Undo")).to_have_attribute("aria-disabled", "true")
    expect(second.status).to_have_text("0 cuts placed.")
    # One view ends, the other goes on.
    page.evaluate("jupyterapp.commands.execute('notebook:delete-cell')")
    expect(page.locator(".ks-root")).to_have_count(1)
    first.select("up1")
    first.listbox.focus()
    page.keyboard.press("Enter")
    first.eventually("cuts", [["up1"]])


@LAB
def test_a_saved_notebook_shows_its_picture_without_the_kernel(notebook, shots):
    page = notebook.page
    seen = show(notebook, "unet")
    seen.show_depth("Blocks")
    seen.select("up2_concat")
    (fold,) = notebook.ask("[w._view['boxes']['id'][w._view['box_of'][w.graph.number['up3_concat']]]]")
    seen.listbox.focus()
    page.keyboard.press("Enter")
    seen.eventually("cuts", [["up2_concat"]])
    seen.select("up3_concat")
    page.keyboard.press("ArrowRight")
    notebook.eventually(f"{fold!r} in w.opened", True)
    options = seen.listbox.get_by_role("option").all_inner_texts()
    # The words follow the picture when it has come to rest.
    expect(seen.canvas).to_have_attribute("aria-label", re.compile(rf"in {len(options)} boxes .*; 1 cut;"))
    label = seen.canvas.get_attribute("aria-label")
    assert page.evaluate(SAVE) is False

    # Another day: another kernel, in which nothing has run.
    notebook.server.stop_kernels()
    notebook.open("unet.ipynb")
    hide_sides(page)
    again = found(notebook)
    expect(again.listbox.get_by_role("option")).to_have_count(len(options))
    assert again.listbox.get_by_role("option").all_inner_texts() == options
    expect(again.canvas).to_have_attribute("aria-label", re.compile(re.escape(";".join(label.split(";")[:3]))))
    assert again.colours() > 50
    expect(again.option("up2_concat")).to_have_accessible_name(re.compile("cut after this call$"))
    expect(again.listbox.locator("[aria-selected=true]")).to_have_count(1)
    again.shot(str(shots / "state-restored.png"))
    again.button("Split").press("Enter")
    expect(again.status).to_contain_text("run the cell again to work with it")
    assert notebook.ask("'part_1' in globals()") is False
    # Looking needs no kernel.
    again.search.fill("Conv2D")
    expect(again.listbox.get_by_role("option")).to_have_count(18)
    again.button("Fit").click()
    again.shot(str(shots / "state-gone.png"))
    # And the cell can be run again.
    notebook.run_all()
    anew = found(notebook)
    expect(anew.status).to_contain_text("Choose a call to cut after it")


@LAB
def test_ten_widgets_stay_below_two_megabytes(notebook, record_property):
    page = notebook.page
    notebook_file(notebook.server.work / "ten.ipynb", *map(widget_on, MANY))
    notebook.open("ten.ipynb")
    notebook.run_all()
    page.wait_for_function("() => document.querySelectorAll('.ks-root').length >= 1", timeout=LIMIT * 1000)
    page.evaluate(SAVE)
    path = notebook.server.work / "ten.ipynb"
    saved = json.loads(path.read_text(encoding="utf-8"))
    (state,) = (each["state"] for each in saved["metadata"]["widgets"].values())
    models = [each["state"] for each in state.values() if each["model_name"] == "AnyModel"]
    assert sum("_view" in each for each in models) == 10
    pictures = [
        len(output["data"].get("image/png", ""))
        for cell in saved["cells"]
        for output in cell["outputs"]
        if "data" in output
    ]
    weights = {name: sum(len(json.dumps(each.get(name, ""))) for each in models) for name in models[0]}
    told = {
        "bytes": path.stat().st_size,
        "widget state": len(json.dumps(state, indent=1)),
        "widget state on one line": len(json.dumps(state)),
        "pictures": pictures,
        "traits": dict(sorted(weights.items(), key=lambda item: -item[1])[:6]),
        "buffers": sum(len(b["data"]) for each in state.values() for b in each.get("buffers", [])),
    }
    print(json.dumps(told))
    record_property("saved", told)
    assert path.stat().st_size < 2_000_000, told


@LAB
def test_a_closed_widget_frees_its_model(notebook):
    record(notebook.page)
    notebook_file(notebook.server.work / "closed.ipynb", SHOWN_ONCE)
    notebook.open("closed.ipynb")
    notebook.run_all()
    seen = found(notebook)
    seen.button("Split").click()
    notebook.eventually("'part_2' in globals()", True)
    seen.button("Verify").click()
    seen.proved()
    seen.tab("Plan").click()
    seen.root.get_by_role("spinbutton", name="Parts").fill("2")
    seen.button("Plan").click()
    expect(seen.root.get_by_role("table")).to_be_visible()
    assert notebook.ask("(gc.collect(), model_gone() is None)[1]") is False
    notebook.run_cell("w.close()\ndel w, part_1, part_2, split")
    expect(seen.root).to_have_count(0)
    notebook.eventually("(gc.collect(), widget_gone() is None)[1]", True)
    notebook.eventually("(gc.collect(), model_gone() is None)[1]", True)
