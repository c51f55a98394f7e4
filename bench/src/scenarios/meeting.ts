import { MEETING } from "../config.ts";
import { ONE_DOCUMENT_PEERS } from "../peers/peers.ts";
import { deliveryMetrics } from "./metrics.ts";
import { measureRooms } from "./room-load.ts";
import type { DeliveryMeasurement, Scenario } from "./scenario.ts";

/** Everybody types at once in one document. */
export const meeting: Scenario<DeliveryMeasurement> = {
  id: "meeting",
  summary: `one document, ${MEETING.clients} writers at ${MEETING.editsPerSecond} edits a second each`,
  servers: ONE_DOCUMENT_PEERS,
  metrics: deliveryMetrics("edit"),
  goals: [
    { metric: "cpuMicrosPerDelivery", atMost: MEETING.maxCpuRatio, times: "best" },
    { metric: "latencyP99Ms", atMost: MEETING.maxP99Ms },
  ],
  prediction:
    "Joinery 0.4 × (0.3–0.5): a flush to 50 sockets costs about 0.4 ms, so at 5 % of a core the window is about 8 ms: two or " +
    "three edits a flush, a third of the frames; up to a hundred fsynced commits a second take some of that back. " +
    "Hocuspocus 1.2–1.5 ×, with 50 ms 0.8 × of Joinery. p99 under 60 ms.",
  measure: (server, timing) => measureRooms(server, "edit", MEETING, timing),
};
