/**
 * The frames of the dialect `joinery.v1`. A message is frames one after the other:
 *
 *   type (varUint) │ length (varUint) │ payload
 *
 * A frame about a document is for the channel that the last SELECT named, in this message or one before, so that the
 * same bytes can be sent to everybody who has a document open, whatever channel each of them opened it on.
 * docs/protocol.md specifies them all.
 */

/** The WebSocket subprotocol by which a client asks for the dialect. */
export const SUBPROTOCOL = "joinery.v1";

/**
 * Begins the name of a subprotocol that is none: behind it stands a token, for who cannot set headers, such as a page.
 * It is offered beside a real one and never agreed on.
 */
export const TOKEN_SUBPROTOCOL_PREFIX = "joinery-token.";

/** What HELLO says. Another version is refused with VERSION_UNSUPPORTED. */
export const PROTOCOL_VERSION = 1;

/** Of the connection, whatever channel is selected. */
export const CONNECTION_FRAMES = {
  select: 0x00,
  hello: 0x01,
  ping: 0x02,
  pong: 0x03,
  goaway: 0x04,
  token: 0x05,
  failed: 0x06,
} as const;

/** Of the document on the selected channel. */
export const DOCUMENT_FRAMES = {
  open: 0x10,
  opened: 0x11,
  sync: 0x12,
  ask: 0x13,
  answer: 0x14,
  update: 0x15,
  ack: 0x16,
  batch: 0x17,
  catchUp: 0x18,
  caughtUp: 0x19,
  durable: 0x1a,
  presence: 0x1b,
  signal: 0x1c,
  notice: 0x1d,
  close: 0x1e,
  permission: 0x1f,
  seed: 0x20,
  fragment: 0x21,
  progress: 0x22,
} as const;

/** Frames of these types and above may be skipped by whoever does not know them; unknown ones below end the connection. */
export const FIRST_OPTIONAL_FRAME = 0x40;

/** Bits of HELLO's capabilities. */
export const CAPABILITIES = {
  /** Understands catch-ups that are compressed with deflate (RFC 1951). */
  deflate: 1,
} as const;

/** Every fragmented frame has an id of so many bytes. */
export const FRAGMENT_ID_BYTES = 8;

/** The lineage of a document: 32 lower-case hexadecimal digits; 16 bytes on the wire. */
export type LineageId = string;

/**
 * Which branch of a document's log, the part that one life of the server wrote: 16 lower-case hexadecimal digits; 8
 * bytes on the wire. Zeros are none in particular.
 */
export type BranchId = string;

/** A place in a document's log. */
export interface LogPlace {
  readonly lineage: LineageId;
  readonly seq: number;
}

/** A batch of a document's log. */
export interface LogPoint {
  readonly seq: number;
  /** Which branch `seq` was of: after a backup was restored the same number stands for another batch. */
  readonly branch: BranchId;
}

/** How far into a document's log somebody is. */
export interface Revision extends LogPlace, LogPoint {}

/** Most batches that OPEN names as confirmed: one for each branch that tabs of one device have met and not settled. */
export const MAX_CONFIRMED = 16;
