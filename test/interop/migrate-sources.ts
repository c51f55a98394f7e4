/** Data of other servers, written by their published packages. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { SQLite } from "@hocuspocus/extension-sqlite";
import { onTestFinished } from "vitest";
import { LeveldbPersistence } from "y-leveldb";
import * as Y from "yjs";
import { freePort } from "../support/free-port.ts";
import { Peer, TEXT } from "../support/peer.ts";
import {
  agentClientId,
  applyTransaction,
  concurrentUpdates,
  readConcurrentTrace,
  readSequentialTrace,
} from "../support/traces.ts";
import { until } from "../support/until.ts";

/** A document as a server gets it, and as it is in the end. */
export interface Recorded {
  readonly updates: readonly Uint8Array[];
  readonly text: string;
}

/** A novel's worth of keystrokes by one person, each an update; the first 40,000 of a recording. */
export function recordedPaper(): Recorded {
  const doc = new Y.Doc();
  const text = doc.getText(TEXT);
  const updates: Uint8Array[] = [];
  doc.on("update", (update: Uint8Array) => updates.push(update));
  for (const transaction of readSequentialTrace().transactions.slice(0, 40_000))
    applyTransaction(text, transaction);
  return { updates, text: text.toString() };
}

/** Two people typing at once, 26,000 updates, in an order in which a server may have heard of them. */
export function recordedConversation(): Recorded {
  const trace = readConcurrentTrace();
  const authors = concurrentUpdates(trace, TEXT).map((updates) => updates.values());
  const updates = trace.transactions.map(({ agent }) => authors[agent]?.next().value?.update as Uint8Array);
  return { updates, text: trace.endContent };
}

/** A document of another kind of editor: nested types, formats, values of all kinds, and much that was deleted. */
export function board(): Y.Doc {
  const doc = new Y.Doc();
  doc.clientID = agentClientId(40);
  const shapes = doc.getMap<Y.Map<unknown>>("shapes");
  for (let i = 0; i < 300; i++) {
    const shape = new Y.Map<unknown>();
    shapes.set(`shape-${i % 100}`, shape);
    for (const [key, value] of Object.entries({ x: i, y: -i / 7, label: `№ ${i}`, tags: ["a", { b: null }] }))
      shape.set(key, value);
  }
  const note = new Y.XmlElement("p");
  doc.getXmlFragment("notes").insert(0, [note]);
  note.insert(0, [new Y.XmlText("bold and not")]);
  (note.get(0) as Y.XmlText).format(0, 4, { bold: true });
  doc.getText(TEXT).insert(0, "a board");
  return doc;
}

/** What y-leveldb keeps when these updates are stored one by one. */
export async function writeYLeveldb(
  folder: string,
  documents: Readonly<Record<string, readonly Uint8Array[]>>,
): Promise<void> {
  const persistence = new LeveldbPersistence(folder);
  try {
    for (const [name, updates] of Object.entries(documents)) {
      for (const update of updates) await persistence.storeUpdate(name, update);
    }
  } finally {
    await persistence.destroy();
  }
}

/** What y-leveldb makes of a document when it merges its updates, and what an application notes beside it. */
export async function foldInYLeveldb(folder: string, name: string): Promise<void> {
  const persistence = new LeveldbPersistence(folder);
  await persistence.flushDocument(name);
  await persistence.setMeta(name, "title", "not part of the document");
  await persistence.destroy();
}

/** What the extension of Hocuspocus stores. */
export async function writeHocuspocus(
  file: string,
  documents: Readonly<Record<string, Y.Doc>>,
): Promise<void> {
  const sqlite = new SQLite({ database: file });
  await sqlite.onConfigure();
  for (const [documentName, document] of Object.entries(documents)) {
    // What else is in a payload of its hook it does not look at.
    const payload = { documentName, document } as unknown as Parameters<SQLite["onStoreDocument"]>[0];
    await sqlite.onStoreDocument(payload);
  }
  sqlite.db?.close();
}

/** Writes into a document of the y-websocket server, with the provider, until its folder has it. */
export async function writeThroughYWebsocket(folder: string, name: string, text: string): Promise<void> {
  const port = await freePort();
  const script = join(
    dirname(fileURLToPath(import.meta.resolve("y-websocket-2/package.json"))),
    "bin/server.cjs",
  );
  const env = { ...process.env, HOST: "127.0.0.1", PORT: String(port), YPERSISTENCE: folder };
  const server = spawn(process.execPath, [script], { env, stdio: "ignore" });
  const exited = once(server, "exit");
  onTestFinished(() => void server.kill("SIGKILL"));
  const peer = await new Peer(`ws://127.0.0.1:${port}`, name, { path: name }).synced();
  peer.text.insert(0, text);
  await until("the server to store it", async () => {
    const logs = (await readdir(folder)).filter((file) => file.endsWith(".log"));
    const contents = await Promise.all(logs.map((file) => readFile(join(folder, file), "utf8")));
    return contents.some((content) => content.includes(text));
  });
  peer.leave();
  server.kill();
  await exited;
}
