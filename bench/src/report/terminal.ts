/** What a person at a terminal of 80 columns is shown: bars, and how every goal came out. */
import { type Verdict, verdicts } from "./comparison.ts";
import { fixed, significant } from "./numbers.ts";
import { type Panel, panelsOf } from "./panel.ts";
import type { ScenarioRecord } from "./record.ts";
import { type Scale, scaleFor } from "./scale.ts";

/** How text is shown; each leaves it as it is where there are no colours. */
export interface Paint {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
}

const COLUMNS = 80;
const ID = 19;
const FIGURES = 20;
const BAR = 24;

/** Each server's bars of what a scenario is about. */
export function bars(record: ScenarioRecord, paint: Paint): string {
  return panelsOf(record)
    .flatMap((panel) => {
      const scale = scaleFor(panel.bars.map(({ value }) => value.median));
      const title = `  ${panel.title}${scale.isLog ? " (logarithmic)" : ""}`;
      return [paint.dim(title), ...barLines(panel, scale)];
    })
    .join("\n");
}

function barLines({ bars, decimals }: Panel, scale: Scale): string[] {
  const label = COLUMNS - BAR - 18;
  return bars.map(({ name, value: { median } }) => {
    const length = Math.round(scale.at(median) * BAR);
    return `    ${fit(name, label)} ${fixed(median, decimals).padStart(11)}  ${"█".repeat(length)}`.trimEnd();
  });
}

/** One line a goal, longer ones in two: met or missed. */
export function goalLines(records: readonly ScenarioRecord[], paint: Paint): string[] {
  return records.flatMap((record) =>
    verdicts(record).flatMap((verdict) => {
      const { isMet } = verdict;
      const mark = isMet === null ? paint.dim("–") : isMet ? paint.good("✓") : paint.bad("✗");
      const colour = isMet === null ? paint.dim : isMet ? paint.good : paint.bad;
      const [first = "", ...more] = wrap(subject(verdict), COLUMNS - 4 - ID - FIGURES - 1);
      const room = COLUMNS - 4 - ID - FIGURES;
      return [
        `  ${mark} ${record.id.padEnd(ID)}${first.padEnd(room)}${colour(figures(verdict).padStart(FIGURES))}`,
        ...more.map((rest) => `    ${" ".repeat(ID)}${rest}`),
      ];
    }),
  );
}

/** What a goal is about; of whom, and beside whom, where that is not Joinery and the best default peer. */
function subject({ metric, server, goal, base }: Verdict): string {
  const label = base === null ? metric.label : metric.label.replace(/, [^,]*$/, "");
  const of = server.id === "joinery" ? "" : `; ${server.title}`;
  return `${label}${of}${goal.times === undefined || goal.times === "best" ? "" : `; to ${base}`}`;
}

function figures({ goal, base, measured, metric, isMet }: Verdict): string {
  if (measured === null) return "not measured";
  const sign = isMet ? "≤" : ">";
  if (base !== null) return `×${significant(measured.median)} ${sign} ×${goal.atMost}`;
  return `${fixed(measured.median, metric.decimals)} ${sign} ${goal.atMost}`;
}

/** Breaks lines at spaces; a word is never broken. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function fit(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
}
