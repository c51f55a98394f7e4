/**
 * What extensions have of the server: the part of a `Hocuspocus` object that does not depend on how clients are served.
 */

import type { DirectConnection } from "./direct-connection.ts";
import type { HookChain } from "./hook-chain.ts";
import { HOOKS, type HookName } from "./hooks.ts";
import type { Context, HostedConnection } from "./hosted-connection.ts";
import type { HostedDocument } from "./hosted-document.ts";
import { closingWith } from "./refusal.ts";
import type { Stores } from "./stores.ts";

/** Everything that an extension may do with all documents. */
export interface InstanceHost {
  readonly chain: HookChain;
  readonly stores: Stores;
  /** Documents that are loaded, hosted or not. */
  readonly documentsCount: number;
  /** Direct connections to all documents. */
  readonly directsCount: number;
  /** Those who are in documents; in one if that is named. */
  connectionsOf(documentName?: string): Iterable<HostedConnection>;
  openDirectConnection(documentName: string, context: Context): Promise<DirectConnection>;
}

/** The version of Hocuspocus whose hooks these are. */
export const HOCUSPOCUS_VERSION = "4.7.0";

const NAMES: readonly string[] = Object.keys(HOOKS);

export class HostInstance {
  /** Configuration as Hocuspocus has it, with the extensions in the order in which they are called. */
  readonly configuration: object;
  /** Documents that extensions see, by name. */
  readonly documents = new Map<string, HostedDocument>();
  readonly #host: InstanceHost;

  constructor(host: InstanceHost, configuration: object) {
    this.#host = host;
    this.configuration = configuration;
  }

  getDocumentsCount(): number {
    return this.#host.documentsCount;
  }

  /** Connections that have a document open, and direct ones. */
  getConnectionsCount(): number {
    const sockets = new Set([...this.#host.connectionsOf()].map(({ socketId }) => socketId));
    return sockets.size + this.#host.directsCount;
  }

  /** Stores now what waits for its time. */
  flushPendingStores(): void {
    void this.#host.stores.storeAll();
  }

  /** Sends everybody away, or those who are in one document; they come back. */
  closeConnections(documentName?: string): void {
    const reset = closingWith();
    for (const { session } of [...this.#host.connectionsOf(documentName)]) session?.close(reset);
  }

  async openDirectConnection(documentName: string, context: Context = {}): Promise<DirectConnection> {
    return await this.#host.openDirectConnection(documentName, context);
  }

  /** Calls the hooks of a name, one after the other; rejects with what one threw. */
  async hooks(
    name: string,
    payload: object,
    callback: ((result: unknown) => void) | null = null,
  ): Promise<void> {
    if (!NAMES.includes(name)) throw new Error(`there is no hook ${name}`);
    // reason: it is one of the names of the table.
    const call = { document: documentIn(payload), ...(callback && { onResult: callback }) };
    await this.#host.chain.run(name as HookName, payload, call);
  }

  /** Stores a document now. @returns Whether that succeeded. */
  async storeDocumentHooks(document: { readonly name: string }): Promise<boolean> {
    return await this.#host.stores.storeNow(document.name);
  }

  /** Documents leave memory by themselves, when nobody is in them. */
  unloadDocument(): Promise<void> {
    return Promise.resolve();
  }
}

function documentIn(payload: object): string | null {
  return "documentName" in payload && typeof payload.documentName === "string" ? payload.documentName : null;
}
