import { parseDocumentName } from "@joinery/shared";
import { expect, test } from "vitest";
import * as Y from "yjs";
import { Batches, type Page } from "../../../server/src/documents/live-batches.ts";
import type { LogEntry } from "../../../server/src/engine/ports.ts";
import { encodeLiveEvent } from "../../../server/src/http/api/events.ts";

/** A log of which two entries at a time are read, and where it was read. */
function batchesOf(seqs: readonly number[], bytes = 10) {
  const reads: number[] = [];
  const entry = (seq: number): LogEntry => {
    const doc = new Y.Doc();
    doc.getText("text").insert(0, "x".repeat(bytes));
    return { seq, time: seq, parts: [{ author: "", update: Y.encodeStateAsUpdate(doc) }] };
  };
  const batches = new Batches({
    document: parseDocumentName("doc"),
    lineage: "0".repeat(32),
    hasUpdates: true,
    log: {
      log: async (_, after) => {
        reads.push(after);
        return seqs
          .filter((seq) => seq > after)
          .slice(0, 2)
          .map(entry);
      },
    },
    worker: { summarize: async () => [] },
    branchAt: () => "0".repeat(16),
    encode: encodeLiveEvent,
  });
  return { batches, reads };
}

const seqsOf = ({ events }: Page): number[] =>
  events.flatMap((event) =>
    [
      ...Buffer.from(event)
        .toString()
        .matchAll(/"seq":(\d+)/g),
    ].map(([, seq]) => Number(seq)),
  );

const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1);

test("what is read of long ago does not push out what was written last", async () => {
  const { batches, reads } = batchesOf(upTo(10));
  await batches.after(8, 10);
  expect(seqsOf(await batches.after(0, 10))).toEqual([1, 2]);
  expect(seqsOf(await batches.after(9, 10))).toEqual([10]);
  expect(reads).toEqual([8, 0]);
});

test("of what is kept, the first goes where it is too much", async () => {
  const { batches, reads } = batchesOf(upTo(100), 5_000);
  for (let seq = 0; seq < 100; ) seq = (await batches.after(seq, 100)).seq;
  const all = reads.length;
  await batches.after(95, 100);
  expect(reads).toHaveLength(all);
  await batches.after(20, 100);
  expect(reads).toHaveLength(all + 1);
});

test("those who are at the same place read together", async () => {
  const { batches, reads } = batchesOf(upTo(3));
  const pages = await Promise.all([batches.after(0, 3), batches.after(0, 3), batches.after(0, 3)]);
  expect(pages.map(seqsOf)).toEqual([
    [1, 2],
    [1, 2],
    [1, 2],
  ]);
  expect(reads).toEqual([0]);
  expect(pages[0]?.events[0]).toBe(pages[2]?.events[0]);
});

test("what is gone is a gap up to where the log is known to be, and the rest follows", async () => {
  const { batches } = batchesOf([5, 6]);
  const page = await batches.after(1, 6);
  expect(Buffer.from(page.events[0] as Uint8Array).toString()).toContain('data: {"from":2,"to":4}');
  expect(page.events).toHaveLength(3);
  const folded = await batchesOf([]).batches.after(1, 6);
  expect([folded.events.length, folded.seq]).toEqual([1, 6]);
});

test("a place whose reading failed is read anew", async () => {
  let fails = 1;
  const failing = new Batches({
    ...{ document: parseDocumentName("doc"), lineage: "0".repeat(32), hasUpdates: false },
    log: {
      log: async () => {
        if (fails-- > 0) throw new Error("the disk is busy");
        return [];
      },
    },
    worker: { summarize: async () => [] },
    branchAt: () => "0".repeat(16),
    encode: encodeLiveEvent,
  });
  await expect(failing.after(0, 1)).rejects.toThrow("busy");
  expect((await failing.after(0, 1)).seq).toBe(1);
});
