import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import type { AnyExtension } from "../../../../server/src/extensions/hocuspocus/hooks.ts";
import type { HostedConnection } from "../../../../server/src/extensions/hocuspocus/hosted-connection.ts";
import type { HostedDocument } from "../../../../server/src/extensions/hocuspocus/hosted-document.ts";
import { type Client, FaultyStorage } from "../../../support/world.ts";
import { Stage } from "./stage.ts";

interface Payload {
  readonly document: HostedDocument;
  readonly update: Uint8Array;
  readonly clientsCount: number;
  readonly context: Record<string, unknown>;
  readonly connection?: HostedConnection;
  readonly transactionOrigin: unknown;
  readonly socketId: string;
}

const SEES_DOCUMENTS: AnyExtension = { onChange: () => undefined };

function textOf(document: Y.Doc | undefined): string | undefined {
  return document?.getText("text").toString();
}

function typedBefore(text: string): Uint8Array {
  const doc = new Y.Doc();
  doc.getText("text").insert(0, text);
  return Y.encodeStateAsUpdate(doc);
}

/** A document as a client has it that has just come. */
async function freshCopy(stage: Stage, name: string): Promise<Y.Doc> {
  return (await stage.join(name)).doc;
}

function expectSame(one: Y.Doc | undefined, other: Y.Doc): void {
  expect(one && Y.encodeStateVector(one)).toEqual(Y.encodeStateVector(other));
  expect(one?.getText("text").toJSON()).toEqual(other.getText("text").toJSON());
  expect(one?.getMap("map").toJSON()).toEqual(other.getMap("map").toJSON());
}

describe("a document that extensions see", () => {
  test("follows what clients write, and tells who did", async () => {
    const changes: Payload[] = [];
    const stage = await Stage.with([
      {
        onConnect: ({ socketId }: Payload) => ({ from: socketId }),
        onChange: (payload: Payload) => void changes.push(payload),
      },
    ]);
    const ann = await stage.join("notes", { socketId: "ann" });
    const ben = await stage.join("notes", { socketId: "ben" });
    ann.type("a");
    await stage.settle();
    ben.type("b");
    await stage.settle();
    expect(textOf(stage.instance.documents.get("notes"))).toBe("ab");
    expect(changes.map(({ socketId, clientsCount, context }) => [socketId, clientsCount, context])).toEqual([
      ["ann", 2, { from: "ann" }],
      ["ben", 2, { from: "ben" }],
    ]);
    const [first] = changes;
    expect(first?.transactionOrigin).toEqual({ source: "connection", connection: first?.connection });
    const copy = new Y.Doc();
    for (const { update } of changes) Y.applyUpdate(copy, update);
    expect(textOf(copy)).toBe("ab");
  });

  test("sends what an extension writes to everybody and to the log, and not back to it", async () => {
    const origins: unknown[] = [];
    const stage = await Stage.with([
      {
        onChange: ({ document, transactionOrigin }: Payload) => {
          origins.push(transactionOrigin);
          const text = document.getText("text");
          if (!text.toString().endsWith("!")) text.insert(text.length, "!");
        },
      },
    ]);
    const ann = await stage.join("notes");
    const ben = await stage.join("notes");
    ann.type("hello");
    await stage.settle();
    expect([ann.text, ben.text]).toEqual(["hello!", "hello!"]);
    expect(await stage.world.storedText("notes")).toBe("hello!");
    expect(origins).toEqual([expect.objectContaining({ source: "connection" }), null]);
  });

  test("does not write again what clients wrote", async () => {
    const storage = new FaultyStorage();
    const stage = await Stage.with([SEES_DOCUMENTS], { storage });
    const { guest } = await stage.ask("notes");
    const ann = stage.world.open("notes", { author: "ann", ...(guest && { guest }) });
    for (const word of ["a", "b", "c"]) {
      await stage.settle();
      ann.type(word);
    }
    await stage.settle();
    stage.instance.documents.get("notes")?.getText("text").insert(0, "> ");
    await stage.settle();
    // What extensions write is written by nobody in particular.
    const authors = storage.appends.map(({ entry }) => entry.parts.map(({ author }) => author).join("+"));
    expect(authors).toEqual(["ann", "ann", "ann", ""]);
  });

  test("written to by a transaction that takes another one's origin is sent to everybody all the same", async () => {
    let hasWritten = false;
    const stage = await Stage.with([
      {
        onChange: ({ document, transactionOrigin }: Payload) => {
          if (hasWritten) return;
          hasWritten = true;
          document.transact(() => document.getText("text").insert(0, "> "), transactionOrigin);
        },
      },
    ]);
    const ann = await stage.join("notes");
    ann.type("a");
    await stage.settle();
    expect(ann.text).toBe("> a");
  });

  test("written to by an observer while an edit is applied is sent to everybody", async () => {
    const stage = await Stage.with([
      {
        afterLoadDocument: ({ document }: Payload) => {
          document.getText("text").observe((_event, { local }) => {
            if (!local)
              document.getMap("map").set("edits", Number(document.getMap("map").get("edits") ?? 0) + 1);
          });
        },
      },
    ]);
    const ann = await stage.join("notes");
    ann.type("a");
    await stage.settle();
    ann.type("b");
    await stage.settle();
    expect(ann.doc.getMap("map").get("edits")).toBe(2);
    expectSame(stage.instance.documents.get("notes"), await freshCopy(stage, "notes"));
  });

  test("is loaded with what is stored, then filled by extensions, before anybody is let in", async () => {
    const seen: unknown[] = [];
    const storage = new FaultyStorage();
    const stage = await Stage.with(
      [
        {
          onLoadDocument: ({ document }: Payload) => {
            seen.push(document.isEmpty("text"), document.isLoading);
            if (document.isEmpty("text")) document.getText("text").insert(0, "template");
          },
          onChange: () => void seen.push("change"),
        },
        { onLoadDocument: () => typedBefore("bytes ") },
        { onLoadDocument: () => new Y.Doc() },
      ],
      { storage },
    );
    const ann = await stage.join("notes");
    expect(ann.text).toHaveLength("template".length + "bytes ".length);
    expect(await stage.world.storedText("notes")).toBe(ann.text);
    ann.vanish();
    await stage.advance(30_000);
    const ben = await stage.join("notes");
    // What the second hook brings is other bytes each time; what the first one would is there already.
    expect(ben.text.match(/template/g)).toHaveLength(1);
    expect(seen).toEqual([true, true, false, true]);
  });

  test("keeps waiting whoever asks for it until what was added is on disk", async () => {
    const storage = new FaultyStorage();
    const stage = await Stage.with(
      [{ onLoadDocument: ({ document }: Payload) => void document.getText("text").insert(0, "new") }],
      { storage },
    );
    storage.hold();
    const ann = await stage.enter("notes");
    storage.release();
    storage.hold();
    await stage.settle();
    expect([ann.session.state, ann.text]).toEqual(["joining", ""]);
    storage.release();
    await stage.settle();
    expect([ann.session.state, ann.text]).toEqual(["live", "new"]);
  });

  test("is loaded for whoever came first, who is named", async () => {
    const seen: unknown[] = [];
    const stage = await Stage.with([
      {
        onConnect: ({ socketId }: Payload) => ({ from: socketId }),
        onLoadDocument: ({ context, socketId }: Payload) => void seen.push([context, socketId]),
      },
    ]);
    const [ann] = await Promise.all([
      stage.enter("notes", { socketId: "ann" }),
      stage.enter("notes", { socketId: "ben" }),
    ]);
    await stage.settle();
    expect(ann?.session.state).toBe("live");
    expect(seen).toEqual([[{ from: "ann" }, "ann"]]);
  });

  test("is not loaded for somebody who was let in before and never came", async () => {
    const seen: string[] = [];
    const stage = await Stage.with([
      { onLoadDocument: ({ socketId }: Payload) => void seen.push(socketId), onConnect: () => undefined },
    ]);
    await stage.ask("notes", { socketId: "gone" });
    await stage.join("notes", { socketId: "ann" });
    expect(seen).toEqual(["ann"]);
  });

  test("of many edits is filled by extensions as it is by clients", async () => {
    const stage = await Stage.with([
      {
        onLoadDocument: ({ document }: Payload) => {
          for (let i = 0; i < 5_000; i++) document.getText("text").insert(0, "x");
        },
      },
    ]);
    const ann = await stage.join("notes");
    await stage.settle();
    expect([ann.closed, ann.text.length]).toEqual([null, 5_000]);
    expect(await stage.world.storedText("notes")).toHaveLength(5_000);
  });

  test("that extensions cannot load is tried again for the next one, and was never there", async () => {
    let isDown = true;
    const seen: string[] = [];
    const stage = await Stage.with([
      {
        onLoadDocument: () => (isDown ? Promise.reject(new Error("database down")) : undefined),
        onDisconnect: () => void seen.push("onDisconnect"),
        afterUnloadDocument: () => void seen.push("afterUnloadDocument"),
      },
    ]);
    const ann = await stage.join("notes");
    expect(ann.closed).toMatchObject({ code: "INTERNAL", row: { retry: "backoff" } });
    expect(stage.instance.documents.size).toBe(0);
    expect(stage.plugin.counts).toMatchObject({ hostedDocuments: 0, hostedBytes: 0 });
    isDown = false;
    expect((await stage.join("notes")).session.state).toBe("live");
    expect(seen).toEqual([]);
  });

  test("takes Y.Doc options from hooks", async () => {
    const stage = await Stage.with([{ onCreateDocument: () => ({ gc: false }) }]);
    await stage.join("notes");
    expect(stage.instance.documents.get("notes")?.gc).toBe(false);
  });

  test("is not made where no hook can see it", async () => {
    const stage = await Stage.with([{ onConnect: () => undefined, onAuthenticate: () => undefined }]);
    const ann = await stage.join("notes");
    ann.type("a");
    await stage.settle();
    expect(stage.instance.documents.size).toBe(0);
    expect(stage.instance.getDocumentsCount()).toBe(1);
    const { observer } = stage.plugin;
    expect([observer?.accepted, observer?.announced, observer?.guard, observer?.evicting]).toEqual(
      Array(4).fill(undefined),
    );
  });

  test("is more than extensions may have in memory: its clients are told to come back", async () => {
    const stage = await Stage.with([SEES_DOCUMENTS], { configuration: { maxHostedBytes: 100 } });
    const ann = await stage.join("notes");
    ann.type("a".repeat(100));
    await stage.settle();
    expect(stage.plugin.counts).toMatchObject({ hostedDocuments: 1 });
    expect((await stage.join("other")).closed).toMatchObject({
      code: "SERVER_FULL",
      row: { retry: "backoff" },
    });
    ann.vanish();
    await stage.advance(30_000);
    expect(stage.plugin.counts).toEqual({
      hostedDocuments: 0,
      hostedBytes: 0,
      pendingStores: 0,
      failingStores: 0,
    });
    expect((await stage.join("other")).session.state).toBe("live");
  });
});

describe("a Y.Doc that says something else than the room", () => {
  test("because an extension wrote what is refused is made anew without it", async () => {
    const stage = await Stage.with([SEES_DOCUMENTS]);
    const ann = await stage.join("notes");
    ann.type("a");
    await stage.settle();
    const former = stage.instance.documents.get("notes");
    // Deeper than any document may be.
    let map = former?.getMap("map");
    former?.transact(() => {
      for (let i = 0; i < 300; i++) map = map?.set("deeper", new Y.Map()) as Y.Map<unknown>;
    });
    await stage.settle();
    const document = stage.instance.documents.get("notes");
    expect(document).not.toBe(former);
    expect(former?.isDestroyed).toBe(true);
    expect(stage.reports).toMatchObject([
      { type: "hook-failed", hook: "document", error: { code: "UPDATE_TOO_LARGE" } },
    ]);
    ann.type("b");
    document?.getText("text").insert(0, "> ");
    await stage.settle();
    expect(ann.text).toBe("> ab");
    expectSame(document, await freshCopy(stage, "notes"));
  });

  test("has everybody's presence, and its observers are set again", async () => {
    const loads: HostedDocument[] = [];
    const stage = await Stage.with([
      {
        afterLoadDocument: ({ document }: Payload) => void loads.push(document),
        onAwarenessUpdate: () => undefined,
      },
    ]);
    const ann = await stage.join("notes");
    ann.show({ name: "Ann" });
    await stage.settle();
    const former = stage.instance.documents.get("notes");
    former?.transact(() => {
      let map = former.getMap("map");
      for (let i = 0; i < 300; i++) map = map.set("deeper", new Y.Map());
    });
    await stage.settle();
    const document = stage.instance.documents.get("notes");
    expect([...(document?.awareness.getStates().values() ?? [])]).toEqual([{ name: "Ann" }]);
    expect(loads).toEqual([former, document]);
    expect(document?.isLoading).toBe(false);
  });

  test("is not what an observer makes of it that throws: that is reported, and all goes on", async () => {
    const stage = await Stage.with([
      {
        afterLoadDocument: ({ document }: Payload) => {
          document.getText("text").observe(() => {
            throw new Error("a bug in the observer");
          });
        },
      },
    ]);
    const ann = await stage.join("notes");
    const document = stage.instance.documents.get("notes");
    ann.type("a");
    await stage.settle();
    expect(stage.reported).toEqual(["observer of the document hook-failed: a bug in the observer"]);
    expect(stage.instance.documents.get("notes")).toBe(document);
    expect(textOf(document)).toBe("a");
  });
});

describe("changes that come faster than extensions take them", () => {
  test("are told together, and nothing is left out", async () => {
    const gates: PromiseWithResolvers<void>[] = [];
    const updates: Uint8Array[] = [];
    const stage = await Stage.with([
      {
        onChange: ({ update }: Payload) => {
          updates.push(update);
          const gate = Promise.withResolvers<void>();
          gates.push(gate);
          return gate.promise;
        },
      },
    ]);
    const ann = await stage.join("notes");
    for (let i = 0; i < 200; i++) ann.type("x");
    ann.erase(0, 1);
    await stage.settle();
    expect(updates).toHaveLength(64);
    gates[0]?.resolve();
    await stage.settle();
    expect(updates).toHaveLength(65);
    const copy = new Y.Doc();
    for (const update of updates) Y.applyUpdate(copy, update);
    expectSame(copy, ann.doc);
  });
});

/** What somebody does; `who` 0 and 1 are clients, 2 is an extension. */
const STEP = fc.record({
  who: fc.nat(2),
  what: fc.constantFrom("insert", "delete", "set", "unset", "come", "turn"),
  at: fc.nat(40),
  text: fc.string({ minLength: 1, maxLength: 4, unit: "grapheme-ascii" }),
});

test("whatever clients and an extension write at once, the Y.Doc is what a client has that comes", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(STEP, { maxLength: 40 }), async (steps) => {
      const stage = await Stage.with([SEES_DOCUMENTS]);
      const clients: Client[] = [await stage.join("notes"), await stage.join("notes")];
      const document = stage.instance.documents.get("notes") as HostedDocument;
      for (const { who, what, at, text } of steps) {
        const doc = clients[who]?.doc ?? document;
        const content = doc.getText("text");
        if (what === "insert") content.insert(Math.min(at, content.length), text);
        else if (what === "delete" && content.length > 0) content.delete(at % content.length, 1);
        else if (what === "set") doc.getMap("map").set(text, at);
        else if (what === "unset") doc.getMap("map").delete(text);
        else if (what === "come" && who < 2) clients[who] = await stage.join("notes");
        else if (what === "turn") await stage.world.settle();
      }
      await stage.settle();
      expect(stage.instance.documents.get("notes")).toBe(document);
      const fresh = await freshCopy(stage, "notes");
      expectSame(document, fresh);
      for (const { doc } of clients) expectSame(doc, fresh);
      expect(stage.reported).toEqual([]);
    }),
    { numRuns: 60 },
  );
});
