import { MEETING } from "../config.ts";
import { deliveryMetrics } from "./metrics.ts";
import { measureRoom } from "./room-load.ts";
import type { Scenario } from "./scenario.ts";

/** Everybody types at once in one document. */
export const meeting: Scenario = {
  id: "meeting",
  summary: `one document, ${MEETING.clients} writers at ${MEETING.editsPerSecond} edits a second each`,
  unit: "edit",
  metrics: deliveryMetrics("edit"),
  goal: { atMostTimesBest: MEETING.maxCpuRatio },
  measure: (server, timing) => measureRoom(server, "edit", MEETING, timing),
};
