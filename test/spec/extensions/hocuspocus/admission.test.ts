import { Forbidden } from "@hocuspocus/common";
import type { onConnectPayload } from "@hocuspocus/server";
import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import { Rights } from "../../../../server/src/engine/rights.ts";
import type { HostedConnection } from "../../../../server/src/extensions/hocuspocus/hosted-connection.ts";
import { Stage } from "./stage.ts";

interface Payload {
  readonly context: Record<string, unknown>;
  readonly connectionConfig: { readOnly: boolean; isAuthenticated: boolean };
  readonly connection: HostedConnection;
  readonly token: string;
}

describe("a client that asks for a document", () => {
  test("has as context what the hooks before returned, one after the other", async () => {
    const seen: unknown[] = [];
    const stage = await Stage.with([
      { onConnect: () => ({ tenant: "a" }), onAuthenticate: ({ token }: Payload) => ({ user: token }) },
      {
        onConnect: ({ context }: Payload) => void seen.push({ ...context }),
        onAuthenticate: ({ context }: Payload) => void seen.push({ ...context }),
        connected: ({ context, connection }: Payload) => void seen.push(context, connection.context),
      },
    ]);
    await stage.join("notes", { token: "ann" });
    const whole = { tenant: "a", user: "ann" };
    expect(seen).toEqual([{ tenant: "a" }, whole, whole, whole]);
  });

  test("is told apart from others of its connection by the name of its session, if it has one", async () => {
    const seen: unknown[] = [];
    const stage = await Stage.with([
      {
        connected: ({ connection }: Payload) =>
          void seen.push([connection.sessionId, connection.messageAddress]),
      },
    ]);
    await stage.join("notes", { session: "left" });
    await stage.join("notes");
    expect(seen).toEqual([
      ["left", "notes\0left"],
      [null, "notes"],
    ]);
  });

  test("is authenticated when all hooks have let it in, and not before", async () => {
    const seen: boolean[] = [];
    const look = ({ connectionConfig }: Payload) => void seen.push(connectionConfig.isAuthenticated);
    const stage = await Stage.with([{ onConnect: look, onAuthenticate: look, connected: look }]);
    await stage.join("notes");
    expect(seen).toEqual([false, false, true]);
  });

  test("may only read where a hook says so, and may write again when that changes", async () => {
    const connections: HostedConnection[] = [];
    const stage = await Stage.with([
      {
        onAuthenticate: ({ connectionConfig }: Payload) => {
          connectionConfig.readOnly = true;
        },
        connected: ({ connection }: Payload) => void connections.push(connection),
      },
    ]);
    const ann = await stage.join("notes");
    expect(ann.session.rights.permission).toBe("read");
    const [connection] = connections;
    if (connection) connection.readOnly = false;
    expect(ann.session.rights.permission).toBe("write");
  });

  test("may not write by an extension what somebody else lets it only read", async () => {
    const connections: HostedConnection[] = [];
    const stage = await Stage.with([
      { connected: ({ connection }: Payload) => void connections.push(connection) },
    ]);
    const { guest } = await stage.ask("notes");
    const reader = stage.world.open("notes", { permission: "read", ...(guest && { guest }) });
    await stage.settle();
    const [connection] = connections;
    if (connection) connection.readOnly = false;
    expect(reader.session.rights.permission).toBe("read");
  });

  test.each([
    [Forbidden, "PERMISSION_DENIED", "Forbidden"],
    [undefined, "PERMISSION_DENIED", "Forbidden"],
    [new Error("SELECT failed"), "PERMISSION_DENIED", "permission-denied"],
    [new JoineryError("SERVER_FULL", "no"), "SERVER_FULL", "no"],
  ])("is told why when a hook throws %s", async (thrown, code, message) => {
    const stage = await Stage.with([{ onConnect: () => Promise.reject(thrown) }]);
    await expect(stage.ask("notes")).rejects.toMatchObject({ code, message });
  });

  test("may come again when a hook did not answer: that is no denial", async () => {
    const stage = await Stage.with([{ onAuthenticate: () => new Promise(() => undefined) }]);
    const asked = expect(stage.ask("notes")).rejects.toMatchObject({ code: "INTERNAL" });
    await stage.advance(10_000);
    await asked;
    expect(stage.reported).toEqual([
      "extension 1.onAuthenticate hook-timed-out: extension 1.onAuthenticate did not finish within 10000 ms",
    ]);
  });

  test("is waited for to show a token only where a hook asks for one", async () => {
    const asking = await Stage.with([{ onAuthenticate: () => undefined }]);
    const open = await Stage.with([{ onConnect: () => undefined }]);
    expect(asking.plugin.admissions?.needsToken).toBe(true);
    expect(open.plugin.admissions?.needsToken).toBe(false);
  });

  test.each([
    [{ onAuthenticate: () => undefined }, true],
    [{ onConnect: () => undefined }, true],
    [{ onChange: () => undefined }, false],
  ])("is asked who it is where a hook may refuse it: %s", async (extension, isAuthenticating) => {
    const stage = await Stage.with([extension]);
    expect(stage.plugin.admissions).toMatchObject({ isAuthenticating });
  });

  test("is let in at once where no hook is asked", async () => {
    const stage = await Stage.with([{ onChange: () => undefined }]);
    const admission = stage.plugin.admissions?.admit({
      connection: { id: "1", number: 1, token: null, address: "", url: "", headers: {} },
      document: stage.world.name("notes"),
      dialect: "stage",
      token: null,
      agent: null,
      requestToken: () => undefined,
    });
    expect(admission).toMatchObject({ rights: Rights.WRITER });
  });
});

describe("the request of a client", () => {
  async function requestOf(visitor: Parameters<Stage["ask"]>[1]): Promise<onConnectPayload> {
    const payloads: onConnectPayload[] = [];
    const stage = await Stage.with([
      { onConnect: (payload: onConnectPayload) => void payloads.push({ ...payload }) },
    ]);
    await stage.ask("notes", visitor);
    return payloads[0] as onConnectPayload;
  }

  test("has its target, its headers and its parameters", async () => {
    const { request, requestHeaders, requestParameters, socketId, providerVersion } = await requestOf({
      url: "/team/notes?token=a%20b",
      headers: { host: "example.com", cookie: "id=1" },
      socketId: "s1",
      agent: "4.7.0",
    });
    expect(request.url).toBe("http://example.com/team/notes?token=a%20b");
    expect(requestHeaders.get("cookie")).toBe("id=1");
    expect(requestParameters.get("token")).toBe("a b");
    expect([socketId, providerVersion]).toEqual(["s1", "4.7.0"]);
  });

  test.each([
    ["//other.example/x", "http://localhost//other.example/x"],
    ["", "http://localhost/"],
    ["/%", "http://localhost/%"],
  ])("with the target %j is one all the same", async (url, expected) => {
    expect((await requestOf({ url })).request.url).toBe(expected);
  });

  test("with a host that is none is one all the same", async () => {
    const { request } = await requestOf({ url: "/x", headers: { host: "a b" } });
    expect(request.url).toBe("http://localhost/x");
  });

  test("names the client's address where no proxy has", async () => {
    const address = "192.0.2.1";
    expect((await requestOf({ address })).requestHeaders.get("x-real-ip")).toBe(address);
    const proxied = await requestOf({ address, headers: { "x-forwarded-for": "192.0.2.9" } });
    expect(proxied.requestHeaders.get("x-real-ip")).toBeNull();
  });
});

describe("a client's next token", () => {
  test("is shown to the hooks, which change its context and what it may do", async () => {
    const stage = await Stage.with([
      {
        onTokenSync: ({ token, connection }: Payload) => {
          connection.readOnly = token === "reader";
          return { token };
        },
      },
    ]);
    const ann = await stage.join("notes");
    const { renew, guest } = stage.admissions.get(ann) ?? {};
    expect(await renew?.("reader")).toEqual({ rights: Rights.READER });
    expect(ann.session.rights.permission).toBe("read");
    expect((guest as HostedConnection).context).toEqual({ token: "reader" });
    expect(await renew?.("writer")).toEqual({ rights: Rights.WRITER });
  });

  test("ends the session when a hook throws", async () => {
    const stage = await Stage.with([{ onTokenSync: () => Promise.reject(Forbidden) }]);
    const ann = await stage.join("notes");
    await expect(stage.admissions.get(ann)?.renew?.("old")).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
    });
  });

  test("is asked for by an extension", async () => {
    const stage = await Stage.with([{ connected: ({ connection }: Payload) => connection.requestToken() }]);
    await stage.join("notes");
    expect(stage.tokenRequests).toBe(1);
  });

  test("is not looked at where no hook wants it", async () => {
    const stage = await Stage.with([{ onConnect: () => undefined }]);
    expect((await stage.ask("notes")).renew).toBeUndefined();
  });
});
