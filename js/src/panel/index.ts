/** The side panel: three tabs, and below them what is always in reach. */

import { button, entry, flag, h, listen } from "../dom";
import type { FrontPoint, Result } from "../protocol";
import { type InspectEvents, makeInspect } from "./inspect";
import { makeParts } from "./parts";
import { makePlanForm } from "./plan";

export type Action = "cut" | "split" | "verify" | "code" | "clear" | "plan";
export const TABS = ["Inspect", "Parts", "Plan"] as const;
export type Tab = (typeof TABS)[number];

export interface PanelEvents extends Omit<InspectEvents, "cut"> {
  press(action: Action): void;
  /** The person has typed variable names. */
  names(text: string): void;
  /** The bandwidth is being moved. */
  live(): void;
  place(point: FrontPoint): void;
  opened(tab: Tab): void;
}

const COPIED = 1600;

export type Panel = ReturnType<typeof makePanel>;

export function makePanel(id: string, events: PanelEvents, signal: AbortSignal) {
  let now: Tab = "Inspect";
  let timer: ReturnType<typeof setTimeout> | undefined;

  const inspect = makeInspect({ ...events, cut: () => events.press("cut") }, signal);
  const parts = makeParts({ rename });
  const plan = makePlanForm(id, events, signal);
  const press = (action: Action, text: string, style = "") =>
    // The second half of a double click answers no question that the first half has raised.
    button(style, text, ({ detail }) => detail > 1 || events.press(action), signal);
  const buttons: Readonly<Record<Action, HTMLButtonElement>> = {
    cut: inspect.cut,
    split: press("split", "Split", "ks-primary"),
    verify: press("verify", "Verify"),
    code: press("code", "Copy code"),
    plan: press("plan", "Plan"),
    clear: press("clear", "Clear cuts", "ks-quiet"),
  };
  const namesField = entry({
    class: "ks-input",
    type: "text",
    id: `${id}-names`,
    "aria-label": "Variable names",
  });
  listen(namesField, "input", () => events.names(namesField.value), signal);
  const inside = {
    Inspect: inspect.element,
    Parts: parts.element,
    Plan: plan.element,
  };
  const each = <T>(make: (tab: Tab) => T) =>
    Object.fromEntries(TABS.map((tab) => [tab, make(tab)])) as Record<Tab, T>;
  const tabs: Readonly<Record<Tab, HTMLButtonElement>> = each((tab) => {
    const attributes = {
      type: "button",
      class: "ks-tab",
      role: "tab",
      id: `${id}-tab-${tab}`,
      "aria-controls": `${id}-page-${tab}`,
    };
    const element = h("button", attributes, tab);
    listen(element, "click", () => open(tab), signal);
    return element;
  });
  const pages: Readonly<Record<Tab, HTMLElement>> = each((tab) =>
    h(
      "div",
      {
        class: "ks-page",
        role: "tabpanel",
        id: `${id}-page-${tab}`,
        "aria-labelledby": `${id}-tab-${tab}`,
      },
      inside[tab],
    ),
  );
  const tablist = h(
    "div",
    { class: "ks-tabs", role: "tablist", "aria-label": "Panel" },
    ...TABS.map((tab) => tabs[tab]),
  );
  const { split, verify, code, clear } = buttons;
  const actions = h("div", "ks-actions", split, verify, buttons.plan, code);
  const top = h("div", "ks-panel-top", tablist, clear);
  listen(tablist, "keydown", key, signal);
  // Nor does a key that is held down.
  listen(actions, "keydown", (event) => event.repeat && event.preventDefault(), signal);
  const names = h(
    "div",
    "ks-names",
    h("label", { class: "ks-label", for: `${id}-names` }, "Variable names"),
    namesField,
  );
  const body = h(
    "div",
    { class: "ks-pages", tabindex: "0", role: "group", "aria-label": "Details" },
    ...TABS.map((tab) => pages[tab]),
  );
  const element = h(
    "aside",
    { class: "ks-panel", "aria-label": "Inspect, parts and plan" },
    top,
    body,
    h("div", "ks-do", names, actions),
  );
  show("Inspect");
  signal.addEventListener("abort", () => clearTimeout(timer));

  function open(tab: Tab): void {
    if (tab !== now) events.opened(tab);
    show(tab);
  }

  function show(tab: Tab): void {
    now = tab;
    for (const one of TABS) {
      const on = one === tab;
      tabs[one].setAttribute("aria-selected", String(on));
      tabs[one].tabIndex = on ? 0 : -1;
      pages[one].hidden = !on;
    }
  }

  function result(made: Result | null): void {
    // What has just been made is below the parts: bring it into view within the panel.
    if (parts.result(made)) showEnd();
  }

  function showEnd(): void {
    body.scrollTop = body.scrollHeight;
  }

  function showCode(text: string): void {
    open("Parts");
    parts.showCode(text);
  }

  function copied(): void {
    code.textContent = "Copied";
    clearTimeout(timer);
    timer = setTimeout(() => {
      code.textContent = "Copy code";
    }, COPIED);
  }

  /** Which buttons may be pressed, which wait for an answer, and why none can be. */
  function enable(
    may: (action: Action) => boolean,
    busy: (action: Action) => boolean,
    why: string,
  ): void {
    for (const action of Object.keys(buttons) as Action[]) {
      const target = buttons[action];
      // aria-disabled keeps the focus where it is; the controller ignores the press.
      flag(target, "aria-disabled", !may(action), "true");
      flag(target, "aria-busy", busy(action), "true");
      target.title = why;
    }
  }

  function rename(index: number, name: string): void {
    const all = namesField.value.split(",").map((one) => one.trim());
    while (all.length <= index) all.push(`part_${all.length + 1}`);
    all[index] = name.trim();
    namesField.value = all.join(", ");
    events.names(namesField.value);
  }

  function key(event: KeyboardEvent): void {
    const shown = TABS.filter((tab) => !tabs[tab].hidden);
    const at = shown.indexOf(now);
    const to = {
      ArrowRight: shown[(at + 1) % shown.length],
      ArrowLeft: shown[(at + shown.length - 1) % shown.length],
      Home: shown[0],
      End: shown[shown.length - 1],
    }[event.key];
    if (!to) return;
    event.preventDefault();
    event.stopPropagation();
    open(to);
    tabs[to].focus();
  }

  return {
    element,
    namesField,
    plan,
    /** A page without a kernel: nothing can be edited or made. */
    set frozen(frozen: boolean) {
      for (const one of [split, verify, buttons.plan, clear, names, tabs.Plan]) {
        one.hidden = frozen;
      }
      parts.editable = !frozen;
    },
    open,
    inspect: inspect.show,
    parts: parts.show,
    result,
    showEnd,
    showCode,
    selectCode: parts.selectCode,
    copied,
    enable,
  };
}
