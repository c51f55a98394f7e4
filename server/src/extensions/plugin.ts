/**
 * What an application adds to a server. Our own hooks are one plugin, all Hocuspocus extensions together are another;
 * the server asks each in turn and knows of neither what it does. Without plugins nothing of this costs anything.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { LimitName, Limits } from "@joinery/shared";
import type { RoomObserver } from "../engine/observer.ts";
import type { Clock } from "../engine/ports.ts";
import type { Rooms } from "../engine/rooms.ts";
import type { Admissions } from "../protocols/admission.ts";

/** What a plugin is given of the server. */
export interface PluginServer {
  readonly rooms: Rooms;
  readonly clock: Clock;
  readonly limits: Limits;
  /** Something that the application did failed, or took too long. Never throws. */
  report(event: PluginEvent): void;
  /** A limit was reached. */
  countLimit(limit: LimitName): void;
  /** A function of the application is called: `change`, `onChange`. */
  countCall?(hook: string): void;
}

/** What happened in the application's own functions that a person may want to know. */
export interface PluginEvent {
  readonly type: "hook-failed" | "hook-timed-out" | "hook-slow";
  /** Name of the function: `change`, or `Logger.onChange`. */
  readonly hook: string;
  /** The document that it was about; `null` for none. */
  readonly document: string | null;
  readonly error: Error | null;
  readonly ms: number;
}

/** Numbers for people and metrics. */
export interface PluginCounts {
  /** Documents of which extensions see a Y.Doc. */
  readonly hostedDocuments: number;
  /** Their encoded size, in bytes. */
  readonly hostedBytes: number;
  /** Documents of which the application has not stored all that it is to store. */
  readonly pendingStores: number;
  /** Those of which that failed the last time. */
  readonly failingStores: number;
}

export interface Plugin {
  /** Who may open a document; `null` where the plugin has no say. */
  readonly admissions: Admissions | null;
  /** Who is told of rooms; `null` where nobody wants to know. */
  readonly observer: RoomObserver | null;
  /** Nothing is counted where it is not there. */
  readonly counts?: PluginCounts;
  /** The server begins: called once, before anything else. Rejects: the server does not begin. */
  start(server: PluginServer): Promise<void>;
  /** The server listens on a port of its own. */
  listening?(address: { readonly host: string; readonly port: number }): Promise<void>;
  /** An HTTP request to the server's own port. @returns Whether the plugin answers it. */
  request?(request: IncomingMessage, response: ServerResponse): Promise<boolean>;
  /** A WebSocket is about to be accepted. @returns Whether it may be; if not, the plugin has dealt with the socket. */
  upgrade?(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<boolean>;
  /** Everything that clients sent is on disk and nothing more comes: what the application has to store is stored now. */
  draining?(): Promise<void>;
  /** The server has closed. */
  close?(): Promise<void>;
}
