import { BAN_ROUTES } from "./bans.ts";
import { DELETION_ROUTES } from "./deletions.ts";
import { DOCUMENT_ROUTES } from "./documents.ts";
import { CONTENT_ROUTES } from "./documents-content.ts";
import { LOG_ROUTES } from "./documents-log.ts";
import { STORED_ROUTES } from "./documents-stored.ts";
import { EVENT_ROUTES } from "./events.ts";
import { openApiRoute } from "./openapi.ts";
import { PRESENCE_ROUTES } from "./presence.ts";
import { ROOM_ROUTES } from "./rooms.ts";
import type { Route } from "./route.ts";
import { SANCTION_ROUTES } from "./sanctions.ts";
import { SESSION_ROUTES } from "./sessions.ts";
import { SIGNAL_ROUTES } from "./signals.ts";
import { STATS_ROUTES } from "./stats.ts";
import { TICKET_ROUTES } from "./tickets.ts";
import { WRITING_ROUTES } from "./writing.ts";
import { CREATION_ROUTES } from "./writing-new.ts";

/** Everything that the API answers. What is not in this table is not there. */
export const ROUTES: readonly Route[] = [
  ...DOCUMENT_ROUTES,
  ...CONTENT_ROUTES,
  ...LOG_ROUTES,
  ...STORED_ROUTES,
  ...TICKET_ROUTES,
  ...SANCTION_ROUTES,
  ...BAN_ROUTES,
  ...SESSION_ROUTES,
  ...CREATION_ROUTES,
  ...DELETION_ROUTES,
  ...WRITING_ROUTES,
  ...EVENT_ROUTES,
  ...PRESENCE_ROUTES,
  ...SIGNAL_ROUTES,
  ...ROOM_ROUTES,
  ...STATS_ROUTES,
  openApiRoute(() => ROUTES),
];
