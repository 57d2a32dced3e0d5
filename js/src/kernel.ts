/** Who answers: the requests to the kernel, and whether it is still there. */

import { type Model, makeRequests, type RequestEvents, type Requests } from "./protocol";
import { Timers } from "./timers";

export interface KernelEvents extends RequestEvents {
  /** It has been found out whether the kernel is there. */
  probed(): void;
}

/** How long a kernel may take to show that it is there, in ms. */
const PROBE = 3000;
export const GONE =
  "The kernel of this picture is gone: run the cell again to work with it; the picture can still be read.";

export type Kernel = ReturnType<typeof makeKernel>;

export function makeKernel(
  model: Model,
  root: HTMLElement,
  events: KernelEvents,
  signal: AbortSignal,
) {
  let lost = false;
  /** How many times it was asked; only the latest answer counts. */
  let probes = 0;

  const timers: Timers<"comm"> = new Timers(signal);
  const requests: Requests = makeRequests((content) => model.send(content), events);
  signal.addEventListener("abort", () => requests.dispose());

  /** The connection came or went, nobody says which: find out, once. */
  function changed(): void {
    timers.later("comm", 0, () => void probe());
  }

  /** Find out whether there is still somebody who answers. */
  async function probe(): Promise<void> {
    probes += 1;
    const mine = probes;
    requests.abandon();
    const asked = requests.ask("code").then((reply) => reply.kind === "reply");
    const patience = new Promise<boolean>((resolve) => {
      timers.later("comm", PROBE, () => resolve(false));
    });
    const answered = await Promise.race([asked, patience]);
    if (signal.aborted || mine !== probes) return;
    timers.cancel("comm");
    lost = !answered;
    if (!answered) requests.abandon();
    events.probed();
  }

  return {
    requests,
    /** False when the kernel of this model is gone. */
    get alive(): boolean {
      return !lost && root.closest(".jupyter-widgets-disconnected") === null;
    },
    changed,
  };
}
