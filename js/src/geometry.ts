/** Where things are: hit tests, what is in view, where a cut's line lies. No DOM, no canvas. */

import type { Bounds } from "./camera";
import type { Graph } from "./graph";
import { type Grid, makeGrid } from "./grid";
import type { Cut, FrameData, ViewData } from "./protocol";

/** A cut as it is drawn. */
export interface CutLine {
  readonly cut: Cut;
  /** World place of the line along the picture's axis; NaN when no point of the cut has a place. */
  readonly at: number;
  /** The edges that cross. */
  readonly edges: readonly number[];
  /** One place per crossing tensor, in world coordinates; `met`: on the line. */
  readonly chips: readonly { tensor: number; x: number; y: number; met: boolean }[];
}

const GAP = 30;

/** A view with its indices. Build once per payload. */
export class Scene {
  readonly graph: Graph;
  readonly view: ViewData;
  readonly bounds: Bounds;
  /** From top to bottom (else from left to right). */
  readonly down: boolean;
  /** Boxes without a usable place. */
  readonly misplaced: number;
  /** Smallest height of a box. */
  readonly least: number;
  readonly #boxes: Grid;
  readonly #routes: Grid;
  /** Where the boxes begin along the axis, ascending: the next row below a place. */
  readonly #starts: Float32Array;
  /** Calls per box, in compressed rows. */
  readonly #callStart: Int32Array;
  readonly #calls: Int32Array;
  readonly #framesOf: readonly FrameData[][];

  constructor(graph: Graph, view: ViewData) {
    this.graph = graph;
    this.view = view;
    this.down = view.direction === "down";
    const m = view.boxes.id.length;
    const rectangles: number[] = [];
    const owners: number[] = [];
    const starts: number[] = [];
    const hull: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
    let least = Infinity;
    for (let box = 0; box < m; box++) {
      if (!this.hasPlace(box)) continue;
      const rect = this.box(box);
      rectangles.push(rect[0], rect[1], rect[2], rect[3]);
      owners.push(box);
      starts.push(this.down ? rect[1] : rect[0]);
      least = Math.min(least, view.h[box]);
      grow(hull, rect);
    }
    for (const frame of view.frames) if (frame.rect.every(Number.isFinite)) grow(hull, frame.rect);
    this.misplaced = m - owners.length;
    this.least = Number.isFinite(least) ? least : 36;
    const given = view.bounds.every(Number.isFinite) && view.bounds[2] > view.bounds[0];
    this.bounds = given ? view.bounds : owners.length ? hull : [-75, 0, 75, 36];
    this.#boxes = makeGrid(this.bounds, rectangles, owners);
    this.#starts = Float32Array.from(starts).sort();
    this.#routes = this.#indexRoutes();
    [this.#callStart, this.#calls] = this.#indexCalls(m);
    const frames: FrameData[][] = Array.from({ length: m }, () => []);
    for (const frame of [...view.frames].sort((a, b) => a.level - b.level)) {
      for (const box of frame.boxes) frames[box].push(frame);
    }
    this.#framesOf = frames;
  }

  get size(): number {
    return this.view.boxes.id.length;
  }

  hasPlace(box: number): boolean {
    const { x, y, w, h } = this.view;
    return Number.isFinite(x[box] + y[box] + w[box] + h[box]);
  }

  box(box: number): Bounds {
    const { x, y, w, h } = this.view;
    return [x[box] - w[box] / 2, y[box] - h[box] / 2, x[box] + w[box] / 2, y[box] + h[box] / 2];
  }

  /** The box of a call, -1 for none. */
  boxOf(call: number): number {
    return this.view.boxOf[call] ?? -1;
  }

  callsOf(box: number): Int32Array {
    return this.#calls.subarray(this.#callStart[box], this.#callStart[box + 1]);
  }

  /** The call that stands for a box: a cut below the box is a cut after this call. */
  callOf(box: number): number {
    if (!(box >= 0 && box < this.size)) return -1;
    const exits = this.view.boxes.exits[box];
    const calls = this.callsOf(box);
    return exits.length === 1 ? exits[0] : (calls[calls.length - 1] ?? -1);
  }

  isFold(box: number): boolean {
    return this.view.boxes.kind[box] !== "call";
  }

  isCandidate(box: number): boolean {
    return (
      this.view.boxes.exits[box].length === 1 && this.graph.isCandidate[this.callOf(box)] === 1
    );
  }

  /** The open folds around a box, outermost first. */
  framesOf(box: number): readonly FrameData[] {
    return this.#framesOf[box] ?? [];
  }

  /** The box that holds the point, or -1. `slack` widens the boxes. */
  boxAt(x: number, y: number, slack = 0): number {
    const { x: cx, y: cy, w, h } = this.view;
    let found = -1;
    this.#boxes.near([x - slack, y - slack, x + slack, y + slack], (box) => {
      if (Math.abs(x - cx[box]) - w[box] / 2 > slack) return;
      if (Math.abs(y - cy[box]) - h[box] / 2 <= slack) found = box;
    });
    return found;
  }

  /** The box nearest to a point, or -1 when there is none. */
  boxNear(x: number, y: number): number {
    let found = -1;
    let best = Infinity;
    for (let box = 0; box < this.size; box++) {
      const distance = Math.hypot(this.view.x[box] - x, this.view.y[box] - y);
      if (distance >= best) continue;
      best = distance;
      found = box;
    }
    return found;
  }

  /** Boxes that meet the region. */
  boxesIn(region: Bounds): number[] {
    const { x, y, w, h } = this.view;
    const found: number[] = [];
    this.#boxes.near(region, (box) => {
      if (x[box] + w[box] / 2 < region[0] || x[box] - w[box] / 2 > region[2]) return;
      if (y[box] + h[box] / 2 >= region[1] && y[box] - h[box] / 2 <= region[3]) found.push(box);
    });
    return found;
  }

  /** Edges that may be seen in the region. */
  edgesIn(region: Bounds): number[] {
    const found: number[] = [];
    this.#routes.near(region, (edge) => found.push(edge));
    return found;
  }

  /** The hull of the boxes that hold these calls; of a frame, with its outline. */
  hull(calls: Iterable<number>): Bounds | null {
    const hull: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const call of calls) {
      const box = this.boxOf(call);
      if (this.hasPlace(box)) grow(hull, this.box(box));
    }
    return hull[0] <= hull[2] ? hull : null;
  }

  /** Where the route of an edge first meets the line across at this place, or null. */
  meets(edge: number, at: number): [number, number] | null {
    const { points, routeStart } = this.view;
    const main = this.down ? 1 : 0;
    for (let p = routeStart[edge]; p + 1 < routeStart[edge + 1]; p++) {
      const a = points[2 * p + main];
      const b = points[2 * p + 2 + main];
      if (a === b || at < Math.min(a, b) || at > Math.max(a, b)) continue;
      const side = points[2 * p + 1 - main];
      const across = side + ((at - a) / (b - a)) * (points[2 * p + 3 - main] - side);
      return this.down ? [across, at] : [at, across];
    }
    return null;
  }

  /** The point half way along a route, or null when it has no place. */
  middle(edge: number): [number, number] | null {
    const { points, routeStart } = this.view;
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
  lineAt(boxes: readonly number[]): number {
    let end = -Infinity;
    for (const box of boxes) {
      if (this.hasPlace(box)) end = Math.max(end, this.box(box)[this.down ? 3 : 2]);
    }
    if (end === -Infinity) return Number.NaN;
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle] < end) low = middle + 1;
      else high = middle;
    }
    // A far next row (below a tall block) must not carry the line away from its box.
    const next = low < this.#starts.length ? Math.min(this.#starts[low], end + 2 * GAP) : end + GAP;
    return (end + next) / 2;
  }

  /** Everything that is drawn for a cut. */
  cutLine(cut: Cut): CutLine {
    const { edges: rows } = this.view;
    const calls = cut.points.flatMap((point) => this.graph.callOfPoint(point) ?? []);
    const tensors = cut.tensors.filter((tensor) => tensor < this.graph.data.tensors.call.length);
    const head = this.graph.head(calls, tensors);
    const inHead = new Int32Array(this.size);
    head.forEach((yes, call) => {
      if (yes) inHead[this.boxOf(call)] += 1;
    });
    const boxes = [...new Set(calls.map((call) => this.boxOf(call)))];
    // Within a folded box the line can only go through its middle.
    const through = boxes.find((box) => inHead[box] < this.callsOf(box).length);
    const at =
      through === undefined ? this.lineAt(boxes) : (this.down ? this.view.y : this.view.x)[through];
    const crossing = new Set(tensors);
    const edges: number[] = [];
    const chips = new Map<number, { x: number; y: number; away: number; met: boolean }>();
    const side = this.down ? this.view.x : this.view.y;
    const centre = boxes.reduce((sum, box) => sum + side[box], 0) / boxes.length;
    for (let edge = 0; edge < rows.source.length; edge++) {
      const [source, target] = [rows.source[edge], rows.target[edge]];
      if (!inHead[source] || inHead[target] >= this.callsOf(target).length) continue;
      const carried = rows.tensors[edge].filter((tensor) => crossing.has(tensor));
      if (!carried.length) continue;
      edges.push(edge);
      const met = this.meets(edge, at);
      const place = met ?? this.middle(edge);
      if (!place) continue;
      // One chip per tensor: on the line if possible, and near to where the cut was asked for.
      const away = met ? Math.abs(met[this.down ? 0 : 1] - centre) : Infinity;
      for (const tensor of carried) {
        const known = chips.get(tensor);
        if (known && away >= known.away) continue;
        chips.set(tensor, { x: place[0], y: place[1], away, met: met !== null });
      }
    }
    return {
      cut,
      at,
      edges,
      chips: tensors.flatMap((tensor) => {
        const chip = chips.get(tensor);
        return chip ? [{ tensor, x: chip.x, y: chip.y, met: chip.met }] : [];
      }),
    };
  }

  #indexRoutes(): Grid {
    const { points, routeStart, edges } = this.view;
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
    return makeGrid(this.bounds, rectangles, owners);
  }

  #indexCalls(m: number): [Int32Array, Int32Array] {
    const { boxOf } = this.view;
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
}

function grow(hull: [number, number, number, number], rect: Bounds): void {
  hull[0] = Math.min(hull[0], rect[0]);
  hull[1] = Math.min(hull[1], rect[1]);
  hull[2] = Math.max(hull[2], rect[2]);
  hull[3] = Math.max(hull[3], rect[3]);
}
