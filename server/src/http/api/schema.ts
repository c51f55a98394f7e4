/**
 * The shapes of what is asked and answered, as data: each field says what it has to be, reads it, and gives the compiler
 * its type. Small on purpose: what comes in is bounded and flat, and every refusal names the field in words.
 */

import { isIP } from "node:net";
import { type DocumentName, JoineryError, type Limits, parseDocumentName } from "@joinery/shared";

/** A JSON Schema of the draft of 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What one value has to be. */
export interface Field<Value> {
  /** For people, behind "it must be". */
  readonly is: string;
  /** For programs: the same, as far as JSON Schema has words for it. */
  readonly json: JsonSchema;
  /** For people: what it means, as a sentence. */
  readonly description?: string;
  readonly example?: unknown;
  /** The objects within it. */
  readonly uses?: readonly Schema[];
  readonly isOptional?: boolean;
  /** Returns `undefined` for what it is not, or throws a JoineryError that says why. */
  read(value: unknown, limits: Limits): Value | undefined;
  /** How a query says it. Default: as it is. */
  fromText?(text: string): unknown;
}

interface OptionalField<Value> extends Field<Value> {
  readonly isOptional: true;
}

type Fields = Readonly<Record<string, Field<unknown>>>;
type ValueOf<Of> = Of extends Field<infer Value> ? Value : never;
type OptionalNames<Of extends Fields> = {
  [Name in keyof Of]: Of[Name] extends OptionalField<unknown> ? Name : never;
}[keyof Of];

type ObjectOf<Of extends Fields> = {
  readonly [Name in Exclude<keyof Of, OptionalNames<Of>>]: ValueOf<Of[Name]>;
} & { readonly [Name in OptionalNames<Of>]?: ValueOf<Of[Name]> };

/** What a JSON object, or a query, has to be. */
export interface Schema<Value extends object = object> {
  readonly name: string;
  /** For people: what it is, as a sentence; empty for nothing. */
  readonly description: string;
  readonly fields: Fields;
  /** Of these at least one has to be there; empty where all may be absent. */
  readonly oneOf: readonly string[];
  /** One as it may be; `null` where the examples of the fields make one together. */
  readonly example: object | null;
  /** @throws JoineryError INVALID_OPTION or INVALID_NAME (never), naming the field. */
  read(value: unknown, limits: Limits): Value;
  /** As `read`, of a query, where everything is text. */
  readQuery(query: URLSearchParams, limits: Limits): Value;
}

/** What a schema reads. */
export type Of<It> = It extends Schema<infer Value> ? Value : never;

/** Names in a message are the client's: they are shown, and cut. */
const MAX_SHOWN_LENGTH = 64;

/** @param oneOf Of these at least one has to be there. */
export function schema<Shape extends Fields>(
  name: string,
  fields: Shape,
  {
    oneOf = [],
    description = "",
    example,
  }: {
    readonly oneOf?: readonly (keyof Shape & string)[];
    readonly description?: string;
    readonly example?: object;
  } = {},
): Schema<ObjectOf<Shape>> {
  const read = (value: unknown, limits: Limits): ObjectOf<Shape> => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid("is no object");
    for (const given of Object.keys(value)) {
      if (!Object.hasOwn(fields, given)) throw invalid(`has an unknown field ${shown(given)}`);
    }
    const entries = Object.entries(fields)
      .map(([field, of]) => [field, readField(field, of, value, limits)] as const)
      .filter(([, read]) => read !== undefined);
    if (oneOf.length > 0 && !entries.some(([field]) => oneOf.includes(field))) {
      throw invalid(`needs at least one of ${oneOf.map(shown).join(", ")}`);
    }
    // Each field was read by its own rule, and there are no others.
    return Object.fromEntries(entries) as ObjectOf<Shape>;
  };
  const readQuery = (query: URLSearchParams, limits: Limits): ObjectOf<Shape> => {
    const names = [...query.keys()];
    const twice = names.find((given, at) => names.indexOf(given) !== at);
    if (twice !== undefined) throw invalid(`has ${shown(twice)} twice`);
    const values = [...query].map(([field, text]) => {
      const { fromText = String } = Object.hasOwn(fields, field) ? (fields[field] as Field<unknown>) : {};
      return [field, fromText(text)];
    });
    return read(Object.fromEntries(values), limits);
  };
  return { name, description, fields, oneOf, example: example ?? null, read, readQuery };
}

/** Says what a field means, and shows one. */
export function described<Of extends Field<unknown>>(description: string, field: Of, example?: unknown): Of {
  return { ...field, description, ...(example !== undefined && { example }) };
}

export function optional<Value>(field: Field<Value>): OptionalField<Value> {
  return { ...field, isOptional: true };
}

export function nullable<Value>(field: Field<Value>): Field<Value | null> {
  return {
    ...field,
    is: `${field.is}, or null`,
    json: { anyOf: [field.json, { type: "null" }] },
    read: (value, limits) => (value === null ? null : field.read(value, limits)),
  };
}

/** Text of 1 to so many UTF-16 units, in valid Unicode. */
export function text(
  maxLength: number,
  { minLength = 1 }: { readonly minLength?: number } = {},
): Field<string> {
  return {
    is: `text of ${minLength} to ${maxLength} characters`,
    json: { type: "string", ...(minLength > 0 && { minLength }), maxLength },
    read: (value) => {
      const fits = typeof value === "string" && value.length >= minLength && value.length <= maxLength;
      return fits && value.isWellFormed() ? value : undefined;
    },
  };
}

/** Text that people are shown, without what a terminal would obey. */
export function line(maxLength: number): Field<string> {
  const { is, json, read } = text(maxLength);
  return {
    is: `${is}, none of which control text`,
    json,
    read: (value, limits) => {
      const it = read(value, limits);
      return it !== undefined && !/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u.test(it) ? it : undefined;
    },
  };
}

export function wholeNumber(min: number, max: number): Field<number> {
  return {
    is: `a whole number from ${min} to ${max}`,
    json: { type: "integer", minimum: min, ...(max < Number.MAX_SAFE_INTEGER && { maximum: max }) },
    read: (value) => {
      const isOne = typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max;
      return isOne ? value : undefined;
    },
    fromText: (given) => (/^\d{1,16}$/.test(given) ? Number(given) : given),
  };
}

/** For what only answers have: sizes, times, rates. */
export const number: Field<number> = {
  is: "a number",
  json: { type: "number" },
  read: (value) => (typeof value === "number" && Number.isFinite(value) ? value : undefined),
};

export const flag: Field<boolean> = {
  is: "true or false",
  json: { type: "boolean" },
  read: (value) => (typeof value === "boolean" ? value : undefined),
  fromText: (given) => given === "true" || (given === "false" ? false : given),
};

/** One of some words. */
export function choice<const Word extends string>(words: readonly Word[]): Field<Word> {
  return {
    is: `one of ${words.map(shown).join(", ")}`,
    json: { type: "string", enum: words },
    read: (value) => words.find((word) => word === value),
  };
}

/** One of some whole numbers. */
export function numberChoice<const Of extends number>(numbers: readonly Of[]): Field<Of> {
  return {
    is: `one of ${numbers.join(", ")}`,
    json: { type: "integer", enum: numbers },
    read: (value) => numbers.find((one) => one === value),
    fromText: (given) => (/^\d{1,16}$/.test(given) ? Number(given) : given),
  };
}

/** Bytes, as base64 with its padding. */
export function base64(maxBytes: number): Field<string> {
  const maxLength = Math.ceil(maxBytes / 3) * 4;
  return {
    is: `at most ${maxBytes} bytes as base64`,
    json: { type: "string", contentEncoding: "base64", maxLength },
    read: (value) => {
      const isOne = typeof value === "string" && value.length <= maxLength && value.length % 4 === 0;
      return isOne && /^[A-Za-z0-9+/]*={0,2}$/.test(value) ? value : undefined;
    },
  };
}

/** Whatever JSON has, `null` too. How deep it goes is the business of the body that it is in. */
export const anyJson: Field<unknown> = {
  is: "any JSON",
  json: {},
  read: (value) => value,
};

export const documentName: Field<DocumentName> = {
  is: "the name of a document",
  json: { type: "string", minLength: 1 },
  example: "notes/today",
  read: (value, { maxNameBytes }) => {
    return typeof value === "string" ? parseDocumentName(value, maxNameBytes) : undefined;
  },
};

export const address: Field<string> = {
  is: "an IPv4 or IPv6 address",
  json: { type: "string", anyOf: [{ format: "ipv4" }, { format: "ipv6" }] },
  read: (value) => (typeof value === "string" && isIP(value) !== 0 ? value : undefined),
};

/** An object whose names are not known before: of each name the same. Names that JavaScript has a meaning for stay names. */
export function mapOf<Value>(of: Field<Value>): Field<Readonly<Record<string, Value>>> {
  return {
    is: `an object, each field of which is ${of.is}`,
    json: { type: "object", additionalProperties: of.json },
    ...(of.uses && { uses: of.uses }),
    read: (value, limits) => {
      if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
      const read = Object.entries(value).map(([name, each]) => [name, of.read(each, limits)] as const);
      return read.some(([, each]) => each === undefined)
        ? undefined
        : (Object.fromEntries(read) as Record<string, Value>);
    },
  };
}

/** A moment, as ISO 8601 in UTC. */
export const moment: Field<string> = {
  is: "a moment as ISO 8601 in UTC",
  json: { type: "string", format: "date-time" },
  example: "2026-11-21T10:00:00.000Z",
  read: (value) => {
    const isOne = typeof value === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value);
    return isOne && !Number.isNaN(Date.parse(value)) ? value : undefined;
  },
};

/** @param maxLength Default: as many as fit into the body. */
export function listOf<Value>(
  of: Field<Value>,
  { maxLength = Number.POSITIVE_INFINITY }: { readonly maxLength?: number } = {},
): Field<readonly Value[]> {
  const isBounded = maxLength < Number.POSITIVE_INFINITY;
  return {
    is: `a list${isBounded ? ` of at most ${maxLength}` : ""}, each of which is ${of.is}`,
    json: { type: "array", items: of.json, ...(isBounded && { maxItems: maxLength }) },
    ...(of.uses && { uses: of.uses }),
    read: (value, limits) => {
      if (!Array.isArray(value) || value.length > maxLength) return undefined;
      const read = value.map((each) => of.read(each, limits));
      return read.includes(undefined) ? undefined : (read as Value[]);
    },
  };
}

/** An object within another one. */
export function nested<Value extends object>(of: Schema<Value>): Field<Value> {
  return {
    is: of.name,
    json: { $ref: schemaPath(of) },
    uses: [of],
    read: (value, limits) => of.read(value, limits),
  };
}

/** Where the description of the API has a schema. */
export function schemaPath({ name }: Schema): string {
  return `#/components/schemas/${name}`;
}

function readField(name: string, field: Field<unknown>, from: object, limits: Limits): unknown {
  if (!Object.hasOwn(from, name)) {
    if (field.isOptional) return undefined;
    throw invalid(`lacks ${shown(name)}: it must be ${field.is}`);
  }
  const value = field.read((from as Record<string, unknown>)[name], limits);
  if (value === undefined) throw invalid(`has a ${shown(name)} that will not do: it must be ${field.is}`);
  return value;
}

function invalid(what: string): JoineryError {
  return new JoineryError("INVALID_OPTION", `the request ${what}`);
}

function shown(name: string): string {
  return JSON.stringify(name.length > MAX_SHOWN_LENGTH ? `${name.slice(0, MAX_SHOWN_LENGTH)}…` : name);
}
