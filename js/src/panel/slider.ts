/** A slider on a logarithmic scale. */

/** 1000 steps from `low` to `high`. */
export const STEPS = 1000;

/** Two significant digits: what a person would say. */
function plain(value: number): number {
  return Number(value.toPrecision(2));
}

export function valueAt(step: number, low: number, high: number): number {
  return plain(low * (high / low) ** (step / STEPS));
}

export function stepOf(value: number, low: number, high: number): number {
  const share = Math.log(value / low) / Math.log(high / low);
  return Math.round(Math.min(Math.max(share, 0), 1) * STEPS);
}
