/** The canvas with its camera: pointer, wheel, pinch, resizing and redrawing when dirty. */

import {
  type Bounds,
  type Camera,
  fitScale,
  keepInside,
  LEGIBLE,
  minScale,
  opening,
  overview,
  panBy,
  reveal,
  toScreen,
  toWorld,
  type ViewSize,
  visible,
  zoomAbout,
} from "./camera";
import { h } from "./dom";
import type { CutLine, Scene } from "./geometry";
import { type Frame, Painter } from "./painter";
import type { Part } from "./protocol";
import type { Theme } from "./theme";

export interface StageEvents {
  /** The pointer is over a call (-1: over none), at this place of the stage. */
  hover(call: number, x: number, y: number): void;
  press(call: number): void;
  pressLine(index: number): void;
  /** A click on nothing. */
  pressNothing(): void;
  /** The camera or the size changed. */
  moved(): void;
}

/** What the stage draws besides the scene. */
export interface Drawn {
  cuts: readonly CutLine[];
  preview: CutLine | null;
  partOf: readonly number[];
  parts: readonly Part[];
  hover: number;
  selected: number;
}

const DRAG = 4;
const LINE_REACH = 5;

/** Sizes are only known in a page; jsdom has none. */
function sizeOf(element: HTMLElement): ViewSize {
  return { width: element.clientWidth, height: element.clientHeight };
}

export class Stage {
  readonly element: HTMLDivElement;
  readonly canvas: HTMLCanvasElement;
  camera: Camera = { x: 0, y: 0, scale: 1 };
  scene: Scene | null = null;
  drawn: Drawn = {
    cuts: [],
    preview: null,
    partOf: [],
    parts: [],
    hover: -1,
    selected: -1,
  };
  readonly #events: StageEvents;
  readonly #painter: Painter | null;
  readonly #theme: () => Theme;
  readonly #pointers = new Map<number, { x: number; y: number }>();
  #view: ViewSize = { width: 0, height: 0 };
  #fitted = false;
  #opened = false;
  #frame = 0;
  #dragged = 0;
  #hoverLine = -1;
  /** A call to show as soon as there is a size. */
  #wanted = -1;

  constructor(events: StageEvents, theme: () => Theme, signal: AbortSignal) {
    this.#events = events;
    this.#theme = theme;
    this.canvas = h("canvas", { class: "ks-picture", role: "img" });
    this.element = h("div", { class: "ks-stage" }, this.canvas);
    const context = this.canvas.getContext("2d");
    this.#painter = context ? new Painter(context) : null;
    this.#listen(signal);
    signal.addEventListener("abort", () => cancelAnimationFrame(this.#frame));
  }

  get view(): ViewSize {
    return this.#view;
  }

  /** Is the text in the boxes readable at this zoom? */
  get legible(): boolean {
    return this.camera.scale >= LEGIBLE + 0.05;
  }

  show(scene: Scene): void {
    this.scene = scene;
    this.#opened = false;
    this.resize();
  }

  /** Take the size from the page. The first real size decides what is shown when opened. */
  resize(): void {
    const { width, height } = sizeOf(this.element);
    if (width !== this.#view.width || height !== this.#view.height) {
      const middle = toWorld(this.camera, this.#view.width / 2, this.#view.height / 2);
      this.#view = { width, height };
      if (this.#fitted && this.scene) this.camera = overview(this.scene.bounds, this.#view);
      else if (this.#opened) {
        const { scale } = this.camera;
        this.camera = {
          x: middle[0] - width / scale / 2,
          // The top stays where it is: only the middle of the width is kept.
          y: this.camera.y,
          scale,
        };
      }
    }
    if (!this.#opened && this.scene && width > 0 && height > 0) {
      this.#opened = true;
      this.#move(opening(this.scene.bounds, this.#view));
      this.reveal(this.#wanted);
      this.#wanted = -1;
    }
    this.dirty();
    this.#events.moved();
  }

  /** Show the whole model. */
  showAll(): void {
    if (!this.scene) return;
    this.#move(overview(this.scene.bounds, this.#view));
    this.#fitted = true;
  }

  /** Bring a call to the middle of the height. */
  reveal(call: number): void {
    if (call < 0 || !this.scene?.hasPlace(call)) return;
    if (!this.#opened) {
      this.#wanted = call;
      return;
    }
    this.#move(reveal(this.camera, this.scene.box(call), this.#view));
  }

  /** Scroll so that this world height is in the middle. */
  scrollTo(y: number): void {
    this.#move({ ...this.camera, y: y - this.#view.height / this.camera.scale / 2 });
  }

  visible(): Bounds {
    return visible(this.camera, this.#view);
  }

  /** Redraw in the next frame. */
  dirty(): void {
    if (this.#frame || !this.#painter) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint();
    });
  }

  #paint(): void {
    const { scene } = this;
    const { width, height } = this.#view;
    if (!scene || !this.#painter || width === 0) return;
    const ratio = window.devicePixelRatio || 1;
    const deviceWidth = Math.round(width * ratio);
    const deviceHeight = Math.round(height * ratio);
    // Setting a canvas's size clears it and is slow: only when it changed.
    if (this.canvas.width !== deviceWidth) this.canvas.width = deviceWidth;
    if (this.canvas.height !== deviceHeight) this.canvas.height = deviceHeight;
    const frame: Frame = {
      ...this.drawn,
      leaving: this.#hoverLine,
      scene,
      camera: this.camera,
      view: this.#view,
      ratio,
      theme: this.#theme(),
    };
    this.#painter.paint(frame);
  }

  #move(camera: Camera): void {
    if (!this.scene) return;
    this.#fitted = false;
    this.camera = keepInside(camera, this.scene.bounds, this.#view);
    this.dirty();
    this.#events.moved();
  }

  #zoom(x: number, y: number, factor: number): void {
    if (!this.scene) return;
    const low = minScale(this.scene.bounds, this.#view);
    this.#move(zoomAbout(this.camera, x, y, factor, low));
  }

  #at(event: MouseEvent): [number, number] {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  /** The call under a place of the stage; small boxes are easier to hit from far. */
  #callAt(x: number, y: number): number {
    if (!this.scene) return -1;
    const [wx, wy] = toWorld(this.camera, x, y);
    const slack = this.camera.scale < 0.3 ? 2 / this.camera.scale : 0;
    return this.scene.callAt(wx, wy, slack);
  }

  #lineAt(y: number): number {
    let found = -1;
    let best = LINE_REACH;
    this.drawn.cuts.forEach((line, index) => {
      const distance = Math.abs(toScreen(this.camera, 0, line.y)[1] - y);
      if (distance <= best) {
        best = distance;
        found = index;
      }
    });
    return found;
  }

  #point(x: number, y: number): void {
    const call = this.#callAt(x, y);
    const line = call < 0 ? this.#lineAt(y) : -1;
    if (line !== this.#hoverLine) {
      this.#hoverLine = line;
      this.canvas.title = line >= 0 ? "Click to remove this cut" : "";
      this.dirty();
    }
    this.canvas.style.cursor = call >= 0 || line >= 0 ? "pointer" : "grab";
    this.#events.hover(call, x, y);
  }

  #leave(): void {
    this.#hoverLine = -1;
    this.#events.hover(-1, 0, 0);
    this.dirty();
  }

  #listen(signal: AbortSignal): void {
    const { canvas } = this;
    const pointers = this.#pointers;
    canvas.addEventListener(
      "pointerdown",
      (event) => {
        if (event.button !== 0) return;
        const [x, y] = this.#at(event);
        if (pointers.size === 0) this.#dragged = 0;
        pointers.set(event.pointerId, { x, y });
        canvas.setPointerCapture?.(event.pointerId);
      },
      { signal },
    );
    canvas.addEventListener(
      "pointermove",
      (event) => {
        const [x, y] = this.#at(event);
        const before = pointers.get(event.pointerId);
        if (!before) {
          if (event.pointerType !== "touch") this.#point(x, y);
          return;
        }
        if (pointers.size === 1) this.#drag(before, x, y);
        else this.#pinch(event.pointerId, before, x, y);
        if (this.#dragged > DRAG) pointers.set(event.pointerId, { x, y });
      },
      { signal },
    );
    const release = (event: PointerEvent) => {
      const known = pointers.delete(event.pointerId);
      const [x, y] = this.#at(event);
      this.canvas.style.cursor = "grab";
      if (!known || pointers.size > 0 || event.type !== "pointerup") return;
      if (this.#dragged <= DRAG) this.#click(x, y);
      else if (event.pointerType !== "touch") this.#point(x, y);
    };
    canvas.addEventListener("pointerup", release, { signal });
    canvas.addEventListener("pointercancel", release, { signal });
    canvas.addEventListener("pointerleave", () => pointers.size || this.#leave(), { signal });
    canvas.addEventListener(
      "dblclick",
      (event) => {
        const [x, y] = this.#at(event);
        // On a call or a line a double click is two clicks.
        if (this.#callAt(x, y) >= 0 || this.#lineAt(y) >= 0) return;
        this.#toggleFit(x, y);
      },
      { signal },
    );
    canvas.addEventListener(
      "wheel",
      (event) => {
        const [x, y] = this.#at(event);
        const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? this.#view.height : 1;
        if (event.ctrlKey || event.metaKey) {
          event.preventDefault();
          const step = Math.min(Math.max(event.deltaY * unit, -120), 120);
          this.#zoom(x, y, Math.exp(-step * 0.004));
        } else if (event.shiftKey) {
          event.preventDefault();
          // With Shift a mouse wheel reports one axis, a trackpad both.
          const both = event.deltaX !== 0 && event.deltaY !== 0;
          const dy = event.deltaY || event.deltaX;
          this.#move(panBy(this.camera, both ? -event.deltaX * unit : 0, -dy * unit));
        }
        // A plain wheel belongs to the notebook.
      },
      { signal, passive: false },
    );
  }

  #drag(before: { x: number; y: number }, x: number, y: number): void {
    this.#dragged = Math.max(this.#dragged, Math.hypot(x - before.x, y - before.y));
    if (this.#dragged <= DRAG) return;
    this.canvas.style.cursor = "grabbing";
    this.#events.hover(-1, 0, 0);
    this.#move(panBy(this.camera, x - before.x, y - before.y));
  }

  #pinch(id: number, before: { x: number; y: number }, x: number, y: number): void {
    const other = [...this.#pointers].find(([key]) => key !== id)?.[1];
    if (!other) return;
    this.#dragged = DRAG + 1;
    const old = Math.hypot(before.x - other.x, before.y - other.y) || 1;
    const now = Math.hypot(x - other.x, y - other.y) || 1;
    this.#zoom((before.x + other.x) / 2, (before.y + other.y) / 2, now / old);
    this.#move(panBy(this.camera, (x - before.x) / 2, (y - before.y) / 2));
  }

  #click(x: number, y: number): void {
    const call = this.#callAt(x, y);
    if (call >= 0) {
      this.#events.press(call);
      return;
    }
    const line = this.#lineAt(y);
    if (line >= 0) this.#events.pressLine(line);
    else this.#events.pressNothing();
  }

  /** All of it, or from there back to reading at that place. */
  #toggleFit(x: number, y: number): void {
    if (!this.scene) return;
    const whole = fitScale(this.scene.bounds, this.#view);
    if (this.#fitted && whole < LEGIBLE) this.#zoom(x, y, 0.9 / this.camera.scale);
    else this.showAll();
  }
}
