/** Where the line of a cut runs when it cannot be straight. */

/** From which place across on, ascending, the line is how far along. */
export type Border = readonly (readonly [from: number, at: number])[];

/** A box along (low to high) and across (first to last); `inside`: in the head of the cut. */
export interface Obstacle {
  low: number;
  high: number;
  first: number;
  last: number;
  inside: boolean;
}

/** How far the line keeps away from a box that it steps round. */
const STEP = 14;

/**
 * The line has the boxes of the head before it and all others behind it, as far as these do not
 * stand one behind the other in the wrong order. It moves away from `at` as seldom as it can,
 * outwards from the place across where the cut was asked for.
 */
export function borderOf(boxes: readonly Obstacle[], at: number, centre: number): Border {
  let [low, high] = [at, at];
  for (const box of boxes) {
    if (box.inside) high = Math.max(high, box.high);
    else low = Math.min(low, box.low);
  }
  if (!(low < at || high > at)) return [[-Infinity, at]];
  const near = boxes.filter((box) => box.high > low - STEP && box.low < high + STEP);
  const stops = [...new Set(near.flatMap((box) => [box.first, box.last]))].sort((a, b) => a - b);
  const levels = stops.slice(1).map(() => at);
  const begin = stops.slice(1, -1).filter((stop) => stop <= centre).length;
  for (const way of [1, -1]) {
    let level = at;
    for (let i = begin; i >= 0 && i < levels.length; i += way) {
      let [before, behind] = [-Infinity, Infinity];
      for (const box of near) {
        if (box.first >= stops[i + 1] || box.last <= stops[i]) continue;
        if (box.inside) before = Math.max(before, box.high);
        else behind = Math.min(behind, box.low);
      }
      if (before < behind) {
        const gap = Math.min(STEP, (behind - before) / 2);
        level = Math.min(Math.max(level, before + gap), behind - gap);
      }
      levels[i] = level;
    }
  }
  return levels
    .map((level, i) => [i ? stops[i] : -Infinity, level] as const)
    .filter(([, level], i) => !i || level !== levels[i - 1]);
}

/** How far along the line is at a place across. */
export function levelAt(border: Border, across: number): number {
  return border.reduce((level, [from, at]) => (from <= across ? at : level), Number.NaN);
}
