/** Tokens that are not good, or will not be for long, and rights that change: what each dialect's client is told. */

import { JoineryError } from "@joinery/shared";
import * as decoding from "lib0/decoding";
import { describe, expect, test } from "vitest";
import * as authProtocol from "y-protocols/auth";
import * as Y from "yjs";
import type { Outbox } from "../../../server/src/engine/ports.ts";
import { Rights } from "../../../server/src/engine/rights.ts";
import {
  type Admission,
  type AdmissionRequest,
  type Admissions,
  ANONYMOUS,
  NO_REQUEST,
} from "../../../server/src/protocols/admission.ts";
import type { DialectDriver } from "../../../server/src/protocols/driver.ts";
import { Y_WEBSOCKET, yWebsocketDriver } from "../../../server/src/protocols/y-websocket.ts";
import { Loopback } from "../../../server/src/transports/loopback.ts";
import { HocuspocusWire, providerMessages as say } from "../../support/hocuspocus-wire.ts";
import {
  clientFrames,
  HELLO,
  NativeStage,
  NOTHING,
  openFrame,
  Typist,
  Wire,
} from "../../support/native-wire.ts";

const expired = () => new JoineryError("UNAUTHENTICATED", "the token has expired");

/** Lets in whoever shows a good token. */
class Gate implements Admissions {
  readonly needsToken = true;
  readonly isAuthenticating = true;
  readonly asked: AdmissionRequest[] = [];

  admit(request: AdmissionRequest): Admission {
    this.asked.push(request);
    if (request.token === "good") return { ...ANONYMOUS, author: "ann" };
    throw expired();
  }
}

describe("a y-websocket connection", () => {
  class Line implements Outbox {
    readonly bufferedBytes = 0;
    readonly remainingBytes = 0;
    readonly frames: Uint8Array[] = [];
    closed: JoineryError | null = null;
    readonly gate = new Gate();
    readonly #stage: NativeStage;
    readonly #token: string | null;

    constructor(stage: NativeStage, token: string | null) {
      this.#stage = stage;
      this.#token = token;
    }

    start(): DialectDriver {
      const { rooms, clock, limits } = this.#stage;
      const request = { ...NO_REQUEST, token: this.#token };
      const start = yWebsocketDriver({ clock, limits, onLimit: () => undefined });
      return start({ rooms, outbox: this, admissions: this.gate, request, path: "notes" });
    }

    send(frames: readonly Uint8Array[]): void {
      this.frames.push(...frames);
    }

    pauseInput(): void {
      // It is given nothing that would have to wait.
    }

    resumeInput(): void {
      // As above.
    }

    probe(): void {
      // It is there.
    }

    close(error: JoineryError): void {
      this.closed = error;
    }
  }

  test.each([null, "old"])("that shows %o has to come back with another one: 4401", (token) => {
    const line = new Line(new NativeStage(), token);
    expect(() => line.start()).toThrow(
      expect.objectContaining({ row: { retry: "after-auth", closeCode: 4401 } }),
    );
  });

  test("is closed so too when its session ends, and is not asked for a token before: it has no word for it", async () => {
    const stage = new NativeStage();
    const line = new Line(stage, "good");
    line.start();
    await stage.settle();
    line.frames.length = 0;
    line.gate.asked[0]?.requestToken();
    expect(line.frames).toEqual([]);
    stage.sessions[0]?.close(expired());
    expect(line.closed?.row.closeCode).toBe(4401);
  });

  test("is told why it may only read, as y-protocols reads it; and goes on when it may write again", async () => {
    const stage = new NativeStage();
    const line = new Line(stage, "good");
    const driver = line.start();
    await stage.settle();
    line.frames.length = 0;
    stage.sessions[0]?.setRights(Rights.READER, "the owner said so");
    const [frame, ...others] = line.frames.splice(0);
    expect(others).toEqual([]);
    const decoder = decoding.createDecoder(frame as Uint8Array);
    expect(decoding.readVarUint(decoder)).toBe(2);
    const reasons: string[] = [];
    authProtocol.readAuthMessage(decoder, new Y.Doc(), (_doc, reason) => reasons.push(reason));
    expect(reasons).toEqual(["the owner said so"]);
    stage.sessions[0]?.setRights(Rights.WRITER, "she changed her mind");
    // Whatever it could not bring is asked for.
    expect(line.frames.every((bytes) => bytes[0] === 0)).toBe(true);
    driver.receive(Y_WEBSOCKET.update(new Typist(7).type("a")));
    await stage.settle();
    expect(line.closed).toBeNull();
    expect(stage.rooms.counts().uncommittedBytes).toBe(0);
  });

  test("is asked for what it could not bring when it may write again", async () => {
    const stage = new NativeStage();
    const line = new Line(stage, "good");
    const driver = line.start();
    driver.receive(Y_WEBSOCKET.catchUp(Uint8Array.of(0, 0), true));
    await stage.settle();
    stage.sessions[0]?.setRights(Rights.READER, "the owner said so");
    const typist = new Typist(7);
    driver.receive(Y_WEBSOCKET.update(typist.type("typed meanwhile")));
    await stage.settle();
    expect(line.closed).toBeNull();
    line.frames.length = 0;
    stage.sessions[0]?.setRights(Rights.WRITER, "she changed her mind");
    // Sync step 1.
    expect(line.frames.map(([kind, step]) => [kind, step])).toEqual([[0, 0]]);
    const reader = new Line(stage, "good");
    reader.start().receive(Uint8Array.of(0, 0, 1, 0));
    await stage.settle();
    driver.receive(Y_WEBSOCKET.catchUp(Y.encodeStateAsUpdate(typist.doc), true));
    await stage.settle();
    const asks = line.frames.filter(([kind, step]) => kind === 0 && step === 0);
    expect(asks).toHaveLength(1);
    expect(reader.frames.some((bytes) => Buffer.from(bytes).includes("typed meanwhile"))).toBe(true);
  });

  test("that may not show presence goes on, however often it does, and is told nothing", async () => {
    const stage = new NativeStage();
    const line = new Line(stage, "good");
    const driver = line.start();
    await stage.settle();
    stage.sessions[0]?.setRights(Rights.from(["read"]), "be quiet");
    line.frames.length = 0;
    const state = new TextEncoder().encode("{}");
    for (let clock = 1; clock < 4; clock++) {
      driver.receive(Uint8Array.of(1, 4 + state.length, 1, 7, clock, state.length, ...state));
    }
    await stage.settle();
    expect(line.closed).toBeNull();
    expect(line.frames).toEqual([]);
    expect(stage.eventsOf("action-denied")).toMatchObject([{ action: "presence" }]);
    expect(stage.eventsOf("input-refused")).toEqual([]);
  });
});

describe("a Hocuspocus provider", () => {
  test("is told of the document alone, on a connection that stays, and comes in with another token", async () => {
    const stage = new NativeStage();
    const wire = new HocuspocusWire(stage, new Gate());
    await wire.send(
      say.auth("notes", "old"),
      say.step1("notes"),
      say.update("notes", new Typist(7).type("a")),
    );
    expect(wire.takeSaid()).toEqual(["denied the token has expired"]);
    for (let i = 0; i < 10; i++) await stage.advance(stage.limits.admissionTimeoutMs);
    expect(wire.closed).toBeNull();
    // A provider gives up a connection on which nothing comes.
    wire.connection.keepAlive();
    await stage.settle();
    expect(wire.take()).toMatchObject([{ to: "notes", say: "awareness" }]);
    await wire.send(say.auth("notes", "good"), say.step1("notes"));
    expect(wire.takeSaid()).toEqual(["authenticated read-write", "step1", "step2"]);
  });

  test("is told so too when its session ends, others of its connection go on, and it comes back", async () => {
    const stage = new NativeStage();
    const wire = new HocuspocusWire(stage, new Gate());
    for (const name of ["notes", "plans"]) await wire.send(say.auth(name, "good"), say.step1(name));
    wire.take();
    stage.sessions[0]?.close(expired());
    await stage.settle();
    expect(wire.take()).toEqual([{ to: "notes", say: "denied", text: "the token has expired" }]);
    expect(stage.sessions.map(({ document }) => document)).toEqual(["plans"]);
    await wire.send(say.auth("notes", "good"), say.step1("notes"));
    expect(wire.takeSaid()).toEqual(["authenticated read-write", "step1", "step2"]);
    expect(wire.closed).toBeNull();
  });

  test("that shows none in time has to come with one", async () => {
    const stage = new NativeStage();
    const wire = new HocuspocusWire(stage, new Gate());
    await wire.send(say.step1("notes"));
    await stage.advance(stage.limits.admissionTimeoutMs);
    expect(wire.takeSaid()).toEqual([expect.stringMatching(/^denied showed no token/)]);
    expect(wire.closed).toBeNull();
  });
});

describe("a native client", () => {
  const open = async (token: string) => {
    const stage = new NativeStage();
    const { rooms, clock, limits } = stage;
    const gate = new Gate();
    const wire = new Wire(new Loopback({ rooms, clock, limits, admissions: gate }), "joinery.v1");
    wire.send(HELLO);
    wire.say(1, openFrame("notes", { token, stateVector: NOTHING }));
    wire.say(2, openFrame("plans", { token: "good", stateVector: NOTHING }));
    await stage.settle();
    return { stage, wire, gate };
  };

  test("is told on the channel to come back with another token, and the connection goes on", async () => {
    const { stage, wire } = await open("old");
    const error = { code: "UNAUTHENTICATED", retry: "after-auth", message: "the token has expired" };
    expect(wire.takeOf("close")).toMatchObject([{ on: 1, ...error }]);
    stage.sessions[0]?.close(expired());
    await stage.settle();
    expect(wire.takeOf("close")).toMatchObject([{ on: 2, ...error }]);
    expect(wire.closed).toBeNull();
  });

  test("is asked for another token by a notice on the channel, and gives it in place", async () => {
    const { stage, wire, gate } = await open("good");
    wire.take();
    gate.asked[0]?.requestToken();
    await stage.settle();
    expect(wire.take()).toMatchObject([
      {
        type: "notice",
        on: 1,
        code: "UNAUTHENTICATED",
        retry: "after-auth",
        message: "the token is about to expire",
      },
    ]);
    wire.say(1, clientFrames.close());
    await stage.settle();
    wire.take();
    gate.asked[0]?.requestToken();
    await stage.settle();
    expect(wire.take()).toEqual([]);
  });

  test("that may not send signals, nor show presence, is told by a notice each", async () => {
    const { stage, wire } = await open("good");
    stage.sessions[0]?.setRights(Rights.from(["read", "write"]), "be quiet");
    await stage.settle();
    wire.take();
    wire.say(1, clientFrames.signal({ kind: "all" }, "hello", new TextEncoder().encode("1")));
    const state = new TextEncoder().encode("{}");
    for (let clock = 1; clock < 3; clock++) {
      wire.say(1, clientFrames.presence(Uint8Array.of(1, 7, clock, state.length, ...state)));
    }
    await stage.settle();
    expect(wire.take()).toMatchObject([
      { type: "notice", code: "PERMISSION_DENIED", message: "this session may not send signals" },
      { type: "notice", code: "PERMISSION_DENIED", message: "this session may not show presence" },
    ]);
    expect(stage.sessions).toHaveLength(2);
  });
});
