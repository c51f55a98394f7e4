/**
 * Connections without a socket: client and engine in one process, for tests and for who embeds both. Messages arrive
 * in order, at the end of a turn, and are not copied: neither side may change what it has sent.
 */

import {
  type JoineryError,
  type LimitName,
  type Limits,
  publicMessageOf,
  toJoineryError,
} from "@joinery/shared";
import { CAPABILITIES } from "@joinery/shared/protocol";
import type { Clock, Outbox } from "../engine/ports.ts";
import type { Rooms } from "../engine/rooms.ts";
import { type Admissions, ANONYMOUS, admitAs, NO_REQUEST } from "../protocols/admission.ts";
import { bySubprotocol } from "../protocols/by-subprotocol.ts";
import type { DialectDriver, DriverFactory } from "../protocols/driver.ts";

/** The client's end of a connection, as the client package has it. */
export interface Socket {
  send(message: Uint8Array): void;
  /** @param code Close code, default 1000. */
  close(code?: number, reason?: string): void;
  /** Bytes that were sent and have not arrived. */
  readonly bufferedBytes: number;
}

/** What a connection tells the client. */
export interface SocketEvents {
  opened(): void;
  message(bytes: Uint8Array): void;
  /** Once, and last. 1006 says that nobody said goodbye. */
  closed(code: number, reason: string): void;
}

/** Connects: as the client package has it, too. */
export type Connect = (url: string, subprotocol: string, events: SocketEvents) => Socket;

export interface LoopbackOptions {
  readonly rooms: Rooms;
  readonly clock: Clock;
  readonly limits: Limits;
  /** Who may open a document. Default: everybody, as nobody in particular, who may write. */
  readonly admissions?: Admissions;
  /** What connections speak. Default: what the server speaks, by subprotocol. */
  readonly start?: DriverFactory;
  readonly onLimit?: (limit: LimitName) => void;
}

const KEEP_ALIVE_MS = 15_000;
const EVERYBODY = admitAs(ANONYMOUS);

export class Loopback {
  readonly #options: LoopbackOptions;
  readonly #start: DriverFactory;
  readonly #open = new Set<LoopbackConnection>();
  #closedFor: JoineryError | null = null;

  constructor(options: LoopbackOptions) {
    const { clock, limits, admissions = EVERYBODY, onLimit = () => undefined } = options;
    this.#options = options;
    this.#start =
      options.start ??
      bySubprotocol({
        clock,
        limits,
        onLimit,
        agent: "joinery",
        keepAliveMs: KEEP_ALIVE_MS,
        capabilities: CAPABILITIES.deflate,
        showsUsers: admissions.isAuthenticating,
      });
  }

  /** Connections that are open, in the order of their arrival. */
  get open(): ReadonlySet<LoopbackConnection> {
    return this.#open;
  }

  /** Closes every connection with the error, and those that come later. */
  close(error: JoineryError): void {
    this.#closedFor = error;
    for (const connection of this.#open) connection.close(error);
  }

  /** The URL's path is what the y-websocket dialect reads the document's name from. */
  readonly connect: Connect = (url, subprotocol, events) => {
    const { rooms, clock, admissions = EVERYBODY } = this.#options;
    const path = new URL(url, "ws://loopback").pathname.slice(1);
    const connection = new LoopbackConnection(clock, events, (outbox) => {
      if (this.#closedFor) throw this.#closedFor;
      // Its own: what is known of a connection is kept by it.
      const request = { ...NO_REQUEST };
      return this.#start({ rooms, outbox, admissions, request, path, subprotocol });
    });
    this.#open.add(connection);
    connection.onEnd(() => this.#open.delete(connection));
    return connection.client;
  };
}

/** One connection, with both of its ends. */
export class LoopbackConnection {
  readonly client: Socket;
  readonly #clock: Clock;
  readonly #events: SocketEvents;
  readonly #start: (outbox: Outbox) => DialectDriver;
  readonly #toServer: Uint8Array[] = [];
  readonly #toClient: Uint8Array[] = [];
  #toServerBytes = 0;
  #toClientBytes = 0;
  #driver: DialectDriver | null = null;
  #pauses = 0;
  #isStalled = false;
  #isScheduled = false;
  /** How the connection ends for the client, once it has read what was sent before. */
  #goodbye: { readonly code: number; readonly reason: string } | null = null;
  /** Whether the client has closed it; what it sent before still arrives. */
  #isClientGone = false;
  #isServerGone = false;
  #onEnd: () => void = () => undefined;

  constructor(clock: Clock, events: SocketEvents, start: (outbox: Outbox) => DialectDriver) {
    this.#clock = clock;
    this.#events = events;
    this.#start = start;
    const bufferedBytes = () => this.#toServerBytes;
    this.client = {
      send: (message) => this.#sendToServer(message),
      close: (code = 1000, reason = "") => this.#clientCloses(code, reason),
      get bufferedBytes() {
        return bufferedBytes();
      },
    };
    clock.endOfTurn(() => this.#begin());
  }

  /** Called once when both ends are gone. */
  onEnd(run: () => void): void {
    this.#onEnd = run;
  }

  /** The line breaks: what is on its way is lost, and both ends know it. */
  cut(): void {
    if (this.#isServerGone && this.#isClientGone) return;
    this.#toServer.length = 0;
    this.#toClient.length = 0;
    this.#toServerBytes = 0;
    this.#toClientBytes = 0;
    this.#goodbye ??= { code: 1006, reason: "" };
    this.#isStalled = false;
    this.#endServer();
    this.#endClient();
  }

  /** The client reads nothing more, until {@link readAgain}. */
  stall(): void {
    this.#isStalled = true;
  }

  readAgain(): void {
    this.#isStalled = false;
    this.#schedule();
  }

  /** What the server's transport does now and then. */
  keepAlive(): void {
    this.#driver?.keepAlive();
  }

  goAway(afterMs: number, withinMs: number): void {
    this.#driver?.goAway(afterMs, withinMs);
  }

  /** Ends the connection from the server's side. */
  close(error: JoineryError): void {
    this.#serverCloses(error);
  }

  #begin(): void {
    if (this.#isClientGone || this.#isServerGone) return;
    this.#events.opened();
    try {
      this.#driver = this.#start(this.#serverEnd());
    } catch (thrown) {
      this.#serverCloses(toJoineryError(thrown));
    }
    this.#schedule();
  }

  #serverEnd(): Outbox {
    const bufferedBytes = () => this.#toClientBytes;
    return {
      send: (messages) => this.#sendToClient(messages),
      get bufferedBytes() {
        return bufferedBytes();
      },
      get remainingBytes() {
        return bufferedBytes();
      },
      pauseInput: () => {
        this.#pauses++;
      },
      resumeInput: () => {
        this.#pauses--;
        this.#schedule();
      },
      // Whoever is in this process is there.
      probe: () => undefined,
      close: (error) => this.#serverCloses(error),
    };
  }

  #sendToServer(message: Uint8Array): void {
    if (this.#isClientGone) return;
    this.#toServer.push(message);
    this.#toServerBytes += message.length;
    this.#schedule();
  }

  #sendToClient(messages: readonly Uint8Array[]): void {
    if (this.#goodbye || this.#isClientGone) return;
    for (const message of messages) {
      this.#toClient.push(message);
      this.#toClientBytes += message.length;
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.endOfTurn(() => {
      this.#isScheduled = false;
      this.#deliverToServer();
      this.#deliverToClient();
    });
  }

  #deliverToServer(): void {
    while (this.#driver && !this.#isServerGone && this.#pauses === 0) {
      if (!this.#deliverNext(this.#driver)) break;
      if (!this.#driver.hasRest) continue;
      this.#schedule();
      return;
    }
    if (this.#isClientGone && this.#toServer.length === 0) this.#endServer();
  }

  /** @returns Whether there was something. */
  #deliverNext(driver: DialectDriver): boolean {
    try {
      if (driver.hasRest) driver.goOn?.();
      else {
        const message = this.#toServer.shift();
        if (!message) return false;
        this.#toServerBytes -= message.length;
        driver.receive(message);
      }
    } catch (thrown) {
      this.#serverCloses(toJoineryError(thrown));
    }
    return true;
  }

  #deliverToClient(): void {
    if (this.#isStalled || this.#isClientGone) return;
    const hadSome = this.#toClient.length > 0;
    for (let message = this.#toClient.shift(); message; message = this.#toClient.shift()) {
      this.#toClientBytes -= message.length;
      this.#events.message(message);
      // It may have closed the connection.
      if (this.#isClientGone) return;
    }
    if (this.#goodbye) this.#endClient();
    else if (hadSome && !this.#isServerGone) this.#driver?.drained();
  }

  #clientCloses(code: number, reason: string): void {
    if (this.#isClientGone) return;
    this.#goodbye ??= { code, reason };
    this.#isClientGone = true;
    this.#toClient.length = 0;
    this.#toClientBytes = 0;
    const { code: closeCode, reason: closeReason } = this.#goodbye;
    this.#clock.endOfTurn(() => this.#events.closed(closeCode, closeReason));
    this.#schedule();
    this.#endIfOver();
  }

  #serverCloses(error: JoineryError): void {
    if (this.#goodbye) return;
    this.#driver?.failing(error);
    this.#goodbye = { code: error.row.closeCode, reason: publicMessageOf(error) };
    this.#endServer();
    this.#schedule();
  }

  #endServer(): void {
    if (this.#isServerGone) return;
    this.#isServerGone = true;
    this.#toServer.length = 0;
    this.#toServerBytes = 0;
    this.#driver?.closed();
    this.#endIfOver();
  }

  #endClient(): void {
    if (this.#isClientGone || !this.#goodbye) return;
    this.#isClientGone = true;
    const { code, reason } = this.#goodbye;
    this.#events.closed(code, reason);
    this.#endIfOver();
  }

  #endIfOver(): void {
    if (this.#isClientGone && this.#isServerGone) this.#onEnd();
  }
}
