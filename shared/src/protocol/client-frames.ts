/** What a client sends: how each frame is written, and how the server reads it. */

import { type FrameReader, type Payloads, type RawFrame, readFrame } from "./frame-reader.ts";
import {
  CONNECTION_FRAMES as CONNECTION,
  DOCUMENT_FRAMES as DOCUMENT,
  type LineageId,
  type LogPoint,
  MAX_CONFIRMED,
  PROTOCOL_VERSION,
  type Revision,
} from "./frame-types.ts";
import { FrameWriter, makeFrame } from "./frame-writer.ts";
import {
  fragment,
  ping,
  pong,
  progress,
  select,
  TWO_WAY_PAYLOADS,
  type TwoWayFrame,
} from "./two-way-frames.ts";

export interface ClientHello {
  readonly type: "hello";
  readonly version: number;
  /** Sum of {@link CAPABILITIES}. */
  readonly capabilities: number;
  /** Name and version of the software, for logs. */
  readonly agent: string;
  /** Empty for none. */
  readonly token: string;
}

/** What a client has of a snapshot whose download was cut off. */
export interface Partial {
  /** What the server called it. */
  readonly id: Uint8Array;
  readonly have: number;
}

export interface Open {
  readonly type: "open";
  readonly document: string;
  /** The client has all that is durable up to here, and knows what it has beyond. */
  readonly revision: Revision | null;
  /** The client has a copy of this lineage, and no revision of it. Not given together with a revision. */
  readonly lineage: LineageId | null;
  /**
   * Batches of that lineage that were durable when the copy was made: what is in it may come from them. At most
   * {@link MAX_CONFIRMED}; none without a revision or a lineage.
   */
  readonly confirmed: readonly LogPoint[];
  /** What the client has. Without a revision or a state vector the server asks for one. */
  readonly stateVector: Uint8Array | null;
  /** For this document alone; empty for the connection's. */
  readonly token: string;
  readonly partial: Partial | null;
  /** Whether the client would fill the document if it is new. */
  readonly offersSeed: boolean;
}

/** To whom a signal goes: everybody in the document, everybody but the sender, or one user's sessions. */
export type SignalTarget =
  | { readonly kind: "all" }
  | { readonly kind: "others" }
  | { readonly kind: "user"; readonly user: string };

export type ClientFrame =
  | ClientHello
  | TwoWayFrame
  /** Channel 0 is the connection. */
  | { readonly type: "token"; readonly channel: number; readonly token: string }
  | Open
  | { readonly type: "sync"; readonly stateVector: Uint8Array }
  /** Numbers go up by one from 1 in each session, over both. */
  | { readonly type: "update" | "answer"; readonly number: number; readonly update: Uint8Array }
  | { readonly type: "presence"; readonly update: Uint8Array }
  | {
      readonly type: "signal";
      readonly to: SignalTarget;
      readonly name: string;
      /** JSON as UTF-8. */
      readonly payload: Uint8Array;
    }
  | { readonly type: "seed"; readonly update: Uint8Array }
  | { readonly type: "close" };

/** Bounds of texts that a server reads before it knows the client, in bytes of UTF-8. */
export const MAX_AGENT_BYTES = 256;
export const MAX_TOKEN_BYTES = 16 * 1024;

const HAS_REVISION = 1;
const HAS_LINEAGE = 2;
const HAS_STATE_VECTOR = 4;
const HAS_TOKEN = 8;
const HAS_PARTIAL = 16;
const OFFERS_SEED = 32;
const HAS_CONFIRMED = 64;
const ALL_OPEN_FLAGS = 127;

const TARGETS = ["all", "others", "user"] as const;

/** How a client says things. */
export const clientFrames = {
  hello: ({ version, capabilities, agent, token }: Omit<ClientHello, "type">): Uint8Array =>
    new FrameWriter(CONNECTION.hello).uint(version).uint(capabilities).string(agent).string(token).end(),
  select,
  ping,
  pong,
  fragment,
  progress,
  token: (channel: number, token: string): Uint8Array =>
    new FrameWriter(CONNECTION.token).uint(channel).string(token).end(),
  open,
  sync: (stateVector: Uint8Array): Uint8Array => makeFrame(DOCUMENT.sync, stateVector),
  update: (number: number, update: Uint8Array): Uint8Array =>
    new FrameWriter(DOCUMENT.update).uint(number).end(update),
  answer: (number: number, update: Uint8Array): Uint8Array =>
    new FrameWriter(DOCUMENT.answer).uint(number).end(update),
  presence: (update: Uint8Array): Uint8Array => makeFrame(DOCUMENT.presence, update),
  signal: (to: SignalTarget, name: string, payload: Uint8Array): Uint8Array => {
    const writer = new FrameWriter(DOCUMENT.signal).uint(TARGETS.indexOf(to.kind));
    if (to.kind === "user") writer.string(to.user);
    return writer.string(name).end(payload);
  },
  seed: (update: Uint8Array): Uint8Array => makeFrame(DOCUMENT.seed, update),
  close: (): Uint8Array => makeFrame(DOCUMENT.close),
} as const;

function open(frame: Omit<Open, "type">): Uint8Array {
  const { revision, lineage, confirmed, stateVector, token, partial } = frame;
  // In the order of their bits, from 1 up.
  const has = [revision, !revision && lineage, stateVector, token, partial, frame.offersSeed, confirmed[0]];
  const flags = has.reduce((sum: number, field, bit) => (field ? sum + 2 ** bit : sum), 0);
  const writer = new FrameWriter(DOCUMENT.open).uint(flags).string(frame.document);
  if (revision) writer.lineage(revision.lineage).uint(revision.seq).branch(revision.branch);
  else if (lineage) writer.lineage(lineage);
  if (confirmed[0]) writer.uint(confirmed.length);
  for (const { seq, branch } of confirmed) writer.uint(seq).branch(branch);
  if (stateVector) writer.bytes(stateVector);
  if (token) writer.string(token);
  if (partial) writer.fragmentId(partial.id).uint(partial.have);
  return writer.end();
}

/**
 * Reads a frame that a client sent. Updates, state vectors and names are not looked into.
 *
 * @returns `null` for a frame that only a server sends.
 * @throws JoineryError MALFORMED_FRAME (never retry).
 */
export function decodeClientFrame(frame: RawFrame): ClientFrame | null {
  return readFrame(PAYLOADS, frame);
}

const PAYLOADS: Payloads<ClientFrame> = {
  ...TWO_WAY_PAYLOADS,
  hello: readHello,
  token: (it) => ({ channel: it.varUint(), token: shortString(it, MAX_TOKEN_BYTES, "token") }),
  open: readOpen,
  sync: (it) => ({ stateVector: it.rest() }),
  update: (it) => ({ number: it.varUint(), update: it.rest() }),
  answer: (it) => ({ number: it.varUint(), update: it.rest() }),
  presence: (it) => ({ update: it.rest() }),
  signal: readSignal,
  seed: (it) => ({ update: it.rest() }),
  close: () => ({}),
};

function readHello(reader: FrameReader): Omit<ClientHello, "type"> {
  const version = reader.varUint();
  // Another version may go on otherwise; it is refused, and its number is all that is needed for that.
  const isKnown = version === PROTOCOL_VERSION;
  const capabilities = isKnown ? reader.varUint() : 0;
  const agent = isKnown ? shortString(reader, MAX_AGENT_BYTES, "agent") : "";
  const token = isKnown ? shortString(reader, MAX_TOKEN_BYTES, "token") : "";
  // What later minor versions add.
  reader.rest();
  return { version, capabilities, agent, token };
}

function readOpen(reader: FrameReader): Omit<Open, "type"> {
  const flags = reader.oneOf(ALL_OPEN_FLAGS + 1, "flags");
  const has = (flag: number) => (flags & flag) !== 0;
  if (has(HAS_REVISION) && has(HAS_LINEAGE)) reader.fail("a revision has its lineage in it");
  if (has(HAS_CONFIRMED) && !has(HAS_REVISION) && !has(HAS_LINEAGE))
    reader.fail("what is confirmed is of no lineage");
  return {
    document: reader.varString(),
    revision: has(HAS_REVISION)
      ? { lineage: reader.lineage(), seq: reader.varUint(), branch: reader.branch() }
      : null,
    lineage: has(HAS_LINEAGE) ? reader.lineage() : null,
    confirmed: has(HAS_CONFIRMED) ? readConfirmed(reader) : [],
    stateVector: has(HAS_STATE_VECTOR) ? reader.varBytes() : null,
    token: has(HAS_TOKEN) ? shortString(reader, MAX_TOKEN_BYTES, "token") : "",
    partial: has(HAS_PARTIAL) ? { id: reader.fragmentId(), have: reader.varUint() } : null,
    offersSeed: has(OFFERS_SEED),
  };
}

function readConfirmed(reader: FrameReader): LogPoint[] {
  const count = reader.oneOf(MAX_CONFIRMED + 1, "number of confirmed batches");
  if (count === 0) reader.fail("no batch is confirmed");
  return Array.from({ length: count }, () => ({ seq: reader.varUint(), branch: reader.branch() }));
}

function readSignal(reader: FrameReader): Omit<Extract<ClientFrame, { type: "signal" }>, "type"> {
  const kind = reader.choice(TARGETS, "target");
  const to: SignalTarget = kind === "user" ? { kind, user: reader.varString() } : { kind };
  const name = reader.varString();
  return { to, name, payload: reader.rest() };
}

/** A text whose length in bytes is bounded before anything is made of it. */
function shortString(reader: FrameReader, maxBytes: number, what: string): string {
  const start = reader.position;
  const length = reader.varUint();
  if (length > maxBytes) reader.fail(`${what} has more than ${maxBytes} bytes`);
  reader.position = start;
  return reader.varString();
}
