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
  if (!readBack(made)) throw differs("order");
  return made.update;
}

/** The replica itself is let go when this returns: two at a time would take twice the memory. */
export function imprintOf(updates: readonly Uint8Array[], onLoaded?: () => void): Imprint {
  const replica = new Replica();
  replica.apply(updates);
  onLoaded?.();
  return { update: replica.encode(), layout: replica.layout() };
}

/**
 * Reads back what was encoded.
 *
 * @returns Whether all of it stands somewhere for good, however often it is read. Where somebody lied about what an item
 * stands beside, it may go to and fro.
 * @throws JoineryError REPLICA_FAILED (backoff) when it does not read as the same content.
 */
export function readBack(made: Imprint): boolean {
  const madeOf = inspected(made.update);
  const read = imprintOf([made.update]);
  if (equalBytes(read.update, made.update) && equalBytes(read.layout, made.layout)) return true;
  // Yjs does not always merge what it could: read back, the same may be in fewer structs. And what lies may stand
  // elsewhere: better than a log that is never folded again. But then it has to stay so, for everybody who reads it.
  const again = imprintOf([read.update]);
  const readOf = inspected(read.update);
  if (!isSameContent(made, madeOf, read, readOf)) throw differs("content");
  if (!isSameContent(read, readOf, again, inspected(again.update))) throw differs("content");
  return equalBytes(again.update, read.update) && equalBytes(again.layout, read.layout);
}

/** Whether both have the same ticks of everybody, and the same of them deleted; in whatever order. */
function isSameContent(a: Imprint, aOf: Inspection, b: Imprint, bOf: Inspection): boolean {
  const deletesOf = ({ update }: Imprint, { deletesStart }: Inspection) => update.subarray(deletesStart);
  return equalBytes(deletesOf(a, aOf), deletesOf(b, bOf)) && areSameRanges(aOf.structs, bOf.structs);
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
