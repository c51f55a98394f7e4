import type { ErrorCode, JoineryError } from "@joinery/shared";

interface RequestFields {
  readonly method: string;
  /** Without the query; cut where it is long. */
  readonly path: string;
  /** The client's. */
  readonly address: string;
  readonly correlation: string;
}

/** What happened at the door of HTTP that a person may want to know. */
export type HttpEvent =
  /** Somebody asked for what he may not have. */
  | (RequestFields & {
      readonly type: "http-denied";
      readonly code: ErrorCode;
      readonly document?: string;
    })
  /** The client was told that the server made a mistake, and not which. */
  | (RequestFields & { readonly type: "http-failed"; readonly error: JoineryError });
