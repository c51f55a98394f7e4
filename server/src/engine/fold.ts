import {
  type ClockRange,
  equalBytes,
  type Inspection,
  inspectUpdate,
  JoineryError,
  NO_UPDATE_LIMITS,
  toJoineryError,
} from "@joinery/shared";
import { Replica } from "./replica.ts";

/** A document as its replica has it. */
export interface Imprint {
  /** Yjs v1 update. */
  readonly update: Uint8Array;
  readonly layout: Uint8Array;
}

/**
 * Builds a replica from a document's updates, in order, and encodes it anew, without what was deleted. Another
 * replica was built from the result, and is the same document.
 *
 * @param onLoaded Called when the first replica is built.
 * @throws JoineryError REPLICA_FAILED (backoff): the updates are the document, whatever this says.
 * Cost: linear in the document, for honest ones; twelve times its memory, for one replica at a time.
 */
export function fold(updates: readonly Uint8Array[], onLoaded?: () => void): Uint8Array {
  const made = imprintOf(updates, onLoaded);
  requireReadable(made);
  return made.update;
}

/** The replica itself is let go when this returns: two at a time would take twice the memory. */
export function imprintOf(updates: readonly Uint8Array[], onLoaded?: () => void): Imprint {
  const replica = new Replica();
  replica.apply(updates);
  onLoaded?.();
  return { update: replica.encode(), layout: replica.layout() };
}

/** @throws JoineryError REPLICA_FAILED (backoff) when what was encoded does not read as the same document. */
export function requireReadable(made: Imprint): void {
  const madeOf = inspected(made.update);
  const read = imprintOf([made.update]);
  if (equalBytes(read.update, made.update) && equalBytes(read.layout, made.layout)) return;
  // Yjs does not always merge what it could: read back, the same may be in fewer structs. And where somebody lied
  // about what an item stands beside, it may stand elsewhere: better than a log that is never folded again. But then
  // it has to stay so, for everybody who reads it.
  const readOf = inspected(read.update);
  const again = imprintOf([read.update]);
  const isSame =
    equalBytes(made.update.subarray(madeOf.deletesStart), read.update.subarray(readOf.deletesStart)) &&
    areSameRanges(madeOf.structs, readOf.structs);
  // Or it goes to and fro between two places, and two encodings. Nothing is lost either way, and whoever wrote something
  // beside it cannot help it.
  if (isSame && equalBytes(again.update, made.update)) return;
  if (!isSame || !equalBytes(again.update, read.update)) throw differs("content");
  if (!equalBytes(again.layout, read.layout)) throw differs("order");
}

function inspected(update: Uint8Array): Inspection {
  try {
    return inspectUpdate(update, NO_UPDATE_LIMITS);
  } catch (cause) {
    const message = `encoded anew it is not well formed: ${toJoineryError(cause).message}`;
    throw new JoineryError("REPLICA_FAILED", message, { cause });
  }
}

function areSameRanges(a: readonly ClockRange[], b: readonly ClockRange[]): boolean {
  if (a.length !== b.length) return false;
  return a.every(({ client, start, end }, i) => {
    const other = b[i] as ClockRange;
    return client === other.client && start === other.start && end === other.end;
  });
}

function differs(what: "order" | "content"): JoineryError {
  return new JoineryError("REPLICA_FAILED", `encoded anew and read back it has another ${what}`);
}
