/**
 * What a session gives: answers to what the server asks, local edits as updates, and large frames in parts. It says
 * one thing at a time, when there is room: a part of what is under way, else the answer that is due, else all edits
 * that wait, merged.
 */

import { clientFrames } from "@joinery/shared/protocol";
import * as Y from "yjs";
import type { LogPosition } from "./log-position.ts";
import { EMPTY_UPDATE, mergeUpdates } from "./merge.ts";
import { Outbox } from "./outbox.ts";
import { Upload } from "./upload.ts";

/** The first answer of a session, while it goes in parts and the server has not acknowledged it. */
interface AnswerUpload {
  readonly upload: Upload;
  /** The state vector that was asked with; `null` for what the server may have lost since our revision. */
  readonly question: Uint8Array | null;
  /** The document's state vector when the answer was made. */
  readonly stateVector: Uint8Array;
}

export interface GivingOptions {
  readonly doc: () => Y.Doc;
  readonly position: () => LogPosition;
  readonly random: () => number;
  /** Largest frame that goes in one piece. */
  readonly fragmentBytes: () => number;
  send(frame: Uint8Array): void;
}

export class Giving {
  readonly outbox = new Outbox();
  readonly #options: GivingOptions;
  /** What the server lacks: a state vector that it asked with, or what it may have lost since our revision. */
  #question: Uint8Array | null = null;
  #owesTail = false;
  /** Whether updates may follow, because the session's first question is answered. */
  #isAnswered = false;
  /** Large frames that wait for the one before them. */
  #large: Uint8Array[] = [];
  #upload: Upload | null = null;
  /** Survives a broken link: the next session goes on with the same bytes, if they still answer what is asked. */
  #answer: AnswerUpload | null = null;

  constructor(options: GivingOptions) {
    this.#options = options;
  }

  /** A new session begins. */
  begin(): void {
    this.outbox.restart(this.#answer !== null);
    this.#question = null;
    this.#owesTail = false;
    this.#isAnswered = false;
  }

  /** The session is over. */
  end(): void {
    this.#upload = null;
    this.#large = [];
    this.#answer?.upload.interrupt();
  }

  /** What was cut off is of no use any more. */
  forget(): void {
    this.#answer = null;
    this.outbox.restart(false);
  }

  /** Gives a frame that may be large. */
  push(frame: Uint8Array): void {
    this.#large.push(frame);
  }

  /** The server knows our revision: it lacks what it may have lost since. */
  oweTail(mayWrite: boolean): void {
    this.#owesTail = true;
    if (this.#answer && mayWrite) this.#resume(this.#answer.question === null);
  }

  /** The server asks for what lies beyond a state vector. */
  asked(question: Uint8Array): void {
    const rest = this.#answer && !this.#upload ? remainingQuestion(this.#answer, question) : null;
    if (this.#answer && !this.#upload) this.#resume(rest !== null);
    this.#question = rest ?? question;
  }

  /** Answers that there is nothing, because it may not be said. */
  withhold(): void {
    this.#options.send(clientFrames.answer(this.outbox.skip(), EMPTY_UPDATE));
  }

  acknowledged(number: number, seq: number): void {
    this.#answer = null;
    this.outbox.acknowledged(number, seq);
  }

  /** @returns Whether there is something to write again. */
  progress(id: Uint8Array, have: number): boolean {
    return this.#upload?.progress(id, have) ?? false;
  }

  /** Says the next thing. @returns Whether there may be more. */
  write(mayWrite: boolean): boolean {
    if (this.#upload) return this.#writePart(this.#upload);
    const large = this.#large.shift();
    if (large) return this.#put(large);
    if (!mayWrite) return false;
    if (this.#question) return this.#answerEverything(this.#question);
    if (this.#owesTail) return this.#answerTail();
    const next = this.#isAnswered ? this.outbox.take() : null;
    return next !== null && this.#put(clientFrames.update(next.number, next.update));
  }

  #answerEverything(question: Uint8Array): boolean {
    const update = Y.encodeStateAsUpdate(this.#options.doc(), question);
    this.#question = null;
    return this.#putAnswer(this.outbox.cover({ everything: true }), update, question);
  }

  #answerTail(): boolean {
    const { carried } = this.#options.position();
    const updates = [...carried, ...this.outbox.waiting];
    if (updates.length > 0) {
      return this.#putAnswer(this.outbox.cover({ carried: carried.length }), mergeUpdates(updates), null);
    }
    this.#owesTail = false;
    this.#isAnswered = true;
    return false;
  }

  #putAnswer(number: number, update: Uint8Array, question: Uint8Array | null): boolean {
    this.#owesTail = false;
    this.#isAnswered = true;
    this.#put(clientFrames.answer(number, update));
    if (number === 1 && this.#upload) {
      const stateVector = Y.encodeStateVector(this.#options.doc());
      this.#answer = { upload: this.#upload, question, stateVector };
    }
    return true;
  }

  /** Goes on with the answer in which the last session was cut off, or lets go of it. */
  #resume(fits: boolean): void {
    if (fits && this.#answer) {
      this.outbox.resumeInterrupted();
      this.#upload = this.#answer.upload;
      return;
    }
    this.#answer = null;
    this.outbox.abandonInterrupted();
  }

  /** Sends a frame, in parts if it is large. */
  #put(frame: Uint8Array): true {
    if (frame.length <= this.#options.fragmentBytes()) this.#options.send(frame);
    else this.#upload = new Upload(frame, this.#options.random);
    return true;
  }

  #writePart(upload: Upload): boolean {
    const part = upload.next(this.#options.fragmentBytes());
    if (part) this.#options.send(part);
    if (upload.isDone) this.#upload = null;
    return part !== null || upload.isDone;
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
