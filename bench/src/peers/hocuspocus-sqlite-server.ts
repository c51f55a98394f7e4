/**
 * The Hocuspocus server with its documents in an SQLite file, stored as its documentation has it: some time after the
 * last change. `hocuspocus-sqlite-server.ts <port> <file> [<debounce> <maxDebounce>]` (in ms) prints a line once it listens.
 */

import { DatabaseSync } from "node:sqlite";
import { Server } from "@hocuspocus/server";
import * as Y from "yjs";

const [port, file, debounce, maxDebounce] = process.argv.slice(2);
if (port === undefined || file === undefined) throw new Error("a port and a file are needed");
const database = new DatabaseSync(file);
database.exec("CREATE TABLE IF NOT EXISTS documents (name TEXT PRIMARY KEY, data BLOB NOT NULL)");
const read = database.prepare("SELECT data FROM documents WHERE name = ?");
const write = database.prepare("INSERT OR REPLACE INTO documents (name, data) VALUES (?, ?)");

const server = new Server({
  address: "127.0.0.1",
  port: Number(port),
  quiet: true,
  ...(debounce !== undefined && { debounce: Number(debounce) }),
  ...(maxDebounce !== undefined && { maxDebounce: Number(maxDebounce) }),
  async onLoadDocument({ document, documentName }) {
    const row = read.get(documentName);
    if (row) Y.applyUpdate(document, row.data as Uint8Array);
  },
  async onStoreDocument({ document, documentName }) {
    write.run(documentName, Y.encodeStateAsUpdate(document));
  },
});
await server.listen();
process.stdout.write("listening\n");
