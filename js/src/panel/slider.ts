/** A slider on a logarithmic scale. */

/** Steps from `low` to `high`: over seven powers of ten each tenfold is met. */
export const STEPS = 700;

/** Three significant digits: what a person would say. */
export function valueAt(step: number, low: number, high: number): number {
  return Number((low * (high / low) ** (step / STEPS)).toPrecision(3));
}

export function stepOf(value: number, low: number, high: number): number {
  const share = Math.log(value / low) / Math.log(high / low);
  return Math.round(Math.min(Math.max(share, 0), 1) * STEPS);
}
