/** The published Hocuspocus providers of three major versions, as one kind of peer. */

import * as provider4 from "@hocuspocus/provider";
import * as provider2 from "hocuspocus-provider-2";
import * as provider3 from "hocuspocus-provider-3";
import { WebSocket } from "ws";
import type { Awareness } from "y-protocols/awareness";
import * as Y from "yjs";
import { TEXT } from "./peer.ts";
import { type UntilOptions, until } from "./until.ts";

export type ProviderVersion = 2 | 3 | 4;
export const PROVIDER_VERSIONS: readonly ProviderVersion[] = [2, 3, 4];

/** What the versions have in common, as far as tests use it. */
export interface Provider {
  readonly document: Y.Doc;
  readonly awareness: Awareness | null;
  readonly synced: boolean;
  readonly hasUnsyncedChanges: boolean;
  readonly unsyncedChanges: number;
  readonly isAuthenticated: boolean;
  readonly authorizedScope: string | undefined;
  sendStateless(payload: string): void;
  forceSync(): void;
  on(event: string, listen: (event: never) => void): unknown;
  destroy(): void;
}

/** A connection that several providers may share. */
export interface ProviderSocket {
  readonly status: string;
  disconnect(): void;
  connect(): Promise<unknown>;
  destroy(): void;
}

const PACKAGES = { 2: provider2, 3: provider3, 4: provider4 } as const;

export interface HocuspocusPeerOptions {
  readonly doc?: Y.Doc;
  /** One that others use too; a new one unless told. */
  readonly socket?: ProviderSocket;
  readonly token?: string | (() => string) | (() => Promise<string>);
  /** Version 4 only. */
  readonly sessionAwareness?: boolean;
  /** For how long edits are collected before they are sent. Version 4 only. Default: each is sent at once. */
  readonly flushDelayMs?: number;
  /** Default: the provider's own. */
  readonly delayMs?: number;
}

/**
 * Version 2 takes its listeners away before it closes a socket; one that is still connecting then tells nobody that it
 * failed, which ends a process.
 */
class ListenedWebSocket extends WebSocket {
  constructor(...args: ConstructorParameters<typeof WebSocket>) {
    super(...args);
    this.on("error", () => undefined);
  }
}

export function openProviderSocket(version: ProviderVersion, wsUrl: string, delayMs = 100): ProviderSocket {
  const options = {
    url: wsUrl,
    WebSocketPolyfill: ListenedWebSocket,
    delay: delayMs,
    minDelay: delayMs,
    maxDelay: 500,
  };
  // reason: the packages' types differ in what nobody here uses.
  return new PACKAGES[version].HocuspocusProviderWebsocket(options as never) as unknown as ProviderSocket;
}

/** Somebody with a document open by a published provider. */
export class HocuspocusPeer {
  readonly version: ProviderVersion;
  readonly doc: Y.Doc;
  readonly text: Y.Text;
  readonly provider: Provider;
  readonly socket: ProviderSocket;
  /** What the server sent as stateless messages. */
  readonly stateless: string[] = [];
  /** Reasons for which the server did not let it in, or sent it away. */
  readonly denials: string[] = [];
  /** Scopes that it was told; `undefined` where the version does not say. */
  readonly scopes: (string | undefined)[] = [];
  /** Close codes of its connection. */
  readonly closeCodes: number[] = [];
  /** Whether it ever had nothing unsaved. */
  readonly #ownsSocket: boolean;

  constructor(
    version: ProviderVersion,
    wsUrl: string,
    document: string,
    options: HocuspocusPeerOptions = {},
  ) {
    this.version = version;
    this.doc = options.doc ?? new Y.Doc();
    this.text = this.doc.getText(TEXT);
    this.#ownsSocket = options.socket === undefined;
    this.socket = options.socket ?? openProviderSocket(version, wsUrl, options.delayMs);
    const configuration = {
      name: document,
      document: this.doc,
      websocketProvider: this.socket,
      // Peers of one process must hear of each other from the server alone.
      broadcast: false,
      ...(options.token !== undefined && { token: options.token }),
      ...(options.sessionAwareness && { sessionAwareness: true }),
      ...(options.flushDelayMs !== undefined && { flushDelay: options.flushDelayMs }),
      onStateless: ({ payload }: { payload: string }) => this.stateless.push(payload),
      onAuthenticationFailed: ({ reason }: { reason: string }) => this.denials.push(reason),
      onAuthenticated: () => this.scopes.push(this.provider.authorizedScope),
      onClose: ({ event }: { event: { code: number } }) => this.closeCodes.push(event.code),
    };
    const { HocuspocusProvider } = PACKAGES[version];
    // reason: as with the socket.
    const provider = new HocuspocusProvider(configuration as never);
    this.provider = provider as unknown as Provider;
    if ("attach" in provider) provider.attach();
  }

  get awareness(): Awareness {
    return this.provider.awareness as Awareness;
  }

  /** Resolves once the provider says that it has everything. */
  async synced(options?: UntilOptions): Promise<this> {
    await until(`provider ${this.version} to sync`, () => this.provider.synced, options);
    return this;
  }

  /** Resolves once the provider says that nothing of its own is unsaved. */
  async saved(options?: UntilOptions): Promise<this> {
    await until(`provider ${this.version} to be saved`, () => !this.provider.hasUnsyncedChanges, {
      saw: () => this.provider.unsyncedChanges,
      ...options,
    });
    return this;
  }

  async reads(expected: string, options?: UntilOptions): Promise<void> {
    await until(`provider ${this.version} to read ${expected}`, () => this.text.toString() === expected, {
      saw: () => this.text.toString(),
      ...options,
    });
  }

  async sees(clientId: number, test: (state: Record<string, unknown>) => boolean): Promise<void> {
    const { states } = this.awareness;
    await until(`provider ${this.version} to see ${clientId}`, () => {
      const state = states.get(clientId);
      return state !== undefined && test(state);
    });
  }

  async seesNo(clientId: number): Promise<void> {
    await until(`provider ${this.version} to see ${clientId} go`, () => !this.awareness.states.has(clientId));
  }

  leave(): void {
    this.provider.destroy();
    if (this.#ownsSocket) this.socket.destroy();
    this.doc.destroy();
  }
}
