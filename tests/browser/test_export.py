"""A saved page, opened from the disk without a kernel and without a network."""

from __future__ import annotations

import re
from pathlib import Path

import keras
import pytest
from keras import layers
from playwright.sync_api import Page, expect

from browser.conftest import SHOTS
from kerassplit_widget.display.export import write_page
from kerassplit_widget.display.session import Session

HOSTILE = "<img src=x onerror=window.ranFromName=1>"


def blocks(n: int = 70) -> keras.Model:
    """A stem, n like residual blocks, a head."""
    x = keras.Input((8, 8, 3), name="image")
    y = layers.Conv2D(4, 3, padding="same", name="stem")(x)
    for i in range(n):
        z = layers.Conv2D(4, 3, padding="same", name=f"block{i}_conv")(y)
        z = layers.ReLU(name=f"block{i}_relu")(z)
        y = layers.Add(name=f"block{i}_add")([y, z])
    y = layers.GlobalAveragePooling2D(name="pool")(y)
    return keras.Model(x, layers.Dense(2, name=HOSTILE)(y), name="blocks")


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    session = Session(blocks())
    session.viewer.show("blocks")
    return write_page(tmp_path_factory.mktemp("export") / "blocks.html", session)


@pytest.fixture
def page(chromium, saved):
    context = chromium.new_context(viewport={"width": 1300, "height": 850})
    opened = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(saved.as_uri())
    yield opened
    context.close()
    assert said == []
    assert asked == [saved.as_uri()]


def options(page: Page):
    return page.get_by_role("listbox", name="Layers").get_by_role("option")


def option(page: Page, name: str):
    return options(page).and_(page.get_by_role("option", name=re.compile(rf"^{re.escape(name)}\b")))


def colours_drawn(page: Page) -> int:
    """Count the colours in the picture: one alone would be an empty canvas."""
    return page.get_by_role("img").first.evaluate(
        """canvas => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return new Set(new Uint32Array(data.buffer)).size;
        }"""
    )


def test_the_picture_is_drawn_and_the_list_filled(page):
    expect(option(page, "stem")).to_be_attached()
    assert colours_drawn(page) > 5
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(SHOTS / "page.png"))


def test_nothing_is_offered_that_needs_a_kernel(page):
    expect(option(page, "stem")).to_be_attached()
    for name in ("Split", "Verify", "Clear cuts", "Plan"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    option(page, "stem").click()
    page.keyboard.press("Enter")
    expect(option(page, "stem")).to_be_attached()
    expect(page.get_by_role("alert")).to_be_empty()


def test_a_selected_call_tells_what_would_cross(page):
    option(page, "stem").click()
    expect(page.get_by_text("1 tensor crosses").first).to_be_visible()
    page.get_by_role("radio", name="All").check()
    option(page, "block3_conv").click()
    expect(page.get_by_text("2 tensors cross").first).to_be_visible()


def test_depths_and_directions_switch(page):
    expect(option(page, "stem")).to_be_attached()
    few = options(page).count()
    assert few < 10
    page.get_by_role("radio", name="All").check()
    expect(option(page, "block0_conv")).to_be_attached()
    page.get_by_role("button", name="Draw from left to right").click()
    expect(page.get_by_role("button", name="Draw from top to bottom")).to_be_visible()
    page.get_by_role("radio", name="Blocks").check()
    expect(options(page)).to_have_count(few)
    assert colours_drawn(page) > 5


def test_a_block_opens_in_place_and_closes_again(page):
    expect(option(page, "stem")).to_be_attached()
    few = options(page).count()
    page.get_by_role("option", name=re.compile("closed")).first.click()
    page.keyboard.press("ArrowRight")
    expect(options(page)).not_to_have_count(few)
    page.keyboard.press("ArrowLeft")
    expect(options(page)).to_have_count(few)


def test_search_finds_what_is_folded(page):
    page.get_by_role("searchbox", name="Search layers").fill("block42_relu")
    page.keyboard.press("Enter")
    expect(option(page, "block42_relu")).to_have_attribute("aria-selected", "true")


def test_colours_by_work_are_there(page):
    page.get_by_label("Colour").select_option(label="FLOPs")
    expect(page.get_by_role("note", name="Legend")).to_contain_text(re.compile(r"FLOP"))


def test_a_name_that_is_html_is_text(page):
    page.get_by_role("radio", name="All").check()
    page.get_by_role("searchbox", name="Search layers").fill("onerror")
    page.keyboard.press("Enter")
    expect(page.get_by_role("option").filter(has_text=re.compile("onerror"))).to_have_count(1)
    assert page.evaluate("window.ranFromName") is None
    assert page.locator("img:not([role])").count() == 0
