/** Texts that fit their boxes. */

import { count, plural, shape } from "../format";
import type { Scene } from "../geometry";
import { innerName, plainTitle } from "../marks";

type Measure = (text: string) => number;

/** Cut a text in its middle until it fits: "conv2_block…_1_conv". */
export function ellipsis(text: string, width: number, measure: Measure): string {
  if (measure(text) <= width) return text;
  const letters = Array.from(text);
  let low = 0;
  let high = letters.length - 1;
  const cut = (keep: number) => {
    const tail = Math.floor(keep / 2);
    const [head, end] = [letters.slice(0, keep - tail), tail ? letters.slice(-tail) : []];
    return `${head.join("").trimEnd()}…${end.join("").trimStart()}`;
  };
  while (low < high) {
    const keep = (low + high + 1) >> 1;
    if (measure(cut(keep)) <= width) low = keep;
    else high = keep - 1;
  }
  return cut(low);
}

/** Shortened texts. A box has the same width in world units at every zoom, so they last. */
export class Texts {
  readonly #short = new Map<string, string>();
  readonly #measure: Measure;

  constructor(measure: Measure) {
    this.#measure = measure;
  }

  clear(): void {
    this.#short.clear();
  }

  /** First line of a box: the call's name or the fold's title. */
  name(scene: Scene, box: number, width: number): string {
    const { title, count: copies } = scene.view.boxes;
    const plain = plainTitle(title[box], copies[box]);
    return this.shorten(innerName(scene.framesOf(box), plain), width);
  }

  /** Second line, "Conv2D · 56×56×64". When short of room, the class gives way. */
  detail(scene: Scene, box: number, width: number): string {
    const { graph } = scene;
    const call = scene.callOf(box);
    const kind = scene.isFold(box) ? plural(scene.callsOf(box).length, "call") : graph.kind(call);
    const size = ` · ${shape(graph.shape(call))}`;
    return this.#once(`d${width}|${kind}${size}`, () => {
      if (this.#measure(kind + size) <= width) return kind + size;
      if (scene.isFold(box)) return ellipsis(size.slice(3), width, this.#measure);
      let keep = kind.length - 1;
      while (keep > 3 && this.#measure(`${kind.slice(0, keep)}…${size}`) > width) keep -= 1;
      return ellipsis(`${kind.slice(0, keep)}…${size}`, width, this.#measure);
    });
  }

  shorten(text: string, width: number): string {
    return this.#once(`n${width}|${text}`, () => ellipsis(text, width, this.#measure));
  }

  #once(key: string, make: () => string): string {
    let text = this.#short.get(key);
    if (text === undefined) {
      text = make();
      this.#short.set(key, text);
    }
    return text;
  }
}

/** "62 calls · 1.2 M parameters" */
export function heldText(calls: number, params: number): string {
  return `${plural(calls, "call")} · ${params > 0 ? `${count(params)} parameters` : "no parameters"}`;
}
