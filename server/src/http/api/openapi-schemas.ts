/** The shapes of what is asked and answered, as JSON Schemas. */

import type { Route } from "./route.ts";
import type { Field, JsonSchema, Schema } from "./schema.ts";

/** All that the routes have, and all that is within those, by name. */
export function schemasOf(routes: readonly Route[]): Readonly<Record<string, JsonSchema>> {
  const asked = withinAll(routes.flatMap(({ body }) => (body?.kind === "json" ? [body.schema] : [])));
  const answered = withinAll(routes.flatMap(({ answers }) => Object.values(answers.schemas)));
  const all = new Map([...asked, ...answered].map((schema) => [schema.name, schema]));
  // Of what is asked every field is known; to what is answered later versions add some.
  const jsonOf = (schema: Schema): JsonSchema => objectSchema(schema, !answered.has(schema));
  const sorted = [...all].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, schema]) => [name, jsonOf(schema)]));
}

function withinAll(schemas: readonly Schema[]): ReadonlySet<Schema> {
  const found = new Set(schemas);
  // What is added while it goes is gone through, too.
  for (const schema of found) {
    for (const { uses = [] } of Object.values(schema.fields)) {
      for (const used of uses) found.add(used);
    }
  }
  return found;
}

function objectSchema({ description, fields, oneOf, example }: Schema, isClosed: boolean): JsonSchema {
  const entries = Object.entries(fields);
  const required = entries.filter(([, { isOptional }]) => !isOptional).map(([name]) => name);
  return {
    type: "object",
    ...(description !== "" && { description }),
    properties: Object.fromEntries(entries.map(([name, field]) => [name, propertyOf(field)])),
    ...(required.length > 0 && { required }),
    ...(oneOf.length > 0 && { anyOf: oneOf.map((name) => ({ required: [name] })) }),
    ...(isClosed && { additionalProperties: false }),
    ...(example !== null && { examples: [example] }),
  };
}

function propertyOf({ json, description, example }: Field<unknown>): JsonSchema {
  return {
    ...json,
    ...(description !== undefined && { description }),
    ...(example !== undefined && { examples: [example] }),
  };
}
