/** Holds what a server really answers to the description of its API: status, media type, headers and content. */

import type { IncomingHttpHeaders } from "node:http";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import type {
  MediaType,
  OpenApiDocument,
  Operation,
  Reference,
  ResponseObject,
} from "../../server/src/http/api/openapi-document.ts";

export interface AnsweredRequest {
  readonly method: string;
  /** The request's target, with its query. */
  readonly url: string;
  /** What was sent as JSON; `null` for nothing, or something else. */
  readonly sent: string | null;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What every answer may have. */
const COMMON_HEADERS = new Set([
  "cache-control",
  "connection",
  "content-disposition",
  "content-length",
  "content-type",
  "date",
  "keep-alive",
  "transfer-encoding",
  "vary",
  "x-accel-buffering",
  "x-content-type-options",
]);
const ID = "openapi";
const PROBLEM = { $ref: "#/components/schemas/Problem" };

type JsonSchema = NonNullable<MediaType["schema"]>;

export class OpenApiAnswers {
  readonly #document: OpenApiDocument;
  readonly #ajv = new Ajv2020({ strictTypes: false, strictTuples: false, allErrors: true });
  readonly #compiled = new Map<string, ValidateFunction>();
  readonly #base: string;

  constructor(document: OpenApiDocument) {
    this.#document = document;
    this.#base = document.servers[0]?.url ?? "";
    formats.default(this.#ajv);
    this.#ajv.addVocabulary(["components", "schemas"]);
    // A client has to put up with fields that it does not know. That there are none is for tests.
    const schemas = Object.entries(document.components.schemas).map(([name, of]) => [name, closed(of)]);
    this.#ajv.addSchema({ $id: ID, components: { schemas: Object.fromEntries(schemas) } });
  }

  /** @throws Error naming what is not as described. */
  check(answered: AnsweredRequest): void {
    const { method, url, status } = answered;
    const path = url.split("?", 1)[0] ?? "";
    if (!path.startsWith(`${this.#base}/`)) return;
    const wrong = this.#wrong(answered, path.slice(this.#base.length));
    if (wrong.length === 0) return;
    throw new Error(`${method} ${url} was answered ${status}, not as described: ${wrong.join("; ")}`);
  }

  #wrong(answered: AnsweredRequest, path: string): readonly string[] {
    const operations = this.#operationsAt(path);
    const method = answered.method.toLowerCase();
    const operation = operations?.[method === "head" ? "get" : method];
    if (operation === undefined) return this.#wrongElsewhere(answered, operations);
    const found = operation.responses[answered.status];
    if (found === undefined) return ["the status is not there"];
    const response = this.#resolved(found);
    return [
      ...this.#wrongHeaders(answered, response),
      ...(method === "head" ? wrongHead(answered) : this.#wrongContent(answered, response)),
      ...(answered.status < 300 ? this.#wrongRequest(answered, operation) : []),
    ];
  }

  /** The one with the fewest parameters goes first, as with the server. */
  #operationsAt(path: string): Readonly<Record<string, Operation>> | undefined {
    const segments = path.split("/").map(decodedOrSame);
    const fits = (template: string): boolean => {
      const parts = template.split("/");
      return (
        parts.length === segments.length && parts.every((part, i) => part[0] === "{" || part === segments[i])
      );
    };
    const parameters = (template: string): number => template.split("{").length;
    const [found] = Object.keys(this.#document.paths)
      .filter(fits)
      .sort((a, b) => parameters(a) - parameters(b));
    return found === undefined ? undefined : this.#document.paths[found];
  }

  /** Where there is no such path or method. */
  #wrongElsewhere(answered: AnsweredRequest, operations: object | undefined): readonly string[] {
    const { method, status, headers } = answered;
    if (method === "OPTIONS" && status === 204)
      return headers.allow === undefined ? ["Allow is missing"] : [];
    const expected = operations === undefined ? 404 : 405;
    // Who asks too fast, as a page of another site, or with a Host that is none, hears of that first.
    const isOther = [400, 403, 429].includes(status);
    const wrong = status === expected || isOther ? [] : [`it should have been ${expected}`];
    if (method === "HEAD") return [...wrong, ...wrongHead(answered)];
    return [...wrong, ...this.#invalid(PROBLEM, jsonOf(answered.body), "the content")];
  }

  #wrongHeaders({ headers }: AnsweredRequest, response: ResponseObject): readonly string[] {
    const described = Object.entries(response.headers ?? {});
    const names = new Set(described.map(([name]) => name.toLowerCase()));
    const unknown = Object.keys(headers).filter((name) => !names.has(name) && !COMMON_HEADERS.has(name));
    const invalid = described.flatMap(([name, of]) => {
      const value = headers[name.toLowerCase()];
      return value === undefined ? [] : this.#invalid(this.#resolved(of).schema, value, `the header ${name}`);
    });
    const missing = headers["x-request-id"] === undefined ? ["X-Request-Id is missing"] : [];
    return [...unknown.map((name) => `the header ${name} is not there`), ...invalid, ...missing];
  }

  #wrongContent({ headers, body }: AnsweredRequest, { content }: ResponseObject): readonly string[] {
    const type = headers["content-type"]?.split(";", 1)[0];
    if (content === undefined) return body.length === 0 && type === undefined ? [] : ["it has content"];
    const media = type === undefined ? undefined : content[type];
    if (media === undefined) return [`its media type is ${type}`];
    if (media["x-line"]) return this.#wrongLines(media["x-line"], body);
    if (media["x-events"]) return this.#wrongEvents(media["x-events"], body);
    if (type?.endsWith("json")) return this.#invalid(media.schema ?? {}, jsonOf(body), "the content");
    return [];
  }

  #wrongLines(schema: JsonSchema, body: Buffer): readonly string[] {
    const lines = body.toString().split("\n");
    const last = lines.pop();
    const invalid = lines.flatMap((line, i) => this.#invalid(schema, jsonOf(line), `line ${i + 1}`));
    return [...invalid, ...(last === "" ? [] : ["the last line does not end"])];
  }

  #wrongEvents(schemas: Readonly<Record<string, JsonSchema>>, body: Buffer): readonly string[] {
    const events = body
      .toString()
      .split("\n\n")
      .filter((event) => /^(?:event|data|id):/m.test(event));
    return events.flatMap((event) => {
      const name = /^event: (.*)$/m.exec(event)?.[1] ?? "";
      const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
      if (schema === undefined) return [`the event ${JSON.stringify(name)} is not there`];
      return this.#invalid(schema, jsonOf(/^data: (.*)$/m.exec(event)?.[1] ?? ""), `the event ${name}`);
    });
  }

  /** What the server takes has to be what the description lets clients send. */
  #wrongRequest({ url, sent }: AnsweredRequest, { parameters, requestBody }: Operation): readonly string[] {
    const names = parameters.map((parameter) => this.#resolved(parameter)).filter((it) => it.in === "query");
    const query = new URLSearchParams(url.split("?")[1] ?? "");
    const unknown = [...query.keys()].filter((name) => !names.some((it) => it.name === name));
    const schema = requestBody?.content["application/json"]?.schema;
    const invalid = schema && sent !== null ? this.#invalid(schema, jsonOf(sent), "what was sent") : [];
    return [...unknown.map((name) => `the parameter ${name} is not there`), ...invalid];
  }

  #invalid(schema: JsonSchema, value: unknown, what: string): readonly string[] {
    if (value === undefined) return [`${what} is no JSON`];
    const key = JSON.stringify(schema);
    // References are to what is in the document.
    const validate =
      this.#compiled.get(key) ?? this.#ajv.compile(JSON.parse(key.replaceAll('"$ref":"#', `"$ref":"${ID}#`)));
    this.#compiled.set(key, validate);
    return validate(value) ? [] : [`${what}: ${this.#ajv.errorsText(validate.errors)}`];
  }

  #resolved<Of extends object>(of: Of | Reference): Of {
    if (!("$ref" in of)) return of;
    const path = of.$ref.slice(2).split("/");
    // A document whose references lead nowhere is not valid, which is tested elsewhere.
    return path.reduce<unknown>(
      (from, name) => (from as Record<string, unknown>)[name],
      this.#document,
    ) as Of;
  }
}

function closed(schema: JsonSchema): JsonSchema {
  return "properties" in schema ? { additionalProperties: false, ...schema } : schema;
}

function wrongHead({ body }: AnsweredRequest): readonly string[] {
  return body.length === 0 ? [] : ["HEAD has content"];
}

function jsonOf(text: Buffer | string): unknown {
  try {
    return JSON.parse(text.toString());
  } catch {
    return undefined;
  }
}

function decodedOrSame(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
