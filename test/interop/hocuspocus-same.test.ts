/** The same extensions in Hocuspocus itself and in Joinery, with the same provider: what is seen must be the same. */

import { SkipFurtherHooksError } from "@hocuspocus/common";
import { type Extension, Server as HocuspocusServer, type onConfigurePayload } from "@hocuspocus/server";
import { createServer, MemoryStorage } from "@joinery/server";
import { expect, onTestFinished, test, vi } from "vitest";
import { HocuspocusPeer } from "../support/hocuspocus-peer.ts";
import { until } from "../support/until.ts";

/** One of the two servers, with somebody who writes down what is to be compared. */
interface Stage {
  readonly url: string;
  readonly instance: onConfigurePayload["instance"];
  readonly log: Log;
  join(document?: string): HocuspocusPeer;
}

class Log {
  readonly lines: string[] = [];

  add(...what: readonly unknown[]): void {
    this.lines.push(JSON.stringify(what));
  }

  /** Resolves when something was written down that begins with this. */
  async has(word: string, times = 1): Promise<void> {
    const count = () => this.lines.filter((line) => line.startsWith(`["${word}"`)).length;
    await until(`${word}, ${times} times`, () => count() >= times, { saw: () => this.lines });
  }
}

type Kind = "Hocuspocus" | "Joinery";

const QUIET = { debug: () => 0, info: () => 0, warn: () => 0, error: () => 0 };

async function open(kind: Kind, log: Log, extensions: readonly Extension[]): Promise<Stage> {
  const found = Promise.withResolvers<Stage["instance"]>();
  const finder: Extension = { onConfigure: async ({ instance }) => found.resolve(instance) };
  const all = [...extensions, finder];
  const [port, close] = await (kind === "Joinery" ? listenJoinery(all) : listenHocuspocus(all));
  const peers: HocuspocusPeer[] = [];
  onTestFinished(async () => {
    for (const peer of peers) peer.leave();
    await close();
  });
  const url = `127.0.0.1:${port}`;
  const join = (document = "notes") => {
    const peer = new HocuspocusPeer(4, `ws://${url}`, document, { token: "any" });
    peers.push(peer);
    return peer;
  };
  return { url: `http://${url}`, instance: await found.promise, log, join };
}

async function listenJoinery(extensions: Extension[]): Promise<[number, () => Promise<unknown>]> {
  const server = createServer({
    storage: new MemoryStorage(),
    logger: QUIET,
    idleRoomMs: 50,
    extensions,
    hocuspocus: { debounce: 50 },
  });
  const { port } = await server.listen({ port: 0 });
  return [port, () => server.close()];
}

async function listenHocuspocus(extensions: Extension[]): Promise<[number, () => Promise<unknown>]> {
  const options = { address: "127.0.0.1", quiet: true, stopOnSignals: false, debounce: 50 };
  const server = new HocuspocusServer({ ...options, extensions });
  await server.listen(0);
  return [server.address.port, () => server.destroy()];
}

interface Scenario {
  readonly extensions: (log: Log) => readonly Extension[];
  readonly play: (stage: Stage) => Promise<void>;
}

/** Somebody is refused, and asks once. */
async function beRefused({ join, log }: Stage): Promise<void> {
  const ann = join();
  await until("the refusal", () => ann.denials.length > 0);
  log.add("told", ann.denials[0]);
}

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  "a day in the life of a document": {
    extensions: (log) => [recorder(log)],
    async play({ join, log }) {
      const ann = await join().synced();
      await log.has("beforeHandleAwareness");
      ann.text.insert(0, "a");
      await log.has("afterStoreDocument");
      ann.provider.sendStateless("hello");
      await log.has("onStateless");
      ann.text.insert(1, "b");
      await ann.saved();
      ann.leave();
      await log.has("afterUnloadDocument");
    },
  },
  "a context that hooks fill": {
    extensions: (log) => [
      {
        async onConnect({ context }) {
          context.connected = true;
          return { a: 1 };
        },
      },
      {
        async onAuthenticate({ context }) {
          context.seen = { ...context };
          return { b: 2 };
        },
        async connected({ context }) {
          context.late = true;
        },
        async onChange({ context, connection }) {
          log.add("onChange", context, connection?.context === context);
        },
        async onDisconnect({ context }) {
          log.add("onDisconnect", context);
        },
      },
    ],
    async play({ join, log }) {
      const ann = await join().synced();
      ann.text.insert(0, "a");
      await log.has("onChange");
      ann.leave();
      await log.has("onDisconnect");
    },
  },
  "somebody who may only read": {
    extensions: (log) => [
      {
        async onAuthenticate({ connectionConfig }) {
          connectionConfig.readOnly = true;
        },
        async connected({ connection, connectionConfig }) {
          log.add(
            "connected",
            connection.readOnly,
            connectionConfig.readOnly,
            connectionConfig.isAuthenticated,
          );
        },
        async onStateless({ document, connection }) {
          log.add("onStateless", document.getText("text").toString());
          connection.sendStateless("done");
        },
      },
    ],
    async play({ join, log }) {
      const ann = await join().synced();
      ann.text.insert(0, "a");
      ann.provider.sendStateless("look");
      await until("the answer", () => ann.stateless.length > 0);
      log.add("told", ann.scopes, ann.provider.hasUnsyncedChanges);
    },
  },
  "a refusal with a reason": {
    extensions: () => [{ onAuthenticate: () => Promise.reject({ reason: "because" }) }],
    play: beRefused,
  },
  "a refusal with an error": {
    extensions: () => [{ onConnect: () => Promise.reject(new Error("secret")) }],
    play: beRefused,
  },
  "a refusal with nothing": {
    extensions: (log) => [
      { onAuthenticate: () => Promise.reject() },
      { onAuthenticate: async () => log.add("never") },
    ],
    play: beRefused,
  },
  "stateless messages to all, to some and to one": {
    extensions: () => [
      {
        async onStateless({ document, connection, payload }) {
          document.broadcastStateless(`all ${payload}`);
          document.broadcastStateless("others", (other) => other !== connection);
          connection.sendStateless("you");
        },
      },
    ],
    async play({ join, log }) {
      const [ann, ben] = [await join().synced(), await join().synced()];
      ann.provider.sendStateless("hello");
      await until("both to hear", () => ann.stateless.length + ben.stateless.length === 4);
      log.add("heard", ann.stateless, ben.stateless);
    },
  },
  "an extension that skips those after it": {
    extensions: (log) => [
      {
        async onStoreDocument() {
          log.add("first");
          throw new SkipFurtherHooksError();
        },
      },
      {
        onStoreDocument: async () => log.add("second"),
        afterStoreDocument: async () => log.add("after"),
        afterUnloadDocument: async () => log.add("unloaded"),
      },
    ],
    async play({ join, log }) {
      const ann = await join().synced();
      ann.text.insert(0, "a");
      await log.has("first");
      ann.leave();
      await log.has("unloaded");
    },
  },
  "priorities, and a token that is asked for again": {
    extensions: (log) => [
      { onTokenSync: async () => log.add("middle") },
      {
        priority: 1,
        async onTokenSync({ connection, token }) {
          log.add("last", token);
          connection.readOnly = true;
          connection.sendStateless("done");
        },
      },
      {
        priority: 1000,
        onTokenSync: async () => log.add("first"),
        onStateless: async ({ connection }) => connection.requestToken(),
      },
    ],
    async play({ join, log }) {
      const ann = await join().synced();
      ann.provider.sendStateless("ask me");
      await until("the end of it", () => ann.stateless.includes("done"));
      log.add("end");
    },
  },
  "an extension that writes while somebody writes": {
    extensions: (log) => [
      {
        async onChange({ document, transactionOrigin, connection, clientsCount, context }) {
          const text = document.getText("text");
          log.add(
            "onChange",
            text.toString(),
            transactionOrigin === "robot",
            !connection,
            clientsCount,
            context,
          );
          if (text.toString() === "a") document.transact(() => text.insert(1, "!"), "robot");
        },
      },
    ],
    async play({ join, log }) {
      const ann = await join().synced();
      ann.text.insert(0, "a");
      await ann.reads("a!");
      await log.has("onChange", 2);
      await ann.saved();
    },
  },
  "a direct connection": {
    extensions: (log) => [
      {
        onConnect: async () => log.add("never"),
        onLoadDocument: async ({ context, connectionConfig }) =>
          log.add("onLoadDocument", context, connectionConfig.readOnly, connectionConfig.isAuthenticated),
        onChange: async ({ context, socketId, clientsCount }) =>
          log.add("onChange", context, socketId, clientsCount),
        onStoreDocument: async ({ document, lastContext, clientsCount }) =>
          log.add("onStoreDocument", document.getText("text").toString(), lastContext, clientsCount),
        onDisconnect: async ({ context, socketId, clientsCount }) =>
          log.add("onDisconnect", context, socketId, clientsCount),
        afterUnloadDocument: async () => log.add("afterUnloadDocument"),
      },
    ],
    async play({ instance, log }) {
      const direct = await instance.openDirectConnection("notes", { who: "robot" });
      log.add("counts", instance.getConnectionsCount(), instance.getDocumentsCount());
      const write = (text: string) =>
        direct.transact((document) => {
          document.getText("text").insert(0, text);
          if (text === "half") throw new Error("half of it");
        });
      await write("a");
      await expect(write("half")).rejects.toThrow("half of it");
      await direct.disconnect();
      await expect(write("late")).rejects.toThrow("direct connection closed");
      await log.has("afterUnloadDocument");
    },
  },
  "a request with a body": {
    extensions: () => [
      {
        async onRequest({ request, response }) {
          let text = "";
          for await (const chunk of request) text += String(chunk);
          response.writeHead(201).end(`read ${text}`);
          throw null;
        },
      },
    ],
    async play({ url, log }) {
      const answer = await fetch(`${url}/hook`, { method: "POST", body: "a body" });
      log.add("answered", answer.status, await answer.text());
    },
  },
};

/** Hooks in the order in which they are called, but for those about messages: which of these come depends on the provider. */
function recorder(log: Log): Extension {
  const names = [
    ...["onConfigure", "onListen", "onUpgrade", "onConnect", "onAuthenticate", "onCreateDocument"],
    ...["onLoadDocument", "afterLoadDocument", "connected", "onChange", "onStoreDocument"],
    ...["afterStoreDocument", "onStateless", "onDisconnect", "beforeUnloadDocument", "afterUnloadDocument"],
  ];
  const record = (name: string) => async (payload: object) => {
    // Hocuspocus gives more than it says.
    const fields = Object.keys(payload).filter((field) => field !== "defaultContext");
    log.add(name, ...fields.sort());
  };
  const hooks = Object.fromEntries(names.map((name) => [name, record(name)]));
  return { ...hooks, beforeHandleAwareness: async () => void log.lines.push('["beforeHandleAwareness"]') };
}

const withoutMessages = (lines: readonly string[]) =>
  lines.filter((line) => !line.startsWith('["beforeHandleAwareness"'));

test.each(Object.keys(SCENARIOS))("%s is the same", async (name) => {
  // Hocuspocus says there what its hooks throw.
  const silenced = vi.spyOn(console, "error").mockImplementation(() => undefined);
  onTestFinished(() => silenced.mockRestore());
  const { extensions, play } = SCENARIOS[name] as Scenario;
  const seen: string[][] = [];
  for (const kind of ["Hocuspocus", "Joinery"] as const) {
    const log = new Log();
    await play(await open(kind, log, extensions(log)));
    seen.push(withoutMessages(log.lines));
  }
  const [there, here] = seen;
  expect(there?.length).toBeGreaterThan(0);
  expect(here).toEqual(there);
});
