import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BINARY, FrameScanner, PING } from "../../../bench/src/load/frame-scanner.ts";

/** As a server sends it: not masked. */
function frame(opcode: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  if (length < 126) return Uint8Array.of(opcode | 0x80, length, ...payload);
  const head = new DataView(new ArrayBuffer(length < 0x10000 ? 4 : 10));
  head.setUint8(0, opcode | 0x80);
  head.setUint8(1, length < 0x10000 ? 126 : 127);
  if (length < 0x10000) head.setUint16(2, length);
  else head.setBigUint64(2, BigInt(length));
  return Buffer.concat([new Uint8Array(head.buffer), payload]);
}

describe("what looks for frames", () => {
  const message = fc.record({
    opcode: fc.constantFrom(BINARY, PING),
    length: fc.oneof(fc.nat(130), fc.integer({ min: 65_530, max: 65_540 })),
  });

  test("finds them wherever the bytes are cut, and reads those that are wanted", () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), fc.array(fc.nat(70_000)), (messages, cuts) => {
        const payloads = messages.map(({ length }, i) => new Uint8Array(length).fill(i));
        const bytes = Buffer.concat(
          messages.map(({ opcode }, i) => frame(opcode, payloads[i] as Uint8Array)),
        );
        const read: Uint8Array[] = [];
        const scanner = new FrameScanner(
          (opcode) => opcode === PING,
          (_, payload) => read.push(payload),
        );
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          scanner.push(bytes.subarray(at, at + cut));
          at += cut;
        }
        expect(scanner.frames).toBe(messages.length);
        expect(read).toEqual(payloads.filter((_, i) => messages[i]?.opcode === PING));
      }),
      { numRuns: 50 },
    );
  });

  test("does not take a part for a message", () => {
    const scanner = new FrameScanner(
      () => false,
      () => undefined,
    );
    expect(() => scanner.push(Uint8Array.of(BINARY, 1, 0))).toThrow("cut");
  });
});
