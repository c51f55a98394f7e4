/** Frames that both sides send, and read, in the same way. */

import { FrameReader, type RawFrame } from "./frame-reader.ts";
import { CONNECTION_FRAMES, DOCUMENT_FRAMES } from "./frame-types.ts";
import { FrameWriter, makeFrame } from "./frame-writer.ts";

interface Select {
  readonly type: "select";
  readonly channel: number;
}

interface Ping {
  readonly type: "ping" | "pong";
  /** A view. At most {@link MAX_PING_BYTES}. */
  readonly payload: Uint8Array;
}

/** A part of a large frame; all parts together are the frame, with its type and length. */
export interface Fragment {
  readonly type: "fragment";
  /** 8 bytes, the same for all parts. */
  readonly id: Uint8Array;
  readonly total: number;
  readonly offset: number;
  /** A view. Empty to ask how much has arrived. */
  readonly bytes: Uint8Array;
}

/** How much of a fragmented frame has arrived. */
export interface Progress {
  readonly type: "progress";
  readonly id: Uint8Array;
  readonly have: number;
}

/** As much as a WebSocket's own ping may have (RFC 6455, section 5.5). */
export const MAX_PING_BYTES = 125;

/** A type, a length and no payload. */
const MIN_FRAME_BYTES = 2;

const NOTHING = new Uint8Array(0);

export function select(channel: number): Uint8Array {
  return new FrameWriter(CONNECTION_FRAMES.select).uint(channel).end();
}

export function ping(payload: Uint8Array = NOTHING): Uint8Array {
  return makeFrame(CONNECTION_FRAMES.ping, payload);
}

export function pong(payload: Uint8Array = NOTHING): Uint8Array {
  return makeFrame(CONNECTION_FRAMES.pong, payload);
}

export function fragment({ id, total, offset, bytes }: Omit<Fragment, "type">): Uint8Array {
  return new FrameWriter(DOCUMENT_FRAMES.fragment).fragmentId(id).uint(total).uint(offset).end(bytes);
}

export function progress({ id, have }: Omit<Progress, "type">): Uint8Array {
  return new FrameWriter(DOCUMENT_FRAMES.progress).fragmentId(id).uint(have).end();
}

export type TwoWayFrame = Select | Ping | Fragment | Progress;

/** @returns `null` for a frame that only one side sends. @throws JoineryError MALFORMED_FRAME (never retry). */
export function decodeTwoWayFrame({ type, payload }: RawFrame): TwoWayFrame | null {
  switch (type) {
    case CONNECTION_FRAMES.select:
      return readSelect(payload);
    case CONNECTION_FRAMES.ping:
      return readPing("ping", payload);
    case CONNECTION_FRAMES.pong:
      return readPing("pong", payload);
    case DOCUMENT_FRAMES.fragment:
      return readFragment(payload);
    case DOCUMENT_FRAMES.progress:
      return readProgress(payload);
    default:
      return null;
  }
}

function readSelect(payload: Uint8Array): Select {
  const reader = new FrameReader(payload, "SELECT");
  const channel = reader.varUint();
  reader.end();
  return { type: "select", channel };
}

function readPing(type: "ping" | "pong", payload: Uint8Array): Ping {
  if (payload.length > MAX_PING_BYTES) {
    new FrameReader(payload, type.toUpperCase()).fail(`has more than ${MAX_PING_BYTES} bytes`);
  }
  return { type, payload };
}

function readFragment(payload: Uint8Array): Fragment {
  const reader = new FrameReader(payload, "FRAGMENT");
  const id = reader.fragmentId();
  const total = reader.varUint();
  if (total < MIN_FRAME_BYTES) reader.fail(`of a frame of ${total} bytes`);
  const offset = reader.varUint();
  if (offset + reader.remaining > total) reader.fail("goes beyond its total");
  return { type: "fragment", id, total, offset, bytes: reader.rest() };
}

function readProgress(payload: Uint8Array): Progress {
  const reader = new FrameReader(payload, "PROGRESS");
  const id = reader.fragmentId();
  const have = reader.varUint();
  reader.end();
  return { type: "progress", id, have };
}
