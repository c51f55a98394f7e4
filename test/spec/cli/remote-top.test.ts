import { EventEmitter } from "node:events";
import { JoineryError } from "@joinery/shared";
import { describe, expect, test, vi } from "vitest";
import { widthOf } from "../../../cli/src/output/text.ts";
import type { RoomSample } from "../../../cli/src/remote/rooms.ts";
import { frameOf, type View } from "../../../cli/src/top/frame.ts";
import { LiveView } from "../../../cli/src/top/live-view.ts";
import { inOrder } from "../../../cli/src/top/order.ts";
import { ratesBetween, type Sample, type Totals } from "../../../cli/src/top/sample.ts";
import type { Look, Watch } from "../../../cli/src/top/watch.ts";
import { within } from "../../support/until.ts";

const NOW = Date.UTC(2026, 0, 31, 12);

const NAMES = [
  "notes/plan",
  "заметки/日本語 🌍",
  ` spaces ${"and a very long name ".repeat(5)}`,
  "board\u001b[2J",
  ...Array.from({ length: 40 }, (_, i) => `document ${i}`),
];

function roomOf(document: string, i: number): RoomSample {
  return {
    room: i + 1,
    document,
    state: i === 4 ? "loading" : "live",
    sessions: (i * 7) % 5,
    seq: i * 1000,
    durableSeq: i * 1000,
    bytes: i * i * 1500,
    uncommittedBytes: i % 3 === 0 ? i * 1234 : 0,
    loadedAt: i === 4 ? 0 : NOW - i * 60_000,
    batches: i * 10,
  };
}

/** A server that has been up for so many seconds, in each of which the same happened. */
function sampleAt(uptimeSeconds: number, changes: Partial<Sample> = {}): Sample {
  const perSecond: Totals = {
    ...{
      updatesIn: 1200,
      bytesIn: 40_000,
      updatesOut: 9000,
      bytesOut: 300_000,
      catchUps: 0.5,
      cpuSeconds: 0.39,
    },
    ...{
      batches: 200,
      batchUpdates: 700,
      deliveries: 8000,
      deliverySeconds: 18,
      commits: 200,
      commitSeconds: 2.5,
    },
  };
  const totals = Object.entries(perSecond).map(([name, value]) => [name, value * uptimeSeconds]);
  return {
    ...{
      version: "1.2.3",
      pid: 4321,
      startedAt: NOW - uptimeSeconds * 1000,
      uptimeSeconds,
      sessions: 1500,
      users: 321,
    },
    connections: new Map([
      ["websocket", 1234],
      ["loopback", 2],
      ["streams", 3],
    ]),
    rooms: NAMES.map(roomOf),
    roomCount: NAMES.length,
    ...{ uncommittedBytes: 45_000, heldBytes: 1200 },
    limitHits: new Map([
      ["maxBufferedBytes", 3],
      ["maxAddressConnectionsPerSecond", 12],
      ["maxRooms", 1],
    ]),
    totals: Object.fromEntries(totals) as unknown as Totals,
    memory: { rss: 345e6, heapUsed: 120e6, outsideBytes: 30e6 },
    eventLoop: { p50: 0.0002, p99: 0.0123, max: 0.145 },
    ...changes,
  };
}

const BEFORE = {
  ...sampleAt(1000),
  startedAt: NOW - 1_002_000,
  limitHits: new Map([
    ["maxRooms", 1],
    ["maxBufferedBytes", 2],
  ]),
};
const SAMPLE = sampleAt(1002);

function viewOf(changes: Partial<View> = {}): View {
  const rates = ratesBetween(BEFORE, SAMPLE);
  return {
    ...{ url: "http://127.0.0.1:4321", sample: SAMPLE, rates, order: "sessions", offset: 0, nowMs: NOW },
    ...{ trouble: null, footer: "q quit" },
    ...changes,
  } as View;
}

describe("a frame", () => {
  test.each([
    [60, 24],
    [80, 24],
    [120, 40],
    [40, 10],
  ])("fits a terminal of %i columns and %i rows", async (width, rows) => {
    vi.stubEnv("TZ", "UTC");
    const lines = frameOf(viewOf(), { width, rows });
    vi.unstubAllEnvs();
    expect(lines.length).toBe(rows);
    for (const line of lines) expect(widthOf(line), line).toBeLessThan(width);
    expect(lines.at(-1)).toBe("q quit");
    expect(lines.join("\n")).not.toContain("\u001b");
    await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot(`golden/top-${width}x${rows}.txt`);
  });

  test("is never larger than the terminal, however small that is", () => {
    for (let rows = 1; rows < 20; rows++)
      expect(frameOf(viewOf(), { width: 40, rows }).length, `${rows} rows`).toBeLessThanOrEqual(rows);
  });

  test("without an end shows all rooms", () => {
    const size = { width: Number.POSITIVE_INFINITY, rows: Number.POSITIVE_INFINITY };
    const text = frameOf(viewOf({ footer: null }), size).join("\n");
    for (let i = 0; i < 40; i++) expect(text).toContain(`document ${i}`);
    expect(text).not.toContain("more room");
  });

  test("scrolls, and says how many rooms come after", () => {
    const lines = frameOf(viewOf({ order: "name", offset: NAMES.length - 1 }), { width: 80, rows: 24 });
    expect(lines.join("\n")).toContain("заметки");
    expect(lines.join("\n")).not.toContain("more room");
    const first = frameOf(viewOf({ order: "name" }), { width: 80, rows: 24 });
    expect(first.join("\n")).toMatch(/\n\d+ more rooms/);
  });

  test("of a server that is away says so", () => {
    const [title = ""] = frameOf(viewOf({ trouble: "cannot reach it" }), { width: 80, rows: 24 });
    expect(title).toContain("cannot reach it");
  });

  test("without an earlier look knows no rates", () => {
    const text = frameOf(viewOf({ rates: null }), { width: 80, rows: 24 }).join("\n");
    expect(text).toMatch(/^In {10}…/m);
    expect(text).not.toContain("/s,");
  });

  test("of a server without rooms says so", () => {
    const sample = sampleAt(5, { rooms: [], roomCount: 0, limitHits: new Map() });
    const text = frameOf(viewOf({ sample, rates: null }), { width: 80, rows: 24 }).join("\n");
    expect(text).toContain("no document is open");
    expect(text).toContain("Limits hit  none");
  });
});

describe("rates", () => {
  test("are of what happened between two looks", () => {
    const rates = ratesBetween(BEFORE, SAMPLE);
    expect(rates?.perSecond.updatesIn).toBeCloseTo(1200);
    expect(rates?.ofRoom({ ...roomOf("new", 2), room: 999 })).toBeCloseTo(10);
    expect(rates?.ofRoom(roomOf("old", 2))).toBe(0);
    expect([...(rates?.limitHits ?? [])]).toEqual([
      ["maxBufferedBytes", 1],
      ["maxAddressConnectionsPerSecond", 12],
    ]);
  });

  test("are not known of a server that was started again, nor of the first look", () => {
    expect(ratesBetween(null, SAMPLE)).toBeNull();
    expect(ratesBetween(sampleAt(1000, { pid: 1 }), SAMPLE)).toBeNull();
    expect(ratesBetween(SAMPLE, sampleAt(1))).toBeNull();
  });

  test("and other orders put the same rooms in other rows", () => {
    const firsts = (["traffic", "sessions", "size", "waiting", "name"] as const).map((order) => {
      const rooms = inOrder(SAMPLE.rooms, order, ratesBetween({ ...BEFORE, rooms: [] }, SAMPLE));
      expect(rooms.length).toBe(NAMES.length);
      return rooms[0]?.document;
    });
    expect(firsts).toEqual(["document 39", NAMES[2], "document 39", "document 38", NAMES[2]]);
  });
});

describe("the screen", () => {
  const ENTER = "\u001b[?1049h\u001b[?25l";
  const LEAVE = "\u001b[?25h\u001b[?1049l";

  /** Somebody before a terminal, and a server that answers as it is told. */
  function sit(looks: readonly (Look | JoineryError)[]) {
    const input = Object.assign(new EventEmitter(), {
      isTTY: true,
      isRaw: false,
      setRawMode: (isRaw: boolean) => Object.assign(input, { isRaw }),
      resume: () => input,
      pause: () => input,
    });
    const output = Object.assign(new EventEmitter(), { columns: 80, rows: 24 });
    const written: string[] = [];
    const frames = new EventEmitter();
    const write = async (text: string) => {
      written.push(text);
      queueMicrotask(() => frames.emit("frame", text));
      return true;
    };
    const left = [...looks];
    const look = async () => {
      const next = left.shift();
      if (next instanceof JoineryError) throw next;
      return next ?? { sample: SAMPLE, rates: null };
    };
    const view = new LiveView({
      url: "http://127.0.0.1:4321",
      // reason: that is all that it has for others.
      watch: { look } as Watch,
      order: "traffic",
      intervalSeconds: 3600,
      // reason: a terminal has more than is needed of it here.
      terminal: { input, output, write } as never,
    });
    /** The next frame in which something is to be read. */
    const frame = (what: string) => {
      const next = new Promise<string>((resolve) => {
        frames.on("frame", (text: string) => text.includes(what) && resolve(text));
      });
      return within(`a frame with ${what}`, next, { saw: () => written.at(-1) });
    };
    const press = (keys: string) => input.emit("data", Buffer.from(keys));
    return { view, input, output, written, frame, press };
  }

  const GOOD: Look = { sample: SAMPLE, rates: null };
  const GONE = new JoineryError("CONNECTION_LOST", "the server is away");

  test("comes and goes with it, keys and all", async () => {
    const { view, input, written, frame, press } = sit([]);
    const begun = frame("by traffic");
    const run = view.run();
    await begun;
    expect(written[0]).toBe(ENTER);
    expect(input.isRaw).toBe(true);
    press("q");
    await run;
    expect(written.at(-1)).toBe(LEAVE);
    expect(input.isRaw).toBe(false);
    expect([input.listenerCount("data"), process.listenerCount("SIGCONT")]).toEqual([0, 0]);
  });

  test("does what keys say, several at once too", async () => {
    const { view, frame, press } = sit([]);
    const begun = frame("by traffic");
    const run = view.run();
    await begun;
    const [sorted, scrolled, slower, paused] = [
      frame("by sessions"),
      frame("document 12"),
      frame("every 60 s"),
      frame("paused"),
    ];
    press("s");
    await sorted;
    press("\u001b[B\u001b[6~jk");
    await scrolled;
    press("-");
    await slower;
    press(" x\u001b[Z");
    await paused;
    press("Q");
    await run;
  });

  test("is drawn anew for another size", async () => {
    const { view, output, frame, press } = sit([]);
    const begun = frame("by traffic");
    const run = view.run();
    await begun;
    const narrow = frame("q quit · s: by traffic");
    Object.assign(output, { columns: 60, rows: 20 }).emit("resize");
    expect((await narrow).split("\r\n").length).toBe(20);
    press("q");
    await run;
  });

  test("stays while the server is away, and goes on with it", async () => {
    const { view, frame, press } = sit([GOOD, GONE, GOOD]);
    const begun = frame("joinery 1.2.3");
    const run = view.run();
    await begun;
    const away = frame("the server is away");
    // It looks at once when it goes on.
    press("  ");
    expect(await away).toContain("Sessions");
    const back = frame("joinery 1.2.3");
    press("  ");
    await back;
    press("q");
    await run;
  });

  test("is left before it is told why it ends", async () => {
    const denied = new JoineryError("UNAUTHENTICATED", "the token has expired");
    const { view, written, frame, press } = sit([GOOD, denied]);
    const begun = frame("by traffic");
    const run = view.run();
    await begun;
    press("  ");
    await expect(run).rejects.toBe(denied);
    expect(written.at(-1)).toBe(LEAVE);
  });

  test("is not entered where the server cannot be reached at all", async () => {
    const { view, written } = sit([GONE]);
    await expect(view.run()).rejects.toBe(GONE);
    expect(written).toEqual([]);
  });
});
