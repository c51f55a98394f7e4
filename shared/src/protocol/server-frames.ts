/** What a server sends: how each frame is written, and how the client reads it. */

import { type FrameReader, type Payloads, type RawFrame, readFrame } from "./frame-reader.ts";
import {
  type BranchId,
  CONNECTION_FRAMES as CONNECTION,
  DOCUMENT_FRAMES as DOCUMENT,
  type LineageId,
  type LogPlace,
  PROTOCOL_VERSION,
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

/**
 * What becomes of what the client said that it has. `exchange`: both sides say all that they have, and the client has no
 * revision. `compare`: it sends a state vector, unless OPEN had one, and gives what it has beyond its revision.
 * `continue`: it gets what lies between its revision and now.
 */
export type Beginning = (typeof BEGINNINGS)[number];

/** Where the server writes on: enough to tell the branch of every batch that the session is sent. */
export interface NewestBranch {
  /** Its first batch, which there need not be yet. */
  readonly seq: number;
  readonly id: BranchId;
  /** Which one the batches before its first are of. */
  readonly before: BranchId;
}

export interface Opened {
  readonly type: "opened";
  readonly lineage: LineageId;
  /** The last batch, and the last that is on disk. */
  readonly seq: number;
  readonly durableSeq: number;
  readonly branch: NewestBranch;
  readonly permission: WirePermission;
  /** Who the server takes the client for; empty for nobody in particular. */
  readonly user: string;
  readonly beginning: Beginning;
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
      /** Where the server's copy is, when the client's is of another lineage or branch, or further. */
      readonly remote: LogPlace | null;
    } & WireError)
  | { readonly type: "permission"; readonly permission: WirePermission; readonly reason: string }
  /** The document is new and the client may fill it. */
  | { readonly type: "seed" };

const RETRIES = ["never", "backoff", "after-auth"] as const;
const PERMISSIONS = ["read", "write"] as const;
const BEGINNINGS = ["exchange", "compare", "continue"] as const;

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
      .uint(opened.branch.seq)
      .branch(opened.branch.id)
      .branch(opened.branch.before)
      .uint(PERMISSIONS.indexOf(opened.permission))
      .string(opened.user)
      .uint(BEGINNINGS.indexOf(opened.beginning))
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
  close: (error: WireError, number: number, remote: LogPlace | null): Uint8Array => {
    const writer = writeError(new FrameWriter(DOCUMENT.close), error)
      .uint(number)
      .uint(remote ? 1 : 0);
    if (remote) writer.lineage(remote.lineage).uint(remote.seq);
    return writer.end();
  },
  permission: (permission: WirePermission, reason: string): Uint8Array =>
    new FrameWriter(DOCUMENT.permission).uint(PERMISSIONS.indexOf(permission)).string(reason).end(),
  seed: (): Uint8Array => makeFrame(DOCUMENT.seed),
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
  return readFrame(PAYLOADS, frame);
}

type Fields<Type extends ServerFrame["type"]> = Omit<Extract<ServerFrame, { type: Type }>, "type">;

const PAYLOADS: Payloads<ServerFrame> = {
  ...TWO_WAY_PAYLOADS,
  hello: readHello,
  goaway: (it) => ({ afterMs: it.varUint(), withinMs: it.varUint() }),
  failed: readError,
  opened: readOpened,
  ask: (it) => ({ stateVector: it.rest() }),
  ack: (it) => ({ number: it.varUint(), seq: it.varUint() }),
  batch: (it) => ({ seq: it.varUint(), durableSeq: it.varUint(), update: it.rest() }),
  catchUp: (it) => ({ isDeflated: it.flag(), update: it.rest() }),
  caughtUp: (it) => ({ seq: it.varUint(), durableSeq: it.varUint() }),
  durable: (it) => ({ seq: it.varUint() }),
  presence: readPresence,
  signal: (it) => ({ user: it.varString(), session: it.varUint(), name: it.varString(), payload: it.rest() }),
  notice: readError,
  close: readClose,
  permission: (it) => ({ permission: readPermission(it), reason: it.varString() }),
  seed: () => ({}),
};

function readHello(reader: FrameReader): Fields<"hello"> {
  const version = reader.varUint();
  // As for a client's: all that is needed of another version is its number.
  const isKnown = version === PROTOCOL_VERSION;
  const uint = () => (isKnown ? reader.varUint() : 0);
  const hello = {
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
  // What later minor versions add.
  reader.rest();
  return hello;
}

function readOpened(reader: FrameReader): Fields<"opened"> {
  return {
    lineage: reader.lineage(),
    seq: reader.varUint(),
    durableSeq: reader.varUint(),
    branch: { seq: reader.varUint(), id: reader.branch(), before: reader.branch() },
    permission: readPermission(reader),
    user: reader.varString(),
    beginning: reader.choice(BEGINNINGS, "beginning"),
  };
}

function readPresence(reader: FrameReader): Fields<"presence"> {
  const users = new Map<number, string>();
  const count = reader.count(3);
  for (let i = 0; i < count; i++) {
    const clientId = reader.clientId();
    const user = reader.varString();
    if (users.has(clientId)) reader.fail("client comes twice");
    if (user === "") reader.fail("user is empty");
    users.set(clientId, user);
  }
  return { users, update: reader.rest() };
}

function readClose(reader: FrameReader): Fields<"close"> {
  const error = readError(reader);
  const number = reader.varUint();
  const remote = reader.flag() ? { lineage: reader.lineage(), seq: reader.varUint() } : null;
  return { ...error, number, remote };
}

function readPermission(reader: FrameReader): WirePermission {
  return reader.choice(PERMISSIONS, "permission");
}

function readError(reader: FrameReader): WireError {
  return { code: reader.varString(), retry: reader.choice(RETRIES, "retry"), message: reader.varString() };
}
