import { styleText } from "node:util";
import { duration, fixed } from "./report/numbers.ts";
import type { RoundRecord, ScenarioRecord } from "./report/record.ts";
import { bars, goalLines, type Paint } from "./report/terminal.ts";
import type { Observer, Plan, Run } from "./suite.ts";
import type { TimeLeft } from "./time-left.ts";

const OUT = process.stderr;
const paint = (format: "dim" | "bold" | "green" | "red") => (text: string) =>
  styleText(format, text, { stream: OUT });
const PAINT: Paint = { bold: paint("bold"), dim: paint("dim"), good: paint("green"), bad: paint("red") };

const TITLE_WIDTH = 32;

/** Tells a person what the benchmark is doing, on stderr: stdout is for the report. */
export class Progress implements Observer {
  readonly #plan: Plan;
  readonly #left: TimeLeft;
  readonly #startMs = performance.now();
  #scenario = "";
  #started = 0;

  constructor(plan: Plan, left: TimeLeft, pinning: string) {
    this.#plan = plan;
    this.#left = left;
    this.#line(
      `${PAINT.bold("Joinery bench")}  ${this.#runs(this.#total)}, about ${duration(left.seconds)}; ${pinning}`,
    );
  }

  started({ scenario, peer, round }: Run): void {
    if (scenario.id !== this.#scenario) {
      this.#scenario = scenario.id;
      this.#line(`\n${PAINT.bold(scenario.id)}  ${scenario.summary}`);
      const left = this.#started === 0 ? "" : `, about ${duration(this.#left.seconds)} left`;
      this.#line(PAINT.dim(`  ${scenario.metrics[0]?.label ?? ""}${left}`));
    }
    this.#started++;
    if (!OUT.isTTY) return;
    const left = `about ${duration(this.#left.seconds)} left`;
    OUT.write(PAINT.dim(`  … ${this.#started}/${this.#total}  round ${round}  ${peer.title}  ${left}`));
  }

  measured(run: Run, { values, wallSeconds }: RoundRecord): void {
    this.#left.measured(run, wallSeconds);
    const metric = run.scenario.metrics[0];
    const fact = metric === undefined ? "" : fixed(values[metric.id] as number, metric.decimals);
    const round = PAINT.dim(`round ${run.round}`);
    this.#wipe();
    this.#line(`  ${PAINT.good("✓")} ${round}  ${run.peer.title.padEnd(TITLE_WIDTH)} ${fact.padStart(12)}`);
  }

  /** That a scenario has no result; the others are measured nevertheless. */
  failed(scenario: string, error: unknown): void {
    this.#left.abandoned(scenario);
    reportFailure(error);
  }

  /** @param failed Ids of the scenarios that have no result. @param page Where every number is. */
  finished(
    records: readonly ScenarioRecord[],
    failed: readonly string[],
    { hasBars, page }: { readonly hasBars: boolean; readonly page: string },
  ): void {
    const seconds = (performance.now() - this.#startMs) / 1000;
    if (hasBars)
      for (const record of records) this.#line(`\n${PAINT.bold(record.id)}\n${bars(record, PAINT)}`);
    const goals = goalLines(records, PAINT);
    if (goals.length > 0) this.#line(`\n${PAINT.bold("Goals")}\n${goals.join("\n")}`);
    this.#line("");
    if (failed.length > 0) this.#line(`${PAINT.bad("✗")} no result: ${failed.join(", ")}`);
    if (records.length === 0) return;
    const runs = records.flatMap(({ servers }) => servers.flatMap(({ rounds }) => rounds));
    const isAll = runs.every(({ measurement }) => (measurement.owedShare ?? 0) === 0);
    const arrived = isAll ? "all that was sent arrived" : "not all that was sent arrived: see the table";
    this.#line(`${PAINT.good("✓")} ${this.#runs(runs.length)} in ${duration(seconds)}; ${arrived}`);
    if (this.#plan.timing.isQuick)
      this.#line(
        PAINT.dim("  a smoke run: its loads are too small for numbers that mean much, and for the goals"),
      );
    this.#line(PAINT.dim(`  every number: ${page}`));
  }

  get #total(): number {
    const { scenarios, rounds } = this.#plan;
    return scenarios.reduce((sum, scenario) => sum + this.#plan.servers(scenario).length * rounds, 0);
  }

  #runs(count: number): string {
    return `${count} ${count === 1 ? "run" : "runs"}`;
  }

  #wipe(): void {
    if (OUT.isTTY) OUT.write("\r\u001b[2K");
  }

  #line(text: string): void {
    OUT.write(`${text}\n`);
  }
}

/** Says why the benchmark, or a scenario, has no result. */
export function reportFailure(error: unknown): void {
  if (OUT.isTTY) OUT.write("\r\u001b[2K");
  OUT.write(`${PAINT.bad("✗")} ${error instanceof Error ? error.message : String(error)}\n`);
}
