import {
  decodeClientFrame,
  type Fragment,
  forEachFrame,
  inFragments,
  inUncopiedFragments,
  Reassembly,
  readReassembled,
} from "@joinery/shared/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyClientFrame, anyServerFrame } from "./protocol-arbitraries.ts";
import { decodeFrame, encodeClientFrame, encodeFrame } from "./protocol-frames.ts";
import { raw } from "./raw-update.ts";

const ID = raw(1, 2, 3, 4, 5, 6, 7, 8);
const MAX_BYTES = 1 << 20;

function read(frame: Uint8Array): Fragment {
  const found: Fragment[] = [];
  forEachFrame(frame, (it) => found.push(decodeClientFrame(it) as Fragment));
  expect(found).toHaveLength(1);
  return found[0] as Fragment;
}

function part(total: number, offset: number, bytes: Uint8Array): Fragment {
  return { type: "fragment", id: ID, total, offset, bytes };
}

describe("a frame in fragments", () => {
  test("[B1] is the same frame at the other end, in whatever sizes it came", () => {
    const travelling = fc.record({
      frame: fc.oneof(
        anyClientFrame.map((frame) => encodeFrame("client", frame)),
        anyServerFrame.map((frame) => encodeFrame("server", frame)),
      ),
      fragmentBytes: fc.integer({ min: 1, max: 50 }),
    });
    fc.assert(
      fc.property(travelling, ({ frame, fragmentBytes }) => {
        const fragments = [...inFragments(frame, ID, fragmentBytes)];
        const uncopied = [...inUncopiedFragments(frame, ID, fragmentBytes)];
        expect(uncopied.map(({ head, bytes }) => Uint8Array.of(...head, ...bytes))).toEqual(fragments);
        expect(uncopied.every(({ bytes }) => bytes.buffer === frame.buffer)).toBe(true);
        const parts = fragments.map(read);
        const reassembly = new Reassembly(parts[0] as Fragment, MAX_BYTES);
        const wholes = parts.map((it) => reassembly.add(it));
        expect(wholes.pop()).toEqual(frame);
        expect(wholes.every((whole) => whole === null)).toBe(true);
        expect(reassembly.have).toBe(frame.length);
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  test("[B2] goes on from where it was cut off", () => {
    const frame = encodeClientFrame({ type: "update", number: 1, update: raw(1, 2, 3, 4, 5, 6, 7) });
    const reassembly = new Reassembly(part(frame.length, 0, raw()), MAX_BYTES);
    for (const one of [...inFragments(frame, ID, 3)].slice(0, 2)) reassembly.add(read(one));
    expect(reassembly.have).toBe(6);
    const rest = [...inFragments(frame, ID, 4, reassembly.have)].map(read);
    expect(rest.map(({ offset }) => offset)).toEqual([6]);
    expect(reassembly.add(rest[0] as Fragment)).toEqual(frame);
  });

  test("[B2] is not changed by what is there already, and whole only once", () => {
    const reassembly = new Reassembly(part(4, 0, raw()), MAX_BYTES);
    reassembly.add(part(4, 0, raw(1, 2)));
    expect(reassembly.add(part(4, 0, raw(9)))).toBeNull();
    expect(reassembly.add(part(4, 1, raw(2, 3)))).toBeNull();
    expect(reassembly.add(part(4, 3, raw(4)))).toEqual(raw(1, 2, 3, 4));
    expect(reassembly.add(part(4, 3, raw(4)))).toBeNull();
    expect(reassembly.add(part(4, 0, raw()))).toBeNull();
    expect(reassembly.have).toBe(4);
  });

  test("[B2] may not leave out bytes", () => {
    const reassembly = new Reassembly(part(9, 0, raw()), MAX_BYTES);
    reassembly.add(part(9, 0, raw(1, 2)));
    expect(() => reassembly.add(part(9, 3, raw(4)))).toThrow(
      expect.objectContaining({
        code: "MALFORMED_FRAME",
        message: "FRAGMENT frame: starts at 3, 2 are here",
      }),
    );
    expect(reassembly.have).toBe(2);
  });

  test("[B2] takes no part of another", () => {
    const reassembly = new Reassembly(part(4, 0, raw()), MAX_BYTES);
    const refused = expect.objectContaining({ code: "MALFORMED_FRAME" });
    expect(() => reassembly.add({ ...part(4, 0, raw(1)), id: raw(1, 2, 3, 4, 5, 6, 7, 9) })).toThrow(refused);
    expect(() => reassembly.add(part(5, 0, raw(1)))).toThrow(refused);
    expect(() => reassembly.add(part(4, 0, raw(1, 2, 3, 4, 5)))).toThrow(refused);
    expect(reassembly.isOf(part(4, 0, raw()))).toBe(true);
    expect(reassembly.isOf(part(5, 0, raw()))).toBe(false);
  });

  test("[B4] is refused when it is announced as larger than it may be", () => {
    expect(() => new Reassembly(part(101, 0, raw()), 100)).toThrow(
      expect.objectContaining({ code: "MESSAGE_TOO_LARGE" }),
    );
    expect(new Reassembly(part(100, 0, raw()), 100).total).toBe(100);
  });

  test("[B4] reserves as its parts come, not as it was announced", () => {
    // More than any buffer may have: what reserved it would throw.
    const total = 2 ** 50;
    const reassembly = new Reassembly(part(total, 0, raw()), Number.MAX_SAFE_INTEGER);
    for (let offset = 0; offset < 100_000; offset += 1000) {
      reassembly.add(part(total, offset, new Uint8Array(1000)));
    }
    expect(reassembly.have).toBe(100_000);
  });

  test("[B4] says what it takes: what has come, and no more than that again for what may come next", () => {
    const total = 100_000;
    const reassembly = new Reassembly(part(total, 0, raw()), Number.MAX_SAFE_INTEGER);
    expect(reassembly.reservedBytes).toBe(0);
    let whole: Uint8Array | null = null;
    for (let offset = 0; offset < total; offset += 1000) {
      whole = reassembly.add(part(total, offset, new Uint8Array(1000)));
      expect(reassembly.reservedBytes).toBeGreaterThanOrEqual(reassembly.have);
      expect(reassembly.reservedBytes).toBeLessThanOrEqual(2 * reassembly.have);
      expect(reassembly.reservedBytes).toBeLessThanOrEqual(total);
    }
    // What it says is what it has: the frame is that very buffer.
    expect(whole?.buffer.byteLength).toBe(reassembly.reservedBytes);
  });

  test("[B4] does not keep the message that its id came in", () => {
    const message = new Uint8Array(100);
    const reassembly = new Reassembly({ ...part(9, 0, raw()), id: message.subarray(0, 8) }, MAX_BYTES);
    message.fill(7);
    expect(reassembly.id).toEqual(new Uint8Array(8));
    expect(reassembly.id.buffer).not.toBe(message.buffer);
  });

  test.each([0, -1, Number.NaN])("is not cut into parts of %s bytes", (fragmentBytes) => {
    expect(() => [...inFragments(raw(1, 2), ID, fragmentBytes)]).toThrow(RangeError);
  });
});

describe("what fragments made", () => {
  test.each([
    ["nothing", raw()],
    ["two frames", raw(0x1e, 0, 0x1e, 0)],
    ["a frame that is cut off", raw(0x15, 2, 1)],
    ["a frame with a byte behind it", raw(0x15, 1, 1, 0)],
    ["a fragment", raw(0x21, 10, ...ID, 2, 0)],
    ["progress", raw(0x22, 9, ...ID, 0)],
    ["a frame of the connection", raw(0x02, 0)],
    ["a selection", raw(0x00, 1, 1)],
    ["what opens a document", raw(0x10, 3, 0, 1, 0x61)],
    ["an unknown frame", raw(0x40, 0)],
  ])("[B3] may not be %s", (_, bytes) => {
    expect(() => readReassembled(bytes)).toThrow(expect.objectContaining({ code: "MALFORMED_FRAME" }));
  });

  test("[B3] is one document frame", () => {
    const frame = readReassembled(raw(0x15, 3, 1, 0, 0));
    expect(decodeFrame("client", frame)).toEqual({ type: "update", number: 1, update: raw(0, 0) });
  });
});
