/** The picture's pixels: painted when dirty, moved as a bitmap while that is too slow to repeat. */

import { visible } from "./camera";
import { type Frame, origin, Painter } from "./painter";

/** With more boxes than these in view the picture is moved as a bitmap: its raster would be slow. */
const MANY = 500;
/** How much more than what is seen is painted into the bitmap on each side, as a share of the view. */
const MARGIN = 0.5;
/** Enlarged more than this, the bitmap is painted anew. */
const COARSEST = 4;

interface Bitmap {
  canvas: HTMLCanvasElement;
  painted: Frame;
}

function blank(width: number, height: number): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width));
  canvas.height = Math.max(1, Math.round(height));
  return canvas;
}

export type Screen = ReturnType<typeof makeScreen>;

export function makeScreen(canvas: HTMLCanvasElement) {
  let bitmap: Bitmap | null = null;
  /** What was painted last. */
  let last: Frame | null = null;

  const context: CanvasRenderingContext2D | null = canvas.getContext("2d");
  const painter: Painter | null = context ? new Painter(context) : null;

  /** Something other than the camera has changed. */
  function forget(): void {
    bitmap = null;
  }

  function paint(frame: Frame, moving: boolean): void {
    if (!painter || !context) return;
    const { view, ratio } = frame;
    const width = Math.round(view.width * ratio);
    const height = Math.round(view.height * ratio);
    // Setting a canvas's size clears it and is slow: only when it changed.
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    last = frame;
    if (moving && many(frame)) shift(frame);
    else painter.paint(frame);
  }

  /** Things are at rest: paint the bitmap that the next movement needs. */
  function prepare(): void {
    if (!last || !many(last)) return;
    const sharp = bitmap?.painted.camera.scale === last.camera.scale;
    if (!sharp || !covers(last)) bitmap = render(last);
  }

  function many({ scene, camera, view }: Frame): boolean {
    return scene.boxesIn(visible(camera, view)).length > MANY;
  }

  function shift(frame: Frame): void {
    if (!covers(frame)) bitmap = render(frame);
    const { canvas: from, painted } = bitmap!;
    const c = context!;
    const k = frame.camera.scale / painted.camera.scale;
    const [x, y] = origin(frame);
    const [fromX, fromY] = origin(painted);
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.clearRect(0, 0, canvas.width, canvas.height);
    c.drawImage(from, x - fromX * k, y - fromY * k, from.width * k, from.height * k);
    painter!.paintLines(frame);
    painter!.paintTop(frame);
  }

  /** Does the bitmap hold what can be seen, about as sharp as it should be? */
  function covers({ camera, view, ratio, scene }: Frame): boolean {
    const from = bitmap?.painted;
    if (!from || from.ratio !== ratio || camera.scale > COARSEST * from.camera.scale) return false;
    const [left, top, right, bottom] = visible(camera, view);
    const held = visible(from.camera, from.view);
    const { bounds } = scene;
    return (
      Math.max(left, bounds[0]) >= held[0] - 1 &&
      Math.max(top, bounds[1]) >= held[1] - 1 &&
      Math.min(right, bounds[2]) <= held[2] + 1 &&
      Math.min(bottom, bounds[3]) <= held[3] + 1
    );
  }

  /** Paint more than what can be seen into a bitmap, without what is bound to the screen. */
  function render(frame: Frame): Bitmap {
    const { camera, ratio, view: seen } = frame;
    const mx = MARGIN * seen.width;
    const my = MARGIN * seen.height;
    const view = { width: seen.width + 2 * mx, height: seen.height + 2 * my };
    const moved = { ...camera, x: camera.x - mx / camera.scale, y: camera.y - my / camera.scale };
    const copy = blank(view.width * ratio, view.height * ratio);
    const painted = { ...frame, view, camera: moved };
    new Painter(copy.getContext("2d")!).paintGround(painted);
    return { canvas: copy, painted };
  }

  return {
    get usable(): boolean {
      return painter !== null;
    },
    forget,
    paint,
    prepare,
  };
}
