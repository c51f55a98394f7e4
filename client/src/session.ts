/**
 * One document's side of the protocol: opens a channel whenever there is a connection, gets what is missing, gives
 * what the server lacks, and knows what of it is durable. `session-state.ts` says which states there are.
 */

import {
  clientFrames,
  type LineageId,
  type Opened,
  type Revision,
  type ServerFrame,
  type WirePermission,
} from "@joinery/shared/protocol";
import * as Y from "yjs";
import { Backoff } from "./backoff.ts";
import type { ChannelUser, Connection } from "./connection.ts";
import { type Failure, failureOf, failureSaid } from "./failure.ts";
import { Giving } from "./giving.ts";
import { Incoming } from "./incoming.ts";
import { LogPosition } from "./log-position.ts";
import { EMPTY_UPDATE } from "./merge.ts";
import type { Outbox } from "./outbox.ts";
import type { Environment, Timer } from "./ports.ts";
import type { LineageConflict, SessionDocument } from "./session-document.ts";
import { nextSessionState, type SessionEvent, type SessionState } from "./session-state.ts";
import { askToken, withToken } from "./token.ts";

/** A larger state vector goes on its own, because OPEN cannot be fragmented. */
const MAX_OPEN_VECTOR_BYTES = 64 * 1024;

type Frame<Type extends ServerFrame["type"]> = Extract<ServerFrame, { type: Type }>;

export class Session implements ChannelUser {
  readonly #document: SessionDocument;
  readonly #connection: Connection;
  readonly #environment: Environment;
  readonly #backoff = new Backoff();
  readonly #giving: Giving;
  readonly #incoming: Incoming;
  #state: SessionState = "loading";
  #position = new LogPosition(null, null);
  #failure: Failure | null = null;
  #conflict: LineageConflict | null = null;
  #timer: Timer | null = null;
  #retryAtMs: number | null = null;
  #permission: WirePermission | null = null;
  #user = "";
  /** Greater for each time it is opened: what an earlier one waited for is not wanted any more. */
  #opening = 0;
  #channel: number | null = null;
  /** What OPEN said, so that the answer can be understood. */
  #openedWith: { readonly revision: boolean; readonly stateVector: boolean } | null = null;
  /** An answer that was not given because the session may only read. */
  #isWithheld = false;

  constructor(document: SessionDocument, connection: Connection, environment: Environment) {
    this.#document = document;
    this.#connection = connection;
    this.#environment = environment;
    this.#giving = new Giving({
      doc: () => document.doc,
      position: () => this.#position,
      random: () => environment.random(),
      fragmentBytes: () => connection.hello?.fragmentBytes ?? 0,
      send: (frame) => this.#send(frame),
    });
    this.#incoming = new Incoming({
      inflate: (bytes) => environment.inflate(bytes),
      handle: (frame) => this.#handle(frame),
      onBroken: (thrown) => this.#startOver(failureOf(thrown).message),
    });
  }

  get outbox(): Outbox {
    return this.#giving.outbox;
  }

  get state(): SessionState {
    return this.#state;
  }

  get failure(): Failure | null {
    return this.#failure;
  }

  get conflict(): LineageConflict | null {
    return this.#conflict;
  }

  get retryAtMs(): number | null {
    return this.#retryAtMs;
  }

  /** `null` before the server said. */
  get permission(): WirePermission | null {
    return this.#permission;
  }

  /** Who the server takes us for; empty for nobody in particular. */
  get user(): string {
    return this.#user;
  }

  /** The copy on this device is there: the server may be asked. */
  loaded(revision: Revision | null, lineage: LineageId | null): void {
    this.#position = new LogPosition(revision, lineage);
    this.#step("loaded");
    this.#connection.add(this);
  }

  /** A local edit was made. */
  edited(update: Uint8Array): void {
    this.outbox.add(update);
    this.request();
  }

  /** Has `write` called. */
  request(): void {
    if (this.#channel !== null) this.#connection.request(this);
  }

  /** @returns Whether it was sent; signals are never kept. */
  signal(frame: Uint8Array): boolean {
    const { hasRoom, hello } = this.#connection;
    const fits = hasRoom && frame.length <= (hello?.fragmentBytes ?? 0);
    if (this.#channel === null || this.#state !== "live" || !fits) return false;
    this.#connection.send(this.#channel, frame);
    return true;
  }

  /** Rejects as the application's token function does. */
  async refreshToken(): Promise<void> {
    const { token: source } = this.#document;
    const channel = this.#channel;
    if (source === null) return this.#connection.refreshToken();
    const token = await askToken(source);
    if (channel !== null && channel === this.#channel) {
      this.#connection.send(0, clientFrames.token(channel, token));
    }
  }

  /** Opens anew, also after a refusal. */
  reopen(): void {
    this.#closeChannel();
    this.#failure = null;
    this.#conflict = null;
    if (this.#step("reopen") && this.#connection.isUp) this.#step("linked");
  }

  /** The copy on this device is of no lineage, or of another one, from now on. */
  forgetLineage(): void {
    this.#position = new LogPosition(null, null);
    this.#incoming.forget();
    this.#giving.forget();
  }

  close(): void {
    // What was edited in this turn is still sent.
    if (this.#channel !== null) this.#connection.flush();
    this.#closeChannel();
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
    this.#incoming.receive(frame);
  }

  /** Says the next thing that it has to say. */
  write(): boolean {
    if (this.#state === "opening") return false;
    const presence = this.#document.presence?.take();
    if (presence) this.#send(clientFrames.presence(presence));
    return this.#giving.write(this.#permission === "write");
  }

  // States

  #step(event: SessionEvent): boolean {
    const before = this.#state;
    const state = nextSessionState(before, event);
    if (state === before) return false;
    this.#state = state;
    const hadChannel = before === "opening" || before === "catchingUp" || before === "live";
    if (hadChannel && state !== "catchingUp" && state !== "live") this.#leave();
    this.#timer?.cancel();
    this.#retryAtMs = null;
    if (state === "opening") this.#open();
    else if (state === "waiting") this.#wait();
    else if (state === "live") {
      this.#failure = null;
      this.#backoff.up(this.#environment.clock.monotonicMs());
    }
    this.#document.changed();
    return true;
  }

  #leave(): void {
    this.#channel = null;
    this.#incoming.end();
    this.#giving.end();
    this.#document.presence?.linkIsDown();
  }

  /** Leaves the channel in good order, if there is one. */
  #closeChannel(): void {
    if (this.#channel === null) return;
    this.#send(clientFrames.close());
    this.#connection.closeChannel(this.#channel);
  }

  #wait(): void {
    const { clock } = this.#environment;
    const delayMs = this.#backoff.nextMs(clock.monotonicMs(), this.#environment.random());
    this.#retryAtMs = clock.now() + delayMs;
    this.#timer = clock.setTimer(delayMs, () => {
      if (this.#step("reopen") && this.#connection.isUp) this.#step("linked");
    });
  }

  /** The channel is over; whether it is opened again is in the failure. */
  #end(failure: Failure): void {
    if (this.#channel !== null) this.#connection.closeChannel(this.#channel);
    this.#failure = failure;
    const { token } = this.#document;
    const isRenewable = token === null ? this.#connection.isTokenRenewable : typeof token === "function";
    const isOver = failure.retry === "never" || (failure.retry === "after-auth" && !isRenewable);
    if (failure.retry === "after-auth" && token === null && isRenewable) {
      this.#connection.refreshToken().catch((error: unknown) => this.#document.report(error));
    }
    this.#step(isOver ? "refused" : "dropped");
  }

  /** Something does not fit: begins anew, after a pause. */
  #startOver(message: string): void {
    this.#closeChannel();
    this.#end({ code: "MALFORMED_FRAME", retry: "backoff", message });
  }

  // Opening

  #open(): void {
    const opening = ++this.#opening;
    const isWanted = () => opening === this.#opening && this.#state === "opening";
    withToken(
      this.#document.token ?? "",
      (token) => {
        if (isWanted()) this.#sendOpen(token);
      },
      (failure) => {
        if (isWanted()) this.#end(failure);
      },
    );
  }

  #sendOpen(token: string): void {
    const stateVector = Y.encodeStateVector(this.#document.doc);
    const hasContent = stateVector.length > 1;
    this.#giving.begin();
    this.#position.restart(hasContent);
    this.#isWithheld = false;
    this.#permission = null;
    const { revision, lineage } = this.#position;
    const withVector = revision === null && stateVector.length <= MAX_OPEN_VECTOR_BYTES;
    this.#openedWith = { revision: revision !== null, stateVector: withVector };
    this.#channel = this.#connection.openChannel(this);
    this.#send(
      clientFrames.open({
        document: this.#document.name,
        revision,
        lineage,
        stateVector: withVector ? stateVector : null,
        token,
        partial: this.#incoming.partial,
        offersSeed: this.#document.seed !== null && !hasContent,
      }),
    );
  }

  // What the server says

  #handle(frame: ServerFrame): void {
    switch (frame.type) {
      case "opened":
        this.#opened(frame);
        break;
      case "ask":
        this.#asked(frame.stateVector);
        break;
      case "ack":
        this.#acknowledged(frame.number, frame.seq);
        break;
      case "catchUp":
        this.#caught(frame.update);
        break;
      case "caughtUp":
        this.#caughtUp(frame.seq, frame.durableSeq);
        break;
      case "batch":
        this.#batch(frame);
        break;
      case "durable":
        this.#position.durable(frame.seq);
        this.#settle();
        break;
      case "presence":
        this.#document.presence?.received(frame.users, frame.update);
        break;
      case "signal":
        this.#document.signalled(frame);
        break;
      case "notice":
        this.#document.noticed(failureSaid(frame));
        break;
      case "close":
        this.#closed(frame);
        break;
      case "permission":
        this.#permitted(frame);
        break;
      case "seed":
        void this.#seed();
        break;
      case "progress":
        if (this.#giving.progress(frame.id, frame.have)) this.request();
        break;
      default:
      // Frames of the connection do not come here, and parts only put together.
    }
  }

  #opened(frame: Opened): void {
    if (this.#state !== "opening" || !this.#openedWith) return;
    const { lineage } = this.#position;
    if (lineage !== null && lineage !== frame.lineage) {
      this.#closeChannel();
      this.#conflicts({ lineage: frame.lineage, seq: frame.durableSeq });
      this.#end({
        code: "LINEAGE_CHANGED",
        retry: "never",
        message: "The server has another document of this name.",
      });
      return;
    }
    this.#permission = frame.permission;
    this.#user = frame.user;
    this.#position.opened(frame.lineage, frame.durableSeq);
    this.#step("opened");
    const { revision, stateVector } = this.#openedWith;
    if (!frame.isRevisionTaken && !stateVector) {
      this.#send(clientFrames.sync(Y.encodeStateVector(this.#document.doc)));
    }
    if (revision) this.#giving.oweTail(frame.permission === "write");
    this.#document.presence?.linkIsUp();
    this.request();
  }

  #asked(question: Uint8Array): void {
    if (this.#permission === "write") {
      this.#giving.asked(question);
      this.request();
      return;
    }
    this.#isWithheld = true;
    this.#giving.withhold();
    // What is not ours came from the server; somebody who may write gives it back.
    if (this.outbox.unsaved.count === 0) this.#position.everythingSaved();
  }

  #acknowledged(number: number, seq: number): void {
    this.#giving.acknowledged(number, seq);
    this.#settle();
  }

  #caught(update: Uint8Array): void {
    const news = this.#apply(update);
    if (news) this.#position.caught(news);
  }

  #caughtUp(seq: number, durableSeq: number): void {
    this.#incoming.forget();
    this.#position.caughtUp(seq, durableSeq);
    this.#settle();
    this.#step("caughtUp");
    this.request();
  }

  #batch({ seq, durableSeq, update }: Frame<"batch">): void {
    const news = this.#apply(update);
    if (this.#position.batch(seq, durableSeq, news)) this.#settle();
    else this.#startOver(`A batch is missing before ${seq}.`);
  }

  /** @returns What was not here. */
  #apply(update: Uint8Array): Uint8Array | null {
    try {
      return this.#document.apply(update);
    } catch (thrown) {
      // Of Yjs, or of a listener of the application: then it was applied. Nobody can tell, so all is compared later.
      this.#position.doubt();
      this.#document.report(thrown);
      return null;
    }
  }

  #closed(frame: Frame<"close">): void {
    if (frame.remote) this.#conflicts(frame.remote);
    this.#end(failureSaid(frame));
  }

  #conflicts(remote: Revision): void {
    const { lineage, revision } = this.#position;
    if (lineage !== null) this.#conflict = { local: { lineage, seq: revision?.seq ?? null }, remote };
  }

  #permitted({ permission, reason }: Frame<"permission">): void {
    this.#permission = permission;
    this.#document.permissionChanged(permission, reason);
    this.#document.changed();
    if (permission === "write" && this.#isWithheld) this.reopen();
    else this.request();
  }

  async #seed(): Promise<void> {
    const channel = this.#channel;
    const scratch = new Y.Doc();
    let update = EMPTY_UPDATE;
    try {
      await this.#document.seed?.(scratch);
      update = Y.encodeStateAsUpdate(scratch);
    } catch (thrown) {
      this.#document.report(thrown);
    }
    if (this.#channel !== channel) return;
    this.#giving.push(clientFrames.seed(update));
    this.request();
  }

  #send(frame: Uint8Array): void {
    if (this.#channel !== null) this.#connection.send(this.#channel, frame);
  }

  /** Something may have become durable. */
  #settle(): void {
    const position = this.#position;
    const { edits, carried, everything } = this.outbox.durable(position.durableSeq);
    position.carriedSaved(carried);
    if (everything) position.everythingSaved();
    if (edits > 0) this.#document.saved(edits);
    this.#document.positionChanged(position.storedRevision, position.lineage);
    this.#document.changed();
  }
}
