import { beforeEach, describe, expect, it } from "vitest";
import { toScreen } from "../src/camera";
import { overlay } from "../src/overlay";
import { type Frame, Painter } from "../src/painter";
import { clear, spread } from "../src/painter/cutlines";
import { ellipsis } from "../src/painter/text";
import { decodeCut, decodePlaced } from "../src/protocol";
import { readTheme } from "../src/theme";
import {
  type Call,
  chain,
  cutAfterStem,
  folded,
  frameOf,
  model,
  placedStem,
  recorder,
  unfolded,
  view,
} from "./fixture";

const camera = { x: -250, y: -10, scale: 1 };
const theme = readTheme(document.body);

function frame(change: Partial<Frame> = {}, rawView: unknown = view(), rawModel = model()): Frame {
  return frameOf(rawModel, rawView, { camera, ...change });
}

describe("Painter", () => {
  let context: CanvasRenderingContext2D;
  let calls: Call[];
  beforeEach(() => {
    ({ context, calls } = recorder());
  });
  const paint = (what: Frame) => new Painter(context).paint(what);
  const texts = () => calls.filter((call) => call.name === "fillText");
  const text = (wanted: string) => texts().find((call) => call.args[0] === wanted);

  it("writes name and detail in each box, in world coordinates under one transform", () => {
    paint(frame());
    expect(text("stem")?.args.slice(1)).toEqual([-75 + 15, 84 - 6.5]);
    expect(text("stem")?.at).toEqual([2, 500, 20]); // scale x ratio, whole device pixels
    expect(text("Conv2D · 56×56×256")?.args.slice(1)).toEqual([-75 + 15, 84 + 7.5]);
    expect(texts().length).toBe(12);
  });

  it("lets the class give way to the shape when short of room", () => {
    paint(frame());
    const shown = texts().map((call) => String(call.args[0]));
    expect(shown.find((each) => each.startsWith("Batch"))).toMatch(/^Batch\w*… · 56×56×256$/);
  });

  it("marks candidates below their boxes", () => {
    paint(frame());
    const circles = calls
      .filter((call) => call.name === "arc" && call.args[2] === 3)
      .map((call) => call.args.slice(0, 3));
    expect(circles).toEqual([
      [0, 109, 3],
      [0, 241, 3],
    ]);
  });

  it("draws a placed cut as a solid line with chips where routes cross", () => {
    const base = frame();
    const line = base.scene.cutLine(decodeCut(cutAfterStem));
    const { parts } = decodePlaced(placedStem);
    paint({ ...base, cuts: [line], parts });
    const y = toScreen(camera, 0, 117)[1];
    const rule = calls.findIndex((call) => call.name === "moveTo" && call.args[1] === y);
    expect(calls[rule]).toMatchObject({ args: [0, y], dash: [], stroke: theme.accent });
    expect(calls[rule + 1]).toMatchObject({ name: "lineTo", args: [500, y] });
    const chip = text("56×56×256 · 3.1 MB");
    expect(chip?.args.slice(1)).toEqual([toScreen(camera, -43.5, 0)[0], y + 0.5]);
    // The parts' names stand above and below the line, in their colours.
    expect(text("part_1")?.args.slice(1)).toEqual([10, y - 10]);
    expect(text("part_2")).toMatchObject({ args: ["part_2", 10, y + 11] });
    expect(text("part_2")?.fill).toBe(theme.part(1).text);
  });

  it("keeps chips off the names of the parts", () => {
    const base = frame({ camera: { ...camera, x: -50 } });
    const line = base.scene.cutLine(decodeCut(cutAfterStem));
    const { parts } = decodePlaced(placedStem);
    const left = (cuts: Partial<Frame>) => {
      calls.length = 0;
      paint({ ...base, ...cuts });
      const chip = text("56×56×256 · 3.1 MB")!;
      return Number(chip.args[1]) - (6 * 18 + 16) / 2;
    };
    // Six letters of six pixels, from 10 on, and eight pixels between.
    expect(left({ cuts: [line], parts })).toBe(10 + 36 + 8);
    expect(left({ preview: line })).toBe(8);
  });

  it("draws a preview dashed", () => {
    const base = frame();
    paint({ ...base, preview: base.scene.cutLine(decodeCut(cutAfterStem)), hover: 1 });
    const dashed = calls.filter((call) => call.name === "moveTo" && call.dash.length > 0);
    expect(dashed.map((call) => call.args)).toEqual([[0, 127]]);
  });

  it("fills boxes with their inks, in halves when a cut goes through a fold", () => {
    const placed = decodePlaced({ ...placedStem, part_of: [0, 0, 0, 1, 1, 1] });
    const base = frame({}, folded());
    const { inks } = overlay(base.scene, "class", placed, null, theme);
    paint({ ...base, inks });
    const filled = (colour: string) => calls.filter((c) => c.name === "fill" && c.fill === colour);
    expect(filled(theme.part(0).tint).length).toBe(3);
    expect(filled(theme.part(1).tint).length).toBe(1);
    const half = calls.find((c) => c.name === "fillRect" && c.fill === theme.part(1).tint);
    expect(half?.args).toEqual([-75, 150, 150, 36]);
  });

  it("shows a repeat as a stack with its count and a plus", () => {
    paint(frame({}, folded()));
    expect(text("block")).toBeDefined();
    expect(text("×3")?.args.slice(1)).toEqual([75 - 27, 150]);
    expect(text("56×56×256")).toBeDefined(); // no room for "3 calls"
    const rings = calls.filter((c) => c.name === "arc" && c.args[2] === 7);
    expect(rings.map((c) => c.args.slice(0, 2))).toEqual([[60, 150]]);
    // Two papers behind, to the upper right.
    const papers = calls.filter((c) => c.name === "roundRect" && c.args[0] === -75 + 6);
    expect(papers.map((c) => c.args.slice(1))).toEqual([[132 - 6, 150, 36, 6]]);
  });

  it("frames an open fold, its title on the outline", () => {
    paint(frame({ camera: { ...camera, x: -200 } }, unfolded()));
    expect(text("block ×3")?.args.slice(1)).toEqual([-174 + 18 + 12, 120.5]);
    const outline = calls.find((c) => c.name === "fill" && c.fill === theme.frame);
    expect(outline).toBeDefined();
  });

  it("keeps chips off the titles of open folds, and off each other", () => {
    const raw = unfolded();
    raw.frames[0].rect = [-174, 117, 200, 246]; // its title is on the line
    const base = frame({ camera: { ...camera, x: -200 } }, raw);
    const line = base.scene.cutLine(decodeCut(cutAfterStem));
    const chips = () =>
      texts().flatMap(({ args }) => (args[0] === "56×56×256 · 3.1 MB" ? [Number(args[1])] : []));
    paint({ ...base, cuts: [line], preview: line });
    const [title, half] = [-174 + 18 - 10 + 200, (6 * 18 + 16) / 2];
    const room = Math.min(374 - 24, 34 + 7.4 * "block ×3".length);
    const [first, second] = chips();
    expect(first - half).toBeGreaterThanOrEqual(title + room);
    expect(Math.abs(second - first)).toBeGreaterThanOrEqual(2 * half);
  });

  it("gives the title of a frame all the room that there is, and covers no more than it needs", () => {
    const long = unfolded();
    long.frames[0].title = "WWWWWWWWWW";
    const wide = (each: string) => ({ width: 7.2 * each.length }) as TextMetrics;
    context = new Proxy(context, {
      get: (target, name) => (name === "measureText" ? wide : Reflect.get(target, name)),
    });
    paint(frame({ camera: { ...camera, x: -200 } }, long));
    expect(text("WWWWWWWWWW ×3")).toBeDefined();
    const ground = calls.filter((c) => c.name === "fillRect" && c.args[0] === -174 + 18 - 10);
    expect(ground.map((c) => c.args[2])).toEqual([expect.closeTo(7.2 * 13 + 26)]);
  });

  it("hatches what is unknown beside its texts, not through them", () => {
    const unknown = {
      strong: "#111",
      fill: "#fff",
      fill2: "#fff",
      text: "#000",
      dim: "#555",
      hatch: true,
    };
    paint(frame({ inks: Array(6).fill(unknown) }));
    // The box of the stem is 150 wide and 36 high, its texts begin 15 from its left.
    const covers = () => calls.filter((c) => c.name === "fillRect" && c.args[0] === -75 + 12);
    expect(covers().map((c) => c.args.slice(1, 2))).toContainEqual([66]);
    const cover = calls.indexOf(covers()[0]);
    expect(cover).toBeLessThan(calls.findIndex((c) => c.name === "fillText"));
    expect(calls.slice(0, cover).some((c) => c.name === "lineTo" && c.args[1] === 0)).toBe(true);
    calls.length = 0;
    paint(frame({ inks: Array(6).fill(unknown), camera: { ...camera, scale: 0.4 } }));
    expect(covers()).toEqual([]);
  });

  it("dims what is not looked at", () => {
    const alphas: unknown[] = [];
    const own = recorder();
    const spied = new Proxy(own.context, {
      set(target, name, value) {
        if (name === "globalAlpha") alphas.push(value);
        return Reflect.set(target, name, value);
      },
    });
    new Painter(spied).paint(frame({ lit: new Set([1, 2]) }));
    expect(alphas).toContain(0.25);
    expect(alphas.at(-1)).toBe(1);
  });

  it("marks a call whose weights are shared", () => {
    paint(frame());
    const rings = calls.filter((c) => c.name === "arc" && c.args[2] === 3.6);
    expect(rings.length).toBe(4); // two rings each at stem and head
  });

  it("draws a model that runs to the right with upright lines", () => {
    const base = frame({}, { ...view(), direction: "right" });
    const line = base.scene.cutLine(decodeCut(cutAfterStem));
    paint({ ...base, cuts: [line] });
    // The boxes stand one above the other here: the line steps round them, from edge to edge.
    const xs = line.border.map(([, at]) => Math.round(toScreen(camera, at, 0)[0]));
    expect(new Set(xs).size).toBeGreaterThan(1);
    const rule = calls.findIndex((c) => c.name === "moveTo" && c.args[1] === 0);
    const pieces = calls.slice(rule, rule + 2 * xs.length).map((c) => c.args);
    expect(pieces.map(([x]) => x)).toEqual(xs.flatMap((x) => [x, x]));
    expect(pieces.at(-1)?.[1]).toBe(320);
  });

  it("draws ten thousand boxes from far in one batch per colour", () => {
    const raw = chain(10_000);
    const whole = { camera: { x: -3e5, y: 0, scale: 320 / 660_000 }, ratio: 1 };
    const far = frame(whole, raw._view, raw._model);
    const start = performance.now();
    paint(far);
    expect(performance.now() - start).toBeLessThan(1000);
    const marks = calls.filter((c) => c.name === "fillRect");
    expect(marks.length).toBeGreaterThanOrEqual(10_000);
    expect(calls.filter((c) => c.name === "stroke").length).toBeLessThan(5);
    expect(texts()).toEqual([]);
  });

  it("draws no text that could not be read, and marks of at least a pixel from far", () => {
    paint(frame({ camera: { ...camera, scale: 0.4 } }));
    expect(texts()).toEqual([]);
    calls.length = 0;
    paint(
      frame({ camera: { x: -9000, y: -4000, scale: 0.01 }, view: { width: 200, height: 100 } }),
    );
    const marks = calls.filter((call) => call.name === "fillRect");
    // Boxes are drawn in the picture's units, routes in pixels.
    const boxes = marks.filter((call) => call.at[0] < 1);
    expect(boxes.length).toBe(6);
    expect(boxes.every((call) => Number(call.args[3]) * 0.01 >= 0.999)).toBe(true);
  });

  it("draws only what is in view", () => {
    paint(frame({ camera: { x: -75, y: 260, scale: 1 }, view: { width: 150, height: 60 } }));
    expect(text("head")).toBeDefined();
    expect(text("stem")).toBeUndefined();
  });

  it("lets one call without a place degrade alone", () => {
    paint(
      frame(
        { hover: 2, selected: 2 },
        view((raw) => raw.geometry.setFloat32(8, NaN, true)),
      ),
    );
    expect(text("left")).toBeUndefined();
    for (const name of ["image", "stem", "right", "add", "head"]) expect(text(name)).toBeDefined();
    const drawn = calls.filter((call) => ["lineTo", "moveTo", "fillText"].includes(call.name));
    expect(drawn.flatMap((call) => call.args).some((arg) => Number.isNaN(arg))).toBe(false);
  });

  it("shortens a name once, for all zooms", () => {
    const painter = new Painter(context);
    const long = frame(
      {},
      view((raw) => (raw.boxes.title[1] = "a_very_long_layer_name_indeed_1_conv")),
    );
    painter.paint(long);
    painter.paint({ ...long, camera: { ...camera, scale: 2 } });
    const shown = texts().filter((call) => /^a_very.*…/.test(String(call.args[0])));
    expect(shown.length).toBe(2);
    expect(shown[0].args[0]).toBe(shown[1].args[0]);
    expect(shown[0].args[0]).toMatch(/_1_conv$/);
  });

  it("sums up crossing tensors that do not fit side by side", () => {
    const base = frame({ view: { width: 120, height: 320 } });
    const cut = decodeCut({
      ...cutAfterStem,
      points: ["left"],
      tensors: [1, 2],
      nbytes: 6_422_528,
    });
    paint({ ...base, camera: { ...camera, x: -60 }, cuts: [base.scene.cutLine(cut)] });
    expect(text("2 tensors · 6.1 MB")).toBeDefined();
  });
});

describe("texts", () => {
  const measure = (text: string) => text.length;
  it("are cut in their middle", () => {
    expect(ellipsis("short", 5, measure)).toBe("short");
    expect(ellipsis("conv2_block1_1_conv", 9, measure)).toBe("conv…conv");
    expect(ellipsis("block4b – block4d", 10, measure)).toBe("block…ck4d");
    expect(ellipsis("🦊🦊🦊🦊🦊🦊", 9, measure)).toBe("🦊🦊…🦊🦊");
  });

  it("of chips move aside from what is there, as little as can be", () => {
    const at = (x: number, y = 50, key: "x" | "y" = "x") => {
      const taken: [number, number, number, number][] = [
        [100, 40, 200, 60],
        [230, 40, 400, 60],
      ];
      const chip = { x, y, width: 40, text: "" };
      clear(chip, taken, 8, 400, key);
      expect(taken.length).toBe(3);
      return chip[key];
    };
    expect(at(60)).toBe(60);
    expect(at(110)).toBe(100 - 23);
    expect(at(190)).toBe(100 - 23); // between the two there is no room
    expect(at(390)).toBe(100 - 23); // nor at the end
    expect(at(390, 90)).toBe(390);
    expect(at(150, 45, "y")).toBe(40 - 12);
    // Where there is no room on its line it stands at its side, or stays.
    const chip = { x: 50, y: 44, width: 40, text: "" };
    clear(chip, [[0, 40, 100, 60]], 8, 100);
    expect([chip.x, chip.y]).toEqual([50, 31]);
    clear(chip, [[0, 0, 100, 60]], 8, 100);
    expect([chip.x, chip.y]).toEqual([50, 31]);
  });

  it("of chips are spread apart and kept inside", () => {
    const chips = [100, 110, 395].map((x) => ({ x, y: 0, width: 60, text: "" }));
    spread(chips, 6, 8, 400);
    expect(chips.map((chip) => chip.x)).toEqual([72, 138, 370]);
    const upright = [30, 30].map((y) => ({ x: 0, y, width: 60, text: "" }));
    spread(upright, 6, 26, 300, "y");
    expect(upright.map((chip) => chip.y)).toEqual([35, 59]);
  });
});
