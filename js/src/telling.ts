/** The picture in words: its label for screen readers, and the tip beside the pointer. */

import { h } from "./dom";
import { bytes, count, plural, shape, work } from "./format";
import type { Scene } from "./geometry";
import type { Totals } from "./graph";
import type { Landscape } from "./landscape";
import { heldText } from "./painter/text";
import type { Costs, Placed } from "./protocol";
import type { Stage } from "./stage";
import { Timers } from "./timers";

/** The elements that telling reads and fills. */
export interface TellingElements {
  root: HTMLElement;
  tip: HTMLElement;
}

/** How long the picture must have been at rest before it is put in words, in ms. */
const REST = 200;

export type Telling = ReturnType<typeof makeTelling>;

export function makeTelling(elements: TellingElements, stage: Stage, signal: AbortSignal) {
  const timers: Timers<"label"> = new Timers(signal);

  /** The picture in words, after things have come to rest. */
  function describe(scene: Scene | null, placed: Placed): void {
    timers.later("label", REST, () => {
      if (!scene) return;
      const { graph, view } = scene;
      const seen = scene.boxesIn(stage.visible());
      const way = scene.down ? "from top to bottom" : "from left to right";
      const calls = plural(graph.size, "call");
      const what =
        scene.size === graph.size ? calls : `${calls} in ${plural(scene.size, "box", "boxes")}`;
      const said = [
        `${graph.data.name}: a drawing of ${what} ${way}`,
        `${plural(graph.data.candidates.length, "place")} where one tensor crosses`,
        plural(placed.cuts.length, "cut"),
      ];
      if (seen.length) {
        const first = seen.reduce((a, b) => Math.min(a, b));
        const last = seen.reduce((a, b) => Math.max(a, b));
        said.push(`in view: ${view.boxes.title[first]} to ${view.boxes.title[last]}`);
      }
      if (scene.misplaced) {
        said.push(`${plural(scene.misplaced, "box", "boxes")} could not be drawn`);
      }
      stage.canvas.setAttribute("aria-label", `${said.join("; ")}.`);
    });
  }

  /** The tip says what the picture and the panel beside it do not. */
  function tip(scene: Scene | null, box: number, x: number, y: number): void {
    const { root } = elements;
    const beside = root.dataset.ksWidth !== "narrow";
    if (!scene || box < 0 || (beside && stage.legible)) {
      hide();
      return;
    }
    const { graph, view } = scene;
    const call = scene.callOf(box);
    const totals = graph.totals(scene.callsOf(box), null);
    const { dtypes, tensors, calls } = graph.data;
    const dtype = dtypes[tensors.dtype[calls.firstTensor[call]]];
    const rest = scene.isFold(box)
      ? heldText(totals.calls, totals.params)
      : `${graph.kind(call)} · ${shape(graph.shape(call))} · ${dtype}${
          totals.params > 0 ? ` · ${count(totals.params)} parameters` : ""
        }`;
    show([view.boxes.title[box], rest]);
    // Above when the pointer itself is in the lower left.
    const { width, height } = stage.view;
    elements.tip.classList.toggle("ks-above", y > height - 90 && x < width - 120);
  }

  /** What crosses at a place of the strip, and what lies on both sides. */
  function place(scene: Scene, landscape: Landscape, at: number | null, costs: Costs | null): void {
    if (at === null) {
      hide();
      return;
    }
    const side = (word: string, { calls, params, flops }: Totals) =>
      `${word}: ${plural(calls, "call")} · ${count(params)} parameters${
        costs ? ` · ${work(flops, "FLOP")}` : ""
      }`;
    const [before, after] = landscape.sides(at, costs);
    const words = scene.down ? ["above", "below"] : ["left", "right"];
    const { bytes: known, exact } = landscape.at(at);
    const unknown = known ? `at least ${bytes(known)} cross here` : "unknown bytes cross here";
    const certain = known ? `${bytes(known)} cross here` : "nothing crosses here";
    show([exact ? certain : unknown, side(words[0], before), side(words[1], after)]);
    elements.tip.classList.remove("ks-above");
  }

  function show([head, ...rest]: string[]): void {
    elements.tip.replaceChildren(h("strong", {}, head), ...rest.map((text) => h("span", {}, text)));
    elements.tip.hidden = false;
  }

  function hide(): void {
    elements.tip.hidden = true;
  }

  return {
    describe,
    tip,
    place,
  };
}
