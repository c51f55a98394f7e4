/** What a client of each dialect is told when its session ends before its document is there. */

import { describe, expect, test } from "vitest";
import { Access } from "../../../server/src/access/access.ts";
import { SYSTEM_RANDOM } from "../../../server/src/node/clock.ts";
import { bySubprotocol } from "../../../server/src/protocols/by-subprotocol.ts";
import { Y_WEBSOCKET } from "../../../server/src/protocols/y-websocket.ts";
import { Loopback } from "../../../server/src/transports/loopback.ts";
import { HocuspocusWire, providerMessages } from "../../support/hocuspocus-wire.ts";
import { HELLO, NativeStage, NOTHING, openFrame, Wire } from "../../support/native-wire.ts";
import { Application } from "./stage.ts";

const LIFE_MS = 60_000;

type End = (access: Access, stage: NativeStage) => unknown;

const ENDS: [string, End, { code: string; closeCode: number; message: string }][] = [
  [
    "is sent away",
    (access) => access.kick({ user: "ann" }, "be nice"),
    { code: "PERMISSION_DENIED", closeCode: 4403, message: "you were sent away: be nice" },
  ],
  [
    "is banned",
    (access) => access.ban({ user: "ann" }, { reason: "spam" }),
    { code: "PERMISSION_DENIED", closeCode: 4403, message: "you are banned: spam" },
  ],
  [
    "has a token that is revoked",
    (access) => access.revoke({ user: "ann" }, "logged out"),
    { code: "UNAUTHENTICATED", closeCode: 4401, message: "logged out: show a new token" },
  ],
  [
    "has a token that expires",
    (_, stage) => stage.advance(LIFE_MS),
    { code: "UNAUTHENTICATED", closeCode: 4401, message: "your token has expired" },
  ],
];

/** A server whose storage does not answer, and somebody who may write. */
function held() {
  const stage = new NativeStage();
  stage.storage.hold();
  const application = new Application();
  const expiresAt = stage.clock.now() + LIFE_MS;
  for (const token of ["", "t1"]) application.grants.set(token, { user: "ann", rights: "write", expiresAt });
  const { rooms, clock, limits } = stage;
  const access = new Access({
    admissions: application,
    clock,
    random: SYSTEM_RANDOM,
    limits,
    recheckMs: 0,
    operatorKey: null,
    revocationMs: 1_000,
    store: null,
    report: () => undefined,
    onLimit: () => undefined,
  });
  const onLimit = () => undefined;
  const start = bySubprotocol({
    clock,
    limits,
    agent: "joinery",
    keepAliveMs: 15_000,
    capabilities: 0,
    onLimit,
  });
  const loopback = new Loopback({ rooms, clock, limits, admissions: access, start });
  const end = async (how: End) => {
    await stage.settle();
    expect(stage.sessions.map(({ state }) => state)).toEqual(["joining"]);
    await how(access, stage);
    await stage.settle();
    expect(stage.sessions).toEqual([]);
    stage.storage.release();
    await stage.settle();
    expect(access.sessions()).toEqual([]);
  };
  return { stage, access, loopback, end };
}

describe.each(ENDS)("somebody who waits for a document and %s", (_, how, { code, closeCode, message }) => {
  test("natively is told on the channel", async () => {
    const { loopback, end } = held();
    const wire = new Wire(loopback, "joinery.v1");
    wire.send(HELLO);
    wire.say(1, openFrame("notes", { stateVector: NOTHING }));
    await end(how);
    const told = wire.take().filter(({ on }) => on === 1);
    expect(told.at(-1)).toMatchObject({ type: "close", code, message });
    expect(told.map(({ type }) => type)).not.toContain("opened");
    expect(wire.closed).toBe(null);
  });

  test("by y-websocket is closed with the code", async () => {
    const { loopback, end } = held();
    let closed: unknown = null;
    const messages: Uint8Array[] = [];
    const socket = loopback.connect("ws://server/notes", "", {
      opened: () => undefined,
      message: (bytes) => messages.push(bytes),
      closed: (closedWith, reason) => {
        closed = { code: closedWith, reason };
      },
    });
    socket.send(Y_WEBSOCKET.ask(NOTHING));
    await end(how);
    expect(closed).toEqual({ code: closeCode, reason: message });
  });

  test("by Hocuspocus is denied the document", async () => {
    const { stage, access, end } = held();
    const wire = new HocuspocusWire(stage, access);
    await wire.send(providerMessages.auth("notes", "t1"), providerMessages.step1("notes"));
    await end(how);
    const told = wire.takeSaid();
    expect(told.at(-1)).toBe(`denied ${message}`);
    expect(told.join()).not.toContain("authenticated");
    expect(wire.closed).toBe(null);
  });
});
