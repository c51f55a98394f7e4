/** The routes that read documents, over real LevelDB on a folder, with a worker that renders. */

import { DEFAULT_LIMITS, type LimitName, type Limits } from "@joinery/shared";
import { onTestFinished } from "vitest";
import type { AccessDoor } from "../../../server/src/access/access-api.ts";
import { Reading } from "../../../server/src/documents/reading.ts";
import type { Storage } from "../../../server/src/engine/ports.ts";
import { type ServedSource, storageSource } from "../../../server/src/inspect/storage-source.ts";
import { WorkerReplicas } from "../../../server/src/replicas/worker-replicas.ts";
import { LevelStorage } from "../../../server/src/storage/level.ts";
import { FaultyDatabases } from "../../contract/faulty-database.ts";
import { type ApiStage, type Asking, openApi } from "./api-stage.ts";

/** Documents that are open; tests may share them, and each has an API of its own. */
export interface OpenDocuments {
  readonly reading: Reading;
  readonly limits: Limits;
  readonly databases: FaultyDatabases;
  readonly storage: Storage;
  /** Jobs that the worker was given, by their kind. */
  readonly jobs: string[];
  readonly limitsHit: LimitName[];
  close(): Promise<void>;
}

export interface DocumentsOptions {
  /** A data folder; or another storage. */
  readonly documents: string | Storage;
  readonly limits?: Partial<Limits>;
  /** What the source does otherwise. */
  readonly instead?: (source: ServedSource) => Partial<ServedSource>;
}

export async function openDocuments(options: DocumentsOptions): Promise<OpenDocuments> {
  const { documents, limits: some, instead = () => ({}) } = options;
  const limits = { ...DEFAULT_LIMITS, maxReplicaMs: 60_000, ...some };
  const databases = new FaultyDatabases();
  const storage =
    typeof documents === "string"
      ? new LevelStorage({ folder: documents, minFreeBytes: 0, openDatabase: databases.open })
      : documents;
  await storage.open();
  const real = storageSource(storage, limits);
  const replaced = instead(real);
  const source = new Proxy(real, {
    get: (of, name) => Reflect.get(replaced, name) ?? Reflect.get(of, name, of)?.bind(of),
  });
  const replicas = new WorkerReplicas({ limits });
  const jobs: string[] = [];
  const limitsHit: LimitName[] = [];
  const reading = new Reading({
    source,
    limits,
    worker: {
      render: (document, updates, request) => {
        jobs.push(`render ${request.format}`);
        return replicas.render(document, updates, request);
      },
      summarize: (document, updates) => {
        jobs.push("summarize");
        return replicas.summarize(document, updates);
      },
    },
    onLimit: (limit) => void limitsHit.push(limit),
  });
  const close = async (): Promise<void> => {
    await Promise.all([source.close(), replicas.close()]);
    await storage.close();
  };
  return { reading, limits, databases, storage, jobs, limitsHit, close };
}

export interface ReadingStage extends ApiStage, Omit<OpenDocuments, "close" | "limits"> {
  /** Asks as who may all. */
  read(path: string, asking?: Partial<Asking>): ReturnType<ApiStage["ask"]>;
}

/**
 * @param documents Those of others, or such as are closed with the test.
 * @param access What to do otherwise than who really decides.
 */
export async function openReading(
  documents: OpenDocuments | DocumentsOptions,
  access: Partial<AccessDoor> = {},
): Promise<ReadingStage> {
  const isShared = "reading" in documents;
  const opened = isShared ? documents : await openDocuments(documents);
  if (!isShared) onTestFinished(() => opened.close());
  const { reading, limits } = opened;
  opened.jobs.splice(0);
  const stage = await openApi({ limits, services: { reading }, instead: access });
  const read = (path: string, asking: Partial<Asking> = {}) =>
    stage.ask({ path, token: "manager", ...asking });
  return { ...opened, ...stage, read };
}

/** The path of a document, below the API's own. */
export function pathTo(name: string, rest = ""): string {
  return `/documents/${encodeURIComponent(name)}${rest}`;
}
