/**
 * What a session gives, and what it knows to be there: answers to what the server asks, local edits as updates, and
 * large frames in parts. It says one thing at a time, when there is room: a part of what is under way, else the answer that is due, else all edits
 * that wait, merged.
 */

import { clientFrames } from "@joinery/shared/protocol";
import * as Y from "yjs";
import type { Content } from "./content.ts";
import type { DocumentHost } from "./document-host.ts";
import { PATIENCE_MS } from "./limits.ts";
import { LogPosition } from "./log-position.ts";
import { EMPTY_UPDATE, mergeUpdates } from "./merge.ts";
import type { CopyPlace } from "./offline/ports.ts";
import { Outbox } from "./outbox.ts";
import type { Timer } from "./ports.ts";
import { Upload } from "./upload.ts";

/** The first answer of a session, while it goes in parts and the server has not acknowledged it. */
interface AnswerUpload {
  readonly upload: Upload;
  /** The state vector that was asked with; `null` for what the server may have lost since our revision. */
  readonly question: Uint8Array | null;
  /** The document's state vector when the answer was made. */
  readonly stateVector: Uint8Array;
}

/** Who sends what is given. */
export interface Giver {
  send(frame: Uint8Array): void;
  /** Has `write` called: there is something to say. */
  request(): void;
  /** The server has let go of a large frame again, or has not said for a while after all was sent that it is there. */
  missUpload(): void;
}

export class Giving {
  readonly #outbox = new Outbox();
  #position = new LogPosition(null);
  readonly #host: DocumentHost;
  readonly #content: Content;
  readonly #giver: Giver;
  /**
   * What is to be answered before updates follow: a state vector that the server asked with, or what it may have lost
   * since our revision. `null` before either is known; it may stay unknown in a session that may only read.
   */
  #owed: Uint8Array | "tail" | "nothing" | null = null;
  /** Frames without a number, which may be large, that wait for the one before them. */
  #waiting: Uint8Array[] = [];
  #upload: Upload | null = null;
  #answer: AnswerUpload | null = null;
  /** The answer in which the last session was cut off: this one goes on with it, if it still answers what is asked. */
  #cutOff: AnswerUpload | null = null;
  #timer: Timer | null = null;

  constructor(host: DocumentHost, content: Content, giver: Giver) {
    this.#host = host;
    this.#content = content;
    this.#giver = giver;
  }

  /** The local edits that are not saved. */
  get outbox(): Outbox {
    return this.#outbox;
  }

  /** How far the copy is, and what may have to be given back. */
  get position(): LogPosition {
    return this.#position;
  }

  /** A new session begins. @param hasContent Whether the copy has anything that could be owed. */
  begin(hasContent: boolean): void {
    this.#position.restart(hasContent);
    this.#cutOff = this.#answer ?? this.#cutOff;
    this.#answer = null;
    this.#outbox.restart(this.#cutOff !== null);
    this.#owed = null;
  }

  /** The session is over. */
  end(): void {
    this.#stopWaiting();
    this.#upload = null;
    this.#waiting = [];
    this.#answer?.upload.interrupt();
  }

  /**
   * What the copy is that is given.
   *
   * @param place `null` for a copy that the server knows nothing of.
   * @param unsaved Of it, older than what was edited since.
   */
  load(place: CopyPlace | null, unsaved: readonly Uint8Array[]): void {
    this.#position = new LogPosition(place);
    this.#outbox.restore(unsaved);
  }

  /** Gives a frame without a number, which may be large. */
  push(frame: Uint8Array): void {
    this.#waiting.push(frame);
    this.#giver.request();
  }

  /** The server knows our revision: it lacks what it may have lost since. */
  oweTail(mayWrite: boolean): void {
    this.#owed = "tail";
    this.#resume(mayWrite && this.#cutOff?.question === null);
  }

  /** The server asks for what lies beyond a state vector. */
  asked(question: Uint8Array): void {
    const rest = this.#cutOff && remainingQuestion(this.#cutOff, question);
    this.#owed = this.#resume(rest !== null) ? rest : question;
  }

  /** Whether it is not known what the server lacks, or it was withheld. */
  get isUnasked(): boolean {
    return this.#owed === null;
  }

  /**
   * Answers that there is nothing, because it may not be said; not ahead of a large edit that has a number already. Either
   * way the server's question is open: all is said anew when it may be.
   */
  withhold(): void {
    this.#owed = null;
    if (this.#upload?.number) return;
    this.#giver.send(clientFrames.answer(this.#outbox.skip(), EMPTY_UPDATE));
  }

  acknowledged(number: number, seq: number): void {
    this.#answer = null;
    this.#outbox.acknowledged(number, seq);
    // A seed has no number, and is never acknowledged.
    if (this.#upload?.number && this.#upload.number <= number) this.#goOn(true);
  }

  /** Something may have become durable. @returns How many of the oldest unsaved edits are. */
  settle(): number {
    this.#position.confirm();
    const { edits, carried, everything } = this.#outbox.durable(this.#position.durableSeq);
    this.#position.carriedSaved(carried);
    if (everything) this.#position.everythingSaved();
    return edits;
  }

  /** The server says how much it has of a large frame. */
  progress(id: Uint8Array, have: number): void {
    const upload = this.#upload;
    const losses = upload?.losses;
    this.#goOn(upload?.progress(id, have) ?? false);
    // Once may happen. Who begins again at once each time, as others do, keeps all from coming through.
    if (upload && upload.losses > 1 && upload.losses !== losses) this.#giver.missUpload();
  }

  /** Says the next thing. @returns Whether there may be more. */
  write(mayWrite: boolean): boolean {
    // What has a number is an edit.
    if (this.#upload) return (mayWrite || this.#upload.number === 0) && this.#writePart(this.#upload);
    const frame = this.#waiting.shift();
    if (frame) return this.#put(frame, 0);
    const owed = this.#owed;
    if (!mayWrite || owed === null) return false;
    if (owed === "tail") return this.#answerTail();
    if (owed !== "nothing") return this.#answerEverything(owed);
    const next = this.#outbox.take();
    return next !== null && this.#put(clientFrames.update(next.number, next.update), next.number);
  }

  #answerEverything(question: Uint8Array): boolean {
    const update = Y.encodeStateAsUpdate(this.#content.doc, question);
    const carried = this.#position.carried.length;
    return this.#putAnswer(this.#outbox.cover({ everything: true, carried }), update, question);
  }

  #answerTail(): boolean {
    const { carried } = this.#position;
    const updates = [...carried, ...this.#outbox.waiting];
    if (updates.length > 0) {
      return this.#putAnswer(this.#outbox.cover({ carried: carried.length }), mergeUpdates(updates), null);
    }
    this.#owed = "nothing";
    return false;
  }

  #putAnswer(number: number, update: Uint8Array, question: Uint8Array | null): true {
    this.#owed = "nothing";
    this.#put(clientFrames.answer(number, update), number);
    if (number === 1 && this.#upload) {
      const stateVector = Y.encodeStateVector(this.#content.doc);
      this.#answer = { upload: this.#upload, question, stateVector };
    }
    return true;
  }

  /** Goes on with the answer in which the last session was cut off, or lets go of it. @returns Whether it goes on. */
  #resume(fits: boolean): boolean {
    const cutOff = this.#cutOff;
    this.#cutOff = null;
    if (cutOff && fits && !this.#upload && this.#waiting.length === 0) {
      this.#outbox.resumeInterrupted();
      this.#answer = cutOff;
      this.#upload = cutOff.upload;
      return true;
    }
    this.#outbox.abandonInterrupted();
    return false;
  }

  /** Sends a frame, in parts if it is large. */
  #put(frame: Uint8Array, number: number): true {
    const { connection, environment } = this.#host;
    if (frame.length <= connection.fragmentBytes) this.#giver.send(frame);
    else this.#upload = new Upload(frame, number, environment);
    return true;
  }

  #writePart(upload: Upload): boolean {
    const part = upload.next(this.#host.connection.fragmentBytes);
    if (part) this.#giver.send(part);
    else this.#wait(upload);
    return part !== null;
  }

  /** What comes next has to wait until the server has all of this. */
  #wait(upload: Upload): void {
    const { outgoing } = this.#host.connection;
    const { waitingBytes } = outgoing;
    this.#timer ??= this.#host.environment.clock.setTimer(PATIENCE_MS, () => {
      this.#timer = null;
      // On a slow link it is on its way still, or its end has only just left.
      if (outgoing.waitingBytes < waitingBytes) return this.#wait(upload);
      if (!upload.isAsked) return this.#giver.missUpload();
      // A server may leave it unsaid while much waits for us; it is asked again.
      upload.interrupt();
      this.#giver.request();
    });
  }

  /** @param isThere Whether the server has all of the large frame that was under way. */
  #goOn(isThere: boolean): void {
    this.#stopWaiting();
    if (isThere) this.#upload = null;
    this.#giver.request();
  }

  #stopWaiting(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}

/**
 * What is still asked for after an answer that was cut off, as a state vector; `null` when the server lacks something
 * that it had when it asked first, so that the answer is not enough.
 */
function remainingQuestion(answer: AnswerUpload, question: Uint8Array): Uint8Array | null {
  if (answer.question === null) return null;
  const now = Y.decodeStateVector(question);
  for (const [client, clock] of Y.decodeStateVector(answer.question)) {
    if ((now.get(client) ?? 0) < clock) return null;
  }
  for (const [client, clock] of Y.decodeStateVector(answer.stateVector)) {
    if ((now.get(client) ?? 0) < clock) now.set(client, clock);
  }
  return Y.encodeStateVector(now);
}
