import { ByteReader, JoineryError } from "@joinery/shared";
import fc from "fast-check";
import * as encoding from "lib0/encoding";
import { describe, expect, test } from "vitest";
import { encodeAddress, joined } from "../../../../server/src/protocols/hocuspocus/addresses.ts";
import {
  type ClientMessage,
  readMessage,
  serverMessages,
} from "../../../../server/src/protocols/hocuspocus/messages.ts";
import { hear, providerMessages } from "../../../support/hocuspocus-wire.ts";

function read(message: Uint8Array): ClientMessage & { address: string } {
  const reader = new ByteReader(message, "message", "MALFORMED_FRAME");
  return { address: reader.varString(), ...readMessage(reader) };
}

const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));

/** Sent by the published providers 2.15.3, 3.4.4 and 4.8.0, to a document that is named "notes". */
const RECORDED: [what: string, hex: string, message: object][] = [
  [
    "the token of provider 4",
    "056e6f746573 02 00 06736563726574 05342e382e30",
    { kind: "token", token: "secret", agent: "4.8.0" },
  ],
  [
    "no token of provider 4",
    "056e6f746573 02 00 00 05342e382e30",
    { kind: "token", token: "", agent: "4.8.0" },
  ],
  [
    "the token of providers 2 and 3",
    "056e6f746573 02 00 06736563726574",
    { kind: "token", token: "secret", agent: null },
  ],
  ["no token of provider 3", "056e6f746573 02 00 00", { kind: "token", token: "", agent: null }],
  [
    "a question",
    "056e6f746573 00 00 01 00",
    { kind: "step1", stateVector: Uint8Array.of(0), isReply: false },
  ],
  [
    "an answer",
    "056e6f746573 00 01 0e 0101070004010474657874016100",
    { kind: "step2", update: fromHex("0101070004010474657874016100") },
  ],
  [
    "an edit",
    "056e6f746573 00 02 0e 0101070004010474657874016100",
    { kind: "update", update: fromHex("0101070004010474657874016100") },
  ],
  ["presence", "056e6f746573 01 06 010700027b7d", { kind: "awareness", update: fromHex("010700027b7d") }],
  [
    "the end of presence",
    "056e6f746573 01 08 010701046e756c6c",
    { kind: "awareness", update: fromHex("010701046e756c6c") },
  ],
  ["a stateless message", "056e6f746573 05 026869", { kind: "stateless", payload: "hi" }],
  ["a goodbye", "056e6f746573 07", { kind: "close" }],
];

describe("what providers send", () => {
  test.each(RECORDED)("%s is read", (_what, hex, message) => {
    expect(read(fromHex(hex))).toEqual({ address: "notes", ...message });
  });

  test.each([
    ["step1", providerMessages.step1("a\0b", Uint8Array.of(1, 2)), { kind: "step1", isReply: false }],
    ["step2", providerMessages.step2("ü"), { kind: "step2" }],
    ["a sync reply", Uint8Array.of(1, 0x61, 4, 0, 1, 0), { kind: "step1", isReply: true }],
    ["a question for presence", providerMessages.query("n"), { kind: "query" }],
    [
      "a stateless message",
      providerMessages.stateless("n", '{"ü":1}'),
      { kind: "stateless", payload: '{"ü":1}' },
    ],
    ["a token", providerMessages.auth("n", "t", "4.0.0"), { kind: "token", token: "t", agent: "4.0.0" }],
  ])("%s is read", (_what, bytes, message) => {
    expect(read(bytes)).toMatchObject(message);
  });

  test.each([
    ["nothing after the address", [1, 0x61], /ends too early/],
    ["a kind that is unknown", [1, 0x61, 11], /kind 11 is unknown/],
    ["a ping with an address", [1, 0x61, 9], /kind 9 is unknown/],
    ["a broadcast for servers", [1, 0x61, 6, 1, 0x61], /for servers to send/],
    ["a sync status", [1, 0x61, 8, 1], /for servers to send/],
    ["a sync step that is unknown", [1, 0x61, 0, 3, 0], /sync step 3/],
    ["a length beyond the end", [1, 0x61, 0, 2, 5, 1], /ends too early/],
    ["bytes after an edit", [1, 0x61, 0, 2, 1, 0, 9], /1 bytes left over/],
    ["bytes after a question", [1, 0x61, 3, 0], /1 bytes left over/],
    ["a goodbye with a reason", [1, 0x61, 7, 1, 0x61], /2 bytes left over/],
    ["bytes after a version", [1, 0x61, 2, 0, 0, 1, 0x34, 0], /1 bytes left over/],
    ["an answer about a token", [1, 0x61, 2, 2, 1, 0x61], /auth message of type 2/],
    ["text that is not UTF-8", [1, 0x61, 5, 1, 0xff], /not UTF-8/],
    ["a number in more bytes than it needs", [1, 0x61, 0x83, 0], /more bytes than it needs/],
    ["a token of 20,000 bytes", [...providerMessages.auth("a", "x".repeat(20_000))], /longer than 16384/],
    ["a version of 300 bytes", [...providerMessages.auth("a", "", "x".repeat(300))], /longer than 256/],
  ])("%s is refused", (_what, bytes, reason) => {
    expect(() => read(Uint8Array.from(bytes))).toThrow(
      expect.objectContaining({ code: "MALFORMED_FRAME", message: expect.stringMatching(reason) }),
    );
  });
});

describe("what the server sends", () => {
  const BYTES = Uint8Array.of(1, 2, 3);

  test.each([
    ["step1", serverMessages.step1(BYTES), { say: "step1", bytes: BYTES }],
    ["step2", serverMessages.step2(BYTES), { say: "step2", bytes: BYTES }],
    ["an update", serverMessages.update(BYTES), { say: "update", bytes: BYTES }],
    ["presence", serverMessages.awareness(BYTES), { say: "awareness", bytes: BYTES }],
    [
      "that one may write",
      serverMessages.authenticated("write"),
      { say: "authenticated", text: "read-write" },
    ],
    ["that one may read", serverMessages.authenticated("read"), { say: "authenticated", text: "readonly" }],
    ["a refusal", serverMessages.denied("nö"), { say: "denied", text: "nö" }],
    ["that it wants a token", serverMessages.requestToken(), { say: "token?" }],
    ["a stateless message", serverMessages.stateless("x"), { say: "stateless", text: "x" }],
    ["a close", serverMessages.close("why"), { say: "close", text: "why" }],
    ["that an edit is saved", serverMessages.syncStatus(true), { say: "saved" }],
    ["that an edit is not", serverMessages.syncStatus(false), { say: "unsaved" }],
  ])("%s is read by lib0 to the last byte", (_what, frame, heard) => {
    expect(hear(joined(encodeAddress("nötes\0id"), frame))).toEqual({ to: "nötes\0id", ...heard });
  });

  test("an address is the same as lib0 writes it, however long", () => {
    for (const length of [0, 1, 127, 128, 20_000]) {
      const encoder = encoding.createEncoder();
      encoding.writeVarString(encoder, "x".repeat(length));
      expect(encodeAddress("x".repeat(length))).toEqual(encoding.toUint8Array(encoder));
    }
  });
});

test("200,000 damaged messages are read to their end or refused, and nothing else happens", () => {
  const whole = fc.constantFrom(
    ...RECORDED.map(([, hex]) => fromHex(hex)),
    providerMessages.stateless("notes", "hello"),
    providerMessages.query("a\0b"),
    providerMessages.step1(
      "notes",
      Uint8Array.from({ length: 200 }, (_, i) => i),
    ),
  );
  const damage = fc.array(fc.record({ at: fc.nat(), byte: fc.nat(255), how: fc.nat(3) }), { maxLength: 3 });
  let readWhole = 0;
  let refused = 0;
  fc.assert(
    fc.property(whole, damage, (message, changes) => {
      const bytes = damaged(message, changes);
      const surroundings = new Uint8Array(bytes.length + 64).fill(0x61);
      surroundings.set(bytes, 32);
      try {
        const found = read(surroundings.subarray(32, 32 + bytes.length));
        for (const value of Object.values(found)) {
          if (!(value instanceof Uint8Array)) continue;
          expect(value.byteOffset).toBeGreaterThanOrEqual(32);
          expect(value.byteOffset + value.length).toBeLessThanOrEqual(32 + bytes.length);
        }
        readWhole++;
      } catch (thrown) {
        if (!(thrown instanceof JoineryError)) throw thrown;
        expect(thrown.code).toBe("MALFORMED_FRAME");
        refused++;
      }
    }),
    { numRuns: 200_000 },
  );
  expect(Math.min(readWhole, refused)).toBeGreaterThan(10_000);
}, 120_000);

function damaged(
  message: Uint8Array,
  changes: readonly { at: number; byte: number; how: number }[],
): Uint8Array {
  const bytes = [...message];
  for (const { at, byte, how } of changes) {
    const i = at % (bytes.length + 1);
    if (how === 0) bytes[i] = byte;
    else if (how === 1) bytes.splice(i, 0, byte);
    else if (how === 2) bytes.splice(i, 1);
    else bytes.splice(i);
  }
  return Uint8Array.from(bytes);
}
