/**
 * The one connection of a client: opens a socket, keeps it, comes back when it is lost, and carries the documents on
 * it by channel. It knows frames, not documents. `link-state.ts` says which states there are.
 */

import { type ErrorCode, JoineryError } from "@joinery/shared";
import {
  CAPABILITIES,
  clientFrames,
  forEachFrame,
  PROTOCOL_VERSION,
  type RawFrame,
  type ServerFrame,
  type ServerHello,
  SUBPROTOCOL,
} from "@joinery/shared/protocol";
import { Backoff } from "./backoff.ts";
import { type Failure, failureOf, failureOfClose } from "./failure.ts";
import { Heartbeat } from "./heartbeat.ts";
import { readServerFrame, unexpected } from "./incoming.ts";
import { CONNECT_TIMEOUT_MS, MAX_AWAY_MS, OFFLINE_ANSWER_MS, RENEWAL_MS } from "./limits.ts";
import { type LinkEvent, type LinkState, nextLinkState } from "./link-state.ts";
import { Outgoing, type Writer } from "./outgoing.ts";
import type { Environment, Socket, Timer } from "./ports.ts";
import { type Status, status } from "./status.ts";
import { getToken, isFinal, type TokenSource } from "./token.ts";

export interface ConnectionOptions {
  readonly url: string;
  readonly token: TokenSource;
  readonly agent: string;
  readonly environment: Environment;
  /** The state, or something else that is told of it, is different. */
  onChange(): void;
}

/** A document, as its connection knows it. */
export interface ChannelUser extends Writer {
  /** Channels can be opened. */
  linkIsUp(): void;
  /** There are no channels any more. */
  linkIsDown(): void;
  /** @throws JoineryError MALFORMED_FRAME, which ends the connection. */
  receive(frame: ServerFrame): void;
}

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #environment: Environment;
  readonly #outgoing: Outgoing;
  readonly #heartbeat: Heartbeat;
  readonly #backoff: Backoff;
  readonly #users = new Set<ChannelUser>();
  readonly #channels = new Map<number, ChannelUser>();
  readonly #stopListening: readonly (() => void)[];
  #state: LinkState = "idle";
  /** Greater for each attempt: what belongs to an earlier one is not listened to. */
  #attempt = 0;
  #socket: Socket | null = null;
  #fragmentBytes = 0;
  #lastChannel = 0;
  #selected = 0;
  /** Why it is not online, if something happened. */
  #failure: Failure | null = null;
  /** What the server said it is about to close for. */
  #saidFailure: Failure | null = null;
  #timer: Timer | null = null;
  /** For which channels a new token is being got, or was given a moment ago. */
  readonly #renewals = new Map<number, Promise<void>>();
  /** How long the server asked to be left alone once the connection has ended. */
  #awayMs = 0;

  constructor(options: ConnectionOptions) {
    const { environment } = options;
    this.#options = options;
    this.#environment = environment;
    this.#outgoing = new Outgoing(environment.clock);
    this.#backoff = new Backoff(environment);
    this.#heartbeat = new Heartbeat(
      environment.clock,
      () => this.#outgoing.push(0, clientFrames.ping()),
      () => this.#failSilent(),
    );
    this.#stopListening = [
      environment.onWake(() => this.#wake()),
      environment.onOffline(() => this.#heartbeat.probe(OFFLINE_ANSWER_MS)),
    ];
  }

  get state(): LinkState {
    return this.#state;
  }

  /** The same for people. */
  get status(): Status {
    const state = this.#state;
    if (state === "online" || state === "refused" || state === "closed") return status(state, this.#failure);
    if (state === "connecting" || state === "greeting") return status("connecting", this.#failure);
    return status("offline", this.#failure, this.#backoff.retryAtMs);
  }

  /** The way out: what documents say, by channel. */
  get outgoing(): Outgoing {
    return this.#outgoing;
  }

  /** Whether channels can be opened: not only once the server greeted, which would cost a round trip. */
  get isUp(): boolean {
    return this.#state === "greeting" || this.#state === "online";
  }

  /** Largest frame that goes in one piece, in bytes; 0 before the server greeted. */
  get fragmentBytes(): number {
    return this.#fragmentBytes;
  }

  get token(): TokenSource {
    return this.#options.token;
  }

  connect(): void {
    if (this.#state === "waiting" || this.#state === "refused") this.#backoff.reset();
    this.#step("connect");
  }

  disconnect(): void {
    this.#failure = null;
    this.#step("disconnect");
  }

  close(): void {
    for (const stop of this.#stopListening) stop();
    this.#failure = null;
    this.#step("close");
  }

  /** Lets a document on; it is told at once if channels can be opened. */
  add(user: ChannelUser): void {
    this.#users.add(user);
    if (this.isUp) user.linkIsUp();
  }

  delete(user: ChannelUser): void {
    this.#users.delete(user);
    this.#outgoing.forget(user);
  }

  /** @returns The channel's number, for the document's OPEN. */
  openChannel(user: ChannelUser): number {
    const channel = ++this.#lastChannel;
    this.#channels.set(channel, user);
    return channel;
  }

  /** What still comes on the channel is ignored from now on. */
  closeChannel(channel: number): void {
    this.#channels.delete(channel);
  }

  /** The server does not keep to the protocol. */
  broken(thrown: unknown): void {
    this.#fail(failureOf(thrown, "backoff"));
  }

  /**
   * Gives the server a new token while the connection goes on.
   *
   * @param channel Of the document that it is for; 0 for the connection.
   * Rejects as the application's token function does.
   */
  async refreshToken(source = this.token, channel = 0): Promise<void> {
    const attempt = this.#attempt;
    const token = await getToken(source, this.#environment.clock);
    if (this.isUp && attempt === this.#attempt) this.#outgoing.push(0, clientFrames.token(channel, token));
  }

  /** As {@link refreshToken}, once for all who want it at the same time, or a moment after. */
  renewToken(source = this.token, channel = 0): Promise<void> {
    let renewal = this.#renewals.get(channel);
    if (!renewal) {
      renewal = this.refreshToken(source, channel);
      this.#renewals.set(channel, renewal);
      this.#environment.clock.setTimer(RENEWAL_MS, () => this.#renewals.delete(channel));
    }
    return renewal;
  }

  #step(event: LinkEvent): void {
    const state = nextLinkState(this.#state, event);
    if (state === this.#state) return;
    const wasUp = this.isUp;
    this.#state = state;
    switch (state) {
      case "connecting":
        void this.#start();
        break;
      case "greeting":
        // Documents open their channels in the message that greets.
        for (const user of this.#users) user.linkIsUp();
        break;
      case "online":
        this.#timer?.cancel();
        this.#failure = null;
        this.#backoff.up();
        break;
      default:
        this.#end();
        if (wasUp) for (const user of this.#users) user.linkIsDown();
        if (state === "waiting") {
          this.#backoff.wait(this.#failure?.retry, this.#awayMs, () => this.#step("due"));
        }
    }
    this.#options.onChange();
  }

  async #start(): Promise<void> {
    const attempt = ++this.#attempt;
    this.#backoff.cancel();
    this.#saidFailure = null;
    this.#awayMs = 0;
    const isWanted = () => attempt === this.#attempt;
    try {
      const token = this.token && (await getToken(this.token, this.#environment.clock));
      if (isWanted()) this.#openSocket(attempt, token);
    } catch (thrown) {
      if (isWanted()) this.#fail(failureOf(thrown, "after-auth"));
    }
  }

  #openSocket(attempt: number, token: string): void {
    this.#timer = this.#environment.clock.setTimer(CONNECT_TIMEOUT_MS, () => this.#failSilent());
    const { url } = this.#options;
    const ifCurrent = (run: () => void) => {
      if (attempt === this.#attempt && this.#socket) run();
    };
    try {
      this.#socket = this.#environment.connect(url, SUBPROTOCOL, {
        opened: () => ifCurrent(() => this.#opened(token)),
        message: (bytes) => ifCurrent(() => this.#receive(bytes)),
        closed: (code, reason) => {
          ifCurrent(() => this.#fail(this.#saidFailure ?? failureOfClose(code, reason)));
        },
      });
    } catch (thrown) {
      this.#refuse("INVALID_OPTION", `${url} cannot be connected to: ${failureOf(thrown).message}`);
    }
  }

  #opened(token: string): void {
    this.#outgoing.start(this.#socket as Socket);
    this.#heartbeat.start();
    this.#fragmentBytes = 0;
    this.#lastChannel = 0;
    this.#selected = 0;
    const { agent } = this.#options;
    const capabilities = CAPABILITIES.deflate;
    this.#outgoing.push(0, clientFrames.hello({ version: PROTOCOL_VERSION, capabilities, agent, token }));
    this.#step("opened");
  }

  #fail(failure: Failure): void {
    this.#failure = failure;
    this.#step(isFinal(failure, this.token) ? "refused" : "lost");
  }

  #refuse(code: ErrorCode, message: string): void {
    this.#fail({ code, retry: "never", message });
  }

  #failSilent(): void {
    this.broken(new JoineryError("CONNECTION_LOST", "The server did not answer."));
  }

  /** Lets go of the socket, whose close may never be confirmed. */
  #end(): void {
    this.#attempt++;
    this.#renewals.clear();
    this.#timer?.cancel();
    this.#backoff.cancel();
    this.#heartbeat.stop();
    // Of a link that works, what was said in this turn is still said, as that somebody has gone.
    if (this.#state === "idle" || this.#state === "closed") this.#outgoing.flush();
    this.#outgoing.stop();
    this.#channels.clear();
    // Nothing is wrong (RFC 6455, section 7.4.1).
    this.#socket?.close(1000);
    this.#socket = null;
  }

  #wake(): void {
    if (this.isUp) this.#heartbeat.probe();
    else if (this.#awayMs === 0) this.#step("wake");
  }

  #receive(message: Uint8Array): void {
    this.#heartbeat.heard();
    const attempt = this.#attempt;
    try {
      forEachFrame(message, (raw) => {
        // A frame before this one may have ended the connection.
        if (attempt === this.#attempt) this.#handle(raw);
      });
    } catch (thrown) {
      if (this.#state !== "greeting") this.broken(thrown);
      // A server that says something else first will not say anything else next time.
      else this.#refuse("VERSION_UNSUPPORTED", `The server does not speak ${SUBPROTOCOL}.`);
    }
  }

  #handle(raw: RawFrame): void {
    const frame = readServerFrame(raw);
    if (this.#fragmentBytes === 0 && frame.type !== "hello" && frame.type !== "failed") {
      this.broken(unexpected(frame.type));
      return;
    }
    switch (frame.type) {
      case "hello":
        this.#greeted(frame);
        break;
      case "select":
        this.#selected = frame.channel;
        break;
      case "ping":
        this.#outgoing.push(0, clientFrames.pong(frame.payload));
        break;
      case "pong":
        break;
      case "goaway":
        this.#awayMs =
          Math.min(frame.afterMs, MAX_AWAY_MS) +
          this.#environment.random() * Math.min(frame.withinMs, MAX_AWAY_MS);
        break;
      case "failed":
        this.#saidFailure = frame;
        break;
      default:
        // One that was closed may still be spoken on.
        this.#channels.get(this.#selected)?.receive(frame);
    }
  }

  #greeted(hello: ServerHello): void {
    if (hello.version !== PROTOCOL_VERSION) {
      this.#refuse(
        "VERSION_UNSUPPORTED",
        `The server speaks version ${hello.version} and this client version ${PROTOCOL_VERSION}.`,
      );
      return;
    }
    // A message has more in it than a frame.
    this.#fragmentBytes = Math.max(1, Math.min(hello.fragmentBytes, Math.floor(hello.maxMessageBytes / 2)));
    this.#outgoing.limit(hello.maxMessageBytes);
    this.#step("greeted");
  }
}
