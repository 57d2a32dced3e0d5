/** The layer list: the picture's twin for the keyboard and for screen readers. */

import { flag, h, listen } from "./dom";
import { plural, shape } from "./format";
import type { Scene } from "./geometry";
import { innerName, titleOf } from "./marks";
import type { Ink } from "./overlay";
import { ellipsis } from "./painter/text";
import type { Placed } from "./protocol";
import type { Theme } from "./theme";

export interface ListboxEvents {
  select(call: number): void;
  toggle(call: number): void;
  open(box: number): void;
  /** Close the innermost open fold around a box. */
  close(box: number): void;
  /** Any other key that means something while the list has the focus. */
  key(key: string): boolean;
}

/** Height of an option in px; also in widget.css. Fixed, so that scrolling needs no layout. */
export const ROW = 26;
/** Options that the browser shows or skips together: it looks at each such group in every frame. */
const GROUP = 100;
const TYPING = 700;

interface Item {
  readonly option: HTMLDivElement;
  readonly call: number;
  readonly box: number;
  readonly name: string;
  /** What is seen of the name, where there is room for it. */
  readonly text: string;
  readonly label: HTMLElement;
  /** For which width of the list the label was fitted. */
  fitted: number;
  cut: boolean;
}

export type Listbox = ReturnType<typeof makeListbox>;

export function makeListbox(id: string, events: ListboxEvents, signal: AbortSignal) {
  let scene: Scene | null = null;
  let items: Item[] = [];
  /** What the search has found; null: the boxes of the picture are listed. */
  let found: readonly number[] | null = null;
  /** Of the items. */
  let active = -1;
  let typed = "";
  let typedAt = 0;

  const empty = h("div", "ks-empty", "Nothing has this in its name, class or shape.");
  const element = h("div", {
    class: "ks-list",
    role: "listbox",
    "aria-label": "Layers",
    tabindex: "0",
  });
  const pen = document.createElement("canvas").getContext("2d");
  listen(element, "keydown", key, signal);
  listen(element, "scroll", squeeze, signal);
  listen(
    element,
    "click",
    (event) => {
      const option = (event.target as Element).closest<HTMLElement>("[data-call]");
      if (option) events.select(Number(option.dataset.call));
    },
    signal,
  );
  listen(
    element,
    "dblclick",
    (event) => {
      const option = (event.target as Element).closest<HTMLElement>("[data-box]");
      const box = Number(option?.dataset.box ?? -1);
      if (scene?.view.boxes.openable[box] && !found) events.open(box);
    },
    signal,
  );

  /** List the boxes of a scene, or what has been found among its calls. */
  function show(next: Scene, calls: readonly number[] | null): void {
    scene = next;
    found = calls;
    items = calls
      ? calls.map((call) => makeItem(next, call, next.boxOf(call)))
      : next.view.boxes.id.map((_, box) => makeItem(next, next.callOf(box), box));
    active = -1;
    element.removeAttribute("aria-activedescendant");
    element.replaceChildren();
    for (let i = 0; i < items.length; i += GROUP) {
      const some = items.slice(i, i + GROUP).map(({ option }) => option);
      const group = h("div", { class: "ks-options", role: "none" }, ...some);
      group.style.height = `${ROW * some.length}px`;
      element.append(group);
    }
    if (!items.length) element.append(empty);
    squeeze();
  }

  /** Of the names in view, cut out the middle where there is no room for all: their ends differ. */
  function squeeze(): void {
    const { clientWidth: width, clientHeight, scrollTop } = element;
    const first = Math.floor(scrollTop / ROW);
    const some = items
      .slice(first, first + clientHeight / ROW + 2)
      .filter(({ fitted }) => fitted !== width);
    for (const item of some) {
      item.fitted = width;
      see(item, item.text);
    }
    // All are written before the first is measured: one layout for all.
    const long = some.filter(({ label }) => label.scrollWidth > label.clientWidth);
    const rooms = long.map(({ label }) => label.clientWidth - 3);
    long.forEach((item, i) => {
      const { option, text } = item;
      if (!pen) return;
      // Not `font`, which is empty where figures are of one width.
      const { fontWeight, fontSize, fontFamily } = getComputedStyle(option);
      pen.font = `${fontWeight} ${fontSize} ${fontFamily}`;
      see(
        item,
        ellipsis(text, rooms[i], (each) => pen.measureText(each).width),
      );
    });
  }

  /** Show a name in short. All of it stays there for whoever looks for it. */
  function see({ label, name }: Pick<Item, "label" | "name">, text: string): void {
    flag(label, "data-seen", text !== name, text);
  }

  /** Draw the colours of the boxes. */
  function paint(inks: readonly Ink[]): void {
    for (const { option, box } of items) {
      option.style.setProperty("--ks-family", inks[box]?.strong ?? "transparent");
    }
  }

  /** Show the placed cuts: a line below the last call of each point, the part's colour at the left. */
  function mark(placed: Placed, theme: Theme): void {
    const at = scene;
    if (!at) return;
    const points = placed.cuts.flatMap((cut) =>
      cut.points.flatMap((point) => at.graph.callOfPoint(point) ?? []),
    );
    const cut = new Set(found ? points : points.map((call) => at.boxOf(call)));
    const colours = placed.parts.map((_, index) => theme.part(index).strong);
    for (const item of items) {
      const has = cut.has(found ? item.call : item.box);
      if (item.cut !== has) {
        item.cut = has;
        item.option.classList.toggle("ks-cut", has);
        item.option.setAttribute("aria-label", said(at, item));
      }
      const colour = colours.length > 1 ? (colours[placed.partOf[item.call]] ?? "") : "";
      item.option.style.setProperty("--ks-part", colour || "transparent");
    }
  }

  /** Make the option of a call the active one (-1: none) and bring it into view. */
  function activate(call: number): void {
    items[active]?.option.setAttribute("aria-selected", "false");
    const box = scene?.boxOf(call) ?? -1;
    active =
      call < 0
        ? -1
        : found
          ? items.findIndex((item) => item.call === call)
          : items.findIndex((item) => item.box === box);
    const item = items[active];
    if (!item) {
      element.removeAttribute("aria-activedescendant");
      return;
    }
    item.option.setAttribute("aria-selected", "true");
    element.setAttribute("aria-activedescendant", item.option.id);
    const top = active * ROW;
    const { scrollTop, clientHeight } = element;
    if (top < scrollTop + ROW) element.scrollTop = top - ROW;
    else if (top + 2 * ROW > scrollTop + clientHeight) {
      element.scrollTop = top + 2 * ROW - clientHeight;
    }
  }

  function isFold(at: Scene, box: number): boolean {
    return !found && at.isFold(box);
  }

  function said(
    scene: Scene,
    { call, box, name, cut }: Pick<Item, "call" | "box" | "name" | "cut">,
  ): string {
    const { graph, view } = scene;
    const fold = isFold(scene, box);
    const words = [name];
    if (fold) {
      const calls = plural(scene.callsOf(box).length, "call");
      words.push(`${view.boxes.kind[box]} of ${calls}`);
    } else words.push(graph.kind(call));
    if (!found && view.boxes.openable[box]) words.push("closed");
    words.push(shape(graph.shape(call)));
    const [twin] = fold ? [] : graph.twins(call);
    if (twin !== undefined) words.push(`shares weights with ${graph.name(twin)}`);
    const candidate = fold ? scene.isCandidate(box) : graph.isCandidate[call];
    if (candidate) words.push("one tensor crosses here");
    const inside = scene.framesOf(box);
    if (inside.length) words.push(`in ${inside[inside.length - 1].title}`);
    if (cut) words.push(fold ? "cut after this block" : "cut after this call");
    return words.join(", ");
  }

  function makeItem(scene: Scene, call: number, box: number): Item {
    const { graph, view } = scene;
    const fold = isFold(scene, box);
    const { title, count } = view.boxes;
    const name = fold ? titleOf({ title: title[box], count: count[box] }) : graph.name(call);
    const text = found ? name : innerName(scene.framesOf(box), name);
    const label = h("bdi", "ks-name", name);
    see({ label, name }, text);
    const candidate = fold ? scene.isCandidate(box) : graph.isCandidate[call];
    const option = h(
      "div",
      {
        class: `ks-option${candidate ? " ks-candidate" : ""}${fold ? " ks-fold" : ""}`,
        role: "option",
        id: `${id}-${found ? "call" : "box"}-${found ? call : box}`,
        "aria-selected": "false",
        "aria-label": said(scene, { call, box, name, cut: false }),
        "data-call": String(call),
        "data-box": String(box),
        title: fold ? name : `${name} · ${graph.kind(call)}`,
      },
      label,
      // Not as text: what is seen has to be the beginning of what is said.
      h("span", { class: "ks-shape", "data-shape": shape(graph.shape(call)) }),
    );
    const level = found ? 0 : scene.framesOf(box).length;
    if (level) option.style.setProperty("--ks-level", String(Math.min(level, 5)));
    return { option, call, box, name, text, label, fitted: 0, cut: false };
  }

  function key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (!act(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  function act(event: KeyboardEvent): boolean {
    const last = items.length - 1;
    const here = active;
    const item = items[here];
    const page = Math.max(1, Math.floor(element.clientHeight / ROW) - 1);
    const go = (at: number) => {
      const to = items[Math.min(Math.max(at, 0), last)];
      if (to && to !== item) events.select(to.call);
      return true;
    };
    switch (event.key) {
      case "ArrowDown":
        return go(here + 1);
      case "ArrowUp":
        return go(here < 0 ? 0 : here - 1);
      case "PageDown":
        return go(here + page);
      case "PageUp":
        return go(here - page);
      case "Home":
        return go(0);
      case "End":
        return go(last);
      case "Enter":
      case " ":
        if (event.shiftKey) return events.key("Shift+Enter");
        if (item) events.toggle(item.call);
        return true;
      case "ArrowRight":
      case "+":
        if (item && scene?.view.boxes.openable[item.box]) events.open(item.box);
        return true;
      case "ArrowLeft":
      case "-":
      case "−":
        if (item) events.close(item.box);
        return true;
      default:
        if (events.key(event.key)) return true;
        return event.key.length === 1 && type(event.key, event.timeStamp);
    }
  }

  /** Type the beginning of a name to go there. */
  function type(letter: string, now: number): boolean {
    typed = now - typedAt > TYPING ? letter : typed + letter;
    typedAt = now;
    const prefix = typed.toLowerCase();
    // A single letter goes on to the next; a longer beginning may stay.
    const from = Math.max(0, active + (prefix.length === 1 ? 1 : 0));
    const order = [...items.slice(from), ...items];
    const to = order.find(({ name, text }) =>
      [name, text].some((each) => each.toLowerCase().startsWith(prefix)),
    );
    if (to) events.select(to.call);
    return true;
  }

  return {
    element,
    /** The calls that the options stand for, in order. */
    get shown(): readonly number[] {
      return items.map((item) => item.call);
    },
    show,
    squeeze,
    paint,
    mark,
    activate,
  };
}
