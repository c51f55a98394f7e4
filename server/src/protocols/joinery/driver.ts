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
  serverFrames,
} from "@joinery/shared/protocol";
import { LazySet } from "../../engine/lazy-map.ts";
import type { Opening } from "../../engine/opening.ts";
import type { Clock, Outbox } from "../../engine/ports.ts";
import type { Admission, AdmissionRequest } from "../admission.ts";
import { Backlog } from "../backlog.ts";
import { type DialectDriver, type DriverContext, type DriverFactory, openSession } from "../driver.ts";
import { Entrance } from "../entrance.ts";
import { OpeningBudget } from "../opening-budget.ts";
import { Postponed, type PostponedLink } from "../postponed.ts";
import { Deliveries, MessageParts, type PartHandler } from "../turn.ts";
import { TurnEnd } from "../turn-end.ts";
import { Channel, type ChannelLink, type FrameOfDocument } from "./channel.ts";
import { JOINERY, wireError } from "./dialect.ts";
import { LargeFrames } from "./large-frames.ts";
import { Outgoing, type OutgoingLink } from "./outgoing.ts";
import { Uploads } from "./uploads.ts";
import { unsupportedVersion } from "./versions.ts";

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
  /**
   * Whether presence says whom the server takes its sender for, in dialects that have no word for that, by the property
   * `verifiedUser` of the state. Default: no. The native dialect has one, and always says so.
   */
  readonly showsUsers?: boolean;
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

function malformed(message: string): JoineryError {
  return new JoineryError("MALFORMED_FRAME", message);
}

class JoineryDriver
  implements DialectDriver, ChannelLink, OutgoingLink, PostponedLink, PartHandler<RawFrame>
{
  readonly #context: DriverContext;
  readonly #shared: Shared;
  readonly outgoing: Outgoing;
  /** Those that the client may send to. */
  readonly #channels = new Map<number, Channel>();
  /** Those that the client closed and whose session has not ended. */
  readonly #leaving = new LazySet<Channel>();
  /** Capabilities that both sides have; `null` before HELLO. */
  #capabilities: number | null = null;
  #selected = 0;
  #lastOpened = 0;
  /** What HELLO said. */
  #agent = "";
  #token = "";
  readonly #postponed: Postponed;
  readonly #opens: OpeningBudget;
  /** Of documents that are loading or busy, and of those that the client was not let into yet. */
  readonly #waiting: Backlog;
  readonly #unadmitted: Backlog;
  readonly #frames: MessageParts<RawFrame>;
  readonly deliveries: Deliveries;

  constructor(context: DriverContext, shared: Shared) {
    this.#context = context;
    this.#shared = shared;
    const { turnEnd, clock } = shared;
    this.#frames = new MessageParts(clock, this);
    this.deliveries = new Deliveries(clock, turnEnd);
    const { outbox } = context;
    this.#opens = new OpeningBudget(shared);
    this.#waiting = new Backlog(outbox, "maxWaitingInputBytes", shared);
    this.#unadmitted = new Backlog(outbox, "maxUnadmittedBytes", shared);
    this.outgoing = new Outgoing(this);
    this.#postponed = new Postponed(this);
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
    for (const channel of this.#sessions) channel.drained();
    this.#postponed.drained();
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
    this.outgoing.close();
    this.#postponed.close();
    const sessions = this.#sessions;
    this.#channels.clear();
    for (const channel of sessions) channel.abandon();
  }

  // What its parts ask and do.

  get outbox(): Outbox {
    return this.#context.outbox;
  }

  /** All whose session has not ended. */
  get #sessions(): readonly Channel[] {
    return [...this.#channels.values(), ...this.#leaving];
  }

  get clock(): Clock {
    return this.#shared.clock;
  }

  get limits(): Limits {
    return this.#shared.limits;
  }

  get turnEnd(): TurnEnd {
    return this.#shared.turnEnd;
  }

  get largeFrames(): LargeFrames {
    return this.#shared.largeFrames;
  }

  get maxBufferedBytes(): number {
    return this.#shared.limits.maxBufferedBytes;
  }

  get isAboveMark(): boolean {
    return this.outgoing.isAboveMark;
  }

  waitingChanged(bytes: number): void {
    this.#waiting.changed(bytes);
  }

  entranceOf(channel: Channel): Entrance<FrameOfDocument> {
    const { clock, limits } = this.#shared;
    return new Entrance({
      admissions: this.#context.admissions,
      clock,
      limits,
      onWaiting: (bytes) => this.#unadmitted.changed(bytes),
      admit: (admission) => this.#admitted(channel, admission),
      refuse: (error) => channel.close(error),
      handle: (frame, bytes) => this.receiveOfDocument(channel, frame, bytes),
      fail: (error) => this.outbox.close(error),
    });
  }

  channelEnded(channel: Channel): void {
    this.#leaving.delete(channel);
    if (this.#channels.get(channel.number) === channel) this.#channels.delete(channel.number);
  }

  // What the client says.

  handlePart(raw: RawFrame): void {
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

  #hello({ version, capabilities, agent, token }: ClientFrame & { type: "hello" }): void {
    if (this.#capabilities !== null) throw malformed("hello came twice");
    if (version !== PROTOCOL_VERSION) throw unsupportedVersion(`version ${version}`);
    const { limits, keepAliveMs } = this.#shared;
    this.#agent = agent;
    this.#token = token;
    this.#capabilities = capabilities & this.#shared.capabilities;
    this.outgoing.sendControl(
      serverFrames.hello({
        version: PROTOCOL_VERSION,
        capabilities: this.#capabilities,
        agent: this.#shared.agent,
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
        this.#replaceToken(frame, bytes);
        break;
      case "open":
        this.#open(frame);
        break;
      default:
        this.#receiveOfSelected(frame, bytes);
    }
  }

  #replaceToken(frame: ClientFrame & { type: "token" }, bytes: number): void {
    const { channel: number, token } = frame;
    if (number !== 0) {
      this.#channels.get(number)?.receive(frame, bytes);
      return;
    }
    this.#token = token;
    for (const channel of this.#channels.values()) {
      if (channel.token === null) channel.receive(frame, bytes);
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
      token: frame.token === "" ? null : frame.token,
      opening: openingOf(frame),
      partial: partial && { ...partial, id: new Uint8Array(partial.id) },
    });
    const size = this.#channels.size + this.#leaving.size;
    this.#channels.set(number, channel);
    const open = () => {
      channel.open(() => {
        if (typeof name !== "string") throw name;
        this.#opens.spend(size);
        return this.#requestOf(channel, name);
      });
    };
    // Each is answered, and nobody would watch over the answers.
    this.#postponed.run(open, size < this.#shared.limits.maxDocumentsPerConnection);
  }

  /** What there can be no document of must not be kept until it is refused: it may be as large as a message. */
  #nameOf({ document }: Open): DocumentName | JoineryError {
    try {
      return parseDocumentName(document, this.#shared.limits.maxNameBytes);
    } catch (thrown) {
      return toJoineryError(thrown);
    }
  }

  #requestOf(channel: Channel, document: DocumentName): AdmissionRequest {
    const { token } = channel;
    return {
      connection: this.#context.request,
      document,
      dialect: JOINERY.name,
      token: (token ?? this.#token) || this.#context.request.token,
      agent: this.#agent || null,
      requestToken: () => channel.requestToken(),
    };
  }

  #admitted(channel: Channel, admission: Admission): void {
    const request = {
      // reason: only what has such a name is asked for.
      document: channel.document as DocumentName,
      dialect: JOINERY,
      outbox: channel,
      opening: channel.takeOpening(),
      inflates: ((this.#capabilities ?? 0) & CAPABILITIES.deflate) !== 0,
    };
    const session = openSession(this.#context, request, admission, this.#shared.onLimit);
    channel.start(session, admission);
  }

  #receiveOfSelected(frame: FrameOfDocument, bytes: number): void {
    const channel = this.#channels.get(this.#selected);
    if (!channel) {
      if (this.#selected >= 1 && this.#selected <= this.#lastOpened) return;
      throw malformed(`${frame.type} came on channel ${this.#selected}, which was never opened`);
    }
    // Nothing that comes after it is for this channel.
    if (frame.type === "close") {
      this.#channels.delete(channel.number);
      this.#leaving.add(channel);
    }
    channel.receive(frame, bytes);
  }

  receiveOfDocument(channel: Channel, frame: FrameOfDocument, bytes: number): void {
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
      case "token":
        channel.renew(frame.token);
        break;
      case "close":
        channel.leave();
        break;
      default:
        frame satisfies never;
    }
  }

  #receiveFragment(channel: Channel, fragment: Fragment): void {
    const { id } = fragment;
    const scope = JSON.stringify([channel.author, channel.document]);
    const { have, frame } = this.#shared.uploads.take(this, scope, fragment);
    this.#answerIfRead(serverFrames.progress({ id, have }), channel.number);
    // As large as an upload may be: it is not copied once more.
    if (frame) this.#receiveOwn(readReassembled(frame));
  }

  /** Answers what can be asked again, unless the client reads nothing. */
  #answerIfRead(frame: Uint8Array, channel: number | null = null): void {
    if (this.outgoing.isAboveMark) this.#postponed.watch();
    else if (channel === null) this.outgoing.sendControl(frame);
    else this.outgoing.send(channel, [frame], null);
  }
}

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
