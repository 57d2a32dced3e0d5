/** Checks of what arrives: everything is unknown until it has been looked at. */

/** A payload that cannot be shown. The message is one sentence for the person. */
export class PayloadError extends Error {}

export type Dict = Record<string, unknown>;

export function isDict(value: unknown): value is Dict {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function fail(what: string): never {
  throw new PayloadError(
    `The picture cannot be shown: ${what}. Restart the kernel and reload the page, so that both sides are of one release.`,
  );
}

/** What is large arrives as text: a notebook that keeps it would write a line for each number. */
export function unpacked(raw: unknown): unknown {
  try {
    if (typeof raw === "string") return JSON.parse(raw);
    return isDict(raw) && typeof raw.json === "string" ? { ...JSON.parse(raw.json), ...raw } : raw;
  } catch {
    return fail("its text cannot be read");
  }
}

export function dict(value: unknown, where: string): Dict {
  return isDict(value) ? value : fail(`“${where}” is missing`);
}

export function column<T>(
  owner: Dict,
  key: string,
  length: number | null,
  good: (item: unknown) => boolean,
): T[] {
  const value = owner[key];
  const whole = Array.isArray(value) && value.every(good);
  if (!whole || (length !== null && value.length !== length)) {
    fail(`the column “${key}” is not as agreed`);
  }
  return value as T[];
}

export const isText = (value: unknown): boolean => typeof value === "string";
export const isNumber = (value: unknown): boolean => typeof value === "number";
export const isSize = (value: unknown): boolean => value === null || typeof value === "number";
export const isList = (value: unknown): boolean => Array.isArray(value);
/** A whole number from `low` up to, but not including, `limit`. */
export const below =
  (limit: number, low = 0) =>
  (value: unknown): boolean =>
    Number.isInteger(value) && (value as number) >= low && (value as number) < limit;
export const listBelow = (limit: number) => (value: unknown) =>
  Array.isArray(value) && value.every(below(limit));

/** The bytes of a buffer, in one of their own: what arrives may not be aligned. */
export function copyOfBytes(value: unknown): Uint8Array<ArrayBuffer> {
  if (typeof value === "string") {
    // An exported page and the test data carry the buffer as base64.
    return Uint8Array.from(atob(value), (letter) => letter.charCodeAt(0));
  }
  if (value instanceof ArrayBuffer) return new Uint8Array(value.slice(0));
  if (ArrayBuffer.isView(value)) {
    return Uint8Array.from(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  }
  return fail("its geometry is missing");
}

// The smaller traits are read with defaults: one odd entry must not take the picture away.
export const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
export const numbers = (value: unknown): number[] =>
  Array.isArray(value) ? value.filter((item) => Number.isInteger(item)) : [];
export const sizeOf = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;
export const rows = (value: unknown): Dict[] => (Array.isArray(value) ? value.filter(isDict) : []);
