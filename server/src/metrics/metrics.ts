/**
 * The metrics of one server. Each is a row here: what it is called, what it says, and where it is read. Names, units and
 * labels are an interface: dashboards and alerts are made of them (docs/metrics.md). No label is a document, a user or an
 * address: those have no end.
 */

import { Distribution, LATENCY_BOUNDS, type Meter, type Traffic } from "../engine/meter.ts";
import { EventCounts } from "./event-counts.ts";
import { Instruments } from "./instruments.ts";
import { type LabelCount, LabelCounts } from "./label-counts.ts";
import { EventLoopDelay, memoryCounts } from "./machine.ts";
import * as name from "./namings.ts";

/** What a server counts anyway, as far as metrics show it. */
interface CountedServer {
  readonly rooms: number;
  readonly users: number;
  readonly tickets: number;
  readonly replicaJobs: number;
  readonly heldBytes: number;
  readonly uncommittedBytes: number;
  readonly foreignPresence: number;
  readonly droppedSignals: number;
  readonly hostedDocuments: number;
  readonly hostedBytes: number;
  readonly pendingStores: number;
  readonly failingStores: number;
  readonly limitHits: Readonly<Record<string, number>>;
}

const NOTHING_COUNTED: CountedServer = {
  rooms: 0,
  users: 0,
  tickets: 0,
  replicaJobs: 0,
  heldBytes: 0,
  uncommittedBytes: 0,
  foreignPresence: 0,
  droppedSignals: 0,
  hostedDocuments: 0,
  hostedBytes: 0,
  pendingStores: 0,
  failingStores: 0,
  limitHits: {},
};

export interface MetricsSources {
  readonly counts: () => CountedServer;
  /** Open connections, by what they come by. */
  readonly connections: () => Readonly<Record<string, number>>;
  readonly sessions: () => Iterable<{ readonly state: string; readonly dialect: { readonly name: string } }>;
  readonly pendingSignalBytes: () => number;
  readonly bans: () => number;
  readonly isReady: () => Promise<boolean>;
}

export class ServerMetrics {
  readonly meter: Meter;
  readonly connectionsOpened = new LabelCounts();
  readonly hookCalls = new LabelCounts();
  readonly requests = new LabelCounts();
  readonly commitSeconds = new Distribution(LATENCY_BOUNDS);
  readonly #instruments = new Instruments();
  readonly #events = new EventCounts();
  readonly #loopDelay = new EventLoopDelay();
  #commitBytes = 0;
  #admitted = 0;
  readonly #startedAt: number;
  readonly #count: () => CountedServer;
  /** As it was when the reading began: counting walks over all documents. */
  #counted: CountedServer = NOTHING_COUNTED;
  #reading: Promise<string> | null = null;

  /** @param now In milliseconds since 1970. */
  constructor(meter: Meter, sources: MetricsSources, now: number) {
    this.meter = meter;
    this.#startedAt = now;
    this.#count = sources.counts;
    this.#describeConnections(sources);
    this.#describeTraffic();
    this.#describeQueues(sources);
    this.#describeRefusals();
    this.#describeAccess(sources);
    this.#describeStorage(sources);
    this.#describeApplication();
    this.#describeProcess();
  }

  get contentType(): string {
    return this.#instruments.registry.contentType;
  }

  /** The event loop is watched from now on. */
  start(): void {
    this.#loopDelay.start();
  }

  stop(): void {
    this.#loopDelay.stop();
  }

  /** In Prometheus' text format. Cost: linear in sessions and rooms; who asks at the same time gets the same. */
  read(): Promise<string> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  #read(): Promise<string> {
    this.#counted = this.#count();
    return this.#instruments.registry.metrics();
  }

  // What is counted along

  /** Something happened that the log is told, too. */
  observe(event: { readonly type: string }): void {
    this.#events.count(event);
  }

  committed(bytes: number, ms: number): void {
    this.#commitBytes += bytes;
    this.commitSeconds.add(ms / 1000);
  }

  admitted(): void {
    this.#admitted++;
  }

  // What there is

  #describeConnections({ connections, sessions }: MetricsSources): void {
    const it = this.#instruments;
    it.gauge(name.CONNECTIONS, () =>
      Object.entries(connections()).map(([by, count]) => ({ values: [by], count })),
    );
    it.counter(name.CONNECTIONS_OPENED, () => this.connectionsOpened.all());
    it.counter(name.CONNECTIONS_REFUSED, () => this.#events.connectionsRefused.all());
    it.counter(name.CONNECTIONS_CLOSED, () => this.#events.connectionsClosed.all());
    it.gauge(name.SESSIONS, () => countBy(sessions(), this.meter));
    it.gauge(name.LAGGING, () => countBy(sessions(), this.meter, "lagging"));
    it.counter(name.SESSIONS_OPENED, () => this.#byDialect((traffic) => traffic.sessions));
    it.counter(name.SESSIONS_RESUMED, () => this.#byDialect((traffic) => traffic.resumedSessions));
    it.gauge(name.ROOMS, () => this.#counted.rooms);
    it.gauge(name.USERS, () => this.#counted.users);
    it.gauge(name.TICKETS, () => this.#counted.tickets);
  }

  #describeTraffic(): void {
    const it = this.#instruments;
    const { meter } = this;
    it.counter(name.RECEIVED_UPDATES, () => this.#byDialect((traffic) => traffic.updatesIn));
    it.counter(name.RECEIVED_BYTES, () => this.#byDialectAndKind(receivedBytes));
    it.counter(name.SENT_UPDATES, () => this.#byDialect((traffic) => traffic.updatesOut));
    it.counter(name.SENT_BYTES, () => this.#byDialectAndKind(sentBytes));
    it.counter(name.CATCH_UPS, () => this.#byDialect((traffic) => traffic.catchUps));
    it.histogram(name.BATCH_UPDATES, meter.batchUpdates);
    it.histogram(name.BATCH_BYTES, meter.batchBytes);
    it.histogram(name.DELIVERY, meter.deliverySeconds);
    it.histogram(name.DURABLE, meter.durableSeconds);
  }

  #describeQueues({ pendingSignalBytes }: MetricsSources): void {
    const it = this.#instruments;
    it.gauge(name.UNCOMMITTED, () => this.#counted.uncommittedBytes);
    it.gauge(name.HELD, () => this.#counted.heldBytes);
    it.gauge(name.REPLICA_JOBS, () => this.#counted.replicaJobs);
    it.gauge(name.PENDING_SIGNALS, pendingSignalBytes);
  }

  #describeRefusals(): void {
    const it = this.#instruments;
    it.counter(name.INPUTS_REFUSED, () => this.#events.inputsRefused.all());
    it.counter(name.ACTIONS_DENIED, () => this.#events.actionsDenied.all());
    it.counter(name.DROPPED, () => {
      const { foreignPresence, droppedSignals } = this.#counted;
      return [
        { values: ["foreign_presence"], count: foreignPresence },
        { values: ["slow_reader_signal"], count: droppedSignals },
        ...this.#events.dropped.all(),
      ];
    });
    it.counter(name.HELD_ASIDE, () => this.#events.heldAside.all());
    it.counter(name.LIMIT_HITS, () => {
      return Object.entries(this.#counted.limitHits).map(([limit, count]) => ({ values: [limit], count }));
    });
  }

  #describeAccess({ bans }: MetricsSources): void {
    const it = this.#instruments;
    it.counter(name.ADMISSIONS, () => [
      { values: ["admitted", "none"], count: this.#admitted },
      ...outcomes("refused", this.#events.admissionsRefused),
    ]);
    it.counter(name.ACCESS_ENDED, () => this.#events.accessEnded.all());
    it.counter(name.REVOCATIONS, () => this.#events.countOf("access-revoked"));
    it.counter(name.BANNED, () => this.#events.countOf("banned"));
    it.gauge(name.BANS, bans);
    it.counter(name.REQUESTS, () => this.requests.all());
  }

  #describeStorage({ isReady }: MetricsSources): void {
    const it = this.#instruments;
    it.gauge(name.READY, async () => ((await isReady()) ? 1 : 0));
    it.histogram(name.COMMIT_SECONDS, this.commitSeconds);
    it.counter(name.COMMIT_BYTES, () => this.#commitBytes);
    it.counter(name.STORAGE_FAILURES, () => this.#events.storageFailures.all());
    it.histogram(name.LOAD_SECONDS, this.#events.loadSeconds);
    it.histogram(name.COMPACTION_SECONDS, this.#events.compactionSeconds);
    it.counter(name.COMPACTION_BYTES, () => this.#events.compactionBytes);
  }

  #describeApplication(): void {
    const it = this.#instruments;
    it.counter(name.HOOK_CALLS, () => this.hookCalls.all());
    it.counter(name.HOOK_FAILURES, () => this.#events.hookFailures.all());
    it.gauge(name.HOSTED_DOCUMENTS, () => this.#counted.hostedDocuments);
    it.gauge(name.HOSTED_BYTES, () => this.#counted.hostedBytes);
    it.gauge(name.PENDING_STORES, () => this.#counted.pendingStores);
    it.gauge(name.FAILING_STORES, () => this.#counted.failingStores);
  }

  #describeProcess(): void {
    const it = this.#instruments;
    it.gauge(name.MEMORY, memoryCounts);
    it.gauge(name.LOOP_DELAY, () => this.#loopDelay.take());
    it.gauge(name.START_TIME, () => this.#startedAt / 1000);
    it.counter(name.EVENTS, () => this.#events.events.all());
  }

  #byDialect(read: (traffic: Traffic) => number): LabelCount[] {
    return [...this.meter.traffic].map(([dialect, traffic]) => ({ values: [dialect], count: read(traffic) }));
  }

  #byDialectAndKind(read: (traffic: Traffic) => Readonly<Record<string, number>>): LabelCount[] {
    return [...this.meter.traffic].flatMap(([dialect, traffic]) => {
      return Object.entries(read(traffic)).map(([kind, count]) => ({ values: [dialect, kind], count }));
    });
  }
}

function receivedBytes({ updateBytesIn, answerBytesIn, presenceBytesIn }: Traffic) {
  return { update: updateBytesIn, answer: answerBytesIn, presence: presenceBytesIn };
}

function sentBytes({ updateBytesOut, catchUpBytesOut, presenceBytesOut }: Traffic) {
  return { update: updateBytesOut, catch_up: catchUpBytesOut, presence: presenceBytesOut };
}

/** Zero of a dialect that was spoken, too: a line that ends says nothing. */
function countBy(
  sessions: ReturnType<MetricsSources["sessions"]>,
  meter: Meter,
  only?: string,
): LabelCount[] {
  const counts = new Map([...meter.traffic.keys()].map((dialect) => [dialect, 0]));
  for (const { state, dialect } of sessions) {
    if (only !== undefined && state !== only) continue;
    counts.set(dialect.name, (counts.get(dialect.name) ?? 0) + 1);
  }
  return [...counts].map(([dialect, count]) => ({ values: [dialect], count }));
}

function outcomes(outcome: string, counts: LabelCounts): LabelCount[] {
  return [...counts.all()].map(({ values, count }) => ({ values: [outcome, ...values], count }));
}
