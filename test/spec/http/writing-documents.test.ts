import { describe, expect, test } from "vitest";
import type * as Y from "yjs";
import { until } from "../../support/until.ts";
import type { Asking } from "./api-stage.ts";
import { WritingStage } from "./writing-stage.ts";

const insert = (text: string) => [{ op: "insert", path: ["text"], text }];
const textOf = (doc: Y.Doc | null) => doc?.getText("text").toString() ?? null;

const AS_MANAGER = { token: "manager" } satisfies Omit<Asking, "path">;
const create = (body: object) => ({ ...AS_MANAGER, body });

describe("a document is created", () => {
  test("empty, and only once", async () => {
    const stage = await WritingStage.open();
    const created = await stage.ask("/documents", create({ document: "notes/ein Tag" }));
    expect(created).toMatchObject({ status: 201, body: { revision: expect.stringMatching(/\.1$/), seq: 1 } });
    expect(created.headers).toMatchObject({
      location: "/api/v1/documents/notes%2Fein%20Tag",
      etag: JSON.stringify(created.body?.revision),
    });
    const again = await stage.ask("/documents", create({ document: "notes/ein Tag", edits: insert("x") }));
    expect(again).toMatchObject({ status: 409, body: { code: "DOCUMENT_EXISTS" } });
    expect(textOf(await stage.stored("notes/ein Tag"))).toBe("");
    expect(await stage.authors("notes/ein Tag")).toEqual(["manager"]);
  });

  test("filled by edits", async () => {
    const stage = await WritingStage.open();
    const edits = [...insert("hello"), { op: "set", path: ["settings", "theme"], value: "dark" }];
    expect((await stage.ask("/documents", create({ document: "a", edits }))).status).toBe(201);
    const doc = await stage.stored("a");
    expect([textOf(doc), doc?.getMap("settings").toJSON()]).toEqual(["hello", { theme: "dark" }]);
  });

  test("as a copy of another, now or as that was", async () => {
    const stage = await WritingStage.open();
    for (const text of ["one ", "two"]) await stage.edit("a", insert(text));
    const now = await stage.ask("/documents", create({ document: "now", copyOf: "a" }));
    const then = await stage.ask("/documents", create({ document: "then", copyOf: "a", at: "1" }));
    expect([now.status, then.status]).toEqual([201, 201]);
    expect(textOf(await stage.stored("now"))).toBe("one two");
    expect(textOf(await stage.stored("then"))).toBe("one ");
    // It is another document, in which nobody wrote but who copied it.
    expect(now.body?.revision).not.toBe(then.body?.revision);
    expect(await stage.authors("now")).toEqual(["manager"]);
  });

  test.each([
    [{ document: "b", copyOf: "nowhere" }, 404, "DOCUMENT_NOT_FOUND"],
    [{ document: "b", at: "1" }, 400, "INVALID_OPTION"],
    [{ document: "b", copyOf: "a", edits: insert("x") }, 400, "INVALID_OPTION"],
    [{ document: "b", copyOf: "a", at: "77" }, 400, "INVALID_OPTION"],
    [{ document: "b", copyOf: "a", at: "yesterday" }, 400, "INVALID_OPTION"],
    [{ document: "b", edits: [{ op: "clear", path: ["x"] }] }, 400, "INVALID_OPTION"],
    [{}, 400, "INVALID_OPTION"],
    [{ document: "" }, 400, "INVALID_NAME"],
  ])("or is not: %j", async (body, status, code) => {
    const stage = await WritingStage.open();
    await stage.edit("a", insert("x"));
    expect(await stage.ask("/documents", create(body))).toMatchObject({ status, body: { code } });
    expect(await stage.stored("b")).toBeNull();
  });

  test("not of one that whoever asks may not read, nor as it was of one whose history is not theirs", async () => {
    const stage = await WritingStage.open();
    await stage.edit("b", insert("secret"));
    const smuggle = (token: string, more: object = {}) => {
      return stage.ask("/documents", { token, body: { document: "a", copyOf: "b", ...more } });
    };
    expect((await smuggle("manager-of-a")).status).toBe(403);
    expect((await smuggle("writer-of-a", { at: "1" })).status).toBe(403);
    expect(await stage.stored("a")).toBeNull();
    expect((await smuggle("writer-of-a")).status).toBe(201);
  });
});

describe("a document is deleted", () => {
  test("for everybody, and can be restored as it was", async () => {
    const stage = await WritingStage.open();
    const written = await stage.edit("a", insert("kept"));
    const client = stage.client("a");
    await until("it has what is there", () => client.text === "kept");
    const deleted = await stage.ask("/documents/a", { ...AS_MANAGER, method: "DELETE" });
    expect(deleted).toMatchObject({
      status: 200,
      body: { document: "a", number: 1, seq: 1, deletedBy: "manager" },
    });
    expect(client.closed?.code).toBe("DOCUMENT_DELETED");
    expect(await stage.stored("a")).toBeNull();
    const restored = await stage.ask("/documents/a/restore", { ...AS_MANAGER, body: { deletion: 1 } });
    expect(restored.status).toBe(200);
    expect(restored.headers.etag).toBe(written.headers.etag);
    expect(textOf(await stage.stored("a"))).toBe("kept");
  });

  test("at a revision only, where one is named", async () => {
    const stage = await WritingStage.open();
    const first = await stage.edit("a", insert("1"));
    const second = await stage.edit("a", insert("2"));
    const asking = { ...AS_MANAGER, method: "DELETE" };
    const headers = { "If-Match": first.headers.etag };
    const late = await stage.ask("/documents/a", { ...asking, headers });
    expect(late).toMatchObject({ status: 412 });
    expect(late.headers.etag).toBe(second.headers.etag);
    expect(textOf(await stage.stored("a"))).toBe("12");
    const inTime = await stage.ask("/documents/a", { ...asking, headers: { "If-Match": late.headers.etag } });
    expect(inTime.status).toBe(200);
  });

  test("not where there is none, and none is restored over another", async () => {
    const stage = await WritingStage.open();
    const nowhere = await stage.ask("/documents/a", { ...AS_MANAGER, method: "DELETE" });
    expect(nowhere).toMatchObject({ status: 404, body: { code: "DOCUMENT_NOT_FOUND" } });
    expect(await stage.ask("/documents/a/restore", AS_MANAGER)).toMatchObject({ status: 404 });
    await stage.edit("a", insert("first"));
    await stage.ask("/documents/a", { ...AS_MANAGER, method: "DELETE" });
    await stage.edit("a", insert("second"));
    const over = await stage.ask("/documents/a/restore", AS_MANAGER);
    expect(over).toMatchObject({ status: 409, body: { code: "DOCUMENT_EXISTS" } });
    expect(textOf(await stage.stored("a"))).toBe("second");
  });
});

test.each([
  ["/documents", { body: { document: "b" } }],
  ["/documents/a/edit", { body: { edits: insert("2") } }],
  ["/documents/a/compact", AS_MANAGER],
  ["/documents/a/restore", AS_MANAGER],
  ["/documents/a", { ...AS_MANAGER, method: "DELETE" }],
])("nothing is done while the server stops, and who asks is told to come back: %s", async (path, asking) => {
  const stage = await WritingStage.open();
  await stage.edit("a", insert("1"));
  if (path.endsWith("/restore")) await stage.ask("/documents/a", { ...AS_MANAGER, method: "DELETE" });
  await stage.rooms.drain(1_000);
  const { status, headers, body } = await stage.ask(path, asking);
  expect([status, body?.code, headers["retry-after"]]).toEqual([503, "SERVER_DRAINING", "2"]);
});

test.each(["/documents", "/documents/a/restore", "/documents/a/compact"])(
  "a revision that nobody looks at is refused: %s",
  async (path) => {
    const stage = await WritingStage.open();
    const body = path === "/documents" && { body: { document: "b" } };
    for (const name of ["If-Match", "If-None-Match"]) {
      const answer = await stage.ask(path, { ...AS_MANAGER, ...body, headers: { [name]: "*" } });
      expect(answer).toMatchObject({ status: 400, body: { code: "INVALID_OPTION" } });
      expect(answer.body?.detail).toContain(name);
    }
    expect(await stage.stored("b")).toBeNull();
  },
);

test("a log is folded into a snapshot, which is the same document at the same revision", async () => {
  const stage = await WritingStage.open();
  for (const text of ["a", "b", "c"]) await stage.edit("a", insert(text));
  const last = await stage.edit("a", insert("d"));
  const folded = await stage.ask("/documents/a/compact", AS_MANAGER);
  expect(folded.status).toBe(200);
  expect(folded.headers.etag).toBe(last.headers.etag);
  const stored = await stage.storage.load(stage.client("a").session.document);
  expect(stored?.snapshot?.seq).toBe(4);
  expect(textOf(await stage.stored("a"))).toBe("abcd");
  expect(await stage.ask("/documents/nowhere/compact", AS_MANAGER)).toMatchObject({ status: 404 });
});
