import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DocumentName, JoineryError } from "@joinery/shared";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { LogPart } from "../../../server/src/engine/ports.ts";
import { summarizeEntry } from "../../../server/src/inspect/log-entries.ts";
import { type ServedSource, storageSource } from "../../../server/src/inspect/storage-source.ts";
import { openLevelDatabase } from "../../../server/src/storage/database.ts";
import { encodeKey } from "../../../server/src/storage/keys.ts";
import { MemoryStorage } from "../../../server/src/storage/memory.ts";
import { damageRecord } from "../../contract/level-stage.ts";
import { EVERY_TYPE, TYPED, UNICODE, Written, withStorage, writeDocuments } from "../inspect/folder-stage.ts";
import { type OpenDocuments, openDocuments, openReading, pathTo } from "./documents-stage.ts";

const HOLED = "holed";
const BROKEN = "broken";
const PIECES = "in pieces";
const PIECE_BYTES = 192 * 1024;

let documents: OpenDocuments;
let source: ServedSource;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "joinery-"));
  await withStorage(folder, async (storage) => {
    await writeDocuments(storage);
    await writeOpaque(new Written(storage, HOLED), [[10], [10], [10]]);
    await writeOpaque(new Written(storage, BROKEN), [[10], [10]]);
    const sizes = [[PIECE_BYTES], [PIECE_BYTES + 1, 5, 3 * PIECE_BYTES]];
    const written = new Written(storage, PIECES);
    await writeOpaque(written, [[1]]);
    await written.compact(opaque(2 * PIECE_BYTES + 7));
    await writeOpaque(written, sizes);
  });
  const database = await openLevelDatabase(join(folder, "level"), { createIfMissing: false });
  const place = { document: HOLED as DocumentName, kind: "log", seq: 2 } as const;
  await damageRecord(database, encodeKey(place), () => Uint8Array.of(1));
  await database.close();
  documents = await openDocuments({ documents: folder });
  source = storageSource(documents.storage, documents.limits);
  return async () => {
    await source.close();
    await documents.close();
    await rm(folder, { recursive: true });
  };
});

/** Bytes that are no update: what is stored is given away as it is. */
function opaque(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31) % 256);
}

async function writeOpaque(written: Written, sizes: readonly (readonly number[])[]): Promise<void> {
  for (const parts of sizes)
    await written.append(parts.map((length, i): LogPart => ({ author: `${i}`, update: opaque(length) })));
}

const opened = () => openReading(documents);

describe("the log", () => {
  test("is what the command lists, with what was written where that is asked for", async () => {
    const { read } = await opened();
    const entries = await source.log(TYPED as DocumentName, 0, 1e9);
    const expected = entries.map((entry) => {
      const { parts, ...summary } = summarizeEntry(entry);
      const shown = { ...summary, time: new Date(entry.time).toISOString(), timeMs: entry.time };
      const numbers = parts.map((part) => ({ ...part, problem: null }));
      return { ...shown, inSnapshot: entry.seq <= 20, parts: numbers };
    });
    const { body, headers } = await read(pathTo(TYPED, "/log"));
    expect(body).toMatchObject({ document: TYPED, seq: 30, snapshotSeq: 20, next: null, damage: null });
    expect(body?.entries).toEqual(expected);
    expect(headers["joinery-revision"]).toMatch(/\.30$/);
    const withUpdates = await read(pathTo(TYPED, "/log?updates=true"));
    const updates = entries.map(({ parts }) =>
      parts.map(({ update }) => Buffer.from(update).toString("base64")),
    );
    type Entries = readonly { readonly parts: readonly { readonly update: string }[] }[];
    const sent = (withUpdates.body?.entries as Entries | undefined)?.map(({ parts }) =>
      parts.map(({ update }) => update),
    );
    expect(sent).toEqual(updates);
  });

  test("has each author's part", async () => {
    const { read } = await opened();
    const { body } = await read(pathTo(EVERY_TYPE, "/log?after=1&limit=1"));
    expect(body?.entries).toMatchObject([{ seq: 2, parts: [{ author: "ann" }, { author: "bob" }] }]);
    expect(body?.next).toBe(2);
  });

  test.each([
    ["limit=3", 0, [11, 12, 13], 13],
    ["bytes=0", 12, [13], 13],
    ["limit=1000", 28, [29, 30], null],
    ["limit=1", 30, [], null],
    ["limit=1", 4000, [], null],
  ])("is read page by page: %s after %i", async (query, after, seqs, next) => {
    const { read } = await opened();
    const { body } = await read(pathTo(TYPED, `/log?${query}&after=${after}`));
    expect((body?.entries as { seq: number }[] | undefined)?.map(({ seq }) => seq)).toEqual(seqs);
    expect(body?.next).toBe(next);
  });

  test("ends before what is damaged, and says so to who reads on", async () => {
    const { read } = await opened();
    const first = await read(pathTo(HOLED, "/log"));
    expect(first.body).toMatchObject({ entries: [{ seq: 1 }], next: 1, damage: null });
    const second = await read(pathTo(HOLED, "/log?after=1"));
    expect(second.body).toMatchObject({ seq: 3, entries: [], next: null });
    expect(second.body?.damage).toContain("is damaged at seq 2");
    const third = await read(pathTo(HOLED, "/log?after=2"));
    expect(third.body).toMatchObject({ entries: [{ seq: 3 }], damage: null });
  });

  test("has what does not decode, and says so", async () => {
    const { read } = await opened();
    const { body } = await read(pathTo(BROKEN, "/log?updates=true&limit=1"));
    const update = Buffer.from(opaque(10)).toString("base64");
    const part = { author: "0", bytes: 10, clients: [], structs: 0, inserted: 0, deleted: 0, update };
    expect(body?.entries).toMatchObject([{ seq: 1, parts: [part] }]);
    expect(body?.entries).toMatchObject([{ parts: [{ problem: expect.stringContaining("update") }] }]);
  });

  test("is the same where it is so large that it is sent piece by piece", async () => {
    const { read } = await opened();
    const { body, headers } = await read(pathTo(PIECES, "/log?updates=true"));
    expect(headers["content-length"]).toBeUndefined();
    const entries = await source.log(PIECES as DocumentName, 0, 1e9);
    const expected = entries.map(({ seq, parts }) => {
      const shown = ({ author, update }: LogPart) => ({
        author,
        update: Buffer.from(update).toString("base64"),
      });
      return { seq, parts: parts.map(shown) };
    });
    expect(body?.entries).toMatchObject(expected);
    expect((body?.entries as unknown[] | undefined)?.length).toBe(expected.length);
  });

  test("is summed up in a worker where it is large", async () => {
    const { read, jobs } = await opened();
    await read(pathTo(PIECES, "/log"));
    expect(jobs).toEqual(["summarize"]);
    await read(pathTo(TYPED, "/log"));
    expect(jobs).toEqual(["summarize"]);
  });

  test.each(["bytes=8388609", "limit=0", "after=-1", "updates=yes"])("is not read with %s", async (query) => {
    const { read } = await opened();
    expect((await read(pathTo(TYPED, `/log?${query}`))).body).toMatchObject({ status: 400 });
  });
});

interface Line {
  readonly head?: Record<string, unknown>;
  readonly snapshot?: Shown & { readonly seq: number; readonly time: number };
  readonly entry?: {
    readonly seq: number;
    readonly time: number;
    readonly parts: readonly (Shown & { readonly author: string })[];
  };
  readonly data?: string;
  readonly end?: { readonly entries: number };
}

interface Shown {
  readonly bytes: number;
  readonly update?: string;
}

/** Puts together what the lines say, as any client would. */
function storedOf(text: string) {
  const lines = text.split("\n");
  expect(lines.pop()).toBe("");
  const all = lines.map((line) => JSON.parse(line) as Line);
  let at = 0;
  const updateOf = ({ bytes, update }: Shown): Uint8Array => {
    if (update !== undefined) return decoded(update);
    const pieces: Uint8Array[] = [];
    for (let left = bytes; left > 0; left -= pieces.at(-1)?.length ?? 0)
      pieces.push(decoded(all[at++]?.data ?? ""));
    return Uint8Array.from(Buffer.concat(pieces));
  };
  const { head } = all[at++] as Line;
  const shown = all[at]?.snapshot;
  if (shown) at++;
  const snapshot = shown ? { seq: shown.seq, time: shown.time, update: updateOf(shown) } : null;
  const tail = [];
  for (let entry = all[at]?.entry; entry; entry = all[at]?.entry) {
    at++;
    const parts = entry.parts.map((part) => ({ author: part.author, update: updateOf(part) }));
    tail.push({ seq: entry.seq, time: entry.time, parts });
  }
  expect(all.slice(at)).toEqual([{ end: { entries: tail.length } }]);
  return { ...head, snapshot, tail };
}

function decoded(base64: string): Uint8Array {
  return Uint8Array.from(Buffer.from(base64, "base64"));
}

describe("what is stored", () => {
  test.each([
    [TYPED, ""],
    [TYPED, "?until=15"],
    [EVERY_TYPE, ""],
    [UNICODE, ""],
    [HOLED, ""],
    [PIECES, ""],
  ])("is read whole: %s%s", async (name, query) => {
    const { read } = await opened();
    const { text, headers } = await read(pathTo(name, `/stored${query}`));
    expect(headers["content-type"]).toBe("application/x-ndjson");
    const until = query === "" ? undefined : Number(query.split("=")[1]);
    const stored = await source.load(name as DocumentName, until);
    const revision = headers["joinery-revision"];
    expect(revision).toMatch(/^[0-9a-f]{32}\.[0-9a-f]{16}\.\d+$/);
    const expected = { ...stored, damage: stored?.damage?.message ?? null };
    expect(storedOf(text)).toEqual({ document: name, revision, ...expected });
    for (const line of text.split("\n")) expect(line.length).toBeLessThan(2 * PIECE_BYTES);
  });

  test.each([
    ["until=9", "what is kept begins with seq 10"],
    ["until=31", "its last batch is seq 30"],
    ["until=0", '"until"'],
  ])("is refused with %s", async (query, why) => {
    const { read } = await opened();
    const { body } = await read(pathTo(TYPED, `/stored?${query}`));
    expect(body).toMatchObject({ status: 400, code: "INVALID_OPTION", detail: expect.stringContaining(why) });
  });

  test("is let go of when the client has it, or wanted its head alone", async () => {
    const one = await opened();
    for (let i = 0; i < documents.limits.maxReads + 1; i++) {
      const { status } = await one.read(pathTo(TYPED, "/stored"), { method: i % 2 === 0 ? "GET" : "HEAD" });
      expect(status).toBe(200);
    }
    expect(one.limitsHit).toEqual([]);
  });
});

describe("verification", () => {
  test("finds nothing wrong with a document that is as it was written", async () => {
    const { read } = await opened();
    const { body } = await read(pathTo(TYPED, "/verification"));
    const { problems, ...expected } = (await source.verify(TYPED as DocumentName)) ?? {};
    expect(body).toEqual({ ...expected, isSound: true, problems: [] });
    expect(problems).toEqual([]);
    expect(body?.comparedSnapshots).toBe(1);
  });

  test("tells all that is wrong", async () => {
    const { read } = await opened();
    const { body } = await read(pathTo(HOLED, "/verification"));
    expect(body?.isSound).toBe(false);
    expect(body?.problems).toMatchObject([{ seq: 1 }, { record: "log", seq: 2 }, { seq: 3 }]);
  });

  test("is of one document at a time, and not begun for who has gone", async () => {
    const gate = Promise.withResolvers<void>();
    const begun: string[] = [];
    const storage = new MemoryStorage();
    await storage.open();
    await writeDocuments(storage);
    const { reading, close } = await openDocuments({
      documents: storage,
      instead: (real) => ({
        verify: async (document) => {
          begun.push(document);
          await gate.promise;
          return real.verify(document);
        },
      }),
    });
    onTestFinished(close);
    const gone = new AbortController();
    const verifying = [TYPED, EVERY_TYPE, UNICODE].map((name) =>
      reading.verification(
        name as DocumentName,
        name === EVERY_TYPE ? gone.signal : new AbortController().signal,
      ),
    );
    const refused = expect(verifying[1]).rejects.toMatchObject({ code: "CONNECTION_LOST" });
    await new Promise(setImmediate);
    expect(begun).toEqual([TYPED]);
    gone.abort(new JoineryError("CONNECTION_LOST", "the client went"));
    gate.resolve();
    await refused;
    for (const verification of [verifying[0], verifying[2]])
      expect(await verification).toMatchObject({ problems: [] });
    expect(begun).toEqual([TYPED, UNICODE]);
  });
});
