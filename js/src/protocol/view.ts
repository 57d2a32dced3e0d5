/** The trait `_view`: the boxes that are drawn now, and where. */

import {
  below,
  column,
  copyOfBytes,
  dict,
  fail,
  isDict,
  isNumber,
  isSize,
  isText,
  listBelow,
  rows,
  unpacked,
} from "./checks";
import { decodeEdges, type EdgeData, type ModelData } from "./model";

export type Depth = "blocks" | "layers" | "all" | "custom";
export type Direction = "down" | "right";
export const KINDS = ["call", "block", "repeat", "group"] as const;
export type BoxKind = (typeof KINDS)[number];
export type Rect = readonly [left: number, top: number, right: number, bottom: number];

/** A fold that is open: an outline around the boxes that it holds. */
export interface FrameData {
  readonly id: string;
  readonly title: string;
  readonly kind: BoxKind;
  readonly count: number;
  readonly boxes: readonly number[];
  readonly level: number;
  readonly rect: Rect;
}

export interface ViewData {
  readonly depth: Depth;
  readonly direction: Direction;
  readonly boxes: {
    readonly id: readonly string[];
    readonly title: readonly string[];
    readonly kind: readonly BoxKind[];
    /** How many like copies a repeat holds. */
    readonly count: readonly number[];
    readonly openable: readonly number[];
    /** The calls after which a cut below the box is made. */
    readonly exits: readonly (readonly number[])[];
  };
  readonly boxOf: readonly number[];
  readonly edges: EdgeData;
  readonly frames: readonly FrameData[];
  readonly bounds: Rect;
  /** Box centres and sizes. */
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly w: Float32Array;
  readonly h: Float32Array;
  /** Route of edge i: points 2 * routeStart[i] .. 2 * routeStart[i + 1]. */
  readonly routeStart: Int32Array;
  readonly points: Float32Array;
}

const ROUTES = "its routes do not fit its geometry";

function decodeGeometry(value: unknown, m: number, e: number) {
  const bytes = copyOfBytes(value);
  const head = 4 * (4 * m + e + 1);
  if (bytes.byteLength < head) fail(ROUTES);
  const floats = (at: number) => new Float32Array(bytes.buffer, 4 * m * at, m);
  const routeStart = new Int32Array(bytes.buffer, 16 * m, e + 1);
  if (routeStart[0] !== 0) fail(ROUTES);
  for (let i = 0; i < e; i++) {
    if (routeStart[i + 1] < routeStart[i]) fail(ROUTES);
  }
  const length = 2 * routeStart[e];
  if (bytes.byteLength !== head + 4 * length) fail(ROUTES);
  const points = new Float32Array(bytes.buffer, head, length);
  return { x: floats(0), y: floats(1), w: floats(2), h: floats(3), routeStart, points };
}

function rect(owner: Record<string, unknown>, key: string): Rect {
  const [left, top, right, bottom] = column<number>(owner, key, 4, isSize);
  return [left, top, right, bottom];
}

/**
 * Check the trait and give it types.
 *
 * Numbers that are not finite are let through: a box that has no place degrades alone.
 *
 * @throws PayloadError with one sentence when the view as a whole cannot be trusted
 */
export function decodeView(packed: unknown, model: ModelData): ViewData {
  const raw = unpacked(packed);
  if (!isDict(raw) || raw.boxes === undefined) fail("no drawing has arrived");
  const n = model.calls.name.length;
  const boxes = dict(raw.boxes, "boxes");
  const id = column<string>(boxes, "id", null, isText);
  const m = id.length;
  const kind = column<number>(boxes, "kind", m, below(KINDS.length));
  const edges = decodeEdges(raw.edges, m, model.tensors.name.length);
  return {
    depth: (["blocks", "layers", "all"] as const).find((depth) => depth === raw.depth) ?? "custom",
    direction: raw.direction === "right" ? "right" : "down",
    boxes: {
      id,
      title: column(boxes, "title", m, isText),
      kind: kind.map((number) => KINDS[number]),
      count: column(boxes, "count", m, isNumber),
      openable: column(boxes, "openable", m, isNumber),
      exits: column(boxes, "exits", m, listBelow(n)),
    },
    boxOf: column(raw, "box_of", n, below(m)),
    edges,
    frames: rows(raw.frames).map((frame) => ({
      id: String(frame.id),
      title: String(frame.title ?? frame.id),
      kind: KINDS[Number(frame.kind)] ?? "block",
      count: Number(frame.count ?? 1),
      boxes: column(frame, "boxes", null, below(m)),
      level: Number(frame.level ?? 0),
      rect: rect(frame, "rect"),
    })),
    bounds: rect(raw, "bounds"),
    ...decodeGeometry(raw.geometry, m, edges.source.length),
  };
}
