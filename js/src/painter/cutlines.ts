/** The lines of cuts with their chips: what crosses, and the names of the parts on both sides. */

import { levelAt } from "../border";
import { type Bounds, toScreen } from "../camera";
import { bytes, plural, shape } from "../format";
import type { CutLine } from "../geometry";
import { COARSE, type Frame } from "./frame";
import { rounded } from "./shapes";
import { ellipsis } from "./text";

const CHIP_HEIGHT = 18;
/** Where chips begin on an upright line, below the names of the parts. */
const HEAD = 26;

export interface Chip {
  x: number;
  y: number;
  width: number;
  text: string;
}

/** Push apart what lies on one line, moving everything as little as is simple. */
export function spread(
  chips: Chip[],
  gap: number,
  low: number,
  high: number,
  key: "x" | "y" = "x",
): void {
  const size = (chip: Chip) => (key === "x" ? chip.width : CHIP_HEIGHT);
  chips.sort((a, b) => a[key] - b[key]);
  for (let i = 1; i < chips.length; i++) {
    const room = (size(chips[i - 1]) + size(chips[i])) / 2 + gap;
    const lack = chips[i - 1][key] + room - chips[i][key];
    if (lack <= 0) continue;
    // Half each; the second pass below repairs what this pushes into others.
    chips[i][key] += lack / 2;
    chips[i - 1][key] -= lack / 2;
  }
  let edge = low;
  for (const chip of chips) {
    chip[key] = Math.max(chip[key], edge + size(chip) / 2);
    edge = chip[key] + size(chip) / 2 + gap;
  }
  edge = high;
  for (const chip of [...chips].reverse()) {
    chip[key] = Math.min(chip[key], edge - size(chip) / 2);
    edge = chip[key] - size(chip) / 2 - gap;
  }
}

/**
 * Move a chip off what is there already, as little as can be: along its line, else a little to its
 * side. Without room it stays.
 */
export function clear(
  chip: Chip,
  taken: Bounds[],
  low: number,
  high: number,
  key: "x" | "y" = "x",
): void {
  const across = key === "x" ? "y" : "x";
  const halves = [chip.width / 2, CHIP_HEIGHT / 2];
  const main = key === "x" ? 0 : 1;
  const rect = ({ x, y }: { x: number; y: number }): Bounds => [
    x - halves[0],
    y - halves[1],
    x + halves[0],
    y + halves[1],
  ];
  /** Places right before and behind all that is there, the nearest ones first. */
  const beside = (side: 0 | 1, gap: number, at: number) =>
    taken
      .flatMap((each) => [each[side] - halves[side] - gap, each[side + 2] + halves[side] + gap])
      .sort((a, b) => Math.abs(a - at) - Math.abs(b - at));
  const inside = (at: number) => at - halves[main] >= low && at + halves[main] <= high;
  const near = (at: number) => Math.abs(at - chip[across]) <= CHIP_HEIGHT;
  const place = [
    chip,
    ...beside(main, 3, chip[key])
      .filter(inside)
      .map((at) => ({ ...chip, [key]: at })),
    ...beside(main ? 0 : 1, 0, chip[across])
      .filter(near)
      .map((at) => ({ ...chip, [across]: at })),
  ].find((each) => {
    const [l, t, r, b] = rect(each);
    return taken.every(([left, top, right, bottom]) => {
      return l >= right || r <= left || t >= bottom || b <= top;
    });
  });
  Object.assign(chip, place);
  taken.push(rect(chip));
}

/** Where the line begins on the screen, along the axis; null when that cannot be seen. */
function place({ camera, view, scene }: Frame, line: CutLine): number | null {
  const level = levelAt(line.border, scene.down ? camera.x : camera.y);
  const at = toScreen(camera, level, level)[scene.down ? 1 : 0];
  const limit = scene.down ? view.height : view.width;
  return at > -20 && at < limit + 20 ? at : null;
}

export function paintLine(
  c: CanvasRenderingContext2D,
  frame: Frame,
  line: CutLine,
  state: "placed" | "preview" | "leaving",
): void {
  c.beginPath();
  c.setLineDash(state === "placed" ? [] : state === "preview" ? [6, 5] : [2, 4]);
  c.strokeStyle = frame.theme.accent;
  c.lineWidth = 2;
  const { camera, view } = frame;
  const { down } = frame.scene;
  const end = down ? view.width : view.height;
  const main = down ? 1 : 0;
  line.border.forEach(([from, at], i) => {
    const y = Math.round(toScreen(camera, at, at)[main]);
    // From this step to the next one.
    [from, line.border[i + 1]?.[0] ?? Infinity].forEach((step, last) => {
      const x = Math.min(Math.max(toScreen(camera, step, step)[1 - main], 0), end);
      c[i || last ? "lineTo" : "moveTo"](down ? x : y, down ? y : x);
    });
  });
  c.stroke();
  c.setLineDash([]);
}

/**
 * The names of the parts before and after a placed cut, in their colours. Returns where on the line
 * chips may begin.
 */
export function paintPartNames(
  c: CanvasRenderingContext2D,
  frame: Frame,
  line: CutLine,
  index: number,
  taken: Bounds[],
): number {
  const at = place(frame, line);
  let room = 8;
  if (frame.camera.scale < COARSE || at === null) return room;
  c.font = `600 10.5px ${frame.theme.font}`;
  c.textBaseline = "middle";
  for (const side of [0, 1] as const) {
    const name = frame.parts[index + side]?.variable;
    if (!name) continue;
    c.fillStyle = frame.theme.part(index + side).text;
    const text = ellipsis(name, 110, (each) => c.measureText(each).width);
    const { width } = c.measureText(text);
    room = Math.max(room, 18 + width);
    c.textAlign = frame.scene.down || side ? "left" : "right";
    if (frame.scene.down) {
      const name = { x: 10 + width / 2, y: at + (side ? 11 : -10), width, text };
      clear(name, taken, 10, 10 + width);
      c.fillText(text, 10, name.y);
    } else c.fillText(text, at + (side ? 8 : -8), 14);
  }
  return room;
}

export function paintChips(
  c: CanvasRenderingContext2D,
  frame: Frame,
  line: CutLine,
  placed: boolean,
  taken: Bounds[],
  begin = 8,
): void {
  const { camera, view, scene } = frame;
  c.font = `500 11px ${frame.theme.font}`;
  const columns = scene.graph.data.tensors;
  const key = scene.down ? "x" : "y";
  const length = scene.down ? view.width : view.height;
  const onLine: Chip[] = [];
  const elsewhere: Chip[] = [];
  for (const { tensor, x: wx, y: wy, met } of line.chips) {
    const [x, y] = toScreen(camera, wx, wy);
    const text = `${shape(columns.shape[tensor])} · ${bytes(columns.nbytes[tensor])}`;
    const width = c.measureText(text).width + 16;
    (met ? onLine : elsewhere).push({ x, y, width, text });
  }
  const total = (at: number): Chip => {
    const text = `${plural(line.cut.tensors.length, "tensor")} · ${bytes(line.cut.nbytes)}`;
    const level = levelAt(line.border, at / camera.scale + (scene.down ? camera.x : camera.y));
    const [x, y] = toScreen(camera, level, level);
    const chip = { x, y, width: c.measureText(text).width + 16, text };
    chip[key] = at;
    return chip;
  };
  const size = (chip: Chip) => (scene.down ? chip.width : CHIP_HEIGHT);
  const need = onLine.reduce((sum, chip) => sum + size(chip) + 6, 0);
  // Far out, or too many to stand side by side: one chip that says how many and how much.
  if (onLine.length > 1 && (need > length - begin - 16 || camera.scale < COARSE)) {
    const at = onLine.reduce((sum, chip) => sum + chip[key], 0) / onLine.length;
    onLine.splice(0, onLine.length, total(at));
  } else if (elsewhere.length && camera.scale >= COARSE && !Number.isNaN(line.at)) {
    // Not every crossing tensor is met by the line: its end says how many there are.
    onLine.push(total(length));
  }
  // Upright lines leave no room between boxes: there the chips stand at the line's head.
  if (!scene.down) for (const chip of onLine) chip.y = Math.min(chip.y, HEAD);
  const low = scene.down ? begin : HEAD;
  spread(onLine, 6, low, length - 8, key);
  for (const chip of [...onLine, ...(camera.scale >= COARSE ? elsewhere : [])]) {
    if (chip.y < -CHIP_HEIGHT || chip.y > view.height + CHIP_HEIGHT) continue;
    if (chip.x < -chip.width || chip.x > view.width + chip.width) continue;
    clear(chip, taken, low, length - 8, key);
    paintChip(c, frame, chip, placed);
  }
}

function paintChip(
  c: CanvasRenderingContext2D,
  { theme }: Frame,
  chip: Chip,
  placed: boolean,
): void {
  const half = CHIP_HEIGHT / 2;
  const y = Math.round(chip.y);
  c.fillStyle = theme.box;
  rounded(c, chip.x - chip.width / 2, y - half, chip.x + chip.width / 2, y + half, half);
  c.fill();
  c.strokeStyle = theme.accent;
  c.lineWidth = placed ? 1.5 : 1;
  c.stroke();
  c.fillStyle = theme.ink;
  c.textAlign = "center";
  c.textBaseline = "middle";
  c.fillText(chip.text, chip.x, y + 0.5);
}
