/**
 * What the engine tells the session of somebody who follows a document. Nothing of it goes over a wire: a frame has no
 * bytes, and what it says is beside them. The engine makes each once for all who follow.
 */

import type { Dialect, PresenceUsers, Signal } from "../engine/ports.ts";

export type Said =
  /** The document is there. */
  | { readonly kind: "opened" }
  /** Everything up to `seq` is on disk. */
  | { readonly kind: "durable"; readonly seq: number }
  /** An awareness update, and whose the ids in it are. */
  | { readonly kind: "presence"; readonly update: Uint8Array; readonly users: PresenceUsers }
  | { readonly kind: "signal"; readonly signal: Signal }
  | { readonly kind: "nothing" };

export class Note extends Uint8Array {
  readonly said: Said;

  constructor(said: Said) {
    super(0);
    this.said = said;
  }
}

const NOTHING = new Note({ kind: "nothing" });

/** Batches are read from the log, once they are durable: that they were flushed is no news. */
export const LIVE_DIALECT: Dialect = {
  name: "events",
  opened: () => new Note({ kind: "opened" }),
  update: () => NOTHING,
  catchUp: () => NOTHING,
  caughtUp: () => NOTHING,
  ask: () => NOTHING,
  ack: () => null,
  presence: (update, users) => new Note({ kind: "presence", update, users }),
  durable: (seq) => new Note({ kind: "durable", seq }),
  signal: (signal) => new Note({ kind: "signal", signal }),
  seed: () => null,
  permission: () => null,
  refused: () => null,
  notice: () => null,
};
