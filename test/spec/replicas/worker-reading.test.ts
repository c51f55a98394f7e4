import { DEFAULT_LIMITS, type DocumentName, type Limits } from "@joinery/shared";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import type { Edit } from "../../../server/src/edits/edit.ts";
import type { RootKind } from "../../../server/src/inspect/content-roots.ts";
import { summarizeUpdate } from "../../../server/src/inspect/log-entries.ts";
import { RENDER_FORMATS, render } from "../../../server/src/inspect/render.ts";
import { WorkerReplicas } from "../../../server/src/replicas/worker-replicas.ts";
import { manyRightOrigins } from "../../support/bombs.ts";
import { Recording, writeEverything } from "../inspect/content-sample.ts";

const NOTES = "notes" as DocumentName;

let updates: readonly Uint8Array[] = [];
let doc = new Y.Doc();
beforeAll(() => {
  const recording = new Recording()
    .write("ann", writeEverything)
    .write("bob", (doc) => doc.getText("body").insert(0, "Once more: "));
  updates = recording.entries.flatMap(({ parts }) => parts.map(({ update }) => update));
  doc = recording.doc;
});

function replicasWith(limits: Partial<Limits> = {}): WorkerReplicas {
  const replicas = new WorkerReplicas({ limits: { ...DEFAULT_LIMITS, maxReplicaMs: 60_000, ...limits } });
  onTestFinished(() => replicas.close());
  return replicas;
}

test("a document is rendered in the worker as it is elsewhere, in every format", async () => {
  const replicas = replicasWith();
  for (const format of RENDER_FORMATS) {
    const expected = render({ document: NOTES, updates }, { format });
    const { bytes, leftOut } = await replicas.render(NOTES, updates, { format });
    expect([format, Buffer.from(bytes), leftOut]).toEqual([
      format,
      Buffer.from(expected.bytes),
      expected.leftOut,
    ]);
  }
  const as = new Map<string, RootKind>([["body", "text"]]);
  const { bytes } = await replicas.render(NOTES, updates, { format: "json", root: "body", as });
  expect(JSON.parse(Buffer.from(bytes).toString())).toBe(bodyText());
  expect(replicas.workers).toBe(1);
});

function bodyText(): string {
  const delta = doc.getText("body").toDelta() as readonly { readonly insert: unknown }[];
  return delta.map(({ insert }) => (typeof insert === "string" ? insert : "")).join("");
}

describe("edits", () => {
  const EDITS: readonly Edit[] = [
    { op: "set", path: ["settings", "theme"], value: "light" },
    { op: "insert", path: ["list"], index: 0, values: ["first"] },
  ];

  test("are worked out in the worker", async () => {
    const update = await replicasWith().edit(NOTES, updates, { edits: EDITS, clientId: 7 });
    const edited = new Y.Doc();
    for (const each of [...updates, update]) Y.applyUpdate(edited, each);
    expect(edited.getMap("settings").get("theme")).toBe("light");
    expect(edited.getArray("list").get(0)).toBe("first");
  });

  test("that change nothing bring nothing, as often as they are made in the same worker", async () => {
    const replicas = replicasWith();
    const idle: readonly Edit[] = [{ op: "insert", path: ["list"], index: 0, values: [] }];
    for (let i = 0; i < 3; i++) {
      const update = await replicas.edit(NOTES, updates, { edits: idle, clientId: 7 });
      expect(Buffer.from(update)).toEqual(Buffer.of(0, 0));
    }
    expect(Buffer.from(await replicas.fold(NOTES, []))).toEqual(Buffer.of(0, 0));
    expect(replicas.workers).toBe(1);
  });

  test("that do not fit are refused, and the worker goes on", async () => {
    const replicas = replicasWith();
    const misfit: readonly Edit[] = [{ op: "insert", path: ["settings"], text: "no text" }];
    await expect(replicas.edit(NOTES, updates, { edits: misfit, clientId: 7 })).rejects.toMatchObject({
      code: "INVALID_OPTION",
    });
    await replicas.edit(NOTES, updates, { edits: EDITS, clientId: 7 });
    expect(replicas.workers).toBe(1);
  });
});

test("updates are summed up in the worker, those too that are none", async () => {
  const all = [...updates, Uint8Array.of(1, 2, 3)];
  const summaries = await replicasWith().summarize(NOTES, all);
  expect(summaries).toEqual(all.map(summarizeUpdate));
  expect(summaries.at(-1)?.problem).not.toBeNull();
});

describe("what cannot be read", () => {
  test("is refused with what is wrong, and the worker goes on", async () => {
    const replicas = replicasWith();
    const gap = updates.slice(1);
    await expect(replicas.render(NOTES, gap, { format: "text" })).rejects.toMatchObject({
      code: "REPLICA_FAILED",
      message: expect.stringContaining('document "notes" cannot be built'),
    });
    const missing = replicas.render(NOTES, updates, { format: "text", root: "nobody" });
    await expect(missing).rejects.toMatchObject({ code: "INVALID_OPTION" });
    const all = replicas.render(NOTES, updates, { format: "update", root: "body" });
    await expect(all).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await replicas.render(NOTES, updates, { format: "text" });
    expect(replicas.workers).toBe(1);
  });

  test("within the time that there is ends its worker; the next gets another", async () => {
    const replicas = replicasWith({ maxReplicaMs: 100 });
    // A Y.Doc of it takes seconds.
    const endless = [manyRightOrigins(8000)];
    const edits: readonly Edit[] = [{ op: "set", path: ["map", "key"], value: 1 }];
    await expect(replicas.edit(NOTES, endless, { edits, clientId: 7 })).rejects.toMatchObject({
      code: "REPLICA_FAILED",
      limit: "maxReplicaMs",
    });
    await replicas.render(NOTES, updates, { format: "json" });
  });

  test("within the memory that there is ends its worker; the next gets another", async () => {
    const reached: string[] = [];
    const replicas = new WorkerReplicas({
      limits: { ...DEFAULT_LIMITS, maxReplicaBytes: 32 * 1024 * 1024, maxReplicaMs: 60_000 },
      onLimit: (limit) => void reached.push(limit),
    });
    onTestFinished(() => replicas.close());
    const large = new Y.Doc();
    const item = { text: "x".repeat(100), list: [1, 2, 3], more: { a: true } };
    large.getArray("list").push(Array.from({ length: 150_000 }, () => item));
    const update = Y.encodeStateAsUpdate(large);
    await expect(replicas.render(NOTES, [update], { format: "json" })).rejects.toMatchObject({
      code: "REPLICA_FAILED",
      limit: "maxReplicaBytes",
    });
    expect(reached).toEqual(["maxReplicaBytes"]);
    await replicas.render(NOTES, updates, { format: "json" });
  });
});

test("what waits when the server stops is refused", async () => {
  const replicas = replicasWith();
  const waiting = [1, 2].map(() => replicas.render(NOTES, updates, { format: "text" }));
  const refused = waiting.map((each) => expect(each).rejects.toMatchObject({ code: "SERVER_DRAINING" }));
  await replicas.close();
  await Promise.all(refused);
});
