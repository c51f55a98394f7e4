import type { JoineryError } from "@joinery/shared";
import { failure, messageOf } from "./database.ts";
import type { OnCopyState } from "./ports.ts";

/** What is wrong with a document's copy, told once when it begins and once when it is over. */
export class CopyHealth {
  readonly #what: string;
  readonly #onState: OnCopyState;
  /** What was wrong when it was opened; that does not mend. */
  readonly #damage: JoineryError | null;
  /** What waits could not be written the last time. */
  #writing: JoineryError | null = null;
  #isFoldFailing = false;
  /** Something else than damage was told, and is not over. */
  #isTold = false;

  constructor(document: string, damage: JoineryError | null, onState: OnCopyState) {
    this.#what = `the local copy of document ${JSON.stringify(document)}`;
    this.#damage = damage;
    this.#onState = onState;
  }

  /** Why what waits is not on disk, as far as that was tried; `null` when it is. */
  get writing(): JoineryError | null {
    return this.#writing;
  }

  writeFailed(cause: unknown): void {
    this.#writing ??= this.#tell(`cannot be written, and waits in memory: ${messageOf(cause)}`, cause);
  }

  /** The document is as large on disk as before; nothing waits for it. */
  foldFailed(cause: unknown): void {
    if (!this.#isFoldFailing) this.#tell(`cannot be compacted: ${messageOf(cause)}`, cause);
    this.#isFoldFailing = true;
  }

  /** Something that was written is not there. */
  lost(): void {
    this.#tell("is not as it was written, and is written again");
  }

  folded(): void {
    this.#isFoldFailing = false;
  }

  /** Nothing waits any more. @param isWhole Whether everything that the document had is on disk. */
  written(isWhole: boolean): void {
    this.#writing = null;
    if (!this.#isTold || !isWhole || this.#isFoldFailing) return;
    this.#isTold = false;
    this.#onState(this.#damage);
  }

  /** What came from the server was let go of, and is not on disk. */
  incomplete(): JoineryError {
    return failure(`${this.#what} lacks what came from the server, until it is compacted`);
  }

  #tell(why: string, cause?: unknown): JoineryError {
    const error = failure(`${this.#what} ${why}`, cause);
    this.#isTold = true;
    this.#onState(error);
    return error;
  }
}
