import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DocumentName } from "@joinery/shared";
import { beforeAll, describe, expect, test } from "vitest";
import * as Y from "yjs";
import { readStored } from "../../../server/src/inspect/content.ts";
import { openFolderSource } from "../../../server/src/inspect/folder-source.ts";
import { RENDER_FORMATS, type RenderFormat, render } from "../../../server/src/inspect/render.ts";
import type { DocumentSource } from "../../../server/src/inspect/source.ts";
import { MemoryStorage } from "../../../server/src/storage/memory.ts";
import { applyTransaction, readSequentialTrace } from "../../support/traces.ts";
import { until } from "../../support/until.ts";
import {
  BORN_AT,
  docOf,
  EVERY_TYPE,
  edit,
  TYPED,
  UNICODE,
  Written,
  withStorage,
  writeDocuments,
} from "../inspect/folder-stage.ts";
import { openRaw } from "./api-stage.ts";
import { type OpenDocuments, openDocuments, openReading, pathTo } from "./documents-stage.ts";

const LARGE = "books/large";
const LARGE_BYTES = 20_000_000;

let documents: OpenDocuments;
let largeFolder = "";
/** What is stored of the large document as its first batch. */
let first: Uint8Array = new Uint8Array();
/** What `joinery export` writes of a document, by its format. */
let exported: (name: string, format: RenderFormat, at?: number) => Promise<Uint8Array>;

beforeAll(async () => {
  const parent = await mkdtemp(join(tmpdir(), "joinery-"));
  const folder = join(parent, "data");
  largeFolder = join(parent, "large");
  await withStorage(folder, writeDocuments);
  await withStorage(largeFolder, (storage) => writeLarge(new Written(storage, LARGE)));
  const copy = join(parent, "copy");
  await cp(folder, copy, { recursive: true });
  const source: DocumentSource = await openFolderSource(copy);
  exported = async (name, format, at) => {
    const stored = await readStored(source, name as DocumentName, at === undefined ? null : { seq: at });
    if (stored === null) throw new Error(`there is no ${name}`);
    return render(stored, { format }).bytes;
  };
  documents = await openDocuments({ documents: folder });
  return async () => {
    await source.close();
    await documents.close();
    await rm(parent, { recursive: true });
  };
});

/** A snapshot that cannot be made smaller, and some typing after it. */
async function writeLarge(written: Written): Promise<void> {
  const doc = docOf(31);
  const bytes = new Uint8Array(LARGE_BYTES).fill(7);
  first = edit(doc, () => doc.getMap("map").set("bytes", bytes));
  await written.append([{ author: "ann", update: first }]);
  await written.compact(first);
  const text = doc.getText("text");
  for (const transaction of readSequentialTrace().transactions.slice(0, 50))
    await written.append([{ author: "bob", update: edit(doc, () => applyTransaction(text, transaction)) }]);
}

const opened = () => openReading(documents);

const PATHS: Readonly<Record<RenderFormat, readonly [path: string, type: string]>> = {
  json: ["/json", "application/json"],
  text: ["/text", "text/plain; charset=utf-8"],
  xml: ["/xml", "application/xml"],
  markdown: ["/markdown", "text/markdown; charset=utf-8"],
  delta: ["/delta", "application/json"],
  update: ["/update", "application/octet-stream"],
  "update-v2": ["/update?version=2", "application/octet-stream"],
  "state-vector": ["/state-vector", "application/octet-stream"],
};

describe.each([EVERY_TYPE, TYPED, UNICODE])("the document %s", (name) => {
  test("is read in every format as the command writes it, now and as it was", async () => {
    const { read, jobs } = await opened();
    for (const format of RENDER_FORMATS) {
      const [path, type] = PATHS[format];
      const { bytes, headers, status } = await read(pathTo(name, path));
      expect([format, status, headers["content-type"]]).toEqual([format, 200, type]);
      expect([format, bytes.equals(await exported(name, format))]).toEqual([format, true]);
      if (name !== TYPED) continue;
      const before = await read(pathTo(name, `${path}${path.includes("?") ? "&" : "?"}at=15`));
      expect([format, before.bytes.equals(await exported(name, format, 15))]).toEqual([format, true]);
      expect(before.headers.etag).toMatch(/\.15"$/);
    }
    // What shows content goes to the worker, however small; what is merged stays here while it is small.
    const kinds = new Set(jobs);
    expect(kinds).toEqual(
      new Set(["json", "text", "xml", "markdown", "delta"].map((kind) => `render ${kind}`)),
    );
  });
});

describe("the content of a document", () => {
  test("is what its own Y.Doc has", async () => {
    const { read } = await opened();
    const doc = new Y.Doc();
    Y.applyUpdate(doc, (await read(pathTo(TYPED, "/update"))).bytes);
    const second = new Y.Doc();
    Y.applyUpdateV2(second, (await read(pathTo(TYPED, "/update?version=2"))).bytes);
    const text = doc.getText("text").toString();
    expect(text.length).toBeGreaterThan(100);
    expect((await read(pathTo(TYPED, "/json"))).body).toEqual({ text });
    expect((await read(pathTo(TYPED, "/text"))).text).toBe(`${text}\n`.replace(/\n\n$/, "\n"));
    expect(second.getText("text").toString()).toBe(text);
    const stateVector = (await read(pathTo(TYPED, "/state-vector"))).bytes;
    expect(Y.decodeStateVector(stateVector)).toEqual(Y.decodeStateVector(Y.encodeStateVector(doc)));
  });

  test("is of one root where that is asked for, and of the kind that it is said to be", async () => {
    const { read } = await opened();
    expect((await read(pathTo(EVERY_TYPE, "/json?root=list"))).text).toMatch(/^\[\n {2}null,/);
    const as = encodeURIComponent(JSON.stringify({ list: "map" }));
    expect((await read(pathTo(EVERY_TYPE, `/json?root=list&as=${as}`))).body).toEqual({});
    const missing = await read(pathTo(EVERY_TYPE, "/json?root=nobody"));
    expect(missing.body).toMatchObject({ status: 400, code: "INVALID_OPTION" });
    expect(missing.body?.detail).toContain('there is no root "nobody": it has ');
  });

  test("tells which roots have no form in a format", async () => {
    const { read } = await opened();
    const leftOut = async (path: string) =>
      (await read(pathTo(EVERY_TYPE, path))).headers["joinery-left-out"];
    expect(await leftOut("/delta")).toBe("list, map, xml");
    expect(await leftOut("/xml")).toBe("list, map");
    expect(await leftOut("/json")).toBeUndefined();
  });

  test("tells of as many of them as a header may have", async () => {
    const storage = new MemoryStorage();
    await storage.open();
    const write = async (document: string, roots: readonly string[]): Promise<void> => {
      const doc = docOf(1);
      const update = edit(doc, () => {
        for (const root of roots) doc.getArray(root).push([1]);
      });
      await new Written(storage, document).append([{ author: "", update }]);
    };
    const many = Array.from({ length: 40 }, (_, i) => `${i} ${"é".repeat(40)}`);
    await write("many", many);
    await write("long", ["é".repeat(500)]);
    await write("nameless", ["", "a"]);
    const { read } = await openReading({ documents: storage });
    const { status, headers } = await read(pathTo("many", "/xml"));
    expect(status).toBe(200);
    const names = String(headers["joinery-left-out"]).split(", ");
    expect(names.pop()).toBe("...");
    expect(names.length).toBeGreaterThan(5);
    expect(many).toEqual(expect.arrayContaining(names.map(decodeURIComponent)));
    expect((await read(pathTo("long", "/xml"))).headers["joinery-left-out"]).toBe("...");
    expect((await read(pathTo("nameless", "/xml"))).headers["joinery-left-out"]).toBe(", a");
  });

  test("names no more roots than can be read where one is not there", async () => {
    const storage = new MemoryStorage();
    await storage.open();
    const doc = docOf(1);
    const update = edit(doc, () => {
      for (let i = 0; i < 1000; i++) doc.getArray(`${i} ${"é".repeat(40)}`).push([i]);
    });
    await new Written(storage, "many").append([{ author: "", update }]);
    const { read } = await openReading({ documents: storage });
    for (const query of ["root=nobody", `as=${encodeURIComponent('{"nobody":"map"}')}`]) {
      const { body } = await read(pathTo("many", `/json?${query}`));
      expect(body).toMatchObject({ status: 400, code: "INVALID_OPTION" });
      expect(String(body?.detail)).toMatch(/^there is no root "nobody": it has "0 é.*, …$/);
      expect(String(body?.detail).length).toBeLessThan(1_000);
    }
  });

  test.each([
    "as=text",
    "as=%7B%22a%22%3A%22tree%22%7D",
    "at=soon",
    "at=2026-11-21",
    "at=2026-11-21T10:00",
    "at=2026-02-30T10:00Z",
    "at=99999999999999999",
    "version=1",
  ])("is not read with %s", async (query) => {
    const { read } = await opened();
    const { body } = await read(pathTo(TYPED, `/json?${query}`));
    expect(body).toMatchObject({ status: 400 });
    if (query.startsWith("at=")) expect(body?.detail).toContain("a time by ISO 8601 with its zone");
  });
});

describe("a moment", () => {
  const iso = (minutes: number) => new Date(BORN_AT + minutes * 60_000).toISOString();

  test.each([
    ["a seq", "25", 25],
    ["a time", iso(25), 25],
    ["a time between two batches", iso(25.5), 25],
    ["a time in another zone", `${iso(25).slice(0, -5).replace("T12", "T14")}+02:00`, 25],
    ["a time after the last batch", iso(1000), 30],
    ["the first that is kept", "10", 10],
  ])("is %s", async (_, at, seq) => {
    const { read } = await opened();
    const { status, bytes, headers } = await read(pathTo(TYPED, `/text?at=${encodeURIComponent(at)}`));
    expect([status, headers.etag]).toEqual([200, expect.stringMatching(new RegExp(`\\.${seq}"$`))]);
    expect(bytes.equals(await exported(TYPED, "text", seq))).toBe(true);
  });

  test("of a document whose whole log is there may be before its first batch", async () => {
    const { read } = await opened();
    for (const at of ["0", iso(-5)]) {
      const { body, headers } = await read(pathTo(UNICODE, `/json?at=${at}`));
      expect([body, headers.etag]).toEqual([{}, expect.stringMatching(/\.0{16}\.0"$/)]);
    }
  });

  test.each([
    ["a seq", "9", "what is kept begins with seq 10"],
    ["the beginning", "0", "was replaced by a snapshot: it can be shown from there on"],
    ["a time", iso(3), "was replaced by a snapshot: it can be shown from there on"],
    ["a seq to come", "31", "its last batch is seq 30"],
  ])("that is %s and not kept is refused, and told why", async (_, at, why) => {
    const { read } = await opened();
    const { body } = await read(pathTo(TYPED, `/json?at=${at}`));
    expect(body).toMatchObject({ status: 400, code: "INVALID_OPTION", retry: "never" });
    expect(body?.detail).toContain(why);
  });

  test("is shown to who may see history alone", async () => {
    const { read } = await opened();
    const status = async (query: string, token: string) =>
      (await read(pathTo(TYPED, `/update${query}`), { token })).status;
    expect([await status("", "reader"), await status("?at=25", "reader")]).toEqual([200, 403]);
    expect(await status("?at=25", "writer")).toBe(200);
  });

  test("is known by its ETag, for a time too", async () => {
    const { read, jobs } = await opened();
    const path = pathTo(TYPED, `/json?at=${iso(25)}`);
    const { etag = "" } = (await read(path)).headers;
    jobs.splice(0);
    expect((await read(path, { headers: { "If-None-Match": etag } })).status).toBe(304);
    expect(jobs).toEqual([]);
  });
});

describe("a large document", () => {
  test("is read as one update, put together in a worker", async () => {
    const { read, jobs } = await openReading({ documents: largeFolder });
    const { bytes, headers } = await read(pathTo(LARGE, "/update"));
    expect(jobs).toEqual(["render update"]);
    expect(headers["content-length"]).toBe(String(bytes.length));
    const doc = new Y.Doc();
    Y.applyUpdate(doc, bytes);
    expect(doc.getMap("map").get("bytes")).toHaveLength(LARGE_BYTES);
    expect(doc.getText("text").length).toBeGreaterThan(0);
    const head = await read(pathTo(LARGE, "/state-vector"));
    expect(Y.decodeStateVector(head.bytes)).toEqual(Y.decodeStateVector(Y.encodeStateVector(doc)));
  });

  test("is as one update what is stored where it is that already", async () => {
    const { read, jobs } = await openReading({ documents: largeFolder });
    const { bytes } = await read(pathTo(LARGE, "/update?at=1"));
    expect(bytes.equals(first)).toBe(true);
    expect(jobs).toEqual([]);
  });

  test("is refused while others keep the memory that there is for it, until they have gone", async () => {
    const limits = { maxReadBytes: LARGE_BYTES };
    const stage = await openReading({ documents: largeFolder, limits });
    const { read, limitsHit } = stage;
    // One that reads nothing of what it asked for.
    const { socket: slow } = await openRaw(stage);
    slow.pause();
    slow.write(
      `GET /api/v1${pathTo(LARGE, "/update?at=1")} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer manager\r\n\r\n`,
    );
    const second = () => read(pathTo(LARGE, "/update?at=1"));
    await until("the first one keeps it", async () => (await second()).status === 503);
    expect((await second()).body).toMatchObject({ code: "SERVER_FULL", limit: "maxReadBytes" });
    expect(limitsHit).toContain("maxReadBytes");
    slow.destroy();
    await until("there is room again", async () => (await second()).status === 200);
  });
});
