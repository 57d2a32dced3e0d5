/** The anywidget module: opens one view and ends it again. */

import { openView } from "./controller";
import { keepKeys, listen } from "./dom";
import type { Model } from "./protocol";

const WIDE = 1120;
const MIDDLE = 640;

/** Tell when the host's theme changes: attributes on body and html, or the system's preference. */
function watchTheme(root: HTMLElement, changed: () => void, signal: AbortSignal): void {
  const observer = new MutationObserver(changed);
  for (const element of [document.documentElement, document.body]) {
    observer.observe(element, { attributes: true });
  }
  signal.addEventListener("abort", () => observer.disconnect());
  // Style sheets may arrive after the attribute: the root's colour has a transition of 1 ms.
  listen(root, "transitionend", (event) => event.target === root && changed(), signal);
  globalThis.matchMedia?.("(prefers-color-scheme: dark)").addEventListener("change", changed, {
    signal,
  });
}

/** The layout follows the width of the widget, not of the window. */
function measure(root: HTMLElement): void {
  const width = root.clientWidth;
  if (width === 0) return;
  root.dataset.ksWidth = width >= WIDE ? "wide" : width >= MIDDLE ? "middle" : "narrow";
}

function watchSize(root: HTMLElement, changed: () => void, signal: AbortSignal): void {
  if (typeof ResizeObserver === "undefined") return;
  const observer = new ResizeObserver(() => {
    measure(root);
    changed();
  });
  observer.observe(root);
  signal.addEventListener("abort", () => observer.disconnect());
}

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const abort = new AbortController();
  const { signal } = abort;
  // Ids must be unique in the document: one model may have several views.
  const id = `ks-${Math.random().toString(36).slice(2, 10)}`;
  const controller = openView(model, el, id, signal);
  const { root } = controller;
  measure(root);
  controller.resize();
  keepKeys(el);
  watchTheme(root, () => controller.retheme(), signal);
  watchSize(root, () => controller.resize(), signal);
  return () => {
    abort.abort();
    root.remove();
  };
}

export default { render };
