import { describe, expect, it } from "vitest";
import { makeScene, type Scene } from "../src/geometry";
import { makeGraph } from "../src/graph";
import { makeGrid } from "../src/grid";
import { makeLandscape } from "../src/landscape";
import { frameAt, onOpenMark, plainTitle, tags, titleOf } from "../src/marks";
import { decodeCosts, decodeCut, decodeModel, decodeView } from "../src/protocol";
import { costs, cutAfterStem, folded, model, type RawView, unfolded, view } from "./fixture";

function sceneOf(raw: RawView, of = model()): Scene {
  const data = decodeModel(of);
  return makeScene(makeGraph(data), decodeView(raw, data));
}

describe("a graph", () => {
  it("knows the nearest candidates above and below each call", () => {
    // image, stem (a candidate), left, right, add (a candidate), head
    const graph = makeGraph(decodeModel(model()));
    const calls = [0, 1, 2, 3, 4, 5];
    expect(calls.map((call) => graph.nearest(call, -1))).toEqual([-1, -1, 1, 1, 1, 4]);
    expect(calls.map((call) => graph.nearest(call, 1))).toEqual([1, 4, 4, 4, -1, -1]);
  });

  it("goes only where tensors go: what lies beside is not above or below", () => {
    const data = decodeModel(model((raw) => (raw.candidates = [2, 3])));
    const graph = makeGraph(data);
    expect([graph.nearest(3, -1), graph.nearest(2, 1)]).toEqual([-1, -1]);
    expect([graph.nearest(1, 1), graph.nearest(4, -1)]).toEqual([2, 3]);
  });
});

const scene = () => sceneOf(view());
/** The same picture from left to right: x and y change places. */
function turned(): Scene {
  const raw = view();
  raw.direction = "right";
  raw.bounds = [raw.bounds[1], raw.bounds[0], raw.bounds[3], raw.bounds[2]];
  const data = decodeModel(model());
  const flat = decodeView(raw, data);
  const points = flat.points.map((_, i) => flat.points[i ^ 1]);
  return makeScene(makeGraph(data), {
    ...flat,
    x: flat.y,
    y: flat.x,
    w: flat.h,
    h: flat.w,
    points,
  });
}

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
    const grid = makeGrid([0, 0, 4300, 9900], rectangles, owner);
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
    expect(s.boxAt(0, 84)).toBe(1);
    expect(s.boxAt(75, 102)).toBe(1);
    expect(s.boxAt(75.5, 102)).toBe(-1);
    expect(s.boxAt(-87, 150)).toBe(2);
    expect(s.boxAt(87, 150)).toBe(3);
    expect(s.boxAt(0, 150)).toBe(-1);
    expect(s.boxAt(0, 150, 13)).toBeGreaterThanOrEqual(2);
    expect(s.boxAt(1e6, -1e6)).toBe(-1);
  });

  it("lists what is in a region", () => {
    const s = scene();
    expect(s.boxesIn([-10, 0, 10, 70]).sort()).toEqual([0, 1]);
    expect(s.boxesIn([-10, 140, 10, 160])).toEqual([]);
    expect(s.boxesIn([-20, 140, 20, 160]).sort()).toEqual([2, 3]);
    expect(s.edgesIn([-500, -500, 500, 500]).sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it("puts a cut's line half way to the next row", () => {
    const s = scene();
    expect(s.lineAt([1])).toBe(117); // stem ends at 102, the next row begins at 132
    expect(s.lineAt([1, 3])).toBe(183); // below the lower of the two
    expect(s.lineAt([5])).toBe(315); // nothing below
    expect(s.lineAt([])).toBeNaN();
  });

  it("finds where routes meet a line and where their middle is", () => {
    const s = scene();
    expect(s.meets(0, 51)).toEqual([0, 51]);
    expect(s.meets(1, 117)).toEqual([-43.5, 117]);
    expect(s.meets(3, 150)).toEqual([200, 150]);
    expect(s.meets(0, 117)).toBeNull();
    expect(s.middle(0)).toEqual([0, 51]);
    expect(s.middle(3)?.[0]).toBe(200);
  });

  it("does the same from left to right", () => {
    const s = turned();
    expect(s.down).toBe(false);
    expect(s.boxAt(150, -87)).toBe(2);
    expect(s.lineAt([1])).toBe(117);
    expect(s.meets(1, 117)).toEqual([117, -43.5]);
    const line = s.cutLine(decodeCut(cutAfterStem));
    expect(line.at).toBe(117);
    expect(line.chips).toEqual([{ tensor: 1, x: 117, y: -43.5, met: true }]);
  });

  it("draws a chip per crossing tensor where its route meets the line", () => {
    const line = scene().cutLine(decodeCut({ ...cutAfterStem, points: ["left"], tensors: [1, 2] }));
    expect(line.at).toBe(183);
    // stem -> right, stem -> add, left -> add; not stem -> left, which stays in the head.
    expect(line.edges).toEqual([2, 3, 4]);
    const [stem, left] = line.chips;
    // The line steps up before the box of right, which is not in the head.
    expect(line.border).toEqual([
      [-Infinity, 183],
      [8, 118],
    ]);
    expect(stem).toMatchObject({ tensor: 1, y: 118, met: true });
    expect(stem.x).toBeGreaterThan(8);
    expect(left).toMatchObject({ tensor: 2, y: 183 });
    expect(left.x).toBeCloseTo(-43.5);
  });

  it("falls back to the middle of a route that does not meet the line", () => {
    const line = scene().cutLine(decodeCut({ ...cutAfterStem, points: ["head"], tensors: [0] }));
    expect(line.chips).toEqual([]); // everything is in the head: nothing crosses
    const up = scene().cutLine(decodeCut({ ...cutAfterStem, points: ["left"], tensors: [0, 2] }));
    expect(up.chips.map((chip) => chip.tensor)).toEqual([2]);
  });

  it("has no line for a cut of another model", () => {
    expect(scene().cutLine(decodeCut({ points: ["gone"], tensors: [99] })).at).toBeNaN();
  });

  it("lets a box without a place degrade alone", () => {
    const s = sceneOf(view((raw) => raw.geometry.setFloat32(8, NaN, true)));
    expect(s.misplaced).toBe(1);
    expect(s.boxAt(-87, 150)).toBe(-1);
    expect(s.boxAt(87, 150)).toBe(3);
    expect(s.boxesIn([-500, 0, 500, 400]).sort()).toEqual([0, 1, 3, 4, 5]);
  });

  it("lets a route without a place degrade alone, and mends bounds", () => {
    const s = sceneOf(
      view((raw) => {
        raw.geometry.setFloat32(4 * (24 + 8), NaN, true);
        raw.bounds = [NaN, 0, 0, 0];
      }),
    );
    expect(s.edgesIn([-500, -500, 500, 500]).sort()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(s.bounds).toEqual([-162, 0, 162, 300]);
  });
});

describe("folds", () => {
  it("stand for their exit, or for their last call", () => {
    const s = sceneOf(folded());
    expect([...s.callsOf(2)]).toEqual([2, 3, 4]);
    expect(s.callOf(2)).toBe(4);
    expect([s.isFold(1), s.isFold(2)]).toEqual([false, true]);
    expect([1, 2, 3].map((box) => s.isCandidate(box))).toEqual([true, true, false]);
    expect([s.boxOf(3), s.boxOf(5), s.callOf(-1), s.callOf(9)]).toEqual([2, 3, -1, -1]);
    const two = folded();
    two.boxes.exits[2] = [2, 4];
    expect(sceneOf(two).callOf(2)).toBe(4);
    expect(sceneOf(two).isCandidate(2)).toBe(false);
  });

  it("are cut through their middle until they have been opened", () => {
    const s = sceneOf(folded());
    const inside = s.cutLine(decodeCut({ ...cutAfterStem, points: ["left"], tensors: [1, 2] }));
    expect(inside.at).toBe(150);
    expect(inside.edges).toEqual([1]);
    const after = s.cutLine(decodeCut({ ...cutAfterStem, points: ["add"], tensors: [4] }));
    expect(after.at).toBe(183);
  });

  it("have frames when open, which can be hit at their mark", () => {
    const s = sceneOf(unfolded());
    expect(s.framesOf(3).map((frame) => frame.id)).toEqual(["block"]);
    expect(s.framesOf(1)).toEqual([]);
    expect(frameAt(s, -156, 120)?.id).toBe("block");
    expect(frameAt(s, -100, 120)).toBeNull();
    expect(s.hull([2, 3])).toEqual([-162, 132, 162, 168]);
    expect(s.hull([])).toBeNull();
  });

  it("have titles that do not lie on each other", () => {
    const raw = unfolded();
    raw.frames.push({ ...raw.frames[0], id: "inner", title: "inner", count: 1, level: 1 });
    raw.frames.push({ ...raw.frames[0], id: "else", rect: [-174, 180, 200, 246], level: 1 });
    const [outer, inner, other] = tags(sceneOf(raw));
    expect([outer.x, outer.y]).toEqual([-174 + 18, 120]);
    expect(inner.x).toBeGreaterThanOrEqual(outer.x + outer.width);
    expect([other.x, other.y]).toEqual([-174 + 18, 180]);
    expect(frameAt(sceneOf(raw), inner.x, 120)?.id).toBe("inner");
  });

  it("have a mark to open them, and a title without their count", () => {
    const s = sceneOf(folded());
    expect(onOpenMark(s, 2, 75 - 15, 150)).toBe(true);
    expect(onOpenMark(s, 2, 0, 150)).toBe(false);
    expect(onOpenMark(s, 1, 75 - 15, 84)).toBe(false);
    expect(plainTitle("block ×3", 3)).toBe("block");
    expect(plainTitle("block ×3", 2)).toBe("block ×3");
    expect(titleOf({ title: "block", count: 3 })).toBe("block ×3");
    expect(titleOf({ title: "block ×3", count: 3 })).toBe("block ×3");
  });
});

describe("Graph", () => {
  const graph = () => makeGraph(decodeModel(model()));

  it("tells the head from points and crossing tensors", () => {
    expect([...graph().head([1], [1])]).toEqual([1, 1, 0, 0, 0, 0]);
    expect([...graph().head([2], [1, 2])]).toEqual([1, 1, 1, 0, 0, 0]);
  });

  it("knows points that name a tensor", () => {
    expect(graph().callOfPoint("stem:0")).toBe(1);
    expect(graph().callOfPoint("nothing")).toBeUndefined();
  });

  it("counts tied weights once, and keeps unknown sums unknown", () => {
    const g = graph();
    expect([g.twins(1), g.twins(5), g.twins(2)]).toEqual([[5], [1], []]);
    expect(g.totals([1, 5], null).params).toBe(9472);
    const known = decodeCosts(costs, 6);
    expect(g.totals([1, 2], known)).toMatchObject({
      calls: 2,
      params: 9572,
      flops: 600,
      macs: 300,
    });
    expect(g.totals([1, 5], known).flops).toBeNull();
  });
});

describe("Landscape", () => {
  const size = 3_211_264;
  it("sums what crosses along the axis, raw inputs left out", () => {
    const land = makeLandscape(scene());
    // Above stem only the raw input; then stem alone; beside left and right all three tensors.
    expect([50, 100, 190, 250].map((at) => land.at(at).bytes / size)).toEqual([0, 1, 3, 1]);
    expect(land.peak).toBe(3 * size);
    expect(land.most(100, 250)).toEqual({ bytes: 3 * size, exact: true });
    expect(makeLandscape(turned()).at(190).bytes / size).toBe(3);
  });

  it("knows only the least where a tensor of unknown size crosses", () => {
    const land = makeLandscape(
      sceneOf(
        view(),
        model((raw) => {
          raw.tensors.nbytes[2] = null;
        }),
      ),
    );
    expect([100, 190, 250].map((at) => land.at(at))).toEqual([
      { bytes: size, exact: true },
      { bytes: 2 * size, exact: false },
      { bytes: size, exact: true },
    ]);
    expect(land.most(100, 190).exact).toBe(false);
    expect(land.most(230, 250).exact).toBe(true);
  });

  it("says what lies on both sides of a place", () => {
    const s = scene();
    const [above, below] = makeLandscape(s).sides(117, null);
    expect([above.calls, below.calls]).toEqual([2, 4]);
    expect([above.params, below.params]).toEqual([9472, 100 + 256 + 9472]);
    expect(above.flops).toBeNull();
  });
});
