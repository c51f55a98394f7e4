/** What goes between the event loop and the worker in which replicas are built. */

import type { DocumentName, ErrorCode } from "@joinery/shared";
import type { EditRequest } from "../edits/apply-edits.ts";
import type { Rehearsal, Verdict } from "../engine/ports.ts";
import type { UpdateSummary } from "../inspect/log-entries.ts";
import type { Rendering, RenderRequest } from "../inspect/render.ts";

/** What a worker is told when it starts. */
export interface WorkerSettings {
  /** Whether the event loop goes first where both want a core. */
  readonly isYielding: boolean;
}

/** Updates one behind the other, so that one buffer is copied and handed over, and not thousands. */
export interface PackedUpdates {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly lengths: readonly number[];
}

/** What is to be done. Of a rehearsal, all updates are packed together, `known` of them being known. */
export type Task =
  | { readonly kind: "fold"; readonly updates: PackedUpdates }
  | { readonly kind: "rehearse"; readonly updates: PackedUpdates; readonly known: number }
  | (Rendered & { readonly updates: PackedUpdates })
  | (Edited & { readonly updates: PackedUpdates })
  | { readonly kind: "summarize"; readonly updates: PackedUpdates };

/** A document is to be given away in some format. */
interface Rendered {
  readonly kind: "render";
  readonly document: DocumentName;
  readonly request: RenderRequest;
}

/** Edits are to be worked out. */
interface Edited {
  readonly kind: "edit";
  readonly request: EditRequest;
}

/** A task before its updates are packed: that copies them, so it is done when its turn has come. */
export type Work =
  | { readonly kind: "fold"; readonly updates: readonly Uint8Array[] }
  | ({ readonly kind: "rehearse" } & Rehearsal)
  | (Rendered & { readonly updates: readonly Uint8Array[] })
  | (Edited & { readonly updates: readonly Uint8Array[] })
  | { readonly kind: "summarize"; readonly updates: readonly Uint8Array[] };

/**
 * What a worker is doing: `load`, building the document's replica, of a rehearsal as it was at the last one; `recent`,
 * adding what came since; `integrate`, trying the update on it; `check`, encoding it and reading it back. Of what is read,
 * `load` reads it and `check` writes it; of edits, `integrate` makes them.
 */
export type Step = "load" | "recent" | "integrate" | "check";

export type Report =
  /** A step begins; `cpuMs` is the CPU time of the thread so far. */
  | { readonly kind: "step"; readonly step: Step; readonly cpuMs: number }
  | { readonly kind: "folded"; readonly update: Uint8Array }
  | { readonly kind: "rehearsed"; readonly verdict: Verdict }
  | ({ readonly kind: "rendered" } & Rendering)
  | { readonly kind: "edited"; readonly update: Uint8Array }
  | { readonly kind: "summarized"; readonly summaries: readonly UpdateSummary[] }
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string };

/** Makes a task of what is to be done. Cost: copies all bytes. */
export function taskOf(work: Work): Task {
  if (work.kind !== "rehearse") return { ...work, updates: packUpdates(work.updates) };
  const { known, recent, update } = work;
  return { kind: "rehearse", updates: packUpdates([...known, ...recent, update]), known: known.length };
}

/** Copies updates into a buffer of their own: they may be views of large ones, all of which would be copied. */
function packUpdates(updates: readonly Uint8Array[]): PackedUpdates {
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

/** What is to be rehearsed, as views of what was packed. */
export function unpackRehearsal({ updates, known }: Extract<Task, { kind: "rehearse" }>): Rehearsal {
  const all = unpackUpdates(updates);
  return { known: all.slice(0, known), recent: all.slice(known, -1), update: all.at(-1) as Uint8Array };
}
