/** Numbers and shapes as people read them. Sentences come from Python; only these are made here. */

const PARAMETER_UNITS = ["", " k", " M", " G", " T"];
const BYTE_UNITS = [" B", " kB", " MB", " GB", " TB"];

function scaled(value: number, units: readonly string[], base: number): string {
  let size = value;
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= base;
    unit += 1;
  }
  const digits = unit === 0 || size >= 99.95 ? 0 : 1;
  return size.toFixed(digits) + units[unit];
}

/** 25636712 -> "25.6 M". */
export function count(value: number): string {
  return Number.isFinite(value) ? scaled(value, PARAMETER_UNITS, 1000) : "?";
}

/** 3211264 -> "3.1 MB" (steps of 1024, as on the Python side); unknown stays unknown. */
export function bytes(value: number | null | undefined): string {
  return value == null || !Number.isFinite(value)
    ? "size unknown"
    : scaled(value, BYTE_UNITS, 1024);
}

/** The shape without its batch dimension: [null, 56, 56, 64] -> "56×56×64". */
export function shape(dims: readonly (number | null)[]): string {
  if (dims.length <= 1) return "scalar";
  return dims
    .slice(1)
    .map((dim) => (dim === null ? "?" : String(dim)))
    .join("×");
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString("en-US")} ${n === 1 ? one : many}`;
}
