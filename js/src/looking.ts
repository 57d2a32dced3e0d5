/** Pointing, selecting and looking at the cuts that could be made. Owns what is looked at. */

import type { CutLine, Scene } from "./geometry";
import { GONE, type Kernel } from "./kernel";
import type { Listbox } from "./listbox";
import { type Colour, type Overlay, overlay } from "./overlay";
import type { Panel } from "./panel";
import { type Costs, type Cut, decodeCut, decodePlaced, type Model, type Placed } from "./protocol";
import type { Stage } from "./stage";
import type { Strip } from "./strip";
import type { Telling } from "./telling";
import type { Theme } from "./theme";
import { Timers } from "./timers";

/** The views that show what is looked at. */
export interface Views {
  stage: Stage;
  strip: Strip;
  list: Listbox;
  panel: Panel;
  telling: Telling;
}

export interface LookingEvents {
  /** Something else is focused, or more is known of it. */
  changed(): void;
  /** What the search has found, and what is not dimmed. */
  found(): { found: ReadonlySet<number>; lit: ReadonlySet<number> | null };
  theme(): Theme;
  editable(): boolean;
  /** A call is wanted that is inside a closed fold. */
  inside(call: number): void;
}

const PREVIEW_DELAY = 60;
/** How long what was pointed at last stays in Inspect, so that gaps between boxes do not flicker. */
const LINGER = 160;

type Look = { cut: Cut | null; refusal: string };

export type Looking = ReturnType<typeof makeLooking>;

export function makeLooking(
  model: Model,
  views: Views,
  kernel: Kernel,
  events: LookingEvents,
  signal: AbortSignal,
) {
  let colour: Colour = "class";
  let costs: Costs | null = null;
  let scene: Scene | null = null;
  let placed: Placed = decodePlaced(null);
  let lines: CutLine[] = [];
  let painted: Overlay = { inks: [], legend: { entries: [], ramp: null } };
  /** A box. */
  let hover = -1;
  /** Which placed cut is being dragged. */
  let dragged = -1;
  /** A call: it stays selected when its block is closed. */
  let selected = -1;
  /** Looks at cuts that were asked for; valid until the cuts change. */
  let looks = new Map<number, Look>();

  const timers: Timers<"preview" | "linger"> = new Timers(signal);

  let previewLine: { call: number; line: CutLine } | null = null;

  function focus(): number {
    return hover >= 0 ? (scene?.callOf(hover) ?? -1) : selected;
  }

  function focusBox(): number {
    return hover >= 0 ? hover : (scene?.boxOf(selected) ?? -1);
  }

  /** Take another scene, or none. `refresh` follows when the views have it too. */
  function show(next: Scene | null): void {
    const same = next?.graph === scene?.graph;
    scene = next;
    hover = -1;
    timers.cancel("linger");
    previewLine = null;
    if (!scene) return;
    if (!same) {
      selected = -1;
      looks = new Map();
    }
    lines = placed.cuts.map((cut) => next!.cutLine(cut));
    recolour();
  }

  /** Take other cuts. `refresh` follows when the views have them too. */
  function place(next: Placed): void {
    placed = next;
    // A new map, not an empty one: answers that are still on their way know the old one.
    looks = new Map();
    previewLine = null;
    const at = scene;
    lines = at ? placed.cuts.map((cut) => at.cutLine(cut)) : [];
    recolour();
  }

  /** The colours, the cuts or the costs have changed. */
  function recolour(): void {
    if (!scene) return;
    painted = overlay(scene, colour, placed, costs, events.theme());
  }

  /** Select what Python has selected. */
  function follow(name: string): void {
    if (!scene) return;
    const call = scene.graph.callOf.get(name) ?? -1;
    if (call === selected) return;
    selected = call;
    views.list.activate(call);
    if (call >= 0) views.stage.reveal(scene.boxOf(call));
    refresh();
  }

  function point(box: number, x: number, y: number): void {
    views.telling.tip(scene, box, x, y);
    if (box === hover) {
      timers.cancel("linger");
      return;
    }
    if (box < 0) {
      timers.later("linger", LINGER, () => setHover(-1));
    } else {
      timers.cancel("linger");
      setHover(box);
    }
  }

  /** Select a call; `reveal`: bring it into view, opening the block around it if need be. */
  function select(call: number, { reveal }: { reveal: boolean }): void {
    if (!scene) return;
    if (call !== selected) {
      selected = call;
      views.list.activate(call);
      model.set("selection", call < 0 ? "" : scene.graph.name(call));
      model.save_changes();
    }
    if (reveal && call >= 0) {
      // The list speaks now; what the pointer rests on has been left.
      hover = -1;
      const box = scene.boxOf(call);
      views.stage.reveal(box);
      if (scene.isFold(box) && call !== scene.callOf(box)) events.inside(call);
    }
    refresh();
  }

  /** A placed cut is being dragged to after a box (-1: no longer): as if that was pointed at. */
  function drag(index: number, box: number): void {
    timers.cancel("linger");
    dragged = index;
    if (box >= 0) views.stage.keepInView(scene!.lineAt([box]));
    setHover(box);
  }

  /** Bring the first placed cut into view. */
  function revealCut(): void {
    const [line] = lines;
    if (line && Number.isFinite(line.at)) views.stage.scrollTo(line.at);
  }

  /** Look again at what is focused, and show what is known of it. */
  function refresh(): void {
    lookAt();
    inspect();
  }

  /** Bring Inspect and the picture up to date with what is focused. */
  function inspect(): void {
    if (!scene) return;
    const call = focus();
    const look = looks.get(call);
    if (look?.cut && previewLine?.call !== call) {
      previewLine = { call, line: scene.cutLine(look.cut) };
    }
    views.panel.inspect({
      scene,
      box: focusBox(),
      call,
      cut: look?.cut ?? null,
      refusal: look?.refusal ?? (call >= 0 && !kernel.alive ? GONE : ""),
      costs,
      editable: events.editable(),
    });
    events.changed();
    redraw();
  }

  function redraw(): void {
    const { stage, strip, telling } = views;
    const look = looks.get(focus());
    const line = previewLine?.call === focus() ? previewLine.line : null;
    const drawn = {
      inks: painted.inks,
      cuts: lines,
      preview: line && !look?.cut?.removes ? line : null,
      parts: placed.parts,
      hover,
      leaving: dragged,
      selected: scene?.boxOf(selected) ?? -1,
      ...events.found(),
    };
    stage.drawn = drawn;
    strip.drawn = drawn;
    telling.describe(scene, placed);
  }

  /** The camera or the size of the picture changed. */
  function moved(): void {
    views.strip.dirty();
    views.telling.describe(scene, placed);
  }

  function setHover(box: number): void {
    hover = box;
    refresh();
  }

  /** Ask, after a moment, what a cut after the focused call would be. Only the latest counts. */
  function lookAt(): void {
    timers.cancel("preview");
    const call = focus();
    if (!scene || call < 0 || looks.has(call) || !kernel.alive) return;
    const name = scene.graph.name(call);
    timers.later("preview", PREVIEW_DELAY, async () => {
      const asked = looks;
      const reply = await kernel.requests.ask("preview", { call: name });
      // The cuts or the model changed meanwhile: this answer is about something else.
      if (looks !== asked || signal.aborted || !kernel.alive) return;
      looks.set(call, {
        cut: reply.ok && reply.cut ? decodeCut(reply.cut) : null,
        refusal: reply.ok ? (reply.cut ? "" : String(reply.sentence ?? "")) : reply.error,
      });
      if (call === focus()) inspect();
    });
  }

  return {
    get colour() {
      return colour;
    },
    set colour(value: Colour) {
      colour = value;
    },
    get costs() {
      return costs;
    },
    set costs(value: Costs | null) {
      costs = value;
    },
    get scene(): Scene | null {
      return scene;
    },
    get placed(): Placed {
      return placed;
    },
    get selected(): number {
      return selected;
    },
    get overlay(): Overlay {
      return painted;
    },
    /** The call that Inspect and the dashed line are about. */
    get focus(): number {
      return focus();
    },
    get focusBox(): number {
      return focusBox();
    },
    /** Why there can be no cut after the focused call; empty when there can, or nobody knows yet. */
    get refusal(): string {
      return looks.get(focus())?.refusal ?? "";
    },
    show,
    place,
    recolour,
    follow,
    point,
    select,
    drag,
    revealCut,
    refresh,
    inspect,
    redraw,
    moved,
  };
}
