/** Who answers: the requests to the kernel, and whether it is still there. */

import { type Model, type RequestEvents, Requests } from "./protocol";
import { Timers } from "./timers";

export interface KernelEvents extends RequestEvents {
  /** It has been found out whether the kernel is there. */
  probed(): void;
}

/** How long a kernel may take to show that it is there, in ms. */
const PROBE = 3000;
export const GONE =
  "The kernel of this picture is gone: run the cell again to work with it; the picture can still be read.";

export class Kernel {
  readonly requests: Requests;
  readonly #root: HTMLElement;
  readonly #events: KernelEvents;
  readonly #signal: AbortSignal;
  readonly #timers: Timers<"comm">;
  #lost = false;
  /** How many times it was asked; only the latest answer counts. */
  #probes = 0;

  constructor(model: Model, root: HTMLElement, events: KernelEvents, signal: AbortSignal) {
    this.#root = root;
    this.#events = events;
    this.#signal = signal;
    this.#timers = new Timers(signal);
    this.requests = new Requests((content) => model.send(content), events);
    signal.addEventListener("abort", () => this.requests.dispose());
  }

  /** False when the kernel of this model is gone. */
  get alive(): boolean {
    return !this.#lost && this.#root.closest(".jupyter-widgets-disconnected") === null;
  }

  /** The connection came or went: find out which, once. */
  changed(): void {
    this.#timers.later("comm", 0, () => void this.#probe());
  }

  /** Find out whether there is still somebody who answers. */
  async #probe(): Promise<void> {
    this.#probes += 1;
    const mine = this.#probes;
    this.requests.abandon();
    const asked = this.requests.ask("code").then((reply) => reply.kind === "reply");
    const patience = new Promise<boolean>((resolve) => {
      this.#timers.later("comm", PROBE, () => resolve(false));
    });
    const answered = await Promise.race([asked, patience]);
    if (this.#signal.aborted || mine !== this.#probes) return;
    this.#timers.cancel("comm");
    this.#lost = !answered;
    if (!answered) this.requests.abandon();
    this.#events.probed();
  }
}
