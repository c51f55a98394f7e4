/**
 * The check of a run by real Yjs: the load generator counts clocks with code that the server under test may share,
 * so neither is believed before Yjs and y-protocols have come to the same document from the same bytes.
 */
import { isDeepStrictEqual } from "node:util";
import { Awareness, applyAwarenessUpdate } from "y-protocols/awareness";
import * as Y from "yjs";
import { JOIN_TIMEOUT_MS } from "../config.ts";
import type { Wire } from "../dialects/dialect.ts";
import { waitUntil } from "../wait.ts";
import { type Actor, readText } from "./actor.ts";
import { Connection } from "./connection.ts";
import type { Room } from "./room.ts";

/**
 * Compares what the actors typed with what one client was sent live, and with what somebody who joins now is
 * given: the text, one character an edit, and where everybody's cursor is.
 *
 * @throws Error saying which of them differs.
 */
export async function verifyDocument(port: number, wire: Wire, room: Room): Promise<void> {
  const expected = typedIn(room);
  const { witness } = room;
  if (merge([witness.actor.document, ...witness.updates]) !== expected) {
    throw new Error("what a client was sent live is not what was typed");
  }
  // Who keeps no document has none to give.
  if (wire.joinsUnasked !== true) await verifyNewcomer(port, wire, room.clients, expected);
}

/**
 * Compares what the actors typed with what somebody else was sent.
 *
 * @throws Error when it differs.
 */
export function verifyReplay(room: Room, updates: readonly Uint8Array[]): void {
  if (merge(updates) !== typedIn(room)) throw new Error("what a reader was sent is not what was typed");
}

/** Indices of so many of them, spread over all: of a run with many documents some are verified. */
export function spread(of: number, count: number): number[] {
  const stride = Math.max(1, Math.floor(of / count));
  return Array.from({ length: Math.ceil(of / stride) }, (_, i) => i * stride);
}

function typedIn(room: Room): string {
  const text = merge(room.clients.map((client) => client.actor.document));
  if (text.length === room.edits.total) return text;
  throw new Error(`${room.edits.total} edits made a text of ${text.length} characters`);
}

/**
 * Compares what somebody who joins now is given with the text, and with where everybody's cursor is.
 *
 * @throws Error saying which of them differs.
 */
export async function verifyNewcomer(
  port: number,
  wire: Wire,
  others: readonly { readonly actor: Actor }[],
  expected: string,
): Promise<void> {
  const doc = new Y.Doc();
  const awareness = new Awareness(doc);
  const connection = await Connection.open(port, wire, (incoming) => {
    if (incoming.kind === "catch-up" || incoming.kind === "update") Y.applyUpdate(doc, incoming.update);
    else if (incoming.kind === "presence") applyAwarenessUpdate(awareness, incoming.update, null);
  });
  try {
    await waitUntil(
      () => {
        connection.assertWell();
        return readText(doc) === expected;
      },
      JOIN_TIMEOUT_MS,
      () =>
        `a newcomer has a text of ${readText(doc).length} characters of ${expected.length}, or another one`,
    );
    const states = awareness.getStates();
    const misplaced = () =>
      others.filter(
        ({ actor }) => actor.lastState !== null && !isDeepStrictEqual(states.get(actor.id), actor.lastState),
      );
    await waitUntil(
      () => misplaced().length === 0,
      JOIN_TIMEOUT_MS,
      () => `a newcomer does not see the last cursor of ${misplaced().length} clients`,
    );
  } finally {
    connection.close();
    awareness.destroy();
    doc.destroy();
  }
}

/**
 * Compares what was typed with the document that somebody who joins now is given.
 *
 * @param typed States and updates that are it together.
 * @returns How many characters it has.
 * @throws Error when it is not the same.
 */
export async function verifyText(port: number, wire: Wire, typed: readonly Uint8Array[]): Promise<number> {
  const expected = merge(typed);
  await verifyNewcomer(port, wire, [], expected);
  return expected.length;
}

function merge(updates: readonly Uint8Array[]): string {
  const doc = new Y.Doc();
  for (const update of updates) Y.applyUpdate(doc, update);
  return readText(doc);
}
