/**
 * The server's folder is replaced by a backup, and the document grows beyond what a client has seen: the numbers that
 * it knows stand for other batches then.
 */

import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DocumentHandle, JoineryClient } from "@joinery/client";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../support/until.ts";
import { becomes, isRefused, openClient, reads, textOf } from "./native-client.ts";
import { openStage, type Stage } from "./stage.ts";

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "joinery-restore-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Makes edits of which each is a batch of its own. */
async function write(notes: DocumentHandle, ...words: readonly string[]): Promise<void> {
  for (const word of words) {
    textOf(notes).insert(textOf(notes).length, word);
    await notes.whenSaved();
  }
}

interface Scene {
  readonly stage: Stage;
  /** Was away when the backup was made, and saw all that came after it. */
  readonly ann: JoineryClient;
  readonly notes: DocumentHandle;
  /** Saw what is in the backup, and nothing after it. */
  readonly ben: DocumentHandle;
  readonly benClient: JoineryClient;
  /** What the server has now. */
  readonly text: string;
}

/** A document that was restored, and written to by somebody else beyond what Ann has seen. */
async function restored(offline?: string): Promise<Scene> {
  const stage = await openStage({ args: ["--log-level", "debug"] });
  const { server } = stage;
  const kept = offline === undefined ? {} : { offline };
  const ann = openClient({ url: server.wsUrl, ...kept });
  const notes = ann.open("notes");
  await write(notes, "one ", "two ", "three ");
  const benClient = openClient({ url: server.wsUrl });
  const ben = benClient.open("notes");
  await reads(ben, "one two three ");
  await ben.whenSaved();
  benClient.disconnect();

  // So that nobody waits for a pause between attempts.
  ann.disconnect();
  await server.stop();
  const backup = await temporaryFolder();
  await cp(server.dataFolder, backup, { recursive: true });
  await server.start();
  ann.connect();
  await notes.whenSynced();
  await write(notes, "four ", "five ", "six ");
  ann.disconnect();

  await server.kill();
  await rm(server.dataFolder, { recursive: true });
  await cp(backup, server.dataFolder, { recursive: true });
  await server.start();
  const cem = openClient({ url: server.wsUrl });
  const theirs = cem.open("notes");
  await reads(theirs, "one two three ");
  await write(theirs, ...Array.from({ length: 10 }, (_, i) => `${i} `));
  const text = textOf(theirs).toString();
  await cem.close();
  return { stage, ann, notes, ben, benClient, text };
}

async function restart({ server }: Stage): Promise<void> {
  await server.stop();
  await server.start();
}

/** Writes so much that the log is folded into a snapshot. @returns The text then. */
async function fold({ server }: Stage): Promise<string> {
  const cem = openClient({ url: server.wsUrl });
  const notes = cem.open("notes");
  await notes.whenSynced();
  await write(notes, "much more ".repeat(20_000));
  await until("the log to be folded", () => server.stderr.includes("log folded"), {
    saw: () => server.stderr,
  });
  const text = textOf(notes).toString();
  await cem.close();
  return text;
}

const AFTERWARDS: readonly (readonly [string, (scene: Scene) => Promise<string>])[] = [
  ["while the server has the log in memory", async ({ text }) => text],
  [
    "after the server was started again",
    async ({ stage, text }) => {
      await restart(stage);
      return text;
    },
  ],
  [
    "after the log was folded",
    async ({ stage }) => {
      const text = await fold(stage);
      await restart(stage);
      return text;
    },
  ],
];

test.each(AFTERWARDS)(
  "[L6] who has seen more than a restored backup is refused, and may choose: %s",
  async (_, afterwards) => {
    const scene = await restored();
    const { ann, notes, stage } = scene;
    const text = await afterwards(scene);
    textOf(notes).insert(0, "not saved ");
    ann.connect();
    await isRefused(notes, "LINEAGE_CHANGED");
    const { local, remote } = notes.conflict ?? {};
    expect(remote?.lineage).toBe(local?.lineage);
    expect(remote?.seq).toBeGreaterThan(local?.seq ?? 0);
    expect(notes).toMatchObject({ synced: false, saved: false });
    expect(textOf(notes).toString()).toBe("not saved one two three four five six ");
    await (await stage.join("notes").synced()).reads(text);

    await notes.resolve("discard");
    await notes.whenSynced();
    await reads(notes, text);
    await write(notes, "and on");
    await (await stage.join("notes").synced()).reads(`${text}and on`);
  },
);

test.each(AFTERWARDS)(
  "[L6] the copy on a device, too, is of what was before the restore: %s",
  async (_, afterwards) => {
    const offline = await temporaryFolder();
    const scene = await restored(offline);
    const { ann, stage } = scene;
    await ann.close();
    const text = await afterwards(scene);
    const again = openClient({ url: stage.server.wsUrl, offline });
    const notes = again.open("notes");
    await isRefused(notes, "LINEAGE_CHANGED");
    expect(textOf(notes).toString()).toBe("one two three four five six ");
    await notes.resolve("discard");
    await notes.whenSynced();
    await reads(notes, text);
    await notes.whenSaved();
    await again.close();

    const later = openClient({ url: stage.server.wsUrl, offline }).open("notes");
    await later.whenSynced();
    await reads(later, text);
    expect(later.conflict).toBeNull();
  },
);

test.each(AFTERWARDS)(
  "[L8] who has not seen more than the backup goes on, with what was edited offline: %s",
  async (_, afterwards) => {
    const scene = await restored();
    const { ben, benClient, stage } = scene;
    const text = await afterwards(scene);
    textOf(ben).insert(0, "from offline: ");
    benClient.connect();
    await becomes(ben, "online", ({ status, synced }) => status.kind === "online" && synced);
    await ben.whenSaved();
    await reads(ben, `from offline: ${text}`);
    expect(ben.conflict).toBeNull();
    await (await stage.join("notes").synced()).reads(`from offline: ${text}`);
  },
);

test("[L6] a backup that was restored twice is told from the first time that it was", async () => {
  const scene = await restored();
  const { stage, ben, benClient } = scene;
  benClient.connect();
  await ben.whenSynced();
  await reads(ben, scene.text);
  await ben.whenSaved();
  benClient.disconnect();
  const { server } = stage;
  await server.kill();
  // The same as the first time: what Cem wrote is gone.
  const backup = await temporaryFolder();
  await cp(server.dataFolder, backup, { recursive: true });
  await server.start();
  const dee = openClient({ url: server.wsUrl }).open("notes");
  await dee.whenSynced();
  await write(dee, "more ", "and more ");
  benClient.connect();
  await ben.whenSynced();
  await reads(ben, textOf(dee).toString());
  await ben.whenSaved();
  benClient.disconnect();
  await server.kill();
  await rm(server.dataFolder, { recursive: true });
  await cp(backup, server.dataFolder, { recursive: true });
  await server.start();
  const eve = openClient({ url: server.wsUrl }).open("notes");
  await eve.whenSynced();
  await write(eve, "a", "b", "c", "d");
  benClient.connect();
  await isRefused(ben, "LINEAGE_CHANGED");
});
