/** Routes between boxes, and the outlines of open folds. */

import { MARK_RADIUS, type Tag, titleOf } from "../marks";
import { COARSE, type Frame, inWorld, onScreen, origin } from "./frame";
import { rounded, sign, softCorner } from "./shapes";
import type { Texts } from "./text";

/** Below this scale routes are drawn as pixels: a path of ten thousand pieces would be slow. */
const PIXELS = 0.16;
const TITLE_FONT = 11;

export function paintEdges(
  c: CanvasRenderingContext2D,
  frame: Frame,
  edges: readonly number[],
  colour: string,
  width: number,
): void {
  const { camera, scene } = frame;
  if (camera.scale < PIXELS) {
    paintPixels(c, frame, edges, colour, width);
    return;
  }
  const { points, routeStart } = scene.view;
  const round = camera.scale >= COARSE;
  c.beginPath();
  for (const edge of edges) {
    const first = routeStart[edge];
    const last = routeStart[edge + 1] - 1;
    if (last < first) continue;
    c.moveTo(points[2 * first], points[2 * first + 1]);
    for (let p = first + 1; p < last; p++) {
      if (round) softCorner(c, points, p);
      else c.lineTo(points[2 * p], points[2 * p + 1]);
    }
    c.lineTo(points[2 * last], points[2 * last + 1]);
  }
  c.strokeStyle = colour;
  // Thinner when far, but never thinner than the screen can show calmly.
  c.lineWidth = Math.max(width, (0.55 * width) / camera.scale);
  c.stroke();
}

/** From far: upright and level pieces are rectangles, which cost little; the others one thin path. */
function paintPixels(
  c: CanvasRenderingContext2D,
  frame: Frame,
  edges: readonly number[],
  colour: string,
  width: number,
): void {
  const { camera, scene, ratio } = frame;
  const { points, routeStart } = scene.view;
  const { scale } = camera;
  const [left, top] = origin(frame).map((each) => each / ratio);
  const thick = width > 1.5 ? 1.5 : 0.75;
  onScreen(c, frame);
  c.fillStyle = colour;
  c.strokeStyle = colour;
  c.lineWidth = thick;
  c.beginPath();
  let slanted = false;
  for (const edge of edges) {
    const last = routeStart[edge + 1] - 1;
    for (let p = routeStart[edge]; p < last; p++) {
      const ax = points[2 * p] * scale + left;
      const ay = points[2 * p + 1] * scale + top;
      const bx = points[2 * p + 2] * scale + left;
      const by = points[2 * p + 3] * scale + top;
      const dx = Math.abs(bx - ax);
      const dy = Math.abs(by - ay);
      if (dx + dy < 0.5) continue;
      if (dx < 0.75) c.fillRect(ax - thick / 2, Math.min(ay, by), thick, dy);
      else if (dy < 0.75) c.fillRect(Math.min(ax, bx), ay - thick / 2, dx, thick);
      else {
        c.moveTo(ax, ay);
        c.lineTo(bx, by);
        slanted = true;
      }
    }
  }
  if (slanted) c.stroke();
  inWorld(c, frame);
}

/** Calm grounds with an outline, the outer ones first. */
export function paintFrames(c: CanvasRenderingContext2D, frame: Frame): void {
  const { theme, camera, scene } = frame;
  c.lineWidth = Math.min(1 / camera.scale, 4);
  for (const { rect } of scene.view.frames) {
    if (!rect.every(Number.isFinite)) continue;
    rounded(c, rect[0], rect[1], rect[2], rect[3], 10);
    c.fillStyle = theme.frame;
    c.fill();
    c.strokeStyle = theme.frameLine;
    c.stroke();
  }
}

/** The titles sit on the outlines, so that no room has to be kept for them. */
export function paintFrameTitles(
  c: CanvasRenderingContext2D,
  { theme, camera }: Frame,
  tags: readonly Tag[],
  texts: Texts,
): void {
  if (camera.scale < COARSE) return;
  c.textAlign = "left";
  c.textBaseline = "middle";
  c.font = `600 ${TITLE_FONT}px ${theme.font}`;
  for (const { frame, x, y, width } of tags) {
    const title = texts.shorten(titleOf(frame), width - 26);
    c.fillStyle = theme.surface;
    c.fillRect(x - 10, y - 8, c.measureText(title).width + 26, 16);
    sign(c, [x, y], MARK_RADIUS, false, theme.box, theme.dim);
    c.fillStyle = theme.dim;
    c.fillText(title, x + 12, y + 0.5);
  }
}
