import { DEFAULT_LIMITS, type DocumentName, type Limits, parseDocumentName } from "@joinery/shared";
import { onTestFinished } from "vitest";
import * as Y from "yjs";
import type { Access } from "../../../server/src/access/access.ts";
import { EditorIds } from "../../../server/src/documents/editor-ids.ts";
import { Reading } from "../../../server/src/documents/reading.ts";
import { Writing } from "../../../server/src/documents/writing.ts";
import { editedUpdate } from "../../../server/src/edits/apply-edits.ts";
import { InlineReplicas } from "../../../server/src/engine/inline-replicas.ts";
import type { LogPart } from "../../../server/src/engine/ports.ts";
import { Rooms } from "../../../server/src/engine/rooms.ts";
import { SecondFormat } from "../../../server/src/import/second-format.ts";
import { summarizeUpdate } from "../../../server/src/inspect/log-entries.ts";
import { render } from "../../../server/src/inspect/render.ts";
import { storageSource } from "../../../server/src/inspect/storage-source.ts";
import { SYSTEM_CLOCK, SYSTEM_RANDOM } from "../../../server/src/node/clock.ts";
import { MemoryStorage } from "../../../server/src/storage/memory.ts";
import { Client, type ClientOptions } from "../../support/world.ts";
import { type ApiStage, type Asking, openApi } from "./api-stage.ts";

type Answered = Awaited<ReturnType<ApiStage["ask"]>>;

/** The API on a server of its own, over the engine and a storage in memory. */
export class WritingStage {
  readonly api: ApiStage;
  readonly rooms: Rooms;
  readonly storage: MemoryStorage;

  static async open(some: Partial<Limits> = {}): Promise<WritingStage> {
    const limits = { ...DEFAULT_LIMITS, ...some };
    const storage = new MemoryStorage();
    await storage.open();
    const clock = SYSTEM_CLOCK;
    const replicas = new InlineReplicas();
    const secondFormat = new SecondFormat(limits);
    onTestFinished(() => secondFormat.close());
    const log = { report: () => undefined };
    const rooms = new Rooms({ storage, clock, random: SYSTEM_RANDOM, log, limits, replicas });
    // Whoever decides is made with the API; nobody asks before.
    const access = (): Access => api.access as Access;
    const source = storageSource(storage, limits);
    const writing = new Writing({
      rooms,
      storage,
      clock,
      replicas,
      worker: {
        edit: async (_document, updates, { edits, clientId }) => editedUpdate(updates, edits, { clientId }),
      },
      ids: new EditorIds(SYSTEM_RANDOM),
      limits,
      admissions: { needsToken: true, isAuthenticating: true, admit: (request) => access().admit(request) },
      door: { authorize: (who, document, action) => access().authorize(who, document, action) },
      source,
      reading: new Reading({
        source,
        limits,
        worker: {
          render: async (document, updates, request) => render({ document, updates }, request),
          summarize: async (_document, updates) => updates.map(summarizeUpdate),
        },
        onLimit: () => undefined,
      }),
      report: () => undefined,
    });
    const services = { writing, firstFormat: (update: Uint8Array) => secondFormat.convert(update) };
    const api: ApiStage = await openApi({ limits: some, services });
    return new WritingStage({ api, rooms, storage });
  }

  private constructor(of: Pick<WritingStage, "api" | "rooms" | "storage">) {
    this.api = of.api;
    this.rooms = of.rooms;
    this.storage = of.storage;
  }

  /** Somebody who has the document open, on a socket as it were. */
  client(document: string, options: ClientOptions = {}): Client {
    return new Client(this.rooms, parseDocumentName(document), options);
  }

  /** As a writer, unless it says otherwise. */
  ask(path: string, asking: Omit<Asking, "path"> = {}): Promise<Answered> {
    return this.api.ask({ method: "POST", token: "writer", path, ...asking });
  }

  edit(document: string, edits: readonly object[], asking: Omit<Asking, "path"> = {}): Promise<Answered> {
    return this.ask(`/documents/${encodeURIComponent(document)}/edit`, { body: { edits }, ...asking });
  }

  /** What is stored, as a client would have it; `null` where nothing is. */
  async stored(document: string): Promise<Y.Doc | null> {
    const stored = await this.storage.load(parseDocumentName(document));
    if (stored === null) return null;
    const doc = new Y.Doc();
    if (stored.snapshot !== null) Y.applyUpdate(doc, stored.snapshot.update);
    for (const { update } of partsOf(stored.tail)) Y.applyUpdate(doc, update);
    return doc;
  }

  /** Who wrote each batch. */
  async authors(document: string): Promise<readonly string[]> {
    return partsOf(await this.storage.read(document as DocumentName, 0, Number.MAX_SAFE_INTEGER)).map(
      ({ author }) => author,
    );
  }
}

function partsOf(entries: readonly { readonly parts: readonly LogPart[] }[]): readonly LogPart[] {
  return entries.flatMap(({ parts }) => parts);
}
