/** Joins the model (traits and messages) to the views: makes them, wires them, reads the traits. */

import { makeActing } from "./acting";
import { flag, listen } from "./dom";
import { makeFinding } from "./finding";
import { count, plural, work } from "./format";
import type { Scene } from "./geometry";
import type { Graph } from "./graph";
import { type Kernel, makeKernel } from "./kernel";
import { type Asked, listenToKeys, pressKey } from "./keyboard";
import { showLegend } from "./legend";
import { makeListbox } from "./listbox";
import { makeLooking } from "./looking";
import { type Colour, needsCosts as isCost } from "./overlay";
import { makePanel } from "./panel";
import { makePlanning } from "./planning";
import { decodeCosts, decodePlaced, decodeResult, type Model } from "./protocol";
import { makeReading } from "./reading";
import { makeShell } from "./shell";
import { makeStage } from "./stage";
import { makeStatus } from "./status";
import { makeStrip } from "./strip";
import { makeTelling } from "./telling";
import { readTheme, type Theme } from "./theme";
import { Timers } from "./timers";
import { makeViewing } from "./viewing";

/** How long after a new picture its costs are asked for, in ms. */
const AFTER = 300;

export function openView(model: Model, el: HTMLElement, id: string, signal: AbortSignal) {
  let themed = false;
  let askedForCosts = false;
  const timers: Timers<"costs"> = new Timers(signal);

  const shell = makeShell(
    id,
    {
      fit: () => stage.showAll(),
      undo: () => void acting.undo(),
      redo: () => void acting.redo(),
      depth: (depth) => void change(() => viewing.depth(depth)),
      colour: recolour,
      measure: () => void acting.measure(),
      turn: () => void change(() => viewing.direction(looking.scene?.down ? "right" : "down")),
      cancel: () => void acting.cancel(),
    },
    signal,
  );
  el.append(shell.root);
  const { root } = shell;
  let theme: Theme = readTheme(root);
  const kernel: Kernel = makeKernel(
    model,
    root,
    {
      changed: () => {
        if (kernel.requests.idle) status.idle();
        acting.showButtons();
      },
      silent: () => status.silent(),
      probed: () => {
        acting.showButtons();
        looking.refresh();
      },
    },
    signal,
  );
  const status = makeStatus(model, shell, () => kernel.alive);
  const stage = makeStage(
    {
      hover: (box, x, y) => looking.point(box, x, y),
      choose: (box) => looking.select(callOf(box), { reveal: false }),
      press: (box) => void acting.toggle(callOf(box)),
      pressLine: (index) => void acting.remove(index),
      pressNothing: () => looking.select(-1, { reveal: false }),
      open: (box, x, y) => void viewing.open(box, [x, y]),
      close: (fold, x, y) => void viewing.close(fold, [x, y]),
      moved: () => looking.moved(),
      editable: () => !acting.frozen,
    },
    () => theme,
    signal,
  );
  const telling = makeTelling(shell, stage, signal);
  const strip = makeStrip(
    () => ({
      visible: stage.visible(),
      theme,
      editable: !acting.frozen && kernel.alive,
    }),
    {
      scrollTo: (at) => stage.scrollTo(at),
      point: (at, landscape) => {
        const { scene, costs } = looking;
        if (!scene) return;
        if (at !== null) needCosts();
        telling.place(scene, landscape, at, costs);
      },
      drag: (index, box) => looking.drag(index, box),
      move: (index, box) => {
        looking.select(callOf(box), { reveal: false });
        stage.keepInView(looking.scene!.lineAt([box]));
        void acting.move(index, callOf(box));
      },
    },
    signal,
  );
  const list = makeListbox(
    id,
    {
      select: (call) => looking.select(call, { reveal: true }),
      toggle: (call) => void acting.toggle(call),
      open: (box) => void viewing.open(box).then(goIn),
      close: (box) => void viewing.closeAround(box).then(goIn),
      key: (name) => pressKey(name, asked()),
    },
    signal,
  );
  const panel = makePanel(
    id,
    {
      press: (action) => void acting.press(action),
      names: (text) => acting.typeNames(text),
      nearest: goNearest,
      up: (fold) => void viewing.close(fold),
      live: () => void planning.live(),
      place: ({ points }) => void planning.press(points),
      opened: (tab) => tab !== "Inspect" && needCosts(),
    },
    signal,
  );
  const looking = makeLooking(
    model,
    { stage, strip, list, panel, telling },
    kernel,
    {
      changed: () => {
        finding.count();
        acting.showButtons();
      },
      found: () => ({ found: finding.found, lit: finding.lit }),
      theme: () => theme,
      editable: () => !acting.frozen,
      inside: async (call) => {
        await viewing.reveal(reading.graph!.name(call), call);
        // The block kept its place: the call may lie outside of the view.
        if (looking.selected === call) stage.reveal(looking.scene!.boxOf(call));
      },
    },
    signal,
  );
  const planning = makePlanning(panel, kernel, status, looking.revealCut, signal);
  const acting = makeActing(
    model,
    shell,
    { panel, kernel, status, looking, planning },
    () => {
      shell.colour.value = "ms";
      recolour("ms");
    },
    signal,
  );
  const viewing = makeViewing(stage, kernel, status, () => looking.focusBox);
  const finding = makeFinding(
    shell,
    {
      changed: showFound,
      go: (call) => looking.select(call, { reveal: true }),
      focus: focusOn,
      ended: () => status.notice(""),
      enter: () => list.element.focus({ preventScroll: true }),
      selected: () => looking.selected,
    },
    signal,
  );
  const reading = makeReading(
    model,
    {
      show: showScene,
      broken: (sentence) => {
        flag(root, "data-ks-broken", Boolean(sentence));
        status.broken(sentence);
      },
    },
    signal,
  );
  stage.element.append(shell.tip);
  shell.body.append(list.element, strip.canvas, stage.element, panel.element);
  listen(stage.canvas, "mousedown", focusList, signal);
  listenToKeys(asked(), signal);
  wireModel();
  reading.readModel();
  readHeight();
  acting.readNames();
  readResult();
  status.readBusy();
  acting.showButtons();

  /** The widget or the theme changed its size or colours. */
  function resize(): void {
    // A view may be rendered before it is in the page; only there it has fonts and colours.
    if (!themed && root.isConnected) retheme();
    stage.resize();
    strip.repaint();
    list.squeeze();
  }

  function retheme(): void {
    themed = root.isConnected;
    theme = readTheme(root);
    flag(root, "data-ks-dark", theme.dark);
    mark();
    strip.repaint();
    looking.redraw();
  }

  // ---- wiring ------------------------------------------------------------------------------
  function on(event: string, callback: (message: unknown) => void): void {
    model.on(event, callback);
    signal.addEventListener("abort", () => model.off(event, callback));
  }

  function wireModel(): void {
    const traits = {
      _model: reading.readModel,
      _view: reading.readView,
      _costs: readCosts,
      _busy: status.readBusy,
      _static: looking.refresh,
      _placed: readPlaced,
      _result: readResult,
      selection: follow,
      variable_names: acting.readNames,
      height: readHeight,
      status: () => status.refused(""),
      last_error: () => status.refused(""),
    };
    for (const [trait, read] of Object.entries(traits)) on(`change:${trait}`, read);
    on("msg:custom", kernel.requests.receive);
    on("comm_live_update", kernel.changed);
  }

  /** After a click in the picture the keyboard goes on in its twin, the list. */
  function focusList(event: Event): void {
    // Else the browser would move the focus to the root afterwards.
    event.preventDefault();
    list.element.focus({ preventScroll: true });
  }

  function asked(): Asked {
    return { shell, stage, acting, finding, goNearest };
  }

  function callOf(box: number): number {
    return looking.scene?.callOf(box) ?? -1;
  }

  /** The list goes on with a box that has come. */
  function goIn(box: number): void {
    if (box >= 0) looking.select(callOf(box), { reveal: true });
  }

  function goNearest(side: -1 | 1): void {
    const call = reading.graph?.nearest(looking.focus, side) ?? -1;
    if (looking.focus >= 0 && call >= 0) looking.select(call, { reveal: true });
  }

  // ---- what is shown -----------------------------------------------------------------------
  /** A control shows what is asked for; when it is refused, what is. */
  async function change(ask: () => Promise<boolean>): Promise<void> {
    const done = await ask();
    const view = looking.scene?.view;
    if (!done && view) shell.depth = view.depth;
  }

  function recolour(colour: Colour): void {
    looking.colour = colour;
    if (isCost(colour)) needCosts();
    mark();
    looking.redraw();
  }

  /** Costs are worked out when the picture stands, or when somebody looks at them. */
  function needCosts(quiet = false): void {
    if (looking.costs || askedForCosts || !kernel.alive) return;
    askedForCosts = true;
    void kernel.requests.ask("costs").then((reply) => {
      if (!reply.ok) askedForCosts = false;
      if (!signal.aborted && !quiet && reply.error) status.refused(reply.error);
    });
  }

  function showFound(): void {
    const { scene } = looking;
    if (!scene) return;
    list.show(scene, finding.calls);
    list.activate(looking.selected);
    mark();
    looking.redraw();
  }

  function focusOn(calls: readonly number[]): void {
    const hull = looking.scene?.hull(calls);
    if (hull) stage.focusOn(hull);
    status.notice(finding.sentence);
  }

  // ---- reading the model ------------------------------------------------------------------
  function showScene(scene: Scene | null): void {
    const before = looking.scene;
    if (!scene) {
      looking.show(null);
      return;
    }
    // Asked before the views know the new scene: it is about where they are now.
    const kept = viewing.keep(before, scene);
    shell.depth = scene.view.depth;
    shell.direction = scene.view.direction;
    looking.costs = decodeCosts(model.get("_costs"), scene.graph.size);
    finding.show(scene);
    looking.show(scene);
    list.show(scene, finding.calls);
    strip.scene = scene;
    stage.show(scene, kept);
    if (before?.graph === scene.graph) {
      mark();
      list.activate(looking.selected);
      if (!kept) stage.reveal(scene.boxOf(looking.selected));
      looking.refresh();
    } else {
      askedForCosts = false;
      retheme();
      readCosts();
      readPlaced();
      follow();
      // The header says what the model does. The picture comes first.
      timers.later("costs", AFTER, () => {
        if (scene.graph.data.macs === null && !acting.frozen) needCosts(true);
      });
    }
  }

  /** What the header says of the model. */
  function showFacts(graph: Graph): void {
    const { data } = graph;
    const { title, facts } = shell;
    title.textContent = data.name;
    title.title = data.name;
    const macs =
      data.macs ?? (looking.costs && graph.totals(data.calls.kind.keys(), looking.costs).macs);
    const said = [plural(graph.size, "call"), `${count(data.params)} parameters`];
    if (macs !== null) said.push(work(macs, "MAC"));
    facts.textContent = said.join(" · ");
  }

  function readPlaced(): void {
    looking.place(decodePlaced(model.get("_placed")));
    mark();
    status.forgive();
    acting.showButtons();
    looking.refresh();
  }

  function readCosts(): void {
    const { graph } = reading;
    if (!graph) return;
    const costs = decodeCosts(model.get("_costs"), graph.size);
    looking.costs = costs;
    showFacts(graph);
    const measured = costs?.ms != null;
    const option = shell.colour.querySelector<HTMLOptionElement>("option[value=ms]");
    if (option) {
      option.disabled = !measured;
      option.title = measured ? "" : "Press Measure first";
    }
    mark();
    looking.inspect();
  }

  function follow(): void {
    looking.follow(String(model.get("selection") ?? ""));
  }

  function readHeight(): void {
    const height = Number(model.get("height"));
    const px = Number.isFinite(height) && height >= 120 ? height : 520;
    root.style.setProperty("--ks-height", `${px}px`);
    resize();
  }

  function readResult(): void {
    panel.result(decodeResult(model.get("_result")));
  }

  /** Show colours, cuts and parts where they are not drawn but written. */
  function mark(): void {
    const { placed, scene, costs } = looking;
    looking.recolour();
    const { inks, legend } = looking.overlay;
    list.paint(inks);
    list.mark(placed, theme);
    panel.parts(placed, scene, costs, theme);
    showLegend(shell.legend, legend);
  }

  return {
    root,
    resize,
    retheme,
  };
}
