/** Draws one frame. Knows nothing of events or of the kernel. */

import { type Bounds, toScreen, visible } from "../camera";
import type { Scene } from "../geometry";
import { type Tag, tags } from "../marks";
import { paintBoxes } from "./boxes";
import { paintChips, paintLine, paintPartNames } from "./cutlines";
import { paintEdges, paintFrames, paintFrameTitles } from "./edges";
import { COARSE, type Frame, inWorld, onScreen } from "./frame";
import { Texts } from "./text";

export { type Drawn, type Frame, origin } from "./frame";

export class Painter {
  readonly #context: CanvasRenderingContext2D;
  readonly #texts: Texts;
  #font = "";
  #scene: Scene | null = null;
  #tags: readonly Tag[] = [];

  constructor(context: CanvasRenderingContext2D) {
    this.#context = context;
    this.#texts = new Texts((text) => context.measureText(text).width);
  }

  paint(frame: Frame): void {
    this.paintGround(frame, true);
    this.paintTop(frame);
  }

  /** What is bound to the world; `lines`: with the lines of the cuts, under the boxes. */
  paintGround(frame: Frame, lines = false): void {
    const c = this.#context;
    const { camera, view, scene, theme } = frame;
    if (theme.font !== this.#font) {
      this.#font = theme.font;
      this.#texts.clear();
    }
    const region = visible(camera, view);
    onScreen(c, frame);
    c.globalAlpha = 1;
    c.clearRect(0, 0, view.width, view.height);
    c.lineJoin = "round";
    c.lineCap = "butt";

    inWorld(c, frame);
    paintFrames(c, frame);
    paintEdges(c, frame, scene.edgesIn(region), theme.edge, 1.15);
    for (const line of frame.cuts) paintEdges(c, frame, line.edges, theme.accent, 1.8);
    if (frame.preview) paintEdges(c, frame, frame.preview.edges, theme.accent, 2.2);
    if (lines) this.paintLines(frame);

    inWorld(c, frame);
    paintBoxes(c, frame, scene.boxesIn(region), this.#texts);
    paintFrameTitles(c, frame, this.#tagsOf(scene), this.#texts);
  }

  /** Where the titles of the open folds are: once per scene. */
  #tagsOf(scene: Scene): readonly Tag[] {
    if (scene !== this.#scene) this.#tags = tags(scene);
    this.#scene = scene;
    return this.#tags;
  }

  /** The lines of the cuts, from one edge of the screen to the other. */
  paintLines(frame: Frame): void {
    const c = this.#context;
    onScreen(c, frame);
    frame.cuts.forEach((line, index) => {
      paintLine(c, frame, line, index === frame.leaving ? "leaving" : "placed");
    });
    if (frame.preview) paintLine(c, frame, frame.preview, "preview");
  }

  /** What lies on the lines. */
  paintTop(frame: Frame): void {
    const c = this.#context;
    const { camera, cuts, preview } = frame;
    onScreen(c, frame);
    if (!cuts.length && !preview) return;
    // Chips keep off the titles of the open folds, and off each other.
    const titles = camera.scale < COARSE ? [] : this.#tagsOf(frame.scene);
    const taken = titles.map(({ x, y, width }): Bounds => {
      const [left, top] = toScreen(camera, x - 10, y - 8);
      return [left, top, ...toScreen(camera, x - 10 + width, y + 8)];
    });
    cuts.forEach((line, index) => {
      paintChips(c, frame, line, true, taken, paintPartNames(c, frame, line, index, taken));
    });
    if (preview) paintChips(c, frame, preview, false, taken);
  }
}
