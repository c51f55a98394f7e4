import { encodeAwareness } from "@joinery/shared";
import fc from "fast-check";
import * as encoding from "lib0/encoding";
import { describe, expect, test } from "vitest";
import { dialectOf } from "../../../server/src/protocols/by-first-message.ts";
import { Y_WEBSOCKET } from "../../../server/src/protocols/y-websocket.ts";
import { providerMessages } from "../../support/hocuspocus-wire.ts";

const STATE = new TextEncoder().encode('{"name":"Ann"}');
const entries = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ clientId: i + 1, clock: 1, state: i % 5 === 0 ? null : STATE }));

describe("a first message is of y-websocket", () => {
  test.each([
    ["step 1 of nobody", Uint8Array.of(0, 0, 1, 0)],
    ["step 1", Y_WEBSOCKET.ask(Uint8Array.of(2, 7, 300 & 0x7f, 8, 1))],
    ["step 2", Y_WEBSOCKET.catchUp(Uint8Array.of(0, 0), true)],
    ["an update", Y_WEBSOCKET.update(Uint8Array.of(0, 0))],
    ["presence", Y_WEBSOCKET.presence(encodeAwareness(entries(1)))],
    ["presence of 20,000", Y_WEBSOCKET.presence(encodeAwareness(entries(20_000)))],
    ["presence of nobody", Uint8Array.of(1, 1, 0)],
    ["a question for presence", Uint8Array.of(3)],
    ["nothing", new Uint8Array()],
    ["one byte", Uint8Array.of(9)],
    ["presence that is cut short", Uint8Array.of(1, 9, 1, 7, 1, 2)],
  ])("if it is %s", (_what, message) => {
    expect(dialectOf(message)).toBe("yWebsocket");
  });
});

describe("a first message is of Hocuspocus", () => {
  test.each(["a", "1", "~", "ab", "ü", "abc", "abcd", "team/notes", "x".repeat(500), "a\0session", "\0"])(
    "to %j, whatever it is",
    (address) => {
      const { auth, step1, step2, update, awareness, query, stateless, close } = providerMessages;
      for (const message of [
        auth(address, ""),
        auth(address, "", "4.8.0"),
        auth(address, "ey".repeat(400)),
        step1(address),
        step1(address, new Uint8Array(300)),
        step2(address),
        update(address, Uint8Array.of(0, 0)),
        awareness(address, encodeAwareness(entries(3))),
        query(address),
        stateless(address, "hello"),
        close(address),
      ]) {
        const expected = address === "\0" ? "yWebsocket" : "hocuspocus";
        expect(dialectOf(message)).toBe(expected);
      }
    },
  );
});

test("tokens and versions of a provider do not make y-websocket of its document with a short name", () => {
  const name = fc.string({ minLength: 1, maxLength: 3, unit: "grapheme-ascii" });
  const token = fc.string({ maxLength: 300, unit: "grapheme-ascii" });
  fc.assert(
    fc.property(name, token, fc.option(fc.string({ maxLength: 20 })), (address, shown, version) => {
      expect(dialectOf(providerMessages.auth(address, shown, version ?? undefined))).toBe("hocuspocus");
    }),
    { numRuns: 20_000 },
  );
});

test("presence is of y-websocket, whatever it says", () => {
  const entry = fc.record({
    clientId: fc.nat(2 ** 32 - 1),
    clock: fc.nat(),
    state: fc.option(fc.jsonValue().map((value) => new TextEncoder().encode(JSON.stringify(value)))),
  });
  const presence = fc.uniqueArray(entry, { selector: ({ clientId }) => clientId, maxLength: 20 });
  fc.assert(
    fc.property(presence, (some) => {
      expect(dialectOf(Y_WEBSOCKET.presence(encodeAwareness(some)))).toBe("yWebsocket");
    }),
    { numRuns: 5_000 },
  );
});

test("any bytes are of one or the other", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(["yWebsocket", "hocuspocus"]).toContain(dialectOf(bytes));
    }),
    { numRuns: 20_000 },
  );
});

test("what lib0 writes as an address begins with its length", () => {
  const encoder = encoding.createEncoder();
  encoding.writeVarString(encoder, "abc");
  expect(encoding.toUint8Array(encoder)[0]).toBe(3);
});
