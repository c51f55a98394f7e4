import type { Failure } from "./failure.ts";

/** How it stands with a connection or a document, and why. */
export interface Status {
  /**
   * `online`: in touch with the server; a document has everything that the server has. `connecting`: about to be.
   * `offline`: there is no connection, or the server has closed the document for now. `refused`: it will not be tried
   * again until the application asks. `closed`: the application closed it.
   */
  readonly kind: "connecting" | "online" | "offline" | "refused" | "closed";
  /** A code of the table of errors; `null` when nothing went wrong. */
  readonly code: string | null;
  /** One or two sentences for people; `null` when nothing went wrong. Plain text, never HTML. */
  readonly reason: string | null;
  /** When it is tried again, in milliseconds since 1970; `null` when that is not known. */
  readonly retryAtMs: number | null;
}

export function status(
  kind: Status["kind"],
  failure: Failure | null = null,
  retryAtMs: number | null = null,
): Status {
  return { kind, code: failure?.code ?? null, reason: failure?.message ?? null, retryAtMs };
}
