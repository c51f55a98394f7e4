import { JoineryError } from "@joinery/shared";
import type { Failure } from "./failure.ts";
import { TOKEN_TIMEOUT_MS } from "./limits.ts";
import type { ClientClock, Timer } from "./ports.ts";

/** A token, or how to get one: asked at each connection, and again when the server wants a new one. */
export type TokenSource = string | (() => string | Promise<string>);

/** Whether it will not be tried again by itself, because that would not help. */
export function isFinal({ retry }: Failure, source: TokenSource): boolean {
  return retry === "never" || (retry === "after-auth" && typeof source === "string");
}

/** Rejects as the application's function does, or with UNAUTHENTICATED when that gives no text, or none in time. */
export async function getToken(source: TokenSource, clock: ClientClock): Promise<string> {
  if (typeof source === "string") return source;
  let timer = null as Timer | null;
  const late = new Promise<void>((resolve) => {
    timer = clock.setTimer(TOKEN_TIMEOUT_MS, resolve);
  });
  try {
    const token = await Promise.race([source(), late]);
    // In JavaScript it may also be `undefined`, as when nobody has signed in.
    if (typeof token === "string") return token;
    throw new JoineryError("UNAUTHENTICATED", "There is no token.");
  } finally {
    timer?.cancel();
  }
}
