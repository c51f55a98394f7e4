/**
 * Checks LevelDB's files before LevelDB opens them, and puts right what can be. LevelDB reads tables without a look
 * at their checksums, drops what it cannot read of its logs, and then deletes them; so whatever is to be noticed, and
 * whatever is to be kept, has to be before. Nothing is changed until everything was looked at. What is done with
 * which damage: docs/formats.md.
 */

import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { type DocumentName, toJoineryError } from "@joinery/shared";
import type { ClosedFiles } from "./closing-mark.ts";
import { keepAside } from "./damaged-files.ts";
import type { Operation } from "./database.ts";
import { documentOfKey } from "./deleted-keys.ts";
import { replaceFile } from "./durable-file.ts";

import { encodeLog, readLog } from "./leveldb/log-format.ts";
import { readSoundLog } from "./leveldb/log-stream.ts";
import { type LiveTable, type Manifest, readManifest } from "./leveldb/manifest.ts";
import { isSoundTable } from "./leveldb/sound-table.ts";
import { checkTable } from "./leveldb/table.ts";
import { encodeWriteBatch } from "./leveldb/write-batch.ts";
import { checkLogs, type Finding } from "./log-check.ts";
import { encodeLoss, type Loss } from "./losses.ts";

export interface CheckOptions {
  /** The data folder; files are kept in it as they were found. */
  readonly folder: string;
  /** LevelDB's folder, in that one. */
  readonly database: string;
  readonly closed: ClosedFiles | null;
  /** Set when this process had the database open before: tables were checked then, and writes may have failed since. */
  readonly reopened: { readonly lastAcknowledged: Operation | null } | null;
}

/** A finding, and where the file is kept as it was found: its name from the data folder on. */
export interface KeptFinding extends Finding {
  readonly keptAs: string;
}

/** What was found, and what is to be done about it. */
interface DatabaseCheck {
  readonly findings: readonly Finding[];
  /** Contents of files to replace, by name, in this order. */
  readonly replacements: ReadonlyMap<string, Uint8Array | string>;
}

/**
 * Looks at all of a database that nobody has open; changes nothing.
 *
 * @throws Error with what is wrong with which file as its message, when LevelDB could not find its way in it any more.
 * Cost: reads every file once, piece by piece, and 0.7 ns a byte; those with damage once more, as a whole.
 */
export async function checkDatabase(options: CheckOptions): Promise<DatabaseCheck> {
  const check = new Check(options, new Set(await readdir(options.database)));
  await check.run();
  return check;
}

/**
 * Replaces what is to be replaced, and keeps all files with findings as they were found. Nobody may have the database
 * open. When the machine stops in between, the next check finds the rest.
 */
export async function repairDatabase(
  { folder, database }: CheckOptions,
  { findings, replacements }: DatabaseCheck,
): Promise<KeptFinding[]> {
  const keptAs = new Map<string, string>();
  for (const { file } of findings) {
    if (!keptAs.has(file)) keptAs.set(file, await keepAside(folder, join(database, basename(file))));
  }
  for (const [name, content] of replacements) await replaceFile(join(database, name), content);
  return findings.map((finding) => ({ ...finding, keptAs: keptAs.get(finding.file) as string }));
}

class Check implements DatabaseCheck {
  readonly findings: Finding[] = [];
  readonly replacements = new Map<string, Uint8Array | string>();
  readonly #options: CheckOptions;
  readonly #names: ReadonlySet<string>;

  constructor(options: CheckOptions, names: ReadonlySet<string>) {
    this.#options = options;
    this.#names = names;
  }

  async run(): Promise<void> {
    const manifest = await this.#checkManifest(await this.#checkCurrent());
    const tables = new Map<string, Uint8Array>();
    const losses = this.#options.reopened === null ? await this.#checkTables(manifest.tables, tables) : [];
    // The note of what is lost has to be in the log before the table forgets it.
    await this.#checkLogs(manifest, losses);
    for (const [name, content] of tables) this.replacements.set(name, content);
  }

  /** Which MANIFEST the file CURRENT names. */
  async #checkCurrent(): Promise<string> {
    const current = await this.#read("CURRENT");
    const text = new TextDecoder().decode(current);
    const manifests = [...this.#names].filter((name) => /^MANIFEST-\d+$/.test(name));
    const closedWith = manifests.find((name) => this.#options.closed?.has(name));
    const named = manifests.find((name) => text === `${name}\n`);
    if (named !== undefined && (closedWith ?? named) === named) return named;
    const meant = closedWith ?? (manifests.length === 1 ? manifests[0] : undefined);
    if (meant === undefined || !isOneBitFrom(current, `${meant}\n`)) {
      throw new Error(
        named === undefined
          ? `${this.#file("CURRENT")} names no MANIFEST that is there`
          : `${this.#file("CURRENT")} names another MANIFEST than when the database was closed`,
      );
    }
    this.#find("CURRENT", 0, "repaired", "one bit was flipped and was put right");
    this.replacements.set("CURRENT", `${meant}\n`);
    return meant;
  }

  async #checkManifest(name: string): Promise<Manifest> {
    const bytes = await this.#read(name);
    const { records, unreadable, torn } = readLog(bytes);
    const { closed } = this.#options;
    if (bytes.length < (closed?.get(name) ?? 0)) throw new Error(`${this.#file(name)} was cut off`);
    const [damaged] = closed === null || torn === null ? unreadable : [...unreadable, torn];
    const isAtEnd = damaged?.recordsBefore === records.length && records.length > 0;
    // LevelDB would refuse it; what a crash left of an edit that was not finished is no edit.
    if (damaged && (!isAtEnd || closed !== null)) {
      throw new Error(`${this.#file(name)} is damaged at byte ${damaged.offset}`);
    }
    // Of this process it is known that a write failed.
    if (damaged && this.#options.reopened === null)
      this.#find(name, damaged.offset, "unsure", "the end is damaged, or a write that was cut off");
    const repaired = records.filter(({ isRepaired }) => isRepaired);
    for (const { offset } of repaired)
      this.#find(name, offset, "repaired", "one bit was flipped and was put right");
    const payloads = records.map(({ payload }) => payload);
    if (damaged || repaired.length > 0) this.replacements.set(name, encodeLog(payloads));
    const manifest = this.#orNaming(name, () => readManifest(payloads));
    const log = logName(manifest.logNumber);
    if (manifest.logNumber > 0 && !this.#names.has(log)) throw new Error(`${this.#file(log)} is missing`);
    return manifest;
  }

  /** @param repaired Receives the tables to replace. */
  async #checkTables(tables: readonly LiveTable[], repaired: Map<string, Uint8Array>): Promise<Loss[]> {
    const losses: Loss[] = [];
    for (const { number, bytes: length, smallest } of tables) {
      const name = ["ldb", "sst"].map((type) => `${pad(number)}.${type}`).find((any) => this.#names.has(any));
      if (name === undefined) throw new Error(`${this.#file(`${pad(number)}.ldb`)} is missing`);
      if (await this.#isSoundTable(name, length)) continue;
      const bytes = await this.#read(name);
      if (bytes.length < length) throw new Error(`${this.#file(name)} was cut off`);
      const table = this.#orNaming(name, () => checkTable(bytes.subarray(0, length), smallest));
      if (table.repaired !== null) repaired.set(name, table.repaired);
      for (const offset of table.flips)
        this.#find(name, offset, "repaired", "one bit was flipped and was put right");
      for (const { offset, keys } of table.lost) {
        const documents = [keys.gte, keys.lt.subarray(0, -1)].map(documentOfKey);
        this.#find(name, offset, "lost", "a block cannot be read", unique(documents));
        losses.push({ keys, time: Date.now(), reason: `${this.#file(name)} was damaged at byte ${offset}` });
      }
    }
    return losses;
  }

  /** Nearly always it is, and a table may be large: only one that is not is read as a whole. */
  async #isSoundTable(name: string, length: number): Promise<boolean> {
    const path = join(this.#options.database, name);
    return (await stat(path)).size >= length && isSoundTable(path, length);
  }

  /** Does something with a file that fails only where the file is damaged. */
  #orNaming<T>(name: string, read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw new Error(`${this.#file(name)} is damaged: ${toJoineryError(error).message}`, { cause: error });
    }
  }

  async #checkLogs(
    { logNumber, sequenceAtLog, lastSequence }: Manifest,
    losses: readonly Loss[],
  ): Promise<void> {
    const { closed, reopened } = this.#options;
    const names = [...this.#names]
      .filter((name) => /^\d+\.log$/.test(name) && Number.parseInt(name, 10) >= logNumber)
      .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
    const known = { sequenceAtLog, lastSequence };
    if (reopened === null && losses.length === 0 && (await this.#areSoundLogs(names, known))) return;
    const files: { file: string; bytes: Uint8Array }[] = [];
    for (const name of names) files.push({ file: this.#file(name), bytes: await this.#read(name) });
    const check = checkLogs(files, {
      firstSequence: sequenceAtLog + 1,
      lastSequence,
      isClosed: closed !== null,
      lastAcknowledged: reopened?.lastAcknowledged ?? null,
    });
    this.findings.push(...check.findings);
    for (const [index, { file, bytes }] of files.entries()) {
      const name = names[index] as string;
      const missing = (closed?.get(name) ?? 0) - bytes.length;
      if (missing > 0 && !check.findings.some((finding) => finding.file === file))
        this.#find(name, bytes.length, "lost", `${missing} bytes at its end are missing`);
      const isLast = index === files.length - 1;
      const notes = isLast ? notesOf(losses, check.nextSequence) : [];
      if (check.changed.has(file) || notes.length > 0)
        this.replacements.set(name, encodeLog([...(check.records.get(file) ?? []), ...notes]));
    }
  }

  /** Whether logs are as they were written, one change after the other, up to the last one that is known of. */
  async #areSoundLogs(
    names: readonly string[],
    { sequenceAtLog, lastSequence }: Pick<Manifest, "sequenceAtLog" | "lastSequence">,
  ): Promise<boolean> {
    let end = sequenceAtLog + 1;
    let isFirst = true;
    let isComplete = true;
    const batch = (sequence: number, count: number) => {
      if (sequence > end) isComplete = false;
      // The first number may be below the one that it is known to be at most.
      end = isFirst ? sequence + count : Math.max(end, sequence + count);
      isFirst = false;
    };
    for (const name of names) {
      const path = join(this.#options.database, name);
      if ((await stat(path)).size < (this.#options.closed?.get(name) ?? 0)) return false;
      if (!(await readSoundLog(path, { batch })) || !isComplete) return false;
    }
    return end > lastSequence;
  }

  async #read(name: string): Promise<Uint8Array> {
    const { buffer, byteOffset, length } = await readFile(join(this.#options.database, name));
    // A Buffer's `slice` shares memory; what is repaired must not.
    return new Uint8Array(buffer, byteOffset, length);
  }

  #file(name: string): string {
    return `${basename(this.#options.database)}/${name}`;
  }

  #find(
    name: string,
    offset: number,
    outcome: Finding["outcome"],
    reason: string,
    documents: readonly DocumentName[] = [],
  ): void {
    this.findings.push({ file: this.#file(name), offset, outcome, reason, documents });
  }
}

/** A batch that notes the losses, if there are any. */
function notesOf(losses: readonly Loss[], sequence: number): Uint8Array[] {
  const notes = losses.map((loss) => ({ type: "put", ...encodeLoss(loss) }) as const);
  return notes.length === 0 ? [] : [encodeWriteBatch(sequence, notes)];
}

function isOneBitFrom(bytes: Uint8Array, text: string): boolean {
  const meant = new TextEncoder().encode(text);
  if (meant.length !== bytes.length) return false;
  const differences = meant.map((byte, i) => byte ^ (bytes[i] as number)).filter((bits) => bits !== 0);
  const [bits = 0] = differences;
  return differences.length === 1 && (bits & (bits - 1)) === 0;
}

function unique(documents: readonly (DocumentName | undefined)[]): DocumentName[] {
  return [...new Set(documents.filter((document) => document !== undefined))];
}

function logName(number: number): string {
  return `${pad(number)}.log`;
}

function pad(number: number): string {
  return String(number).padStart(6, "0");
}
