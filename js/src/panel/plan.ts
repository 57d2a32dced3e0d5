/** Plan: the machine chooses the cuts. The form, the table of stages and the front of cuts. */

import { choice, h, listen, OURS } from "../dom";
import { bytes, count, plural, rate, seconds } from "../format";
import type { FrontPoint, Plan, StageRow } from "../protocol";
import { drawFront } from "./front";
import { STEPS, stepOf, valueAt } from "./slider";

export interface PlanEvents {
  /** The bandwidth is being moved: plan again, quickly. */
  live(): void;
  place(point: FrontPoint): void;
}

/** What the planner is asked, in the units of the payload: bytes, FLOP/s, seconds. */
export interface PlanRequest {
  [key: string]: unknown;
  objective: string;
  parts: number;
  bandwidth: number;
  speed: number;
  device_speed: number;
  server_speed: number;
  round_trip: number;
  cap: number | null;
  precision: string;
  single_tensor: boolean;
  wiring: string;
}

/** Of the link: 0.1 Mb/s to 1 Tb/s, so that 1 Gb/s, with which it begins, is a step. */
const SLOWEST = 1.25e4;
const FASTEST = 1.25e11;
const GIGA = 1e9;
const MIB = 1024 * 1024;

export type PlanForm = ReturnType<typeof makePlanForm>;

export function makePlanForm(id: string, events: PlanEvents, signal: AbortSignal) {
  const bandwidthText = h("span", "ks-value");
  const single = h("input", { type: "checkbox" });
  const answer = h("div", "ks-plan-answer");

  const objective = choice(
    "Objective",
    [
      ["balance", "Balance the stages"],
      ["latency", "Lowest latency"],
      ["memory", "Fit in memory"],
    ],
    () => {
      shape();
      clear();
    },
    signal,
  );
  const wiring = choice(
    "Wiring",
    ["direct", "relay"].map((each) => [each, each] as const),
    () => {},
    signal,
  );
  const precision = choice(
    "Precision",
    ["", "float32", "float16", "int8"].map((each) => [each, each || "as it is"] as const),
    () => {},
    signal,
  );
  const bandwidth = h("input", {
    type: "range",
    min: "0",
    max: `${STEPS}`,
    step: "1",
  });
  bandwidth.id = `${id}-bandwidth`;
  bandwidth.value = `${stepOf(125e6, SLOWEST, FASTEST)}`;
  listen(bandwidth, "input", slide, signal);
  const number = (name: string, value: string, min: string, step = "any") => {
    const attributes = {
      class: "ks-input",
      type: "number",
      value,
      min,
      step,
      id: `${id}-${name}`,
    };
    return h("input", attributes);
  };
  const numbers: Readonly<
    Record<"parts" | "speed" | "device" | "server" | "trip" | "cap", HTMLInputElement>
  > = {
    // At first what `ks.plan` takes where nothing is said.
    parts: number("parts", "4", "1", "1"),
    speed: number("speed", "100", "0"),
    device: number("device", "10", "0"),
    server: number("server", "1000", "0"),
    trip: number("trip", "0", "0"),
    cap: number("cap", "", "0"),
  };
  const row = (word: string, field: HTMLElement, unit = "") =>
    h("div", "ks-row", h("label", { for: field.id }, word), field, h("span", "ks-unit", unit));
  for (const [field, name] of [
    [objective, "objective"],
    [wiring, "wiring"],
    [precision, "precision"],
    [single, "single"],
  ] as const) {
    field.id = `${id}-${name}`;
  }
  const link = h(
    "div",
    "ks-row",
    h("label", { for: bandwidth.id }, "Bandwidth"),
    bandwidth,
    bandwidthText,
  );
  const singleRow = h("div", "ks-row", h("label", { for: single.id }, "One tensor only"), single);
  /** Which rows belong to which objective. */
  const rows: readonly (readonly [HTMLElement, string])[] = [
    [row("Objective", objective), "balance latency memory"],
    [row("Parts", numbers.parts), "balance memory"],
    [link, "balance latency"],
    [row("Speed", numbers.speed, "GFLOP/s"), "balance"],
    [row("Device speed", numbers.device, "GFLOP/s"), "latency"],
    [row("Server speed", numbers.server, "GFLOP/s"), "latency"],
    [row("Round trip", numbers.trip, "ms"), "latency"],
    [row("Cap", numbers.cap, "MiB"), "memory"],
    [row("Precision", precision), "memory"],
    [row("Wiring", wiring), "balance"],
    [singleRow, "balance latency memory"],
  ];
  const element = h(
    "section",
    { class: "ks-section ks-plan", "aria-label": "Plan" },
    h("div", "ks-form", ...rows.map(([each]) => each)),
    answer,
  );
  answer.append(h("p", "ks-hint", "Press Plan to let the machine place the cuts."));
  shape();
  say();

  function request(): PlanRequest {
    const { parts, speed, device, server, trip, cap } = numbers;
    const size = (field: HTMLInputElement, unit: number) => Number(field.value) * unit;
    return {
      objective: objective.value,
      parts: Number(parts.value),
      bandwidth: rateNow(),
      speed: size(speed, GIGA),
      device_speed: size(device, GIGA),
      server_speed: size(server, GIGA),
      round_trip: size(trip, 1e-3),
      cap: cap.value.trim() === "" ? null : size(cap, MIB),
      precision: precision.value,
      single_tensor: single.checked,
      wiring: wiring.value,
    };
  }

  function show(plan: Plan): void {
    const { value } = objective;
    const memory = value === "memory";
    const gap = plan.proved
      ? "proved"
      : plan.gap === null
        ? "not proved"
        : `at most ${(100 * plan.gap).toPrecision(2)} % from the best`;
    answer.replaceChildren(
      h("p", "ks-sentence", plan.sentence, " ", h("span", "ks-badge", gap)),
      ...(plan.stages.length ? [table(plan.stages, memory)] : []),
    );
    // Balance is no aim where latency is.
    const front = value === "balance" && drawFront(plan.front, (point) => events.place(point));
    if (front) answer.append(front);
  }

  /** What has to be filled in; empty when nothing has to. */
  function lack(): string {
    const field = Object.values(numbers).find(
      (each) => each !== numbers.cap && !each.value && !each.parentElement?.hidden,
    );
    return field ? `${field.labels?.[0].textContent}: type a number.` : "";
  }

  /** The old answer is to another question. When a plan is refused, the status line says why. */
  function clear(): void {
    answer.replaceChildren();
  }

  function rateNow(): number {
    return valueAt(Number(bandwidth.value), SLOWEST, FASTEST);
  }

  function slide(): void {
    say();
    events.live();
  }

  function say(): void {
    const text = rate(rateNow());
    bandwidthText.textContent = text;
    bandwidth.setAttribute("aria-valuetext", text);
  }

  function shape(): void {
    for (const [row, objectives] of rows) {
      row.hidden = !objectives.includes(objective.value);
    }
  }

  return {
    element,
    request,
    show,
    lack,
    clear,
  };
}

function table(stages: readonly StageRow[], memory: boolean): HTMLElement {
  const head = memory
    ? ["part", "params", "FLOPs", "load"]
    : ["part", "FLOPs", "compute", "in", "out", "load"];
  const load = memory ? bytes : seconds;
  const most = Math.max(...stages.map((stage) => stage.load ?? 0));
  const body = stages.map((stage) => {
    const link = memory ? [] : [seconds(stage.compute), bytes(stage.received), bytes(stage.sent)];
    const flops = count(stage.flops);
    const cells = memory ? [count(stage.params), flops] : [flops, ...link];
    cells.push(load(stage.load));
    const row = h(
      "tr",
      {},
      h("th", { scope: "row" }, stage.part),
      ...cells.map((cell) => h("td", {}, cell)),
    );
    row.title = `${plural(stage.calls, "computed call")} · ${count(stage.params)} parameters`;
    if (stages.length > 1 && stage.load === most) row.className = "ks-most";
    return row;
  });
  return h(
    "div",
    {
      class: "ks-table",
      tabindex: "0",
      role: "group",
      "aria-label": plural(stages.length, "stage"),
      [OURS]: "true",
    },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, ...head.map((word) => h("th", { scope: "col" }, word)))),
      h("tbody", {}, ...body),
    ),
  );
}
