/**
 * The only reader of what Python sends: traits decoded and checked, and request/reply with ids.
 *
 * The format is written down once, in `kerassplit_widget/display/wire.py`; the file
 * `tests/data/payload_v2.json` is written there and read by the tests here.
 */

export { PayloadError } from "./checks";
export * from "./model";
export * from "./requests";
export * from "./traits";
export * from "./view";

/** The slice of anywidget's model that is used here. */
export interface Model {
  // biome-ignore lint/suspicious/noExplicitAny: traits are untyped until they are decoded
  get(name: string): any;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown): void;
  // biome-ignore lint/suspicious/noExplicitAny: as in anywidget
  on(event: string, callback: (...args: any[]) => void): void;
  // biome-ignore lint/suspicious/noExplicitAny: as in anywidget
  off(event: string, callback: (...args: any[]) => void): void;
}
