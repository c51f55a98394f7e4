/**
 * The part that y-websocket and Hocuspocus have in common: y-protocols' sync and awareness messages, which
 * Hocuspocus puts behind the document's name.
 */
import * as decoding from "lib0/decoding";
import * as encoding from "lib0/encoding";
import * as Y from "yjs";
import type { Incoming } from "./dialect.ts";

export const SYNC = 0;
export const AWARENESS = 1;
export const AUTH = 2;

const STEP_1 = 0;
const STEP_2 = 1;
const UPDATE = 2;

export const EMPTY_STATE_VECTOR = Y.encodeStateVector(new Y.Doc());
export const EMPTY_UPDATE = Y.encodeStateAsUpdate(new Y.Doc());

/** Builds frames that start with `prefix`. */
export function syncFrames(prefix: Uint8Array) {
  const frame = (types: readonly number[], payload: Uint8Array): Uint8Array => {
    const encoder = encoding.createEncoder();
    encoding.writeUint8Array(encoder, prefix);
    for (const type of types) encoding.writeVarUint(encoder, type);
    encoding.writeVarUint8Array(encoder, payload);
    return encoding.toUint8Array(encoder);
  };
  return {
    step1: frame([SYNC, STEP_1], EMPTY_STATE_VECTOR),
    nothing: frame([SYNC, STEP_2], EMPTY_UPDATE),
    update: (update: Uint8Array) => frame([SYNC, UPDATE], update),
    presence: (update: Uint8Array) => frame([AWARENESS], update),
  };
}

/** Reads what follows a sync message's type. */
export function readSync(decoder: decoding.Decoder): readonly Incoming[] {
  const step = decoding.readVarUint(decoder);
  switch (step) {
    case STEP_1:
      return [{ kind: "ask" }];
    case STEP_2:
      return [{ kind: "catch-up", update: decoding.readVarUint8Array(decoder) }, { kind: "joined" }];
    case UPDATE:
      return [{ kind: "update", update: decoding.readVarUint8Array(decoder) }];
    default:
      throw new Error(`sync message ${step} is unknown`);
  }
}
