/** Who may open a document, in the dialects that were there before: native and y-websocket. */

import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import type { Permission } from "../../../server/src/engine/rights.ts";
import { Rights } from "../../../server/src/engine/rights.ts";
import {
  type AdmissionRequest,
  type Admissions,
  ANONYMOUS,
  type ConnectionRequest,
} from "../../../server/src/protocols/admission.ts";
import { bySubprotocol } from "../../../server/src/protocols/by-subprotocol.ts";
import type { DialectDriver } from "../../../server/src/protocols/driver.ts";
import { Y_WEBSOCKET } from "../../../server/src/protocols/y-websocket.ts";
import {
  clientFrames,
  HELLO,
  joined,
  NativeStage,
  NOTHING,
  openFrame,
  serverFrames,
  Typist,
  textOf,
} from "../../support/native-wire.ts";
import { SlowAdmissions } from "../../support/slow-admissions.ts";

const ANN = { ...ANONYMOUS, author: "ann" };

/** A connection of any dialect, as its transport has it. */
class Line {
  readonly frames: Uint8Array[] = [];
  closed: JoineryError | null = null;
  pauses = 0;
  readonly driver: DialectDriver;

  constructor(stage: NativeStage, admissions: Admissions, subprotocol: string, token: string | null = null) {
    const { rooms, clock, limits } = stage;
    const request: ConnectionRequest = {
      id: "1",
      number: 1,
      token,
      address: "1.2.3.4",
      url: "/notes",
      headers: {},
    };
    const start = bySubprotocol({
      clock,
      limits,
      agent: "joinery",
      keepAliveMs: 15_000,
      capabilities: 0,
      onLimit: (limit) => stage.limitHits.push(limit),
    });
    const outbox = {
      send: (frames: readonly Uint8Array[]) => void this.frames.push(...frames),
      bufferedBytes: 0,
      remainingBytes: 0,
      pauseInput: () => void this.pauses++,
      resumeInput: () => void this.pauses--,
      probe: () => undefined,
      close: (error: JoineryError) => {
        this.closed ??= error;
      },
    };
    this.driver = start({ rooms, outbox, admissions, request, path: "notes", subprotocol });
  }
}

const STEP_1 = Y_WEBSOCKET.ask(NOTHING);

describe("a y-websocket connection", () => {
  test("shows what came with its request, and what it sends meanwhile waits", async () => {
    const stage = new NativeStage();
    const admissions = new SlowAdmissions({ needsToken: false });
    const line = new Line(stage, admissions, "", "a b");
    const update = new Typist(7).type("a");
    line.driver.receive(STEP_1);
    line.driver.receive(Y_WEBSOCKET.update(update));
    await stage.settle();
    expect(admissions.asked).toMatchObject([
      { document: "notes", dialect: "y-websocket", token: "a b", agent: null, connection: { id: "1" } },
    ]);
    expect(line.frames).toEqual([]);
    admissions.answers[0]?.resolve(ANN);
    await stage.settle();
    expect(stage.sessions[0]).toMatchObject({ author: "ann", peer: { connection: 1, correlation: "1" } });
    expect(line.frames.map((frame) => [...frame.subarray(0, 2)])).toEqual([
      [0, 0],
      [0, 1],
    ]);
    expect(stage.sessions[0]?.room.allUpdates()).toEqual([update]);
  });

  test("shows no token where none came with its request", async () => {
    const admissions = new SlowAdmissions({ needsToken: false });
    const line = new Line(new NativeStage(), admissions, "");
    line.driver.receive(STEP_1);
    expect(admissions.asked).toMatchObject([{ token: null }]);
  });

  test("that is refused is closed with the error; one that is gone opens nothing", async () => {
    const stage = new NativeStage();
    const admissions = new SlowAdmissions({ needsToken: false });
    const [line, gone] = [new Line(stage, admissions, ""), new Line(stage, admissions, "")];
    for (const { driver } of [line, gone]) driver.receive(STEP_1);
    admissions.answers[0]?.reject(new JoineryError("PERMISSION_DENIED", "no"));
    gone.driver.closed();
    admissions.answers[1]?.resolve(ANN);
    await stage.settle();
    expect(line.closed).toMatchObject({ code: "PERMISSION_DENIED", message: "no" });
    expect(stage.rooms.counts().rooms).toBe(0);
    expect(stage.clock.pendingTimers).toBe(0);
  });

  test("is not read while too much waits, and closed when nobody decides", async () => {
    const stage = new NativeStage({ limits: { maxUnadmittedBytes: 1024 } });
    const line = new Line(stage, new SlowAdmissions({ needsToken: false }), "");
    line.driver.receive(STEP_1);
    for (let i = 0; i < 3; i++) line.driver.receive(Y_WEBSOCKET.update(new Uint8Array(400)));
    expect(line.pauses).toBe(1);
    expect(stage.limitHits).toEqual(["maxUnadmittedBytes"]);
    await stage.advance(stage.limits.admissionTimeoutMs);
    expect(line.closed).toMatchObject({ code: "TOO_SLOW", limit: "admissionTimeoutMs" });
    expect(line.pauses).toBe(0);
    const large = new Line(stage, new SlowAdmissions({ needsToken: false }), "");
    large.driver.receive(STEP_1);
    expect(() => large.driver.receive(Y_WEBSOCKET.update(new Uint8Array(2_000)))).toThrow(
      expect.objectContaining({ code: "MESSAGE_TOO_LARGE", limit: "maxUnadmittedBytes" }),
    );
  });

  test("that breaks the protocol in what waited is closed for it", async () => {
    const stage = new NativeStage();
    const admissions = new SlowAdmissions({ needsToken: false });
    const line = new Line(stage, admissions, "");
    line.driver.receive(STEP_1);
    line.driver.receive(Uint8Array.of(9, 9));
    admissions.answers[0]?.resolve(ANN);
    await stage.settle();
    expect(line.closed).toMatchObject({ code: "MALFORMED_FRAME" });
  });
});

describe("a native connection", () => {
  const hello = clientFrames.hello({ version: 1, capabilities: 0, agent: "app 1", token: "of all" });

  test("shows a document's token, or else its own; others go on while one waits", async () => {
    const stage = new NativeStage();
    const admissions = new SlowAdmissions({ needsToken: false });
    const line = new Line(stage, admissions, "joinery.v1");
    const frames = [
      [1, openFrame("notes", { token: "of notes", stateVector: NOTHING })],
      [2, openFrame("plans", { stateVector: NOTHING })],
    ] as const;
    line.driver.receive(joined([hello, ...frames.flatMap(([n, open]) => [clientFrames.select(n), open])]));
    expect(admissions.asked).toMatchObject([
      { document: "notes", dialect: "joinery.v1", token: "of notes", agent: "app 1" },
      { document: "plans", token: "of all" },
    ]);
    const ann = new Typist(7);
    line.driver.receive(joined([clientFrames.select(1), clientFrames.update(1, ann.type("a"))]));
    line.driver.receive(clientFrames.update(2, ann.type("b")));
    admissions.answers[1]?.resolve(ANN);
    await stage.settle();
    expect(stage.sessions.map(({ document }) => document)).toEqual(["plans"]);
    admissions.answers[0]?.resolve(ANN);
    await stage.settle();
    expect(stage.sessions.map(({ document }) => document)).toEqual(["plans", "notes"]);
    const stored = await stage.storage.load("notes" as never);
    const updates = (stored?.tail ?? []).flatMap(({ parts }) => parts.map(({ update }) => update));
    expect(textOf(...updates)).toBe("ab");
  });

  test("is told on the channel that it was refused, and what came for it is dropped", async () => {
    const stage = new NativeStage();
    const admissions = new SlowAdmissions({ needsToken: false });
    const line = new Line(stage, admissions, "joinery.v1");
    line.driver.receive(joined([HELLO, clientFrames.select(1), openFrame("notes")]));
    line.driver.receive(clientFrames.update(1, new Typist(7).type("a")));
    admissions.answers[0]?.reject(new JoineryError("PERMISSION_DENIED", "not you"));
    await stage.settle();
    const close = serverFrames.close(
      { code: "PERMISSION_DENIED", retry: "never", message: "not you" },
      0,
      null,
    );
    expect(endsWith(joined(line.frames), close)).toBe(true);
    expect(line.closed).toBeNull();
    line.driver.closed();
    expect(stage.clock.pendingTimers).toBe(0);
  });

  test("replaces its token in place, for all documents that have none of their own", async () => {
    const stage = new NativeStage();
    const renewed: string[] = [];
    const permissions = new Map<string, Permission>([["reader", "read"]]);
    const admit = ({ document }: AdmissionRequest) => ({
      ...ANN,
      renew: async (token: string) => {
        renewed.push(`${document} ${token}`);
        const permission = permissions.get(token);
        if (!permission) throw new JoineryError("PERMISSION_DENIED", "run out");
        return { rights: Rights.from(permission) };
      },
    });
    const line = new Line(stage, { admit, needsToken: true, isAuthenticating: true }, "joinery.v1");
    line.driver.receive(
      joined([
        hello,
        clientFrames.select(1),
        openFrame("notes", { token: "own" }),
        clientFrames.select(2),
        openFrame("plans"),
      ]),
    );
    await stage.settle();
    line.driver.receive(clientFrames.token(0, "reader"));
    await stage.settle();
    expect(renewed).toEqual(["plans reader"]);
    expect(stage.sessions.map(({ rights }) => rights.permission)).toEqual(["write", "read"]);
    line.driver.receive(clientFrames.token(1, "old"));
    await stage.settle();
    expect(renewed).toEqual(["plans reader", "notes old"]);
    expect(stage.sessions.map(({ document }) => document)).toEqual(["plans"]);
    expect(line.closed).toBeNull();
  });
});

function endsWith(bytes: Uint8Array, end: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(-end.length)).equals(Buffer.from(end));
}
