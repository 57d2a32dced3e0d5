/** What the colours of the boxes say: class, part, or how much of something. */

import { bytes, count, seconds, work } from "./format";
import type { Scene } from "./geometry";
import { css, FAMILY_WORDS, type Family, familyOf, inkOn, ramp } from "./palette";
import type { Costs, Placed } from "./protocol";
import type { Theme } from "./theme";

export const COLOURS = ["class", "part", "params", "flops", "bytes", "ms"] as const;
export type Colour = (typeof COLOURS)[number];

export const COLOUR_WORDS: Readonly<Record<Colour, string>> = {
  class: "Class",
  part: "Part",
  params: "Parameters",
  flops: "FLOPs",
  bytes: "Activation bytes",
  ms: "Measured segments",
};

/** How a box is painted. Equal inks are one object, so that boxes can be painted in batches. */
export interface Ink {
  /** From far, and the bar at the left. */
  readonly strong: string;
  /** The ground of the box; a second one when the box lies in two parts. */
  readonly fill: string;
  readonly fill2: string;
  readonly text: string;
  readonly dim: string;
  /** Lines on the ground: what would be shown is unknown. */
  readonly hatch?: boolean;
}

export interface Legend {
  /** Backgrounds with their words; with a ramp, its two ends come first. */
  readonly entries: readonly { colour: string; word: string }[];
  readonly ramp: readonly string[] | null;
}

export interface Overlay {
  readonly inks: readonly Ink[];
  readonly legend: Legend;
}

type Amount = Exclude<Colour, "class" | "part">;

const WORD: Readonly<Record<Amount, (value: number) => string>> = {
  params: count,
  flops: (value) => work(value, "FLOP"),
  bytes,
  ms: (value) => seconds(value / 1000),
};

/** Costs have to be asked for before this can be shown. */
export function needsCosts(colour: Colour): boolean {
  return colour === "flops" || colour === "bytes" || colour === "ms";
}

/** The family of a box: its own, or the commonest of those that do work inside it. */
export function familyOfBox(scene: Scene, box: number): Family {
  const { graph } = scene;
  if (!scene.isFold(box)) return familyOf(graph.kind(scene.callOf(box)));
  const seen = new Map<Family, number>();
  for (const call of scene.callsOf(box)) {
    const family = familyOf(graph.kind(call));
    const weight = graph.data.calls.params[call] > 0 ? 1000 : 1;
    seen.set(family, (seen.get(family) ?? 0) + weight);
  }
  return [...seen].reduce((a, b) => (b[1] > a[1] ? b : a), ["other", 0] as [Family, number])[0];
}

/** The amount of something in each box; null where that of a call is not known. */
export function amounts(scene: Scene, colour: Amount, costs: Costs | null): (number | null)[] {
  return scene.view.boxes.id.map((_, box) => {
    const calls = scene.callsOf(box);
    return colour === "ms" ? segmentsOf(calls, costs) : scene.graph.totals(calls, costs)[colour];
  });
}

/** Milliseconds: each call has the time of its whole segment, several that of each of theirs, once. */
export function segmentsOf(calls: Iterable<number>, costs: Costs | null): number | null {
  const known = new Set([...calls].map((call) => costs?.ms?.[call]).filter((ms) => ms != null));
  return known.size ? [...known].reduce((a, b) => a + b) : null;
}

/** The share of the ramp: logarithmic, because costs span many powers of ten. */
export function share(value: number, low: number, high: number): number {
  if (value <= 0) return 0;
  return high > low ? 0.08 + (0.92 * Math.log(value / low)) / Math.log(high / low) : 1;
}

export function overlay(
  scene: Scene,
  colour: Colour,
  placed: Placed,
  costs: Costs | null,
  theme: Theme,
): Overlay {
  return colour === "class" || colour === "part"
    ? plain(scene, colour, placed, theme)
    : magnitude(scene, colour, costs, theme);
}

function plain(scene: Scene, colour: "class" | "part", placed: Placed, theme: Theme): Overlay {
  const known = new Map<string, Ink>();
  const families = new Set<Family>();
  const several = placed.parts.length > 1;
  const inks = scene.view.boxes.id.map((_, box) => {
    const calls = scene.callsOf(box);
    const [first, last] = several
      ? [placed.partOf[calls[0]] ?? 0, placed.partOf[calls[calls.length - 1]] ?? 0]
      : [-1, -1];
    const family = familyOfBox(scene, box);
    families.add(family);
    const ground = scene.isFold(box) ? theme.fold : theme.box;
    const key = `${first} ${last} ${family} ${ground}`;
    let ink = known.get(key);
    if (!ink) {
      ink = {
        strong: colour === "part" && first >= 0 ? theme.part(first).strong : theme.family[family],
        fill: first >= 0 ? theme.part(first).tint : ground,
        fill2: last >= 0 ? theme.part(last).tint : ground,
        text: theme.ink,
        dim: theme.dim,
      };
      known.set(key, ink);
    }
    return ink;
  });
  const entries =
    colour === "part"
      ? placed.parts.map((part, i) => ({ colour: theme.part(i).strong, word: part.variable }))
      : (Object.keys(FAMILY_WORDS) as Family[])
          .filter((family) => families.has(family))
          .map((family) => ({ colour: theme.family[family], word: FAMILY_WORDS[family] }));
  return { inks, legend: { entries, ramp: null } };
}

const STEPS = 24;

function magnitude(scene: Scene, colour: Amount, costs: Costs | null, theme: Theme): Overlay {
  const values = amounts(scene, colour, costs);
  const positive = values.filter((value): value is number => value !== null && value > 0);
  const low = positive.reduce((a, b) => Math.min(a, b), Infinity);
  const high = positive.reduce((a, b) => Math.max(a, b), 0);
  const palette: Ink[] = Array.from({ length: STEPS + 1 }, (_, i) => {
    const rgb = ramp(i / STEPS, theme.dark);
    const text = inkOn(rgb);
    return { strong: css(rgb), fill: css(rgb), fill2: css(rgb), text, dim: text };
  });
  const blank = {
    strong: theme.boxLine,
    fill: theme.box,
    fill2: theme.box,
    text: theme.ink,
    dim: theme.dim,
  };
  const unknown = { ...blank, strong: theme.edge, hatch: true };
  const inks = values.map((value) =>
    value ? palette[Math.round(share(value, low, high) * STEPS)] : value === null ? unknown : blank,
  );
  const ends = low < high ? [low, high] : positive.slice(0, 1);
  const entries = ends.map((value) => ({ colour: palette[STEPS].fill, word: WORD[colour](value) }));
  if (values.includes(0)) entries.push({ colour: blank.strong, word: "none" });
  if (values.includes(null))
    entries.push({
      colour: `repeating-linear-gradient(135deg, ${theme.edge} 0 1px, ${theme.box} 0 4px)`,
      word: "unknown",
    });
  return {
    inks,
    legend: { entries, ramp: low < high ? palette.slice(2).map((ink) => ink.fill) : null },
  };
}
