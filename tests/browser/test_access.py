"""What axe-core, a screen reader's names and reduced motion ask of the widget."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser.seeing import set_theme, show

ONLY_LAB = True

AXE = Path(__file__).resolve().parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"

RUN_AXE = """async () => {
  const { violations, passes } = await axe.run(document.querySelector(".ks-root"));
  const told = violations.map(({ impact, id, nodes }) =>
    [impact, id, nodes.map(node => `${node.html.slice(0, 160)} ${node.failureSummary}`).slice(0, 4)]);
  return [told, passes.length];
}"""

NAMES = {
    "button": {"Fit", "Undo", "Redo", "Keys", "Measure", "Clear cuts", "Split", "Verify", "Plan", "Copy code"},
    "searchbox": {"Search layers"},
    "listbox": {"Layers"},
    "radiogroup": {"Depth"},
    "radio": {"Blocks", "Layers", "All"},
    "combobox": {"Colour"},
    "tab": {"Inspect", "Parts", "Plan"},
    "textbox": {"Variable names"},
}
"""What people find in the widget, and tests and voice control rely on."""

# Every control and what it is called; those that are called nothing are what is looked for.
UNNAMED = """root => [...root.querySelectorAll("button, input, select, [tabindex='0'], [role=button]")]
  .filter(e => e.checkVisibility())
  .filter(e => !(e.getAttribute("aria-label") || e.labels?.length || e.textContent.trim()))
  .map(e => e.outerHTML)"""


def serious(page):
    """The violations that shut somebody out. Others are advice about whole pages."""
    told, passed = page.evaluate(RUN_AXE)
    assert passed > 10, "axe has looked at something"
    return [one for one in told if one[0] in ("serious", "critical")]


@pytest.mark.parametrize("server", ["lab"], indirect=True)
def test_nobody_is_shut_out(notebook, shots):
    page = notebook.page
    seen = show(notebook, "unet", "cuts=['down2_pool', 'up1']")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for role, names in NAMES.items():
        for name in names:
            expect(seen.root.get_by_role(role, name=name, exact=True)).to_have_count(1)
    expect(seen.canvas).to_have_accessible_name(r := seen.canvas.get_attribute("aria-label"))
    assert r.startswith("unet: a drawing of 63 calls from top to bottom")

    def look(what):
        assert serious(page) == [], what
        assert seen.root.evaluate(UNNAMED) == [], what

    for theme in ("Light", "Dark"):
        set_theme(page, theme)
        for depth in ("Blocks", "All"):
            seen.show_depth(depth)
            for tab in ("Inspect", "Parts", "Plan"):
                seen.tab(tab).click()
                look(f"{theme}, {depth}, {tab}")
        seen.select("up2_concat")
        seen.tab("Inspect").click()
        look(f"{theme}, something selected")
        seen.search.fill("Conv2D")
        look(f"{theme}, searching")
        seen.search.fill("")
        seen.button("Keys").click()
        expect(seen.root.get_by_role("region", name="Keys")).to_be_visible()
        look(f"{theme}, help")
        seen.button("Keys").click()

    # What work leaves behind: variables, code, proof; a plan with its table and front; an error.
    seen.button("Split").click()
    notebook.eventually("'part_3' in globals()", True)
    seen.button("Verify").click()
    assert seen.proved()["ok"] is True
    seen.tab("Parts").click()
    look("proved parts")
    seen.button("Plan").click()
    expect(seen.root.get_by_role("table")).to_be_visible()
    look("a plan")
    seen.root.get_by_role("textbox", name="Variable names").fill("2nd, rest, more")
    seen.button("Split").click()
    expect(seen.root.get_by_role("alert")).to_contain_text("identifier")
    look("an error")
    set_theme(page, "Light")
    look("an error, light")
    seen.shot(str(shots / "access-error.png"))


@pytest.mark.parametrize("server", ["lab"], indirect=True)
def test_nothing_moves_for_those_who_ask_for_it(notebook):
    page = notebook.page
    page.emulate_media(reduced_motion="reduce")
    seen = show(notebook, "unet")
    seen.rest()
    moving = "root => root.getAnimations({ subtree: true }).length"
    seen.show_depth("Blocks")
    assert seen.root.evaluate(moving) == 0
    # A button that waits for its answer shimmers: not here.
    seen.button("Split").evaluate("button => button.setAttribute('aria-busy', 'true')")
    assert seen.root.evaluate(moving) == 0
    # The same with motion: else this test would see nothing anywhere.
    page.emulate_media(reduced_motion="no-preference")
    assert seen.root.evaluate(moving) > 0
