/**
 * What LevelDB's MANIFEST says: which tables make up the database, and from which write-ahead log on it has to be
 * completed. Each record is an edit of what the ones before it say. Source: LevelDB's doc/impl.md and the tags in
 * its version_edit.cc.
 */

import { ByteReader, JoineryError } from "@joinery/shared";

export interface LiveTable {
  readonly number: number;
  readonly bytes: number;
  /** Its first and last key, without LevelDB's own eight bytes. */
  readonly smallest: Uint8Array;
  readonly largest: Uint8Array;
}

export interface Manifest {
  /** Logs with lower numbers are in tables; the one with this number exists. 0 when there never was one. */
  readonly logNumber: number;
  readonly tables: readonly LiveTable[];
  /** All writes up to this sequence number had happened when the MANIFEST was written last. */
  readonly lastSequence: number;
  /** The same, at the moment when `logNumber` was set: what the log has may begin up to one after it. */
  readonly sequenceAtLog: number;
}

const INTERNAL_KEY_BYTES = 8;

const COMPARATOR = 1;
const LOG_NUMBER = 2;
const NEXT_FILE = 3;
const LAST_SEQUENCE = 4;
const COMPACT_POINTER = 5;
const DELETED_FILE = 6;
const NEW_FILE = 7;
const PREVIOUS_LOG_NUMBER = 9;

/** @throws JoineryError MALFORMED_UPDATE when a record is no edit, or all of them leave out what there must be. */
export function readManifest(records: Iterable<Uint8Array>): Manifest {
  const tables = new Map<number, LiveTable>();
  let logNumber = 0;
  let lastSequence = 0;
  let sequenceAtLog = 0;
  const tags = new Set<number>();
  for (const record of records) {
    const reader = new ByteReader(record, "MANIFEST");
    let isLogSet = false;
    while (reader.remaining > 0) {
      const tag = reader.varUint();
      tags.add(tag);
      if (tag === LOG_NUMBER) {
        const number = reader.varUint();
        isLogSet ||= number !== logNumber;
        logNumber = number;
      } else if (tag === LAST_SEQUENCE) lastSequence = reader.varUint();
      else if (tag === NEXT_FILE || tag === PREVIOUS_LOG_NUMBER) reader.varUint();
      else if (tag === COMPARATOR) reader.varBytes();
      else if (tag === COMPACT_POINTER) {
        reader.varUint();
        reader.varBytes();
      } else if (tag === DELETED_FILE) {
        reader.varUint();
        tables.delete(reader.varUint());
      } else if (tag === NEW_FILE) {
        reader.varUint(); // The level.
        const [number, bytes] = [reader.varUint(), reader.varUint()];
        tables.set(number, { number, bytes, smallest: userKey(reader), largest: userKey(reader) });
      } else reader.fail(`edit of kind ${tag}`);
    }
    if (isLogSet) sequenceAtLog = lastSequence;
  }
  if (![LOG_NUMBER, NEXT_FILE, LAST_SEQUENCE].every((tag) => tags.has(tag)))
    throw new JoineryError("MALFORMED_UPDATE", "MANIFEST: it is not complete");
  return { logNumber, tables: [...tables.values()], lastSequence, sequenceAtLog };
}

function userKey(reader: ByteReader): Uint8Array {
  const key = reader.varBytes();
  if (key.length < INTERNAL_KEY_BYTES) reader.fail("key is too short");
  return key.subarray(0, -INTERNAL_KEY_BYTES);
}
