/**
 * Who may open a document. A dialect asks for every session that it opens, with whatever the client shows; who answers
 * is handed in, so that no dialect knows about tokens, hooks or extensions.
 */

import type { DocumentName } from "@joinery/shared";
import type { Author } from "../engine/ports.ts";
import { Rights } from "../engine/rights.ts";
import type { OpenRequest } from "../engine/rooms.ts";
import type { Guest, Leaver, Session } from "../engine/session.ts";

/** Who a client is, and what it may do. Without authentication: nobody in particular, who may write. */
export interface Principal {
  readonly author: Author;
  readonly rights: Rights;
}

export const ANONYMOUS: Principal = { author: "", rights: Rights.WRITER };

/** How a connection came, as far as an application may want to know. */
export interface ConnectionRequest {
  /** Names the connection, in the log too: unique while the process lives, unless a proxy that is trusted named it. */
  readonly id: string;
  /** Number of the connection; 0 in the same process. */
  readonly number: number;
  /** The client's address; empty where there is none. */
  readonly address: string;
  /** The request's target as the client wrote it, with the query: `/notes?token=…`. Empty where there was none, or nobody looks. */
  readonly url: string;
  /** Names in lower case. Empty where there are none, or nobody looks. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** What the client showed with the request; `null` for nothing. Dialects may have a place for another one. */
  readonly token: string | null;
}

/** A connection that came without a request, as in the same process. */
export const NO_REQUEST: ConnectionRequest = {
  id: "local",
  number: 0,
  address: "",
  url: "",
  headers: {},
  token: null,
};

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
  /** Who the client is, as somebody says who was asked before. Absent where nobody knows. */
  readonly user?: Author;
  /** Asks the client for a new token, where its dialect can; else does nothing. */
  requestToken(): void;
}

/** What a client may do, and how long what it showed is good for that. */
export interface Renewal {
  readonly rights: Rights;
  /** In milliseconds since 1970. Absent for no end. */
  readonly expiresAt?: number;
  /** When what it showed was issued, in milliseconds since 1970. Absent where that is not known. */
  readonly issuedAt?: number;
  /** What the issuer calls it. Absent where it has no name. */
  readonly tokenId?: string;
}

export interface Admission extends Principal, Renewal {
  /** What the one who answered knows of the client; the engine hands it on with the session. */
  readonly guest?: Guest;
  /**
   * The client gave another token while its session goes on. Resolves to what it may do now. Rejects when the session
   * has to end, with the reason. Default: tokens are not looked at.
   */
  renew?(token: string): Promise<Renewal>;
  /**
   * Decides anew what the client may do, by what it showed before; no rights at all end the session. Rejects when that
   * cannot be decided. Default: there is nothing to ask.
   */
  recheck?(): Promise<Rights>;
  /**
   * Opens the session, and has it in mind until that ends.
   *
   * @param open Given who is to be told once, when the session has ended.
   * @throws JoineryError As `open` does, or because somebody has too many.
   */
  enter?(open: (leaver: Leaver) => Session): Session;
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
  /** Whether anybody is asked who a client is. */
  readonly isAuthenticating: boolean;
  /** Whether nobody looks at the URL and the headers of a connection, which are not kept then. Default: somebody does. */
  readonly ignoresRequests?: boolean;
}

/** Lets everybody in, as the same principal. */
export function admitAs(principal: Principal): Admissions {
  return { admit: () => principal, needsToken: false, isAuthenticating: false, ignoresRequests: true };
}

/** What of an admission a session is opened with. */
export function openingAs(admission: Admission): Pick<OpenRequest, "author" | "rights" | "guest"> {
  const { author, rights, guest } = admission;
  return guest ? { author, rights, guest } : { author, rights };
}
