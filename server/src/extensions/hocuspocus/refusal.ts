import { JoineryError } from "@joinery/shared";
import { HookTimedOut } from "./hook-chain.ts";

/** As extensions throw it, and as they give it to `connection.close`. */
export interface CloseEvent {
  readonly code?: number;
  readonly reason?: string;
}

/** Of Hocuspocus' codes the one between 4400 and 4499 that does not last: nothing came for too long. */
const CONNECTION_TIMEOUT = 4408;

/** Why a client is not let in. An extension that throws says no; one that does not answer says nothing. */
export function denialOf(thrown: unknown): JoineryError {
  if (thrown instanceof JoineryError) return thrown;
  if (thrown instanceof HookTimedOut) return new JoineryError("INTERNAL", thrown.message, { cause: thrown });
  // As there: a hook that says nothing has forbidden it.
  const reason = thrown ? (reasonOf(thrown) ?? "permission-denied") : "Forbidden";
  return new JoineryError("PERMISSION_DENIED", reason, { cause: thrown });
}

/** Why something of a client is refused, or a document cannot be loaded: for good only where a code says so. */
export function refusalOf(thrown: unknown): JoineryError {
  if (thrown instanceof JoineryError) return thrown;
  if (isLasting(thrown)) return denialOf(thrown);
  const message = thrown instanceof Error ? thrown.message : (reasonOf(thrown) ?? "an extension refused it");
  return new JoineryError("INTERNAL", message, { cause: thrown });
}

/** How a session ends that an extension closes: the client comes back, unless the code says not to. */
export function closingWith(event: CloseEvent = {}): JoineryError {
  const reason = event.reason || "the application closed the connection, come back";
  return new JoineryError(isLasting(event) ? "PERMISSION_DENIED" : "SERVER_DRAINING", reason);
}

function isLasting(thrown: unknown): boolean {
  const code = typeof thrown === "object" && thrown !== null && "code" in thrown ? thrown.code : null;
  return typeof code === "number" && code >= 4400 && code <= 4499 && code !== CONNECTION_TIMEOUT;
}

function reasonOf(thrown: unknown): string | null {
  const reason = typeof thrown === "object" && thrown !== null && "reason" in thrown ? thrown.reason : null;
  return typeof reason === "string" && reason !== "" ? reason : null;
}
