import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { PassThrough } from "node:stream";
import { fileURLToPath } from "node:url";
import type { HookName as PublishedHookName } from "@hocuspocus/server";
import { describe, expect, test } from "vitest";
import { HOOKS, type HookName } from "../../../../server/src/extensions/hocuspocus/hooks.ts";
import { Stage } from "./stage.ts";

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));

type Payload = Record<string, unknown>;
type Calls = [HookName, Payload][];

/** Makes happen what a hook is called for. */
const SCENARIOS: { readonly [name in HookName]: (stage: Stage) => Promise<void> } = {
  onConfigure: async () => undefined,
  onListen: async ({ plugin }) => plugin.listening?.({ host: "127.0.0.1", port: 1 }),
  onUpgrade: async ({ plugin }) => {
    await plugin.upgrade?.(new IncomingMessage(new Socket()), new PassThrough(), Buffer.alloc(0));
  },
  onConnect: async (stage) => void (await stage.join("notes")),
  connected: async (stage) => void (await stage.join("notes")),
  onAuthenticate: async (stage) => void (await stage.join("notes", { token: "secret" })),
  onTokenSync: async (stage) => {
    const client = await stage.join("notes");
    await stage.admissions.get(client)?.renew?.("another");
  },
  onCreateDocument: async (stage) => void (await stage.join("notes")),
  onLoadDocument: async (stage) => void (await stage.join("notes")),
  afterLoadDocument: async (stage) => void (await stage.join("notes")),
  beforeHandleMessage: async (stage) => void (await stage.join("notes")),
  afterHandleMessage: async (stage) => void (await stage.join("notes")),
  beforeHandleAwareness: async (stage) => {
    (await stage.join("notes")).show({ name: "Ann" });
    await stage.settle();
  },
  beforeBroadcastStateless: async (stage) => {
    await stage.join("notes");
    stage.instance?.documents.get("notes")?.broadcastStateless("hello");
    await stage.settle();
  },
  beforeSync: async (stage) => void (await stage.join("notes")),
  onStateless: async (stage) => {
    stage.say(await stage.join("notes"), "hello");
    await stage.settle();
  },
  onChange: async (stage) => {
    (await stage.join("notes")).type("a");
    await stage.settle();
  },
  onStoreDocument: async (stage) => {
    (await stage.join("notes")).type("a");
    await stage.advance(2_000);
  },
  afterStoreDocument: async (stage) => {
    (await stage.join("notes")).type("a");
    await stage.advance(2_000);
  },
  onAwarenessUpdate: async (stage) => {
    (await stage.join("notes")).show({ name: "Ann" });
    await stage.settle();
  },
  onRequest: async ({ plugin }) => {
    const request = new IncomingMessage(new Socket());
    await plugin.request?.(request, new ServerResponse(request));
  },
  onDisconnect: async (stage) => {
    (await stage.join("notes")).vanish();
    await stage.settle();
  },
  beforeUnloadDocument: async (stage) => {
    (await stage.join("notes")).vanish();
    await stage.advance(30_000);
  },
  afterUnloadDocument: async (stage) => {
    (await stage.join("notes")).vanish();
    await stage.advance(30_000);
  },
  onDestroy: async ({ plugin }) => plugin.close?.(),
};

const NAMES = Object.keys(HOOKS) as HookName[];

/** An extension with one hook, and what that was called with. */
function listener(name: HookName): { calls: Calls; extension: { [hook in HookName]?: (p: never) => void } } {
  const calls: Calls = [];
  const extension = { [name]: (payload: Payload) => void calls.push([name, { ...payload }]) };
  return { calls, extension };
}

describe("every hook of Hocuspocus 4", () => {
  test("has a row in the table", () => {
    // Read from the published package: a newer one with another hook fails here.
    const types = readFileSync(
      fileURLToPath(new URL("index.d.ts", import.meta.resolve("@hocuspocus/server"))),
      "utf8",
    );
    const union = /type HookName =([^;]+);/.exec(types)?.[1] ?? "";
    const published = [...union.matchAll(/"(\w+)"/g)].map(([, name]) => name as PublishedHookName);
    expect(published.length).toBeGreaterThan(20);
    expect([...NAMES].sort()).toEqual([...published].sort());
  });

  test.each(NAMES)("%s is called with all fields of its payload", async (name) => {
    const { calls, extension } = listener(name);
    const stage = await Stage.with([extension]);
    await SCENARIOS[name](stage);
    const [[, payload] = [null, {}]] = calls;
    expect(calls.length).toBeGreaterThan(0);
    expect(Object.keys(payload).sort()).toEqual(Object.keys(HOOKS[name].payload).sort());
    const missing = Object.entries(payload).filter(([, value]) => value === undefined);
    expect(missing).toEqual([]);
    expect(stage.reported).toEqual([]);
  });

  test.each(NAMES)("%s that throws does what the table says", async (name) => {
    const throwing = { [name]: () => Promise.reject(new Error("no")), extensionName: "Refuser" };
    const outcome = await Stage.with([throwing])
      .then(
        async (stage) => {
          await SCENARIOS[name](stage);
          return { stage, refused: null };
        },
        (refused: unknown) => ({ stage: null, refused }),
      )
      .catch((refused: unknown) => ({ stage: null, refused }));
    OUTCOMES[HOOKS[name].onThrow](outcome.stage, outcome.refused, name);
  });

  test("is on the page, which is up to date", () => {
    const page = execFileSync(process.execPath, ["scripts/hocuspocus-page.ts", "--print"], { cwd: ROOT });
    expect(readFileSync(`${ROOT}/docs/hocuspocus.md`, "utf8")).toBe(page.toString());
  });
});

/** What is seen of each fate. */
const OUTCOMES: {
  readonly [fate in (typeof HOOKS)[HookName]["onThrow"]]: (
    stage: Stage | null,
    refused: unknown,
    name: HookName,
  ) => void;
} = {
  told: (stage, refused, name) => {
    expect(refused).toBeNull();
    expect(stage?.reported).toContain(`Refuser.${name} hook-failed: no`);
  },
  retried: (stage, refused, name) => {
    expect(refused).toBeNull();
    expect(stage?.reported).toContain(`Refuser.${name} hook-failed: no`);
    expect(stage?.plugin.counts).toMatchObject({ pendingStores: 1, failingStores: 1 });
  },
  refuses: (stage, refused) => {
    const told = stage?.world.events.some(({ type }) => type === "input-refused");
    const closed = [...(stage?.admissions.keys() ?? [])].some((client) => client.closed !== null);
    expect(refused !== null || told || closed).toBe(true);
  },
  vetoes: (stage) => {
    expect(stage?.world.rooms.counts().rooms).toBe(1);
  },
  stops: (_stage, refused) => {
    expect(refused).toMatchObject({ message: "no" });
  },
  answers: (stage, _refused, name) => {
    expect(stage?.reported).toContain(`Refuser.${name} hook-failed: no`);
  },
};
