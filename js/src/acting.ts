/** What a person asks of the kernel: cuts, undo, split, code, names; and which buttons may be pressed. */

import { flag } from "./dom";
import { GONE, type Kernel } from "./kernel";
import type { Looking } from "./looking";
import type { Action, Panel } from "./panel";
import { decodeResult, type Kind, type Model, type Reply } from "./protocol";
import type { Status } from "./status";
import { Timers } from "./timers";

/** The elements that acting marks. */
export interface ActingElements {
  root: HTMLElement;
  undo: HTMLButtonElement;
  redo: HTMLButtonElement;
}

/** Who takes part in an action. */
export interface Partners {
  panel: Panel;
  kernel: Kernel;
  status: Status;
  looking: Looking;
}

const SEND_NAMES_DELAY = 250;

export class Acting {
  readonly #model: Model;
  readonly #elements: ActingElements;
  readonly #panel: Panel;
  readonly #kernel: Kernel;
  readonly #status: Status;
  readonly #looking: Looking;
  readonly #signal: AbortSignal;
  readonly #timers: Timers<"names">;

  constructor(model: Model, elements: ActingElements, partners: Partners, signal: AbortSignal) {
    this.#model = model;
    this.#elements = elements;
    this.#panel = partners.panel;
    this.#kernel = partners.kernel;
    this.#status = partners.status;
    this.#looking = partners.looking;
    this.#signal = signal;
    this.#timers = new Timers(signal);
  }

  async toggle(call: number): Promise<void> {
    await this.#act("toggle", { call: this.#looking.scene!.picture.calls.name[call] });
  }

  async remove(index: number): Promise<void> {
    await this.#act("remove", { index });
  }

  async undo(): Promise<void> {
    if (this.#looking.placed.canUndo) await this.#act("undo");
  }

  async redo(): Promise<void> {
    if (this.#looking.placed.canRedo) await this.#act("redo");
  }

  async press(action: Action): Promise<void> {
    if (!this.#enabled(action)) return;
    if (action === "cut") await this.toggle(this.#looking.focus);
    else if (action === "code") await this.#copy();
    else {
      // The names travel with the press: the trait may still be on its way.
      const names = this.#panel.namesField.value;
      await this.#act(action, action === "split" ? { names } : {});
    }
  }

  readNames(): void {
    const { namesField } = this.#panel;
    const root = namesField.getRootNode() as Document | ShadowRoot;
    // What is being typed is not taken away.
    if (root.activeElement === namesField && this.#timers.waits("names")) return;
    namesField.value = String(this.#model.get("variable_names") ?? "");
  }

  typeNames(text: string): void {
    this.#model.set("variable_names", text);
    this.#timers.later("names", SEND_NAMES_DELAY, () => {
      this.#model.set("variable_names", this.#panel.namesField.value);
      this.#model.save_changes();
    });
  }

  showButtons(): void {
    const { undo, redo, root } = this.#elements;
    const { placed } = this.#looking;
    const { alive, requests } = this.#kernel;
    flag(root, "data-ks-gone", !alive);
    this.#status.show();
    const state = (action: Action) => ({
      enabled: alive && this.#enabled(action),
      busy: requests.busy(action === "cut" ? "toggle" : action),
    });
    const actions = {
      cut: state("cut"),
      split: state("split"),
      verify: state("verify"),
      code: state("code"),
      clear: state("clear"),
    };
    this.#panel.enable(actions, alive ? "" : GONE);
    flag(undo, "aria-disabled", !alive || !placed.canUndo, "true");
    flag(redo, "aria-disabled", !alive || !placed.canRedo, "true");
  }

  #enabled(action: Action): boolean {
    const { scene, focus, refusal, placed } = this.#looking;
    if (!scene || this.#kernel.requests.busy(action === "cut" ? "toggle" : action)) return false;
    if (action === "cut") return focus >= 0 && !refusal;
    return placed.cuts.length > 0;
  }

  async #act(kind: Kind, payload: Record<string, unknown> = {}): Promise<Reply | null> {
    if (!this.#kernel.alive) {
      this.showButtons();
      return null;
    }
    this.#status.refused("");
    const reply = await this.#kernel.requests.ask(kind, payload);
    if (this.#signal.aborted) return null;
    // Python usually says it in last_error too; then this is the same sentence.
    this.#status.refused(reply.error);
    return reply;
  }

  async #copy(): Promise<void> {
    const reply = await this.#act("code");
    const known = decodeResult(this.#model.get("_result"))?.code ?? "";
    const code = reply?.ok ? String(reply.code ?? "") : reply === null ? known : "";
    if (!code) return;
    this.#panel.showCode(code);
    try {
      await navigator.clipboard.writeText(code);
      this.#panel.copied();
    } catch {
      // Not allowed here (an insecure page, or no permission): leave the last step to the person.
      this.#panel.selectCode();
      this.#status.notice(
        "The page may not use the clipboard: the code is selected, press Ctrl+C.",
      );
    }
  }
}
