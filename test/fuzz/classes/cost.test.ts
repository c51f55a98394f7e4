import { type DocumentName, JoineryError } from "@joinery/shared";
import * as encoding from "lib0/encoding";
import { expect, test } from "vitest";
import { mergeUpdates } from "yjs";
import { InlineReplicas } from "../../../server/src/engine/inline-replicas.ts";
import { Pace } from "../../../server/src/engine/pace.ts";
import type { Rehearsal, Verdict } from "../../../server/src/engine/ports.ts";
import { rehearse } from "../../../server/src/engine/rehearsal.ts";
import * as bombs from "../../support/bombs.ts";
import { checkAll } from "../final-checks.ts";
import { frameOf } from "../generators/frames.ts";
import { encodeUpdate } from "../model/encode.ts";
import {
  type Block,
  blockOf,
  itemAfter,
  itemIn,
  root,
  text,
  type Update,
  updateOf,
} from "../model/update.ts";
import { baseNamed } from "../script.ts";
import { ANN, type Answer, type Setting, Stage } from "../stage.ts";

/**
 * Counts what is tried on a replica, and finds all of it too costly while it is strict: what was not tried is what
 * can do harm.
 */
class StrictReplicas extends InlineReplicas {
  rehearsals = 0;
  isStrict = true;

  override async rehearse(...args: Parameters<InlineReplicas["rehearse"]>): Promise<Verdict> {
    this.rehearsals++;
    if (!this.isStrict) return super.rehearse(...args);
    throw new JoineryError("UPDATE_TOO_COSTLY", "refused by the test");
  }
}

/** Measures as a worker does, on this thread. */
class MeasuringReplicas extends InlineReplicas {
  readonly #pace = new Pace({ cpuMs: threadCpuMs, monotonicMs: () => performance.now() });

  override async rehearse(_document: DocumentName, rehearsal: Rehearsal): Promise<Verdict> {
    return rehearse(rehearsal, { pace: this.#pace });
  }
}

interface Costly {
  readonly stage: Stage;
  readonly replicas: StrictReplicas;
}

async function costly(setting: Setting = "named"): Promise<Costly> {
  const replicas = new StrictReplicas();
  return { stage: await Stage.open(baseNamed("nothing"), setting, replicas), replicas };
}

async function sendAll(stage: Stage, updates: Iterable<Uint8Array>): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const update of updates) answers.push(await stage.attack(0, frameOf("update", update)));
  return answers;
}

/** CPU time of this thread so far. */
function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

const CLIENT = 77;
/** What may be said of an update that costs too much: that it does, that it has too much, or that no editor makes it. */
const REFUSALS: readonly Answer[] = ["UPDATE_TOO_COSTLY", "UPDATE_TOO_LARGE", "MALFORMED_UPDATE"];

/** Blocks of many clients, each behind something that nobody has. */
function gapOfClients(clients: number): Update {
  const blocks: Block[] = [];
  for (let client = 10_000 + clients; client > 10_000; client--) {
    blocks.push(blockOf(client, 0, itemAfter({ client: 5, clock: 9 }, text("x"))));
  }
  return updateOf(blocks);
}

/** Behind one character, each before another: whoever inserts passes all that stands between, an update an item. */
function manyRightNeighbours(n: number): Uint8Array[] {
  const first = blockOf(CLIENT, 0, itemIn(root("text"), text("x".repeat(n + 1))));
  const others = Array.from({ length: n }, (_, i) => {
    const item = itemAfter({ client: CLIENT, clock: 0 }, text("y"), { client: CLIENT, clock: i + 1 });
    return blockOf(CLIENT, n + 1 + i, item);
  });
  return [first, ...others].map((block) => encodeUpdate(updateOf([block])));
}

test.each([
  ["F64 many right neighbours at one place", bombs.manyRightOrigins(3000)],
  ["F64 many right neighbours of one left one", mergeUpdates(manyRightNeighbours(3000))],
  ["F62 every second character deleted, from the end to the start", bombs.alternateDeletes(3000)],
  ["F69 100,000 client ids", bombs.manyClients(100_000)],
  ["F71 300,000 maps", bombs.manyMaps(300_000)],
  ["F51 50,000 root names", bombs.manyRoots(50_000)],
  ["F53 20,000 subdocuments", bombs.manySubdocuments(20_000)],
])("%s: is tried on a replica before anybody is sent it, or refused", async (_, update) => {
  const { stage, replicas } = await costly();
  const { events } = stage.ann;
  const { appends } = stage.storage;
  const answer = await stage.attack(0, frameOf("update", update));
  expect(REFUSALS).toContain(answer);
  expect(replicas.rehearsals).toBe(answer === "UPDATE_TOO_COSTLY" ? 1 : 0);
  expect(stage.ann.events).toBe(events);
  expect(stage.storage.appends).toBe(appends);
  replicas.isStrict = false;
  await checkAll(stage);
});

test("F51 root names, one a message: as many as are allowed", async () => {
  const stage = await Stage.open(baseNamed("nothing"), "tight");
  // Innocents have theirs already: one that they open later is one too many.
  await stage.checkEdits();
  const updates = Array.from({ length: stage.limits.maxRootTypes }, (_, i) =>
    encodeUpdate(updateOf([blockOf(CLIENT, i, itemIn(root(`root ${i}`), text("x")))])),
  );
  const answers = await sendAll(stage, updates);
  expect(answers[0]).toBe("taken");
  expect(answers).toContain("UPDATE_TOO_LARGE");
  await checkAll(stage);
});

test("F64 many right neighbours, an item a message: as many are taken untried as the limit says", async () => {
  const { stage, replicas } = await costly("tight");
  const { maxUnrehearsed } = stage.limits;
  const answers = await sendAll(stage, manyRightNeighbours(maxUnrehearsed));
  expect(answers.filter((answer) => answer === "taken").length).toBeLessThanOrEqual(maxUnrehearsed);
  expect(answers.some((answer) => REFUSALS.includes(answer))).toBe(true);
  replicas.isStrict = false;
  await checkAll(stage);
});

test("F64 many right neighbours, an item a message: who sends them is sent away, however often he comes back", async () => {
  const stage = await Stage.open(baseNamed("nothing"), "anonymous", new MeasuringReplicas());
  const [first, ...others] = bombs
    .manyRightOriginsOneByOne(6000, 4)
    .map((update) => frameOf("update", update));
  await stage.attack(0, first as Uint8Array);
  let taken = 0;
  let connections = 0;
  while (connections < 2 && taken < others.length) {
    const answer = await stage.attack(0, others[taken] as Uint8Array);
    if (answer === "taken") taken++;
    else {
      expect(answer).toBe("UPDATE_TOO_COSTLY");
      connections++;
    }
  }
  expect(taken).toBeLessThan(others.length / 2);
  await checkAll(stage);
});

test("F73 insert and delete in turns: as many are taken untried as the limit says", async () => {
  const { stage, replicas } = await costly("tight");
  const { maxUnrehearsed } = stage.limits;
  const turns = Array.from({ length: maxUnrehearsed / 2 + 1 }, (_, i) => [
    encodeUpdate(updateOf([blockOf(CLIENT, i, itemIn(root("text"), text("x")))])),
    encodeUpdate(updateOf([], [[CLIENT, i, 1]])),
  ]);
  const answers = await sendAll(stage, turns.flat().slice(0, maxUnrehearsed + 1));
  expect(answers.filter((answer) => answer === "taken").length).toBeLessThanOrEqual(maxUnrehearsed);
  expect(answers).toContain("UPDATE_TOO_COSTLY");
  replicas.isStrict = false;
  await checkAll(stage);
});

test("F65 a gap of 5,000 clients: is held aside or let go, and its sender asked once", async () => {
  const { stage } = await costly();
  const update = encodeUpdate(gapOfClients(5000));
  const answers = await sendAll(stage, [update, update, update]);
  expect(answers).toEqual(["asked", "passed", "passed"]);
  expect(stage.rooms.counts().heldBytes).toBeLessThanOrEqual(stage.limits.maxHeldBytes);
  await checkAll(stage);
});

test("F66 2,000 updates with gaps: no more are held aside than the limit says, and not for long", async () => {
  const { stage } = await costly();
  const updates = Array.from({ length: 2000 }, (_, i) =>
    encodeUpdate(updateOf([blockOf(CLIENT, 10 + 2000 * i, itemIn(root("text"), text("x".repeat(1000))))])),
  );
  await sendAll(stage, updates);
  expect(stage.rooms.counts().heldBytes).toBeGreaterThan(0);
  expect(stage.rooms.counts().heldBytes).toBeLessThanOrEqual(stage.limits.maxHeldBytes);
  await stage.wait(stage.limits.heldTimeoutMs + 1);
  expect(stage.rooms.counts().heldBytes).toBe(0);
  await checkAll(stage);
});

test("F67 a gap that waits for somebody who writes: her edits go on", async () => {
  const { stage } = await costly();
  const waiting = itemAfter({ client: ANN, clock: 100_000 }, text("x".repeat(100)));
  const structs = Array.from({ length: 1000 }, () => waiting);
  await stage.attack(0, frameOf("update", encodeUpdate(updateOf([blockOf(CLIENT, 0, ...structs)]))));
  for (let i = 0; i < 20; i++) await stage.checkEdits();
  expect(stage.rooms.counts().heldBytes).toBeLessThanOrEqual(stage.limits.maxHeldBytes);
  await checkAll(stage);
});

test("F68 deletes that wait for somebody who writes: her edits go on", async () => {
  const { stage } = await costly();
  const ranges = Array.from({ length: 20_000 }, (_, i) => ({ clock: 100_000 + 2 * i, length: 1 }));
  const update: Update = { blocks: [], deletions: [{ client: ANN, ranges }] };
  await stage.attack(0, frameOf("update", encodeUpdate(update)));
  for (let i = 0; i < 20; i++) await stage.checkEdits();
  expect(stage.rooms.counts().heldBytes).toBeLessThanOrEqual(stage.limits.maxHeldBytes);
  await checkAll(stage);
});

test("F70 a state vector of 1,000,000 clients: is answered or refused", async () => {
  const { stage } = await costly();
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, 1_000_000);
  for (let client = 1; client <= 1_000_000; client++) {
    encoding.writeVarUint(encoder, client);
    encoding.writeVarUint(encoder, 1);
  }
  const answer = await stage.attack(0, frameOf("question", encoding.toUint8Array(encoder)));
  expect(["passed", "UPDATE_TOO_LARGE"]).toContain(answer);
  await checkAll(stage);
});

test("F72 an update in Yjs' second format, of 20,000,000 structs in 26 bytes: is refused", async () => {
  const { stage } = await costly();
  for (const update of [manyStructsInV2(20_000_000), manyStructsInV2(2)]) {
    expect(await stage.attack(0, frameOf("update", update))).toBe("MALFORMED_UPDATE");
  }
  await checkAll(stage);
});

/** GC structs of length 1: columns of equal values are written as one value and how often. */
function manyStructsInV2(structs: number): Uint8Array {
  const encoder = encoding.createEncoder();
  const column = (...values: number[]) => {
    const inner = encoding.createEncoder();
    for (const value of values) encoding.writeVarUint(inner, value);
    encoding.writeVarUint8Array(encoder, encoding.toUint8Array(inner));
  };
  encoding.writeVarUint(encoder, 0); // feature flag
  column(); // key clocks
  column(1, 0); // clients
  column(); // left clocks
  column(); // right clocks
  column(0, structs); // infos
  column(0); // strings
  column(); // parent infos
  column(); // type refs
  column(0x41, structs); // lengths
  for (const value of [1, structs, 0, 0]) encoding.writeVarUint(encoder, value);
  return encoding.toUint8Array(encoder);
}
