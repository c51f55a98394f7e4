/** Which refusals a route may answer with, as responses of an OpenAPI document: from the table of errors. */

import { STATUS_CODES } from "node:http";
import { ERROR_DETAILS, ERRORS, type ErrorCode } from "@joinery/shared";
import type { Reference, ResponseObject } from "./openapi-document.ts";
import type { Route } from "./route.ts";
import type { JsonSchema } from "./schema.ts";

const PROBLEM_TYPE = "application/problem+json";

/** RFC 9457, with what programs go by. */
export const PROBLEM_SCHEMA: JsonSchema = {
  type: "object",
  description:
    "What was wrong (RFC 9457). Programs go by `code`, where there is one, and by `retry`; the rest is for people.",
  properties: {
    type: {
      type: "string",
      description: "`urn:joinery:error:<code>`; `about:blank` where HTTP alone has a word for it.",
      examples: ["urn:joinery:error:PERMISSION_DENIED"],
    },
    title: {
      type: "string",
      description: "What the code means.",
      examples: ["The session may not do this."],
    },
    status: { type: "integer", examples: [403] },
    detail: {
      type: "string",
      description: "What was wrong with this request.",
      examples: ["you may not manage this document"],
    },
    code: {
      type: "string",
      enum: Object.keys(ERRORS),
      description: "Stable across major versions.",
      examples: ["PERMISSION_DENIED"],
    },
    retry: {
      type: "string",
      enum: ["never", "backoff", "after-auth"],
      description: "Whether to give up, to come back after a pause, or to come back with a new token.",
      examples: ["never"],
    },
    limit: { type: "string", description: "The limit that was reached, where it was one." },
    correlation: {
      type: "string",
      description: "The request's name in the log; also in `X-Request-Id`.",
      examples: ["0b8d2f6c-5a0e-4a58-9b61-2f3d9f1f2f7a"],
    },
  },
  required: ["type", "title", "status", "detail", "retry", "correlation"],
};

/** What is wrong in one status. */
interface Refusal {
  readonly status: number;
  readonly codes: readonly ErrorCode[];
  /** Of HTTP's own; `null` where there is none. */
  readonly failure: string | null;
}

/** Of every request, whatever it asks. */
const ALWAYS: readonly ErrorCode[] = ["INVALID_OPTION", "TOO_MANY_CONNECTIONS", "INTERNAL"];
/** Of those that somebody has to be allowed. */
const ASKED: readonly ErrorCode[] = ["UNAUTHENTICATED", "PERMISSION_DENIED", "HOOK_FAILED"];

/** Of those that are about documents: each may have to be loaded, and none is read or written while it is moved. */
const ABOUT_DOCUMENTS: readonly ErrorCode[] = ["SERVER_DRAINING", "SERVER_FULL", "STORAGE_UNAVAILABLE"];

/** By status, those of a status that several routes share in one place. */
export function refusalsOf(
  route: Route,
  responses: Map<string, ResponseObject>,
): Readonly<Record<string, Reference>> {
  const refusals = statusesOf(route);
  return Object.fromEntries(
    refusals.map((refusal) => {
      const name = nameOf(refusal);
      responses.set(name, responseOf(refusal));
      return [String(refusal.status), { $ref: `#/components/responses/${name}` }];
    }),
  );
}

function statusesOf(route: Route): readonly Refusal[] {
  const codes = new Set([...ALWAYS, ...(route.on === "nobody" ? [] : ASKED), ...ownCodes(route)]);
  const failures: Readonly<Record<number, string>> = {
    400: "The request is none.",
    ...(route.body && {
      415: "The body is not what is taken here, or it is compressed.",
      500: "The application's own server read the body before, and left nothing of it.",
    }),
    // A segment that means nothing, or one thing to some and another to others.
    ...(route.path.includes("/:") && { 404: "There is nothing at this address." }),
    ...route.failures,
  };
  const statuses = new Set([
    ...[...codes].map((code) => ERROR_DETAILS[code].httpStatus),
    ...Object.keys(failures).map(Number),
  ]);
  return [...statuses]
    .sort((a, b) => a - b)
    .map((status) => ({
      status,
      codes: [...codes].filter((code) => ERROR_DETAILS[code].httpStatus === status).sort(),
      failure: failures[status] ?? null,
    }));
}

function ownCodes({ path, query, body, answers, takesIfMatch, errors }: Route): readonly ErrorCode[] {
  const schema = body?.kind === "json" ? body.schema : null;
  const names = path.includes(":document") || hasName(query) || hasName(schema);
  return [
    ...(names ? (["INVALID_NAME"] as const) : []),
    ...(path.startsWith("/documents") ? ABOUT_DOCUMENTS : []),
    ...(body ? (["MESSAGE_TOO_LARGE"] as const) : []),
    ...(body !== null || answers.kind !== "whole" ? (["SERVER_FULL"] as const) : []),
    ...(takesIfMatch ? (["REVISION_CHANGED"] as const) : []),
    ...errors,
  ];
}

function hasName(schema: Route["query"]): boolean {
  return schema !== null && Object.hasOwn(schema.fields, "document");
}

/** Unique for what it says. */
function nameOf({ status, codes, failure }: Refusal): string {
  const own =
    failure === null || status === 400 ? [] : [failure.replaceAll(/[^A-Za-z]+/g, "-").replace(/-$/, "")];
  return [String(status), ...codes, ...own].join(".");
}

function responseOf({ status, codes, failure }: Refusal): ResponseObject {
  const own = failure === null ? [] : [failure];
  const meanings = codes.map((code) => `\`${code}\`: ${ERROR_DETAILS[code].meaning}`);
  const said = [...meanings, ...own];
  const isAlwaysCoded = failure === null;
  return {
    description: said.length === 1 ? String(said[0]) : `${STATUS_CODES[status]}.\n\n${listOf(said)}`,
    headers: {
      "X-Request-Id": { $ref: "#/components/headers/X-Request-Id" },
      ...(status === 401 && { "WWW-Authenticate": { $ref: "#/components/headers/WWW-Authenticate" } }),
      // Where it is known at which revision the document is instead.
      ...(status === 412 && { ETag: { $ref: "#/components/headers/ETag" } }),
      ...((status === 429 || status === 503) && {
        "Retry-After": { $ref: "#/components/headers/Retry-After" },
      }),
    },
    content: {
      [PROBLEM_TYPE]: {
        schema: {
          $ref: "#/components/schemas/Problem",
          properties: { status: { const: status }, ...(codes.length > 0 && { code: { enum: codes } }) },
          ...(isAlwaysCoded && { required: ["code"] }),
        },
      },
    },
  };
}

function listOf(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join("\n");
}
