/** Pan, zoom and fit as pure functions. `x`, `y` is the world point at the view's top left. */

export interface Camera {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

export type Bounds = readonly [left: number, top: number, right: number, bottom: number];

export interface ViewSize {
  readonly width: number;
  readonly height: number;
}

/** Below this scale the text in a box cannot be read. */
export const LEGIBLE = 0.55;
export const MAX_SCALE = 2.5;
/** From this scale on names are 9 px high: nothing smaller is offered for reading. */
export const READABLE = 0.75;
/** A model that fits at this scale is shown whole at first: better small than with its sides cut off. */
const SMALLEST_WHOLE = 0.5;
const READING = 0.95;
const MARGIN = 20;

const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);

export function toScreen(camera: Camera, x: number, y: number): [number, number] {
  return [(x - camera.x) * camera.scale, (y - camera.y) * camera.scale];
}

export function toWorld(camera: Camera, sx: number, sy: number): [number, number] {
  return [camera.x + sx / camera.scale, camera.y + sy / camera.scale];
}

/** The world rectangle that is visible. */
export function visible(camera: Camera, view: ViewSize): Bounds {
  const [right, bottom] = toWorld(camera, view.width, view.height);
  return [camera.x, camera.y, right, bottom];
}

export function fitScale(bounds: Bounds, view: ViewSize): number {
  const width = Math.max(1, bounds[2] - bounds[0]);
  const height = Math.max(1, bounds[3] - bounds[1]);
  const room = (total: number) => Math.max(1, total - 2 * MARGIN);
  return Math.min(1.15, room(view.width) / width, room(view.height) / height);
}

export function minScale(bounds: Bounds, view: ViewSize): number {
  return Math.min(0.25, fitScale(bounds, view));
}

/** The whole model, centred. */
export function overview(bounds: Bounds, view: ViewSize): Camera {
  const scale = fitScale(bounds, view);
  return {
    x: (bounds[0] + bounds[2] - view.width / scale) / 2,
    y: (bounds[1] + bounds[3] - view.height / scale) / 2,
    scale,
  };
}

const turned = (bounds: Bounds): Bounds => [bounds[1], bounds[0], bounds[3], bounds[2]];
const turnedView = (view: ViewSize): ViewSize => ({ width: view.height, height: view.width });
const turnedCamera = ({ x, y, scale }: Camera): Camera => ({ x: y, y: x, scale });

/**
 * What is shown first: the whole model if it can be read so, else its beginning with the axis (zero
 * across) in the middle. `down`: the model runs from top to bottom, else from left to right.
 */
export function opening(bounds: Bounds, view: ViewSize, down = true): Camera {
  if (!down) return turnedCamera(opening(turned(bounds), turnedView(view)));
  const fit = fitScale(bounds, view);
  if (fit >= SMALLEST_WHOLE) return overview(bounds, view);
  // The axis stays in the middle; a little smaller if that brings more of the width in.
  const half = Math.max(1, -bounds[0], bounds[2]);
  const inside = (view.width / 2 - MARGIN) / half;
  // In a narrow view rather the whole width, beside the axis.
  const whole = (view.width - 2 * MARGIN) / Math.max(1, bounds[2] - bounds[0]);
  const aside = inside < READABLE && whole >= READABLE;
  const scale = clamp(aside ? whole : inside, READABLE, READING);
  const middle = aside ? (bounds[0] + bounds[2]) / 2 : 0;
  return settle({ x: middle - view.width / scale / 2, y: -Infinity, scale }, bounds, view);
}

/** Move the picture by pixels of the screen. */
export function panBy(camera: Camera, dx: number, dy: number): Camera {
  return { ...camera, x: camera.x - dx / camera.scale, y: camera.y - dy / camera.scale };
}

/** Zoom so that the world point under (sx, sy) stays there. */
export function zoomAbout(
  camera: Camera,
  sx: number,
  sy: number,
  factor: number,
  low: number,
  high = MAX_SCALE,
): Camera {
  const scale = clamp(camera.scale * factor, Math.min(low, camera.scale), high);
  const [wx, wy] = toWorld(camera, sx, sy);
  return { x: wx - sx / scale, y: wy - sy / scale, scale };
}

/** Keep the view's middle over the model, so that it cannot be lost. */
export function keepInside(camera: Camera, bounds: Bounds, view: ViewSize): Camera {
  const halfWidth = view.width / camera.scale / 2;
  const halfHeight = view.height / camera.scale / 2;
  return {
    x: clamp(camera.x + halfWidth, bounds[0], bounds[2]) - halfWidth,
    y: clamp(camera.y + halfHeight, bounds[1], bounds[3]) - halfHeight,
    scale: camera.scale,
  };
}

/** Show nothing blank before the beginning or after the end, if there is something to show instead. */
export function settle(camera: Camera, bounds: Bounds, view: ViewSize, down = true): Camera {
  if (!down) return turnedCamera(settle(turnedCamera(camera), turned(bounds), turnedView(view)));
  const margin = MARGIN / camera.scale;
  const low = bounds[1] - margin;
  const high = bounds[3] + margin - view.height / camera.scale;
  return { ...camera, y: high < low ? (low + high) / 2 : clamp(camera.y, low, high) };
}

/**
 * Bring a box to the middle of the axis, unless all of it can be seen and read where it is. Across, the picture only moves when it must, back to the
 * axis if the box can be seen there: walking along a model should not sway.
 */
export function reveal(camera: Camera, box: Bounds, view: ViewSize, down = true): Camera {
  const pad = 12 / camera.scale;
  const readable = camera.scale >= READABLE - 0.02;
  const seen = visible(camera, view).every((at, i) =>
    i < 2 ? at <= box[i] - pad : at >= box[i] + pad,
  );
  if (readable && seen) return camera;
  if (!down) return turnedCamera(reveal(turnedCamera(camera), turned(box), turnedView(view)));
  const scale = readable ? camera.scale : READING;
  const y = (box[1] + box[3]) / 2 - view.height / scale / 2;
  const fits = (left: number) => box[0] - pad >= left && box[2] + pad <= left + view.width / scale;
  const onAxis = -view.width / scale / 2;
  let x = readable ? camera.x : onAxis;
  if (!fits(x)) x = fits(onAxis) ? onAxis : (box[0] + box[2]) / 2 - view.width / scale / 2;
  return { x, y, scale };
}

/**
 * Keep a place where it is on the screen while the drawing changes: the point that lay at a share
 * of `before` (under the pointer, say) lies at the same share of `after`.
 */
export function anchor(
  camera: Camera,
  before: Bounds,
  after: Bounds,
  [x, y]: readonly [x: number, y: number],
): Camera {
  const [wx, wy] = toWorld(camera, x, y);
  const share = (value: number, low: number, high: number) =>
    high > low ? clamp((value - low) / (high - low), 0, 1) : 0.5;
  // What lies outside of the old bounds keeps its distance to them.
  const over = (value: number, low: number, high: number) => value - clamp(value, low, high);
  const tx = after[0] + share(wx, before[0], before[2]) * (after[2] - after[0]);
  const ty = after[1] + share(wy, before[1], before[3]) * (after[3] - after[1]);
  return {
    x: tx + over(wx, before[0], before[2]) - x / camera.scale,
    y: ty + over(wy, before[1], before[3]) - y / camera.scale,
    scale: camera.scale,
  };
}
