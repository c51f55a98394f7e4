/** Routes of an OpenAPI document as Markdown: a heading a route, with what it takes, what it answers, and an example. */

import type {
  MediaType,
  OpenApiDocument,
  Operation,
  Reference,
  ResponseObject,
} from "../server/src/http/api/openapi-document.ts";
import { anchorOf, inCell, SchemaMarkdown } from "./schema-markdown.ts";

/** One method at one path. */
interface Place {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

export class OpenApiMarkdown {
  readonly #document: OpenApiDocument;
  readonly #places: readonly Place[];
  readonly schemas: SchemaMarkdown;
  /** Codes that every route has which asks who somebody is. */
  readonly commonCodes: ReadonlySet<string>;

  constructor(document: OpenApiDocument) {
    this.#document = document;
    this.schemas = new SchemaMarkdown(document);
    this.#places = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, operation]) => ({ method, path, operation })),
    );
    const asking = this.#places.filter(({ operation }) => operation["x-needs"].length > 0);
    const [first = new Set<string>(), ...others] = asking.map(({ operation }) => this.#codesOf(operation));
    this.commonCodes = others.reduce((common, codes) => common.intersection(codes), first);
  }

  /** All that a route may be refused with. */
  get codes(): ReadonlySet<string> {
    return new Set(this.#places.flatMap(({ operation }) => [...this.#codesOf(operation)]));
  }

  /** Links to the groups. */
  get contents(): string {
    return this.#document.tags.map(({ name }) => `[${name.toLowerCase()}](#${anchorOf(name)})`).join(" · ");
  }

  groups(): string {
    const groups = this.#document.tags.map(({ name, description }) => this.#group(name, description));
    return [...groups, this.schemas.shapes()].join("\n");
  }

  #group(name: string, description: string): string {
    const places = this.#places.filter(({ operation }) => operation.tags.includes(name));
    const rows = places.map((place) => {
      const title = titleOf(place);
      return `| [\`${title}\`](#${anchorOf(title)}) | ${place.operation.summary} |\n`;
    });
    const table = `| route | |\n| --- | --- |\n${rows.join("")}`;
    return joined([`## ${name}`, description, table, ...places.map((place) => this.#route(place))]);
  }

  #route(place: Place): string {
    const { operation } = place;
    return joined([
      `### \`${titleOf(place)}\``,
      `${operation.summary}. ${operation.description}`,
      this.#parameters(operation),
      this.#body(operation),
      fenced("sh", this.#curl(place)),
      ...this.#answers(operation),
      this.#refusals(operation),
    ]);
  }

  #parameters({ parameters }: Operation): string {
    // What is said once at the beginning is not said again.
    const own = parameters
      .map((parameter) => this.#resolved(parameter))
      .filter(({ name }) => name !== "document");
    const rows = own.map(({ name, in: where, required, description, schema }) => {
      const kind = [
        where,
        ...(where === "header" ? [] : [this.schemas.kind(schema)]),
        ...(required ? ["required"] : []),
      ];
      return `| \`${name}\` | ${inCell(kind.join(", "))} | ${inCell(description)} |\n`;
    });
    return rows.length === 0 ? "" : `| parameter | | |\n| --- | --- | --- |\n${rows.join("")}`;
  }

  #body({ requestBody }: Operation): string {
    if (requestBody === undefined) return "";
    const [type, { schema }] = onlyOf(requestBody.content);
    const head = `Body: \`${type}\`${requestBody.required ? "" : ", or none"}. ${requestBody.description}`;
    return joined([head, schema === undefined ? "" : this.schemas.fields(schema)]);
  }

  #answers({ responses }: Operation): readonly string[] {
    return Object.entries(responses)
      .filter(([status]) => Number(status) < 400)
      .map(([status, response]) => this.#answer(status, this.#resolved(response)));
  }

  #answer(status: string, { description, content, headers = {} }: ResponseObject): string {
    if (content === undefined) return `**${status}** ${description}`;
    const [type, { schema, example, "x-line": line, "x-events": events = {} }] = onlyOf(content);
    const head = joined([`**${status}** \`${type}\` ${description}`, this.#headers(headers)]);
    const kinds = Object.entries(events).map(([name, of]) => {
      const { description = "" } = this.schemas.resolved(of) as { description?: string };
      return joined([`Event \`${name}\`. ${description}`, this.schemas.fields(of), this.#json(of)]);
    });
    if (line) return joined([head, this.schemas.fields(line), this.#lines(line)]);
    if (schema && "$ref" in schema) return joined([head, this.schemas.fields(schema), this.#json(schema)]);
    if (example === undefined) return joined([head, ...kinds]);
    return joined([head, typeof example === "string" ? fenced("", example) : fencedJson(example)]);
  }

  /** Those of this answer alone. */
  #headers(headers: NonNullable<ResponseObject["headers"]>): string {
    const rows = Object.entries(headers).flatMap(([name, of]) => {
      return "$ref" in of ? [] : [`| \`${name}\` | ${inCell(of.description)} |\n`];
    });
    return rows.length === 0 ? "" : `| header | |\n| --- | --- |\n${rows.join("")}`;
  }

  #refusals({ responses }: Operation): string {
    const own = Object.entries(responses).flatMap(([status, response]) =>
      this.#codesIn(this.#resolved(response))
        .filter((code) => !this.commonCodes.has(code))
        .map((code) => `\`${code}\` (${status})`),
    );
    return own.length === 0 ? "" : `Refused with ${own.join(", ")}, or as any request.`;
  }

  #codesOf({ responses }: Operation): ReadonlySet<string> {
    return new Set(Object.values(responses).flatMap((response) => this.#codesIn(this.#resolved(response))));
  }

  #codesIn({ content = {} }: ResponseObject): readonly string[] {
    const { properties } = content["application/problem+json"]?.schema ?? {};
    const { code } = (properties ?? {}) as { code?: { enum: readonly string[] } };
    return code?.enum ?? [];
  }

  #json(schema: object): string {
    return fencedJson(this.schemas.example(schema));
  }

  /** Where a line has one of several fields, one line each. */
  #lines(schema: object): string {
    const { anyOf = [] } = this.schemas.resolved(schema) as { anyOf?: { required: string[] }[] };
    const whole = this.schemas.example(schema) as Record<string, unknown>;
    const kinds = anyOf.map(({ required }) =>
      Object.fromEntries(required.map((name) => [name, whole[name]])),
    );
    const lines = kinds.length === 0 ? [whole] : kinds;
    return fenced("json", lines.map((line) => JSON.stringify(line)).join("\n"));
  }

  #curl({ method, path, operation }: Place): string {
    const { parameters, requestBody, responses } = operation;
    const own = parameters.map((parameter) => this.#resolved(parameter));
    const filled = own
      .filter((parameter) => parameter.in === "path")
      .reduce(
        (to, { name, example = "1" }) => to.replace(`{${name}}`, encodeURIComponent(String(example))),
        path,
      );
    const query = own
      .filter((parameter) => parameter.in === "query" && parameter.required)
      .map(({ name, example = "" }) => `${name}=${encodeURIComponent(String(example))}`);
    const url = `$api${filled}${query.length > 0 ? `?${query.join("&")}` : ""}`;
    const isLive = JSON.stringify(responses).includes("text/event-stream");
    const verb = method === "get" ? [] : [`-X ${method.toUpperCase()}`];
    return ["curl", ...(isLive ? ["-N"] : []), ...verb, `"${url}"`, ...this.#curlBody(requestBody)].join(" ");
  }

  #curlBody(body: Operation["requestBody"]): readonly string[] {
    if (body === undefined) return [];
    const [type, { schema }] = onlyOf(body.content);
    const header = `\\\n  -H 'Content-Type: ${type}'`;
    if (schema === undefined) return [header, "--data-binary @update.bin"];
    const json = JSON.stringify(this.schemas.example(schema)).replaceAll("'", "'\\''");
    return [header, `-d '${json}'`];
  }

  #resolved<Of extends object>(of: Of | Reference): Of {
    // What a reference names is of the kind that stands in its place.
    return this.schemas.resolved(of) as Of;
  }
}

function titleOf({ method, path }: Place): string {
  return `${method.toUpperCase()} ${path}`;
}

/** A body has one media type here. */
function onlyOf(content: Readonly<Record<string, MediaType>>): readonly [string, MediaType] {
  const [only = ["", {}] as const] = Object.entries(content);
  return only;
}

/** Paragraphs; empty ones are left out. */
function joined(parts: readonly string[]): string {
  const trimmed = parts.map((part) => part.trimEnd()).filter((part) => part !== "");
  return `${trimmed.join("\n\n")}\n`;
}

function fencedJson(value: unknown): string {
  return fenced("json", JSON.stringify(value, null, 2));
}

function fenced(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}
