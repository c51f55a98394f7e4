/**
 * The part that y-websocket and Hocuspocus have in common: y-protocols' sync and awareness messages, which
 * Hocuspocus puts behind the document's name.
 */
import { encodeAwareness } from "@joinery/shared";
import * as decoding from "lib0/decoding";
import * as encoding from "lib0/encoding";
import { encodeUtf8 } from "lib0/string";
import * as Y from "yjs";
import { type Copy, type Incoming, SKIMMED_NOTHING, type Skimmed } from "./dialect.ts";

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
  const presence = (update: Uint8Array) => frame([AWARENESS], update);
  return {
    step1: frame([SYNC, STEP_1], EMPTY_STATE_VECTOR),
    nothing: frame([SYNC, STEP_2], EMPTY_UPDATE),
    /** As both providers do it: a delete set says nothing of who knows it, so the answer has all of it. */
    arriving: ({ clientId, doc, serverStateVector }: Copy) => ({
      step1: frame([SYNC, STEP_1], Y.encodeStateVector(doc)),
      presence: presence(encodeAwareness([{ clientId, clock: 0, state: encodeUtf8("{}") }])),
      answer: frame([SYNC, STEP_2], Y.encodeStateAsUpdate(doc, serverStateVector)),
    }),
    update: (update: Uint8Array) => frame([SYNC, UPDATE], update),
    presence,
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

/** As {@link readSync}, of a message of which only the head is there. @param bytes How many bytes the message has. */
export function skimSync(decoder: decoding.Decoder, bytes: number): Skimmed {
  const step = decoding.readVarUint(decoder);
  if (step === STEP_1) return { ...SKIMMED_NOTHING, asks: true };
  const documentBytes = decoding.readVarUint(decoder);
  if (decoder.pos + documentBytes > bytes) throw new Error("a sync message is cut off");
  return { ...SKIMMED_NOTHING, documentBytes, joined: step === STEP_2 };
}
