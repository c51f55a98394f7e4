import type { Revision } from "@joinery/shared/protocol";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { LogPosition } from "../../../client/src/log-position.ts";
import { Outbox } from "../../../client/src/outbox.ts";
import { BRANCH, ONE_BRANCH } from "../../support/branch.ts";

const LINEAGE = "0123456789abcdef0123456789abcdef";

const placeOf = (revision: Revision) => ({ revision, lineage: LINEAGE, confirmed: [revision] });

/** Keystrokes of one author, an update each. */
function keystrokes(text: string): Uint8Array[] {
  const doc = new Y.Doc();
  const updates: Uint8Array[] = [];
  doc.on("update", (update: Uint8Array) => updates.push(update));
  for (const letter of text) doc.getText("text").insert(doc.getText("text").length, letter);
  return updates;
}

function textOf(...updates: Uint8Array[]): string {
  const doc = new Y.Doc();
  for (const update of updates) Y.applyUpdate(doc, update);
  return doc.getText("text").toString();
}

describe("an outbox", () => {
  test("merges what waits, and holds it until it is durable", () => {
    const outbox = new Outbox();
    for (const update of keystrokes("abc")) outbox.add(update);
    const sent = outbox.take();
    expect(sent?.number).toBe(1);
    expect(textOf(sent?.update as Uint8Array)).toBe("abc");
    expect(outbox.take()).toBeNull();
    expect(outbox.unsaved.count).toBe(3);
    expect(outbox.durable(10).edits).toBe(0);
    outbox.acknowledged(1, 4);
    expect(outbox.durable(3).edits).toBe(0);
    expect(outbox.durable(4).edits).toBe(3);
    expect(outbox.unsaved).toEqual({ count: 0, bytes: 0 });
  });

  test("takes an acknowledgement for all numbers up to it, and the first one counts", () => {
    const outbox = new Outbox();
    for (const update of keystrokes("abc")) {
      outbox.add(update);
      outbox.take();
    }
    outbox.acknowledged(2, 5);
    outbox.acknowledged(3, 7);
    expect(outbox.durable(5).edits).toBe(2);
    expect(outbox.durable(6).edits).toBe(0);
    expect(outbox.durable(7).edits).toBe(1);
  });

  test("[R8] [R9] has all of it wait again in a new session, in order, what was acknowledged too", () => {
    const outbox = new Outbox();
    const [a, b, c] = keystrokes("abc") as [Uint8Array, Uint8Array, Uint8Array];
    outbox.add(a);
    outbox.take();
    outbox.acknowledged(1, 1);
    outbox.add(b);
    outbox.take();
    outbox.add(c);
    outbox.restart(false);
    expect(outbox.waiting).toEqual([a, b, c]);
    expect(outbox.take()?.number).toBe(1);
  });

  test("keeps days of typing in few pieces, and counts each edit", () => {
    const outbox = new Outbox();
    const text = "a long day ".repeat(1_000);
    for (const update of keystrokes(text)) outbox.add(update);
    expect(outbox.unsaved.count).toBe(11_000);
    expect(outbox.updates.length).toBeLessThan(3 * 64);
    expect(outbox.unsaved.bytes).toBe(outbox.updates.reduce((sum, { length }) => sum + length, 0));
    const sent = outbox.take();
    expect(textOf(sent?.update as Uint8Array)).toBe(text);
    outbox.acknowledged(1, 1);
    expect(outbox.durable(1).edits).toBe(11_000);
    expect(outbox.unsaved.bytes).toBe(0);
  });

  test("puts edits of an earlier run before those of this one", () => {
    const outbox = new Outbox();
    const [a, b] = keystrokes("ab") as [Uint8Array, Uint8Array];
    outbox.add(b);
    outbox.restore([a]);
    expect(outbox.waiting).toEqual([a, b]);
    expect(outbox.unsaved.count).toBe(2);
  });

  test("goes on with an answer that was cut off, and has only the rest wait", () => {
    const outbox = new Outbox();
    const [a, b] = keystrokes("ab") as [Uint8Array, Uint8Array];
    outbox.add(a);
    expect(outbox.cover({ carried: 2 })).toBe(1);
    outbox.add(b);
    outbox.restart(true);
    outbox.resumeInterrupted();
    expect(outbox.waiting).toEqual([b]);
    expect(outbox.cover({})).toBe(2);
    outbox.acknowledged(1, 1);
    expect(outbox.durable(1)).toEqual({ edits: 1, carried: 2, everything: false });
  });
});

describe("a position in the log", () => {
  const news = Uint8Array.of(1);

  function joined(): LogPosition {
    const position = new LogPosition(null);
    position.restart(false);
    position.opened(LINEAGE, 5, ONE_BRANCH);
    position.caughtUp(5, 5);
    return position;
  }

  test("[R5] [R6] has a revision once the catch-up is durable, and as far as it is", () => {
    const position = new LogPosition(null);
    position.restart(false);
    position.opened(LINEAGE, 3, ONE_BRANCH);
    position.caughtUp(5, 3);
    expect(position.revision).toBeNull();
    position.durable(4);
    expect(position.revision).toBeNull();
    position.batch(6, 5, news);
    expect(position.revision).toEqual({ lineage: LINEAGE, seq: 5, branch: BRANCH });
  });

  test("[R7] carries what was not durable into the next session, until it is given back", () => {
    const position = joined();
    expect(position.batch(6, 5, news)).toBe(true);
    expect(position.storedPlace.revision).toBeNull();
    position.restart(true);
    expect(position.carried).toEqual([news]);
    expect(position.revision).toEqual({ lineage: LINEAGE, seq: 5, branch: BRANCH });
    position.carriedSaved(1);
    expect(position.storedPlace.revision).toEqual({ lineage: LINEAGE, seq: 5, branch: BRANCH });
  });

  test("[K11] notices a batch that is missing", () => {
    expect(joined().batch(7, 7, news)).toBe(false);
  });

  test("[R13] owes everything while an answer to a full question is not durable", () => {
    const position = new LogPosition(null);
    position.restart(true);
    position.opened(LINEAGE, 5, ONE_BRANCH);
    position.caughtUp(5, 5);
    expect(position.revision).toBeNull();
    position.restart(true);
    expect(position.revision).toBeNull();
    position.opened(LINEAGE, 5, ONE_BRANCH);
    position.caughtUp(5, 5);
    position.everythingSaved();
    expect(position.revision).toEqual({ lineage: LINEAGE, seq: 5, branch: BRANCH });
  });

  test("gives up its revision when it would have to keep too much, until all of that is durable", () => {
    const position = joined();
    const large = new Uint8Array(5 * 1024 * 1024);
    position.batch(6, 5, large);
    expect(position.revision?.seq).toBe(5);
    position.batch(7, 5, large);
    expect(position.revision).toBeNull();
    position.durable(6);
    expect(position.revision).toBeNull();
    position.durable(7);
    expect(position.revision?.seq).toBe(7);
  });

  test("[R6] [R7] carries the pieces of a catch-up that was cut off, which may be of what is not durable", () => {
    const position = joined();
    position.caught(news);
    expect(position.storedPlace.revision).toBeNull();
    position.durable(5);
    position.restart(true);
    expect(position.revision).toEqual({ lineage: LINEAGE, seq: 5, branch: BRANCH });
    expect(position.carried).toEqual([news]);
    expect(position.storedPlace.revision).toBeNull();
  });

  test("[R6] keeps the pieces of a catch-up until it is durable, and no more of them than of anything else", () => {
    const position = joined();
    position.caught(news);
    position.durable(6);
    position.caughtUp(8, 6);
    expect(position.revision?.seq).toBe(6);
    expect(position.storedPlace.revision).toBeNull();
    position.durable(8);
    expect(position.storedPlace.revision?.seq).toBe(8);
    for (let i = 0; i < 3; i++) position.caught(new Uint8Array(5 * 1024 * 1024));
    position.durable(8);
    expect(position.revision).toBeNull();
    position.caughtUp(9, 8);
    expect(position.revision).toBeNull();
    position.durable(9);
    expect(position.storedPlace.revision?.seq).toBe(9);
  });

  test("[R7] carries a batch that is out of order, too: it is here", () => {
    const position = joined();
    expect(position.batch(7, 5, news)).toBe(false);
    position.restart(true);
    expect(position.carried).toEqual([news]);
  });

  test("[R7] [R13] owes everything when it would have to keep too much, of earlier sessions too", () => {
    const position = joined();
    position.batch(6, 5, news);
    position.restart(true);
    position.opened(LINEAGE, 5, ONE_BRANCH);
    position.caughtUp(5, 5);
    position.batch(6, 5, new Uint8Array(9 * 1024 * 1024));
    position.durable(6);
    // The earlier one has not been given back.
    expect(position.revision).toBeNull();
  });

  test("[R5] names the branch that its seq is of: the newest from where that begins, else the one before", () => {
    const BEFORE = "f".repeat(16);
    const position = new LogPosition(placeOf({ lineage: LINEAGE, seq: 3, branch: "e".repeat(16) }));
    position.restart(true);
    position.opened(LINEAGE, 5, { seq: 6, id: BRANCH, before: BEFORE });
    // It is not known yet whether all up to 5 will come.
    expect(position.revision).toEqual({ lineage: LINEAGE, seq: 3, branch: "e".repeat(16) });
    position.caughtUp(5, 5);
    expect(position.revision).toEqual({ lineage: LINEAGE, seq: 5, branch: BEFORE });
    position.batch(6, 5, news);
    expect(position.revision).toEqual({ lineage: LINEAGE, seq: 5, branch: BEFORE });
    position.durable(6);
    expect(position.revision).toEqual({ lineage: LINEAGE, seq: 6, branch: BRANCH });
    expect(position.storedPlace.revision).toEqual({ lineage: LINEAGE, seq: 6, branch: BRANCH });
  });

  test("goes on from a revision of an earlier run", () => {
    const position = new LogPosition(placeOf({ lineage: LINEAGE, seq: 5, branch: BRANCH }));
    position.restart(true);
    expect(position.revision).toEqual({ lineage: LINEAGE, seq: 5, branch: BRANCH });
    position.opened(LINEAGE, 8, ONE_BRANCH);
    position.caught(news);
    position.caughtUp(9, 8);
    expect(position.revision).toEqual({ lineage: LINEAGE, seq: 8, branch: BRANCH });
    expect(position.storedPlace.revision).toBeNull();
    position.durable(9);
    expect(position.storedPlace.revision).toEqual({ lineage: LINEAGE, seq: 9, branch: BRANCH });
  });
});
