import { CURSORS } from "../config.ts";
import { deliveryMetrics } from "./metrics.ts";
import { measureRoom } from "./room-load.ts";
import type { Scenario } from "./scenario.ts";

/** Many look on and move their cursors while one person types. */
export const cursors: Scenario = {
  id: "cursors",
  summary:
    `one document, ${CURSORS.clients} clients moving cursors at ${CURSORS.presencePerSecond} a second each, ` +
    `${CURSORS.editsPerSecond} edit a second in all`,
  unit: "presence",
  metrics: deliveryMetrics("presence"),
  goal: { atMostTimesBest: CURSORS.maxCpuRatio },
  measure: (server, timing) => measureRoom(server, "presence", CURSORS, timing),
};
