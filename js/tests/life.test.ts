import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it, vi } from "vitest";
import widget from "../src/widget";
import {
  chain,
  FakeModel,
  placedNothing,
  placedStem,
  model as rawModel,
  view as rawView,
} from "./fixture";
import { open, setUp } from "./page";

setUp();

describe("safety", () => {
  it("shows names as text, whatever is in them", () => {
    const evil = "<img src=x onerror=alert(1)>";
    const raw = rawModel((each) => {
      each.calls.name[1] = evil;
      each.kinds[1] = "<b>Conv</b>";
    });
    const drawn = rawView((each) => {
      each.boxes.title = [...each.boxes.title];
      each.boxes.title[1] = evil;
    });
    const { el, options, list, key, model } = open(
      new FakeModel({ _model: raw, _view: drawn, last_error: evil, variable_names: evil }),
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
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
    for (const file of files.filter((each) => each.endsWith(".ts"))) {
      expect([file, banned.test(readFileSync(resolve(folder, file), "utf8"))]).toEqual([
        file,
        false,
      ]);
    }
  });

  it("says in one sentence that a payload cannot be shown, and recovers", () => {
    const { model, $ } = open(new FakeModel({ _model: { ...rawModel(), version: 7 } }));
    expect($("[role=alert]").textContent).toMatch(/^The picture cannot be shown: .*version 7/);
    model.set("_model", rawModel());
    expect($("[role=alert]").textContent).toBe("");
    expect($(".ks-title").textContent).toBe("toy");
  });

  it("lets one call without a place degrade alone", () => {
    const raw = rawView((each) => each.geometry.setFloat32(8, NaN, true));
    const { canvas, options, list, key } = open(new FakeModel({ _view: raw }));
    key(list, "End");
    key(list, "ArrowUp");
    key(list, "ArrowUp");
    key(list, "ArrowUp");
    vi.advanceTimersByTime(300);
    expect(options().length).toBe(6);
    expect(canvas.getAttribute("aria-label")).toContain("1 box could not be drawn");
  });
});

describe("a long list", () => {
  it("is laid out in groups of a hundred, of fixed height, that only the eye passes over", () => {
    const { list, options } = open(new FakeModel(chain(250)));
    const groups = [...list.children] as HTMLElement[];
    expect(groups.map((group) => group.children.length)).toEqual([100, 100, 50]);
    expect(groups.map((group) => group.style.height)).toEqual(["2600px", "2600px", "1300px"]);
    expect(groups.every((group) => group.getAttribute("role") === "none")).toBe(true);
    expect(options().map((option) => option.dataset.call)).toEqual(
      Array.from({ length: 250 }, (_, call) => String(call)),
    );
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
    const focusable = [...el.querySelectorAll<HTMLElement>("button, input, select, [tabindex]")];
    expect(focusable.length).toBeGreaterThan(10);
    for (const element of [el, ...focusable]) {
      expect(element.dataset.lmSuppressShortcuts).toBe("true");
    }
    expect($(".ks-root").style.getPropertyValue("--ks-height")).toBe("300px");
    model.set("height", 400);
    expect($(".ks-root").style.getPropertyValue("--ks-height")).toBe("400px");
  });
});
