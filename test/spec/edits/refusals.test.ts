import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { editedUpdate } from "../../../server/src/edits/apply-edits.ts";
import { readEdits } from "../../../server/src/edits/read-edits.ts";
import { docWith, updateOf } from "./edited.ts";

/** Something of everything. */
function sample(): Y.Doc {
  return docWith((doc) => {
    const map = doc.getMap<unknown>("map");
    map.set("plain", { a: [1] });
    map.set("nested", new Y.Map([["a", 1]]));
    map.set("bytes", Uint8Array.of(1, 2));
    doc.getArray("list").push([1, 2, 3]);
    doc.getText("text").insert(0, "a😀b");
    doc.getXmlFragment("page").push([new Y.XmlElement("p")]);
    doc.getArray("gone").push([1]);
    doc.getArray("gone").delete(0);
  });
}

/** What is said of edits that a document does not fit. */
function refusalOf(edits: readonly object[]): string {
  try {
    updateOf(sample(), edits);
  } catch (error) {
    if (error instanceof JoineryError && error.code === "INVALID_OPTION") return error.message;
    throw error;
  }
  throw new Error("it was not refused");
}

/** What is said of JSON that is no list of edits. */
function malformationOf(edits: unknown, maxEdits = 1000): string {
  try {
    readEdits(edits, { maxEdits });
  } catch (error) {
    if (error instanceof JoineryError && error.code === "INVALID_OPTION") return error.message;
    throw error;
  }
  throw new Error("it was not refused");
}

describe("an edit that does not fit is refused with its number, its path and what is there:", () => {
  test.each([
    [{ op: "set", path: ["list", "a"], value: 1 }, "there is an array of 3 items, which has no keys"],
    [{ op: "set", path: ["map", 1], value: 1 }, "there is a map with 3 keys: set replaces items"],
    [{ op: "set", path: ["list", 3], value: 1 }, "there is an array of 3 items, and no index 3"],
    [{ op: "set", path: ["page", 0], value: 1 }, "XML has nodes, and no plain values"],
    [
      { op: "set", path: ["page", "id"], value: { constructor: 1 } },
      'no object that has the key "constructor"',
    ],
    [{ op: "set", path: ["map"], value: 1 }, "no root is set"],
    [{ op: "set", path: ["new", 0], value: 1 }, 'there is no root "new": there is "gone", "list", "map"'],
    [{ op: "set", path: ["gone", 0], value: 1 }, 'the root "gone" has nothing'],
    [
      { op: "set", path: ["map", "plain", "a"], value: 1 },
      'at ["map","plain"] there is a plain value, {"a":[1]}',
    ],
    [{ op: "set", path: ["map", "bytes", "a"], value: 1 }, "there is a plain value of 2 bytes"],
    [{ op: "set", path: ["map", "no", "a"], value: 1 }, 'at ["map","no"] there is nothing'],
    [{ op: "set", path: ["list", 9, "a"], value: 1 }, 'at ["list",9] there is nothing'],
    [{ op: "set", path: ["list", "x", "a"], value: 1 }, 'an array of 3 items has no key "x"'],
    [{ op: "set", path: ["map", 4, "a"], value: 1 }, "a map with 3 keys has no index 4"],
    [{ op: "insert", path: ["list"], index: 4, values: [1] }, "there is an array of 3 items, and no index 4"],
    [{ op: "insert", path: ["list"], text: "a" }, "there is an array: into it go values and nodes"],
    [
      { op: "insert", path: ["list"], nodes: [{ type: "value", value: { $bigint: "1" } }] },
      "no bigint into an array",
    ],
    [
      { op: "insert", path: ["list"], nodes: [{ type: "value", value: { $undefined: true } }] },
      "no undefined into",
    ],
    [{ op: "insert", path: ["list"], nodes: [1], attributes: {} }, "only in a text something is formatted"],
    [
      { op: "insert", path: ["map"], values: [1] },
      "there is a map with 3 keys: set puts something under a key",
    ],
    [{ op: "insert", path: ["text"], values: [1] }, "there is a text of 4 UTF-16 units: into it goes text"],
    [
      { op: "insert", path: ["text"], nodes: ["a"] },
      "a text embeds shared types, and plain values that are objects",
    ],
    [{ op: "insert", path: ["text"], index: 5, text: "a" }, "the text has 4 UTF-16 units, and no index 5"],
    [{ op: "insert", path: ["text"], index: 2, text: "a" }, "index 2 is in the middle of a character"],
    [{ op: "insert", path: ["page"], values: [1] }, "there is XML: into it go nodes"],
    [{ op: "insert", path: ["page"], nodes: [1] }, "among XML there are elements, fragments, texts"],
    [{ op: "delete", path: ["text"], index: 0, length: 2 }, "index 2 is in the middle of a character"],
    [{ op: "delete", path: ["text"], index: 3, length: 2 }, "the text has 4 UTF-16 units, 5 would be needed"],
    [{ op: "delete", path: ["list"], index: 2, length: 2 }, "an array of 3 items, and no range from 2 to 4"],
    [{ op: "delete", path: ["map"], index: 0 }, "there is a map with 3 keys, which has no indices"],
    [{ op: "delete", path: ["map"] }, "no root is deleted: clear empties it"],
    [{ op: "clear", path: ["map", "plain"] }, 'at ["map","plain"] there is a plain value'],
    [{ op: "clear", path: ["new"] }, 'there is no root "new"'],
    [
      { op: "format", path: ["list"], index: 0, length: 1, attributes: {} },
      "an array of 3 items, and it takes a text",
    ],
    [{ op: "text", path: ["map"], value: "a" }, "there is a map with 3 keys, and it takes a text"],
    [{ op: "text", path: ["map", "title"], value: "a" }, 'at ["map","title"] there is nothing'],
  ])("%j", (edit, reason) => {
    const before = { op: "set", path: ["map", "nested", "b"], value: 2 };
    const message = refusalOf([before, edit]);
    expect(message).toContain(reason);
    expect(message).toContain(`edits[1], ${edit.op} at ${JSON.stringify(edit.path)}: `);
  });

  test("a root that an edit made is what that made of it", () => {
    const edits = [
      { op: "insert", path: ["gone"], text: "" },
      { op: "insert", path: ["gone"], values: [1] },
    ];
    expect(refusalOf(edits)).toContain("there is a text of 0 UTF-16 units");
  });

  test("what a client said is cut where it is long", () => {
    expect(refusalOf([{ op: "clear", path: ["x".repeat(10_000)] }]).length).toBeLessThan(500);
  });
});

describe("what is no list of edits is refused with the place:", () => {
  const set = (value: unknown) => [{ op: "set", path: ["map", "k"], value }];
  const put = (node: unknown) => [{ op: "set", path: ["map", "k"], node }];
  const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);
  const deepNode = (levels: number): unknown => ({
    type: "array",
    items: levels === 0 ? [] : [deepNode(levels - 1)],
  });

  test.each([
    [null, "edits must be a list"],
    [[], "edits is empty"],
    [[1], "edits[0] must be an object"],
    [[{ path: ["a"] }], "edits[0].op must be text"],
    [[{ op: "sett", path: ["a"] }], 'edits[0] has the op "sett", it must be one of set, insert,'],
    [[{ op: "constructor", path: ["a"] }], 'edits[0] has the op "constructor"'],
    [[{ op: "clear" }], "edits[0].path must be a list"],
    [[{ op: "clear", path: [] }], "edits[0].path must begin with the name of a root"],
    [[{ op: "clear", path: ["a", -1] }], "edits[0].path is -1, it must be a whole number"],
    [[{ op: "clear", path: ["a", null] }], "edits[0].path must be of keys and indices"],
    [[{ op: "clear", path: ["\ud800"] }], "edits[0].path is no valid Unicode"],
    [[{ op: "clear", path: ["a"], index: 1 }], 'edits[0] has an unknown field "index"'],
    [[{ op: "set", path: ["a", "b"] }], "edits[0] must have one of value, node"],
    [[{ op: "set", path: ["a", "b"], value: 1, node: 1 }], "edits[0] must have one of value, node"],
    [set(Number.POSITIVE_INFINITY), "edits[0].value must be JSON"],
    [set(["\udc00"]), "edits[0].value is no valid Unicode"],
    [set(JSON.parse('{"a": {"__proto__": 1}}')), 'edits[0].value has the key "__proto__"'],
    [set(deep(65)), "edits[0].value is nested more than 64 deep"],
    [[{ op: "insert", path: ["a"] }], "edits[0] must have one of values, nodes, text"],
    [[{ op: "insert", path: ["a"], values: 1 }], "edits[0].values must be a list"],
    [[{ op: "insert", path: ["a"], values: [], index: 1.5 }], "edits[0].index is 1.5"],
    [
      [{ op: "insert", path: ["a"], values: [], attributes: {} }],
      "has attributes, which plain values have none of",
    ],
    [[{ op: "insert", path: ["a"], text: "a", attributes: [] }], "edits[0].attributes must be an object"],
    [[{ op: "delete", path: ["a", 0], length: 1 }], "edits[0] has a length and no index"],
    [[{ op: "format", path: ["a"], index: 0, length: 1 }], "edits[0].attributes must be an object"],
    [[{ op: "text", path: ["a"], value: 1 }], "edits[0].value must be text"],
    [put({ a: 1 }), "edits[0].node lacks a type: a plain object is"],
    [put({ type: "toString" }), 'edits[0].node has the type "toString"'],
    [put({ type: "map", entries: { a: { b: 1 } } }), 'edits[0].node.entries["a"] lacks a type'],
    [put({ type: "map", items: [] }), 'edits[0].node has an unknown field "items"'],
    [put({ type: "text", text: "a", delta: [] }), "edits[0].node has a text and a delta"],
    [put({ type: "text", delta: [{ insert: 1 }] }), "edits[0].node.delta[0].insert is 1"],
    [put({ type: "text", delta: [{ insert: { type: "binary", base64: "" } }] }), "which a text cannot embed"],
    [
      put({ type: "text", delta: [{ insert: { type: "value", value: [1] } }] }),
      "insert.value must be an object",
    ],
    [put({ type: "xml-element" }), "edits[0].node.name must be text"],
    [put({ type: "xml-element", name: "" }), "edits[0].node.name is empty"],
    [put({ type: "xml-element", name: "p", children: [1] }), "edits[0].node.children[0] is 1"],
    [put({ type: "xml-fragment", children: [{ type: "map" }] }), 'children[0] has the type "map"; among XML'],
    [put({ type: "value" }), "edits[0].node lacks a value"],
    [put({ type: "value", value: { $bigint: "9223372036854775808" } }), "no whole number of 64 bits"],
    [put({ type: "value", value: { $date: "x" } }), '"$date", which means nothing'],
    [put({ type: "value", value: { $number: "1" } }), "none of NaN, Infinity, -Infinity"],
    [put({ type: "binary", base64: "a" }), "edits[0].node.base64 has bytes that are no base64"],
    [put({ type: "subdocument", guid: "a", options: { load: 1 } }), 'options has an unknown field "load"'],
    [put(deepNode(101)), "is nested more than 100 deep"],
  ])("%j", (edits, reason) => {
    expect(malformationOf(edits)).toContain(reason);
  });

  test("more edits than are made at once", () => {
    expect(malformationOf(Array(4).fill({ op: "clear", path: ["a"] }), 3)).toContain(
      "edits has 4 edits, at most 3 are made at once",
    );
  });
});

test("a document that cannot be built is not edited", () => {
  const client = docWith();
  client.getText("text").insert(0, "a");
  const before = Y.encodeStateVector(client);
  client.getText("text").insert(1, "b");
  const beyond = Y.encodeStateAsUpdate(client, before);
  const edits = readEdits([{ op: "text", path: ["text"], value: "x" }], { maxEdits: 1 });
  expect(() => editedUpdate([beyond], edits)).toThrow(expect.objectContaining({ code: "REPLICA_FAILED" }));
});
