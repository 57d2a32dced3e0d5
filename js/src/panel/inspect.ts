/** Inspect: what the call or fold is, what would cross after it, and where a cut is cheaper. */

import { button, flag, fullName, h, OURS } from "../dom";
import { bytes, count, plural, seconds, shape, work } from "../format";
import type { Scene } from "../geometry";
import { titleOf } from "../marks";
import { segmentsOf } from "../overlay";
import { heldText } from "../painter/text";
import type { Costs, Cut } from "../protocol";

export interface InspectEvents {
  cut(): void;
  /** Go to the nearest candidate before (-1) or after (1). */
  nearest(side: -1 | 1): void;
  /** Close an open fold: go up to it. */
  up(id: string): void;
}

export interface Inspected {
  scene: Scene;
  /** -1: nothing is pointed at or selected. */
  box: number;
  call: number;
  /** null: not known yet. */
  cut: Cut | null;
  /** Why there can be no cut, in Python's words. */
  refusal: string;
  costs: Costs | null;
  editable: boolean;
}

/** More crossing tensors than these are counted, not listed. */
const LISTED = 8;

export type Inspect = ReturnType<typeof makeInspect>;

export function makeInspect(events: InspectEvents, signal: AbortSignal) {
  const body = h("div", "ks-inspect-body");

  const cut = button("ks-primary", "Cut here", () => events.cut(), signal);
  const before = button("", "↑ nearest", () => events.nearest(-1), signal);
  const after = button("", "↓ nearest", () => events.nearest(1), signal);
  const actions = h("div", "ks-actions", cut, before, after);
  const element = h(
    "section",
    { class: "ks-section ks-inspect", "aria-label": "Inspect" },
    body,
    actions,
  );
  show(null);

  function show(what: Inspected | null): void {
    actions.hidden = !what || what.call < 0;
    if (!what || what.call < 0) {
      body.replaceChildren(
        h("p", "ks-hint", "Point at a box to see what would cross after it."),
        h(
          "p",
          "ks-hint",
          what?.editable === false
            ? "This page has no kernel: nothing can be cut here."
            : "Click it, or press Enter in the list, to cut there.",
        ),
        h("p", "ks-hint", "Double-click a block, or press →, to open it."),
      );
      return;
    }
    const { scene, box, call, refusal } = what;
    const look = what.cut;
    const { graph, view } = scene;
    const fold = scene.isFold(box) && call === scene.callOf(box);
    const { title: titles, count: counts } = view.boxes;
    const folded = titleOf({ title: titles[box] ?? "", count: counts[box] ?? 1 });
    const title = fold ? folded : graph.name(call);
    const kind = fold ? view.boxes.kind[box] : graph.kind(call);
    body.replaceChildren(
      ...crumbs(scene, box, fold ? -1 : call),
      h("div", "ks-what", fullName(title), h("span", "ks-kind", kind)),
      ...(fold ? foldFacts(what) : callFacts(what)),
      ...measured(fold ? scene.callsOf(box) : [call], what.costs),
      h("p", "ks-sentence", refusal || (look && told(look, scene)) || "…"),
      ...crossing(what),
    );
    cut.hidden = !what.editable;
    cut.textContent = look?.removes ? "Remove cut" : "Cut here";
    cut.classList.toggle("ks-primary", !look?.removes && !refusal);
    [before, after].forEach((each, i) => {
      const to = graph.nearest(call, i ? 1 : -1);
      const place = `place ${i ? "after" : "before"} this where one tensor crosses`;
      flag(each, "aria-disabled", to < 0, "true");
      each.title =
        to < 0
          ? `There is no ${place}`
          : `Go to ${graph.name(to)}, the nearest ${place} (key ${i ? "]" : "["})`;
    });
  }

  function crumbs(scene: Scene, box: number, call: number): HTMLElement[] {
    const frames = scene.framesOf(box);
    const closed = scene.isFold(box) && call >= 0;
    if (!frames.length && !closed) return [];
    const crumbs: Node[] = [h("span", {}, scene.graph.data.name)];
    for (const frame of frames) {
      const text = titleOf(frame);
      const up = () => events.up(frame.id);
      const crumb = button("ks-crumb", text, up, null, `Close ${text}`);
      crumb.setAttribute(OURS, "true");
      crumbs.push(crumb);
    }
    if (closed) crumbs.push(h("span", {}, scene.view.boxes.title[box]));
    const parts = crumbs.flatMap((crumb, i) =>
      i ? [h("span", { "aria-hidden": "true" }, "›"), crumb] : [crumb],
    );
    return [h("nav", { class: "ks-crumbs", "aria-label": "Where this is" }, ...parts)];
  }

  function callFacts({ scene, call, costs }: Inspected): HTMLElement[] {
    const { graph } = scene;
    const { tensors, dtypes, calls } = graph.data;
    const params = calls.params[call];
    const does = costs ? `${work(costs.macs[call], "MAC")}` : "";
    const facts = [
      h(
        "p",
        "ks-facts",
        [params > 0 ? `${count(params)} parameters` : "no parameters", does]
          .filter(Boolean)
          .join(" · "),
      ),
    ];
    for (const tensor of graph.tensorsOf(call).slice(0, 4)) {
      const size = `${shape(tensors.shape[tensor])} · ${dtypes[tensors.dtype[tensor]]} · ${bytes(tensors.nbytes[tensor])}`;
      const what = tensors.mask[tensor] ? "mask " : "";
      facts.push(h("p", "ks-facts", what + size));
    }
    const twins = graph.twins(call).map((twin) => graph.name(twin));
    if (twins.length) {
      facts.push(
        h(
          "p",
          "ks-facts",
          h("span", "ks-badge", "tied weights"),
          ` shared with ${twins.join(", ")}`,
        ),
      );
    }
    return facts;
  }

  function foldFacts({ scene, box, call, costs }: Inspected): HTMLElement[] {
    const totals = scene.graph.totals(scene.callsOf(box), costs);
    const copies = scene.view.boxes.count[box];
    const held = heldText(totals.calls, totals.params);
    const each =
      copies > 1 ? `${copies} copies of ${plural(totals.calls / copies, "call")} · ` : "";
    const does = costs ? ` · ${work(totals.macs, "MAC")}` : "";
    return [
      h("p", "ks-facts", (Number.isInteger(totals.calls / copies) ? each : "") + held + does),
      h("p", "ks-facts", `${shape(scene.graph.shape(call))} after ${scene.graph.name(call)}`),
    ];
  }

  function crossing({ scene, cut: look }: Inspected): HTMLElement[] {
    if (!look || look.tensors.length < 2) return [];
    const { tensors, dtypes } = scene.graph.data;
    const rows = look.tensors.slice(0, LISTED).map((tensor) => {
      const name = fullName(tensors.name[tensor] ?? "");
      const size = `${shape(tensors.shape[tensor] ?? [])} · ${bytes(tensors.nbytes[tensor])}`;
      return h("li", { title: dtypes[tensors.dtype[tensor]] ?? "" }, name, h("span", {}, size));
    });
    if (look.tensors.length > LISTED) {
      rows.push(h("li", {}, `and ${look.tensors.length - LISTED} more`));
    }
    return [h("ul", { class: "ks-crossing", "aria-label": "What crosses here" }, ...rows)];
  }

  return {
    element,
    cut,
    show,
  };
}

/** Only segments have been measured: how a time divides among the calls in one is not known. */
function measured(calls: Iterable<number>, costs: Costs | null): HTMLElement[] {
  const ms = segmentsOf(calls, costs);
  return ms ? [h("p", "ks-facts", `measured with its segment: ${seconds(ms / 1000)}`)] : [];
}

/** What crosses, in Python's words; in short where a list of the tensors follows. */
function told({ sentence, tensors, nbytes, inputs }: Cut, { graph }: Scene): string {
  if (tensors.length < 2) return sentence;
  const { name } = graph.data.tensors;
  const also = inputs.length
    ? `; the tail also needs ${inputs.map((input) => name[input]).join(", ")}`
    : "";
  return `${plural(tensors.length, "tensor")} cross here, ${bytes(nbytes)}${also}.`;
}
