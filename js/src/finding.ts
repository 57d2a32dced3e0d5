/** The search: what it has found, going from match to match, looking at a range. */

import { listen } from "./dom";
import { plural } from "./format";
import type { Scene } from "./geometry";
import { type Found, find, next as nextMatch } from "./search";

/** The elements that finding reads and fills. */
export interface FindingElements {
  search: HTMLInputElement;
  matches: HTMLElement;
}

export interface FindingEvents {
  /** Something else is found: list and picture have to show it. */
  changed(): void;
  /** Go to a match. */
  go(call: number): void;
  /** Look at a range of calls. */
  focus(calls: readonly number[]): void;
  /** What was looked at is no longer searched for. */
  ended(): void;
  /** The list takes the keyboard. */
  enter(): void;
  /** Which call is selected, -1 for none. */
  selected(): number;
}

const NOTHING: Found = { calls: [], range: false };
const NONE: ReadonlySet<number> = new Set();

export type Finding = ReturnType<typeof makeFinding>;

export function makeFinding(elements: FindingElements, events: FindingEvents, signal: AbortSignal) {
  let scene: Scene | null = null;
  let found: Found = NOTHING;
  /** The boxes of the calls found. */
  let boxes: ReadonlySet<number> = NONE;

  listen(elements.search, "input", search, signal);
  listen(elements.search, "keydown", key, signal);

  const active = () => elements.search.value.trim() !== "";

  function show(next: Scene): void {
    const other = scene?.graph !== next.graph;
    scene = next;
    take(other ? find(next.graph, elements.search.value) : found);
  }

  /** Go to the next match, or the one before. */
  function step(back: boolean): void {
    const call = nextMatch(found.calls, events.selected(), back);
    if (call >= 0) events.go(call);
  }

  function end(): void {
    if (!elements.search.value) return;
    elements.search.value = "";
    search();
  }

  /** "3 of 12" */
  function count(): void {
    const { calls, range } = found;
    const at = calls.indexOf(events.selected());
    const of = !range
      ? plural(calls.length, "match", "matches")
      : calls.length
        ? plural(calls.length, "call")
        : `calls are 1..${scene?.graph.size}`;
    const text = !active() ? "" : at >= 0 && !range ? `${at + 1} of ${calls.length}` : of;
    if (elements.matches.textContent !== text) elements.matches.textContent = text;
  }

  function take(next: Found): void {
    found = next;
    boxes = new Set(found.calls.map((call) => scene!.boxOf(call)));
    count();
  }

  function search(): void {
    if (!scene) return;
    take(find(scene.graph, elements.search.value));
    events.ended();
    events.changed();
  }

  function key(event: KeyboardEvent): void {
    if (event.key === "Enter" && event.shiftKey) step(true);
    else if (event.key === "Enter" || event.key === "ArrowDown") {
      if (!found.calls.length) {
        if (!active()) events.enter();
      } else if (found.range && event.key === "Enter") {
        events.focus(found.calls);
        events.enter();
      } else {
        step(false);
        events.enter();
      }
    } else if (event.key === "Escape" && elements.search.value) {
      event.stopPropagation();
      end();
    } else return;
    event.preventDefault();
  }

  return {
    /** What the list shows instead of the boxes; null: nothing is searched for. */
    get calls(): readonly number[] | null {
      return active() ? found.calls : null;
    },
    /** Boxes with a match in them; of a range, none: it is shown by dimming the others. */
    get found(): ReadonlySet<number> {
      return found.range ? NONE : boxes;
    },
    get lit(): ReadonlySet<number> | null {
      return found.range ? boxes : null;
    },
    /** Which range is looked at, and which folds are only partly in it. */
    get sentence(): string {
      const { calls } = found;
      const [first, last] = [calls[0], calls[calls.length - 1]];
      const partly = [...boxes].filter((box) =>
        scene!.callsOf(box).some((call) => call < first || call > last),
      ).length;
      const { name } = scene!.graph;
      const more = partly ? `; ${plural(partly, "block")} only in part` : "";
      return `Looking at ${plural(calls.length, "call")}, ${name(first)} to ${name(last)}${more}. Escape ends it.`;
    },
    show,
    step,
    end,
    count,
  };
}
