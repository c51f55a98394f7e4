/** What of access outlives the process: who was banned, and what was revoked. */

import type { Ban } from "./access-api.ts";

/** Something is not good any more: one token, or all that was issued to somebody, for a document, by then. */
export interface Revocation {
  /** Digest of a token, or of the name that its issuer gave it: which of the two was meant is not known. */
  readonly token?: string;
  readonly user?: string;
  /** Absent for all documents. */
  readonly document?: string;
  /** When, and until when it is remembered, in milliseconds since 1970. */
  readonly at: number;
  readonly until: number;
}

export interface AccessRecords {
  readonly bans: readonly Ban[];
  readonly revocations: readonly Revocation[];
}

/** Where they are kept. */
export interface AccessStore {
  /** @returns `null` when nothing was ever kept. Rejects with DATA_FOLDER_UNUSABLE (never) when it cannot be read. */
  load(): Promise<AccessRecords | null>;
  /** Resolves when it is durable, in place of what was there. Rejects with STORAGE_UNAVAILABLE (backoff). */
  save(records: AccessRecords): Promise<void>;
}
