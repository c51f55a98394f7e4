import type { DocumentName, JoineryError } from "@joinery/shared";
import type { Action } from "../engine/rights.ts";

/** Whom it is about, as far as that is known. */
interface About {
  readonly document: string;
  /** Verified; empty for nobody in particular, `null` where it never came to be known. */
  readonly user: string | null;
  readonly address: string;
  /** Number of the connection, and its name. */
  readonly connection: number;
  readonly correlation: string;
}

interface AboutSession extends About {
  readonly document: DocumentName;
  readonly session: number;
}

/** Why a session ended, or may do something else than before. */
export type AccessCause = "expired" | "revoked" | "kicked" | "banned" | "rechecked" | "renewed";

/** What happened to access that a person may want to know. Tokens are in none of them. */
export type AccessEvent =
  /** A document was not opened to somebody, or another token for it was not taken. */
  | (About & { readonly type: "access-refused"; readonly dialect: string; readonly error: JoineryError })
  | (AboutSession & { readonly type: "access-ended"; readonly cause: AccessCause; readonly reason: string })
  | (AboutSession & {
      readonly type: "access-changed";
      readonly cause: AccessCause;
      readonly actions: readonly Action[];
    })
  /** It could not be decided anew; what was decided holds for a while. */
  | (AboutSession & { readonly type: "recheck-failed"; readonly error: JoineryError })
  | {
      readonly type: "access-revoked";
      readonly user: string | null;
      readonly document: string | null;
      /** Whether one token was named. */
      readonly isOneToken: boolean;
      readonly sessions: number;
    }
  | {
      readonly type: "banned" | "unbanned";
      readonly ban: string;
      readonly user: string | null;
      readonly address: string | null;
      readonly document: string | null;
      readonly reason: string;
      /** In milliseconds since 1970; `null` for good. */
      readonly until: number | null;
    };
