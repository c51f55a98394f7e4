/** What goes between the event loop and the worker in which replicas are built. */

import type { ErrorCode } from "@joinery/shared";

/** Updates one behind the other, so that one buffer is copied and handed over, and not thousands. */
export interface PackedUpdates {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly lengths: readonly number[];
}

export interface Task {
  /** Of a rehearsal, the last update is what is tried. */
  readonly kind: "fold" | "rehearse";
  readonly updates: PackedUpdates;
}

/**
 * What a worker is doing: `load`, building the document's replica; `integrate`, trying the update on it; `check`,
 * encoding it and reading it back.
 */
export type Step = "load" | "integrate" | "check";

export type Report =
  /** A step begins; `cpuMs` is the CPU time of the thread so far. */
  | { readonly kind: "step"; readonly step: Step; readonly cpuMs: number }
  | { readonly kind: "folded"; readonly update: Uint8Array }
  | { readonly kind: "rehearsed" }
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string };

/** Copies updates into a buffer of their own: they may be views of large ones, all of which would be copied. */
export function packUpdates(updates: readonly Uint8Array[]): PackedUpdates {
  const lengths = updates.map(({ length }) => length);
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  for (const update of updates) {
    bytes.set(update, at);
    at += update.length;
  }
  return { bytes, lengths };
}

/** Views of what was packed, in order. */
export function unpackUpdates({ bytes, lengths }: PackedUpdates): Uint8Array[] {
  let at = 0;
  return lengths.map((length) => {
    at += length;
    return bytes.subarray(at - length, at);
  });
}
