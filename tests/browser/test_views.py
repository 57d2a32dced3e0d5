"""Looking around: folds, depth, colours, search, the strip, and the plan that follows a slider."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.seeing import show

ONLY_LAB = True

LAB = pytest.mark.parametrize("server", ["lab"], indirect=True)

# Moves the slider as a person does and measures until the answer is on the screen.
SLIDE = """async ([slider, answer, step]) => {
  const start = performance.now();
  const answered = new Promise((done, fail) => {
    setTimeout(() => fail(new Error("the plan does not follow the slider")), 30000);
    new MutationObserver((_, observer) => {
      observer.disconnect();
      requestAnimationFrame(() => done(performance.now() - start));
    }).observe(answer, { childList: true });
  });
  slider.value = step;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  return await answered;
}"""


def frame_on_screen(seen, fold):
    """Left, top, right, bottom of an open fold in pixels of the page."""
    rects = dict(map(tuple, seen.notebook.ask("[[f['id'], f['rect']] for f in w._view['frames']]")))
    camera, at = seen.camera(), seen.canvas.bounding_box()
    left, top, right, bottom = rects[fold]

    def across(x):
        return at["x"] + (x - camera["x"]) * camera["scale"]

    def down(y):
        return at["y"] + (y - camera["y"]) * camera["scale"]

    return across(left), down(top), across(right), down(bottom)


def handle(seen, offset=0):
    """The place of the first cut's handle on the strip: the pointer shows that it can be dragged."""
    strip = seen.root.locator("canvas.ks-strip")
    box = strip.bounding_box()
    x = box["x"] + box["width"] / 2
    for y in range(int(box["y"]) + 4, int(box["y"] + box["height"]) - 4, 2):
        seen.page.mouse.move(x, y)
        if strip.evaluate("e => e.style.cursor") == "ns-resize":
            return x, y + 4
    raise AssertionError("there is no handle on the strip")


@LAB
def test_a_block_opens_in_place_and_is_found_painted_and_dragged(notebook, shots):
    page = notebook.page
    seen = show(notebook, "ResNet50")
    everything = seen.listbox.get_by_role("option").count()
    assert everything == 177
    seen.show_depth("Blocks")
    assert seen.listbox.get_by_role("option").count() <= 20
    seen.select("conv3_block4_out")
    (fold,) = notebook.ask("[w._view['boxes']['id'][w._view['box_of'][w.graph.number['conv3_block4_out']]]]")

    # The "+" of a fold: what lies under the mouse stays there, and so does the selection.
    x, y, width, height = seen.box("conv3_block4_out")
    mouse = x + width / 2 - 15 * seen.camera()["scale"], y
    share = [(mouse[0] - (x - width / 2)) / width, (mouse[1] - (y - height / 2)) / height]
    page.mouse.click(*mouse)
    seen.eventually("opened", [fold])
    left, top, right, bottom = frame_on_screen(seen, fold)
    there = left + share[0] * (right - left), top + share[1] * (bottom - top)
    assert abs(there[0] - mouse[0]) <= 2 and abs(there[1] - mouse[1]) <= 2, (there, mouse)
    assert seen.ask("selection") == "conv3_block4_out" and seen.ask("cuts") == []
    expect(seen.option("conv3_block4")).to_have_attribute("aria-selected", "true")
    seen.shot(str(shots / "views-opened.png"))

    # The "−" on its outline closes it again, in its place.
    scale = seen.camera()["scale"]
    page.mouse.click(left + 18 * scale, top)
    seen.eventually("opened", [])
    after = seen.box("conv3_block4_out")
    assert left - 2 <= after[0] <= right + 2 and top - 2 <= after[1] <= bottom + 2, (after, top, bottom)
    assert seen.ask("selection") == "conv3_block4_out"

    # Search by class and by shape counts what is there, also inside closed blocks.
    count = "sum({} for c in w.graph.names)"
    convolutions = notebook.ask(count.format("w.graph[c].kind == 'Conv2D'"))
    assert convolutions == 53
    seen.search.fill("Conv2D")
    expect(seen.listbox.get_by_role("option")).to_have_count(convolutions)
    seen.search.fill("14x14x1024")
    expect(seen.listbox.get_by_role("option").first).to_have_accessible_name("conv4_block1_3_conv, Conv2D, 14×14×1024")
    shaped = notebook.ask(count.format("w.graph[c].outputs[0].shape[1:] == (14, 14, 1024)"))
    assert shaped == seen.listbox.get_by_role("option").count()
    seen.search.fill("no such layer")
    expect(seen.listbox.get_by_role("option")).to_have_count(0)
    seen.search.fill("")

    # Each colour has a legend.
    legend = seen.root.get_by_role("note", name="Legend")
    expect(legend).to_contain_text("convolution")
    for colour in ("Parameters", "FLOPs", "Activation bytes"):
        before = seen.canvas.screenshot()
        told = legend.inner_text()
        seen.root.get_by_role("combobox", name="Colour").select_option(label=colour)
        expect(legend).not_to_have_text(told)
        expect(legend).not_to_have_text("not known")
        seen.rest()
        assert seen.canvas.screenshot() != before, colour
    seen.shot(str(shots / "views-colour.png"))
    seen.root.get_by_role("combobox", name="Colour").select_option(label="Class")

    # The strip: the frame of what is seen, and the handle of a cut.
    seen.show_depth("All")
    strip = seen.root.locator("canvas.ks-strip").bounding_box()
    middle = strip["x"] + strip["width"] / 2
    tops = []
    for part in (0.2, 0.5, 0.8):
        page.mouse.click(middle, strip["y"] + part * strip["height"])
        tops.append(seen.camera()["y"])
    assert tops == sorted(tops) and tops[2] > tops[0] + 1000, tops
    page.mouse.move(middle, strip["y"] + 0.8 * strip["height"])
    page.mouse.down()
    page.mouse.move(middle, strip["y"] + 0.6 * strip["height"], steps=5)
    page.mouse.up()
    assert tops[1] < seen.camera()["y"] < tops[2]

    seen.select("conv3_block4_out")
    seen.listbox.focus()
    page.keyboard.press("Enter")
    seen.eventually("cuts", [["conv3_block4_out"]])
    x, y = handle(seen)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, strip["y"] + 0.75 * strip["height"], steps=8)
    page.mouse.up()
    notebook.eventually("w.cuts != [['conv3_block4_out']]", True)
    (points,) = seen.ask("cuts")
    assert notebook.ask(f"w.graph.number[{points[0]!r}] > w.graph.number['conv3_block4_out']")
    assert notebook.ask(f"ks.cut_at(model, *{points!r}).is_candidate"), "dragged to where one tensor crosses"
    # It is in view where it was dropped, and its call is selected.
    assert [seen.ask("selection")] == points
    picture, box = seen.canvas.bounding_box(), seen.box(points[0])
    assert picture["y"] < box[1] + box[3] / 2 + 10 < picture["y"] + picture["height"]
    seen.button("Undo").click()
    seen.eventually("cuts", [["conv3_block4_out"]])


@LAB
def test_the_plan_follows_the_slider(notebook, shots, record_property):
    seen = show(notebook, "MobileNetV2")
    seen.tab("Plan").click()
    seen.root.get_by_role("combobox", name="Objective").select_option(label="Lowest latency")
    seen.button("Plan").click()
    expect(seen.root.get_by_role("table")).to_be_visible()
    seen.rest()
    slider = seen.root.get_by_role("slider", name="Bandwidth")
    answer = seen.root.locator(".ks-plan-answer")
    took, cuts = {}, set()
    for step in (300, 70, 248, 270, 350, 560, 210, 301):
        took[step] = seen.page.evaluate(SLIDE, [slider.element_handle(), answer.element_handle(), str(step)])
        cuts.add(str(seen.ask("cuts")))
    print({step: round(milliseconds) for step, milliseconds in took.items()}, cuts)
    record_property("milliseconds", took)
    assert len(cuts) >= 3, "what is best depends on the bandwidth"
    assert sorted(took.values())[len(took) // 2] < 1000, took
    assert slider.get_attribute("aria-valuetext").endswith("B/s")
    seen.shot(str(shots / "views-plan.png"))
    # Of a slider's many steps undo takes back all at once.
    seen.button("Undo").click()
    seen.eventually("cuts", [])


@LAB
def test_cancel_stops_work_that_takes_long(notebook, shots):
    seen = show(notebook, "slow", "cuts=['slow_3']")
    seen.button("Split").click()
    notebook.eventually("'part_2' in globals()", True)
    expect(seen.button("Cancel")).to_be_hidden()
    seen.button("Verify").click()
    expect(seen.button("Cancel")).to_be_visible()
    expect(seen.root.get_by_role("progressbar")).to_be_visible()
    # The kernel works beside the notebook: it goes on answering.
    seen.select("slow_5")
    seen.tab("Inspect").click()
    expect(seen.inspect).to_contain_text("1 tensor crosses after slow_5")
    seen.shot(str(shots / "views-busy.png"))
    seen.button("Cancel").click()
    expect(seen.button("Stopping…")).to_have_attribute("aria-disabled", "true")
    expect(seen.button("Stopping…")).to_be_hidden()
    assert seen.ask("_result").get("verification") is None
    expect(seen.root.get_by_role("alert")).to_contain_text("Stopped")
    seen.shot(str(shots / "views-cancelled.png"))
