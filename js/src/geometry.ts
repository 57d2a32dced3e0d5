/** Where things are: hit tests, what is in view, where a cut's line lies. No DOM, no canvas. */

import type { Bounds } from "./camera";
import type { Cut, Picture } from "./protocol";

/**
 * Which rectangles meet a region: a uniform grid in compressed rows.
 * An item may own several rectangles (the segments of a route).
 */
export class Grid {
  readonly #left: number;
  readonly #top: number;
  readonly #cell: number;
  readonly #columns: number;
  readonly #rows: number;
  readonly #start: Int32Array;
  readonly #items: Int32Array;
  readonly #seen: Int32Array;
  #stamp = 0;

  /** `rectangles` holds left, top, right, bottom per entry; entry i belongs to item `owner[i]`. */
  constructor(bounds: Bounds, rectangles: ArrayLike<number>, owner: ArrayLike<number>) {
    const entries = owner.length;
    const width = Math.max(1, bounds[2] - bounds[0]);
    const height = Math.max(1, bounds[3] - bounds[1]);
    // About one cell per entry, and no cell smaller than a box is wide.
    this.#cell = Math.max(160, Math.sqrt((width * height) / (entries + 1)));
    this.#left = bounds[0];
    this.#top = bounds[1];
    this.#columns = Math.ceil(width / this.#cell);
    this.#rows = Math.ceil(height / this.#cell);
    this.#start = new Int32Array(this.#columns * this.#rows + 1);
    let items = 0;
    for (let i = 0; i < entries; i++) {
      items = Math.max(items, owner[i] + 1);
      this.#cells(rectangles, 4 * i, (cell) => {
        this.#start[cell + 1] += 1;
      });
    }
    for (let i = 0; i < this.#columns * this.#rows; i++) this.#start[i + 1] += this.#start[i];
    this.#items = new Int32Array(this.#start[this.#columns * this.#rows]);
    const next = this.#start.slice();
    for (let i = 0; i < entries; i++) {
      this.#cells(rectangles, 4 * i, (cell) => {
        this.#items[next[cell]++] = owner[i];
      });
    }
    this.#seen = new Int32Array(items);
  }

  /** Call `visit` once per item that has a rectangle in a cell that meets the region. */
  near(region: ArrayLike<number>, visit: (item: number) => void): void {
    this.#stamp += 1;
    this.#cells(region, 0, (cell) => {
      for (let i = this.#start[cell]; i < this.#start[cell + 1]; i++) {
        const item = this.#items[i];
        if (this.#seen[item] === this.#stamp) continue;
        this.#seen[item] = this.#stamp;
        visit(item);
      }
    });
  }

  #cells(rectangle: ArrayLike<number>, at: number, visit: (cell: number) => void): void {
    const index = (value: number, limit: number) =>
      Math.min(Math.max(Math.floor(value / this.#cell), 0), limit - 1);
    const c0 = index(rectangle[at] - this.#left, this.#columns);
    const r0 = index(rectangle[at + 1] - this.#top, this.#rows);
    const c1 = index(rectangle[at + 2] - this.#left, this.#columns);
    const r1 = index(rectangle[at + 3] - this.#top, this.#rows);
    for (let row = r0; row <= r1; row++) {
      for (let column = c0; column <= c1; column++) visit(row * this.#columns + column);
    }
  }
}

/** A cut as it is drawn. */
export interface CutLine {
  readonly cut: Cut;
  /** World height of the line; NaN when no point of the cut has a place. */
  readonly y: number;
  /** The edges that cross. */
  readonly edges: readonly number[];
  /** One place per crossing tensor, in world coordinates. */
  readonly chips: readonly { tensor: number; x: number; y: number }[];
}

const GAP = 30;

/** A picture with its indices. Build once per payload. */
export class Scene {
  readonly picture: Picture;
  readonly bounds: Bounds;
  /** Calls without a usable place. */
  readonly misplaced: number;
  /** Call of a name. */
  readonly callOf: ReadonlyMap<string, number>;
  readonly isCandidate: Uint8Array;
  readonly #boxes: Grid;
  readonly #routes: Grid;
  /** Tops of all boxes, ascending: the next row below a height. */
  readonly #tops: Float32Array;
  /** Producers per call, in compressed rows. */
  readonly #producerStart: Int32Array;
  readonly #producers: Int32Array;

  constructor(picture: Picture) {
    this.picture = picture;
    const n = picture.calls.name.length;
    this.callOf = new Map(picture.calls.name.map((name, call) => [name, call]));
    this.isCandidate = new Uint8Array(n);
    for (const call of picture.candidates) this.isCandidate[call] = 1;

    const rectangles: number[] = [];
    const owners: number[] = [];
    const tops: number[] = [];
    const hull: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let call = 0; call < n; call++) {
      if (!this.hasPlace(call)) continue;
      const box = this.box(call);
      rectangles.push(...box);
      owners.push(call);
      tops.push(box[1]);
      hull[0] = Math.min(hull[0], box[0]);
      hull[1] = Math.min(hull[1], box[1]);
      hull[2] = Math.max(hull[2], box[2]);
      hull[3] = Math.max(hull[3], box[3]);
    }
    this.misplaced = n - owners.length;
    const given = picture.bounds.every(Number.isFinite) && picture.bounds[2] > picture.bounds[0];
    this.bounds = given ? picture.bounds : owners.length ? hull : [-75, 0, 75, 36];
    this.#boxes = new Grid(this.bounds, rectangles, owners);
    this.#tops = Float32Array.from(tops).sort();
    this.#routes = this.#indexRoutes();
    [this.#producerStart, this.#producers] = this.#indexProducers();
  }

  hasPlace(call: number): boolean {
    return Number.isFinite(this.picture.x[call]) && Number.isFinite(this.picture.y[call]);
  }

  box(call: number): Bounds {
    const { x, y, size } = this.picture;
    const [w, h] = size;
    return [x[call] - w / 2, y[call] - h / 2, x[call] + w / 2, y[call] + h / 2];
  }

  /** The call whose box holds the point, or -1. `slack` widens the boxes. */
  callAt(x: number, y: number, slack = 0): number {
    const { x: cx, y: cy, size } = this.picture;
    let found = -1;
    this.#boxes.near([x - slack, y - slack, x + slack, y + slack], (call) => {
      const dx = Math.abs(x - cx[call]) - size[0] / 2;
      const dy = Math.abs(y - cy[call]) - size[1] / 2;
      if (dx <= slack && dy <= slack) found = call;
    });
    return found;
  }

  /** The edge whose route passes within `reach` of the point (the nearest), or -1. */
  edgeAt(x: number, y: number, reach: number): number {
    const { points, routeStart } = this.picture;
    let found = -1;
    let best = reach;
    this.#routes.near([x - reach, y - reach, x + reach, y + reach], (edge) => {
      for (let p = routeStart[edge]; p + 1 < routeStart[edge + 1]; p++) {
        const ax = points[2 * p];
        const ay = points[2 * p + 1];
        const bx = points[2 * p + 2];
        const by = points[2 * p + 3];
        const length2 = (bx - ax) ** 2 + (by - ay) ** 2;
        const t = length2 ? ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length2 : 0;
        const s = Math.min(Math.max(t, 0), 1);
        const distance = Math.hypot(x - ax - s * (bx - ax), y - ay - s * (by - ay));
        if (distance <= best) {
          best = distance;
          found = edge;
        }
      }
    });
    return found;
  }

  /** Calls whose box meets the region, ascending. */
  callsIn(region: Bounds): number[] {
    const { x, y, size } = this.picture;
    const found: number[] = [];
    this.#boxes.near(region, (call) => {
      if (
        x[call] + size[0] / 2 >= region[0] &&
        x[call] - size[0] / 2 <= region[2] &&
        y[call] + size[1] / 2 >= region[1] &&
        y[call] - size[1] / 2 <= region[3]
      ) {
        found.push(call);
      }
    });
    return found.sort((a, b) => a - b);
  }

  /** Edges that may be seen in the region, ascending. */
  edgesIn(region: Bounds): number[] {
    const found: number[] = [];
    this.#routes.near(region, (edge) => found.push(edge));
    return found.sort((a, b) => a - b);
  }

  /** Where the route of an edge first meets the height y, or null. */
  meets(edge: number, y: number): number | null {
    const { points, routeStart } = this.picture;
    for (let p = routeStart[edge]; p + 1 < routeStart[edge + 1]; p++) {
      const ay = points[2 * p + 1];
      const by = points[2 * p + 3];
      if (ay === by || y < Math.min(ay, by) || y > Math.max(ay, by)) continue;
      return points[2 * p] + ((y - ay) / (by - ay)) * (points[2 * p + 2] - points[2 * p]);
    }
    return null;
  }

  /** The point half way along a route, or null when it has no place. */
  middle(edge: number): [number, number] | null {
    const { points, routeStart } = this.picture;
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

  /** The height of a cut's line: half way between the lowest point's box and the next row. */
  lineHeight(calls: readonly number[]): number {
    let bottom = -Infinity;
    for (const call of calls) {
      if (this.hasPlace(call)) bottom = Math.max(bottom, this.box(call)[3]);
    }
    if (bottom === -Infinity) return Number.NaN;
    let low = 0;
    let high = this.#tops.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#tops[middle] < bottom) low = middle + 1;
      else high = middle;
    }
    // A far next row (below a tall block) must not carry the line away from its call.
    const next =
      low < this.#tops.length ? Math.min(this.#tops[low], bottom + 2 * GAP) : bottom + GAP;
    return (bottom + next) / 2;
  }

  /**
   * The head of a cut, told from its points and its crossing tensors: the calls that make them and
   * everything above. The rest is the tail (of two equally cheap cuts the one with the smaller
   * head is meant).
   */
  head(calls: readonly number[], tensors: readonly number[]): Uint8Array {
    const head = new Uint8Array(this.picture.calls.name.length);
    const stack = [...calls, ...tensors.map((tensor) => this.picture.tensors.call[tensor])];
    while (stack.length) {
      const call = stack.pop()!;
      if (call === undefined || head[call]) continue;
      head[call] = 1;
      for (let i = this.#producerStart[call]; i < this.#producerStart[call + 1]; i++) {
        stack.push(this.#producers[i]);
      }
    }
    return head;
  }

  /** Everything that is drawn for a cut. */
  cutLine(cut: Cut): CutLine {
    const { edges: rows, tensors: columns } = this.picture;
    const calls = cut.points.flatMap((point) => this.callOfPoint(point) ?? []);
    const tensors = cut.tensors.filter((tensor) => tensor < columns.call.length);
    const y = this.lineHeight(calls);
    const head = this.head(calls, tensors);
    const crossing = new Set(tensors);
    const edges: number[] = [];
    const chips = new Map<number, { x: number; y: number; away: number }>();
    const centre = calls.reduce((sum, call) => sum + this.picture.x[call], 0) / calls.length;
    for (let edge = 0; edge < rows.source.length; edge++) {
      if (!head[rows.source[edge]] || head[rows.target[edge]]) continue;
      const carried = rows.tensors[edge].filter((tensor) => crossing.has(tensor));
      if (!carried.length) continue;
      edges.push(edge);
      const met = this.meets(edge, y);
      const place = met === null ? this.middle(edge) : [met, y];
      if (!place) continue;
      // One chip per tensor: on the line if possible, and near to where the cut was asked for.
      const away = met === null ? Infinity : Math.abs(met - centre);
      for (const tensor of carried) {
        const known = chips.get(tensor);
        if (!known || away < known.away) chips.set(tensor, { x: place[0], y: place[1], away });
      }
    }
    return {
      cut,
      y,
      edges,
      chips: tensors.flatMap((tensor) => {
        const chip = chips.get(tensor);
        return chip ? [{ tensor, x: chip.x, y: chip.y }] : [];
      }),
    };
  }

  /** The call that a point names: its own name, or that of one of its tensors ("lstm:1"). */
  callOfPoint(point: string): number | undefined {
    const call = this.callOf.get(point);
    if (call !== undefined) return call;
    const colon = point.lastIndexOf(":");
    return colon > 0 ? this.callOf.get(point.slice(0, colon)) : undefined;
  }

  #indexRoutes(): Grid {
    const { points, routeStart, edges } = this.picture;
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
    return new Grid(this.bounds, rectangles, owners);
  }

  #indexProducers(): [Int32Array, Int32Array] {
    const { source, target } = this.picture.edges;
    const start = new Int32Array(this.picture.calls.name.length + 1);
    for (const call of target) start[call + 1] += 1;
    for (let i = 0; i + 1 < start.length; i++) start[i + 1] += start[i];
    const next = start.slice();
    const producers = new Int32Array(source.length);
    for (let edge = 0; edge < source.length; edge++) producers[next[target[edge]]++] = source[edge];
    return [start, producers];
  }
}
