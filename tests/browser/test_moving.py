"""The picture while it moves: what is shown is what is painted at rest, and fingers move it too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest
from keras import layers
from playwright.sync_api import Page

from kerassplit_widget.display.export import write_page
from kerassplit_widget.display.session import Session


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """A page with more boxes than are painted one by one while they move."""
    x = y = keras.Input((8, 8, 3), name="image")
    for i in range(250):
        z = layers.ReLU(name=f"block{i}_relu")(y)
        y = layers.Add(name=f"block{i}_add")([y, layers.Softmax(name=f"block{i}_softmax")(z)])
    session = Session(keras.Model(x, y, name="long"))
    session.viewer.show("all")
    session.editor.toggle("block100_add")
    return write_page(tmp_path_factory.mktemp("moving") / "long.html", session)


def opened(chromium, saved: Path, **settings: Any) -> Page:
    page = chromium.new_context(viewport={"width": 1300, "height": 850}, **settings).new_page()
    page.goto(saved.as_uri())
    page.locator("canvas[role=img]").wait_for()
    return page


# The pixels of the picture in a frame in which it moves, and again when it has come to rest.
MOVING_AND_RESTING = """([dx, dy, wheel]) => new Promise(done => {
  const canvas = document.querySelector("canvas.ks-picture");
  const box = canvas.getBoundingClientRect();
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  const send = (type, dx, dy) => canvas.dispatchEvent(new PointerEvent(type, {
    bubbles: true, pointerId: 1, pointerType: "mouse", button: 0, clientX: x + dx, clientY: y + dy,
  }));
  const pixels = () => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  if (wheel) canvas.dispatchEvent(new WheelEvent("wheel", {
    bubbles: true, cancelable: true, ctrlKey: true, clientX: x, clientY: y, deltaY: wheel,
  }));
  else {
    send("pointerdown", 0, 0);
    send("pointermove", dx, dy);
  }
  requestAnimationFrame(() => requestAnimationFrame(() => {
    const moving = pixels();
    if (!wheel) send("pointerup", dx, dy);
    canvas.dispatchEvent(new PointerEvent("pointerleave", {}));
    setTimeout(() => {
      const resting = pixels();
      let other = 0, ink = 0, lost = 0;
      const rows = canvas.height, wide = canvas.width;
      for (let row = 0; row < rows; row++) {
        let before = 0, after = 0;
        for (let i = 4 * row * wide; i < 4 * (row + 1) * wide; i += 4) {
          if (moving[i + 3]) before += 1;
          if (resting[i + 3]) after += 1;
          if ([0, 1, 2, 3].some(k => Math.abs(moving[i + k] - resting[i + k]) > 2)) other += 1;
        }
        ink += after > 0;
        lost += after > 0 && before === 0;
      }
      done({ other: other / (rows * wide), ink: ink / rows, lost: lost / rows });
    }, 500);
  }));
})"""


@pytest.mark.parametrize("ratio", [1, 2])
def test_moving_shows_what_is_painted_at_rest(chromium, saved, ratio):
    page = opened(chromium, saved, device_scale_factor=ratio)
    page.get_by_role("button", name="Fit", exact=True).click()
    page.wait_for_timeout(700)  # at rest, with the bitmap painted
    pan = page.evaluate(MOVING_AND_RESTING, [37.5, 80.3, 0])
    assert pan["ink"] > 0.5
    assert pan["other"] < 1e-4  # pixel on pixel
    # Near enough that the model is larger than the picture, far enough that it holds many boxes.
    page.evaluate(MOVING_AND_RESTING, [0, 0, -70])
    page.wait_for_timeout(700)
    # Further than the bitmap goes: nothing may be blank that is not blank at rest.
    for dy in (-180, 240, 240):
        moved = page.evaluate(MOVING_AND_RESTING, [0, dy, 0])
        assert moved["lost"] == 0
        assert moved["other"] < 1e-4
    out = page.evaluate(MOVING_AND_RESTING, [0, 0, 120])
    assert out["lost"] < 0.01
    page.context.close()


@pytest.mark.parametrize("width", [300, 430, 445, 460])
def test_nothing_in_the_header_moves_when_another_depth_is_chosen(chromium, saved, width):
    page = opened(chromium, saved, screen={"width": width, "height": 850})
    page.set_viewport_size({"width": width, "height": 850})
    page.wait_for_timeout(200)

    def places() -> list[list[float]]:
        return page.evaluate(
            """() => [...document.querySelectorAll(".ks-head *:not(.ks-legend *)")].map(e => {
              const { x, y, width, height } = e.getBoundingClientRect();
              return [x, y, width, height].map(n => Math.round(10 * n) / 10);
            })"""
        )

    found = []
    for depth in ("Blocks", "Layers", "All"):
        page.get_by_role("radio", name=depth, exact=True).check()
        page.wait_for_timeout(200)
        found.append(places())
    assert found[0] == found[1] == found[2] and len(found[0]) > 20
    facts = page.locator(".ks-head-facts")
    assert facts.evaluate("e => e.scrollWidth <= e.clientWidth + 1")  # nothing of it is cut off
    page.context.close()


def test_a_finger_moves_the_picture_and_two_fingers_zoom_it(chromium, saved):
    page = opened(chromium, saved, has_touch=True)
    page.wait_for_timeout(300)
    touch = page.context.new_cdp_session(page)
    box = page.locator("canvas[role=img]").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    picture = page.get_by_role("img").first

    def fingers(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": px, "y": py, "id": n} for n, (px, py) in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def in_view() -> tuple[int, int]:
        page.wait_for_timeout(400)  # until it is put in words
        label = str(picture.get_attribute("aria-label"))
        first, last = label.split("in view: ")[1].rstrip(".").split(" to ")
        number = [int("".join(filter(str.isdigit, name.split("_")[0])) or -1) for name in (first, last)]
        return number[0], number[1]

    first, last = in_view()
    assert first == -1  # the input
    fingers("touchStart", (x, y))
    for step in range(1, 9):
        fingers("touchMove", (x, y - 25 * step))
    fingers("touchEnd")
    moved = in_view()
    assert moved[0] >= 0 < moved[1] - last
    span = moved[1] - moved[0]
    fingers("touchStart", (x, y - 100), (x, y + 100))
    for step in range(1, 8):
        fingers("touchMove", (x, y - 100 + 10 * step), (x, y + 100 - 10 * step))
    fingers("touchEnd")
    pinched = in_view()
    assert pinched[1] - pinched[0] > 2 * span  # closer fingers: more is in view
    assert page.locator(".ks-cut").count() == 1  # nothing of it was a tap
    page.context.close()
