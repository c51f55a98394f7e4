/** A server of the test's own, which answers as it is told: for what a real one does not do. */

import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { ServerConnection } from "../../../cli/src/remote/connection.ts";

export interface Answering {
  readonly url: string;
  /** All requests so far. */
  readonly requests: IncomingMessage[];
  readonly connection: (token?: string | null) => ServerConnection;
  /** How long it was waited for it, each time. */
  readonly waits: number[];
  close(): Promise<void>;
}

/** Starts it on a free port; it is gone after the test. */
export async function answering(answer: RequestListener): Promise<Answering> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  onTestFinished(close);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const waits: number[] = [];
  const wait = async (ms: number) => void waits.push(ms);
  return {
    url,
    requests,
    waits,
    close,
    connection: (token = null) => new ServerConnection({ url, token, wait }),
  };
}

export function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}

/** A problem document, as the API answers with. */
export function sendProblem(
  response: ServerResponse,
  status: number,
  fields: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
): void {
  response
    .writeHead(status, { "Content-Type": "application/problem+json; charset=utf-8", ...headers })
    .end(JSON.stringify({ type: "about:blank", status, ...fields }));
}
