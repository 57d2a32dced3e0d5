/** Pointing, selecting and looking at the cuts that could be made. Owns what is looked at. */

import { count, plural, shape } from "./format";
import type { CutLine, Scene } from "./geometry";
import { GONE, type Kernel } from "./kernel";
import type { Listbox } from "./listbox";
import type { Panel } from "./panel";
import { type Cut, decodeCut, decodePlaced, type Model, type Placed } from "./protocol";
import type { Stage } from "./stage";
import type { Strip } from "./strip";
import { Timers } from "./timers";

/** The elements that looking reads and fills. */
export interface LookingElements {
  root: HTMLElement;
  tip: HTMLElement;
}

/** The views that show what is looked at. */
export interface Views {
  stage: Stage;
  strip: Strip;
  list: Listbox;
  panel: Panel;
}

export interface LookingEvents {
  /** Something else is focused, or more is known of it. */
  changed(): void;
}

const PREVIEW_DELAY = 60;
/** How long what was pointed at last stays in Inspect, so that gaps between boxes do not flicker. */
const LINGER = 160;
/** How long the picture must have been at rest before it is put in words, in ms. */
const REST = 200;

type Look = { cut: Cut | null; refusal: string };

export class Looking {
  readonly #model: Model;
  readonly #elements: LookingElements;
  readonly #views: Views;
  readonly #kernel: Kernel;
  readonly #events: LookingEvents;
  readonly #signal: AbortSignal;
  readonly #timers: Timers<"preview" | "linger" | "label">;
  #scene: Scene | null = null;
  #placed: Placed = decodePlaced(null);
  #lines: CutLine[] = [];
  #hover = -1;
  #selected = -1;
  /** Looks at cuts that were asked for; valid until the cuts change. */
  #looks = new Map<number, Look>();
  #previewLine: { call: number; line: CutLine } | null = null;

  constructor(
    model: Model,
    elements: LookingElements,
    views: Views,
    kernel: Kernel,
    events: LookingEvents,
    signal: AbortSignal,
  ) {
    this.#model = model;
    this.#elements = elements;
    this.#views = views;
    this.#kernel = kernel;
    this.#events = events;
    this.#signal = signal;
    this.#timers = new Timers(signal);
  }

  get scene(): Scene | null {
    return this.#scene;
  }

  get placed(): Placed {
    return this.#placed;
  }

  /** The call that Inspect and the dashed line are about. */
  get focus(): number {
    return this.#hover >= 0 ? this.#hover : this.#selected;
  }

  /** Why there can be no cut after the focused call; empty when there can, or nobody knows yet. */
  get refusal(): string {
    return this.#looks.get(this.focus)?.refusal ?? "";
  }

  /** Take another picture, or none. `refresh` follows when the views have it too. */
  show(scene: Scene | null): void {
    this.#scene = scene;
    if (!scene) return;
    this.#hover = -1;
    this.#selected = -1;
  }

  /** Take other cuts. `refresh` follows when the views have them too. */
  place(placed: Placed): void {
    this.#placed = placed;
    // A new map, not an empty one: answers that are still on their way know the old one.
    this.#looks = new Map();
    this.#previewLine = null;
    const scene = this.#scene;
    this.#lines = scene ? placed.cuts.map((cut) => scene.cutLine(cut)) : [];
  }

  /** Select what Python has selected. */
  follow(name: string): void {
    if (!this.#scene) return;
    const call = this.#scene.callOf.get(name) ?? -1;
    if (call === this.#selected) return;
    this.#selected = call;
    this.#views.list.activate(call);
    if (call >= 0) this.#views.stage.reveal(call);
    this.refresh();
  }

  point(call: number, x: number, y: number): void {
    this.#showTip(call, x, y);
    if (call === this.#hover) {
      this.#timers.cancel("linger");
      return;
    }
    if (call < 0) {
      this.#timers.later("linger", LINGER, () => this.#setHover(-1));
    } else {
      this.#timers.cancel("linger");
      this.#setHover(call);
    }
  }

  select(call: number, { reveal }: { reveal: boolean }): void {
    if (call !== this.#selected) {
      this.#selected = call;
      this.#views.list.activate(call);
      this.#model.set("selection", call < 0 ? "" : this.#scene!.picture.calls.name[call]);
      this.#model.save_changes();
    }
    if (reveal) {
      // The list speaks now; what the pointer rests on has been left.
      this.#hover = -1;
      if (call >= 0) this.#views.stage.reveal(call);
    }
    this.refresh();
  }

  /** Look again at what is focused, and show what is known of it. */
  refresh(): void {
    this.#look();
    this.inspect();
  }

  /** Bring Inspect and the picture up to date with what is focused. */
  inspect(): void {
    const scene = this.#scene;
    if (!scene) return;
    const call = this.focus;
    const look = this.#looks.get(call);
    if (look?.cut && this.#previewLine?.call !== call) {
      this.#previewLine = { call, line: scene.cutLine(look.cut) };
    }
    this.#views.panel.inspect({
      scene,
      call,
      cut: look?.cut ?? null,
      refusal: look?.refusal ?? (call >= 0 && !this.#kernel.alive ? GONE : ""),
    });
    this.#events.changed();
    this.redraw();
  }

  redraw(): void {
    const { stage, strip } = this.#views;
    const look = this.#looks.get(this.focus);
    const line = this.#previewLine?.call === this.focus ? this.#previewLine.line : null;
    const removes = Boolean(look?.cut?.removes);
    stage.drawn = {
      cuts: this.#lines,
      preview: line && !removes ? line : null,
      partOf: this.#placed.partOf,
      parts: this.#placed.parts,
      hover: this.#hover,
      selected: this.#selected,
    };
    stage.dirty();
    strip.dirty();
    this.#describe();
  }

  /** The camera or the size of the picture changed. */
  moved(): void {
    this.#views.strip.dirty();
    this.#describe();
  }

  #setHover(call: number): void {
    this.#hover = call;
    this.refresh();
  }

  /** Ask, after a moment, what a cut after the focused call would be. Only the latest counts. */
  #look(): void {
    this.#timers.cancel("preview");
    const call = this.focus;
    if (!this.#scene || call < 0 || this.#looks.has(call) || !this.#kernel.alive) return;
    this.#timers.later("preview", PREVIEW_DELAY, async () => {
      const looks = this.#looks;
      const name = this.#scene!.picture.calls.name[call];
      const reply = await this.#kernel.requests.ask("preview", { call: name });
      // The cuts or the model changed meanwhile: this answer is about something else.
      if (looks !== this.#looks || this.#signal.aborted || !this.#kernel.alive) return;
      looks.set(call, {
        cut: reply.ok && reply.cut ? decodeCut(reply.cut) : null,
        refusal: reply.ok ? (reply.cut ? "" : String(reply.sentence ?? "")) : reply.error,
      });
      if (call === this.focus) this.inspect();
    });
  }

  /** The picture in words, after things have come to rest. */
  #describe(): void {
    this.#timers.later("label", REST, () => {
      const scene = this.#scene;
      if (!scene) return;
      const { picture } = scene;
      const { stage } = this.#views;
      const seen = scene.callsIn(stage.visible());
      const said = [
        `${picture.name}: a drawing of ${plural(picture.calls.name.length, "call")} from top to bottom`,
        `${plural(picture.candidates.length, "place")} where one tensor crosses`,
        plural(this.#placed.cuts.length, "cut"),
      ];
      if (seen.length) {
        const [first, last] = [seen[0], seen[seen.length - 1]].map((c) => picture.calls.name[c]);
        said.push(`in view: ${first} to ${last}`);
      }
      if (scene.misplaced) said.push(`${plural(scene.misplaced, "call")} could not be drawn`);
      stage.canvas.setAttribute("aria-label", `${said.join("; ")}.`);
    });
  }

  /** The tooltip says what the picture and the panel beside it do not. */
  #showTip(call: number, x: number, y: number): void {
    const { tip, root } = this.#elements;
    const { stage } = this.#views;
    const beside = root.dataset.ksWidth === "wide";
    const scene = this.#scene;
    if (!scene || call < 0 || (beside && stage.legible)) {
      tip.hidden = true;
      return;
    }
    const { calls, kinds, tensors, dtypes } = scene.picture;
    const tensor = calls.firstTensor[call];
    tip.replaceChildren();
    const strong = document.createElement("strong");
    strong.textContent = calls.name[call];
    const rest = document.createElement("span");
    const params = calls.params[call] > 0 ? ` · ${count(calls.params[call])} parameters` : "";
    rest.textContent = `${kinds[calls.kind[call]]} · ${shape(tensors.shape[tensor])} · ${dtypes[tensors.dtype[tensor]]}${params}`;
    tip.append(strong, rest);
    tip.hidden = false;
    // Above when the pointer itself is in the lower left.
    const { width, height } = stage.view;
    tip.classList.toggle("ks-above", y > height - 90 && x < width - 120);
  }
}
