/** The host's colours (CSS variables) as colours for the canvas. */

import {
  css,
  DARK_FAMILY,
  type Family,
  LIGHT_FAMILY,
  luminance,
  mix,
  mixRgb,
  PARTS,
  parseColor,
  type Rgb,
} from "./palette";

export interface Theme {
  readonly dark: boolean;
  readonly surface: string;
  readonly box: string;
  /** A folded box. */
  readonly fold: string;
  readonly boxLine: string;
  readonly ink: string;
  readonly dim: string;
  readonly edge: string;
  /** The ground within an open fold. */
  readonly frame: string;
  readonly frameLine: string;
  readonly accent: string;
  /** Text on the accent. */
  readonly onAccent: string;
  readonly family: Readonly<Record<Family, string>>;
  readonly font: string;
  /** Strong colour and box tint of a part, and the colour of texts in it. */
  part(index: number): { strong: string; tint: string; text: string };
}

/** Read the colours as they are now. `root` carries the `--ks-*` variables of widget.css. */
export function readTheme(root: HTMLElement): Theme {
  const probe = document.createElement("span");
  // Else forced colours would make all the same.
  probe.style.cssText = "display: none; forced-color-adjust: none";
  root.append(probe);
  const colour = (name: string, fallback: Rgb): Rgb => {
    // The browser resolves var() and color-mix() for us when the variable is used as a colour.
    probe.style.color = `var(--ks-${name})`;
    return parseColor(getComputedStyle(probe).color) ?? fallback;
  };
  const paper = colour("bg", [255, 255, 255]);
  const dark = 0.299 * paper[0] + 0.587 * paper[1] + 0.114 * paper[2] < 128;
  const inkRgb = colour("ink", dark ? [238, 238, 238] : [33, 33, 33]);
  const recess = colour("recess", paper);
  const accent = colour("accent", [25, 118, 210]);
  const font = getComputedStyle(root).fontFamily || "sans-serif";
  probe.remove();
  const boxRgb: Rgb = dark ? mixRgb(inkRgb, paper, 0.07) : paper;
  const end: Rgb = dark ? [255, 255, 255] : [0, 0, 0];
  const parts = PARTS.map((hue) => ({
    strong: mix(hue, end, dark ? 0.8 : 0.88),
    text: mix(hue, end, dark ? 0.7 : 0.6),
    tint: mix(hue, boxRgb, dark ? 0.2 : 0.14),
  }));
  return {
    dark,
    surface: css(recess),
    box: css(boxRgb),
    fold: mix(inkRgb, boxRgb, dark ? 0.09 : 0.06),
    boxLine: mix(inkRgb, recess, dark ? 0.28 : 0.22),
    ink: mix(inkRgb, paper, dark ? 0.94 : 0.92),
    dim: mix(inkRgb, paper, dark ? 0.68 : 0.66),
    edge: mix(inkRgb, recess, dark ? 0.4 : 0.34),
    frame: `rgba(${inkRgb.map(Math.round).join(", ")}, ${dark ? 0.05 : 0.032})`,
    frameLine: mix(inkRgb, recess, dark ? 0.24 : 0.18),
    accent: css(accent),
    onAccent: luminance(accent) > 0.3 ? "#0b1620" : "#ffffff",
    family: dark ? DARK_FAMILY : LIGHT_FAMILY,
    font,
    part: (index) => parts[index % parts.length],
  };
}
