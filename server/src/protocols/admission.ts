/**
 * Who may open a document. A dialect asks for every session that it opens, with whatever the client shows; who answers
 * is handed in, so that no dialect knows about tokens, hooks or extensions.
 */

import type { DocumentName } from "@joinery/shared";
import type { Author } from "../engine/ports.ts";
import type { OpenRequest } from "../engine/rooms.ts";
import type { Guest, Permission } from "../engine/session.ts";

/** Who a client is, and what it may do. Without authentication: nobody in particular, who may write. */
export interface Principal {
  readonly author: Author;
  readonly permission: Permission;
}

export const ANONYMOUS: Principal = { author: "", permission: "write" };

/** How a connection came, as far as an application may want to know. */
export interface ConnectionRequest {
  /** Names the connection; unique while the process lives. */
  readonly id: string;
  /** The client's address; empty where there is none. */
  readonly address: string;
  /** The request's target as the client wrote it, with the query: `/notes?token=…`. Empty where there was none. */
  readonly url: string;
  /** Names in lower case. Empty where there are none. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** A connection that came without a request, as in the same process. */
export const NO_REQUEST: ConnectionRequest = { id: "local", address: "", url: "", headers: {} };

/** Somebody asks to open a document. */
export interface AdmissionRequest {
  readonly connection: ConnectionRequest;
  readonly document: DocumentName;
  /** What the client calls this session, where a connection may have several of one document. Absent for no name. */
  readonly session?: string;
  /** Which dialect the client speaks. */
  readonly dialect: string;
  /** What the client shows; `null` if nothing. */
  readonly token: string | null;
  /** Version of the client's software, as it says; `null` if it does not. */
  readonly agent: string | null;
  /** Asks the client for a new token, where its dialect can; else does nothing. */
  requestToken(): void;
}

export interface Admission extends Principal {
  /** What the one who answered knows of the client; the engine hands it on with the session. */
  readonly guest?: Guest;
  /**
   * The client gave another token while its session goes on. Resolves to what it may do now. Rejects when the session
   * has to end, with the reason. Default: tokens are not looked at.
   */
  renew?(token: string): Promise<Permission>;
}

export interface Admissions {
  /**
   * Decides. Throws or rejects with PERMISSION_DENIED (never) and a reason for people, or another JoineryError.
   *
   * @returns At once where nobody has to be asked.
   */
  admit(request: AdmissionRequest): Admission | Promise<Admission>;
  /** Whether a client that shows no token may be somebody all the same: where it may not, one is waited for. */
  readonly needsToken: boolean;
}

/** Lets everybody in, as the same principal. */
export function admitAs(principal: Principal): Admissions {
  return { admit: () => principal, needsToken: false };
}

/** What of an admission a session is opened with. */
export function openingAs(admission: Admission): Pick<OpenRequest, "author" | "permission" | "guest"> {
  const { author, permission, guest } = admission;
  return guest ? { author, permission, guest } : { author, permission };
}
