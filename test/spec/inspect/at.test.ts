import { describe, expect, test } from "vitest";
import { momentOf, parseMoment } from "../../../server/src/inspect/at.ts";
import { MINUTE_MS, NAME, Recording, START_MS, snapshotOf, sourceOf } from "./content-sample.ts";

const NOW = Date.UTC(2026, 10, 21, 12);

describe("a moment is", () => {
  test.each<[string, number]>([
    ["0", 0],
    ["1234", 1234],
    [" 7 ", 7],
  ])("the seq %j", (text, seq) => {
    expect(parseMoment(text, NOW)).toEqual({ seq });
  });

  test.each<[string, number]>([
    ["2026-11-21T10:00Z", START_MS],
    ["2026-11-21T11:00:00.500+01:00", START_MS + 500],
    ["2026-11-21T10:00", new Date(2026, 10, 21, 10).getTime()],
    ["2026-11-21 10:00:05", new Date(2026, 10, 21, 10, 0, 5).getTime()],
    ["2026-11-21", new Date(2026, 10, 21).getTime()],
    ["5 minutes ago", NOW - 5 * MINUTE_MS],
    ["1 hour ago", NOW - 60 * MINUTE_MS],
    ["90s ago", NOW - 90_000],
    ["2 Days ago", NOW - 2 * 86_400_000],
    ["now", NOW],
  ])("the time %j", (text, timeMs) => {
    expect(parseMoment(text, NOW)).toEqual({ timeMs });
  });

  test.each([
    "",
    "soon",
    "-1",
    "1.5",
    "99999999999999999",
    "2026-02-31",
    "2026-13-01",
    "10:00",
    "5 moons ago",
    "ago",
  ])("not %j", (text) => {
    expect(() => parseMoment(text, NOW, "--from")).toThrow(/^--from is .* it must be a seq \(1234\)/);
  });
});

const { entries } = Array.from({ length: 6 }).reduce<Recording>(
  (recording) => recording.write("ann", (doc) => doc.getArray("a").push([1])),
  new Recording(),
);
const minute = (count: number) => ({ timeMs: START_MS + count * MINUTE_MS });

test("a time is the last batch that was written by then, and 0 before the first", async () => {
  const source = sourceOf(entries);
  const seqs = [];
  for (const count of [0, 1, 1.5, 5, 6, 100]) seqs.push(await momentOf(source, NAME, minute(count)));
  expect(seqs).toEqual([0, 1, 1, 5, 6, 6]);
});

test("a seq beyond the log is told", async () => {
  const at = momentOf(sourceOf(entries), NAME, { seq: 7 });
  await expect(at).rejects.toThrow('the log of "notes/ein Tag – 日" ends with seq 6');
});

test("what a snapshot has replaced cannot be gone back to, and it is told from where on one can", async () => {
  const source = sourceOf(entries, snapshotOf(entries, 3));
  expect(await momentOf(source, NAME, { seq: 3 })).toBe(3);
  expect(await momentOf(source, NAME, minute(3))).toBe(3);
  expect(await momentOf(source, NAME, minute(4.5))).toBe(4);
  const told =
    /before seq 3 \(2026-11-21T10:03:00\.000Z\) was replaced by a snapshot: it can be shown from there on/;
  for (const moment of [{ seq: 0 }, { seq: 2 }, minute(2.9)]) {
    await expect(momentOf(source, NAME, moment)).rejects.toThrow(told);
  }
});

test("of a document that is a snapshot alone, that is all there is", async () => {
  const source = sourceOf(entries, snapshotOf(entries, 6));
  expect(await momentOf(source, NAME, minute(7))).toBe(6);
  await expect(momentOf(source, NAME, { seq: 5 })).rejects.toThrow("before seq 6");
});
