/**
 * Somebody says one thing, with some rights, in any dialect, while another one looks on: what comes of it, and whether what
 * was denied is really nowhere.
 */

import { ERRORS, type ErrorCode, encodeAwareness, JoineryError } from "@joinery/shared";
import { clientFrames } from "@joinery/shared/protocol";
import { expect } from "vitest";
import { InlineReplicas } from "../../../server/src/engine/inline-replicas.ts";
import type { ObservedRoom } from "../../../server/src/engine/observer.ts";
import { Rights } from "../../../server/src/engine/rights.ts";
import type { Session } from "../../../server/src/engine/session.ts";
import type { Admissions } from "../../../server/src/protocols/admission.ts";
import { Y_WEBSOCKET } from "../../../server/src/protocols/y-websocket.ts";
import { Loopback, type Socket } from "../../../server/src/transports/loopback.ts";
import { providerMessages as provider } from "../../support/hocuspocus-wire.ts";
import { HELLO, joined, NativeStage, NOTHING, openFrame } from "../../support/native-wire.ts";

const ROLES = {
  nobody: Rights.NONE,
  onlooker: Rights.of(["read"]),
  reader: Rights.READER,
  warden: Rights.of([...Rights.READER.actions, "manage"]),
  writer: Rights.WRITER,
  manager: Rights.MANAGER,
} as const;

export type Role = keyof typeof ROLES;
export const ROLE_NAMES = Object.keys(ROLES) as Role[];

/** It has its effect; it has none, and is noted where somebody is in the document; it is nothing that clients say. */
export type Outcome = "+" | "-" | "x";
export interface Case {
  /** @param tag Goes into it where there is a place for text. */
  readonly say: (tag: string) => readonly Uint8Array[];
  readonly effect: (after: After) => boolean | Promise<boolean>;
  /** How far the connection is before: default, in the document. */
  readonly from?: "nothing" | "greeted";
}

export interface After {
  readonly tag: string;
  /** All that the client was sent since. */
  readonly answered: Uint8Array;
  /** All that another one was sent since. */
  readonly witnessed: Uint8Array;
  readonly logged: Uint8Array;
  readonly wasInside: boolean;
  readonly session: Session | null;
  readonly isOpen: boolean;
  readonly renewed: readonly string[];
  readonly stateless: readonly string[];
}
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
export const has = (bytes: Uint8Array, text: string): boolean => Buffer.from(bytes).includes(text);
/** Whom those who ask find there. */
export const WITNESS = "witness-is-here";
export type DialectName = "joinery.v1" | "y-websocket" | "hocuspocus";

/** How each gets into the document; the native one piece by piece. */
const WAYS_IN: Readonly<Record<DialectName, readonly (readonly Uint8Array[])[]>> = {
  "joinery.v1": [
    [HELLO],
    [clientFrames.select(1), openFrame("notes", { stateVector: NOTHING, offersSeed: true })],
  ],
  "y-websocket": [[Y_WEBSOCKET.ask(NOTHING)]],
  hocuspocus: [[provider.auth("notes", "first"), provider.step1("notes")]],
};

/** One connection, whatever it speaks. */
class Line {
  readonly messages: Uint8Array[] = [];
  closed: number | null = null;
  readonly renewed: string[] = [];
  readonly #socket: Socket;
  readonly #dialect: DialectName;

  constructor(stage: NativeStage, dialect: DialectName, user: string, rights: Rights) {
    const { rooms, clock, limits } = stage;
    const admissions: Admissions = {
      needsToken: false,
      isAuthenticating: true,
      admit: () => {
        if (rights.isNone) throw new JoineryError("PERMISSION_DENIED", "you may not read this document");
        const renew = async (token: string) => {
          this.renewed.push(token);
          return { rights };
        };
        return { author: user, rights, renew };
      },
    };
    const subprotocol = dialect === "joinery.v1" ? dialect : "";
    this.#dialect = dialect;
    this.#socket = new Loopback({ rooms, clock, limits, admissions }).connect(
      "ws://server/notes",
      subprotocol,
      {
        opened: () => undefined,
        message: (bytes) => this.messages.push(bytes),
        closed: (code) => {
          this.closed = code;
        },
      },
    );
  }

  /** What a client of the dialect sends as one message is one. */
  send(parts: readonly Uint8Array[]): void {
    if (this.#dialect === "joinery.v1") this.#socket.send(joined(parts));
    else for (const part of parts) this.#socket.send(part);
  }
}

class Trial {
  readonly stateless: string[] = [];
  readonly rooms: ObservedRoom[] = [];
  readonly stage: NativeStage;

  constructor() {
    const loaded = (room: ObservedRoom) => {
      this.rooms.push(room);
      return null;
    };
    this.stage = new NativeStage({ observer: { loaded } });
    const schema = {
      "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) },
    } as const;
    const handle = (text: unknown) => void this.stateless.push(String(text));
    this.stage.signalHandlers.set("stateless", { schema, handle });
  }

  /** Somebody in the document. */
  async enter(
    dialect: DialectName,
    user: string,
    rights: Rights,
    steps = Number.POSITIVE_INFINITY,
  ): Promise<Line> {
    const line = new Line(this.stage, dialect, user, rights);
    for (const way of WAYS_IN[dialect].slice(0, steps)) {
      line.send(way);
      await this.stage.settle();
    }
    return line;
  }

  sessionOf(user: string): Session | null {
    return this.stage.sessions.find(({ author }) => author === user) ?? null;
  }

  /** Everything that is stored. */
  async logged(): Promise<Uint8Array> {
    const stored = await this.stage.storage.load("notes" as never);
    const updates = (stored?.tail ?? []).flatMap(({ parts }) => parts.map(({ update }) => update));
    return joined([...updates, ...(stored?.snapshot ? [stored.snapshot.update] : [])]);
  }

  /** Everything of the document that is in memory, as it is, and as Yjs has it. */
  async inMemory(): Promise<Uint8Array> {
    const updates = this.rooms.flatMap((room) => [...room.allUpdates()]);
    const folded = await new InlineReplicas().fold("notes" as never, updates);
    return joined([...updates, folded]);
  }
}

const STEPS_IN = { nothing: 0, greeted: 1 } as const;
const EVE = "eve";

/** Says one thing, as somebody with these rights, and finds what came of it. */
export async function outcomeOf(
  dialect: DialectName,
  said: Case,
  tag: string,
  how: { role: Role; wasWriter: boolean },
) {
  const trial = new Trial();
  const { stage } = trial;
  const rights = ROLES[how.role];
  const witness = await trial.enter("joinery.v1", "witness", Rights.READER);
  witness.send([clientFrames.presence(presenceOfWitness())]);
  await stage.settle();
  const steps = said.from === undefined ? Number.POSITIVE_INFINITY : STEPS_IN[said.from];
  const line = await trial.enter(dialect, EVE, how.wasWriter ? Rights.WRITER : rights, steps);
  if (how.wasWriter) trial.sessionOf(EVE)?.setRights(rights, "it was decided anew");
  await stage.settle();
  const wasInside = trial.sessionOf(EVE) !== null;
  line.messages.length = 0;
  witness.messages.length = 0;
  stage.events.length = 0;
  line.send(said.say(tag));
  await stage.settle();
  await stage.settle();
  const after: After = {
    tag,
    answered: joined(line.messages),
    witnessed: joined(witness.messages),
    logged: await trial.logged(),
    wasInside,
    session: trial.sessionOf(EVE),
    isOpen: line.closed === null,
    renewed: line.renewed,
    stateless: trial.stateless,
  };
  const hasEffect = await said.effect(after);
  const isMalformed = line.closed === closeCodeOf("MALFORMED_FRAME");
  const denied = stage.eventsOf("action-denied").filter(({ user }) => user === EVE);
  // Nobody is not there to deny anything to.
  const isDenied = denied.length > 0 || (how.role === "nobody" && !hasEffect);
  const outcome: Outcome | "?" = isMalformed ? "x" : isDenied ? "-" : hasEffect ? "+" : "?";
  if (outcome !== "+") await expectNowhere(trial, after);
  return outcome === "-" && hasEffect ? "denied, with its effect" : outcome;
}

/** What was not accepted is in nothing that anybody gets, now or later. */
async function expectNowhere(trial: Trial, { tag, witnessed, logged }: After): Promise<void> {
  const { stage } = trial;
  const latecomers = await Promise.all([
    trial.enter("y-websocket", "late", Rights.READER),
    trial.enter("hocuspocus", "later", Rights.READER),
  ]);
  await stage.advance(1_000);
  const found = {
    witnessed: has(witnessed, tag),
    logged: has(logged, tag) || has(await trial.logged(), tag),
    inMemory: has(await trial.inMemory(), tag),
    latecomers: latecomers.some(({ messages }) => has(joined(messages), tag)),
    stateless: trial.stateless.includes(tag),
    held: stage.rooms.counts().heldBytes > 0,
  };
  expect(found).toEqual({
    witnessed: false,
    logged: false,
    inMemory: false,
    latecomers: false,
    stateless: false,
    held: false,
  });
}

const presenceOfWitness = (): Uint8Array =>
  encodeAwareness([{ clientId: 5, clock: 1, state: utf8(JSON.stringify({ name: WITNESS })) }]);

const closeCodeOf = (code: ErrorCode): number => ERRORS[code].closeCode;
