"""The main job as a person does it: run the quickstart, cut with mouse and keyboard, use the parts."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from browser.harness import LIMIT, notebook_file

QUICKSTART = Path(__file__).resolve().parents[2] / "notebooks" / "quickstart.ipynb"

BY_MOUSE = "conv3_block4_out"
BY_KEYBOARD = "conv4_block6_out"

USE_THE_PARTS = """
import numpy as np
rng = np.random.default_rng(0)
x = rng.normal(size=(2, 224, 224, 3)).astype("float32")
whole = np.asarray(model(x))
chained = np.asarray(part_3(part_2(part_1(x))))
assert whole.shape == (2, 1000) and np.isfinite(whole).all() and whole.std() > 0
assert np.array_equal(chained, whole), np.abs(chained - whole).max()
print("equal", [type(p).__name__ for p in (part_1, part_2, part_3)])
"""

HOSTILE = "<img src=x onerror=window.ranFromName=1>"

HOSTILE_MODEL = f"""
import keras, kerassplit_widget as ks
inputs = keras.Input((4,), name="features")
hidden = keras.layers.Dense(3, name={HOSTILE!r})(inputs)
outputs = keras.layers.Dense(2, name="scores")(hidden)
model = keras.Model(inputs, outputs, name="<b>hostile")
w = ks.SplitWidget(model)
w
"""

SMALL_MODEL = """
import keras, kerassplit_widget as ks
model = keras.Sequential(
    [keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(2, name="b")]
)
w = ks.SplitWidget(model, cuts=["a"])
w
"""


def option(widget: Locator, name: str) -> Locator:
    listbox = widget.get_by_role("listbox", name="Layers")
    return listbox.get_by_role("option", name=re.compile(rf"^{re.escape(name)}\b"))


def place_on_canvas(page: Page, widget: Locator, name: str) -> tuple[float, float]:
    """Find a call by moving the pointer over the picture, as a person would: Inspect names it."""
    canvas = widget.get_by_role("img").first
    inspect = widget.get_by_role("region", name="Inspect")
    box = canvas.bounding_box()
    assert box is not None
    middle_x, middle_y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    # Selected in the list, the call is near the middle of the height: search from there outwards.
    reach = int(min(box["width"], box["height"]) / 2)
    offsets = sorted(range(-reach, reach, 12), key=abs)
    for x, y in sorted(((x, y) for x in offsets for y in offsets), key=lambda p: p[0] ** 2 + p[1] ** 2):
        page.mouse.move(middle_x + x, middle_y + y)
        if re.search(rf"\b{re.escape(name)}\b", inspect.inner_text().replace("\u200b", "")):
            return middle_x + x, middle_y + y
    raise AssertionError(f"{name} is not under the pointer anywhere near the middle")


def test_cut_by_mouse_and_by_keyboard_then_use_the_parts(notebook, shots):
    page = notebook.page
    shutil.copy(QUICKSTART, notebook.server.work / "quickstart.ipynb")
    notebook.open("quickstart.ipynb")
    notebook.run_all()
    widget = notebook.output()
    expect(option(widget, BY_MOUSE)).to_be_attached()

    # The mouse: an option shows where the call is, a click on the canvas cuts.
    option(widget, BY_MOUSE).click()
    notebook.eventually("w.selection", BY_MOUSE)
    assert notebook.ask("w.cuts") == [], "selecting must not cut"
    # Away from the list first, so that only the picture can tell.
    other = "conv3_block4_3_bn"
    x, y = place_on_canvas(page, widget, other)
    x, y = place_on_canvas(page, widget, BY_MOUSE)
    page.mouse.click(x, y)
    notebook.eventually("w.cuts", [[BY_MOUSE]])

    # The keyboard: search, jump to the first match, to the last one, cut.
    search = widget.get_by_role("searchbox", name="Search layers")
    search.focus()
    page.keyboard.type("conv4_block6")
    page.keyboard.press("Enter")
    expect(widget.get_by_role("listbox", name="Layers")).to_be_focused()
    page.keyboard.press("End")
    notebook.eventually("w.selection", BY_KEYBOARD)
    page.keyboard.press("Enter")
    notebook.eventually("w.cuts", [[BY_MOUSE], [BY_KEYBOARD]])
    page.keyboard.press("Escape")
    widget.scroll_into_view_if_needed()
    page.screenshot(path=str(shots / "quickstart-cut.png"))

    widget.get_by_role("button", name="Split", exact=True).click()
    notebook.eventually("[n for n in ('part_1', 'part_2', 'part_3') if n in globals()]", ["part_1", "part_2", "part_3"])
    assert notebook.ask("w.last_error") == ""
    assert notebook.run_cell(USE_THE_PARTS).startswith("equal")

    widget.get_by_role("button", name="Verify").click()
    notebook.eventually("bool(w._result.get('verification'))", True)
    assert notebook.ask("w._result['verification']['ok']") is True
    expect(widget.get_by_role("status")).to_have_text(notebook.ask("w.status"))
    widget.scroll_into_view_if_needed()
    page.screenshot(path=str(shots / "quickstart-verified.png"))

    # The parts were made beside the model, not from it.
    notebook.run_cell("model.save('whole.keras'); again = keras.saving.load_model('whole.keras')")


def test_a_name_that_is_html_is_text(notebook, shots):
    notebook_file(notebook.server.work / "hostile.ipynb", HOSTILE_MODEL)
    notebook.open("hostile.ipynb")
    notebook.run_all()
    widget = notebook.output()
    name = notebook.ask("[c for c in w.graph.nx if 'onerror' in c][0]")
    assert name == HOSTILE
    entry = widget.get_by_role("option").filter(has_text=re.compile("onerror"))
    expect(entry).to_have_count(1)
    entry.click()
    place_on_canvas(notebook.page, widget, "onerror")
    notebook.page.keyboard.press("Enter")
    notebook.eventually("w.cuts", [[HOSTILE]])
    widget.get_by_role("button", name="Split", exact=True).click()
    notebook.eventually("'part_2' in globals()", True)
    widget.get_by_role("button", name="Verify").click()
    notebook.eventually("bool(w._result.get('verification'))", True)
    expect(widget.get_by_text(HOSTILE).first).to_be_attached()
    assert widget.locator("img:not([role])").count() == 0
    assert widget.locator("b").count() == 0
    assert notebook.page.evaluate("window.ranFromName") is None
    notebook.page.screenshot(path=str(shots / "hostile.png"))


def test_a_double_click_does_not_answer_the_question_that_it_raises(notebook):
    notebook_file(notebook.server.work / "double.ipynb", SMALL_MODEL.replace("\nw\n", "\npart_1 = 'precious'\nw\n"))
    notebook.open("double.ipynb")
    notebook.run_all()
    widget = notebook.output()
    split = widget.get_by_role("button", name="Split", exact=True)
    split.dblclick(delay=60)
    expect(widget.get_by_role("alert")).to_contain_text("part_1 is already in use")
    assert notebook.ask("[part_1, w.split]") == ["precious", None]
    split.click()
    notebook.eventually("[w.split is not None and part_1 is w.split[0], w.last_error]", [True, ""])


@pytest.mark.parametrize(
    ("names", "said"),
    [("class, rest", "keyword"), ("first", "2 variable names"), ("2nd, rest", "identifier")],
)
def test_an_error_is_said_in_the_widget(notebook, shots, names, said):
    notebook_file(notebook.server.work / "error-shown.ipynb", SMALL_MODEL)
    notebook.open("error-shown.ipynb")
    notebook.run_all()
    widget = notebook.output()
    field = widget.get_by_role("textbox", name="Variable names")
    expect(field).to_have_value("part_1, part_2", timeout=LIMIT * 1000)
    field.fill(names)
    widget.get_by_role("button", name="Split", exact=True).click()
    expect(widget.get_by_role("alert")).to_contain_text(said)
    assert said in notebook.ask("w.last_error")
    assert notebook.ask("w.split") is None
    notebook.page.screenshot(path=str(shots / "error.png"))
    # And it goes away when the next thing succeeds.
    field.fill("first, rest")
    expect(widget.get_by_role("alert")).to_be_empty()
    widget.get_by_role("button", name="Split", exact=True).click()
    notebook.eventually("'rest' in globals() and w.last_error", "")
    expect(widget.get_by_role("alert")).to_be_empty()
