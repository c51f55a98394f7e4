/**
 * The dialect of Hocuspocus providers: many documents on one connection, each known by its address. `messages.ts` says
 * how it is written, docs/hocuspocus.md what differs from the server that it is from.
 *
 *   address: unknown ──> open ──> left by the provider: forgotten, but for what it says on its way out
 *                             └─> refused: nothing of it is heard until there is another token
 */

import { ByteReader, JoineryError, type LimitName, type Limits, publicMessageOf } from "@joinery/shared";
import { LazyMap, LazySet } from "../../engine/lazy-map.ts";
import type { Clock, Outbox } from "../../engine/ports.ts";
import type { Admission, AdmissionRequest } from "../admission.ts";
import { Backlog } from "../backlog.ts";
import { type DialectDriver, type DriverContext, type DriverFactory, openSession } from "../driver.ts";
import { Entrance } from "../entrance.ts";
import { OpeningBudget } from "../opening-budget.ts";
import { Postponed, type PostponedLink } from "../postponed.ts";
import { Deliveries } from "../turn.ts";
import { TurnEnd } from "../turn-end.ts";
import {
  AddressedFrames,
  documentOf,
  encodeAddress,
  isAddressTooLong,
  joined,
  MAX_ADDRESS_BYTES,
  sessionOf,
} from "./addresses.ts";
import { Channel, type ChannelLink, goodbye } from "./channel.ts";
import { HOCUSPOCUS, HOCUSPOCUS_WITH_USERS } from "./dialect.ts";
import {
  type ClientMessage,
  PING,
  PONG,
  PONG_MESSAGE,
  readMessage,
  serverMessages,
  shortString,
} from "./messages.ts";

export interface HocuspocusDriverOptions {
  readonly clock: Clock;
  readonly limits: Limits;
  readonly onLimit: (limit: LimitName) => void;
  /**
   * Whether presence says whom the server takes its sender for: in dialects without a word for that, by the property
   * `verifiedUser` of the state. Default: no.
   */
  readonly showsUsers?: boolean;
}

/** What all connections of a server share. */
interface Shared extends HocuspocusDriverOptions {
  readonly turnEnd: TurnEnd;
  readonly frames: AddressedFrames;
}

/** Serves connections of Hocuspocus providers. */
export function hocuspocusDriver(options: HocuspocusDriverOptions): DriverFactory {
  const shared = { ...options, turnEnd: new TurnEnd(options.clock), frames: new AddressedFrames() };
  return (context) => new HocuspocusDriver(context, shared);
}

class HocuspocusDriver implements DialectDriver, ChannelLink, PostponedLink {
  readonly #context: DriverContext;
  readonly #shared: Shared;
  /** Those that the provider may send to, by address. */
  readonly #channels = new Map<string, Channel>();
  /** Those that the provider has left and whose session has not ended. */
  readonly #leaving = new LazySet<Channel>();
  /** Addresses that were open, and whether it was the provider that left; the one that ended first is first. */
  readonly #ended = new LazyMap<string, boolean>();
  readonly #opens: OpeningBudget;
  readonly #waiting: Backlog;
  readonly #unadmitted: Backlog;
  /** Bytes that wait for a token. They are not in the backlog: it would keep the token from being read. */
  #unshownBytes = 0;
  readonly #postponed: Postponed;
  readonly deliveries: Deliveries;

  constructor(context: DriverContext, shared: Shared) {
    const { clock, turnEnd } = shared;
    const { outbox } = context;
    this.#context = context;
    this.#shared = shared;
    this.#opens = new OpeningBudget(shared);
    this.#waiting = new Backlog(outbox, "maxWaitingInputBytes", shared);
    this.#unadmitted = new Backlog(outbox, "maxUnadmittedBytes", shared);
    this.#postponed = new Postponed(this);
    this.deliveries = new Deliveries(clock, turnEnd);
  }

  // What the transport does.

  receive(message: Uint8Array): void {
    if (message.length === 1 && this.#receiveOfConnection(message[0] as number)) return;
    const first = new ByteReader(message, "message", "MALFORMED_FRAME");
    const address = shortString(first, MAX_ADDRESS_BYTES);
    const known = this.#channels.get(address);
    const reader = known && !known.isWaiting ? first : ownReader(first);
    const said = readMessage(reader);
    const channel = known ?? this.#openFor(address, said);
    if (channel === null) return;
    if (said.kind === "close") this.#leaves(channel);
    this.#give(channel, said, message.length);
  }

  /** Nothing that comes after it is for this channel: who comes by its address is somebody else. */
  #leaves(channel: Channel): void {
    channel.silence();
    this.#channels.delete(channel.address);
    this.#leaving.add(channel);
    this.#remember(channel.address, true);
  }

  /** @returns Whether it was a message of the connection. */
  #receiveOfConnection(kind: number): boolean {
    // One that reads nothing is not answered: it would be kept in memory.
    if (kind === PING && !this.isAboveMark) this.outbox.send([PONG_MESSAGE]);
    return kind === PING || kind === PONG;
  }

  drained(): void {
    for (const channel of this.#sessions) channel.drained();
    this.#postponed.drained();
  }

  keepAlive(): void {
    const [channel] = this.#channels.values();
    const [ended] = this.#ended.keys();
    if (channel) channel.keepAlive();
    else if (ended !== undefined) {
      // Whoever was refused may be about to show another token, and a connection that is silent is given up.
      this.outbox.send([joined(encodeAddress(ended), serverMessages.awareness(Uint8Array.of(0)))]);
    }
  }

  goAway(): void {
    // Providers are told by the close code alone.
  }

  failing(error: JoineryError): void {
    // A close code alone would make it come back, with the same.
    if (error.row.retry !== "backoff")
      for (const channel of this.#channels.values()) channel.say(goodbye(error));
  }

  closed(): void {
    this.#postponed.close();
    for (const channel of this.#sessions) channel.leave();
  }

  // What its parts ask and do.

  get outbox(): Outbox {
    return this.#context.outbox;
  }

  get frames(): AddressedFrames {
    return this.#shared.frames;
  }

  get maxBufferedBytes(): number {
    return this.#shared.limits.maxBufferedBytes;
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

  waitingChanged(bytes: number): void {
    this.#waiting.changed(bytes);
  }

  entranceOf(channel: Channel): Entrance<ClientMessage> {
    const { clock, limits } = this.#shared;
    return new Entrance({
      admissions: this.#context.admissions,
      clock,
      limits,
      onWaiting: (bytes) => {
        if (channel.hasShown) this.#unadmitted.changed(bytes);
        else this.#unshownBytes += bytes;
      },
      admit: (admission) => this.#admitted(channel, admission),
      refuse: (error) => channel.close(error),
      handle: (message, bytes) => channel.receive(message, bytes),
      fail: (error) => this.outbox.close(error),
    });
  }

  channelEnded(channel: Channel): void {
    const { address } = channel;
    this.#leaving.delete(channel);
    if (this.#channels.get(address) !== channel) return;
    this.#channels.delete(address);
    this.#remember(address, false);
  }

  #remember(address: string, isByProvider: boolean): void {
    this.#ended.delete(address);
    this.#ended.set(address, isByProvider);
    const [first] = this.#ended.keys();
    if (this.#ended.size > this.#shared.limits.maxDocumentsPerConnection) this.#ended.delete(first as string);
  }

  // Opening.

  /** The channel of an address that has none, if what is said is a beginning. */
  #openFor(address: string, { kind }: ClientMessage): Channel | null {
    // It is denied each time: to keep it in mind would take too much.
    if (kind !== "token" && kind !== "step1" && this.#isTooLong(address)) return null;
    const wasLeft = this.#ended.get(address);
    // Where it was refused, what the provider sent on is not meant for a session that it would open as nobody.
    if (wasLeft === false && kind !== "token") return null;
    // Providers of version 2 say goodbye to others after they have left.
    if (wasLeft === true && kind !== "token" && kind !== "step1") return null;
    if (kind === "close") return null;
    return this.#open(address);
  }

  #open(address: string): Channel | null {
    try {
      documentOf(address, this.#shared.limits.maxNameBytes);
      this.#opens.spend(this.#channels.size + this.#leaving.size);
    } catch (thrown) {
      if (!(thrown instanceof JoineryError)) throw thrown;
      this.#deny(address, thrown);
      return null;
    }
    const channel = new Channel(this, address);
    this.#ended.delete(address);
    this.#channels.set(address, channel);
    // For a token, which comes first if there is one.
    channel.entrance?.expire();
    return channel;
  }

  #deny(address: string, error: JoineryError): void {
    const denial = joined(encodeAddress(address), serverMessages.denied(publicMessageOf(error)));
    this.#whenRead(denial.length, () => this.outbox.send([denial]));
    if (!this.#isTooLong(address)) this.#remember(address, false);
  }

  /** Gives a message to a channel. The first token, or question of who needs none, opens its document. */
  #give(channel: Channel, message: ClientMessage, bytes: number): void {
    const { entrance } = channel;
    channel.attempt(() => {
      if (channel.hasShown || entrance === null) channel.take(message, bytes);
      else if (message.kind === "token") this.#ask(channel, message.token, message.agent, bytes);
      else if (message.kind === "close") channel.leave();
      else if (message.kind === "step1" && !this.#context.admissions.needsToken) {
        this.#ask(channel, null, null, 0);
        entrance.give(message, bytes);
      } else {
        this.#requireRoom(bytes);
        entrance.give(message, bytes);
      }
    });
  }

  /** The connection has to be read while a token is waited for: what is too much is refused. */
  #requireRoom(bytes: number): void {
    const { maxUnadmittedBytes } = this.#shared.limits;
    if (this.#unshownBytes + bytes <= maxUnadmittedBytes) return;
    const text = `sent more than ${maxUnadmittedBytes} bytes before a token`;
    throw new JoineryError("MESSAGE_TOO_LARGE", text, { limit: "maxUnadmittedBytes" });
  }

  /** @param bytes What the question keeps in memory if it waits. */
  #ask(channel: Channel, token: string | null, agent: string | null, bytes: number): void {
    const { address, entrance } = channel;
    // Nobody was let in who has not shown anything.
    if (entrance === null) return;
    this.#unshownBytes -= entrance.waitingBytes;
    this.#unadmitted.changed(entrance.waitingBytes);
    channel.hasShown = true;
    const session = sessionOf(address);
    const request: AdmissionRequest = {
      connection: this.#context.request,
      document: documentOf(address, this.#shared.limits.maxNameBytes),
      ...(session !== null && { session }),
      dialect: HOCUSPOCUS.name,
      token: token ?? this.#context.request.token,
      agent,
      requestToken: () => channel.say(serverMessages.requestToken()),
    };
    if (this.isAboveMark) entrance.postpone();
    this.#whenRead(bytes, () => channel.attempt(() => entrance.ask(request)));
  }

  #admitted(channel: Channel, admission: Admission): void {
    const request = {
      document: documentOf(channel.address, this.#shared.limits.maxNameBytes),
      dialect: this.#shared.showsUsers ? HOCUSPOCUS_WITH_USERS : HOCUSPOCUS,
      outbox: channel,
    };
    const session = openSession(this.#context, request, admission, this.#shared.onLimit);
    channel.start(session, admission);
  }

  #isTooLong(address: string): boolean {
    return isAddressTooLong(address, this.#shared.limits.maxNameBytes);
  }

  // Of a client that does not read.

  get isAboveMark(): boolean {
    return this.outbox.bufferedBytes > this.maxBufferedBytes;
  }

  /** Runs what the client will be answered, now or when it reads. @param bytes What that keeps in memory meanwhile. */
  #whenRead(bytes: number, run: () => void): void {
    if (!this.isAboveMark) {
      run();
      return;
    }
    this.#unadmitted.changed(bytes);
    const runLater = () => {
      this.#unadmitted.changed(-bytes);
      run();
    };
    this.#postponed.run(runLater, this.#postponed.size < this.#shared.limits.maxDocumentsPerConnection);
  }
}

/** A reader of the rest of a message's bytes that keeps no larger buffer in memory. */
function ownReader({ bytes, position }: ByteReader): ByteReader {
  return new ByteReader(new Uint8Array(bytes.subarray(position)), "message", "MALFORMED_FRAME");
}
