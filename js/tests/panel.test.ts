import { describe, expect, it, vi } from "vitest";
import { chain, costs, FakeModel, model as modelOf, placedStem } from "./fixture";
import { at, drawn, open, setUp } from "./page";

setUp();

const withCut = (traits = {}) => open(new FakeModel({ _placed: placedStem, ...traits }));

describe("the tabs", () => {
  it("are walked with the arrows, one page at a time", () => {
    const { el, tab, key } = open();
    const pages = [...el.querySelectorAll<HTMLElement>("[role=tabpanel]")];
    const shown = () => pages.map((page) => !page.hidden);
    expect(shown()).toEqual([true, false, false]);
    key(tab("Inspect"), "ArrowRight");
    expect(shown()).toEqual([false, true, false]);
    expect(document.activeElement).toBe(tab("Parts"));
    key(tab("Parts"), "End");
    key(tab("Plan"), "ArrowRight");
    expect(tab("Inspect").getAttribute("aria-selected")).toBe("true");
    expect([tab("Inspect").tabIndex, tab("Plan").tabIndex]).toEqual([0, -1]);
    for (const page of pages) {
      expect(el.querySelector(`#${page.getAttribute("aria-labelledby")}`)).not.toBeNull();
    }
  });

  it("keep the buttons in reach, and go where the answer will be", async () => {
    const { tab, button } = withCut();
    expect(button("Split").closest("[hidden]")).toBeNull();
    button("Split").click();
    expect(tab("Parts").getAttribute("aria-selected")).toBe("true");
    button("Plan").click();
    expect(tab("Plan").getAttribute("aria-selected")).toBe("true");
  });
});

describe("Parts", () => {
  it("shows MACs once costs are known, and asks for them only when it is opened", async () => {
    const { tab, model, kinds, el } = withCut();
    expect(kinds()).toEqual([]);
    tab("Parts").click();
    expect(kinds()).toEqual(["costs"]);
    const rows = () => [...el.querySelectorAll(".ks-numbers")].map((row) => row.textContent);
    expect(rows()[0]).toBe("2 calls · 9.5 k parameters");
    model.set("_costs", costs);
    await model.answer(model.request("costs"));
    expect(rows()).toEqual([
      "2 calls · 9.5 k parameters · 100 MACs",
      "2 calls · 9.5 k parameters · 900 MACs",
    ]);
    tab("Plan").click();
    expect(kinds()).toEqual(["costs"]);
  });

  it("has costs asked for once the picture stands, and a refusal is no alarm", async () => {
    const unsaid = modelOf((raw) => {
      (raw.model as { macs: number | null }).macs = null;
    });
    const { model: sent, kinds, $ } = open(new FakeModel({ _model: unsaid }));
    expect(kinds()).toEqual([]);
    vi.advanceTimersByTime(400);
    expect(kinds()).toEqual(["costs"]);
    const words = () => [$(".ks-status").textContent, $(".ks-alert").textContent];
    const before = words();
    vi.advanceTimersByTime(60_000);
    expect(words()).toEqual(before);
    await sent.answer(sent.request("costs"), { ok: false, error: "No." });
    expect(words()).toEqual(before);
    for (const more of [{ _static: true }, { _costs: costs }]) {
      const other = open(new FakeModel({ _model: unsaid, ...more }));
      vi.advanceTimersByTime(400);
      expect(other.kinds()).toEqual([]);
    }
  });

  it("renames the variable of one part", () => {
    const { el, model, type, $ } = withCut();
    const variables = [...el.querySelectorAll<HTMLInputElement>("input.ks-variable")];
    // What an empty field stands for.
    expect(variables.map((each) => each.placeholder)).toEqual(["part_1", "part_2"]);
    const [, second] = [...el.querySelectorAll<HTMLInputElement>("input.ks-variable")];
    second.focus();
    type("decoder", second);
    expect($<HTMLInputElement>("[aria-label='Variable names']").value).toBe("part_1, decoder");
    expect(model.get("variable_names")).toBe("part_1, decoder");
    vi.advanceTimersByTime(300);
    expect(model.saved).toHaveBeenCalled();
    // What is being typed is not taken away by what Python says meanwhile.
    model.set("_placed", { ...placedStem });
    expect(document.activeElement).toBe(second);
  });
});

describe("the colours", () => {
  const select = (el: HTMLElement, colour: string) => {
    const field = el.querySelector<HTMLSelectElement>("[aria-label=Colour]")!;
    field.value = colour;
    field.dispatchEvent(new Event("change"));
  };

  it("have a legend, and ask for costs when they need them", () => {
    const { el, model, kinds, $ } = open();
    expect($(".ks-legend").textContent).toBe("inputconvolutionnormalizationmerge");
    select(el, "params");
    expect($(".ks-legend").textContent).toBe("1009.5 knone");
    expect(kinds()).toEqual([]);
    select(el, "flops");
    expect($(".ks-legend").textContent).toBe("unknown");
    model.set("_costs", costs);
    expect($(".ks-legend").textContent).toBe("8 FLOPs600 FLOPsnoneunknown");
    select(el, "bytes");
    expect(kinds()).toEqual(["costs"]);
  });

  it("offer measured time once there is one", async () => {
    const { el, model, button } = open();
    const option = el.querySelector<HTMLOptionElement>("option[value=ms]")!;
    expect([option.disabled, option.title]).toEqual([true, "Press Measure first"]);
    button("Measure").click();
    model.set("_costs", { ...costs, ms: [0, 1, 2, 3, 4, 5] });
    await model.answer(model.request("measure"));
    expect(option.disabled).toBe(false);
  });

  it("show the times as soon as they are measured, and Inspect says them", async () => {
    const { el, model, button, $ } = open();
    const colour = $<HTMLSelectElement>("select[aria-label=Colour]");
    const said = () => $(".ks-inspect").textContent;
    model.set("selection", "stem");
    expect(said()).not.toContain("segment");
    button("Measure").click();
    await model.answer(model.request("measure"), { ok: false, error: "Stopped measuring." });
    expect(colour.value).toBe("class");
    button("Measure").click();
    model.set("_costs", { ...costs, ms: [0, 1.25, 2, 3, 4, 5] });
    await model.answer(model.request("measure"));
    expect(colour.value).toBe("ms");
    expect($(".ks-legend").textContent).toBe("1.25 ms5.00 msnone");
    expect(said()).toContain("measured with its segment: 1.25 ms");
    model.set("selection", "image"); // a raw input takes no time
    expect(said()).not.toContain("segment");
    expect(el.querySelector("[role=alert]")!.textContent).toBe("");
  });
});

describe("Plan", () => {
  const plan = {
    sentence: "Two stages.",
    proved: true,
    gap: 0,
    stages: [
      {
        part: "part_1",
        calls: 2,
        params: 9472,
        flops: 200,
        compute: 0.01,
        received: 0,
        sent: 784,
        load: 0.011,
      },
      {
        part: "part_2",
        calls: 4,
        params: 640,
        flops: null,
        compute: 0.02,
        received: 784,
        sent: 0,
        load: 0.022,
      },
    ],
    front: [
      { bytes: 784, imbalance: 0.2, points: ["stem"] },
      { bytes: 1568, imbalance: 0.1, points: ["left", "right"] },
    ],
  };
  const field = (el: HTMLElement, label: string) =>
    [...el.querySelectorAll("label")]
      .find((each) => each.textContent === label)!
      .parentElement!.querySelector<HTMLInputElement>("input, select")!;

  it("begins with what ks.plan takes where nothing is said", () => {
    const { model, button } = open();
    button("Plan").click();
    expect(model.request("plan")).toMatchObject({
      objective: "balance",
      parts: 4,
      bandwidth: 125e6,
      speed: 1e11,
      device_speed: 1e10,
      server_speed: 1e12,
      round_trip: 0,
      cap: null,
      precision: "",
      single_tensor: false,
      wiring: "direct",
    });
  });

  it("sends what is set, in bytes, FLOP/s and seconds", () => {
    const { el, model, button } = open();
    field(el, "Parts").value = "3";
    field(el, "Speed").value = "50";
    field(el, "Device speed").value = "2.5";
    field(el, "Precision").value = "int8";
    field(el, "Wiring").value = "relay";
    field(el, "Round trip").value = "20";
    field(el, "Cap").value = "8";
    field(el, "One tensor only").click();
    button("Plan").click();
    expect(model.request("plan")).toMatchObject({
      objective: "balance",
      parts: 3,
      bandwidth: 125e6,
      speed: 50e9,
      device_speed: 2.5e9,
      server_speed: 1e12,
      round_trip: 0.02,
      cap: 8 * 1024 * 1024,
      precision: "int8",
      single_tensor: true,
      wiring: "relay",
      live: false,
    });
  });

  it("shows only what belongs to the objective", () => {
    const { el } = open();
    const shown = (label: string) => !field(el, label).closest<HTMLElement>(".ks-row")!.hidden;
    expect([shown("Parts"), shown("Cap"), shown("Round trip")]).toEqual([true, false, false]);
    const objective = field(el, "Objective");
    objective.value = "latency";
    objective.dispatchEvent(new Event("change"));
    expect([shown("Parts"), shown("Server speed"), shown("Round trip")]).toEqual([
      false,
      true,
      true,
    ]);
    objective.value = "memory";
    objective.dispatchEvent(new Event("change"));
    expect([shown("Cap"), shown("Bandwidth")]).toEqual([true, false]);
  });

  it("shows the stages, and places a cut of the front", async () => {
    const { el, model, button, key } = open();
    button("Plan").click();
    await model.answer(model.request("plan"), { plan });
    expect(el.querySelector(".ks-plan .ks-sentence")?.textContent).toBe("Two stages. proved");
    const cells = [...el.querySelectorAll(".ks-table tbody tr")].map((row) =>
      [...row.children].map((cell) => cell.textContent),
    );
    expect(cells).toEqual([
      ["part_1", "200", "10.0 ms", "0 B", "784 B", "11.0 ms"],
      ["part_2", "?", "20.0 ms", "784 B", "0 B", "22.0 ms"],
    ]);
    expect(el.querySelector(".ks-most th")?.textContent).toBe("part_2");
    const dots = [...el.querySelectorAll<HTMLElement>(".ks-dot")];
    expect(dots.map((dot) => dot.getAttribute("aria-label"))).toEqual([
      "Cut: 784 B cross, imbalance 20 %",
      "Cut: 1.5 kB cross, imbalance 10 %",
    ]);
    dots[0].dispatchEvent(new MouseEvent("click", { bubbles: true }));
    expect(model.request("plan")).toMatchObject({ points: ["stem"], live: false, parts: 4 });
    const other = { ...plan, sentence: "What the dot costs.", stages: plan.stages.slice(1) };
    await model.answer(model.request("plan"), { plan: other });
    expect(el.querySelector(".ks-plan .ks-sentence")?.textContent).toMatch(/^What the dot costs/);
    expect(el.querySelectorAll(".ks-table tbody tr").length).toBe(1);
    key(el.querySelectorAll<HTMLElement>(".ks-dot")[1], "Enter");
    expect(model.request("plan")).toMatchObject({ points: ["left", "right"] });
  });

  it("shows no answer to another question, and rounds nothing that was typed", async () => {
    const { el, model, button, type } = open();
    button("Plan").click();
    await model.answer(model.request("plan"), { plan });
    const objective = field(el, "Objective");
    objective.value = "memory";
    objective.dispatchEvent(new Event("change"));
    expect(el.querySelector(".ks-plan-answer")?.textContent).toBe("");
    type("2.7", field(el, "Parts"));
    button("Plan").click();
    expect(model.request("plan").parts).toBe(2.7);
  });

  it("asks for a number where there is none, not the planner for 0 parts", () => {
    const { el, button, kinds, type, $ } = open();
    type("", field(el, "Parts"));
    button("Plan").click();
    expect(kinds()).not.toContain("plan");
    expect($("[role=alert]").textContent).toBe("Parts: type a number.");
    // Not of what is not asked for.
    const objective = field(el, "Objective");
    objective.value = "latency";
    objective.dispatchEvent(new Event("change"));
    button("Plan").click();
    expect(kinds()).toContain("plan");
    expect($("[role=alert]").textContent).toBe("");
  });

  it("draws no imbalance where latency is the aim", async () => {
    const { el, model, button } = open();
    const objective = field(el, "Objective");
    objective.value = "latency";
    objective.dispatchEvent(new Event("change"));
    button("Plan").click();
    await model.answer(model.request("plan"), { plan });
    expect(el.querySelectorAll(".ks-table tbody tr").length).toBe(2);
    expect(el.querySelector(".ks-front")).toBeNull();
  });

  it("brings the first cut into view", async () => {
    const raw = chain(40);
    const model = new FakeModel({ ...raw, _placed: { ...placedStem, cuts: [], part_of: [] } });
    const { button } = open(model);
    vi.advanceTimersByTime(50);
    button("Plan").click();
    const cut = { ...placedStem.cuts[0], points: ["layer_30"], tensors: [30] };
    model.set("_placed", { ...placedStem, cuts: [cut], part_of: [] });
    drawn.calls.length = 0;
    await model.answer(model.request("plan"), { plan });
    vi.advanceTimersByTime(50);
    const texts = drawn.calls.map((call) => call.args[0]);
    expect(texts).toContain("layer_30");
    expect(texts).not.toContain("layer_3");
  });

  it("asks again while the slider moves: one at a time, the newest wins", async () => {
    const { el, model, type } = open();
    const slider = field(el, "Bandwidth");
    expect(slider.getAttribute("aria-valuetext")).toBe("125 MB/s");
    for (const step of ["420", "450", "480"]) type(step, slider);
    expect(slider.getAttribute("aria-valuetext")).toBe("789 MB/s");
    const asked = () => model.sent.filter((each) => each.kind === "plan");
    expect(asked().map((each) => each.live)).toEqual([true]);
    await model.answer(asked()[0], { plan });
    await vi.advanceTimersByTimeAsync(0);
    expect(asked().length).toBe(2); // 450 was never asked for
    expect(Number(asked()[1].bandwidth)).toBe(789e6);
    await model.answer(asked()[1], { plan: { ...plan, sentence: "The newest." } });
    await vi.advanceTimersByTimeAsync(0);
    expect(asked().length).toBe(2);
    expect(el.querySelector(".ks-plan .ks-sentence")?.textContent).toMatch(/^The newest/);
  });

  it("says why there is no plan", async () => {
    const { el, model, button, $ } = open();
    button("Plan").click();
    await model.answer(model.request("plan"), { ok: false, error: "9 parts need 9 calls." });
    expect($("[role=alert]").textContent).toBe("9 parts need 9 calls.");
    expect(el.textContent?.match(/9 parts need 9 calls/g)?.length).toBe(1);
    expect($(".ks-plan-answer").textContent).toBe(""); // the old answer is to another question
  });
});

describe("long work", () => {
  it("shows how far it is and can be cancelled, while everything else goes on", async () => {
    const { model, $, button, list, key } = withCut({
      _busy: { what: "Planning", done: 2, total: 5 },
    });
    const bar = $<HTMLProgressElement>("progress");
    expect([bar.hidden, bar.value, bar.max]).toEqual([false, 2, 5]);
    expect($("[role=status]").textContent).toBe("Planning (2 of 5)");
    key(list, "ArrowDown");
    expect(model.get("selection")).toBe("image");
    button("Cancel").click();
    const stopping = button("Stopping…"); // heard at once
    expect(stopping.getAttribute("aria-disabled")).toBe("true");
    await model.answer(model.request("cancel"));
    expect(stopping.hidden).toBe(false); // until the kernel says that it has stopped
    model.set("_busy", {});
    expect(button("Cancel").getAttribute("aria-disabled")).toBeNull();
    expect([button("Cancel").hidden, bar.hidden]).toEqual([true, true]);
    expect($("[role=status]").textContent).toMatch(/^toy/);
    model.set("_busy", { what: "Reading", done: 0, total: 0 });
    expect(bar.hasAttribute("value")).toBe(false);
  });
});

describe("a page without a kernel", () => {
  it("can be looked at, searched and opened, but changes nothing", async () => {
    const { model, button, list, key, click, kinds, el, tab } = withCut({ _static: true });
    for (const name of ["Split", "Verify", "Plan", "Clear cuts", "Undo", "Measure"]) {
      expect([name, button(name).hidden]).toEqual([name, true]);
    }
    expect(tab("Plan").hidden).toBe(true);
    expect(el.querySelector(".ks-inspect")?.textContent).toContain("nothing can be cut here");
    expect(el.querySelectorAll("input.ks-variable").length).toBe(0);
    click(...at(4));
    key(list, "Enter");
    key(list, "z", { ctrlKey: true });
    expect(model.get("selection")).toBe("add");
    vi.advanceTimersByTime(100);
    expect(kinds()).toEqual(["preview"]);
    expect(button("Cut here").hidden).toBe(true);
    tab("Parts").click();
    key(tab("Parts"), "ArrowRight"); // past the tab that is not there
    expect(tab("Inspect").getAttribute("aria-selected")).toBe("true");
  });
});

describe("touch", () => {
  const finger = { pointerType: "touch" };

  it("looks with the first tap and cuts with the second", () => {
    const { pointer, canvas, model, kinds } = open();
    const tap = () => {
      pointer("pointerdown", ...at(4), canvas, finger);
      pointer("pointerup", ...at(4), canvas, finger);
    };
    tap();
    expect(model.get("selection")).toBe("add");
    expect(kinds()).not.toContain("toggle");
    vi.advanceTimersByTime(50); // the picture shows the selection
    tap();
    expect(model.request("toggle")).toMatchObject({ call: "add" });
  });

  it("zooms with two fingers, and that is no tap", () => {
    const { pointer, canvas, kinds, model } = open();
    const [x, y] = at(1);
    pointer("pointerdown", x - 20, y, canvas, { ...finger, pointerId: 1 });
    pointer("pointerdown", x + 20, y, canvas, { ...finger, pointerId: 2 });
    pointer("pointermove", x + 60, y, canvas, { ...finger, pointerId: 2 });
    pointer("pointerup", x + 60, y, canvas, { ...finger, pointerId: 2 });
    pointer("pointerup", x - 20, y, canvas, { ...finger, pointerId: 1 });
    expect(kinds()).toEqual([]);
    expect(model.get("selection")).toBe("");
  });
});

describe("the help", () => {
  it("lists the keys, and goes away with Escape", () => {
    const { $, button, list, key } = open();
    const keys = $(".ks-keys");
    expect(keys.hidden).toBe(true);
    key(list, "?");
    expect(keys.hidden).toBe(false);
    expect(button("Keys").getAttribute("aria-expanded")).toBe("true");
    key(list, "Escape");
    expect(keys.hidden).toBe(true);
  });

  it("goes away with a click on it, beside it and outside of the widget", () => {
    const { $, button } = open();
    const keys = $(".ks-keys");
    for (const target of [keys, $(".ks-picture"), document.body, button("Keys")]) {
      button("Keys").click();
      expect(keys.hidden).toBe(false);
      target.click();
      expect(keys.hidden).toBe(true);
    }
  });
});
