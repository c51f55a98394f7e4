/**
 * What a Hocuspocus provider would have sent: clients of other dialects say the same in other bytes. A message is the
 * document's name, a kind, and what belongs to it.
 */

import { encodeAwareness } from "@joinery/shared";
import * as encoding from "lib0/encoding";
import type { SessionInput } from "../../engine/guard.ts";
import type { SentSignal } from "../../engine/signals.ts";

const SYNC = 0;
const AWARENESS = 1;
const STATELESS = 5;

/** Types of sync messages, as `beforeSync` is told them. */
const SYNC_STEP_1 = 0;
const SYNC_STEP_2 = 1;
const SYNC_UPDATE = 2;

/** The name of the signals that are stateless messages. */
const STATELESS_SIGNAL = "stateless";

export function messageBytes(document: string, input: SessionInput): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarString(encoder, document);
  switch (input.kind) {
    case "sync":
    case "update": {
      const { type, payload } = syncMessageOf(input);
      encoding.writeVarUint(encoder, SYNC);
      encoding.writeVarUint(encoder, type);
      encoding.writeVarUint8Array(encoder, payload);
      break;
    }
    case "presence":
      encoding.writeVarUint(encoder, AWARENESS);
      encoding.writeVarUint8Array(encoder, encodeAwareness(input.entries));
      break;
    case "signal":
      encoding.writeVarUint(encoder, STATELESS);
      encoding.writeVarString(encoder, textOf(input.signal));
  }
  return encoding.toUint8Array(encoder);
}

/** The type and the payload of a sync message. */
export function syncMessageOf(input: Extract<SessionInput, { kind: "sync" | "update" }>): {
  readonly type: number;
  readonly payload: Uint8Array;
} {
  if (input.kind === "sync") return { type: SYNC_STEP_1, payload: input.stateVector };
  return { type: input.isAnswer ? SYNC_STEP_2 : SYNC_UPDATE, payload: input.update };
}

/** Whether a signal is a stateless message: they are for the server alone. */
export function isStateless({ to, name }: SentSignal): boolean {
  return to.kind === "server" && name === STATELESS_SIGNAL;
}

/** The text of a stateless message; of another signal what it would be as one. */
export function textOf(signal: SentSignal): string {
  const json = new TextDecoder().decode(signal.payload);
  if (!isStateless(signal)) return `{"name":${JSON.stringify(signal.name)},"payload":${json}}`;
  return textIn(json) ?? json;
}

function textIn(json: string): string | null {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "string" ? value : null;
  } catch {
    // It is refused after it was looked at.
    return null;
  }
}
