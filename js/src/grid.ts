/** A uniform grid over rectangles. */

import type { Bounds } from "./camera";

/**
 * Which rectangles meet a region: a uniform grid in compressed rows.
 * An item may own several rectangles (the segments of a route).
 */
export type Grid = ReturnType<typeof makeGrid>;

export function makeGrid(bounds: Bounds, rectangles: ArrayLike<number>, owner: ArrayLike<number>) {
  let stamp = 0;

  const entries = owner.length;
  const width = Math.max(1, bounds[2] - bounds[0]);
  const height = Math.max(1, bounds[3] - bounds[1]);
  // About one cell per entry, and no cell smaller than a box is wide.
  const cell: number = Math.max(160, Math.sqrt((width * height) / (entries + 1)));
  const left: number = bounds[0];
  const top: number = bounds[1];
  const columns: number = Math.ceil(width / cell);
  const rows: number = Math.ceil(height / cell);
  const start: Int32Array = new Int32Array(columns * rows + 1);
  let count = 0;
  for (let i = 0; i < entries; i++) {
    count = Math.max(count, owner[i] + 1);
    cells(rectangles, 4 * i, (at) => {
      start[at + 1] += 1;
    });
  }
  for (let i = 0; i < columns * rows; i++) start[i + 1] += start[i];
  const items: Int32Array = new Int32Array(start[columns * rows]);
  const next = start.slice();
  for (let i = 0; i < entries; i++) {
    cells(rectangles, 4 * i, (at) => {
      items[next[at]++] = owner[i];
    });
  }
  const seen: Int32Array = new Int32Array(count);

  /** Call `visit` once per item that has a rectangle in a cell that meets the region. */
  function near(region: ArrayLike<number>, visit: (item: number) => void): void {
    stamp += 1;
    cells(region, 0, (at) => {
      for (let i = start[at]; i < start[at + 1]; i++) {
        const item = items[i];
        if (seen[item] === stamp) continue;
        seen[item] = stamp;
        visit(item);
      }
    });
  }

  function cells(rectangle: ArrayLike<number>, at: number, visit: (cell: number) => void): void {
    const index = (value: number, limit: number) =>
      Math.min(Math.max(Math.floor(value / cell), 0), limit - 1);
    const c0 = index(rectangle[at] - left, columns);
    const r0 = index(rectangle[at + 1] - top, rows);
    const c1 = index(rectangle[at + 2] - left, columns);
    const r1 = index(rectangle[at + 3] - top, rows);
    for (let row = r0; row <= r1; row++) {
      for (let column = c0; column <= c1; column++) visit(row * columns + column);
    }
  }

  return {
    near,
  };
}
