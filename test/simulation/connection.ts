import type { JoineryError } from "@joinery/shared";
import type { Outbox } from "../../server/src/engine/ports.ts";
import type { Session } from "../../server/src/engine/session.ts";

/** Whoever is at the client's end of a connection. */
export interface ClientEnd {
  readonly name: string;
  received(frame: Uint8Array): void;
  /** The connection is gone; `null` when nobody said why. */
  disconnected(reason: JoineryError | null): void;
}

/** What a client sends: a call of the session, once it arrives. */
export type Input = (session: Session) => void;

export interface ConnectionOptions {
  readonly client: ClientEnd;
  readonly open: (outbox: Outbox) => Session;
  /** Sees frames before they are sent. */
  readonly watch: (connection: Connection, frames: readonly Uint8Array[]) => void;
  /** Whether input that has already arrived is delivered while input is paused, as the port allows. */
  readonly deliversPausedInput: boolean;
}

/**
 * One connection: ordered and reliable in both directions for as long as it lives, and as slow as the scenario
 * wants. Its two ends learn separately that it is gone.
 */
export class Connection implements Outbox {
  readonly session: Session;
  bufferedBytes = 0;
  /** Pauses that were not resumed. */
  pauses = 0;
  readonly #options: ConnectionOptions;
  readonly #toServer: Input[] = [];
  readonly #toClient: Uint8Array[] = [];
  #isStalled = false;
  #closeReason: JoineryError | null = null;
  #clientIsGone = false;
  #serverIsGone = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.session = options.open(this);
  }

  get client(): ClientEnd {
    return this.#options.client;
  }

  get isGone(): boolean {
    return this.#clientIsGone && this.#serverIsGone;
  }

  /** Whether the client is gone and the server does not know. */
  get isHalfOpen(): boolean {
    return this.#clientIsGone && !this.#serverIsGone;
  }

  /** Whether there is nothing on its way that could arrive. */
  get isIdle(): boolean {
    return this.isGone || (this.#toServer.length === 0 && this.#toClient.length === 0 && !this.#isClosing);
  }

  get #isClosing(): boolean {
    return this.#closeReason !== null && !this.#clientIsGone;
  }

  // The client's end.

  say(input: Input): void {
    if (!this.#serverIsGone) this.#toServer.push(input);
  }

  /** The client stops reading. */
  stall(): void {
    this.#isStalled = true;
  }

  readAgain(): void {
    this.#isStalled = false;
  }

  /** Lets the client read at most this many frames. */
  deliverToClient(maxFrames: number): void {
    if (this.#isStalled || this.#clientIsGone) return;
    for (let i = 0; i < maxFrames; i++) {
      const frame = this.#toClient.shift();
      if (!frame) break;
      this.bufferedBytes -= frame.length;
      this.client.received(frame);
    }
    if (this.#toClient.length > 0) return;
    if (this.#isClosing) this.loseClient();
    else this.session.drained();
  }

  /** The client's end is gone. The server has not noticed, and what is under way to it still arrives. */
  loseClient(): void {
    if (this.#clientIsGone) return;
    this.#clientIsGone = true;
    this.client.disconnected(this.#closeReason);
  }

  // The server's end.

  /** Lets the server read at most this many inputs. */
  deliverToServer(maxInputs: number): void {
    for (let i = 0; i < maxInputs && this.#isRead; i++) this.#toServer.shift()?.(this.session);
  }

  get #isRead(): boolean {
    return !this.#serverIsGone && (this.pauses === 0 || this.#options.deliversPausedInput);
  }

  /** The server notices that the client is gone. */
  noticeLoss(): void {
    this.#endServer();
    this.#toClient.length = 0;
    this.bufferedBytes = 0;
    this.session.left();
  }

  /** The connection breaks, and both ends know it at once. */
  breakOff(): void {
    this.loseClient();
    this.noticeLoss();
  }

  #endServer(): void {
    this.#serverIsGone = true;
    this.#toServer.length = 0;
  }

  // Outbox

  get remainingBytes(): number {
    return this.bufferedBytes;
  }

  send(frames: readonly Uint8Array[]): void {
    if (this.#serverIsGone) return;
    this.#options.watch(this, frames);
    for (const frame of frames) {
      this.#toClient.push(frame);
      this.bufferedBytes += frame.length;
    }
  }

  pauseInput(): void {
    this.pauses++;
  }

  resumeInput(): void {
    this.pauses--;
  }

  probe(_timeoutMs: number, onSilent: () => void): void {
    // Whoever is there answers at once.
    if (this.isHalfOpen) onSilent();
  }

  close(reason: JoineryError): void {
    if (this.#serverIsGone) return;
    this.#closeReason = reason;
    this.#endServer();
  }
}
