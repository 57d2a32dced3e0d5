import { describe, expect, it, vi } from "vitest";
import { chain, cutAfterStem, FakeModel, placedStem } from "./fixture";
import { drawn, HEIGHT, open, setUp, shownAt } from "./page";

setUp();

describe("the strip", () => {
  // All of the model is in view: the strip has the picture's places.
  const along = (y: number) => HEIGHT / 2 + ((y - 150) * (HEIGHT - 40)) / 300;

  it("says what crosses at the place that is pointed at, and what is on both sides", () => {
    const { pointer, strip, $, kinds } = open();
    vi.advanceTimersByTime(50);
    pointer("pointermove", 10, along(117), strip);
    expect([...$(".ks-tip").children].map((line) => line.textContent)).toEqual([
      "3.1 MB cross here",
      "above: 2 calls · 9.5 k parameters",
      "below: 4 calls · 9.8 k parameters",
    ]);
    expect(kinds()).toEqual(["costs"]); // asked for once
    pointer("pointermove", 10, along(120), strip);
    expect(kinds()).toEqual(["costs"]);
    pointer("pointerleave", 0, 0, strip);
    expect($(".ks-tip").hidden).toBe(true);
  });

  it("moves a cut that is dragged, and scrolls elsewhere", () => {
    const { pointer, strip, model, kinds } = open(new FakeModel({ _placed: placedStem }));
    vi.advanceTimersByTime(50);
    pointer("pointerdown", 10, along(117), strip);
    pointer("pointermove", 10, along(245), strip);
    vi.advanceTimersByTime(100);
    // The picture shows what it would be there, before it is dropped.
    expect(model.request("preview")).toMatchObject({ call: "add" });
    expect(model.get("selection")).toBe("");
    pointer("pointerup", 10, along(245), strip);
    expect(model.request("move")).toMatchObject({ index: 0, call: "add" });
    expect(model.get("selection")).toBe("add");
    pointer("pointerdown", 10, along(20), strip);
    pointer("pointerup", 10, along(20), strip);
    expect(kinds().filter((kind) => kind === "move").length).toBe(1);
  });

  it("takes the picture along with a cut that is dragged, and lets go of it again", async () => {
    const raw = chain(60);
    const cut = { ...cutAfterStem, points: ["layer_2"], tensors: [2] };
    const placed = { ...placedStem, cuts: [cut], part_of: [] };
    const { pointer, strip, model } = open(new FakeModel({ ...raw, _placed: placed }));
    vi.advanceTimersByTime(50);
    const on = (call: number) => 8 + ((66 * call + 51) / (66 * 60 - 30)) * (HEIGHT - 16);
    const dashes = () => drawn.calls.filter((c) => c.name === "setLineDash").map((c) => c.args[0]);
    pointer("pointerdown", 10, on(2), strip);
    for (const call of [10, 30, 45]) {
      drawn.calls.length = 0;
      pointer("pointermove", 10, on(call), strip);
      vi.advanceTimersByTime(100);
      const [, y] = shownAt(`layer_${call}`);
      expect(y > 0 && y < HEIGHT).toBe(true);
      const one = { ...cut, points: [`layer_${call}`], tensors: [call] };
      await model.answer(model.request("preview"), { cut: one });
      vi.advanceTimersByTime(50);
      expect(dashes()).toContainEqual([6, 5]);
    }
    pointer("pointercancel", 10, on(45), strip);
    drawn.calls.length = 0;
    vi.advanceTimersByTime(50);
    expect(dashes()).not.toContainEqual([6, 5]);
    expect(model.get("selection")).toBe("");
    expect(model.sent.some((each) => each.kind === "move")).toBe(false);
  });
});
