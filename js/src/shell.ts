/** The elements of one view around the picture: header, help, foot. */

import { button, choice, entry, h, icon, listen } from "./dom";
import { COLOUR_WORDS, COLOURS, type Colour } from "./overlay";
import type { Depth, Direction } from "./protocol";

export interface ShellEvents {
  fit(): void;
  undo(): void;
  redo(): void;
  depth(depth: Depth): void;
  colour(colour: Colour): void;
  measure(): void;
  turn(): void;
  cancel(): void;
}

const UNDO = "M6.5 3.5 3 7l3.5 3.5M3.5 7H9a4 4 0 0 1 0 8H7";
const REDO = "M9.5 3.5 13 7l-3.5 3.5M12.5 7H7a4 4 0 0 0 0 8h2";
/** Two boxes, joined: how the picture will run. */
const DOWN = "M4 1.5h8v5H4zM4 9.5h8v5H4zM8 6.5v3";
const RIGHT = "M1.5 4h5v8h-5zM9.5 4h5v8h-5zM6.5 8h3";
const DEPTHS = ["blocks", "layers", "all"] as const;

/** What the keys do, for people. */
export const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ["↑ ↓  Page  Home End", "walk through the list"],
  ["letters", "go to a name that begins so"],
  ["Enter, Space", "cut after the selected box, or remove that cut"],
  ["→ or +", "open the selected block"],
  ["← or −", "close the block around the selection"],
  ["[  ]", "nearest place above, below where one tensor crosses"],
  [
    "/",
    "search by name, class (Conv2D) or shape (14x14x1024); 5..20 or conv2..conv4 looks at a range",
  ],
  ["Enter, Shift+Enter", "in the search: next match (then ↑ ↓ among them), match before"],
  ["<  >", "zoom out, in"],
  ["Ctrl+Z, Ctrl+Shift+Z", "undo, redo a cut"],
  ["Ctrl or ⌘ + wheel", "zoom; Shift + wheel scrolls the picture"],
  ["Escape", "end the search, close this help (a click does, too)"],
];

export type Shell = ReturnType<typeof makeShell>;

export function makeShell(id: string, events: ShellEvents, signal: AbortSignal) {
  const title = h("strong", "ks-title");
  const facts = h("span", "ks-head-facts");
  const matches = h("span", { class: "ks-matches", "aria-live": "polite" });
  const legend = h("div", { class: "ks-legend", role: "note", "aria-label": "Legend" });
  const body = h("div", "ks-body");
  const tip = h("div", { class: "ks-tip", "aria-hidden": "true", hidden: "" });
  const status = h("span", { class: "ks-status", role: "status", "aria-live": "polite" });
  const alert = h("span", { class: "ks-alert", role: "alert" });
  const progress = h("progress", { class: "ks-progress", hidden: "", "aria-label": "Progress" });

  const search = entry({
    class: "ks-input ks-search",
    type: "search",
    placeholder: "Search layers",
    "aria-label": "Search layers",
    title: "Names, classes, shapes (14x14x1024), ranges (5..20)",
  });
  const tool = (label: string, content: Node | string, act: () => void) =>
    button("ks-tool", content, act, signal, label);
  const fit = tool("Show the whole model", "Fit", () => events.fit());
  const undo = tool("Undo", icon(UNDO), () => events.undo());
  const redo = tool("Redo", icon(REDO), () => events.redo());
  const turn = tool("Draw from left to right", icon(RIGHT), () => events.turn());
  const help = tool("Keys", h("span", { "aria-hidden": "true" }, "?"), () => toggleHelp());
  help.setAttribute("aria-expanded", "false");
  const depths: Readonly<Record<(typeof DEPTHS)[number], HTMLInputElement>> = Object.fromEntries(
    DEPTHS.map((depth) => {
      const radio = h("input", { type: "radio", name: `${id}-depth`, value: depth });
      listen(radio, "change", () => radio.checked && events.depth(depth), signal);
      return [depth, radio];
    }),
  ) as Record<(typeof DEPTHS)[number], HTMLInputElement>;
  const depthGroup = h(
    "div",
    { class: "ks-depth", role: "radiogroup", "aria-label": "Depth" },
    ...DEPTHS.map((each) =>
      h("label", {}, depths[each], h("span", {}, each[0].toUpperCase() + each.slice(1))),
    ),
  );
  const colour = choice(
    "Colour",
    COLOURS.map((each) => [each, COLOUR_WORDS[each]] as const),
    (value) => events.colour(value as Colour),
    signal,
  );
  const measure = button(
    "ks-tool",
    "Measure",
    () => events.measure(),
    signal,
    "Run the model and measure the time of its calls",
  );
  const cancel = button("", "Cancel", () => events.cancel(), signal);
  cancel.hidden = true;
  const keys = h(
    "div",
    { class: "ks-keys", role: "region", "aria-label": "Keys", tabindex: "-1", hidden: "" },
    h("dl", {}, ...KEYS.flatMap(([key, what]) => [h("dt", {}, key), h("dd", {}, what)])),
  );
  const root = h(
    "div",
    { class: "ks-root", "data-ks-width": "wide", tabindex: "-1" },
    h(
      "div",
      "ks-head",
      h("div", "ks-head-text", title, facts),
      h("div", "ks-find", matches, search),
      h("div", "ks-tools", fit, undo, redo, turn, help),
      h(
        "div",
        "ks-looks",
        depthGroup,
        h("label", "ks-colour", h("span", { "aria-hidden": "true" }, "Colour"), colour),
        measure,
        legend,
      ),
      keys,
    ),
    body,
    h("div", "ks-foot", progress, cancel, status, alert),
  );

  // Away with a click anywhere; that on its own button is told by the button.
  const away = (event: Event) => event.composedPath().includes(help) || toggleHelp(false);
  root.ownerDocument.addEventListener("click", away, { signal });

  function toggleHelp(show = keys.hidden): void {
    keys.hidden = !show;
    help.setAttribute("aria-expanded", String(show));
  }

  return {
    root,
    title,
    facts,
    search,
    matches,
    undo,
    redo,
    measure,
    colour,
    legend,
    body,
    tip,
    status,
    alert,
    progress,
    cancel,
    set depth(to: Depth) {
      for (const each of DEPTHS) depths[each].checked = each === to;
    },
    set direction(direction: Direction) {
      const label = direction === "down" ? "Draw from left to right" : "Draw from top to bottom";
      turn.title = label;
      turn.setAttribute("aria-label", label);
      turn.replaceChildren(icon(direction === "down" ? RIGHT : DOWN));
      root.dataset.ksDirection = direction;
    },
    get helping(): boolean {
      return !keys.hidden;
    },
    toggleHelp,
  };
}
