/** What a server sends: how each frame is written, and how the client reads it. */

import { FrameReader, type RawFrame } from "./frame-reader.ts";
import {
  CONNECTION_FRAMES as CONNECTION,
  DOCUMENT_FRAMES as DOCUMENT,
  type LineageId,
  PROTOCOL_VERSION,
  type Revision,
} from "./frame-types.ts";
import { FrameWriter, makeFrame } from "./frame-writer.ts";
import {
  decodeTwoWayFrame,
  fragment,
  ping,
  pong,
  progress,
  select,
  type TwoWayFrame,
} from "./two-way-frames.ts";

export interface ServerHello {
  readonly type: "hello";
  readonly version: number;
  /** Those that both sides have. */
  readonly capabilities: number;
  /** Name and version of the software. */
  readonly agent: string;
  /** Largest message that the server takes, in bytes. */
  readonly maxMessageBytes: number;
  /** What is larger comes, and has to be sent, in fragments of this size, in bytes. */
  readonly fragmentBytes: number;
  /** Documents that the connection may have open at once. */
  readonly maxDocuments: number;
  /** The server says something at least this often, in milliseconds. */
  readonly keepAliveMs: number;
}

export type WirePermission = "read" | "write";

export interface Opened {
  readonly type: "opened";
  readonly lineage: LineageId;
  /** The last batch, and the last that is on disk. */
  readonly seq: number;
  readonly durableSeq: number;
  readonly permission: WirePermission;
  /** Who the server takes the client for; empty for nobody in particular. */
  readonly user: string;
  /** Whether the server took the client's revision. If not, it needs a state vector: SYNC follows, unless OPEN had one. */
  readonly isRevisionTaken: boolean;
}

/** Why a channel or a connection is over, or something was refused. */
export interface WireError {
  /** An error code of the table; a client may not know it. */
  readonly code: string;
  readonly retry: "never" | "backoff" | "after-auth";
  readonly message: string;
}

export type ServerFrame =
  | ServerHello
  | TwoWayFrame
  /** Come back after `afterMs` and a random part of `withinMs`. */
  | { readonly type: "goaway"; readonly afterMs: number; readonly withinMs: number }
  | ({ readonly type: "failed" } & WireError)
  | Opened
  | { readonly type: "ask"; readonly stateVector: Uint8Array }
  /** All up to update `number` is in the log at `seq`, which need not be durable. */
  | { readonly type: "ack"; readonly number: number; readonly seq: number }
  | { readonly type: "batch"; readonly seq: number; readonly durableSeq: number; readonly update: Uint8Array }
  | { readonly type: "catchUp"; readonly isDeflated: boolean; readonly update: Uint8Array }
  /** The client now has everything up to `seq`. */
  | { readonly type: "caughtUp"; readonly seq: number; readonly durableSeq: number }
  | { readonly type: "durable"; readonly seq: number }
  /** `users`: of those client ids whose sessions are of somebody in particular; nobody's name is empty. */
  | {
      readonly type: "presence";
      readonly users: ReadonlyMap<number, string>;
      readonly update: Uint8Array;
    }
  | {
      readonly type: "signal";
      /** Who sent it, as the server knows them; empty for nobody in particular. */
      readonly user: string;
      /** The session that sent it; 0 for the server itself. */
      readonly session: number;
      readonly name: string;
      readonly payload: Uint8Array;
    }
  /** Something other than an edit was refused; the session goes on. */
  | ({ readonly type: "notice" } & WireError)
  | ({
      readonly type: "close";
      /** The update that was refused; 0 if it was none. */
      readonly number: number;
      /** Where the server's copy is, when the client's is of another lineage or further than the server's. */
      readonly remote: Revision | null;
    } & WireError)
  | { readonly type: "permission"; readonly permission: WirePermission; readonly reason: string }
  /** The document is new and the client may fill it. */
  | { readonly type: "seed" };

const RETRIES = ["never", "backoff", "after-auth"] as const;
const PERMISSIONS = ["read", "write"] as const;

const NOTHING = new Uint8Array(0);

/** How a server says things. */
export const serverFrames = {
  hello: (hello: Omit<ServerHello, "type">): Uint8Array =>
    new FrameWriter(CONNECTION.hello)
      .uint(hello.version)
      .uint(hello.capabilities)
      .string(hello.agent)
      .uint(hello.maxMessageBytes)
      .uint(hello.fragmentBytes)
      .uint(hello.maxDocuments)
      .uint(hello.keepAliveMs)
      .end(),
  select,
  ping,
  pong,
  fragment,
  progress,
  goaway: (afterMs: number, withinMs: number): Uint8Array =>
    new FrameWriter(CONNECTION.goaway).uint(afterMs).uint(withinMs).end(),
  failed: (error: WireError): Uint8Array => writeError(new FrameWriter(CONNECTION.failed), error).end(),
  opened: (opened: Omit<Opened, "type">): Uint8Array =>
    new FrameWriter(DOCUMENT.opened)
      .lineage(opened.lineage)
      .uint(opened.seq)
      .uint(opened.durableSeq)
      .uint(PERMISSIONS.indexOf(opened.permission))
      .string(opened.user)
      .uint(opened.isRevisionTaken ? 1 : 0)
      .end(),
  ask: (stateVector: Uint8Array): Uint8Array => makeFrame(DOCUMENT.ask, stateVector),
  ack: (number: number, seq: number): Uint8Array =>
    new FrameWriter(DOCUMENT.ack).uint(number).uint(seq).end(),
  batch: (seq: number, durableSeq: number, update: Uint8Array): Uint8Array =>
    new FrameWriter(DOCUMENT.batch).uint(seq).uint(durableSeq).end(update),
  catchUp: (update: Uint8Array, isDeflated: boolean): Uint8Array =>
    new FrameWriter(DOCUMENT.catchUp).uint(isDeflated ? 1 : 0).end(update),
  caughtUp: (seq: number, durableSeq: number): Uint8Array =>
    new FrameWriter(DOCUMENT.caughtUp).uint(seq).uint(durableSeq).end(),
  durable: (seq: number): Uint8Array => new FrameWriter(DOCUMENT.durable).uint(seq).end(),
  presence: (users: ReadonlyMap<number, string>, update: Uint8Array): Uint8Array => {
    const writer = new FrameWriter(DOCUMENT.presence).uint(users.size);
    for (const [clientId, user] of users) writer.uint(clientId).string(user);
    return writer.end(update);
  },
  signal: (user: string, session: number, name: string, payload: Uint8Array): Uint8Array =>
    new FrameWriter(DOCUMENT.signal).string(user).uint(session).string(name).end(payload),
  notice: (error: WireError): Uint8Array => writeError(new FrameWriter(DOCUMENT.notice), error).end(),
  close: (error: WireError, number: number, remote: Revision | null): Uint8Array => {
    const writer = writeError(new FrameWriter(DOCUMENT.close), error)
      .uint(number)
      .uint(remote ? 1 : 0);
    if (remote) writer.lineage(remote.lineage).uint(remote.seq);
    return writer.end();
  },
  permission: (permission: WirePermission, reason: string): Uint8Array =>
    new FrameWriter(DOCUMENT.permission).uint(PERMISSIONS.indexOf(permission)).string(reason).end(),
  seed: (): Uint8Array => makeFrame(DOCUMENT.seed, NOTHING),
} as const;

function writeError(writer: FrameWriter, { code, retry, message }: WireError): FrameWriter {
  return writer.string(code).uint(RETRIES.indexOf(retry)).string(message);
}

/**
 * Reads a frame that a server sent. Updates are not looked into.
 *
 * @returns `null` for a frame that only a client sends.
 * @throws JoineryError MALFORMED_FRAME (never retry).
 */
export function decodeServerFrame(frame: RawFrame): ServerFrame | null {
  const { type, payload } = frame;
  switch (type) {
    case CONNECTION.hello:
      return readHello(payload);
    case CONNECTION.goaway:
      return readGoaway(payload);
    case CONNECTION.failed:
      return whole({ type: "failed" } as const, new FrameReader(payload, "FAILED"));
    case DOCUMENT.opened:
      return readOpened(payload);
    case DOCUMENT.ask:
      return { type: "ask", stateVector: payload };
    case DOCUMENT.ack:
      return readAck(payload);
    case DOCUMENT.batch:
      return readBatch(payload);
    case DOCUMENT.catchUp:
      return readCatchUp(payload);
    case DOCUMENT.caughtUp:
      return readCaughtUp(payload);
    case DOCUMENT.durable:
      return readDurable(payload);
    case DOCUMENT.presence:
      return readPresence(payload);
    case DOCUMENT.signal:
      return readSignal(payload);
    case DOCUMENT.notice:
      return whole({ type: "notice" } as const, new FrameReader(payload, "NOTICE"));
    case DOCUMENT.close:
      return readClose(payload);
    case DOCUMENT.permission:
      return readPermission(payload);
    case DOCUMENT.seed:
      new FrameReader(payload, "SEED").end();
      return { type: "seed" };
    default:
      return decodeTwoWayFrame(frame);
  }
}

function readHello(payload: Uint8Array): ServerHello {
  const reader = new FrameReader(payload, "HELLO");
  const version = reader.varUint();
  // As for a client's: all that is needed of another version is its number.
  const isKnown = version === PROTOCOL_VERSION;
  const uint = () => (isKnown ? reader.varUint() : 0);
  const hello: ServerHello = {
    type: "hello",
    version,
    capabilities: uint(),
    agent: isKnown ? reader.varString() : "",
    maxMessageBytes: uint(),
    fragmentBytes: uint(),
    maxDocuments: uint(),
    keepAliveMs: uint(),
  };
  // A client would cut a frame into parts of nothing.
  if (isKnown && hello.fragmentBytes === 0) reader.fail("fragments have no bytes");
  // What later minor versions add stands behind this.
  return hello;
}

/** Two integers and nothing else. */
function readTwo(payload: Uint8Array, what: string): [number, number] {
  const reader = new FrameReader(payload, what);
  const two: [number, number] = [reader.varUint(), reader.varUint()];
  reader.end();
  return two;
}

function readGoaway(payload: Uint8Array): ServerFrame {
  const [afterMs, withinMs] = readTwo(payload, "GOAWAY");
  return { type: "goaway", afterMs, withinMs };
}

function readOpened(payload: Uint8Array): Opened {
  const reader = new FrameReader(payload, "OPENED");
  const opened: Opened = {
    type: "opened",
    lineage: reader.lineage(),
    seq: reader.varUint(),
    durableSeq: reader.varUint(),
    permission: readPermissionKind(reader),
    user: reader.varString(),
    isRevisionTaken: reader.flag(),
  };
  reader.end();
  return opened;
}

function readAck(payload: Uint8Array): ServerFrame {
  const [number, seq] = readTwo(payload, "ACK");
  return { type: "ack", number, seq };
}

function readBatch(payload: Uint8Array): ServerFrame {
  const reader = new FrameReader(payload, "BATCH");
  const seq = reader.varUint();
  const durableSeq = reader.varUint();
  return { type: "batch", seq, durableSeq, update: reader.rest() };
}

function readCatchUp(payload: Uint8Array): ServerFrame {
  const reader = new FrameReader(payload, "CATCH_UP");
  const isDeflated = reader.flag();
  return { type: "catchUp", isDeflated, update: reader.rest() };
}

function readCaughtUp(payload: Uint8Array): ServerFrame {
  const [seq, durableSeq] = readTwo(payload, "CAUGHT_UP");
  return { type: "caughtUp", seq, durableSeq };
}

function readDurable(payload: Uint8Array): ServerFrame {
  const reader = new FrameReader(payload, "DURABLE");
  const seq = reader.varUint();
  reader.end();
  return { type: "durable", seq };
}

function readPresence(payload: Uint8Array): ServerFrame {
  const reader = new FrameReader(payload, "PRESENCE");
  const users = new Map<number, string>();
  const count = reader.count(3);
  for (let i = 0; i < count; i++) {
    const clientId = reader.clientId();
    const user = reader.varString();
    if (users.has(clientId)) reader.fail("client comes twice");
    if (user === "") reader.fail("user is empty");
    users.set(clientId, user);
  }
  return { type: "presence", users, update: reader.rest() };
}

function readSignal(payload: Uint8Array): ServerFrame {
  const reader = new FrameReader(payload, "SIGNAL");
  const user = reader.varString();
  const session = reader.varUint();
  const name = reader.varString();
  return { type: "signal", user, session, name, payload: reader.rest() };
}

function readClose(payload: Uint8Array): ServerFrame {
  const reader = new FrameReader(payload, "CLOSE");
  const error = readError(reader);
  const number = reader.varUint();
  const remote = reader.flag() ? { lineage: reader.lineage(), seq: reader.varUint() } : null;
  reader.end();
  return { type: "close", ...error, number, remote };
}

function readPermission(payload: Uint8Array): ServerFrame {
  const reader = new FrameReader(payload, "PERMISSION");
  const permission = readPermissionKind(reader);
  const reason = reader.varString();
  reader.end();
  return { type: "permission", permission, reason };
}

function readPermissionKind(reader: FrameReader): WirePermission {
  return PERMISSIONS[reader.oneOf(PERMISSIONS.length, "permission")] as WirePermission;
}

function readError(reader: FrameReader): WireError {
  const code = reader.varString();
  const retry = RETRIES[reader.oneOf(RETRIES.length, "retry")] as WireError["retry"];
  return { code, retry, message: reader.varString() };
}

function whole<Type extends "failed" | "notice">(type: { type: Type }, reader: FrameReader) {
  const error = readError(reader);
  reader.end();
  return { ...type, ...error };
}
