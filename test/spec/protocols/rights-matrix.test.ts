/**
 * Who may do what, in every dialect: each thing that a client can say, said by somebody with each set of rights, against
 * tables that were written by hand. What was denied must be nowhere afterwards: each message carries a tag that is looked
 * for in the log, in the document, and in all that another one was sent.
 */

import { encodeAwareness } from "@joinery/shared";
import {
  CONNECTION_FRAMES,
  clientFrames,
  DOCUMENT_FRAMES,
  FIRST_OPTIONAL_FRAME,
  inFragments,
} from "@joinery/shared/protocol";
import { describe, expect, test } from "vitest";
import { Y_WEBSOCKET } from "../../../server/src/protocols/y-websocket.ts";
import { providerMessages as provider } from "../../support/hocuspocus-wire.ts";
import { HELLO, NOTHING, openFrame, Typist } from "../../support/native-wire.ts";
import {
  type After,
  type Case,
  type DialectName,
  has,
  type Outcome,
  outcomeOf,
  ROLE_NAMES,
  utf8,
  WITNESS,
} from "./rights-stage.ts";

// What each may say

/** One mark for each role: nobody, onlooker, reader, warden, writer, manager. */
type Row = `${Outcome} ${Outcome} ${Outcome} ${Outcome} ${Outcome} ${Outcome}`;

const ANYBODY: Row = "+ + + + + +";
const WHO_IS_IN: Row = "- + + + + +";
const WHO_HAS_A_PART: Row = "- - + + + +";
const WRITERS: Row = "- - - - + +";
const NO_CLIENT: Row = "x x x x x x";

type NativeFrame = keyof typeof CONNECTION_FRAMES | keyof typeof DOCUMENT_FRAMES;

/** Total by type: a new frame needs a row. */
const NATIVE: Readonly<Record<NativeFrame, Row>> = {
  select: ANYBODY,
  hello: ANYBODY,
  ping: ANYBODY,
  pong: ANYBODY,
  goaway: NO_CLIENT,
  token: WHO_IS_IN,
  failed: NO_CLIENT,
  open: WHO_IS_IN,
  opened: NO_CLIENT,
  sync: WHO_IS_IN,
  ask: NO_CLIENT,
  answer: WRITERS,
  update: WRITERS,
  ack: NO_CLIENT,
  batch: NO_CLIENT,
  catchUp: NO_CLIENT,
  caughtUp: NO_CLIENT,
  durable: NO_CLIENT,
  presence: WHO_HAS_A_PART,
  signal: WHO_HAS_A_PART,
  notice: NO_CLIENT,
  close: WHO_IS_IN,
  permission: NO_CLIENT,
  seed: WRITERS,
  // Of an update; there is no other way for it, and none around what is asked of an update.
  fragment: WRITERS,
  progress: WHO_IS_IN,
};

/** By kind, and step where it has some. Nobody is told so by the end of the connection, whatever comes on it. */
const Y_WEBSOCKET_KINDS = {
  "0 0": WHO_IS_IN,
  "0 1": WRITERS,
  "0 2": WRITERS,
  "1": WHO_HAS_A_PART,
  "2": "- x x x x x",
  "3": WHO_IS_IN,
} as const satisfies Readonly<Record<string, Row>>;

/** By kind, and step where it has some. */
const HOCUSPOCUS_KINDS = {
  "0 0": WHO_IS_IN,
  "0 1": WRITERS,
  "0 2": WRITERS,
  "1": WHO_HAS_A_PART,
  "2 0": WHO_IS_IN,
  "2 1": NO_CLIENT,
  "2 2": NO_CLIENT,
  "3": WHO_IS_IN,
  "4 0": WHO_IS_IN,
  "4 1": WRITERS,
  "4 2": WRITERS,
  "5": WHO_HAS_A_PART,
  "6": NO_CLIENT,
  "7": WHO_IS_IN,
  "8": NO_CLIENT,
} as const satisfies Readonly<Record<string, Row>>;
// How it is said, and what its effect is

const edit = (tag: string): Uint8Array => new Typist(7).type(tag);
const presence = (tag: string): Uint8Array =>
  encodeAwareness([{ clientId: 7, clock: 1, state: utf8(JSON.stringify({ tag })) }]);
const isLogged = ({ logged, tag }: After): boolean => has(logged, tag);
const isWitnessed = ({ witnessed, tag }: After): boolean => has(witnessed, tag);
const isAnswered = ({ answered }: After): boolean => answered.length > 0;
const isInside = ({ session, isOpen }: After): boolean => session !== null && isOpen;
const isRenewed = ({ renewed, tag }: After): boolean => renewed.includes(tag);
const isShown = ({ answered }: After): boolean => has(answered, WITNESS);
const isConnected = ({ isOpen }: After): boolean => isOpen;
const isGone = ({ wasInside, session, isOpen }: After): boolean => wasInside && session === null && isOpen;
const never = (): boolean => false;

const NATIVE_CASES: Readonly<Record<NativeFrame, Case>> = {
  select: { say: () => [clientFrames.select(9)], effect: isConnected },
  hello: { say: () => [HELLO], effect: isAnswered, from: "nothing" },
  ping: { say: (tag) => [clientFrames.ping(utf8(tag))], effect: ({ answered, tag }) => has(answered, tag) },
  pong: { say: (tag) => [clientFrames.pong(utf8(tag))], effect: isConnected },
  goaway: raw(CONNECTION_FRAMES.goaway),
  token: { say: (tag) => [clientFrames.token(1, tag)], effect: isRenewed },
  failed: raw(CONNECTION_FRAMES.failed),
  open: { say: () => [clientFrames.select(1), openFrame("notes")], effect: isInside, from: "greeted" },
  opened: raw(DOCUMENT_FRAMES.opened),
  sync: { say: () => [clientFrames.sync(NOTHING)], effect: isAnswered },
  ask: raw(DOCUMENT_FRAMES.ask),
  answer: { say: (tag) => [clientFrames.answer(1, edit(tag))], effect: isLogged },
  update: { say: (tag) => [clientFrames.update(1, edit(tag))], effect: isLogged },
  ack: raw(DOCUMENT_FRAMES.ack),
  batch: raw(DOCUMENT_FRAMES.batch),
  catchUp: raw(DOCUMENT_FRAMES.catchUp),
  caughtUp: raw(DOCUMENT_FRAMES.caughtUp),
  durable: raw(DOCUMENT_FRAMES.durable),
  presence: { say: (tag) => [clientFrames.presence(presence(tag))], effect: isWitnessed },
  signal: { say: (tag) => [clientFrames.signal({ kind: "all" }, tag, utf8("1"))], effect: isWitnessed },
  notice: raw(DOCUMENT_FRAMES.notice),
  close: { say: () => [clientFrames.close()], effect: isGone },
  permission: raw(DOCUMENT_FRAMES.permission),
  seed: { say: (tag) => [clientFrames.seed(edit(tag))], effect: isLogged },
  fragment: {
    say: (tag) => [...inFragments(clientFrames.update(1, edit(tag)), new Uint8Array(8).fill(1), 10)],
    effect: isLogged,
  },
  progress: {
    say: () => [clientFrames.progress({ id: new Uint8Array(8), have: 0 })],
    effect: isInside,
  },
};

function raw(type: number): Case {
  return { say: () => [Uint8Array.of(type, 0)], effect: never };
}

const Y_WEBSOCKET_CASES: Readonly<Record<keyof typeof Y_WEBSOCKET_KINDS, Case>> = {
  "0 0": { say: () => [Y_WEBSOCKET.ask(NOTHING)], effect: isAnswered },
  "0 1": { say: (tag) => [Y_WEBSOCKET.catchUp(edit(tag), true)], effect: isLogged },
  "0 2": { say: (tag) => [Y_WEBSOCKET.update(edit(tag))], effect: isLogged },
  "1": { say: (tag) => [Y_WEBSOCKET.presence(presence(tag))], effect: isWitnessed },
  "2": { say: () => [Uint8Array.of(2, 0, 0)], effect: never },
  "3": { say: () => [Uint8Array.of(3)], effect: isShown },
};

const HOCUSPOCUS_CASES: Readonly<Record<keyof typeof HOCUSPOCUS_KINDS, Case>> = {
  "0 0": { say: () => [provider.step1("notes")], effect: isAnswered },
  "0 1": { say: (tag) => [provider.step2("notes", edit(tag))], effect: isLogged },
  "0 2": { say: (tag) => [provider.update("notes", edit(tag))], effect: isLogged },
  "1": { say: (tag) => [provider.awareness("notes", presence(tag))], effect: isWitnessed },
  "2 0": { say: (tag) => [provider.auth("notes", tag)], effect: isRenewed },
  "2 1": { say: () => [provider.kind("notes", 2, 1, 0)], effect: never },
  "2 2": { say: () => [provider.kind("notes", 2, 2, 0)], effect: never },
  "3": { say: () => [provider.query("notes")], effect: isShown },
  "4 0": { say: () => [provider.reply("notes", 0, NOTHING)], effect: isAnswered },
  "4 1": { say: (tag) => [provider.reply("notes", 1, edit(tag))], effect: isLogged },
  "4 2": { say: (tag) => [provider.reply("notes", 2, edit(tag))], effect: isLogged },
  "5": {
    say: (tag) => [provider.stateless("notes", tag)],
    effect: ({ stateless, tag }) => stateless.includes(tag),
  },
  "6": { say: () => [provider.kind("notes", 6, 0)], effect: never },
  "7": { say: () => [provider.close("notes")], effect: isGone },
  "8": { say: () => [provider.kind("notes", 8, 1)], effect: never },
};
// The tests

const TABLES = [
  ["joinery.v1", NATIVE, NATIVE_CASES],
  ["y-websocket", Y_WEBSOCKET_KINDS, Y_WEBSOCKET_CASES],
  ["hocuspocus", HOCUSPOCUS_KINDS, HOCUSPOCUS_CASES],
] as const satisfies readonly (readonly [
  DialectName,
  Readonly<Record<string, Row>>,
  Readonly<Record<string, Case>>,
])[];

let lastTag = 0;

describe.each(TABLES)("F90 N23 of what a client of %s can say", (dialect, rows, cases) => {
  test.each(Object.keys(rows))(
    "%s has just the outcome that is in the table, for everybody",
    async (name) => {
      const marks = (rows as Readonly<Record<string, Row>>)[name]?.split(" ") ?? [];
      const said = (cases as Readonly<Record<string, Case>>)[name] as Case;
      const expected = Object.fromEntries(ROLE_NAMES.map((role, i) => [role, marks[i]]));
      const found: Record<string, string> = {};
      for (const role of ROLE_NAMES) {
        found[role] = await outcomeOf(dialect, said, `TAG${++lastTag}TAG`, { role, wasWriter: false });
      }
      expect(found).toEqual(expected);
    },
  );

  const isOfDocument = (name: string) => {
    const row = (rows as Readonly<Record<string, Row>>)[name] as Row;
    return row.includes("+") && (cases as Readonly<Record<string, Case>>)[name]?.from === undefined;
  };

  test.each(Object.keys(rows).filter(isOfDocument))(
    "%s is denied just so to a writer who is not one any more",
    async (name) => {
      const row = (rows as Readonly<Record<string, Row>>)[name] as Row;
      const said = (cases as Readonly<Record<string, Case>>)[name] as Case;
      for (const [i, role] of ROLE_NAMES.entries()) {
        if (role === "nobody") continue;
        const outcome = await outcomeOf(dialect, said, `TAG${++lastTag}TAG`, { role, wasWriter: true });
        expect([role, outcome]).toEqual([role, row.split(" ")[i]]);
      }
    },
  );
});

describe("F90 what is in no table", () => {
  const said = (bytes: Uint8Array): Case => ({ say: () => [bytes], effect: isInside });
  const asManager = { role: "manager", wasWriter: false } as const;

  test("is nothing that clients say: frames of the native dialect", async () => {
    const known = new Set<number>([...Object.values(CONNECTION_FRAMES), ...Object.values(DOCUMENT_FRAMES)]);
    for (let type = 0; type < FIRST_OPTIONAL_FRAME; type++) {
      if (known.has(type)) continue;
      expect([type, await outcomeOf("joinery.v1", said(Uint8Array.of(type, 0)), "TAG", asManager)]).toEqual([
        type,
        "x",
      ]);
    }
    // These may be skipped, and are.
    const optional = said(Uint8Array.of(FIRST_OPTIONAL_FRAME, 0));
    expect(await outcomeOf("joinery.v1", optional, "TAG", asManager)).toBe("+");
  });

  const KINDS = 12;
  const STEPS = 4;
  const isKnown = (rows: Readonly<Record<string, Row>>, kind: number, step: number): boolean =>
    `${kind}` in rows || `${kind} ${step}` in rows;

  test.each([
    ["y-websocket", Y_WEBSOCKET_KINDS, (kind: number, step: number) => Uint8Array.of(kind, step, 0)],
    ["hocuspocus", HOCUSPOCUS_KINDS, (kind: number, step: number) => provider.kind("notes", kind, step, 0)],
  ] as const)("is nothing that clients say: kinds of %s", async (dialect, rows, write) => {
    for (let kind = 0; kind < KINDS; kind++) {
      for (let step = 0; step < STEPS; step++) {
        if (isKnown(rows, kind, step)) continue;
        const outcome = await outcomeOf(dialect, said(write(kind, step)), "TAG", asManager);
        expect([kind, step, outcome]).toEqual([kind, step, "x"]);
      }
    }
  });
});
