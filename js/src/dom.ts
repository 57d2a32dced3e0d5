/** Small helpers to make elements. Text only ever goes in as text. */

type Child = Node | string | null | undefined;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  for (const child of children) if (child != null) element.append(child);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** A 16 px line icon. */
export function icon(path: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "ks-icon");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

/**
 * Show a name that may be too long: its beginning gives way, its end (where layer names differ)
 * stays.
 */
export function longName(name: string, tail = 7): HTMLSpanElement {
  const span = h("span", { class: "ks-name" });
  if (name.length <= tail + 4) {
    span.append(h("span", { class: "ks-name-head" }, name));
  } else {
    span.append(
      h("span", { class: "ks-name-head" }, name.slice(0, -tail)),
      h("span", { class: "ks-name-tail" }, name.slice(-tail)),
    );
  }
  return span;
}

/** Set an attribute or take it away. */
export function flag(element: Element, name: string, on: boolean, value = ""): void {
  if (on) element.setAttribute(name, value);
  else element.removeAttribute(name);
}
