import type { IncomingMessage } from "node:http";

/** Whether a body follows the headers of a request. */
export function hasBody({ headers }: IncomingMessage): boolean {
  const { "content-length": length = "0", "transfer-encoding": encoding } = headers;
  return Number(length) > 0 || encoding !== undefined;
}
