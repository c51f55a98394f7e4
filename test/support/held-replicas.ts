import type { DocumentName } from "@joinery/shared";
import { InlineReplicas } from "../../server/src/engine/inline-replicas.ts";
import type { Rehearsal, Verdict } from "../../server/src/engine/ports.ts";

/** What is said of an honest update to an honest document. */
const USUAL: Verdict = { isTried: true, structs: 10, isCostly: false, isRecentCostly: false, recentMs: [] };

interface Tried extends Rehearsal {
  /** Ends it, as the test says. */
  readonly done: (outcome?: Error | Partial<Verdict>) => void;
}

/** Replicas on which an update is tried when the test says so, and with the outcome that it says. */
export class HeldReplicas extends InlineReplicas {
  readonly tried: Tried[] = [];

  override rehearse(_document: DocumentName, rehearsal: Rehearsal): Promise<Verdict> {
    return new Promise((resolve, reject) => {
      const done = (outcome: Error | Partial<Verdict> = {}) => {
        if (outcome instanceof Error) reject(outcome);
        else resolve({ ...USUAL, ...outcome });
      };
      this.tried.push({ ...rehearsal, done });
    });
  }
}
