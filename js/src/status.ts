/** The line at the foot: what is under way, what Python says, and what was refused. */

import { flag } from "./dom";
import { GONE } from "./kernel";
import { type Busy, decodeBusy, type Model } from "./protocol";

/** The elements that the status fills. */
export interface StatusElements {
  status: HTMLElement;
  alert: HTMLElement;
  progress: HTMLProgressElement;
  cancel: HTMLButtonElement;
}

export type Status = ReturnType<typeof makeStatus>;

export function makeStatus(model: Model, elements: StatusElements, alive: () => boolean) {
  /** Sentences of our own that stand before Python's: the kernel is busy; progress; a hint. */
  let slow = "";
  let doing = "";
  let hint = "";
  /** The refusal of the last request, until something else happens. */
  let refusal = "";
  let fault = "";

  function show(): void {
    const { status, alert } = elements;
    const error = fault || refusal || String(model.get("last_error") ?? "");
    const own = fault ? "" : alive() ? slow || doing || hint : GONE;
    const text = own || (error ? "" : String(model.get("status") ?? ""));
    // Beside what is under way, too: what was refused meanwhile would never be seen.
    const wrong = fault || (alive() && !hint) ? error : "";
    // Only when it changed: a live region that is written again is read aloud again.
    if (status.textContent !== text) status.textContent = text;
    if (alert.textContent !== wrong) alert.textContent = wrong;
  }

  /** Why the picture cannot be shown; empty when it can. */
  function broken(why: string): void {
    fault = why;
    show();
  }

  /** How the last request was refused; empty when it was not. A hint is over either way. */
  function refused(error: string): void {
    hint = "";
    refusal = error;
    show();
  }

  /** The last refusal no longer matters. A hint stays. */
  function forgive(): void {
    refusal = "";
    show();
  }

  /** A hint of our own, until something else happens. */
  function notice(sentence: string): void {
    hint = sentence;
    show();
  }

  /** The kernel has not answered for a while. */
  function silent(): void {
    slow = "No answer from the kernel yet, it may be busy: this will follow when it is free.";
    show();
  }

  function progress({ what, done, total }: Busy): void {
    const { progress: bar } = elements;
    slow = "";
    bar.hidden = false;
    if (total > 0) {
      bar.max = total;
      bar.value = done;
    } else bar.removeAttribute("value");
    bar.setAttribute("aria-label", what);
    doing = total > 0 ? `${what} (${done} of ${total})` : what;
    show();
  }

  /** The kernel is at long work, or no longer. */
  function readBusy(): void {
    const busy = decodeBusy(model.get("_busy"));
    const { cancel } = elements;
    cancel.hidden = !busy;
    if (!busy) stopping(false);
    if (busy) progress(busy);
    else idle();
  }

  /** The person has asked for the end of it: heard at once, whenever it comes. */
  function stopping(on: boolean): void {
    elements.cancel.textContent = on ? "Stopping…" : "Cancel";
    flag(elements.cancel, "aria-disabled", on, "true");
  }

  /** Nothing is under way any more. */
  function idle(): void {
    if (decodeBusy(model.get("_busy"))) return;
    slow = "";
    doing = "";
    elements.progress.hidden = true;
    show();
  }

  return {
    show,
    broken,
    refused,
    forgive,
    notice,
    silent,
    stopping,
    readBusy,
    idle,
  };
}
