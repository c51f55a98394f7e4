/**
 * What a room takes in. Of each update only the news goes on; what builds upon something missing, or comes under
 * a client id that is somebody else's, is held aside for a while; what is large is tried on a replica first.
 *
 *   update ─► contents.examine ─┬─ known: nothing to do
 *                               ├─ news ─► (rehearsed) ─► contents.add ─► the open batch
 *                               └─ the rest ─► held aside; its sender is asked, or the id's owner probed
 */

import { JoineryError, type LimitName, type Limits, toJoineryError } from "@joinery/shared";
import { ClientIds } from "./client-ids.ts";
import type { Contents, Examination, Missing, News, Rest } from "./contents.ts";
import { spoofEvent } from "./events.ts";
import type { Gate } from "./gate.ts";
import type { Graves } from "./graves.ts";
import { type HeldReason, type HeldUpdate, HeldUpdates } from "./held-updates.ts";
import { LaterQuestions } from "./later-questions.ts";
import { LazyMap } from "./lazy-map.ts";
import { concerned } from "./peer.ts";
import type { Clock, Timer } from "./ports.ts";
import type { Rights } from "./rights.ts";
import { type Candidate, type Culprit, type TrialRoom, Trials } from "./trials.ts";

/** The part of a session that its updates need. */
export interface Writer extends Culprit {
  readonly rights: Rights;
  /** Whether what it writes under is its own for a while. */
  readonly claimsIds: boolean;
  /** Asks the client for what the server misses. */
  ask(): void;
  /** Something that the client sent just now is not taken in, or not yet. */
  leftOut(): void;
  /** Something of that was taken in after all. */
  takenIn(): void;
  /** Asks the client for a sign of life; if there is none, it ends. */
  probe(): void;
}

/** What an intake needs of its room. */
export interface IntakeRoom extends TrialRoom {
  readonly limits: Limits;
  readonly clock: Clock;
  /** Why nothing may be added to the document; `null` if it may. */
  readonly damage: JoineryError | null;
  /** What was deleted under its name. */
  readonly graves: Graves;
  /** Puts news into the open batch. The bytes are the room's. */
  addNews(writer: Writer, update: Uint8Array): void;
}

interface HowItCame {
  readonly isAnswer: boolean;
  /** What it has to pass, all of it together; absent for most. */
  readonly gate?: Gate;
  readonly wasTried?: boolean;
}

/** How often an update is tried again because more of it became news meanwhile. */
const MAX_REHEARSALS = 3;

/** How often it is looked whether what is held aside can be added, if nothing happens that makes it. */
const RETRY_MS = 5_000;

export class Intake {
  readonly #room: IntakeRoom;
  readonly #contents: Contents;
  readonly #ids: ClientIds<Writer>;
  readonly #held: HeldUpdates<Writer>;
  /** Whose updates under somebody else's id found no room among the held ones, and since when. */
  readonly #turnedAway = new LazyMap<Writer, number>();
  readonly #questions: LaterQuestions<Writer>;
  readonly #trials: Trials<Writer>;
  #expiry: Timer | null = null;

  constructor(room: IntakeRoom, contents: Contents) {
    const { maxPresenceEntries, maxHeldBytes, maxHeldUpdates } = room.limits;
    this.#room = room;
    this.#contents = contents;
    this.#ids = new ClientIds(room.clock, maxPresenceEntries);
    this.#trials = new Trials(room);
    this.#held = new HeldUpdates({ maxBytes: maxHeldBytes, maxUpdates: maxHeldUpdates });
    this.#questions = new LaterQuestions({
      limits: room.limits,
      clockOf: (client) => contents.clockOf(client),
      onLimit: (writer) => this.#reportLimit("maxMissingClients", writer),
    });
  }

  get heldBytes(): number {
    return this.#held.bytes;
  }

  /**
   * Takes in an update. The bytes may be a view: what is kept is copied.
   *
   * @param isAnswer Whether the client was asked for it: then it has all that the client has, and comes again.
   * @returns A promise where the update has to be rehearsed, and what the session sends after it has to wait.
   * @throws JoineryError MALFORMED_UPDATE, UPDATE_TOO_LARGE, PERMISSION_DENIED, DOCUMENT_DAMAGED,
   * DOCUMENT_FULL; the promise
   * rejects with UPDATE_TOO_COSTLY too.
   */
  receive(writer: Writer, update: Uint8Array, isAnswer: boolean): Promise<void> | null {
    return this.#receive(writer, update, { isAnswer });
  }

  /**
   * Takes in an update as {@link receive} does, but all of it or nothing, and only while its gate is open: the first
   * content of a document, or what was made for one revision of it. None of it is ever held aside: it could come into a
   * document that is not the same any more.
   *
   * @throws JoineryError as {@link receive}; MALFORMED_UPDATE (never retry) too when it builds upon something else, and
   * CLIENT_ID_IN_USE (backoff) when it comes under somebody's client id. The promise rejects with these too.
   */
  receiveWhole(writer: Writer, update: Uint8Array, gate: Gate): Promise<void> | null {
    return this.#receive(writer, update, { isAnswer: false, gate });
  }

  #receive(writer: Writer, update: Uint8Array, how: HowItCame): Promise<void> | null {
    const { isAnswer } = how;
    const examination = this.#examine(writer, update);
    if (examination.kind === "known") return null;
    // Who writes without being a client, as the server itself, says it on purpose.
    const isClients = writer.claimsIds && !how.gate;
    if (examination.kind === "news" && isClients) this.#room.graves.refuse(examination.inspection);
    if (!writer.rights.mayWrite) {
      // An answer carries everything that the client has deleted, whoever else did: that is no attempt to write.
      if (isAnswer && this.#contents.clientsBeyond(update).length === 0) {
        writer.leftOut();
        return null;
      }
      writer.rights.demand("write");
    }
    if (this.#room.damage) throw this.#room.damage;
    if (examination.rest && this.#setAside(writer, update, examination.rest, how)) return null;
    if (examination.kind === "missing") return null;
    const { period } = this.#trials;
    const candidate = { news: examination, weight: period.weigh(examination) };
    if (!period.hasRoomFor(candidate.news, candidate.weight)) {
      return this.#rehearse(writer, candidate, new Uint8Array(update), how);
    }
    this.#add(writer, candidate, how);
    return null;
  }

  /** Whose client id this is, as far as it is somebody's who is there. */
  ownerOf(client: number): Writer | null {
    return this.#ids.ownerOf(client);
  }

  /** The session announced presence under this id, and has it. */
  announced(writer: Writer, client: number): void {
    this.#ids.announced(writer, client);
    this.#ownersChanged();
  }

  /**
   * The session ended: what it sent and could not be added goes with it.
   *
   * @param heirOf Who has an id as presence now.
   */
  release(writer: Writer, heirOf: (client: number) => Writer | null): void {
    for (const held of this.#held.forget(writer)) this.#droppedEarly(held);
    this.#trials.forget(writer);
    this.#turnedAway.delete(writer);
    this.#questions.forget(writer);
    const clients = this.#ids.release(writer);
    for (const client of clients) {
      const heir = heirOf(client);
      if (heir) this.#ids.announced(heir, client);
    }
    if (clients.length > 0) this.#ownersChanged();
  }

  /** Looks whether what is held aside can be added now. Called when something was added. */
  retryHeld(): void {
    if (!this.#held.isEmpty) this.#retryHeld();
    this.#questions.askReady();
  }

  #retryHeld(): void {
    const { period } = this.#trials;
    const refused: [Writer, JoineryError][] = [];
    for (const held of this.#held.takeAll()) {
      const { sender, update, ownDeletesOnly } = held;
      // It could when it came.
      if (!sender.rights.mayWrite) continue;
      try {
        const examination = this.#examine(sender, update, ownDeletesOnly);
        if (examination.kind === "known") {
          sender.takenIn();
          continue;
        }
        if (examination.kind === "news") this.#room.graves.refuse(examination.inspection);
        const isKept = this.#hasToWait(held, examination) && this.#held.hold(held);
        if (examination.rest && !isKept) this.#questions.add(sender, examination.rest.buildsUpon);
        if (examination.kind === "missing" || (examination.rest && !held.isAnswer)) continue;
        // Its answer will be tried like any other.
        const weight = period.weigh(examination);
        if (period.hasRoomFor(examination, weight)) {
          this.#add(sender, { news: examination, weight }, held);
          sender.takenIn();
        } else sender.ask();
      } catch (thrown) {
        // It was in order when it came; what came since contradicts it.
        refused.push([sender, toJoineryError(thrown)]);
      }
    }
    for (const [sender, error] of refused) sender.close(error);
  }

  close(): void {
    this.#expiry?.cancel();
    this.#expiry = null;
    this.#held.takeAll();
    this.#turnedAway.clear();
    this.#questions.clear();
  }

  #examine(writer: Writer, update: Uint8Array, ownDeletesOnly = false): Examination {
    return this.#contents.examine(update, (client) => this.#ids.mayBring(writer, client), ownDeletesOnly);
  }

  #hasToWait({ sender, isAnswer }: HeldUpdate<Writer>, { rest }: News | Missing): boolean {
    if (!rest) return false;
    return !isAnswer || this.#ownersOf(sender, rest).size > 0;
  }

  #add(writer: Writer, { news, weight }: Candidate, { isAnswer, gate, wasTried = false }: HowItCame): void {
    const { structs, structCount } = news.inspection;
    if (structCount > 0) this.#requireRoom();
    this.#contents.add(news);
    if (this.#questions.newsCame()) this.#expireLater();
    gate?.pass();
    const { loggedSeq } = this.#room;
    // A copy: an update may be a view into a frame, a frame into a larger buffer. `slice` would not be one of a Buffer.
    this.#room.addNews(writer, new Uint8Array(news.update));
    // It is in the batch that is still open, unless that was flushed for it.
    this.#trials.period.add(writer, news, weight, Math.max(loggedSeq + 1, this.#room.loggedSeq), wasTried);
    const [first] = structs;
    const isOwn = !isAnswer && writer.claimsIds && structs.length === 1 && !writer.isClosed;
    if (isOwn && first) this.#ids.wrote(writer, first.client);
  }

  #requireRoom(): void {
    const { documentBytes, limits } = this.#room;
    if (documentBytes < limits.maxDocumentBytes) return;
    const message = `the document has ${documentBytes} bytes, the limit is ${limits.maxDocumentBytes}`;
    throw new JoineryError("DOCUMENT_FULL", message, { limit: "maxDocumentBytes" });
  }

  // What has to be tried first

  /**
   * Yjs can be made to take minutes over a few kilobytes; what that takes is many structs or deletes, at once or one
   * after the other, by one session or by several.
   */
  async #rehearse(writer: Writer, first: Candidate, update: Uint8Array, how: HowItCame): Promise<void> {
    this.#reportLimit("maxUnrehearsed", writer);
    const { period } = this.#trials;
    let candidate = first;
    for (let tries = 0; tries < MAX_REHEARSALS; ) {
      // What only came when there was no room for it has some after the next trial: it needs none of its own.
      const waits = this.#trials.current !== null && period.isSmall(candidate.news, candidate.weight);
      if (!waits) tries++;
      await (waits ? this.#trials.current : this.#trials.try(writer, candidate));
      if (!this.#room.isAlive || how.gate?.isOpen === false) return;
      writer.rights.demand("write");
      // Others went on meanwhile: what is news has to be found anew, and must not be more than was tried.
      const news = this.#examine(writer, update);
      // Of a seed nothing is added then, whoever is there.
      const isHeard = how.gate !== undefined || !writer.isClosed;
      if (news.kind === "missing" && isHeard) this.#setAside(writer, update, news.rest, how);
      if (news.kind !== "news") return;
      const weight = period.weigh(news);
      const mayGo = waits ? period.hasRoomFor(news, weight) : sizeOf(news) <= sizeOf(candidate.news);
      if (mayGo) {
        const { rest } = news;
        if (rest && isHeard && this.#setAside(writer, update, rest, how)) return;
        this.#add(writer, { news, weight }, { ...how, wasTried: !waits });
        return;
      }
      candidate = { news, weight };
    }
    throw new JoineryError("UPDATE_TOO_COSTLY", "update: grows while it is tried");
  }

  // What cannot be added yet

  /**
   * Deals with an update of which not everything can be added. An edit is taken as a whole or not at all: half of a
   * transaction is nobody's intention. Of an answer to a question, what can be added is: after a crash two clients
   * may each have something of the other's.
   *
   * @returns Whether nothing of it is to be added.
   */
  #setAside(writer: Writer, update: Uint8Array, rest: Rest, { isAnswer, gate }: HowItCame): boolean {
    const owners = this.#ownersOf(writer, rest);
    if (gate) {
      if (owners.size > 0) this.#reportSpoofed(writer, this.#idsOfOthers(writer, update));
      throw notWhole(owners.size > 0);
    }
    writer.leftOut();
    const reason: HeldReason = owners.size > 0 ? "owned" : "gap";
    const { document } = this.#room;
    this.#room.report({ type: "held-aside", document, reason, bytes: update.length, ...concerned(writer) });
    // Deletes of what somebody has not written yet are not kept for when they do.
    if (rest.deletes) this.#questions.add(writer, rest.deletes);
    // Of an answer, deletes of what is there are taken at once.
    const ownDeletesOnly = isAnswer || rest.deletes !== null;
    const held = { sender: writer, update, isAnswer, ownDeletesOnly, reason };
    if (reason === "owned") this.#hold(held);
    for (const owner of owners) owner.probe();
    // What an answer lacks its sender does not have either: asked again, it would say the same.
    if (isAnswer) {
      this.#questions.add(writer, rest.buildsUpon);
      return false;
    }
    if (reason === "gap") {
      writer.ask();
      if (!rest.deletes) this.#hold(held);
    }
    return true;
  }

  #hold(held: Omit<HeldUpdate<Writer>, "heldAtMs">): void {
    const { sender, update, reason } = held;
    const heldAtMs = this.#room.clock.monotonicMs();
    if (!this.#held.hold({ ...held, update: new Uint8Array(update), heldAtMs })) {
      this.#reportLimit("maxHeldBytes", sender);
      if (reason === "owned") this.#turnedAway.set(sender, heldAtMs);
      this.#droppedEarly(held);
    }
    this.#expireLater();
  }

  #ownersChanged(): void {
    if (!this.#held.isEmpty) this.retryHeld();
    for (const writer of this.#turnedAway.keys()) writer.ask();
    this.#turnedAway.clear();
  }

  #ownersOf(writer: Writer, { update }: Rest): ReadonlySet<Writer> {
    const ids = update ? this.#idsOfOthers(writer, update) : [];
    return new Set(ids.map((client) => this.#ids.ownerOf(client) as Writer));
  }

  /** Of the ids under which an update has news, those that somebody else has who is there. */
  #idsOfOthers(writer: Writer, update: Uint8Array): readonly number[] {
    return this.#contents.clientsBeyond(update).filter((client) => {
      const owner = this.#ids.ownerOf(client);
      return owner !== null && owner !== writer;
    });
  }

  #expireLater(): void {
    const oldestAtMs = Math.min(this.#held.oldestAtMs, ...this.#turnedAway.values());
    if (this.#expiry || (oldestAtMs === Number.POSITIVE_INFINITY && !this.#questions.hasNews)) return;
    const { clock, limits } = this.#room;
    const leftMs = Math.max(0, oldestAtMs + limits.heldTimeoutMs - clock.monotonicMs());
    const delayMs = Math.min(leftMs, RETRY_MS);
    this.#expiry = clock.setTimer(delayMs, () => this.#expire());
  }

  #expire(): void {
    this.#expiry = null;
    this.#questions.askAll();
    // An owner may have lost its claim.
    this.#ownersChanged();
    const { clock, limits } = this.#room;
    const beforeMs = clock.monotonicMs() - limits.heldTimeoutMs + 1;
    for (const { sender, reason, update } of this.#held.takeBefore(beforeMs)) {
      // Its owner was asked for a sign of life, and gave one.
      if (reason === "owned") this.#reportSpoofed(sender, this.#idsOfOthers(sender, update));
      this.#letGo(sender, reason);
    }
    for (const [writer, sinceMs] of this.#turnedAway) if (sinceMs < beforeMs) this.#letGo(writer, "owned");
    this.#expireLater();
  }

  #letGo(writer: Writer, reason: HeldReason): void {
    const { document } = this.#room;
    this.#room.report({ type: "held-dropped", document, reason, ...concerned(writer) });
    this.#reportLimit("heldTimeoutMs", writer);
    if (reason === "gap") return;
    // Silence would let its user type on into nothing.
    const message = "this client id is in use by another connection, which is alive";
    writer.close(new JoineryError("CLIENT_ID_IN_USE", message));
  }

  /**
   * It is not known whether the ids' owners are alive: who may be one of them, come back, is no stranger, and who
   * answers says what everybody made.
   */
  #droppedEarly({ sender, update, isAnswer, reason }: Omit<HeldUpdate<Writer>, "heldAtMs">): void {
    if (reason !== "owned" || isAnswer) return;
    const isStranger = (client: number) => this.#ids.ownerOf(client)?.author !== sender.author;
    this.#reportSpoofed(sender, this.#idsOfOthers(sender, update).filter(isStranger));
  }

  #reportLimit(limit: LimitName, writer: Writer): void {
    this.#room.report({ type: "limit-hit", document: this.#room.document, limit, ...concerned(writer) });
  }

  #reportSpoofed(writer: Writer, clientIds: readonly number[]): void {
    if (clientIds.length === 0) return;
    this.#room.report(spoofEvent(this.#room.document, "edit", clientIds, writer));
  }
}

function notWhole(isOwned: boolean): JoineryError {
  if (isOwned) return new JoineryError("CLIENT_ID_IN_USE", "it is under a client id of another connection");
  return new JoineryError("MALFORMED_UPDATE", "it builds upon something that is not there");
}

function sizeOf({ inspection }: News): number {
  return inspection.structCount + inspection.deletes;
}
