import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { makeScene } from "../src/geometry";
import { makeGraph } from "../src/graph";
import {
  decodeBusy,
  decodeCosts,
  decodeCut,
  decodeModel,
  decodePlaced,
  decodePlan,
  decodeResult,
  decodeView,
  makeRequests,
  PATIENCE,
  PayloadError,
} from "../src/protocol";
import { cutAfterStem, folded, model, NAMES, placedStem, unfolded, view } from "./fixture";

const decode = (rawView: unknown, rawModel: unknown = model()) =>
  decodeView(rawView, decodeModel(rawModel));

describe("decodeModel and decodeView", () => {
  it("read columns and the binary geometry, whatever its alignment", () => {
    const data = decodeModel(model());
    expect([data.name, data.macs]).toEqual(["toy", 3_857_925_120]);
    expect(data.calls.name).toEqual(NAMES);
    expect(data.calls.tied).toEqual([-1, -1, -1, -1, -1, 1]);
    const drawn = decode(view());
    expect([...drawn.x]).toEqual([0, 0, -87, 87, 0, 0]);
    expect([...drawn.y]).toEqual([18, 84, 150, 150, 216, 282]);
    expect([...drawn.w]).toEqual(Array(6).fill(150));
    expect([...drawn.routeStart]).toEqual([0, 2, 4, 6, 10, 12, 14, 16]);
    expect([...drawn.points.subarray(0, 4)]).toEqual([0, 36, 0, 66]);
  });

  it("read folds and frames", () => {
    const closed = decode(folded());
    expect(closed.boxes.kind).toEqual(["call", "call", "repeat", "call"]);
    expect([closed.depth, closed.direction]).toEqual(["blocks", "down"]);
    const [frame] = decode(unfolded()).frames;
    expect(frame).toMatchObject({ id: "block", kind: "repeat", boxes: [2, 3, 4], level: 0 });
    expect(decode({ ...view(), depth: "what?" }).depth).toBe("custom");
  });

  it("read base64 geometry and copy what they are given", () => {
    const raw = view();
    const { buffer, byteOffset, byteLength } = raw.geometry;
    const base64 = btoa(String.fromCharCode(...new Uint8Array(buffer, byteOffset, byteLength)));
    expect([...decode({ ...raw, geometry: base64 }).y]).toEqual([18, 84, 150, 150, 216, 282]);
    const own = decode(raw);
    raw.geometry.setFloat32(0, 999, true);
    expect(own.x[0]).toBe(0);
  });

  it.each<[string, unknown, RegExp]>([
    ["nothing", {}, /no model has arrived/],
    ["another version", model((raw) => (raw.version = 1)), /version 1.*reads version 2/],
    ["a short column", model((raw) => raw.calls.params.pop()), /“params” is not as agreed/],
    [
      "an index out of range",
      model((raw) => (raw.edges.target[0] = 99)),
      /“target” is not as agreed/,
    ],
    ["a twin out of range", model((raw) => (raw.calls.tied[0] = -2)), /“tied” is not as agreed/],
  ])("refuse a model with %s in one sentence", (_, raw, sentence) => {
    expect(() => decodeModel(raw)).toThrow(PayloadError);
    expect(() => decodeModel(raw)).toThrow(sentence);
  });

  it.each<[string, unknown, RegExp]>([
    ["nothing", {}, /no drawing has arrived/],
    ["a call in no box", view((raw) => (raw.box_of[0] = 6)), /“box_of” is not as agreed/],
    ["a kind of its own", view((raw) => (raw.boxes.kind[0] = 4)), /“kind” is not as agreed/],
    [
      "exits of another model",
      view((raw) => (raw.boxes.exits[0] = [6])),
      /“exits” is not as agreed/,
    ],
    [
      "a frame around nothing",
      view((raw) => raw.frames.push({ boxes: [9] })),
      /“boxes” is not as agreed/,
    ],
    ["almost no geometry", { ...view(), geometry: new Uint8Array(8) }, /do not fit/],
    ["no geometry", { ...view(), geometry: null }, /geometry is missing/],
    [
      "a geometry cut off",
      { ...view(), geometry: new DataView(view().geometry.buffer, 3, 160) },
      /do not fit/,
    ],
    [
      "routes that run backwards",
      view((raw) => raw.geometry.setInt32(4 * 25, 5, true)),
      /do not fit/,
    ],
  ])("refuse a view with %s in one sentence", (_, raw, sentence) => {
    expect(() => decode(raw)).toThrow(PayloadError);
    expect(() => decode(raw)).toThrow(sentence);
  });

  // Written by tests/display/test_wire.py from wire.py: the two sides cannot drift apart.
  const path = resolve(import.meta.dirname, "../../tests/data/payload_v2.json");
  it("read the payload that Python wrote", () => {
    const golden = JSON.parse(readFileSync(path, "utf8"));
    const data = decodeModel(golden.model);
    const drawn = decodeView(golden.view, data);
    expect(drawn.x.length).toBe(drawn.boxes.id.length);
    expect(drawn.routeStart.length).toBe(drawn.edges.source.length + 1);
    expect([...drawn.x, ...drawn.y, ...drawn.points].every(Number.isFinite)).toBe(true);
    // Every route runs from the bottom of its producer's box to the top of its consumer's.
    drawn.edges.source.forEach((source, edge) => {
      const target = drawn.edges.target[edge];
      const from = 2 * drawn.routeStart[edge];
      const to = 2 * drawn.routeStart[edge + 1];
      const [x, y] = drawn.points.subarray(from, from + 2);
      expect([x, y]).toEqual([drawn.x[source], drawn.y[source] + drawn.h[source] / 2]);
      const [tx, ty] = drawn.points.subarray(to - 2, to);
      expect([tx, ty]).toEqual([drawn.x[target], drawn.y[target] - drawn.h[target] / 2]);
    });
    // The head that is told here from points and tensors is Python's.
    const placed = decodePlaced(golden.placed);
    const graph = makeGraph(data);
    const scene = makeScene(graph, drawn);
    expect(placed.parts.length).toBe(placed.cuts.length + 1);
    for (const [i, cut] of placed.cuts.entries()) {
      const calls = cut.points.map((point) => graph.callOfPoint(point)!);
      const head = graph.head(calls, cut.tensors);
      const computed = placed.partOf.map((_, call) => call).filter((c) => !data.calls.input[c]);
      expect(computed.map((call) => head[call])).toEqual(
        computed.map((call) => (placed.partOf[call] <= i ? 1 : 0)),
      );
      expect(scene.cutLine(cut).chips.map((chip) => chip.tensor)).toEqual(cut.tensors);
    }

    // Folded, every call is in the box that says so, and costs and plan are of this model.
    const few = makeScene(graph, decodeView(golden.folded, data));
    expect(few.size).toBeLessThan(graph.size);
    const held = golden.folded.boxes.id.flatMap((_: string, box: number) => [...few.callsOf(box)]);
    expect([...held].sort((a, b) => a - b)).toEqual(data.calls.name.map((_, call) => call));
    expect(decodeCosts(golden.costs, graph.size)?.macs.length).toBe(graph.size);
    expect(decodePlan(golden.plan)?.stages.map((stage) => stage.calls)).toEqual(
      golden.plan.stages.map((stage: { calls: number }) => stage.calls),
    );
  });
});

describe("the smaller traits", () => {
  it("are read with defaults for what is missing", () => {
    expect(decodePlaced(undefined)).toEqual({
      cuts: [],
      partOf: [],
      parts: [],
      canUndo: false,
      canRedo: false,
    });
    expect(decodePlaced(placedStem).cuts[0]).toEqual(decodeCut(cutAfterStem));
    expect(decodeCut({ ...cutAfterStem, removes: true }).removes).toBe(true);
    expect(decodeCut({ ...cutAfterStem, nbytes: null }).nbytes).toBeNull();
    expect(decodeResult({})).toBeNull();
    expect(decodeResult({ code: "x", variables: ["a"], verification: null })).toEqual({
      code: "x",
      verification: null,
    });
    const verification = { ok: true, sentence: "Equal.", rows: [["outputs", true, "0"]] };
    expect(decodeResult({ code: "x", verification })?.verification).toEqual(verification);
  });

  it("tell costs that are of this model from those that are not", () => {
    const columns = { macs: [1, null], flops: [2, 3], bytes: [4, 5] };
    expect(decodeCosts({}, 2)).toBeNull();
    expect(decodeCosts(columns, 3)).toBeNull();
    expect(decodeCosts({ ...columns, ms: null }, 2)).toEqual({ ...columns, ms: null });
    expect(decodeCosts({ ...columns, ms: [0.5, "x"] }, 2)?.ms).toEqual([0.5, null]);
  });

  it("read plans, leaving out dots of the front that have no place", () => {
    const front = [
      { bytes: 10, imbalance: 0.5, points: ["stem"] },
      { bytes: null, imbalance: 0.5, points: ["stem"] },
      { bytes: 10, imbalance: 0.5, points: [] },
    ];
    const stages = [{ part: "part_1", calls: 2, load: 0.01 }];
    const plan = decodePlan({ sentence: "Two.", proved: true, gap: 0, stages, front });
    expect(plan?.front).toEqual([front[0]]);
    expect(plan?.stages[0]).toMatchObject({ part: "part_1", flops: null, load: 0.01 });
    expect(decodePlan(undefined)).toBeNull();
  });

  it("know when the kernel is busy", () => {
    expect(decodeBusy({})).toBeNull();
    expect(decodeBusy({ what: "Reading", done: 1 })).toEqual({
      what: "Reading",
      done: 1,
      total: 0,
    });
  });
});

describe("Requests", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function make() {
    const sent: { id: number; kind: string }[] = [];
    const events = { changed: vi.fn(), silent: vi.fn() };
    const requests = makeRequests((content) => sent.push(content as (typeof sent)[0]), events);
    return { sent, events, requests };
  }

  it("joins replies to requests by id, in any order", async () => {
    const { sent, requests } = make();
    const first = requests.ask("preview", { call: "a" });
    const second = requests.ask("preview", { call: "b" });
    expect(sent[0]).toMatchObject({ kind: "preview", call: "a" });
    expect(requests.busy("preview")).toBe(true);
    requests.receive({ kind: "reply", id: sent[1].id, ok: true, cut: 2 });
    requests.receive({ kind: "reply", id: sent[0].id, ok: false, error: "No." });
    expect(await second).toMatchObject({ ok: true, cut: 2, error: "" });
    expect(await first).toMatchObject({ ok: false, error: "No." });
    expect(requests.idle).toBe(true);
  });

  it("leaves the replies of another view alone", () => {
    const a = make();
    const b = make();
    void a.requests.ask("split");
    void b.requests.ask("split");
    expect(a.sent[0].id).not.toBe(b.sent[0].id);
    expect(Number.isSafeInteger(a.sent[0].id)).toBe(true);
    b.requests.receive({ kind: "reply", id: a.sent[0].id, ok: true });
    expect(b.requests.busy("split")).toBe(true);
  });

  it("says when nothing is heard", () => {
    const { events, requests } = make();
    void requests.ask("verify");
    vi.advanceTimersByTime(PATIENCE - 1);
    expect(events.silent).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(events.silent).toHaveBeenCalledTimes(1);
  });

  it("answers when sending fails", async () => {
    const requests = makeRequests(
      () => {
        throw new Error("closed");
      },
      { changed() {}, silent() {} },
    );
    expect((await requests.ask("split")).ok).toBe(false);
  });

  it("keeps no timer after dispose", () => {
    const { events, requests } = make();
    void requests.ask("split");
    requests.dispose();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(2 * PATIENCE);
    expect(events.silent).not.toHaveBeenCalled();
  });
});
