import { json } from "./answers.ts";
import { user } from "./events.ts";
import { route } from "./route.ts";
import {
  anyJson,
  described,
  documentName,
  listOf,
  moment,
  nested,
  nullable,
  schema,
  wholeNumber,
} from "./schema.ts";
import { isoOf } from "./time.ts";

const number = wholeNumber(0, Number.MAX_SAFE_INTEGER);

const CLIENT = schema("PresentClient", {
  clientId: described("As Yjs numbers clients.", number, 3_141_592_653),
  user,
  state: described("As the client announced it.", anyJson, { name: "Ann", color: "#aa3366" }),
  session: described("Number of its session; `null` where it has none any more.", nullable(number), 17),
  since: described("When that began.", nullable(moment), "2026-11-21T10:00:00.000Z"),
});
const PRESENCE = schema("DocumentPresence", {
  document: documentName,
  presence: described("Nobody, where the document is not in memory.", listOf(nested(CLIENT))),
});

/** Who is here. */
export const PRESENCE_ROUTES = [
  route({
    method: "GET",
    path: "/documents/:document/presence",
    group: "Live",
    summary: "Lists who is in a document",
    description: "Those who show presence, with what they show. The document is not loaded for it.",
    action: "read",
    on: "document",
    answers: json(PRESENCE, { description: "Who is here." }),
    run: ({ services, document }) => {
      const presence = services.live.presence(document).map(({ since, ...client }) => ({
        ...client,
        since: since === null ? null : isoOf(since),
      }));
      return { document, presence };
    },
  }),
];
