/** How a session is spoken to that has no socket: whoever has it is in this process. */

import type { JoineryError } from "@joinery/shared";
import type { Dialect, Outbox } from "./ports.ts";

/** A frame that says nothing, where a dialect must have one. */
export const NOTHING_SAID: Uint8Array = Uint8Array.of(0);

/** A dialect that says nothing but what is given here. Asked for what the server misses, who hears it has nothing. */
export function quietDialect(name: string, words: Partial<Dialect> = {}): Dialect {
  return {
    opened: () => null,
    update: () => NOTHING_SAID,
    catchUp: () => NOTHING_SAID,
    caughtUp: () => null,
    ask: () => NOTHING_SAID,
    ack: () => null,
    presence: () => NOTHING_SAID,
    durable: () => null,
    signal: () => null,
    seed: () => null,
    permission: () => null,
    refused: () => null,
    notice: () => null,
    ...words,
    name,
  };
}

/** A way out that takes everything at once, and sends nothing that could be held back. */
export function localOutbox(ends: {
  readonly send: (frames: readonly Uint8Array[]) => void;
  readonly close: (error: JoineryError) => void;
}): Outbox {
  return {
    ...ends,
    bufferedBytes: 0,
    remainingBytes: 0,
    pauseInput: () => undefined,
    resumeInput: () => undefined,
    // Whoever is in this process is there.
    probe: () => undefined,
  };
}
