/** The server's data is gone, and a document of the same name was begun: nothing is merged before somebody chose. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DocumentHandle, JoineryClient } from "@joinery/client";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../support/until.ts";
import { isRefused, openClient, reads, textOf } from "./native-client.ts";
import { openStage, type Stage } from "./stage.ts";

const MINE = "mine";
const THEIRS = "theirs";

interface Scene {
  readonly stage: Stage;
  readonly client: JoineryClient;
  readonly notes: DocumentHandle;
  /** Of the document that this device has. */
  readonly lineage: string;
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "joinery-lineage-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Somebody has a document with one edit that is not saved, and the server another one of the same name. */
async function openConflict(offline?: string, isRecreated = true): Promise<Scene> {
  const stage = await openStage();
  const client = openClient({ url: stage.server.wsUrl, ...(offline === undefined ? {} : { offline }) });
  const notes = client.open("notes");
  textOf(notes).insert(0, MINE);
  await notes.whenSaved();
  client.disconnect();
  textOf(notes).insert(0, "un");
  await stage.server.kill();
  await rm(stage.server.dataFolder, { recursive: true });
  await stage.server.start();
  if (isRecreated) {
    const theirs = openClient({ url: stage.server.wsUrl }).open("notes");
    textOf(theirs).insert(0, THEIRS);
    await theirs.whenSaved();
    await theirs.close();
  }
  client.connect();
  await isRefused(notes, "LINEAGE_CHANGED");
  return { stage, client, notes, lineage: notes.conflict?.local.lineage ?? "" };
}

test.each(["kept on the device", "in memory only"])(
  "[L1] [L5] a document that the server began anew is refused, told of and not merged: %s",
  async (where) => {
    const offline = where === "in memory only" ? undefined : await temporaryFolder();
    const { stage, client, notes, lineage } = await openConflict(offline);
    expect(lineage).toMatch(/^[0-9a-f]{32}$/);
    expect(notes.conflict).toEqual({
      local: { lineage, seq: expect.any(Number) },
      remote: { lineage: expect.stringMatching(/^[0-9a-f]{32}$/), seq: expect.any(Number) },
    });
    expect(notes.conflict?.remote.lineage).not.toBe(lineage);
    expect(notes.conflict?.remote.seq).toBeGreaterThan(0);
    expect(textOf(notes).toString()).toBe("unmine");
    expect(notes.saved).toBe(false);
    // It can be edited on, and other documents of the connection are not concerned.
    textOf(notes).insert(0, "still ");
    const other = client.open("other");
    textOf(other).insert(0, "not concerned");
    await other.whenSaved();
    const ben = await stage.join("notes").synced();
    expect(ben.text.toString()).toBe(THEIRS);
    ben.text.insert(0, "not ");
    await (await stage.join("notes").synced()).reads(`not ${THEIRS}`);
    expect(textOf(notes).toString()).toBe("still unmine");
  },
);

test("[L3] a document that the server does not have any more is refused with a sequence number of 0", async () => {
  const { notes, stage } = await openConflict(undefined, false);
  expect(notes.conflict?.remote.seq).toBe(0);
  await notes.resolve("merge");
  await notes.whenSaved();
  await (await stage.join("notes").synced()).reads("unmine");
});

test("discard takes the server's document, and this device forgets its own", async () => {
  const offline = await temporaryFolder();
  const { stage, client, notes } = await openConflict(offline);
  const before = notes.doc;
  let told: unknown = null;
  notes.on("doc", (doc) => {
    told = doc;
  });
  await notes.resolve("discard");
  expect(notes.doc).not.toBe(before);
  expect(told).toBe(notes.doc);
  expect(notes.conflict).toBeNull();
  await notes.whenSaved();
  await notes.whenSynced();
  await reads(notes, THEIRS);
  textOf(notes).insert(0, "now ours, not only ");
  await notes.whenSaved();
  await (await stage.join("notes").synced()).reads(`now ours, not only ${THEIRS}`);
  await client.close();

  const again = openClient({ url: stage.server.wsUrl, offline }).open("notes");
  await again.whenSynced();
  await reads(again, `now ours, not only ${THEIRS}`);
});

test("merge makes one document of both, on the server too", async () => {
  const offline = await temporaryFolder();
  const { stage, client, notes } = await openConflict(offline);
  const before = notes.doc;
  await notes.resolve("merge");
  expect(notes.doc).toBe(before);
  await notes.whenSaved();
  await notes.whenSynced();
  const text = textOf(notes).toString();
  expect([`unmine${THEIRS}`, `${THEIRS}unmine`]).toContain(text);
  await (await stage.join("notes").synced()).reads(text);
  await client.close();

  const again = openClient({ url: stage.server.wsUrl, offline }).open("notes");
  await again.whenSynced();
  await reads(again, text);
});

test.each(["kept on the device", "in memory only"])(
  "keep-as-copy takes the server's document, and saves this one under another name: %s",
  async (where) => {
    const offline = where === "in memory only" ? undefined : await temporaryFolder();
    const { stage, client, notes } = await openConflict(offline);
    await notes.resolve("keep-as-copy", "notes of Tuesday");
    await notes.whenSynced();
    await reads(notes, THEIRS);
    await (await stage.join("notes of Tuesday").synced()).reads("unmine");
    await until("nothing to be pending", async () => (await client.pending()).length === 0);
    const copy = client.open("notes of Tuesday");
    await copy.whenSynced();
    await reads(copy, "unmine");
    expect((await stage.join("notes").synced()).text.toString()).toBe(THEIRS);
  },
);

test("the application may choose ahead, in the options", async () => {
  const stage = await openStage();
  const client = openClient({ url: stage.server.wsUrl });
  const notes = client.open("notes", {
    onLineage: async ({ remote }) => (remote.seq === 0 ? "merge" : "discard"),
  });
  textOf(notes).insert(0, MINE);
  await notes.whenSaved();
  await stage.server.kill();
  await rm(stage.server.dataFolder, { recursive: true });
  await stage.server.start();
  await (await stage.join("notes").synced()).reads(MINE);
  expect(notes.conflict).toBeNull();
});
