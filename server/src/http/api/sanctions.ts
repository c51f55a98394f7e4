/** What is done about those who are there: whom it is about has to fit all that is given. */

import { route } from "./route.ts";
import type { Of } from "./schema.ts";
import { address, documentName, line, optional, schema, text, wholeNumber } from "./schema.ts";

/** As a closed connection can say, and some more for the log. */
export const MAX_REASON_LENGTH = 500;
/** Identities have some tens of characters. */
export const MAX_USER_LENGTH = 1024;
/** Whatever fits into a body. */
const MAX_TOKEN_LENGTH = 1024 * 1024;

const user = optional(text(MAX_USER_LENGTH));
const session = optional(wholeNumber(0, Number.MAX_SAFE_INTEGER));
const document = optional(documentName);

const REVOKE_REQUEST = schema(
  "RevokeRequest",
  { user, token: optional(text(MAX_TOKEN_LENGTH)), document, reason: optional(line(MAX_REASON_LENGTH)) },
  { oneOf: ["user", "token", "document"] },
);
const RECHECK_REQUEST = schema("RecheckRequest", { user, document, session });
const KICK_REQUEST = schema(
  "KickRequest",
  { user, session, document, address: optional(address), reason: line(MAX_REASON_LENGTH) },
  { oneOf: ["user", "session", "document", "address"] },
);
const SESSIONS_REACHED = schema("SessionsReached", { sessions: wholeNumber(0, Number.MAX_SAFE_INTEGER) });

const COMMON = {
  method: "POST",
  action: "manage",
  on: "document",
  status: 200,
  response: SESSIONS_REACHED,
} as const;

export const SANCTION_ROUTES = [
  route({
    ...COMMON,
    path: "/access/revoke",
    request: REVOKE_REQUEST,
    run: async ({ access }, { reason, ...target }: Of<typeof REVOKE_REQUEST>) => {
      return { sessions: await access.revoke(target, reason) };
    },
  }),
  route({
    ...COMMON,
    path: "/access/recheck",
    request: RECHECK_REQUEST,
    run: async ({ access }, target: Of<typeof RECHECK_REQUEST>) => {
      return { sessions: await access.recheck(target) };
    },
  }),
  route({
    ...COMMON,
    path: "/access/kick",
    request: KICK_REQUEST,
    run: ({ access }, { reason, ...target }: Of<typeof KICK_REQUEST>) => {
      return { sessions: access.kick(target, reason) };
    },
  }),
];
