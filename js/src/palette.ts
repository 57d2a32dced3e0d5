/**
 * Colours that colour-blind people can tell apart: Okabe and Ito's eight for classes and parts
 * (Color Universal Design, 2008), ColorBrewer's YlGnBu for magnitudes (Harrower and Brewer, 2003).
 */

export type Rgb = readonly [number, number, number];

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
  ["sequence", /lstm|gru|rnn|attention|recurrent|transformer|bidirectional|embedding/i],
  ["pool", /pool/i],
  ["norm", /norm|rescal|layer_?scale/i],
  ["conv", /conv/i],
  [
    "reshape",
    /reshape|flatten|permute|transpose|repeat|padding|cropping|upsampling|resiz|getitem|expand|squeeze|cast|split|slice|stack/i,
  ],
  ["dense", /dense|linear|matmul|einsum/i],
  [
    "merge",
    /^(add|concat|multiply|subtract|average$|maximum$|minimum$|dot|merge|divide|truediv|(not_?)?equal|greater|less|logical|where)/i,
  ],
  ["activation", /relu|softmax|activation|elu$|gelu|silu|swish|sigmoid|tanh|softplus/i],
];

/** What a family is called in the legend. */
export const FAMILY_WORDS: Readonly<Record<Family, string>> = {
  input: "input",
  conv: "convolution",
  norm: "normalization",
  activation: "activation",
  merge: "merge",
  pool: "pooling",
  dense: "dense",
  sequence: "sequence, attention",
  reshape: "reshape",
  other: "other",
};

/** The family of a Keras class. */
export function familyOf(kind: string): Family {
  return FAMILIES.find(([, pattern]) => pattern.test(kind))?.[0] ?? "other";
}

export const LIGHT_FAMILY: Readonly<Record<Family, string>> = {
  input: "#3f474d",
  conv: "#0072b2",
  norm: "#d6c516",
  activation: "#e69f00",
  merge: "#cc79a7",
  pool: "#009e73",
  dense: "#d55e00",
  sequence: "#56b4e9",
  reshape: "#8b949b",
  other: "#b9bfc4",
};
export const DARK_FAMILY: Readonly<Record<Family, string>> = {
  input: "#c3ccd3",
  conv: "#3d97d3",
  norm: "#f0e442",
  activation: "#e69f00",
  merge: "#d98bb6",
  pool: "#1fb58c",
  dense: "#e8743b",
  sequence: "#7cc8f2",
  reshape: "#8d969e",
  other: "#6c747b",
};

export const PARTS: readonly Rgb[] = [
  [0, 114, 178],
  [230, 159, 0],
  [0, 158, 115],
  [204, 121, 167],
  [86, 180, 233],
  [213, 94, 0],
  [196, 180, 20],
  [120, 128, 134],
];

const LIGHT_RAMP: readonly Rgb[] = [
  [255, 255, 229],
  [199, 233, 180],
  [127, 205, 187],
  [65, 182, 196],
  [29, 145, 192],
  [34, 94, 168],
  [12, 44, 132],
];
const DARK_RAMP: readonly Rgb[] = [
  [30, 40, 70],
  [36, 72, 130],
  [34, 110, 170],
  [40, 150, 190],
  [92, 193, 190],
  [170, 224, 178],
  [250, 252, 205],
];

/** The colour of a share from 0 to 1: more is further from the paper. */
export function ramp(share: number, dark: boolean): Rgb {
  const stops = dark ? DARK_RAMP : LIGHT_RAMP;
  const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const i = Math.min(Math.floor(at), stops.length - 2);
  return mixRgb(stops[i + 1], stops[i], at - i);
}

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

export function mixRgb(a: Rgb, b: Rgb, share: number): Rgb {
  const at = (i: 0 | 1 | 2) => a[i] * share + b[i] * (1 - share);
  return [at(0), at(1), at(2)];
}

export function css(rgb: Rgb): string {
  return `rgb(${rgb.map(Math.round).join(", ")})`;
}

/** `share` of a over b, as a CSS colour. */
export function mix(a: Rgb, b: Rgb, share: number): string {
  return css(mixRgb(a, b, share));
}

/** Relative luminance as WCAG 2 defines it, 0 to 1. */
export function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((value) => {
    const v = value / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Black or white, whichever can be read better on this colour. */
export function inkOn(rgb: Rgb): string {
  return luminance(rgb) > 0.18 ? "#000000" : "#ffffff";
}
