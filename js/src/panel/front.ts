/** The Pareto front of single cuts: bytes that cross against imbalance. A dot places its cut. */

import { h, listen, OURS, svg } from "../dom";
import { bytes } from "../format";
import type { FrontPoint } from "../protocol";

const WIDTH = 260;
const HEIGHT = 92;
const LEFT = 8;
const BOTTOM = 18;
const TOP = 8;

/** Places of the points: bytes to the right on a logarithmic scale, imbalance upwards. */
export function places(points: readonly FrontPoint[]): { x: number; y: number }[] {
  const sizes = points.map((point) => Math.log(Math.max(1, point.bytes)));
  const low = Math.min(...sizes);
  const high = Math.max(...sizes);
  const most = Math.max(...points.map((point) => point.imbalance), 1e-9);
  return points.map((point, i) => ({
    x: LEFT + 6 + (high > low ? (sizes[i] - low) / (high - low) : 0.5) * (WIDTH - LEFT - 20),
    y: HEIGHT - BOTTOM - 4 - (point.imbalance / most) * (HEIGHT - BOTTOM - TOP - 8),
  }));
}

export function drawFront(
  points: readonly FrontPoint[],
  place: (point: FrontPoint) => void,
): HTMLElement | null {
  if (!points.length) return null;
  const at = places(points);
  const order = points.map((_, i) => i).sort((a, b) => at[a].x - at[b].x);
  const line = order.map((i, n) => `${n ? "L" : "M"}${at[i].x} ${at[i].y}`).join("");
  const base = HEIGHT - BOTTOM;
  const dots = order.map((i) => {
    const point = points[i];
    const label = `Cut: ${bytes(point.bytes)} cross, imbalance ${(100 * point.imbalance).toFixed(0)} %`;
    const dot = svg(
      "g",
      {
        class: "ks-dot",
        role: "button",
        tabindex: 0,
        "aria-label": label,
        [OURS]: "true",
      },
      svg("title", {}, label),
      svg("circle", { cx: at[i].x, cy: at[i].y, r: 9, class: "ks-dot-reach" }),
      svg("circle", { cx: at[i].x, cy: at[i].y, r: 4 }),
    );
    listen(dot, "click", () => place(point), null);
    listen(
      dot,
      "keydown",
      (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        event.stopPropagation();
        place(point);
      },
      null,
    );
    return dot;
  });
  return h(
    "figure",
    { class: "ks-front", "aria-label": "Cuts in two: bytes that cross against imbalance" },
    svg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group" },
      svg("path", { d: `M${LEFT} ${TOP}V${base}H${WIDTH - 6}`, class: "ks-front-axis" }),
      svg("path", { d: line, class: "ks-front-line" }),
      svg("text", { x: LEFT, y: HEIGHT - 5 }, "↑ imbalance"),
      svg("text", { x: WIDTH - 8, y: HEIGHT - 5, "text-anchor": "end" }, "bytes crossing →"),
      ...dots,
    ),
  );
}
