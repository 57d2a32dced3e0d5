"""The whole job without a mouse, on a model of a thousand calls."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from browser.seeing import show

ONLY_LAB = True

POINT = "normal_concat_5"
BLOCK = "normal_concat_0"

FOCUSED = """() => {
  const element = document.activeElement;
  return element.getAttribute("aria-label") ?? element.textContent;
}"""

# Which of the options is the active one.
ACTIVE = "list => [...list.querySelectorAll('[role=option]')].findIndex(one => one.ariaSelected === 'true')"

START = """() => {
  const notebook = jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = 0;
  notebook.mode = "command";
  notebook.activate();
}"""

CELLS = "() => jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.sharedModel.getSource())"


def tab_to(page, name, limit=20):
    """Press Tab until something has the focus; what is out of reach fails."""
    passed = []
    for _ in range(limit):
        page.keyboard.press("Tab")
        passed.append(page.evaluate(FOCUSED))
        if passed[-1] == name:
            return
    raise AssertionError(f"{name} is not within {limit} presses of Tab: {passed}")


@pytest.mark.parametrize("server", ["lab"], indirect=True)
def test_open_search_cut_split_verify_without_a_mouse(notebook, shots):
    page, keys = notebook.page, notebook.page.keyboard
    seen = show(notebook, "NASNetLarge")
    assert seen.listbox.get_by_role("option").count() <= 40, "a model of 1,041 calls opens folded"
    cells = page.evaluate(CELLS)
    page.evaluate(START)

    # Into the widget; search; Enter shows what was found and the next one cuts there.
    tab_to(page, "Search layers")
    keys.type(POINT)
    keys.press("Enter")
    expect(seen.listbox).to_be_focused()
    seen.eventually("selection", POINT)
    assert seen.ask("cuts") == []
    keys.press("Enter")
    seen.eventually("cuts", [[POINT]])
    expect(seen.status).to_contain_text(POINT)
    keys.press("Escape")
    expect(seen.search).to_have_value("")
    expect(seen.listbox).to_be_focused()

    # Back and forth.
    keys.press("Control+z")
    seen.eventually("cuts", [])
    keys.press("Control+Shift+z")
    seen.eventually("cuts", [[POINT]])

    # The nearest places where one tensor crosses: Inspect names them.
    for key, button, there in (("[", "↑ nearest", "stem_bn1"), ("]", "↓ nearest", "normal_concat_18")):
        expect(seen.button(button)).to_have_attribute("title", re.compile(rf"^Go to {there},"))
        keys.press(key)
        seen.eventually("selection", there)
        seen.select(POINT)
    seen.select("stem_bn1")

    # A block, opened and closed around the selection.
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    seen.eventually("selection", BLOCK)
    expect(seen.option(BLOCK)).to_have_accessible_name(f"{BLOCK}, block of 51 calls, closed, 42×42×1008")
    before = seen.listbox.get_by_role("option").count()
    row = seen.listbox.evaluate(ACTIVE)
    keys.press("ArrowRight")
    expect(seen.listbox.get_by_role("option")).to_have_count(before + 50)
    expect(seen.listbox).to_be_focused()
    # It goes on at the first call inside, and what has happened is said.
    expect(seen.status).to_have_text(f"{BLOCK} opened: 51 calls.")
    notebook.eventually(f"w.selection != {BLOCK!r}", True)
    assert seen.listbox.evaluate(ACTIVE) == row
    keys.press("ArrowLeft")
    expect(seen.listbox.get_by_role("option")).to_have_count(before)
    seen.eventually("selection", BLOCK)
    expect(seen.status).to_have_text(f"{BLOCK} closed.")

    # Letters look for names here; to the notebook they would mean new, deleted and changed cells.
    for key in ("b", "a", "d", "d", "x", "m", "y", "Shift+m", "c", "v", "0", "0"):
        keys.press(key)
    assert page.evaluate(CELLS) == cells
    assert seen.ask("cuts") == [[POINT]]
    seen.shot(str(shots / "keyboard-cut.png"))

    # Split and prove.
    tab_to(page, "Split")
    keys.press("Enter")
    notebook.eventually("[n for n in ('part_1', 'part_2') if n in globals()]", ["part_1", "part_2"])
    tab_to(page, "Verify")
    keys.press(" ")
    assert seen.proved()["ok"] is True
    assert "exact" in seen.ask("status")
    expect(seen.status).to_have_text(seen.ask("status"))
    assert page.evaluate(FOCUSED) == "Verify", "the focus stays where it was"
    assert page.evaluate(CELLS) == cells
    assert seen.ask("last_error") == ""
    seen.shot(str(shots / "keyboard-verified.png"))


@pytest.mark.parametrize("server", ["lab"], indirect=True)
def test_every_focusable_element_keeps_the_notebooks_shortcuts_away(notebook):
    page, keys = notebook.page, notebook.page.keyboard
    seen = show(notebook, "small", "cuts=['dense_2']")
    cells = page.evaluate(CELLS)
    page.evaluate(START)
    tab_to(page, "Search layers")
    visited = []
    for tab in ("Inspect", "Parts", "Plan"):
        seen.tab(tab).click()
        seen.search.focus()
        while page.evaluate("() => document.activeElement.closest('.ks-root') !== null"):
            visited.append(page.evaluate(FOCUSED))
            # Enter and Space mean something to buttons; these would mean something to the notebook.
            for key in ("b", "d", "d", "x", "y"):
                keys.press(key)
            assert page.evaluate(CELLS) == cells, f"keys reach the notebook from {visited[-1]}"
            keys.press("Tab")
            assert len(visited) < 120, visited
    assert {"Layers", "Split", "Verify", "Plan", "Copy code", "Clear cuts", "Fit", "Undo"} <= set(visited)
    assert {"Variable of part 1", "Variable of part 2", "Objective"} <= {v.strip() for v in visited} | set(visited)
