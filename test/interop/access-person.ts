/** Somebody in a document by the published client of one protocol, who shows a token. */

import { onTestFinished, vi } from "vitest";
import type * as Y from "yjs";
import { HocuspocusPeer, type ProviderVersion } from "../support/hocuspocus-peer.ts";
import { Peer } from "../support/peer.ts";
import { until } from "../support/until.ts";
import { openClient, textOf } from "./native-client.ts";

export interface Person {
  readonly text: Y.Text;
  readonly clientId: number;
  /** Resolves when it has what the server has. */
  synced(): Promise<void>;
  announce(state: Record<string, unknown>): void;
  /** What it sees of somebody else. */
  stateOf(clientId: number): Record<string, unknown> | undefined;
  /** Waits until it was told that it may only read, or that it may write again where the protocol can say so. */
  isTold(permission: "read" | "write"): Promise<void>;
  /** Waits until it was sent away, and knows why as far as the protocol can say. */
  isSentAway(reason: string): Promise<void>;
  leave(): void;
}

export interface Visit {
  readonly url: string;
  readonly document: string;
  /** Asked each time that a token is needed. */
  readonly token: () => string | Promise<string>;
}

export const PROTOCOLS = ["native", "y-websocket", "Hocuspocus 2", "Hocuspocus 3", "Hocuspocus 4"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

export async function visit(protocol: Protocol, how: Visit): Promise<Person> {
  const person = await open(protocol, how);
  onTestFinished(() => person.leave());
  return person;
}

async function open(protocol: Protocol, how: Visit): Promise<Person> {
  if (protocol === "native") return native(how);
  if (protocol === "y-websocket") return await yWebsocket(how);
  return hocuspocus(Number(protocol.at(-1)) as ProviderVersion, how);
}

function native({ url, document, token }: Visit): Person {
  const client = openClient({ url, token });
  const handle = client.open(document);
  const told: string[] = [];
  const ends: string[] = [];
  handle.on("permission", ({ permission }) => told.push(permission));
  handle.on("status", ({ reason }) => ends.push(reason ?? ""));
  return {
    text: textOf(handle),
    clientId: handle.doc.clientID,
    synced: async () => void (await handle.whenSynced()),
    announce: (state) => handle.awareness.setLocalState(state),
    stateOf: (clientId) => handle.awareness.getStates().get(clientId),
    isTold: (permission) => until(`to be told ${permission}`, () => told.at(-1) === permission),
    isSentAway: (reason) =>
      until(`to be told ${reason}`, () => ends.some((end) => end.includes(reason)), { saw: () => ends }),
    leave: () => void client.close(),
  };
}

async function yWebsocket({ url, document, token }: Visit): Promise<Person> {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  onTestFinished(() => warn.mockRestore());
  const protocols = ["y-websocket", `joinery-token.${await token()}`];
  const peer = new Peer(url, document, { protocols });
  const reasons: string[] = [];
  peer.provider.on("connection-close", (event) => reasons.push(event?.reason ?? ""));
  const denials = () => warn.mock.calls.filter(([text]) => String(text).startsWith("Permission denied"));
  return {
    text: peer.text,
    clientId: peer.doc.clientID,
    synced: async () => void (await peer.synced()),
    announce: (state) => peer.awareness.setLocalState(state),
    stateOf: (clientId) => peer.awareness.getStates().get(clientId),
    isTold: async (permission) => {
      if (permission === "read") await until("to be told", () => denials().length > 0);
    },
    isSentAway: (reason) =>
      until(`to be told ${reason}`, () => reasons.some((one) => one.includes(reason)), {
        saw: () => reasons,
      }),
    leave: () => peer.leave(),
  };
}

function hocuspocus(version: ProviderVersion, { url, document, token }: Visit): Person {
  const peer = new HocuspocusPeer(version, url, document, { token: async () => await token() });
  return {
    text: peer.text,
    clientId: peer.doc.clientID,
    synced: async () => void (await peer.synced()),
    announce: (state) => peer.awareness.setLocalState(state),
    stateOf: (clientId) => peer.awareness.getStates().get(clientId),
    isTold: (permission) => {
      const scope = permission === "read" ? "readonly" : "read-write";
      return until(`to be told ${scope}`, () => peer.provider.authorizedScope === scope, {
        saw: () => peer.scopes,
      });
    },
    isSentAway: (reason) =>
      until(`to be told ${reason}`, () => peer.denials.some((one) => one.includes(reason)), {
        saw: () => JSON.stringify([peer.denials, peer.closeCodes]),
      }),
    leave: () => peer.leave(),
  };
}
