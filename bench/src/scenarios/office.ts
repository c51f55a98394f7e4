import { OFFICE } from "../config.ts";
import { ALL_PEERS } from "../peers/peers.ts";
import { deliveryMetrics } from "./metrics.ts";
import { measureRooms } from "./room-load.ts";
import type { DeliveryMeasurement, Scenario } from "./scenario.ts";

/** Many documents, in each of which two people type: next to nothing can be put together. */
export const office: Scenario<DeliveryMeasurement> = {
  id: "office",
  summary: `${OFFICE.documents} documents, in each ${OFFICE.clients} writers at ${OFFICE.editsPerSecond} edits a second`,
  servers: ALL_PEERS,
  metrics: deliveryMetrics("edit"),
  goals: [{ metric: "cpuMicrosPerDelivery", atMost: OFFICE.maxCpuRatio, times: "best" }],
  prediction:
    "Joinery 1.2 × (1.0–1.5) as it is: nearly every edit is a batch of its own, a log record and a frame to two clients, " +
    "as with the y-websocket server, and fsyncs that are shared by a few tens of documents come on top; what is saved is " +
    "the Y.Doc. Hocuspocus 1.5–2 ×, with 50 ms 1.4 ×: two people rarely type within 50 ms. The relay 0.4 ×. p50 under 2 ms.",
  measure(server, timing) {
    const documents = timing.isQuick ? OFFICE.quickDocuments : OFFICE.documents;
    return measureRooms(server, "edit", { ...OFFICE, documents }, timing);
  },
};
