/** The trait `_model`: the graph of calls and tensors, which never changes while it is shown. */

import {
  below,
  column,
  dict,
  fail,
  isDict,
  isList,
  isNumber,
  isSize,
  isText,
  listBelow,
  unpacked,
} from "./checks";

export const VERSION = 2;

/** Columns, one entry per call, tensor or edge. */
export interface ModelData {
  readonly name: string;
  readonly params: number;
  readonly macs: number | null;
  readonly kinds: readonly string[];
  readonly dtypes: readonly string[];
  readonly calls: {
    readonly name: readonly string[];
    readonly kind: readonly number[];
    readonly params: readonly number[];
    readonly input: readonly number[];
    readonly firstTensor: readonly number[];
    /** -1, or the first call of the same layer. */
    readonly tied: readonly number[];
  };
  readonly tensors: {
    readonly name: readonly string[];
    readonly call: readonly number[];
    readonly shape: readonly (readonly (number | null)[])[];
    readonly dtype: readonly number[];
    readonly nbytes: readonly (number | null)[];
    readonly mask: readonly number[];
  };
  readonly edges: EdgeData;
  readonly candidates: readonly number[];
}

/** From one call or box to another, with the tensors between them. */
export interface EdgeData {
  readonly source: readonly number[];
  readonly target: readonly number[];
  readonly tensors: readonly (readonly number[])[];
}

export function decodeEdges(raw: unknown, nodes: number, tensors: number): EdgeData {
  const edges = dict(raw, "edges");
  const source = column<number>(edges, "source", null, below(nodes));
  return {
    source,
    target: column(edges, "target", source.length, below(nodes)),
    tensors: column(edges, "tensors", source.length, listBelow(tensors)),
  };
}

/**
 * Check the trait and give it types.
 *
 * @throws PayloadError with one sentence when the payload as a whole cannot be trusted
 */
export function decodeModel(packed: unknown): ModelData {
  const raw = unpacked(packed);
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
  return {
    name: String(model.name ?? "model"),
    params: Number(model.params ?? 0),
    macs: typeof model.macs === "number" ? model.macs : null,
    kinds,
    dtypes,
    calls: {
      name: names,
      kind: column(calls, "kind", n, below(kinds.length)),
      params: column(calls, "params", n, isNumber),
      input: column(calls, "input", n, isNumber),
      firstTensor: column(calls, "first_tensor", n, below(t)),
      tied: column(calls, "tied", n, below(n, -1)),
    },
    tensors: {
      name: tensorNames,
      call: column(tensors, "call", t, below(n)),
      shape: column(tensors, "shape", t, isList),
      dtype: column(tensors, "dtype", t, below(dtypes.length)),
      nbytes: column(tensors, "nbytes", t, isSize),
      mask: column(tensors, "mask", t, isNumber),
    },
    edges: decodeEdges(raw.edges, n, t),
    candidates: column(raw, "candidates", null, below(n)),
  };
}
