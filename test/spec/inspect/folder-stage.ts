/** Data folders as a server leaves them, whose every byte of content is known. */

import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { DocumentName } from "@joinery/shared";
import * as Y from "yjs";
import { fold } from "../../../server/src/engine/fold.ts";
import type { BranchId, Lineage, LogPart, Storage } from "../../../server/src/engine/ports.ts";
import { LevelStorage } from "../../../server/src/storage/level.ts";
import { applyTransaction, readSequentialTrace } from "../../support/traces.ts";

/** 2026-01-31, noon in UTC. */
export const BORN_AT = Date.UTC(2026, 0, 31, 12);
const MINUTE_MS = 60_000;

/** Opens a storage, and closes it in peace. */
export async function withStorage(
  folder: string,
  work: (storage: LevelStorage) => Promise<void>,
): Promise<void> {
  const storage = new LevelStorage({ folder, minFreeBytes: 0 });
  await storage.open();
  try {
    await work(storage);
  } finally {
    await storage.close();
  }
}

/** A document that is written, with a batch each minute. */
export class Written {
  readonly name: DocumentName;
  readonly updates: Uint8Array[] = [];
  readonly #storage: Pick<Storage, "append" | "compact">;
  #seq = 0;

  constructor(storage: Pick<Storage, "append" | "compact">, name: string) {
    this.#storage = storage;
    this.name = name as DocumentName;
  }

  /** Appends a batch of what an author did. */
  async append(parts: readonly LogPart[]): Promise<void> {
    const seq = ++this.#seq;
    const entry = { seq, time: BORN_AT + seq * MINUTE_MS, parts };
    const first = {
      birth: { lineage: "00112233445566778899aabbccddeeff" as Lineage, bornAt: BORN_AT },
      branches: [{ seq: 1, id: "0123456789abcdef" as BranchId }],
    };
    this.updates.push(...parts.map(({ update }) => update));
    await this.#storage.append({ document: this.name, entry, ...(seq === 1 && first) });
  }

  /** Folds all that there is into a snapshot; or writes another one, where a test wants it wrong. */
  async compact(update: Uint8Array = fold(this.updates)): Promise<void> {
    await this.#storage.compact(this.name, { seq: this.#seq, time: BORN_AT + this.#seq * MINUTE_MS, update });
  }
}

/** Does something to a document, and returns what came of it as one update. */
export function edit(doc: Y.Doc, work: (doc: Y.Doc) => void): Uint8Array {
  const before = Y.encodeStateVector(doc);
  const updates: Uint8Array[] = [];
  const note = (update: Uint8Array) => void updates.push(update);
  doc.on("update", note);
  doc.transact(() => work(doc));
  doc.off("update", note);
  return updates[0] ?? Y.encodeStateAsUpdate(doc, before);
}

/** A document with a client id that is known. */
export function docOf(client: number): Y.Doc {
  return Object.assign(new Y.Doc({ guid: `doc ${client}` }), { clientID: client });
}

export const EVERY_TYPE = "every/type of Yjs";
export const TYPED = "notes/plan";
export const UNICODE = "заметки/日本語 🌍";
export const DASHED = "-draft";
export const LONG = `reports/2026/${"a very long name ".repeat(6)}/final version`;

/**
 * Writes documents with every Y type, names of all kinds, and one of real typing with two snapshots, of which the log
 * since the first one is still there.
 */
export async function writeDocuments(storage: Pick<Storage, "append" | "compact">): Promise<void> {
  await writeEveryType(new Written(storage, EVERY_TYPE));
  await writeTyped(new Written(storage, TYPED));
  for (const name of [UNICODE, DASHED, LONG]) {
    const update = edit(docOf(7), (doc) => doc.getText("text").insert(0, `This is ${name}.`));
    await new Written(storage, name).append([{ author: "", update }]);
  }
}

async function writeEveryType(written: Written): Promise<void> {
  const ann = docOf(11);
  const bob = docOf(12);
  const byAnn = edit(ann, fillWithEveryType);
  Y.applyUpdate(bob, byAnn);
  await written.append([{ author: "ann", update: byAnn }]);
  const both = [
    { author: "ann", update: edit(ann, (doc) => doc.getText("text").delete(0, 3)) },
    { author: "bob", update: edit(bob, (doc) => doc.getMap("map").set("title", "by Bob")) },
  ];
  await written.append(both);
  await written.compact();
  await written.append([{ author: "bob", update: edit(bob, (doc) => doc.getArray("list").push([1, 2, 3])) }]);
}

function fillWithEveryType(doc: Y.Doc): void {
  const text = doc.getText("text");
  text.insert(0, "The text, with 🌍 in it", { bold: true });
  text.insertEmbed(4, { image: "https://x.example/a.png" });
  const map = doc.getMap<unknown>("map");
  map.set("title", "by Ann");
  map.set("inner", new Y.Map([["deep", new Y.Array()]]));
  map.set("bytes", new Uint8Array(100));
  map.set("subdocument", new Y.Doc({ guid: "sub" }));
  doc.getArray<unknown>("list").push([null, true, 1.5, "a", { b: [10n] }, new Y.Text("inside")]);
  const paragraph = new Y.XmlElement("paragraph");
  paragraph.setAttribute("level", "1");
  doc.getXmlFragment("xml").insert(0, [paragraph]);
  paragraph.insert(0, [new Y.XmlText("written"), new Y.XmlHook("hook") as unknown as Y.XmlText]);
}

async function writeTyped(written: Written): Promise<void> {
  const doc = docOf(21);
  const text = doc.getText("text");
  const { transactions } = readSequentialTrace();
  for (let batch = 0; batch < 30; batch++) {
    const update = edit(doc, () => {
      for (const transaction of transactions.slice(batch * 100, batch * 100 + 100))
        applyTransaction(text, transaction);
    });
    await written.append([{ author: "ann", update }]);
    if (batch === 9 || batch === 19) await written.compact();
  }
}

/** What is in a folder, byte by byte: the hash of each file. */
export async function hashesOf(folder: string): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries.sort((a, b) =>
    join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1,
  )) {
    const path = join(entry.parentPath, entry.name);
    hashes[path] = entry.isFile()
      ? createHash("sha256")
          .update(await readFile(path))
          .digest("hex")
      : "folder";
  }
  return hashes;
}
