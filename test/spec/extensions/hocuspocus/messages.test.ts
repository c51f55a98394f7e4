import { Forbidden } from "@hocuspocus/common";
import { IncomingMessage } from "@hocuspocus/server";
import * as decoding from "lib0/decoding";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import type { HostedConnection } from "../../../../server/src/extensions/hocuspocus/hosted-connection.ts";
import type { HostedDocument } from "../../../../server/src/extensions/hocuspocus/hosted-document.ts";
import { Stage } from "./stage.ts";

interface Payload {
  readonly update: Uint8Array;
  readonly document: HostedDocument;
  readonly connection: HostedConnection;
  readonly states: Map<number, Record<string, unknown>>;
  readonly payload: string;
  readonly type: number;
}

/** A message as Hocuspocus itself reads it: the document's name, the kind, and the type of a sync message. */
function read(update: Uint8Array): unknown[] {
  const message = new IncomingMessage(update);
  const name = message.readVarString();
  const kind = message.readVarUint();
  if (kind === 0) return [name, "sync", message.readVarUint(), message.readVarUint8Array()];
  if (kind === 5) return [name, "stateless", message.readVarString()];
  const bytes = message.readVarUint8Array();
  return [name, kind === 1 ? "awareness" : kind, decoding.readVarUint(decoding.createDecoder(bytes))];
}

describe("what a client sends", () => {
  test("is shown in the bytes of Hocuspocus, whatever dialect it speaks", async () => {
    const messages: unknown[][] = [];
    const stage = await Stage.with([
      { beforeHandleMessage: ({ update }: Payload) => void messages.push(read(update)) },
    ]);
    const ann = await stage.join("notes");
    ann.type("a");
    ann.show({ name: "Ann" });
    stage.say(ann, "hello");
    ann.session.signal({ to: { kind: "others" }, name: "ping", payload: new TextEncoder().encode("[1]") });
    await stage.settle();
    expect(messages.map((message) => message.slice(0, 3))).toEqual([
      ["notes", "sync", 0],
      ["notes", "sync", 1],
      ["notes", "sync", 2],
      ["notes", "awareness", 1],
      ["notes", "stateless", "hello"],
      ["notes", "stateless", '{"name":"ping","payload":[1]}'],
    ]);
    const copy = new Y.Doc();
    Y.applyUpdate(copy, messages[2]?.[3] as Uint8Array);
    expect(copy.getText("text").toString()).toBe("a");
  });

  test("is let in when the hooks before it are done, in order, and told of when it is in the document", async () => {
    const told: string[] = [];
    const stage = await Stage.with([
      {
        beforeHandleMessage: async ({ update, document }: Payload) => {
          if (read(update)[2] === 2) told.push(`before ${document.getText("text").toString()}`);
        },
        beforeSync: ({ type }: Payload) => void (type === 2 && told.push("sync")),
        afterHandleMessage: ({ update, document }: Payload) => {
          if (read(update)[2] === 2) told.push(`after ${document.getText("text").toString()}`);
        },
      },
    ]);
    const ann = await stage.join("notes");
    ann.type("a");
    ann.type("b");
    await stage.settle();
    expect(told).toEqual(["before ", "sync", "after a", "before a", "sync", "after ab"]);
  });

  test("waits while a hook takes its time; what others send does not", async () => {
    const gate = Promise.withResolvers<void>();
    const stage = await Stage.with([
      {
        beforeSync: ({ connection, type }: Payload) =>
          type === 2 && connection.socketId === "ann" ? gate.promise : undefined,
      },
    ]);
    const ann = await stage.join("notes", { socketId: "ann" });
    const ben = await stage.join("notes", { socketId: "ben" });
    ann.type("a");
    ben.type("b");
    await stage.settle();
    expect(stage.instance.documents.get("notes")?.getText("text").toString()).toBe("b");
    gate.resolve();
    await stage.settle();
    expect(stage.instance.documents.get("notes")?.getText("text").toString()).toHaveLength(2);
  });

  test.each([
    [Forbidden, "PERMISSION_DENIED"],
    [new Error("no"), "INTERNAL"],
    [{ code: 4205, reason: "Reset Connection" }, "INTERNAL"],
  ])("and a hook refuses with %s closes the connection, and is not in the document", async (thrown, code) => {
    const stage = await Stage.with([
      {
        beforeHandleMessage: ({ update }: Payload) => (read(update)[2] === 2 ? Promise.reject(thrown) : null),
      },
    ]);
    const ann = await stage.join("notes");
    const ben = await stage.join("notes");
    ann.type("a");
    await stage.settle();
    expect(ann.closed).toMatchObject({ code });
    expect([ben.text, ben.closed]).toEqual(["", null]);
  });

  test("is not looked at for a hook that there is not", async () => {
    const stage = await Stage.with([{ beforeHandleAwareness: () => undefined }]);
    const ann = await stage.join("notes");
    const { guard } = stage.plugin.observer ?? {};
    expect(
      guard?.before(ann.session, { kind: "update", update: Uint8Array.of(0, 0), isAnswer: false }),
    ).toBeNull();
    expect(guard?.before(ann.session, { kind: "presence", entries: [] })).not.toBeNull();
  });
});

describe("what a client announces", () => {
  test("is changed by extensions, one after the other", async () => {
    const stage = await Stage.with([
      {
        beforeHandleAwareness: ({ states }: Payload) => {
          for (const state of states.values()) state.name = `${state.name} (checked)`;
        },
      },
      {
        beforeHandleAwareness: ({ states }: Payload) => {
          for (const [id, state] of states) states.set(id, { ...state, by: "server" });
          states.set(4711, { name: "Robot" });
        },
      },
    ]);
    const ann = await stage.join("notes");
    const ben = await stage.join("notes");
    ann.show({ name: "Ann" });
    await stage.settle();
    expect(ben.awareness.getStates().get(ann.doc.clientID)).toEqual({ name: "Ann (checked)", by: "server" });
    expect(ben.awareness.getStates().get(4711)).toEqual({ name: "Robot" });
    ann.show(null);
    await stage.settle();
    expect(ben.awareness.getStates().has(ann.doc.clientID)).toBe(false);
  });

  test("is dropped where an extension removes it or throws, and the client stays", async () => {
    const stage = await Stage.with([
      {
        beforeHandleAwareness: ({ states }: Payload) => {
          for (const [id, { name }] of states) {
            if (name === "Nobody") states.delete(id);
            if (name === "Thrown") throw Forbidden;
          }
        },
      },
    ]);
    const ben = await stage.join("notes");
    const ann = await stage.join("notes");
    ann.show({ name: "Nobody" });
    await stage.settle();
    const isSeen = () => ben.awareness.getStates().has(ann.doc.clientID);
    expect([isSeen(), ann.closed]).toEqual([false, null]);
    ann.show({ name: "Thrown" });
    await stage.settle();
    expect(isSeen()).toBe(false);
  });

  test("and is no state is refused as without extensions", async () => {
    const stage = await Stage.with([{ beforeHandleAwareness: () => undefined }]);
    const ann = await stage.join("notes");
    ann.show("text" as unknown as Record<string, unknown>);
    await stage.settle();
    expect(stage.world.eventsOf("input-refused")).toMatchObject([{ error: { code: "MALFORMED_UPDATE" } }]);
    expect(stage.reported).toEqual([]);
  });
});

describe("stateless messages", () => {
  test("go to extensions and not to other clients; what those broadcast goes to whom they say", async () => {
    const broadcasts: string[] = [];
    const stage = await Stage.with([
      {
        onStateless: ({ payload, document, connection }: Payload) => {
          document.broadcastStateless(`${payload} to others`, (other) => other !== connection);
          connection.sendStateless(`${payload} back`);
          document.relayStateless("relayed");
        },
        beforeBroadcastStateless: ({ payload }: Payload) => void broadcasts.push(payload),
      },
    ]);
    const ann = await stage.join("notes");
    const ben = await stage.join("notes");
    const away = await stage.join("other");
    stage.say(ann, "hello");
    await stage.settle();
    expect([stage.heard(ann), stage.heard(ben), stage.heard(away)]).toEqual([
      ["hello back", "relayed"],
      ["hello to others", "relayed"],
      [],
    ]);
    expect(broadcasts).toEqual(["hello to others"]);
  });

  test("wait when sixteen of one client are not finished", async () => {
    const gates: PromiseWithResolvers<void>[] = [];
    const stage = await Stage.with([
      {
        onStateless: () => {
          const gate = Promise.withResolvers<void>();
          gates.push(gate);
          return gate.promise;
        },
      },
    ]);
    const ann = await stage.join("notes");
    for (let i = 0; i < 20; i++) stage.say(ann, `${i}`);
    await stage.settle();
    expect(gates).toHaveLength(16);
    gates[15]?.resolve();
    await stage.settle();
    expect(gates).toHaveLength(17);
  });
});

describe("a connection that an extension closes", () => {
  test.each([
    [undefined, "SERVER_DRAINING"],
    [{ code: 4205, reason: "Reset Connection" }, "SERVER_DRAINING"],
    [Forbidden, "PERMISSION_DENIED"],
  ])("with %j is told to come back or not", async (event, code) => {
    const told: unknown[] = [];
    const stage = await Stage.with([
      {
        onStateless: ({ connection }: Payload) => {
          connection.onClose((_document, closed) => void told.push(closed));
          connection.close(event);
        },
        onDisconnect: ({ clientsCount }: { clientsCount: number }) => void told.push(clientsCount),
      },
    ]);
    const ann = await stage.join("notes");
    await stage.join("notes");
    stage.say(ann, "bye");
    await stage.settle();
    expect(ann.closed).toMatchObject({ code });
    expect(told).toEqual([event, 1]);
  });

  test("with all others of a document leaves those of other documents alone", async () => {
    const stage = await Stage.with([{ onDisconnect: () => undefined }]);
    const ann = await stage.join("notes", { socketId: "1" });
    const ben = await stage.join("other", { socketId: "1" });
    expect(stage.instance.getConnectionsCount()).toBe(1);
    stage.instance.closeConnections("notes");
    await stage.settle();
    expect([ann.closed?.row.retry, ben.closed]).toEqual(["backoff", null]);
    stage.instance.closeConnections();
    expect(ben.closed?.row.retry).toBe("backoff");
  });
});
