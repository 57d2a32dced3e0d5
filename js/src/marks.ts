/** Where folds are opened and closed with the pointer: shared by what paints and what is hit. */

import type { Bounds } from "./camera";
import type { Scene } from "./geometry";
import type { FrameData } from "./protocol";

/** Radius of a mark, in the picture's units. */
export const MARK_RADIUS = 7;
const REACH = 12;
/** A letter of a title is seldom wider on the average. */
const LETTER = 7.4;

/** The "+" of a folded box. */
export function openMark([, top, right, bottom]: Bounds): [number, number] {
  return [right - 15, (top + bottom) / 2];
}

/** The title of an open fold, on its outline: its "−" at x, y, and the room it takes. */
export interface Tag {
  readonly frame: FrameData;
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

/** The titles of all open folds, outer ones first; one that would lie on another moves aside. */
export function tags({ view }: Scene): Tag[] {
  const placed: Tag[] = [];
  for (const frame of [...view.frames].sort((a, b) => a.level - b.level)) {
    const [left, y, right] = frame.rect;
    if (!frame.rect.every(Number.isFinite)) continue;
    const width = Math.min(right - left - 24, 34 + LETTER * titleOf(frame).length);
    let x = left + 18;
    for (const other of placed) {
      const apart =
        Math.abs(other.y - y) > 16 || other.x + other.width <= x || x + width <= other.x;
      if (!apart) x = other.x + other.width;
    }
    placed.push({ frame, x, y, width });
  }
  return placed;
}

/** The title without the count that the badge says. */
export function plainTitle(title: string, count: number): string {
  const tail = ` ×${count}`;
  return count > 1 && title.endsWith(tail) ? title.slice(0, -tail.length) : title;
}

/** The title with the count. */
export function titleOf({ title, count }: { title: string; count: number }): string {
  return count > 1 ? `${plainTitle(title, count)} ×${count}` : title;
}

/** A name without the path that the open folds around it say already, outer ones first. */
export function innerName(frames: readonly FrameData[], name: string): string {
  const path = frames.findLast(({ id }) => name.startsWith(`${id}/`));
  return path ? name.slice(path.id.length + 1) : name;
}

/** Is this place on the "+" of the box? */
export function onOpenMark(scene: Scene, box: number, x: number, y: number): boolean {
  if (box < 0 || !scene.view.boxes.openable[box]) return false;
  const [mx, my] = openMark(scene.box(box));
  return Math.hypot(x - mx, y - my) <= REACH;
}

/** The open fold whose "−" is at this place. */
export function frameAt(scene: Scene, x: number, y: number): FrameData | null {
  const tag = tags(scene).find((each) => Math.hypot(x - each.x, y - each.y) <= REACH);
  return tag?.frame ?? null;
}
