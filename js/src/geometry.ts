/** Where things are: hit tests, what is in view, where a cut's line lies. No DOM, no canvas. */

import { type Border, borderOf, levelAt } from "./border";
import type { Bounds } from "./camera";
import type { Graph } from "./graph";
import { type Grid, makeGrid } from "./grid";
import type { Cut, FrameData, ViewData } from "./protocol";

/** A cut as it is drawn. */
export interface CutLine {
  readonly cut: Cut;
  /** World place of the line along the picture's axis; NaN when no point of the cut has a place. */
  readonly at: number;
  /** The line: it steps round boxes that stand on the wrong side of `at`. */
  readonly border: Border;
  /** The edges that cross. */
  readonly edges: readonly number[];
  /** One place per crossing tensor, in world coordinates; `met`: on the line. */
  readonly chips: readonly { tensor: number; x: number; y: number; met: boolean }[];
}

const GAP = 30;
/** How far the line of a cut keeps from a box beside it. */
const ASIDE = 4;

/** A view with its indices. Build once per payload. */
export type Scene = ReturnType<typeof makeScene>;

export function makeScene(graph: Graph, view: ViewData) {
  /** From top to bottom (else from left to right). */
  const down: boolean = view.direction === "down";
  const size = view.boxes.id.length;
  const rectangles: number[] = [];
  const owners: number[] = [];
  const begin: number[] = [];
  const all: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
  let low = Infinity;
  for (let each = 0; each < size; each++) {
    if (!hasPlace(each)) continue;
    const rect = rectOf(each);
    rectangles.push(rect[0], rect[1], rect[2], rect[3]);
    owners.push(each);
    begin.push(down ? rect[1] : rect[0]);
    low = Math.min(low, view.h[each]);
    grow(all, rect);
  }
  for (const frame of view.frames) if (frame.rect.every(Number.isFinite)) grow(all, frame.rect);
  /** Boxes without a usable place. */
  const misplaced: number = size - owners.length;
  /** Smallest height of a box. */
  const least: number = Number.isFinite(low) ? low : 36;
  const given = view.bounds.every(Number.isFinite) && view.bounds[2] > view.bounds[0];
  const bounds: Bounds = given ? view.bounds : owners.length ? all : [-75, 0, 75, 36];
  const boxGrid = makeGrid(bounds, rectangles, owners);
  /** Where the boxes begin along the axis, ascending: the next row below a place. */
  const starts: Float32Array = Float32Array.from(begin).sort();
  const routeGrid = indexRoutes();
  const [callStart, calls] = indexCalls(size);
  const around: FrameData[][] = Array.from({ length: size }, () => []);
  for (const frame of [...view.frames].sort((a, b) => a.level - b.level)) {
    for (const each of frame.boxes) around[each].push(frame);
  }

  function hasPlace(box: number): boolean {
    const { x, y, w, h } = view;
    return Number.isFinite(x[box] + y[box] + w[box] + h[box]);
  }

  function rectOf(box: number): Bounds {
    const { x, y, w, h } = view;
    return [x[box] - w[box] / 2, y[box] - h[box] / 2, x[box] + w[box] / 2, y[box] + h[box] / 2];
  }

  /** The box of a call, -1 for none. */
  function boxOf(call: number): number {
    return view.boxOf[call] ?? -1;
  }

  function callsOf(box: number): Int32Array {
    return calls.subarray(callStart[box], callStart[box + 1]);
  }

  /** The call that stands for a box: a cut below the box is a cut after this call. */
  function callOf(box: number): number {
    if (!(box >= 0 && box < size)) return -1;
    const exits = view.boxes.exits[box];
    const calls = callsOf(box);
    return exits.length === 1 ? exits[0] : (calls[calls.length - 1] ?? -1);
  }

  function isFold(box: number): boolean {
    return view.boxes.kind[box] !== "call";
  }

  function isCandidate(box: number): boolean {
    return view.boxes.exits[box].length === 1 && graph.isCandidate[callOf(box)] === 1;
  }

  /** The open folds around a box, outermost first. */
  function framesOf(box: number): readonly FrameData[] {
    return around[box] ?? [];
  }

  /** The box that holds the point, or -1. `slack` widens the boxes. */
  function boxAt(x: number, y: number, slack = 0): number {
    const { x: cx, y: cy, w, h } = view;
    let found = -1;
    boxGrid.near([x - slack, y - slack, x + slack, y + slack], (box) => {
      if (Math.abs(x - cx[box]) - w[box] / 2 > slack) return;
      if (Math.abs(y - cy[box]) - h[box] / 2 <= slack) found = box;
    });
    return found;
  }

  /** The box nearest to a point, or -1 when there is none. */
  function boxNear(x: number, y: number): number {
    let found = -1;
    let best = Infinity;
    for (let box = 0; box < size; box++) {
      const distance = Math.hypot(view.x[box] - x, view.y[box] - y);
      if (distance >= best) continue;
      best = distance;
      found = box;
    }
    return found;
  }

  /** Boxes that meet the region. */
  function boxesIn(region: Bounds): number[] {
    const { x, y, w, h } = view;
    const found: number[] = [];
    boxGrid.near(region, (box) => {
      if (x[box] + w[box] / 2 < region[0] || x[box] - w[box] / 2 > region[2]) return;
      if (y[box] + h[box] / 2 >= region[1] && y[box] - h[box] / 2 <= region[3]) found.push(box);
    });
    return found;
  }

  /** Edges that may be seen in the region. */
  function edgesIn(region: Bounds): number[] {
    const found: number[] = [];
    routeGrid.near(region, (edge) => found.push(edge));
    return found;
  }

  /** The hull of the boxes that hold these calls; of a frame, with its outline. */
  function hull(calls: Iterable<number>): Bounds | null {
    const all: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const call of calls) {
      const box = boxOf(call);
      if (hasPlace(box)) grow(all, rectOf(box));
    }
    return all[0] <= all[2] ? all : null;
  }

  /** Where the route of an edge first meets the line across at this place, or null. */
  function meets(edge: number, at: number): [number, number] | null {
    const { points, routeStart } = view;
    const main = down ? 1 : 0;
    for (let p = routeStart[edge]; p + 1 < routeStart[edge + 1]; p++) {
      const a = points[2 * p + main];
      const b = points[2 * p + 2 + main];
      if (a === b || at < Math.min(a, b) || at > Math.max(a, b)) continue;
      const side = points[2 * p + 1 - main];
      const across = side + ((at - a) / (b - a)) * (points[2 * p + 3 - main] - side);
      return down ? [across, at] : [at, across];
    }
    return null;
  }

  /** The point half way along a route, or null when it has no place. */
  function middle(edge: number): [number, number] | null {
    const { points, routeStart } = view;
    const first = routeStart[edge];
    const last = routeStart[edge + 1] - 1;
    let length = 0;
    const step = (p: number) =>
      Math.hypot(points[2 * p + 2] - points[2 * p], points[2 * p + 3] - points[2 * p + 1]);
    for (let p = first; p < last; p++) length += step(p);
    let rest = length / 2;
    for (let p = first; p < last; p++) {
      const d = step(p);
      if (rest <= d) {
        const t = d ? rest / d : 0;
        return [
          points[2 * p] + t * (points[2 * p + 2] - points[2 * p]),
          points[2 * p + 1] + t * (points[2 * p + 3] - points[2 * p + 1]),
        ];
      }
      rest -= d;
    }
    return null;
  }

  /** Where a cut after these boxes is drawn: half way between the last of them and the next row. */
  function lineAt(boxes: readonly number[]): number {
    let end = -Infinity;
    for (const box of boxes) {
      if (hasPlace(box)) end = Math.max(end, rectOf(box)[down ? 3 : 2]);
    }
    if (end === -Infinity) return Number.NaN;
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (starts[middle] < end) low = middle + 1;
      else high = middle;
    }
    // A far next row (below a tall block) must not carry the line away from its box.
    const next = low < starts.length ? Math.min(starts[low], end + 2 * GAP) : end + GAP;
    return (end + next) / 2;
  }

  /** Everything that is drawn for a cut. */
  function cutLine(cut: Cut): CutLine {
    const { edges: rows } = view;
    const calls = cut.points.flatMap((point) => graph.callOfPoint(point) ?? []);
    const tensors = cut.tensors.filter((tensor) => tensor < graph.data.tensors.call.length);
    const head = graph.head(calls, tensors);
    const inHead = new Int32Array(size);
    head.forEach((yes, call) => {
      if (yes) inHead[boxOf(call)] += 1;
    });
    const boxes = [...new Set(calls.map((call) => boxOf(call)))];
    // Within a folded box the line can only go through its middle.
    const through = boxes.find((box) => inHead[box] < callsOf(box).length);
    const at = through === undefined ? lineAt(boxes) : (down ? view.y : view.x)[through];
    const crossing = new Set(tensors);
    const edges: number[] = [];
    const chips = new Map<number, { x: number; y: number; away: number; met: boolean }>();
    const side = down ? view.x : view.y;
    const centre = boxes.reduce((sum, box) => sum + side[box], 0) / boxes.length;
    const border = borderOf(
      owners
        .filter((box) => !inHead[box] || inHead[box] === callsOf(box).length)
        .map((box) => {
          const [left, top, right, bottom] = rectOf(box);
          const [low, high] = down ? [top, bottom] : [left, right];
          const [first, last] = down ? [left, right] : [top, bottom];
          const inside = inHead[box] > 0;
          return { low, high, first: first - ASIDE, last: last + ASIDE, inside };
        }),
      at,
      centre,
    );
    for (let edge = 0; edge < rows.source.length; edge++) {
      const [source, target] = [rows.source[edge], rows.target[edge]];
      if (!inHead[source] || inHead[target] >= callsOf(target).length) continue;
      const carried = rows.tensors[edge].filter((tensor) => crossing.has(tensor));
      if (!carried.length) continue;
      edges.push(edge);
      const met = border
        .map(([, level]) => meets(edge, level))
        .find((place) => place && levelAt(border, place[down ? 0 : 1]) === place[down ? 1 : 0]);
      const place = met ?? middle(edge);
      if (!place) continue;
      // One chip per tensor: on the line if possible, and near to where the cut was asked for.
      const away = met ? Math.abs(met[down ? 0 : 1] - centre) : Infinity;
      for (const tensor of carried) {
        const known = chips.get(tensor);
        if (known && away >= known.away) continue;
        chips.set(tensor, { x: place[0], y: place[1], away, met: Boolean(met) });
      }
    }
    return {
      cut,
      at,
      border,
      edges,
      chips: tensors.flatMap((tensor) => {
        const chip = chips.get(tensor);
        return chip ? [{ tensor, x: chip.x, y: chip.y, met: chip.met }] : [];
      }),
    };
  }

  function indexRoutes(): Grid {
    const { points, routeStart, edges } = view;
    const rectangles: number[] = [];
    const owners: number[] = [];
    for (let edge = 0; edge < edges.source.length; edge++) {
      let usable = true;
      for (let i = 2 * routeStart[edge]; i < 2 * routeStart[edge + 1]; i++) {
        if (!Number.isFinite(points[i])) usable = false;
      }
      if (!usable) continue;
      for (let p = routeStart[edge]; p + 1 < routeStart[edge + 1]; p++) {
        const [ax, ay, bx, by] = points.subarray(2 * p, 2 * p + 4);
        rectangles.push(Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by));
        owners.push(edge);
      }
    }
    return makeGrid(bounds, rectangles, owners);
  }

  function indexCalls(m: number): [Int32Array, Int32Array] {
    const { boxOf } = view;
    const start = new Int32Array(m + 1);
    for (const box of boxOf) start[box + 1] += 1;
    for (let i = 0; i < m; i++) start[i + 1] += start[i];
    const next = start.slice();
    const calls = new Int32Array(boxOf.length);
    boxOf.forEach((box, call) => {
      calls[next[box]++] = call;
    });
    return [start, calls];
  }

  return {
    graph,
    view,
    bounds,
    down,
    misplaced,
    least,
    size,
    hasPlace,
    box: rectOf,
    boxOf,
    callsOf,
    callOf,
    isFold,
    isCandidate,
    framesOf,
    boxAt,
    boxNear,
    boxesIn,
    edgesIn,
    hull,
    meets,
    middle,
    lineAt,
    cutLine,
  };
}

function grow(hull: [number, number, number, number], rect: Bounds): void {
  hull[0] = Math.min(hull[0], rect[0]);
  hull[1] = Math.min(hull[1], rect[1]);
  hull[2] = Math.max(hull[2], rect[2]);
  hull[3] = Math.max(hull[3], rect[3]);
}
