import { DEFAULT_LIMITS, type JoineryError, toJoineryError } from "@joinery/shared";
import type { Outbox } from "../../server/src/engine/ports.ts";
import type { Rooms } from "../../server/src/engine/rooms.ts";
import { admitAs, NO_REQUEST, type Principal } from "../../server/src/protocols/admission.ts";
import type { DialectDriver } from "../../server/src/protocols/driver.ts";
import { yWebsocketDriver } from "../../server/src/protocols/y-websocket.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** Nobody has to be asked who may open a document, so there is nothing to wait for. */
const startDriver = yWebsocketDriver({
  clock: new FakeClock(),
  limits: DEFAULT_LIMITS,
  onLimit: () => undefined,
});

/**
 * One y-websocket connection without a socket: what the transport does around a driver, and nothing else. Frames
 * for the client wait in `arrived` until somebody takes them.
 */
export class Link implements Outbox {
  readonly arrived: Uint8Array[] = [];
  readonly bufferedBytes = 0;
  readonly remainingBytes = 0;
  closed: JoineryError | null = null;
  /** How often it was asked for a sign of life. */
  probes = 0;
  /** What a driver threw that is no answer to a client. */
  escaped: unknown = null;
  readonly #driver: DialectDriver | null = null;
  /** What the client sent while it was not read. */
  readonly #unread: Uint8Array[] = [];
  #pauses = 0;

  constructor(rooms: Rooms, path: string, principal: Principal) {
    try {
      this.#driver = startDriver({
        rooms,
        outbox: this,
        admissions: admitAs(principal),
        request: NO_REQUEST,
        path,
      });
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  /** The client sends one message. */
  receive(frame: Uint8Array): void {
    if (this.closed) return;
    if (this.#pauses > 0) {
      this.#unread.push(frame);
      return;
    }
    try {
      this.#driver?.receive(frame);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  /** The client goes away. */
  leave(): void {
    this.#driver?.closed();
  }

  /** Whether there is something that the server has not read. */
  get hasUnread(): boolean {
    return this.#unread.length > 0 && !this.closed;
  }

  // Outbox

  send(frames: readonly Uint8Array[]): void {
    if (!this.closed) this.arrived.push(...frames);
  }

  pauseInput(): void {
    this.#pauses++;
  }

  resumeInput(): void {
    this.#pauses--;
  }

  /** Delivers what was not read while input was paused. Returns whether there was anything. */
  readAgain(): boolean {
    if (this.#pauses > 0 || this.#unread.length === 0) return false;
    for (const frame of this.#unread.splice(0)) this.receive(frame);
    return true;
  }

  /** Everybody here is alive. */
  probe(): void {
    this.probes++;
  }

  close(error: JoineryError): void {
    this.closed ??= error;
  }

  #fail(thrown: unknown): void {
    const error = toJoineryError(thrown);
    if (error.code === "INTERNAL") this.escaped = thrown;
    this.close(error);
    this.#driver?.closed();
  }
}
