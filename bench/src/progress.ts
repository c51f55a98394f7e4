import { basename } from "node:path";
import { styleText } from "node:util";
import type { Measurement } from "./scenarios/scenario.ts";
import type { Observer, Plan, Run } from "./suite.ts";

const OUT = process.stderr;
const dim = (text: string) => styleText("dim", text, { stream: OUT });
const bold = (text: string) => styleText("bold", text, { stream: OUT });
const green = (text: string) => styleText("green", text, { stream: OUT });
const red = (text: string) => styleText("red", text, { stream: OUT });

/** Starting, joining, draining, checking and stopping, beside what the plan says. */
const OVERHEAD_SECONDS = 1;

/** How many of a scenario's metrics fit beside a run. */
const FACTS = 3;

/** Tells a person what the benchmark is doing, on stderr: stdout is for the report. */
export class Progress implements Observer {
  readonly #plan: Plan;
  readonly #startMs = performance.now();
  #scenario = "";
  #runs = 0;

  constructor(plan: Plan, pinning: string) {
    this.#plan = plan;
    const { warmUpSeconds, measuredSeconds } = plan.timing;
    const seconds = this.#total * (warmUpSeconds + measuredSeconds + OVERHEAD_SECONDS);
    this.#line(`${bold("Joinery bench")}  ${this.#total} runs, about ${duration(seconds)}; ${pinning}`);
  }

  started({ scenario, peer, round }: Run): void {
    if (scenario.id !== this.#scenario) {
      this.#scenario = scenario.id;
      this.#line(`\n${bold(scenario.id)}  ${scenario.summary}`);
    }
    this.#runs++;
    if (OUT.isTTY) OUT.write(dim(`  … ${this.#runs}/${this.#total}  round ${round}  ${peer.title}`));
  }

  measured({ scenario, peer, round }: Run, run: Measurement): void {
    if (OUT.isTTY) OUT.write("\r\u001b[2K");
    const width = Math.max(...this.#plan.servers(scenario).map(({ title }) => title.length));
    const facts = scenario.metrics
      .slice(0, FACTS)
      .map(({ label, value, decimals }) => `${label} ${value(run).toFixed(decimals).padStart(6)}`);
    this.#line(`  ${green("✓")} ${dim(`round ${round}`)}  ${peer.title.padEnd(width)}  ${facts.join("  ")}`);
  }

  finished(folder: string): void {
    const seconds = (performance.now() - this.#startMs) / 1000;
    this.#line(`\n${green("✓")} ${this.#runs} runs in ${duration(seconds)}; every edit arrived everywhere`);
    this.#line(dim(`  bench/${basename(folder)}/latest.json and latest.md have every round`));
  }

  get #total(): number {
    const { scenarios, rounds } = this.#plan;
    return scenarios.reduce((sum, scenario) => sum + this.#plan.servers(scenario).length * rounds, 0);
  }

  #line(text: string): void {
    OUT.write(`${text}\n`);
  }
}

/** Says why the benchmark has no result. */
export function reportFailure(error: unknown): void {
  if (OUT.isTTY) OUT.write("\r\u001b[2K");
  OUT.write(`${red("✗")} ${error instanceof Error ? error.message : String(error)}\n`);
}

function duration(seconds: number): string {
  return seconds < 90 ? `${Math.round(seconds)} s` : `${(seconds / 60).toFixed(1)} min`;
}
