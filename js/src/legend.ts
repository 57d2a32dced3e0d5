/** What the colours mean, in a line of the header. */

import { h } from "./dom";
import type { Legend } from "./overlay";

export function showLegend(element: HTMLElement, { entries, ramp }: Legend): void {
  const swatch = (tag: "i" | "b", background: string) => {
    const mark = h(tag, { "aria-hidden": "true" });
    mark.style.background = background;
    return mark;
  };
  const words = entries.map(({ colour, word }, i) =>
    h("span", {}, ramp && i < 2 ? null : swatch("i", colour), word),
  );
  // Between its two ends.
  if (ramp) words.splice(1, 0, h("span", {}, swatch("b", `linear-gradient(90deg, ${ramp})`)));
  element.replaceChildren(...words);
}
