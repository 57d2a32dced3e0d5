"""What is written can be read: nothing lies on anything else, nothing is cut off or out of reach."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest
from keras import layers
from playwright.sync_api import Page, expect

from kerassplit_widget.display.export import write_page
from kerassplit_widget.display.session import Session

SKIPS = 14
LONG = "global_average_pooling2d"


def wide() -> keras.Model:
    """Many skips around one call, a group with a long name, and a call whose name and class are long."""
    x = keras.Input((8, 8, 3), name="image")
    y = layers.GlobalAveragePooling2D(name=LONG)(x)
    inner = keras.Input((3,))
    z = layers.Dense(3, name="squeeze_and_excite_project_first")(inner)
    group = keras.Model(inner, layers.Dense(3, name="squeeze_and_excite_project_second")(z), name="mobile_1.00_96")
    y = group(y)
    skips = []
    for i in range(SKIPS):
        y = layers.Dense(4, name=f"a_step_with_a_name_{i}")(y)
        skips.append(y)
    y = layers.Dense(4, name="turn")(y)
    for i in reversed(range(SKIPS)):
        y = layers.Concatenate(name=f"join_{i}")([y, skips[i]])
    return keras.Model(x, y, name="wide")


# The last child stands beside or below all that is before it, and nothing is cut off.
APART = """e => {
  const [rest, last] = [e.firstElementChild, e.lastElementChild].map(one => one.getBoundingClientRect());
  const all = [e, ...e.querySelectorAll("*")].filter(one => one.clientWidth);
  const apart = rest.right <= last.left || rest.bottom <= last.top + 1;
  return apart && all.every(one => one.scrollWidth <= one.clientWidth + 1);
}"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    session = Session(wide())
    session.viewer.show("all")
    return write_page(tmp_path_factory.mktemp("texts") / "wide.html", session)


@pytest.fixture(scope="module")
def low(tmp_path_factory) -> Path:
    """A page of a model that is wider than high."""
    inputs = [keras.Input((4,), name=f"input_{i}") for i in range(5)]
    joined = layers.Concatenate(name="join")([layers.Dense(2, name=f"dense_{i}")(x) for i, x in enumerate(inputs)])
    session = Session(keras.Model(inputs, layers.Dense(1, name="last")(joined), name="low"))
    return write_page(tmp_path_factory.mktemp("low") / "low.html", session)


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> Path:
    """A page of calls with names of all lengths and shapes that take room."""
    y = x = keras.Input((64, 64, 3), name="x")
    for i in range(4, 44, 2):
        y = layers.Conv2D(128, 1, name="separable_conv_1_pad_reduction_left1_stem_1_"[-i:].strip("_") + f"_{i}")(y)
    return write_page(tmp_path_factory.mktemp("rows") / "rows.html", Session(keras.Model(x, y, name="rows")))


@pytest.fixture
def page(chromium, saved):
    context = chromium.new_context(viewport={"width": 1200, "height": 640}, has_touch=True)
    opened = context.new_page()
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.goto(saved.as_uri())
    yield opened
    context.close()
    assert said == []


def select(page: Page, name: str) -> None:
    search = page.get_by_role("searchbox", name="Search layers")
    search.fill(name)
    search.press("Enter")
    page.keyboard.press("Escape")


def within(page: Page, inner: str, outer: str) -> bool:
    a, b = (page.locator(each).bounding_box() for each in (inner, outer))
    return b["y"] <= a["y"] and a["y"] + a["height"] <= b["y"] + b["height"] + 1


def test_the_heading_has_all_of_the_name_and_the_class_beside_or_below_it(page):
    for name, kind in ((LONG, "GlobalAveragePooling2D"), ("mobile_1.00_96/squeeze_and_excite_project_second", "Dense")):
        select(page, name)
        heading = page.locator(".ks-what")
        expect(heading).to_have_text(name + kind)
        assert heading.evaluate(APART), name


def test_the_buttons_stay_in_view_when_much_crosses(page):
    select(page, "turn")
    expect(page.locator(".ks-crossing li").nth(7)).to_be_attached()
    pages = page.locator(".ks-pages")
    page.set_viewport_size({"width": 1200, "height": 500})
    page.locator(".ks-root").evaluate("e => e.style.setProperty('--ks-height', '260px')")
    assert pages.evaluate("e => e.scrollHeight > e.clientHeight + 20"), "more is said than there is room for"
    for top in (0, 40, 10_000):
        pages.evaluate("(e, top) => { e.scrollTop = top; }", top)
        assert within(page, ".ks-inspect .ks-actions", ".ks-pages")
    expect(page.locator(".ks-inspect .ks-sentence")).to_contain_text(f"{SKIPS + 1} tensors cross here")


def test_rows_of_a_group_show_what_tells_them_apart(page):
    name = "mobile_1.00_96/squeeze_and_excite_project_second"
    row = page.get_by_role("option", name=name)
    expect(row).to_have_attribute("aria-label", f"{name}, Dense, 3, one tensor crosses here, in mobile_1.00_96")
    expect(row).to_have_text(name)
    seen = row.locator(".ks-name")
    # As much as there is room for, without a hole, and more in a wide window.
    for width in (1200, 1900, 1000):
        page.set_viewport_size({"width": width, "height": 640})
        page.wait_for_timeout(300)
        shown = seen.get_attribute("data-seen")
        assert shown.startswith("squeeze") and name.endswith(shown.split("…")[-1])
        assert seen.evaluate("e => e.scrollWidth <= e.clientWidth")
        if "…" in shown:
            assert shown.endswith("second")
    page.set_viewport_size({"width": 1900, "height": 640})
    page.wait_for_timeout(300)
    assert seen.get_attribute("data-seen") == "squeeze_and_excite_project_second"


# What is seen of the shape of a row: "cut" is neither all nor nothing.
SHAPE = """option => {
  const [name, shape] = [".ks-name", ".ks-shape"].map(each => option.querySelector(each));
  const [row, first, last] = [option, name, shape].map(each => each.getBoundingClientRect());
  if (last.top >= row.bottom) return name.dataset.seen ? "squeezed" : "none";
  const beside = first.right < last.left && last.right < row.right - 10 && last.bottom <= row.bottom;
  return beside && shape.scrollWidth <= last.width + 1 && !name.dataset.seen ? "whole" : "cut";
}"""


@pytest.mark.parametrize("width", [420, 760, 1200, 1900])
def test_a_shape_stands_whole_beside_its_name_or_not_at_all(page, rows, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(rows.as_uri())
    options = page.locator(".ks-option")
    expect(options).to_have_count(21)
    seen = []
    for option in options.all():
        option.scroll_into_view_if_needed()
        page.wait_for_timeout(60)
        seen.append(option.evaluate(SHAPE))
    assert seen.count("whole") > 5
    # Names get longer: first the shape goes, and then the middle of the name.
    assert seen == sorted(seen, key=["whole", "none", "squeezed"].index), seen
    assert ("squeezed" in seen) == (width in (760, 1200)), seen


def test_clear_cuts_stands_on_the_line_of_the_tabs(page):
    bases = page.evaluate("""() => {
      document.querySelector(".ks-quiet").hidden = false;
      return [...document.querySelectorAll(".ks-tab:not([hidden]), .ks-quiet")].map(each => {
        const range = document.createRange();
        range.selectNodeContents(each);
        return range.getBoundingClientRect().bottom;
      });
    }""")
    assert len(bases) == 3 and max(bases) - min(bases) < 0.6, bases
    # The line of the chosen tab still lies on that below the row.
    ends = page.evaluate(
        "['.ks-tabs', '.ks-panel-top'].map(each => document.querySelector(each).getBoundingClientRect().bottom)"
    )
    assert abs(ends[0] - ends[1]) <= 1.1, ends


@pytest.mark.parametrize("width", [420, 1200])
def test_the_help_leaves_its_button_free_and_goes_with_a_tap(page, width):
    page.set_viewport_size({"width": width, "height": 1200})
    page.wait_for_timeout(200)
    button = page.get_by_role("button", name="Keys", exact=True)
    keys = page.get_by_role("region", name="Keys")
    for x, y in ((0.5, 0.02), (0.5, 0.3), (0.5, 0.9), (0.99, 0.99)):  # the last ones are beside it
        button.tap()
        expect(keys).to_be_visible()
        assert within(page, ".ks-keys", "html")
        page.touchscreen.tap(width * x, 1200 * y)
        expect(keys).to_be_hidden()
    button.tap()
    expect(keys).to_be_visible()
    button.tap()
    expect(keys).to_be_hidden()


@pytest.mark.parametrize(("width", "least", "most"), [(420, 8.9, 12.0), (760, 8.9, 12.0), (1200, 6.0, 8.9)])
def test_names_are_nine_pixels_high_when_opened_or_all_are_in_view(page, low, width, least, most):
    page.add_init_script(
        "const { fillText } = CanvasRenderingContext2D.prototype; window.sizes = []; window.names = new Set();"
        "CanvasRenderingContext2D.prototype.fillText = function (text, ...more) {"
        "  if (/^input_/.test(text)) names.add(text);"
        "  if (/^input_2$/.test(text)) {"
        "    sizes.push(parseFloat(/([\\d.]+)px/.exec(this.font)[1]) * this.getTransform().a / devicePixelRatio);"
        "  }"
        "  return fillText.call(this, text, ...more); };"
    )
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(low.as_uri())
    page.wait_for_function("window.sizes.length > 0")
    assert least <= page.evaluate("Math.min(...window.sizes)") <= most
    drawn = sorted(page.evaluate("[...window.names]"))
    assert (drawn == [f"input_{i}" for i in range(5)]) == (most < 9), drawn
