import { describe, expect, it } from "vitest";
import { bytes, count, rate, seconds, shape, work } from "../src/format";
import { makeGraph } from "../src/graph";
import { places } from "../src/panel/front";
import { STEPS, stepOf, valueAt } from "../src/panel/slider";
import { decodeModel } from "../src/protocol";
import { find, next } from "../src/search";
import { model } from "./fixture";

const graph = makeGraph(
  decodeModel(
    model((raw) => {
      raw.tensors.shape[3] = [null, 14, 14, 1024];
      raw.tensors.shape[4] = [null, null, 768];
    }),
  ),
);
const found = (text: string) => find(graph, text).calls;

describe("the search", () => {
  it("finds names and classes, whatever their case", () => {
    expect(found("HE")).toEqual([5]);
    expect(found("conv2d")).toEqual([1, 2, 5]);
    expect(found("  add ")).toEqual([4]);
    expect(found("")).toEqual([]);
    expect(found("zzz")).toEqual([]);
  });

  it("finds shapes, with question marks for what is not known or does not matter", () => {
    expect(found("14x14x1024")).toEqual([3]);
    expect(found("14 × 14 × 1024")).toEqual([3]);
    expect(found("?×768")).toEqual([4]);
    expect(found("(None, 14, 14, 1024)")).toEqual([3]);
    expect(found("?x256")).toEqual([0, 1, 2, 5]);
    expect(found("14x1023")).toEqual([]);
  });

  it("finds what has all of several words, each in its name, class or shape", () => {
    expect(found("conv2d ead")).toEqual([5]);
    expect(found("batch 14x14x1024")).toEqual([3]);
    expect(found("conv2d 14x14x1024")).toEqual([]);
    expect(found("256 ×  256")).toEqual([]);
    expect(found("conv2d ? x 256  st")).toEqual([1]);
    expect(found("( None, 14, 14, 1024 ) right")).toEqual([3]);
  });

  it("takes ranges of numbers and of names", () => {
    expect(find(graph, "2..4")).toEqual({ calls: [1, 2, 3], range: true });
    expect(find(graph, "layers 5..20")).toEqual({ calls: [4, 5], range: true });
    expect(find(graph, "stem..add")).toEqual({ calls: [1, 2, 3, 4], range: true });
    expect(find(graph, "add..st")).toEqual({ calls: [1, 2, 3, 4], range: true });
    expect(find(graph, "4..")).toEqual({ calls: [3, 4, 5], range: true });
    expect(find(graph, "stem..nothing").range).toBe(false);
    expect(find(graph, "..").range).toBe(false);
  });

  it("finds nothing in a range after the end, and what there is of one that goes past it", () => {
    expect(find(graph, "100..200")).toEqual({ calls: [], range: true });
    expect(find(graph, "7..")).toEqual({ calls: [], range: true });
    expect(find(graph, "5..200").calls).toEqual([4, 5]);
  });

  it("goes round and round", () => {
    expect(next([1, 2, 5], -1, false)).toBe(1);
    expect(next([1, 2, 5], 2, false)).toBe(5);
    expect(next([1, 2, 5], 5, false)).toBe(1);
    expect(next([1, 2, 5], 1, true)).toBe(5);
    expect(next([], 1, true)).toBe(-1);
  });
});

describe("the slider", () => {
  it("goes from one end to the other in equal factors", () => {
    expect(valueAt(0, 1e4, 1e11)).toBe(1e4);
    expect(valueAt(STEPS, 1e4, 1e11)).toBe(1e11);
    expect(valueAt(STEPS / 7, 1e4, 1e11) / 1e5).toBeCloseTo(1, 1);
    for (const value of [1e4, 2e6, 1.2e8, 1e11]) {
      expect(valueAt(stepOf(value, 1e4, 1e11), 1e4, 1e11) / value).toBeCloseTo(1, 1);
    }
    expect(valueAt(stepOf(125e6, 1.25e4, 1.25e11), 1.25e4, 1.25e11)).toBe(125e6);
    expect(stepOf(1, 1e4, 1e11)).toBe(0);
    expect(stepOf(1e20, 1e4, 1e11)).toBe(STEPS);
  });
});

describe("the front", () => {
  it("puts more bytes to the right and more imbalance higher", () => {
    const at = places([
      { bytes: 1000, imbalance: 0.9, points: ["a"] },
      { bytes: 1_000_000, imbalance: 0.1, points: ["b"] },
    ]);
    expect(at[0].x).toBeLessThan(at[1].x);
    expect(at[0].y).toBeLessThan(at[1].y);
    expect(places([{ bytes: 5, imbalance: 0, points: ["a"] }]).every((p) => p.x > 0)).toBe(true);
  });
});

describe("numbers", () => {
  it("are rounded as Python rounds them: a half goes to the even side", () => {
    const sizes = [6400, 6.35 * 1024, 6.45 * 1024, 6.75 * 1024, 100.5 * 1024, 101.5 * 1024];
    expect(sizes.map(bytes)).toEqual(["6.2 kB", "6.3 kB", "6.5 kB", "6.8 kB", "100 kB", "102 kB"]);
    expect([2250, 2350, 12_250].map(count)).toEqual(["2.2 k", "2.4 k", "12.2 k"]);
  });

  it("are written as people read them", () => {
    expect(count(25_636_712)).toBe("25.6 M");
    expect(count(null)).toBe("?");
    expect(work(3_857_925_120, "MAC")).toBe("3.9 GMACs");
    expect(work(8, "FLOP")).toBe("8 FLOPs");
    expect(work(undefined, "FLOP")).toBe("? FLOPs");
    expect(bytes(3_211_264)).toBe("3.1 MB");
    expect(bytes(null)).toBe("size unknown");
    expect(rate(125e6)).toBe("125 MB/s");
    expect([0, 0.0123, 4.2e-5, 2.5, 0.4].map(seconds)).toEqual([
      "0",
      "12.3 ms",
      "42.0 µs",
      "2.50 s",
      "400 ms",
    ]);
    expect(shape([null, null, 768])).toBe("?×768");
  });
});
