/**
 * A client in a document, as extensions know it: a `Connection` of Hocuspocus. It is made when the client asks to be
 * let in, travels with its session as what is known of it, and is in the document from the moment it was let in.
 */

import type { DocumentName } from "@joinery/shared";
import type * as Y from "yjs";
import { type Action, Rights } from "../../engine/rights.ts";
import type { Session } from "../../engine/session.ts";
import type { AdmissionRequest } from "../../protocols/admission.ts";
import { BoundedGuest } from "../guests.ts";
import { type CloseEvent, closingWith } from "./refusal.ts";
import { parametersOf, type RequestFields, webRequest } from "./web-request.ts";

/** What extensions keep of a client; theirs alone. */
export type Context = Record<string, unknown>;

/** States of a WebSocket. */
const OPEN = 1;
const CLOSED = 3;

/** What a connection needs of its room. */
export interface ConnectionRoom {
  /** `null` where extensions want to see none. */
  readonly document: Y.Doc | null;
  sendStateless(payload: string, isFor: (connection: object) => boolean): void;
}

type CloseCallback = (document: Y.Doc, event?: CloseEvent) => void;

export class HostedConnection extends BoundedGuest {
  readonly documentName: DocumentName;
  readonly socketId: string;
  readonly request: Request;
  readonly providerVersion: string | null;
  readonly sessionId: string | null;
  /** What may be changed until the client is in; then `readOnly` here is the same. */
  readonly connectionConfig = { readOnly: false, isAuthenticated: false };
  context: Context = {};
  /** What was called after the last message and has not finished. */
  afterMessage: Promise<void> | null = null;
  /** Stateless messages that no extension has finished with. */
  pendingStateless = 0;
  readonly #askForToken: () => void;
  readonly #onClose: CloseCallback[] = [];
  #room: ConnectionRoom | null = null;
  #session: Session | null = null;
  readonly #entered = Promise.withResolvers<void>();
  readonly #later: (run: () => void) => void;
  /** What the client may do where no extension holds it to reading: what others say, if somebody does. */
  #allowed = Rights.WRITER;
  /** As it was when the client was let in. */
  #wasReadOnly = false;
  #closeEvent: CloseEvent | undefined;

  /** @param later Has something done at the end of the turn. */
  constructor(
    { connection, document, session, agent, requestToken }: AdmissionRequest,
    later: (run: () => void) => void,
  ) {
    super();
    this.#later = later;
    this.documentName = document;
    this.socketId = connection.id;
    this.request = webRequest(connection);
    this.providerVersion = agent;
    this.sessionId = session ?? null;
    this.#askForToken = requestToken;
  }

  // What extensions use.

  get document(): Y.Doc {
    const document = this.#room?.document ?? null;
    if (document === null)
      throw new Error(`the connection is not in ${this.documentName}, or it is not hosted`);
    return document;
  }

  get readOnly(): boolean {
    return this.connectionConfig.readOnly;
  }

  set readOnly(readOnly: boolean) {
    this.connectionConfig.readOnly = readOnly;
    this.applyPermission();
  }

  get messageAddress(): string {
    return this.sessionId === null ? this.documentName : `${this.documentName}\0${this.sessionId}`;
  }

  /** Not the socket itself, which is the transport's: closes this document's part of it. */
  get webSocket(): { readonly readyState: number; close(code?: number, reason?: string): void } {
    return {
      readyState: this.#session ? OPEN : CLOSED,
      close: (code, reason) =>
        this.close({ ...(code !== undefined && { code }), ...(reason !== undefined && { reason }) }),
    };
  }

  /** Ends the client's session. It comes back, unless the code is one from 4400 to 4499. */
  close(event?: CloseEvent): void {
    this.#closeEvent = event;
    this.#session?.close(closingWith(event));
  }

  sendStateless(payload: string): void {
    this.#room?.sendStateless(payload, (connection) => connection === this);
  }

  /** Asks the client for its token, where its dialect can. */
  requestToken(): void {
    this.#askForToken();
  }

  onClose(callback: CloseCallback): this {
    this.#onClose.push(callback);
    return this;
  }

  /** What the client sent is handled in order by its session; there is no queue here. */
  waitForPendingMessages(): Promise<void> {
    return this.afterMessage ?? Promise.resolve();
  }

  send(): void {
    throw new Error("frames of Hocuspocus cannot be sent: the client may speak another dialect");
  }

  // What the host does.

  get requestFields(): RequestFields {
    return {
      requestHeaders: this.request.headers,
      requestParameters: parametersOf(this.request),
      socketId: this.socketId,
    };
  }

  get rights(): Rights {
    return this.readOnly ? this.#allowed.and(Rights.READER) : this.#allowed;
  }

  bound(rights: Rights): void {
    this.#allowed = rights;
    // Between a decision and its being in force an extension may change its mind.
    if (this.#session) this.#later(() => this.applyPermission());
  }

  /** Resolves when the client is in the document, and never if that could not be loaded. */
  whenEntered(): Promise<void> {
    return this.#entered.promise;
  }

  /** The session, while the client is in the document. */
  get session(): Session | null {
    return this.#session;
  }

  entered(room: ConnectionRoom, session: Session): void {
    this.#room = room;
    this.#session = session;
    this.#stayWithin(session.rights);
    // It may have been changed while the document was loaded.
    this.applyPermission();
    this.#entered.resolve();
  }

  /** @param onThrown Given what a callback threw; the others are called all the same. */
  left(onThrown: (thrown: unknown) => void): void {
    this.#session = null;
    const { document } = this.#room ?? { document: null };
    if (document === null) return;
    for (const callback of this.#onClose) {
      try {
        callback(document, this.#closeEvent);
      } catch (thrown) {
        onThrown(thrown);
      }
    }
  }

  /** Adds what a hook returned to what extensions keep. */
  addToContext(result: unknown): void {
    if (typeof result === "object" && result !== null) this.context = { ...this.context, ...result };
  }

  /** The client may open the document. */
  admitted(): void {
    this.connectionConfig.isAuthenticated = true;
    this.#wasReadOnly = this.readOnly;
  }

  applyPermission(): void {
    this.#session?.setRights(this.rights, "an extension changed what this connection may do");
  }

  /** The session may have been opened with less than was said. Of what `readOnly` took from it nothing can be seen. */
  #stayWithin(rights: Rights): void {
    const isGiven = (action: Action) =>
      rights.has(action) || (this.#wasReadOnly && !Rights.READER.has(action));
    this.#allowed = Rights.of(this.#allowed.actions.filter(isGiven));
  }
}
