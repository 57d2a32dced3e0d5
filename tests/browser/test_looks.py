"""Pictures of six models to be looked at, and what needs no eyes: nothing overlaps, nothing is cut off."""

from __future__ import annotations

import pytest

from browser.cells import LOOKED_AT
from browser.seeing import set_theme, show

ONLY_LAB = True

# Controls and texts that lie on each other, stick out of the widget, or are cut off without an ellipsis.
FAULTS = """root => {
  const faults = [];
  const all = [...root.querySelectorAll(
    ".ks-head *, .ks-tabs > *, .ks-panel-top > *, .ks-do button, .ks-do input, .ks-foot > *"
  )].filter(e => e.checkVisibility() && e.getClientRects().length && !e.closest("svg, select"));
  const leaves = all.filter(e => e.matches("button, input, select, strong, span") && !e.querySelector("input, button"));
  const whole = root.getBoundingClientRect();
  const name = e => `${e.tagName}.${e.className} ${(e.getAttribute("aria-label") ?? e.textContent).slice(0, 30)}`;
  const rects = leaves.map(e => e.getBoundingClientRect());
  leaves.forEach((e, i) => {
    const a = rects[i];
    if (a.width * a.height === 0) return;
    if (a.left < whole.left - 1 || a.right > whole.right + 1) faults.push(`sticks out: ${name(e)}`);
    if (e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && e.matches("button, span, strong")
        && getComputedStyle(e).textOverflow !== "ellipsis" && getComputedStyle(e).overflow !== "visible") {
      faults.push(`cut off: ${name(e)}`);
    }
    leaves.forEach((other, j) => {
      const label = e.closest("label");
      if (j <= i || e.contains(other) || other.contains(e)) return;
      if (label && label === other.closest("label")) return;
      const b = rects[j];
      const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (x > 1 && y > 1) faults.push(`overlap: ${name(e)} | ${name(other)}`);
    });
  });
  return faults;
}"""


@pytest.mark.parametrize("server", ["lab"], indirect=True)
@pytest.mark.parametrize("model", LOOKED_AT)
def test_light_and_dark_wide_and_narrow(notebook, shots, model):
    page = notebook.page
    seen = show(notebook, model)
    try:
        for theme in ("Light", "Dark"):
            set_theme(page, theme)
            for width, height, word in ((1500, 1000, "wide"), (710, 1600, "narrow")):
                page.set_viewport_size({"width": width, "height": height})
                seen.root.scroll_into_view_if_needed()
                seen.shot(str(shots / f"{model}-{theme.lower()}-{word}.png"))
                assert seen.root.evaluate(FAULTS) == [], f"{theme}, {word}"
                assert seen.colours() > 20
            page.set_viewport_size({"width": 1500, "height": 1000})
            for depth in ("Blocks", "All"):
                seen.show_depth(depth)
                seen.shot(str(shots / f"{model}-{theme.lower()}-{depth.lower()}.png"))
        inside = seen.root.evaluate("root => root.clientWidth")
        assert inside > 1000
    finally:
        set_theme(page, "Light")
