import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { contentOf, readStored } from "../../../server/src/inspect/content.ts";
import { compareContents, type Difference } from "../../../server/src/inspect/diff.ts";
import { type Authorship, authorshipOf } from "../../../server/src/inspect/diff-authors.ts";
import { describeDifference } from "../../../server/src/inspect/diff-json.ts";
import { linesOfDifferences, pathText } from "../../../server/src/inspect/diff-lines.ts";
import { compareLists } from "../../../server/src/inspect/diff-sequence.ts";
import { compareStrings } from "../../../server/src/inspect/diff-text.ts";
import { applyTransaction, readSequentialTrace } from "../../support/traces.ts";
import { MINUTE_MS, NAME, Recording, START_MS, sourceOf, writeEverything } from "./content-sample.ts";

function compareDocs(before: (doc: Y.Doc) => void, after: (doc: Y.Doc) => void): Difference[] {
  const a = new Recording(1).write("", before).content();
  const b = new Recording(2).write("", after).content();
  return compareContents(a.roots, b.roots, false);
}

/** What two times of one document differ in, and who made it. */
async function compareTimes(recording: Recording, from: number, to: number) {
  const source = sourceOf(recording.entries);
  const [a, b] = [await readStored(source, NAME, { seq: from }), await readStored(source, NAME, { seq: to })];
  if (a === null || b === null) throw new Error("it is there");
  const differences = compareContents(contentOf(a).roots, contentOf(b).roots, true);
  return { differences, authorship: await authorshipOf(source, NAME, { from, to }) };
}

function linesOf(
  differences: readonly Difference[],
  authorship: Authorship | null = null,
  width = 80,
): string[] {
  const lines = [...linesOfDifferences(differences, { width, isFull: false, authorship })];
  return lines.map((line) => line.map(({ text }) => text).join(""));
}

test("what shows the same is equal, however it came about", () => {
  const other = (doc: Y.Doc) => {
    writeEverything(doc);
    doc.getText("body").insert(3, "xyz");
    doc.getText("body").delete(3, 3);
    doc.getMap("nothing in it").set("a", 1);
    doc.getMap("nothing in it").delete("a");
  };
  expect(compareDocs(writeEverything, other)).toEqual([]);
});

test("of a text that came, went, or stands where something else was, the beginning is shown; all of it when asked", () => {
  const long = `${"a".repeat(199)}🌍${"b".repeat(50)}`;
  const differences = compareDocs(
    (doc) => {
      doc.getText("gone").insert(0, "good\nbye");
      doc.getMap("map").set("kind", "a value");
    },
    (doc) => {
      doc.getText("content").insert(0, "Hello ");
      doc.getText("content").insertEmbed(6, { image: "a.png" });
      doc.getText("content").insert(7, "\u001b[31mbold\n", { bold: true });
      doc.getText("long").insert(0, long);
      doc.getMap("map").set("empty", new Y.Text());
      doc.getMap("map").set("kind", new Y.Text("a text"));
    },
  );
  expect(linesOf(differences)).toEqual([
    "+ content text 17 characters",
    "    line 1  {+Hello ⟨embed⟩\\u001b[31mbold⏎+}",
    "- gone text 8 characters",
    "    line 1  [-good⏎bye-]",
    "+ long text 251 characters",
    `    line 1  {+${"a".repeat(199)}… 52 more characters+}`,
    "+ map.empty text 0 characters",
    '~ map.kind "a value" → text 6 characters',
    "    line 1  {+a text+}",
  ]);
  const full = [...linesOfDifferences(differences, { width: 80, isFull: true, authorship: null })];
  expect(full.flat().map(({ text }) => text)).toContain(`{+${long}+}`);
});

test("what was added, removed and changed is told by path", () => {
  const differences = compareDocs(
    (doc) => {
      doc.getMap("map").set("same", { a: 1 });
      doc.getMap("map").set("odd key", { a: 1, b: [1, 2, { c: 3 }], gone: true });
      doc.getMap("map").set("type", 1);
      doc.getArray("list").push(["a", "b", "c", new Y.Map([["x", 1]])]);
      const element = new Y.XmlElement("p");
      element.setAttribute("align", "left");
      doc.getXmlFragment("xml").push([element, new Y.XmlElement("hr")]);
      doc.getMap("before").set("a", 1);
    },
    (doc) => {
      doc.getMap("map").set("same", { a: 1 });
      doc.getMap("map").set("odd key", { a: 2, b: [1, 2, { c: 4 }], new: null });
      doc.getMap("map").set("type", new Y.Array());
      doc.getArray("list").push(["a", "c", "d", new Y.Map([["x", 2]]), "e"]);
      const element = new Y.XmlElement("p");
      element.setAttribute("align", "right");
      doc.getXmlFragment("xml").push([element, new Y.XmlElement("br")]);
      doc.getText("after").insert(0, "a");
    },
  );
  expect(linesOf(differences)).toEqual([
    "+ after text 1 character",
    "    line 1  {+a+}",
    "- before map 1 key",
    '- list[1] "b"',
    '+ list[2] "d"',
    "~ list[3].x 1 → 2",
    '+ list[4] "e"',
    '~ map["odd key"].a 1 → 2',
    '~ map["odd key"].b[2].c 3 → 4',
    '- map["odd key"].gone true',
    '+ map["odd key"].new null',
    "~ map.type 1 → array 0 items",
    '~ xml[0].@align "left" → "right"',
    "- xml[1] xml-element",
    "+ xml[1] xml-element",
  ]);
});

test("objects and lists with the same values in another order of keys are equal, also in lists", () => {
  const differences = compareDocs(
    (doc) => doc.getArray("a").push([{ x: 1, y: [{ p: 1, q: 2 }] }, [{ p: 1, q: 2 }]]),
    (doc) => doc.getArray("a").push([{ y: [{ q: 2, p: 1 }], x: 1 }, [{ q: 2, p: 1 }]]),
  );
  expect(differences).toEqual([]);
});

test("a path says what is a key, what a position and what an attribute", () => {
  expect(pathText(["a b", "c", 3, "@d", "e f", "__proto__", "\u001b"])).toBe(
    '"a b".c[3].@d["e f"].__proto__["\\u001b"]',
  );
});

describe("texts", () => {
  const textOf = (text: string) => (doc: Y.Doc) => doc.getText("t").insert(0, text);

  test("differ in words, each change in the line that it is in, with what is around it", () => {
    const differences = compareDocs(
      textOf("The quick brown fox\njumps over\nthe lazy dog and goes on and on and on and on and on\nend"),
      textOf("The slow red fox\njumps over\nthe lazy dog and goes on and on and on and on and off\nend\nnew"),
    );
    expect(linesOf(differences)).toEqual([
      "~ t −13 +15 characters",
      "    line 1  The [-quick brown-]{+slow red+} fox",
      "    line 3  …s on and on and on and on and [-on-]{+off+}",
      "    line 4  end{+⏎new+}",
    ]);
  });

  test("differ in formatting and in what is embedded", () => {
    const differences = compareDocs(
      (doc) => doc.getText("t").applyDelta([{ insert: "plain bold" }, { insert: { image: "a" } }]),
      (doc) =>
        doc
          .getText("t")
          .applyDelta([
            { insert: "plain " },
            { insert: "bold", attributes: { bold: true } },
            { insert: { image: "b" } },
          ]),
    );
    expect(linesOf(differences)).toEqual([
      "~ t 2 formatting changes",
      '    "bold" {} → {"bold":true}',
      '    embed {"type":"value","value":{"image":"a"}} → {"type":"value","value":{"im…',
    ]);
    expect(describeDifference(differences[0] as Difference, null)).toMatchObject({
      text: [],
      formats: [{ text: "bold", from: 6, to: 6, before: {}, after: { bold: true } }, { text: "\ufffc" }],
    });
  });

  test("give both texts back, whatever they are", () => {
    const text = fc
      .array(fc.constantFrom("a", "bc", " ", "\n", ".", "日", "👍🏽", "\ud83d"))
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, text, (a, b) => {
        const changes = compareStrings(a, b);
        const side = (kind: string) =>
          changes.filter((change) => change.kind === "same" || change.kind === kind).map(({ text }) => text);
        expect([side("removed").join(""), side("added").join("")]).toEqual([a, b]);
        for (const { kind, text, from, to } of changes) {
          if (kind !== "added") expect(a.slice(from, from + text.length)).toBe(text);
          if (kind !== "removed") expect(b.slice(to, to + text.length)).toBe(text);
        }
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  test("that have little in common are replaced as a whole: what they have is bounded", () => {
    const a = Array.from({ length: 20_000 }, (_, i) => `a${i}`).join(" ");
    const b = Array.from({ length: 20_000 }, (_, i) => `b${i}`).join(" ");
    expect(compareStrings(`x ${a} y`, `x ${b} y`).map(({ kind, text }) => [kind, text.length])).toEqual([
      ["same", 2],
      ["removed", a.length],
      ["added", b.length],
      ["same", 2],
    ]);
  });
});

describe("lists", () => {
  test("have the fewest changes, what was removed before what was added", () => {
    const show = (a: string, b: string, max = 100) =>
      compareLists([...a], [...b], max).map(({ kind, count }) => `${kind} ${count}`);
    expect(show("", "")).toEqual([]);
    expect(show("abc", "abc")).toEqual(["same 3"]);
    expect(show("abcd", "axd")).toEqual(["same 1", "removed 2", "added 1", "same 1"]);
    expect(
      show("abcabba", "cbabac").reduce(
        (sum, step) => sum + (step.startsWith("same") ? Number(step.slice(5)) : 0),
        0,
      ),
    ).toBe(4);
    expect(show("axbxcxd", "aybyczd", 3)).toEqual(["same 1", "removed 5", "added 5", "same 1"]);
  });

  test("have as few changes as a table of all ways finds", () => {
    const letters = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 12 });
    const common = (a: readonly string[], b: readonly string[]): number => {
      const [x, y] = [a[0], b[0]];
      if (x === undefined || y === undefined) return 0;
      if (x === y) return 1 + common(a.slice(1), b.slice(1));
      return Math.max(common(a.slice(1), b), common(a, b.slice(1)));
    };
    fc.assert(
      fc.property(letters, letters, (a, b) => {
        const same = compareLists(a, b, 100).reduce(
          (sum, { kind, count }) => sum + (kind === "same" ? count : 0),
          0,
        );
        expect(same).toBe(common(a, b));
      }),
      { seed: 7, numRuns: 100 },
    );
  });
});

describe("two times of one document", () => {
  const recording = new Recording()
    .write("ann", (doc) => {
      doc.getText("t").insert(0, "ann wrote this");
      doc.getArray("list").push([new Y.Map([["n", 1]]), new Y.Map([["n", 2]])]);
      doc.getMap("m").set("a", 1);
    })
    .write("bob", (doc) => doc.getText("t").insert(3, " really"))
    .write("cid", (doc) => doc.getText("t").delete(0, 3))
    .write("dan", (doc) => {
      doc.getArray("list").insert(0, [new Y.Map([["n", 0]])]);
      (doc.getArray("list").get(1) as Y.Map<number>).set("n", 10);
      doc.getMap("m").set("a", 2);
      doc.getMap("m").set("b", { c: 1 });
    })
    .write("", (doc) => doc.getMap("m").delete("a"));

  test("say who wrote and who deleted, of each change and of all", async () => {
    const { differences, authorship } = await compareTimes(recording, 1, 4);
    expect(linesOf(differences, authorship)).toEqual([
      "+ list[0] map 1 key  by dan",
      "~ list[1].n 1 → 10  by dan",
      "~ m.a 1 → 2  by dan",
      '+ m.b {"c":1}  by dan',
      "~ t −3 +7 characters  by bob, cid",
      "    line 1  [-ann-]{+ really+} wrote this",
    ]);
    expect(
      authorship.contributions.map(({ author, batches, firstTime }) => [author, batches, firstTime]),
    ).toEqual([
      ["bob", 1, START_MS + 2 * MINUTE_MS],
      ["cid", 1, START_MS + 3 * MINUTE_MS],
      ["dan", 1, START_MS + 4 * MINUTE_MS],
    ]);
    const [text] = differences.slice(-1).map((difference) => describeDifference(difference, authorship));
    expect(text).toMatchObject({
      path: ["t"],
      change: "changed",
      by: ["bob", "cid"],
      text: [
        { kind: "removed", text: "ann", from: 0, by: ["cid"] },
        { kind: "added", text: " really", to: 0, by: ["bob"] },
      ],
    });
  });

  test("say of what was there before nothing, and of nobody in particular only beside others", async () => {
    const { differences, authorship } = await compareTimes(recording, 4, 5);
    expect(linesOf(differences, authorship)).toEqual(["- m.a 2"]);
    expect(authorship.contributions.map(({ author }) => author)).toEqual([""]);
    const back = await compareTimes(recording, 3, 5);
    expect(linesOf(back.differences, back.authorship)).toContain("- m.a 1  by dan");
  });

  test("of a text that was typed show what was typed between", async () => {
    const { transactions } = readSequentialTrace();
    const typed = new Recording();
    for (let part = 0; part < 4; part++) {
      typed.write(`author ${part}`, (doc) => {
        for (const edit of transactions.slice(part * 500, (part + 1) * 500))
          applyTransaction(doc.getText("t"), edit);
      });
    }
    const { differences, authorship } = await compareTimes(typed, 1, 3);
    expect(differences.map(({ path, change }) => [path, change])).toEqual([[["t"], "changed"]]);
    const [described] = differences.map((difference) => describeDifference(difference, authorship));
    expect(described).toMatchObject({ by: ["author 1", "author 2"] });
    await expect(`${linesOf(differences, authorship).join("\n")}\n`).toMatchFileSnapshot(
      "golden/diff-typed.txt",
    );
  });
});

test("N12 nothing in a document writes to the terminal", () => {
  const HOSTILE = "\u001b[31m\u009b2J\u0007\r\u202eabc\u2028\u0000";
  const edit = (value: string) => (doc: Y.Doc) => {
    doc.getMap(HOSTILE).set(HOSTILE, value);
    doc.getText("t").insert(0, `${value} same ${HOSTILE}`, { [HOSTILE]: value });
  };
  const lines = linesOf(
    compareDocs(edit(HOSTILE), edit(`${HOSTILE}${HOSTILE} more ${"x".repeat(50)}`)),
    null,
    400,
  );
  expect(lines.length).toBeGreaterThan(3);
  expect(lines.filter((line) => /[\p{Cc}\p{Bidi_Control}\u2028]/u.test(line))).toEqual([]);
});

test("N11 keys that plain objects inherit are compared like any other", () => {
  const edit = (value: number) => (doc: Y.Doc) => {
    doc.getMap("__proto__").set("constructor", new Y.Map([["__proto__", value]]));
  };
  expect(linesOf(compareDocs(edit(1), edit(2)))).toEqual(["~ __proto__.constructor.__proto__ 1 → 2"]);
});

test("types nested a thousand deep are compared", () => {
  const edit = (value: number) => (doc: Y.Doc) => {
    let map: Y.Map<unknown> = doc.getMap("deep");
    for (let i = 1; i < 1000; i++) map = map.set("in", new Y.Map());
    map.set("in", value);
  };
  const [difference] = compareDocs(edit(1), edit(2));
  expect(difference?.path).toHaveLength(1001);
});
