/** The rules that hold whatever happens. Each checker throws when its rule is broken, and says how. */

import { isDeepStrictEqual } from "node:util";
import type { DocumentName, Limits } from "@joinery/shared";
import * as Y from "yjs";
import type { StoredDocument } from "../../server/src/engine/ports.ts";
import type { Rooms } from "../../server/src/engine/rooms.ts";
import type { FakeClock } from "../support/fake-clock.ts";
import type { Connection } from "./connection.ts";
import { NativePerson, SEEDS } from "./native-person.ts";
import { hasPending, type Person } from "./person.ts";
import { lastSeq, type SlowStorage } from "./slow-storage.ts";
import type { Stranger } from "./stranger.ts";

/** What there is to look at in a world. */
export interface Checked {
  readonly rooms: Pick<Rooms, "counts">;
  readonly clock: FakeClock;
  readonly storage: SlowStorage;
  readonly people: readonly Person[];
  readonly strangers: readonly Stranger[];
  /** All that ever were. */
  readonly connections: readonly Connection[];
  /** The seqs that clients were told are durable. */
  readonly promised: ReadonlyMap<DocumentName, readonly number[]>;
}

/** Convergence: whoever has a document open has what is stored of it, and nothing waits for what never came. */
export async function checkConvergence({ people, storage }: Checked): Promise<void> {
  for (const person of people) {
    const stored = replay(await storage.peek(person.document));
    if (hasPending(stored)) throw new Error(`the log of ${person.document} has a gap`);
    if (hasPending(person.doc)) throw new Error(`${person.name} waits for an update that never came`);
    const [theirs, ours] = [describe(person.doc), describe(stored)];
    if (!isDeepStrictEqual(theirs, ours) || !Y.equalSnapshots(Y.snapshot(person.doc), Y.snapshot(stored))) {
      throw new Error(
        `${person.name} differs from what is stored of ${person.document}:\n` +
          `  ${person.name}: ${JSON.stringify(theirs)}\n  stored: ${JSON.stringify(ours)}`,
      );
    }
  }
}

/**
 * Durability: all that is durable by what a client was told is in the stored log now. Starts from what is stored
 * at the moment of the call.
 */
export async function checkDurable(storage: SlowStorage, document: DocumentName, seq: number): Promise<void> {
  const updates = storage.handedOver(document, seq);
  const stored = await storage.peek(document);
  if (lastSeq(stored) < seq) {
    throw new Error(
      `a client was told that seq ${seq} of ${document} is durable; stored is ${lastSeq(stored)}`,
    );
  }
  const snapshot = Y.snapshot(replay(stored));
  if (!updates.every((update) => Y.snapshotContainsUpdate(snapshot, update))) {
    throw new Error(`seq ${seq} of ${document} was called durable and is not in what is stored`);
  }
}

/** Saved: what a client was told of its own edits is so at this moment. */
export async function checkSaved(
  storage: SlowStorage,
  document: DocumentName,
  updates: readonly Uint8Array[],
): Promise<void> {
  const snapshot = Y.snapshot(replay(await storage.peek(document)));
  if (!updates.every((update) => Y.snapshotContainsUpdate(snapshot, update))) {
    throw new Error(`a client was told that its edits of ${document} are saved, and they are not stored`);
  }
}

/** Everything saved: in a world at rest, whoever is told what is saved has been told that of all. */
export function checkAllSaved({ people }: Checked): void {
  for (const person of people) {
    if (!(person instanceof NativePerson) || person.unsaved === 0) continue;
    throw new Error(`${person.name} was never told that ${person.unsaved} edits are saved`);
  }
}

/** Seeded once: no document was filled twice, whoever was asked and whatever broke meanwhile. */
export async function checkSeededOnce({ people, storage }: Checked): Promise<void> {
  for (const { document } of people) {
    const seeds = replay(await storage.peek(document))
      .getArray(SEEDS)
      .toJSON();
    if (seeds.length > 1) throw new Error(`${document} was filled by ${seeds.join(" and ")}`);
  }
}

/** Durability, later: nothing that was ever called durable is gone. */
export async function checkRemembersDurable({ promised, storage }: Checked): Promise<void> {
  for (const [document, seqs] of promised) {
    for (const seq of seqs) await checkDurable(storage, document, seq);
  }
}

/** No ghosts: everybody sees those who are connected, as they are, and nobody else. */
export function checkNoGhosts({ people }: Checked): void {
  for (const person of people) {
    const seen = seenBy(person);
    const here = people
      .filter(({ document }) => document === person.document)
      .map(({ awareness }) => JSON.stringify(awareness.getLocalState()))
      .sort();
    if (!isDeepStrictEqual(seen, here)) {
      throw new Error(`${person.name} sees ${seen.join(" ") || "nobody"}; here are ${here.join(" ")}`);
    }
  }
}

/**
 * Bounds: a connection's buffer holds at most the high-water mark and one catch-up more, because nothing is sent
 * to one that is above the mark already.
 */
export function checkBounds({ maxBufferedBytes }: Limits, { client, bufferedBytes }: Connection): void {
  if (bufferedBytes > maxBufferedBytes) {
    throw new Error(
      `${client.name} is sent more although ${bufferedBytes} bytes wait, over ${maxBufferedBytes}`,
    );
  }
}

/** Sent away: strangers are refused, for what they sent. */
export function checkSentAway({ strangers }: Checked): void {
  for (const { sentAwayFor } of strangers) {
    // A room that fails sends everybody away, before or after what the stranger sent has arrived.
    if (sentAwayFor?.code === "MALFORMED_UPDATE" || sentAwayFor?.code === "STORAGE_UNAVAILABLE") continue;
    throw new Error(`a stranger was not refused: ${sentAwayFor?.code ?? "still connected"}`);
  }
}

/** Cleanliness: when everybody has left and time has passed, nothing is left of them. */
export function checkCleanliness({ rooms, clock, connections }: Checked): void {
  const { rooms: roomCount, sessions, replicaJobs, heldBytes, uncommittedBytes } = rooms.counts();
  const unresumedPauses = connections.filter(({ pauses }) => pauses !== 0).length;
  const left = {
    rooms: roomCount,
    sessions,
    replicaJobs,
    heldBytes,
    uncommittedBytes,
    timers: clock.pendingTimers,
    unresumedPauses,
  };
  const remains = Object.entries(left).filter(([, count]) => count !== 0);
  if (remains.length > 0) {
    throw new Error(`left behind: ${remains.map(([what, count]) => `${count} ${what}`).join(", ")}`);
  }
}

/** Nobody is kept waiting: in a world at rest every client's input is read. */
export function checkEverybodyIsRead({ connections }: Checked): void {
  for (const { client, pauses, isGone } of connections) {
    if (isGone) continue;
    if (pauses !== 0)
      throw new Error(`${client.name}'s input is paused ${pauses} times and nothing is under way`);
  }
}

/** One writer: each entry of a document's log follows the one that its writer knew to be the last. */
export function checkOneWriter({ storage }: Checked): void {
  const last = new Map<DocumentName, number>();
  for (const { kind, document, seq } of storage.history) {
    const known = last.get(document);
    if (kind === "appended" && seq !== (known ?? Number.NaN) + 1) {
      throw new Error(`seq ${seq} of ${document} was appended after ${known ?? "nothing was loaded"}`);
    }
    last.set(document, seq);
  }
}

/** The document that somebody gets who reads the stored log. */
function replay(stored: StoredDocument | null): Y.Doc {
  const doc = new Y.Doc();
  if (stored?.snapshot) Y.applyUpdate(doc, stored.snapshot.update);
  for (const { parts } of stored?.tail ?? []) for (const { update } of parts) Y.applyUpdate(doc, update);
  return doc;
}

function describe(doc: Y.Doc): unknown {
  return {
    text: doc.getText("text").toDelta(),
    map: doc.getMap("map").toJSON(),
    list: doc.getArray("list").toJSON(),
    stateVector: Y.decodeStateVector(Y.encodeStateVector(doc)),
  };
}

function seenBy({ awareness }: Person): string[] {
  return [...awareness.getStates().values()].map((state) => JSON.stringify(state)).sort();
}
