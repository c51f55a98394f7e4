/** What the doors of a server ask of who decides about access: HTTP does, and so does who embeds it. */

import { type DocumentName, JoineryError } from "@joinery/shared";
import type { Action, Rights } from "../engine/rights.ts";
import type { AdmissionRequest, ConnectionRequest, Principal } from "../protocols/admission.ts";

/** Somebody asks for something without opening a session. */
export interface DoorRequest {
  readonly connection: ConnectionRequest;
  /** What the client shows; `null` if nothing. */
  readonly token: string | null;
}

/** Asks for a document as who comes through a door: they can be asked for nothing. */
export function admissionAtDoor(
  { connection, token }: DoorRequest,
  document: DocumentName,
  dialect = "http",
): AdmissionRequest {
  const agent = connection.headers["user-agent"];
  return {
    connection,
    document,
    dialect,
    token,
    agent: typeof agent === "string" ? agent : null,
    requestToken: () => undefined,
  };
}

/** Whom something is about: all that are given have to fit. At least one is, and none is empty. */
export interface AccessTarget {
  /** Verified user. */
  readonly user?: string;
  /** A token as the client showed it, or the name that its issuer gave it (`jti`). */
  readonly token?: string;
  readonly document?: string;
  /** Number of one session. */
  readonly session?: number;
  /** The client's address; of IPv6, all that share its first 64 bits, as with limits. */
  readonly address?: string;
}

export interface BanOptions {
  /** For people: whoever is banned is told. */
  readonly reason: string;
  /** In milliseconds, greater than 0. Default: for good. */
  readonly durationMs?: number;
}

/** Somebody may not come in. */
export interface Ban {
  readonly id: string;
  /** One of the two, or both, which then have to fit. */
  readonly user?: string;
  readonly address?: string;
  /** Absent for all documents. */
  readonly document?: string;
  readonly reason: string;
  /** In milliseconds since 1970. */
  readonly since: number;
  /** In milliseconds since 1970; `null` for good. */
  readonly until: number | null;
}

/** A client in a document. */
export interface SessionInfo {
  readonly session: number;
  readonly document: DocumentName;
  /** Empty for nobody in particular. */
  readonly user: string;
  readonly rights: Rights;
  readonly dialect: string;
  readonly address: string;
  /** Number of its connection, and its name in the log. */
  readonly connection: number;
  readonly correlation: string;
  /** Since when, and until when what it showed is good, in milliseconds since 1970; `null` for no end. */
  readonly since: number;
  readonly expiresAt: number | null;
}

/** Somebody who is known may not do it. */
export class DeniedAtDoor extends JoineryError {
  /** Empty for nobody in particular. */
  readonly user: string;

  constructor(user: string, message: string) {
    super("PERMISSION_DENIED", message);
    this.user = user;
  }
}

export interface Ticket {
  /** Shown once instead of the token that it stands for. */
  readonly ticket: string;
  /** In milliseconds since 1970. */
  readonly expiresAt: number;
}

/** What whoever runs the server may do about those who are in documents, or want to be. */
export interface AccessManager {
  /**
   * What was shown so far by whom this is about is not good any more: sessions end with UNAUTHENTICATED, which means
   * "come with a new token", and tokens that were shown, or issued, before now are refused until they expire.
   *
   * @param target `session` and `address` do not count here.
   * @returns How many sessions ended. Rejects with INVALID_OPTION (never) when the target names nobody, and with
   * SERVER_FULL (backoff) when too much was revoked to remember this too, or STORAGE_UNAVAILABLE (backoff) when it does
   * not outlive the process: the sessions have ended all the same.
   */
  revoke(target: AccessTarget, reason?: string): Promise<number>;
  /**
   * Decides anew about whom this is about; everybody if nothing is given. A session that may do nothing any more ends.
   *
   * @returns How many sessions were decided about: where there is nobody to ask, or no answer, none was.
   */
  recheck(target?: AccessTarget): Promise<number>;
  /** Ends sessions with PERMISSION_DENIED: the client stops and says why. It may come again. @returns How many. */
  kick(target: AccessTarget, reason: string): number;
  /**
   * Ends the sessions, and keeps them out. Rejects with INVALID_OPTION (never); with SERVER_FULL (backoff) when there
   * are too many bans, and STORAGE_UNAVAILABLE (backoff) when it does not outlive the process: the sessions have ended
   * all the same.
   */
  ban(target: Pick<AccessTarget, "user" | "address" | "document">, options: BanOptions): Promise<Ban>;
  /** @returns Whether there was such a ban. */
  unban(id: string): Promise<boolean>;
  /** Those that hold, the oldest first. */
  bans(): readonly Ban[];
  /** Who is in documents now; all fit where nothing is given. Cost: linear in sessions. */
  sessions(target?: AccessTarget): readonly SessionInfo[];
}

export interface AccessDoor extends AccessManager {
  /** Whether clients have to show who they are, unless the anonymous policy lets nobody in particular in. */
  readonly isAuthenticating: boolean;
  /**
   * The one question of every door that has no session.
   *
   * @param document `null` for the server as a whole: allowed is what is allowed with every document.
   * Rejects with UNAUTHENTICATED (after-auth), PERMISSION_DENIED (never), HOOK_FAILED (backoff), TOO_MANY_CONNECTIONS
   * (backoff) where too many tokens came from the address that were not good.
   */
  authorize(request: DoorRequest, document: DocumentName | null, action: Action): Promise<Principal>;
  /**
   * Makes a ticket for what the client shows; only for that document if one is given.
   *
   * Rejects as {@link authorize} does for reading; with UNAUTHENTICATED when nothing is shown; with SERVER_FULL
   * (backoff) when there are too many tickets, of all or of this token.
   */
  createTicket(request: DoorRequest, document: DocumentName | null): Promise<Ticket>;
}
