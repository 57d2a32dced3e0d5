/** Numbers and shapes as people read them. Sentences come from Python; only these are made here. */

const COUNT_UNITS = ["", " k", " M", " G", " T"];
const BYTE_UNITS = [" B", " kB", " MB", " GB", " TB"];

function scaled(value: number, units: readonly string[], base: number): string {
  let size = value;
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= base;
    unit += 1;
  }
  const digits = unit === 0 || size >= 99.95 ? 0 : 1;
  // A half goes to the even side, as in Python: one number must not be written in two ways.
  if ((size * (digits ? 4 : 2)) % 4 === 1) size -= 0.01; // ….25, or an even number and a half
  return size.toFixed(digits) + units[unit];
}

const unknown = (value: number | null | undefined): value is null | undefined =>
  value == null || !Number.isFinite(value);

/** 25636712 -> "25.6 M"; unknown stays unknown. */
export function count(value: number | null | undefined): string {
  return unknown(value) ? "?" : scaled(value, COUNT_UNITS, 1000);
}

/** 3857925120 -> "3.9 GMACs". */
export function work(value: number | null | undefined, unit: "MAC" | "FLOP"): string {
  if (unknown(value)) return `? ${unit}s`;
  const text = scaled(value, COUNT_UNITS, 1000);
  return text.includes(" ") ? `${text}${unit}s` : `${text} ${unit}s`;
}

/** 3211264 -> "3.1 MB" (steps of 1024, as on the Python side); unknown stays unknown. */
export function bytes(value: number | null | undefined): string {
  return unknown(value) ? "size unknown" : scaled(value, BYTE_UNITS, 1024);
}

/** 125e6 -> "125 MB/s": steps of 1000, as links are sold. */
export function rate(value: number): string {
  return `${scaled(value, BYTE_UNITS, 1000)}/s`;
}

/** 0.0123 -> "12.3 ms". */
export function seconds(value: number | null | undefined): string {
  if (unknown(value)) return "?";
  if (value === 0) return "0";
  const [size, unit] =
    value < 1e-3 ? [value * 1e6, "µs"] : value < 1 ? [value * 1e3, "ms"] : [value, "s"];
  return `${size >= 100 ? size.toFixed(0) : size.toPrecision(3)} ${unit}`;
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
