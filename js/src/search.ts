/** What a person may type to find calls: names, classes, shapes, ranges. */

import type { Graph } from "./graph";

export interface Found {
  /** Matching calls, ascending. */
  readonly calls: readonly number[];
  /** The text names a range: these calls are looked at, all others are dimmed. */
  readonly range: boolean;
}

/** "14x14x1024", "?×768", "*, 64": sizes divided by x, ×, * or commas; ? and none: unknown. */
const SHAPE = /^\(?\s*(?:\d+|\?|none)(?:\s*[x×,]\s*(?:\d+|\?|none))+\s*\)?$/i;

function parseShape(text: string): (number | null)[] | null {
  if (!SHAPE.test(text)) return null;
  return text
    .replace(/[()\s]/g, "")
    .split(/[x×,]/i)
    .map((size) => (/^\d+$/.test(size) ? Number(size) : null));
}

/** Does a shape end in these sizes? "?" stands for any size. */
function fits(shape: readonly (number | null)[], wanted: readonly (number | null)[]): boolean {
  const from = shape.length - wanted.length;
  return from >= 0 && wanted.every((size, i) => size === null || shape[from + i] === size);
}

/** One end of a range: a number that counts calls from 1, or the beginning of names. */
function end(graph: Graph, text: string, last: boolean): number | null {
  const { name } = graph.data.calls;
  if (!text) return last ? Infinity : 0;
  const number = /^\d+$/.test(text) ? Number(text) - 1 : -1;
  if (number >= 0) return number;
  const exact = name.findIndex((each) => each.toLowerCase() === text);
  if (exact >= 0) return exact;
  const begins = (each: string) => each.toLowerCase().startsWith(text);
  const found = last ? name.findLastIndex(begins) : name.findIndex(begins);
  return found < 0 ? null : found;
}

function parseRange(graph: Graph, text: string): number[] | null {
  const match = /^(?:layers?\s+|calls?\s+)?(\S*?)\s*(?:\.\.|…)\s*(\S*)$/.exec(text);
  if (!match || !(match[1] || match[2])) return null;
  const [a, b] = [end(graph, match[1], false), end(graph, match[2], true)];
  if (a === null || b === null) return null;
  const [low, high] = [Math.min(a, b), Math.min(Math.max(a, b), graph.size - 1)];
  return Array.from({ length: Math.max(0, high - low + 1) }, (_, i) => low + i);
}

/** The words of a text, all of which must be found; blanks within a shape divide nothing. */
function wordsOf(text: string): string[] {
  return text
    .replace(/(?<=\d|\?|none)\s*([x×,])\s*(?=\d|\?|none)|\s+(?=\))|(?<=\()\s+/g, "$1")
    .split(/\s+/);
}

/** Everything that a text finds; nothing for no text. */
export function find(graph: Graph, text: string): Found {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return { calls: [], range: false };
  const range = parseRange(graph, wanted);
  if (range) return { calls: range, range: true };
  const { calls, kinds, tensors } = graph.data;
  const tests = wordsOf(wanted).map((word) => {
    const shape = parseShape(word);
    const classes = kinds.map((kind) => kind.toLowerCase().includes(word));
    return (call: number, name: string) =>
      name.includes(word) ||
      classes[calls.kind[call]] ||
      (shape && graph.tensorsOf(call).some((tensor) => fits(tensors.shape[tensor], shape)));
  });
  const found: number[] = [];
  calls.name.forEach((each, call) => {
    const name = each.toLowerCase();
    if (tests.every((test) => test(call, name))) found.push(call);
  });
  return { calls: found, range: false };
}

/** The match to go to from a call: the next one, or the one before; round and round. */
export function next(found: readonly number[], from: number, back: boolean): number {
  if (!found.length) return -1;
  if (back) return found.findLast((call) => call < from) ?? found[found.length - 1];
  return found.find((call) => call > from) ?? found[0];
}
