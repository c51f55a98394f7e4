import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DocumentName } from "@joinery/shared";
import { beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { AccessDoor, SessionInfo } from "../../../server/src/access/access-api.ts";
import { openLevelDatabase } from "../../../server/src/storage/database.ts";
import { encodeKey, type RecordPlace } from "../../../server/src/storage/keys.ts";
import { MemoryStorage } from "../../../server/src/storage/memory.ts";
import { damageRecord } from "../../contract/level-stage.ts";
import { temporaryFolder } from "../../contract/temporary-folder.ts";
import { until } from "../../support/until.ts";
import {
  BORN_AT,
  DASHED,
  EVERY_TYPE,
  LONG,
  TYPED,
  UNICODE,
  withStorage,
  writeDocuments,
} from "../inspect/folder-stage.ts";
import { openRaw } from "./api-stage.ts";
import { openDocuments, openReading, pathTo } from "./documents-stage.ts";

const typed = TYPED as DocumentName;
const LINEAGE = "00112233445566778899aabbccddeeff";
const BRANCH = "0123456789abcdef";
const AT_30 = `${LINEAGE}.${BRANCH}.30`;

let written = "";
let folder = "";
beforeAll(async () => {
  written = await mkdtemp(join(tmpdir(), "joinery-"));
  await withStorage(written, writeDocuments);
  return () => rm(written, { recursive: true });
});
beforeEach(async () => {
  folder = join(await temporaryFolder(), "data");
  await cp(written, folder, { recursive: true });
});

async function damaged(place: RecordPlace): Promise<void> {
  const database = await openLevelDatabase(join(folder, "level"), { createIfMissing: false });
  await damageRecord(database, encodeKey(place), () => Uint8Array.of(1, 2, 3));
  await database.close();
}

interface Page {
  readonly documents: readonly Record<string, unknown>[];
  readonly deletions: readonly Record<string, unknown>[];
  readonly next: string | null;
  readonly damage: string | null;
}

const namesIn = ({ documents }: Page) => documents.map(({ document }) => document);

describe("the list of documents", () => {
  test("is read page by page, with what each takes", async () => {
    const { read } = await openReading({ documents: folder });
    const first = (await read("/documents?limit=3")).body as unknown as Page;
    expect(namesIn(first)).toEqual([DASHED, EVERY_TYPE, TYPED]);
    expect(first.next).toBe(TYPED);
    const { bytes, snapshotBytes, logBytes, ...one } = first.documents[2] ?? {};
    expect(one).toEqual({
      document: TYPED,
      lineage: LINEAGE,
      seq: 30,
      snapshotSeq: 20,
      logEntries: 10,
      keptBytes: expect.any(Number),
      changedAt: new Date(BORN_AT + 30 * 60_000).toISOString(),
      bornAt: new Date(BORN_AT).toISOString(),
      damage: null,
    });
    expect(bytes).toBe(Number(snapshotBytes) + Number(logBytes));
    const rest = await read(`/documents?after=${encodeURIComponent(TYPED)}`);
    expect(namesIn(rest.body as unknown as Page)).toEqual([LONG, UNICODE]);
    expect(rest.body).toMatchObject({ next: null, damage: null, deletions: [] });
  });

  test.each([
    ["notes/", [TYPED]],
    ["заметки/", [UNICODE]],
    ["nobody", []],
  ])("has only names that begin with %j where that is asked for", async (prefix, names) => {
    const { read } = await openReading({ documents: folder });
    const { body } = await read(`/documents?prefix=${encodeURIComponent(prefix)}`);
    expect(namesIn(body as unknown as Page)).toEqual(names);
  });

  test("tells of damage, and goes on", async () => {
    await damaged({ document: typed, kind: "log", seq: 25 });
    const { read } = await openReading({ documents: folder });
    const page = (await read("/documents")).body as unknown as Page;
    const messages = Object.fromEntries(page.documents.map(({ document, damage }) => [document, damage]));
    expect(messages[TYPED]).toContain("is damaged at seq 25");
    expect(messages[UNICODE]).toBeNull();
  });

  test("has what was deleted only for who asks for it, and may manage", async () => {
    const { read, storage } = await openReading({ documents: folder });
    for (const time of [1000, 2000]) {
      await storage.delete(typed, { time: BORN_AT + time, author: "ann", stateVector: Uint8Array.of(0) });
      if (time === 1000) await storage.restore(typed, 1);
    }
    expect(namesIn((await read("/documents")).body as unknown as Page)).not.toContain(TYPED);
    expect((await read(pathTo(TYPED))).status).toBe(404);
    const { body } = await read("/documents?deleted=true&prefix=notes/");
    expect(body).toMatchObject({ documents: [], next: null });
    expect((body as unknown as Page).deletions).toEqual([
      {
        document: TYPED,
        number: 1,
        lineage: LINEAGE,
        seq: 30,
        bytes: expect.any(Number),
        deletedAt: new Date(BORN_AT + 2000).toISOString(),
        deletedBy: "ann",
      },
    ]);
    expect((await read("/documents?deleted=true&after=z")).body).toMatchObject({ deletions: [] });
    expect((await read("/documents?deleted=true", { token: "reader" })).status).toBe(403);
  });

  test.each(["limit=0", "limit=1001", "limit=x", "after=", "until=3", "prefix=a&prefix=b"])(
    "is not read with %s",
    async (query) => {
      const { read } = await openReading({ documents: new MemoryStorage() });
      expect((await read(`/documents?${query}`)).body).toMatchObject({ status: 400 });
    },
  );
});

describe("one document", () => {
  test.each([DASHED, EVERY_TYPE, TYPED, LONG, UNICODE])("is found by its name: %s", async (name) => {
    const { read } = await openReading({ documents: folder });
    const { body, headers } = await read(pathTo(name));
    const revision = `${LINEAGE}.${BRANCH}.${body?.seq}`;
    expect(body).toMatchObject({ document: name, branch: BRANCH, revision, sessions: 0, damage: null });
    expect(headers).toMatchObject({ etag: `"${revision}"`, "joinery-revision": revision });
  });

  test("is told with how many are in it", async () => {
    const asked: unknown[] = [];
    const sessions: AccessDoor["sessions"] = (target) => {
      asked.push(target);
      return Array.from({ length: 2 }, () => ({}) as SessionInfo);
    };
    const { read } = await openReading({ documents: folder }, { sessions });
    expect((await read(pathTo(UNICODE))).body?.sessions).toBe(2);
    expect(asked).toEqual([{ document: UNICODE }]);
  });

  test("is not sent again to who has it, and nothing is read for that", async () => {
    const { read, databases, jobs } = await openReading({ documents: folder });
    databases.keysRead.splice(0);
    for (const rest of ["", "/json", "/text", "/update", "/state-vector", "/json?at=30"]) {
      const answered = await read(pathTo(TYPED, rest), { headers: { "If-None-Match": `"${AT_30}"` } });
      expect([rest, answered.status, answered.text]).toEqual([rest, 304, ""]);
      expect(answered.headers.etag).toBe(`"${AT_30}"`);
    }
    expect(jobs).toEqual([]);
    const small = (["birth", "branches"] as const).map((kind) =>
      Buffer.from(encodeKey({ document: typed, kind, seq: 0 })).toString("hex"),
    );
    expect(new Set(databases.keysRead)).toEqual(new Set(small));
    const changed = await read(pathTo(TYPED), { headers: { "If-None-Match": `"${LINEAGE}.${BRANCH}.29"` } });
    expect(changed.status).toBe(200);
  });

  test("that is not there is told as such, by every route", async () => {
    const { read } = await openReading({ documents: folder });
    for (const rest of ["", "/json", "/update?version=2", "/log", "/stored", "/verification", "/text?at=1"]) {
      const { body } = await read(pathTo("nobody", rest));
      expect([rest, body]).toMatchObject([rest, { status: 404, code: "DOCUMENT_NOT_FOUND" }]);
    }
  });

  test("that is damaged is told with what is wrong, and has no ETag", async () => {
    await damaged({ document: typed, kind: "log", seq: 25 });
    const { read } = await openReading({ documents: folder });
    for (const [rest, seq] of [
      ["", 30],
      ["/json", 24],
      ["/update", 24],
      ["/stored", 24],
    ] as const) {
      const { status, headers } = await read(pathTo(TYPED, rest));
      expect([rest, status, headers.etag]).toEqual([rest, 200, undefined]);
      expect(headers["joinery-revision"]).toBe(`${LINEAGE}.${BRANCH}.${seq}`);
      const told = decodeURIComponent(headers["joinery-damage"] as string);
      expect(told).toContain('document "notes/plan" is damaged at seq 25');
    }
  });

  test("of which nothing is sound is told as damaged", async () => {
    const unicode = UNICODE as DocumentName;
    await damaged({ document: unicode, kind: "log", seq: 1 });
    const { read } = await openReading({ documents: folder });
    const { body } = await read(pathTo(UNICODE, "/json"));
    expect(body).toMatchObject({ status: 500, code: "DOCUMENT_DAMAGED", retry: "backoff" });
    const listing = await read(pathTo(UNICODE));
    expect(listing.body?.damage).toContain("is damaged at seq 1");
    // Names are told as they are, in what a header takes.
    expect(decodeURIComponent(listing.headers["joinery-damage"] as string)).toContain(UNICODE);
  });
});

describe("how much is read at once", () => {
  test("is bounded in number, and what comes beyond is told to come back", async () => {
    const gate = Promise.withResolvers<void>();
    const loads: string[] = [];
    const { read, limitsHit } = await openReading({
      documents: folder,
      limits: { maxReads: 2 },
      instead: (source) => ({
        load: async (document, until) => {
          loads.push(document);
          await gate.promise;
          return source.load(document, until);
        },
      }),
    });
    const slow = ["/stored", "/update"].map((rest) => read(pathTo(TYPED, rest)));
    await until("one is being read", () => loads.length === 1);
    await until("two are under way", async () => (await read(pathTo(TYPED, "/json"))).status === 503);
    const refused = await read(pathTo(TYPED, "/json"));
    expect(refused.body).toMatchObject({ code: "SERVER_FULL", limit: "maxReads" });
    expect(refused.headers["retry-after"]).toBe("2");
    expect(limitsHit).toContain("maxReads");
    // Who has it already is answered all the same.
    const known = await read(pathTo(TYPED, "/json"), { headers: { "If-None-Match": `"${AT_30}"` } });
    expect(known.status).toBe(304);
    // They are read one after the other.
    expect(loads).toEqual([TYPED]);
    gate.resolve();
    for (const { status } of await Promise.all(slow)) expect(status).toBe(200);
    expect((await read(pathTo(TYPED, "/json"))).status).toBe(200);
  });

  test.each(["", "/json", "/update", "/log", "/stored"])(
    "is nothing for who has gone before it was their turn: %s",
    async (rest) => {
      const gate = Promise.withResolvers<void>();
      const begun: string[] = [];
      const loading = async (what: string): Promise<void> => {
        begun.push(what);
        await gate.promise;
      };
      const signals: AbortSignal[] = [];
      const opened = await openDocuments({
        documents: folder,
        instead: (source) => ({
          page: (part) => loading("page").then(() => source.page(part)),
          load: (document, until) => loading("load").then(() => source.load(document, until)),
          log: (document, ...part) => loading("log").then(() => source.log(document, ...part)),
          listing: (document) => loading("listing").then(() => source.listing(document)),
        }),
      });
      onTestFinished(opened.close);
      const reading = new Proxy(opened.reading, {
        get:
          (of, name) =>
          (...given: unknown[]) => {
            signals.push(...given.filter((one) => one instanceof AbortSignal));
            return Reflect.get(of, name, of).apply(of, given);
          },
      });
      const stage = await openReading({ ...opened, reading });
      const first = stage.read("/documents");
      await until("one is being read", () => begun.length === 1);
      const { socket } = await openRaw(stage);
      socket.write(
        `GET /api/v1${pathTo(TYPED, rest)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer manager\r\n\r\n`,
      );
      await until("another one waits", () => signals.length === 2);
      socket.destroy();
      await until("it is known to have gone", () => signals[1]?.aborted === true);
      gate.resolve();
      expect((await first).status).toBe(200);
      expect((await stage.read("/documents")).status).toBe(200);
      expect(begun).toEqual(["page", "page"]);
    },
  );
});
