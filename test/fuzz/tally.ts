/** A message that took long. */
export interface Slow {
  readonly ms: number;
  readonly caseNumber: number;
  /** How it was made, and what the document was to which it was sent. */
  readonly what: string;
}

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
  /** The messages that took most: of this thread's processor, and of real time, which others use too. */
  slowest: { cpu: Slow; real: Slow };
}

const NOTHING: Slow = { ms: 0, caseNumber: 0, what: "nothing" };

export function newTally(): Tally {
  const slowest = { cpu: NOTHING, real: NOTHING };
  return { cases: 0, messages: 0, answers: {}, origins: {}, broken: {}, slowest };
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
  noteSlow(sum, part.slowest);
}

/** Keeps what took longer than all before. */
export function noteSlow({ slowest }: Tally, { cpu, real }: Tally["slowest"]): void {
  if (cpu.ms > slowest.cpu.ms) slowest.cpu = cpu;
  if (real.ms > slowest.real.ms) slowest.real = real;
}
