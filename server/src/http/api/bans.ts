/** Who is kept out: from a document by whoever manages it, from all by whoever manages the server. */

import type { Ban } from "../../access/access-api.ts";
import { NotFound } from "./problem.ts";
import { route } from "./route.ts";
import { MAX_REASON_LENGTH, MAX_USER_LENGTH } from "./sanctions.ts";
import type { Of } from "./schema.ts";
import {
  address,
  documentName,
  line,
  listOf,
  moment,
  nested,
  nullable,
  optional,
  schema,
  text,
  wholeNumber,
} from "./schema.ts";
import { isoOf } from "./time.ts";

/** Longer is for good. */
const TEN_YEARS_SECONDS = 10 * 365 * 24 * 60 * 60;

const BAN_REQUEST = schema(
  "BanRequest",
  {
    user: optional(text(MAX_USER_LENGTH)),
    address: optional(address),
    document: optional(documentName),
    reason: line(MAX_REASON_LENGTH),
    durationSeconds: optional(wholeNumber(1, TEN_YEARS_SECONDS)),
  },
  { oneOf: ["user", "address"] },
);
const BAN = schema("Ban", {
  id: text(MAX_USER_LENGTH),
  user: optional(text(MAX_USER_LENGTH)),
  address: optional(text(MAX_USER_LENGTH)),
  document: optional(documentName),
  reason: text(MAX_REASON_LENGTH),
  since: moment,
  until: nullable(moment),
});
const BANS_QUERY = schema("BansQuery", { document: optional(documentName) });
const BANS = schema("Bans", { bans: listOf(nested(BAN)) });

export const BAN_ROUTES = [
  route({
    method: "POST",
    path: "/access/bans",
    action: "manage",
    on: "document",
    request: BAN_REQUEST,
    status: 201,
    response: BAN,
    run: async ({ access }, { reason, durationSeconds, ...target }: Of<typeof BAN_REQUEST>) => {
      const duration = durationSeconds !== undefined && { durationMs: durationSeconds * 1000 };
      return shownBan(await access.ban(target, { reason, ...duration }));
    },
  }),
  route({
    method: "GET",
    path: "/access/bans",
    action: "manage",
    on: "document",
    request: BANS_QUERY,
    status: 200,
    response: BANS,
    // Who manages one document is not told who is banned from all.
    run: ({ access, document }) => {
      const bans = access.bans().filter((ban) => document === null || ban.document === document);
      return { bans: bans.map(shownBan) };
    },
  }),
  route({
    method: "DELETE",
    path: "/access/bans/:id",
    action: "manage",
    on: "ban",
    request: null,
    status: 204,
    response: null,
    run: async ({ access, segment }) => {
      if (!(await access.unban(segment("id")))) throw new NotFound("There is no such ban.");
      return null;
    },
  }),
];

function shownBan({ since, until, document, ...ban }: Ban): Of<typeof BAN> {
  const shown = { ...ban, since: isoOf(since), until: until === null ? null : isoOf(until) };
  // It was read as a name when it was banned from.
  return document === undefined
    ? shown
    : { ...shown, document: document as Of<typeof BAN>["document"] & string };
}
