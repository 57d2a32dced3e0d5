/** Joins the model (traits and messages) to the views. All state of one view lives here. */

import { flag } from "./dom";
import { count, plural, shape } from "./format";
import { type CutLine, Scene } from "./geometry";
import { Listbox } from "./listbox";
import { type Action, Panel } from "./panel";
import {
  type Cut,
  decodeCut,
  decodePicture,
  decodePlaced,
  decodeResult,
  type Kind,
  type Model,
  PayloadError,
  type Placed,
  type Reply,
  Requests,
} from "./protocol";
import { Stage } from "./stage";
import { Strip } from "./strip";
import { readTheme, type Theme } from "./theme";

/** The elements that widget.ts made and the controller fills. */
export interface Shell {
  root: HTMLElement;
  title: HTMLElement;
  facts: HTMLElement;
  search: HTMLInputElement;
  fit: HTMLButtonElement;
  undo: HTMLButtonElement;
  redo: HTMLButtonElement;
  body: HTMLElement;
  tip: HTMLElement;
  status: HTMLElement;
  alert: HTMLElement;
  progress: HTMLProgressElement;
}

const PREVIEW_DELAY = 60;
/** How long what was pointed at last stays in Inspect, so that gaps between boxes do not flicker. */
const LINGER = 160;
const SEND_NAMES_DELAY = 250;
/** How long a kernel may take to show that it is there, in ms. */
const PROBE = 3000;
const GONE =
  "The kernel of this picture is gone: run the cell again to work with it; the picture can still be read.";
const WORDS: Record<Kind, string> = {
  preview: "The look at this cut",
  toggle: "The cut",
  remove: "The cut",
  clear: "Clearing the cuts",
  undo: "Undo",
  redo: "Redo",
  split: "The split",
  verify: "The verification",
  code: "The code",
};

type Timer = "preview" | "linger" | "label" | "names" | "comm";
type Look = { cut: Cut | null; refusal: string };

export class Controller {
  readonly #model: Model;
  readonly #shell: Shell;
  readonly #signal: AbortSignal;
  readonly #requests: Requests;
  readonly #stage: Stage;
  readonly #strip: Strip;
  readonly #list: Listbox;
  readonly #panel: Panel;
  #theme: Theme;
  #themed = false;
  #scene: Scene | null = null;
  #placed: Placed = decodePlaced(null);
  #lines: CutLine[] = [];
  #hover = -1;
  #selected = -1;
  /** Looks at cuts that were asked for; valid until the cuts change. */
  #looks = new Map<number, Look>();
  #previewLine: { call: number; line: CutLine } | null = null;
  #timers: Partial<Record<Timer, ReturnType<typeof setTimeout>>> = {};
  /** Sentences of our own that stand before Python's: the kernel is busy; progress; a hint. */
  #slow = "";
  #doing = "";
  #notice = "";
  /** The refusal of the last request, until something else happens. */
  #refused = "";
  #broken = "";
  #lost = false;

  constructor(model: Model, shell: Shell, id: string, signal: AbortSignal) {
    this.#model = model;
    this.#shell = shell;
    this.#signal = signal;
    this.#theme = readTheme(shell.root);
    this.#requests = new Requests((content) => model.send(content), {
      changed: () => {
        if (this.#requests.idle) {
          this.#slow = "";
          this.#hideProgress();
        }
        this.#showStatus();
        this.#showButtons();
      },
      progress: (progress) => {
        this.#slow = "";
        this.#showProgress(progress.what, progress.done, progress.total);
      },
      silent: (kind) => {
        this.#slow = `No answer from the kernel yet, it may be busy: ${WORDS[kind].toLowerCase()} will follow when it is free.`;
        this.#showStatus();
      },
    });
    this.#stage = new Stage(
      {
        hover: (call, x, y) => this.#point(call, x, y),
        press: (call) => {
          this.#select(call, { reveal: false });
          void this.#toggle(call);
        },
        pressLine: (index) => void this.#act("remove", { index }),
        pressNothing: () => this.#select(-1, { reveal: false }),
        moved: () => this.#moved(),
      },
      () => this.#theme,
      signal,
    );
    this.#strip = new Strip(
      () => ({
        visible: this.#stage.visible(),
        drawn: this.#stage.drawn,
        theme: this.#theme,
      }),
      { scrollTo: (y) => this.#stage.scrollTo(y) },
      signal,
    );
    this.#list = new Listbox(
      id,
      {
        select: (call) => this.#select(call, { reveal: true }),
        toggle: (call) => void this.#toggle(call),
      },
      signal,
    );
    this.#panel = new Panel(
      id,
      { press: (action) => void this.#press(action), names: (text) => this.#typeNames(text) },
      signal,
    );
    this.#stage.element.append(shell.tip);
    shell.body.append(
      this.#list.element,
      this.#strip.canvas,
      this.#stage.element,
      this.#panel.element,
    );
    this.#wireShell();
    this.#wireModel();
    this.#readPicture();
    this.#readHeight();
    this.#readNames();
    this.#readResult();
    this.#showStatus();
    this.#showButtons();
  }

  /** The widget or the theme changed its size or colours. */
  resize(): void {
    // A view may be rendered before it is in the page; only there it has fonts and colours.
    if (!this.#themed && this.#shell.root.isConnected) this.retheme();
    this.#stage.resize();
    this.#strip.dirty();
  }

  retheme(): void {
    this.#themed = this.#shell.root.isConnected;
    this.#theme = readTheme(this.#shell.root);
    flag(this.#shell.root, "data-ks-dark", this.#theme.dark);
    this.#list.paint(this.#theme);
    this.#list.mark(this.#placed, this.#theme);
    this.#panel.parts(this.#placed, this.#theme);
    this.#redraw();
  }

  // ---- wiring ------------------------------------------------------------------------------

  #on(event: string, callback: (message: unknown) => void): void {
    this.#model.on(event, callback);
    this.#signal.addEventListener("abort", () => this.#model.off(event, callback));
  }

  #wireModel(): void {
    this.#on("change:_picture", () => this.#readPicture());
    this.#on("change:_placed", () => this.#readPlaced());
    this.#on("change:_result", () => this.#readResult());
    this.#on("change:selection", () => this.#readSelection());
    this.#on("change:variable_names", () => this.#readNames());
    this.#on("change:height", () => this.#readHeight());
    for (const trait of ["status", "last_error"]) {
      this.#on(`change:${trait}`, () => {
        this.#refused = "";
        this.#notice = "";
        this.#showStatus();
      });
    }
    this.#on("msg:custom", (message) => this.#requests.receive(message));
    // Tells that the connection came or went, but not which: try it.
    this.#on("comm_live_update", () => this.#later("comm", 0, () => void this.#probe()));
    this.#signal.addEventListener("abort", () => {
      this.#requests.dispose();
      for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    });
  }

  #wireShell(): void {
    const { root, search, fit, undo, redo } = this.#shell;
    const options = { signal: this.#signal };
    search.addEventListener("input", () => this.#list.filter(search.value), options);
    search.addEventListener(
      "keydown",
      (event) => {
        if (event.key === "Enter" || event.key === "ArrowDown") {
          event.preventDefault();
          const first = this.#list.shown[0];
          if (first === undefined) return;
          this.#select(first, { reveal: true });
          this.#list.element.focus({ preventScroll: true });
        } else if (event.key === "Escape" && search.value) {
          event.preventDefault();
          event.stopPropagation();
          search.value = "";
          this.#list.filter("");
        }
      },
      options,
    );
    this.#list.element.addEventListener(
      "keydown",
      (event) => {
        if (event.key !== "Escape" || !search.value) return;
        search.value = "";
        this.#list.filter("");
      },
      options,
    );
    fit.addEventListener("click", () => this.#stage.showAll(), options);
    undo.addEventListener("click", () => this.#placed.canUndo && void this.#act("undo"), options);
    redo.addEventListener("click", () => this.#placed.canRedo && void this.#act("redo"), options);
    // After a click in the picture the keyboard goes on in its twin, the list.
    this.#stage.canvas.addEventListener(
      "mousedown",
      (event) => {
        // Else the browser would move the focus to the root afterwards.
        event.preventDefault();
        this.#list.element.focus({ preventScroll: true });
      },
      options,
    );
    root.addEventListener(
      "keydown",
      (event) => {
        if (!(event.ctrlKey || event.metaKey) || event.target instanceof HTMLInputElement) return;
        const key = event.key.toLowerCase();
        const back = key === "z" && !event.shiftKey;
        const again = (key === "z" && event.shiftKey) || key === "y";
        if (!back && !again) return;
        event.preventDefault();
        event.stopPropagation();
        if (back ? this.#placed.canUndo : this.#placed.canRedo) {
          void this.#act(back ? "undo" : "redo");
        }
      },
      options,
    );
  }

  #later(name: Timer, delay: number, then: () => void): void {
    clearTimeout(this.#timers[name]);
    this.#timers[name] = setTimeout(then, delay);
  }

  // ---- reading the model ------------------------------------------------------------------

  #readPicture(): void {
    const { title, facts, root } = this.#shell;
    try {
      const picture = decodePicture(this.#model.get("_picture"));
      this.#scene = new Scene(picture);
      this.#broken = "";
      title.textContent = picture.name;
      title.title = picture.name;
      const calls = plural(picture.calls.name.length, "call");
      facts.textContent = `${calls} · ${count(picture.params)} parameters`;
    } catch (error) {
      this.#scene = null;
      this.#broken =
        error instanceof PayloadError
          ? error.message
          : "The picture cannot be shown: what arrived cannot be read. Restart the kernel and reload the page.";
      title.textContent = "";
      facts.textContent = "";
    }
    flag(root, "data-ks-broken", Boolean(this.#broken));
    this.#showStatus();
    if (!this.#scene) return;
    this.#hover = -1;
    this.#selected = -1;
    this.#list.show(this.#scene);
    this.#list.filter(this.#shell.search.value);
    this.#strip.scene = this.#scene;
    this.retheme();
    this.#readPlaced();
    this.#stage.show(this.#scene);
    this.#readSelection();
    this.#inspect();
  }

  #readPlaced(): void {
    this.#placed = decodePlaced(this.#model.get("_placed"));
    // A new map, not an empty one: answers that are still on their way know the old one.
    this.#looks = new Map();
    this.#previewLine = null;
    this.#refused = "";
    const scene = this.#scene;
    this.#lines = scene ? this.#placed.cuts.map((cut) => scene.cutLine(cut)) : [];
    this.#list.mark(this.#placed, this.#theme);
    this.#panel.parts(this.#placed, this.#theme);
    this.#showStatus();
    this.#showButtons();
    this.#look();
    this.#inspect();
  }

  #readSelection(): void {
    if (!this.#scene) return;
    const name = String(this.#model.get("selection") ?? "");
    const call = this.#scene.callOf.get(name) ?? -1;
    if (call === this.#selected) return;
    this.#selected = call;
    this.#list.activate(call);
    if (call >= 0) this.#stage.reveal(call);
    this.#look();
    this.#inspect();
  }

  #readNames(): void {
    const { namesField } = this.#panel;
    const root = namesField.getRootNode() as Document | ShadowRoot;
    // What is being typed is not taken away.
    if (root.activeElement === namesField && this.#timers.names !== undefined) return;
    namesField.value = String(this.#model.get("variable_names") ?? "");
  }

  #readHeight(): void {
    const height = Number(this.#model.get("height"));
    const px = Number.isFinite(height) && height >= 120 ? height : 520;
    this.#shell.root.style.setProperty("--ks-height", `${px}px`);
    this.resize();
  }

  #readResult(): void {
    this.#panel.result(decodeResult(this.#model.get("_result")));
  }

  // ---- pointing, selecting, looking ---------------------------------------------------------

  /** The call that Inspect and the dashed line are about. */
  get #focus(): number {
    return this.#hover >= 0 ? this.#hover : this.#selected;
  }

  #point(call: number, x: number, y: number): void {
    this.#showTip(call, x, y);
    if (call === this.#hover) {
      clearTimeout(this.#timers.linger);
      return;
    }
    if (call < 0) {
      this.#later("linger", LINGER, () => this.#setHover(-1));
    } else {
      clearTimeout(this.#timers.linger);
      this.#setHover(call);
    }
  }

  #setHover(call: number): void {
    this.#hover = call;
    this.#look();
    this.#inspect();
  }

  #select(call: number, { reveal }: { reveal: boolean }): void {
    if (call !== this.#selected) {
      this.#selected = call;
      this.#list.activate(call);
      this.#model.set("selection", call < 0 ? "" : this.#scene!.picture.calls.name[call]);
      this.#model.save_changes();
    }
    if (reveal) {
      // The list speaks now; what the pointer rests on has been left.
      this.#hover = -1;
      if (call >= 0) this.#stage.reveal(call);
    }
    this.#look();
    this.#inspect();
  }

  /** Ask, after a moment, what a cut after the focused call would be. Only the latest counts. */
  #look(): void {
    clearTimeout(this.#timers.preview);
    const call = this.#focus;
    if (!this.#scene || call < 0 || this.#looks.has(call) || !this.#alive()) return;
    this.#later("preview", PREVIEW_DELAY, async () => {
      const looks = this.#looks;
      const name = this.#scene!.picture.calls.name[call];
      const reply = await this.#requests.ask("preview", { call: name });
      // The cuts or the model changed meanwhile: this answer is about something else.
      if (looks !== this.#looks || this.#signal.aborted || !this.#alive()) return;
      looks.set(call, {
        cut: reply.ok && reply.cut ? decodeCut(reply.cut) : null,
        refusal: reply.ok ? (reply.cut ? "" : String(reply.sentence ?? "")) : reply.error,
      });
      if (call === this.#focus) this.#inspect();
    });
  }

  /** Bring Inspect and the picture up to date with what is focused. */
  #inspect(): void {
    const scene = this.#scene;
    if (!scene) return;
    const call = this.#focus;
    const look = this.#looks.get(call);
    if (look?.cut && this.#previewLine?.call !== call) {
      this.#previewLine = { call, line: scene.cutLine(look.cut) };
    }
    this.#panel.inspect({
      scene,
      call,
      cut: look?.cut ?? null,
      refusal: look?.refusal ?? (call >= 0 && !this.#alive() ? GONE : ""),
    });
    this.#showButtons();
    this.#redraw();
  }

  #redraw(): void {
    const look = this.#looks.get(this.#focus);
    const line = this.#previewLine?.call === this.#focus ? this.#previewLine.line : null;
    const removes = Boolean(look?.cut?.removes);
    this.#stage.drawn = {
      cuts: this.#lines,
      preview: line && !removes ? line : null,
      partOf: this.#placed.partOf,
      parts: this.#placed.parts,
      hover: this.#hover,
      selected: this.#selected,
    };
    this.#stage.dirty();
    this.#strip.dirty();
    this.#describe();
  }

  #moved(): void {
    this.#strip?.dirty();
    this.#describe();
  }

  /** The picture in words, after things have come to rest. */
  #describe(): void {
    this.#later("label", 200, () => {
      const scene = this.#scene;
      if (!scene) return;
      const { picture } = scene;
      const seen = scene.callsIn(this.#stage.visible());
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
      this.#stage.canvas.setAttribute("aria-label", `${said.join("; ")}.`);
    });
  }

  /** The tooltip says what the picture and the panel beside it do not. */
  #showTip(call: number, x: number, y: number): void {
    const { tip, root } = this.#shell;
    const beside = root.dataset.ksWidth === "wide";
    const scene = this.#scene;
    if (!scene || call < 0 || (beside && this.#stage.legible)) {
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
    const { width, height } = this.#stage.view;
    tip.classList.toggle("ks-above", y > height - 90 && x < width - 120);
  }

  // ---- acting ------------------------------------------------------------------------------

  /** False when the kernel of this model is gone. */
  #alive(): boolean {
    return !this.#lost && this.#shell.root.closest(".jupyter-widgets-disconnected") === null;
  }

  /** Find out whether there is still somebody who answers. */
  async #probe(): Promise<void> {
    this.#requests.abandon();
    const asked = this.#requests.ask("code").then((reply) => reply.kind === "reply");
    const patience = new Promise<boolean>((resolve) => {
      this.#later("comm", PROBE, () => resolve(false));
    });
    const answered = await Promise.race([asked, patience]);
    if (this.#signal.aborted) return;
    clearTimeout(this.#timers.comm);
    this.#lost = !answered;
    if (!answered) this.#requests.abandon();
    this.#showButtons();
    this.#look();
    this.#inspect();
  }

  async #act(kind: Kind, payload: Record<string, unknown> = {}): Promise<Reply | null> {
    if (!this.#alive()) {
      this.#showButtons();
      return null;
    }
    this.#notice = "";
    this.#refused = "";
    this.#showStatus();
    const reply = await this.#requests.ask(kind, payload);
    if (this.#signal.aborted) return null;
    this.#notice = "";
    // Python usually says it in last_error too; then this is the same sentence.
    this.#refused = reply.error;
    this.#showStatus();
    return reply;
  }

  async #toggle(call: number): Promise<void> {
    await this.#act("toggle", { call: this.#scene!.picture.calls.name[call] });
  }

  async #press(action: Action): Promise<void> {
    if (!this.#enabled(action)) return;
    if (action === "cut") await this.#toggle(this.#focus);
    else if (action === "code") await this.#copy();
    else {
      // The names travel with the press: the trait may still be on its way.
      const names = this.#panel.namesField.value;
      await this.#act(action, action === "split" ? { names } : {});
    }
  }

  async #copy(): Promise<void> {
    const reply = await this.#act("code");
    const known = decodeResult(this.#model.get("_result"))?.code ?? "";
    const code = reply?.ok ? String(reply.code ?? "") : reply === null ? known : "";
    if (!code) return;
    this.#panel.showCode(code);
    try {
      await navigator.clipboard.writeText(code);
      this.#panel.copied();
    } catch {
      // Not allowed here (an insecure page, or no permission): leave the last step to the person.
      this.#panel.selectCode();
      this.#notice = "The page may not use the clipboard: the code is selected, press Ctrl+C.";
      this.#showStatus();
    }
  }

  #typeNames(text: string): void {
    this.#model.set("variable_names", text);
    this.#later("names", SEND_NAMES_DELAY, () => this.#sendNames());
  }

  #sendNames(): void {
    clearTimeout(this.#timers.names);
    delete this.#timers.names;
    this.#model.set("variable_names", this.#panel.namesField.value);
    this.#model.save_changes();
  }

  #enabled(action: Action): boolean {
    if (!this.#scene || this.#requests.busy(action === "cut" ? "toggle" : action)) return false;
    if (action === "cut") return this.#focus >= 0 && !this.#looks.get(this.#focus)?.refusal;
    return this.#placed.cuts.length > 0;
  }

  // ---- telling -------------------------------------------------------------------------------

  #showButtons(): void {
    const { undo, redo, root } = this.#shell;
    const alive = this.#alive();
    flag(root, "data-ks-gone", !alive);
    this.#showStatus();
    const state = (action: Action) => ({
      enabled: alive && this.#enabled(action),
      busy: this.#requests.busy(action === "cut" ? "toggle" : action),
    });
    const actions = {
      cut: state("cut"),
      split: state("split"),
      verify: state("verify"),
      code: state("code"),
      clear: state("clear"),
    };
    this.#panel.enable(actions, alive ? "" : GONE);
    flag(undo, "aria-disabled", !alive || !this.#placed.canUndo, "true");
    flag(redo, "aria-disabled", !alive || !this.#placed.canRedo, "true");
  }

  #showStatus(): void {
    const { status, alert } = this.#shell;
    const error = this.#broken || this.#refused || String(this.#model.get("last_error") ?? "");
    const own = this.#broken
      ? ""
      : this.#alive()
        ? this.#slow || this.#doing || this.#notice
        : GONE;
    const text = own || (error ? "" : String(this.#model.get("status") ?? ""));
    const wrong = own ? "" : error;
    // Only when it changed: a live region that is written again is read aloud again.
    if (status.textContent !== text) status.textContent = text;
    if (alert.textContent !== wrong) alert.textContent = wrong;
  }

  #showProgress(what: string, done: number, total: number): void {
    const { progress } = this.#shell;
    progress.hidden = false;
    progress.max = Math.max(1, total);
    progress.value = done;
    progress.setAttribute("aria-label", what || "Progress");
    this.#doing = total > 0 ? `${what} (${done} of ${total})` : what;
    this.#showStatus();
  }

  #hideProgress(): void {
    this.#shell.progress.hidden = true;
    this.#doing = "";
  }
}
