/** Who is kept out: from a document by whoever manages it, from all by whoever manages the server. */

import type { Ban } from "../../access/access-api.ts";
import { json, NOTHING } from "./answers.ts";
import { NotFound } from "./problem.ts";
import { jsonBody, route } from "./route.ts";
import { MAX_REASON_LENGTH, MAX_USER_LENGTH } from "./sanctions.ts";
import type { Of } from "./schema.ts";
import {
  address,
  described,
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
    user: described("A user, as tokens name them.", optional(text(MAX_USER_LENGTH)), "ann"),
    address: described("Of IPv6, all that share its first 64 bits.", optional(address), "192.0.2.7"),
    document: described("Absent for all documents.", optional(documentName), "notes/today"),
    reason: described("For people: whoever is banned is told.", line(MAX_REASON_LENGTH), "Spam."),
    durationSeconds: described("Absent for good.", optional(wholeNumber(1, TEN_YEARS_SECONDS)), 86_400),
  },
  { oneOf: ["user", "address"], example: { user: "ann", reason: "Spam.", durationSeconds: 86_400 } },
);
const BAN = schema("Ban", {
  id: described("What it is lifted by.", text(MAX_USER_LENGTH), "b7"),
  user: optional(text(MAX_USER_LENGTH)),
  address: optional(text(MAX_USER_LENGTH)),
  document: described("Absent for all documents.", optional(documentName), "notes/today"),
  reason: text(MAX_REASON_LENGTH),
  since: moment,
  until: described("`null` for good.", nullable(moment), null),
});
const BANS_QUERY = schema("BansQuery", {
  document: described("Only those from this document.", optional(documentName), "notes/today"),
});
const BANS = schema("Bans", { bans: listOf(nested(BAN)) });

export const BAN_ROUTES = [
  route({
    method: "POST",
    path: "/access/bans",
    group: "Access",
    summary: "Keeps somebody out",
    description:
      "Ends the sessions of whom it is about, and refuses new ones. User and address have both to fit where both are given.",
    action: "manage",
    on: "document",
    body: jsonBody(BAN_REQUEST),
    answers: json(BAN, { status: 201, description: "The ban." }),
    errors: ["SERVER_FULL", "STORAGE_UNAVAILABLE"],
    run: async ({ access }, { body: { reason, durationSeconds, ...target } }) => {
      const duration = durationSeconds !== undefined && { durationMs: durationSeconds * 1000 };
      return shownBan(await access.ban(target, { reason, ...duration }));
    },
  }),
  route({
    method: "GET",
    path: "/access/bans",
    group: "Access",
    summary: "Lists who is kept out",
    description:
      "Those that hold, the oldest first. Who manages one document is not told who is banned from all.",
    action: "manage",
    on: "document",
    query: BANS_QUERY,
    answers: json(BANS, { description: "The bans." }),
    // Who manages one document is not told who is banned from all.
    run: ({ access, document }) => {
      const bans = access.bans().filter((ban) => document === null || ban.document === document);
      return { bans: bans.map(shownBan) };
    },
  }),
  route({
    method: "DELETE",
    path: "/access/bans/:id",
    group: "Access",
    summary: "Lifts a ban",
    action: "manage",
    on: "ban",
    segments: { id: "The ban's `id`." },
    answers: NOTHING,
    failures: { 404: "There is no such ban." },
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
