import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { until } from "../../support/until.ts";
import { WritingStage } from "./writing-stage.ts";

const insert = (text: string, more: object = {}) => [{ op: "insert", path: ["text"], text, ...more }];

function typed(text: string): Y.Doc {
  const doc = new Y.Doc();
  doc.getText("text").insert(0, text);
  return doc;
}

const textOf = (doc: Y.Doc | null) => doc?.getText("text").toString() ?? null;

describe("edits as JSON", () => {
  test("make a document, and are told with the revision that came of them", async () => {
    const stage = await WritingStage.open();
    const first = await stage.edit("notes/ein Tag", insert("hello"));
    expect(first).toMatchObject({ status: 200, body: { seq: 1 } });
    expect(first.body?.revision).toMatch(/^[0-9a-f]{32}\.[0-9a-f]{16}\.1$/);
    expect(first.headers.etag).toBe(JSON.stringify(first.body?.revision));
    const second = await stage.edit("notes/ein Tag", insert(" world"));
    expect(second.body?.seq).toBe(2);
    expect(textOf(await stage.stored("notes/ein Tag"))).toBe("hello world");
  });

  test("are in the log under the name of whoever made them", async () => {
    const stage = await WritingStage.open();
    await stage.edit("a", insert("x"), { token: "manager" });
    await stage.edit("a", insert("y"), { token: "writer" });
    expect(await stage.authors("a")).toEqual(["manager", "writer"]);
  });

  test("reach those who are in the document, whose edits at the same time survive", async () => {
    const stage = await WritingStage.open();
    await stage.edit("a", insert("base "));
    const client = stage.client("a");
    await until("it has what is there", () => client.text === "base ");
    client.type("typed ");
    const edits = Array.from({ length: 5 }, (_, i) => stage.edit("a", insert(`[${i}]`, { index: 0 })));
    client.type("on");
    const answers = await Promise.all(edits);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    await until("it has all of them", () => [0, 1, 2, 3, 4].every((i) => client.text.includes(`[${i}]`)));
    expect(client.text).toHaveLength("base typed on".length + 5 * 3);
    expect(client.text).toContain("typed on");
    await until("all is stored", async () => textOf(await stage.stored("a")) === client.text);
  });

  test("are all made or none, and what does not fit is said with its number", async () => {
    const stage = await WritingStage.open();
    await stage.edit("a", insert("x"));
    const answer = await stage.edit("a", [...insert("y"), { op: "set", path: ["text", 0], value: 1 }]);
    expect(answer).toMatchObject({ status: 400, body: { code: "INVALID_OPTION" } });
    expect(answer.body?.detail).toContain('edits[1], set at ["text",0]: there is a text of 2 UTF-16 units');
    expect(textOf(await stage.stored("a"))).toBe("x");
  });

  test.each([
    [{}, 'lacks "edits"'],
    [{ edits: [] }, "edits is empty"],
    [{ edits: [{ op: "set" }] }, "edits[0].path must be a list"],
    [{ edits: insert("x"), transaction: 1 }, 'unknown field "transaction"'],
  ])("that are none are refused: %j", async (body, detail) => {
    const stage = await WritingStage.open();
    const answer = await stage.ask("/documents/a/edit", { body });
    expect(answer.status).toBe(400);
    expect(answer.body?.detail).toContain(detail);
    expect(await stage.stored("a")).toBeNull();
  });

  test("that are too many or too large are refused, and counted", async () => {
    const stage = await WritingStage.open({ maxEdits: 2, maxEditBytes: 1024 });
    const many = await stage.edit("a", [...insert("1"), ...insert("2"), ...insert("3")]);
    expect(many).toMatchObject({ status: 400, body: { limit: "maxEdits" } });
    const large = await stage.edit("a", insert("x".repeat(1024)));
    expect(large).toMatchObject({ status: 413, body: { limit: "maxEditBytes" } });
    expect(stage.api.hits.counts()).toMatchObject({ maxEdits: 1, maxEditBytes: 1 });
    expect(await stage.stored("a")).toBeNull();
  });
});

describe("who writes upon a revision", () => {
  test("writes nothing over what came since, and is told where the document is", async () => {
    const stage = await WritingStage.open();
    const first = await stage.edit("a", insert("1"));
    const headers = { "If-Match": first.headers.etag };
    const second = await stage.edit("a", insert("2"), { headers });
    expect(second.status).toBe(200);
    const lost = await stage.edit("a", insert("lost"), { headers });
    expect(lost).toMatchObject({ status: 412, body: { code: "REVISION_CHANGED" } });
    expect(lost.headers.etag).toBe(second.headers.etag);
    const update = Y.encodeStateAsUpdate(typed("lost"));
    expect((await stage.ask("/documents/a/update", { body: update, headers })).status).toBe(412);
    expect(textOf(await stage.stored("a"))).toBe("12");
  });

  test("is one of several who build upon the same", async () => {
    const stage = await WritingStage.open();
    const { headers } = await stage.edit("a", insert("base "));
    const asking = { headers: { "If-Match": headers.etag } };
    const answers = await Promise.all(["x", "y", "z"].map((text) => stage.edit("a", insert(text), asking)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412]);
    expect(textOf(await stage.stored("a"))).toMatch(/^base [xyz]$/);
  });

  test("may name several, or any that is there", async () => {
    const stage = await WritingStage.open();
    const nowhere = await stage.edit("a", insert("x"), { headers: { "If-Match": "*" } });
    expect(nowhere).toMatchObject({ status: 412 });
    expect(nowhere.headers.etag).toBeUndefined();
    const { headers } = await stage.edit("a", insert("x"));
    for (const tags of ["*", `"other", ${headers.etag}`]) {
      expect((await stage.edit("a", [], { headers: { "If-Match": tags } })).status).toBe(400);
    }
    const several = await stage.edit("a", insert("y"), { headers: { "If-Match": `"0", ${headers.etag}` } });
    expect(several.status).toBe(200);
    expect((await stage.edit("a", insert("z"), { headers: { "If-Match": "*" } })).status).toBe(200);
  });

  test.each(['"nonsense"', `W/"${"0".repeat(32)}.${"0".repeat(16)}.1"`])(
    "may not name what is no revision of it: %s",
    async (tag) => {
      const stage = await WritingStage.open();
      await stage.edit("a", insert("x"));
      expect((await stage.edit("a", insert("y"), { headers: { "If-Match": tag } })).status).toBe(412);
    },
  );

  test("is told that If-None-Match holds nobody back", async () => {
    const stage = await WritingStage.open();
    const answer = await stage.edit("a", insert("x"), { headers: { "If-None-Match": "*" } });
    expect(answer).toMatchObject({ status: 400 });
    expect(await stage.stored("a")).toBeNull();
  });
});

describe("an update", () => {
  test.each([
    ["", Y.encodeStateAsUpdate],
    ["?version=1", Y.encodeStateAsUpdate],
    ["?version=2", Y.encodeStateAsUpdateV2],
  ] as const)("is merged from either format: %s", async (query, encode) => {
    const stage = await WritingStage.open();
    await stage.edit("a", insert("there "));
    const answer = await stage.ask(`/documents/a/update${query}`, { body: encode(typed("brought")) });
    expect(answer).toMatchObject({ status: 200, body: { seq: 2 } });
    expect(textOf(await stage.stored("a"))).toHaveLength("there brought".length);
    expect(await stage.authors("a")).toEqual(["writer", "writer"]);
  });

  test("that is known already changes nothing", async () => {
    const stage = await WritingStage.open();
    const body = Y.encodeStateAsUpdate(typed("once"));
    const first = await stage.ask("/documents/a/update", { body });
    const second = await stage.ask("/documents/a/update", { body });
    expect(second.headers.etag).toBe(first.headers.etag);
  });

  test.each(["", "?version=2"])("that is none is refused, and makes no document: %s", async (query) => {
    const stage = await WritingStage.open();
    for (const body of [Uint8Array.of(), Uint8Array.of(1, 2, 3), Buffer.from("{}")]) {
      const answer = await stage.ask(`/documents/a/update${query}`, {
        body,
        headers: { "Content-Type": "application/octet-stream" },
      });
      expect(answer).toMatchObject({ status: 422, body: { code: "MALFORMED_UPDATE" } });
    }
    expect(await stage.stored("a")).toBeNull();
  });

  test("that builds upon what is not there is refused as a whole", async () => {
    const stage = await WritingStage.open();
    const doc = typed("a");
    const before = Y.encodeStateVector(doc);
    doc.getText("text").insert(1, "b");
    const body = Y.encodeStateAsUpdate(doc, before);
    const answer = await stage.ask("/documents/a/update", { body });
    expect(answer).toMatchObject({ status: 422, body: { code: "MALFORMED_UPDATE" } });
    expect(await stage.stored("a")).toBeNull();
  });

  test("in the second format that is far larger in the first is refused", async () => {
    const stage = await WritingStage.open({ maxMessageBytes: 2048 });
    const doc = new Y.Doc();
    doc.getArray("list").push(Array.from({ length: 1000 }, () => new Y.Map()));
    const body = Y.encodeStateAsUpdateV2(doc);
    expect(body.length).toBeLessThan(100);
    const answer = await stage.ask("/documents/a/update?version=2", { body });
    expect(answer).toMatchObject({ status: 413, body: { limit: "maxMessageBytes" } });
    expect(await stage.stored("a")).toBeNull();
  });
});

describe("who may not write", () => {
  test.each([
    ["an edit", "/documents/a/edit", { edits: insert("smuggled") }],
    ["an update", "/documents/a/update", Buffer.from(Y.encodeStateAsUpdate(typed("smuggled")))],
    ["a document", "/documents", { document: "a", edits: insert("smuggled") }],
  ])("leaves nothing anywhere of %s", async (_, path, body) => {
    const stage = await WritingStage.open();
    const client = stage.client("a");
    const answer = await stage.ask(path, { body, token: "reader" });
    expect(answer).toMatchObject({ status: 403, body: { code: "PERMISSION_DENIED" } });
    expect(await stage.stored("a")).toBeNull();
    expect(client.text).toBe("");
  });
});
