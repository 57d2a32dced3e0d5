/** Overview and landscape: what crosses along the model, the cuts to drag, the frame of what is seen. */

import type { Bounds } from "./camera";
import { h, listen } from "./dom";
import type { Scene } from "./geometry";
import { type Landscape, makeLandscape } from "./landscape";
import type { Drawn } from "./painter";
import type { Theme } from "./theme";

export interface StripEvents {
  /** Bring this place along the axis to the middle of the picture. */
  scrollTo(at: number): void;
  /** The pointer is at this place (null: nowhere). */
  point(at: number | null, landscape: Landscape): void;
  /** A cut is being dragged to the place after this box; -1: no longer. */
  drag(index: number, box: number): void;
  /** A cut was dropped at the place after this box. */
  move(index: number, box: number): void;
}

export interface StripState {
  visible: Bounds;
  theme: Theme;
  /** Cuts may be dragged. */
  editable: boolean;
}

const PAD = 8;
const MIN_FRAME = 10;
const HANDLE = 6;

type Grip = { cut: number; box: number } | { cut: -1; offset: number };

export type Strip = ReturnType<typeof makeStrip>;

export function makeStrip(state: () => StripState, events: StripEvents, signal: AbortSignal) {
  let scene: Scene | null = null;
  let landscape: Landscape | null = null;
  /** Everything but the frame, which moves all the time. */
  let ground: HTMLCanvasElement | null = null;
  let groundOf: Drawn | null = null;
  let groundAt = "";
  let grip: Grip | null = null;
  let drawn: Drawn | null = null;
  let frame = 0;
  let length = 0;
  /** The place along the axis at the first pixel, and how far it is from each pixel to the next. */
  let from = 0;
  let step = 1;
  /** All of the model is in view: the strip has the picture's places. */
  let aligned = false;

  // For the eyes and the mouse only; list and panel do the same for everyone.
  const canvas: HTMLCanvasElement = h("canvas", { class: "ks-strip", "aria-hidden": "true" });
  const context: CanvasRenderingContext2D | null = canvas.getContext("2d");
  wire();
  signal.addEventListener("abort", () => cancelAnimationFrame(frame));

  function dirty(): void {
    if (frame || !context) return;
    frame = requestAnimationFrame(() => {
      frame = 0;
      paint();
    });
  }

  /** The size or the colours have changed. */
  function repaint(): void {
    ground = null;
    dirty();
  }

  // ---- dragging -------------------------------------------------------------------------------

  function wire(): void {
    const at = (event: PointerEvent) => {
      const box = canvas.getBoundingClientRect();
      align();
      return scene?.down === false ? event.clientX - box.left : event.clientY - box.top;
    };
    listen(
      canvas,
      "pointerdown",
      (event) => {
        if (event.button !== 0 || !scene) return;
        event.preventDefault();
        canvas.setPointerCapture?.(event.pointerId);
        take(at(event));
      },
      signal,
    );
    listen(
      canvas,
      "pointermove",
      (event) => {
        if (grip) pull(at(event));
        else {
          const cut = cutAt(at(event));
          const along = scene?.down ? "ns-resize" : "ew-resize";
          canvas.style.cursor = cut >= 0 ? along : aligned ? "default" : "grab";
          if (landscape) events.point(world(at(event)), landscape);
        }
      },
      signal,
    );
    listen(canvas, "pointerup", () => drop(true), signal);
    listen(canvas, "pointercancel", () => drop(false), signal);
    listen(canvas, "pointerleave", () => landscape && events.point(null, landscape), signal);
  }

  function cutAt(at: number): number {
    if (!drawn || !state().editable) return -1;
    const near = drawn.cuts.map((line) => Math.abs(screen(line.at) - at));
    const best = near.reduce((a, b, i) => (b < (near[a] ?? Infinity) ? i : a), -1);
    return near[best] <= HANDLE ? best : -1;
  }

  function take(at: number): void {
    const cut = cutAt(at);
    if (cut >= 0) {
      grip = { cut, box: -1 };
      return;
    }
    if (aligned) return;
    const [low, high] = span(state().visible);
    const place = world(at);
    const middle = (low + high) / 2;
    const half = Math.max((high - low) / 2, (MIN_FRAME / 2) * step);
    // On the frame it is held where it was taken; elsewhere it jumps there.
    const offset = Math.abs(place - middle) <= half ? place - middle : 0;
    grip = { cut: -1, offset };
    events.scrollTo(place - offset);
  }

  function pull(at: number): void {
    if (!grip) return;
    if (grip.cut < 0) {
      events.scrollTo(world(at) - (grip as { offset: number }).offset);
      return;
    }
    const box = nearest(world(at));
    if (landscape) events.point(world(at), landscape);
    if ("box" in grip && grip.box === box) return;
    grip = { cut: grip.cut, box };
    events.drag(grip.cut, box);
    dirty();
  }

  function drop(meant: boolean): void {
    const held = grip;
    grip = null;
    dirty();
    if (!held || !("box" in held) || held.box < 0) return;
    events.drag(-1, -1);
    if (meant) events.move(held.cut, held.box);
  }

  /** The box after which a cut would lie nearest to a place; candidates are preferred. */
  function nearest(at: number): number {
    let found = -1;
    let best = Infinity;
    for (let box = 0; scene && box < scene.size; box++) {
      if (!scene.hasPlace(box)) continue;
      const lack = scene.isCandidate(box) ? 0 : 5 * step;
      const distance = Math.abs(scene.lineAt([box]) - at) + lack;
      if (distance >= best) continue;
      best = distance;
      found = box;
    }
    return found;
  }

  // ---- places ---------------------------------------------------------------------------------
  function span(bounds: Bounds): [number, number] {
    return scene?.down === false ? [bounds[0], bounds[2]] : [bounds[1], bounds[3]];
  }

  function align(): void {
    const [low, high] = span(scene?.bounds ?? [0, 0, 1, 1]);
    const [first, last] = span(state().visible);
    aligned = first <= low && last >= high;
    step = aligned
      ? (last - first) / Math.max(1, length)
      : Math.max(high - low, 1) / Math.max(1, length - 2 * PAD);
    from = aligned ? first : low - PAD * step;
  }

  function world(at: number): number {
    return from + at * step;
  }

  function screen(at: number): number {
    return (at - from) / step;
  }

  // ---- painting -------------------------------------------------------------------------------
  function paint(): void {
    const c = context;
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!c || !scene || !width || !height) return;
    const ratio = window.devicePixelRatio || 1;
    length = scene.down ? height : width;
    const [w, h_] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== w) canvas.width = w;
    if (canvas.height !== h_) canvas.height = h_;
    const now = state();
    align();
    if (!ground || groundIsOld() || ground.width !== w) {
      ground = document.createElement("canvas");
      ground.width = w;
      ground.height = h_;
      groundOf = drawn;
      groundAt = `${from} ${step}`;
      const on = ground.getContext("2d");
      if (on) {
        orient(on, scene.down, ratio);
        paintGround(on, scene.down ? width : height, now.theme);
      }
    }
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.clearRect(0, 0, w, h_);
    c.drawImage(ground, 0, 0);
    orient(c, scene.down, ratio);
    paintFrame(c, scene.down ? width : height, now);
  }

  /** Pointing changes what is drawn in the picture, but little of it is on the ground here. */
  function groundIsOld(): boolean {
    const [a, b] = [groundOf, drawn];
    return groundAt !== `${from} ${step}` || a?.cuts !== b?.cuts || a?.found !== b?.found;
  }

  /** Below this, x is across and y along the axis, whichever way the model runs. */
  function orient(c: CanvasRenderingContext2D, down: boolean, ratio: number): void {
    if (down) c.setTransform(ratio, 0, 0, ratio, 0, 0);
    else c.setTransform(0, ratio, ratio, 0, 0, 0);
  }

  function paintGround(c: CanvasRenderingContext2D, width: number, theme: Theme): void {
    if (!scene) return;
    paintBars(c, width, theme);
    c.fillStyle = theme.dim;
    let last = 0;
    for (let box = 0; box < scene.size; box++) {
      if (!scene.isCandidate(box) || !scene.hasPlace(box)) continue;
      const at = Math.round(screen(scene.lineAt([box])));
      if (at !== last) c.fillRect(width - 3, at - 0.5, 3, 1);
      last = at;
    }
    if (!drawn) return;
    c.fillStyle = theme.accent;
    for (const box of drawn.found) {
      if (!scene.hasPlace(box)) continue;
      const at = scene.down ? scene.view.y[box] : scene.view.x[box];
      c.fillRect(0, Math.round(screen(at)) - 1, 5, 2);
    }
  }

  /** Bars of what crosses, in the colours of the parts. The root of the bytes: valleys must show. */
  function paintBars(c: CanvasRenderingContext2D, width: number, theme: Theme): void {
    if (!landscape) return;
    const cuts = (drawn?.cuts ?? []).map((line) => line.at);
    const room = width - 12;
    for (let at = 0; at < length; at++) {
      const place = world(at);
      const { bytes, exact } = landscape.most(place, place + step);
      const part = cuts.filter((cut) => cut <= place).length;
      c.fillStyle = cuts.length ? theme.part(part).strong : theme.edge;
      c.globalAlpha = cuts.length ? 0.55 : 0.75;
      if (bytes) c.fillRect(5, at, Math.max(1, room * Math.sqrt(bytes / landscape.peak)), 1);
      // Hatched: more crosses, nobody knows how much.
      for (let x = 5 + (at % 5); !exact && x < room; x += 5) c.fillRect(x, at, 1, 1);
    }
    c.globalAlpha = 1;
  }

  function paintFrame(c: CanvasRenderingContext2D, width: number, { visible, theme }: StripState) {
    const [low, high] = span(visible);
    const middle = screen((low + high) / 2);
    const half = Math.max((high - low) / 2 / step, MIN_FRAME / 2);
    const top = Math.max(1, middle - half);
    const bottom = Math.min(length - 1, middle + half);
    c.beginPath();
    c.roundRect?.(1, top, width - 2, Math.max(bottom - top, MIN_FRAME), 4);
    c.globalAlpha = 0.08;
    c.fillStyle = theme.ink;
    c.fill();
    c.globalAlpha = 0.5;
    c.lineWidth = 1;
    c.strokeStyle = theme.ink;
    c.stroke();
    c.globalAlpha = 1;
    c.strokeStyle = theme.accent;
    c.fillStyle = theme.accent;
    const held = grip && "box" in grip && grip.box >= 0 ? grip : null;
    drawn?.cuts.forEach((line, index) => {
      paintCut(c, held?.cut === index ? scene!.lineAt([held.box]) : line.at, width);
    });
    if (drawn?.preview) {
      c.setLineDash([3, 2]);
      rule(c, drawn.preview.at, width, 1);
      c.setLineDash([]);
    }
  }

  /** A line with a handle. */
  function paintCut(c: CanvasRenderingContext2D, at: number, width: number): void {
    if (Number.isNaN(at)) return;
    rule(c, at, width, 2);
    const y = Math.round(screen(at));
    c.beginPath();
    c.arc(width - 6, y, 4.5, 0, 2 * Math.PI);
    c.fill();
  }

  function rule(c: CanvasRenderingContext2D, at: number, width: number, thick: number): void {
    if (Number.isNaN(at)) return;
    const y = Math.round(screen(at));
    c.lineWidth = thick;
    c.beginPath();
    c.moveTo(1, y);
    c.lineTo(width - 1, y);
    c.stroke();
  }

  return {
    canvas,
    set scene(next: Scene | null) {
      scene = next;
      landscape = scene && makeLandscape(scene);
      ground = null;
      grip = null;
      dirty();
    },
    set drawn(next: Drawn) {
      drawn = next;
      dirty();
    },
    dirty,
    repaint,
  };
}
