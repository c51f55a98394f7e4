/** Any frame that a client or a server can say, for property tests. A kind of frame that is missing does not compile. */

import type { ClientFrame, ServerFrame } from "@joinery/shared/protocol";
import fc, { type Arbitrary } from "fast-check";

type Shape<Frame> = { readonly [Field in keyof Frame]: Arbitrary<Frame[Field]> };

/** Frames of one kind: `type` is given, and each other field is anything that it may be. */
function frames<Frame extends { type: string }>(
  type: Frame["type"],
  fields: Shape<Omit<Frame, "type">>,
): Arbitrary<Frame> {
  return fc.record({ type: fc.constant(type), ...fields }) as unknown as Arbitrary<Frame>;
}

type OfClient<Type> = Extract<ClientFrame, { type: Type }>;
type OfServer<Type> = Extract<ServerFrame, { type: Type }>;

const uint = fc.oneof(
  fc.nat({ max: 300 }),
  fc.nat({ max: 2 ** 53 - 1 }),
  fc.constantFrom(0, 127, 128, 2 ** 28, 2 ** 31, 2 ** 32, 2 ** 53 - 1),
);
const bytes = fc.uint8Array({ maxLength: 300 });
const text = fc.string({ unit: "binary", maxLength: 40 }).map((any) => any.toWellFormed());
const someText = text.filter((any) => any !== "");
const lineage = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((digits) => Buffer.from(digits).toString("hex"));
const branch = fc
  .uint8Array({ minLength: 8, maxLength: 8 })
  .map((bytes) => Buffer.from(bytes).toString("hex"));
const place = fc.record({ lineage, seq: uint });
const revision = fc.record({ lineage, seq: uint, branch });
const confirmed = fc.array(fc.record({ seq: uint, branch }), { maxLength: 16 });
const fragmentId = fc.uint8Array({ minLength: 8, maxLength: 8 });
const permission = fc.constantFrom("read" as const, "write" as const);
const users = fc
  .uniqueArray(fc.tuple(fc.nat({ max: 2 ** 32 - 1 }), someText), { selector: ([id]) => id, maxLength: 5 })
  .map((pairs) => new Map(pairs));
const wireError = { code: text, retry: fc.constantFrom("never", "backoff", "after-auth"), message: text };

const fragment = fc.tuple(fragmentId, bytes, fc.nat(1000), fc.nat(1000)).map(([id, part, offset, more]) => ({
  type: "fragment" as const,
  id,
  total: Math.max(2, offset + part.length + more),
  offset,
  bytes: part,
}));

const twoWay = {
  select: frames<OfClient<"select">>("select", { channel: uint }),
  ping: pings("ping"),
  pong: pings("pong"),
  fragment,
  progress: frames<OfClient<"progress">>("progress", { id: fragmentId, have: uint }),
};

function pings(type: "ping" | "pong"): Arbitrary<OfClient<"ping" | "pong">> {
  return frames(type, { payload: fc.uint8Array({ maxLength: 125 }) });
}

const open = fc
  .record({
    document: text,
    known: fc.oneof(
      fc.constant({ revision: null, lineage: null, confirmed: [] }),
      fc.record({ revision, lineage: fc.constant(null), confirmed }),
      fc.record({ revision: fc.constant(null), lineage, confirmed }),
    ),
    stateVector: fc.option(bytes),
    token: text,
    partial: fc.option(fc.record({ id: fragmentId, have: uint })),
    offersSeed: fc.boolean(),
  })
  .map(({ known, ...rest }) => ({ type: "open" as const, ...known, ...rest }));

const clientKinds: { readonly [Type in ClientFrame["type"]]: Arbitrary<ClientFrame> } = {
  ...twoWay,
  hello: frames<OfClient<"hello">>("hello", {
    version: fc.constant(1),
    capabilities: uint,
    agent: text,
    token: text,
  }),
  token: frames<OfClient<"token">>("token", { channel: uint, token: text }),
  open,
  sync: frames<OfClient<"sync">>("sync", { stateVector: bytes }),
  update: frames<OfClient<"update" | "answer">>("update", { number: uint, update: bytes }),
  answer: frames<OfClient<"update" | "answer">>("answer", { number: uint, update: bytes }),
  presence: frames<OfClient<"presence">>("presence", { update: bytes }),
  signal: frames<OfClient<"signal">>("signal", {
    to: fc.oneof(
      fc.constant({ kind: "all" as const }),
      fc.constant({ kind: "others" as const }),
      text.map((user) => ({ kind: "user" as const, user })),
    ),
    name: text,
    payload: bytes,
  }),
  seed: frames<OfClient<"seed">>("seed", { update: bytes }),
  close: fc.constant({ type: "close" }),
};

const serverKinds: { readonly [Type in ServerFrame["type"]]: Arbitrary<ServerFrame> } = {
  ...twoWay,
  hello: frames<OfServer<"hello">>("hello", {
    version: fc.constant(1),
    capabilities: uint,
    agent: text,
    maxMessageBytes: uint,
    fragmentBytes: uint.map((any) => any || 1),
    maxDocuments: uint,
    keepAliveMs: uint,
  }),
  goaway: frames<OfServer<"goaway">>("goaway", { afterMs: uint, withinMs: uint }),
  failed: frames<OfServer<"failed">>("failed", wireError as never),
  opened: frames<OfServer<"opened">>("opened", {
    lineage,
    seq: uint,
    durableSeq: uint,
    permission,
    user: text,
    branch: fc.record({ seq: uint, id: branch, before: branch }),
    beginning: fc.constantFrom("exchange", "compare", "continue"),
  }),
  ask: frames<OfServer<"ask">>("ask", { stateVector: bytes }),
  ack: frames<OfServer<"ack">>("ack", { number: uint, seq: uint }),
  batch: frames<OfServer<"batch">>("batch", { seq: uint, durableSeq: uint, update: bytes }),
  catchUp: frames<OfServer<"catchUp">>("catchUp", { isDeflated: fc.boolean(), update: bytes }),
  caughtUp: frames<OfServer<"caughtUp">>("caughtUp", { seq: uint, durableSeq: uint }),
  durable: frames<OfServer<"durable">>("durable", { seq: uint }),
  presence: frames<OfServer<"presence">>("presence", { users, update: bytes }),
  signal: frames<OfServer<"signal">>("signal", { user: text, session: uint, name: text, payload: bytes }),
  notice: frames<OfServer<"notice">>("notice", wireError as never),
  close: frames<OfServer<"close">>("close", {
    ...wireError,
    number: uint,
    remote: fc.option(place),
  } as never),
  permission: frames<OfServer<"permission">>("permission", { permission, reason: text }),
  seed: fc.constant({ type: "seed" }),
};

export const clientFrameKinds = Object.keys(clientKinds) as ClientFrame["type"][];
export const serverFrameKinds = Object.keys(serverKinds) as ServerFrame["type"][];
export const anyClientFrame: Arbitrary<ClientFrame> = fc.oneof(...Object.values(clientKinds));
export const anyServerFrame: Arbitrary<ServerFrame> = fc.oneof(...Object.values(serverKinds));
export const clientFrameOf = (type: ClientFrame["type"]): Arbitrary<ClientFrame> => clientKinds[type];
export const serverFrameOf = (type: ServerFrame["type"]): Arbitrary<ServerFrame> => serverKinds[type];
