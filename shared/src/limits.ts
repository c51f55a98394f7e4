/**
 * The one table of limits: what the server bounds, by how much, and why that much. Options are checked against
 * it, and an embedder overrides any of them by name.
 */

export interface LimitRow {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly unit: "bytes" | "ms" | "count";
  /** What is bounded, what happens at the bound, and why the default is what it is. */
  readonly meaning: string;
}

const KIB = 1024;
const MIB = 1024 * KIB;

export const LIMITS = {
  maxNameBytes: {
    default: 512,
    min: 1,
    max: 4096,
    unit: "bytes",
    meaning:
      "UTF-8 length of a document's name; longer ones are refused with INVALID_NAME. Room for a path of several readable parts.",
  },
  maxMessageBytes: {
    default: 16 * MIB,
    min: KIB,
    max: 1024 * MIB,
    unit: "bytes",
    meaning:
      "One message from a client; the connection of a larger one is closed with 1009 before it is buffered. A y-websocket client cannot split a message, so this is also the largest document that it can bring at once.",
  },
  maxConnections: {
    default: 20_000,
    min: 1,
    max: 1_000_000,
    unit: "count",
    meaning:
      "Open connections; one more is closed with SERVER_FULL. An idle one costs about 14 KB of memory, 26 KB if it has a document of its own open.",
  },
  maxRooms: {
    default: 20_000,
    min: 1,
    max: 1_000_000,
    unit: "count",
    meaning: "Documents in memory at once; a client that opens one more is closed with SERVER_FULL.",
  },
  maxBufferedBytes: {
    default: MIB,
    min: KIB,
    max: 1024 * MIB,
    unit: "bytes",
    meaning:
      "Unsent bytes of a connection above which its sessions lag: nothing more is queued for them, and they catch up by one merged diff when the socket drains.",
  },
  stalledTimeoutMs: {
    default: 30_000,
    min: 10,
    max: 3_600_000,
    unit: "ms",
    meaning: "How long a lagging session may make no progress at all before it is closed with TOO_SLOW.",
  },
  maxBatchBytes: {
    default: 256 * KIB,
    min: KIB,
    max: 64 * MIB,
    unit: "bytes",
    meaning: "A room's open batch is flushed at once when it holds this much, whatever its window.",
  },
  maxUncommittedBytes: {
    default: 64 * MIB,
    min: KIB,
    max: 4096 * MIB,
    unit: "bytes",
    meaning:
      "Log bytes of all rooms that the storage has not confirmed; above it the server stops reading from writers' sockets until half of it is confirmed.",
  },
  maxPresenceBytes: {
    default: 16 * KIB,
    min: 64,
    max: MIB,
    unit: "bytes",
    meaning:
      "One presence state as JSON; a larger one is refused with PRESENCE_TOO_LARGE. A cursor with a name takes about 200.",
  },
  maxPresenceEntries: {
    default: 16,
    min: 1,
    max: 10_000,
    unit: "count",
    meaning: "Presence ids that one session may own; one more is refused. Clients announce one each.",
  },
  maxPresenceTombstones: {
    default: 1000,
    min: 0,
    max: 100_000,
    unit: "count",
    meaning: "Departed presence ids whose last clock a room remembers; the oldest is forgotten first.",
  },
  maxReplicaBytes: {
    default: 512 * MIB,
    min: 0,
    max: 64 * 1024 * MIB,
    unit: "bytes",
    meaning:
      "Estimated memory of all Y.Docs that rooms hold (twelve times their encoded size); above it the least recently used are let go.",
  },
} as const satisfies Record<string, LimitRow>;

export type LimitName = keyof typeof LIMITS;
export type Limits = { readonly [name in LimitName]: number };

export const DEFAULT_LIMITS: Limits = Object.freeze(
  Object.fromEntries(Object.entries(LIMITS).map(([name, row]) => [name, row.default])),
) as Limits;
