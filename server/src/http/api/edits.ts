/** Edits as JSON, as requests carry them: `edits/edit.ts` says what each means. */

import type { Edit } from "../../edits/edit.ts";
import { readEdits } from "../../edits/read-edits.ts";
import {
  anyJson,
  choice,
  described,
  type Field,
  listOf,
  mapOf,
  nested,
  optional,
  schema,
  schemaPath,
  wholeNumber,
} from "./schema.ts";

const NODE_NAME = "NewNode";

/** Whatever fits into a body. */
const anyText: Field<string> = {
  is: "text",
  json: { type: "string" },
  read: (value) => (typeof value === "string" ? value : undefined),
};

const count = wholeNumber(0, Number.MAX_SAFE_INTEGER);

/** A node within a node; the object is described once. */
const innerNode: Field<unknown> = {
  is: "a node",
  json: {
    anyOf: [
      { $ref: `#/components/schemas/${NODE_NAME}` },
      { type: "string" },
      { type: "number" },
      { type: "boolean" },
      { type: "null" },
    ],
  },
  read: (value) => value,
};

const attributes = mapOf(anyJson);
const entries = mapOf(innerNode);

const PIECE = schema("NewPiece", {
  insert: described("Text, or the node that is embedded.", innerNode, "Hello"),
  attributes: described("How it is formatted.", optional(attributes), { bold: true }),
});

const NEW_NODE = schema(
  NODE_NAME,
  {
    type: described(
      "What it becomes.",
      choice([
        "text",
        "xml-text",
        "map",
        "array",
        "xml-element",
        "xml-fragment",
        "xml-hook",
        "value",
        "binary",
        "subdocument",
      ]),
      "map",
    ),
    text: described("Of a text: all of it, without formatting.", optional(anyText)),
    delta: described("Of a text: its pieces.", optional(listOf(nested(PIECE)))),
    attributes: described("Of an element, or of a text as a whole.", optional(entries)),
    entries: described("Of a map or a hook, by key.", optional(entries), { done: false }),
    items: described("Of an array.", optional(listOf(innerNode))),
    name: described("Of an element or a hook.", optional(anyText)),
    children: described("Of an element or a fragment; a string is a text.", optional(listOf(innerNode))),
    value: described(
      'Of a plain value. What JSON has no word for is an object with one key, as `{"$bigint": "12"}`.',
      optional(anyJson),
    ),
    base64: described("Of bytes.", optional(anyText)),
    guid: described("Of a reference to a subdocument.", optional(anyText)),
    options: described("Of a reference to a subdocument.", optional(anyJson)),
    length: described("Is passed over: what is read has it.", optional(count)),
  },
  {
    description:
      "A shared type or a value, in the words in which documents are described. A string, number, boolean or null stands for itself.",
  },
);

const node: Field<unknown> = { ...innerNode, uses: [NEW_NODE] };

const index: Field<number | "end"> = {
  is: `${count.is}, or "end"`,
  json: { anyOf: [count.json, { const: "end" }] },
  read: (value, limits) => (value === "end" ? value : count.read(value, limits)),
};

const path: Field<unknown> = {
  is: "a path",
  json: {
    type: "array",
    items: { anyOf: [{ type: "string" }, count.json] },
    minItems: 1,
  },
  read: (value) => value,
};

const EDIT = schema(
  "Edit",
  {
    op: described("What is done.", choice(["set", "insert", "delete", "clear", "format", "text"]), "set"),
    path: described("Where: the name of a root, then keys and indices.", path, ["todo", 0, "done"]),
    value: described(
      "With `set`, plain JSON; with `text`, how the text shall read.",
      optional(anyJson),
      true,
    ),
    node: described("With `set`, what is put there.", optional(node)),
    index: described(
      'With `insert`, before what; default `"end"`. With `delete` and `format`, where it begins.',
      optional(index),
    ),
    length: described("With `delete` and `format`, of how much. Default, of `delete`: 1.", optional(count)),
    values: described("With `insert`, plain JSON that goes into an array.", optional(listOf(anyJson))),
    nodes: described("With `insert`, what goes into an array, XML or a text.", optional(listOf(node))),
    text: described("With `insert`, what goes into a text.", optional(anyText)),
    attributes: described("With `insert` and `format`, how a text is formatted.", optional(attributes)),
  },
  { description: "One edit of a document." },
);

/** Edits of one request. They are held to more than their description can say. */
export const edits: Field<readonly Edit[]> = {
  is: "a list of edits",
  json: { type: "array", items: { $ref: schemaPath(EDIT) }, minItems: 1 },
  uses: [EDIT],
  read: (value, limits) => readEdits(value, limits),
};

/** As deep as a node of a hundred levels goes, with what it is in. */
export const MAX_EDITS_DEPTH = 256;
