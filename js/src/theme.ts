/** The host's colours (CSS variables) as colours for the canvas. */

export type Family =
  | "input"
  | "conv"
  | "norm"
  | "activation"
  | "merge"
  | "pool"
  | "dense"
  | "sequence"
  | "reshape"
  | "other";

const FAMILIES: readonly [Family, RegExp][] = [
  ["input", /^InputLayer$/],
  ["sequence", /lstm|gru|rnn|attention|recurrent|transformer|bidirectional/i],
  ["pool", /pool/i],
  ["norm", /norm/i],
  [
    "reshape",
    /reshape|flatten|permute|transpose|repeat|padding|cropping|upsampling|resiz|rescal|getitem|expand|squeeze|cast|split|slice|stack/i,
  ],
  ["conv", /conv/i],
  ["dense", /dense|linear|matmul|einsum|embedding/i],
  ["merge", /^(add|concat|multiply|subtract|average$|maximum$|minimum$|dot|merge|divide|truediv)/i],
  ["activation", /relu|softmax|activation|elu$|gelu|silu|swish|sigmoid|tanh|softplus/i],
];

/** The family of a Keras class. */
export function familyOf(kind: string): Family {
  return FAMILIES.find(([, pattern]) => pattern.test(kind))?.[0] ?? "other";
}

export interface Theme {
  readonly dark: boolean;
  readonly surface: string;
  readonly box: string;
  readonly boxLine: string;
  readonly ink: string;
  readonly dim: string;
  readonly edge: string;
  readonly accent: string;
  readonly family: Readonly<Record<Family, string>>;
  readonly font: string;
  /** Strong colour and box tint of a part. */
  part(index: number): { strong: string; tint: string };
}

type Rgb = readonly [number, number, number];

const LIGHT_FAMILY: Record<Family, string> = {
  input: "#5f6b76",
  conv: "#5b87c5",
  norm: "#b8a04a",
  activation: "#d08a4e",
  merge: "#8b74c4",
  pool: "#3f9f98",
  dense: "#5a9e5f",
  sequence: "#c0618f",
  reshape: "#97a0a8",
  other: "#b3b9be",
};
const DARK_FAMILY: Record<Family, string> = {
  input: "#aab4bd",
  conv: "#77a4e0",
  norm: "#cdb866",
  activation: "#e0a06b",
  merge: "#a891e0",
  pool: "#5fbdb5",
  dense: "#7cbd80",
  sequence: "#da82ad",
  reshape: "#8d969e",
  other: "#757d84",
};
const PARTS: readonly Rgb[] = [
  [64, 128, 210],
  [221, 140, 45],
  [58, 160, 104],
  [148, 99, 200],
  [30, 160, 172],
  [205, 86, 112],
  [140, 148, 48],
  [110, 112, 190],
];

/** "rgb(1, 2, 3)", "rgba(…)", "color(srgb 0.1 0.2 0.3)" or "#123456" -> numbers. */
export function parseColor(text: string): Rgb | null {
  const hex = /^#([0-9a-f]{6})$/i.exec(text.trim());
  if (hex) {
    const value = Number.parseInt(hex[1], 16);
    return [value >> 16, (value >> 8) & 255, value & 255];
  }
  const numbers = text.match(/[\d.]+(?:e-?\d+)?/g)?.map(Number);
  if (!numbers || numbers.length < 3) return null;
  const factor = text.startsWith("color(") ? 255 : 1;
  return [numbers[0] * factor, numbers[1] * factor, numbers[2] * factor];
}

function mixRgb(a: Rgb, b: Rgb, share: number): Rgb {
  const at = (i: 0 | 1 | 2) => a[i] * share + b[i] * (1 - share);
  return [at(0), at(1), at(2)];
}

function css(rgb: Rgb): string {
  return `rgb(${rgb.map(Math.round).join(", ")})`;
}

/** `share` of a over b, as a CSS colour. */
export function mix(a: Rgb, b: Rgb, share: number): string {
  return css(mixRgb(a, b, share));
}

/** Read the colours as they are now. `root` carries the `--ks-*` variables of widget.css. */
export function readTheme(root: HTMLElement): Theme {
  const probe = document.createElement("span");
  probe.style.display = "none";
  root.append(probe);
  const colour = (name: string, fallback: Rgb): Rgb => {
    // The browser resolves var() and color-mix() for us when the variable is used as a colour.
    probe.style.color = `var(--ks-${name})`;
    return parseColor(getComputedStyle(probe).color) ?? fallback;
  };
  const paper = colour("bg", [255, 255, 255]);
  const dark = 0.299 * paper[0] + 0.587 * paper[1] + 0.114 * paper[2] < 128;
  const inkRgb = colour("ink", dark ? [238, 238, 238] : [33, 33, 33]);
  const surface = colour("recess", paper);
  const accent = colour("accent", [25, 118, 210]);
  const font = getComputedStyle(root).fontFamily || "sans-serif";
  probe.remove();
  const boxRgb: Rgb = dark ? mixRgb(inkRgb, paper, 0.07) : paper;
  return {
    dark,
    surface: css(surface),
    box: css(boxRgb),
    boxLine: mix(inkRgb, surface, dark ? 0.26 : 0.2),
    ink: mix(inkRgb, paper, dark ? 0.94 : 0.92),
    dim: mix(inkRgb, paper, dark ? 0.64 : 0.62),
    edge: mix(inkRgb, surface, dark ? 0.4 : 0.34),
    accent: css(accent),
    family: dark ? DARK_FAMILY : LIGHT_FAMILY,
    font,
    part(index) {
      const hue = PARTS[index % PARTS.length];
      return {
        strong: dark ? mix(hue, [255, 255, 255], 0.78) : mix(hue, [0, 0, 0], 0.9),
        tint: mix(hue, boxRgb, dark ? 0.17 : 0.13),
      };
    },
  };
}
