/** The line at the foot: what is under way, what Python says, and what was refused. */

import { GONE } from "./kernel";
import type { Kind, Model, Progress } from "./protocol";

/** The elements that the status fills. */
export interface StatusElements {
  status: HTMLElement;
  alert: HTMLElement;
  progress: HTMLProgressElement;
}

const WORDS: Record<Kind, string> = {
  preview: "The look at this cut",
  toggle: "The cut",
  remove: "The cut",
  clear: "Clearing the cuts",
  undo: "Undo",
  redo: "Redo",
  split: "The split",
  verify: "The verification",
  code: "The code",
};

export class Status {
  readonly #model: Model;
  readonly #elements: StatusElements;
  readonly #alive: () => boolean;
  /** Sentences of our own that stand before Python's: the kernel is busy; progress; a hint. */
  #slow = "";
  #doing = "";
  #notice = "";
  /** The refusal of the last request, until something else happens. */
  #refused = "";
  #broken = "";

  constructor(model: Model, elements: StatusElements, alive: () => boolean) {
    this.#model = model;
    this.#elements = elements;
    this.#alive = alive;
  }

  show(): void {
    const { status, alert } = this.#elements;
    const error = this.#broken || this.#refused || String(this.#model.get("last_error") ?? "");
    const own = this.#broken
      ? ""
      : this.#alive()
        ? this.#slow || this.#doing || this.#notice
        : GONE;
    const text = own || (error ? "" : String(this.#model.get("status") ?? ""));
    const wrong = own ? "" : error;
    // Only when it changed: a live region that is written again is read aloud again.
    if (status.textContent !== text) status.textContent = text;
    if (alert.textContent !== wrong) alert.textContent = wrong;
  }

  /** Why the picture cannot be shown; empty when it can. */
  broken(why: string): void {
    this.#broken = why;
    this.show();
  }

  /** How the last request was refused; empty when it was not. A hint is over either way. */
  refused(error: string): void {
    this.#notice = "";
    this.#refused = error;
    this.show();
  }

  /** The last refusal no longer matters. A hint stays. */
  forgive(): void {
    this.#refused = "";
    this.show();
  }

  /** A hint of our own, until something else happens. */
  notice(sentence: string): void {
    this.#notice = sentence;
    this.show();
  }

  /** The kernel has not answered for a while. */
  silent(kind: Kind): void {
    this.#slow = `No answer from the kernel yet, it may be busy: ${WORDS[kind].toLowerCase()} will follow when it is free.`;
    this.show();
  }

  progress({ what, done, total }: Progress): void {
    const { progress } = this.#elements;
    this.#slow = "";
    progress.hidden = false;
    progress.max = Math.max(1, total);
    progress.value = done;
    progress.setAttribute("aria-label", what || "Progress");
    this.#doing = total > 0 ? `${what} (${done} of ${total})` : what;
    this.show();
  }

  /** Nothing is under way any more. */
  idle(): void {
    this.#slow = "";
    this.#doing = "";
    this.#elements.progress.hidden = true;
    this.show();
  }
}
