import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import type { Peer } from "../support/peer.ts";
import { within } from "../support/until.ts";
import { openStage, type Stage } from "./stage.ts";

// Providers announce themselves anew every 15 s: what takes longer than this was not the server's doing. They also
// take no notice of a state that was never changed, which has clock 0; everybody here says a name.
const PROMPTLY = { withinMs: 8000 };

test("a person appears, changes, and disappears when leaving", async () => {
  const stage = await openStage();
  const ann = await stage.join("presence").synced();
  const bob = await stage.join("presence").synced();

  bob.awareness.setLocalState({ user: { name: "Bob" } });
  ann.awareness.setLocalState({ user: { name: "Ann" }, cursor: 1 });
  await bob.sees(ann.doc.clientID, isNamed("Ann"));
  ann.awareness.setLocalStateField("cursor", 2);
  await bob.sees(ann.doc.clientID, ({ cursor }) => cursor === 2);

  const late = await stage.join("presence").synced();
  await late.sees(ann.doc.clientID, ({ cursor }) => cursor === 2);

  ann.leave();
  await bob.seesNo(ann.doc.clientID, PROMPTLY);
  await late.seesNo(ann.doc.clientID, PROMPTLY);
  await late.sees(bob.doc.clientID, isNamed("Bob"));
});

test("a person whose process is killed disappears, and is seen again when back with the same client id", async () => {
  const stage = await openStage();
  const bob = await stage.join("presence").synced();
  bob.awareness.setLocalState({ user: { name: "Bob" } });
  const killed = await spawnClient(stage, 4711, "Ann");
  await bob.sees(4711, isNamed("Ann"));

  killed.kill("SIGKILL");
  await bob.seesNo(4711, PROMPTLY);
  const late = await stage.join("presence").synced();
  await late.sees(bob.doc.clientID, isNamed("Bob"));
  expect(late.awareness.getStates().has(4711)).toBe(false);

  // The new process knows nothing of the clock that the old one had reached.
  await spawnClient(stage, 4711, "Ann again");
  for (const peer of [bob, late]) await peer.sees(4711, isNamed("Ann again"), PROMPTLY);
});

test("a person who disconnects and connects again is seen again at once, with what changed meanwhile", async () => {
  const stage = await openStage();
  const ann = await stage.join("presence").synced();
  const bob = await stage.join("presence").synced();
  ann.awareness.setLocalState({ user: { name: "Ann" } });
  await bob.sees(ann.doc.clientID, isNamed("Ann"));

  await reconnect(ann, async () => await bob.seesNo(ann.doc.clientID, PROMPTLY));
  await bob.sees(ann.doc.clientID, isNamed("Ann"), PROMPTLY);

  await reconnect(ann, async () => {
    await bob.seesNo(ann.doc.clientID, PROMPTLY);
    ann.awareness.setLocalState({ user: { name: "Anna" } });
  });
  await bob.sees(ann.doc.clientID, isNamed("Anna"), PROMPTLY);
});

test("people in other documents are not seen", async () => {
  const stage = await openStage();
  const ann = await stage.join("one").synced();
  const bob = await stage.join("other").synced();
  const cid = await stage.join("other").synced();
  ann.awareness.setLocalState({ user: { name: "Ann" } });
  bob.awareness.setLocalState({ user: { name: "Bob" } });
  await cid.sees(bob.doc.clientID, isNamed("Bob"));
  expect([...cid.awareness.getStates().keys()].sort()).toEqual([bob.doc.clientID, cid.doc.clientID].sort());
  expect([...ann.awareness.getStates().keys()]).toEqual([ann.doc.clientID]);
});

function isNamed(name: string) {
  return ({ user }: Record<string, unknown>) => (user as { name?: string } | undefined)?.name === name;
}

async function reconnect(peer: Peer, meanwhile: () => Promise<void>): Promise<void> {
  peer.provider.disconnect();
  await meanwhile();
  peer.provider.connect();
  await peer.synced();
}

async function spawnClient(stage: Stage, clientId: number, name: string): Promise<ChildProcess> {
  const program = fileURLToPath(new URL("presence-client.ts", import.meta.url));
  const args = [program, stage.server.wsUrl, "presence", String(clientId), name];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  await within("the client to sync", once(child.stdout, "data"));
  return child;
}
