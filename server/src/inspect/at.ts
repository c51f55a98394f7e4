/** Moments in a document's life, as people name them: `1234`, `2026-11-21T10:00`, `5 minutes ago`. */

import { type DocumentName, JoineryError } from "@joinery/shared";
import type { DocumentListing, DocumentSource } from "./source.ts";

/** What is needed to find a moment in a document's log. */
export interface LogSource extends Pick<DocumentSource, "load" | "log"> {
  /** `null` when there is no such document. */
  listing(document: DocumentName): Promise<Pick<DocumentListing, "seq"> | null>;
}

/** After the batch with this `seq`, or at this time in milliseconds since 1970. */
export type Moment = { readonly seq: number } | { readonly timeMs: number };

const UNITS_MS = new Map([
  ["second", 1000],
  ["minute", 60_000],
  ["hour", 3_600_000],
  ["day", 86_400_000],
  ["week", 604_800_000],
]);
const SHORT_UNITS = new Map([
  ["s", "second"],
  ["sec", "second"],
  ["m", "minute"],
  ["min", "minute"],
  ["h", "hour"],
  ["d", "day"],
  ["w", "week"],
]);

/** A day, and a time of it if there is one; without a zone it is that of this machine, as on people's clocks. */
const TIME = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?$/i;
const AGO = /^(\d{1,9})\s*([a-z]+)\s+ago$/i;

/**
 * Reads a moment: digits are a `seq`; else a time by ISO 8601, of this machine's zone where it names none (a day alone
 * is its midnight); else how long ago, in seconds, minutes, hours, days or weeks; or `now`.
 *
 * @param option What it was given by, for the message.
 * @throws JoineryError INVALID_OPTION.
 */
export function parseMoment(text: string, nowMs: number, option = "--at"): Moment {
  const trimmed = text.trim();
  if (/^\d{1,16}$/.test(trimmed) && Number.isSafeInteger(Number(trimmed))) return { seq: Number(trimmed) };
  const timeMs = timeOf(trimmed, nowMs);
  if (timeMs !== null) return { timeMs };
  throw new JoineryError(
    "INVALID_OPTION",
    `${option} is ${JSON.stringify(text)}, it must be a seq (1234), a time (2026-11-21T10:00) or how long ago ("5 minutes ago")`,
  );
}

function timeOf(text: string, nowMs: number): number | null {
  if (text.toLowerCase() === "now") return nowMs;
  const [, count = "", unit = ""] = AGO.exec(text) ?? [];
  const name = unit.toLowerCase();
  const unitMs = UNITS_MS.get(SHORT_UNITS.get(name) ?? name.replace(/s$/, ""));
  if (unitMs !== undefined) return nowMs - Number(count) * unitMs;
  if (!TIME.test(text)) return null;
  // A day alone would be one of UTC.
  const parsed = Date.parse(text.length === 10 ? `${text}T00:00` : text.replace(" ", "T"));
  if (Number.isNaN(parsed)) return null;
  // Date.parse takes the 31st of February for the 3rd of March.
  const day = Number(text.slice(8, 10));
  const lastDay = new Date(Date.UTC(Number(text.slice(0, 4)), Number(text.slice(5, 7)), 0)).getUTCDate();
  return day >= 1 && day <= lastDay ? parsed : null;
}

const LOG_BYTES_AT_ONCE = 4 * 1024 * 1024;

/**
 * The `seq` of the last batch at a moment.
 *
 * @returns 0 before the first batch; of a document that is not there, too.
 * Rejects with INVALID_OPTION, saying how far back one can go, for a moment that a snapshot has replaced.
 * Cost: for a time, reads the log up to there, a few megabytes at a time.
 */
export async function momentOf(source: LogSource, document: DocumentName, moment: Moment): Promise<number> {
  const listing = await source.listing(document);
  if (listing === null) return 0;
  if ("seq" in moment) {
    if (moment.seq > listing.seq) {
      throw invalid(`the log of ${JSON.stringify(document)} ends with seq ${listing.seq}`);
    }
    return moment.seq === 0 ? requireBirth(source, document) : requireKept(source, document, moment.seq);
  }
  return seqAt(source, document, moment.timeMs);
}

/** Before the first batch nothing was there, as far as the first batch is known to be the first. */
async function requireBirth(source: LogSource, document: DocumentName): Promise<number> {
  const start = await keptFrom(source, document);
  if (start.seq === 0) return 0;
  throw beforeKept(document, start);
}

async function requireKept(source: LogSource, document: DocumentName, seq: number): Promise<number> {
  const [first] = await source.log(document, 0, 0);
  // The snapshot there, which may be large, need not be read to know that.
  if (first !== undefined && seq >= first.seq - 1) return seq;
  const start = await keptFrom(source, document);
  if (seq >= start.seq) return seq;
  throw beforeKept(document, start);
}

async function seqAt(source: LogSource, document: DocumentName, timeMs: number): Promise<number> {
  const start = await keptFrom(source, document);
  let seq = start.seq;
  let isReached = seq === 0 || start.time <= timeMs;
  for await (const entry of logSince(source, document, start.seq)) {
    if (entry.time > timeMs) break;
    seq = entry.seq;
    isReached = true;
  }
  if (isReached) return seq;
  throw beforeKept(document, start);
}

async function* logSince(
  source: LogSource,
  document: DocumentName,
  after: number,
): AsyncGenerator<{ readonly seq: number; readonly time: number }> {
  let last = after;
  for (;;) {
    const entries = await source.log(document, last, LOG_BYTES_AT_ONCE);
    if (entries.length === 0) return;
    for (const { seq, time } of entries) yield { seq, time };
    last = entries.at(-1)?.seq ?? last;
  }
}

/** The earliest that a document can be shown at: a snapshot, or before its first batch. */
interface Earliest {
  /** 0 before the first batch. */
  readonly seq: number;
  /** When the snapshot was written, in milliseconds since 1970; 0 before the first batch. */
  readonly time: number;
}

/** How far back one can go. Cost: reads the snapshot there. */
async function keptFrom(source: LogSource, document: DocumentName): Promise<Earliest> {
  const [first] = await source.log(document, 0, 0);
  if (first?.seq === 1) return { seq: 0, time: 0 };
  // Where no log is kept, the newest snapshot is all there is.
  const stored = await source.load(document, first === undefined ? undefined : first.seq - 1);
  const { seq = 0, time = 0 } = stored?.snapshot ?? {};
  return { seq, time };
}

function beforeKept(document: DocumentName, { seq, time }: Earliest): JoineryError {
  const since = new Date(time).toISOString();
  return invalid(
    `what ${JSON.stringify(document)} was before seq ${seq} (${since}) was replaced by a snapshot: it can be shown from there on`,
  );
}

function invalid(message: string): JoineryError {
  return new JoineryError("INVALID_OPTION", message);
}
