/** From values to positions between 0 and 1. */
export interface Scale {
  readonly isLog: boolean;
  /** Where a value lies; what is beyond an end lies at it. */
  at(value: number): number;
  readonly ticks: readonly number[];
}

/** Values that differ by more than this cannot be compared by the lengths of bars: their logarithms are drawn. */
const MAX_LINEAR_RATIO = 30;
const TICKS = 5;

/** @param values Whatever must find room. A logarithmic scale has none for 0 and less, which lie at its start. */
export function scaleFor(values: readonly number[]): Scale {
  const positive = values.filter((value) => value > 0);
  if (positive.length === 0) return linear(1);
  const max = Math.max(...positive);
  const min = Math.min(...positive);
  return max / min > MAX_LINEAR_RATIO ? logarithmic(min, max) : linear(max);
}

function linear(max: number): Scale {
  const step = niceStep(max / TICKS);
  const end = Math.ceil(max / step) * step;
  return {
    isLog: false,
    at: (value) => clamp(value / end),
    ticks: Array.from({ length: Math.round(end / step) + 1 }, (_, i) => i * step),
  };
}

function logarithmic(min: number, max: number): Scale {
  const first = Math.floor(Math.log10(min));
  const last = Math.max(first + 1, Math.ceil(Math.log10(max)));
  return {
    isLog: true,
    at: (value) => (value > 0 ? clamp((Math.log10(value) - first) / (last - first)) : 0),
    ticks: Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i)),
  };
}

/** 1, 2 or 5 times a power of ten, not below this. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5].find((factor) => factor * power >= least) ?? 10);
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share));
}
