import { DEFAULT_LIMITS, JoineryError, LIMITS, type Limits } from "@joinery/shared";
import { clientFrames, MAX_FRAGMENT_OVERHEAD_BYTES } from "@joinery/shared/protocol";
import { describe, expect, test } from "vitest";
import { resolveOptions } from "../../../server/src/node/options.ts";

const KIB = 1024;
const OVERHEAD = MAX_FRAGMENT_OVERHEAD_BYTES;

const resolve = (limits: Partial<Limits>): Limits => resolveOptions({ limits }).limits;

function refusalOf(limits: Partial<Limits>): string {
  try {
    resolve(limits);
  } catch (error) {
    expect(error).toBeInstanceOf(JoineryError);
    expect(error).toMatchObject({ code: "INVALID_OPTION" });
    return (error as JoineryError).message;
  }
  throw new Error("the options were accepted");
}

describe("limits that cannot work together are refused, with both names and what they are", () => {
  test.each<[Partial<Limits>, Partial<Limits>, readonly string[]]>([
    [
      { maxMessageBytes: 4 * KIB, maxFragmentBytes: 4 * KIB - OVERHEAD + 1 },
      { maxMessageBytes: 4 * KIB, maxFragmentBytes: 4 * KIB - OVERHEAD },
      ["limits.maxFragmentBytes", "4033", "limits.maxMessageBytes", "4096"],
    ],
    [
      { maxSignalBytes: 64 * KIB, maxPendingSignalBytes: 260 * KIB - 1 },
      { maxSignalBytes: 64 * KIB, maxPendingSignalBytes: 260 * KIB },
      ["limits.maxPendingSignalBytes", "266239", "limits.maxSignalBytes", "65536"],
    ],
  ])("%o, and not %o", (refused, accepted, names) => {
    const message = refusalOf(refused);
    for (const name of names) expect(message).toContain(name);
    expect(resolve(accepted)).toEqual({ ...DEFAULT_LIMITS, ...accepted });
  });

  test("where one of them is not given, its default gives way", () => {
    expect(resolve({ maxMessageBytes: 4 * KIB }).maxFragmentBytes).toBe(4 * KIB - OVERHEAD);
    expect(resolve({ maxMessageBytes: LIMITS.maxMessageBytes.min }).maxFragmentBytes).toBeGreaterThanOrEqual(
      LIMITS.maxFragmentBytes.min,
    );
    expect(resolve({ maxSignalBytes: LIMITS.maxSignalBytes.max }).maxPendingSignalBytes).toBe(
      4 * (LIMITS.maxSignalBytes.max + KIB),
    );
  });

  test("any fragment fits into a message with the largest numbers that there are", () => {
    const total = Number.MAX_SAFE_INTEGER;
    const bytes = new Uint8Array(LIMITS.maxFragmentBytes.max);
    const message = [
      clientFrames.select(total),
      clientFrames.fragment({ id: new Uint8Array(8), total, offset: total - bytes.length, bytes }),
    ];
    const length = message.reduce((sum, frame) => sum + frame.length, 0);
    expect(length - bytes.length).toBeLessThanOrEqual(OVERHEAD);
  });
});
