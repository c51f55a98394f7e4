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
    const { count } = opened.prepare('SELECT count(*) AS count FROM "documents"').get() as { count: number };
    return {
      count,
      damage: [],
      documents: () => documents(opened, place),
      close: async () => opened.close(),
    };
  } catch (error) {
    database?.close();
    throw unusableSource(place, reasonOf(error), error);
  }
};

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
    const name = typeof row.name === "string" ? row.name : String(row.name);
    yield { name, read: async (maxBytes) => [readData(database, row, maxBytes)] };
  }
}

function nextRow(database: Database, after: number | null, place: string): Row | undefined {
  const columns = 'rowid, name, typeof(data) AS kind, length(data) AS bytes FROM "documents"';
  try {
    const row =
      after === null
        ? database.prepare(`SELECT ${columns} ORDER BY rowid LIMIT 1`).get()
        : database.prepare(`SELECT ${columns} WHERE rowid > ? ORDER BY rowid LIMIT 1`).get(after);
    return row as Row | undefined;
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
