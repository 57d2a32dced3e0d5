/** Asking the planner: once when it is pressed, and again and again while the bandwidth moves. */

import type { Kernel } from "./kernel";
import type { Panel } from "./panel";
import { decodePlan, type Reply } from "./protocol";
import type { Status } from "./status";

export type Planning = ReturnType<typeof makePlanning>;

/** `placed`: the cuts of a plan are there now. */
export function makePlanning(
  panel: Panel,
  kernel: Kernel,
  status: Status,
  placed: () => void,
  signal: AbortSignal,
) {
  let flying = false;
  /** The slider has moved on while an answer was awaited. */
  let stale = false;

  /** `points`: those of the one cut that is wanted; without, the machine chooses. */
  async function press(points?: readonly string[]): Promise<void> {
    panel.open("Plan");
    const lack = points ? "" : panel.plan.lack();
    status.refused(lack);
    if (lack) return;
    // Python refuses with a reason what is not a number; nothing is guessed here.
    take(await ask(false, points && { points }), true);
  }

  /** At most one question is under way; of those that come meanwhile only the newest is asked. */
  async function live(): Promise<void> {
    if (flying) {
      stale = true;
      return;
    }
    flying = true;
    do {
      stale = false;
      take(await ask(true), false);
    } while (stale && !signal.aborted && kernel.alive);
    flying = false;
  }

  async function ask(live: boolean, more?: Record<string, unknown>): Promise<Reply | null> {
    if (!kernel.alive) return null;
    return kernel.requests.ask("plan", { ...panel.plan.request(), live, ...more });
  }

  function take(reply: Reply | null, aloud: boolean): void {
    if (!reply || signal.aborted) return;
    const plan = reply.ok ? decodePlan(reply.plan) : null;
    if (plan) panel.plan.show(plan);
    else panel.plan.clear();
    status.refused(reply.error);
    if (!plan || !aloud) return;
    panel.showEnd();
    placed();
  }

  return {
    press,
    live,
  };
}
