import { beforeEach, describe, expect, it } from "vitest";
import { toScreen } from "../src/camera";
import { Scene } from "../src/geometry";
import { ellipsis, type Frame, Painter, spread } from "../src/painter";
import { decodeCut, decodePicture, decodePlaced } from "../src/protocol";
import { familyOf, mix, parseColor, readTheme } from "../src/theme";
import { type Call, cutAfterStem, payload, placedStem, type Raw, recorder } from "./fixture";

const camera = { x: -250, y: -10, scale: 1 };
const theme = readTheme(document.body);

function frame(change: Partial<Frame> = {}, raw?: (raw: Raw) => void): Frame {
  return {
    scene: new Scene(decodePicture(payload(raw))),
    camera,
    view: { width: 500, height: 320 },
    ratio: 2,
    theme,
    cuts: [],
    preview: null,
    partOf: [],
    parts: [],
    hover: -1,
    selected: -1,
    leaving: -1,
    ...change,
  };
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
    expect(text("stem")?.args.slice(1)).toEqual([-75 + 15, 66 + 12.5]);
    expect(text("stem")?.at).toEqual([2, 500, 20]); // scale x ratio, whole device pixels
    expect(text("Conv2D · 56×56×256")?.args.slice(1)).toEqual([-75 + 15, 66 + 26]);
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
      .filter((call) => call.name === "arc")
      .map((call) => call.args.slice(0, 3));
    expect(circles).toEqual([
      [0, 109, 3],
      [0, 241, 3],
    ]);
  });

  it("draws a placed cut as a solid line with chips where routes cross", () => {
    const base = frame();
    const line = base.scene.cutLine(decodeCut(cutAfterStem));
    const { partOf, parts } = decodePlaced(placedStem);
    paint({ ...base, cuts: [line], partOf, parts });
    const y = toScreen(camera, 0, 117)[1];
    const rule = calls.findIndex((call) => call.name === "moveTo" && call.args[1] === y);
    expect(calls[rule]).toMatchObject({ args: [0, y], dash: [], stroke: theme.accent });
    expect(calls[rule + 1]).toMatchObject({ name: "lineTo", args: [500, y] });
    const chip = text("56×56×256 · 3.1 MB");
    expect(chip?.args.slice(1)).toEqual([toScreen(camera, -43.5, 0)[0], y + 0.5]);
    // The parts' names stand above and below the line, in their colours.
    expect(text("part_1")?.args.slice(1)).toEqual([10, y - 10]);
    expect(text("part_2")).toMatchObject({ args: ["part_2", 10, y + 11] });
    expect(text("part_2")?.fill).toBe(theme.part(1).strong);
  });

  it("draws a preview dashed", () => {
    const base = frame();
    paint({ ...base, preview: base.scene.cutLine(decodeCut(cutAfterStem)), hover: 1 });
    const dashed = calls.filter((call) => call.name === "moveTo" && call.dash.length > 0);
    expect(dashed.map((call) => call.args)).toEqual([[0, 127]]);
  });

  it("tints boxes by part only when there are several", () => {
    const { partOf, parts } = decodePlaced(placedStem);
    paint(frame({ partOf, parts: parts.slice(0, 1) }));
    expect(calls.some((call) => call.fill === theme.part(0).tint)).toBe(false);
    paint(frame({ partOf, parts }));
    for (const part of [0, 1]) {
      expect(
        calls.some((call) => call.name === "fill" && call.fill === theme.part(part).tint),
      ).toBe(true);
    }
  });

  it("draws no text that could not be read, and marks of at least a pixel from far", () => {
    paint(frame({ camera: { ...camera, scale: 0.4 } }));
    expect(texts()).toEqual([]);
    calls.length = 0;
    paint(
      frame({ camera: { x: -9000, y: -4000, scale: 0.01 }, view: { width: 200, height: 100 } }),
    );
    const marks = calls.filter((call) => call.name === "fillRect");
    expect(marks.length).toBe(6);
    expect(marks.every((call) => Number(call.args[3]) * 0.01 >= 0.999)).toBe(true);
  });

  it("draws only what is in view", () => {
    paint(frame({ camera: { x: -75, y: 260, scale: 1 }, view: { width: 150, height: 60 } }));
    expect(text("head")).toBeDefined();
    expect(text("stem")).toBeUndefined();
  });

  it("lets one call without a place degrade alone", () => {
    paint(frame({ hover: 2, selected: 2 }, (raw) => raw.geometry.setFloat32(8, NaN, true)));
    expect(text("left")).toBeUndefined();
    for (const name of ["image", "stem", "right", "add", "head"]) expect(text(name)).toBeDefined();
    const drawn = calls.filter((call) => ["lineTo", "moveTo", "fillText"].includes(call.name));
    expect(drawn.flatMap((call) => call.args).some((arg) => Number.isNaN(arg))).toBe(false);
  });

  it("shortens a name once, for all zooms", () => {
    const painter = new Painter(context);
    const long = frame({}, (raw) => (raw.calls.name[1] = "a_very_long_layer_name_indeed_1_conv"));
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

describe("texts and colours", () => {
  const measure = (text: string) => text.length;
  it("cuts a text in its middle", () => {
    expect(ellipsis("short", 5, measure)).toBe("short");
    expect(ellipsis("conv2_block1_1_conv", 9, measure)).toBe("conv…conv");
    expect(ellipsis("🦊🦊🦊🦊🦊🦊", 9, measure)).toBe("🦊🦊…🦊🦊");
  });

  it("spreads chips apart and keeps them inside", () => {
    const chips = [100, 110, 395].map((x) => ({ x, y: 0, width: 60, text: "" }));
    spread(chips, 6, 8, 400);
    expect(chips.map((chip) => chip.x)).toEqual([72, 138, 370]);
  });

  it("sorts classes into families", () => {
    const families = {
      InputLayer: "input",
      Conv2D: "conv",
      ConvLSTM2D: "sequence",
      MultiHeadAttention: "sequence",
      BatchNormalization: "norm",
      Add: "merge",
      Concatenate: "merge",
      AveragePooling2D: "pool",
      Dense: "dense",
      Embedding: "dense",
      ReLU: "activation",
      Activation: "activation",
      ZeroPadding2D: "reshape",
      Flatten: "reshape",
      Dropout: "other",
    };
    for (const [kind, family] of Object.entries(families))
      expect([kind, familyOf(kind)]).toEqual([kind, family]);
  });

  it("reads the colours that browsers report", () => {
    expect(parseColor("rgba(0, 10, 20, 0.87)")).toEqual([0, 10, 20]);
    expect(parseColor("color(srgb 1 0.5 0)")).toEqual([255, 127.5, 0]);
    expect(parseColor("#0a0b0c")).toEqual([10, 11, 12]);
    expect(parseColor("")).toBeNull();
    expect(mix([0, 0, 0], [255, 255, 255], 0.2)).toBe("rgb(204, 204, 204)");
  });
});
