import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Author, LevelStorage, type Lineage } from "@joinery/server";
import type { DocumentName } from "@joinery/shared";
import * as Y from "yjs";

/** A document that is in a storage before a server starts. */
export interface Stored {
  readonly name: string;
  /** Yjs v1 update. */
  readonly state: Uint8Array;
}

/** Written at the same time. */
const TOGETHER = 200;
const NOBODY = "" as Author;

/** Writes documents as Joinery has them that were folded: a snapshot that stands for the log, and the log behind it. */
export async function storeForJoinery(dataFolder: string, documents: Iterable<Stored>): Promise<void> {
  const storage = new LevelStorage({ folder: dataFolder });
  await storage.open();
  try {
    let writing: Promise<void>[] = [];
    for (const document of documents) {
      writing.push(storeOne(storage, document));
      if (writing.length < TOGETHER) continue;
      await Promise.all(writing);
      writing = [];
    }
    await Promise.all(writing);
  } finally {
    await storage.close();
  }
}

async function storeOne(storage: LevelStorage, { name, state }: Stored): Promise<void> {
  const document = name as DocumentName;
  const time = Date.now();
  const birth = { lineage: randomBytes(16).toString("hex") as Lineage, bornAt: time };
  const parts = [{ author: NOBODY, update: Y.encodeStateAsUpdate(new Y.Doc()) }];
  await storage.append({ document, entry: { seq: 1, time, parts }, birth });
  await storage.compact(document, { seq: 1, time, update: state });
}

/** Writes documents into the file that `hocuspocus-sqlite-server.ts` reads. */
export function storeForHocuspocus(dataFolder: string, documents: Iterable<Stored>): void {
  const database = new DatabaseSync(join(dataFolder, SQLITE_FILE));
  database.exec("CREATE TABLE IF NOT EXISTS documents (name TEXT PRIMARY KEY, data BLOB NOT NULL)");
  const write = database.prepare("INSERT OR REPLACE INTO documents (name, data) VALUES (?, ?)");
  database.exec("BEGIN");
  for (const { name, state } of documents) write.run(name, state);
  database.exec("COMMIT");
  database.close();
}

/** In the data folder. */
export const SQLITE_FILE = "documents.sqlite";
