/** What an extension does wrong hurts its own document, and nothing of it is left to fail later. */

import { describe, expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import type { AnyExtension } from "../../../../server/src/extensions/hocuspocus/hooks.ts";
import type { HostedConnection } from "../../../../server/src/extensions/hocuspocus/hosted-connection.ts";
import type { HostedDocument } from "../../../../server/src/extensions/hocuspocus/hosted-document.ts";
import { FaultyStorage } from "../../../support/world.ts";
import { Stage } from "./stage.ts";

interface Payload {
  readonly document: HostedDocument;
  readonly connection: HostedConnection;
  readonly update: Uint8Array;
}

/** Rejections that nobody handles: one of them ends the process. */
function unhandled(): unknown[] {
  const thrown: unknown[] = [];
  const note = (reason: unknown) => void thrown.push(reason);
  process.on("unhandledRejection", note);
  onTestFinished(() => void process.off("unhandledRejection", note));
  return thrown;
}

/** Rejections are told of when the queue of microtasks is empty. */
async function nextTurn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe("observers of an extension that throw", () => {
  const bug = () => {
    throw new Error("a bug");
  };

  test("when the document goes do not keep it from going", async () => {
    const rejections = unhandled();
    let gone = 0;
    const stage = await Stage.with([
      {
        afterLoadDocument: ({ document }: Payload) => void document.on("destroy", bug),
        afterUnloadDocument: () => void gone++,
      },
    ]);
    const ann = await stage.join("notes");
    ann.vanish();
    await stage.advance(30_000);
    await nextTurn();
    expect(rejections).toEqual([]);
    expect(gone).toBe(1);
    expect(stage.reported).toEqual(["observer of the document hook-failed: a bug"]);
    expect(stage.plugin.counts).toMatchObject({ hostedDocuments: 0, hostedBytes: 0 });
  });

  test("when presence goes do not keep the client in the document", async () => {
    const told: string[] = [];
    let isBroken = false;
    const stage = await Stage.with([
      {
        afterLoadDocument: ({ document }: Payload) =>
          void document.awareness.on("update", () => (isBroken ? bug() : undefined)),
        onDisconnect: () => void told.push("onDisconnect"),
      },
    ]);
    const ann = await stage.join("notes");
    ann.show({ name: "Ann" });
    await stage.settle();
    isBroken = true;
    ann.vanish();
    await stage.settle();
    expect(told).toEqual(["onDisconnect"]);
    expect(stage.instance.documents.get("notes")?.getConnectionsCount()).toBe(0);
  });

  test("when a connection closes do not keep others from being told", async () => {
    const told: string[] = [];
    const stage = await Stage.with([
      {
        connected: ({ connection }: Payload) => {
          connection.onClose(bug);
          connection.onClose(() => told.push("onClose"));
        },
        onDisconnect: () => void told.push("onDisconnect"),
      },
    ]);
    const ann = await stage.join("notes");
    ann.vanish();
    await stage.settle();
    expect(told).toEqual(["onClose", "onDisconnect"]);
  });
});

test("changes that were not told when the document fails are told, and nothing fails after that", async () => {
  const rejections = unhandled();
  const calls: PromiseWithResolvers<void>[] = [];
  const copy = new Y.Doc();
  const storage = new FaultyStorage();
  const stage = await Stage.with(
    [
      {
        onChange({ update }: Payload) {
          Y.applyUpdate(copy, update);
          const call = Promise.withResolvers<void>();
          calls.push(call);
          return call.promise;
        },
      },
    ],
    { storage },
  );
  const ann = await stage.join("notes");
  for (let i = 0; i < 70; i++) {
    ann.type("a");
    await stage.settle();
  }
  expect(calls).toHaveLength(64);
  storage.appendErrors.push(new Error("disk gone"));
  ann.type("b");
  await stage.settle();
  expect(stage.instance.documents.size).toBe(0);
  expect(calls).toHaveLength(65);
  for (const call of calls) call.resolve();
  await stage.settle();
  await nextTurn();
  expect(rejections).toEqual([]);
  expect(copy.getText("text").toString()).toBe(`${"a".repeat(70)}b`);
});

describe("what a hook throws", () => {
  test.each(["a text", 7, { message: "of another realm" }])("is reported, be it %o", async (thrown) => {
    const stage = await Stage.with([{ extensionName: "Odd", onChange: () => Promise.reject(thrown) }]);
    (await stage.join("notes")).type("a");
    await stage.settle();
    const message = typeof thrown === "object" ? thrown.message : String(thrown);
    expect(stage.reported).toEqual([`Odd.onChange hook-failed: ${message}`]);
  });

  test.each([undefined, null, "", new Error()])(
    "in onStoreDocument is reported, be it %o",
    async (thrown) => {
      const stage = await Stage.with([
        { extensionName: "Odd", onStoreDocument: () => Promise.reject(thrown) },
      ]);
      (await stage.join("notes")).type("a");
      await stage.advance(2_000);
      expect(stage.reports).toMatchObject([
        { type: "hook-failed", hook: "Odd.onStoreDocument", document: "notes" },
      ]);
    },
  );
});

test("a client that names credentials in its Host is let in like any other", async () => {
  const stage = await Stage.with([{ onChange: () => undefined }]);
  const ann = await stage.join("notes", { url: "/notes?a=1", headers: { host: "me:secret@example.org" } });
  expect(ann.session.state).toBe("live");
});

test("what a document took that is gone again does not count for ever", async () => {
  const stage = await Stage.with([{ onChange: () => undefined }], {
    configuration: { maxHostedBytes: 200_000 },
  });
  const ann = await stage.join("notes");
  for (let i = 0; i < 400; i++) {
    ann.doc.getMap("cursor").set("line", "x".repeat(1000));
    await stage.settle();
  }
  const ben = await stage.join("other");
  expect(ben.session.state).toBe("live");
});

test("a load that fails half-way leaves nothing behind, and nothing to store", async () => {
  let isDown = true;
  const stored: string[] = [];
  const stage = await Stage.with([
    {
      onLoadDocument: ({ document }: Payload) => document.getText("text").insert(0, "loaded "),
      async afterLoadDocument({ document }: Payload) {
        document.getText("text").insert(0, "after ");
        // Long enough for the end of the turn, and for a batch to be written.
        await stage.settle();
        if (isDown) throw new Error("down");
      },
      onStoreDocument: ({ document }: Payload) => void stored.push(document.getText("text").toString()),
    },
  ]);
  const ann = await stage.join("notes");
  await stage.settle();
  expect(ann.closed?.code).toBe("INTERNAL");
  await stage.advance(10_000);
  expect(stage.plugin.counts).toEqual({
    hostedDocuments: 0,
    hostedBytes: 0,
    pendingStores: 0,
    failingStores: 0,
  });
  expect(await stage.world.storedText("notes")).toBe("");
  isDown = false;
  const ben = await stage.join("notes");
  await stage.settle();
  expect(ben.text).toBe("after loaded ");
  await stage.advance(2_000);
  expect(stored).toEqual(["after loaded "]);
});

test("a load that fails while the room before it has something to store keeps no document of its own", async () => {
  let isDown = false;
  const storage = new FaultyStorage();
  const stored: string[] = [];
  const stage = await Stage.with(
    [
      {
        onLoadDocument: () => (isDown ? Promise.reject(new Error("down")) : undefined),
        onStoreDocument({ document }: Payload) {
          if (isDown) throw new Error("down");
          stored.push(document.getText("text").toString());
        },
      },
    ],
    { storage },
  );
  const ann = await stage.join("notes");
  ann.type("a");
  await stage.settle();
  isDown = true;
  storage.appendErrors.push(new Error("disk gone"));
  ann.type("b");
  await stage.settle();
  for (let i = 0; i < 3; i++) await stage.join("notes");
  await stage.settle();
  expect(stage.plugin.counts).toMatchObject({ hostedDocuments: 1, pendingStores: 1 });
  isDown = false;
  await stage.advance(60_000);
  expect(stored).toEqual(["ab"]);
  expect(stage.plugin.counts).toMatchObject({ hostedDocuments: 0, pendingStores: 0 });
});

describe("a document that is loaded again", () => {
  /** Made anew each time, as of JSON. */
  const page = () => {
    const made = new Y.Doc();
    made.getText("text").insert(0, "page ");
    return made;
  };

  async function textsOf(onLoadDocument: (payload: Payload) => unknown): Promise<readonly [Stage, string[]]> {
    const kept: AnyExtension = {
      // It is right: what it types is meant.
      onLoadDocument: ({ document }: Payload) => document.getMap("kept").set("opened", true),
    };
    const stage = await Stage.with([kept, { extensionName: "Pages", onLoadDocument }, kept]);
    const texts: string[] = [];
    for (let round = 0; round < 3; round++) {
      const ann = await stage.join("notes");
      texts.push(ann.text);
      expect(ann.doc.getMap("kept").get("opened")).toBe(true);
      ann.type("!");
      ann.vanish();
      await stage.advance(30_000);
    }
    return [stage, texts];
  }

  test.each<readonly [string, (payload: Payload) => unknown]>([
    ["returned as a document", page],
    ["returned as an update", () => Y.encodeStateAsUpdate(page())],
    ["applied", ({ document }) => Y.applyUpdate(document, Y.encodeStateAsUpdate(page()))],
    ["merged", ({ document }) => void document.merge(page())],
  ])("is not filled once more with what is made anew and %s", async (_, onLoadDocument) => {
    const [stage, texts] = await textsOf(onLoadDocument);
    expect(texts).toEqual(["page ", "page !", "page !!"]);
    const report = { type: "hook-failed", hook: "Pages.onLoadDocument", document: "notes" };
    expect(stage.reports).toMatchObject([report, report]);
  });

  test("has what was stored elsewhere, and what came to that since", async () => {
    const elsewhere = page();
    let rounds = 0;
    const [stage, texts] = await textsOf(() => {
      elsewhere.getText("text").insert(0, `${++rounds} `);
      return Y.encodeStateAsUpdate(elsewhere);
    });
    expect(texts).toEqual(["1 page ", "2 1 page !", "3 2 1 page !!"]);
    expect(stage.reported).toEqual([]);
  });

  test("has what extensions type before and after what is left out", async () => {
    const types = (key: string) => ({
      onLoadDocument: ({ document }: Payload) => {
        document.getMap<number>("loads").set(key, (document.getMap<number>("loads").get(key) ?? 0) + 1);
      },
    });
    const stage = await Stage.with([
      types("a"),
      { onLoadDocument: page },
      types("b"),
      { onLoadDocument: page },
    ]);
    for (const loads of [1, 2, 3]) {
      const ann = await stage.join("notes");
      expect(ann.text).toBe("page page ");
      expect(ann.doc.getMap("loads").toJSON()).toEqual({ a: loads, b: loads });
      ann.vanish();
      await stage.advance(30_000);
    }
  });

  test("has what an extension adds afterwards, each time", async () => {
    const stage = await Stage.with([
      {
        afterLoadDocument: ({ document }: Payload) => Y.applyUpdate(document, Y.encodeStateAsUpdate(page())),
      },
    ]);
    for (const text of ["page ", "page page "]) {
      const ann = await stage.join("notes");
      expect(ann.text).toBe(text);
      ann.vanish();
      await stage.advance(30_000);
    }
    expect(stage.reported).toEqual([]);
  });

  test("is filled by all extensions when it is new", async () => {
    const stage = await Stage.with([{ onLoadDocument: page }, { onLoadDocument: page }]);
    expect((await stage.join("notes")).text).toBe("page page ");
    expect(stage.reported).toEqual([]);
  });
});

describe("a client that writes under the id of the server's own document", () => {
  /** An edit of somebody who pretends to be the server. */
  function forged(document: Y.Doc, text: string): Uint8Array {
    const copy = new Y.Doc();
    Y.applyUpdate(copy, Y.encodeStateAsUpdate(document));
    copy.clientID = document.clientID;
    const before = Y.encodeStateVector(copy);
    copy.getText("text").insert(0, text);
    return Y.encodeStateAsUpdate(copy, before);
  }

  async function opened() {
    const stage = await Stage.with([{ extensionName: "Robot", onChange: () => undefined }]);
    const ann = await stage.join("notes");
    const hosted = () => stage.instance.documents.get("notes") as HostedDocument;
    hosted().getText("text").insert(0, "server ");
    await stage.settle();
    return { stage, ann, hosted };
  }

  test("at the same moment has the document made anew, and the room is right", async () => {
    const { stage, ann, hosted } = await opened();
    const update = forged(hosted(), "forged ");
    hosted().getText("text").insert(0, "lost ");
    ann.session.update(update);
    await stage.settle();
    const { text } = await stage.join("notes");
    expect(text).toBe("forged server ");
    expect(hosted().getText("text").toString()).toBe(text);
    expect(stage.reports).toMatchObject([{ type: "hook-failed", hook: "document", document: "notes" }]);
    hosted().getText("text").insert(0, "again ");
    await stage.settle();
    expect((await stage.join("notes")).text).toBe("again forged server ");
  });

  test("at another time is a client like others", async () => {
    const { stage, ann, hosted } = await opened();
    ann.session.update(forged(hosted(), "forged "));
    await stage.settle();
    hosted().getText("text").insert(0, "kept ");
    await stage.settle();
    const { text } = await stage.join("notes");
    expect(text).toBe("kept forged server ");
    expect(hosted().getText("text").toString()).toBe(text);
    expect(stage.reports).toEqual([]);
  });
});
