import { describe, expect, it } from "vitest";
import { Grid, Scene } from "../src/geometry";
import { decodeCut, decodePicture } from "../src/protocol";
import { cutAfterStem, payload } from "./fixture";

const scene = () => new Scene(decodePicture(payload()));

describe("Grid", () => {
  it("finds exactly what a scan finds", () => {
    // A fixed sequence, spread well enough.
    let seed = 7;
    const next = (limit: number) => {
      seed = (seed * 16807) % 2147483647;
      return seed % limit;
    };
    const rectangles: number[] = [];
    const owner: number[] = [];
    for (let i = 0; i < 500; i++) {
      const x = next(4000);
      const y = next(9000);
      rectangles.push(x, y, x + next(300), y + next(900));
      owner.push(i);
    }
    const grid = new Grid([0, 0, 4300, 9900], rectangles, owner);
    const meets = (i: number, region: number[]) =>
      rectangles[4 * i] <= region[2] &&
      rectangles[4 * i + 2] >= region[0] &&
      rectangles[4 * i + 1] <= region[3] &&
      rectangles[4 * i + 3] >= region[1];
    for (let k = 0; k < 50; k++) {
      const x = next(4000);
      const y = next(9000);
      const region = [x, y, x + next(500), y + next(500)];
      const found: number[] = [];
      grid.near(region, (item) => found.push(item));
      expect(new Set(found).size).toBe(found.length);
      const kept = found.filter((i) => meets(i, region)).sort((a, b) => a - b);
      expect(kept).toEqual(owner.filter((i) => meets(i, region)));
    }
  });
});

describe("Scene", () => {
  it("hits boxes up to their border and no further", () => {
    const s = scene();
    expect(s.callAt(0, 84)).toBe(1);
    expect(s.callAt(75, 102)).toBe(1);
    expect(s.callAt(75.5, 102)).toBe(-1);
    expect(s.callAt(-87, 150)).toBe(2);
    expect(s.callAt(87, 150)).toBe(3);
    expect(s.callAt(0, 150)).toBe(-1);
    expect(s.callAt(0, 150, 13)).toBeGreaterThanOrEqual(2);
    expect(s.callAt(1e6, -1e6)).toBe(-1);
  });

  it("hits routes within reach, the nearest first", () => {
    const s = scene();
    expect(s.edgeAt(3, 50, 5)).toBe(0);
    expect(s.edgeAt(200, 150, 4)).toBe(3);
    expect(s.edgeAt(210, 150, 4)).toBe(-1);
  });

  it("lists what is in a region", () => {
    const s = scene();
    expect(s.callsIn([-10, 0, 10, 70])).toEqual([0, 1]);
    expect(s.callsIn([-10, 140, 10, 160])).toEqual([]);
    expect(s.callsIn([-20, 140, 20, 160])).toEqual([2, 3]);
    expect(s.edgesIn([-500, -500, 500, 500])).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it("puts a cut's line half way to the next row", () => {
    const s = scene();
    expect(s.lineHeight([1])).toBe(117); // stem ends at 102, the next row begins at 132
    expect(s.lineHeight([1, 3])).toBe(183); // below the lower of the two
    expect(s.lineHeight([5])).toBe(315); // nothing below
    expect(s.lineHeight([])).toBeNaN();
  });

  it("finds where routes meet a height and where their middle is", () => {
    const s = scene();
    expect(s.meets(0, 51)).toBe(0);
    expect(s.meets(1, 117)).toBe(-43.5);
    expect(s.meets(3, 150)).toBe(200);
    expect(s.meets(0, 117)).toBeNull();
    expect(s.middle(0)).toEqual([0, 51]);
    expect(s.middle(3)?.[0]).toBe(200);
  });

  it("tells the head from points and crossing tensors", () => {
    const s = scene();
    expect([...s.head([1], [1])]).toEqual([1, 1, 0, 0, 0, 0]);
    expect([...s.head([2], [1, 2])]).toEqual([1, 1, 1, 0, 0, 0]);
  });

  it("draws a chip per crossing tensor where its route meets the line", () => {
    const line = scene().cutLine(decodeCut({ ...cutAfterStem, points: ["left"], tensors: [1, 2] }));
    expect(line.y).toBe(183);
    // stem -> right, stem -> add, left -> add; not stem -> left, which stays in the head.
    expect(line.edges).toEqual([2, 3, 4]);
    const [stem, left] = line.chips;
    // stem -> right ends above the line; its lane to add meets it.
    expect(stem).toMatchObject({ tensor: 1, y: 183 });
    expect(stem.x).toBeCloseTo(100);
    expect(left).toMatchObject({ tensor: 2, y: 183 });
    expect(left.x).toBeCloseTo(-43.5);
  });

  it("falls back to the middle of a route that does not meet the line", () => {
    const line = scene().cutLine(decodeCut({ ...cutAfterStem, points: ["head"], tensors: [0] }));
    expect(line.chips).toEqual([]); // everything is in the head: nothing crosses
    const up = scene().cutLine(decodeCut({ ...cutAfterStem, points: ["left"], tensors: [0, 2] }));
    expect(up.chips.map((chip) => chip.tensor)).toEqual([2]);
  });

  it("knows points that name a tensor", () => {
    const s = scene();
    expect(s.callOfPoint("stem:0")).toBe(1);
    expect(s.callOfPoint("nothing")).toBeUndefined();
    expect(s.cutLine(decodeCut({ points: ["gone"], tensors: [99] })).y).toBeNaN();
  });

  it("lets a call without a place degrade alone", () => {
    const s = new Scene(decodePicture(payload((raw) => raw.geometry.setFloat32(8, NaN, true))));
    expect(s.misplaced).toBe(1);
    expect(s.callAt(-87, 150)).toBe(-1);
    expect(s.callAt(87, 150)).toBe(3);
    expect(s.callsIn([-500, 0, 500, 400])).toEqual([0, 1, 3, 4, 5]);
  });

  it("lets a route without a place degrade alone, and mends bounds", () => {
    const s = new Scene(
      decodePicture(
        payload((raw) => {
          raw.geometry.setFloat32(4 * (12 + 8), NaN, true);
          raw.bounds = [NaN, 0, 0, 0];
        }),
      ),
    );
    expect(s.edgesIn([-500, -500, 500, 500])).toEqual([1, 2, 3, 4, 5, 6]);
    expect(s.bounds).toEqual([-162, 0, 162, 300]);
  });
});
