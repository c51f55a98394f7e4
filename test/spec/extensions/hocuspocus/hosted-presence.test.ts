import { describe, expect, test } from "vitest";
import type { HostedConnection } from "../../../../server/src/extensions/hocuspocus/hosted-connection.ts";
import type { Client } from "../../../support/world.ts";
import { Stage } from "./stage.ts";

interface Payload {
  readonly connection?: HostedConnection;
  readonly added: number[];
  readonly updated: number[];
  readonly removed: number[];
  readonly states: { clientId: number; name?: string }[];
}

describe("presence in a document that extensions see", () => {
  test("is whose it is, and gone with them", async () => {
    const told: Payload[] = [];
    const stage = await Stage.with([{ onAwarenessUpdate: (payload: Payload) => void told.push(payload) }]);
    const ann = await stage.join("notes");
    ann.show({ name: "Ann" });
    await stage.settle();
    ann.show({ name: "Anna" });
    await stage.settle();
    const document = stage.instance.documents.get("notes");
    const [connection] = document?.getConnections() ?? [];
    expect(document?.hasAwarenessStates()).toBe(true);
    expect(connection && document?.getClients(connection)).toEqual(new Set([ann.doc.clientID]));
    ann.vanish();
    await stage.settle();
    const id = ann.doc.clientID;
    expect(told.map(({ added, updated, removed, states }) => ({ added, updated, removed, states }))).toEqual([
      { added: [id], updated: [], removed: [], states: [{ clientId: id, name: "Ann" }] },
      { added: [], updated: [id], removed: [], states: [{ clientId: id, name: "Anna" }] },
      { added: [], updated: [], removed: [id], states: [] },
    ]);
    expect(told[0]?.connection).toBe(connection);
    expect(document?.hasAwarenessStates()).toBe(false);
  });

  test("that changes faster than extensions take it is told together", async () => {
    const gates: PromiseWithResolvers<void>[] = [];
    const told: Payload[] = [];
    const stage = await Stage.with([
      {
        onAwarenessUpdate: (payload: Payload) => {
          told.push(payload);
          const gate = Promise.withResolvers<void>();
          gates.push(gate);
          return gate.promise;
        },
      },
    ]);
    const ann = await stage.join("notes");
    const ben = await stage.join("notes");
    for (let i = 0; i < 80; i++) ann.show({ name: `Ann ${i}` });
    ben.show({ name: "Ben" });
    ben.vanish();
    await stage.settle();
    expect(told).toHaveLength(64);
    gates[0]?.resolve();
    await stage.settle();
    const { added, updated, removed } = told[64] as Payload;
    expect([added, updated, removed]).toEqual([[], [ann.doc.clientID], [ben.doc.clientID]]);
  });
});

describe("presence that an extension sets itself", () => {
  test("is shown to clients while any are there, renewed, and gone when it is removed", async () => {
    const stage = await Stage.with([{ onChange: () => undefined }]);
    const ann = await stage.join("notes");
    const document = stage.instance.documents.get("notes");
    const id = document?.clientID ?? 0;
    document?.awareness.setLocalState({ name: "Robot" });
    await stage.settle();
    const isShown = (client: Client) => client.awareness.getStates().get(id);
    expect(isShown(ann)).toEqual({ name: "Robot" });
    expect(document?.getConnectionsCount()).toBe(1);
    document?.awareness.setLocalStateField("name", "Robot II");
    await stage.settle();
    const ben = await stage.join("notes");
    expect([isShown(ann), isShown(ben)]).toEqual([{ name: "Robot II" }, { name: "Robot II" }]);
    const renewed = ann.sent("presence").length;
    await stage.advance(15_000);
    expect(ann.sent("presence").length).toBe(renewed + 1);
    document?.awareness.setLocalState(null);
    await stage.settle();
    expect([isShown(ann), isShown(ben)]).toEqual([undefined, undefined]);
  });

  test("keeps no document in memory, and is there again for whoever comes before that", async () => {
    const stage = await Stage.with([{ onChange: () => undefined }]);
    const ann = await stage.join("notes");
    const document = stage.instance.documents.get("notes");
    document?.awareness.setLocalState({ name: "Robot" });
    await stage.settle();
    ann.vanish();
    await stage.advance(10_000);
    expect(stage.world.rooms.counts().sessions).toBe(0);
    const ben = await stage.join("notes");
    expect(ben.awareness.getStates().get(document?.clientID ?? 0)).toEqual({ name: "Robot" });
    ben.vanish();
    await stage.advance(30_000);
    expect(stage.world.rooms.counts().rooms).toBe(0);
    expect(stage.world.clock.pendingTimers).toBe(0);
  });
});
