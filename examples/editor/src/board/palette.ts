/**
 * The board's colours. The document holds their names only, so that a board drawn in the light can be read in the
 * dark, and nobody's colour is a style of somebody else's page.
 */

import type { Scheme } from "../color-scheme.ts";

interface Tone {
  /** Of lines. At least 3:1 against the scheme's paper. */
  readonly line: string;
  /** Of notes and filled shapes. Ink has at least 7:1 on it. */
  readonly fill: string;
}

const COLORS = {
  ink: {
    light: { line: "#1c2723", fill: "#ffffff" },
    dark: { line: "#e2e7e1", fill: "#2b3431" },
  },
  red: {
    light: { line: "#b3402f", fill: "#f9d9d1" },
    dark: { line: "#f0937f", fill: "#582f28" },
  },
  amber: {
    light: { line: "#a4620c", fill: "#fae5b0" },
    dark: { line: "#e3aa5f", fill: "#54401c" },
  },
  green: {
    light: { line: "#2d7d46", fill: "#d6edd3" },
    dark: { line: "#7fd3a4", fill: "#28482f" },
  },
  blue: {
    light: { line: "#2f6fb0", fill: "#d6e7f7" },
    dark: { line: "#84b8ea", fill: "#25425f" },
  },
  violet: {
    light: { line: "#8a55b5", fill: "#eadff6" },
    dark: { line: "#c79fe8", fill: "#453459" },
  },
} as const satisfies Record<string, Record<Scheme, Tone>>;

export type ColorName = keyof typeof COLORS;

export const COLOR_NAMES = Object.keys(COLORS) as ColorName[];

export function isColorName(value: unknown): value is ColorName {
  return typeof value === "string" && Object.hasOwn(COLORS, value);
}

export function toneOf(color: ColorName, scheme: Scheme): Tone {
  return COLORS[color][scheme];
}

/** What notes are written in. */
export function noteInk(scheme: Scheme): string {
  return COLORS.ink[scheme].line;
}
