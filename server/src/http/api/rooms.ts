import type { RoomInfo } from "../../documents/live-api.ts";
import { json } from "./answers.ts";
import { route } from "./route.ts";
import {
  choice,
  described,
  documentName,
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

/** 300 KB. */
const MAX_LISTED = 1000;
const DEFAULT_LISTED = 100;
const MAX_PREFIX_LENGTH = 4096;

const number = wholeNumber(0, Number.MAX_SAFE_INTEGER);

const ROOMS_QUERY = schema("RoomsQuery", {
  prefix: described("Only documents whose names start with it.", optional(text(MAX_PREFIX_LENGTH)), "notes/"),
  after: described("Only rooms with greater numbers.", optional(number), 0),
  limit: described("How many are listed at most.", optional(wholeNumber(1, MAX_LISTED)), DEFAULT_LISTED),
});
const ROOM = schema("Room", {
  room: described("Its number: greater for a document that was loaded later.", number, 3),
  document: documentName,
  state: described(
    "closing: nobody is there, and it goes when all is on disk.",
    choice(["loading", "live", "closing"]),
    "live",
  ),
  sessions: described("Clients in it.", number, 2),
  seq: described("The last batch of its log; 0 for none, and while it loads.", number, 1234),
  durableSeq: described("The last one that is on disk.", number, 1234),
  bytes: described("Of the document with its log, encoded.", number, 52_000),
  uncommittedBytes: described("Of the log, that are not on disk.", number, 0),
  heldBytes: described("Of updates that wait for what they build upon.", number, 0),
  loadedAt: described("`null` while it loads.", nullable(moment), "2026-11-21T10:00:00.000Z"),
  batches: described("That were written since then.", number, 12),
});
const ROOMS = schema("Rooms", {
  rooms: described("By their numbers.", listOf(nested(ROOM))),
  next: described(
    "What to ask for next, as `after`; `null` where these are the last.",
    nullable(number),
    null,
  ),
});

/** What is in memory. */
export const ROOM_ROUTES = [
  route({
    method: "GET",
    path: "/rooms",
    group: "Server",
    summary: "Lists the documents in memory",
    action: "manage",
    on: "document",
    query: ROOMS_QUERY,
    answers: json(ROOMS, { description: "A page of them." }),
    run: ({ services }, { query: { prefix = "", after = 0, limit = DEFAULT_LISTED } }) => {
      const { rooms, next } = services.live.rooms({ prefix, after, limit });
      return { rooms: rooms.map(shownRoom), next };
    },
  }),
];

function shownRoom({ loadedAt, ...room }: RoomInfo) {
  return { ...room, loadedAt: loadedAt === null ? null : isoOf(loadedAt) };
}
