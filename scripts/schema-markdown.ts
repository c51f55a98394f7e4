/** JSON Schemas for people: what fields an object has, and an object as an example. */

import type { OpenApiDocument } from "../server/src/http/api/openapi-document.ts";

/** What is read of a JSON Schema here. */
interface Shape {
  readonly $ref?: string;
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly items?: Shape;
  readonly additionalProperties?: Shape | boolean;
  readonly anyOf?: readonly Shape[];
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly contentEncoding?: string;
  readonly examples?: readonly unknown[];
}

/** Shapes of so many fields are described where they are used, however often that is. */
const MAX_REPEATED_FIELDS = 3;
const MAX_EXAMPLE_DEPTH = 8;
const REFERENCE = /"\$ref":"#\/components\/schemas\/(\w+)"/g;

/** The schemas of a document. */
export class SchemaMarkdown {
  readonly #document: OpenApiDocument;
  /** Schemas that are described once, in a place of their own: several use them, or they have themselves within. */
  readonly #named: ReadonlySet<string>;

  constructor(document: OpenApiDocument) {
    this.#document = document;
    this.#named = new Set(Object.keys(document.components.schemas).filter((name) => this.#isNamed(name)));
  }

  /** The object itself, or what it refers to; what is said beside a reference stays. */
  resolved(of: object): object {
    if (!("$ref" in of)) return of;
    const { $ref, ...beside } = of as { readonly $ref: string };
    const names = $ref.slice(2).split("/");
    const found = names.reduce<unknown>(
      (from, name) => (from as Record<string, unknown>)[name],
      this.#document,
    );
    return { ...(found as object), ...beside };
  }

  /** A table of the fields of an object, or where that is. */
  fields(schema: object): string {
    const name = this.#nameOf(schema);
    return name === null ? this.#table(schema) : `As ${link(name)}.`;
  }

  /** What kind of thing it is, in a word or two. */
  kind(schema: object): string {
    const shape = this.#shape(schema);
    const name = this.#nameOf(schema);
    if (name !== null) return link(name);
    if (shape.enum !== undefined) return shape.enum.map((value) => `\`${value}\``).join(" or ");
    if (shape.format === "date-time") return "time";
    if (shape.contentEncoding !== undefined) return shape.contentEncoding;
    if (shape.type === "array") return `list of ${this.kind(shape.items ?? {})}${boundOf(shape)}`;
    if (shape.type === "integer") return `whole number${rangeOf(shape)}`;
    if (shape.type === "string") return "text";
    if (shape.type === "boolean") return "`true` or `false`";
    if (typeof shape.additionalProperties === "object") {
      return `object of ${this.kind(shape.additionalProperties)} by name`;
    }
    if (shape.anyOf !== undefined && shape.type === undefined) {
      return [...new Set(shape.anyOf.map((each) => (each.type === "null" ? "null" : this.kind(each))))].join(
        " or ",
      );
    }
    return shape.type ?? "any JSON";
  }

  /** An object as it may be, of the examples that its fields have. */
  example(schema: object, depth = 0): unknown {
    const shape = this.#shape(schema);
    if (shape.examples !== undefined) return shape.examples[0];
    if (shape.enum !== undefined) return shape.enum[0];
    if (shape.properties !== undefined) return this.#exampleObject(shape, depth);
    if (shape.type === "array")
      return depth > MAX_EXAMPLE_DEPTH ? [] : [this.example(shape.items ?? {}, depth + 1)];
    if (shape.anyOf !== undefined && shape.type === undefined)
      return this.#exampleOfKinds(shape.anyOf, depth);
    return shape.type === "object" ? {} : exampleValue(shape);
  }

  /** What is described in a place of its own. */
  shapes(): string {
    const names = [...this.#named].sort();
    const parts = names.map((name) => {
      const shape = { $ref: `#/components/schemas/${name}` };
      const { description = "" } = this.#shape(shape);
      return [`### ${name} (shape)`, description, this.#table(shape)]
        .filter((part) => part !== "")
        .join("\n\n");
    });
    return parts.length === 0
      ? ""
      : `## Shapes\n\nWhat several routes take or answer.\n\n${parts.join("\n\n")}\n`;
  }

  #isNamed(name: string): boolean {
    const own = this.#document.components.schemas[name];
    const all = [...JSON.stringify(this.#document).matchAll(REFERENCE)].filter(([, used]) => used === name);
    if (name === "Problem" || own === undefined) return false;
    const size = Object.keys((own as Shape).properties ?? {}).length;
    return this.#within(name).has(name) || (all.length > 1 && size > MAX_REPEATED_FIELDS);
  }

  /** The schemas within one, at any depth. */
  #within(name: string): ReadonlySet<string> {
    const found = new Set<string>();
    const add = (of: string): void => {
      for (const [, used = ""] of JSON.stringify(this.#document.components.schemas[of]).matchAll(REFERENCE)) {
        if (found.has(used)) continue;
        found.add(used);
        add(used);
      }
    };
    add(name);
    return found;
  }

  #nameOf(schema: object): string | null {
    const name = (schema as Shape).$ref?.split("/").at(-1);
    return name !== undefined && this.#named.has(name) ? name : null;
  }

  #table(schema: object): string {
    const rows = this.#rows(schema, "").map(([name, kind, description]) => {
      return `| \`${name}\` | ${inCell(kind)} | ${inCell(description)} |\n`;
    });
    return rows.length === 0 ? "" : `| field | | |\n| --- | --- | --- |\n${rows.join("")}`;
  }

  /** A row a field, those of objects within it behind a dot. */
  #rows(schema: object, prefix: string): readonly (readonly [string, string, string])[] {
    const { properties = {}, required = [] } = this.#shape(schema);
    return Object.entries(properties).flatMap(([name, field]) => {
      const absent = required.includes(name) ? "" : ", optional";
      const row = [prefix + name, this.kind(field) + absent, this.#shape(field).description ?? ""] as const;
      const within = this.#inside(field);
      return within === null ? [row] : [row, ...this.#rows(within.of, `${prefix}${name}${within.suffix}.`)];
    });
  }

  /** The object within a field that is described in its place, and how that is written behind the field's name. */
  #inside(field: object): { readonly of: Shape; readonly suffix: string } | null {
    const shape = this.#shape(field);
    if (this.#nameOf(field) !== null) return null;
    if (shape.properties !== undefined) return { of: shape, suffix: "" };
    if (shape.items !== undefined) return behind("[]", this.#inside(shape.items));
    if (typeof shape.additionalProperties === "object")
      return behind(".*", this.#inside(shape.additionalProperties));
    const [first] = (shape.anyOf ?? []).filter(({ type }) => type !== "null");
    return first === undefined || shape.type !== undefined ? null : this.#inside(first);
  }

  /** All that has to be there, and what shows itself by an example. */
  #exampleObject({ properties = {}, required = [], anyOf = [] }: Shape, depth: number): object {
    if (depth > MAX_EXAMPLE_DEPTH) return {};
    const needed = new Set([...required, ...anyOf.flatMap((of) => of.required ?? [])]);
    const shown = Object.entries(properties).filter(([name, field]) => {
      return needed.has(name) || this.#shape(field).examples !== undefined;
    });
    return Object.fromEntries(shown.map(([name, field]) => [name, this.example(field, depth + 1)]));
  }

  #exampleOfKinds(kinds: readonly Shape[], depth: number): unknown {
    const [first = {}] = kinds;
    const mayBeNull = kinds.some(({ type }) => type === "null");
    const isTelling = this.#shape(first).properties !== undefined || first.format !== undefined;
    return mayBeNull && !isTelling ? null : this.example(first, depth + 1);
  }

  #shape(schema: object): Shape {
    return this.resolved(schema) as Shape;
  }
}

export function inCell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

/** As GitHub makes it of a heading. */
export function anchorOf(heading: string): string {
  const kept = heading.toLowerCase().replaceAll(/[^a-z0-9 _-]/g, "");
  return kept.replaceAll(" ", "-");
}

function link(name: string): string {
  return `[${name}](#${anchorOf(`${name} (shape)`)})`;
}

function behind<Of extends { readonly suffix: string }>(mark: string, within: Of | null): Of | null {
  return within === null ? null : { ...within, suffix: mark + within.suffix };
}

function exampleValue({ type, format, minimum = 0, contentEncoding }: Shape): unknown {
  if (type === "integer" || type === "number") return minimum;
  if (type === "boolean") return true;
  if (type === undefined) return null;
  if (format === "date-time") return "2026-11-21T10:00:00.000Z";
  return contentEncoding === "base64" ? "AAA=" : "…";
}

function boundOf({ maxItems }: Shape): string {
  return maxItems === undefined ? "" : `, at most ${maxItems}`;
}

function rangeOf({ minimum = 0, maximum }: Shape): string {
  if (maximum !== undefined) return `, ${minimum} to ${maximum}`;
  return minimum > 0 ? `, at least ${minimum}` : "";
}
