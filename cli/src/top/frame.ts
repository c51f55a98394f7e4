/** A server at a moment, as lines that fit a terminal. */

import { pc } from "../output/colours.ts";
import { ago, count, counted, localTime, share, size } from "../output/quantities.ts";
import { type Column, Table } from "../output/table.ts";
import { cutMiddle, padded, printable, shownName, widthOf } from "../output/text.ts";
import type { RoomSample } from "../remote/rooms.ts";
import { inOrder, type Order } from "./order.ts";
import type { Rates, Sample } from "./sample.ts";

/** What a frame is made of. */
export interface View {
  readonly url: string;
  readonly sample: Sample;
  /** `null` where there is no sample before this one. */
  readonly rates: Rates | null;
  readonly order: Order;
  /** Rooms that are above the first one that is shown. */
  readonly offset: number;
  readonly nowMs: number;
  /** What is wrong with the server; `null` for nothing. */
  readonly trouble: string | null;
  /** In the last line; `null` for no such line. */
  readonly footer: string | null;
}

export interface FrameSize {
  readonly width: number;
  /** Infinite for all rooms. */
  readonly rows: number;
}

const LABEL_WIDTH = 11;
/** Of a label and its value: the least, and where there is no end of room. */
const CELL_WIDTH = 38;
const WIDE_CELL_WIDTH = 52;
const GAP = 2;

/** Lines, none of them wider or more of them than there is room for. The last column stays free: some terminals wrap. */
export function frameOf(view: View, { width, rows }: FrameSize): string[] {
  const head = [titleOf(view, width - 1), "", ...gridOf(factsOf(view), width - 1)];
  const foot = view.footer === null ? [] : [pc.dim(cutMiddle(view.footer, width - 1))];
  const room = Math.max(0, rows - head.length - foot.length - 1);
  const lines = [...head, "", ...roomsOf(view, { width, rows: room })].slice(
    0,
    Math.max(0, rows - foot.length),
  );
  return [...lines, ...foot];
}

function titleOf({ url, sample, nowMs, trouble }: View, width: number): string {
  const clock = localTime(nowMs).split(" ")[1] as string;
  const room = width - clock.length - GAP;
  const uptime = `up ${ago(nowMs - sample.uptimeSeconds * 1000, nowMs).replace(" ago", "")}`;
  const facts = [`joinery ${sample.version}`, uptime, `pid ${sample.pid}`];
  const titles = [facts, facts.slice(0, 2), [uptime], []].map((some) => [url, ...some].join(" · "));
  const left = fitting(trouble === null ? titles : [printable(trouble)], room);
  const space = room === Number.POSITIVE_INFINITY ? 0 : room - widthOf(left);
  return `${(trouble === null ? pc.bold : pc.red)(left)}${" ".repeat(space + GAP)}${pc.dim(clock)}`;
}

/** The first of them that fits; else what fits of the last one. */
function fitting(texts: readonly string[], width: number): string {
  return texts.find((text) => widthOf(text) <= width) ?? cutMiddle(texts.at(-1) ?? "", width);
}

interface Fact {
  readonly label: string;
  /** The same in fewer and fewer words, for less and less room. */
  readonly values: readonly string[];
  /** Whether something is to be looked at. */
  readonly isAlarming?: boolean;
  /** Whether it has a line for itself. */
  readonly isLong?: boolean;
}

function factsOf({ sample, rates }: View): Fact[] {
  const { connections, sessions, users, roomCount, memory, eventLoop, uncommittedBytes, heldBytes } = sample;
  const perSecond = rates?.perSecond;
  const kinds = [...connections].filter(([, number]) => number > 0);
  const total = kinds.reduce((sum, [, number]) => sum + number, 0);
  const rooms = `${count(sessions)} in ${counted(roomCount, "room")}`;
  const loop = `p99 ${milliseconds(eventLoop.p99)}, max ${milliseconds(eventLoop.max)}`;
  return [
    fact(
      "Connections",
      kinds.map(([kind, number]) => `${count(number)} ${kind}`).join(", ") || "none",
      count(total),
    ),
    fact("Sessions", `${rooms}, ${counted(users, "user")}`, rooms, count(sessions)),
    fact("In", traffic(perSecond?.updatesIn, perSecond?.bytesIn)),
    fact("Out", traffic(perSecond?.updatesOut, perSecond?.bytesOut)),
    fact("Batches", batchesText(rates)),
    fact("Catch-ups", perSecond === undefined ? UNKNOWN : `${rate(perSecond.catchUps)}/s`),
    fact("Latency", latencyText(rates)),
    fact(
      "Waiting",
      `${size(uncommittedBytes)} for the disk, ${size(heldBytes)} held`,
      `${size(uncommittedBytes)}, ${size(heldBytes)} held`,
    ),
    fact("Memory", `${size(memory.rss)}, heap ${size(memory.heapUsed)}`),
    fact("CPU", perSecond === undefined ? UNKNOWN : share(perSecond.cpuSeconds, 1)),
    {
      ...fact("Event loop", `p50 ${milliseconds(eventLoop.p50)}, ${loop}`, loop),
      isAlarming: eventLoop.p99 > SLOW_LOOP_SECONDS,
    },
    limitFact(sample, rates),
  ];
}

function fact(label: string, ...values: readonly string[]): Fact {
  return { label, values };
}

/** From here on people notice. */
const SLOW_LOOP_SECONDS = 0.1;

const UNKNOWN = "…";

function traffic(updates: number | undefined, bytes: number | undefined): string {
  if (updates === undefined || bytes === undefined) return UNKNOWN;
  return `${rate(updates)} updates/s, ${size(bytes)}/s`;
}

function batchesText(rates: Rates | null): string {
  if (rates === null) return UNKNOWN;
  const { batches, batchUpdates } = rates.perSecond;
  return batches === 0 ? "0/s" : `${rate(batches)}/s, of ${rate(batchUpdates / batches)} updates`;
}

/** Of what was sent and committed between two samples, on average. */
function latencyText(rates: Rates | null): string {
  if (rates === null) return UNKNOWN;
  const { deliveries, deliverySeconds, commits, commitSeconds } = rates.perSecond;
  const sent = deliveries === 0 ? "-" : milliseconds(deliverySeconds / deliveries);
  const durable = commits === 0 ? "-" : milliseconds(commitSeconds / commits);
  return `sent ${sent}, durable ${durable}`;
}

/** Those that were reached just now first, then by how often. */
function limitFact({ limitHits }: Sample, rates: Rates | null): Fact {
  if (limitHits.size === 0) return fact("Limits hit", "none");
  const isNew = (limit: string) => rates?.limitHits.has(limit) === true;
  const sorted = [...limitHits].sort(([a, x], [b, y]) => Number(isNew(b)) - Number(isNew(a)) || y - x);
  const shown = sorted.map(([limit, hits]) => `${limit} ${count(hits)}${isNew(limit) ? "!" : ""}`);
  const values = shown.map((_, left) => {
    const some = shown.slice(0, shown.length - left).join(", ");
    return left === 0 ? some : `${some} and ${left} more`;
  });
  return { label: "Limits hit", values, isAlarming: (rates?.limitHits.size ?? 0) > 0, isLong: true };
}

/** As many beside one another as there is room for; what is read by rows stays beside one another. */
function gridOf(facts: readonly Fact[], width: number): string[] {
  const isEndless = width === Number.POSITIVE_INFINITY;
  const perLine = isEndless ? 2 : Math.max(1, Math.floor((width + GAP) / (CELL_WIDTH + GAP)));
  const cellWidth = isEndless ? WIDE_CELL_WIDTH : Math.floor((width + GAP) / perLine) - GAP;
  const short = facts.filter(({ isLong }) => !isLong);
  const lines: string[] = [];
  for (let i = 0; i < short.length; i += perLine) {
    const cells = short.slice(i, i + perLine).map((fact) => cellOf(fact, cellWidth));
    lines.push(cells.join(" ".repeat(GAP)).trimEnd());
  }
  return [...lines, ...facts.filter(({ isLong }) => isLong).map((fact) => cellOf(fact, width).trimEnd())];
}

function cellOf({ label, values, isAlarming }: Fact, width: number): string {
  const room = width - LABEL_WIDTH - 1;
  const text = fitting(values, room);
  const space = room === Number.POSITIVE_INFINITY ? 0 : Math.max(0, room - widthOf(text));
  return `${pc.dim(padded(label, LABEL_WIDTH, "left"))} ${isAlarming ? pc.yellow(text) : text}${" ".repeat(space)}`;
}

const COLUMNS: readonly Column[] = [
  { title: "SESSIONS", width: 8, align: "right" },
  { title: "BATCH/S", width: 7, align: "right" },
  { title: "SIZE", width: 7, align: "right" },
  { title: "WAITING", width: 7, align: "right", minTableWidth: 76 },
  { title: "SEQ", width: 9, align: "right", minTableWidth: 90 },
  { title: "LOADED", width: 10, align: "right", minTableWidth: 100 },
];

function roomsOf({ sample, rates, order, offset, nowMs }: View, { width, rows }: FrameSize): string[] {
  const table = new Table(COLUMNS, "DOCUMENT", width);
  const sorted = inOrder(sample.rooms, order, rates);
  if (sorted.length === 0) return [pc.dim("no document is open")];
  const first = Math.max(0, Math.min(offset, sorted.length - 1));
  const isAll = rows - 1 >= sample.roomCount - first && sorted.length === sample.roomCount;
  const shown = sorted.slice(first, first + Math.max(0, isAll ? sorted.length : rows - 2));
  const more = Math.max(sample.roomCount, sorted.length) - first - shown.length;
  const note = more > 0 ? [pc.dim(counted(more, "more room"))] : [];
  return [table.head(), ...shown.map((room) => rowOf(table, room, { rates, nowMs })), ...note];
}

function rowOf(table: Table, room: RoomSample, { rates, nowMs }: Pick<View, "rates" | "nowMs">): string {
  const { document, state, sessions, seq, bytes, uncommittedBytes, loadedAt } = room;
  const cells = [
    count(sessions),
    rates === null ? UNKNOWN : rate(rates.ofRoom(room)),
    size(bytes),
    uncommittedBytes === 0 ? "" : size(uncommittedBytes),
    count(seq),
    ago(loadedAt, nowMs),
  ];
  const name = shownName(document);
  return table.row(cells, state === "live" ? name : `${name} (${printable(state)})`);
}

/** `0`, `0.4`, `12`, `1,234`. */
function rate(value: number): string {
  if (value === 0) return "0";
  return value < 9.95 ? value.toFixed(1) : count(Math.round(value));
}

function milliseconds(seconds: number): string {
  const ms = seconds * 1000;
  return `${ms < 9.95 ? ms.toFixed(1) : count(Math.round(ms))} ms`;
}
