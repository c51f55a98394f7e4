/** Every magnitude of the benchmark. What a flag can change says so. */

const MIB = 1024 * 1024;

/** How long, how much and how often: the default run, and the smoke run of `--quick`. */
export const TIMING = {
  full: { rounds: 3, warmUpSeconds: 10, measuredSeconds: 6, trafficBytes: 200 * MIB },
  quick: { rounds: 1, warmUpSeconds: 0.5, measuredSeconds: 2, trafficBytes: 40 * MIB },
} as const;

export const MEETING = {
  clients: 50,
  editors: 50,
  editsPerSecond: 5,
  presencePerSecond: 0,
  /** Design goal: Joinery's CPU per delivered edit, as a ratio to the best default peer's. */
  maxCpuRatio: 0.5,
  maxP99Ms: 60,
} as const;

export const CURSORS = {
  clients: 100,
  editors: 1,
  editsPerSecond: 1,
  presencePerSecond: 10,
  maxCpuRatio: 0.15,
  maxCpuRatioToBatching: 0.25,
} as const;

export const LECTURE = {
  readers: 1500,
  /** Of a smoke run. */
  quickReaders: 150,
  editsPerSecond: 20,
  /** Design goals. */
  maxCpuRatio: 0.7,
  maxP99Ms: 150,
} as const;

export const OFFICE = {
  documents: 300,
  quickDocuments: 30,
  clients: 2,
  editors: 2,
  editsPerSecond: 4,
  presencePerSecond: 0,
  maxCpuRatio: 0.7,
} as const;

/** So that glibc, too, gives back what was freed: by itself it keeps some for every thread, and large pieces for later. */
const THRIFTY_ALLOCATOR = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_MMAP_THRESHOLD_: "8192",
  MALLOC_TRIM_THRESHOLD_: "65536",
} as const;

export const CROWD_PRESENCE = {
  clients: 1_500,
  /** In the smoke run. */
  quickClients: 150,
  presencePerSecond: 1,
  /** Those who read what they are sent; the others count it. */
  readers: 15,
  /** How long a server may take to deliver what it owes when the load ends, before it is reported as behind. */
  catchUpTimeoutMs: 10_000,
  maxEventLoopP99Ms: 50,
} as const;

export const MANY_DOCUMENTS = {
  documents: 200,
  quickDocuments: 40,
  /** Of somebody else in each document. */
  editsPerSecond: 1,
  /** Design goal: messages that Joinery sends for an edit, as a ratio to Hocuspocus'. */
  maxFramesRatio: 0.1,
} as const;

export const SLOW_CONSUMER = {
  /** Enough of them that no server counts one as too busy. */
  writers: 6,
  /** Beside the writers, who read too. */
  readers: 2,
  /** What one edit overwrites. */
  valueBytes: 16 * 1024,
  /** How far the slowest of those who do read may be behind before the writers wait for it. */
  maxBytesInFlight: 2 * MIB,
  /** What passes before anything is measured: until then servers compile, and fill caches of their own. */
  warmUpBytes: 100 * MIB,
  /** After each of these the garbage is collected, so that none piles up: what is measured is what a server holds. */
  editsPerCollection: 2_000,
  environment: THRIFTY_ALLOCATOR,
  /** Before the memory is looked at: what storage does behind the scenes comes to rest. */
  restMs: 2_000,
  /** Design goal: how much more memory Joinery takes when one client does not read. */
  maxGrowthMiB: 16,
} as const;

export const MEMORY_CONNECTIONS = {
  /** With 10 clients each. */
  full: { documents: 1_000 },
  quick: { documents: 40 },
  clientsPerDocument: 10,
  /** How many come and go before: until then a server compiles, and fills caches of its own. */
  warmUpDocuments: 20,
  /** From so many addresses of this machine, as people of several offices: no server's limit for one address is reached. */
  addresses: 25,
  environment: THRIFTY_ALLOCATOR,
  restMs: 2_000,
  maxRatio: 1,
} as const;

export const MEMORY_DOCUMENTS = {
  /** Joinery's are in its storage before it starts, the peers' are sent to them, for which each takes a while. */
  full: { documents: 1_000, sentDocuments: 20 },
  quick: { documents: 20, sentDocuments: 4 },
  /** So many different ones, each under several names. */
  kinds: 4,
  environment: THRIFTY_ALLOCATOR,
  restMs: 2_000,
  /** At the end, long enough for servers to let go of what they keep for more who may come. */
  longRestMs: 15_000,
  maxRatio: 0.2,
} as const;

export const COLD_START = {
  full: { documents: 10_000, largeBytes: 20 * MIB },
  quick: { documents: 500, largeBytes: 2 * MIB },
  /** After how many edits of a paper the small ones were left, evenly spread. */
  smallEdits: { min: 500, max: 8_000 },
  maxReadyMs: 1_000,
} as const;

export const JOIN = {
  clients: 100,
  /** Who opens another document of the same size before: until then servers compile. */
  warmUpClients: 10,
  /** Design goals: CPU a join, and bytes of the native dialect, as ratios to the best default peer's. */
  maxCpuRatio: 0.05,
  maxBytesRatio: 0.3,
} as const;

export const BIG_JOIN = {
  clients: 150,
  /** Peers encode all of the document for each: so many take as long as this. */
  peerClients: 6,
  /** So many times 1.35 MB. */
  megabytes: 15,
  quickMegabytes: 2,
  maxP50Ms: 1_000,
  /** Design goal: how much more memory Joinery takes at most, in times the document's size. */
  maxGrowthRatio: 4,
} as const;

export const REJOIN = {
  clients: 300,
  warmUpClients: 10,
  /** Design goals: CPU a client of the dialects of others, as a ratio to the best default peer's; bytes of our own. */
  maxCpuRatio: 0.3,
  maxNativeBytes: 1024,
} as const;

/** A smoke run has so many times fewer clients. */
export const QUICK_DIVISOR = 10;

/** How many of those who open a document are looked at by Yjs; of all others the bytes are counted. */
export const SAMPLED_JOINERS = 2;

/** A server that took no CPU time for so long has nothing left to do. */
export const REST_MS = 400;

/** How long it may take until all have a large document, and until the server rests. */
export const ARRIVAL_TIMEOUT_MS = 180_000;

export const DURABILITY = {
  /** A room's work a flush grows with its people, and one with all of them would measure that; each alone would merge nothing. */
  documents: 10,
  writersPerDocument: 20,
  /** Of one writer alone: enough for a p99. */
  editsAlone: { full: 200, quick: 30 },
  warmUpsAlone: 10,
  pauseAloneMs: 25,
  /** Design goals: the time per acknowledged edit as a ratio to one fsync an edit's; alone, as a ratio to one fsync. */
  maxTimeRatio: 0.2,
  maxFsyncsAlone: 3,
} as const;

export const STORAGE = {
  documents: 10,
  /** Of each document: enough for its log to be folded twice, and for LevelDB to make tables of what it was given. */
  edits: { full: 10_000, quick: 800 },
  editsPerSecond: 400,
  /** What a fast typist makes; all times are shorter by the ratio of the two. */
  liveEditsPerSecond: 5,
  /** Until what is stored late is stored. */
  restMs: 1_000,
  timeoutMs: 150_000,
  /** Design goal: bytes written to files, as a ratio to bytes received. */
  maxWrittenPerReceived: 4,
} as const;

/** The window of the peers that can batch. */
export const BATCHED_FLUSH_DELAY_MS = 50;

/** The window of the relay that puts messages together: a little shorter than Joinery's in `meeting`, half of that in `cursors`. */
export const RELAY_WINDOW_MS = 30;

/** Everything random comes from this and the round's number, so all servers of a round get the same load. */
export const SEED = 20_260_101;

/** A person's pauses are uneven: each lies between these factors of the mean. */
export const PAUSE_SPREAD = { min: 0.5, max: 1.5 } as const;

/** Documents of a run with many that Yjs has the word about; in all of them every edit is known to have arrived. */
export const VERIFIED_DOCUMENTS = 10;

/** Clients whose deliveries are timed one by one; all clients check that every edit arrives. */
export const SAMPLED_READERS = 5;

/** Clients that connect, or documents that one opens, at the same time while a run is set up. */
export const CONNECT_TOGETHER = 50;

/** Where the server and the load generator are pinned, when the machine lets us. */
export const SERVER_CPU = 1;
export const LOAD_CPU = 0;

export const START_TIMEOUT_MS = 15_000;
export const STOP_TIMEOUT_MS = 15_000;
export const JOIN_TIMEOUT_MS = 15_000;
/** How long a server may take to deliver what it still owes when the sending has stopped. */
export const DRAIN_TIMEOUT_MS = 60_000;
/** How often a condition is looked at while waiting for it. */
export const POLL_MS = 5;

/** Above this share of its core the load generator is said to be saturated, and latencies to be upper bounds. */
export const SATURATED_SHARE = 0.9;
