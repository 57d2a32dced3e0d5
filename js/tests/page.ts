/** One view in a page that knows sizes, driven as a person would. */

import { afterEach, beforeEach, vi } from "vitest";
import widget from "../src/widget";
import { FakeModel, recorder } from "./fixture";

export const WIDTH = 500;
export const HEIGHT = 320;

export let drawn: ReturnType<typeof recorder>;

/** Record what is drawn, give elements a size, and make time stand still. Call once per file. */
export function setUp(): void {
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
}

export function open(model = new FakeModel()) {
  const el = document.createElement("div");
  document.body.append(el);
  const close = widget.render({ model, el });
  const $ = <T extends HTMLElement>(selector: string) => el.querySelector<T>(selector)!;
  const button = (name: string, role = "") =>
    [...el.querySelectorAll("button")].find(
      (each) =>
        (each.getAttribute("aria-label") ?? each.textContent) === name &&
        (each.getAttribute("role") ?? "") === role,
    )!;
  const tab = (name: string) => button(name, "tab");
  const list = $(".ks-list");
  const options = () => [...list.querySelectorAll<HTMLElement>("[role=option]")];
  const labels = () => options().map((option) => option.getAttribute("aria-label")!);
  const active = () => document.getElementById(list.getAttribute("aria-activedescendant") ?? "");
  const key = (target: HTMLElement, name: string, more: KeyboardEventInit = {}) =>
    target.dispatchEvent(
      new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true, ...more }),
    );
  const canvas = $<HTMLCanvasElement>(".ks-picture");
  const strip = $<HTMLCanvasElement>(".ks-strip");
  const pointer = (
    type: string,
    x: number,
    y: number,
    target: HTMLElement = canvas,
    more: { pointerId?: number; pointerType?: string } = {},
  ) =>
    target.dispatchEvent(
      Object.assign(new MouseEvent(type, { clientX: x, clientY: y, button: 0, bubbles: true }), {
        pointerId: 1,
        pointerType: "mouse",
        ...more,
      }),
    );
  const click = (x: number, y: number) => {
    pointer("pointerdown", x, y);
    pointer("pointerup", x, y);
  };
  const search = $<HTMLInputElement>("[aria-label='Search layers']");
  const type = (text: string, field: HTMLInputElement = search) => {
    field.value = text;
    field.dispatchEvent(new Event("input"));
  };
  const kinds = () => model.sent.map((each) => each.kind);
  return {
    el,
    model,
    close,
    $,
    button,
    tab,
    list,
    options,
    labels,
    active,
    key,
    canvas,
    strip,
    pointer,
    click,
    search,
    type,
    kinds,
  };
}

/** Where the picture shows a call when every call is a box: the toy fits and is centred. */
export function at(call: number): [number, number] {
  const scale = (HEIGHT - 40) / 300;
  const x = [0, 0, -87, 87, 0, 0][call];
  const y = [18, 84, 150, 150, 216, 282][call];
  return [WIDTH / 2 + (x - 19) * scale, HEIGHT / 2 + (y - 150) * scale];
}

/** The last place where a text was drawn, on the screen. */
export function shownAt(text: string): [number, number] {
  const call = drawn.calls.filter((each) => each.args[0] === text).at(-1)!;
  const [k, dx, dy] = call.at;
  return [Number(call.args[1]) * k + dx, Number(call.args[2]) * k + dy];
}
