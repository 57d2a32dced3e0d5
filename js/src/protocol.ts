/**
 * The only reader of what Python sends: traits decoded and checked, and request/reply with ids.
 *
 * The format is written down once, in `kerassplit_widget/display/wire.py`; the file
 * `tests/data/payload_v1.json` is written there and read by the tests here.
 */

export const VERSION = 1;

/** The slice of anywidget's model that is used here. */
export interface Model {
  // biome-ignore lint/suspicious/noExplicitAny: traits are untyped until they are decoded below
  get(name: string): any;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown): void;
  // biome-ignore lint/suspicious/noExplicitAny: as in anywidget
  on(event: string, callback: (...args: any[]) => void): void;
  // biome-ignore lint/suspicious/noExplicitAny: as in anywidget
  off(event: string, callback: (...args: any[]) => void): void;
}

/** A model's graph with its layout; columns, one entry per call, tensor or edge. */
export interface Picture {
  readonly name: string;
  readonly params: number;
  readonly kinds: readonly string[];
  readonly dtypes: readonly string[];
  readonly calls: {
    readonly name: readonly string[];
    readonly kind: readonly number[];
    readonly params: readonly number[];
    readonly input: readonly number[];
    readonly firstTensor: readonly number[];
  };
  readonly tensors: {
    readonly name: readonly string[];
    readonly call: readonly number[];
    readonly shape: readonly (readonly (number | null)[])[];
    readonly dtype: readonly number[];
    readonly nbytes: readonly (number | null)[];
  };
  readonly edges: {
    readonly source: readonly number[];
    readonly target: readonly number[];
    readonly tensors: readonly (readonly number[])[];
  };
  readonly candidates: readonly number[];
  readonly outputs: readonly number[];
  /** Width and height of every box. */
  readonly size: readonly [number, number];
  readonly bounds: readonly [number, number, number, number];
  /** Box centres. */
  readonly x: Float32Array;
  readonly y: Float32Array;
  /** Route of edge i: points 2 * routeStart[i] .. 2 * routeStart[i + 1]. */
  readonly routeStart: Int32Array;
  readonly points: Float32Array;
}

export interface Cut {
  points: string[];
  tensors: number[];
  nbytes: number | null;
  candidate: boolean;
  inputsAlsoNeeded: number[];
  sentence: string;
  /** Only in previews: toggling here would take a placed cut away. */
  removes: boolean;
}

export interface Part {
  variable: string;
  calls: number;
  params: number;
  needs: string[];
  returns: string[];
}

export interface Placed {
  cuts: Cut[];
  partOf: number[];
  parts: Part[];
  canUndo: boolean;
  canRedo: boolean;
}

export interface Result {
  code: string;
  variables: string[];
  verification: { ok: boolean; sentence: string; rows: [string, boolean, string][] } | null;
}

/** A payload that cannot be shown. The message is one sentence for the person. */
export class PayloadError extends Error {}

type Dict = Record<string, unknown>;

function isDict(value: unknown): value is Dict {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fail(what: string): never {
  throw new PayloadError(
    `The picture cannot be shown: ${what}. Restart the kernel and reload the page, so that both sides are of one release.`,
  );
}

function dict(value: unknown, where: string): Dict {
  return isDict(value) ? value : fail(`“${where}” is missing`);
}

function column<T>(
  owner: Dict,
  key: string,
  length: number | null,
  good: (item: unknown) => boolean,
): T[] {
  const value = owner[key];
  if (!Array.isArray(value)) fail(`the column “${key}” is missing`);
  if (length !== null && value.length !== length) {
    fail(`the column “${key}” has ${value.length} entries instead of ${length}`);
  }
  if (!value.every(good)) fail(`the column “${key}” holds a value that is not allowed`);
  return value as T[];
}

const isText = (value: unknown): boolean => typeof value === "string";
const isNumber = (value: unknown): boolean => typeof value === "number";
const isSize = (value: unknown): boolean => value === null || typeof value === "number";
const isList = (value: unknown): boolean => Array.isArray(value);
const below =
  (limit: number) =>
  (value: unknown): boolean =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) < limit;
const listBelow = (limit: number) => (value: unknown) =>
  Array.isArray(value) && value.every(below(limit));

/** The bytes of the geometry, in a buffer of their own: what arrives may not be aligned. */
function copyOfBytes(value: unknown): Uint8Array<ArrayBuffer> {
  if (typeof value === "string") {
    // An exported page and the test data carry the buffer as base64.
    return Uint8Array.from(atob(value), (letter) => letter.charCodeAt(0));
  }
  if (value instanceof ArrayBuffer) return new Uint8Array(value.slice(0));
  if (ArrayBuffer.isView(value)) {
    const copy = new Uint8Array(value.byteLength);
    copy.set(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    return copy;
  }
  return fail("its geometry is missing");
}

function decodeGeometry(value: unknown, n: number, m: number) {
  const bytes = copyOfBytes(value);
  const head = 4 * (2 * n + m + 1);
  if (bytes.byteLength < head) fail("its geometry is too short");
  const x = new Float32Array(bytes.buffer, 0, n);
  const y = new Float32Array(bytes.buffer, 4 * n, n);
  const routeStart = new Int32Array(bytes.buffer, 8 * n, m + 1);
  for (let i = 0; i < m; i++) {
    if (routeStart[i] < 0 || routeStart[i + 1] < routeStart[i]) fail("its routes are out of order");
  }
  const length = 2 * routeStart[m];
  if (bytes.byteLength !== head + 4 * length) fail("its routes do not fill the geometry");
  return { x, y, routeStart, points: new Float32Array(bytes.buffer, head, length) };
}

/**
 * Check the trait `_picture` and give it types.
 *
 * Numbers that are not finite are let through: a call that has no place degrades alone.
 *
 * @throws PayloadError with one sentence when the payload as a whole cannot be trusted
 */
export function decodePicture(raw: unknown): Picture {
  if (!isDict(raw) || raw.version === undefined) fail("no model has arrived");
  if (raw.version !== VERSION) {
    fail(`it is written in version ${String(raw.version)}, but this page reads version ${VERSION}`);
  }
  const model = dict(raw.model, "model");
  const kinds = column<string>(raw, "kinds", null, isText);
  const dtypes = column<string>(raw, "dtypes", null, isText);
  const calls = dict(raw.calls, "calls");
  const names = column<string>(calls, "name", null, isText);
  const n = names.length;
  const tensors = dict(raw.tensors, "tensors");
  const tensorNames = column<string>(tensors, "name", null, isText);
  const t = tensorNames.length;
  const edges = dict(raw.edges, "edges");
  const source = column<number>(edges, "source", null, below(n));
  const m = source.length;
  const size = column<number>(raw, "size", 2, isNumber);
  const bounds = column<number>(raw, "bounds", 4, isSize);
  return {
    name: String(model.name ?? "model"),
    params: Number(model.params ?? 0),
    kinds,
    dtypes,
    calls: {
      name: names,
      kind: column(calls, "kind", n, below(kinds.length)),
      params: column(calls, "params", n, isNumber),
      input: column(calls, "input", n, isNumber),
      firstTensor: column(calls, "first_tensor", n, below(t)),
    },
    tensors: {
      name: tensorNames,
      call: column(tensors, "call", t, below(n)),
      shape: column(tensors, "shape", t, isList),
      dtype: column(tensors, "dtype", t, below(dtypes.length)),
      nbytes: column(tensors, "nbytes", t, isSize),
    },
    edges: {
      source,
      target: column(edges, "target", m, below(n)),
      tensors: column(edges, "tensors", m, listBelow(t)),
    },
    candidates: column(raw, "candidates", null, below(n)),
    outputs: column(raw, "outputs", null, below(t)),
    size: [size[0], size[1]],
    bounds: [bounds[0], bounds[1], bounds[2], bounds[3]],
    ...decodeGeometry(raw.geometry, n, m),
  };
}

const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
const numbers = (value: unknown): number[] =>
  Array.isArray(value) ? value.filter((item) => Number.isInteger(item)) : [];

export function decodeCut(raw: unknown): Cut {
  const cut = isDict(raw) ? raw : {};
  return {
    points: texts(cut.points),
    tensors: numbers(cut.tensors),
    nbytes: typeof cut.nbytes === "number" ? cut.nbytes : null,
    candidate: Boolean(cut.candidate),
    inputsAlsoNeeded: numbers(cut.inputs_also_needed),
    sentence: String(cut.sentence ?? ""),
    removes: Boolean(cut.removes),
  };
}

function decodePart(raw: unknown): Part {
  const part = isDict(raw) ? raw : {};
  return {
    variable: String(part.variable ?? ""),
    calls: Number(part.calls ?? 0),
    params: Number(part.params ?? 0),
    needs: texts(part.needs),
    returns: texts(part.returns),
  };
}

export function decodePlaced(raw: unknown): Placed {
  const placed = isDict(raw) ? raw : {};
  return {
    cuts: Array.isArray(placed.cuts) ? placed.cuts.map(decodeCut) : [],
    partOf: numbers(placed.part_of),
    parts: Array.isArray(placed.parts) ? placed.parts.map(decodePart) : [],
    canUndo: Boolean(placed.can_undo),
    canRedo: Boolean(placed.can_redo),
  };
}

export function decodeResult(raw: unknown): Result | null {
  if (!isDict(raw) || typeof raw.code !== "string") return null;
  const check = raw.verification;
  return {
    code: raw.code,
    variables: texts(raw.variables),
    verification: isDict(check)
      ? {
          ok: Boolean(check.ok),
          sentence: String(check.sentence ?? ""),
          rows: (Array.isArray(check.rows) ? check.rows : [])
            .filter(Array.isArray)
            .map((row) => [String(row[0]), Boolean(row[1]), String(row[2] ?? "")]),
        }
      : null,
  };
}

export type Kind =
  | "preview"
  | "toggle"
  | "remove"
  | "clear"
  | "undo"
  | "redo"
  | "split"
  | "verify"
  | "code";

export interface Reply {
  ok: boolean;
  error: string;
  [key: string]: unknown;
}

export interface Progress {
  kind: Kind;
  done: number;
  total: number;
  what: string;
}

export interface RequestEvents {
  /** Something started or ended: `busy` tells what is under way. */
  changed(): void;
  progress(progress: Progress): void;
  /** Nothing was heard for `PATIENCE` ms. */
  silent(kind: Kind): void;
}

interface Pending {
  kind: Kind;
  resolve(reply: Reply): void;
  timer: ReturnType<typeof setTimeout>;
}

/** How long to wait for a sign of life before saying that the kernel is busy, in ms. */
export const PATIENCE = 10_000;

/**
 * Request and reply over custom messages.
 *
 * Two views of one model both hear every reply, so ids start at a random number per view.
 */
export class Requests {
  readonly #send: (content: unknown) => void;
  readonly #events: RequestEvents;
  readonly #pending = new Map<number, Pending>();
  #next = Math.floor(Math.random() * 2 ** 30) * 2 ** 20;

  constructor(send: (content: unknown) => void, events: RequestEvents) {
    this.#send = send;
    this.#events = events;
  }

  /** Never rejects: an answer that says no is an answer. */
  ask(kind: Kind, payload: Dict = {}): Promise<Reply> {
    this.#next += 1;
    const id = this.#next;
    return new Promise((resolve) => {
      this.#pending.set(id, { kind, resolve, timer: this.#patience(kind) });
      this.#events.changed();
      try {
        this.#send({ ...payload, id, kind });
      } catch {
        this.#finish(id, { ok: false, error: "The kernel could not be reached." });
      }
    });
  }

  /** A message from Python; others than replies and progress to our own requests are ignored. */
  receive(message: unknown): void {
    if (!isDict(message) || typeof message.id !== "number") return;
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    if (message.kind === "reply") {
      const ok = message.ok === true;
      this.#finish(message.id, {
        ...message,
        ok,
        error: ok ? "" : String(message.error ?? "The request was refused."),
      });
    } else if (message.kind === "progress") {
      clearTimeout(pending.timer);
      pending.timer = this.#patience(pending.kind);
      this.#events.progress({
        kind: pending.kind,
        done: Number(message.done ?? 0),
        total: Number(message.total ?? 0),
        what: String(message.what ?? ""),
      });
    }
  }

  get idle(): boolean {
    return this.#pending.size === 0;
  }

  busy(kind: Kind): boolean {
    for (const pending of this.#pending.values()) if (pending.kind === kind) return true;
    return false;
  }

  /** No answer can come any more: everyone who waits gets an empty no. */
  abandon(): void {
    for (const id of [...this.#pending.keys()]) this.#finish(id, { ok: false, error: "" });
  }

  /** Stop all timers and let go of everyone who waits. */
  dispose(): void {
    for (const pending of this.#pending.values()) clearTimeout(pending.timer);
    this.#pending.clear();
  }

  #patience(kind: Kind): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.#events.silent(kind), PATIENCE);
  }

  #finish(id: number, reply: Reply): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    clearTimeout(pending.timer);
    this.#pending.delete(id);
    pending.resolve(reply);
    this.#events.changed();
  }
}
