import { describe, expect, it, vi } from "vitest";
import { toScreen } from "../src/camera";
import { PAIR } from "../src/reading";
import { DOUBLE } from "../src/stage";
import {
  chain,
  cutAfterStem,
  FakeModel,
  folded,
  NAMES,
  placedStem,
  model as rawModel,
  unfolded,
  view,
} from "./fixture";
import { drawn, HEIGHT, open, setUp, shownAt, WIDTH } from "./page";

setUp();

const closed = (traits = {}) => open(new FakeModel({ _view: folded(), ...traits }));
/** Where the picture shows a box of `folded`, which fits and is centred. */
const scale = Math.min(1.15, (HEIGHT - 40) / 234);
const place = (box: number, dx = 0): [number, number] => [
  WIDTH / 2 + dx * scale,
  HEIGHT / 2 + ([18, 84, 150, 216][box] - 117) * scale,
];

describe("a folded view", () => {
  it("lists its boxes, folds with what they hold", () => {
    const { labels, options, canvas } = closed();
    expect(labels()).toEqual([
      "image, InputLayer, 56×56×256",
      "stem, Conv2D, 56×56×256, shares weights with head, one tensor crosses here",
      "block ×3, repeat of 3 calls, closed, 56×56×256, one tensor crosses here",
      "head, Conv2D, 56×56×256, shares weights with stem",
    ]);
    expect(options()[2].classList.contains("ks-fold")).toBe(true);
    vi.advanceTimersByTime(250);
    expect(canvas.getAttribute("aria-label")).toMatch(/6 calls in 4 boxes.*image to head/);
  });

  it("is opened and closed from the list", async () => {
    const { list, key, model, active, labels, $ } = closed();
    key(list, "End");
    key(list, "ArrowRight"); // head cannot be opened
    key(list, "ArrowUp");
    expect(model.get("selection")).toBe("add");
    key(list, "ArrowRight");
    expect(model.request("view")).toMatchObject({ open: "block" });
    model.set("_view", unfolded());
    await model.answer(model.request("view"));
    expect(labels()[2]).toBe("left, Conv2D, 56×56×256, in block ×3");
    // The list goes on with the first call inside, and says what has happened.
    await vi.advanceTimersByTimeAsync(0);
    expect(active()?.dataset.call).toBe("2");
    expect(model.get("selection")).toBe("left");
    expect($("[role=status]").textContent).toBe("block ×3 opened: 3 calls.");
    key(list, "-");
    expect(model.request("view")).toMatchObject({ close: "block" });
    model.set("_view", folded());
    await model.answer(model.request("view"));
    await vi.advanceTimersByTimeAsync(0);
    expect($("[role=status]").textContent).toBe("block ×3 closed.");
    expect(active()?.getAttribute("aria-label")).toMatch(/^block/);
    expect(model.get("selection")).toBe("add");
    key(list, "+");
    expect(model.request("view")).toMatchObject({ open: "block" });
  });

  it("is cut after a fold by its exit", () => {
    const { list, key, model } = closed();
    key(list, "End");
    key(list, "ArrowUp");
    key(list, "Enter");
    expect(model.request("toggle")).toMatchObject({ call: "add" });
  });

  it("shows what a fold holds, and how to get in and out", async () => {
    const { list, key, model, $, button } = closed();
    key(list, "End");
    key(list, "ArrowUp");
    expect($(".ks-what").textContent).toBe("block ×3repeat");
    expect($(".ks-facts").textContent).toBe("3 copies of 1 call · 3 calls · 356 parameters");
    model.set("_view", unfolded());
    expect($(".ks-crumbs").textContent).toBe("toy›block ×3");
    button("block ×3").click();
    expect(model.request("view")).toMatchObject({ close: "block" });
  });
});

describe("the place of the picture", () => {
  const resize = (model: FakeModel, width: number, height: number) => {
    vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(width);
    vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(height);
    model.set("height", height);
    vi.advanceTimersByTime(50);
  };

  it("is that of the opening at any size, until the person has moved it", () => {
    const { model, canvas, pointer } = open(new FakeModel(chain(20)));
    vi.advanceTimersByTime(50);
    resize(model, 300, 200);
    const [x, y] = shownAt("layer_0");
    resize(model, 900, HEIGHT);
    const [wide, top] = shownAt("layer_0");
    expect([wide - x, top]).toEqual([expect.closeTo(300), expect.closeTo(y)]);
    resize(model, WIDTH, 2000); // all of it can be seen
    expect(shownAt("layer_19")[1] - shownAt("layer_0")[1]).toBeCloseTo(19 * 66 * 1.15);
    pointer("pointerdown", 250, 100);
    pointer("pointermove", 250, 50);
    pointer("pointerup", 250, 50);
    vi.advanceTimersByTime(50);
    const before = shownAt("layer_0")[1];
    resize(model, 800, 500);
    expect(shownAt("layer_0")[1]).toBeCloseTo(before);
    expect(canvas.isConnected).toBe(true);
  });

  it("stays when what is selected can be seen", () => {
    const { model, canvas } = open(new FakeModel());
    vi.advanceTimersByTime(50);
    const before = shownAt("stem");
    for (const name of ["image", "head", "left"]) {
      model.set("selection", name);
      vi.advanceTimersByTime(50);
      expect(shownAt("stem")).toEqual(before);
    }
    expect(canvas.isConnected).toBe(true);
  });
});

describe("opening with the mouse", () => {
  it("takes a click on the plus, at once, and cuts nothing", () => {
    const { click, kinds } = closed();
    click(...place(2, 75 - 15));
    expect(kinds()).toEqual(["view"]);
    vi.advanceTimersByTime(2 * DOUBLE);
    expect(kinds().filter((kind) => kind === "toggle")).toEqual([]);
  });

  it("takes a double click on the box, and cuts nothing", () => {
    const { click, canvas, model, kinds } = closed();
    const [clientX, clientY] = place(2);
    click(clientX, clientY);
    click(clientX, clientY);
    canvas.dispatchEvent(new MouseEvent("dblclick", { clientX, clientY }));
    vi.advanceTimersByTime(2 * DOUBLE);
    expect(model.request("view")).toMatchObject({ open: "block" });
    expect(kinds()).not.toContain("toggle");
  });

  it("cuts after a fold on a single click, once it is known to be one", () => {
    const { click, model, kinds } = closed();
    click(...place(2));
    expect(model.get("selection")).toBe("add"); // answered at once
    expect(kinds()).not.toContain("toggle");
    vi.advanceTimersByTime(DOUBLE);
    expect(model.request("toggle")).toMatchObject({ call: "add" });
  });

  it("keeps the point under the mouse where it is", () => {
    const { click, model } = closed();
    const at = place(2, 75 - 15);
    click(...at);
    model.set("_view", unfolded());
    vi.advanceTimersByTime(300);
    // The mark was at 9/10 of the box's width and half of its height: so it is of the frame.
    const [left, top, right, bottom] = [-174, 120, 200, 246];
    const world = [left + 0.9 * (right - left), top + 0.5 * (bottom - top)];
    const [x, y] = shownAt("add"); // its name: 15 right of the box's left, 6.5 above its middle
    const k = scale;
    expect(x - at[0]).toBeCloseTo((-75 + 15 - world[0]) * k, -0.5);
    expect(y - at[1]).toBeCloseTo((216 - 6.5 - world[1]) * k, -0.5);
  });

  it("closes at the mark of the frame, the pointer staying in the box", () => {
    const { click, model } = open(new FakeModel({ _view: unfolded() }));
    const k = Math.min(1.15, (HEIGHT - 40) / 300);
    const camera = { x: 19 - WIDTH / 2 / k, y: 150 - HEIGHT / 2 / k, scale: k };
    click(...toScreen(camera, -174 + 18, 120));
    expect(model.request("view")).toMatchObject({ close: "block" });
  });
});

describe("the whole view", () => {
  it("has a depth and a direction that Python owns", async () => {
    const { el, model, button } = closed();
    const radio = (name: string) => el.querySelector<HTMLInputElement>(`[value=${name}]`)!;
    expect(radio("blocks").checked).toBe(true);
    radio("all").click();
    expect(model.request("view")).toMatchObject({ depth: "all" });
    model.set("_view", view());
    await model.answer(model.request("view"));
    expect(radio("all").checked).toBe(true);
    // Refused: it shows what is.
    radio("layers").click();
    await model.answer(model.request("view"), { ok: false, error: "No." });
    expect([radio("layers").checked, radio("all").checked]).toEqual([false, true]);
    button("Draw from left to right").click();
    expect(model.request("view")).toMatchObject({ direction: "right" });
    model.set("_view", { ...view(), direction: "right" });
    expect(button("Draw from top to bottom")).toBeDefined();
    model.set("_view", unfolded());
    expect(el.querySelector("[type=radio]:checked")).toBeNull();
  });

  it("begins anew when the whole was in view, else stays where it is", async () => {
    const { model, button, el, list, key } = open(new FakeModel(chain(60)));
    vi.advanceTimersByTime(50);
    const deeper = async () => {
      el.querySelector<HTMLInputElement>("[value=layers]")!.click();
      const { boxes, ...rest } = chain(60)._view;
      const title = boxes.id.map((id) => `${id}!`);
      drawn.calls.length = 0;
      model.set("_view", { ...rest, boxes: { ...boxes, title }, depth: "layers" });
      await model.answer(model.request("view"));
      vi.advanceTimersByTime(300);
      model.set("_view", { ...rest, boxes, depth: "all" });
      return drawn.calls.map((call) => String(call.args[0])).filter((text) => /!$/.test(text));
    };
    expect(await deeper()).toContain("layer_0!");
    key(list, "End");
    button("Fit").click(); // too small for texts
    vi.advanceTimersByTime(300);
    // Legible again, and at the selection (the last call).
    expect(await deeper()).toContain("layer_59!");
    expect(await deeper()).not.toContain("layer_0!");
  });

  it("stays at the beginning or at the end, with nothing blank there", async () => {
    const { model, el, list, key } = open(new FakeModel(chain(60)));
    vi.advanceTimersByTime(50);
    /** The first name that is seen when the depth has changed, and the room below the last. */
    const deeper = async (step: number) => {
      el.querySelector<HTMLInputElement>("[value=layers]")!.click();
      drawn.calls.length = 0;
      model.set("_view", { ...chain(60, step)._view, depth: "layers" });
      await model.answer(model.request("view"));
      vi.advanceTimersByTime(300);
      const texts = drawn.calls.filter(({ args }) => /^layer_\d+$/.test(String(args[0])));
      const last = shownAt(String(texts.at(-1)?.args[0]))[1];
      return [texts[0].args[0], HEIGHT - last] as const;
    };
    expect((await deeper(132))[0]).toBe("layer_0");
    key(list, "End");
    const [first, room] = await deeper(40);
    expect(first).not.toBe("layer_0");
    expect(room).toBeLessThan(60); // the end of the model is at the end of the view
  });

  it("keeps selection, cuts and what is known of them when it changes", async () => {
    const { list, key, model, options, $ } = open(new FakeModel({ _placed: placedStem }));
    key(list, "ArrowDown");
    key(list, "ArrowDown");
    vi.advanceTimersByTime(100);
    await model.answer(model.request("preview"), { cut: { ...cutAfterStem, sentence: "Known." } });
    model.set("_view", folded());
    expect($(".ks-sentence").textContent).toBe("Known.");
    expect(options()[1].classList.contains("ks-cut")).toBe(true);
    vi.advanceTimersByTime(100);
    expect(model.sent.filter((each) => each.kind === "preview").length).toBe(1);
  });

  it("says why a view cannot be shown, and shows the next one", () => {
    const { model, $ } = closed();
    model.set("_view", { ...folded(), box_of: [0] });
    vi.advanceTimersByTime(PAIR);
    expect($("[role=alert]").textContent).toMatch(/^The picture cannot be shown: .*box_of/);
    model.set("_view", view());
    expect($("[role=alert]").textContent).toBe("");
  });
});

describe("another model", () => {
  it("waits for the view that goes with it, and keeps the selection by name", () => {
    const { model, el, labels, $, list, key, active } = closed();
    key(list, "End");
    const more = rawModel((raw) => {
      for (const column of Object.values(raw.calls)) column.push(column[5]);
      raw.calls.name[5] = "extra";
      raw.calls.name[6] = "head";
    });
    model.set("_model", more);
    expect(labels().length).toBe(4); // the old picture, until there is another
    expect(el.querySelector("[data-ks-broken]")).toBeNull();
    const raw = folded();
    raw.box_of = [0, 1, 2, 2, 2, 2, 3];
    raw.boxes.exits[3] = [6];
    model.set("_view", raw);
    expect(labels()[2]).toMatch(/^block ×3, repeat of 4 calls/);
    expect($(".ks-head-facts").textContent).toMatch(/^7 calls/);
    expect(active()?.dataset.call).toBe("6");
    vi.advanceTimersByTime(2 * PAIR);
    expect($("[role=alert]").textContent).toBe("");
  });

  it("gives way to a sentence when no view comes", () => {
    const { model, $ } = closed();
    model.set("_model", { version: 3 });
    vi.advanceTimersByTime(PAIR);
    expect($("[role=alert]").textContent).toMatch(/version 3/);
  });
});

describe("the search", () => {
  const names = (view: ReturnType<typeof closed>) =>
    view.labels().map((label) => label.split(", ")[0]);

  it("lists every match, also those inside folds, and counts them", () => {
    const page = closed();
    page.type("conv");
    expect(names(page)).toEqual(["stem", "left", "head"]);
    expect(page.$(".ks-matches").textContent).toBe("3 matches");
    page.type("zzz");
    expect(page.$(".ks-empty").textContent).toMatch(/^Nothing/);
    page.key(page.search, "Escape");
    expect(page.search.value).toBe("");
    expect(names(page)).toEqual(["image", "stem", "block ×3", "head"]);
  });

  it("goes to a match with Enter, into the list, and opens what is around it", async () => {
    const page = closed();
    page.type("conv");
    page.key(page.search, "Enter");
    expect(page.model.get("selection")).toBe("stem");
    expect(document.activeElement).toBe(page.list);
    expect(page.$(".ks-matches").textContent).toBe("1 of 3");
    page.key(page.list, "ArrowDown");
    expect(page.model.request("view")).toMatchObject({ reveal: "left" });
    page.model.set("_view", unfolded());
    expect(page.active()?.dataset.call).toBe("2");
    page.key(page.list, "Enter", { shiftKey: true });
    expect(page.model.get("selection")).toBe("stem");
    page.key(page.search, "Enter", { shiftKey: true });
    expect(page.model.get("selection")).toBe("head"); // round and round
    page.key(page.list, "Escape");
    expect(page.search.value).toBe("");
    expect(page.active()?.dataset.call).toBe("5");
  });

  it("looks at a range", () => {
    const page = open();
    page.type("2..4");
    expect(page.$(".ks-matches").textContent).toBe("3 calls");
    page.key(page.search, "Enter");
    expect(page.$("[role=status]").textContent).toMatch(/^Looking at 3 calls, stem to right/);
    page.type("conv"); // something else is looked for
    expect(page.$("[role=status]").textContent).toMatch(/^toy/);
    page.key(page.list, "Escape");
    expect(page.$("[role=status]").textContent).toMatch(/^toy/);
    expect(names(page)).toEqual(NAMES);
    page.type("100..200");
    expect(page.$(".ks-matches").textContent).toBe("calls are 1..6");
  });

  it("says of which blocks it looks at a part", () => {
    const page = closed();
    page.type("2..4"); // stem, and two of the three calls of the block
    page.key(page.search, "Enter");
    const said = page.$("[role=status]").textContent;
    expect(said).toBe("Looking at 3 calls, stem to right; 1 block only in part. Escape ends it.");
  });

  it("shows a match inside of a block that had to be opened, wherever it is then", async () => {
    const page = closed();
    vi.advanceTimersByTime(50);
    page.type("left");
    page.key(page.search, "Enter");
    // The block is opened, and what is in it is far away.
    const far = unfolded();
    far.geometry.setFloat32(4 * (6 + 2), 5000, true);
    far.bounds[3] = 5200;
    page.model.set("_view", far);
    await page.model.answer(page.model.request("view"));
    vi.advanceTimersByTime(200);
    expect(Math.abs(shownAt("left")[1] - HEIGHT / 2)).toBeLessThan(20);
  });

  it("goes near to a match that could not be read", () => {
    const raw = chain(40);
    const page = open(new FakeModel(raw));
    page.button("Fit").click();
    page.type("layer_30");
    page.key(page.search, "Enter");
    vi.advanceTimersByTime(50);
    const [x, y] = shownAt("layer_30");
    expect(Math.abs(y - HEIGHT / 2)).toBeLessThan(20);
    expect(x).toBeGreaterThan(0);
  });

  it("is reached with a key", () => {
    const { list, key, search } = closed();
    key(list, "/");
    expect(document.activeElement).toBe(search);
  });
});

describe("the nearest candidates", () => {
  it("are one key or one press away, before the kernel has said anything", () => {
    const { list, key, model, button, $ } = closed();
    key(list, "End");
    expect(button("↓ nearest").getAttribute("aria-disabled")).toBe("true");
    expect(button("↑ nearest").title).toMatch(/^Go to add/);
    key(list, "]"); // there is none
    expect(model.get("selection")).toBe("head");
    key(list, "[");
    expect(model.get("selection")).toBe("add");
    expect($(".ks-what").textContent).toMatch(/^block/);
    key(list, "End");
    button("↑ nearest").click();
    expect(model.get("selection")).toBe("add");
  });

  it("come with what would cross, each with its shape and bytes", async () => {
    const { list, key, model, el } = open();
    key(list, "End");
    vi.advanceTimersByTime(100);
    const cut = {
      ...cutAfterStem,
      tensors: [1, 2],
      candidate: false,
      nbytes: 6_422_528,
      inputs_also_needed: [0],
    };
    await model.answer(model.request("preview"), { cut });
    // In short: the names follow.
    const said = el.querySelector(".ks-inspect .ks-sentence")?.textContent;
    expect(said).toBe("2 tensors cross here, 6.1 MB; the tail also needs image.");
    const rows = [...el.querySelectorAll(".ks-crossing li")].map((row) => row.textContent);
    expect(rows).toEqual(["stem56×56×256 · 3.1 MB", "left56×56×256 · 3.1 MB"]);
  });
});
