/**
 * The shapes of what is asked and answered, as data: each field says what it has to be, reads it, and gives the compiler
 * its type. Small on purpose: what comes in is bounded and flat, and every refusal names the field in words.
 */

import { isIP } from "node:net";
import { type DocumentName, JoineryError, type Limits, parseDocumentName } from "@joinery/shared";

/** What one value has to be. */
interface Field<Value> {
  /** For people, behind "it must be". */
  readonly is: string;
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
  readonly fields: Fields;
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
  { oneOf = [] }: { readonly oneOf?: readonly (keyof Shape & string)[] } = {},
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
  return { name, fields, read, readQuery };
}

export function optional<Value>(field: Field<Value>): OptionalField<Value> {
  return { ...field, isOptional: true };
}

export function nullable<Value>(field: Field<Value>): Field<Value | null> {
  return {
    ...field,
    is: `${field.is}, or null`,
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
    read: (value) => {
      const fits = typeof value === "string" && value.length >= minLength && value.length <= maxLength;
      return fits && value.isWellFormed() ? value : undefined;
    },
  };
}

/** Text that people are shown, without what a terminal would obey. */
export function line(maxLength: number): Field<string> {
  const { is, read } = text(maxLength);
  return {
    is: `${is}, none of which control text`,
    read: (value, limits) => {
      const it = read(value, limits);
      return it !== undefined && !/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u.test(it) ? it : undefined;
    },
  };
}

export function wholeNumber(min: number, max: number): Field<number> {
  return {
    is: `a whole number from ${min} to ${max}`,
    read: (value) => {
      const isOne = typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max;
      return isOne ? value : undefined;
    },
    fromText: (given) => (/^\d{1,16}$/.test(given) ? Number(given) : given),
  };
}

export const documentName: Field<DocumentName> = {
  is: "the name of a document",
  read: (value, { maxNameBytes }) => {
    return typeof value === "string" ? parseDocumentName(value, maxNameBytes) : undefined;
  },
};

export const address: Field<string> = {
  is: "an IPv4 or IPv6 address",
  read: (value) => (typeof value === "string" && isIP(value) !== 0 ? value : undefined),
};

/** A moment, as ISO 8601 in UTC. */
export const moment: Field<string> = {
  is: "a moment as ISO 8601 in UTC",
  read: (value) => {
    const isOne = typeof value === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value);
    return isOne && !Number.isNaN(Date.parse(value)) ? value : undefined;
  },
};

export function listOf<Value>(of: Field<Value>): Field<readonly Value[]> {
  return {
    is: `a list, each of which is ${of.is}`,
    read: (value, limits) => {
      if (!Array.isArray(value)) return undefined;
      const read = value.map((each) => of.read(each, limits));
      return read.includes(undefined) ? undefined : (read as Value[]);
    },
  };
}

/** An object within another one. */
export function nested<Value extends object>(of: Schema<Value>): Field<Value> {
  return { is: of.name, read: (value, limits) => of.read(value, limits) };
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
