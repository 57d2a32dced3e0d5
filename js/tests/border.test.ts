import { describe, expect, it } from "vitest";
import { borderOf, levelAt, type Obstacle } from "../src/border";

const box = (low: number, first: number, inside: boolean): Obstacle => {
  return { low, high: low + 40, first, last: first + 100, inside };
};

describe("the line of a cut", () => {
  it("is straight where nothing stands on its wrong side", () => {
    const boxes = [box(0, 0, true), box(60, 0, false), box(-100, 200, true)];
    expect(borderOf(boxes, 50, 50)).toEqual([[-Infinity, 50]]);
    expect(borderOf([], 50, 50)).toEqual([[-Infinity, 50]]);
  });

  it("steps round boxes of the head below it and others above it", () => {
    const boxes = [box(0, 0, true), box(60, 0, false), box(30, 200, true), box(-100, 400, false)];
    const border = borderOf(boxes, 50, 50);
    expect(border).toEqual([
      [-Infinity, 50],
      [200, 84],
      [400, -114],
    ]);
    expect([0, 250, 450].map((across) => levelAt(border, across))).toEqual([50, 84, -114]);
  });

  it("goes half way through a narrow gap, and leaves what cannot be parted", () => {
    const narrow = [box(0, 0, true), box(60, 200, true), box(104, 200, false)];
    expect(levelAt(borderOf(narrow, 50, 50), 250)).toBe(102);
    const wrong = [box(0, 0, false), box(60, 0, true)];
    expect(borderOf(wrong, 50, 50)).toEqual([[-Infinity, 50]]);
  });

  it("has every box that can be parted on its right side", () => {
    let seed = 7;
    const random = (limit: number) => {
      seed = (seed * 16807) % 2147483647;
      return seed % limit;
    };
    for (let round = 0; round < 200; round++) {
      // In each column the head comes first.
      const boxes = [0, 1, 2, 3, 4].flatMap((column) => {
        const top = random(200);
        return [box(top, 110 * column, true), box(top + 41 + random(90), 110 * column, false)];
      });
      const border = borderOf(boxes, random(300), random(550));
      for (const { low, high, first, inside } of boxes) {
        const level = levelAt(border, first + 50);
        expect(inside ? high <= level : level <= low).toBe(true);
      }
    }
  });
});
