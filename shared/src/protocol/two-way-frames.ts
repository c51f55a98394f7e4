/** Frames that both sides send, and read, in the same way. */

import type { FrameReader, Payloads } from "./frame-reader.ts";
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

export function select(channel: number): Uint8Array {
  return new FrameWriter(CONNECTION_FRAMES.select).uint(channel).end();
}

export function ping(payload?: Uint8Array): Uint8Array {
  return makeFrame(CONNECTION_FRAMES.ping, payload);
}

export function pong(payload?: Uint8Array): Uint8Array {
  return makeFrame(CONNECTION_FRAMES.pong, payload);
}

export function fragment({ id, total, offset, bytes }: Omit<Fragment, "type">): Uint8Array {
  return new FrameWriter(DOCUMENT_FRAMES.fragment).fragmentId(id).uint(total).uint(offset).end(bytes);
}

export function progress({ id, have }: Omit<Progress, "type">): Uint8Array {
  return new FrameWriter(DOCUMENT_FRAMES.progress).fragmentId(id).uint(have).end();
}

export type TwoWayFrame = Select | Ping | Fragment | Progress;

/** How they are read. */
export const TWO_WAY_PAYLOADS: Payloads<TwoWayFrame> = {
  select: (it) => ({ channel: it.varUint() }),
  ping: (it) => ({ payload: readPing(it) }),
  pong: (it) => ({ payload: readPing(it) }),
  fragment: readFragment,
  progress: (it) => ({ id: it.fragmentId(), have: it.varUint() }),
};

function readPing(reader: FrameReader): Uint8Array {
  if (reader.remaining > MAX_PING_BYTES) reader.fail(`has more than ${MAX_PING_BYTES} bytes`);
  return reader.rest();
}

function readFragment(reader: FrameReader): Omit<Fragment, "type"> {
  const id = reader.fragmentId();
  const total = reader.varUint();
  if (total < MIN_FRAME_BYTES) reader.fail(`of a frame of ${total} bytes`);
  const offset = reader.varUint();
  if (offset + reader.remaining > total) reader.fail("goes beyond its total");
  return { id, total, offset, bytes: reader.rest() };
}
