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
export class Graph {
  readonly data: ModelData;
  /** Call of a name. */
  readonly callOf: ReadonlyMap<string, number>;
  readonly isCandidate: Uint8Array;
  /** Other calls of the same layer, per call that shares its weights. */
  readonly #twins = new Map<number, number[]>();
  /** Producers per call, in compressed rows. */
  readonly #producerStart: Int32Array;
  readonly #producers: Int32Array;
  readonly #tensorsOf = new Map<number, number[]>();

  constructor(data: ModelData) {
    this.data = data;
    const { name, tied } = data.calls;
    this.callOf = new Map(name.map((each, call) => [each, call]));
    this.isCandidate = new Uint8Array(name.length);
    for (const call of data.candidates) this.isCandidate[call] = 1;
    tied.forEach((first, call) => {
      if (first < 0 || first === call) return;
      this.#twins.set(first, [...(this.#twins.get(first) ?? [first]), call]);
    });
    for (const family of [...this.#twins.values()]) {
      for (const call of family) this.#twins.set(call, family);
    }
    data.tensors.call.forEach((call, tensor) => {
      const known = this.#tensorsOf.get(call);
      if (known) known.push(tensor);
      else this.#tensorsOf.set(call, [tensor]);
    });
    [this.#producerStart, this.#producers] = this.#indexProducers();
  }

  get size(): number {
    return this.data.calls.name.length;
  }

  name(call: number): string {
    return this.data.calls.name[call] ?? "";
  }

  kind(call: number): string {
    return this.data.kinds[this.data.calls.kind[call]] ?? "";
  }

  /** The shape of a call's first output. */
  shape(call: number): readonly (number | null)[] {
    return this.data.tensors.shape[this.data.calls.firstTensor[call]] ?? [];
  }

  tensorsOf(call: number): readonly number[] {
    return this.#tensorsOf.get(call) ?? [];
  }

  /** The other calls of the same layer. */
  twins(call: number): number[] {
    return (this.#twins.get(call) ?? []).filter((other) => other !== call);
  }

  /** The call that a point names: its own name, or that of one of its tensors ("lstm:1"). */
  callOfPoint(point: string): number | undefined {
    const call = this.callOf.get(point);
    if (call !== undefined) return call;
    const colon = point.lastIndexOf(":");
    return colon > 0 ? this.callOf.get(point.slice(0, colon)) : undefined;
  }

  /**
   * The head of a cut, told from its points and its crossing tensors: the calls that make them and
   * everything above. The rest is the tail (of two equally cheap cuts the one with the smaller
   * head is meant).
   */
  head(calls: readonly number[], tensors: readonly number[]): Uint8Array {
    const head = new Uint8Array(this.size);
    const stack = [...calls, ...tensors.map((tensor) => this.data.tensors.call[tensor])];
    while (stack.length) {
      const call = stack.pop();
      if (call === undefined || head[call]) continue;
      head[call] = 1;
      for (let i = this.#producerStart[call]; i < this.#producerStart[call + 1]; i++) {
        stack.push(this.#producers[i]);
      }
    }
    return head;
  }

  /** Sums over calls; the weights of a layer count once, however many of its calls are among them. */
  totals(calls: Iterable<number>, costs: Costs | null): Totals {
    const { params, tied } = this.data.calls;
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

  #indexProducers(): [Int32Array, Int32Array] {
    const { source, target } = this.data.edges;
    const start = new Int32Array(this.size + 1);
    for (const call of target) start[call + 1] += 1;
    for (let i = 0; i + 1 < start.length; i++) start[i + 1] += start[i];
    const next = start.slice();
    const producers = new Int32Array(source.length);
    for (let edge = 0; edge < source.length; edge++) producers[next[target[edge]]++] = source[edge];
    return [start, producers];
  }
}
