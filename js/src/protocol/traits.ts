/** The smaller traits and replies: cuts, parts, results, costs, plans, and what the kernel is at. */

import { type Dict, isDict, numbers, rows, sizeOf, texts, unpacked } from "./checks";

export interface Cut {
  points: string[];
  tensors: number[];
  nbytes: number | null;
  sentence: string;
  /** Tensors of raw inputs that the tail reads too. */
  inputs: number[];
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
  verification: { ok: boolean; sentence: string; rows: [string, boolean, string][] } | null;
}

/** What a call costs; null where it is not known. A column that is null has not been measured. */
export interface Costs {
  macs: (number | null)[];
  flops: (number | null)[];
  bytes: (number | null)[];
  ms: (number | null)[] | null;
}

/** What the kernel is at, while it goes on answering. */
export interface Busy {
  what: string;
  done: number;
  total: number;
}

export interface StageRow {
  part: string;
  calls: number;
  params: number;
  flops: number | null;
  compute: number | null;
  received: number | null;
  sent: number | null;
  load: number | null;
}

export interface FrontPoint {
  bytes: number;
  imbalance: number;
  points: string[];
}

export interface Plan {
  sentence: string;
  proved: boolean;
  gap: number | null;
  stages: StageRow[];
  front: FrontPoint[];
}

export function decodeCut(raw: unknown): Cut {
  const cut = isDict(raw) ? raw : {};
  return {
    points: texts(cut.points),
    tensors: numbers(cut.tensors),
    nbytes: sizeOf(cut.nbytes),
    sentence: String(cut.sentence ?? ""),
    inputs: numbers(cut.inputs_also_needed),
    removes: Boolean(cut.removes),
  };
}

function decodePart(part: Dict): Part {
  return {
    variable: String(part.variable ?? ""),
    calls: Number(part.calls ?? 0),
    params: Number(part.params ?? 0),
    needs: texts(part.needs),
    returns: texts(part.returns),
  };
}

export function decodePlaced(packed: unknown): Placed {
  const raw = unpacked(packed);
  const placed = isDict(raw) ? raw : {};
  return {
    cuts: Array.isArray(placed.cuts) ? placed.cuts.map(decodeCut) : [],
    partOf: numbers(placed.part_of),
    parts: rows(placed.parts).map(decodePart),
    canUndo: Boolean(placed.can_undo),
    canRedo: Boolean(placed.can_redo),
  };
}

export function decodeResult(raw: unknown): Result | null {
  if (!isDict(raw) || typeof raw.code !== "string") return null;
  const check = raw.verification;
  return {
    code: raw.code,
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

/** null until costs have been asked for, and when they are of another model. */
export function decodeCosts(packed: unknown, calls: number): Costs | null {
  const raw = unpacked(packed);
  if (!isDict(raw)) return null;
  const sizes = (value: unknown) =>
    Array.isArray(value) && value.length === calls ? value.map(sizeOf) : null;
  const [macs, flops, bytes] = [sizes(raw.macs), sizes(raw.flops), sizes(raw.bytes)];
  return macs && flops && bytes ? { macs, flops, bytes, ms: sizes(raw.ms) } : null;
}

export function decodeBusy(raw: unknown): Busy | null {
  if (!isDict(raw) || !raw.what) return null;
  return { what: String(raw.what), done: Number(raw.done ?? 0), total: Number(raw.total ?? 0) };
}

export function decodePlan(raw: unknown): Plan | null {
  if (!isDict(raw)) return null;
  return {
    sentence: String(raw.sentence ?? ""),
    proved: Boolean(raw.proved),
    gap: sizeOf(raw.gap),
    stages: rows(raw.stages).map((stage) => ({
      part: String(stage.part ?? ""),
      calls: Number(stage.calls ?? 0),
      params: Number(stage.params ?? 0),
      flops: sizeOf(stage.flops),
      compute: sizeOf(stage.compute),
      received: sizeOf(stage.received),
      sent: sizeOf(stage.sent),
      load: sizeOf(stage.load),
    })),
    front: rows(raw.front).flatMap((each) => {
      const [size, imbalance] = [sizeOf(each.bytes), sizeOf(each.imbalance)];
      const points = texts(each.points);
      return size === null || imbalance === null || !points.length
        ? []
        : [{ bytes: size, imbalance, points }];
    }),
  };
}
