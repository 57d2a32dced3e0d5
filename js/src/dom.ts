/** Small helpers to make elements. Text only ever goes in as text. */

type Child = Node | string | null | undefined;

/** An element; a text instead of attributes is its class. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: string | Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  const all = typeof attributes === "string" ? { class: attributes } : attributes;
  for (const [name, value] of Object.entries(all)) element.setAttribute(name, value);
  for (const child of children) if (child != null) element.append(child);
  return element;
}

/**
 * Listen until the view ends. Elements that come and go do without a signal: it would hold on to
 * each of them until then.
 */
export function listen<K extends keyof HTMLElementEventMap>(
  target: Element,
  type: K,
  act: (event: HTMLElementEventMap[K]) => void,
  signal: AbortSignal | null,
): void {
  target.addEventListener(type, act as EventListener, signal ? { signal } : {});
}

const SVG = "http://www.w3.org/2000/svg";

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | number> = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, `${value}`);
  for (const child of children) if (child != null) element.append(child);
  return element;
}

/** A 16 px line icon. */
export function icon(path: string): SVGSVGElement {
  const attributes = { viewBox: "0 0 16 16", "aria-hidden": "true", class: "ks-icon" };
  return svg("svg", attributes, svg("path", { d: path }));
}

/** All of a name, in its own direction of writing; a long one is broken where its words end. */
export function fullName(name: string): HTMLElement {
  return h("bdi", "ks-name", ...name.split(/(?<=[_/])/).flatMap((word) => [word, h("wbr")]));
}

/** Set an attribute or take it away. */
export function flag(element: Element, name: string, on: boolean, value = ""): void {
  if (on) element.setAttribute(name, value);
  else element.removeAttribute(name);
}

/** A button; its content is its name unless it has a label. */
export function button(
  style: string,
  content: Node | string,
  act: (event: MouseEvent) => unknown,
  signal: AbortSignal | null,
  label = "",
): HTMLButtonElement {
  const element = h("button", { type: "button", class: `ks-button ${style}` }, content);
  if (label) {
    element.title = label;
    if (typeof content !== "string") element.setAttribute("aria-label", label);
  }
  listen(element, "click", act, signal);
  return element;
}

/** A choice from a short list. */
export function choice(
  label: string,
  options: readonly (readonly [value: string, word: string])[],
  act: (value: string) => void,
  signal: AbortSignal,
): HTMLSelectElement {
  const select = h(
    "select",
    { class: "ks-input ks-select", "aria-label": label },
    ...options.map(([value, word]) => h("option", { value }, word)),
  );
  listen(select, "change", () => act(select.value), signal);
  return select;
}

/** A line to type in. */
export function entry(attributes: Record<string, string>): HTMLInputElement {
  return h("input", { spellcheck: "false", autocomplete: "off", ...attributes });
}

/** On what leaves its keys to us. */
export const OURS = "data-lm-suppress-shortcuts";

/**
 * Ask the notebook to leave the keys to us; without this, "b" would insert a cell.
 *
 * Lumino walks up from the focused element and tests its shortcut's selector before it looks for
 * the attribute on the next parent, and the selectors end in ":focus": so the attribute must be on
 * every element that can have the focus.
 */
export function keepKeys(el: Element): void {
  const focusable = "button, input, select, summary, [tabindex]";
  for (const element of [el, ...el.querySelectorAll(focusable)]) {
    element.setAttribute(OURS, "true");
  }
}
