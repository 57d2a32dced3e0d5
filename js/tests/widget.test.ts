import { describe, expect, it, vi } from "vitest";
import { cutAfterStem, FakeModel, NAMES, placedNothing, placedStem } from "./fixture";
import { at, drawn, open, setUp } from "./page";

setUp();

describe("the header and the list", () => {
  it("names the model and every call, in order", () => {
    const view = open();
    expect(view.$(".ks-title").textContent).toBe("toy");
    expect(view.$(".ks-head-facts").textContent).toBe("6 calls · 25.6 M parameters · 3.9 GMACs");
    expect(view.list.getAttribute("role")).toBe("listbox");
    expect(view.list.getAttribute("aria-label")).toBe("Layers");
    const labels = view.options().map((option) => option.getAttribute("aria-label")!);
    expect(labels.map((label) => label.split(", ")[0])).toEqual(NAMES);
    expect(labels[1]).toBe(
      "stem, Conv2D, 56×56×256, shares weights with head, one tensor crosses here",
    );
  });

  it("is walked with the keyboard", () => {
    const { list, key, active, model, options } = open();
    key(list, "ArrowDown");
    expect(active()).toBe(options()[0]);
    expect(model.get("selection")).toBe("image");
    expect(model.saved).toHaveBeenCalledTimes(1);
    key(list, "ArrowDown");
    key(list, "ArrowDown");
    expect(model.get("selection")).toBe("left");
    expect(options().filter((each) => each.getAttribute("aria-selected") === "true").length).toBe(
      1,
    );
    key(list, "End");
    expect(model.get("selection")).toBe("head");
    key(list, "ArrowDown");
    expect(model.get("selection")).toBe("head");
    key(list, "PageUp");
    expect(model.get("selection")).toBe("image");
    key(list, "PageDown");
    expect(model.get("selection")).toBe("head");
    key(list, "Home");
    expect(model.get("selection")).toBe("image");
    key(list, "a");
    key(list, "d");
    expect(model.get("selection")).toBe("add");
  });

  it("toggles a cut with Enter and leaves other shortcuts alone", () => {
    const { list, key, model } = open();
    key(list, "Enter");
    expect(model.sent).toEqual([]);
    key(list, "ArrowDown");
    key(list, "ArrowDown");
    expect(key(list, "Enter")).toBe(false);
    expect(model.request("toggle")).toMatchObject({ kind: "toggle", call: "stem" });
    expect(key(list, "s", { ctrlKey: true })).toBe(true);
  });

  it("follows the selection that Python sets", () => {
    const { model, active } = open(new FakeModel({ selection: "add" }));
    expect(active()?.dataset.call).toBe("4");
    model.set("selection", "right");
    expect(active()?.dataset.call).toBe("3");
    model.set("selection", "no such call");
    expect(active()).toBeNull();
  });

  it("shows placed cuts and parts", () => {
    const { options, model } = open(new FakeModel({ _placed: placedStem }));
    expect(options().map((each) => each.classList.contains("ks-cut"))).toEqual([
      false,
      true,
      false,
      false,
      false,
      false,
    ]);
    expect(options()[1].getAttribute("aria-label")).toMatch(/^stem, .*cut after this call$/);
    expect(options()[1].style.getPropertyValue("--ks-part")).toMatch(/^rgb/);
    model.set("_placed", placedNothing);
    expect(options()[1].classList.contains("ks-cut")).toBe(false);
    expect(options()[1].style.getPropertyValue("--ks-part")).toBe("transparent");
  });
});

describe("the picture", () => {
  it("says in words what it shows", () => {
    const { canvas } = open();
    vi.advanceTimersByTime(250);
    expect(canvas.getAttribute("role")).toBe("img");
    expect(canvas.getAttribute("aria-label")).toBe(
      "toy: a drawing of 6 calls from top to bottom; 2 places where one tensor crosses; 0 cuts; in view: image to head.",
    );
  });

  it("toggles on a click, not on a drag", async () => {
    const { click, pointer, model } = open();
    pointer("pointerdown", ...at(1));
    pointer("pointermove", at(1)[0] + 30, at(1)[1]);
    pointer("pointerup", at(1)[0] + 30, at(1)[1]);
    expect(model.sent.filter((each) => each.kind === "toggle")).toEqual([]);
    // The drag moved the picture by 30 pixels.
    click(at(4)[0] + 30, at(4)[1]);
    expect(model.request("toggle")).toMatchObject({ call: "add" });
    expect(model.get("selection")).toBe("add");
  });

  it("removes a placed cut on a click on its line", () => {
    const { click, model } = open(new FakeModel({ _placed: placedStem }));
    const y = (at(1)[1] + at(2)[1]) / 2; // half way: stem ends at 102, the next row begins at 132
    click(30, y);
    expect(model.request("remove")).toMatchObject({ index: 0 });
  });

  it("leaves the plain wheel to the notebook", () => {
    const { canvas } = open();
    const wheel = (init: WheelEventInit) => {
      const event = new WheelEvent("wheel", { deltaY: 40, cancelable: true, ...init });
      canvas.dispatchEvent(event);
      return event.defaultPrevented;
    };
    expect(wheel({})).toBe(false);
    expect(wheel({ ctrlKey: true })).toBe(true);
    expect(wheel({ metaKey: true })).toBe(true);
    expect(wheel({ shiftKey: true })).toBe(true);
  });

  it("draws in one frame, and only when something changed", () => {
    const { model } = open();
    vi.advanceTimersByTime(500);
    drawn.calls.length = 0;
    vi.advanceTimersByTime(1000);
    expect(drawn.calls).toEqual([]);
    model.set("_placed", placedStem);
    vi.advanceTimersByTime(50);
    expect(drawn.calls.filter((call) => call.args[0] === "part_2").length).toBe(1);
  });
});

describe("looking at cuts", () => {
  const preview = (extra = {}) => ({ cut: { ...cutAfterStem, removes: false, ...extra } });

  it("asks a moment after pointing, and only for the latest", async () => {
    const { pointer, model, $, el } = open();
    pointer("pointermove", ...at(2));
    vi.advanceTimersByTime(30);
    pointer("pointermove", ...at(1));
    // What is known here is there at once.
    expect($(".ks-inspect").textContent).toContain("stem");
    const facts = [...el.querySelectorAll(".ks-facts")].map((each) => each.textContent);
    expect(facts).toEqual([
      "9.5 k parameters",
      "56×56×256 · float32 · 3.1 MB",
      "tied weights shared with head",
    ]);
    vi.advanceTimersByTime(100);
    const asked = model.sent.filter((each) => each.kind === "preview");
    expect(asked.map((each) => each.call)).toEqual(["stem"]);
    await model.answer(asked[0], preview());
    expect($(".ks-sentence").textContent).toBe("One tensor crosses after stem.");
  });

  it("does not show an answer that comes too late, but keeps it", async () => {
    const { pointer, model, $ } = open();
    pointer("pointermove", ...at(1));
    vi.advanceTimersByTime(100);
    const stem = model.request("preview");
    pointer("pointermove", ...at(4));
    vi.advanceTimersByTime(100);
    const add = model.request("preview");
    await model.answer(add, preview({ points: ["add"], sentence: "About add." }));
    await model.answer(stem, preview());
    expect($(".ks-sentence").textContent).toBe("About add.");
    pointer("pointermove", ...at(1));
    expect($(".ks-sentence").textContent).toBe("One tensor crosses after stem.");
    vi.advanceTimersByTime(100);
    expect(model.sent.filter((each) => each.kind === "preview").length).toBe(2);
  });

  it("asks again when the cuts have changed", async () => {
    const { pointer, model, button } = open();
    pointer("pointermove", ...at(1));
    vi.advanceTimersByTime(100);
    await model.answer(model.request("preview"), preview());
    expect(button("Cut here").hidden).toBe(false);
    model.set("_placed", placedStem);
    vi.advanceTimersByTime(100);
    expect(model.sent.filter((each) => each.kind === "preview").length).toBe(2);
    await model.answer(model.request("preview"), preview({ removes: true }));
    expect(button("Remove cut").hidden).toBe(false);
  });

  it("forgets an answer to a question about cuts that are gone", async () => {
    const { pointer, model, $ } = open();
    pointer("pointermove", ...at(1));
    vi.advanceTimersByTime(100);
    const old = model.request("preview");
    model.set("_placed", placedStem);
    await model.answer(old, preview({ sentence: "Old." }));
    expect($(".ks-sentence").textContent).not.toBe("Old.");
  });

  it("shows Python's reason when there is no cut to show", async () => {
    const { list, key, model, $, button } = open();
    key(list, "Home");
    vi.advanceTimersByTime(100);
    await model.answer(model.request("preview"), { cut: null, sentence: "image is an input." });
    expect($(".ks-sentence").textContent).toBe("image is an input.");
    expect(button("Cut here").getAttribute("aria-disabled")).toBe("true");
  });

  it("shows why there can be no cut", async () => {
    const { list, key, model, $, button } = open();
    key(list, "End");
    vi.advanceTimersByTime(100);
    await model.answer(model.request("preview"), { ok: false, error: "Nothing comes after head." });
    expect($(".ks-sentence").textContent).toBe("Nothing comes after head.");
    expect(button("Cut here").getAttribute("aria-disabled")).toBe("true");
  });
});
