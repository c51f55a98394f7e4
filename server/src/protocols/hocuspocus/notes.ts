/**
 * What the engine tells a session that is for its channel to hear and never leaves as it is. The engine makes it once
 * for all sessions, as it makes frames; it begins with a byte that no kind of message has.
 */

import type { Permission } from "../../engine/rights.ts";

export type Note =
  /** The document is there, and everything up to `seq` is on disk. */
  | { readonly kind: "opened"; readonly permission: Permission; readonly seq: number }
  /** The client has been sent everything; all up to `seq` is on disk. */
  | { readonly kind: "caughtUp"; readonly seq: number }
  /** Everything that the client sent up to its edit `number` is in the log up to `seq`. */
  | { readonly kind: "logged"; readonly number: number; readonly seq: number }
  /** Everything up to `seq` is on disk. */
  | { readonly kind: "durable"; readonly seq: number }
  /** The edit that was let in last was refused, and the session goes on. */
  | { readonly kind: "refused" }
  /** The dialect has no word for it, and the session goes on. */
  | { readonly kind: "nothing" };

const MARK = 0xff;
const KINDS = ["opened", "caughtUp", "logged", "durable", "refused", "nothing"] as const;
const BYTES = 19;

export function encodeNote(note: Note): Uint8Array {
  const bytes = new Uint8Array(BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = MARK;
  bytes[1] = KINDS.indexOf(note.kind);
  bytes[2] = note.kind === "opened" && note.permission === "write" ? 1 : 0;
  view.setFloat64(3, "seq" in note ? note.seq : 0);
  view.setFloat64(11, "number" in note ? note.number : 0);
  return bytes;
}

/** @returns `null` for a frame that is no note. */
export function decodeNote(frame: Uint8Array): Note | null {
  if (frame[0] !== MARK) return null;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const kind = KINDS[frame[1] as number];
  const seq = view.getFloat64(3);
  switch (kind) {
    case "opened":
      return { kind, permission: frame[2] === 1 ? "write" : "read", seq };
    case "caughtUp":
    case "durable":
      return { kind, seq };
    case "logged":
      return { kind, number: view.getFloat64(11), seq };
    case "refused":
    case "nothing":
      return { kind };
    default:
      throw new Error(`note of kind ${frame[1]}`);
  }
}
