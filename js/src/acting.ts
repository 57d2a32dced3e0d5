/** What a person asks of the kernel: cuts, undo, split, code, names; and which buttons may be pressed. */

import { flag } from "./dom";
import { GONE, type Kernel } from "./kernel";
import type { Looking } from "./looking";
import type { Action, Panel } from "./panel";
import type { Planning } from "./planning";
import type { Kind, Model, Reply } from "./protocol";
import type { Status } from "./status";
import { Timers } from "./timers";

/** The elements that acting marks. */
export interface ActingElements {
  root: HTMLElement;
  undo: HTMLButtonElement;
  redo: HTMLButtonElement;
  measure: HTMLButtonElement;
}

/** Who takes part in an action. */
export interface Partners {
  panel: Panel;
  kernel: Kernel;
  status: Status;
  looking: Looking;
  planning: Planning;
}

const SEND_NAMES_DELAY = 250;

export type Acting = ReturnType<typeof makeActing>;

export function makeActing(
  model: Model,
  elements: ActingElements,
  partners: Partners,
  /** Times are there now: whoever asked for them wants to see them. */
  measured: () => void,
  signal: AbortSignal,
) {
  const { panel, kernel, status, looking, planning } = partners;
  const timers = new Timers<"names">(signal);

  /** A page without a kernel: nothing can be changed. */
  const frozen = () => model.get("_static") === true;

  async function toggle(call: number): Promise<void> {
    const name = looking.scene?.graph.name(call);
    if (name && !frozen()) await act("toggle", { call: name });
  }

  async function remove(index: number): Promise<void> {
    if (!frozen()) await act("remove", { index });
  }

  /** Move a placed cut to after another call. */
  async function move(index: number, call: number): Promise<void> {
    const name = looking.scene?.graph.name(call);
    if (name && !frozen()) await act("move", { index, call: name });
  }

  async function undo(): Promise<void> {
    if (looking.placed.canUndo && !frozen()) await act("undo");
  }

  async function redo(): Promise<void> {
    if (looking.placed.canRedo && !frozen()) await act("redo");
  }

  async function measure(): Promise<void> {
    if (kernel.requests.busy("measure")) return;
    const reply = await act("measure");
    if (reply?.ok) measured();
  }

  async function cancel(): Promise<void> {
    status.stopping(true);
    const reply = await act("cancel");
    if (!reply?.ok) status.stopping(false);
  }

  async function press(action: Action): Promise<void> {
    if (!enabled(action)) return;
    if (action === "cut") await toggle(looking.focus);
    else if (action === "code") await copy();
    else if (action === "plan") await planning.press();
    else {
      if (action !== "clear") panel.open("Parts");
      // The names travel with the press: the trait may still be on its way.
      const names = panel.namesField.value;
      await act(action, action === "split" ? { names } : {});
    }
  }

  function readNames(): void {
    const { namesField } = panel;
    const root = namesField.getRootNode() as Document | ShadowRoot;
    // What is being typed is not taken away.
    if (root.activeElement === namesField && timers.waits("names")) return;
    namesField.value = String(model.get("variable_names") ?? "");
  }

  function typeNames(text: string): void {
    model.set("variable_names", text);
    timers.later("names", SEND_NAMES_DELAY, () => {
      model.set("variable_names", panel.namesField.value);
      model.save_changes();
    });
  }

  function showButtons(): void {
    const { root } = elements;
    const { placed } = looking;
    const { alive, requests } = kernel;
    flag(root, "data-ks-gone", !alive);
    status.show();
    panel.enable((action) => alive && enabled(action), busy, alive ? "" : GONE);
    panel.frozen = frozen();
    const { undo, redo, measure } = elements;
    for (const [each, may] of [
      [undo, placed.canUndo],
      [redo, placed.canRedo],
      [measure, !requests.busy("measure")],
    ] as const) {
      each.hidden = frozen();
      flag(each, "aria-disabled", !alive || !may, "true");
    }
  }

  function busy(action: Action): boolean {
    return kernel.requests.busy(action === "cut" ? "toggle" : action);
  }

  function enabled(action: Action): boolean {
    const { scene, focus, refusal, placed } = looking;
    if (!scene || busy(action)) return false;
    if (action === "cut") return focus >= 0 && !refusal;
    if (action === "plan") return true;
    return placed.cuts.length > 0;
  }

  async function act(kind: Kind, payload: Record<string, unknown> = {}): Promise<Reply | null> {
    if (!kernel.alive) {
      showButtons();
      return null;
    }
    status.refused("");
    const reply = await kernel.requests.ask(kind, payload);
    if (signal.aborted) return null;
    // Python usually says it in last_error too; then this is the same sentence.
    status.refused(reply.error);
    return reply;
  }

  async function copy(): Promise<void> {
    const reply = await act("code");
    if (!reply?.ok) return;
    const code = String(reply.code);
    panel.showCode(code);
    try {
      await navigator.clipboard.writeText(code);
      panel.copied();
    } catch {
      // Not allowed here (an insecure page, or no permission): leave the last step to the person.
      panel.selectCode();
      status.notice("The page may not use the clipboard: the code is selected, press Ctrl+C.");
    }
  }

  return {
    get frozen(): boolean {
      return frozen();
    },
    toggle,
    remove,
    move,
    undo,
    redo,
    measure,
    cancel,
    press,
    readNames,
    typeNames,
    showButtons,
  };
}
