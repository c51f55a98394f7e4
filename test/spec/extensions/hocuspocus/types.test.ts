/** Extensions as applications write them: what is asked here is asked of the compiler. */

import { Database } from "@hocuspocus/extension-database";
import { Logger } from "@hocuspocus/extension-logger";
import { SQLite } from "@hocuspocus/extension-sqlite";
import { Throttle } from "@hocuspocus/extension-throttle";
import { Events, Webhook } from "@hocuspocus/extension-webhook";
import type { Extension, HookPayloadByName, onChangePayload } from "@hocuspocus/server";
import {
  createServer,
  type ExtensionDocument,
  type HocuspocusExtension,
  type HookPayloads,
  MemoryStorage,
} from "@joinery/server";
import { expect, expectTypeOf, test } from "vitest";
import * as Y from "yjs";
import type { DirectConnection } from "../../../../server/src/extensions/hocuspocus/direct-connection.ts";
import type { HostedConnection } from "../../../../server/src/extensions/hocuspocus/hosted-connection.ts";
import type { HostedDocument } from "../../../../server/src/extensions/hocuspocus/hosted-document.ts";
import type { HostInstance } from "../../../../server/src/extensions/hocuspocus/instance.ts";

test("the published extensions are extensions", () => {
  expectTypeOf<Extension>().toExtend<HocuspocusExtension>();
  for (const name of [Database, Logger, SQLite, Throttle, Webhook]) {
    expectTypeOf<InstanceType<typeof name>>().toExtend<HocuspocusExtension>();
  }
  expect(Events).toBeDefined();
});

test("what hooks are given is a part of what they are given there", () => {
  expectTypeOf<HookPayloadByName>().toExtend<HookPayloads>();
  expectTypeOf<keyof HookPayloadByName>().toEqualTypeOf<keyof HookPayloads>();
});

test("what hooks are given is there", () => {
  expectTypeOf<HostedDocument>().toExtend<ExtensionDocument>();
  expectTypeOf<HostedConnection>().toExtend<HookPayloads["connected"]["connection"]>();
  expectTypeOf<HostInstance>().toExtend<HookPayloads["onDestroy"]["instance"]>();
  type Direct = Awaited<ReturnType<HookPayloads["onDestroy"]["instance"]["openDirectConnection"]>>;
  expectTypeOf<DirectConnection>().toExtend<Direct>();
});

test("extensions that are written in place have their types by themselves", () => {
  const kept = new Map<string, Uint8Array>();
  const server = createServer({
    storage: new MemoryStorage(),
    extensions: [
      new Database({
        fetch: async ({ documentName }) => kept.get(documentName) ?? null,
        store: async ({ documentName, state }) => void kept.set(documentName, state),
      }),
      new Logger(),
      {
        priority: 200,
        async onAuthenticate(data) {
          if (data.token !== "super-secret-token") throw new Error("Not authorized!");
          data.connectionConfig.readOnly = data.requestParameters.get("mode") === "read";
          return { user: { id: 1234, name: "John" } };
        },
        async onLoadDocument(data) {
          if (!data.document.isEmpty("default")) return;
          const update: Uint8Array = Y.encodeStateAsUpdate(new Y.Doc());
          Y.applyUpdate(data.document, update);
        },
        async onChange({ document, context, update, transactionOrigin }) {
          expectTypeOf(update).toEqualTypeOf<Uint8Array>();
          expectTypeOf(transactionOrigin).toEqualTypeOf<unknown>();
          const id: number = context.user.id;
          document.broadcastStateless(String(id), ({ readOnly }) => !readOnly);
        },
        async onRequest({ request, response }) {
          if (request.url !== "/health") return;
          response.writeHead(200).end("ok");
          throw null;
        },
        async onDisconnect({ instance, documentName }) {
          const direct = await instance.openDirectConnection(documentName, { user: "system" });
          await direct.transact((document) => document.getMap("meta").set("left", true));
          await direct.disconnect();
        },
      },
      { onChange: async (data: onChangePayload) => void data.document.getConnectionsCount() },
    ],
    hocuspocus: {
      async onAwarenessUpdate({ states, added }) {
        expectTypeOf(added).toEqualTypeOf<number[]>();
        for (const state of states) expectTypeOf(state.clientId).toEqualTypeOf<number>();
      },
      async onStateless({ payload, connection }) {
        connection.sendStateless(payload);
      },
    },
  });
  expect(server.counts().hostedDocuments).toBe(0);
});
