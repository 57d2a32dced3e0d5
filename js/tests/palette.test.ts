import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { makeScene } from "../src/geometry";
import { makeGraph } from "../src/graph";
import { amounts, type Colour, overlay, share } from "../src/overlay";
import {
  DARK_FAMILY,
  familyOf,
  inkOn,
  LIGHT_FAMILY,
  luminance,
  mix,
  PARTS,
  parseColor,
  type Rgb,
  ramp,
} from "../src/palette";
import { decodeCosts, decodeModel, decodePlaced, decodeView } from "../src/protocol";
import { readTheme } from "../src/theme";
import { costs, folded, model, placedNothing, placedStem, view } from "./fixture";

/** What an eye without green, or without red, makes of a colour (Viénot, Brettel, Mollon 1999). */
const BLINDNESS: Record<string, number[][]> = {
  deuteranopia: [
    [0.29275, 0.70725, -0.02978],
    [0.29275, 0.70725, -0.02978],
    [-0.02234, 0.02234, 1],
  ],
  protanopia: [
    [0.11238, 0.88762, 0],
    [0.11238, 0.88762, 0],
    [0.00401, -0.00401, 1],
  ],
};

function seen(rgb: Rgb, matrix: number[][]): number[] {
  const linear = rgb.map((value) => (value / 255) ** 2.2);
  return matrix.map((row) => {
    const value = row.reduce((sum, factor, i) => sum + factor * linear[i], 0);
    return 255 * Math.max(0, value) ** (1 / 2.2);
  });
}

describe("the palettes", () => {
  it.each(Object.keys(BLINDNESS))("keep parts apart under %s", (kind) => {
    const colours = PARTS.slice(0, 6).map((rgb) => seen(rgb, BLINDNESS[kind]));
    for (let i = 0; i < colours.length; i++) {
      // Parts that touch have to be told apart.
      const next = colours[(i + 1) % colours.length];
      const distance = Math.hypot(...colours[i].map((value, k) => value - next[k]));
      expect(distance).toBeGreaterThan(40);
    }
  });

  it("have a ramp that only gets darker in the light, and only lighter in the dark", () => {
    const steps = Array.from({ length: 21 }, (_, i) => i / 20);
    const light = steps.map((at) => luminance(ramp(at, false)));
    const dark = steps.map((at) => luminance(ramp(at, true)));
    for (let i = 1; i < steps.length; i++) {
      expect(light[i]).toBeLessThan(light[i - 1]);
      expect(dark[i]).toBeGreaterThan(dark[i - 1]);
    }
  });

  it("write on each colour so that it can be read (WCAG: 4.5 to 1)", () => {
    for (const dark of [false, true]) {
      for (let at = 0; at <= 1; at += 0.02) {
        const rgb = ramp(at, dark);
        const ink = luminance(parseColor(inkOn(rgb))!);
        const [high, low] = [luminance(rgb), ink].sort((a, b) => b - a);
        expect((high + 0.05) / (low + 0.05)).toBeGreaterThan(4.5);
      }
    }
  });

  it("write the names of parts so that they can be read beside the picture and on its tints", () => {
    const channels = (text: string) => parseColor(text)!;
    for (const paper of ["#ffffff", "#111111"]) {
      const root = document.createElement("div");
      root.style.setProperty("--ks-bg", paper);
      document.body.append(root);
      vi.spyOn(window, "getComputedStyle").mockImplementation(((element: HTMLElement) => ({
        color: /ink/.test(element.style.color)
          ? paper === "#ffffff"
            ? "#1f2328"
            : "#e6e6e6"
          : /accent/.test(element.style.color)
            ? "#1976d2"
            : paper,
        fontFamily: "sans-serif",
      })) as never);
      const theme = readTheme(root);
      vi.restoreAllMocks();
      for (let i = 0; i < PARTS.length; i++) {
        for (const ground of [theme.surface, theme.box]) {
          const [a, b] = [theme.part(i).text, ground].map((each) => luminance(channels(each)));
          const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
          expect([i, paper, contrast >= 4.5]).toEqual([i, paper, true]);
        }
      }
    }
  });

  it("name each family in light and dark", () => {
    expect(Object.keys(LIGHT_FAMILY)).toEqual(Object.keys(DARK_FAMILY));
    for (const colour of [...Object.values(LIGHT_FAMILY), ...Object.values(DARK_FAMILY)]) {
      expect(parseColor(colour)).not.toBeNull();
    }
  });

  it("sort classes into families", () => {
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
      Embedding: "sequence",
      Conv2DTranspose: "conv",
      Transpose: "reshape",
      Rescaling: "norm",
      LayerScale: "norm",
      RandomGrayscale: "other",
      NotEqual: "merge",
      Equal: "merge",
      ReLU: "activation",
      Activation: "activation",
      ZeroPadding2D: "reshape",
      Flatten: "reshape",
      Dropout: "other",
    };
    for (const [kind, family] of Object.entries(families))
      expect([kind, familyOf(kind)]).toEqual([kind, family]);
  });

  it("sort as the figures of Python do", () => {
    const [python, own] = [
      "../../kerassplit_widget/display/figures/palette.py",
      "../src/palette.ts",
    ].map((path) => readFileSync(new URL(path, import.meta.url), "utf-8"));
    const patterns = python.slice(python.indexOf("_PATTERNS"), python.indexOf("def family_of"));
    const whole = patterns.replace(/"\s+r"/g, "");
    const found = [...whole.matchAll(/r"(.*?)"/g)].map((match) => match[1]);
    expect(found.length).toBe(9);
    let at = 0;
    for (const each of found) {
      const next = own.indexOf(`/${each}/`, at);
      expect([each, next > at]).toEqual([each, true]);
      at = next;
    }
  });

  it("read the colours that browsers report", () => {
    expect(parseColor("rgba(0, 10, 20, 0.87)")).toEqual([0, 10, 20]);
    expect(parseColor("color(srgb 1 0.5 0)")).toEqual([255, 127.5, 0]);
    expect(parseColor("#0a0b0c")).toEqual([10, 11, 12]);
    expect(parseColor("")).toBeNull();
    expect(mix([0, 0, 0], [255, 255, 255], 0.2)).toBe("rgb(204, 204, 204)");
  });
});

describe("the overlay", () => {
  const theme = readTheme(document.body);
  const data = decodeModel(model());
  const known = decodeCosts({ ...costs, ms: [0, 1, 2, 3, 4, 5] }, 6);
  const scene = (raw = view()) => makeScene(makeGraph(data), decodeView(raw, data));
  const make = (colour: Colour, raw = view(), placed: unknown = placedNothing, cost = known) =>
    overlay(scene(raw), colour, decodePlaced(placed), cost, theme);

  it("shows classes, with those families that there are in the legend", () => {
    const { inks, legend } = make("class");
    expect(inks.map((ink) => ink.strong)).toEqual([
      theme.family.input,
      theme.family.conv,
      theme.family.conv,
      theme.family.norm,
      theme.family.merge,
      theme.family.conv,
    ]);
    expect(legend.entries.map((entry) => entry.word)).toEqual([
      "input",
      "convolution",
      "normalization",
      "merge",
    ]);
    // One ink per kind of box: they are painted in batches.
    expect(inks[1]).toBe(inks[2]);
  });

  it("gives a fold the family of what has most weights in it", () => {
    expect(make("class", folded()).inks[2].strong).toBe(theme.family.conv);
  });

  it("shows parts under their names", () => {
    const { inks, legend } = make("part", view(), placedStem);
    expect(inks.map((ink) => ink.fill)).toEqual([
      ...Array(2).fill(theme.part(0).tint),
      ...Array(4).fill(theme.part(1).tint),
    ]);
    expect(legend.entries.map((entry) => entry.word)).toEqual(["part_1", "part_2"]);
  });

  it("shows amounts, summed over folds, unknown left unknown", () => {
    expect(amounts(scene(), "params", null)).toEqual([0, 9472, 100, 256, 0, 9472]);
    expect(amounts(scene(), "flops", known)).toEqual([0, 200, 400, 600, 8, null]);
    expect(amounts(scene(folded()), "flops", known)).toEqual([0, 200, 1008, null]);
    const some = { ...known!, flops: [0, 200, null, 600, 8, 5] };
    expect(amounts(scene(folded()), "flops", some)).toEqual([0, 200, null, 5]);
    expect(amounts(scene(folded()), "ms", { ...some, ms: some.flops })).toEqual([0, 200, 608, 5]);
    expect(amounts(scene(), "ms", decodeCosts(costs, 6))).toEqual(Array(6).fill(null));
    // calls of one segment all have its time: a fold has it once
    expect(amounts(scene(folded()), "ms", { ...some, ms: Array(6).fill(3) })).toEqual(
      Array(4).fill(3),
    );
    const { inks, legend } = make("flops");
    expect(legend.ramp?.length).toBeGreaterThan(10);
    expect(legend.entries.map((entry) => entry.word)).toEqual([
      "8 FLOPs",
      "600 FLOPs",
      "none",
      "unknown",
    ]);
    expect(luminance(parseColor(inks[3].fill)!)).toBeLessThan(luminance(parseColor(inks[4].fill)!));
    expect([inks[0].hatch, inks[5].hatch]).toEqual([undefined, true]);
    expect([inks[0].fill, inks[5].fill]).toEqual([theme.box, theme.box]);
  });

  it("says when nothing is known", () => {
    expect(make("ms", view(), placedNothing, null).legend).toMatchObject({
      entries: [{ word: "unknown" }],
      ramp: null,
    });
  });

  it("spreads amounts over the ramp by their powers of ten", () => {
    expect(share(0, 1, 1000)).toBe(0);
    expect(share(1, 1, 1000)).toBeCloseTo(0.08);
    expect(share(1000, 1, 1000)).toBeCloseTo(1);
    expect(share(31.6, 1, 1000)).toBeCloseTo(0.54, 2);
    expect(share(5, 5, 5)).toBe(1);
  });
});
