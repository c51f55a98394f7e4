import { JoineryError } from "@joinery/shared";
import * as Y from "yjs";

/**
 * Applies updates to a Y.Doc and makes sure that Yjs came through it. After some updates Yjs 13 goes on without a
 * word, but takes in edits only in part, keeps them pending for good, or announces none of them any more: a
 * document in such a state must be thrown away.
 */
export class ApplyGuard {
  readonly #doc: Y.Doc;
  #changes = 0;
  #announced = 0;
  #trouble: JoineryError | null = null;

  constructor(doc: Y.Doc) {
    this.#doc = doc;
    doc.on("afterTransaction", ({ beforeState, afterState, deleteSet }: Y.Transaction) => {
      const isEmpty = deleteSet.clients.size === 0 && !hasAdvanced(beforeState, afterState);
      if (!isEmpty) this.#changes++;
    });
    doc.on("update", () => {
      this.#announced++;
    });
  }

  /**
   * Applies updates in order, in one transaction: each one of its own copies the document's state vector.
   *
   * @param onEach Called after each of them.
   * @throws JoineryError REPLICA_FAILED (backoff), naming what went wrong: the document is of no use any more, and
   * every further call throws the same.
   */
  apply(updates: readonly Uint8Array[], onEach?: () => void): void {
    if (this.#trouble) throw this.#trouble;
    try {
      this.#doc.transact(() => {
        for (const update of updates) {
          Y.applyUpdate(this.#doc, update);
          onEach?.();
        }
      });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw this.#fail(`Yjs cannot integrate it: ${reason}`, cause);
    }
    const reason = this.#whatIsWrong();
    if (reason) throw this.#fail(reason);
  }

  #whatIsWrong(): string | null {
    const { store, _transaction, _transactionCleanups } = this.#doc;
    if (_transaction !== null) return "a transaction did not end";
    if (_transactionCleanups.length > 0)
      return "a transaction was not cleaned up, which silences all that follow";
    if (this.#announced !== this.#changes) {
      return `${this.#changes} transactions changed the document and ${this.#announced} were announced`;
    }
    if (store.pendingStructs !== null) return "structs are left that build upon something missing";
    if (store.pendingDs !== null) return "deletes are left of something missing";
    return null;
  }

  #fail(reason: string, cause?: unknown): JoineryError {
    this.#trouble = new JoineryError("REPLICA_FAILED", reason, { cause });
    return this.#trouble;
  }
}

function hasAdvanced(before: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>): boolean {
  for (const [client, clock] of after) if (before.get(client) !== clock) return true;
  return false;
}
