/**
 * Reads the file that `@hocuspocus/extension-sqlite` keeps: one table, `documents`, with a name and the whole state
 * of a document as one Yjs v1 update in each row.
 */

import { access } from "node:fs/promises";
import {
  damagedInSource,
  type OpenSource,
  reasonOf,
  requireFits,
  type SourceDocument,
  unusableSource,
} from "./source.ts";

type Sqlite = typeof import("node:sqlite");
type Database = InstanceType<Sqlite["DatabaseSync"]>;

/** Opens a file that the extension wrote, with its own schema. It is opened to be read only. */
export const openHocuspocusSqlite: OpenSource = async (place) => {
  await access(place).catch((error: unknown) => {
    throw unusableSource(place, "there is no such file", error);
  });
  let database: Database | null = null;
  try {
    const { DatabaseSync } = quietSqlite();
    database = new DatabaseSync(place, { readOnly: true });
    const opened = database;
    requireTable(opened);
    const damage = damageOf(opened);
    const { count } = opened.prepare('SELECT count(*) AS count FROM "documents"').get() as { count: number };
    return {
      count,
      damage,
      documents: () => documents(opened, place),
      close: async () => opened.close(),
    };
  } catch (error) {
    database?.close();
    throw unusableSource(place, reasonOf(error), error);
  }
};

/** A view may compute for ever, and a table of another kind has no row numbers to go by. */
function requireTable(database: Database): void {
  const found = database.prepare("SELECT type FROM sqlite_schema WHERE name = 'documents'").get();
  if (found?.type !== "table") throw new Error("it has no table `documents`");
}

const MAX_FINDINGS = 20;

/** SQLite passes over rows that damage has cut off, without a word; so all of the file is looked at before. */
function damageOf(database: Database): string[] {
  const findings = database.prepare(`PRAGMA integrity_check(${MAX_FINDINGS})`).all();
  return findings
    .flatMap((finding) => String(finding.integrity_check).split("\n"))
    .filter((line) => line !== "ok")
    .slice(0, MAX_FINDINGS)
    .map((line) => `SQLite finds: ${line}`);
}

interface Row {
  readonly rowid: number;
  readonly name: unknown;
  readonly kind: string;
  readonly bytes: number | null;
}

/** Row by row, each with a query of its own: one that is under way would keep a server from writing. */
async function* documents(database: Database, place: string): AsyncGenerator<SourceDocument> {
  let rowid: number | null = null;
  for (;;) {
    const row = nextRow(database, rowid, place);
    if (row === undefined) return;
    rowid = row.rowid;
    const { name } = row;
    yield {
      name: typeof name === "string" ? name : `row ${rowid}`,
      read: async (maxBytes) => {
        if (typeof name !== "string") throw damagedInSource("its name is no text");
        return [readData(database, row, maxBytes)];
      },
    };
  }
}

function nextRow(database: Database, after: number | null, place: string): Row | undefined {
  const columns = 'rowid, name, typeof(data) AS kind, length(data) AS bytes FROM "documents"';
  try {
    const row =
      after === null
        ? database.prepare(`SELECT ${columns} ORDER BY rowid LIMIT 1`).get()
        : database.prepare(`SELECT ${columns} WHERE rowid > ? ORDER BY rowid LIMIT 1`).get(after);
    const next = row as Row | undefined;
    // In a damaged file the same rows may come again and again.
    if (next && after !== null && next.rowid <= after) throw new Error("its rows are not in order");
    return next;
  } catch (error) {
    throw unusableSource(place, reasonOf(error), error);
  }
}

function readData(database: Database, { rowid, kind, bytes }: Row, maxBytes: number): Uint8Array {
  if (kind !== "blob") throw damagedInSource(`its data is no blob but ${kind}`);
  requireFits(bytes ?? 0, maxBytes);
  let row: unknown;
  try {
    row = database.prepare('SELECT data FROM "documents" WHERE rowid = ?').get(rowid);
  } catch (error) {
    throw damagedInSource(reasonOf(error), error);
  }
  const { data } = (row ?? {}) as { readonly data?: Uint8Array };
  if (data === undefined) throw damagedInSource("it was deleted while it was being read");
  return data;
}

/** Node 22 says on the console that its SQLite is experimental; who imports documents can do nothing about that. */
function quietSqlite(): Sqlite {
  const { emitWarning } = process;
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    if (rest[0] === "ExperimentalWarning") return;
    Reflect.apply(emitWarning, process, [warning, ...rest]);
  };
  try {
    return process.getBuiltinModule("node:sqlite");
  } finally {
    process.emitWarning = emitWarning;
  }
}
