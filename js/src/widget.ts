/** The anywidget module: builds the shell of one view and ends it again. */

import { Controller, type Shell } from "./controller";
import { h, icon } from "./dom";
import type { Model } from "./protocol";

const WIDE = 860;
const MIDDLE = 560;
const UNDO = "M6.5 3.5 3 7l3.5 3.5M3.5 7H9a4 4 0 0 1 0 8H7";
const REDO = "M9.5 3.5 13 7l-3.5 3.5M12.5 7H7a4 4 0 0 0 0 8h2";

function buildShell(): Shell {
  const title = h("strong", { class: "ks-title" });
  const facts = h("span", { class: "ks-head-facts" });
  const search = h("input", {
    class: "ks-input ks-search",
    type: "search",
    placeholder: "Search layers",
    "aria-label": "Search layers",
    spellcheck: "false",
    autocomplete: "off",
  });
  const tool = (label: string, content: Node | string) => {
    const button = h("button", { type: "button", class: "ks-button ks-tool", title: label });
    if (typeof content !== "string") button.setAttribute("aria-label", label);
    button.append(content);
    return button;
  };
  const fit = tool("Show the whole model", "Fit");
  const undo = tool("Undo", icon(UNDO));
  const redo = tool("Redo", icon(REDO));
  const body = h("div", { class: "ks-body" });
  const tip = h("div", { class: "ks-tip", "aria-hidden": "true", hidden: "" });
  const status = h("span", { class: "ks-status", role: "status", "aria-live": "polite" });
  const alert = h("span", { class: "ks-alert", role: "alert" });
  const progress = h("progress", { class: "ks-progress", hidden: "" });
  const root = h(
    "div",
    {
      class: "ks-root",
      "data-ks-width": "wide",
      tabindex: "-1",
    },
    h(
      "header",
      { class: "ks-head" },
      h("div", { class: "ks-head-text" }, title, facts),
      search,
      h("div", { class: "ks-tools" }, fit, undo, redo),
    ),
    body,
    h("footer", { class: "ks-foot" }, progress, status, alert),
  );
  return { root, title, facts, search, fit, undo, redo, body, tip, status, alert, progress };
}

/**
 * Ask the notebook to leave the keys to us; without this, "b" would insert a cell.
 *
 * Lumino walks up from the focused element and tests its shortcut's selector before it looks for
 * the attribute on the next parent, and the selectors end in ":focus": so the attribute must be on
 * every element that can have the focus.
 */
function keepKeys(el: HTMLElement): void {
  for (const element of [el, ...el.querySelectorAll("button, input, [tabindex]")]) {
    element.setAttribute("data-lm-suppress-shortcuts", "true");
  }
}

/** Tell when the host's theme changes: attributes on body and html, or the system's preference. */
function watchTheme(root: HTMLElement, changed: () => void, signal: AbortSignal): void {
  const observer = new MutationObserver(changed);
  for (const element of [document.documentElement, document.body]) {
    observer.observe(element, { attributes: true });
  }
  signal.addEventListener("abort", () => observer.disconnect());
  // Style sheets may arrive after the attribute: the root's colour has a transition of 1 ms.
  root.addEventListener("transitionend", (event) => event.target === root && changed(), { signal });
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
  const shell = buildShell();
  el.append(shell.root);
  measure(shell.root);
  // Ids must be unique in the document: one model may have several views.
  const id = `ks-${Math.random().toString(36).slice(2, 10)}`;
  const controller = new Controller(model, shell, id, signal);
  keepKeys(el);
  watchTheme(shell.root, () => controller.retheme(), signal);
  watchSize(shell.root, () => controller.resize(), signal);
  return () => {
    abort.abort();
    shell.root.remove();
  };
}

export default { render };
