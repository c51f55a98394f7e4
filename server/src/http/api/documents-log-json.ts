/**
 * A page of a log as JSON. It is written piece by piece: a batch may have megabytes, and to make text of them in one go
 * would hold up everybody else.
 */

import type { DocumentName } from "@joinery/shared";
import type { ReadLog } from "../../documents/reading-api.ts";
import type { LogEntry, LogPart } from "../../engine/ports.ts";
import type { UpdateSummary } from "../../inspect/log-entries.ts";
import type { Content } from "./answers.ts";
import { base64Of, timeOrNull } from "./documents-fields.ts";

export interface LogAnswer {
  readonly document: DocumentName;
  readonly log: Omit<ReadLog, "end">;
  /** Whether what was written comes with it. */
  readonly hasUpdates: boolean;
}

/** What is smaller is written at once. */
const SMALL_BYTES = 512 * 1024;
/** A multiple of three, so that the base64 of pieces is that of the whole. */
const PIECE_BYTES = 192 * 1024;

export function encodeLog(answer: LogAnswer): Content {
  const { log, hasUpdates } = answer;
  const bytes = hasUpdates ? log.entries.reduce((sum, entry) => sum + bytesOf(entry), 0) : 0;
  return bytes <= SMALL_BYTES ? [...textOf(answer)].join("") : streamOf(answer);
}

async function* streamOf(answer: LogAnswer): AsyncGenerator<Uint8Array> {
  for (const text of textOf(answer)) yield Buffer.from(text);
}

function* textOf({ document, log, hasUpdates }: LogAnswer): Generator<string> {
  const { revision, snapshotSeq, entries, summaries, next, damage } = log;
  const { lineage, seq } = revision;
  const facts = { document, lineage, seq, snapshotSeq, next, damage: damage?.message ?? null };
  const eachSummary = summaries.values();
  yield `${opened(facts)},"entries":[`;
  for (const [i, entry] of entries.entries()) {
    const { seq, time, parts } = entry;
    const times = { time: timeOrNull(time), timeMs: time };
    const about = { seq, ...times, bytes: bytesOf(entry), inSnapshot: seq <= snapshotSeq };
    yield `${i === 0 ? "" : ","}${opened(about)},"parts":[`;
    for (const [j, part] of parts.entries()) {
      if (j > 0) yield ",";
      // There is one of every part.
      yield* textOfPart(part, eachSummary.next().value as UpdateSummary, hasUpdates);
    }
    yield "]}";
  }
  yield "]}";
}

function* textOfPart(
  { author, update }: LogPart,
  summary: UpdateSummary,
  hasUpdate: boolean,
): Generator<string> {
  yield opened({ author, bytes: update.length, ...summary });
  if (hasUpdate) {
    yield ',"update":"';
    for (let at = 0; at < update.length; at += PIECE_BYTES)
      yield base64Of(update.subarray(at, at + PIECE_BYTES));
    yield '"';
  }
  yield "}";
}

/** An object to which fields can be added. */
function opened(fields: object): string {
  return JSON.stringify(fields).slice(0, -1);
}

function bytesOf({ parts }: LogEntry): number {
  return parts.reduce((sum, { update }) => sum + update.length, 0);
}
