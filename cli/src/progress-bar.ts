const BAR = 24;
/** Two spaces before the bar, one behind it, and the last column, in which some terminals wrap. */
const MARGIN = 4;
const SHOW_EVERY_MS = 100;
/** A plain line this often where there is no terminal to draw in. */
const LINE_EVERY_MS = 10_000;

/** Says on standard error how far something is: in one line that is drawn over, or in a line now and then. */
export class ProgressBar {
  readonly #total: number | null;
  readonly #unit: string;
  readonly #startMs = performance.now();
  readonly #out = process.stderr;
  #done = 0;
  #problems = 0;
  #shownAtMs = 0;

  /**
   * @param total How much there is to do, about; `null` if nobody knows.
   * @param unit What is counted, in the plural.
   */
  constructor(total: number | null, unit: string) {
    this.#total = total;
    this.#unit = unit;
    if (!this.#out.isTTY) this.#shownAtMs = this.#startMs;
  }

  get seconds(): number {
    return (performance.now() - this.#startMs) / 1000;
  }

  /** One more is done. */
  step(isProblem: boolean): void {
    this.#done++;
    if (isProblem) this.#problems++;
    const nowMs = performance.now();
    if (nowMs - this.#shownAtMs < (this.#out.isTTY ? SHOW_EVERY_MS : LINE_EVERY_MS)) return;
    this.#shownAtMs = nowMs;
    this.#out.write(this.#out.isTTY ? `\r\u001b[K${this.#cut(`  ${this.#line()}`)}` : `${this.#line()}\n`);
  }

  /** Makes room for other output; the bar comes back with the next step. */
  clear(): void {
    if (!this.#out.isTTY || this.#shownAtMs === 0) return;
    this.#out.write("\r\u001b[K");
    this.#shownAtMs = 0;
  }

  /** A line that is wrapped is drawn over only in part. Some report no width, or 0. */
  #cut(line: string): string {
    return line.slice(0, (this.#out.columns || 80) - 1);
  }

  #line(): string {
    const rate = `${number(Math.round(this.#done / this.seconds))}/s`;
    const problems = this.#problems > 0 ? `, ${number(this.#problems)} to look at` : "";
    if (this.#total === null) return `${number(this.#done)} ${this.#unit}, ${rate}${problems}`;
    // What is counted first may be less than what comes.
    const total = Math.max(this.#total, this.#done);
    const left = duration((this.seconds / this.#done) * (total - this.#done));
    const text = `${number(this.#done)} of ${number(total)} ${this.#unit}, ${rate}${problems}, ${left} left`;
    // Where there is no room for both, the numbers say more.
    if (this.#out.isTTY && (this.#out.columns || 80) < BAR + text.length + MARGIN) return text;
    const full = Math.round((this.#done / total) * BAR);
    return `${"━".repeat(full)}${"─".repeat(BAR - full)} ${text}`;
  }
}

export function number(value: number): string {
  return value.toLocaleString("en");
}

/** Minutes and seconds, and hours if there are any. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const clock = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (clock[0] === 0) clock.shift();
  return clock.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}
