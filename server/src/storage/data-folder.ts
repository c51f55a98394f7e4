/**
 * The data folder: who may open it, and when a database may be created in it. LevelDB creates an empty database
 * where its CURRENT file is missing, and deletes the tables that it then finds; so the folder keeps a sentinel
 * beside the database, and a database is created only where there cannot have been one. Laid out in
 * docs/formats.md.
 */

import { access, mkdir, readdir, readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { JoineryError } from "@joinery/shared";
import { readClosingMark, removeClosingMark, writeClosingMark } from "./closing-mark.ts";
import {
  type Database,
  isDatabaseLocked,
  isLockedError,
  type OpenDatabase,
  type Operation,
} from "./database.ts";
import { type CheckOptions, checkDatabase, type KeptFinding, repairDatabase } from "./database-check.ts";
import { replaceFile, syncFolder } from "./durable-file.ts";

const FORMAT = 1;

const SENTINEL = "joinery.json";
const DATABASE = "level";
/** Written by the server that has the folder open: `{ pid, url }`. */
const SERVER = "server.json";

const MISSING = `its database is missing (${DATABASE}/CURRENT); nothing was changed. Restore ${DATABASE}/ from a backup, or name another folder`;

export interface DataFolderOptions {
  readonly folder: string;
  readonly openDatabase: OpenDatabase;
  /** Told of what was not as it was written in the database's files. */
  readonly found: (finding: KeptFinding) => void;
}

/**
 * Opens the database of a data folder, and creates folder and database when there is neither.
 *
 * @throws JoineryError DATA_FOLDER_IN_USE or DATA_FOLDER_UNUSABLE (never retry). Where a database is missing that
 * was there before, or is damaged beyond use, nothing in the folder is changed.
 */
export async function openDataFolder(options: DataFolderOptions): Promise<Database> {
  const { folder } = options;
  const sentinel = await readSentinel(folder);
  const isNew = !(await hasDatabase(folder));
  if (isNew) await requireNeverUsed(folder, sentinel);
  else await checkAndRepair(options, null);
  const database = await openAndSync(options, isNew);
  if (sentinel === "present") return database;
  try {
    const content = { format: FORMAT, created: new Date().toISOString() };
    // Written last: where it is, a database was completed.
    await replaceFile(join(folder, SENTINEL), `${JSON.stringify(content)}\n`);
    return database;
  } catch (error) {
    await database.close();
    throw unusable(folder, `${SENTINEL} cannot be written: ${reason(error)}`, error);
  }
}

/**
 * Opens the database of a data folder that was open before; never creates one.
 *
 * @param lastAcknowledged The last change that was acknowledged.
 * @throws JoineryError DATA_FOLDER_IN_USE or DATA_FOLDER_UNUSABLE (try again).
 */
export async function reopenDataFolder(
  options: DataFolderOptions,
  lastAcknowledged: Operation | null,
): Promise<Database> {
  if (!(await hasDatabase(options.folder))) throw unusable(options.folder, MISSING);
  await checkAndRepair(options, { lastAcknowledged });
  return openAndSync(options, false);
}

/** Notes that the database of a data folder was closed in peace. Nobody may have it open. */
export async function markClosed(folder: string): Promise<void> {
  await writeClosingMark(folder, join(folder, DATABASE));
}

async function checkAndRepair(
  { folder, found }: DataFolderOptions,
  reopened: CheckOptions["reopened"],
): Promise<void> {
  const database = join(folder, DATABASE);
  await requireUnlocked(folder);
  const closed = reopened === null ? await readClosingMark(folder, database) : null;
  const options: CheckOptions = { folder, database, closed, reopened };
  const check = await checkDatabase(options).catch((error: unknown) => {
    const advice = `nothing was changed. Restore ${DATABASE}/ from a backup, or name another folder`;
    throw unusable(folder, `${reason(error)}; ${advice}`, error);
  });
  try {
    if (check.findings.length > 0) {
      await requireUnlocked(folder); // Looking took time, and another process may have come.
      for (const finding of await repairDatabase(options, check)) found(finding);
    }
    await removeClosingMark(folder);
  } catch (error) {
    throw error instanceof JoineryError ? error : unusable(folder, reason(error), error);
  }
}

async function openAndSync(
  { folder, openDatabase }: DataFolderOptions,
  createIfMissing: boolean,
): Promise<Database> {
  let database: Database;
  try {
    database = await openDatabase(join(folder, DATABASE), { createIfMissing });
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw isLockedError(error) ? await inUse(folder, error) : unusable(folder, reason(cause), error);
  }
  try {
    // LevelDB renames a new CURRENT into place at each open, without a sync of the folder that it is in.
    await syncFolder(join(folder, DATABASE));
    return database;
  } catch (error) {
    await database.close();
    throw unusable(folder, reason(error), error);
  }
}

/** Creates the folder where there is none, and looks whether a database was ever completed in it. */
async function readSentinel(folder: string): Promise<"present" | "absent"> {
  try {
    await createFolder(resolve(folder));
  } catch (error) {
    throw unusable(folder, `it cannot be created: ${reason(error)}`, error);
  }
  let text: string;
  try {
    text = await readFile(join(folder, SENTINEL), "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return "absent";
    throw unusable(folder, `${SENTINEL} cannot be read: ${reason(error)}`, error);
  }
  const format = field(text, "format");
  if (format === FORMAT) return "present";
  if (typeof format === "number") {
    throw unusable(
      folder,
      `${SENTINEL} says format ${format}, this version reads and writes format ${FORMAT}`,
    );
  }
  throw unusable(folder, `${SENTINEL} is not one that Joinery wrote`);
}

/** Not `mkdir`'s own way of creating parents: in folders of the kernel, such as /proc, that never returns. */
async function createFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    if (hasCode(error, "ENOENT") && dirname(folder) !== folder && !(await exists(dirname(folder)))) {
      await createFolder(dirname(folder));
      await mkdir(folder);
    } else if (!hasCode(error, "EEXIST")) throw error;
    else if (!(await stat(folder)).isDirectory()) throw new Error("it is a file", { cause: error });
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (hasCode(error, "ENOENT")) return false;
      throw error;
    },
  );
}

/** Whether there is a database in a data folder. Rejects with DATA_FOLDER_UNUSABLE when that cannot be told. */
export async function hasDatabase(folder: string): Promise<boolean> {
  try {
    await access(join(folder, DATABASE, "CURRENT"));
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return false;
    throw unusable(folder, reason(error), error);
  }
}

async function requireNeverUsed(folder: string, sentinel: "present" | "absent"): Promise<void> {
  if (sentinel === "present") throw unusable(folder, MISSING);
  const files = await readdir(join(folder, DATABASE)).catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return [];
    throw unusable(folder, reason(error), error);
  });
  // A crash while a database was created for the first time leaves other files, but none of these.
  if (files.some((file) => /\.(ldb|sst|log)$/.test(file))) throw unusable(folder, MISSING);
}

async function requireUnlocked(folder: string): Promise<void> {
  if (await isDatabaseLocked(join(folder, DATABASE))) throw await inUse(folder);
}

async function inUse(folder: string, cause?: unknown): Promise<JoineryError> {
  const message = `data folder ${JSON.stringify(folder)} is in use by another process${await holder(folder)}`;
  return new JoineryError("DATA_FOLDER_IN_USE", message, { cause });
}

/** Who has the folder open: a server says so, and what a killed one said stays; commands say nothing. */
async function holder(folder: string): Promise<string> {
  const text = await readFile(join(folder, SERVER), "utf8").catch(() => "");
  const pid = field(text, "pid");
  const url = field(text, "url");
  if (typeof pid !== "number" || !isRunning(pid)) {
    return ", and no server that runs has said so: maybe a joinery command that reads or writes it";
  }
  return ` (pid ${pid}${typeof url === "string" ? `, ${url}` : ""})`;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // It is somebody else's.
    return hasCode(error, "EPERM");
  }
}

function unusable(folder: string, why: string, cause?: unknown): JoineryError {
  return new JoineryError(
    "DATA_FOLDER_UNUSABLE",
    `data folder ${JSON.stringify(folder)} cannot be used: ${why}`,
    {
      cause,
    },
  );
}

/** A field of a JSON object; `undefined` when the text is none or has no such field. */
function field(json: string, name: string): unknown {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  } catch {
    return undefined;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** An error's message in one line. */
function reason(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s*\n\s*/g, " ");
}
