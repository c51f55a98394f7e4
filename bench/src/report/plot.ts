/**
 * A scenario's plot: horizontal bars, a bar a server, with whiskers from the best to the worst round. Written by hand
 * because it is this little; it brings its own background, so that it can be read on a light and on a dark page.
 */
import { fixed } from "./numbers.ts";
import { type Panel, panelsOf } from "./panel.ts";
import type { ScenarioRecord } from "./record.ts";
import { type Scale, scaleFor } from "./scale.ts";
import type { Spread } from "./statistics.ts";

/** As wide as a page on GitHub. */
const WIDTH = 820;
const MARGIN = 20;
const LABELS = 215;
const VALUES = 150;
const LEFT = MARGIN + LABELS;
const CHART = WIDTH - LEFT - VALUES - MARGIN;
const HEADING = 34;
const ROW = 26;
const BAR = 14;
const LINE = 18;
const GAP = 18;
/** A character of a goal's label, at most: SVG does not tell how wide a text gets. */
const GOAL_CHAR = 6;
const NOTE =
  "Medians of the rounds; whiskers from the smallest to the largest. Smaller is better. ● as its documentation starts it.";

const STYLE = `
text { font: 12px -apple-system, "Segoe UI", system-ui, sans-serif; fill: #1f2328 }
.page { fill: #ffffff; stroke: #d1d9e0 }
.heading { font-weight: 600; font-size: 13px }
.tick { fill: #59636e; font-size: 11px }
.grid { stroke: #d1d9e0 }
.subject { fill: #0969da }
.default { fill: #818b98 }
.tuned { fill: #afb8c1 }
.before { fill: #afb8c1 }
.floor { fill: none; stroke: #818b98; stroke-dasharray: 3 2 }
.whisker { stroke: #1f2328; stroke-width: 1.5; fill: none }
.goal { stroke: #bc4c00; stroke-width: 1.5; stroke-dasharray: 5 3 }
.goal-label { fill: #bc4c00; font-size: 11px }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .page { fill: #0d1117; stroke: #3d444d }
  .tick { fill: #9198a1 }
  .grid { stroke: #3d444d }
  .subject { fill: #4493f8 }
  .default { fill: #7d8590 }
  .tuned { fill: #565e68 }
  .before { fill: #565e68 }
  .floor { stroke: #9198a1 }
  .whisker { stroke: #f0f6fc }
  .goal { stroke: #f0883e }
  .goal-label { fill: #f0883e }
}
`.trim();

/** The plot as an SVG document. */
export function plot(record: ScenarioRecord): string {
  const body: string[] = [];
  let top = MARGIN;
  for (const panel of panelsOf(record)) {
    body.push(...draw(panel, top));
    top += heightOf(panel) + GAP;
  }
  body.push(text(MARGIN, top + 10, NOTE, "tick"));
  const height = top + 10 + MARGIN;
  const title = escapeXml(`${record.id}: ${record.summary}`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${title}">`,
    `<title>${title}</title>`,
    `<style>${STYLE}</style>`,
    `<rect class="page" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="6"/>`,
    ...body,
    "</svg>",
    "",
  ].join("\n");
}

function heightOf({ bars, goals }: Panel): number {
  return HEADING + bars.length * ROW + LINE + goals.length * LINE;
}

function draw(panel: Panel, top: number): string[] {
  const { bars, goals, title, decimals } = panel;
  const scale = scaleFor([
    ...bars.flatMap(({ value: { median, min, max } }) => [median, min, max]),
    ...goals.map(({ at }) => at),
  ]);
  const rowsTop = top + HEADING;
  const rowsEnd = rowsTop + bars.length * ROW;
  return [
    text(MARGIN, top + 14, `${title}${scale.isLog ? " (logarithmic)" : ""}`, "heading"),
    ...scale.ticks.flatMap((tick) => [
      line(x(scale, tick), rowsTop, x(scale, tick), rowsEnd, "grid"),
      text(x(scale, tick), rowsEnd + 13, tickLabel(tick), "tick", "middle"),
    ]),
    ...bars.flatMap(({ name, role, value }, i) => {
      const middle = rowsTop + i * ROW + ROW / 2;
      return [
        text(LEFT - 8, middle + 4, name, "", "end"),
        bar(scale, value, role, middle),
        whisker(scale, value, middle),
        text(WIDTH - MARGIN, middle + 4, valueLabel(value, decimals), "", "end"),
      ];
    }),
    ...goals.flatMap(({ label, at }, i) => {
      const baseline = rowsEnd + LINE + i * LINE + 13;
      const end = x(scale, at);
      // The label stands on the side where there is more room, and ends where the page does.
      const isLeft = end > LEFT + CHART / 2;
      const room = label.length * GOAL_CHAR;
      const labelAt = isLeft
        ? Math.max(end - 6, MARGIN + room)
        : Math.max(MARGIN, Math.min(end + 6, WIDTH - MARGIN - room));
      return [
        line(end, rowsTop - 4, end, rowsEnd, "goal"),
        // Goes on below the tick's label.
        line(end, rowsEnd + LINE, end, baseline + 2, "goal"),
        text(labelAt, baseline, label, "goal-label", isLeft ? "end" : "start"),
      ];
    }),
  ];
}

function x(scale: Scale, value: number): number {
  return round(LEFT + scale.at(value) * CHART);
}

function bar(scale: Scale, { median }: Spread, role: string, middle: number): string {
  const width = Math.max(1, round(x(scale, median) - LEFT));
  return `<rect class="${role}" x="${LEFT}" y="${middle - BAR / 2}" width="${width}" height="${BAR}" rx="2"/>`;
}

function whisker(scale: Scale, { min, max }: Spread, middle: number): string {
  const [from, to] = [x(scale, min), x(scale, max)];
  const [over, under] = [middle - 4, middle + 4];
  return `<path class="whisker" d="M${from} ${over}V${under}M${from} ${middle}H${to}M${to} ${over}V${under}"/>`;
}

/** Fractions of what is large would need more room than they are worth. */
function valueLabel({ median, min, max }: Spread, decimals: number): string {
  const shown = median >= 100 ? 0 : decimals;
  const spread = min === max ? "" : ` (${fixed(min, shown)}–${fixed(max, shown)})`;
  return `${fixed(median, shown)}${spread}`;
}

/** As short as can be: 0.05, 20, 1,000. */
function tickLabel(tick: number): string {
  return tick.toLocaleString("en", { maximumSignificantDigits: 3 });
}

function line(x1: number, y1: number, x2: number, y2: number, name: string): string {
  return `<line class="${name}" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"/>`;
}

function text(x: number, y: number, content: string, name: string, anchor = "start"): string {
  return `<text x="${x}" y="${y}" class="${name}" text-anchor="${anchor}">${escapeXml(content)}</text>`;
}

function round(position: number): number {
  return Math.round(position * 10) / 10;
}

function escapeXml(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&apos;",
  };
  // Control characters but tab and line ends cannot stand in XML at all.
  return [...text]
    .filter((char) => char >= " " || char === "\t" || char === "\n")
    .map((char) => entities[char] ?? char)
    .join("");
}
