/** One request for a JWK Set, bounded in time and size. */

import type { Clock } from "../../engine/ports.ts";
import { KeyRing } from "./key-ring.ts";
import { readKeySet } from "./read-keys.ts";

/** A server that takes longer is down, for those who wait to be let in. */
const TIMEOUT_MS = 5_000;

/** Sixty keys with their certificates. */
const MAX_ANSWER_BYTES = 256 * 1024;

/**
 * @returns The keys, and the text that they were read from, which tells whether they changed.
 * Rejects with an `Error` for whoever runs the server.
 */
export async function fetchKeySet(url: URL, clock: Clock): Promise<{ ring: KeyRing; text: string }> {
  const abort = new AbortController();
  const timer = clock.setTimer(TIMEOUT_MS, () => abort.abort(new Error(`no answer within ${TIMEOUT_MS} ms`)));
  try {
    // A redirect would lead where nobody who chose the address can see.
    const response = await fetch(url, {
      redirect: "manual",
      signal: abort.signal,
      headers: { accept: "application/jwk-set+json, application/json", "accept-encoding": "identity" },
    });
    const text = await readBounded(response, abort);
    if (response.status !== 200) throw new Error(`the answer is ${response.status}, it must be 200`);
    const ring = new KeyRing(readKeySet(parseJson(text), "access.jwt.jwks"));
    if (ring.keys.length === 0) throw new Error("no key in it can check a signature that is accepted");
    return { ring, text };
  } finally {
    timer.cancel();
  }
}

async function readBounded(response: Response, abort: AbortController): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) {
      abort.abort();
      throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error("the answer is not JSON", { cause });
  }
}
