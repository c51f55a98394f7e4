/**
 * The one connection of a client: opens a socket, keeps it, comes back when it is lost, and carries the documents on
 * it by channel. It knows frames, not documents. `link-state.ts` says which states there are.
 */

import { JoineryError } from "@joinery/shared";
import {
  CAPABILITIES,
  clientFrames,
  decodeServerFrame,
  forEachFrame,
  PROTOCOL_VERSION,
  type RawFrame,
  type ServerFrame,
  type ServerHello,
  SUBPROTOCOL,
} from "@joinery/shared/protocol";
import { Backoff } from "./backoff.ts";
import { type Failure, failureOf, failureOfClose, failureSaid, lost } from "./failure.ts";
import { Heartbeat } from "./heartbeat.ts";
import { type LinkEvent, type LinkState, nextLinkState } from "./link-state.ts";
import { Outgoing, type Writer } from "./outgoing.ts";
import type { Environment, Socket, SocketEvents, Timer } from "./ports.ts";
import { askToken, type TokenSource, withToken } from "./token.ts";

/** How long getting a token, opening a socket and greeting may take together. */
const CONNECT_TIMEOUT_MS = 20_000;
const NORMAL_CLOSURE = 1000;

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
  readonly #backoff = new Backoff();
  readonly #users = new Set<ChannelUser>();
  readonly #channels = new Map<number, ChannelUser>();
  readonly #stopWaking: () => void;
  #state: LinkState = "idle";
  /** Greater for each attempt: what belongs to an earlier one is not listened to. */
  #attempt = 0;
  #socket: Socket | null = null;
  #hello: ServerHello | null = null;
  #lastChannel = 0;
  #selected = 0;
  /** Why it is not online, if something happened. */
  #failure: Failure | null = null;
  /** What the server said it is about to close for. */
  #saidFailure: Failure | null = null;
  #timer: Timer | null = null;
  #retryAtMs: number | null = null;
  /** The server asked not to be come back to before this. */
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(options: ConnectionOptions) {
    const { environment } = options;
    this.#options = options;
    this.#environment = environment;
    this.#outgoing = new Outgoing(environment.clock);
    this.#heartbeat = new Heartbeat(
      environment.clock,
      () => this.#outgoing.push(0, clientFrames.ping()),
      () => this.#fail(lost("The server did not answer.")),
    );
    this.#stopWaking = environment.onWake(() => this.#wake());
  }

  get state(): LinkState {
    return this.#state;
  }

  get failure(): Failure | null {
    return this.#failure;
  }

  /** When it is tried again, in milliseconds since 1970. */
  get retryAtMs(): number | null {
    return this.#retryAtMs;
  }

  /** Whether channels can be opened: not only once the server greeted, which would cost a round trip. */
  get isUp(): boolean {
    return this.#state === "greeting" || this.#state === "online";
  }

  /** What the server said of itself; only of use after it answered something. */
  get hello(): ServerHello | null {
    return this.#hello;
  }

  get isTokenRenewable(): boolean {
    return typeof this.#options.token === "function";
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
    this.#stopWaking();
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

  send(channel: number, frame: Uint8Array): void {
    this.#outgoing.push(channel, frame);
  }

  /** Asks the document what it has to say, at the end of this turn or when there is room. */
  request(user: ChannelUser): void {
    this.#outgoing.request(user);
  }

  get hasRoom(): boolean {
    return this.#outgoing.hasRoom;
  }

  /** The server does not keep to the protocol. */
  broken(thrown: unknown): void {
    this.#fail(failureOf(thrown, "backoff"));
  }

  /** Sends what waits now: the page is about to go. */
  flush(): void {
    this.#outgoing.flush();
  }

  /**
   * Gives the server a new token while the connection goes on.
   *
   * Rejects as the application's token function does.
   */
  async refreshToken(): Promise<void> {
    const attempt = this.#attempt;
    const token = await askToken(this.#options.token);
    if (this.isUp && attempt === this.#attempt) this.#outgoing.push(0, clientFrames.token(0, token));
  }

  #step(event: LinkEvent): void {
    const state = nextLinkState(this.#state, event);
    if (state === this.#state) return;
    const wasUp = this.isUp;
    this.#state = state;
    switch (state) {
      case "connecting":
        this.#start();
        break;
      case "greeting":
        // Documents open their channels in the message that greets.
        for (const user of this.#users) user.linkIsUp();
        break;
      case "online":
        this.#timer?.cancel();
        this.#failure = null;
        this.#backoff.up(this.#environment.clock.monotonicMs());
        break;
      default:
        this.#end();
        if (wasUp) for (const user of this.#users) user.linkIsDown();
        if (state === "waiting") this.#wait();
    }
    this.#options.onChange();
  }

  #start(): void {
    const attempt = ++this.#attempt;
    this.#timer?.cancel();
    this.#retryAtMs = null;
    this.#saidFailure = null;
    this.#timer = this.#environment.clock.setTimer(CONNECT_TIMEOUT_MS, () =>
      this.#fail(lost("The server could not be reached.")),
    );
    withToken(
      this.#options.token,
      (token) => this.#openSocket(attempt, token),
      (failure) => {
        if (attempt === this.#attempt) this.#fail(failure);
      },
    );
  }

  #openSocket(attempt: number, token: string): void {
    if (attempt !== this.#attempt || this.#state !== "connecting") return;
    const { url } = this.#options;
    try {
      this.#socket = this.#environment.connect(url, SUBPROTOCOL, this.#socketEvents(attempt, token));
    } catch (thrown) {
      const { message } = failureOf(thrown);
      this.#fail({
        code: "INVALID_OPTION",
        retry: "never",
        message: `${url} cannot be connected to: ${message}`,
      });
    }
  }

  #socketEvents(attempt: number, token: string): SocketEvents {
    const ifCurrent = (run: () => void) => {
      if (attempt === this.#attempt && this.#socket) run();
    };
    return {
      opened: () => ifCurrent(() => this.#opened(token)),
      message: (bytes) => ifCurrent(() => this.#receive(bytes)),
      closed: (code, reason) => {
        ifCurrent(() => this.#fail(this.#saidFailure ?? failureOfClose(code, reason)));
      },
    };
  }

  #opened(token: string): void {
    this.#outgoing.start(this.#socket as Socket);
    this.#heartbeat.start();
    this.#hello = null;
    this.#lastChannel = 0;
    this.#selected = 0;
    const { agent } = this.#options;
    const capabilities = CAPABILITIES.deflate;
    this.#outgoing.push(0, clientFrames.hello({ version: PROTOCOL_VERSION, capabilities, agent, token }));
    this.#step("opened");
  }

  #fail(failure: Failure): void {
    const isOver = failure.retry === "never" || (failure.retry === "after-auth" && !this.isTokenRenewable);
    this.#failure = failure;
    this.#step(isOver ? "refused" : "lost");
  }

  /** Lets go of the socket, whose close may never be confirmed. */
  #end(): void {
    this.#attempt++;
    this.#timer?.cancel();
    this.#timer = null;
    this.#retryAtMs = null;
    this.#heartbeat.stop();
    // Of a link that works, what was said in this turn is still said, as that somebody has gone.
    if (this.#state === "idle" || this.#state === "closed") this.#outgoing.flush();
    this.#outgoing.stop();
    this.#channels.clear();
    this.#socket?.close(NORMAL_CLOSURE);
    this.#socket = null;
  }

  #wait(): void {
    const { clock } = this.#environment;
    const nowMs = clock.monotonicMs();
    const askedMs = this.#notBeforeMs - nowMs;
    const delayMs = askedMs > 0 ? askedMs : this.#backoff.nextMs(nowMs, this.#environment.random());
    this.#retryAtMs = clock.now() + delayMs;
    this.#timer = clock.setTimer(delayMs, () => this.#step("due"));
  }

  #wake(): void {
    if (this.isUp) this.#heartbeat.probe();
    else if (this.#environment.clock.monotonicMs() >= this.#notBeforeMs) this.#step("wake");
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
      if (this.#hello) this.broken(thrown);
      // A server that says something else first will not say anything else next time.
      else this.#refuseVersion(`The server does not speak ${SUBPROTOCOL}.`);
    }
  }

  #handle(raw: RawFrame): void {
    const frame = decodeServerFrame(raw);
    if (!frame) throw new JoineryError("MALFORMED_FRAME", `the server sent a client's frame, ${raw.type}`);
    if (!this.#hello && frame.type !== "hello" && frame.type !== "failed") {
      this.broken(new JoineryError("MALFORMED_FRAME", `the server said ${frame.type} before HELLO`));
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
        this.#notBeforeMs =
          this.#environment.clock.monotonicMs() + frame.afterMs + this.#environment.random() * frame.withinMs;
        break;
      case "failed":
        this.#saidFailure = failureSaid(frame);
        break;
      default:
        // One that was closed may still be spoken on.
        this.#channels.get(this.#selected)?.receive(frame);
    }
  }

  #greeted(hello: ServerHello): void {
    if (hello.version !== PROTOCOL_VERSION) {
      this.#refuseVersion(
        `The server speaks version ${hello.version} of the protocol, this client version ${PROTOCOL_VERSION}.`,
      );
      return;
    }
    this.#hello = hello;
    this.#step("greeted");
  }

  #refuseVersion(message: string): void {
    this.#fail({ code: "VERSION_UNSUPPORTED", retry: "never", message });
  }
}
