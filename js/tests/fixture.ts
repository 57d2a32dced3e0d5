/** A small payload made by hand, a model that answers like Python's, and a context that records. */

import { setMaxListeners } from "node:events";
import { vi } from "vitest";
import { makeScene } from "../src/geometry";
import { makeGraph } from "../src/graph";
import { overlay } from "../src/overlay";
import type { Frame } from "../src/painter";
import { decodeModel, decodePlaced, decodeView, type Model } from "../src/protocol";
import { readTheme } from "../src/theme";

// One signal ends all listeners of a view; Node warns from the eleventh on.
setMaxListeners(0);

export const NAMES = ["image", "stem", "left", "right", "add", "head"];
export const BOX: readonly [number, number] = [150, 36];

/** The trait `_model`. `head` shares the weights of `stem`. */
export function model(change: (raw: RawModel) => void = () => {}): RawModel {
  const edges = EDGES.map(([source, target]) => [source, target]);
  const raw = {
    version: 2,
    model: { name: "toy", params: 25_636_712, macs: 3_857_925_120 },
    kinds: ["InputLayer", "Conv2D", "Add", "BatchNormalization"],
    dtypes: ["float32"],
    calls: {
      name: [...NAMES],
      kind: [0, 1, 1, 3, 2, 1],
      params: [0, 9472, 100, 256, 0, 9472],
      input: [1, 0, 0, 0, 0, 0],
      first_tensor: [0, 1, 2, 3, 4, 5],
      tied: [-1, -1, -1, -1, -1, 1],
    },
    tensors: {
      name: [...NAMES],
      call: [0, 1, 2, 3, 4, 5],
      shape: NAMES.map((): (number | null)[] => [null, 56, 56, 256]),
      dtype: [0, 0, 0, 0, 0, 0],
      nbytes: NAMES.map((): number | null => 3_211_264),
      mask: [0, 0, 0, 0, 0, 0],
    },
    edges: {
      source: edges.map(([source]) => source),
      target: edges.map(([, target]) => target),
      tensors: edges.map(([source]) => [source]),
    },
    candidates: [1, 4],
    outputs: [5],
  };
  change(raw);
  return raw;
}

const EDGES: readonly [number, number][] = [
  [0, 1],
  [1, 2],
  [1, 3],
  [1, 4],
  [2, 4],
  [3, 4],
  [4, 5],
];

/**
 * The trait `_view` with every call a box:
 *
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
export function view(change: (raw: RawView) => void = () => {}): RawView {
  const x = [0, 0, -87, 87, 0, 0];
  const y = [18, 84, 150, 150, 216, 282];
  const bottom = (call: number): [number, number] => [x[call], y[call] + 18];
  const top = (call: number): [number, number] => [x[call], y[call] - 18];
  const routes = EDGES.map(([source, target]): [number, number][] =>
    source === 1 && target === 4
      ? [bottom(1), [200, 132], [200, 168], top(4)]
      : [bottom(source), top(target)],
  );
  const raw: RawView = {
    depth: "all",
    direction: "down",
    boxes: {
      id: [...NAMES],
      title: [...NAMES],
      kind: [0, 0, 0, 0, 0, 0],
      count: [1, 1, 1, 1, 1, 1],
      openable: [0, 0, 0, 0, 0, 0],
      exits: [[0], [1], [2], [3], [4], [5]],
    },
    box_of: [0, 1, 2, 3, 4, 5],
    edges: {
      source: EDGES.map(([source]) => source),
      target: EDGES.map(([, target]) => target),
      tensors: EDGES.map(([source]) => [source]),
    },
    frames: [],
    bounds: [-162, 0, 200, 300],
    geometry: geometry(x, y, routes),
  };
  change(raw);
  return raw;
}

/** The same with left, right and add in one fold, "block"; or open, in a frame. */
export function folded(): RawView {
  const y = [18, 84, 150, 216];
  const routes = [0, 1, 2].map((i): [number, number][] => [
    [0, y[i] + 18],
    [0, y[i + 1] - 18],
  ]);
  return {
    depth: "blocks",
    direction: "down",
    boxes: {
      id: ["image", "stem", "block", "head"],
      title: ["image", "stem", "block ×3", "head"],
      kind: [0, 0, 2, 0],
      count: [1, 1, 3, 1],
      openable: [0, 0, 1, 0],
      exits: [[0], [1], [4], [5]],
    },
    box_of: [0, 1, 2, 2, 2, 3],
    edges: { source: [0, 1, 2], target: [1, 2, 3], tensors: [[0], [1], [4]] },
    frames: [],
    bounds: [-75, 0, 75, 234],
    geometry: geometry([0, 0, 0, 0], y, routes),
  };
}

export function unfolded(): RawView {
  return view((raw) => {
    raw.depth = "custom";
    raw.frames = [
      {
        id: "block",
        title: "block ×3",
        kind: 2,
        count: 3,
        boxes: [2, 3, 4],
        level: 0,
        rect: [-174, 120, 200, 246],
      },
    ];
  });
}

/** A straight chain of boxes, as many as you like, `step` apart. */
export function chain(n: number, step = 66): { _model: RawModel; _view: RawView } {
  const names = Array.from({ length: n }, (_, i) => `layer_${i}`);
  const column = <T>(value: T) => names.map(() => value);
  const numbers = names.map((_, i) => i);
  const edges = {
    source: numbers.slice(0, -1),
    target: numbers.slice(1),
    tensors: numbers.slice(0, -1).map((i) => [i]),
  };
  const y = numbers.map((i) => 18 + step * i);
  const routes = numbers.slice(1).map((i): [number, number][] => [
    [0, y[i - 1] + 18],
    [0, y[i] - 18],
  ]);
  return {
    _model: model((raw) => {
      raw.calls = {
        name: names,
        kind: column(1),
        params: column(10),
        input: column(0),
        first_tensor: numbers,
        tied: column(-1),
      };
      raw.tensors = {
        name: names,
        call: numbers,
        shape: column([null, 8]),
        dtype: column(0),
        nbytes: column(32),
        mask: column(0),
      };
      raw.edges = edges;
      raw.candidates = numbers.slice(0, -1);
      raw.outputs = [n - 1];
    }),
    _view: view((raw) => {
      raw.boxes = {
        id: names,
        title: names,
        kind: column(0),
        count: column(1),
        openable: column(0),
        exits: numbers.map((i) => [i]),
      };
      raw.box_of = numbers;
      raw.edges = edges;
      raw.bounds = [-75, 0, 75, y[n - 1] + 18];
      raw.geometry = geometry(column(0), y, routes);
    }),
  };
}

export type RawModel = {
  version: number;
  kinds: string[];
  calls: {
    name: string[];
    kind: number[];
    params: number[];
    tied: number[];
    [key: string]: unknown[];
  };
  tensors: { shape: (number | null)[][]; nbytes: (number | null)[]; [key: string]: unknown[] };
  edges: RawEdges;
  [key: string]: unknown;
};
export type RawEdges = { source: number[]; target: number[]; tensors: number[][] };
export type RawView = {
  boxes: { exits: number[][]; kind: number[]; openable: number[]; [key: string]: unknown[] };
  box_of: number[];
  edges: RawEdges;
  frames: Record<string, unknown>[];
  geometry: DataView;
  bounds: number[];
  [key: string]: unknown;
};

/** Boxes of one size, at an odd offset in a larger buffer, as messages may carry it. */
export function geometry(x: number[], y: number[], routes: [number, number][][]): DataView {
  const start = [0];
  for (const route of routes) start.push(start[start.length - 1] + route.length);
  const columns = [x, y, x.map(() => BOX[0]), y.map(() => BOX[1])].flat();
  const points = routes.flat(2);
  const words = columns.length + start.length + points.length;
  const data = new DataView(new ArrayBuffer(3 + 4 * words), 3);
  columns.forEach((value, i) => {
    data.setFloat32(4 * i, value, true);
  });
  start.forEach((value, i) => {
    data.setInt32(4 * (columns.length + i), value, true);
  });
  points.forEach((value, i) => {
    data.setFloat32(4 * (columns.length + start.length + i), value, true);
  });
  return data;
}

export const cutAfterStem = {
  points: ["stem"],
  tensors: [1],
  nbytes: 3_211_264,
  candidate: true,
  inputs_also_needed: [],
  sentence: "One tensor crosses after stem.",
};

export const costs = {
  macs: [0, 100, 200, 300, 0, 400],
  flops: [0, 200, 400, 600, 8, null],
  bytes: NAMES.map(() => 3_211_264),
  ms: null as (number | null)[] | null,
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
      _model: model(),
      _view: view(),
      _costs: {},
      _busy: {},
      _static: false,
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

/** A frame in which nothing is chosen, cut or found. */
export function frameOf(rawModel: unknown, rawView: unknown, change: Partial<Frame>): Frame {
  const data = decodeModel(rawModel);
  const scene = makeScene(makeGraph(data), decodeView(rawView, data));
  const theme = readTheme(document.body);
  return {
    scene,
    camera: { x: 0, y: 0, scale: 1 },
    view: { width: 500, height: 320 },
    ratio: 2,
    theme,
    inks: overlay(scene, "class", decodePlaced(placedNothing), null, theme).inks,
    cuts: [],
    preview: null,
    parts: [],
    hover: -1,
    selected: -1,
    leaving: -1,
    lit: null,
    found: new Set(),
    ...change,
  };
}
