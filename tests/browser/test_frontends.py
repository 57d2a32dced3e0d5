"""Voila and marimo: the widget where there is no JupyterLab around it."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.cells import MODELS, widget_on
from browser.conftest import SHOTS
from browser.harness import LIMIT, free_port, notebook_file, serving

USE_IN_VOILA = """
import ipywidgets
button = ipywidgets.Button(description="Use the parts")
said = ipywidgets.HTML("not used")
def use(_):
    import numpy as np
    x = np.ones((2, 8), "float32")
    same = np.array_equal(part_2(part_1(x)), model(x))
    said.value = f"{len(w.split)} parts after {w.cuts}, the same: {same}"
button.on_click(use)
ipywidgets.HBox([button, said])
"""

MARIMO = """
import marimo

app = marimo.App()


@app.cell
def _():
    import keras
    import marimo as mo
    import numpy as np
    from keras import layers
    import kerassplit_widget as ks
    {model}
    w = ks.SplitWidget(model)
    return mo, model, np, w


@app.cell
def _(mo, w):
    mo.ui.anywidget(w)
    return


@app.cell
def _(mo):
    button = mo.ui.run_button(label="Use the parts")
    button
    return (button,)


@app.cell
def _(button, mo, model, np, w):
    def use():
        x = np.ones((2, 8), "float32")
        part_1, part_2 = w.split
        same = np.array_equal(part_2(part_1(x)), model(x))
        return f"{{len(w.split)}} parts after {{w.cuts}}, the same: {{same}}"
    mo.md(use() if button.value else "not used")
    return


if __name__ == "__main__":
    app.run()
"""

# Voila's own page asks for this font; what is to be seen here needs none.
OF_VOILA = "https://cdn.jsdelivr.net/npm/@fortawesome/"

COLOURS = """canvas => new Set(new Uint32Array(
  canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size"""


@contextmanager
def voila(root: Path) -> Iterator[str]:
    notebook_file(root / "small.ipynb", widget_on("small"), USE_IN_VOILA)
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = ["-m", "voila", "small.ipynb", "--no-browser", "--Voila.ip=127.0.0.1", f"--port={port}"]
    # Every page of it starts a kernel: it is enough that somebody listens.
    with serving(command, root, lambda: socket.create_connection(("127.0.0.1", port), timeout=30).close()):
        yield address


@contextmanager
def marimo(root: Path) -> Iterator[str]:
    model = MODELS["small"].strip().replace("\n", "\n    ")
    (root / "small.py").write_text(MARIMO.format(model=model), encoding="utf-8")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [
        "-m",
        "marimo",
        "-q",
        "run",
        "small.py",
        "--headless",
        "--host=127.0.0.1",
        f"--port={port}",
        "--no-token",
    ]
    with serving(command, root, lambda: urllib.request.urlopen(f"{address}/health", timeout=30).read()):
        yield address


@contextmanager
def page_of(browser: Browser) -> Iterator[Page]:
    """Open a page in which nothing may go wrong and which may ask no other machine."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    errors: list[str] = []
    strangers: list[str] = []

    def here(route):
        url = route.request.url
        if url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            route.continue_()
        else:
            if not url.startswith(OF_VOILA):
                strangers.append(url)
            route.abort()

    page.on("pageerror", lambda error: errors.append(str(error)))
    page.route("**/*", here)
    yield page
    context.close()
    assert not strangers, strangers
    assert not errors, errors


@pytest.mark.parametrize("front_end", [voila, marimo])
def test_cut_split_verify_and_use_the_parts(chromium, tmp_path, front_end):
    shots = SHOTS / front_end.__name__
    shots.mkdir(parents=True, exist_ok=True)
    with front_end(tmp_path) as address, page_of(chromium) as page:
        page.goto(address, timeout=LIMIT * 1000)
        canvas = page.get_by_role("img", name="small: a drawing of 7 calls")
        expect(canvas).to_be_visible(timeout=LIMIT * 1000)
        assert canvas.evaluate(COLOURS) > 20, "the picture is drawn"
        options = page.get_by_role("listbox", name="Layers").get_by_role("option")
        expect(options).to_have_count(7)

        options.nth(3).click()
        page.keyboard.press("Enter")
        expect(page.get_by_role("textbox", name="Variable names")).to_have_value("part_1, part_2")
        expect(page.get_by_role("status")).to_contain_text("after dense_2")
        page.get_by_role("button", name="Split", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text("verify to prove", timeout=LIMIT * 1000)
        page.get_by_role("button", name="Verify", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text("exact on 3 inputs", timeout=LIMIT * 1000)
        page.screenshot(path=str(shots / "verified.png"))

        page.get_by_role("button", name="Use the parts").click()
        expect(page.get_by_text("2 parts after [['dense_2']], the same: True")).to_be_visible(timeout=LIMIT * 1000)
        expect(page.get_by_role("alert").filter(has_text="")).to_be_empty()
