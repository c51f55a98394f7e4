import { bigJoin } from "./big-join.ts";
import { coldStart } from "./cold-start.ts";
import { crowdPresence } from "./crowd-presence.ts";
import { cursors } from "./cursors.ts";
import { durability } from "./durability.ts";
import { join } from "./join.ts";
import { lecture } from "./lecture.ts";
import { manyDocuments } from "./many-documents.ts";
import { meeting } from "./meeting.ts";
import { memoryConnections } from "./memory-connections.ts";
import { memoryDocuments } from "./memory-documents.ts";
import { office } from "./office.ts";
import { rejoin } from "./rejoin.ts";
import type { Scenario } from "./scenario.ts";
import { slowConsumer } from "./slow-consumer.ts";
import { storage } from "./storage.ts";

/** All scenarios, in the order of the report. */
export const SCENARIOS: readonly Scenario[] = [
  meeting,
  lecture,
  cursors,
  crowdPresence,
  office,
  manyDocuments,
  join,
  bigJoin,
  rejoin,
  slowConsumer,
  memoryConnections,
  memoryDocuments,
  durability,
  storage,
  coldStart,
];
