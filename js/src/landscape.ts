/** What crosses along the picture's axis, and what lies before and after a place. */

import type { Scene } from "./geometry";
import type { Totals } from "./graph";
import type { Costs } from "./protocol";

/**
 * Bytes that cross the picture at places along its axis.
 *
 * A tensor crosses from the middle of the box that makes it to that of the last box that reads it;
 * raw inputs are left out, as they are for cuts. Where a tensor of unknown size crosses, what is
 * known is only the least that can cross.
 */
export type Landscape = ReturnType<typeof makeLandscape>;

/** Bytes of the known tensors; `exact`: there are no others. */
export interface Crossing {
  bytes: number;
  exact: boolean;
}

export function makeLandscape(scene: Scene) {
  const { view, graph } = scene;
  const along = scene.down ? view.y : view.x;
  const { nbytes, call: maker } = graph.data.tensors;
  const last = new Map<number, number>();
  view.edges.tensors.forEach((carried, edge) => {
    const end = along[view.edges.target[edge]];
    for (const tensor of carried) last.set(tensor, Math.max(last.get(tensor) ?? -Infinity, end));
  });
  /** Place, change of the bytes, change of how many are unknown. */
  const steps: [number, number, number][] = [];
  for (const [tensor, end] of last) {
    const start = along[scene.boxOf(maker[tensor])];
    const size = nbytes[tensor];
    if (graph.data.calls.input[maker[tensor]] || !(end > start)) continue;
    const [known, unknown] = size === null ? [0, 1] : [size, 0];
    steps.push([start, known, unknown], [end, -known, -unknown]);
  }
  steps.sort((a, b) => a[0] - b[0]);
  /** Where the sum changes, ascending, and the sum from there on. */
  const places: Float64Array = Float64Array.from(steps, ([place]) => place);
  let bytes = 0;
  let unknown = 0;
  const sums: Crossing[] = steps.map(([, change, more]) => {
    bytes += change;
    unknown += more;
    return { bytes, exact: !unknown };
  });
  const peak: number = sums.reduce((a, b) => Math.max(a, b.bytes), 0);
  const boxes = Array.from(along, (_, box) => box).filter((box) => scene.hasPlace(box));
  boxes.sort((a, b) => along[a] - along[b]);
  const order: Int32Array = Int32Array.from(boxes);
  /** Middles of the boxes, ascending, and which boxes they are. */
  const middles: Float64Array = Float64Array.from(boxes, (box) => along[box]);

  /** What crosses at a place. */
  function at(place: number): Crossing {
    return sums[upper(places, place) - 1] ?? { bytes: 0, exact: true };
  }

  /** The most that crosses between two places. */
  function most(from: number, to: number): Crossing {
    let { bytes, exact } = at(from);
    for (let i = upper(places, from); i < places.length && places[i] <= to; i++) {
      // Where several tensors begin or end at one place, only the sum of all is real.
      if (places[i + 1] === places[i]) continue;
      bytes = Math.max(bytes, sums[i].bytes);
      exact &&= sums[i].exact;
    }
    return { bytes, exact };
  }

  /** What lies before and after a place. */
  function sides(place: number, costs: Costs | null): [Totals, Totals] {
    const middle = upper(middles, place);
    const calls = (some: Int32Array) => Array.from(some).flatMap((box) => [...scene.callsOf(box)]);
    return [
      scene.graph.totals(calls(order.subarray(0, middle)), costs),
      scene.graph.totals(calls(order.subarray(middle)), costs),
    ];
  }

  return {
    places,
    peak,
    at,
    most,
    sides,
  };
}

/** How many entries of an ascending column are at most this value. */
function upper(column: Float64Array, value: number): number {
  let low = 0;
  let high = column.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (column[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
