import type { DocumentName } from "@joinery/shared";
import { fold } from "./fold.ts";
import type { Rehearsal, Replicas, Verdict } from "./ports.ts";
import { rehearse } from "./rehearsal.ts";

/**
 * Builds replicas at once on the caller's thread, whatever time that takes: for tests, and for who trusts all
 * writers. Memory is looked at by what there is of everything, time not at all, so that it always says the same.
 */
export class InlineReplicas implements Replicas {
  readonly jobs = 0;

  async fold(_document: DocumentName, updates: readonly Uint8Array[]): Promise<Uint8Array> {
    return fold(updates);
  }

  async rehearse(_document: DocumentName, rehearsal: Rehearsal): Promise<Verdict> {
    return rehearse(rehearsal, { pace: null });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
