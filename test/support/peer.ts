import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";
import { type UntilOptions, until, within } from "./until.ts";

export interface PeerOptions {
  readonly doc?: Y.Doc;
  /** Client id of a new doc; random unless told. */
  readonly clientId?: number;
  /** The path of the URL as it is, for names that {@link roomName} would write otherwise. */
  readonly path?: string;
  /** What the URL's query says besides. */
  readonly params?: Record<string, string>;
  /** Subprotocols that are offered. */
  readonly protocols?: string[];
  /** Longest pause before the provider tries to connect again. */
  readonly maxBackoffMs?: number;
}

/** The Y.Text that peers type into. */
export const TEXT = "text";

/**
 * The name as an application puts it in the room name of a provider, which appends that to the URL as it is.
 * Slashes are escaped too: URLs lose segments of dots otherwise.
 */
function roomName(document: string): string {
  return encodeURIComponent(document);
}

/** Somebody with a document open: a Y.Doc and the published provider, as an application has them. */
export class Peer {
  readonly doc: Y.Doc;
  readonly text: Y.Text;
  readonly provider: WebsocketProvider;
  /** Close codes of connections that the other end closed, in order. */
  readonly closeCodes: number[] = [];

  /**
   * @param wsUrl The server's URL, without a path.
   * @param document The document's name.
   */
  constructor(wsUrl: string, document: string, options: PeerOptions = {}) {
    this.doc = options.doc ?? new Y.Doc();
    if (options.clientId !== undefined) this.doc.clientID = options.clientId;
    this.text = this.doc.getText(TEXT);
    this.provider = new WebsocketProvider(wsUrl, options.path ?? roomName(document), this.doc, {
      // Peers of one process must hear of each other from the server alone.
      disableBc: true,
      ...(options.params && { params: options.params }),
      ...(options.protocols && { protocols: options.protocols }),
      maxBackoffTime: options.maxBackoffMs ?? 500,
    });
    this.provider.on("connection-close", (event) => {
      if (event !== null) this.closeCodes.push(event.code);
    });
  }

  get awareness(): WebsocketProvider["awareness"] {
    return this.provider.awareness;
  }

  /** Resolves once the server has said that it sent everything. */
  async synced(options?: UntilOptions): Promise<this> {
    if (!this.provider.synced) {
      const synced = new Promise<void>((resolve) => this.provider.once("sync", () => resolve()));
      await within(`${this.provider.roomname} to sync`, synced, options);
    }
    return this;
  }

  /** Resolves once the text is exactly this. */
  async reads(expected: string, options?: UntilOptions): Promise<void> {
    const { text } = this;
    const holds = () => text.length === expected.length && text.toString() === expected;
    await this.#changes(
      "the expected text",
      holds,
      () => `${text.length} of ${expected.length} characters`,
      options,
    );
  }

  /** Resolves once this peer has every struct and deletion that the other one has now. */
  async has(other: Peer, options?: UntilOptions): Promise<void> {
    const target = Y.snapshot(other.doc);
    const holds = () => containsSnapshot(Y.snapshot(this.doc), target);
    await this.#changes("what the other peer has", holds, () => `${this.text.length} characters`, options);
  }

  async #changes(
    what: string,
    holds: () => boolean,
    saw: () => string,
    options?: UntilOptions,
  ): Promise<void> {
    if (holds()) return;
    const changed = new Promise<void>((resolve) => {
      const check = () => {
        if (!holds()) return;
        this.doc.off("update", check);
        resolve();
      };
      this.doc.on("update", check);
    });
    await within(`${this.provider.roomname}: ${what}`, changed, { saw, ...options });
  }

  /** Resolves once this peer has what the client made up to this clock. */
  async hasClock(clientId: number, clock: number, options?: UntilOptions): Promise<void> {
    const known = () => Y.getState(this.doc.store, clientId);
    const saw = () => `clock ${known()} of ${clock}`;
    await this.#changes(`what client ${clientId} made`, () => known() >= clock, saw, options);
  }

  /** Resolves once this peer sees the client's presence, and it passes the test. */
  async sees(
    clientId: number,
    test: (state: Record<string, unknown>) => boolean = () => true,
    options?: UntilOptions,
  ): Promise<void> {
    const states = this.awareness.getStates();
    await until(
      `client ${clientId} to be seen`,
      () => {
        const state = states.get(clientId);
        return state !== undefined && test(state);
      },
      { saw: () => JSON.stringify([...states]), ...options },
    );
  }

  async seesNo(clientId: number, options?: UntilOptions): Promise<void> {
    const states = this.awareness.getStates();
    await until(`client ${clientId} to be gone`, () => !states.has(clientId), {
      saw: () => JSON.stringify([...states]),
      ...options,
    });
  }

  /** Leaves as a closed window does: presence withdrawn, connection closed. */
  leave(): void {
    this.provider.destroy();
    this.doc.destroy();
  }
}

/** Whether one state includes another: all of its structs and all of its deletions. */
export function containsSnapshot(whole: Y.Snapshot, part: Y.Snapshot): boolean {
  for (const [client, clock] of part.sv) if ((whole.sv.get(client) ?? 0) < clock) return false;
  const merged = Y.mergeDeleteSets([whole.ds, part.ds]);
  return Y.equalDeleteSets(merged, whole.ds);
}
