/**
 * One document's side of the protocol: opens a channel whenever there is a connection, gets what is missing, gives
 * what the server lacks, and knows what of it is durable. `session-state.ts` says which states there are.
 */

import { JoineryError } from "@joinery/shared";
import {
  clientFrames,
  type LogPlace,
  type Opened,
  type ServerFrame,
  type WirePermission,
} from "@joinery/shared/protocol";
import * as Y from "yjs";
import { Backoff } from "./backoff.ts";
import type { ChannelUser, Connection } from "./connection.ts";
import type { Content, ContentUser } from "./content.ts";
import type { DocumentSnapshot, LineageConflict } from "./document-api.ts";
import type { DocumentHost } from "./document-host.ts";
import { type Failure, failureOf } from "./failure.ts";
import { type Giver, Giving } from "./giving.ts";
import { Incoming, type Receiver, unexpected } from "./incoming.ts";
import { MAX_OPEN_VECTOR_BYTES } from "./limits.ts";
import type { OfflineCopy } from "./offline/ports.ts";
import type { Outbox } from "./outbox.ts";
import { makeSeed } from "./seed.ts";
import {
  isOutOfPlace,
  nextSessionState,
  SESSION_STATUS,
  type SessionEvent,
  type SessionState,
} from "./session-state.ts";
import { readSignal } from "./signals.ts";
import { type Status, status } from "./status.ts";
import { type Taker, Taking } from "./taking.ts";
import { getToken, isFinal, type TokenSource } from "./token.ts";

type Frame<Type extends ServerFrame["type"]> = Extract<ServerFrame, { type: Type }>;

export class Session implements ChannelUser, ContentUser, Giver, Receiver, Taker {
  readonly #host: DocumentHost;
  readonly #content: Content;
  readonly #connection: Connection;
  readonly #backoff: Backoff;
  #giving: Giving;
  #taking: Taking;
  readonly #incoming: Incoming;
  #state: SessionState = "loading";
  #failure: Failure | null = null;
  #conflict: LineageConflict | null = null;
  /** `null` before the server said. */
  #permission: WirePermission | null = null;
  /** An edit was denied, and since then none was taken, nor did the server change what may be done. */
  #isDenied = false;
  /** Who the server takes us for; empty for nobody in particular. */
  #user = "";
  /** Greater for each time it is opened: what an earlier one waited for is not wanted any more. */
  #opening = 0;
  #channel: number | null = null;
  /** Whether OPEN told the server what we have. */
  #hasToldVector = false;

  constructor(host: DocumentHost, content: Content) {
    const { environment, connection } = host;
    this.#host = host;
    this.#content = content;
    this.#connection = connection;
    this.#backoff = new Backoff(environment);
    this.#giving = new Giving(host, content, this);
    this.#taking = new Taking(host, content, this.#giving, this);
    this.#incoming = new Incoming(environment, this);
  }

  get outbox(): Outbox {
    return this.#giving.outbox;
  }

  get state(): SessionState {
    return this.#state;
  }

  /** What is true of it, for people. */
  snapshot(): Pick<DocumentSnapshot, "status" | "synced" | "unsaved" | "permission" | "user" | "conflict"> {
    return {
      status: this.#status(),
      synced: this.#state === "live",
      unsaved: this.outbox.unsaved,
      permission: this.#permission,
      user: this.#user || null,
      conflict: this.#conflict,
    };
  }

  /** The copy on this device is there: the server may be asked. */
  loaded(copy: OfflineCopy | null, unsaved: readonly Uint8Array[]): void {
    this.#giving.load(copy, unsaved);
    this.#step("loaded");
    this.#connection.add(this);
  }

  edited(update: Uint8Array): void {
    this.outbox.add(update);
    this.#host.changed();
    this.request();
  }

  /** Has `write` called. */
  request(): void {
    if (this.#channel !== null) this.#connection.outgoing.request(this);
  }

  /** @returns Whether it was sent; signals are never kept. */
  signal(frame: Uint8Array): boolean {
    const { outgoing, fragmentBytes } = this.#connection;
    const isSent = this.#state === "live" && outgoing.hasRoom && frame.length <= fragmentBytes;
    if (isSent) this.send(frame);
    return isSent;
  }

  /** Rejects as the application's token function does. */
  async refreshToken(): Promise<void> {
    const { token } = this.#host.options;
    if (token === undefined) await this.#connection.refreshToken();
    else if (this.#channel !== null) await this.#connection.refreshToken(token, this.#channel);
  }

  /** Opens anew, also after a refusal. */
  reopen(): void {
    this.send(clientFrames.close());
    this.#failure = null;
    this.#conflict = null;
    this.#openAgain();
  }

  /** Another copy takes the place of ours, of no lineage so far. @param unsaved All of it. */
  replaceCopy(unsaved: readonly Uint8Array[]): void {
    this.#giving = new Giving(this.#host, this.#content, this);
    this.#taking = new Taking(this.#host, this.#content, this.#giving, this);
    this.#giving.load(null, unsaved);
    this.#incoming.forget();
    this.reopen();
  }

  close(): void {
    // What was edited in this turn is still sent.
    this.#connection.outgoing.flush();
    this.send(clientFrames.close());
    this.#failure = null;
    this.#step("close");
    this.#connection.delete(this);
  }

  // What the connection tells

  linkIsUp(): void {
    this.#step("linked");
  }

  linkIsDown(): void {
    this.#step("unlinked");
  }

  receive(frame: ServerFrame): void {
    try {
      this.#incoming.receive(frame);
    } catch (thrown) {
      this.broken(thrown);
    }
  }

  /** Says the next thing that it has to say. */
  write(): boolean {
    if (this.#state === "opening") return false;
    const presence = this.#content.presence?.take();
    if (presence) this.send(clientFrames.presence(presence));
    return this.#giving.write(this.#permission === "write");
  }

  // States

  #step(event: SessionEvent): boolean {
    const state = nextSessionState(this.#state, event);
    if (state === this.#state) return false;
    this.#state = state;
    this.#backoff.cancel();
    if (state !== "catchingUp" && state !== "live") this.#leave();
    if (state === "opening") void this.#open();
    else if (state === "waiting") this.#backoff.wait(this.#failure?.retry, 0, () => this.#openAgain());
    else if (state === "live") {
      this.#failure = null;
      this.#backoff.up();
    }
    this.#host.changed();
    return true;
  }

  #openAgain(): void {
    if (this.#step("reopen") && this.#connection.isUp) this.#step("linked");
  }

  /** What still comes on the channel, if there is one, is of no interest. */
  #leave(): void {
    if (this.#channel !== null) this.#connection.closeChannel(this.#channel);
    this.#channel = null;
    this.#incoming.end();
    this.#giving.end();
    this.#content.presence?.linkIsDown();
  }

  /** The channel is over; whether it is opened again is in the reason. @param number Of the update that is refused. */
  #end(reason: Failure, number = 0): void {
    const wasDenied = this.#isDenied && this.#permission === "write";
    this.#isDenied = number > 0 && reason.code === "PERMISSION_DENIED";
    // The edit may have been on its way before its author could know: once it is worth asking again.
    const failure = this.#isDenied && !wasDenied ? { ...reason, retry: "backoff" as const } : reason;
    this.#failure = failure;
    this.#step(isFinal(failure, this.#source) ? "refused" : "dropped");
  }

  get #source(): TokenSource {
    return this.#host.options.token ?? this.#connection.token;
  }

  /** Something that came cannot be taken: begins anew after a pause, unless that would not help. */
  broken(thrown: unknown): void {
    const failure = failureOf(thrown);
    if (failure.code === "MALFORMED_FRAME") {
      this.#connection.broken(thrown);
      return;
    }
    this.send(clientFrames.close());
    this.#end(failure);
  }

  /** While it still sends what we are missing, a server may leave much unsaid. */
  missUpload(): void {
    if (this.#state !== "live") this.request();
    else this.broken(new JoineryError("CONNECTION_LOST", "The server did not answer."));
  }

  #status(): Status {
    const kind = SESSION_STATUS[this.#state];
    if (kind) return status(kind, this.#failure, this.#backoff.retryAtMs);
    const link = this.#connection.status;
    return link.kind === "online" ? status("connecting", this.#failure) : link;
  }

  // Opening

  async #open(): Promise<void> {
    const opening = ++this.#opening;
    const isWanted = () => opening === this.#opening && this.#state === "opening";
    let { token = "" } = this.#host.options;
    try {
      // Where there is nothing to wait for, OPEN is in the message that greets.
      if (token) token = await getToken(token, this.#host.environment.clock);
      else if (this.#failure?.retry === "after-auth") await this.#connection.renewToken();
      if (isWanted()) this.#sendOpen(token);
    } catch (thrown) {
      if (isWanted()) this.#end(failureOf(thrown, "after-auth"));
    }
  }

  #sendOpen(token: string): void {
    const { name, options } = this.#host;
    const stateVector = Y.encodeStateVector(this.#content.doc);
    const hasContent = stateVector.length > 1;
    this.#giving.begin(hasContent);
    this.#permission = null;
    const { place } = this.#giving.position;
    this.#hasToldVector = place.revision === null && stateVector.length <= MAX_OPEN_VECTOR_BYTES;
    this.#channel = this.#connection.openChannel(this);
    this.send(
      clientFrames.open({
        document: name,
        ...place,
        stateVector: this.#hasToldVector ? stateVector : null,
        token,
        partial: this.#incoming.partial,
        offersSeed: options.seed !== undefined && !hasContent,
      }),
    );
  }

  // What the server says

  handle(frame: ServerFrame): void {
    const { events } = this.#host;
    const { position } = this.#giving;
    if (isOutOfPlace(frame.type, this.#state)) throw unexpected(frame.type);
    switch (frame.type) {
      case "opened":
        this.#opened(frame);
        break;
      case "ask":
        this.#asked(frame.stateVector);
        break;
      case "ack":
        this.#isDenied = false;
        this.#giving.acknowledged(frame.number, frame.seq);
        this.#taking.settle();
        break;
      case "catchUp":
        this.#taking.catchUp(frame);
        break;
      case "caughtUp":
        this.#incoming.forget();
        position.caughtUp(frame.seq, frame.durableSeq);
        this.#taking.settle();
        this.#step("caughtUp");
        this.request();
        break;
      case "batch":
        this.#taking.batch(frame);
        break;
      case "durable":
        position.durable(frame.seq);
        this.#taking.settle();
        break;
      case "presence":
        this.#content.presence?.received(frame.users, frame.update);
        break;
      case "signal": {
        const signal = readSignal(frame);
        if (signal) events.emit("signal", signal);
        break;
      }
      case "notice":
        this.#noticed(frame);
        break;
      case "close":
        if (frame.remote) this.#conflicts(frame.remote);
        this.#end(frame, frame.number);
        break;
      case "permission":
        this.#permitted(frame);
        break;
      case "seed":
        void this.#seed();
        break;
      case "progress":
        this.#giving.progress(frame.id, frame.have);
        break;
      default:
      // Frames of the connection do not come here, and parts only put together.
    }
  }

  #opened({ lineage, durableSeq, branch, permission, user, beginning }: Opened): void {
    const { position } = this.#giving;
    if (position.lineage !== null && position.lineage !== lineage) {
      this.#conflicts({ lineage, seq: durableSeq });
      this.broken(new JoineryError("LINEAGE_CHANGED", "The server has another document of this name."));
      return;
    }
    const { revision } = position;
    this.#permission = permission;
    this.#user = user;
    if (beginning === "exchange") position.forgo();
    position.opened(lineage, durableSeq, branch);
    this.#step("opened");
    const { doc, presence } = this.#content;
    if (beginning !== "continue" && !this.#hasToldVector) {
      this.#giving.push(clientFrames.sync(Y.encodeStateVector(doc)));
    }
    if (revision && beginning !== "exchange") this.#giving.oweTail(this.#permission === "write");
    presence?.linkIsUp();
    this.request();
  }

  #asked(question: Uint8Array): void {
    if (this.#permission === "write") this.#giving.asked(question);
    else this.#giving.withhold();
    this.request();
  }

  #conflicts(remote: LogPlace): void {
    const { lineage, revision } = this.#giving.position;
    if (lineage !== null) this.#conflict = { local: { lineage, seq: revision?.seq ?? null }, remote };
  }

  #permitted({ permission, reason }: Frame<"permission">): void {
    this.#permission = permission;
    this.#isDenied = false;
    this.#host.events.emit("permission", { permission, reason });
    this.#host.changed();
    // What it asked while nothing could be said is asked anew.
    if (this.#permission === "write" && this.#giving.isUnasked) this.reopen();
    else this.request();
  }

  /** A token that is about to expire is renewed; the application is told of the rest, and when there is no other one. */
  #noticed(notice: Failure): void {
    const { events, options } = this.#host;
    const tell = () => events.emit("notice", notice);
    if (notice.retry !== "after-auth" || isFinal(notice, this.#source)) tell();
    else if (!options.token) this.#connection.renewToken().catch(tell);
    else if (this.#channel !== null) this.#connection.renewToken(options.token, this.#channel).catch(tell);
  }

  async #seed(): Promise<void> {
    const opening = this.#opening;
    const update = await makeSeed(this.#host);
    // Nobody asks for it any more when the channel it was asked on is over; another one may have its number.
    if (this.#channel !== null && opening === this.#opening) this.#giving.push(clientFrames.seed(update));
  }

  /** On the channel, if there is one. */
  send(frame: Uint8Array): void {
    if (this.#channel !== null) this.#connection.outgoing.push(this.#channel, frame);
  }
}
