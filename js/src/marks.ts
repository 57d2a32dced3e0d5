/** Where folds are opened and closed with the pointer: shared by what paints and what is hit. */

import type { Bounds } from "./camera";
import type { Scene } from "./geometry";
import type { FrameData } from "./protocol";

/** Radius of a mark, in the picture's units. */
export const MARK_RADIUS = 7;
const REACH = 12;

/** The "+" of a folded box. */
export function openMark([, top, right, bottom]: Bounds): [number, number] {
  return [right - 15, (top + bottom) / 2];
}

/** The "−" at the title of an open fold. */
export function closeMark({ rect }: FrameData): [number, number] {
  return [rect[0] + 18, rect[1]];
}

/** The title without the count that the badge says. */
export function plainTitle(title: string, count: number): string {
  const tail = ` ×${count}`;
  return count > 1 && title.endsWith(tail) ? title.slice(0, -tail.length) : title;
}

/** Is this place on the "+" of the box? */
export function onOpenMark(scene: Scene, box: number, x: number, y: number): boolean {
  if (box < 0 || !scene.view.boxes.openable[box]) return false;
  const [mx, my] = openMark(scene.box(box));
  return Math.hypot(x - mx, y - my) <= REACH;
}

/** The open fold whose "−" or title is at this place (the innermost). */
export function frameAt(scene: Scene, x: number, y: number): FrameData | null {
  let found: FrameData | null = null;
  for (const frame of scene.view.frames) {
    const [mx, my] = closeMark(frame);
    if (Math.abs(y - my) > REACH || x < mx - REACH || x > mx + REACH) continue;
    if (!found || frame.level > found.level) found = frame;
  }
  return found;
}
