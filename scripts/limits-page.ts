/**
 * Writes docs/limits.md from the table of limits.
 *
 *   node scripts/limits-page.ts            writes the page
 *   node scripts/limits-page.ts --print    prints it instead
 */

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { LIMITS, type LimitName, type LimitRow, limitMetric } from "../shared/src/limits.ts";

const PAGE = new URL("../docs/limits.md", import.meta.url);

const HEAD = `<!-- Made of shared/src/limits.ts by "npm run docs:limits"; change it there. -->

# Limits

Everything that a client can make grow has a limit. An embedder or a config file changes any of them by its name:

\`\`\`js
createServer({ limits: { maxMessageBytes: 4 * 1024 * 1024 } });
\`\`\`

Where a client does something that is not allowed, it is told the error; [the table of errors](../shared/src/errors.ts)
has its close code and whether to come back. Where there is none, the client is slowed down or something is let go:
the text says which. How often each limit was reached is in \`server.counts().limitHits\`; its name for Prometheus is
\`${limitMetric("maxMessageBytes")}\`.

| limit | default | error | what it bounds, and why | least to most |
| --- | --- | --- | --- | --- |
`;

function page(): string {
  const rows = Object.entries(LIMITS) as [LimitName, LimitRow][];
  return HEAD + rows.map(([name, row]) => tableRow(name, row)).join("");
}

function tableRow(name: LimitName, row: LimitRow): string {
  const [usual, min, max] = [row.default, row.min, row.max].map((value) => quantity(value, row.unit));
  const error = row.error === null ? "" : `\`${row.error}\``;
  return `| \`${name}\` | ${usual} | ${error} | ${row.meaning} | ${min} to ${max} |\n`;
}

const BYTES = [
  [1024 ** 4, "TiB"],
  [1024 ** 3, "GiB"],
  [1024 ** 2, "MiB"],
  [1024, "KiB"],
] as const;
const TIMES = [
  [3_600_000, "h"],
  [60_000, "min"],
  [1000, "s"],
] as const;

/** A number with its unit, as people write it: in the largest unit that leaves no fraction. */
function quantity(value: number, unit: LimitRow["unit"]): string {
  const [kind, per] = unit.split("/");
  const units = kind === "bytes" ? BYTES : kind === "ms" && per === undefined ? TIMES : [];
  const [scale, name] = units.find(([scale]) => value >= scale && value % scale === 0) ?? [
    1,
    smallest(value, kind),
  ];
  return `${(value / scale).toLocaleString("en-US")}${name && ` ${name}`}${per === undefined ? "" : `/${per}`}`;
}

function smallest(value: number, kind: string | undefined): string {
  if (kind === "count" || kind === undefined) return "";
  return kind === "bytes" && value === 1 ? "byte" : kind;
}

if (process.argv.includes("--print")) process.stdout.write(page());
else writeFileSync(fileURLToPath(PAGE), page());
