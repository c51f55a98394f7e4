/** What who watches a server is told, and its doors: `/healthz`, `/readyz` and `/metrics`. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { Meter } from "../engine/meter.ts";
import type { Clock, Storage } from "../engine/ports.ts";
import type { Api } from "../http/api/api.ts";
import { API_PATH } from "../http/api/path.ts";
import { ROUTES } from "../http/api/routes.ts";
import { healthHandler, isFor } from "../http/health.ts";
import type { Admissions } from "../protocols/admission.ts";
import { countAdmissions } from "./admissions.ts";
import { type MetricsSources, ServerMetrics } from "./metrics.ts";
import type { ResolvedMetrics } from "./metrics-options.ts";
import { Readiness } from "./readiness.ts";
import { countAnswer, countRequests } from "./requests.ts";
import { METRICS_PATH, metricsHandler, type ScrapeOptions } from "./scrape.ts";
import { traceBatches } from "./tracing.ts";

export interface WatchingOptions extends Omit<MetricsSources, "isReady"> {
  readonly clock: Clock;
  /** Asked how it is when somebody asks. */
  readonly storage: () => Storage;
}

export type DoorOptions = Omit<ScrapeOptions, "token" | "metrics">;

export class Watching {
  readonly meter = new Meter();
  readonly #clock: Clock;
  readonly #metrics: ServerMetrics;
  readonly #readiness: Readiness;

  /** Nothing is asked of the sources before somebody reads. */
  constructor({ clock, storage, ...sources }: WatchingOptions) {
    this.#clock = clock;
    this.#readiness = new Readiness({ clock, storage });
    const isReady = async () => (await this.#readiness.failedChecks()).length === 0;
    this.#metrics = new ServerMetrics(this.meter, { ...sources, isReady }, clock.now());
  }

  /** As `Server.metrics`. */
  read(): Promise<string> {
    return this.#metrics.read();
  }

  // What happens to the server

  async begin(): Promise<void> {
    this.#metrics.start();
    await traceBatches(this.meter, this.#clock);
  }

  opened(): void {
    this.#readiness.opened();
  }

  draining(): void {
    this.#readiness.draining();
  }

  close(): void {
    this.#metrics.stop();
  }

  // What is counted along

  observe(event: { readonly type: string }): void {
    this.#metrics.observe(event);
    if (event.type === "commit-failed") this.#readiness.storageFailed();
  }

  readonly onCommit = (bytes: number, ms: number): void => this.#metrics.committed(bytes, ms);

  readonly onDialect = (dialect: string): void => this.#metrics.connectionsOpened.add([dialect]);

  readonly onHook = (hook: string): void => this.#metrics.hookCalls.add([hook]);

  countAdmissions(admissions: Admissions): Admissions {
    return countAdmissions(admissions, () => this.#metrics.admitted());
  }

  countRequests(api: Api): Api {
    const { requests: counts } = this.#metrics;
    return { ...api, handle: countRequests(api.handle, { base: API_PATH, routes: ROUTES, counts }) };
  }

  /**
   * The doors.
   *
   * @param options `null`: there are no metrics to read.
   * @returns A handler that says whether the request was for it to answer.
   */
  door(
    options: ResolvedMetrics | null,
    scrape: DoorOptions,
  ): (request: IncomingMessage, response: ServerResponse) => boolean {
    const metrics = this.#metrics;
    const health = healthHandler({ failedChecks: () => this.#readiness.failedChecks() });
    const doors = new Map([
      ["/healthz", health],
      ["/readyz", health],
    ]);
    if (options !== null) doors.set(METRICS_PATH, metricsHandler({ ...scrape, ...options, metrics }));
    return (request, response) => {
      for (const [path, handle] of doors) {
        if (!isFor(request, path)) continue;
        countAnswer(response, path, metrics.requests);
        handle(request, response);
        return true;
      }
      return false;
    };
  }
}
