import { realpath } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { JoineryError, type Limits } from "@joinery/shared";
import type { Storage } from "../engine/ports.ts";
import { copyDatabase, type DatabaseCopy } from "../import/database-copy.ts";
import { type ImportOutcome, importDocuments } from "../import/import-documents.ts";
import { SecondFormat } from "../import/second-format.ts";
import { reasonOf } from "../import/source.ts";
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
  await requireApart(place, data);
  const secondFormat = new SecondFormat(limits);
  const source = await open(place, { convert: (update) => secondFormat.convert(update) });
  const replicas = new WorkerReplicas({ limits });
  let target: Target | null = null;
  // Workers that build replicas do not keep the process alive, and here nothing else does while they are waited for.
  const alive = setInterval(() => undefined, 60_000);
  const close = async () => {
    clearInterval(alive);
    await Promise.all([source.close(), target?.close(), replicas.close(), secondFormat.close()]);
  };
  try {
    target = await (resolved.storage ? openTarget(resolved.storage) : targetIn(data, limits, options));
    const ports = { source, storage: target.storage, replicas, clock: SYSTEM_CLOCK, random: SYSTEM_RANDOM };
    const outcomes = importDocuments({ ...ports, limits, isDryRun, mayMerge, ...(signal && { signal }) });
    const folder = resolved.storage ? null : data;
    const { count, damage } = source;
    return { what, place, data: folder, count, damage, outcomes, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Where an import writes to, and how to let go of it. */
interface Target {
  readonly storage: Storage;
  close(): Promise<void>;
}

async function openTarget(storage: Storage, afterClose?: () => Promise<void>): Promise<Target> {
  try {
    await storage.open();
  } catch (error) {
    await afterClose?.();
    throw error;
  }
  return {
    storage,
    close: async () => {
      await storage.close();
      await afterClose?.();
    },
  };
}

async function targetIn(
  folder: string,
  { minFreeBytes }: Limits,
  { isDryRun = false, onStorageEvent }: MigrateOptions,
): Promise<Target> {
  const levelIn = (place: string) =>
    new LevelStorage({ folder: place, minFreeBytes, ...(onStorageEvent && { report: onStorageEvent }) });
  if (!isDryRun) return openTarget(levelIn(folder));
  // It creates nothing: where there is no database, it imports into an empty one in memory.
  if (!(await hasDatabase(folder))) return openTarget(new MemoryStorage());
  // And it changes nothing: opening a database does, more so one that is damaged.
  const copy = await copyDataFolder(folder);
  try {
    return await openTarget(levelIn(copy.folder), copy.remove);
  } catch (error) {
    if (!(error instanceof JoineryError)) throw error;
    const message = error.message.replaceAll(JSON.stringify(copy.folder), JSON.stringify(folder));
    throw new JoineryError(error.code, message, { cause: error });
  }
}

/** Of the data folder what its database needs, and who has it open. */
export async function copyDataFolder(folder: string): Promise<DatabaseCopy> {
  const beside = ["joinery.json", "closed.json", "server.json"].map((file) => join(folder, file));
  try {
    return await copyDatabase(join(folder, "level"), "level", beside);
  } catch (cause) {
    const message = `data folder ${JSON.stringify(folder)} cannot be used: ${reasonOf(cause)}`;
    throw new JoineryError("DATA_FOLDER_UNUSABLE", message, { cause });
  }
}

/** What is written must not be read as a document, nor lie among the files of another database. */
async function requireApart(place: string, data: string): Promise<void> {
  const path = relative(await realPath(resolve(place)), await realPath(resolve(data)));
  if (path.startsWith(`..${sep}`) || path === ".." || resolve(path) === path) return;
  const message = `the data folder ${JSON.stringify(data)} lies in what is imported from, ${JSON.stringify(place)}`;
  throw new JoineryError("INVALID_OPTION", message);
}

/** Where a path leads to, by whatever links, as far as there is something already. */
async function realPath(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    return dirname(path) === path ? path : join(await realPath(dirname(path)), basename(path));
  }
}
