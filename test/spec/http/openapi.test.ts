import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { describe, expect, test } from "vitest";
import { json } from "../../../server/src/http/api/answers.ts";
import { describeApi } from "../../../server/src/http/api/openapi.ts";
import type { OpenApiDocument, Parameter } from "../../../server/src/http/api/openapi-document.ts";
import { GROUPS, jsonBody, route } from "../../../server/src/http/api/route.ts";
import { ROUTES } from "../../../server/src/http/api/routes.ts";
import { documentName, flag, listOf, nested, optional, schema } from "../../../server/src/http/api/schema.ts";
import { OpenApiAnswers } from "../../support/openapi-answers.ts";
import { openApi } from "./api-stage.ts";

const DOCUMENT: OpenApiDocument = JSON.parse(JSON.stringify(describeApi(ROUTES)));
const OPERATIONS = Object.entries(DOCUMENT.paths).flatMap(([path, operations]) =>
  Object.entries(operations).map(([method, operation]) => ({ route: `${method} ${path}`, ...operation })),
);

interface Described {
  readonly examples?: unknown[];
  readonly properties?: Readonly<Record<string, Described>>;
}

describe("the description of the API", () => {
  test("is a valid OpenAPI document", async () => {
    const { valid, errors } = await new Validator().validate(structuredClone({ ...DOCUMENT }));
    expect(errors ?? []).toEqual([]);
    expect(valid).toBe(true);
  });

  test("has every route, and nothing else", () => {
    const routes = ROUTES.map(({ method, path }) => {
      return `${method.toLowerCase()} ${path.replaceAll(/:(\w+)/g, "{$1}")}`;
    });
    expect(OPERATIONS.map((operation) => operation.route).sort()).toEqual(routes.sort());
  });

  test("gives every route a name of its own, a heading and words", () => {
    const ids = OPERATIONS.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { route, tags, summary, description } of OPERATIONS) {
      expect(GROUPS, route).toContain(tags[0]);
      expect(summary, route).toMatch(/^[A-Z].*[^.]$/);
      expect(description, route).toMatch(/\.$/);
    }
  });

  test("says of every parameter what it is", () => {
    const wordless = OPERATIONS.flatMap(({ route, parameters }) => {
      const own = parameters.filter((parameter): parameter is Parameter => "name" in parameter);
      return own.filter(({ description }) => description === "").map(({ name }) => `${route}: ${name}`);
    });
    expect(wordless).toEqual([]);
  });

  test("has shapes that JSON Schema knows, and whose examples are what they say", () => {
    const ajv = new Ajv2020({ strictTypes: false, strictTuples: false });
    formats.default(ajv);
    ajv.addVocabulary(["components", "schemas"]);
    ajv.addSchema({ $id: "api", components: { schemas: DOCUMENT.components.schemas } });
    const isOf = (path: string) => ajv.compile({ $ref: `api#/components/schemas/${path}` });
    const wrong = Object.entries(DOCUMENT.components.schemas).flatMap(([name, shape]) => {
      const { properties = {}, examples = [] } = shape as Described;
      const fields = Object.entries(properties).map(([field, of]) => [
        `${name}/properties/${field}`,
        of.examples,
      ]);
      const all = [[name, examples] as const, ...(fields as [string, unknown[]?][])];
      return all.flatMap(([path, given = []]) =>
        given.filter((example) => !isOf(path)(example)).map(() => path),
      );
    });
    expect(wrong).toEqual([]);
  });

  test("refers to nothing that is not there, and has nothing that nobody refers to", () => {
    const referred = [...JSON.stringify(DOCUMENT).matchAll(/"#\/components\/([^"]+)"/g)].map(
      ([, name]) => name,
    );
    const there = Object.entries(DOCUMENT.components).flatMap(([kind, of]) => {
      return Object.keys(of).map((name) => `${kind}/${name}`);
    });
    expect(referred.filter((name) => !there.includes(name as string))).toEqual([]);
    const shared = there.filter((name) => /^(?:schemas|responses)\//.test(name));
    expect(shared.filter((name) => !referred.includes(name))).toEqual([]);
  });

  test("is answered to anybody, as one text for all, and not twice to who has it", async () => {
    const stage = await openApi();
    const first = await stage.ask({ path: "/openapi.json" });
    expect(first.body).toEqual(DOCUMENT);
    expect(first.headers).toMatchObject({
      "cache-control": "private, no-cache",
      etag: expect.stringMatching(/^"[\w-]{43}"$/),
    });
    const again = await stage.ask({
      path: "/openapi.json",
      token: "nonsense",
      headers: { "If-None-Match": first.headers.etag },
    });
    expect([again.status, again.text, again.headers.etag]).toEqual([304, "", first.headers.etag]);
  });
});

describe("what is asked is described closed, what is answered open", () => {
  const inner = schema("Inner", { isOpen: flag });
  const asked = schema("Asked", { document: documentName, inner: optional(listOf(nested(inner))) });
  const both = schema("Both", { isBoth: flag });
  const answered = schema("Answered", { both: nested(both) });
  const common = { group: "Server", action: "read", on: "document" } as const;
  const { schemas } = describeApi([
    route({
      ...common,
      method: "POST",
      path: "/a",
      summary: "A",
      body: jsonBody(asked),
      answers: json(answered),
      run: () => ({ both: { isBoth: true } }),
    }),
    route({
      ...common,
      method: "PUT",
      path: "/a",
      summary: "B",
      body: jsonBody(both),
      answers: json(answered),
      run: () => ({ both: { isBoth: true } }),
    }),
  ]).components;

  test.each([
    ["Asked", false],
    ["Inner", false],
    ["Both", undefined],
    ["Answered", undefined],
  ])("%s", (name, additionalProperties) => {
    expect(schemas[name]?.additionalProperties).toBe(additionalProperties);
  });
});

describe("an answer that is not as it is described is found", () => {
  const answers = new OpenApiAnswers(DOCUMENT);
  const headers = { "content-type": "application/json", "x-request-id": "r" };
  const sessions = { sessions: [], next: null, counts: { sessions: 0, users: 0, documents: 0 } };
  const right = { method: "GET", url: "/api/v1/sessions?user=u", sent: null, status: 200, headers };
  const bodyOf = (value: object) => Buffer.from(JSON.stringify(value));
  const body = bodyOf(sessions);
  const PROBLEM = {
    type: "urn:joinery:error:DOCUMENT_FULL",
    title: "",
    status: 400,
    detail: "",
    code: "DOCUMENT_FULL",
    retry: "never",
    correlation: "r",
  };
  const problem = { status: 400, headers: { ...headers, "content-type": "application/problem+json" } };

  test("and one that is as described is none", () => {
    expect(() => answers.check({ ...right, body })).not.toThrow();
  });

  test.each([
    ["the status", { status: 201 }, "the status is not there"],
    [
      "the media type",
      { headers: { ...headers, "content-type": "text/plain" } },
      "its media type is text/plain",
    ],
    ["a header", { headers: { ...headers, "x-evil": "1" } }, "the header x-evil is not there"],
    ["no X-Request-Id", { headers: { "content-type": "application/json" } }, "X-Request-Id is missing"],
    ["the content", { body: Buffer.from("{}") }, "the content: data must have required property 'sessions'"],
    ["what is no JSON", { body: Buffer.from("{") }, "the content is no JSON"],
    [
      "a field more",
      { body: bodyOf({ ...sessions, more: 1 }) },
      "the content: data must NOT have additional",
    ],
    [
      "a field more within",
      { body: bodyOf({ ...sessions, counts: { ...sessions.counts, more: 1 } }) },
      "data/counts must NOT have additional",
    ],
    ["a parameter", { url: "/api/v1/sessions?users=u" }, "the parameter users is not there"],
    [
      "what was sent",
      { method: "POST", url: "/api/v1/access/recheck", sent: '{"users":"u"}', body: bodyOf({ sessions: 1 }) },
      "what was sent: data must NOT have additional",
    ],
    ["a path that should not be there", { url: "/api/v1/nothing" }, "it should have been 404"],
    ["a method that should not be there", { method: "PUT" }, "it should have been 405"],
    ["content of HEAD", { method: "HEAD" }, "HEAD has content"],
    [
      "a code that is not the route's",
      { ...problem, body: bodyOf(PROBLEM) },
      "data/code must be equal to one",
    ],
  ])("by %s", (_, change, message) => {
    expect(() => answers.check({ ...right, body, ...change })).toThrow(message);
  });
});
