import { type Failure, failureOf } from "./failure.ts";

/** A token, or how to get one: asked at each connection, and again when the server did not take the last one. */
export type TokenSource = string | (() => string | Promise<string>);

/** Gets a token. Rejects as the application's function does. */
export async function askToken(source: TokenSource): Promise<string> {
  return typeof source === "function" ? source() : source;
}

/** Gets a token; at once where it is at hand, so that nothing has to wait. */
export function withToken(
  source: TokenSource,
  use: (token: string) => void,
  onFailed: (failure: Failure) => void,
): void {
  const failed = (thrown: unknown) => onFailed(failureOf(thrown, "backoff"));
  try {
    const token = typeof source === "function" ? source() : source;
    if (typeof token === "string") use(token);
    else token.then(use, failed);
  } catch (thrown) {
    failed(thrown);
  }
}
