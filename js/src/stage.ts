/** The picture with its camera: what is hit, what is shown, when it is drawn. */

import { levelAt } from "./border";
import {
  anchor,
  type Bounds,
  type Camera,
  fitScale,
  keepInside,
  LEGIBLE,
  minScale,
  opening,
  overview,
  panBy,
  reveal as revealing,
  visible as seen,
  settle,
  toScreen,
  toWorld,
  type ViewSize,
  zoomAbout,
} from "./camera";
import { makeScreen } from "./canvas";
import { h } from "./dom";
import type { Scene } from "./geometry";
import { listenTo } from "./gestures";
import { onOpenMark, frameAt as openFoldAt } from "./marks";
import type { Drawn } from "./painter";
import type { Theme } from "./theme";
import { Timers } from "./timers";

export interface StageEvents {
  /** The pointer is over a box (-1: over none), at this place of the stage. */
  hover(box: number, x: number, y: number): void;
  /** A box is chosen, at once; whether it is cut after is told by `press`. */
  choose(box: number): void;
  press(box: number): void;
  pressLine(index: number): void;
  /** A click on nothing. */
  pressNothing(): void;
  open(box: number, x: number, y: number): void;
  close(id: string, x: number, y: number): void;
  /** The camera or the size changed. */
  moved(): void;
  /** Can cuts be taken away? */
  editable(): boolean;
}

/** How a place is kept while the drawing changes. */
export interface Kept {
  before: Bounds;
  after: Bounds;
  /** On the screen; null: the middle of `before`. */
  at: readonly [number, number] | null;
}

const LINE_REACH = 5;
/** How long a click on a fold waits for a second one, in ms. */
export const DOUBLE = 230;
/** How long nothing must have moved before the picture is drawn sharp again, in ms. */
const REST = 120;

export type Stage = ReturnType<typeof makeStage>;

export function makeStage(events: StageEvents, theme: () => Theme, signal: AbortSignal) {
  let camera: Camera = { x: 0, y: 0, scale: 1 };
  let scene: Scene | null = null;
  let drawn: Drawn | null = null;
  let view: ViewSize = { width: 0, height: 0 };
  /** What the picture goes back to when its size changes; null: the person has moved it. */
  let framing: typeof overview | null = null;
  let opened = false;
  let moving = false;
  let waiting = 0;
  let hoverLine = -1;
  /** A box to show as soon as there is a size. */
  let wanted = -1;

  const timers: Timers<"press" | "rest" | "prepare"> = new Timers(signal);
  const canvas: HTMLCanvasElement = h("canvas", { class: "ks-picture", role: "img" });
  // With a finger the notebook is scrolled at the edges, the picture in between.
  const edge = (side: string) => h("div", `ks-edge ks-edge-${side}`);
  const element: HTMLDivElement = h("div", "ks-stage", canvas, edge("left"), edge("right"));
  const screen = makeScreen(canvas);
  listenTo(
    canvas,
    { pan, zoom, point, leave, grab, click, double, page: () => view.height },
    signal,
  );
  signal.addEventListener("abort", () => cancelAnimationFrame(waiting));

  /** Show another drawing: from its beginning, or with a place kept where it is. */
  function show(next: Scene, kept: Kept | null = null): void {
    scene = next;
    drawn = null;
    timers.cancel("press");
    if (!kept || !opened) {
      opened = false;
      resize();
      return;
    }
    const { before, after } = kept;
    const middle = toScreen(camera, (before[0] + before[2]) / 2, (before[1] + before[3]) / 2);
    const to = anchor(camera, before, after, kept.at ?? middle);
    move(kept.at ? to : settle(to, scene.bounds, view, scene.down));
  }

  /** Take the size from the page. The first real size decides what is shown when opened. */
  function resize(): void {
    const { clientWidth: width, clientHeight: height } = element;
    if (width !== view.width || height !== view.height) {
      const middle = toWorld(camera, view.width / 2, view.height / 2);
      view = { width, height };
      if (opened && !framing) {
        const { scale } = camera;
        const down = scene?.down ?? true;
        // The beginning stays where it is: only the middle across is kept.
        camera = {
          x: down ? middle[0] - width / scale / 2 : camera.x,
          y: down ? camera.y : middle[1] - height / scale / 2,
          scale,
        };
      }
    }
    if (!opened) framing = opening;
    if (framing && scene && width > 0 && height > 0) {
      opened = true;
      frame(framing);
      reveal(wanted);
      wanted = -1;
    }
    screen.forget();
    dirty();
    events.moved();
  }

  /** Show the whole model. */
  function showAll(): void {
    frame(overview);
  }

  function frame(by: typeof opening): void {
    if (!scene) return;
    move(by(scene.bounds, view, scene.down));
    framing = by;
  }

  /** Show these bounds, as large as can be read well. */
  function focusOn(bounds: Bounds): void {
    move(overview(bounds, view));
  }

  /** Bring a box that is not in view, or too small to be read, to the middle of the axis. */
  function reveal(box: number): void {
    if (box < 0 || !scene?.hasPlace(box)) return;
    if (!opened) {
      wanted = box;
      return;
    }
    const to = revealing(camera, scene.box(box), view, scene.down);
    if (to !== camera) move(to);
  }

  /** Is any of the box in view? */
  function sees(box: number): boolean {
    if (!scene?.hasPlace(box)) return false;
    const [l, t, r, b] = scene.box(box);
    const [left, top, right, bottom] = visible();
    return r > left && l < right && b > top && t < bottom;
  }

  /** Scroll so that this place along the axis is in the middle. */
  function scrollTo(at: number): void {
    const { width, height } = view;
    if (scene?.down) move({ ...camera, y: at - height / camera.scale / 2 });
    else move({ ...camera, x: at - width / camera.scale / 2 });
  }

  /** Scroll no further than needed so that this place along the axis is well within view. */
  function keepInView(at: number): void {
    if (!scene) return;
    const { bounds, down } = scene;
    const [left, top, right, bottom] = visible();
    const [low, high] = down ? [top, bottom] : [left, right];
    if (low <= bounds[down ? 1 : 0] && high >= bounds[down ? 3 : 2]) return;
    const reach = 0.3 * (high - low);
    const middle = (low + high) / 2;
    const to = Math.min(Math.max(middle, at - reach), at + reach);
    if (to !== middle) scrollTo(to);
  }

  function visible(): Bounds {
    return seen(camera, view);
  }

  /** Redraw in the next frame. */
  function dirty(): void {
    if (waiting || !screen.usable) return;
    waiting = requestAnimationFrame(() => {
      waiting = 0;
      paint();
    });
  }

  // ---- what gestures mean ---------------------------------------------------------------------
  function pan(dx: number, dy: number): void {
    move(panBy(camera, dx, dy));
  }

  function zoom(x: number, y: number, factor: number): void {
    if (!scene) return;
    const low = minScale(scene.bounds, view);
    move(zoomAbout(camera, x, y, factor, low));
  }

  /** Zoom about the middle. */
  function zoomBy(factor: number): void {
    zoom(view.width / 2, view.height / 2, factor);
  }

  function grab(): void {
    events.hover(-1, 0, 0);
  }

  function point(x: number, y: number): void {
    const box = boxAt(x, y);
    const close = frameAt(x, y);
    const line = box < 0 && !close ? lineAt(x, y) : -1;
    if (line !== hoverLine) {
      hoverLine = line;
      canvas.title = line >= 0 ? "Click to remove this cut" : "";
      screen.forget();
      dirty();
    }
    canvas.style.cursor = box >= 0 || line >= 0 || close ? "pointer" : "grab";
    events.hover(close ? -1 : box, x, y);
  }

  function leave(): void {
    hoverLine = -1;
    events.hover(-1, 0, 0);
    dirty();
  }

  function click(x: number, y: number, touch: boolean): void {
    const fold = frameAt(x, y);
    if (fold) {
      events.close(fold, x, y);
      return;
    }
    const box = boxAt(x, y);
    if (box < 0) {
      const line = lineAt(x, y);
      if (line >= 0) events.pressLine(line);
      else events.pressNothing();
      return;
    }
    if (onMark(box, x, y)) {
      events.open(box, x, y);
      return;
    }
    const again = drawn?.selected === box;
    events.choose(box);
    // A finger cannot hover: its first tap looks, the second one cuts.
    if (touch && !again) return;
    // On a fold this may be the first half of a double click, which opens.
    if (scene?.view.boxes.openable[box]) {
      timers.later("press", DOUBLE, () => events.press(box));
    } else events.press(box);
  }

  function double(x: number, y: number): void {
    const box = boxAt(x, y);
    if (box >= 0 && scene?.view.boxes.openable[box]) {
      timers.cancel("press");
      if (!onMark(box, x, y)) events.open(box, x, y);
    } else if (box < 0 && lineAt(x, y) < 0 && !frameAt(x, y)) toggleFit(x, y);
    // On a call or a line a double click is two clicks.
  }

  // ---- inside ---------------------------------------------------------------------------------
  function paint(): void {
    if (!scene || !drawn || view.width === 0) return;
    screen.paint(
      {
        ...drawn,
        leaving: Math.max(hoverLine, drawn.leaving),
        scene,
        camera,
        view,
        ratio: window.devicePixelRatio || 1,
        theme: theme(),
      },
      moving,
    );
    if (!moving) timers.later("prepare", REST, screen.prepare);
  }

  function move(to: Camera): void {
    if (!scene) return;
    framing = null;
    camera = keepInside(to, scene.bounds, view);
    moving = true;
    timers.later("rest", REST, () => {
      moving = false;
      dirty();
    });
    dirty();
    events.moved();
  }

  /** The box under a place of the stage; small boxes are easier to hit from far. */
  function boxAt(x: number, y: number): number {
    if (!scene) return -1;
    const [wx, wy] = toWorld(camera, x, y);
    const slack = camera.scale < 0.3 ? 2 / camera.scale : 0;
    return scene.boxAt(wx, wy, slack);
  }

  function onMark(box: number, x: number, y: number): boolean {
    if (!scene || camera.scale < LEGIBLE - 0.05) return false;
    return onOpenMark(scene, box, ...toWorld(camera, x, y));
  }

  function frameAt(x: number, y: number): string | null {
    if (!scene || camera.scale < 0.35) return null;
    return openFoldAt(scene, ...toWorld(camera, x, y))?.id ?? null;
  }

  function lineAt(x: number, y: number): number {
    let found = -1;
    if (!events.editable()) return found;
    let best = LINE_REACH;
    drawn?.cuts.forEach((line, index) => {
      const [wx, wy] = toWorld(camera, x, y);
      const at = levelAt(line.border, scene?.down ? wx : wy);
      const [sx, sy] = toScreen(camera, at, at);
      const distance = scene?.down ? Math.abs(sy - y) : Math.abs(sx - x);
      if (distance <= best) {
        best = distance;
        found = index;
      }
    });
    return found;
  }

  /** All of it, or from there back to reading at that place. */
  function toggleFit(x: number, y: number): void {
    if (!scene) return;
    const whole = fitScale(scene.bounds, view);
    if (framing === overview && whole < LEGIBLE) zoom(x, y, 0.9 / camera.scale);
    else showAll();
  }

  return {
    element,
    canvas,
    get camera() {
      return camera;
    },
    get scene() {
      return scene;
    },
    get view(): ViewSize {
      return view;
    },
    /** Is the text in the boxes readable at this zoom? */
    get legible(): boolean {
      return camera.scale >= LEGIBLE + 0.05;
    },
    /** Is the whole model in view because the person asked for it? */
    get fitted(): boolean {
      return framing === overview;
    },
    set drawn(next: Drawn) {
      drawn = next;
      screen.forget();
      dirty();
    },
    show,
    resize,
    showAll,
    focusOn,
    reveal,
    sees,
    scrollTo,
    keepInView,
    visible,
    dirty,
    zoomBy,
  };
}
