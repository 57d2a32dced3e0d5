/** The picture's pixels: painted when dirty, moved as a bitmap while that is too slow to repeat. */

import { type Camera, toWorld, type ViewSize } from "./camera";
import { type Frame, Painter } from "./painter";

/** A full picture that takes longer than this, in ms, is moved as a bitmap. */
const SLOW = 6;
/** How much more than what is seen is painted into the bitmap, as a share of the view. */
const MARGIN = 0.35;
/** How long a change of the view fades, in ms. */
export const FADE = 150;

interface Bitmap {
  canvas: HTMLCanvasElement;
  camera: Camera;
  view: ViewSize;
  ratio: number;
}

function blank(width: number, height: number): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width));
  canvas.height = Math.max(1, Math.round(height));
  return canvas;
}

export type Screen = ReturnType<typeof makeScreen>;

export function makeScreen(canvas: HTMLCanvasElement) {
  let slow = false;
  let bitmap: Bitmap | null = null;

  const context: CanvasRenderingContext2D | null = canvas.getContext("2d");
  const painter: Painter | null = context ? new Painter(context) : null;

  let ghost: { canvas: HTMLCanvasElement; since: number } | null = null;

  /** What is shown is about to change: fade from what is seen now. */
  function fade(now: number): void {
    const { width, height } = canvas;
    if (!width || !height || globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches) {
      return;
    }
    const copy = blank(width, height);
    copy.getContext("2d")?.drawImage(canvas, 0, 0);
    ghost = { canvas: copy, since: now };
  }

  /** Something other than the camera has changed. */
  function forget(): void {
    bitmap = null;
  }

  /** Paint. True: another frame is needed, something is fading. */
  function paint(frame: Frame, moving: boolean, now: number): boolean {
    if (!painter || !context) return false;
    const { view, ratio } = frame;
    const width = Math.round(view.width * ratio);
    const height = Math.round(view.height * ratio);
    // Setting a canvas's size clears it and is slow: only when it changed.
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    if (moving && slow) shift(frame);
    else {
      const start = performance.now();
      painter.paint(frame);
      slow = performance.now() - start > SLOW;
    }
    return paintGhost(frame, now);
  }

  function shift(frame: Frame): void {
    const c = context!;
    const { camera, view, ratio } = frame;
    if (!covers(frame)) bitmap = render(frame);
    const from = bitmap;
    if (!from) return;
    const k = camera.scale / from.camera.scale;
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, view.width, view.height);
    c.drawImage(
      from.canvas,
      (from.camera.x - camera.x) * camera.scale,
      (from.camera.y - camera.y) * camera.scale,
      from.view.width * k,
      from.view.height * k,
    );
  }

  /** Does the bitmap hold what can be seen, about as sharp as it should be? */
  function covers({ camera, view, ratio, scene }: Frame): boolean {
    const from = bitmap;
    if (!from || from.ratio !== ratio) return false;
    const k = camera.scale / from.camera.scale;
    if (k > 1.7 || k < 0.4) return false;
    const [right, bottom] = toWorld(camera, view.width, view.height);
    const [fromRight, fromBottom] = toWorld(from.camera, from.view.width, from.view.height);
    const { bounds } = scene;
    return (
      Math.max(camera.x, bounds[0]) >= from.camera.x - 1 &&
      Math.max(camera.y, bounds[1]) >= from.camera.y - 1 &&
      Math.min(right, bounds[2]) <= fromRight + 1 &&
      Math.min(bottom, bounds[3]) <= fromBottom + 1
    );
  }

  function render(frame: Frame): Bitmap | null {
    const { camera, ratio } = frame;
    const mx = MARGIN * frame.view.width;
    const my = MARGIN * frame.view.height;
    const view = { width: frame.view.width + 2 * mx, height: frame.view.height + 2 * my };
    const moved = { ...camera, x: camera.x - mx / camera.scale, y: camera.y - my / camera.scale };
    const copy = blank(view.width * ratio, view.height * ratio);
    const on = copy.getContext("2d");
    if (!on) return null;
    new Painter(on).paint({ ...frame, view, camera: moved });
    return { canvas: copy, camera: moved, view, ratio };
  }

  function paintGhost(frame: Frame, now: number): boolean {
    if (!ghost) return false;
    const left = 1 - (now - ghost.since) / FADE;
    if (left <= 0 || left > 1) {
      ghost = null;
      return false;
    }
    const c = context!;
    c.setTransform(frame.ratio, 0, 0, frame.ratio, 0, 0);
    c.globalAlpha = left;
    c.drawImage(ghost.canvas, 0, 0, frame.view.width, frame.view.height);
    c.globalAlpha = 1;
    return true;
  }

  return {
    get usable(): boolean {
      return painter !== null;
    },
    fade,
    forget,
    paint,
  };
}
