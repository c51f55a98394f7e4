import { json } from "./answers.ts";
import { jsonBody, route } from "./route.ts";
import { described, documentName, moment, optional, schema, text } from "./schema.ts";
import { isoOf } from "./time.ts";

const TICKET_REQUEST = schema("TicketRequest", {
  document: described("The only document that it is good for.", optional(documentName), "notes/today"),
});
const TICKET = schema("Ticket", {
  ticket: described("What is shown instead of the token, once.", text(1024), "jt_3q2-7w"),
  expiresAt: described("Until when it is good.", moment, "2026-11-21T10:00:30.000Z"),
});

/** For clients that can put what they show into a URL only. */
export const TICKET_ROUTES = [
  route({
    method: "POST",
    path: "/tickets",
    group: "Access",
    summary: "Makes a ticket",
    description:
      "A ticket stands for the token that it was made for, once, and for half a minute: for clients that can put what they show into a URL only, which others write down.",
    action: "read",
    on: "token",
    body: jsonBody(TICKET_REQUEST),
    answers: json(TICKET, { status: 201, description: "The ticket." }),
    errors: ["SERVER_FULL"],
    run: async ({ access, request, document }) => {
      const { ticket, expiresAt } = await access.createTicket(request, document);
      return { ticket, expiresAt: isoOf(expiresAt) };
    },
  }),
];
