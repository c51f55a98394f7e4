/** The data folder: whether a server could use it, what is in it, and the disk that it is on. */

import { constants } from "node:fs";
import { access, readdir, readFile, stat, statfs } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type DocumentSource, openFolderSource } from "@joinery/server";
import { JoineryError } from "@joinery/shared";
import { counted, size } from "../output/quantities.ts";
import { quotedName } from "../output/text.ts";
import { type Finding, failure, ok, reasonOf, skipped, warning } from "./finding.ts";

/** Who has a data folder open, as far as they said so. */
export interface FolderHolder {
  readonly pid: number | null;
  readonly url: string | null;
}

/** What came of looking into a data folder. */
export interface FolderLook {
  readonly findings: readonly Finding[];
  /** `null` when nobody has it open. */
  readonly holder: FolderHolder | null;
  /** When the newest batch was written, in milliseconds since 1970; 0 when that is not known. */
  readonly newestMs: number;
}

/** Cost: reads the database once, and changes nothing of it. */
export async function lookIntoFolder(folder: string, minFreeBytes: number): Promise<FolderLook> {
  const found = await stat(folder).catch((error: NodeJS.ErrnoException) => error);
  if (found instanceof Error) {
    if (found.code !== "ENOENT")
      return only(failure("folder", `${folder}: ${found.message}`, "name another folder (--data)"));
    return lookForNew(folder, minFreeBytes);
  }
  if (!found.isDirectory()) return only(failure("folder", `${folder} is a file`, "name a folder (--data)"));
  const ofFolder = await checkFolder(folder, found);
  const disk = await checkDisk(folder, minFreeBytes);
  const content = await lookIntoDatabase(
    folder,
    ofFolder.status === "failure"
      ? "see folder"
      : "restore level/ from a backup, or name another folder (--data)",
  );
  return { ...content, findings: [ofFolder, disk, ...content.findings] };
}

function only(finding: Finding): FolderLook {
  const others = (["disk", "database", "documents"] as const).map((check) =>
    skipped(check, "there is no folder to look at"),
  );
  return { findings: [finding, ...others], holder: null, newestMs: 0 };
}

async function lookForNew(folder: string, minFreeBytes: number): Promise<FolderLook> {
  const parent = await nearestFolder(dirname(resolve(folder)));
  const why = await access(parent, constants.W_OK | constants.X_OK).then(
    () => null,
    (error: unknown) => reasonOf(error),
  );
  const nothing = (["database", "documents"] as const).map((check) => skipped(check, "there is none yet"));
  const finding =
    why === null
      ? ok("folder", `${folder} is not there yet: the server creates it`)
      : failure(
          "folder",
          `${folder} cannot be created: ${why}`,
          "create it for the user that the server runs as, or name another one (--data)",
        );
  return {
    findings: [finding, await checkDisk(parent, minFreeBytes), ...nothing],
    holder: null,
    newestMs: 0,
  };
}

async function nearestFolder(path: string): Promise<string> {
  const isThere = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return isThere || dirname(path) === path ? path : nearestFolder(dirname(path));
}

type Stats = Awaited<ReturnType<typeof stat>>;

async function checkFolder(folder: string, { uid, mode }: Stats): Promise<Finding> {
  const closed = await firstClosed(folder);
  const me = process.getuid?.();
  if (closed !== null) {
    return failure(
      "folder",
      closed,
      `give all of it to the user that the server runs as (chown -R), which here is number ${me ?? "unknown"}`,
    );
  }
  if (me !== undefined && Number(uid) !== me) {
    return warning(
      "folder",
      `${folder} belongs to user ${uid}, and this is user ${me}`,
      "run the server as the user that the folder belongs to: what another one writes it cannot open afterwards",
    );
  }
  if (me !== undefined && Number(mode) & 0o002) {
    return warning("folder", `${folder} can be written by everybody on this machine`, `chmod o-w ${folder}`);
  }
  if (await isKeyReadByOthers(folder)) {
    const file = join(folder, SERVER);
    return warning(
      "folder",
      `${file} can be read by others, who may then do everything`,
      `chmod 600 ${file}`,
    );
  }
  return ok("folder", `${folder} can be read and written`);
}

const SERVER = "server.json";

/** What this user cannot read or write in the folder, and why. */
async function firstClosed(folder: string): Promise<string | null> {
  const { R_OK, W_OK, X_OK } = constants;
  const database = join(folder, "level");
  const files = await readdir(database).catch(() => []);
  const inside = files.filter((name) => !/^LOG(\.old)?$/.test(name)).map((name) => join(database, name));
  const folders = files.length > 0 ? [folder, database] : [folder];
  const wanted = [
    ...folders.map((path) => [path, R_OK | W_OK | X_OK] as const),
    ...inside.map((path) => [path, R_OK | W_OK] as const),
  ];
  for (const [path, how] of wanted) {
    const error = await access(path, how).then(
      () => null,
      (thrown: NodeJS.ErrnoException) => thrown,
    );
    if (error !== null && error.code !== "ENOENT")
      return `${path} cannot be read and written: ${reasonOf(error)}`;
  }
  return null;
}

async function isKeyReadByOthers(folder: string): Promise<boolean> {
  if (process.platform === "win32") return false;
  const found = await stat(join(folder, SERVER)).catch(() => null);
  if (found === null || (found.mode & 0o077) === 0) return false;
  return "key" in (await readServerFile(folder));
}

/** File systems over a network, or in memory, by the number that Linux gives them. */
const FILE_SYSTEMS: ReadonlyMap<number, "network" | "memory"> = new Map([
  [0x6969, "network"], // NFS
  [0xff534d42, "network"], // CIFS
  [0xfe534d42, "network"], // SMB 2
  [0x517b, "network"], // SMB
  [0x00c36400, "network"], // Ceph
  [0x01021994, "memory"], // tmpfs
  [0x858458f6, "memory"], // ramfs
]);

async function checkDisk(folder: string, minFreeBytes: number): Promise<Finding> {
  const { type, bavail, bsize, blocks } = await statfs(folder);
  const free = bavail * bsize;
  const found = `${size(free)} free of ${size(blocks * bsize)}`;
  if (free < minFreeBytes) {
    return failure(
      "disk",
      `${found}: below ${size(minFreeBytes)} (limits.minFreeBytes) the server writes nothing`,
      "make room, or keep the documents on a larger disk",
    );
  }
  const kind = process.platform === "linux" ? FILE_SYSTEMS.get(type) : undefined;
  if (kind === "network") {
    return warning(
      "disk",
      `${found}, on a network`,
      "keep the documents on a disk of this machine: locks and fsync of network file systems cannot be relied upon",
    );
  }
  if (kind === "memory")
    return warning(
      "disk",
      `${found}, in memory`,
      "keep the documents on a disk: these are gone when the machine restarts",
    );
  if (free < 2 * minFreeBytes) {
    return warning(
      "disk",
      `${found}: not much above ${size(minFreeBytes)} (limits.minFreeBytes), below which nothing is written`,
      "make room",
    );
  }
  return ok("disk", found);
}

/** @param advice What to do where it cannot be opened. */
async function lookIntoDatabase(folder: string, advice: string): Promise<FolderLook> {
  let source: DocumentSource;
  try {
    source = await openFolderSource(folder);
  } catch (error) {
    return unopened(folder, error, advice);
  }
  try {
    return await lookIntoSource(folder, source);
  } finally {
    await source.close();
  }
}

async function unopened(folder: string, error: unknown, advice: string): Promise<FolderLook> {
  if (!(error instanceof JoineryError)) throw error;
  if (error.code === "DATA_FOLDER_IN_USE") {
    const holder = holderOf(await readServerFile(folder));
    const who =
      holder.pid === null
        ? "another process that is no server: maybe a joinery command"
        : `process ${holder.pid}${holder.url === null ? "" : `, ${holder.url}`}`;
    const findings = [
      ok("database", `in use by ${who}`),
      skipped("documents", "in use: joinery verify asks the server"),
    ];
    return { findings, holder, newestMs: 0 };
  }
  // What may not be listed is not empty, as far as anybody knows.
  const isEmpty = await readdir(folder).then(
    (names) => names.length === 0,
    () => false,
  );
  const finding = isEmpty
    ? skipped("database", "there is none yet")
    : failure("database", reasonOf(error), advice);
  return {
    findings: [finding, skipped("documents", "there is no database to look into")],
    holder: null,
    newestMs: 0,
  };
}

async function lookIntoSource(folder: string, source: DocumentSource): Promise<FolderLook> {
  const { format } = await readJson(join(folder, "joinery.json"));
  const about = `opens, in format ${typeof format === "number" ? format : "unknown"}`;
  const [first] = source.damage;
  const database =
    first === undefined
      ? ok("database", about)
      : failure("database", `${about}, with damage in its files: ${first}${andMore(source.damage)}`, REPAIR);
  const tally = await tallyOf(source);
  return {
    findings: [database, await describeDocuments(folder, tally)],
    holder: null,
    newestMs: tally.newestMs,
  };
}

interface Tally {
  readonly documents: number;
  readonly bytes: number;
  readonly damaged: readonly string[];
  readonly newestMs: number;
}

async function tallyOf(source: DocumentSource): Promise<Tally> {
  let [documents, bytes, newestMs] = [0, 0, 0];
  const damaged: string[] = [];
  try {
    for await (const { document, snapshotBytes, logBytes, keptBytes, changedAt, damage } of source.list("")) {
      documents++;
      bytes += snapshotBytes + logBytes + keptBytes;
      newestMs = Math.max(newestMs, changedAt);
      if (damage !== null) damaged.push(quotedName(document));
    }
  } catch (error) {
    // What may be missing as a whole comes as an error after all others.
    if (!(error instanceof JoineryError)) throw error;
    damaged.push(error.message);
  }
  return { documents, bytes, damaged, newestMs };
}

const REPAIR = "joinery verify says more; joinery repair keeps what is sound, and puts the rest aside";

async function describeDocuments(folder: string, { documents, bytes, damaged }: Tally): Promise<Finding> {
  const found = `${counted(documents, "document")}, ${size(bytes)}`;
  const [first] = damaged;
  if (first !== undefined) {
    return failure("documents", `${found}; damaged: ${first}${andMore(damaged)}`, REPAIR);
  }
  const aside = join(folder, "damaged");
  const kept = await readdir(aside).catch(() => []);
  if (kept.length === 0) return ok("documents", `${found}, none damaged`);
  return warning(
    "documents",
    `${found}, none damaged; ${aside} has what was put aside before`,
    "remove it when nothing of it is wanted any more",
  );
}

function andMore({ length }: readonly string[]): string {
  return length > 1 ? `, and ${(length - 1).toLocaleString("en")} more` : "";
}

/** What a server that was killed has left says nothing of who has the folder now: a command, which says nothing. */
function holderOf({ pid, url }: Readonly<Record<string, unknown>>): FolderHolder {
  if (typeof pid !== "number" || !isRunning(pid)) return { pid: null, url: null };
  return { pid, url: typeof url === "string" ? url : null };
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // It is somebody else's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function readServerFile(folder: string): Promise<Readonly<Record<string, unknown>>> {
  return readJson(join(folder, SERVER));
}

/** Empty for what is not there, or no object. */
async function readJson(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    // Whoever asks has words for that.
    return {};
  }
}
