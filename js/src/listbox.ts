/** The layer list: the picture's twin for the keyboard and for screen readers. */

import { h, longName } from "./dom";
import { shape } from "./format";
import type { Scene } from "./geometry";
import type { Placed } from "./protocol";
import { familyOf, type Theme } from "./theme";

export interface ListboxEvents {
  select(call: number): void;
  toggle(call: number): void;
}

/** Height of an option in px; also in widget.css. Fixed, so that scrolling needs no layout. */
export const ROW = 26;
const TYPING = 700;

export class Listbox {
  readonly element: HTMLDivElement;
  readonly #events: ListboxEvents;
  readonly #id: string;
  readonly #empty: HTMLDivElement;
  #scene: Scene | null = null;
  #options: HTMLDivElement[] = [];
  /** Calls that the search leaves, ascending. */
  #shown: number[] = [];
  #active = -1;
  #typed = "";
  #typedAt = 0;

  constructor(id: string, events: ListboxEvents, signal: AbortSignal) {
    this.#id = id;
    this.#events = events;
    this.#empty = h("div", { class: "ks-empty", hidden: "" }, "No call has this in its name.");
    this.element = h("div", {
      class: "ks-list",
      role: "listbox",
      "aria-label": "Layers",
      tabindex: "0",
    });
    this.element.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.element.addEventListener(
      "click",
      (event) => {
        const option = (event.target as Element).closest<HTMLElement>("[data-call]");
        if (option) this.#events.select(Number(option.dataset.call));
      },
      { signal },
    );
  }

  get shown(): readonly number[] {
    return this.#shown;
  }

  get active(): number {
    return this.#active;
  }

  show(scene: Scene): void {
    this.#scene = scene;
    const { calls } = scene.picture;
    this.#options = calls.name.map((_, call) => this.#option(scene, call));
    this.#shown = calls.name.map((_, call) => call);
    this.#active = -1;
    this.element.removeAttribute("aria-activedescendant");
    this.element.replaceChildren(...this.#options, this.#empty);
    this.#empty.hidden = true;
  }

  /** Draw the families' colours. */
  paint(theme: Theme): void {
    if (!this.#scene) return;
    const { kinds, calls } = this.#scene.picture;
    const colours = kinds.map((kind) => theme.family[familyOf(kind)]);
    this.#options.forEach((option, call) => {
      option.style.setProperty("--ks-family", colours[calls.kind[call]]);
    });
  }

  /** Show the placed cuts: a line below the last call of each point, the part's colour at the left. */
  mark(placed: Placed, theme: Theme): void {
    if (!this.#scene) return;
    const scene = this.#scene;
    const cut = new Set(
      placed.cuts.flatMap((each) => each.points.map((p) => scene.callOfPoint(p))),
    );
    const colours = placed.parts.map((_, index) => theme.part(index).strong);
    this.#options.forEach((option, call) => {
      const has = cut.has(call);
      if (option.classList.contains("ks-cut") !== has) {
        option.classList.toggle("ks-cut", has);
        option.setAttribute("aria-label", this.#label(scene, call, has));
      }
      const colour = colours.length > 1 ? (colours[placed.partOf[call]] ?? "") : "";
      option.style.setProperty("--ks-part", colour || "transparent");
    });
  }

  /** Keep the calls whose name or class has the text in it. */
  filter(text: string): void {
    if (!this.#scene) return;
    const { calls, kinds } = this.#scene.picture;
    const wanted = text.trim().toLowerCase();
    this.#shown = [];
    this.#options.forEach((option, call) => {
      const hit =
        !wanted ||
        calls.name[call].toLowerCase().includes(wanted) ||
        kinds[calls.kind[call]].toLowerCase().includes(wanted);
      option.hidden = !hit;
      if (hit) this.#shown.push(call);
    });
    this.#empty.hidden = this.#shown.length > 0;
    if (this.#active >= 0) this.activate(this.#active);
  }

  /** Make a call the active option (-1: none) and bring it into view. */
  activate(call: number): void {
    this.#options[this.#active]?.setAttribute("aria-selected", "false");
    this.#active = call;
    const option = this.#options[call];
    if (!option) {
      this.element.removeAttribute("aria-activedescendant");
      return;
    }
    option.setAttribute("aria-selected", "true");
    if (option.hidden) {
      this.element.removeAttribute("aria-activedescendant");
      return;
    }
    this.element.setAttribute("aria-activedescendant", option.id);
    const top = this.#shown.indexOf(call) * ROW;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop + ROW) this.element.scrollTop = top - ROW;
    else if (top + 2 * ROW > scrollTop + clientHeight) {
      this.element.scrollTop = top + 2 * ROW - clientHeight;
    }
  }

  #label(scene: Scene, call: number, cut: boolean): string {
    const { calls, kinds, tensors } = scene.picture;
    const said = [
      calls.name[call],
      kinds[calls.kind[call]],
      shape(tensors.shape[calls.firstTensor[call]]),
    ];
    if (scene.isCandidate[call]) said.push("one tensor crosses here");
    if (cut) said.push("cut after this call");
    return said.join(", ");
  }

  #option(scene: Scene, call: number): HTMLDivElement {
    const { calls, kinds, tensors } = scene.picture;
    const name = calls.name[call];
    const option = h(
      "div",
      {
        class: scene.isCandidate[call] ? "ks-option ks-candidate" : "ks-option",
        role: "option",
        id: `${this.#id}-call-${call}`,
        "aria-selected": "false",
        "aria-label": this.#label(scene, call, false),
        "data-call": String(call),
        title: `${name} · ${kinds[calls.kind[call]]}`,
      },
      longName(name),
      h("span", { class: "ks-shape" }, shape(tensors.shape[calls.firstTensor[call]])),
    );
    return option;
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const last = this.#shown.length - 1;
    if (last < 0) return;
    // Where the active call is, or would be, among those shown.
    let at = this.#shown.indexOf(this.#active);
    const here = at;
    const page = Math.max(1, Math.floor(this.element.clientHeight / ROW) - 1);
    switch (event.key) {
      case "ArrowDown":
        at += 1;
        break;
      case "ArrowUp":
        at = at < 0 ? 0 : at - 1;
        break;
      case "PageDown":
        at += page;
        break;
      case "PageUp":
        at -= page;
        break;
      case "Home":
        at = 0;
        break;
      case "End":
        at = last;
        break;
      case "Enter":
      case " ":
        event.preventDefault();
        event.stopPropagation();
        if (here >= 0) this.#events.toggle(this.#active);
        return;
      default:
        if (event.key.length !== 1 || !this.#type(event.key, event.timeStamp)) return;
        event.preventDefault();
        event.stopPropagation();
        return;
    }
    event.preventDefault();
    event.stopPropagation();
    at = Math.min(Math.max(at, 0), last);
    if (at !== here) this.#events.select(this.#shown[at]);
  }

  /** Type the beginning of a name to go there. */
  #type(letter: string, now: number): boolean {
    if (!this.#scene) return false;
    this.#typed = now - this.#typedAt > TYPING ? letter : this.#typed + letter;
    this.#typedAt = now;
    const { name } = this.#scene.picture.calls;
    const prefix = this.#typed.toLowerCase();
    // A single letter goes on to the next; a longer beginning may stay.
    const from = this.#shown.indexOf(this.#active) + (prefix.length === 1 ? 1 : 0);
    const order = [...this.#shown.slice(Math.max(from, 0)), ...this.#shown];
    const call = order.find((each) => name[each].toLowerCase().startsWith(prefix));
    if (call !== undefined) this.#events.select(call);
    return true;
  }
}
