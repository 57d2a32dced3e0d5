/** The overview beside the picture: the whole height of the model, with a frame to drag. */

import type { Bounds } from "./camera";
import { h } from "./dom";
import type { Scene } from "./geometry";
import type { Drawn } from "./stage";
import { familyOf, type Theme } from "./theme";

export interface StripEvents {
  /** Bring this world height to the middle of the picture. */
  scrollTo(y: number): void;
}

const PAD = 6;
const MIN_FRAME = 10;

export class Strip {
  readonly canvas: HTMLCanvasElement;
  scene: Scene | null = null;
  readonly #context: CanvasRenderingContext2D | null;
  #frame = 0;
  #height = 0;

  constructor(
    private readonly state: () => { visible: Bounds; drawn: Drawn; theme: Theme },
    events: StripEvents,
    signal: AbortSignal,
  ) {
    // For the eyes and the mouse only; the list does the same for everyone.
    this.canvas = h("canvas", { class: "ks-strip", "aria-hidden": "true" });
    this.#context = this.canvas.getContext("2d");
    let grip: number | null = null;
    const worldAt = (event: PointerEvent) =>
      this.#world(event.clientY - this.canvas.getBoundingClientRect().top);
    this.canvas.addEventListener(
      "pointerdown",
      (event) => {
        if (event.button !== 0) return;
        event.preventDefault();
        const { visible } = this.state();
        const y = worldAt(event);
        const middle = (visible[1] + visible[3]) / 2;
        // On the frame it is held where it was taken; elsewhere it jumps there.
        grip = Math.abs(y - middle) <= this.#halfFrame(visible) ? y - middle : 0;
        this.canvas.setPointerCapture?.(event.pointerId);
        events.scrollTo(y - grip);
      },
      { signal },
    );
    this.canvas.addEventListener(
      "pointermove",
      (event) => grip !== null && events.scrollTo(worldAt(event) - grip),
      { signal },
    );
    for (const end of ["pointerup", "pointercancel"]) {
      this.canvas.addEventListener(end, () => (grip = null), { signal });
    }
    signal.addEventListener("abort", () => cancelAnimationFrame(this.#frame));
  }

  dirty(): void {
    if (this.#frame || !this.#context) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint();
    });
  }

  #halfFrame(visible: Bounds): number {
    const least = (MIN_FRAME / 2) * this.#perPixel();
    return Math.max((visible[3] - visible[1]) / 2, least);
  }

  #perPixel(): number {
    const bounds = this.scene?.bounds ?? [0, 0, 1, 1];
    return (bounds[3] - bounds[1]) / Math.max(1, this.#height - 2 * PAD);
  }

  #world(y: number): number {
    return (this.scene?.bounds[1] ?? 0) + (y - PAD) * this.#perPixel();
  }

  #screen(y: number): number {
    return PAD + (y - (this.scene?.bounds[1] ?? 0)) / this.#perPixel();
  }

  #paint(): void {
    const c = this.#context;
    const { scene } = this;
    const width = this.canvas.clientWidth;
    const height = this.canvas.clientHeight;
    if (!c || !scene || !width || !height) return;
    this.#height = height;
    const ratio = window.devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * ratio)) {
      this.canvas.width = Math.round(width * ratio);
    }
    if (this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.height = Math.round(height * ratio);
    }
    const { visible, drawn, theme } = this.state();
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, width, height);
    this.#boxes(c, scene, width, drawn, theme);
    this.#candidates(c, scene, width, theme);
    c.strokeStyle = theme.accent;
    c.lineWidth = 2;
    for (const line of drawn.cuts) this.#rule(c, line.y, width);
    if (drawn.preview) {
      c.setLineDash([3, 2]);
      c.lineWidth = 1;
      this.#rule(c, drawn.preview.y, width);
      c.setLineDash([]);
    }
    const middle = this.#screen((visible[1] + visible[3]) / 2);
    const half = this.#halfFrame(visible) / this.#perPixel();
    const top = Math.max(1, middle - half);
    const bottom = Math.min(height - 1, middle + half);
    c.beginPath();
    c.rect(1, top, width - 2, Math.max(bottom - top, MIN_FRAME));
    c.globalAlpha = 0.12;
    c.fillStyle = theme.ink;
    c.fill();
    c.globalAlpha = 0.55;
    c.lineWidth = 1;
    c.strokeStyle = theme.ink;
    c.stroke();
    c.globalAlpha = 1;
  }

  /** Tiny boxes. Those that fall on the same pixel of the same column are drawn once. */
  #boxes(
    c: CanvasRenderingContext2D,
    scene: Scene,
    width: number,
    drawn: Drawn,
    theme: Theme,
  ): void {
    const { picture, bounds } = scene;
    const span = Math.max(bounds[2] - bounds[0], picture.size[0] * 2.4);
    const left = (bounds[0] + bounds[2] - span) / 2;
    const room = width - 10;
    const w = Math.max(2, (picture.size[0] / span) * room);
    const h = Math.max(1, picture.size[1] / this.#perPixel());
    const colours = picture.kinds.map((kind) => theme.family[familyOf(kind)]);
    const done = new Set<number>();
    for (let call = 0; call < picture.x.length; call++) {
      if (!scene.hasPlace(call)) continue;
      const x = 4 + ((picture.x[call] - picture.size[0] / 2 - left) / span) * room;
      const y = this.#screen(picture.y[call] - picture.size[1] / 2);
      const key = Math.round(y * 2) * 1000 + Math.round(x);
      if (done.has(key)) continue;
      done.add(key);
      c.fillStyle =
        drawn.parts.length > 1
          ? theme.part(drawn.partOf[call] ?? 0).strong
          : colours[picture.calls.kind[call]];
      c.fillRect(x, y, w, h);
    }
  }

  #candidates(c: CanvasRenderingContext2D, scene: Scene, width: number, theme: Theme): void {
    c.strokeStyle = theme.dim;
    c.lineWidth = 1;
    c.beginPath();
    for (const call of scene.picture.candidates) {
      if (!scene.hasPlace(call)) continue;
      const y = Math.round(this.#screen(scene.box(call)[3])) + 0.5;
      c.moveTo(width - 5, y);
      c.lineTo(width - 1, y);
    }
    c.stroke();
  }

  #rule(c: CanvasRenderingContext2D, y: number, width: number): void {
    if (Number.isNaN(y)) return;
    const at = Math.round(this.#screen(y));
    c.beginPath();
    c.moveTo(1, at);
    c.lineTo(width - 1, at);
    c.stroke();
  }
}
