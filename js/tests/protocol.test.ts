import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Scene } from "../src/geometry";
import {
  decodeCut,
  decodePicture,
  decodePlaced,
  decodeResult,
  PATIENCE,
  PayloadError,
  Requests,
} from "../src/protocol";
import { cutAfterStem, NAMES, payload, placedStem } from "./fixture";

describe("decodePicture", () => {
  it("reads columns and the binary geometry, whatever its alignment", () => {
    const picture = decodePicture(payload());
    expect(picture.name).toBe("toy");
    expect(picture.calls.name).toEqual(NAMES);
    expect([...picture.x]).toEqual([0, 0, -87, 87, 0, 0]);
    expect([...picture.y]).toEqual([18, 84, 150, 150, 216, 282]);
    expect([...picture.routeStart]).toEqual([0, 2, 4, 6, 10, 12, 14, 16]);
    expect([...picture.points.subarray(0, 4)]).toEqual([0, 36, 0, 66]);
  });

  it("reads base64 geometry and copies what it is given", () => {
    const raw = payload();
    const { buffer, byteOffset, byteLength } = raw.geometry;
    const base64 = btoa(String.fromCharCode(...new Uint8Array(buffer, byteOffset, byteLength)));
    const picture = decodePicture({ ...raw, geometry: base64 });
    expect([...picture.y]).toEqual([18, 84, 150, 150, 216, 282]);
    const own = decodePicture(raw);
    raw.geometry.setFloat32(0, 999, true);
    expect(own.x[0]).toBe(0);
  });

  it("reads the payload that Python wrote", () => {
    // Written by tests/display/test_wire.py from wire.py: the two sides cannot drift apart.
    const path = resolve(import.meta.dirname, "../../tests/data/payload_v1.json");
    const golden = JSON.parse(readFileSync(path, "utf8"));
    const picture = decodePicture(golden.picture);
    expect(picture.x.length).toBe(picture.calls.name.length);
    expect(picture.routeStart.length).toBe(picture.edges.source.length + 1);
    expect([...picture.x, ...picture.y, ...picture.points].every(Number.isFinite)).toBe(true);

    // Every route runs from the bottom of its producer's box to the top of its consumer's.
    const { source, target } = picture.edges;
    const half = picture.size[1] / 2;
    for (let edge = 0; edge < source.length; edge++) {
      const route = picture.points.subarray(
        2 * picture.routeStart[edge],
        2 * picture.routeStart[edge + 1],
      );
      expect([...route.subarray(0, 2)]).toEqual([
        picture.x[source[edge]],
        picture.y[source[edge]] + half,
      ]);
      expect([...route.subarray(-2)]).toEqual([
        picture.x[target[edge]],
        picture.y[target[edge]] - half,
      ]);
    }

    // The head that is told here from points and tensors is Python's.
    const placed = decodePlaced(golden.placed);
    const scene = new Scene(picture);
    expect(placed.parts.length).toBe(placed.cuts.length + 1);
    for (const [i, cut] of placed.cuts.entries()) {
      expect(golden.cuts[i]).toEqual(cut.points);
      const calls = cut.points.map((point) => scene.callOfPoint(point)!);
      const head = scene.head(calls, cut.tensors);
      const computed = placed.partOf.map((_, call) => call).filter((c) => !picture.calls.input[c]);
      expect(computed.map((call) => head[call])).toEqual(
        computed.map((call) => (placed.partOf[call] <= i ? 1 : 0)),
      );
      expect(scene.cutLine(cut).chips.map((chip) => chip.tensor)).toEqual(cut.tensors);
    }
    expect(decodeResult(golden.result)?.variables.length).toBe(placed.parts.length);
  });

  it.each<[string, unknown, RegExp]>([
    ["nothing", {}, /no model has arrived/],
    ["another version", payload((raw) => (raw.version = 2)), /version 2.*reads version 1/],
    ["a short column", payload((raw) => raw.calls.params.pop()), /“params” has 5 entries/],
    ["an index out of range", payload((raw) => (raw.edges.target[0] = 99)), /“target” holds/],
    ["almost no geometry", { ...payload(), geometry: new Uint8Array(8) }, /too short/],
    ["no geometry", { ...payload(), geometry: null }, /geometry is missing/],
    [
      "a geometry cut off",
      { ...payload(), geometry: new DataView(payload().geometry.buffer, 3, 100) },
      /do not fill/,
    ],
    [
      "routes that run backwards",
      payload((raw) => raw.geometry.setInt32(4 * 13, 5, true)),
      /routes are out of order/,
    ],
  ])("refuses %s with one sentence", (_, raw, sentence) => {
    expect(() => decodePicture(raw)).toThrow(PayloadError);
    expect(() => decodePicture(raw)).toThrow(sentence);
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
      variables: ["a"],
      verification: null,
    });
    const verification = { ok: true, sentence: "Equal.", rows: [["outputs", true, "0"]] };
    expect(decodeResult({ code: "x", verification })?.verification).toEqual(verification);
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
    const events = { changed: vi.fn(), progress: vi.fn(), silent: vi.fn() };
    const requests = new Requests((content) => sent.push(content as (typeof sent)[0]), events);
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

  it("says when nothing is heard, and waits anew after progress", () => {
    const { sent, events, requests } = make();
    void requests.ask("verify");
    vi.advanceTimersByTime(PATIENCE - 1);
    requests.receive({ kind: "progress", id: sent[0].id, done: 1, total: 3, what: "Running" });
    expect(events.progress).toHaveBeenCalledWith({
      kind: "verify",
      done: 1,
      total: 3,
      what: "Running",
    });
    vi.advanceTimersByTime(PATIENCE - 1);
    expect(events.silent).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(events.silent).toHaveBeenCalledWith("verify");
  });

  it("answers when sending fails", async () => {
    const requests = new Requests(
      () => {
        throw new Error("closed");
      },
      { changed() {}, progress() {}, silent() {} },
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
