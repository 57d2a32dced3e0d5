/** Parts: what each part holds, needs and returns; its variable; the code and the proof. */

import { entry, h, listen, OURS } from "../dom";
import { count, plural, work } from "../format";
import type { Scene } from "../geometry";
import type { Costs, Placed, Result } from "../protocol";
import type { Theme } from "../theme";

export interface PartsEvents {
  /** The person has typed the variable name of one part. */
  rename(index: number, name: string): void;
}

export type Parts = ReturnType<typeof makeParts>;

export function makeParts(events: PartsEvents) {
  const list = h("ul", "ks-parts");
  const code = h("pre", { class: "ks-code", tabindex: "0", "aria-label": "Code", hidden: "" });
  const checks = h("div", { class: "ks-checks", hidden: "" });
  let editable = true;

  const element = h("section", { class: "ks-section", "aria-label": "Parts" }, list, checks, code);

  function show(placed: Placed, scene: Scene | null, costs: Costs | null, theme: Theme): void {
    const root = element.getRootNode() as Document | ShadowRoot;
    const typing = root.activeElement;
    // What is being typed is not taken away.
    if (typing instanceof HTMLInputElement && list.contains(typing)) {
      if (list.childElementCount === placed.parts.length) return;
    }
    const calls: number[][] = placed.parts.map(() => []);
    placed.partOf.forEach((part, call) => {
      calls[part]?.push(call);
    });
    list.replaceChildren(
      ...placed.parts.map((part, index) => {
        const macs = costs && scene ? scene.graph.totals(calls[index], costs).macs : undefined;
        const numbers = [plural(part.calls, "call"), `${count(part.params)} parameters`];
        if (macs !== undefined) numbers.push(work(macs, "MAC"));
        const row = h(
          "li",
          "ks-part",
          h("span", { class: "ks-swatch", "aria-hidden": "true" }),
          variable(part.variable, index),
          h("div", "ks-numbers", numbers.join(" · ")),
          flow("needs", part.needs),
          flow("returns", part.returns),
        );
        row.style.setProperty("--ks-part", theme.part(index).strong);
        return row;
      }),
    );
  }

  /** True: something has been made that was not there before. */
  function result(made: Result | null): boolean {
    const size = () => checks.childElementCount + (code.textContent?.length ?? 0);
    const before = size();
    code.hidden = !made?.code;
    if (made && code.textContent !== made.code) code.textContent = made.code;
    const check = made?.verification;
    checks.hidden = !check;
    checks.replaceChildren(
      ...(check
        ? [
            checkRow(check.ok, check.sentence, "", "ks-verdict"),
            ...check.rows.map(([name, ok, detail]) => checkRow(ok, name, detail, "")),
          ]
        : []),
    );
    return made !== null && size() !== before;
  }

  /** Show code that was asked for, without a split. */
  function showCode(text: string): void {
    code.textContent = text;
    code.hidden = false;
  }

  /** Select the code, for when the clipboard is not ours. */
  function selectCode(): void {
    code.focus();
    const range = document.createRange();
    range.selectNodeContents(code);
    const selection = window.getSelection();
    selection?.removeAllRanges();
    selection?.addRange(range);
  }

  function variable(name: string, index: number): HTMLElement {
    if (!editable) return h("span", "ks-variable", name);
    const field = entry({
      class: "ks-input ks-variable",
      type: "text",
      "aria-label": `Variable of part ${index + 1}`,
      placeholder: `part_${index + 1}`,
      [OURS]: "true",
    });
    field.value = name;
    listen(field, "input", () => events.rename(index, field.value), null);
    return field;
  }

  return {
    element,
    set editable(may: boolean) {
      editable = may;
    },
    show,
    result,
    showCode,
    selectCode,
  };
}

function flow(word: string, names: readonly string[]): HTMLDivElement {
  return h(
    "div",
    { class: "ks-flow", title: names.join(", ") },
    h("span", "ks-flow-word", word),
    h("span", "ks-flow-names", names.join(", ") || "nothing"),
  );
}

function checkRow(ok: boolean, text: string, detail: string, style: string): HTMLElement {
  return h(
    "div",
    `ks-check ${style}`,
    h("span", { class: ok ? "ks-ok" : "ks-bad", "aria-hidden": "true" }, ok ? "✓" : "✕"),
    h("span", "ks-hidden", ok ? "passed: " : "failed: "),
    h("span", {}, text, detail ? h("span", "ks-detail", detail) : null),
  );
}
