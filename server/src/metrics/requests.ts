import type { IncomingMessage, ServerResponse } from "node:http";
import { rawPathOf } from "../http/api/path.ts";
import type { RequestHandler } from "../http/page.ts";
import type { LabelCounts } from "./label-counts.ts";

export interface CountRequestsOptions {
  /** Where the routes are: `/api/v1`. */
  readonly base: string;
  /** `:name` in a path stands for one segment. */
  readonly routes: readonly { readonly path: string }[];
  readonly counts: LabelCounts;
}

/** Of whoever went before there was an answer. */
const ABORTED = "aborted";
const NO_ROUTE = "other";

/** Counts what a handler answers, by route and status. Of the paths that clients choose, none becomes a label. */
export function countRequests(
  handle: RequestHandler,
  { base, routes, counts }: CountRequestsOptions,
): RequestHandler {
  const patterns = [...new Set(routes.map(({ path }) => base + path))].map((path) => path.split("/"));
  return (request, response) => {
    countAnswer(response, routeOf(request, patterns), counts);
    handle(request, response);
  };
}

/** Counts an answer when it has been given. */
export function countAnswer(response: ServerResponse, route: string, counts: LabelCounts): void {
  response.once("close", () => {
    counts.add([route, response.headersSent ? String(response.statusCode) : ABORTED]);
  });
}

function routeOf({ url = "" }: IncomingMessage, patterns: readonly (readonly string[])[]): string {
  const segments = rawPathOf(url).split("/");
  const found = patterns.find((pattern) => {
    const fits = (segment: string, i: number) => segment.startsWith(":") || segment === segments[i];
    return pattern.length === segments.length && pattern.every(fits);
  });
  return found?.join("/") ?? NO_ROUTE;
}
