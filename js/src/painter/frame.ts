/** Everything that one frame shows. */

import type { Camera, ViewSize } from "../camera";
import type { CutLine, Scene } from "../geometry";
import type { Ink } from "../overlay";
import type { Part } from "../protocol";
import type { Theme } from "../theme";

/** What is drawn besides the scene. */
export interface Drawn {
  readonly inks: readonly Ink[];
  readonly cuts: readonly CutLine[];
  readonly preview: CutLine | null;
  readonly parts: readonly Part[];
  /** Boxes, -1 for none. */
  readonly hover: number;
  readonly selected: number;
  /** Boxes that are not dimmed; null: none is. */
  readonly lit: ReadonlySet<number> | null;
  /** Boxes that the search has found. */
  readonly found: ReadonlySet<number>;
  /** The placed cut that goes from where it is, by a click or by being dragged; -1 for none. */
  readonly leaving: number;
}

export interface Frame extends Drawn {
  readonly scene: Scene;
  readonly camera: Camera;
  readonly view: ViewSize;
  /** Device pixels per CSS pixel. */
  readonly ratio: number;
  readonly theme: Theme;
}

/** Boxes are plain marks when they are lower than this, in pixels. */
export const MARK = 7;
/** Below this scale lines are straight, and small things are left out. */
export const COARSE = 0.35;

/** Are boxes so small that only their place and colour can be seen? */
export function far({ scene, camera }: Frame): boolean {
  return scene.least * camera.scale < MARK;
}

/** Where the world's zero is, in device pixels: whole ones keep the lines crisp while panning. */
export function origin({ camera, ratio }: Frame): [number, number] {
  const k = camera.scale * ratio;
  return [Math.round(-camera.x * k), Math.round(-camera.y * k)];
}

/** Draw in the picture's units. */
export function inWorld(c: CanvasRenderingContext2D, frame: Frame): void {
  const k = frame.camera.scale * frame.ratio;
  c.setTransform(k, 0, 0, k, ...origin(frame));
}

/** Draw in pixels of the screen. */
export function onScreen(c: CanvasRenderingContext2D, { ratio }: Frame): void {
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
}
