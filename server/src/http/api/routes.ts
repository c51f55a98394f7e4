import { BAN_ROUTES } from "./bans.ts";
import type { Route } from "./route.ts";
import { SANCTION_ROUTES } from "./sanctions.ts";
import { SESSION_ROUTES } from "./sessions.ts";
import { TICKET_ROUTES } from "./tickets.ts";

/** Everything that the API answers. What is not in this table is not there. */
export const ROUTES: readonly Route[] = [
  ...TICKET_ROUTES,
  ...SANCTION_ROUTES,
  ...BAN_ROUTES,
  ...SESSION_ROUTES,
];
