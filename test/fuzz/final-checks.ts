/** What costs too much to look at after every message: whether the document is sound, whichever way one gets it. */

import { parseDocumentName } from "@joinery/shared";
import * as Y from "yjs";
import { Finding, MISPLACED } from "./finding.ts";
import type { Innocent } from "./innocent.ts";
import { hasMisplaced } from "./misplaced.ts";
import { shownBy } from "./shown.ts";
import { DOCUMENT, type Stage } from "./stage.ts";

/** How the engine says that a snapshot it made shows something else than the log. */
const READ_BACK = "read back";
/** Longer than a room without sessions stays in memory. */
const IDLE_MS = 120_000;

/**
 * Ends a stage and checks everything on the way: a newcomer and a returner get what the innocents have, so does who
 * comes after a restart, and after the log was folded; attackers leave nothing behind.
 *
 * @throws Finding The first rule that is broken; that all show the same comes last.
 */
export async function checkAll(stage: Stage): Promise<void> {
  const { ann, ben } = stage;
  stage.glance();
  await stage.checkEdits();
  stage.attackersLeave();
  await stage.settle();
  checkNobodyElseIsSeen(stage);
  const newcomer = stage.join("dee", 904);
  const returner = stage.join("eve", 905, stage.base.state);
  await stage.settle();
  checkServerKnows(newcomer, ann.doc);
  await stage.relays(ann, ben, newcomer, returner);
  await stage.relays(newcomer, ann, ben, returner);
  stage.glance();
  const expected = new Expected(ann.doc);
  for (const innocent of [ben, newcomer, returner]) expected.check(innocent.doc, innocent.name);
  const log = await replayed(stage);
  expected.check(log, "the log");
  expected.check(handedOn(log), "who is handed the log on");
  await checkOtherDocument(stage);
  await checkAfterRestart(stage, expected);
  expected.checkShown();
}

function checkNobodyElseIsSeen({ ann, ben }: Stage): void {
  for (const { name, awareness } of [ann, ben]) {
    const seen = [...awareness.states.keys()].sort().join();
    const here = [ann.doc.clientID, ben.doc.clientID].sort().join();
    if (seen !== here) throw new Finding("presence is true", `${name} sees ${seen}, here are ${here}`);
  }
}

/** What the server thinks it has is what there is: what it takes for known it drops. */
function checkServerKnows({ asked }: Innocent, doc: Y.Doc): void {
  if (asked !== null && !equalMaps(Y.decodeStateVector(asked), stateVectorOf(doc))) {
    throw new Finding("all know the same", "the server asked with another state vector");
  }
}

/** Who comes later is compared to the document of somebody who was there. */
class Expected {
  readonly #doc: Y.Doc;
  readonly #stateVector: Map<number, number>;
  readonly #shown: string;
  #difference: string | null = null;

  constructor(doc: Y.Doc) {
    this.#doc = doc;
    this.#stateVector = stateVectorOf(doc);
    this.#shown = shownBy(doc);
  }

  /** Notes when the document shows something else. @throws Finding When it knows something else. */
  check(doc: Y.Doc, who: string): void {
    if (doc.store.pendingStructs !== null || doc.store.pendingDs !== null) {
      throw new Finding("nothing is pending", `${who} has a gap`);
    }
    if (!equalMaps(stateVectorOf(doc), this.#stateVector)) {
      throw new Finding("all know the same", `${who} has another state vector`);
    }
    const shown = shownBy(doc);
    if (shown !== this.#shown) this.differs(`${who} shows ${excerpt(shown, this.#shown)}`);
  }

  differs(difference: string): void {
    this.#difference ??= difference;
  }

  /** @throws Finding When somebody showed something else. */
  checkShown(): void {
    if (this.#difference === null) return;
    const rule = hasMisplaced(this.#doc) ? MISPLACED : "all show the same";
    throw new Finding(rule, this.#difference);
  }
}

function stateVectorOf({ store }: Y.Doc): Map<number, number> {
  return new Map([...store.clients.keys()].map((client) => [client, Y.getState(store, client)]));
}

function equalMaps(a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

function excerpt(actual: string, expected: string): string {
  let at = 0;
  while (actual[at] === expected[at]) at++;
  const from = Math.max(0, at - 10);
  const part = (text: string) => JSON.stringify(text.slice(from, at + 30));
  return `${part(actual)} where ${part(expected)} was expected`;
}

/** What is stored, applied as it is. */
async function replayed(stage: Stage): Promise<Y.Doc> {
  const stored = await stage.storage.load(parseDocumentName(DOCUMENT));
  const updates = (stored?.tail ?? []).flatMap(({ parts }) => parts.map(({ update }) => update));
  if (stored?.snapshot) updates.unshift(stored.snapshot.update);
  const doc = new Y.Doc({ guid: "replayed" });
  try {
    for (const update of updates) Y.applyUpdate(doc, update);
  } catch (cause) {
    throw new Finding("the document loads", `replaying what is stored throws ${String(cause)}`, { cause });
  }
  return doc;
}

/** The document of somebody who got it whole from another. */
function handedOn(doc: Y.Doc): Y.Doc {
  const copy = new Y.Doc({ guid: "copy" });
  try {
    Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc));
  } catch (cause) {
    throw new Finding("the document loads", `a copy of it throws ${String(cause)}`, { cause });
  }
  return copy;
}

async function checkOtherDocument(stage: Stage): Promise<void> {
  const { kim } = stage;
  kim.probe();
  await stage.settle();
  kim.check();
  const { size } = kim.doc.store.clients;
  if (size !== 1) throw new Finding("other documents are untouched", `kim's has ${size} clients`);
}

async function checkAfterRestart(stage: Stage, expected: Expected): Promise<void> {
  stage.everybodyLeaves();
  stage.clock.advance(IDLE_MS);
  await stage.settle();
  const { rooms, sessions } = stage.rooms.counts();
  if (rooms + sessions > 0) {
    throw new Finding("memory is bounded", `${rooms} rooms and ${sessions} sessions are left`);
  }
  const again = stage.restart({ minTailBytes: 1, maxTailEntries: 1 });
  const late = stage.join("lia", 906, undefined, again);
  await stage.settle();
  late.check();
  expected.check(late.doc, "who comes after a restart");
  // Writing makes the log long enough to be folded.
  late.probe();
  await stage.settle();
  const stored = await stage.storage.load(parseDocumentName(DOCUMENT));
  const [mistake] = stage.mistakes;
  if (!stored?.snapshot && mistake?.includes(READ_BACK)) {
    // What is folded is read back first; the log stays as it is when that shows something else.
    expected.differs(`the folded log: ${mistake}`);
    return;
  }
  if (!stored?.snapshot || mistake) throw new Finding("the log folds", mistake ?? "there is no snapshot");
  const after = new Expected(late.doc);
  after.check(await replayed(stage), "the snapshot");
  const last = stage.join("max", 907, undefined, again);
  await stage.settle();
  last.check();
  after.check(last.doc, "who comes after the log was folded");
  after.checkShown();
}
