import { type Attributes, type Span, SpanStatusCode, type TracerProvider, trace } from "@opentelemetry/api";
import { afterEach, expect, test } from "vitest";
import { Meter } from "../../../server/src/engine/meter.ts";
import { traceBatches } from "../../../server/src/metrics/tracing.ts";
import { FaultyStorage, World } from "../../support/world.ts";

interface Recorded {
  readonly name: string;
  readonly isRoot: boolean;
  readonly startTime: unknown;
  readonly attributes: Attributes | undefined;
  readonly events: string[];
  status: SpanStatusCode;
  isEnded: boolean;
}

/** The least that is a provider: keeps what it is told, of as many spans as its sampler wants. */
class MemoryTracerProvider implements TracerProvider {
  readonly spans: Recorded[] = [];
  isSampling = true;

  getTracer() {
    const startSpan: ReturnType<TracerProvider["getTracer"]>["startSpan"] = (name, options = {}) => {
      const { root = false, startTime, attributes } = options;
      const status = SpanStatusCode.UNSET;
      const span: Recorded = {
        name,
        isRoot: root,
        startTime,
        attributes,
        events: [],
        status,
        isEnded: false,
      };
      this.spans.push(span);
      const isRecording = this.isSampling;
      const it: Pick<Span, "isRecording" | "addEvent" | "setStatus" | "end"> = {
        isRecording: () => isRecording,
        addEvent: (event) => {
          span.events.push(event);
          return it as Span;
        },
        setStatus: ({ code }) => {
          span.status = code;
          return it as Span;
        },
        end: () => {
          span.isEnded = true;
        },
      };
      return it as Span;
    };
    // reason: nothing here starts a span that is the current one.
    return { startSpan, startActiveSpan: () => undefined as never };
  }
}

afterEach(() => trace.disable());

async function stage() {
  const meter = new Meter();
  const storage = new FaultyStorage();
  const world = new World({ meter, storage, flush: { kind: "fixed", windowMs: 50 } });
  const ann = await world.join("notes");
  // What comes now waits until the window is over.
  ann.type(".");
  await world.settle();
  await traceBatches(meter, world.clock);
  return { meter, storage, world, ann };
}

test("without a provider nobody follows a batch", async () => {
  const { meter } = await stage();
  expect(meter.follow).toBeNull();
});

test("a batch is a span from the moment its first update was received until it is on disk", async () => {
  const provider = new MemoryTracerProvider();
  trace.setGlobalTracerProvider(provider);
  const { storage, world, ann } = await stage();
  storage.hold();
  const receivedAt = world.clock.now();
  ann.type("a");
  ann.type("b");
  await world.advance(50);
  expect(provider.spans).toHaveLength(1);
  expect(provider.spans[0]).toMatchObject({
    name: "joinery.batch",
    isRoot: true,
    startTime: receivedAt,
    attributes: { "joinery.document": "notes", "joinery.seq": 2, "joinery.updates": 2 },
    events: ["appended", "sent"],
    isEnded: false,
  });
  storage.release();
  await world.settle();
  expect(provider.spans[0]).toMatchObject({ isEnded: true, status: SpanStatusCode.UNSET });

  storage.appendErrors.push(new Error("no space left on device"));
  ann.type("c");
  await world.advance(50);
  expect(provider.spans[1]).toMatchObject({ isEnded: true, status: SpanStatusCode.ERROR });
});

test("a batch that the sampler does not want costs one question", async () => {
  const provider = new MemoryTracerProvider();
  provider.isSampling = false;
  trace.setGlobalTracerProvider(provider);
  const { world, ann } = await stage();
  ann.type("a");
  await world.advance(50);
  expect(provider.spans).toMatchObject([{ events: [], isEnded: true }]);
});
