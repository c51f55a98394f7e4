import { JoineryError, type Limits } from "@joinery/shared";
import type { Edit } from "./edit.ts";
import {
  attributesAt,
  countAt,
  demandKnown,
  type Fields,
  listAt,
  objectAt,
  plainAt,
  textAt,
} from "./fields.ts";
import { malformed, shown } from "./malformed.ts";
import { nodeAt, nodesAt } from "./read-nodes.ts";

/** What an operation says beside `op` and `path`. */
interface Operation {
  readonly known: readonly string[];
  readonly read: (place: string, fields: Fields) => void;
}

const OPERATIONS: Readonly<Record<Edit["op"], Operation>> = {
  set: {
    known: ["value", "node"],
    read(place, fields) {
      demandOneOf(place, fields, ["value", "node"]);
      if (Object.hasOwn(fields, "value")) plainAt(`${place}.value`, fields.value);
      else nodeAt(`${place}.node`, fields.node);
    },
  },
  insert: { known: ["index", "values", "nodes", "text", "attributes"], read: readInsertion },
  delete: {
    known: ["index", "length"],
    read(place, { index, length }) {
      if (index === undefined && length !== undefined) throw malformed(place, "has a length and no index");
      if (index !== undefined) countAt(`${place}.index`, index);
      if (length !== undefined) countAt(`${place}.length`, length);
    },
  },
  clear: { known: [], read: () => undefined },
  format: {
    known: ["index", "length", "attributes"],
    read(place, { index, length, attributes }) {
      countAt(`${place}.index`, index);
      countAt(`${place}.length`, length);
      attributesAt(`${place}.attributes`, attributes);
    },
  },
  text: {
    known: ["value"],
    read(place, { value }) {
      textAt(`${place}.value`, value);
    },
  },
};

/**
 * Reads edits from JSON.
 *
 * @param value As `JSON.parse` gives it.
 * @throws JoineryError INVALID_OPTION (never), naming the place, as `edits[2].path`, from 0; also for none at all, and for
 * more than `maxEdits`. Whether they fit a document is known when they are made.
 * Cost: linear in the JSON.
 */
export function readEdits(value: unknown, { maxEdits }: Pick<Limits, "maxEdits">): readonly Edit[] {
  const edits = listAt("edits", value);
  if (edits.length === 0) throw malformed("edits", "is empty");
  if (edits.length > maxEdits) {
    const message = `edits has ${edits.length} edits, at most ${maxEdits} are made at once`;
    throw new JoineryError("INVALID_OPTION", message, { limit: "maxEdits" });
  }
  edits.forEach((edit, i) => {
    readEdit(`edits[${i}]`, edit);
  });
  // Each was held to what its operation says.
  return edits as readonly Edit[];
}

function readEdit(place: string, edit: unknown): void {
  const fields = objectAt(place, edit);
  const op = textAt(`${place}.op`, fields.op);
  const operation = Object.hasOwn(OPERATIONS, op) ? OPERATIONS[op as Edit["op"]] : null;
  if (operation === null) {
    throw malformed(
      place,
      `has the op ${shown(op)}, it must be one of ${Object.keys(OPERATIONS).join(", ")}`,
    );
  }
  demandKnown(place, fields, ["op", "path", ...operation.known]);
  readPath(`${place}.path`, fields.path);
  operation.read(place, fields);
}

function readPath(place: string, value: unknown): void {
  const [root, ...way] = listAt(place, value);
  if (typeof root !== "string") throw malformed(place, "must begin with the name of a root");
  for (const part of [root, ...way]) {
    if (typeof part === "string") textAt(place, part);
    else if (typeof part === "number") countAt(place, part);
    else throw malformed(place, "must be of keys and indices");
  }
}

function readInsertion(place: string, fields: Fields): void {
  const { index = "end", values, nodes, text, attributes } = fields;
  if (index !== "end") countAt(`${place}.index`, index);
  demandOneOf(place, fields, ["values", "nodes", "text"]);
  if (values !== undefined) {
    for (const [i, value] of listAt(`${place}.values`, values).entries())
      plainAt(`${place}.values[${i}]`, value);
  }
  if (nodes !== undefined) nodesAt(`${place}.nodes`, nodes);
  if (text !== undefined) textAt(`${place}.text`, text);
  if (attributes === undefined) return;
  if (values !== undefined) throw malformed(place, "has attributes, which plain values have none of");
  attributesAt(`${place}.attributes`, attributes);
}

function demandOneOf(place: string, fields: Fields, names: readonly string[]): void {
  if (names.filter((name) => Object.hasOwn(fields, name)).length === 1) return;
  throw malformed(place, `must have one of ${names.join(", ")}`);
}
