/**
 * Spans of OpenTelemetry, where the application has set it up: one a batch, from when its first update was received until
 * it is on disk and sent to everybody. Which are kept the application's sampler says.
 */

import type { ProxyTracerProvider, Tracer } from "@opentelemetry/api";
import type { BatchSpan, Meter, MeteredBatch } from "../engine/meter.ts";
import type { Clock } from "../engine/ports.ts";

const NAME = "joinery";
/** Where the API keeps what was registered, so that its copies in one process share it. */
const REGISTERED = "opentelemetry.js.api.";

/**
 * Looks once whether a tracer provider is registered; if one is, batches are followed from now on. Without one, or
 * without the package, nothing changes.
 */
export async function traceBatches(meter: Meter, clock: Clock): Promise<void> {
  // Loading the package takes tens of milliseconds, for nothing where nobody registered anything.
  const symbols = Object.getOwnPropertySymbols(globalThis);
  if (!symbols.some(({ description = "" }) => description.startsWith(REGISTERED))) return;
  const api = await import("@opentelemetry/api").catch(() => null);
  const provider = api?.trace.getTracerProvider() as ProxyTracerProvider | undefined;
  // Without a provider the API has a tracer too, which does nothing, and would cost something.
  if (!api || !provider || provider.getDelegateTracer?.(NAME) === undefined) return;
  const tracer = provider.getTracer(NAME);
  const { ERROR } = api.SpanStatusCode;
  meter.follow = (batch) => follow(tracer, clock.now() - batch.ageMs, batch, ERROR);
}

function follow(tracer: Tracer, startTime: number, batch: MeteredBatch, error: number): BatchSpan | null {
  const { document, seq, updates, bytes } = batch;
  const span = tracer.startSpan("joinery.batch", {
    // It belongs to many clients' messages, and so to none of their traces.
    root: true,
    startTime,
    attributes: {
      "joinery.document": document,
      "joinery.seq": seq,
      "joinery.updates": updates,
      "joinery.bytes": bytes,
    },
  });
  if (!span.isRecording()) {
    span.end();
    return null;
  }
  span.addEvent("appended");
  return {
    sent: () => void span.addEvent("sent"),
    end: (isDurable) => {
      if (!isDurable) span.setStatus({ code: error, message: "not known to be on disk" });
      span.end();
    },
  };
}
