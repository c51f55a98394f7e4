/** A server whose disk is full, or nearly: its clients are told, keep what they have, and bring it when there is room. */

import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, type TestContext, test } from "vitest";
import type { Peer } from "../support/peer.ts";
import { CANNOT_MOUNT, mountSmallDisk, type SmallDisk } from "../support/small-disk.ts";
import { until } from "../support/until.ts";
import { openStage, type Stage } from "./stage.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** "The storage cannot be written at the moment; come back." */
const COME_BACK = 4503;

/** A server whose data folder is on a small disk of its own. */
async function stageOnDisk(
  { skip }: TestContext,
  { minFreeBytes, fillTo }: { minFreeBytes: number; fillTo: number },
): Promise<{ stage: Stage; disk: SmallDisk }> {
  const disk = await mountSmallDisk(64 * MIB);
  if (disk === null) return skip(CANNOT_MOUNT);
  onTestFinished(() => disk.unmount());
  await disk.fill(fillTo);
  const config = join(disk.folder, "joinery.config.mjs");
  await writeFile(config, `export default { limits: { minFreeBytes: ${minFreeBytes} } };\n`);
  const stage = await openStage({ dataFolder: join(disk.folder, "data"), args: ["--config", config] });
  return { stage, disk };
}

/** Pastes until the server sends this peer away. */
async function pasteUntilSentAway(peer: Peer): Promise<void> {
  let pasted = 0;
  await until(
    "the server to send the writer away",
    async () => {
      if (peer.closeCodes.length === 0 && peer.provider.wsconnected && pasted < 400) {
        // Random, for LevelDB compresses: what repeats itself would not fill the disk.
        const text = randomBytes(37 * KIB).toString("base64url");
        peer.text.insert(peer.text.length, `${++pasted} ${text}\n`);
      }
      return peer.closeCodes.length > 0;
    },
    { saw: () => `${pasted} pastes` },
  );
}

/** A writer and a reader of one document, when the writer was just sent away. */
async function writeUntilSentAway(stage: Stage): Promise<{ writer: Peer; reader: Peer }> {
  const writer = await stage.join("paper").synced();
  const reader = await stage.join("paper").synced();
  writer.text.insert(0, "stored before\n");
  await reader.has(writer);
  await pasteUntilSentAway(writer);
  expect(writer.closeCodes[0]).toBe(COME_BACK);
  // Whoever cannot store goes on writing.
  writer.text.insert(0, "written without a server\n");
  reader.text.insert(0, "so was this\n");
  return { writer, reader };
}

/** Everybody gets everything, the same process stores it, and it is there after a restart. */
async function expectNothingLost(
  stage: Stage,
  pid: number,
  { writer, reader }: Record<string, Peer>,
): Promise<void> {
  const [ann, ben] = [writer, reader] as [Peer, Peer];
  await until(
    "both to have the same text",
    () => ann.text.toString() === ben.text.toString() && ann.provider.synced,
    {
      withinMs: 60_000,
      saw: () => `${ann.text.length} and ${ben.text.length} characters, ${ann.closeCodes.join(" ")}`,
    },
  );
  expect(ann.text.toString()).toContain("written without a server\n");
  expect(ann.text.toString()).toContain("so was this\n");
  const stranger = await stage.join("paper").synced();
  await stranger.reads(ann.text.toString());
  expect(stage.server.pid).toBe(pid);
  for (const peer of [ann, ben, stranger]) peer.provider.disconnect();
  expect(await stage.server.stop()).toMatchObject({ code: 0 });
  await stage.server.start();
  const latecomer = await stage.join("paper").synced();
  await latecomer.reads(ann.text.toString());
}

test("a disk that runs full costs nobody an edit, and the server no restart", async (context) => {
  const { stage, disk } = await stageOnDisk(context, { minFreeBytes: 0, fillTo: 3 * MIB });
  const { pid } = stage.server;
  const peers = await writeUntilSentAway(stage);
  await until("the server to say so", () => stage.server.stderr.includes("storage-unavailable"));
  await disk.free();
  await expectNothingLost(stage, pid, peers);
});

test("a disk that is nearly full can be read from, and is written to again when there is room", async (context) => {
  const { stage, disk } = await stageOnDisk(context, { minFreeBytes: 16 * MIB, fillTo: 20 * MIB });
  const { pid } = stage.server;
  const peers = await writeUntilSentAway(stage);
  // What was written when it stopped may be written once more by LevelDB, which folds its files in the background.
  expect(await disk.freeBytes()).toBeGreaterThan(4 * MIB);
  const visitor = await stage.join("paper").synced();
  await until("the document to be read", () => visitor.text.toString().includes("stored before\n"));
  await disk.free();
  await expectNothingLost(stage, pid, peers);
});
