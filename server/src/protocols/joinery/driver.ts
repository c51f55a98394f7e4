/**
 * The dialect `joinery.v1`: many documents on one connection, each on a channel of its own. A message is frames, which
 * `shared/src/protocol` writes and reads; docs/protocol.md specifies them.
 *
 *   greeting ──HELLO──> talking ──> over        channel: OPEN ──> (OPENED …) ──> CLOSE by either side
 *
 * An error of the connection is told by FAILED and a close code, one of a document by CLOSE on its channel.
 */

import {
  type DocumentName,
  JoineryError,
  type LimitName,
  type Limits,
  limitNamed,
  parseDocumentName,
  toJoineryError,
} from "@joinery/shared";
import {
  CAPABILITIES,
  type ClientFrame,
  decodeClientFrame,
  type Fragment,
  forEachFrame,
  MAX_CLIENT_FRAMES,
  type Open,
  PROTOCOL_VERSION,
  type RawFrame,
  readReassembled,
  SUBPROTOCOL,
  serverFrames,
} from "@joinery/shared/protocol";
import type { Opening } from "../../engine/opening.ts";
import type { Clock, Outbox } from "../../engine/ports.ts";
import type { Session } from "../../engine/session.ts";
import { StallWatch } from "../../engine/stall-watch.ts";
import { TokenBucket } from "../../engine/token-bucket.ts";
import { type DialectDriver, type DriverContext, type DriverFactory, openSession } from "../driver.ts";
import { Channel, type ChannelLink } from "./channel.ts";
import { JOINERY, wireError } from "./dialect.ts";
import { LargeFrames } from "./large-frames.ts";
import { Outgoing } from "./outgoing.ts";
import { Deliveries, MessageParts } from "./turn.ts";
import { TurnEnd } from "./turn-end.ts";
import { Uploads } from "./uploads.ts";

export interface JoineryDriverOptions {
  readonly clock: Clock;
  readonly limits: Limits;
  /** Name and version of the software, as clients are told. */
  readonly agent: string;
  /** How often the transport calls `keepAlive`, in milliseconds. */
  readonly keepAliveMs: number;
  /** Sum of the capabilities that the server has. */
  readonly capabilities: number;
  readonly onLimit: (limit: LimitName) => void;
}

/** What all connections of a server share. */
interface Shared extends JoineryDriverOptions {
  readonly turnEnd: TurnEnd;
  readonly largeFrames: LargeFrames;
  readonly uploads: Uploads;
}

/** Serves connections of the dialect `joinery.v1`. */
export function joineryDriver(options: JoineryDriverOptions): DriverFactory {
  const shared: Shared = {
    ...options,
    turnEnd: new TurnEnd(options.clock),
    largeFrames: new LargeFrames(options.limits.maxFragmentBytes),
    uploads: new Uploads(options),
  };
  return (context) => new JoineryDriver(context, shared);
}

/** Turns away connections of another version: they understand FAILED. */
export const refuseVersion: DriverFactory = ({ outbox, subprotocol }) => {
  const error = unsupported(`"${subprotocol}"`);
  outbox.send([serverFrames.failed(wireError(error))]);
  throw error;
};

function unsupported(theirs: string): JoineryError {
  const message = `the client speaks ${theirs}, the server "${SUBPROTOCOL}" in version ${PROTOCOL_VERSION}`;
  return new JoineryError("VERSION_UNSUPPORTED", message);
}

function malformed(message: string): JoineryError {
  return new JoineryError("MALFORMED_FRAME", message);
}

class JoineryDriver implements DialectDriver, ChannelLink {
  readonly #context: DriverContext;
  readonly #shared: Shared;
  readonly outgoing: Outgoing;
  /** Those that the client may send to. */
  readonly #channels = new Map<number, Channel>();
  /** Those too that the client closed and whose session has not ended. */
  readonly #sessions = new Set<Channel>();
  /** Capabilities that both sides have; `null` before HELLO. */
  #capabilities: number | null = null;
  #selected = 0;
  #lastOpened = 0;
  #waitingBytes = 0;
  #isPaused = false;
  /** Opens that wait because the client does not read what it was sent. */
  #unopened: (() => void)[] = [];
  /** Watches over a client that does not read, while something waits for that and no session may be there to. */
  #watch: StallWatch | null = null;
  readonly #opens: TokenBucket;
  readonly #frames: MessageParts<RawFrame>;
  readonly deliveries: Deliveries;

  constructor(context: DriverContext, shared: Shared) {
    this.#context = context;
    this.#shared = shared;
    const { turnEnd, largeFrames, clock } = shared;
    this.#frames = new MessageParts(clock, (frame) => this.#receive(frame));
    this.deliveries = new Deliveries(clock, turnEnd);
    const { outbox } = context;
    const { maxOpensPerSecond: perSecond, maxBurstMs: burstMs, maxBufferedBytes } = shared.limits;
    this.#opens = new TokenBucket({ perSecond, burstMs }, shared.clock.monotonicMs());
    const onEmpty = () => this.drained();
    this.outgoing = new Outgoing({ outbox, turnEnd, largeFrames, maxBufferedBytes, onEmpty });
  }

  // What the transport does.

  receive(message: Uint8Array): void {
    this.#frames.begin();
    forEachFrame(message, (frame) => this.#frames.give(frame), MAX_CLIENT_FRAMES);
  }

  get hasRest(): boolean {
    return this.#frames.hasRest;
  }

  goOn(): void {
    this.#frames.goOn();
  }

  drained(): void {
    this.#stopWatching();
    for (const channel of this.#sessions) channel.drained();
    while (!this.outgoing.isAboveMark) {
      const open = this.#unopened.shift();
      if (!open) return;
      open();
    }
    this.#watchReading();
  }

  keepAlive(): void {
    if (this.#capabilities !== null) this.outgoing.sendControl(serverFrames.ping());
  }

  goAway(afterMs: number, withinMs: number): void {
    if (this.#capabilities === null) return;
    this.outgoing.sendControl(serverFrames.goaway(afterMs, withinMs));
    this.outgoing.flush();
  }

  failing(error: JoineryError): void {
    this.outgoing.sendControl(serverFrames.failed(wireError(error)));
    this.outgoing.flush();
  }

  closed(): void {
    this.#stopWatching();
    this.#unopened = [];
    this.#channels.clear();
    for (const channel of this.#sessions) channel.leave();
  }

  // What channels do.

  get outbox(): Outbox {
    return this.#context.outbox;
  }

  waitingChanged(bytes: number): void {
    this.#waitingBytes += bytes;
    const { limits, onLimit } = this.#shared;
    const isTooMuch = this.#waitingBytes > limits.maxWaitingInputBytes;
    if (isTooMuch === this.#isPaused) return;
    this.#isPaused = isTooMuch;
    if (!isTooMuch) this.outbox.resumeInput();
    else {
      onLimit("maxWaitingInputBytes");
      this.outbox.pauseInput();
    }
  }

  channelEnded(channel: Channel, hadSession: boolean): void {
    this.#sessions.delete(channel);
    if (hadSession) this.#context.documents?.close();
    if (this.#channels.get(channel.number) === channel) this.#channels.delete(channel.number);
  }

  // What the client says.

  #receive(raw: RawFrame): void {
    this.#receiveOwn(this.#ownIfItWaits(raw));
  }

  /** @param raw Its bytes are nobody else's, or it does not wait. */
  #receiveOwn(raw: RawFrame): void {
    const frame = decodeClientFrame(raw);
    if (frame === null) throw malformed(`frame of type ${raw.type} is for servers to send`);
    if (frame.type === "hello") this.#hello(frame);
    else if (this.#capabilities === null) throw malformed(`${frame.type} came before hello`);
    else this.#receiveOfConnection(frame, raw.payload.length);
  }

  /** What waits must not keep the rest of its message in memory, which may be a million times its size. */
  #ownIfItWaits(raw: RawFrame): RawFrame {
    if (!this.#channels.get(this.#selected)?.isWaiting) return raw;
    return { type: raw.type, payload: new Uint8Array(raw.payload) };
  }

  #hello({ version, capabilities }: ClientFrame & { type: "hello" }): void {
    if (this.#capabilities !== null) throw malformed("hello came twice");
    if (version !== PROTOCOL_VERSION) throw unsupported(`version ${version}`);
    const { limits, agent, keepAliveMs } = this.#shared;
    this.#capabilities = capabilities & this.#shared.capabilities;
    this.outgoing.sendControl(
      serverFrames.hello({
        version: PROTOCOL_VERSION,
        capabilities: this.#capabilities,
        agent,
        maxMessageBytes: limits.maxMessageBytes,
        fragmentBytes: limits.maxFragmentBytes,
        maxDocuments: limits.maxDocumentsPerConnection,
        keepAliveMs,
      }),
    );
  }

  #receiveOfConnection(frame: Exclude<ClientFrame, { type: "hello" }>, bytes: number): void {
    switch (frame.type) {
      case "select":
        this.#selected = frame.channel;
        break;
      case "ping":
        this.#answerIfRead(serverFrames.pong(frame.payload));
        break;
      case "pong":
        // Whatever is received is a sign of life.
        break;
      case "token":
        // Without authentication everybody is nobody in particular, with a token or without.
        break;
      case "open":
        this.#open(frame);
        break;
      default:
        this.#receiveOfDocument(frame, bytes);
    }
  }

  #open(frame: Open): void {
    const number = this.#selected;
    if (number <= this.#lastOpened) throw malformed(`channel ${number} was opened before`);
    this.#lastOpened = number;
    const name = this.#nameOf(frame);
    const { partial } = frame;
    const channel = new Channel(this, {
      number,
      document: typeof name === "string" ? name : "",
      partial: partial && { ...partial, id: new Uint8Array(partial.id) },
    });
    const isOneTooMany = this.#sessions.size >= this.#shared.limits.maxDocumentsPerConnection;
    this.#channels.set(number, channel);
    this.#sessions.add(channel);
    const opening = openingOf(frame);
    const open = () => {
      channel.open(() => {
        if (typeof name !== "string") throw name;
        if (isOneTooMany) throw this.#oneTooMany();
        return this.#openSession(channel, name, opening);
      });
    };
    if (!this.outgoing.isAboveMark) open();
    else if (isOneTooMany) throw new JoineryError("TOO_SLOW", "opens documents and reads nothing");
    else {
      // Each is answered, and nobody would watch over the answers.
      this.#unopened.push(open);
      this.#watchReading();
    }
  }

  /** What there can be no document of must not be kept until it is refused: it may be as large as a message. */
  #nameOf({ document }: Open): DocumentName | JoineryError {
    try {
      return parseDocumentName(document, this.#shared.limits.maxNameBytes);
    } catch (thrown) {
      return toJoineryError(thrown);
    }
  }

  #oneTooMany(): JoineryError {
    const message = `the connection has ${this.#shared.limits.maxDocumentsPerConnection} documents open, its limit`;
    return this.#tooMany("maxDocumentsPerConnection", message);
  }

  #openSession(channel: Channel, document: DocumentName, opening: Opening): Session {
    const { principal } = this.#context;
    const { clock, limits } = this.#shared;
    if (!this.#opens.spend(clock.monotonicMs())) {
      const message = `a connection may open ${limits.maxOpensPerSecond} documents a second`;
      throw this.#tooMany("maxOpensPerSecond", message);
    }
    const request = {
      document,
      dialect: JOINERY,
      outbox: channel,
      author: principal.author,
      permission: principal.permission,
      opening,
      inflates: ((this.#capabilities ?? 0) & CAPABILITIES.deflate) !== 0,
    };
    try {
      return openSession(this.#context, request);
    } catch (thrown) {
      const limit = limitNamed(toJoineryError(thrown).limit);
      if (limit !== null) this.#shared.onLimit(limit);
      throw thrown;
    }
  }

  #tooMany(limit: LimitName, message: string): JoineryError {
    this.#shared.onLimit(limit);
    return new JoineryError("TOO_MANY_DOCUMENTS", message, { limit });
  }

  #receiveOfDocument(frame: OfDocument, bytes: number): void {
    const channel = this.#channels.get(this.#selected);
    if (!channel) {
      if (this.#selected >= 1 && this.#selected <= this.#lastOpened) return;
      throw malformed(`${frame.type} came on channel ${this.#selected}, which was never opened`);
    }
    switch (frame.type) {
      case "sync":
        channel.give(bytes, (session) => session.sync(frame.stateVector));
        break;
      case "update":
        channel.countUpdate(frame.number);
        channel.give(bytes, (session) => session.update(frame.update, frame.number));
        break;
      case "answer":
        channel.countUpdate(frame.number);
        channel.give(bytes, (session) => session.answer(frame.update, frame.number));
        break;
      case "presence":
        channel.give(bytes, (session) => session.presence(frame.update));
        break;
      case "signal":
        channel.give(bytes, (session) => session.signal(frame));
        break;
      case "seed":
        channel.give(bytes, (session) => session.seed(frame.update));
        break;
      case "fragment":
        this.#receiveFragment(channel, frame);
        break;
      case "progress":
        // All of a frame is on its way already.
        break;
      case "close":
        this.#channels.delete(channel.number);
        channel.leave();
        break;
      default:
        frame satisfies never;
    }
  }

  #receiveFragment(channel: Channel, fragment: Fragment): void {
    const { id } = fragment;
    const scope = JSON.stringify([this.#context.principal.author, channel.document]);
    const { have, frame } = this.#shared.uploads.take(this, scope, fragment);
    this.#answerIfRead(serverFrames.progress({ id, have }), channel.number);
    // As large as an upload may be: it is not copied once more.
    if (frame) this.#receiveOwn(readReassembled(frame));
  }

  // Of a client that does not read.

  /** Answers what can be asked again, unless the client reads nothing. */
  #answerIfRead(frame: Uint8Array, channel: number | null = null): void {
    if (this.outgoing.isAboveMark) this.#watchReading();
    else if (channel === null) this.outgoing.sendControl(frame);
    else this.outgoing.send(channel, [frame], null);
  }

  #watchReading(): void {
    const { clock, limits } = this.#shared;
    this.#watch ??= new StallWatch(clock, this.outbox, limits.stalledTimeoutMs, () => {
      const message = `read nothing for ${limits.stalledTimeoutMs} ms`;
      this.outbox.close(new JoineryError("TOO_SLOW", message, { limit: "stalledTimeoutMs" }));
    });
  }

  #stopWatching(): void {
    this.#watch?.stop();
    this.#watch = null;
  }
}

type OfDocument = Exclude<ClientFrame, { type: "hello" | "select" | "ping" | "pong" | "token" | "open" }>;

/** What the client says of its copy; its bytes are a copy, as they may be kept until the document is loaded. */
function openingOf({ revision, lineage, confirmed, stateVector, offersSeed }: Open): Opening {
  return {
    revision,
    lineage,
    confirmed,
    stateVector: stateVector && new Uint8Array(stateVector),
    offersSeed,
  };
}
