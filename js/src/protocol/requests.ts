/** Request and reply with ids, over custom messages. */

import { type Dict, isDict } from "./checks";

export type Kind =
  | "preview"
  | "toggle"
  | "remove"
  | "clear"
  | "undo"
  | "redo"
  | "split"
  | "verify"
  | "code"
  | "move"
  | "view"
  | "costs"
  | "measure"
  | "plan"
  | "cancel";

export interface Reply {
  ok: boolean;
  error: string;
  [key: string]: unknown;
}

export interface RequestEvents {
  /** Something started or ended: `busy` tells what is under way. */
  changed(): void;
  /** Nothing was heard for `PATIENCE` ms. */
  silent(): void;
}

interface Pending {
  kind: Kind;
  resolve(reply: Reply): void;
  timer: ReturnType<typeof setTimeout>;
}

/** How long to wait for a sign of life before saying that the kernel is busy, in ms. */
export const PATIENCE = 10_000;

/**
 * Request and reply over custom messages.
 *
 * Two views of one model both hear every reply, so ids start at a random number per view.
 */
export type Requests = ReturnType<typeof makeRequests>;

export function makeRequests(send: (content: unknown) => void, events: RequestEvents) {
  const pending = new Map<number, Pending>();
  let next = Math.floor(Math.random() * 2 ** 30) * 2 ** 20;

  /** Never rejects: an answer that says no is an answer. */
  function ask(kind: Kind, payload: Dict = {}): Promise<Reply> {
    next += 1;
    const id = next;
    return new Promise((resolve) => {
      pending.set(id, { kind, resolve, timer: patience(kind) });
      events.changed();
      try {
        send({ ...payload, id, kind });
      } catch {
        finish(id, { ok: false, error: "The kernel could not be reached." });
      }
    });
  }

  /** A message from Python; others than replies to our own requests are ignored. */
  function receive(message: unknown): void {
    if (!isDict(message) || message.kind !== "reply") return;
    const ok = message.ok === true;
    finish(Number(message.id), {
      ...message,
      ok,
      error: ok ? "" : String(message.error ?? "The request was refused."),
    });
  }

  function busy(kind: Kind): boolean {
    for (const asked of pending.values()) if (asked.kind === kind) return true;
    return false;
  }

  /** No answer can come any more: everyone who waits gets an empty no. */
  function abandon(): void {
    for (const id of [...pending.keys()]) finish(id, { ok: false, error: "" });
  }

  /** Stop all timers and let go of everyone who waits. */
  function dispose(): void {
    for (const { timer } of pending.values()) clearTimeout(timer);
    pending.clear();
  }

  function patience(kind: Kind): ReturnType<typeof setTimeout> {
    // Costs may take long, and nobody has to wait for them.
    return setTimeout(() => kind !== "costs" && events.silent(), PATIENCE);
  }

  function finish(id: number, reply: Reply): void {
    const asked = pending.get(id);
    if (!asked) return;
    clearTimeout(asked.timer);
    pending.delete(id);
    asked.resolve(reply);
    events.changed();
  }

  return {
    /** Nothing is under way that the person waits for. */
    get idle(): boolean {
      for (const { kind } of pending.values()) {
        if (kind !== "preview" && kind !== "costs") return false;
      }
      return true;
    },
    ask,
    receive,
    busy,
    abandon,
    dispose,
  };
}
