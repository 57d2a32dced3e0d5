/** Opening and closing folds: asks for other views, and keeps the place while they change. */

import type { Bounds } from "./camera";
import { plural } from "./format";
import type { Scene } from "./geometry";
import type { Kernel } from "./kernel";
import { titleOf } from "./marks";
import type { Depth, Direction, Reply } from "./protocol";
import type { Kept, Stage } from "./stage";
import type { Status } from "./status";

/** What the view that is asked for keeps in its place. */
interface Wish {
  /** The fold that is opened or closed; null: everything may change. */
  fold: string | null;
  calls: readonly number[];
  at: readonly [number, number] | null;
}

export type Viewing = ReturnType<typeof makeViewing>;

export function makeViewing(stage: Stage, kernel: Kernel, status: Status, focus: () => number) {
  /** What the view that has been asked for is to keep. */
  let wish: Wish | null = null;
  let afresh = false;

  /** Returns the first box inside; -1 when the fold stays closed. */
  async function open(box: number, at: readonly [number, number] | null = null): Promise<number> {
    const { view, callsOf } = stage.scene!;
    const { id, title, count } = view.boxes;
    const fold = id[box];
    const name = titleOf({ title: title[box], count: count[box] });
    if (!(await ask({ open: fold }, { fold, calls: [...callsOf(box)], at }))) return -1;
    const scene = stage.scene!;
    const boxes = boxesIn(scene, fold);
    const calls = boxes.reduce((sum, each) => sum + scene.callsOf(each).length, 0);
    status.notice(`${name} opened${calls ? `: ${plural(calls, "call")}` : ""}.`);
    return boxes.reduce((a, b) => Math.min(a, b), boxes[0] ?? -1);
  }

  /** Returns the box that the fold is then; -1 when it stays open. */
  async function close(fold: string, at: readonly [number, number] | null = null): Promise<number> {
    const { view, callsOf } = stage.scene!;
    const calls = boxesIn(stage.scene!, fold).flatMap((box) => [...callsOf(box)]);
    const frame = view.frames.find(({ id }) => id === fold);
    if (!(await ask({ close: fold }, { fold, calls, at }))) return -1;
    status.notice(`${frame ? titleOf(frame) : fold} closed.`);
    return stage.scene!.view.boxes.id.indexOf(fold);
  }

  /** Close the innermost open fold around a box. */
  async function closeAround(box: number): Promise<number> {
    const frames = stage.scene?.framesOf(box) ?? [];
    return frames.length ? close(frames[frames.length - 1].id) : -1;
  }

  async function depth(to: Depth): Promise<boolean> {
    // From far there is no place to keep: the other view is shown as if it were opened.
    afresh = !stage.legible || stage.fitted;
    const done = await ask({ depth: to }, null);
    afresh = false;
    return done;
  }

  function direction(to: Direction): Promise<boolean> {
    return ask({ direction: to }, null);
  }

  /** Open what is needed to see a call by itself. */
  async function reveal(name: string, call: number): Promise<boolean> {
    const scene = stage.scene;
    const box = scene?.boxOf(call) ?? -1;
    if (!scene || box < 0 || !scene.isFold(box)) return true;
    const fold = scene.view.boxes.id[box];
    return ask({ reveal: name }, { fold, calls: [...scene.callsOf(box)], at: null });
  }

  /** How the change from one scene to the next keeps the place; null: show the beginning. */
  function keep(before: Scene | null, after: Scene): Kept | null {
    if (!before || before.down !== after.down || afresh) return null;
    const place = wish ?? wherever(before);
    if (!place) return null;
    const from = region(before, place);
    const calls = place.calls.flatMap((call) => same(before, call, after));
    const to = region(after, { ...place, calls });
    return from && to ? { before: from, after: to, at: place.at } : null;
  }

  /** Where the person is: at the focused box, at the beginning, or at what is in the middle. */
  function wherever(scene: Scene): Wish | null {
    const wish = (calls: readonly number[]) => ({ fold: null, calls, at: null });
    const box = focus();
    if (stage.sees(box)) return wish([scene.callOf(box)]);
    const [left, top, right, bottom] = stage.visible();
    if (scene.down ? top <= scene.bounds[1] : left <= scene.bounds[0]) return null;
    return wish([...scene.callsOf(scene.boxNear((left + right) / 2, (top + bottom) / 2))]);
  }

  async function ask(payload: Record<string, unknown>, keeping: Wish | null): Promise<boolean> {
    if (!kernel.alive) {
      status.show();
      return false;
    }
    wish = keeping;
    const reply: Reply = await kernel.requests.ask("view", payload);
    if (wish === keeping) wish = null;
    if (!reply.ok && reply.error) status.refused(reply.error);
    return reply.ok;
  }

  return {
    open,
    close,
    closeAround,
    depth,
    direction,
    reveal,
    keep,
  };
}

/** A call in another graph, where a group may have been opened: then all that is in it. */
function same(before: Scene, call: number, after: Scene): number[] {
  if (before.graph === after.graph) return [call];
  const name = before.graph.name(call);
  const found = after.graph.callOf.get(name);
  if (found !== undefined) return [found];
  const inside = [...after.graph.callOf].filter(([each]) => each.startsWith(`${name}/`));
  return inside.map(([, number]) => number);
}

/** The boxes within an open fold. */
function boxesIn({ view }: Scene, fold: string): readonly number[] {
  return view.frames.find(({ id }) => id === fold)?.boxes ?? [];
}

/** The box of a closed fold, the outline of an open one, the hull of other calls. */
function region(scene: Scene, { fold, calls }: Wish): Bounds | null {
  const frame = fold === null ? undefined : scene.view.frames.find((each) => each.id === fold);
  return frame?.rect.every(Number.isFinite) ? frame.rect : scene.hull(calls);
}
