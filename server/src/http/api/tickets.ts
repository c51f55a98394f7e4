import { route } from "./route.ts";
import { documentName, moment, optional, schema, text } from "./schema.ts";
import { isoOf } from "./time.ts";

const TICKET_REQUEST = schema("TicketRequest", { document: optional(documentName) });
const TICKET = schema("Ticket", { ticket: text(1024), expiresAt: moment });

/** For clients that can put what they show into a URL only. */
export const TICKET_ROUTES = [
  route({
    method: "POST",
    path: "/tickets",
    action: "read",
    on: "token",
    request: TICKET_REQUEST,
    status: 201,
    response: TICKET,
    run: async ({ access, request, document }) => {
      const { ticket, expiresAt } = await access.createTicket(request, document);
      return { ticket, expiresAt: isoOf(expiresAt) };
    },
  }),
];
