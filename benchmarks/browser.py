"""The picture in headless Chromium without a GPU: frames a second, first paint, answer to a click.

Frames: 10,000 calls made up here, through `display.wire` into a page that holds nothing but the widget.
The rest: NASNetLarge in JupyterLab, measured inside the page from the events to the paint.
"""

from __future__ import annotations

import base64
import json
import random
import statistics
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from kerassplit_widget.display import wire
from kerassplit_widget.display.viewing import Viewer
from kerassplit_widget.structure.graph import Call, LayerGraph, Tensor
from tests.browser.harness import NotebookPage, jupyter_server, launch, notebook_file

__all__ = ["main"]

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "build" / "browser.json"
STATIC = ROOT / "kerassplit_widget" / "display" / "static"
CALLS = 10_000
SECONDS = 4
LATE_MS = 17.5  # a frame of 60 a second takes 16.7 ms

# A model without a kernel: it answers nothing and holds what it is given.
PAGE = """<!doctype html><meta charset="utf-8"><style>{css}</style><body>
<div id="widget" style="width: 1360px"></div>
<script type="module">
  const state = {state};
  const bytes = Uint8Array.from(atob(state._view.geometry), c => c.charCodeAt(0));
  state._view.geometry = new DataView(bytes.buffer);
  const model = {{
    get: name => state[name], set() {{}}, save_changes() {{}}, send() {{}}, on() {{}}, off() {{}},
  }};
  const source = new Blob([{bundle}], {{ type: "text/javascript" }});
  const widget = (await import(URL.createObjectURL(source))).default;
  widget.render({{ model, el: document.getElementById("widget") }});
  window.ready = true;
</script>"""

# Counts paints of the picture, keeps when the last one was, and sums the time in which frames are made.
PAINTS = """(() => {
  const ask = window.requestAnimationFrame.bind(window);
  window.work = 0;
  window.requestAnimationFrame = act => ask(now => {
    const start = performance.now();
    act(now);
    window.work += performance.now() - start;
  });
  const { clearRect } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.clearRect = function (...all) {
    if (this.canvas.className === "ks-picture") {
      this.canvas.paints = (this.canvas.paints ?? 0) + 1;
      window.firstPaint ??= performance.now();
      window.lastPaint = performance.now();
    }
    return clearRect.apply(this, all);
  };
})()"""

# Drags, zooms or draws one square (the best that this machine can do) once a frame, and notes how far
# apart the frames are, in ms.
FRAMES = """([kind, seconds]) => new Promise(done => {
  const canvas = document.querySelector("canvas.ks-picture");
  const box = canvas.getBoundingClientRect();
  const x = box.left + box.width / 2, y = box.top + box.height / 2;
  const event = (type, at) => canvas.dispatchEvent(new PointerEvent(type, {
    bubbles: true, pointerId: 1, pointerType: "mouse", button: 0, clientX: x + at, clientY: y + at,
  }));
  const frames = [];
  let last = performance.now(), n = 0;
  const end = last + 1000 * seconds, paints = canvas.paints, work = window.work;
  if (kind === "pan") event("pointerdown", 0);
  const step = now => {
    frames.push(now - last);
    last = now;
    n += 1;
    if (now > end) {
      if (kind === "pan") event("pointerup", 0);
      done({ frames: frames.slice(2), paints: canvas.paints - paints, work: (window.work - work) / n });
      return;
    }
    if (kind === "pan") event("pointermove", 60 * Math.sin(n / 12));
    else if (kind === "blank") {
      const context = canvas.getContext("2d");
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, canvas.width, canvas.height);
      context.fillRect(n % 100, n % 100, 50, 50);
    } else if (kind === "zoom") canvas.dispatchEvent(new WheelEvent("wheel", {
      bubbles: true, cancelable: true, ctrlKey: true, clientX: x, clientY: y, deltaY: n % 80 < 40 ? -8 : 8,
    }));
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})"""

FIRST_PAINT = """async () => {
  const notebook = jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = notebook.widgets.length - 1;
  notebook.deselectAll();
  const start = performance.now();
  await jupyterapp.commands.execute("notebook:run-cell");
  const end = performance.now();
  while (window.firstPaint === undefined) await new Promise(frame => requestAnimationFrame(frame));
  return { cell: end - start, paint_after_cell: window.firstPaint - end };
}"""

# From the release of the button to the first paint after it, and to Python's sentence.
CLICK = """([x, y]) => new Promise((done, fail) => {
  const canvas = document.querySelector("canvas.ks-picture");
  const status = document.querySelector(".ks-status");
  const said = status.textContent;
  let painted = null;
  const start = performance.now();
  const event = type => canvas.dispatchEvent(new PointerEvent(type, {
    bubbles: true, pointerId: 1, pointerType: "mouse", button: 0, clientX: x, clientY: y,
  }));
  event("pointerdown");
  event("pointerup");
  const look = now => {
    if (painted === null && window.lastPaint > start) painted = window.lastPaint - start;
    if (status.textContent !== said && painted !== null) done({ painted, cut: now - start });
    else if (now - start > 20000) fail(new Error("the click is not answered"));
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""

NASNET = "import keras, kerassplit_widget as ks\nmodel = keras.applications.NASNetLarge(weights=None)"


def made_up(calls: int) -> LayerGraph:
    """Return a graph of residual blocks with long skips, drawn from a fixed seed."""
    rng = random.Random(7)

    def call(name: str, kind: str, inputs: Iterable[str]) -> Call:
        tensor = Tensor(name, name, 0, (None, 32, 32, 64), "float32")
        return Call(
            name, kind, name, tuple(dict.fromkeys(inputs)), (tensor,), params=100, is_input=kind == "InputLayer"
        )

    made = [call("x", "InputLayer", ())]
    while len(made) < calls - 1:
        start, block = made[-1].name, len(made)
        branches = []
        for b in range(rng.choice((1, 2, 3))):
            last = start
            for i in range(rng.randint(1, 4)):
                kind = rng.choice(("Conv2D", "BatchNormalization", "ReLU"))
                made.append(call(f"block{block}_{b}_{i}", kind, (last,)))
                last = made[-1].name
            branches.append(last)
        skip = made[max(0, len(made) - rng.randint(5, 200))].name
        made.append(call(f"block{block}_add", "Add", (*branches, start, *([skip] if rng.random() < 0.1 else []))))
    made = made[:calls]
    return LayerGraph("made_up", tuple(made), ("x",), (made[-1].name,))


def main() -> int:
    """Measure, print and write the report."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        frames, nasnet = _frames(browser), _nasnet(browser)
        browser.close()
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps({"frames": frames, "nasnet": nasnet}, indent=2) + "\n", encoding="utf-8")
    for name, row in frames.items():
        late = f"{row['late']:.1%} of the frames over {LATE_MS} ms, the worst {row['worst']:.0f} ms"
        print(f"{name:18} {row['fps']:5.1f} fps, {late}, {row['script']:.1f} ms of script a frame")
    for name, value in nasnet.items():
        print(f"NASNetLarge, {name:28} {value:7.0f} ms")
    return 0


def _frames(browser: Browser) -> dict[str, dict[str, float]]:
    graph = made_up(CALLS)
    viewer = Viewer(graph)
    viewer.show("all")
    view = wire.view(graph, viewer.scene)
    view["geometry"] = base64.b64encode(bytes(view["geometry"])).decode()
    state = {"_model": wire.model(graph), "_view": view, "height": 520, "selection": "", "_static": True}
    text = PAGE.format(
        css=(STATIC / "widget.css").read_text(encoding="utf-8"),
        state=_script(state),
        bundle=_script((STATIC / "widget.js").read_text(encoding="utf-8")),
    )
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_text(text, encoding="utf-8")
        page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
        page.add_init_script(PAINTS)
        page.goto(path.as_uri())
        page.wait_for_function("window.ready === true && window.lastPaint !== undefined")
        for seen in ("near", "all in view"):
            if seen == "all in view":
                page.get_by_role("button", name="Fit", exact=True).click()
            for kind in ("pan", "zoom", "blank"):
                page.wait_for_function("performance.now() - window.lastPaint > 400")
                measured = page.evaluate(FRAMES, [kind, SECONDS])
                frames = measured["frames"]
                found[f"{kind}, {seen}"] = {
                    "fps": 1000 / statistics.mean(frames),
                    "p95": statistics.quantiles(frames, n=20)[-1],
                    "late": sum(frame > LATE_MS for frame in frames) / len(frames),
                    "worst": max(frames),
                    "script": measured["work"],
                    "painted": measured["paints"] / len(frames),
                }
        page.context.close()
    return found


def _nasnet(browser: Browser) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, jupyter_server("lab", Path(folder)) as server:
        page: Page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
        page.add_init_script(PAINTS)
        notebook = NotebookPage(page, server)
        notebook_file(server.work / "nasnet.ipynb", NASNET, "w = ks.SplitWidget(model)\nw")
        notebook.open("nasnet.ipynb")
        first = page.evaluate(
            "() => { jupyterapp.shell.currentWidget.content.activeCellIndex = 0;"
            " return jupyterapp.commands.execute('notebook:run-cell').then(() => true); }"
        )
        assert first
        times: dict[str, Any] = page.evaluate(FIRST_PAINT)
        notebook.output()
        clicks = []
        for _ in range(5):
            page.wait_for_function("performance.now() - window.lastPaint > 400")
            box = page.locator("canvas.ks-picture").bounding_box()
            assert box is not None
            # The third box from the top: a call in the middle of the picture, cut and not cut in turn.
            clicks.append(page.evaluate(CLICK, [box["x"] + box["width"] / 2, box["y"] + 20 + 19 + 2 * 65]))
        page.context.close()
        server.stop_kernels()
    return {
        "cell": times["cell"],
        "first paint after the cell": times["paint_after_cell"],
        "click to paint": statistics.median(click["painted"] for click in clicks),
        "click to cut": statistics.median(click["cut"] for click in clicks),
    }


def _script(value: object) -> str:
    """Write a value so that it can stand in a script element."""
    return json.dumps(value).replace("</", "<\\/")


if __name__ == "__main__":
    raise SystemExit(main())
