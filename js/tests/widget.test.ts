import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PATIENCE } from "../src/protocol";
import widget from "../src/widget";
import {
  cutAfterStem,
  FakeModel,
  NAMES,
  payload,
  placedNothing,
  placedStem,
  recorder,
} from "./fixture";

const WIDTH = 500;
const HEIGHT = 320;

/** One view, with the canvas recorded and sizes as a page would have them. */
function open(model = new FakeModel()) {
  const el = document.createElement("div");
  document.body.append(el);
  const close = widget.render({ model, el });
  const $ = <T extends HTMLElement>(selector: string) => el.querySelector<T>(selector)!;
  const button = (name: string) =>
    [...el.querySelectorAll("button")].find(
      (each) => (each.getAttribute("aria-label") ?? each.textContent) === name,
    )!;
  const list = $(".ks-list");
  const options = () => [...list.querySelectorAll<HTMLElement>("[role=option]")];
  const shown = () => options().filter((option) => !option.hidden);
  const active = () => document.getElementById(list.getAttribute("aria-activedescendant") ?? "");
  const key = (target: HTMLElement, name: string, more: KeyboardEventInit = {}) =>
    target.dispatchEvent(
      new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true, ...more }),
    );
  const canvas = $<HTMLCanvasElement>(".ks-picture");
  const pointer = (type: string, x: number, y: number) =>
    canvas.dispatchEvent(
      Object.assign(new MouseEvent(type, { clientX: x, clientY: y, button: 0, bubbles: true }), {
        pointerId: 1,
        pointerType: "mouse",
      }),
    );
  const click = (x: number, y: number) => {
    pointer("pointerdown", x, y);
    pointer("pointerup", x, y);
  };
  return { el, model, close, $, button, list, options, shown, active, key, canvas, pointer, click };
}

let drawn: ReturnType<typeof recorder>;

beforeEach(() => {
  vi.useFakeTimers();
  drawn = recorder();
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockImplementation(
    (() => drawn.context) as never,
  );
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(WIDTH);
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(HEIGHT);
});
afterEach(() => {
  document.body.replaceChildren();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Where the picture shows a call: the toy fits and is centred (see camera.test.ts). */
function at(call: number): [number, number] {
  const scale = (HEIGHT - 40) / 300;
  const x = [0, 0, -87, 87, 0, 0][call];
  const y = [18, 84, 150, 150, 216, 282][call];
  return [WIDTH / 2 + (x - 19) * scale, HEIGHT / 2 + (y - 150) * scale];
}

describe("the header and the list", () => {
  it("names the model and every call, in order", () => {
    const view = open();
    expect(view.$(".ks-title").textContent).toBe("toy");
    expect(view.$(".ks-head-facts").textContent).toBe("6 calls · 25.6 M parameters");
    expect(view.list.getAttribute("role")).toBe("listbox");
    expect(view.list.getAttribute("aria-label")).toBe("Layers");
    const labels = view.options().map((option) => option.getAttribute("aria-label")!);
    expect(labels.map((label) => label.split(", ")[0])).toEqual(NAMES);
    expect(labels[1]).toBe("stem, Conv2D, 56×56×256, one tensor crosses here");
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

  it("is filtered by the search box", () => {
    const { $, shown, key, model, list } = open();
    const search = $<HTMLInputElement>("[aria-label='Search layers']");
    const type = (text: string) => {
      search.value = text;
      search.dispatchEvent(new Event("input"));
    };
    type("HE");
    expect(shown().map((option) => option.textContent)).toEqual(["head56×56×256"]);
    type("conv");
    expect(shown().length).toBe(3); // by class
    key(search, "Enter");
    expect(model.get("selection")).toBe("stem");
    expect(document.activeElement).toBe(list);
    key(list, "ArrowDown");
    key(list, "ArrowDown");
    expect(model.get("selection")).toBe("head"); // skips what is filtered away
    key(list, "Escape");
    expect([search.value, shown().length]).toEqual(["", 6]);
    type("zzz");
    expect($(".ks-empty").hidden).toBe(false);
    key(search, "Escape");
    expect(search.value).toBe("");
    expect(shown().length).toBe(6);
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
    const { pointer, model, $ } = open();
    pointer("pointermove", ...at(2));
    vi.advanceTimersByTime(30);
    pointer("pointermove", ...at(1));
    // What is known here is there at once.
    expect($(".ks-inspect").textContent).toContain("stem");
    expect($(".ks-facts").textContent).toBe("56×56×256 · float32 · 9.5 k parameters");
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
    expect(model.sent.length).toBe(2);
  });

  it("asks again when the cuts have changed", async () => {
    const { pointer, model, button } = open();
    pointer("pointermove", ...at(1));
    vi.advanceTimersByTime(100);
    await model.answer(model.request("preview"), preview());
    expect(button("Cut here").hidden).toBe(false);
    model.set("_placed", placedStem);
    vi.advanceTimersByTime(100);
    expect(model.sent.length).toBe(2);
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

describe("acting", () => {
  const withCut = (traits = {}) => open(new FakeModel({ _placed: placedStem, ...traits }));

  it("splits, under the names in the field, and shows the code", async () => {
    const { button, model, $ } = withCut();
    const field = $<HTMLInputElement>("[aria-label='Variable names']");
    expect(field.value).toBe("part_1, part_2");
    field.value = "encoder, decoder";
    field.dispatchEvent(new Event("input"));
    button("Split").click();
    expect(model.get("variable_names")).toBe("encoder, decoder");
    expect(model.request("split").names).toBe("encoder, decoder");
    expect(button("Split").getAttribute("aria-busy")).toBe("true");
    button("Split").click();
    expect(model.sent.filter((each) => each.kind === "split").length).toBe(1);
    model.set("_result", {
      code: "encoder, decoder = ks.split(…)",
      variables: [],
      verification: null,
    });
    model.set("status", "encoder and decoder are in your notebook.");
    await model.answer(model.request("split"));
    expect(button("Split").hasAttribute("aria-busy")).toBe(false);
    expect($(".ks-code").textContent).toBe("encoder, decoder = ks.split(…)");
    expect($("[role=status]").textContent).toBe("encoder and decoder are in your notebook.");
  });

  it("shows the rows of a verification", () => {
    const { model, el } = withCut();
    model.set("_result", {
      code: "",
      variables: [],
      verification: {
        ok: false,
        sentence: "One check failed.",
        rows: [
          ["outputs", true, "max difference 0"],
          ["saved", false, "2e-3"],
        ],
      },
    });
    const rows = [...el.querySelectorAll(".ks-check")].map((row) => row.textContent);
    expect(rows).toEqual([
      "✕failed: One check failed.",
      "✓passed: outputsmax difference 0",
      "✕failed: saved2e-3",
    ]);
  });

  it("shows progress, and hides it at the end", async () => {
    const { button, model, $ } = withCut();
    button("Verify").click();
    const { id } = model.request("verify");
    model.fire("msg:custom", { kind: "progress", id, done: 1, total: 3, what: "Comparing" });
    const bar = $<HTMLProgressElement>("progress");
    expect([bar.hidden, bar.value, bar.max]).toEqual([false, 1, 3]);
    expect($("[role=status]").textContent).toBe("Comparing (1 of 3)");
    await model.answer({ id });
    expect(bar.hidden).toBe(true);
    expect($("[role=status]").textContent).toMatch(/^toy/);
  });

  it("shows an error as an alert, until it is over", async () => {
    const { button, model, $ } = withCut();
    button("Split").click();
    await model.answer(model.request("split"), { ok: false, error: "part_1 exists: press again." });
    expect($("[role=alert]").textContent).toBe("part_1 exists: press again.");
    expect($("[role=status]").textContent).toBe("");
    button("Split").click();
    model.set("status", "Done.");
    await model.answer(model.request("split"));
    expect($("[role=alert]").textContent).toBe("");
    model.set("last_error", "It went wrong.");
    expect($("[role=alert]").textContent).toBe("It went wrong.");
  });

  it("says that the kernel is busy, and stops saying so", async () => {
    const { button, model, $ } = withCut();
    button("Split").click();
    vi.advanceTimersByTime(PATIENCE);
    expect($("[role=status]").textContent).toMatch(/^No answer from the kernel yet/);
    await model.answer(model.request("split"));
    expect($("[role=status]").textContent).toMatch(/^toy/);
  });

  it("says that the kernel is gone, and the picture stays", async () => {
    const { model, button, list, key, $ } = withCut();
    model.send = () => {
      throw new Error("the comm is closed");
    };
    model.fire("comm_live_update");
    await vi.advanceTimersByTimeAsync(1);
    expect($("[role=status]").textContent).toMatch(/kernel of this picture is gone/);
    expect(button("Split").getAttribute("aria-disabled")).toBe("true");
    expect(button("Split").title).toMatch(/gone/);
    key(list, "ArrowDown");
    vi.advanceTimersByTime(100);
    expect($(".ks-inspect").textContent).toContain("image");
    button("Split").click();
    expect(model.sent).toEqual([]);
  });

  it("trusts a host that marks the view as disconnected", () => {
    const { el, model, button, list, key } = withCut();
    el.classList.add("jupyter-widgets-disconnected");
    button("Split").click();
    key(list, "ArrowDown");
    vi.advanceTimersByTime(100);
    expect(model.sent).toEqual([]);
    expect(button("Split").getAttribute("aria-disabled")).toBe("true");
  });

  it("takes the connection for gone only when the latest question has no answer", async () => {
    const { model, $ } = withCut();
    model.fire("comm_live_update");
    await vi.advanceTimersByTimeAsync(100);
    model.fire("comm_live_update"); // again, before the first was answered
    await vi.advanceTimersByTimeAsync(1);
    expect($("[role=status]").textContent).not.toMatch(/gone/);
    await model.answer(model.request("code"), { code: "" });
    await vi.advanceTimersByTimeAsync(4000);
    expect($("[role=status]").textContent).not.toMatch(/gone/);
  });

  it("stops waiting when the kernel goes away, and notices when one is there again", async () => {
    const { model, button, $ } = withCut();
    button("Verify").click();
    const { id } = model.request("verify");
    model.fire("msg:custom", { kind: "progress", id, done: 1, total: 3, what: "Comparing" });
    model.fire("comm_live_update");
    await vi.advanceTimersByTimeAsync(1);
    expect($<HTMLProgressElement>("progress").hidden).toBe(true);
    expect(button("Verify").hasAttribute("aria-busy")).toBe(false);
    expect($("[role=status]").textContent).not.toMatch(/gone/);
    await vi.advanceTimersByTimeAsync(4000); // nobody answers
    expect($("[role=status]").textContent).toMatch(/gone/);
    model.fire("comm_live_update");
    await vi.advanceTimersByTimeAsync(1);
    await model.answer(model.request("code"), { code: "" });
    await vi.advanceTimersByTimeAsync(1);
    expect($("[role=status]").textContent).toMatch(/^toy/);
    expect(button("Split").hasAttribute("aria-disabled")).toBe(false);
  });

  it("undoes with the button and the keyboard, and clears", () => {
    const { button, model, list, key } = withCut();
    button("Undo").click();
    button("Redo").click(); // nothing to redo
    key(list, "z", { ctrlKey: true });
    button("Clear cuts").click();
    expect(model.sent.map((each) => each.kind)).toEqual(["undo", "undo", "clear"]);
  });

  it("copies the code, or selects it when the clipboard is not allowed", async () => {
    const { button, model, $ } = withCut();
    const writeText = vi.fn().mockResolvedValue(undefined);
    vi.stubGlobal("navigator", { clipboard: { writeText } });
    button("Copy code").click();
    await model.answer(model.request("code"), { code: "split = 1" });
    await vi.advanceTimersByTimeAsync(0);
    expect(writeText).toHaveBeenCalledWith("split = 1");
    expect(button("Copied")).toBeDefined();
    vi.advanceTimersByTime(2000);
    writeText.mockRejectedValue(new Error("not allowed"));
    button("Copy code").click();
    await model.answer(model.request("code"), { code: "split = 2" });
    await vi.advanceTimersByTimeAsync(0);
    expect(window.getSelection()?.toString()).toBe("split = 2");
    expect($("[role=status]").textContent).toMatch(/press Ctrl\+C/);
    vi.unstubAllGlobals();
  });
});

describe("safety", () => {
  it("shows names as text, whatever is in them", () => {
    const evil = "<img src=x onerror=alert(1)>";
    const raw = payload((each) => {
      each.calls.name[1] = evil;
      each.kinds[1] = "<b>Conv</b>";
    });
    const { el, options, list, key, model } = open(
      new FakeModel({ _picture: raw, last_error: evil, variable_names: evil }),
    );
    key(list, "ArrowDown");
    key(list, "ArrowDown");
    model.set("_result", { code: evil, verification: { ok: true, sentence: evil, rows: [] } });
    expect(options()[1].textContent).toContain(evil);
    expect(el.querySelector("img, b")).toBeNull();
    expect(model.get("selection")).toBe(evil);
  });

  it("never writes markup", () => {
    const folder = resolve(import.meta.dirname, "../src");
    const banned = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(/;
    for (const file of readdirSync(folder)) {
      expect([file, banned.test(readFileSync(resolve(folder, file), "utf8"))]).toEqual([
        file,
        false,
      ]);
    }
  });

  it("says in one sentence that a payload cannot be shown, and recovers", () => {
    const { model, $ } = open(new FakeModel({ _picture: { ...payload(), version: 7 } }));
    expect($("[role=alert]").textContent).toMatch(/^The picture cannot be shown: .*version 7/);
    model.set("_picture", payload());
    expect($("[role=alert]").textContent).toBe("");
    expect($(".ks-title").textContent).toBe("toy");
  });

  it("lets one call without a place degrade alone", () => {
    const raw = payload((each) => each.geometry.setFloat32(8, NaN, true));
    const { canvas, options, list, key } = open(new FakeModel({ _picture: raw }));
    key(list, "End");
    key(list, "ArrowUp");
    key(list, "ArrowUp");
    key(list, "ArrowUp");
    vi.advanceTimersByTime(300);
    expect(options().length).toBe(6);
    expect(canvas.getAttribute("aria-label")).toContain("1 call could not be drawn");
  });
});

describe("the life of a view", () => {
  it("leaves no listener, timer or element behind", () => {
    const { close, model, list, key, el } = open(new FakeModel({ _placed: placedStem }));
    const added = vi.spyOn(document.documentElement, "addEventListener");
    key(list, "ArrowDown");
    vi.advanceTimersByTime(100);
    close();
    expect(model.listeners).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    expect(el.childElementCount).toBe(0);
    expect(added).not.toHaveBeenCalled();
    const sent = model.sent.length;
    key(list, "ArrowDown");
    key(list, "Enter");
    model.set("_placed", placedNothing);
    expect(model.sent.length).toBe(sent);
  });

  it("has no trouble with two views of one model", async () => {
    const model = new FakeModel({ _placed: placedStem });
    const a = open(model);
    const b = open(model);
    const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
    expect(new Set(ids).size).toBe(ids.length);
    a.button("Split").click();
    expect(a.button("Split").hasAttribute("aria-busy")).toBe(true);
    expect(b.button("Split").hasAttribute("aria-busy")).toBe(false);
    await model.answer(model.request("split"), { ok: false, error: "No." });
    expect(a.$("[role=alert]").textContent).toBe("No.");
    expect(b.$("[role=alert]").textContent).toBe("");
    a.key(a.list, "ArrowDown");
    expect(b.active()?.dataset.call).toBe("0");
    a.close();
    b.key(b.list, "ArrowDown");
    expect(b.model.get("selection")).toBe("stem");
    b.close();
    expect(model.listeners).toBe(0);
  });

  it("works inside a shadow root", () => {
    const host = document.createElement("div");
    document.body.append(host);
    const el = document.createElement("div");
    host.attachShadow({ mode: "open" }).append(el);
    const model = new FakeModel();
    const close = widget.render({ model, el });
    const field = el.querySelector<HTMLInputElement>("[aria-label='Variable names']")!;
    field.focus();
    field.value = "a";
    field.dispatchEvent(new Event("input"));
    model.set("variable_names", "from, python");
    expect(field.value).toBe("a"); // being typed
    close();
  });

  it("keeps notebook shortcuts away and takes its height from the trait", () => {
    const { el, $, model } = open(new FakeModel({ height: 300 }));
    const focusable = [...el.querySelectorAll<HTMLElement>("button, input, [tabindex]")];
    expect(focusable.length).toBeGreaterThan(10);
    for (const element of [el, ...focusable]) {
      expect(element.dataset.lmSuppressShortcuts).toBe("true");
    }
    expect($(".ks-root").style.getPropertyValue("--ks-height")).toBe("300px");
    model.set("height", 400);
    expect($(".ks-root").style.getPropertyValue("--ks-height")).toBe("400px");
  });
});
