import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import type { AnyExtension } from "../../../../server/src/extensions/hocuspocus/hooks.ts";
import { FaultyStorage } from "../../../support/world.ts";
import { Stage } from "./stage.ts";

/** Where extensions see documents, and where none of them wants to. */
const HOSTS: [string, AnyExtension][] = [
  ["hooks that see documents", { onChange: () => undefined }],
  ["no hook that sees one", { onRequest: () => undefined }],
];

describe.each(HOSTS)("a direct connection, with %s", (_, extension) => {
  test("changes a document that nobody has open, and the change is on disk when it is closed", async () => {
    const stage = await Stage.with([extension]);
    const opening = stage.instance.openDirectConnection("notes");
    await stage.settle();
    const direct = await opening;
    await direct.transact((document) => document.getText("text").insert(0, "direct"));
    const closing = direct.disconnect();
    await stage.settle();
    await closing;
    expect(await stage.world.storedText("notes")).toBe("direct");
    await stage.advance(30_000);
    expect(stage.world.rooms.counts().rooms).toBe(0);
    expect(stage.plugin.counts).toMatchObject({ hostedDocuments: 0, hostedBytes: 0 });
  });

  test("follows what others write, and they what it writes", async () => {
    const stage = await Stage.with([extension]);
    const ann = await stage.join("notes");
    ann.type("before ");
    await stage.settle();
    const opening = stage.instance.openDirectConnection("notes");
    await stage.settle();
    const direct = await opening;
    ann.type("ann ");
    await stage.settle();
    expect(direct.document?.getText("text").toString()).toBe("before ann ");
    await direct.transact((document) => {
      const text = document.getText("text");
      text.insert(text.length, "direct ");
    });
    await stage.settle();
    ann.type("after");
    await stage.settle();
    expect(ann.text).toBe("before ann direct after");
    expect(direct.document?.getText("text").toString()).toBe(ann.text);
  });

  test("keeps the document in memory, and counts", async () => {
    const stage = await Stage.with([extension]);
    const opening = stage.instance.openDirectConnection("notes");
    await stage.advance(120_000);
    const direct = await opening;
    expect([stage.instance.getDocumentsCount(), stage.instance.getConnectionsCount()]).toEqual([1, 1]);
    expect(direct.document?.getConnectionsCount()).toBe(1);
    const closing = direct.disconnect();
    await stage.advance(30_000);
    await closing;
    expect([stage.instance.getDocumentsCount(), stage.instance.getConnectionsCount()]).toEqual([0, 0]);
  });

  test("is over when it was closed, or when its room is", async () => {
    const storage = new FaultyStorage();
    const stage = await Stage.with([extension], { storage });
    const opening = Promise.all([
      stage.instance.openDirectConnection("notes"),
      stage.instance.openDirectConnection("notes"),
    ]);
    await stage.settle();
    const [one, other] = await opening;
    const closing = one.disconnect();
    await stage.settle();
    await closing;
    await expect(one.transact(() => undefined)).rejects.toThrow("direct connection closed");
    expect(other.document).not.toBeNull();
    storage.appendErrors.push(new Error("disk gone"));
    await other.transact((document) => document.getText("text").insert(0, "lost"));
    await stage.settle();
    expect(other.document).toBeNull();
    await expect(other.transact(() => undefined)).rejects.toThrow("direct connection closed");
  });

  test("to a document that cannot be loaded is not opened", async () => {
    const storage = new FaultyStorage();
    const stage = await Stage.with([extension], { storage });
    storage.loadErrors.push(new Error("disk gone"));
    const opening = expect(stage.instance.openDirectConnection("notes")).rejects.toThrow("disk gone");
    await stage.settle();
    await opening;
    await expect(stage.instance.openDirectConnection("")).rejects.toMatchObject({ code: "INVALID_NAME" });
  });
});

test("a direct connection to a document that is too large for extensions is not open", async () => {
  const stage = await Stage.with([{ onRequest: () => undefined }], { configuration: { maxHostedBytes: 10 } });
  const ann = await stage.join("notes");
  ann.type("more than ten bytes");
  await stage.settle();
  await expect(stage.instance.openDirectConnection("notes")).rejects.toMatchObject({ code: "SERVER_FULL" });
  expect(stage.world.rooms.counts().sessions).toBe(1);
  expect(stage.instance.getConnectionsCount()).toBe(1);
});

test("what a direct connection writes and the room refuses rejects, and is not in the document", async () => {
  const stage = await Stage.with([{ onChange: () => undefined }]);
  const opening = stage.instance.openDirectConnection("notes");
  await stage.settle();
  const direct = await opening;
  const writing = direct.transact((document) => {
    let map = document.getMap("map");
    for (let i = 0; i < 300; i++) map = map.set("deeper", new Y.Map());
  });
  await expect(writing).rejects.toMatchObject({ code: "UPDATE_TOO_LARGE" });
  expect(direct.document?.getMap("map").size).toBe(0);
});

test("a direct connection has hooks know its context, and stores when it closes", async () => {
  const told: unknown[] = [];
  const stage = await Stage.with([
    {
      onLoadDocument: ({ context }: { context: object }) => void told.push(["load", context]),
      onChange: ({ context, transactionOrigin }: { context: object; transactionOrigin: object }) =>
        void told.push(["change", context, transactionOrigin]),
      onStoreDocument: ({ lastContext }: { lastContext: object }) => void told.push(["store", lastContext]),
      onDisconnect: ({ socketId, context }: { socketId: string; context: object }) =>
        void told.push(["disconnect", socketId, context]),
    },
  ]);
  const context = { user: "job" };
  const opening = stage.instance.openDirectConnection("notes", context);
  await stage.settle();
  const direct = await opening;
  await direct.transact((document) => document.getText("text").insert(0, "a"));
  const closing = direct.disconnect();
  await stage.settle();
  await closing;
  expect(told).toEqual([
    ["load", context],
    ["change", context, { source: "local", context }],
    ["store", context],
    ["disconnect", "server", context],
  ]);
});

test("a direct connection that is to be kept warm is stored in its time", async () => {
  const stored: string[] = [];
  const stage = await Stage.with([{ onStoreDocument: () => void stored.push("stored") }]);
  const opening = stage.instance.openDirectConnection("notes");
  await stage.settle();
  const direct = await opening;
  await direct.transact((document) => document.getText("text").insert(0, "a"));
  const closing = direct.disconnect({ unloadImmediately: false });
  await stage.settle();
  await closing;
  expect(stored).toEqual([]);
  await stage.advance(2_000);
  expect(stored).toEqual(["stored"]);
});
