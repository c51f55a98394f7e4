/**
 * The published Hocuspocus providers where somebody decides who may open what: real sockets, in this process, so that
 * the one who decides is the test.
 */

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { DEFAULT_LIMITS, JoineryError } from "@joinery/shared";
import * as v from "valibot";
import { describe, expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import type { Permission } from "../../server/src/engine/rights.ts";
import { Rights } from "../../server/src/engine/rights.ts";
import { Rooms } from "../../server/src/engine/rooms.ts";
import type { SignalHandlers } from "../../server/src/engine/signals.ts";
import { SYSTEM_CLOCK, SYSTEM_RANDOM } from "../../server/src/node/clock.ts";
import type {
  Admission,
  AdmissionRequest,
  Admissions,
  Renewal,
} from "../../server/src/protocols/admission.ts";
import { bySubprotocol } from "../../server/src/protocols/by-subprotocol.ts";
import { MemoryStorage } from "../../server/src/storage/memory.ts";
import { Connections } from "../../server/src/transports/connections.ts";
import { LimitHits } from "../../server/src/transports/limit-hits.ts";
import { WebSocketTransport } from "../../server/src/transports/websocket.ts";
import {
  HocuspocusPeer,
  type HocuspocusPeerOptions,
  openProviderSocket,
  PROVIDER_VERSIONS,
  type ProviderVersion,
} from "../support/hocuspocus-peer.ts";
import { until } from "../support/until.ts";

const PERMISSIONS = new Map<string, Permission>([
  ["writer", "write"],
  ["reader", "read"],
]);

/** Tokens name what their bearer may do, and may run out. */
class Gate implements Admissions {
  readonly needsToken = true;
  readonly isAuthenticating = true;
  readonly requests: AdmissionRequest[] = [];
  readonly renewed: string[] = [];

  async admit(request: AdmissionRequest): Promise<Admission> {
    this.requests.push(request);
    await new Promise((resolve) => setImmediate(resolve));
    const rights = this.#read(request.token ?? "");
    const renew = async (token: string): Promise<Renewal> => {
      this.renewed.push(token);
      return { rights: this.#read(token) };
    };
    return { author: request.token ?? "", rights, renew };
  }

  #read(token: string): Rights {
    const permission = PERMISSIONS.get(token);
    if (permission) return Rights.from(permission);
    throw new JoineryError("PERMISSION_DENIED", `"${token}" is no good`);
  }
}

async function openServer(): Promise<{ wsUrl: string; gate: Gate; handlers: SignalHandlers }> {
  const storage = new MemoryStorage();
  await storage.open();
  const [clock, limits, hits, gate] = [SYSTEM_CLOCK, DEFAULT_LIMITS, new LimitHits(), new Gate()];
  const handlers: SignalHandlers = new Map();
  const log = { report: () => undefined };
  const rooms = new Rooms({ storage, clock, random: SYSTEM_RANDOM, log, signalHandlers: handlers });
  const heartbeat = { intervalMs: 15_000, timeoutMs: 10_000 };
  const connections = new Connections({ clock, heartbeat, maxConnections: 100 });
  const transport = new WebSocketTransport({
    clock,
    rooms,
    connections,
    limits,
    hits,
    report: () => undefined,
  });
  const start = bySubprotocol({
    clock,
    limits,
    agent: "joinery",
    keepAliveMs: 15_000,
    capabilities: 0,
    onLimit: (limit) => hits.count(limit),
  });
  const httpServer = createServer();
  httpServer.on("upgrade", (request: IncomingMessage, socket, head) => {
    transport.accept(request, socket, head, {
      path: "notes",
      address: "1.2.3.4",
      token: null,
      admissions: gate,
      start,
    });
  });
  await new Promise<void>((resolve) => httpServer.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    await rooms.drain(1_000);
    await transport.close(new JoineryError("SERVER_DRAINING", "over"));
    httpServer.close();
  });
  return { wsUrl: `ws://127.0.0.1:${(httpServer.address() as AddressInfo).port}`, gate, handlers };
}

function join(wsUrl: string, version: ProviderVersion, options: HocuspocusPeerOptions): HocuspocusPeer {
  const peer = new HocuspocusPeer(version, wsUrl, "notes", options);
  onTestFinished(() => peer.leave());
  return peer;
}

describe.each(PROVIDER_VERSIONS)("provider %i", (version) => {
  test("shows its token, and its version where it says so", async () => {
    const { wsUrl, gate } = await openServer();
    await join(wsUrl, version, { token: async () => "writer" }).synced();
    expect(gate.requests).toHaveLength(1);
    const [request] = gate.requests as [AdmissionRequest];
    expect(request).toMatchObject({ document: "notes", dialect: "hocuspocus", token: "writer" });
    expect(request.agent).toEqual(version === 4 ? expect.stringMatching(/^4\./) : null);
    expect(request.connection).toMatchObject({ address: "1.2.3.4", url: "/" });
    expect(request.connection.headers.upgrade).toBe("websocket");
  });

  test("that may only read is told so, gets everything, and its edits stay unsaved", async () => {
    const { wsUrl } = await openServer();
    const ann = await join(wsUrl, version, { token: "writer" }).synced();
    ann.text.insert(0, "hello");
    await ann.saved();
    const eve = await join(wsUrl, version, { token: "reader" }).synced();
    await eve.saved();
    expect(eve.provider.authorizedScope).toBe("readonly");
    await eve.reads("hello");
    eve.text.insert(0, "eve ");
    ann.text.insert(5, "!");
    await until("the next edit to arrive", () => eve.text.toString() === "eve hello!");
    ann.text.insert(6, "!");
    await until("the next edit to arrive", () => eve.text.toString() === "eve hello!!");
    await ann.saved();
    expect(eve.provider.unsyncedChanges).toBe(1);
    expect(ann.text.toString()).toBe("hello!!");
    expect(eve.denials).toEqual([]);
  });

  test("that is refused is told why, and may try again on the same connection", async () => {
    const { wsUrl, gate } = await openServer();
    let token = "nonsense";
    const socket = openProviderSocket(version, wsUrl);
    onTestFinished(() => socket.destroy());
    const ann = join(wsUrl, version, { token: () => token, socket });
    const ben = await join(wsUrl, version, { token: "writer" }).synced();
    ben.text.insert(0, "hello");
    await until("the refusal", () => ann.denials.length > 0);
    expect(ann.denials).toEqual(['"nonsense" is no good']);
    expect(ann.provider.isAuthenticated).toBe(false);

    ann.text.insert(0, "mine ");
    token = "writer";
    await retry(ann);
    await until("both to have both", () => [ann, ben].every(({ text }) => text.length === 10));
    await ann.saved();
    expect(ann.denials).toHaveLength(1);
    expect(new Set(gate.requests.map(({ connection }) => connection.id)).size).toBe(2);
  });

  test("that shows no token is refused where one is needed", async () => {
    const { wsUrl, gate } = await openServer();
    const ann = join(wsUrl, version, {});
    if (version === 2) {
      // It says nothing about tokens at all: it might be about to.
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(gate.requests).toEqual([]);
      expect(ann.provider.synced).toBe(false);
    } else {
      await until("the refusal", () => ann.denials.length > 0);
      expect(ann.denials).toEqual(['"" is no good']);
    }
  });
});

describe.each([3, 4] as const)("provider %i", (version) => {
  test("shows a new token when it is asked for one, and goes on as that says", async () => {
    const { wsUrl, gate } = await openServer();
    let token = "writer";
    const ann = await join(wsUrl, version, { token: () => token }).synced();
    await ann.saved();
    token = "reader";
    gate.requests[0]?.requestToken();
    await until("the scope", () => ann.provider.authorizedScope === "readonly");
    expect(gate.renewed).toEqual(["reader"]);
    token = "nonsense";
    gate.requests[0]?.requestToken();
    await until("the refusal", () => ann.denials.length > 0);
    expect(ann.denials).toEqual(['"nonsense" is no good']);
  });

  test("that may only read for a while has all saved once it may write again", async () => {
    const { wsUrl, gate } = await openServer();
    let token = "reader";
    const ann = await join(wsUrl, version, { token: () => token }).synced();
    await ann.saved();
    for (let i = 0; i < 3; i++) ann.text.insert(0, "x");
    const renewed = async (): Promise<void> => {
      const { length } = gate.renewed;
      gate.requests[0]?.requestToken();
      await until("the token", () => gate.renewed.length > length);
    };
    await renewed();
    expect(ann.provider.unsyncedChanges).toBe(3);
    token = "writer";
    await renewed();
    await ann.saved();
    ann.text.insert(0, "y");
    expect(ann.provider.unsyncedChanges).toBe(1);
    await ann.saved();
    await join(wsUrl, version, { token: "reader" }).reads("yxxx");
  });
});

test.each(PROVIDER_VERSIONS)(
  "provider %i sends stateless messages to the application, and hears its own",
  async (version) => {
    const { wsUrl, handlers } = await openServer();
    const heard: string[] = [];
    handlers.set("stateless", {
      schema: v.string() as never,
      handle: (payload, { send }) => {
        heard.push(String(payload));
        send("stateless", `you said ${String(payload)}`);
      },
    });
    const ann = await join(wsUrl, version, { token: "writer" }).synced();
    const ben = await join(wsUrl, version, { token: "reader" }).synced();
    ann.provider.sendStateless('{"ünï":"code"}');
    ann.provider.sendStateless("");
    await until("the answers", () => ann.stateless.length === 2);
    expect(heard).toEqual(['{"ünï":"code"}', ""]);
    expect(ann.stateless).toEqual(['you said {"ünï":"code"}', "you said "]);
    expect(ben.stateless).toEqual([]);
  },
);

test.each(PROVIDER_VERSIONS)(
  "provider %i is told why its edit is refused, once, and its other document goes on",
  async (version) => {
    const { wsUrl } = await openServer();
    const socket = openProviderSocket(version, wsUrl);
    onTestFinished(() => socket.destroy());
    const eve = await join(wsUrl, version, { token: "writer", socket }).synced();
    const plans = new HocuspocusPeer(version, wsUrl, "plans", { token: "writer", socket });
    onTestFinished(() => plans.leave());
    await plans.synced();
    let map = eve.doc.getMap("deep");
    eve.doc.transact(() => {
      for (let i = 0; i < 300; i++) map = map.set("in", new Y.Map<unknown>()) as Y.Map<unknown>;
    });
    await until("the refusal", () => eve.denials.length > 0);
    expect(eve.denials[0]).toMatch(/deep/);
    expect(eve.provider.hasUnsyncedChanges).toBe(true);
    eve.text.insert(0, "on and on");
    plans.text.insert(0, "go on");
    await plans.saved();
    expect(plans.provider.synced).toBe(true);
    expect(eve.denials).toHaveLength(1);
  },
);

/** What an application does that has a better token now. */
async function retry({ version, provider }: HocuspocusPeer): Promise<void> {
  const retrying = provider as unknown as {
    connect(): Promise<unknown>;
    sendToken(): Promise<void>;
    startSync(): void;
  };
  if (version === 2) {
    await retrying.connect();
    return;
  }
  await retrying.sendToken();
  retrying.startSync();
}
