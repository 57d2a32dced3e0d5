"""The widget in a page as a person or a screen reader finds it: by roles, names and what is painted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator, Page, expect

from browser.cells import widget_on
from browser.harness import LIMIT, UI_LIMIT, NotebookPage, notebook_file

__all__ = ["Seen", "found", "hide_sides", "record", "set_theme", "show"]

# The picture's camera, as it was last painted, and when: a canvas does not say where it looks.
_RECORD = """(() => {
  const proto = CanvasRenderingContext2D.prototype;
  const { setTransform, drawImage } = proto;
  proto.setTransform = function (...all) {
    if (this.canvas.className === "ks-picture" && (all[4] || all[5])) {
      const k = all[0] / (window.devicePixelRatio || 1);
      this.canvas.seenAt = { scale: k, x: -all[4] / all[0], y: -all[5] / all[0] };
    }
    if (this.canvas.className === "ks-picture") this.canvas.paints = (this.canvas.paints ?? 0) + 1;
    return setTransform.apply(this, all);
  };
})()"""

# Two frames in which nothing is painted: what was asked for has been drawn, sharp.
_AT_REST = """canvas => new Promise(done => {
  let paints = canvas.paints, quiet = performance.now();
  const look = () => {
    if (canvas.paints !== paints) { paints = canvas.paints; quiet = performance.now(); }
    if (performance.now() - quiet > 300) done();
    else requestAnimationFrame(look);
  };
  look();
})"""

# How many different colours a coarse look at a canvas finds; 1: it is empty.
_COLOURS = """canvas => {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const seen = new Set();
  for (let i = 0; i < data.length; i += 4) {
    seen.add((data[i] << 24) | (data[i + 1] << 16) | (data[i + 2] << 8) | data[i + 3]);
  }
  return seen.size;
}"""

# The rectangle of the box that a call is in, in the picture's units.
_BOX_OF = """(lambda np, w, call: [float(n) for n in
    np.frombuffer(w._view['geometry'], '<f4', 4 * len(w._view['boxes']['id']))
    .reshape(4, -1)[:, w._view['box_of'][w.graph.number[call]]]
])(__import__('numpy'), {widget}, {call!r})"""


@dataclass
class Seen:
    """One view of a widget.

    Attributes
    ----------
    notebook : NotebookPage
    root : Locator
        The widget's outermost element.
    variable : str
        The name of the widget in the kernel.
    """

    notebook: NotebookPage
    root: Locator
    variable: str = "w"

    @property
    def page(self) -> Page:
        return self.notebook.page

    @property
    def canvas(self) -> Locator:
        return self.root.locator("canvas[role=img]")

    @property
    def listbox(self) -> Locator:
        return self.root.get_by_role("listbox", name="Layers")

    @property
    def search(self) -> Locator:
        return self.root.get_by_role("searchbox", name="Search layers")

    @property
    def status(self) -> Locator:
        return self.root.get_by_role("status")

    @property
    def inspect(self) -> Locator:
        return self.root.get_by_role("region", name="Inspect")

    def button(self, name: str) -> Locator:
        return self.root.get_by_role("button", name=name, exact=True)

    def tab(self, name: str) -> Locator:
        return self.root.get_by_role("tab", name=name, exact=True)

    def option(self, name: str) -> Locator:
        return self.listbox.get_by_role("option", name=re.compile(rf"^{re.escape(name)}(?![\w#/])"))

    def colours(self) -> int:
        """Count the colours in the picture."""
        return self.canvas.evaluate(_COLOURS)

    def rest(self) -> None:
        """Wait until the picture has been painted and no longer changes."""
        expect(self.canvas).to_be_attached(timeout=UI_LIMIT * 1000)
        self.page.wait_for_function("c => c.seenAt !== undefined", arg=self.canvas.element_handle())
        self.canvas.evaluate(_AT_REST)

    def camera(self) -> dict[str, float]:
        """Where the picture looks: the place in its upper left corner, and pixels per unit."""
        self.rest()
        return self.canvas.evaluate("canvas => canvas.seenAt")

    def box(self, call: str) -> tuple[float, float, float, float]:
        """Middle and size, in pixels of the page, of the box that a call is in."""
        camera = self.camera()
        x, y, width, height = self.notebook.ask(_BOX_OF.format(widget=self.variable, call=call))
        at = self.canvas.bounding_box()
        assert at is not None
        scale = camera["scale"]
        left, top = at["x"] + (x - camera["x"]) * scale, at["y"] + (y - camera["y"]) * scale
        return left, top, width * scale, height * scale

    def ask(self, attribute: str) -> Any:
        """Return an attribute of the widget in the kernel."""
        return self.notebook.ask(f"{self.variable}.{attribute}")

    def eventually(self, attribute: str, value: object) -> None:
        self.notebook.eventually(f"{self.variable}.{attribute}", value)

    def show_depth(self, depth: str) -> None:
        """Choose how much is folded: "Blocks", "Layers" or "All"."""
        self.root.get_by_role("radio", name=depth, exact=True).press(" ")
        # Where nothing is folded, the depths are one, and it is called by any of their names.
        seen = {
            "All": "len(w._view['boxes']['id']) == len(w.graph)",
            "Blocks": "w._view['depth'] == 'blocks'",
            "Layers": "w._view['depth'] in ('layers', 'all', 'blocks')",
        }
        self.notebook.eventually(f"(lambda w: {seen[depth]})({self.variable})", True)
        self.rest()

    def proved(self) -> dict[str, Any]:
        """Wait for the proof that was asked for and return it."""
        self.notebook.eventually(f"bool({self.variable}._result.get('verification'))", True)
        return self.ask("_result['verification']")

    def select(self, name: str) -> None:
        """Select a call in the list with the keyboard, by searching for it."""
        self.search.fill(name)
        self.search.press("Enter")
        self.eventually("selection", name)
        self.page.keyboard.press("Escape")
        expect(self.search).to_have_value("")

    def shot(self, path: str) -> None:
        self.rest()
        self.root.screenshot(path=path)


def show(notebook: NotebookPage, model: str, arguments: str = "") -> Seen:
    """Open a notebook with the widget on a model and run it."""
    record(notebook.page)
    notebook_file(notebook.server.work / f"{model}.ipynb", widget_on(model, arguments))
    notebook.open(f"{model}.ipynb")
    hide_sides(notebook.page)
    notebook.run_all()
    return found(notebook)


def record(page: Page) -> None:
    """Keep what the pictures of the page's notebooks show; before a notebook is opened."""
    page.add_init_script(_RECORD)


def found(notebook: NotebookPage, index: int = 0, variable: str = "w") -> Seen:
    """Find the n-th widget of a notebook, painted."""
    seen = Seen(notebook, notebook.output(index).locator(".ks-root"), variable)
    expect(seen.root).to_be_visible(timeout=LIMIT * 1000)
    seen.rest()
    return seen


def hide_sides(page: Page) -> None:
    """Close Lab's file browser: the widget gets the width of the window."""
    page.evaluate("""async () => {
      if (jupyterapp.shell.leftCollapsed === false) await jupyterapp.commands.execute("application:toggle-left-area");
    }""")


def set_theme(page: Page, name: str) -> None:
    """Switch Lab to ``"Light"`` or ``"Dark"`` and wait until its style sheet is there."""
    page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", f"JupyterLab {name}")
    # The widget has taken the theme over when it, too, knows whether it is dark.
    page.wait_for_function(
        """light => document.body.dataset.jpThemeLight === String(light) &&
          [...document.querySelectorAll(".ks-root")].every(root => root.hasAttribute("data-ks-dark") !== light)""",
        arg=name == "Light",
    )
