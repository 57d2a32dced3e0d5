import { beforeEach, describe, expect, it, vi } from "vitest";
import { makeScreen } from "../src/canvas";
import type { Frame } from "../src/painter";
import { decodeCut } from "../src/protocol";
import { type Call, chain, cutAfterStem, frameOf, recorder } from "./fixture";

const N = 700;
const scale = 0.01;
/** All of the boxes are in view: 700 * 66 * 0.01 = 462 pixels. */
const camera = { x: -20_000, y: -1_000, scale };

function frame(n = N, change: Partial<Frame> = {}): Frame {
  const raw = chain(n);
  return frameOf(raw._model, raw._view, { camera, view: { width: 400, height: 500 }, ...change });
}

describe("Screen", () => {
  /** What each canvas was asked to draw, the picture's first. */
  let canvases: Call[][];
  let screen: ReturnType<typeof makeScreen>;
  beforeEach(() => {
    canvases = [];
    vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockImplementation((() => {
      const { context, calls } = recorder();
      canvases.push(calls);
      return context;
    }) as never);
    screen = makeScreen(document.createElement("canvas"));
    return () => vi.restoreAllMocks();
  });
  const blits = () => canvases[0].filter((call) => call.name === "drawImage");
  const moved = (base: Frame, x: number, y: number, k = 1): Frame => ({
    ...base,
    camera: { x: camera.x + x, y: camera.y + y, scale: k * scale },
  });

  it("repaints few boxes while moving, crisp at any zoom", () => {
    const base = frame(20);
    screen.paint(base, false);
    screen.prepare();
    screen.paint(moved(base, 100, 0), true);
    expect(canvases.length).toBe(1);
    expect(blits()).toEqual([]);
  });

  it("moves many boxes as a bitmap that was painted at rest, pixel on pixel", () => {
    const base = frame();
    screen.paint(base, false);
    expect(blits()).toEqual([]);
    screen.prepare();
    expect(canvases.length).toBe(2);
    // Half of the view more on each side.
    screen.paint(moved(base, 1_234, 567), true);
    const [, x, y, width, height] = blits()[0].args as [unknown, number, number, number, number];
    // 1234 * 0.01 * 2 = 24.68 device pixels: whole ones are moved, as when it is painted.
    expect([x, y, width, height]).toEqual([-400 - 25, -500 - 11, 1600, 2000]);
    expect(canvases.length).toBe(2);
    screen.paint(moved(base, 0, 0), false);
    expect(blits().length).toBe(1);
  });

  it("paints a new bitmap when the old one would leave something blank, or is too coarse", () => {
    const base = frame();
    screen.paint(base, true);
    expect(canvases.length).toBe(2);
    // All of the model is in the bitmap: beside it there is nothing to show.
    screen.paint(moved(base, -30_000, 0), true);
    expect(canvases.length).toBe(2);
    // From near there is more of it than the bitmap holds.
    const near = moved(base, 0, 0, 1.3);
    screen.forget();
    screen.paint(near, true);
    expect(canvases.length).toBe(3);
    screen.paint(moved(base, 0, 0, 1.2), true);
    expect(canvases.length).toBe(3);
    screen.paint({ ...near, ratio: 1 }, true);
    expect(canvases.length).toBe(4);
  });

  it("forgets the bitmap when anything but the camera changes", () => {
    const base = frame();
    screen.paint(base, true);
    screen.forget();
    screen.paint({ ...base, hover: 3 }, true);
    expect(canvases.length).toBe(3);
  });

  it("draws the lines of cuts over the bitmap, from edge to edge of the view", () => {
    const base = frame();
    const cut = { ...cutAfterStem, points: ["layer_300"], tensors: [300] };
    const line = base.scene.cutLine(decodeCut(cut));
    screen.paint({ ...base, cuts: [line] }, true);
    const at = Math.round((line.at - camera.y) * scale);
    const rule = (calls: Call[]) =>
      calls.filter((call) => call.name === "lineTo" && call.args[1] === at);
    expect(rule(canvases[0]).map((call) => call.args)).toEqual([[400, at]]);
    expect(canvases[1].filter((call) => call.name === "setLineDash")).toEqual([]);
  });
});
