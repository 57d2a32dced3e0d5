/** Inspect and Parts: what the call is, what a cut there means, and what the parts are. */

import { flag, h, longName } from "./dom";
import { count, plural, shape } from "./format";
import type { Scene } from "./geometry";
import type { Cut, Placed, Result } from "./protocol";
import type { Theme } from "./theme";

export type Action = "cut" | "split" | "verify" | "code" | "clear";

export interface PanelEvents {
  press(action: Action): void;
  /** The person has typed variable names. */
  names(text: string): void;
}

export interface Inspected {
  scene: Scene;
  /** -1: nothing is pointed at or selected. */
  call: number;
  /** null: not known yet. */
  cut: Cut | null;
  /** Why there can be no cut, in Python's words. */
  refusal: string;
}

const COPIED = 1600;

export class Panel {
  readonly element: HTMLElement;
  readonly namesField: HTMLInputElement;
  readonly #inspect = h("div", { class: "ks-inspect-body" });
  readonly #parts = h("ul", { class: "ks-parts" });
  readonly #code = h("pre", { class: "ks-code", tabindex: "0", "aria-label": "Code", hidden: "" });
  readonly #checks = h("div", { class: "ks-checks", hidden: "" });
  readonly #buttons: Record<Action, HTMLButtonElement>;
  #copied: ReturnType<typeof setTimeout> | undefined;

  constructor(id: string, events: PanelEvents, signal: AbortSignal) {
    const button = (action: Action, text: string, style = "ks-button") => {
      const element = h("button", { type: "button", class: style }, text);
      element.addEventListener("click", () => events.press(action), { signal });
      return element;
    };
    this.#buttons = {
      cut: button("cut", "Cut here"),
      split: button("split", "Split", "ks-button ks-primary"),
      verify: button("verify", "Verify"),
      code: button("code", "Copy code"),
      clear: button("clear", "Clear cuts"),
    };
    this.namesField = h("input", {
      class: "ks-input",
      type: "text",
      id: `${id}-names`,
      "aria-label": "Variable names",
      spellcheck: "false",
      autocomplete: "off",
    });
    this.namesField.addEventListener("input", () => events.names(this.namesField.value), {
      signal,
    });
    this.#buttons.cut.hidden = true;
    const { cut, split, verify, code, clear } = this.#buttons;
    this.element = h(
      "aside",
      { class: "ks-panel", "aria-label": "Inspect and parts" },
      h(
        "section",
        { class: "ks-section ks-inspect", "aria-label": "Inspect" },
        h("h3", { class: "ks-heading" }, "Inspect"),
        this.#inspect,
        cut,
      ),
      h(
        "section",
        { class: "ks-section", "aria-label": "Parts" },
        h("div", { class: "ks-heading-row" }, h("h3", { class: "ks-heading" }, "Parts"), clear),
        this.#parts,
        h(
          "div",
          { class: "ks-do" },
          h("label", { class: "ks-label", for: `${id}-names` }, "Variable names"),
          this.namesField,
          h("div", { class: "ks-actions" }, split, verify, code),
        ),
        this.#checks,
        this.#code,
      ),
    );
    signal.addEventListener("abort", () => clearTimeout(this.#copied));
  }

  inspect(what: Inspected | null): void {
    const { cut: button } = this.#buttons;
    if (!what || what.call < 0) {
      button.hidden = true;
      this.#inspect.replaceChildren(
        h("p", { class: "ks-hint" }, "Point at a call to see what would cross below it."),
        h("p", { class: "ks-hint" }, "Click it, or press Enter in the list, to cut there."),
      );
      return;
    }
    const { scene, call, cut, refusal } = what;
    const { calls, kinds, tensors, dtypes } = scene.picture;
    const tensor = calls.firstTensor[call];
    const facts = [
      shape(tensors.shape[tensor]),
      dtypes[tensors.dtype[tensor]],
      calls.params[call] > 0 ? `${count(calls.params[call])} parameters` : "no parameters",
    ];
    button.hidden = false;
    button.textContent = cut?.removes ? "Remove cut" : "Cut here";
    button.classList.toggle("ks-primary", !cut?.removes && !refusal);
    const name = longName(calls.name[call], 16);
    name.title = calls.name[call];
    this.#inspect.replaceChildren(
      h(
        "div",
        { class: "ks-what" },
        name,
        h("span", { class: "ks-kind" }, kinds[calls.kind[call]]),
      ),
      h("p", { class: "ks-facts" }, facts.join(" · ")),
      h("p", { class: "ks-sentence" }, refusal || cut?.sentence || "…"),
    );
  }

  parts(placed: Placed, theme: Theme): void {
    this.#parts.replaceChildren(
      ...placed.parts.map((part, index) => {
        const row = h(
          "li",
          { class: "ks-part" },
          h("span", { class: "ks-swatch", "aria-hidden": "true" }),
          h(
            "div",
            { class: "ks-part-head" },
            h("span", { class: "ks-variable", title: part.variable }, part.variable),
            h(
              "span",
              { class: "ks-numbers" },
              `${plural(part.calls, "call")} · ${count(part.params)} parameters`,
            ),
          ),
          this.#flow("needs", part.needs),
          this.#flow("returns", part.returns),
        );
        row.style.setProperty("--ks-part", theme.part(index).strong);
        return row;
      }),
    );
  }

  result(result: Result | null): void {
    const before = this.#checks.childElementCount + (this.#code.textContent?.length ?? 0);
    this.#showResult(result);
    const after = this.#checks.childElementCount + (this.#code.textContent?.length ?? 0);
    // What has just been made is below the parts: bring it into view within the panel.
    if (result && after !== before) this.element.scrollTop = this.element.scrollHeight;
  }

  #showResult(result: Result | null): void {
    this.#code.hidden = !result?.code;
    if (result?.code !== undefined && this.#code.textContent !== result.code) {
      this.#code.textContent = result.code;
    }
    const check = result?.verification;
    this.#checks.hidden = !check;
    if (!check) {
      this.#checks.replaceChildren();
      return;
    }
    const row = (ok: boolean, text: string, detail = "", style = "") => [
      h(
        "div",
        { class: `ks-check ${style}` },
        h("span", { class: ok ? "ks-ok" : "ks-bad", "aria-hidden": "true" }, ok ? "✓" : "✕"),
        h("span", { class: "ks-hidden" }, ok ? "passed: " : "failed: "),
        h("span", {}, text, detail ? h("span", { class: "ks-detail" }, detail) : null),
      ),
    ];
    this.#checks.replaceChildren(
      ...row(check.ok, check.sentence, "", "ks-verdict"),
      ...check.rows.flatMap(([name, ok, detail]) => row(ok, name, detail)),
    );
  }

  /** Show code that was asked for, without a split. */
  showCode(code: string): void {
    this.#code.textContent = code;
    this.#code.hidden = false;
  }

  /** Select the code, for when the clipboard is not ours. */
  selectCode(): void {
    this.#code.focus();
    const range = document.createRange();
    range.selectNodeContents(this.#code);
    const selection = window.getSelection();
    selection?.removeAllRanges();
    selection?.addRange(range);
  }

  copied(): void {
    const { code } = this.#buttons;
    code.textContent = "Copied";
    clearTimeout(this.#copied);
    this.#copied = setTimeout(() => {
      code.textContent = "Copy code";
    }, COPIED);
  }

  /** Which buttons may be pressed, which wait for an answer, and why none can be. */
  enable(state: Record<Action, { enabled: boolean; busy: boolean }>, why: string): void {
    for (const action of Object.keys(this.#buttons) as Action[]) {
      const button = this.#buttons[action];
      const { enabled, busy } = state[action];
      // aria-disabled keeps the focus where it is; the controller ignores the press.
      flag(button, "aria-disabled", !enabled || busy, "true");
      flag(button, "aria-busy", busy, "true");
      button.title = why;
    }
  }

  #flow(word: string, names: readonly string[]): HTMLDivElement {
    return h(
      "div",
      { class: "ks-flow", title: names.join(", ") },
      h("span", { class: "ks-flow-word" }, word),
      h("span", { class: "ks-flow-names" }, names.join(", ") || "nothing"),
    );
  }
}
