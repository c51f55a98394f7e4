import { setTimeout as delay } from "node:timers/promises";
import { create, int31 } from "lib0/prng";
import { expect, test } from "vitest";
import * as Y from "yjs";
import { containsSnapshot, type Peer } from "../support/peer.ts";
import { until } from "../support/until.ts";
import { openStage } from "./stage.ts";

const WRITERS = 6;
const ENDS_WITHIN_MS = 10_000;

test.each(["SIGTERM", "SIGINT"] as const)(
  "%s while people type loses nothing that anybody was shown",
  async (signal) => {
    const stage = await openStage();
    const writers = await Promise.all(Array.from({ length: WRITERS }, () => stage.join("busy").synced()));
    const reader = await stage.join("busy").synced();
    const typing = Promise.all(writers.map((writer, index) => typeUntilClosed(writer, index)));
    await until("the load", () => reader.text.length > 500);

    const startMs = performance.now();
    expect(await stage.server.end(signal)).toMatchObject({ code: 0, signal: null });
    expect(performance.now() - startMs).toBeLessThan(ENDS_WITHIN_MS);
    await typing;
    for (const peer of [...writers, reader]) {
      await until("the connection to close", () => peer.closeCodes.length > 0);
      expect(peer.closeCodes[0]).toBe(1012);
      peer.provider.disconnect();
    }

    await stage.server.start();
    const stranger = await stage.join("busy").synced();
    expect(containsSnapshot(Y.snapshot(stranger.doc), Y.snapshot(reader.doc))).toBe(true);

    for (const peer of [...writers, reader]) peer.provider.connect();
    for (const writer of writers) await stranger.has(writer);
    for (const peer of [...writers, reader]) {
      await peer.has(stranger);
      expect(peer.text.toString()).toBe(stranger.text.toString());
    }
    const typed = writers.map(({ doc }) => Y.getState(doc.store, doc.clientID));
    expect(stranger.text.length).toBe(typed.reduce((sum, count) => sum + count, 0));
  },
);

/** Types a character here and there, 200 a second, until the server closes the connection. */
async function typeUntilClosed({ text, closeCodes }: Peer, index: number): Promise<void> {
  const random = create(index);
  const letter = String.fromCharCode(97 + index);
  while (closeCodes.length === 0) {
    text.insert(int31(random, 0, text.length), letter);
    await delay(5);
  }
}
