import type { ConnectionRequest } from "../../protocols/admission.ts";
import { headersWithoutTokens, withoutTokens } from "../../redaction.ts";
import type { HookConnection } from "./hooks.ts";

/** A connection as hooks see it: tokens, which they are given apart, do not end in a log by accident. */
export function shownConnection({ id, address, url, headers }: ConnectionRequest): HookConnection {
  return { id, address, url: withoutTokens(url), headers: headersWithoutTokens(headers) };
}
