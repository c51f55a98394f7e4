import { type Failure, failureOf } from "./failure.ts";

/** A token, or how to get one: asked at each connection, and again when the server did not take the last one. */
export type TokenSource = string | (() => string | Promise<string>);

/** Whether it will not be tried again by itself, because that would not help. */
export function isFinal({ retry }: Failure, source: TokenSource): boolean {
  return retry === "never" || (retry === "after-auth" && typeof source === "string");
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
