import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { LiveLines, typedText } from "../../../cli/src/output/live-lines.ts";
import { widthOf } from "../../../cli/src/output/text.ts";
import { Fields } from "../../../cli/src/remote/fields.ts";
import { batchOf, type LiveBatch, liveEventOf } from "../../../cli/src/remote/live-event.ts";
import { insertedText } from "../../../server/src/inspect/inserted-text.ts";
import { docOf, edit } from "../inspect/folder-stage.ts";

const HOSTILE = "\u001b[31m\u202e\u009b2J\u0007";
const NOW = Date.UTC(2026, 0, 31, 12);

/** A batch as a server tells it. */
function batch(seq: number, parts: readonly object[]): LiveBatch {
  const whole = parts.map((part) => {
    return {
      author: "",
      bytes: 10,
      clients: [1],
      structs: 1,
      inserted: 0,
      deleted: 0,
      problem: null,
      ...part,
    };
  });
  return batchOf(new Fields({ seq, time: null, timeMs: NOW, bytes: 10, parts: whole }, "a batch"));
}

const base64 = (update: Uint8Array) => Buffer.from(update).toString("base64");

const typed = (text: string) => base64(edit(docOf(1), (doc) => doc.getText("text").insert(0, text)));

const presence = (data: object) => {
  const event = liveEventOf("presence", { all: false, joined: [], changed: [], left: [], ...data });
  if (event?.kind !== "presence") throw new Error("it is none");
  return event;
};

describe("lines of a document that is followed", () => {
  test("say who did what, and what was typed, as a terminal can show it", () => {
    const lines = new LiveLines(100);
    const rows = lines.linesOf(
      batch(1234, [
        { author: "ann", inserted: 5, update: typed("Hello") },
        { author: HOSTILE, deleted: 7 },
        { author: "bob", inserted: 1_523_456, update: typed(HOSTILE) },
        { author: "eve", problem: `no${HOSTILE}` },
      ]),
      NOW,
    );
    expect(rows.map((row) => row.slice(8).trim())).toEqual([
      '1,234     10 B        +5            ann  "Hello"',
      "10 B                  −7  \\u001b[31m\\u202e\\u009b2J\\u0007",
      '10 B     +1.5M            bob  "\\u001b[31m\\u202e\\u009b2J\\u0007"',
      expect.stringMatching(/^10 B +eve {2}does not decode: no/),
    ]);
    for (const row of rows) expect(widthOf(row), row).toBeLessThan(100);
  });

  test.each([40, 60, 80, 120])("fit %i columns", (width) => {
    const lines = new LiveLines(width);
    const long = "日本語 🌍 and some more ".repeat(20);
    const rows = lines.linesOf(batch(1, [{ author: long, update: typed(long), inserted: 999_999 }]), NOW);
    for (const row of [lines.head(), ...rows]) expect(widthOf(row), row).toBeLessThan(width);
  });

  test("tell who comes and goes once, by the name that was verified, else the one that is announced", () => {
    const lines = new LiveLines(80);
    const told = (data: object) => lines.linesOf(presence(data), NOW).map((line) => line.slice(10));
    const ann = { clientId: 1, user: "ann", state: { user: { name: "Not Ann" } } };
    const bob = { clientId: 2, user: "", state: { user: { name: `Bob${HOSTILE}` } } };
    const eve = { clientId: 3, user: "", state: { name: "Eve" } };
    const nobody = { clientId: 4, user: "", state: null };
    expect(told({ all: true, joined: [ann, bob] })).toEqual([
      "● ann, Bob\\u001b[31m\\u202e\\u009b2J\\u0007 are here",
    ]);
    expect(told({ changed: [{ ...ann, state: { cursor: 5 } }] })).toEqual([]);
    expect(told({ joined: [eve, nobody] })).toEqual(["→ Eve, client 4 are here"]);
    expect(told({ left: [1, 99] })).toEqual(["← ann left"]);
    expect(told({ all: true, joined: [ann, bob, eve] })).toEqual(["← client 4 left", "→ ann is here"]);
    const crowd = Array.from({ length: 13 }, (_, i) => ({ clientId: 100 + i, user: `u${i}`, state: {} }));
    expect(told({ joined: crowd })).toEqual(["→ u0, u1, u2, u3, u4, u5, u6, u7, u8, u9 and 3 more are here"]);
  });

  test("tell what is not told one by one, and what was said", () => {
    const lines = new LiveLines(80);
    const told = (event: string, data: object) => {
      const live = liveEventOf(event, data);
      if (live === null || live.kind === "hello" || live.kind === "end") throw new Error("it has no line");
      return lines.linesOf(live, NOW).map((line) => line.slice(10));
    };
    expect(told("gap", { from: 1, to: 1200 })[0]).toContain("batches 1 to 1,200 are in a snapshot now");
    expect(told("missed", { signals: 3 })[0]).toContain("3 signals were dropped");
    expect(told("reset", { reason: "lineage", given: "x" })[0]).toContain(
      "another document than before (lineage)",
    );
    const signal = { name: `ring${HOSTILE}`, user: "", session: 0, payload: { text: "x".repeat(500) } };
    expect(told("signal", signal)[0]).toMatch(/^signal "ring\\u001b.*" of the server: \{"text":"x{91}…$/);
  });
});

describe("what was typed", () => {
  test("is put together where it was typed on, and kept apart where it was not", () => {
    const doc = docOf(1);
    const text = doc.getText("text");
    const updates = ["Hello", ", wor", "ld"].map((piece) => edit(doc, () => text.insert(text.length, piece)));
    expect(insertedText(Y.mergeUpdates(updates), 100)).toBe("Hello, world");
    const elsewhere = edit(doc, () => text.insert(5, " there"));
    expect(insertedText(Y.mergeUpdates([...updates, elsewhere]), 100)).toBe("Hello, world …  there");
  });

  test("is not what is no text, or was deleted at once", () => {
    const doc = docOf(1);
    const others = edit(doc, () => {
      doc.getMap("map").set("key", "value");
      doc.getText("text").insertEmbed(0, { image: "x" });
      doc.getText("text").insert(0, "gone");
      doc.getText("text").delete(0, 4);
    });
    expect(insertedText(others, 100)).toBe("");
  });

  test("is cut, not read of what is large, and nothing of what does not decode", () => {
    const [part] = batch(1, [{ update: typed("x".repeat(300)) }]).parts;
    expect(part && typedText(part)).toBe(`${"x".repeat(200)}…`);
    const [large] = batch(1, [{ update: typed("x".repeat(1_100_000)) }]).parts;
    expect(large && typedText(large)).toBe("");
    const [broken] = batch(1, [{ update: base64(Uint8Array.of(1, 2, 3)) }]).parts;
    expect(broken && typedText(broken)).toBe("");
    const [none] = batch(1, [{}]).parts;
    expect(none && typedText(none)).toBe("");
  });
});
