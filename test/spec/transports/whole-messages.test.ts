import { describe, expect, test } from "vitest";
import { readWholeMessages } from "../../../server/src/transports/whole-messages.ts";
import { frame, PING, TEXT } from "../node/raw-socket.ts";

const MAX_BYTES = 70_000;

/** What is read of these bytes, and what is left. @param most How many messages are wanted. */
function read(bytes: Uint8Array, { maxBytes = MAX_BYTES, most = 100 } = {}) {
  const messages: string[] = [];
  const count = readWholeMessages(bytes, {
    get maxNextBytes() {
      return messages.length < most ? maxBytes : 0;
    },
    receiveMessage: (message) => messages.push(Buffer.from(message).toString()),
  });
  return { messages, left: bytes.length - count };
}

const binary = (text: string) => frame(Buffer.from(text));

test("messages that came as a whole are read one after the other, of whatever length", () => {
  for (const length of [0, 1, 3, 4, 5, 125, 126, 300, 65_535]) {
    const text = "x".repeat(length);
    const bytes = Buffer.concat([binary("first"), binary(text), binary("last")]);
    expect(read(bytes)).toEqual({ messages: ["first", text, "last"], left: 0 });
  }
});

test("messages are unmasked, each with its own mask", () => {
  const masked = (text: string, mask: readonly number[]) => {
    const payload = Buffer.from(text).map((byte, i) => byte ^ (mask[i % 4] as number));
    return Buffer.concat([Buffer.of(0x82, 0x80 | payload.length, ...mask), payload]);
  };
  const bytes = Buffer.concat([masked("one message", [1, 2, 250, 128]), masked("another", [9, 0, 77, 3])]);
  expect(read(bytes)).toEqual({ messages: ["one message", "another"], left: 0 });
});

test("bytes may lie anywhere in a larger buffer", () => {
  const whole = Buffer.concat([Buffer.from("abc"), binary("here"), Buffer.from("def")]);
  expect(read(whole.subarray(3, -3))).toEqual({ messages: ["here"], left: 0 });
});

test("of a message that has not all come nothing is read, wherever it ends", () => {
  for (const text of ["short", "x".repeat(200)]) {
    const last = binary(text);
    for (let cut = 0; cut < last.length; cut++) {
      const bytes = Buffer.concat([binary("first"), last.subarray(0, cut)]);
      expect(read(bytes)).toEqual({ messages: ["first"], left: cut });
    }
  }
});

describe("nothing is read of", () => {
  const others = {
    "a text message": frame(Buffer.from("text"), { opcode: TEXT }),
    "a control frame": frame(Buffer.from("ping"), { opcode: PING }),
    "a message in several frames": frame(Buffer.from("part"), { fin: false }),
    "a frame with a reserved bit": frame(Buffer.from("rsv"), { reserved: 4 }),
    "what is not masked": frame(Buffer.from("plain"), { isMasked: false }),
    "what is too long": binary("x".repeat(MAX_BYTES + 1)),
    "a length in eight bytes": binary("x".repeat(65_536)),
  };
  for (const [what, other] of Object.entries(others)) {
    test(`${what}, nor of what follows`, () => {
      const bytes = Buffer.concat([binary("first"), other, binary("last")]);
      expect(read(bytes)).toEqual({ messages: ["first"], left: bytes.length - binary("first").length });
    });
  }
});

test("whoever wants no more leaves the rest as it came", () => {
  const last = binary("last");
  const bytes = Buffer.concat([binary("first"), last]);
  expect(read(bytes, { most: 1 })).toEqual({ messages: ["first"], left: last.length });
  expect(bytes.subarray(-last.length)).toEqual(last);
});

test("what is in the midst of something else is not read, and be it what an empty message looks like", () => {
  const bytes = Buffer.concat([binary(""), binary("more")]);
  expect(read(bytes, { most: 0 })).toEqual({ messages: [], left: bytes.length });
  expect(read(bytes, { most: 1 })).toEqual({ messages: [""], left: binary("more").length });
});
