/**
 * Work on a data folder that no server has open: deleting and restoring, repairing, folding logs, adding to documents.
 * It holds the folder as a server would, and writes as one: by the same storage, under a branch of its own.
 */

import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DocumentName, JoineryError, type Limits, toJoineryError } from "@joinery/shared";
import { Contents } from "../engine/contents.ts";
import type { Author, BranchId, Deletion, StoredDocument } from "../engine/ports.ts";
import { type AppendedUpdate, appendUpdate, newBranch } from "../import/append-update.ts";
import type { DatabaseCopy } from "../import/database-copy.ts";
import { newLineage, updatesOf } from "../import/import-documents.ts";
import { WorkerReplicas } from "../replicas/worker-replicas.ts";
import { hasDatabase } from "../storage/data-folder.ts";
import type { KeptFinding } from "../storage/database-check.ts";
import { unknownDeletion } from "../storage/deletions.ts";
import { LevelStorage } from "../storage/level.ts";
import { RemovedRecords } from "../storage/removed-records.ts";
import { type DocumentRepair, planRepair } from "../storage/repair.ts";
import {
  acknowledgeLosses,
  documentsToRepair,
  type FolderRest,
  lossesOfDocuments,
  strayRecords,
} from "../storage/repair-rest.ts";
import { SYSTEM_CLOCK, SYSTEM_RANDOM } from "./clock.ts";
import type {
  CompactionScope,
  DocumentCompaction,
  FolderTools,
  FolderToolsOptions,
} from "./folder-tools-api.ts";
import { copyDataFolder } from "./migrate.ts";
import { resolveOptions } from "./options.ts";

const DATABASE = "level";
const OPERATOR: Author = "operator";
/** The state vector of a document of which nothing is known. */
const NOTHING = Uint8Array.of(0);

/**
 * Opens a data folder to work on it.
 *
 * Rejects with INVALID_OPTION, with DATA_FOLDER_IN_USE, naming who has it open, or DATA_FOLDER_UNUSABLE (never retry),
 * naming what is wrong with what. Cost: reads every file of the database once, as a server does.
 */
export async function openFolderTools(
  folder: string,
  options: FolderToolsOptions = {},
): Promise<FolderTools> {
  const { isDryRun = false, createIfMissing = false, author = OPERATOR } = options;
  const { limits } = resolveOptions({ data: folder, ...(options.limits && { limits: options.limits }) });
  const isThere = await hasDatabase(folder);
  if (!isThere && !createIfMissing) throw await noDatabase(folder);
  const copy = isDryRun ? await (isThere ? copyDataFolder(folder) : emptyFolder()) : null;
  const damage: string[] = [];
  const place = copy?.folder ?? folder;
  const storage = new LevelStorage({
    folder: place,
    minFreeBytes: limits.minFreeBytes,
    report: (event) => void (event.type === "storage-damaged" && damage.push(textOf(event, isDryRun))),
  });
  try {
    await storage.open();
  } catch (thrown) {
    await copy?.remove();
    const { code, message } = toJoineryError(thrown);
    throw new JoineryError(code, message.replaceAll(JSON.stringify(place), JSON.stringify(folder)), {
      cause: thrown,
    });
  }
  return new OpenFolder({ folder, place, storage, limits, author, isDryRun, damage, remove: copy?.remove });
}

interface Parts {
  readonly folder: string;
  /** Where the database is that is worked on. */
  readonly place: string;
  readonly storage: LevelStorage;
  readonly limits: Limits;
  readonly author: Author;
  readonly isDryRun: boolean;
  readonly damage: readonly string[];
  readonly remove: (() => Promise<void>) | undefined;
}

class OpenFolder implements FolderTools {
  readonly folder: string;
  readonly storage: LevelStorage;
  readonly damage: readonly string[];
  readonly #parts: Parts;
  readonly #replicas: WorkerReplicas;
  readonly #branch: BranchId = newBranch(SYSTEM_RANDOM);
  readonly #removed: RemovedRecords;
  #closed: Promise<void> | null = null;

  constructor(parts: Parts) {
    this.folder = parts.folder;
    this.storage = parts.storage;
    this.damage = parts.damage;
    this.#parts = parts;
    this.#replicas = new WorkerReplicas({ limits: parts.limits });
    this.#removed = new RemovedRecords(parts.place, SYSTEM_CLOCK.now());
  }

  async delete(document: DocumentName): Promise<Deletion | null> {
    const stateVector = await this.#stateVectorOf(document);
    return this.storage.delete(document, {
      time: SYSTEM_CLOCK.now(),
      author: this.#parts.author,
      stateVector,
      keep: this.#parts.limits.maxDeletions,
    });
  }

  erase(document: DocumentName): Promise<void> {
    return this.storage.erase(document);
  }

  deletions(prefix = ""): AsyncIterable<Deletion> {
    return this.storage.deletions(prefix);
  }

  async restore(document: DocumentName, number?: number): Promise<Deletion> {
    const deletions = await this.storage.deletionsOf(document);
    const wanted =
      number === undefined
        ? deletions.at(-1)
        : // One that damage has taken from the list may be there all the same.
          (deletions.find((deletion) => deletion.number === number) ?? unknownDeletion({ document, number }));
    if (wanted === undefined) {
      throw new JoineryError("DOCUMENT_NOT_FOUND", `document ${JSON.stringify(document)} has no deletion`);
    }
    await this.storage.restore(document, wanted.number);
    return wanted;
  }

  purge(before: number): Promise<number> {
    return this.storage.purge(before);
  }

  async *repair(document?: DocumentName): AsyncGenerator<DocumentRepair> {
    const names = await this.#namesToRepair();
    if (document !== undefined && !names.includes(document)) throw notFound(document);
    let unreadable: JoineryError | null = null;
    for (const name of document === undefined ? names : [document]) {
      try {
        const repair = await this.#repairOne(name);
        if (repair !== null) yield repair;
      } catch (thrown) {
        const error = toJoineryError(thrown);
        if (error.code !== "DOCUMENT_DAMAGED") throw thrown;
        unreadable ??= error;
      }
    }
    if (unreadable !== null) throw unreadable;
  }

  async repairRest(): Promise<FolderRest & { readonly savedAs: string | null }> {
    let rest: FolderRest = { losses: [], strays: 0 };
    let savedAs: string | null = null;
    await this.storage.change(null, async (database, losses) => {
      const strays = await strayRecords(database);
      rest = { losses: lossesOfDocuments(losses), strays: strays.length };
      if (strays.length > 0 && !this.#parts.isDryRun)
        savedAs = await this.#removed.keep(null, strays, database);
      const removals = strays.map(({ key }) => ({ type: "del", key }) as const);
      return [...removals, ...acknowledgeLosses(losses)];
    });
    return { ...rest, savedAs };
  }

  async *compact(which: CompactionScope = { prefix: "" }): AsyncGenerator<DocumentCompaction> {
    if ("document" in which) {
      const compaction = await this.#compactOne(which.document);
      if (compaction === null) throw notFound(which.document);
      yield compaction;
      return;
    }
    const { names, error } = await this.#listed(which.prefix);
    for (const name of names) {
      const compaction = await this.#compactOne(name);
      if (compaction !== null) yield compaction;
    }
    if (error !== null) throw error;
  }

  async reclaim(): Promise<{ readonly bytesBefore: number; readonly bytesAfter: number }> {
    const bytesBefore = await this.#bytesOnDisk();
    await this.storage.reclaim();
    return { bytesBefore, bytesAfter: await this.#bytesOnDisk() };
  }

  append(
    document: DocumentName,
    update: Uint8Array,
    author = this.#parts.author,
  ): Promise<AppendedUpdate | null> {
    const { storage } = this;
    const { limits } = this.#parts;
    const ports = { storage, limits, replicas: this.#replicas, clock: SYSTEM_CLOCK, random: SYSTEM_RANDOM };
    return awake(appendUpdate(document, { update, author }, { ...ports, branch: this.#branch }));
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    try {
      await this.#replicas.close();
      await this.storage.close();
    } finally {
      await this.#parts.remove?.();
    }
  }

  /** Names of documents, and what the list of them ended with. */
  async #listed(prefix: string): Promise<{ names: DocumentName[]; error: JoineryError | null }> {
    const names: DocumentName[] = [];
    try {
      for await (const { document } of this.storage.list(prefix)) names.push(document);
      return { names, error: null };
    } catch (thrown) {
      const error = toJoineryError(thrown);
      if (error.code !== "DOCUMENT_DAMAGED") throw thrown;
      return { names, error };
    }
  }

  async #namesToRepair(): Promise<readonly DocumentName[]> {
    let names: readonly DocumentName[] = [];
    await this.storage.change(null, async (database, losses) => {
      names = await documentsToRepair(database, losses);
      return [];
    });
    return names;
  }

  async #repairOne(document: DocumentName): Promise<DocumentRepair | null> {
    const material = {
      time: SYSTEM_CLOCK.now(),
      branch: this.#branch,
      lineage: newLineage(SYSTEM_RANDOM),
    };
    let done: DocumentRepair | null = null;
    await this.storage.change(document, async (database, losses) => {
      const plan = await planRepair(database, document, losses, material);
      if (plan === null) return [];
      const isSaved = plan.removed.length > 0 && !this.#parts.isDryRun;
      // What is taken out is safe before it goes.
      const savedAs = isSaved ? await this.#removed.keep(document, plan.removed, database) : null;
      done = { ...plan.repair, savedAs };
      return plan.operations;
    });
    return done;
  }

  /** @returns `null` when there is no such document. */
  async #compactOne(document: DocumentName): Promise<DocumentCompaction | null> {
    let stored: StoredDocument | null;
    try {
      stored = await this.storage.load(document);
      if (stored?.damage) throw stored.damage;
    } catch (error) {
      return { document, seq: 0, bytesBefore: 0, bytesAfter: 0, ...failed(error) };
    }
    if (stored === null) return null;
    const updates = updatesOf(stored);
    const seq = stored.tail.at(-1)?.seq ?? stored.snapshot?.seq ?? 0;
    const bytesBefore = updates.reduce((sum, { length }) => sum + length, 0);
    const same = { document, seq, bytesBefore, bytesAfter: bytesBefore };
    if (stored.tail.length === 0) return { ...same, outcome: "already", reason: null };
    try {
      const update = await awake(this.#replicas.fold(document, updates));
      await this.storage.compact(document, { seq, time: SYSTEM_CLOCK.now(), update });
      return { ...same, bytesAfter: update.length, outcome: "compacted", reason: null };
    } catch (error) {
      return { ...same, ...failed(error) };
    }
  }

  /** Of what can be read of a document. */
  async #stateVectorOf(document: DocumentName): Promise<Uint8Array> {
    try {
      const stored = await this.storage.load(document);
      if (stored === null) return NOTHING;
      const contents = new Contents(this.#parts.limits);
      const loading = contents.load(document, stored);
      while (!loading.next().done);
      return contents.stateVector;
    } catch (error) {
      if (toJoineryError(error).code === "DOCUMENT_DAMAGED") return NOTHING;
      throw error;
    }
  }

  async #bytesOnDisk(): Promise<number> {
    const database = join(this.#parts.place, DATABASE);
    // LevelDB removes files as it likes.
    const sizes = (await readdir(database)).map((name) => stat(join(database, name)).catch(() => null));
    return (await Promise.all(sizes)).reduce((sum, file) => sum + (file?.size ?? 0), 0);
  }
}

/** Workers that build replicas do not keep the process alive; who waits for one does. */
async function awake<T>(work: Promise<T>): Promise<T> {
  const alive = setInterval(() => undefined, 60_000);
  try {
    return await work;
  } finally {
    clearInterval(alive);
  }
}

/** @throws What is about the storage, not about the document. */
function failed(thrown: unknown): { readonly outcome: "failed"; readonly reason: string } {
  const { code, message } = toJoineryError(thrown);
  if (code === "STORAGE_UNAVAILABLE") throw thrown;
  return { outcome: "failed", reason: message };
}

function textOf(
  { file, offset, outcome, reason, documents, keptAs }: KeptFinding,
  isDryRun: boolean,
): string {
  const said = { repaired: "was put right", lost: "something is lost", unsure: "something may be lost" };
  const whose =
    documents.length === 0 ? "" : ` (${documents.map((name) => JSON.stringify(name)).join(", ")})`;
  // A dry run keeps it in a copy that goes.
  const kept = isDryRun ? "" : `; kept as ${keptAs}`;
  return `${file}, near byte ${offset}: ${reason}; ${said[outcome]}${whose}${kept}`;
}

/** For a dry run on what is not there. */
async function emptyFolder(): Promise<DatabaseCopy> {
  const folder = await mkdtemp(join(tmpdir(), "joinery-empty-"));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

async function noDatabase(folder: string): Promise<JoineryError> {
  const isThere = await stat(folder).then(
    () => true,
    () => false,
  );
  const why = isThere
    ? `there is no database in it (no file ${DATABASE}/CURRENT)`
    : "there is no such folder";
  return new JoineryError(
    "DATA_FOLDER_UNUSABLE",
    `data folder ${JSON.stringify(folder)} cannot be used: ${why}`,
  );
}

function notFound(document: DocumentName): JoineryError {
  return new JoineryError("DOCUMENT_NOT_FOUND", `there is no document ${JSON.stringify(document)}`);
}
