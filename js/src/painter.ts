/** Draws one frame. Knows nothing of events or of the kernel. */

import { type Camera, LEGIBLE, toScreen, type ViewSize, visible } from "./camera";
import { bytes, plural, shape } from "./format";
import type { CutLine, Scene } from "./geometry";
import type { Part } from "./protocol";
import { familyOf, type Theme } from "./theme";

export interface Frame {
  readonly scene: Scene;
  readonly camera: Camera;
  readonly view: ViewSize;
  /** Device pixels per CSS pixel. */
  readonly ratio: number;
  readonly theme: Theme;
  readonly cuts: readonly CutLine[];
  readonly preview: CutLine | null;
  readonly partOf: readonly number[];
  readonly parts: readonly Part[];
  /** Call numbers, -1 for none. */
  readonly hover: number;
  readonly selected: number;
  /** The placed cut under the pointer: a click would take it away. -1 for none. */
  readonly leaving: number;
}

const NAME_FONT = 12;
const DETAIL_FONT = 10.5;
const TEXT_LEFT = 15;
const CHIP_HEIGHT = 20;
/** Below this scale a box is a plain mark. */
const MARK = 0.2;

interface Chip {
  x: number;
  y: number;
  width: number;
  text: string;
}

/** Cut a text in its middle until it fits: "conv2_block…_1_conv". */
export function ellipsis(text: string, width: number, measure: (text: string) => number): string {
  if (measure(text) <= width) return text;
  const letters = Array.from(text);
  let low = 0;
  let high = letters.length - 1;
  const cut = (keep: number) => {
    const tail = Math.floor(keep / 2);
    return `${letters.slice(0, keep - tail).join("")}…${tail ? letters.slice(-tail).join("") : ""}`;
  };
  while (low < high) {
    const keep = (low + high + 1) >> 1;
    if (measure(cut(keep)) <= width) low = keep;
    else high = keep - 1;
  }
  return cut(low);
}

/** Push apart what lies on one line, moving everything as little as is simple. */
export function spread(chips: Chip[], gap: number, left: number, right: number): void {
  chips.sort((a, b) => a.x - b.x);
  for (let i = 1; i < chips.length; i++) {
    const room = (chips[i - 1].width + chips[i].width) / 2 + gap;
    const lack = chips[i - 1].x + room - chips[i].x;
    if (lack <= 0) continue;
    // Half each; the second pass below repairs what this pushes into others.
    chips[i].x += lack / 2;
    chips[i - 1].x -= lack / 2;
  }
  let edge = left;
  for (const chip of chips) {
    chip.x = Math.max(chip.x, edge + chip.width / 2);
    edge = chip.x + chip.width / 2 + gap;
  }
  edge = right;
  for (const chip of [...chips].reverse()) {
    chip.x = Math.min(chip.x, edge - chip.width / 2);
    edge = chip.x - chip.width / 2 - gap;
  }
}

export class Painter {
  readonly #context: CanvasRenderingContext2D;
  /** Shortened texts. A box has the same width in world units at every zoom, so they last. */
  readonly #short = new Map<string, string>();
  #font = "";

  constructor(context: CanvasRenderingContext2D) {
    this.#context = context;
  }

  paint(frame: Frame): void {
    const c = this.#context;
    const { camera, view, ratio, scene } = frame;
    if (frame.theme.font !== this.#font) {
      this.#font = frame.theme.font;
      this.#short.clear();
    }
    const region = visible(camera, view);
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, view.width, view.height);
    c.lineJoin = "round";
    c.lineCap = "butt";

    this.#world(frame);
    this.#edges(frame, scene.edgesIn(region), frame.theme.edge, 1.15);
    for (const line of frame.cuts) this.#edges(frame, line.edges, frame.theme.accent, 1.8);
    if (frame.preview) this.#edges(frame, frame.preview.edges, frame.theme.accent, 2.2);

    this.#screen(frame);
    frame.cuts.forEach((line, index) => {
      this.#line(frame, line, index === frame.leaving ? "leaving" : "placed");
    });
    if (frame.preview) this.#line(frame, frame.preview, "preview");

    this.#world(frame);
    const calls = scene.callsIn(region);
    this.#boxes(frame, calls);

    this.#screen(frame);
    frame.cuts.forEach((line, index) => {
      this.#chips(frame, line, true);
      this.#partNames(frame, line, index);
    });
    if (frame.preview) this.#chips(frame, frame.preview, false);
  }

  #world({ camera, ratio }: Frame): void {
    const k = camera.scale * ratio;
    // Whole device pixels keep the lines crisp while panning.
    const dx = Math.round(-camera.x * k);
    const dy = Math.round(-camera.y * k);
    this.#context.setTransform(k, 0, 0, k, dx, dy);
  }

  #screen({ ratio }: Frame): void {
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  #edges(frame: Frame, edges: readonly number[], colour: string, width: number): void {
    const c = this.#context;
    const { points, routeStart } = frame.scene.picture;
    const round = frame.camera.scale >= 0.35;
    c.beginPath();
    for (const edge of edges) {
      const first = routeStart[edge];
      const last = routeStart[edge + 1] - 1;
      c.moveTo(points[2 * first], points[2 * first + 1]);
      for (let p = first + 1; p < last && round; p++) {
        softCorner(c, points, p);
      }
      for (let p = first + 1; p < last && !round; p++) c.lineTo(points[2 * p], points[2 * p + 1]);
      c.lineTo(points[2 * last], points[2 * last + 1]);
    }
    c.strokeStyle = colour;
    // Thinner when far, but never thinner than the screen can show calmly.
    c.lineWidth = Math.max(width, (0.55 * width) / frame.camera.scale);
    c.stroke();
  }

  #boxes(frame: Frame, calls: readonly number[]): void {
    const { scale } = frame.camera;
    if (scale < MARK) {
      for (const call of calls) this.#mark(frame, call);
      return;
    }
    for (const call of calls) this.#box(frame, call);
    if (scale >= LEGIBLE - 0.05) this.#text(frame, calls);
    if (scale >= 0.35) this.#candidates(frame, calls);
  }

  #fill(frame: Frame, call: number): string {
    const part = frame.partOf[call];
    return frame.parts.length > 1 && part !== undefined
      ? frame.theme.part(part).tint
      : frame.theme.box;
  }

  /** From far: one rectangle per call, at least one pixel high. */
  #mark(frame: Frame, call: number): void {
    const c = this.#context;
    const { picture } = frame.scene;
    const [w, h] = picture.size;
    const part = frame.partOf[call];
    const pixel = 1 / frame.camera.scale;
    const height = Math.max(h, pixel);
    const lit = call === frame.hover || call === frame.selected;
    c.fillStyle = lit
      ? frame.theme.accent
      : frame.parts.length > 1 && part !== undefined
        ? frame.theme.part(part).strong
        : frame.theme.family[familyOf(picture.kinds[picture.calls.kind[call]])];
    const grow = lit ? 2 * pixel : 0;
    c.fillRect(
      picture.x[call] - w / 2 - grow,
      picture.y[call] - height / 2 - grow,
      w + 2 * grow,
      height + 2 * grow,
    );
  }

  #box(frame: Frame, call: number): void {
    const c = this.#context;
    const { theme, scene } = frame;
    const { picture } = scene;
    const [left, top, right, bottom] = scene.box(call);
    const pixel = 1 / frame.camera.scale;
    const radius = 6;
    c.fillStyle = this.#fill(frame, call);
    rounded(c, left, top, right, bottom, radius, radius);
    c.fill();
    c.strokeStyle = theme.boxLine;
    c.lineWidth = Math.min(pixel, 2);
    c.stroke();
    c.fillStyle = theme.family[familyOf(picture.kinds[picture.calls.kind[call]])];
    rounded(c, left + 5, top + 7, left + 8, bottom - 7, 1.5, 1.5);
    c.fill();
    if (call === frame.selected || call === frame.hover) {
      const grow = 1.5 * pixel;
      c.strokeStyle = theme.accent;
      c.lineWidth = (call === frame.selected ? 2 : 1.25) * pixel;
      rounded(
        c,
        left - grow,
        top - grow,
        right + grow,
        bottom + grow,
        radius + grow,
        radius + grow,
      );
      c.stroke();
    }
  }

  #text(frame: Frame, calls: readonly number[]): void {
    const c = this.#context;
    const { theme, scene } = frame;
    const { picture } = scene;
    const width = picture.size[0] - TEXT_LEFT - 8;
    c.textAlign = "left";
    c.textBaseline = "middle";
    c.font = `500 ${NAME_FONT}px ${theme.font}`;
    c.fillStyle = theme.ink;
    for (const call of calls) {
      const [left, top] = scene.box(call);
      c.fillText(this.#name(picture.calls.name[call], width), left + TEXT_LEFT, top + 12.5);
    }
    c.font = `${DETAIL_FONT}px ${theme.font}`;
    c.fillStyle = theme.dim;
    for (const call of calls) {
      const [left, top] = scene.box(call);
      c.fillText(this.#detail(scene, call, width), left + TEXT_LEFT, top + 26);
    }
  }

  #candidates(frame: Frame, calls: readonly number[]): void {
    const c = this.#context;
    const { picture, isCandidate } = frame.scene;
    const pixel = 1 / frame.camera.scale;
    c.lineWidth = Math.max(1.2, 1.1 * pixel);
    for (const call of calls) {
      if (!isCandidate[call]) continue;
      const lit = call === frame.hover || call === frame.selected;
      c.beginPath();
      c.arc(picture.x[call], picture.y[call] + picture.size[1] / 2 + 7, 3, 0, 2 * Math.PI);
      c.fillStyle = frame.theme.surface;
      c.fill();
      c.strokeStyle = lit ? frame.theme.accent : frame.theme.dim;
      c.stroke();
    }
  }

  #line(frame: Frame, line: CutLine, state: "placed" | "preview" | "leaving"): void {
    if (Number.isNaN(line.y)) return;
    const c = this.#context;
    const y = Math.round(toScreen(frame.camera, 0, line.y)[1]);
    if (y < -20 || y > frame.view.height + 20) return;
    c.beginPath();
    c.setLineDash(state === "placed" ? [] : state === "preview" ? [6, 5] : [2, 4]);
    c.strokeStyle = frame.theme.accent;
    c.lineWidth = 2;
    c.moveTo(0, y);
    c.lineTo(frame.view.width, y);
    c.stroke();
    c.setLineDash([]);
  }

  #partNames(frame: Frame, line: CutLine, index: number): void {
    const y = toScreen(frame.camera, 0, line.y)[1];
    if (frame.camera.scale < 0.35 || !(y > -20 && y < frame.view.height + 20)) return;
    const c = this.#context;
    c.font = `600 10.5px ${frame.theme.font}`;
    c.textAlign = "left";
    c.textBaseline = "middle";
    for (const [part, dy] of [
      [index, -10],
      [index + 1, 11],
    ]) {
      const name = frame.parts[part]?.variable;
      if (!name) continue;
      c.fillStyle = frame.theme.part(part).strong;
      c.fillText(
        ellipsis(name, 110, (text) => c.measureText(text).width),
        10,
        y + dy,
      );
    }
  }

  #chips(frame: Frame, line: CutLine, placed: boolean): void {
    const c = this.#context;
    const { camera, theme, view } = frame;
    c.font = `500 11px ${theme.font}`;
    const columns = frame.scene.picture.tensors;
    const onLine: Chip[] = [];
    const elsewhere: Chip[] = [];
    for (const chip of line.chips) {
      const [x, y] = toScreen(camera, chip.x, chip.y);
      const text = `${shape(columns.shape[chip.tensor])} · ${bytes(columns.nbytes[chip.tensor])}`;
      const width = c.measureText(text).width + 16;
      (chip.y === line.y ? onLine : elsewhere).push({ x, y, width, text });
    }
    const need = onLine.reduce((sum, chip) => sum + chip.width + 6, 0);
    // Far out, or too many to stand side by side: one chip that says how many and how much.
    if (onLine.length > 1 && (need > view.width - 24 || camera.scale < 0.35)) {
      const x = onLine.reduce((sum, chip) => sum + chip.x, 0) / onLine.length;
      onLine.splice(0, onLine.length, this.#total(frame, line, x));
    }
    // Not every crossing tensor is met by the line: its right end says how many there are.
    if (elsewhere.length && camera.scale >= 0.35 && !Number.isNaN(line.y)) {
      onLine.push(this.#total(frame, line, view.width));
    }
    spread(onLine, 6, 8, view.width - 8);
    for (const chip of [...onLine, ...(camera.scale >= 0.35 ? elsewhere : [])]) {
      if (chip.y < -CHIP_HEIGHT || chip.y > view.height + CHIP_HEIGHT) continue;
      this.#chip(theme, chip, placed);
    }
  }

  /** "2 tensors · 1.1 MB" */
  #total({ camera }: Frame, { cut, y }: CutLine, x: number): Chip {
    const text = `${plural(cut.tensors.length, "tensor")} · ${bytes(cut.nbytes)}`;
    const width = this.#context.measureText(text).width + 16;
    return { x, y: toScreen(camera, 0, y)[1], width, text };
  }

  #chip(theme: Theme, chip: Chip, placed: boolean): void {
    const c = this.#context;
    const half = CHIP_HEIGHT / 2;
    const y = Math.round(chip.y);
    c.fillStyle = theme.box;
    rounded(c, chip.x - chip.width / 2, y - half, chip.x + chip.width / 2, y + half, half, half);
    c.fill();
    c.strokeStyle = theme.accent;
    c.lineWidth = placed ? 1.5 : 1;
    c.stroke();
    c.fillStyle = theme.ink;
    c.textAlign = "center";
    c.textBaseline = "middle";
    c.fillText(chip.text, chip.x, y + 0.5);
  }

  #name(text: string, width: number): string {
    return this.#once(`n${text}`, (measure) => ellipsis(text, width, measure));
  }

  /** Second line of a box, "Conv2D · 56×56×64". When short of room, the class gives way. */
  #detail(scene: Scene, call: number, width: number): string {
    const { kinds, calls, tensors } = scene.picture;
    const kind = kinds[calls.kind[call]];
    const size = ` · ${shape(tensors.shape[calls.firstTensor[call]])}`;
    return this.#once(`d${kind}${size}`, (measure) => {
      if (measure(kind + size) <= width) return kind + size;
      let keep = kind.length - 1;
      while (keep > 3 && measure(`${kind.slice(0, keep)}…${size}`) > width) keep -= 1;
      return ellipsis(`${kind.slice(0, keep)}…${size}`, width, measure);
    });
  }

  #once(key: string, make: (measure: (text: string) => number) => string): string {
    let text = this.#short.get(key);
    if (text === undefined) {
      text = make((part) => this.#context.measureText(part).width);
      this.#short.set(key, text);
    }
    return text;
  }
}

function rounded(
  c: CanvasRenderingContext2D,
  left: number,
  top: number,
  right: number,
  bottom: number,
  leftRadius: number,
  rightRadius: number,
): void {
  c.beginPath();
  c.moveTo(left + leftRadius, top);
  c.lineTo(right - rightRadius, top);
  if (rightRadius) c.arcTo(right, top, right, top + rightRadius, rightRadius);
  c.lineTo(right, bottom - rightRadius);
  if (rightRadius) c.arcTo(right, bottom, right - rightRadius, bottom, rightRadius);
  c.lineTo(left + leftRadius, bottom);
  if (leftRadius) c.arcTo(left, bottom, left, bottom - leftRadius, leftRadius);
  c.lineTo(left, top + leftRadius);
  if (leftRadius) c.arcTo(left, top, left + leftRadius, top, leftRadius);
  c.closePath();
}

const CORNER = 14;

/** Go to the corner at point p and round it, using at most half of each side. */
function softCorner(c: CanvasRenderingContext2D, points: Float32Array, p: number): void {
  const [ax, ay, x, y, bx, by] = points.subarray(2 * p - 2, 2 * p + 4);
  const before = Math.hypot(x - ax, y - ay) || 1;
  const after = Math.hypot(bx - x, by - y) || 1;
  const s = Math.min(CORNER, before / 2) / before;
  const t = Math.min(CORNER, after / 2) / after;
  c.lineTo(x + s * (ax - x), y + s * (ay - y));
  c.quadraticCurveTo(x, y, x + t * (bx - x), y + t * (by - y));
}
