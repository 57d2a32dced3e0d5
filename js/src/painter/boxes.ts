/** Boxes: calls and folds, with their texts and marks. */

import { LEGIBLE } from "../camera";
import { MARK_RADIUS, openMark } from "../marks";
import type { Ink } from "../overlay";
import { COARSE, type Frame, far } from "./frame";
import { rounded, sign } from "./shapes";
import type { Texts } from "./text";

const NAME_FONT = 12;
const DETAIL_FONT = 10.5;
const TEXT_LEFT = 15;
const RADIUS = 6;
const DIMMED = 0.25;
/** From this scale on boxes have texts. */
const TEXTS = LEGIBLE - 0.05;

export function paintBoxes(
  c: CanvasRenderingContext2D,
  frame: Frame,
  boxes: readonly number[],
  texts: Texts,
): void {
  const { lit } = frame;
  const draw = (some: readonly number[]) => {
    if (far(frame)) paintMarks(c, frame, some);
    else paintNear(c, frame, some, texts);
  };
  if (!lit) {
    draw(boxes);
    return;
  }
  c.globalAlpha = DIMMED;
  draw(boxes.filter((box) => !lit.has(box)));
  c.globalAlpha = 1;
  draw(boxes.filter((box) => lit.has(box)));
}

/** From far: one rectangle per box, at least one pixel high, painted colour by colour. */
function paintMarks(c: CanvasRenderingContext2D, frame: Frame, boxes: readonly number[]): void {
  const { x, y, w, h } = frame.scene.view;
  const pixel = 1 / frame.camera.scale;
  const batches = new Map<Ink, number[]>();
  for (const box of boxes) {
    const ink = frame.inks[box];
    const batch = batches.get(ink);
    if (batch) batch.push(box);
    else batches.set(ink, [box]);
  }
  const mark = (box: number, more: number) => {
    const width = Math.max(w[box], pixel) + 2 * more;
    const height = Math.max(h[box], pixel) + 2 * more;
    c.fillRect(x[box] - width / 2, y[box] - height / 2, width, height);
  };
  for (const [ink, batch] of batches) {
    c.fillStyle = ink?.strong ?? frame.theme.boxLine;
    for (const box of batch) mark(box, 0);
  }
  c.fillStyle = frame.theme.accent;
  for (const box of boxes) {
    if (box === frame.hover || box === frame.selected) mark(box, 2 * pixel);
    else if (frame.found.has(box)) mark(box, pixel);
  }
}

function paintNear(
  c: CanvasRenderingContext2D,
  frame: Frame,
  boxes: readonly number[],
  texts: Texts,
): void {
  for (const box of boxes) paintBox(c, frame, box);
  if (frame.camera.scale >= TEXTS) paintTexts(c, frame, boxes, texts);
  if (frame.camera.scale >= COARSE) paintCandidates(c, frame, boxes);
}

function paintBox(c: CanvasRenderingContext2D, frame: Frame, box: number): void {
  const { theme, scene } = frame;
  const [left, top, right, bottom] = scene.box(box);
  const ink = frame.inks[box];
  const pixel = 1 / frame.camera.scale;
  const fold = scene.isFold(box);
  c.strokeStyle = theme.boxLine;
  c.lineWidth = Math.min(pixel, 2);
  if (scene.view.boxes.kind[box] === "repeat") {
    // A stack of papers behind.
    c.fillStyle = theme.box;
    for (const step of [6, 3]) {
      rounded(c, left + step, top - step, right + step, bottom - step, RADIUS);
      c.fill();
      c.stroke();
    }
  }
  rounded(c, left, top, right, bottom, RADIUS);
  c.fillStyle = ink.fill;
  c.fill();
  if (ink.fill2 !== ink.fill || ink.hatch) {
    // A cut goes through this fold: both parts are shown.
    c.save();
    c.clip();
    c.fillStyle = ink.fill2;
    if (scene.down) c.fillRect(left, (top + bottom) / 2, right - left, bottom - top);
    else c.fillRect((left + right) / 2, top, right - left, bottom - top);
    if (ink.hatch) {
      c.beginPath();
      for (let x = left + top - bottom; x < right; x += 8) {
        c.moveTo(x, bottom);
        c.lineTo(x + bottom - top, top);
      }
      c.stroke();
      // Not through the texts, where there are any.
      c.fillStyle = ink.fill;
      if (frame.camera.scale >= TEXTS) c.fillRect(left + 12, top, right - left, bottom - top);
    }
    c.restore();
    rounded(c, left, top, right, bottom, RADIUS);
  }
  if (fold) c.strokeStyle = theme.edge;
  c.stroke();
  c.fillStyle = ink.strong;
  rounded(c, left + 5, top + 7, left + 8, bottom - 7, 1.5);
  c.fill();
  const chosen = box === frame.selected || box === frame.hover;
  if (!chosen && !frame.found.has(box)) return;
  const grow = 1.5 * pixel;
  c.strokeStyle = theme.accent;
  c.lineWidth = (box === frame.selected ? 2.5 : 1.25) * pixel;
  if (!chosen) c.setLineDash([3 * pixel, 2 * pixel]);
  rounded(c, left - grow, top - grow, right + grow, bottom + grow, RADIUS + grow);
  c.stroke();
  if (!chosen) c.setLineDash([]);
}

function paintTexts(
  c: CanvasRenderingContext2D,
  frame: Frame,
  boxes: readonly number[],
  texts: Texts,
): void {
  const { theme, scene } = frame;
  const { boxes: columns, w } = scene.view;
  const badge = (box: number) => (columns.count[box] > 1 ? `×${columns.count[box]}` : "");
  /** Right of the texts: the "+", the badge, the mark of shared weights. */
  const used = (box: number) =>
    (columns.openable[box] ? 24 : 8) +
    (badge(box) ? 8 + 7 * badge(box).length : 0) +
    (isTied(frame, box) ? 16 : 0);
  c.textAlign = "left";
  c.textBaseline = "middle";
  for (const box of boxes) {
    const [left, top, , bottom] = scene.box(box);
    const middle = (top + bottom) / 2;
    c.font = `${scene.isFold(box) ? 600 : 500} ${NAME_FONT}px ${theme.font}`;
    c.fillStyle = frame.inks[box].text;
    const width = w[box] - TEXT_LEFT - used(box);
    c.fillText(texts.name(scene, box, width), left + TEXT_LEFT, middle - 6.5);
  }
  c.font = `${DETAIL_FONT}px ${theme.font}`;
  for (const box of boxes) {
    const [left, top, , bottom] = scene.box(box);
    c.fillStyle = frame.inks[box].dim;
    const width = w[box] - TEXT_LEFT - used(box);
    c.fillText(texts.detail(scene, box, width), left + TEXT_LEFT, (top + bottom) / 2 + 7.5);
  }
  for (const box of boxes) {
    const rect = scene.box(box);
    const ink = frame.inks[box];
    if (columns.openable[box]) {
      const lit = box === frame.hover;
      const ground = lit ? theme.accent : theme.box;
      sign(c, openMark(rect), MARK_RADIUS, true, ground, lit ? theme.onAccent : theme.dim);
    }
    const right = rect[2] - (columns.openable[box] ? 27 : 8);
    if (badge(box)) {
      c.textAlign = "right";
      c.font = `600 ${NAME_FONT}px ${theme.font}`;
      c.fillStyle = ink.text;
      c.fillText(badge(box), right, (rect[1] + rect[3]) / 2);
      c.textAlign = "left";
    } else if (isTied(frame, box)) paintTied(c, right, (rect[1] + rect[3]) / 2, ink.dim);
  }
}

function isTied({ scene }: Frame, box: number): boolean {
  return !scene.isFold(box) && scene.graph.twins(scene.callOf(box)).length > 0;
}

/** Two rings in each other: the weights are also those of another call. */
function paintTied(c: CanvasRenderingContext2D, right: number, y: number, ink: string): void {
  c.strokeStyle = ink;
  c.lineWidth = 1.2;
  for (const x of [right - 8.5, right - 4]) {
    c.beginPath();
    c.arc(x, y, 3.6, 0, 2 * Math.PI);
    c.stroke();
  }
}

/** An open circle where a single tensor crosses. */
function paintCandidates(
  c: CanvasRenderingContext2D,
  frame: Frame,
  boxes: readonly number[],
): void {
  const { scene } = frame;
  const { x, y, w, h } = scene.view;
  c.lineWidth = Math.max(1.2, 1.1 / frame.camera.scale);
  for (const box of boxes) {
    if (!scene.isCandidate(box)) continue;
    const lit = box === frame.hover || box === frame.selected;
    c.beginPath();
    if (scene.down) c.arc(x[box], y[box] + h[box] / 2 + 7, 3, 0, 2 * Math.PI);
    else c.arc(x[box] + w[box] / 2 + 7, y[box], 3, 0, 2 * Math.PI);
    c.fillStyle = frame.theme.surface;
    c.fill();
    c.strokeStyle = lit ? frame.theme.accent : frame.theme.dim;
    c.stroke();
  }
}
