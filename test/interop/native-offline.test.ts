/** Documents that are kept on this device, in real processes that are killed. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { CANNOT_MOUNT, mountSmallDisk } from "../support/small-disk.ts";
import { until } from "../support/until.ts";
import { becomes, openClient, reads, textOf } from "./native-client.ts";
import { openStage } from "./stage.ts";

const PROGRAM = fileURLToPath(new URL("offline-client.ts", import.meta.url));
const MIB = 1024 * 1024;

/** What the program says of its document. */
interface State {
  readonly text: string;
  readonly status: string;
  readonly isLoaded: boolean;
  readonly saved: boolean;
  readonly unsaved: { readonly count: number; readonly bytes: number };
  readonly error: string | null;
  readonly isStored: boolean;
}

/** The program with its document, in a process of its own. */
class Program {
  state: State | null = null;
  stored = 0;
  readonly #child: ChildProcess;

  constructor(url: string, folder: string) {
    this.#child = fork(PROGRAM, [url, folder], { execArgv: [], env: { PATH: process.env.PATH ?? "" } });
    this.#child.on("message", (state: State) => {
      this.state = state;
      if (state.isStored) this.stored++;
    });
    onTestFinished(() => this.kill());
  }

  async is(what: string, holds: (state: State) => boolean): Promise<State> {
    await until(`the program to be ${what}`, () => this.state !== null && holds(this.state), {
      saw: () => JSON.stringify(this.state),
    });
    return this.state as State;
  }

  /** Types lines, each an edit of its own. */
  type(...lines: readonly string[]): void {
    for (const line of lines) this.#child.send(line);
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
  }
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "joinery-offline-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test("[D1] [D2] what a killed program edited offline is there without network, and is saved once with it", async () => {
  const stage = await openStage();
  const url = stage.server.wsUrl;
  const folder = await temporaryFolder();
  const first = new Program(url, folder);
  await first.is("online", ({ status }) => status === "online");
  first.type("online 1\n", "online 2\n");
  await first.is("saved", ({ saved, text }) => saved && text === "online 1\nonline 2\n");
  await stage.server.kill();
  await first.is("offline", ({ status }) => status === "offline");
  first.type("offline 1\n", "offline 2\n", "offline 3\n");
  await until("the edits to be stored", () => first.stored === 5);
  expect(first.state).toMatchObject({ saved: false, unsaved: { count: 3 }, error: null });
  await first.kill();

  const second = new Program(url, folder);
  const shown = await second.is("loaded", ({ isLoaded }) => isLoaded);
  expect(shown.text).toBe("online 1\nonline 2\noffline 1\noffline 2\noffline 3\n");
  expect(shown).toMatchObject({ saved: false, unsaved: { count: 3 }, error: null });
  expect(shown.status).not.toBe("online");
  second.type("offline 4\n");
  await until("the edit to be stored", () => second.stored === 1);
  await second.kill();

  await stage.server.start();
  const ben = await stage.join("notes").synced();
  expect(ben.text.toString()).toBe("online 1\nonline 2\n");
  ben.text.insert(0, "meanwhile\n");
  const third = new Program(url, folder);
  const whole = "meanwhile\nonline 1\nonline 2\noffline 1\noffline 2\noffline 3\noffline 4\n";
  await third.is("saved", ({ saved, text }) => saved && text === whole);
  await ben.reads(whole);
  await third.kill();

  const fourth = new Program(url, folder);
  const loaded = await fourth.is("loaded", ({ isLoaded }) => isLoaded);
  expect(loaded.text).toBe(whole);
  // That something is saved may not have reached the disk of a program that was killed; the edits had.
  await fourth.is("saved", ({ saved, status }) => saved && status === "online");
  const stranger = await stage.join("notes").synced();
  expect(stranger.text.toString()).toBe(whole);
});

test("[D6] edits of documents that nobody opens again are saved in the background", async () => {
  const stage = await openStage();
  const offline = await temporaryFolder();
  const url = stage.server.wsUrl;
  const names = Array.from({ length: 7 }, (_, i) => `notes ${i}`);
  await stage.server.stop();
  const before = openClient({ url, offline });
  for (const name of names) textOf(before.open(name)).insert(0, `text of ${name}`);
  await until("all to be pending", async () => (await before.pending()).length === names.length);
  await before.close();

  const after = openClient({ url, offline });
  const pending = await after.pending();
  expect(pending.map(({ document }) => document).sort()).toEqual(names);
  for (const { unsaved, bytes } of pending) {
    expect(unsaved).toBe(1);
    expect(bytes).toBeGreaterThan(10);
  }
  await stage.server.start();
  await until("nothing to be pending", async () => (await after.pending()).length === 0);
  for (const name of names) await (await stage.join(name).synced()).reads(`text of ${name}`);
  expect(after.status.kind).toBe("online");
});

test("what is closed before it is saved is saved in the background, by the same client", async () => {
  const stage = await openStage();
  const client = openClient({ url: stage.server.wsUrl, offline: await temporaryFolder() });
  const notes = client.open("notes");
  await notes.whenSynced();
  client.disconnect();
  textOf(notes).insert(0, "typed and closed");
  await notes.close();
  expect(await client.pending()).toMatchObject([{ document: "notes", unsaved: 1 }]);
  client.connect();
  await until("nothing to be pending", async () => (await client.pending()).length === 0);
  await (await stage.join("notes").synced()).reads("typed and closed");
  // Opened again it is whole, and not sent again.
  const again = client.open("notes");
  await again.whenSynced();
  await reads(again, "typed and closed");
});

test("[D4] where the disk is full editing and saving go on, and the state says what is not kept", async ({
  skip,
}) => {
  const disk = await mountSmallDisk(16 * MIB);
  if (disk === null) return skip(CANNOT_MOUNT);
  onTestFinished(() => disk.unmount());
  const stage = await openStage();
  const client = openClient({ url: stage.server.wsUrl, offline: join(disk.folder, "documents") });
  const notes = client.open("notes");
  await notes.whenSynced();
  textOf(notes).insert(0, "before ");
  await notes.whenSaved();
  expect(notes.getSnapshot().offlineError).toBeNull();

  await disk.fill(0);
  client.disconnect();
  const line = "x".repeat(1024);
  for (let i = 0; i < 64; i++) textOf(notes).insert(0, line);
  await becomes(notes, "without a copy on disk", ({ offlineError }) => {
    return offlineError?.code === "OFFLINE_STORE_FAILED";
  });
  expect(notes.unsaved.count).toBe(64);
  client.connect();
  await becomes(notes, "saved", ({ saved, status }) => saved && status.kind === "online");
  const whole = `${line.repeat(64)}before `;
  await (await stage.join("notes").synced()).reads(whole);
  await disk.free();
});
