import { decodeAwareness, encodeAwareness, isAwarenessState, JoineryError } from "@joinery/shared";
import fc from "fast-check";
import * as encoding from "lib0/encoding";
import { afterEach, describe, expect, test } from "vitest";
import {
  Awareness,
  applyAwarenessUpdate,
  encodeAwarenessUpdate,
  removeAwarenessStates,
} from "y-protocols/awareness";
import * as Y from "yjs";
import { bytesOf, longVarUint, type Part, padded, raw } from "./raw-update.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const json = (value: unknown): Uint8Array => utf8(JSON.stringify(value));

const made: Awareness[] = [];

/** What an editor has. */
function awarenessOf(clientId: number): Awareness {
  const doc = new Y.Doc();
  doc.clientID = clientId;
  const awareness = new Awareness(doc);
  made.push(awareness);
  return awareness;
}

// They renew themselves by a timer.
afterEach(() => {
  for (const awareness of made.splice(0)) awareness.destroy();
});

describe("an awareness update", () => {
  test("that y-protocols wrote is read, and written again byte for byte", () => {
    const ann = awarenessOf(2 ** 32 - 1);
    ann.setLocalState({ name: "Ann 🎈", cursor: { anchor: 3, head: 7 } });
    const ben = awarenessOf(7);
    applyAwarenessUpdate(ben, encodeAwarenessUpdate(ann, [ann.clientID]), "test");
    ben.setLocalStateField("name", "Ben");
    const update = encodeAwarenessUpdate(ben, [7, ann.clientID]);
    const entries = decodeAwareness(update);
    expect(entries).toEqual([
      { clientId: 7, clock: ben.meta.get(7)?.clock, state: json({ name: "Ben" }) },
      { clientId: ann.clientID, clock: ann.meta.get(ann.clientID)?.clock, state: json(ann.getLocalState()) },
    ]);
    expect(encodeAwareness(entries)).toEqual(update);
  });

  test("is written as lib0 writes its numbers, however large", () => {
    const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
    const some = fc.record({
      clientId: fc.nat(2 ** 32 - 1),
      clock: number,
      state: fc.uint8Array({ maxLength: 200 }),
    });
    fc.assert(
      fc.property(fc.array(some, { maxLength: 200 }), (entries) => {
        const written = encoding.encode((encoder) => {
          encoding.writeVarUint(encoder, entries.length);
          for (const { clientId, clock, state } of entries) {
            encoding.writeVarUint(encoder, clientId);
            encoding.writeVarUint(encoder, clock);
            encoding.writeVarUint8Array(encoder, state);
          }
        });
        expect(encodeAwareness(entries)).toEqual(written);
      }),
    );
  });

  test("that says somebody is gone has no state", () => {
    const ann = awarenessOf(7);
    ann.setLocalState({ name: "Ann" });
    removeAwarenessStates(ann, [7], "test");
    const update = encodeAwarenessUpdate(ann, [7]);
    expect(decodeAwareness(update)).toMatchObject([{ clientId: 7, state: null }]);
    expect(encodeAwareness(decodeAwareness(update))).toEqual(update);
  });

  test("that was written here is applied by y-protocols", () => {
    const ben = awarenessOf(7);
    const state = { name: "Ann", list: [1, null] };
    applyAwarenessUpdate(ben, encodeAwareness([{ clientId: 1, clock: 5, state: json(state) }]), "test");
    expect(ben.getStates().get(1)).toEqual(state);
    applyAwarenessUpdate(ben, encodeAwareness([{ clientId: 1, clock: 6, state: null }]), "test");
    expect(ben.getStates().has(1)).toBe(false);
  });

  test("comes back as it was written", () => {
    const entry = fc.record({
      clientId: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      clock: fc.integer({ min: 0, max: 2 ** 53 - 1 }),
      state: fc.option(fc.dictionary(fc.string(), fc.jsonValue()).map(json)),
    });
    fc.assert(
      fc.property(fc.uniqueArray(entry, { selector: ({ clientId }) => clientId }), (entries) => {
        expect(decodeAwareness(encodeAwareness(entries))).toEqual(entries);
      }),
    );
  });

  test("is a view into the bytes that came", () => {
    const update = encodeAwareness([{ clientId: 1, clock: 5, state: json({ name: "Ann" }) }]);
    expect(decodeAwareness(update)[0]?.state?.buffer).toBe(update.buffer);
  });

  test("with a client twice says of it what y-protocols would take, whatever the order", () => {
    const entry = fc.record({
      clientId: fc.integer({ min: 1, max: 3 }),
      // y-protocols starts to count at 1: it takes no entry with clock 0.
      clock: fc.integer({ min: 1, max: 3 }),
      state: fc.option(fc.record({ name: fc.constantFrom("Ann", "Ben", "Cem") })),
    });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 8 }), (list) => {
        const update = encodeAwareness(list.map((one) => ({ ...one, state: one.state && json(one.state) })));
        const decoded = decodeAwareness(update);
        expect(new Set(decoded.map(({ clientId }) => clientId)).size).toBe(decoded.length);
        const [asItCame, asDecoded] = [awarenessOf(100), awarenessOf(100)];
        applyAwarenessUpdate(asItCame, update, "test");
        applyAwarenessUpdate(asDecoded, encodeAwareness(decoded), "test");
        expect(asDecoded.getStates()).toEqual(asItCame.getStates());
        const clocks = ({ meta }: Awareness) => new Map([...meta].map(([id, { clock }]) => [id, clock]));
        expect(clocks(asDecoded)).toEqual(clocks(asItCame));
        for (const awareness of made.splice(0)) awareness.destroy();
      }),
    );
  });

  test("is not parsed: a state may be anything until somebody asks", () => {
    expect(decodeAwareness(bytesOf(1, 7, 1, "not JSON"))).toEqual([
      { clientId: 7, clock: 1, state: utf8("not JSON") },
    ]);
  });
});

describe("an awareness update is refused", () => {
  const table: [string, Part[], RegExp][] = [
    ["when it is empty", [], /ends too early at byte 0/],
    ["when it counts more entries than there are bytes", [1_000_000, 1, 1, "{}"], /count 1000000 is more/],
    ["with a second entry that is cut off", [2, 1, 1, "{}", 2, 1, 5], /ends too early/],
    ["with a state longer than the update", [1, 1, 1, 100, raw(0x7b)], /ends too early/],
    ["with bytes left over", [1, 1, 1, "{}", 0], /1 bytes left over/],
    ["with a client id of 33 bits", [1, 2 ** 32, 1, "{}"], /client id/],
    ["with a clock of 2^53", [1, 1, 2n ** 53n, "{}"], /integer is too l/],
    ["with a clock in more bytes than it needs", [1, 1, padded(1), "{}"], /more bytes than it needs/],
    ["with a clock of 16 bytes", [1, 1, longVarUint(16, 1), "{}"], /integer is too l/],
  ];

  test.each(table)("%s", (_, parts, reason) => {
    expect(() => decodeAwareness(bytesOf(...parts))).toThrow(JoineryError);
    expect(() => decodeAwareness(bytesOf(...parts))).toThrow(
      expect.objectContaining({ code: "MALFORMED_UPDATE", message: expect.stringMatching(reason) }),
    );
  });

  test("when it is cut off, at every byte", () => {
    const whole = encodeAwareness([
      { clientId: 300, clock: 1, state: json({ name: "ann" }) },
      { clientId: 1, clock: 2, state: null },
    ]);
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodeAwareness(whole.subarray(0, length))).toThrow(/^awareness update: .+ at byte \d+$/);
    }
  });
});

describe("what an editor can show", () => {
  const nested = (depth: number): string => `${'{"a":'.repeat(depth - 1)}{}${"}".repeat(depth - 1)}`;

  test.each([
    ["an empty object", "{}", true],
    ["an object", '{"name":"ann","cursor":null}', true],
    ["an object nested 16 deep", nested(16), true],
    ["an object nested 17 deep", nested(17), false],
    ["an object nested 5,000 deep", nested(5_000), false],
    ["a number", "7", false],
    ["a text", '"ann"', false],
    ["true", "true", false],
    ["null", "null", false],
    ["an array", "[{}]", false],
    ["no JSON", "{name:1}", false],
    ["nothing", "", false],
  ])("%s", (_, state, isShown) => {
    expect(isAwarenessState(utf8(state))).toBe(isShown);
  });

  test("is UTF-8", () => {
    expect(isAwarenessState(raw(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d))).toBe(false);
  });
});
