/** Timers by name: starting one again replaces it, and all end with the view. */

export class Timers<Name extends string> {
  readonly #running = new Map<Name, ReturnType<typeof setTimeout>>();

  constructor(signal: AbortSignal) {
    signal.addEventListener("abort", () => {
      for (const timer of this.#running.values()) clearTimeout(timer);
    });
  }

  later(name: Name, delay: number, then: () => void): void {
    clearTimeout(this.#running.get(name));
    const timer = setTimeout(() => {
      this.#running.delete(name);
      then();
    }, delay);
    this.#running.set(name, timer);
  }

  cancel(name: Name): void {
    clearTimeout(this.#running.get(name));
    this.#running.delete(name);
  }

  waits(name: Name): boolean {
    return this.#running.has(name);
  }
}
