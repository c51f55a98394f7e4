import { LECTURE } from "../config.ts";
import { ALL_PEERS } from "../peers/peers.ts";
import { deliveryMetrics } from "./metrics.ts";
import { measureRooms } from "./room-load.ts";
import type { DeliveryMeasurement, Scenario } from "./scenario.ts";

/** One person types and very many look on. */
export const lecture: Scenario<DeliveryMeasurement> = {
  id: "lecture",
  summary: `one document, one writer at ${LECTURE.editsPerSecond} edits a second, ${LECTURE.readers} readers`,
  servers: ALL_PEERS,
  metrics: deliveryMetrics("edit"),
  goals: [
    { metric: "cpuMicrosPerDelivery", atMost: LECTURE.maxCpuRatio, times: "best" },
    { metric: "latencyP99Ms", atMost: LECTURE.maxP99Ms },
  ],
  prediction:
    "Joinery 0.45 × (0.35–0.6): a flush to 1,500 sockets takes 10 ms or more, so the window is at its cap of 100 ms and carries " +
    "two edits: half the frames, each a little cheaper than a peer's. The peers send 30,000 frames a second and take a third " +
    "of a core; Hocuspocus with 50 ms saves next to nothing, because edits come 50 ms apart. Joinery's p50 50 ms, p99 110 ms.",
  measure(server, timing) {
    const readers = timing.isQuick ? LECTURE.quickReaders : LECTURE.readers;
    const { editsPerSecond } = LECTURE;
    const load = { clients: readers + 1, editors: 1, editsPerSecond, presencePerSecond: 0 };
    return measureRooms(server, "edit", load, timing);
  },
};
