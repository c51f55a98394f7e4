import { relative, resolve, sep } from "node:path";
import { JoineryError, type Limits } from "@joinery/shared";
import type { Storage } from "../engine/ports.ts";
import { type ImportOutcome, importDocuments } from "../import/import-documents.ts";
import { SecondFormat } from "../import/second-format.ts";
import { parseSource } from "../import/sources.ts";
import { WorkerReplicas } from "../replicas/worker-replicas.ts";
import { hasDatabase } from "../storage/data-folder.ts";
import { LevelStorage, type StorageEvent } from "../storage/level.ts";
import { MemoryStorage } from "../storage/memory.ts";
import { SYSTEM_CLOCK, SYSTEM_RANDOM } from "./clock.ts";
import { resolveOptions, type ServerOptions } from "./options.ts";

export interface MigrateOptions extends Pick<ServerOptions, "data" | "storage" | "limits"> {
  /** `kind:place`; kinds: {@link SOURCE_KINDS}. */
  readonly from: string;
  /** Writes nothing, and says what would become of each document. Default false. */
  readonly isDryRun?: boolean;
  /** Merges with documents that are there with other content, instead of leaving both alone. Default false. */
  readonly mayMerge?: boolean;
  /** Ends the import after the document that is under way. */
  readonly signal?: AbortSignal;
  /** Told of damage in the files of the data folder. */
  readonly onStorageEvent?: (event: StorageEvent) => void;
}

/** An import that is under way: a list of what becomes of each document, to be read to its end. */
export interface Migration {
  /** What it imports from, for people: `y-leveldb folder`. */
  readonly what: string;
  readonly place: string;
  /** The data folder; `null` where documents are kept elsewhere. */
  readonly data: string | null;
  /** About how many documents there are; `null` when nobody knows. */
  readonly count: number | null;
  /** What is wrong with the source as a whole, for people. */
  readonly damage: readonly string[];
  readonly outcomes: AsyncIterable<ImportOutcome>;
  /** Lets go of both sides; idempotent. */
  close(): Promise<void>;
}

/**
 * Opens both sides of an import into a data folder that no server has open.
 *
 * Rejects with INVALID_OPTION, SOURCE_UNUSABLE, DATA_FOLDER_IN_USE or DATA_FOLDER_UNUSABLE (never retry); nothing
 * was changed then, but that a data folder that was not there may have been created.
 */
export async function openMigration(options: MigrateOptions): Promise<Migration> {
  const { isDryRun = false, mayMerge = false, signal } = options;
  const { what, place, open } = parseSource(options.from);
  const { data, limits, ...resolved } = resolveOptions({
    ...(options.data !== undefined && { data: options.data }),
    ...(options.storage !== undefined && { storage: options.storage }),
    ...(options.limits !== undefined && { limits: options.limits }),
  });
  requireApart(place, data);
  const secondFormat = new SecondFormat(limits);
  const source = await open(place, { convert: (update) => secondFormat.convert(update) });
  const replicas = new WorkerReplicas({ limits });
  let storage: Storage | null = null;
  // Workers that build replicas do not keep the process alive, and here nothing else does while they are waited for.
  const alive = setInterval(() => undefined, 60_000);
  const close = async () => {
    clearInterval(alive);
    await Promise.all([source.close(), storage?.close(), replicas.close(), secondFormat.close()]);
  };
  try {
    storage = resolved.storage ?? (await storageIn(data, limits, options));
    await storage.open();
    const ports = { source, storage, replicas, clock: SYSTEM_CLOCK, random: SYSTEM_RANDOM };
    const outcomes = importDocuments({ ...ports, limits, isDryRun, mayMerge, ...(signal && { signal }) });
    const folder = resolved.storage ? null : data;
    const { count, damage } = source;
    return { what, place, data: folder, count, damage, outcomes, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A dry run creates nothing: where there is no database, it imports into an empty one in memory. */
async function storageIn(
  folder: string,
  { minFreeBytes }: Limits,
  { isDryRun = false, onStorageEvent }: MigrateOptions,
): Promise<Storage> {
  if (isDryRun && !(await hasDatabase(folder))) return new MemoryStorage();
  return new LevelStorage({ folder, minFreeBytes, ...(onStorageEvent && { report: onStorageEvent }) });
}

/** What is written must not be read as a document, nor lie among the files of another database. */
function requireApart(place: string, data: string): void {
  const path = relative(resolve(place), resolve(data));
  if (path.startsWith(`..${sep}`) || path === ".." || resolve(path) === path) return;
  const message = `the data folder ${JSON.stringify(data)} lies in what is imported from, ${JSON.stringify(place)}`;
  throw new JoineryError("INVALID_OPTION", message);
}
