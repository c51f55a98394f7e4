import { setImmediate as endOfTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import * as Y from "yjs";
import { type Peer, TEXT } from "../support/peer.ts";
import {
  type AgentUpdate,
  agentClientId,
  concurrentUpdates,
  firstDifference,
  readConcurrentTrace,
} from "../support/traces.ts";
import { openStage } from "./stage.ts";

const trace = readConcurrentTrace();
const updates = concurrentUpdates(trace, TEXT);

test("the trace's updates make its text, whichever writer's come first", () => {
  const byAgent = updates.map((own) => Y.mergeUpdates(own.map(({ update }) => update)));
  for (const order of [byAgent, byAgent.toReversed()]) {
    const doc = new Y.Doc();
    for (const update of order) Y.applyUpdate(doc, update);
    expect(firstDifference(doc.getText(TEXT).toString(), trace.endContent)).toBeNull();
  }
});

test("two clients who type at once, and everybody who reads them, end with the same text", async () => {
  const stage = await openStage();
  const writers = await Promise.all(updates.map(() => stage.join("friends").synced()));
  const reader = await stage.join("friends").synced();

  await Promise.all(writers.map((writer, agent) => type(writer, agent)));

  for (const peer of [...writers, reader]) {
    await peer.reads(trace.endContent);
    expect(stateVector(peer)).toEqual(
      Object.fromEntries(updates.map((own, agent) => [agentClientId(agent), own.at(-1)?.clock])),
    );
    expect(peer.closeCodes).toEqual([]);
    peer.leave();
  }

  await stage.server.stop();
  await stage.server.start();
  const stranger = await stage.join("friends").synced();
  expect(firstDifference(stranger.text.toString(), trace.endContent)).toBeNull();
});

/** Makes an agent's edits as soon as it has seen what it had seen when they were made. */
async function type(writer: Peer, agent: number): Promise<void> {
  for (const [index, { update, seen }] of (updates[agent] as AgentUpdate[]).entries()) {
    for (const [other, count] of seen.entries()) {
      const last = updates[other]?.[count - 1];
      if (other !== agent && last !== undefined) await writer.hasClock(agentClientId(other), last.clock);
    }
    Y.applyUpdate(writer.doc, update, "typed");
    if (index % 50 === 0) await endOfTurn();
  }
}

function stateVector(peer: Peer): Record<string, number> {
  return Object.fromEntries(Y.decodeStateVector(Y.encodeStateVector(peer.doc)));
}
