import { CURSORS } from "../config.ts";
import { ONE_DOCUMENT_PEERS } from "../peers/peers.ts";
import { deliveryMetrics } from "./metrics.ts";
import { measureRooms } from "./room-load.ts";
import type { DeliveryMeasurement, Scenario } from "./scenario.ts";

/** Many look on and move their cursors while one person types. */
export const cursors: Scenario<DeliveryMeasurement> = {
  id: "cursors",
  summary:
    `one document, ${CURSORS.clients} clients moving cursors at ${CURSORS.presencePerSecond} a second each, ` +
    `${CURSORS.editsPerSecond} edit a second in all`,
  servers: ONE_DOCUMENT_PEERS,
  metrics: deliveryMetrics("presence"),
  goals: [
    { metric: "cpuMicrosPerDelivery", atMost: CURSORS.maxCpuRatio, times: "best" },
    { metric: "cpuMicrosPerDelivery", atMost: CURSORS.maxCpuRatioToBatching, times: "hocuspocus-batching" },
  ],
  prediction:
    "Joinery 0.08 × (0.05–0.12): a flush costs 1.5 ms or more, which makes a window of 30 ms: thirty movements a flush, where " +
    "the default peers send 100,000 frames a second, or as many as a core can. Hocuspocus with 50 ms takes 1.5 × of Joinery.",
  measure: (server, timing) => measureRooms(server, "presence", CURSORS, timing),
};
