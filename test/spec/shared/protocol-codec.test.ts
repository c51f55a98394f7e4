import { JoineryError } from "@joinery/shared";
import {
  clientFrames,
  decodeServerFrame,
  forEachFrame,
  MAX_AGENT_BYTES,
  MAX_CLIENT_FRAMES,
  MAX_PING_BYTES,
  MAX_TOKEN_BYTES,
  type RawFrame,
  serverFrames,
} from "@joinery/shared/protocol";
import fc, { type Arbitrary } from "fast-check";
import { describe, expect, test } from "vitest";
import {
  anyClientFrame,
  anyServerFrame,
  clientFrameKinds,
  clientFrameOf,
  serverFrameKinds,
  serverFrameOf,
} from "./protocol-arbitraries.ts";
import {
  decodeFrame,
  decodeMessage,
  encodeFrame,
  type Frame,
  isWithin,
  joined,
  type Side,
  toHex,
} from "./protocol-frames.ts";
import { bytesOf, raw } from "./raw-update.ts";

/** `CODEC_RUNS=1000000 npx vitest run --project spec protocol-codec` tries more. */
const RUNS = Number(process.env.CODEC_RUNS ?? 3000);
const OPTIONS = { numRuns: RUNS, seed: Number(process.env.SEED ?? 20_261_121) };

const SIDES: readonly [Side, Arbitrary<Frame>][] = [
  ["client", anyClientFrame],
  ["server", anyServerFrame],
];

describe("a frame", () => {
  test.each([
    ...clientFrameKinds.map((kind) => ["client", kind, clientFrameOf(kind)] as const),
    ...serverFrameKinds.map((kind) => ["server", kind, serverFrameOf(kind)] as const),
  ])("[C2] of a %s, %s, is read as it was written", (from, _, frames: Arbitrary<Frame>) => {
    fc.assert(
      fc.property(frames, (frame) => {
        expect(decodeMessage(from, encodeFrame(from, frame))).toEqual([frame]);
      }),
      { ...OPTIONS, numRuns: Math.ceil(RUNS / 20) },
    );
  });

  test.each(SIDES)("[C4] of a %s is refused when its end is missing", (from, frames) => {
    fc.assert(
      fc.property(frames, fc.nat(), (frame, at) => {
        const bytes = encodeFrame(from, frame);
        expectRefusal(from, bytes.subarray(0, at % bytes.length));
      }),
      OPTIONS,
    );
  });

  test.each(SIDES)(
    "[C4] of a %s with more bytes than it has fields is refused, unless they are its own",
    (from, frames) => {
      fc.assert(
        fc.property(frames, fc.uint8Array({ minLength: 1, maxLength: 3 }), (frame, more) => {
          if (frame.type === "hello") return;
          const bytes = encodeFrame(from, frame);
          const type = bytes[0] as number;
          const payload = joined([payloadOf(bytes), more]);
          expect(isReadOrRefused(from, makeFrame(type, payload))).toBe(hasRoom(frame, more.length));
        }),
        OPTIONS,
      );
    },
  );
});

describe("a message", () => {
  test.each(SIDES)("[C1] of a %s has all its frames, in order", (from, frames) => {
    fc.assert(
      fc.property(fc.array(frames, { minLength: 1, maxLength: 8 }), (many) => {
        const message = joined(many.map((frame) => encodeFrame(from, frame)));
        expect(decodeMessage(from, message)).toEqual(many);
      }),
      { ...OPTIONS, numRuns: Math.ceil(RUNS / 5) },
    );
  });

  test.each(SIDES)(
    "[C15] of a %s, changed anyhow, is read or refused, and read as what it says",
    (from, frames) => {
      let read = 0;
      fc.assert(
        fc.property(fc.array(frames, { minLength: 1, maxLength: 4 }), damages, (many, damage) => {
          const message = damaged(joined(many.map((frame) => encodeFrame(from, frame))), damage);
          if (isReadOrRefused(from, message)) read++;
        }),
        OPTIONS,
      );
      // Else it would say nothing of what is read.
      expect(read).toBeGreaterThan(RUNS / 20);
    },
  );

  test.each(SIDES)("[C15] of any bytes from a %s is read or refused", (from) => {
    const type = fc.constantFrom(0, 1, 2, 5, 6, 16, 17, 20, 21, 23, 27, 28, 30, 31, 32, 33, 34, 64);
    const anyBytes = fc.uint8Array({ minLength: 0, maxLength: 60 });
    const framed = fc.tuple(type, anyBytes).map(([kind, rest]) => joined([raw(kind, rest.length), rest]));
    fc.assert(
      fc.property(fc.oneof(anyBytes, framed), (message) => {
        isReadOrRefused(from, message);
      }),
      { ...OPTIONS, numRuns: 2 * RUNS },
    );
  });

  test("[C5] of a client may have 10,000 frames, and not one more", () => {
    const pings = (count: number) => joined(Array.from({ length: count }, () => clientFrames.ping()));
    expect(MAX_CLIENT_FRAMES).toBe(10_000);
    expect(decodeMessage("client", pings(MAX_CLIENT_FRAMES))).toHaveLength(MAX_CLIENT_FRAMES);
    expectRefusal("client", pings(MAX_CLIENT_FRAMES + 1), /has more than 10000 frames/);
    expect(decodeMessage("server", pings(MAX_CLIENT_FRAMES + 1))).toHaveLength(MAX_CLIENT_FRAMES + 1);
  });

  test("[C3] may have frames that are passed over, each of which counts", () => {
    const seen: RawFrame[] = [];
    const three = raw(0x40, 0, 0x41, 1, 9, 0x02, 0);
    forEachFrame(three, (frame) => seen.push(frame), 3);
    expect(seen.map(({ type }) => type)).toEqual([0x02]);
    expect(() => forEachFrame(three, () => undefined, 2)).toThrow(/has more than 2 frames/);
  });

  test("[C15] is not copied: what is read of it are views", () => {
    const message = joined([clientFrames.select(1), clientFrames.update(1, raw(1, 2, 3))]);
    for (const frame of decodeMessage("client", message)) expect(isWithin(frame, message)).toBe(true);
  });
});

describe("a number", () => {
  test("[C15] of users that its bytes cannot hold is refused before anything is reserved", () => {
    // 2^46 users, and room for two.
    const frame = raw(0x1b, 13, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 1, 1, 0x61, 2, 1, 0x62);
    expectRefusal("server", frame, /count \d+ is more than the bytes left hold/);
  });

  test.each([-1, 0.5, 2 ** 53, Number.NaN])("%s is not written", (value) => {
    expect(() => clientFrames.select(value)).toThrow(RangeError);
    expect(() => serverFrames.ack(1, value)).toThrow(RangeError);
  });
});

describe("a text", () => {
  const hello = (agent: string, token: string) =>
    clientFrames.hello({ version: 1, capabilities: 0, agent, token });
  const open = (token: string) =>
    clientFrames.open({
      document: "a",
      revision: null,
      lineage: null,
      confirmed: [],
      stateVector: null,
      token,
      partial: null,
      offersSeed: false,
    });
  const longest = "t".repeat(MAX_TOKEN_BYTES);

  test("[H7] that says who the client is has at most 256 bytes", () => {
    expect(decodeMessage("client", hello("é".repeat(128), ""))).toMatchObject([{ agent: "é".repeat(128) }]);
    expectRefusal("client", hello(`${"é".repeat(128)}!`, ""), /agent has more than 256 bytes/);
    expect(MAX_AGENT_BYTES).toBe(256);
  });

  test.each([
    ["HELLO", (token: string) => hello("", token)],
    ["OPEN", open],
    ["TOKEN", (token: string) => clientFrames.token(0, token)],
  ])("[H7] that is a token in %s has at most 16 KiB", (_, frame) => {
    expect(decodeMessage("client", frame(longest))).toMatchObject([{ token: longest }]);
    expectRefusal("client", frame(`${longest}!`), /token has more than 16384 bytes/);
  });
});

describe("a ping", () => {
  test.each(["client", "server"] as const)("[C11] of a %s has at most 125 bytes", (from) => {
    for (const type of ["ping", "pong"] as const) {
      const ping = (length: number) => encodeFrame(from, { type, payload: new Uint8Array(length) });
      expect(decodeMessage(from, ping(MAX_PING_BYTES))).toHaveLength(1);
      expectRefusal(from, ping(MAX_PING_BYTES + 1), /has more than 125 bytes/);
    }
  });
});

describe("HELLO", () => {
  test.each(SIDES)("[C4] of a %s of a later minor version may have more at its end", (from) => {
    const kinds = from === "client" ? clientFrameOf("hello") : serverFrameOf("hello");
    fc.assert(
      fc.property(kinds, fc.uint8Array({ maxLength: 20 }), (hello: Frame, more) => {
        const payload = joined([payloadOf(encodeFrame(from, hello)), more]);
        expect(decodeFrame(from, { type: 1, payload })).toEqual(hello);
      }),
      { ...OPTIONS, numRuns: 100 },
    );
  });

  test.each(["client", "server"] as const)("[H5] of a %s of another version is read no further", (from) => {
    for (const version of [0, 2, 99]) {
      expect(decodeFrame(from, { type: 1, payload: raw(version, 0xff, 0xff) })).toMatchObject({ version });
    }
  });
});

describe("what no frame can say", () => {
  test("is a mistake of the program that would say it", () => {
    const revision = { lineage: "0123", seq: 1 };
    const error = { code: "LINEAGE_CHANGED", retry: "never", message: "" } as const;
    expect(() => serverFrames.close(error, 0, revision)).toThrow(RangeError);
    const id = new Uint8Array(7);
    expect(() => clientFrames.progress({ id, have: 0 })).toThrow(RangeError);
    expect(() => clientFrames.fragment({ id, total: 2, offset: 0, bytes: raw() })).toThrow(RangeError);
    expect(() => serverFrames.permission("own" as never, "")).toThrow(RangeError);
  });
});

describe("presence", () => {
  test("[P5] that names an id twice, or a user by nothing, is refused", () => {
    const payload = (...users: number[]) => raw(...users);
    expect(() => decodeServerFrame({ type: 0x1b, payload: payload(2, 1, 1, 0x61, 1, 1, 0x61, 0) })).toThrow(
      /client comes twice/,
    );
    expect(() => decodeServerFrame({ type: 0x1b, payload: payload(1, 1, 0, 0) })).toThrow(/user is empty/);
  });
});

/** Whether so many more bytes at the end of the payload would belong to its last field. */
function hasRoom(frame: Frame, bytes: number): boolean {
  switch (frame.type) {
    case "ping":
    case "pong":
      return frame.payload.length + bytes <= MAX_PING_BYTES;
    case "fragment":
      return frame.offset + frame.bytes.length + bytes <= frame.total;
    case "seed":
      return "update" in frame;
    default:
      return WITH_REST.has(frame.type);
  }
}

const WITH_REST: ReadonlySet<Frame["type"]> = new Set([
  "sync",
  "ask",
  "update",
  "answer",
  "batch",
  "catchUp",
  "presence",
  "signal",
]);

/** Cuts, flips, puts in and takes out bytes. */
const damages = fc.array(
  fc.record({
    kind: fc.constantFrom("set", "flip", "insert", "remove", "cut"),
    at: fc.nat(),
    byte: fc.nat(255),
  }),
  { minLength: 1, maxLength: 3 },
);

function damaged(
  message: Uint8Array,
  damage: readonly { kind: string; at: number; byte: number }[],
): Uint8Array {
  const bytes = [...message];
  for (const { kind, at, byte } of damage) {
    const i = at % (bytes.length + 1);
    if (kind === "set" && i < bytes.length) bytes[i] = byte;
    else if (kind === "flip" && i < bytes.length) bytes[i] = (bytes[i] as number) ^ (1 << (byte % 8));
    else if (kind === "insert") bytes.splice(i, 0, byte);
    else if (kind === "remove") bytes.splice(i, 1);
    else if (kind === "cut") bytes.splice(i, bytes.length);
  }
  return Uint8Array.from(bytes);
}

/** Reads a message that lies among other bytes. Whatever is read lies within it, and is just what it says. */
function isReadOrRefused(from: Side, bytes: Uint8Array): boolean {
  const surroundings = new Uint8Array(bytes.length + 64).fill(0x61);
  surroundings.set(bytes, 32);
  const message = surroundings.subarray(32, 32 + bytes.length);
  try {
    const frames: { rawFrame: RawFrame; frame: Frame }[] = [];
    forEachFrame(message, (rawFrame) => frames.push({ rawFrame, frame: decodeFrame(from, rawFrame) }));
    for (const { rawFrame, frame } of frames) {
      expect(isWithin(frame, message)).toBe(true);
      // Of HELLO not all is read.
      if (frame.type === "hello") continue;
      expect(toHex(payloadOf(encodeFrame(from, frame)))).toBe(toHex(rawFrame.payload));
    }
    return true;
  } catch (error) {
    if (!(error instanceof JoineryError)) throw error;
    expect(error.code).toBe("MALFORMED_FRAME");
    return false;
  }
}

function makeFrame(type: number, payload: Uint8Array): Uint8Array {
  return joined([raw(type), bytesOf(payload.length), payload]);
}

function payloadOf(frame: Uint8Array): Uint8Array {
  const payloads: Uint8Array[] = [];
  forEachFrame(frame, ({ payload }) => payloads.push(payload));
  expect(payloads).toHaveLength(1);
  return payloads[0] as Uint8Array;
}

function expectRefusal(from: Side, message: Uint8Array, reason = /./): void {
  expect(() => decodeMessage(from, message)).toThrow(
    expect.objectContaining({ code: "MALFORMED_FRAME", message: expect.stringMatching(reason) }),
  );
}
