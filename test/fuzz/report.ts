import { MISPLACED } from "./finding.ts";
import { addTally, newTally, type Slow, type Tally } from "./tally.ts";
import type { SmallFailure } from "./worker.ts";

const BAR = 24;
/** A line of progress this often where there is no terminal to draw in. */
const LINE_EVERY_SECONDS = 30;

/** What a run came to, told as it goes on. */
export class Report {
  readonly #seed: number;
  readonly #cases: number;
  readonly #seconds: number;
  readonly #tally: Tally = newTally();
  readonly #startMs = performance.now();
  readonly #out = process.stderr;
  #failures = 0;
  #linesAtSeconds = 0;

  constructor(options: { seed: number; cases: number; seconds: number }) {
    this.#seed = options.seed;
    this.#cases = options.cases;
    this.#seconds = options.seconds;
    this.#out.write(`fuzz  seed ${options.seed}\n`);
  }

  get seconds(): number {
    return (performance.now() - this.#startMs) / 1000;
  }

  get isClean(): boolean {
    return this.#failures === 0;
  }

  add(tally: Tally): void {
    addTally(this.#tally, tally);
  }

  /** @param fixture Where it was saved, if it was. */
  fail({ detail, caseNumber }: SmallFailure, fixture: string | null): void {
    this.#failures++;
    if (fixture === null) return;
    const [first] = detail.split("\n");
    this.#clear();
    this.#out.write(`✗ ${first}\n  replay: ${this.#replay(caseNumber)}\n  saved:  ${fixture}\n`);
  }

  hang(caseNumber: number): void {
    this.#failures++;
    this.#clear();
    this.#out.write(`✗ case ${caseNumber} never ends\n  replay: ${this.#replay(caseNumber)}\n`);
  }

  show(): void {
    if (this.#out.isTTY) {
      this.#clear();
      this.#out.write(this.#progress());
    } else if (this.seconds - this.#linesAtSeconds >= LINE_EVERY_SECONDS) {
      this.#linesAtSeconds = this.seconds;
      this.#out.write(`${this.#progress()}\n`);
    }
  }

  finish(): void {
    this.#clear();
    const { cases, messages, answers, origins, broken, slowest } = this.#tally;
    const { [MISPLACED]: misplaced = 0, ...others } = broken;
    const lines = [
      `${number(cases)} cases, ${number(messages)} messages in ${duration(this.seconds)}, ${this.#rate()}`,
      `made as   ${list(origins, messages)}`,
      `answered  ${list(answers, messages)}`,
      `slowest   ${slow(slowest.cpu, "of CPU, with what two clients take for it")}`,
      `          ${slow(slowest.real, "of real time")}`,
      `diverged  ${number(misplaced)} documents, where somebody put an item where no editor does`,
      this.isClean ? "no rule was broken" : `${number(this.#failures)} failures: ${list(others, 0)}`,
    ];
    this.#out.write(`${lines.join("\n")}\n`);
  }

  #progress(): string {
    const { cases } = this.#tally;
    const share = Math.min(1, Math.max(cases / this.#cases, this.seconds / this.#seconds));
    const done = Math.round(share * BAR);
    const bar = "━".repeat(done) + "─".repeat(BAR - done);
    const left = share > 0 ? `, ${duration((this.seconds / share) * (1 - share))} left` : "";
    return `${bar} ${number(cases)} cases, ${this.#rate()}, ${number(this.#failures)} failures${left}`;
  }

  #rate(): string {
    return `${number(Math.round(this.#tally.cases / this.seconds))}/s`;
  }

  #replay(caseNumber: number): string {
    return `npm run fuzz -- --seed ${this.#seed} --case ${caseNumber}`;
  }

  #clear(): void {
    if (this.#out.isTTY) this.#out.write("\r\u001b[K");
  }
}

function slow({ ms, caseNumber, what }: Slow, of: string): string {
  return `${ms.toFixed(0)} ms ${of}: case ${caseNumber}, ${what}`;
}

function list(counts: Record<string, number>, total: number): string {
  return Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([key, value]) => `${key} ${total > 0 ? percent(value / total) : number(value)}`)
    .join(", ");
}

function percent(share: number): string {
  const hundredths = share * 100;
  return `${hundredths >= 1 ? hundredths.toFixed(0) : hundredths.toPrecision(2)} %`;
}

function number(value: number): string {
  return value.toLocaleString("en");
}

function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  const clock = [Math.floor(minutes / 60), minutes % 60, whole % 60];
  if (clock[0] === 0) clock.shift();
  return clock.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}
