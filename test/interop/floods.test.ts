/** What budgets and connection limits do to real clients: nothing to honest ones, little to others around a flood. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { createServer, MemoryStorage } from "@joinery/server";
import type { LimitName } from "@joinery/shared";
import { expect, onTestFinished, test } from "vitest";
import { Peer } from "../support/peer.ts";
import { until } from "../support/until.ts";
import { openStage } from "./stage.ts";

const MIB = 1024 * 1024;

/** Limits that slow a client down or send it away; none of them may be reached by an honest one. */
const NETWORK_LIMITS: readonly LimitName[] = [
  "maxMessagesPerSecond",
  "maxBytesPerSecond",
  "maxCpuMsPerSecond",
  "maxAddressMessagesPerSecond",
  "maxAddressBytesPerSecond",
  "maxAddressCpuMsPerSecond",
  "maxAddressConnections",
  "maxAddressConnectionsPerSecond",
  "maxAddressHalfOpenConnections",
  "maxHalfOpenConnections",
  "maxMessageFragments",
  "maxMessageChunks",
  "messageTimeoutMs",
  "firstMessageTimeoutMs",
  "maxUnfinishedBytes",
];

test("a hundred thousand edits at once arrive, all of them, while two others talk as if nothing were", async () => {
  const edits = 100_000;
  const stage = await openStage({
    args: ["--config", await configFile({ maxMessagesPerSecond: 10_000, maxBurstMs: 1_000 })],
  });
  const reader = await stage.join("flood").synced();
  const [ann, bob] = [await stage.join("calm").synced(), await stage.join("calm").synced()];
  const eve = new Worker(new URL("flood-client.ts", import.meta.url), {
    workerData: { wsUrl: stage.server.wsUrl, document: "flood", edits },
  });
  onTestFinished(async () => {
    await eve.terminate();
  });
  await until("the flood to begin", () => reader.text.length > 0);

  // Each waits for the other's word before it says the next one.
  let rounds = 0;
  while (reader.text.length < edits) {
    ann.text.insert(0, `${rounds} `);
    await bob.has(ann);
    bob.text.insert(0, `${rounds} `);
    await ann.has(bob);
    rounds++;
  }
  // Hundreds on an idle machine.
  expect(rounds).toBeGreaterThan(10);
  const stranger = await stage.join("flood").synced();
  for (const { text } of [reader, stranger]) expect(text.toString()).toBe("x".repeat(edits));
  for (const peer of [reader, ann, bob, stranger]) expect(peer.closeCodes).toEqual([]);
});

test("an office that comes back at once from one address gets in, and is not slowed", async () => {
  const { server, wsUrl } = await listening();
  const peers = Array.from({ length: 500 }, (_, i) => open(wsUrl, `team-${i % 20}`));
  for (const peer of peers) await peer.synced({ withinMs: 60_000 });
  for (const peer of peers) peer.provider.disconnect();
  await until("all to be gone", () => server.counts().connections === 0);
  for (const [i, peer] of peers.entries()) {
    peer.text.insert(0, `${i} `);
    peer.provider.connect();
  }
  for (const peer of peers) await peer.synced({ withinMs: 60_000 });
  for (let team = 0; team < 20; team++) {
    const members = peers.filter((_, i) => i % 20 === team);
    for (const member of members) for (const other of members) await member.has(other);
  }
  for (const { closeCodes } of peers) expect(closeCodes).toEqual([]);
  expectNotLimited(server);
});

test("a page of ten megabytes that is pasted, and a document of sixteen that is brought, are not slowed", async () => {
  const { server, wsUrl } = await listening();
  const [ann, bob] = [open(wsUrl, "pasted"), open(wsUrl, "pasted")];
  await ann.synced();
  await bob.synced();
  ann.text.insert(0, "y".repeat(10 * MIB));
  await bob.has(ann);
  const cid = open(wsUrl, "brought", (peer) => peer.text.insert(0, "z".repeat(16 * MIB - 1024)));
  const dan = open(wsUrl, "brought");
  await cid.synced();
  await dan.has(cid);
  for (const peer of [ann, bob, cid, dan]) expect(peer.closeCodes).toEqual([]);
  expectNotLimited(server);
});

async function configFile(limits: object): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "joinery-config-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "joinery.config.mjs");
  await writeFile(file, `export default { limits: ${JSON.stringify(limits)} };\n`);
  return file;
}

/** A server of this process, with its defaults. */
async function listening() {
  const server = createServer({ storage: new MemoryStorage() });
  onTestFinished(async () => {
    await server.close();
  });
  const { url } = await server.listen({ port: 0 });
  return { server, wsUrl: url.replace("http:", "ws:") };
}

function open(wsUrl: string, document: string, prepare: (peer: Peer) => void = () => undefined): Peer {
  const peer = new Peer(wsUrl, document);
  prepare(peer);
  onTestFinished(() => peer.leave());
  return peer;
}

function expectNotLimited(server: ReturnType<typeof createServer>): void {
  const { limitHits } = server.counts();
  const reached = NETWORK_LIMITS.filter((limit) => limitHits[limit] > 0);
  expect(reached).toEqual([]);
}
