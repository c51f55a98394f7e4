/**
 * kill -9 while somebody types. y-websocket has no acknowledgement, so what was committed is read from the
 * data folder itself before a server touches it again. `CRASH_ROUNDS` asks for more rounds, `CRASH_SEED`
 * for those of an earlier run.
 */

import { LevelStorage } from "@joinery/server";
import { parseDocumentName } from "@joinery/shared";
import { create, int31 } from "lib0/prng";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { type Peer, TEXT } from "../support/peer.ts";
import {
  applyTransaction,
  firstDifference,
  readSequentialTrace,
  replay,
  type SequentialTrace,
} from "../support/traces.ts";
import { openStage, type Stage } from "./stage.ts";

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 4);
const SEED = Number(process.env.CRASH_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** What somebody was shown this long before a crash has been on disk for a while, also on a busy machine. */
const COMMITTED_AFTER_MS = 1000;

const trace = readSequentialTrace();

describe(`a server that is killed while somebody types (CRASH_SEED=${SEED})`, () => {
  const random = create(SEED);
  // Some soon after the document's birth, some when it has a long log.
  const moments = Array.from({ length: ROUNDS }, (_, round) =>
    round % 2 === 0 ? int31(random, 1, 2000) : int31(random, 30_000, 60_000),
  );

  test.each(moments)(
    "after %d edits, keeps what was committed, and gets the rest from the writer",
    async (killAt) => {
      const stage = await openStage();
      const writer = await stage.join("paper").synced();
      const reader = await stage.join("paper").synced();
      const shown = watchClock(reader, writer);

      await replay(writer.text, trace, { to: killAt, perTurn: 20, pauseMs: 1 });
      const killedAtMs = performance.now();
      await stage.server.kill();
      for (const peer of [writer, reader]) peer.provider.disconnect();
      await replay(writer.text, trace, { from: killAt, to: killAt + 1000 });

      const committed = await readCommitted(stage, "paper");
      const clock = Y.getState(committed.store, writer.doc.clientID);
      expect(textsAtClock(trace, clock).includes(committed.getText(TEXT).toString())).toBe(true);
      expect(clock).toBeGreaterThanOrEqual(shown(killedAtMs - COMMITTED_AFTER_MS));

      await stage.server.start();
      const stranger = await stage.join("paper").synced();
      expect(firstDifference(stranger.text.toString(), committed.getText(TEXT).toString())).toBeNull();
      expect(Y.encodeStateVector(stranger.doc)).toEqual(Y.encodeStateVector(committed));

      for (const peer of [writer, reader]) peer.provider.connect();
      await replay(writer.text, trace, { from: killAt + 1000, to: killAt + 2000 });
      const expected = textAfter(trace, killAt + 2000);
      for (const peer of [writer, reader, stranger]) await peer.reads(expected);
      for (const peer of [reader, stranger]) {
        await peer.has(writer);
        expect(Y.encodeStateVector(peer.doc)).toEqual(Y.encodeStateVector(writer.doc));
      }
    },
  );
});

/** Remembers how much of the writer's work the reader was shown, and when. */
function watchClock(reader: Peer, writer: Peer): (atMs: number) => number {
  const history: { readonly atMs: number; readonly clock: number }[] = [];
  reader.doc.on("update", () => {
    history.push({ atMs: performance.now(), clock: Y.getState(reader.doc.store, writer.doc.clientID) });
  });
  return (atMs) => history.findLast((sample) => sample.atMs <= atMs)?.clock ?? 0;
}

/** Reads a document from the folder of a server that is not running, and checks that its log has no hole. */
async function readCommitted(stage: Stage, name: string): Promise<Y.Doc> {
  const storage = new LevelStorage({ folder: stage.server.dataFolder });
  await storage.open();
  try {
    const doc = new Y.Doc();
    const stored = await storage.load(parseDocumentName(name));
    if (stored === null) return doc;
    const { snapshot, tail } = stored;
    const firstSeq = (snapshot?.seq ?? 0) + 1;
    expect(tail.map(({ seq }) => seq)).toEqual(tail.map((_, index) => firstSeq + index));
    if (snapshot !== null) Y.applyUpdate(doc, snapshot.update);
    for (const { update } of tail.flatMap(({ parts }) => parts)) {
      Y.applyUpdate(doc, update);
      expect(doc.store).toMatchObject({ pendingStructs: null, pendingDs: null });
    }
    return doc;
  } finally {
    await storage.close();
  }
}

/** The text after this many transactions, from a document that no server has seen. */
function textAfter({ transactions }: SequentialTrace, count: number): string {
  const text = new Y.Doc().getText(TEXT);
  for (const transaction of transactions.slice(0, count)) applyTransaction(text, transaction);
  return text.toString();
}

/** All states of the writer's text at a clock: one at least, and one more for each deletion, which takes no clock. */
function textsAtClock({ transactions }: SequentialTrace, clock: number): string[] {
  const doc = new Y.Doc();
  const text = doc.getText(TEXT);
  const texts = clock === 0 ? [""] : [];
  for (const transaction of transactions) {
    applyTransaction(text, transaction);
    const now = Y.getState(doc.store, doc.clientID);
    if (now > clock) break;
    if (now === clock) texts.push(text.toString());
  }
  return texts;
}
