import { json } from "./answers.ts";
import { jsonBody, route } from "./route.ts";
import { MAX_USER_LENGTH } from "./sanctions.ts";
import { anyJson, described, optional, schema, text, wholeNumber } from "./schema.ts";

/** As deep as clients may send them, and the field that it is in. */
const MAX_DEPTH = 64 + 1;
const MAX_NAME_LENGTH = 1024;

const SIGNAL_REQUEST = schema("SignalRequest", {
  name: described("What the application calls it.", text(MAX_NAME_LENGTH), "saved"),
  payload: described("Anything.", anyJson, { version: 7 }),
  user: described("Only to the sessions of this user.", optional(text(MAX_USER_LENGTH)), "ann"),
});
const SIGNAL_SENT = schema("SignalSent", {
  sentTo: described(
    "To how many sessions: not to who reads too slowly, nor to whose protocol has no signals.",
    wholeNumber(0, Number.MAX_SAFE_INTEGER),
    3,
  ),
});

/** What the server says to those who are here. */
export const SIGNAL_ROUTES = [
  route({
    method: "POST",
    path: "/documents/:document/signals",
    group: "Live",
    summary: "Sends a signal to who is in a document",
    description: "It is sent as the server's, now, and not stored.",
    action: "manage",
    on: "document",
    body: jsonBody(SIGNAL_REQUEST, { maxDepth: MAX_DEPTH }),
    answers: json(SIGNAL_SENT, { description: "It was sent." }),
    errors: ["SIGNAL_REFUSED"],
    run: ({ services, document }, { body: { name, payload, user } }) => {
      const to = { document, ...(user !== undefined && { user }) };
      return { sentTo: services.live.signal(to, name, payload) };
    },
  }),
];
