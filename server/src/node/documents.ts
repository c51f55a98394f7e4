/** What a server does with documents without a socket: puts together who reads, writes and follows them. */

import { type LimitName, type Limits, toJoineryError } from "@joinery/shared";
import type { AccessDoor } from "../access/access-api.ts";
import { CodeEdits } from "../documents/code-edits.ts";
import { Conversions } from "../documents/conversions.ts";
import type { DocumentEvent } from "../documents/document-event.ts";
import { EditorIds } from "../documents/editor-ids.ts";
import { Live } from "../documents/live.ts";
import { Reading } from "../documents/reading.ts";
import { Writing } from "../documents/writing.ts";
import type { Random, Replicas, Storage, Timer } from "../engine/ports.ts";
import type { Rooms } from "../engine/rooms.ts";
import { encodeLiveEvent } from "../http/api/events.ts";
import type { ApiServices } from "../http/api/services.ts";
import { SecondFormat } from "../import/second-format.ts";
import type { DocumentSource } from "../inspect/source.ts";
import { storageSource } from "../inspect/storage-source.ts";
import type { Admissions } from "../protocols/admission.ts";
import { WorkerReplicas } from "../replicas/worker-replicas.ts";
import { SYSTEM_CLOCK } from "./clock.ts";

export interface DocumentsOptions {
  readonly rooms: Rooms;
  readonly storage: Storage;
  /** Where logs are folded. */
  readonly replicas: Replicas;
  readonly admissions: Admissions;
  readonly access: AccessDoor;
  readonly random: Random;
  readonly limits: Limits;
  readonly report: (event: DocumentEvent) => void;
  readonly onLimit: (limit: LimitName) => void;
}

/** How often it is looked whether what was deleted has been kept for long enough. */
const PURGE_EVERY_MS = 60 * 60 * 1000;

export class Documents {
  readonly services: Omit<ApiServices, "stats">;
  readonly #options: DocumentsOptions;
  readonly #codeEdits: CodeEdits;
  /** Workers of their own: whoever reads must not hold up edits that have to be tried. */
  readonly #workers: WorkerReplicas;
  readonly #conversions: Conversions;
  readonly #source: DocumentSource;
  #timer: Timer | null = null;
  #isClosed = false;

  constructor(options: DocumentsOptions) {
    const { rooms, storage, replicas, admissions, access, random, limits, report, onLimit } = options;
    const source = storageSource(storage, limits);
    const worker = new WorkerReplicas({ limits, onLimit });
    const ids = new EditorIds(random);
    const conversions = new Conversions({ converter: new SecondFormat(limits), limits, onLimit });
    const reading = new Reading({ source, worker, limits, onLimit });
    this.#options = options;
    this.#source = source;
    this.#workers = worker;
    this.#conversions = conversions;
    this.#codeEdits = new CodeEdits({ rooms, ids, limits, onLimit });
    this.services = {
      reading,
      writing: new Writing({
        rooms,
        storage,
        admissions,
        door: access,
        source,
        reading,
        worker,
        ids,
        replicas,
        limits,
        clock: SYSTEM_CLOCK,
        report,
      }),
      live: new Live({
        rooms,
        admissions,
        log: source,
        worker,
        limits,
        random,
        sessions: (document) => access.sessions({ document }),
        encode: encodeLiveEvent,
        onLimit,
      }),
      firstFormat: (update) => conversions.convert(update),
    };
  }

  get edit(): CodeEdits["edit"] {
    return (...args) => this.#codeEdits.edit(...args);
  }

  /** The storage is open: erases, now and then, what was deleted long ago. */
  opened(): void {
    void this.#purge();
  }

  #purgeLater(): void {
    if (this.#isClosed) return;
    this.#timer = SYSTEM_CLOCK.setTimer(PURGE_EVERY_MS, () => void this.#purge());
  }

  /** Reads and works out nothing more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await Promise.all([this.#workers.close(), this.#conversions.close(), this.#source.close()]);
  }

  /** Never rejects: what could not be erased now is the next time. */
  async #purge(): Promise<void> {
    const { storage, limits, report } = this.#options;
    try {
      const deletions = await storage.purge(SYSTEM_CLOCK.now() - limits.keepDeletedMs);
      if (deletions > 0) report({ type: "deletions-purged", deletions });
    } catch (thrown) {
      report({ type: "purge-failed", error: toJoineryError(thrown) });
    }
    this.#purgeLater();
  }
}
