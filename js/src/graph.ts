/** The model's graph with its indices: names, candidates, what is above what. No geometry. */

import type { Costs, ModelData } from "./protocol";

/** What a set of calls holds and does; null where it is not known. */
export interface Totals {
  calls: number;
  params: number;
  macs: number | null;
  flops: number | null;
  bytes: number | null;
}

/** Build once per model. */
export type Graph = ReturnType<typeof makeGraph>;

export function makeGraph(data: ModelData) {
  /** Other calls of the same layer, per call that shares its weights. */
  const kin = new Map<number, number[]>();
  const made = new Map<number, number[]>();

  const { name: names, tied } = data.calls;
  const size = names.length;
  /** Call of a name. */
  const callOf: ReadonlyMap<string, number> = new Map(names.map((each, call) => [each, call]));
  const isCandidate: Uint8Array = new Uint8Array(names.length);
  for (const call of data.candidates) isCandidate[call] = 1;
  tied.forEach((first, call) => {
    if (first < 0 || first === call) return;
    kin.set(first, [...(kin.get(first) ?? [first]), call]);
  });
  for (const family of [...kin.values()]) {
    for (const call of family) kin.set(call, family);
  }
  data.tensors.call.forEach((call, tensor) => {
    const known = made.get(call);
    if (known) known.push(tensor);
    else made.set(call, [tensor]);
  });
  const [producerStart, producers] = indexProducers();

  function name(call: number): string {
    return data.calls.name[call] ?? "";
  }

  function kind(call: number): string {
    return data.kinds[data.calls.kind[call]] ?? "";
  }

  /** The shape of a call's first output. */
  function shape(call: number): readonly (number | null)[] {
    return data.tensors.shape[data.calls.firstTensor[call]] ?? [];
  }

  function tensorsOf(call: number): readonly number[] {
    return made.get(call) ?? [];
  }

  /** The other calls of the same layer. */
  function twins(call: number): number[] {
    return (kin.get(call) ?? []).filter((other) => other !== call);
  }

  /** The call that a point names: its own name, or that of one of its tensors ("lstm:1"). */
  function callOfPoint(point: string): number | undefined {
    const call = callOf.get(point);
    if (call !== undefined) return call;
    const colon = point.lastIndexOf(":");
    return colon > 0 ? callOf.get(point.slice(0, colon)) : undefined;
  }

  /**
   * The head of a cut, told from its points and its crossing tensors: the calls that make them and
   * everything above. The rest is the tail (of two equally cheap cuts the one with the smaller
   * head is meant).
   */
  function head(calls: readonly number[], tensors: readonly number[]): Uint8Array {
    const head = new Uint8Array(size);
    const stack = [...calls, ...tensors.map((tensor) => data.tensors.call[tensor])];
    while (stack.length) {
      const call = stack.pop();
      if (call === undefined || head[call]) continue;
      head[call] = 1;
      for (let i = producerStart[call]; i < producerStart[call + 1]; i++) {
        stack.push(producers[i]);
      }
    }
    return head;
  }

  /** The last candidate above a call, or the first one below it; -1 for none. */
  function nearest(call: number, side: -1 | 1): number {
    const reached = side < 0 ? head([call], []) : new Uint8Array(size);
    reached[call] = 1;
    for (let at = call + side; at >= 0 && at < size; at += side) {
      // Going down, what takes something from what has been reached is reached too.
      for (let i = producerStart[at]; side > 0 && i < producerStart[at + 1]; i++) {
        reached[at] |= reached[producers[i]];
      }
      if (reached[at] && isCandidate[at]) return at;
    }
    return -1;
  }

  /** Sums over calls; the weights of a layer count once, however many of its calls are among them. */
  function totals(calls: Iterable<number>, costs: Costs | null): Totals {
    const { params, tied } = data.calls;
    const layers = new Set<number>();
    const sums: Totals = { calls: 0, params: 0, macs: 0, flops: 0, bytes: 0 };
    const add = (sum: number | null, column: (number | null)[] | undefined, call: number) => {
      const value = column?.[call] ?? null;
      return sum === null || value === null ? null : sum + value;
    };
    for (const call of calls) {
      sums.calls += 1;
      const layer = tied[call] >= 0 ? tied[call] : call;
      if (!layers.has(layer)) sums.params += params[call];
      layers.add(layer);
      sums.macs = add(sums.macs, costs?.macs, call);
      sums.flops = add(sums.flops, costs?.flops, call);
      sums.bytes = add(sums.bytes, costs?.bytes, call);
    }
    return sums;
  }

  function indexProducers(): [Int32Array, Int32Array] {
    const { source, target } = data.edges;
    const start = new Int32Array(size + 1);
    for (const call of target) start[call + 1] += 1;
    for (let i = 0; i + 1 < start.length; i++) start[i + 1] += start[i];
    const next = start.slice();
    const producers = new Int32Array(source.length);
    for (let edge = 0; edge < source.length; edge++) producers[next[target[edge]]++] = source[edge];
    return [start, producers];
  }

  return {
    data,
    callOf,
    isCandidate,
    size,
    name,
    kind,
    shape,
    tensorsOf,
    twins,
    callOfPoint,
    head,
    nearest,
    totals,
  };
}
