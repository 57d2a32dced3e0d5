/** A small payload made by hand, a model that answers like Python's, and a context that records. */

import { setMaxListeners } from "node:events";
import { vi } from "vitest";
import type { Model } from "../src/protocol";

// One signal ends all listeners of a view; Node warns from the eleventh on.
setMaxListeners(0);

export const NAMES = ["image", "stem", "left", "right", "add", "head"];

/**
 *        image        y = 18
 *          |
 *        stem         y = 84
 *       /    \
 *    left   right     y = 150, x = -87 and 87
 *       \    /
 *         add         y = 216   (+ a lane from stem at x = 200)
 *          |
 *        head         y = 282
 */
export function payload(change: (raw: Raw) => void = () => {}): Raw {
  const x = [0, 0, -87, 87, 0, 0];
  const y = [18, 84, 150, 150, 216, 282];
  const bottom = (call: number): [number, number] => [x[call], y[call] + 18];
  const top = (call: number): [number, number] => [x[call], y[call] - 18];
  const edges: [number, number, [number, number][]][] = [
    [0, 1, [bottom(0), top(1)]],
    [1, 2, [bottom(1), top(2)]],
    [1, 3, [bottom(1), top(3)]],
    [1, 4, [bottom(1), [200, 132], [200, 168], top(4)]],
    [2, 4, [bottom(2), top(4)]],
    [3, 4, [bottom(3), top(4)]],
    [4, 5, [bottom(4), top(5)]],
  ];
  const start = [0];
  const points: number[] = [];
  for (const [, , route] of edges) {
    points.push(...route.flat());
    start.push(points.length / 2);
  }
  const raw = {
    version: 1,
    model: { name: "toy", params: 25_636_712 },
    kinds: ["InputLayer", "Conv2D", "Add", "BatchNormalization"],
    dtypes: ["float32"],
    calls: {
      name: [...NAMES],
      kind: [0, 1, 1, 3, 2, 1],
      params: [0, 9472, 100, 256, 0, 640],
      input: [1, 0, 0, 0, 0, 0],
      first_tensor: [0, 1, 2, 3, 4, 5],
    },
    tensors: {
      name: [...NAMES],
      call: [0, 1, 2, 3, 4, 5],
      shape: NAMES.map((): (number | null)[] => [null, 56, 56, 256]),
      dtype: [0, 0, 0, 0, 0, 0],
      nbytes: NAMES.map((): number | null => 3_211_264),
    },
    edges: {
      source: edges.map(([source]) => source),
      target: edges.map(([, target]) => target),
      tensors: edges.map(([source]) => [source]),
    },
    candidates: [1, 4],
    outputs: [5],
    size: [150, 36],
    bounds: [-162, 0, 200, 300],
    geometry: geometry(x, y, start, points),
  };
  change(raw);
  return raw;
}

export type Raw = {
  version: number;
  kinds: string[];
  calls: { name: string[]; kind: number[]; params: number[]; [key: string]: unknown[] };
  tensors: { shape: (number | null)[][]; nbytes: (number | null)[]; [key: string]: unknown[] };
  edges: { source: number[]; target: number[]; tensors: number[][] };
  geometry: DataView;
  bounds: number[];
  [key: string]: unknown;
};

/** At an odd offset in a larger buffer, as messages may carry it. */
export function geometry(x: number[], y: number[], start: number[], points: number[]): DataView {
  const floats = x.length + y.length + points.length;
  const view = new DataView(new ArrayBuffer(3 + 4 * (floats + start.length)), 3);
  const words = [...x, ...y].length;
  for (const [i, value] of [...x, ...y].entries()) view.setFloat32(4 * i, value, true);
  for (const [i, value] of start.entries()) view.setInt32(4 * (words + i), value, true);
  const tail = words + start.length;
  for (const [i, value] of points.entries()) view.setFloat32(4 * (tail + i), value, true);
  return view;
}

export const cutAfterStem = {
  points: ["stem"],
  tensors: [1],
  nbytes: 3_211_264,
  candidate: true,
  inputs_also_needed: [],
  sentence: "One tensor crosses after stem.",
};

export const part = (variable: string) => ({
  variable,
  calls: 2,
  params: 9472,
  needs: ["image"],
  returns: ["stem"],
});

export const placedNothing = {
  cuts: [],
  part_of: [0, 0, 0, 0, 0, 0],
  parts: [part("part_1")],
  can_undo: false,
  can_redo: false,
};

export const placedStem = {
  cuts: [cutAfterStem],
  part_of: [0, 0, 1, 1, 1, 1],
  parts: [part("part_1"), part("part_2")],
  can_undo: true,
  can_redo: false,
};

type Listener = (...args: unknown[]) => void;

/** anywidget's model with Python's side played by the test. */
export class FakeModel implements Model {
  readonly sent: Record<string, unknown>[] = [];
  readonly saved = vi.fn();
  readonly #traits: Record<string, unknown>;
  readonly #listeners = new Map<string, Set<Listener>>();

  constructor(traits: Record<string, unknown> = {}) {
    this.#traits = {
      _picture: payload(),
      _placed: placedNothing,
      _result: {},
      cuts: [],
      selection: "",
      status: "toy: 2 places where one tensor crosses.",
      last_error: "",
      variable_names: "part_1, part_2",
      height: 520,
      ...traits,
    };
  }

  get(name: string): unknown {
    return this.#traits[name];
  }

  set(name: string, value: unknown): void {
    if (this.#traits[name] === value) return;
    this.#traits[name] = value;
    this.fire(`change:${name}`);
  }

  save_changes(): void {
    this.saved();
  }

  send(content: unknown): void {
    this.sent.push(content as Record<string, unknown>);
  }

  on(event: string, callback: Listener): void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(callback));
  }

  off(event: string, callback: Listener): void {
    this.#listeners.get(event)?.delete(callback);
  }

  fire(event: string, ...args: unknown[]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) listener(...args);
  }

  get listeners(): number {
    return [...this.#listeners.values()].reduce((sum, each) => sum + each.size, 0);
  }

  /** The last request of a kind. */
  request(kind: string): Record<string, unknown> {
    const found = this.sent.filter((each) => each.kind === kind).at(-1);
    if (!found) throw new Error(`nothing asked for ${kind}`);
    return found;
  }

  async answer(request: Record<string, unknown>, reply: Record<string, unknown> = {}) {
    this.fire("msg:custom", { kind: "reply", id: request.id, ok: true, ...reply }, []);
    await Promise.resolve();
    await Promise.resolve();
  }
}

export interface Call {
  name: string;
  args: unknown[];
  /** strokeStyle, fillStyle and dashes as they were. */
  stroke: string;
  fill: string;
  dash: number[];
  /** Scale and offset of the transform as it was. */
  at: [number, number, number];
}

/** A CanvasRenderingContext2D that writes down what it is asked to draw. Letters are 6 px wide. */
export function recorder(): { context: CanvasRenderingContext2D; calls: Call[] } {
  const calls: Call[] = [];
  const state: Record<string, unknown> = {};
  let dash: number[] = [];
  let at: [number, number, number] = [1, 0, 0];
  const context = new Proxy(state, {
    get(target, name: string) {
      if (name === "measureText") return (text: string) => ({ width: 6 * text.length });
      if (name in target) return target[name];
      return (...args: unknown[]) => {
        if (name === "setTransform") at = [args[0], args[4], args[5]] as [number, number, number];
        if (name === "setLineDash") dash = args[0] as number[];
        const { strokeStyle, fillStyle } = target;
        calls.push({ name, args, stroke: `${strokeStyle}`, fill: `${fillStyle}`, dash, at });
      };
    },
    set(target, name: string, value) {
      target[name] = value;
      return true;
    },
  });
  return { context: context as unknown as CanvasRenderingContext2D, calls };
}
