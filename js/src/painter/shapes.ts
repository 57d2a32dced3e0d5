/** Paths that are drawn again and again. */

export function rounded(
  c: CanvasRenderingContext2D,
  left: number,
  top: number,
  right: number,
  bottom: number,
  radius: number,
): void {
  c.beginPath();
  c.roundRect(left, top, right - left, bottom - top, radius);
}

const CORNER = 14;

/** Go to the corner at point p and round it, using at most half of each side. */
export function softCorner(c: CanvasRenderingContext2D, points: Float32Array, p: number): void {
  const [ax, ay, x, y, bx, by] = points.subarray(2 * p - 2, 2 * p + 4);
  const before = Math.hypot(x - ax, y - ay) || 1;
  const after = Math.hypot(bx - x, by - y) || 1;
  const s = Math.min(CORNER, before / 2) / before;
  const t = Math.min(CORNER, after / 2) / after;
  c.lineTo(x + s * (ax - x), y + s * (ay - y));
  c.quadraticCurveTo(x, y, x + t * (bx - x), y + t * (by - y));
}

/** A circle with a plus or a minus in it. */
export function sign(
  c: CanvasRenderingContext2D,
  [x, y]: readonly [number, number],
  radius: number,
  plus: boolean,
  ground: string,
  ink: string,
): void {
  c.beginPath();
  c.arc(x, y, radius, 0, 2 * Math.PI);
  c.fillStyle = ground;
  c.fill();
  c.strokeStyle = ink;
  c.lineWidth = 1;
  c.stroke();
  const arm = radius - 3.5;
  c.beginPath();
  c.moveTo(x - arm, y);
  c.lineTo(x + arm, y);
  if (plus) {
    c.moveTo(x, y - arm);
    c.lineTo(x, y + arm);
  }
  c.lineWidth = 1.3;
  c.stroke();
}
