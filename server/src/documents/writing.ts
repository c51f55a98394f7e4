/** Writes to documents without a socket, as sessions of the engine: see `writing-api.ts`. */

import { type DocumentName, JoineryError, type Limits } from "@joinery/shared";
import { admissionAtDoor, type DoorRequest } from "../access/access-api.ts";
import type { EditRequest } from "../edits/apply-edits.ts";
import type { Edit } from "../edits/edit.ts";
import { EMPTY_UPDATE } from "../engine/merge.ts";
import type { Clock, Deletion, Replicas, Revision, Storage } from "../engine/ports.ts";
import { Rights } from "../engine/rights.ts";
import type { Rooms } from "../engine/rooms.ts";
import { Visit } from "../engine/visit.ts";
import type { Demand, WhereItIs } from "../engine/whole-write.ts";
import type { DocumentSource } from "../inspect/source.ts";
import type { Admissions, Principal } from "../protocols/admission.ts";
import { openSession } from "../protocols/driver.ts";
import type { DocumentEvent } from "./document-event.ts";
import type { EditorIds } from "./editor-ids.ts";
import type { DocumentReading } from "./reading-api.ts";
import { RevisionChanged } from "./revision-changed.ts";
import type { Beginnings, DocumentWriting, Expected, WriteOptions } from "./writing-api.ts";

/** Works out what edits come to, away from the event loop. */
interface EditWorker {
  /**
   * @param updates The document, in order.
   * @returns What the edits add to it, as a Yjs v1 update. Rejects with INVALID_OPTION (never) where one does not fit what
   * is there, and with REPLICA_FAILED or SERVER_FULL (backoff).
   */
  edit(document: DocumentName, updates: readonly Uint8Array[], request: EditRequest): Promise<Uint8Array>;
}

/** The part of the door that deletion needs: it has no session whose rights would hold for it. */
interface ManagersDoor {
  authorize(request: DoorRequest, document: DocumentName, action: "manage"): Promise<Principal>;
}

export interface WritingOptions {
  readonly rooms: Rooms;
  readonly storage: Storage;
  readonly admissions: Admissions;
  readonly door: ManagersDoor;
  readonly source: Pick<DocumentSource, "listing">;
  readonly reading: Pick<DocumentReading, "document">;
  readonly worker: EditWorker;
  readonly ids: EditorIds;
  readonly replicas: Replicas;
  readonly clock: Clock;
  readonly limits: Pick<Limits, "maxDeletions">;
  readonly report: (event: DocumentEvent) => void;
}

export class Writing implements DocumentWriting {
  readonly #options: WritingOptions;

  constructor(options: WritingOptions) {
    this.#options = options;
  }

  write(
    who: DoorRequest,
    document: DocumentName,
    update: Uint8Array,
    options: WriteOptions,
  ): Promise<Revision> {
    return this.#during(who, document, options, (visit) => visit.write(update, demandOf(options)));
  }

  edit(
    who: DoorRequest,
    document: DocumentName,
    edits: readonly Edit[],
    options: WriteOptions,
  ): Promise<Revision> {
    return this.#during(who, document, options, async (visit) => {
      const demand = demandOf(options);
      // Before anything is worked out for it.
      demand(visit.whereItIs);
      const { worker, ids } = this.#options;
      const id = ids.take(document, visit.lineage, (id) => visit.isFree(id));
      const update = await worker.edit(document, visit.allUpdates(), { edits, clientId: id.clientId });
      const revision = await visit.write(update, demand);
      id.keep();
      return revision;
    });
  }

  create(who: DoorRequest, document: DocumentName, beginnings: Beginnings): Promise<Revision> {
    return this.#during(who, document, {}, async (visit) => {
      requireNew(document, visit.whereItIs);
      const id = this.#options.ids.take(document, visit.lineage, (id) => visit.isFree(id));
      const update = await this.#beginning(document, beginnings, id.clientId);
      const revision = await visit.write(update, (at) => requireNew(document, at));
      id.keep();
      return revision;
    });
  }

  async #beginning(document: DocumentName, beginnings: Beginnings, clientId: number): Promise<Uint8Array> {
    const { worker, reading, replicas } = this.#options;
    if ("edits" in beginnings) {
      const { edits } = beginnings;
      return edits.length === 0 ? EMPTY_UPDATE : await worker.edit(document, [], { edits, clientId });
    }
    const { copyOf, at } = beginnings;
    // Held to what may be read at once, as if it were read over HTTP.
    const read = await reading.document(copyOf, { format: "update", at, isKnown: () => false });
    try {
      // Half of a document is not what was asked for.
      if (read.damage !== null) throw read.damage;
      return await replicas.fold(document, read.bytes === null ? [] : [read.bytes]);
    } finally {
      read.end();
    }
  }

  async delete(who: DoorRequest, document: DocumentName, options: WriteOptions): Promise<Deletion> {
    const { rooms, storage, door, clock, limits, report } = this.#options;
    const { author } = await door.authorize(who, document, "manage");
    // Loaded, it is known what of it must not come back. Of what cannot be loaded nothing can come back as it was.
    const visit = await this.#visit(who, document).catch(onlyIfUnreadable);
    let deletion: Deletion | null;
    try {
      options.signal?.throwIfAborted();
      demandOf(options)(visit === null ? null : visit.whereItIs);
      deletion = await rooms.withoutRoom(
        document,
        (stateVector) => {
          return storage.delete(document, {
            time: clock.now(),
            author,
            stateVector: stateVector ?? NO_STATE,
            keep: limits.maxDeletions,
          });
        },
        new JoineryError("DOCUMENT_DELETED", "the document was deleted"),
      );
    } finally {
      visit?.leave();
    }
    if (deletion === null) throw notFound(document);
    const { number, bytes } = deletion;
    report({ type: "document-deleted", document, user: author, number, bytes });
    return deletion;
  }

  async restore(document: DocumentName, number: number | null): Promise<Revision> {
    const { rooms, storage, source, report } = this.#options;
    // One whose own record was lost is in no list, and can be restored all the same.
    const which = number ?? (await storage.deletionsOf(document)).at(-1)?.number;
    if (which === undefined) {
      const name = JSON.stringify(document);
      throw new JoineryError("DOCUMENT_NOT_FOUND", `there is no deletion of ${name} to undo`);
    }
    // Nobody is sent away for what cannot be.
    if (rooms.hasContent(document) || (await source.listing(document)) !== null) throw exists(document);
    await rooms.withoutRoom(document, () => storage.restore(document, which));
    report({ type: "document-restored", document, number: which });
    return await this.#revisionOf(document);
  }

  async compact(document: DocumentName): Promise<Revision> {
    const { rooms } = this.#options;
    const visit = await this.#ownVisit(document);
    try {
      if (visit.whereItIs?.seq === 0) throw notFound(document);
      await rooms.compact(document);
    } finally {
      visit.leave();
    }
    return await this.#revisionOf(document);
  }

  async #during<Result>(
    who: DoorRequest,
    document: DocumentName,
    { signal }: WriteOptions,
    work: (visit: Visit) => Promise<Result>,
  ): Promise<Result> {
    signal?.throwIfAborted();
    const visit = await this.#visit(who, document);
    const leave = () => visit.leave();
    signal?.addEventListener("abort", leave, { once: true });
    try {
      // They may have gone while they were let in.
      signal?.throwIfAborted();
      return await work(visit);
    } finally {
      signal?.removeEventListener("abort", leave);
      leave();
    }
  }

  async #visit(who: DoorRequest, document: DocumentName): Promise<Visit> {
    const { rooms, admissions } = this.#options;
    const admission = await admissions.admit(admissionAtDoor(who, document));
    return await Visit.open("http", (link) => {
      const context = { rooms, admissions, outbox: link.outbox, request: who.connection, path: "" };
      return openSession(context, { document, ...link }, admission);
    });
  }

  /** For what whoever asks was allowed to do already. */
  #ownVisit(document: DocumentName): Promise<Visit> {
    return Visit.open("server", (link) => {
      return this.#options.rooms.open({ document, author: "", rights: Rights.READER, ...link });
    });
  }

  async #revisionOf(document: DocumentName): Promise<Revision> {
    const visit = await this.#ownVisit(document);
    try {
      return await visit.whenDurable();
    } finally {
      visit.leave();
    }
  }
}

/** An empty state vector: nothing is known of it. */
const NO_STATE = Uint8Array.of(0);

function demandOf({ expected }: WriteOptions): Demand {
  if (expected === undefined) return () => undefined;
  return (at) => {
    if (isExpected(expected, at)) return;
    const now = at === null ? "at which it is cannot be said now" : `it is at seq ${at.seq}`;
    const message =
      at?.seq === 0
        ? "there is no such document"
        : `the document is not at the revision that was asked for: ${now}`;
    throw new RevisionChanged(message, at?.seq === 0 ? null : at);
  };
}

function isExpected(expected: Expected, at: WhereItIs): boolean {
  if (expected === "any") return at?.seq !== 0;
  if (at === null || at.seq === 0) return false;
  return expected.some(
    ({ lineage, branch, seq }) => lineage === at.lineage && branch === at.branch && seq === at.seq,
  );
}

function requireNew(document: DocumentName, at: WhereItIs): void {
  if (at?.seq !== 0) throw exists(document);
}

function exists(document: DocumentName): JoineryError {
  return new JoineryError("DOCUMENT_EXISTS", `there is a document ${JSON.stringify(document)} already`);
}

function notFound(document: DocumentName): JoineryError {
  return new JoineryError("DOCUMENT_NOT_FOUND", `there is no document ${JSON.stringify(document)}`);
}

/** Damage, and what was too costly to be taken in. @throws All else. */
function onlyIfUnreadable(thrown: unknown): null {
  const isUnreadable =
    thrown instanceof JoineryError && ["DOCUMENT_DAMAGED", "MALFORMED_UPDATE"].includes(thrown.code);
  if (!isUnreadable) throw thrown;
  return null;
}
