/** Counts of one run; several add up. */
export interface Tally {
  cases: number;
  messages: number;
  /** How messages were answered. */
  answers: Record<string, number>;
  /** How messages were made. */
  origins: Record<string, number>;
  /** How often each rule was broken. */
  broken: Record<string, number>;
  /** The message that took longest. */
  slowestMs: number;
  slowestCase: number;
}

export function newTally(): Tally {
  return { cases: 0, messages: 0, answers: {}, origins: {}, broken: {}, slowestMs: 0, slowestCase: 0 };
}

export function count(counts: Record<string, number>, key: string, by = 1): void {
  counts[key] = (counts[key] ?? 0) + by;
}

export function addTally(sum: Tally, part: Tally): void {
  sum.cases += part.cases;
  sum.messages += part.messages;
  for (const name of ["answers", "origins", "broken"] as const) {
    for (const [key, value] of Object.entries(part[name])) count(sum[name], key, value);
  }
  if (part.slowestMs > sum.slowestMs) {
    sum.slowestMs = part.slowestMs;
    sum.slowestCase = part.slowestCase;
  }
}
