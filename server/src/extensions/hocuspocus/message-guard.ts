/**
 * Shows extensions what clients send, before it is let in: `beforeHandleMessage`, `beforeSync`,
 * `beforeHandleAwareness`, and `onStateless`. What a client sends next waits; what others send does not.
 */

import type { Guard, SessionInput } from "../../engine/guard.ts";
import type { Session } from "../../engine/session.ts";
import { ShownStates } from "./awareness-states.ts";
import type { HookChain } from "./hook-chain.ts";
import type { HookName } from "./hooks.ts";
import type { HostedConnection } from "./hosted-connection.ts";
import type { HostedRoom } from "./hosted-room.ts";
import { isStateless, messageBytes, syncMessageOf, textOf } from "./message-bytes.ts";
import { refusalOf } from "./refusal.ts";

/** The hooks for which there is a guard. */
export const GUARD_HOOKS: readonly HookName[] = [
  "beforeHandleMessage",
  "afterHandleMessage",
  "beforeSync",
  "beforeHandleAwareness",
  "onStateless",
];

/** Stateless messages of one client that extensions have not finished with; the next one waits. */
const MAX_PENDING_STATELESS = 16;

type InputOf<Kind extends SessionInput["kind"]> = Extract<SessionInput, { kind: Kind }>;

/** Where a client is; `null` for one that extensions know nothing of. */
export type FindPlace = (
  session: Session,
) => { readonly room: HostedRoom; readonly connection: HostedConnection } | null;

export class MessageGuard implements Guard<Session> {
  readonly #chain: HookChain;
  readonly #find: FindPlace;
  readonly #looksAtAll: boolean;

  constructor(chain: HookChain, find: FindPlace) {
    this.#chain = chain;
    this.#find = find;
    this.#looksAtAll = chain.has("beforeHandleMessage");
  }

  before<Input extends SessionInput>(session: Session, input: Input): Promise<Input | null> | null {
    const place = this.#find(session);
    if (place === null) return null;
    const { room, connection } = place;
    if (!this.#concerns(input) && connection.afterMessage === null) return null;
    // reason: what is let in is of the kind of what was looked at.
    return this.#look(room, connection, input) as Promise<Input | null>;
  }

  after(session: Session, input: SessionInput): void {
    const place = this.#chain.has("afterHandleMessage") ? this.#find(session) : null;
    if (place === null) return;
    const { room, connection } = place;
    const done = Promise.withResolvers<void>();
    connection.afterMessage = done.promise;
    // What was handled reaches the document at the end of the turn.
    room.afterTold(() => {
      const payload = this.#messagePayload(room, connection, input);
      const told = this.#chain.told("afterHandleMessage", payload, room.name);
      void told.then(() => {
        if (connection.afterMessage === done.promise) connection.afterMessage = null;
        done.resolve();
      });
    });
  }

  #concerns(input: SessionInput): boolean {
    if (this.#looksAtAll) return true;
    switch (input.kind) {
      case "sync":
      case "update":
        return this.#chain.has("beforeSync");
      case "presence":
        return this.#chain.has("beforeHandleAwareness");
      case "signal":
        return isStateless(input.signal) && this.#chain.has("onStateless");
    }
  }

  async #look(
    room: HostedRoom,
    connection: HostedConnection,
    input: SessionInput,
  ): Promise<SessionInput | null> {
    await connection.afterMessage;
    try {
      if (this.#looksAtAll) {
        const payload = this.#messagePayload(room, connection, input);
        await this.#chain.run("beforeHandleMessage", payload, { document: room.name });
      }
      switch (input.kind) {
        case "sync":
        case "update":
          await this.#lookAtSync(room, connection, input);
          return input;
        case "presence":
          return await this.#lookAtPresence(room, connection, input);
        case "signal":
          await this.#hear(room, connection, input);
          return input;
      }
    } catch (thrown) {
      const refusal = refusalOf(thrown);
      // There, too, what goes wrong ends the connection; and the session would go on where it is only refused.
      if (input.kind !== "presence") connection.session?.close(refusal);
      throw refusal;
    }
  }

  async #lookAtSync(
    room: HostedRoom,
    connection: HostedConnection,
    input: InputOf<"sync" | "update">,
  ): Promise<void> {
    if (!this.#chain.has("beforeSync")) return;
    const { document, name: documentName, clientsCount } = room;
    const { context } = connection;
    const payload = { clientsCount, context, document, documentName, connection, ...syncMessageOf(input) };
    await this.#chain.run("beforeSync", payload, { document: documentName });
  }

  async #lookAtPresence(
    room: HostedRoom,
    connection: HostedConnection,
    input: InputOf<"presence">,
  ): Promise<InputOf<"presence">> {
    if (!this.#chain.has("beforeHandleAwareness")) return input;
    const { awareness } = room.hosted;
    const shown = new ShownStates(input.entries);
    const about = { ...room.fields, ...connection.requestFields, context: connection.context, connection };
    const transactionOrigin = { source: "connection", connection };
    const payload = { ...about, awareness, states: shown.states, transactionOrigin };
    await this.#chain.run("beforeHandleAwareness", payload, { document: room.name });
    return { ...input, entries: shown.entries(awareness) };
  }

  async #hear(room: HostedRoom, connection: HostedConnection, { signal }: InputOf<"signal">): Promise<void> {
    if (!isStateless(signal) || !this.#chain.has("onStateless")) return;
    const { document, name: documentName } = room;
    const payload = { connection, document, documentName, payload: textOf(signal) };
    connection.pendingStateless++;
    const heard = this.#chain.told("onStateless", payload, documentName).then(() => {
      connection.pendingStateless--;
    });
    if (connection.pendingStateless >= MAX_PENDING_STATELESS) await heard;
  }

  #messagePayload(room: HostedRoom, connection: HostedConnection, input: SessionInput): object {
    const { context, requestFields } = connection;
    const update = messageBytes(room.name, input);
    return { ...room.fields, ...requestFields, context, connection, update };
  }
}
