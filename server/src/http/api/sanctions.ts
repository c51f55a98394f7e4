/** What is done about those who are there: whom it is about has to fit all that is given. */

import { json } from "./answers.ts";
import { jsonBody, route } from "./route.ts";
import { address, described, documentName, line, optional, schema, text, wholeNumber } from "./schema.ts";

/** As a closed connection can say, and some more for the log. */
export const MAX_REASON_LENGTH = 500;
/** Identities have some tens of characters. */
export const MAX_USER_LENGTH = 1024;
/** Whatever fits into a body. */
const MAX_TOKEN_LENGTH = 1024 * 1024;

const user = described("A user, as tokens name them.", optional(text(MAX_USER_LENGTH)), "ann");
const session = described("Number of one session.", optional(wholeNumber(0, Number.MAX_SAFE_INTEGER)), 17);
const document = described(
  "What is there of it in this document alone.",
  optional(documentName),
  "notes/today",
);
const reason = described("For people: clients are told.", line(MAX_REASON_LENGTH), "Spam.");

const REVOKE_REQUEST = schema(
  "RevokeRequest",
  {
    user,
    token: described(
      "A token as the client showed it, or the name that its issuer gave it (`jti`).",
      optional(text(MAX_TOKEN_LENGTH)),
    ),
    document,
    reason: optional(reason),
  },
  { oneOf: ["user", "token", "document"], example: { user: "ann", reason: "Your account was closed." } },
);
const RECHECK_REQUEST = schema("RecheckRequest", { user, document, session }, { example: { user: "ann" } });
const KICK_REQUEST = schema(
  "KickRequest",
  {
    user,
    session,
    document,
    address: described(
      "The client's; of IPv6, all that share its first 64 bits.",
      optional(address),
      "192.0.2.7",
    ),
    reason,
  },
  { oneOf: ["user", "session", "document", "address"], example: { session: 17, reason: "Spam." } },
);
const SESSIONS_REACHED = schema("SessionsReached", {
  sessions: described("How many sessions it was about.", wholeNumber(0, Number.MAX_SAFE_INTEGER), 2),
});

const COMMON = {
  method: "POST",
  group: "Access",
  action: "manage",
  on: "document",
  answers: json(SESSIONS_REACHED, { description: "How many sessions it was about." }),
} as const;

export const SANCTION_ROUTES = [
  route({
    ...COMMON,
    path: "/access/revoke",
    summary: "Revokes what was shown so far",
    description:
      'Sessions end with UNAUTHENTICATED, which means "come with a new token"; tokens that were shown, or issued, before now are refused until they expire. All that is given has to fit.',
    body: jsonBody(REVOKE_REQUEST),
    errors: ["SERVER_FULL", "STORAGE_UNAVAILABLE"],
    run: async ({ access }, { body: { reason, ...target } }) => {
      return { sessions: await access.revoke(target, reason) };
    },
  }),
  route({
    ...COMMON,
    path: "/access/recheck",
    summary: "Decides anew who may do what",
    description:
      "Asks whoever decides about those whom this is about; everybody where nothing is given. A session that may do nothing any more ends.",
    body: jsonBody(RECHECK_REQUEST),
    run: async ({ access }, { body: target }) => {
      return { sessions: await access.recheck(target) };
    },
  }),
  route({
    ...COMMON,
    path: "/access/kick",
    summary: "Ends sessions",
    description:
      "With PERMISSION_DENIED: the client stops and says why. It may come again. All that is given has to fit.",
    body: jsonBody(KICK_REQUEST),
    run: ({ access }, { body: { reason, ...target } }) => {
      return { sessions: access.kick(target, reason) };
    },
  }),
];
