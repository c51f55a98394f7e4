/** How numbers are written in tables, plots and on the terminal. */
import type { Spread } from "./statistics.ts";

export function plain({ median, min, max }: Spread, decimals: number): string {
  if (min === max) return fixed(median, decimals);
  return `${fixed(median, decimals)} (${fixed(min, decimals)}–${fixed(max, decimals)})`;
}

export function times({ median, min, max }: Spread): string {
  const middle = `×${significant(median)}`;
  return min === max ? middle : `${middle} (${significant(min)}–${significant(max)})`;
}

export function fixed(value: number, decimals: number): string {
  return value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** Two decimals for what is near 1, three below a tenth, none above a hundred. */
export function significant(ratio: number): string {
  return fixed(ratio, ratio < 0.1 ? 3 : ratio < 10 ? 2 : ratio < 100 ? 1 : 0);
}

export function duration(seconds: number): string {
  return seconds < 90 ? `${Math.round(seconds)} s` : `${(seconds / 60).toFixed(1)} min`;
}
