/** Joins the model (traits and messages) to the views: makes them, wires them, reads the traits. */

import { Acting } from "./acting";
import { flag } from "./dom";
import { count, plural } from "./format";
import { Scene } from "./geometry";
import { Kernel } from "./kernel";
import { Listbox } from "./listbox";
import { Looking } from "./looking";
import { Panel } from "./panel";
import { decodePicture, decodePlaced, decodeResult, type Model, PayloadError } from "./protocol";
import { Stage } from "./stage";
import { Status } from "./status";
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

export class Controller {
  readonly #model: Model;
  readonly #shell: Shell;
  readonly #signal: AbortSignal;
  readonly #kernel: Kernel;
  readonly #status: Status;
  readonly #stage: Stage;
  readonly #strip: Strip;
  readonly #list: Listbox;
  readonly #panel: Panel;
  readonly #looking: Looking;
  readonly #acting: Acting;
  #theme: Theme;
  #themed = false;

  constructor(model: Model, shell: Shell, id: string, signal: AbortSignal) {
    this.#model = model;
    this.#shell = shell;
    this.#signal = signal;
    this.#theme = readTheme(shell.root);
    this.#kernel = new Kernel(
      model,
      shell.root,
      {
        changed: () => {
          if (this.#kernel.requests.idle) this.#status.idle();
          this.#acting.showButtons();
        },
        progress: (progress) => this.#status.progress(progress),
        silent: (kind) => this.#status.silent(kind),
        probed: () => {
          this.#acting.showButtons();
          this.#looking.refresh();
        },
      },
      signal,
    );
    this.#status = new Status(model, shell, () => this.#kernel.alive);
    this.#stage = new Stage(
      {
        hover: (call, x, y) => this.#looking.point(call, x, y),
        press: (call) => {
          this.#looking.select(call, { reveal: false });
          void this.#acting.toggle(call);
        },
        pressLine: (index) => void this.#acting.remove(index),
        pressNothing: () => this.#looking.select(-1, { reveal: false }),
        moved: () => this.#looking.moved(),
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
        select: (call) => this.#looking.select(call, { reveal: true }),
        toggle: (call) => void this.#acting.toggle(call),
      },
      signal,
    );
    this.#panel = new Panel(
      id,
      {
        press: (action) => void this.#acting.press(action),
        names: (text) => this.#acting.typeNames(text),
      },
      signal,
    );
    this.#looking = new Looking(
      model,
      shell,
      { stage: this.#stage, strip: this.#strip, list: this.#list, panel: this.#panel },
      this.#kernel,
      { changed: () => this.#acting.showButtons() },
      signal,
    );
    this.#acting = new Acting(
      model,
      shell,
      { panel: this.#panel, kernel: this.#kernel, status: this.#status, looking: this.#looking },
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
    this.#acting.readNames();
    this.#readResult();
    this.#acting.showButtons();
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
    this.#mark();
    this.#looking.redraw();
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
    this.#on("change:variable_names", () => this.#acting.readNames());
    this.#on("change:height", () => this.#readHeight());
    for (const trait of ["status", "last_error"]) {
      this.#on(`change:${trait}`, () => this.#status.refused(""));
    }
    this.#on("msg:custom", (message) => this.#kernel.requests.receive(message));
    // Tells that the connection came or went, but not which: try it.
    this.#on("comm_live_update", () => this.#kernel.changed());
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
          this.#looking.select(first, { reveal: true });
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
    undo.addEventListener("click", () => void this.#acting.undo(), options);
    redo.addEventListener("click", () => void this.#acting.redo(), options);
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
        void (back ? this.#acting.undo() : this.#acting.redo());
      },
      options,
    );
  }

  // ---- reading the model ------------------------------------------------------------------

  #readPicture(): void {
    const { title, facts, root } = this.#shell;
    let scene: Scene | null = null;
    let broken = "";
    try {
      const picture = decodePicture(this.#model.get("_picture"));
      scene = new Scene(picture);
      title.textContent = picture.name;
      title.title = picture.name;
      const calls = plural(picture.calls.name.length, "call");
      facts.textContent = `${calls} · ${count(picture.params)} parameters`;
    } catch (error) {
      broken =
        error instanceof PayloadError
          ? error.message
          : "The picture cannot be shown: what arrived cannot be read. Restart the kernel and reload the page.";
      title.textContent = "";
      facts.textContent = "";
    }
    flag(root, "data-ks-broken", Boolean(broken));
    this.#status.broken(broken);
    this.#looking.show(scene);
    if (!scene) return;
    this.#list.show(scene);
    this.#list.filter(this.#shell.search.value);
    this.#strip.scene = scene;
    this.retheme();
    this.#readPlaced();
    this.#stage.show(scene);
    this.#readSelection();
    this.#looking.inspect();
  }

  #readPlaced(): void {
    this.#looking.place(decodePlaced(this.#model.get("_placed")));
    this.#mark();
    this.#status.forgive();
    this.#acting.showButtons();
    this.#looking.refresh();
  }

  #readSelection(): void {
    this.#looking.follow(String(this.#model.get("selection") ?? ""));
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

  /** Show the placed cuts and the parts where they are not drawn but written. */
  #mark(): void {
    const { placed } = this.#looking;
    this.#list.mark(placed, this.#theme);
    this.#panel.parts(placed, this.#theme);
  }
}
