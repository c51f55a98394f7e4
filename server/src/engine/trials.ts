/**
 * Has updates tried on replicas, and what came before them measured on that occasion. Who made the document costly is
 * sent away. What he brought stays: others have it, and may have built upon it.
 */

import { type DocumentName, JoineryError, toJoineryError } from "@joinery/shared";
import type { Suspect } from "./blame.ts";
import type { News } from "./contents.ts";
import { refusalEvent } from "./events.ts";
import type { Participant } from "./peer.ts";
import { Period, type PeriodRoom, type Trial } from "./period.ts";
import type { EngineEvent, Replicas, Verdict } from "./ports.ts";

/** Who brings updates, and can be sent away for it. */
export interface Culprit extends Suspect, Participant {
  close(error: JoineryError): void;
}

/** What trials need of their room. */
export interface TrialRoom extends PeriodRoom {
  readonly document: DocumentName;
  readonly replicas: Replicas;
  readonly isAlive: boolean;
  /** Puts the open batch into the log, unless it has to wait. */
  flush(): void;
  /** All that the document consists of, in order; the batch that is open comes last. */
  allUpdates(): readonly Uint8Array[];
  /** What of it came after the batch `seq`; `null` where some of that was folded into a snapshot. */
  updatesSince(seq: number): readonly Uint8Array[] | null;
  report(event: EngineEvent): void;
}

/** News that may have to be tried, and how much it counts. */
export interface Candidate {
  readonly news: News;
  readonly weight: number;
}

export class Trials<Writer extends Culprit> {
  readonly #room: TrialRoom;
  #period: Period<Writer> | null = null;
  #current: Promise<void> | null = null;

  constructor(room: TrialRoom) {
    this.#room = room;
  }

  /** The last trial that was begun, while it is under way; never rejects. */
  get current(): Promise<void> | null {
    return this.#current;
  }

  /** What came since the last one. It begins with the document as it is when somebody first brings something. */
  get period(): Period<Writer> {
    this.#period ??= new Period(this.#room);
    return this.#period;
  }

  /** The writer has left. */
  forget(writer: Writer): void {
    this.#period?.forget(writer);
  }

  /**
   * Tries news. If the room is still alive when it resolves, it may be added.
   *
   * Rejects as {@link Replicas.rehearse} does, and with UPDATE_TOO_COSTLY when the writer is sent away for what he
   * brought before. What is small goes where the document cannot be built: that is no fault of its sender.
   */
  try(writer: Writer, candidate: Candidate): Promise<void> {
    const trying = this.#try(writer, candidate);
    const ended = trying.then(noop, noop).then(() => {
      if (this.#current === ended) this.#current = null;
    });
    this.#current = ended;
    return trying;
  }

  async #try(writer: Writer, { news, weight }: Candidate): Promise<void> {
    const { period } = this;
    if (period.isHopeless) throw cannotBeBuilt();
    // What is in the log is judged once; what is in the open batch might be twice.
    this.#room.flush();
    if (!this.#room.isAlive) return;
    const since = this.#room.updatesSince(period.knownSeq);
    const trial = period.begin(since === null);
    try {
      const verdict = await this.#rehearse(since ?? [], news);
      this.#judge(writer, trial, verdict);
      if (!verdict.isTried) throw cannotBeBuilt();
    } catch (thrown) {
      const error = toJoineryError(thrown);
      if (error.code !== "REPLICA_FAILED") throw error;
      period.fail(trial, error.limit === "maxReplicaMs");
      if (!period.isSmall(news, weight)) throw error;
      this.#room.report({ type: "rehearsal-failed", document: this.#room.document, error });
    } finally {
      period.cancel(trial);
    }
  }

  #rehearse(recent: readonly Uint8Array[], news: News): Promise<Verdict> {
    const { replicas, document } = this.#room;
    const all = this.#room.allUpdates();
    const known = all.slice(0, all.length - recent.length);
    return replicas.rehearse(document, { known, recent, update: new Uint8Array(news.update) });
  }

  #judge(writer: Writer, trial: Trial, verdict: Verdict): void {
    const culprit = this.period.judge(trial, verdict);
    if (culprit === null) return;
    const message = "updates: together they take far more time than is usual for their size";
    const error = new JoineryError("UPDATE_TOO_COSTLY", message);
    if (culprit === writer) throw error;
    this.#room.report(refusalEvent(this.#room.document, error, culprit));
    culprit.close(error);
  }
}

function cannotBeBuilt(): JoineryError {
  return new JoineryError("REPLICA_FAILED", "the document takes longer to build than it may");
}

function noop(): void {
  // The outcome is somebody else's.
}
