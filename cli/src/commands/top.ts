import { JoineryError } from "@joinery/shared";
import { type Command, InvalidArgumentError, Option } from "commander";
import { pc } from "../output/colours.ts";
import type { CommandPage } from "../output/command-page.ts";
import { isoTime } from "../output/quantities.ts";
import {
  leavingOnSignals,
  parseWhole,
  type ReadingFlags,
  readingCommand,
} from "../output/reading-command.ts";
import { outputWidth, print, printJsonLine } from "../output/terminal.ts";
import { printable } from "../output/text.ts";
import { mayGoBy } from "../remote/coming-back.ts";
import { pause } from "../remote/pause.ts";
import { connectTo, findPlace } from "../remote/place.ts";
import { frameOf } from "../top/frame.ts";
import { LiveView, MAX_INTERVAL_SECONDS, MIN_INTERVAL_SECONDS } from "../top/live-view.ts";
import { inOrder, ORDERS, type Order } from "../top/order.ts";
import { Screen } from "../top/screen.ts";
import { type Look, Watch } from "../top/watch.ts";

const DEFAULT_INTERVAL_SECONDS = 2;
/** Between the two looks that one frame takes: rates are what changed meanwhile. */
const ONCE_SECONDS = 1;
const DEFAULT_ROOMS = 100;

const PAGE: CommandPage = {
  description: "Watch a running server: its rooms, traffic, memory and limits.",
  more: `It asks the server every two seconds, which takes the right to manage all documents. Rates are of the time between two
looks. BATCH/S are what a room logged, WAITING is what is not on disk yet. Where output is no terminal, and with --once,
it prints one frame and ends; with --json, a line for each look.

Keys: q quits, s sorts by something else, the arrows scroll, + and - change how often it looks, space pauses.`,
  examples: [
    ["joinery top", "of the server that has ./data open"],
    ["joinery top --server https://docs.example --sort size", "of another one, the largest rooms first"],
    ["joinery top --once --json | jq .perSecond", "its rates, once"],
  ],
  json: {
    isStream: true,
    fields: {
      time: ["string", "when it looked, ISO 8601"],
      server: ["string", "its address"],
      version: ["string", "of joinery"],
      pid: ["number", "its process"],
      startedAt: ["string", "since when it runs, ISO 8601"],
      uptimeSeconds: ["number", "how long that is"],
      connections: ["object", "how many there are, by kind"],
      sessions: ["number", "clients in documents"],
      users: ["number", "verified users in documents"],
      rooms: ["number", "documents in memory"],
      uncommittedBytes: ["number", "of updates that are not on disk yet"],
      heldBytes: ["number", "of updates that are held aside until what they build upon comes"],
      rssBytes: ["number", "memory of the process"],
      heapBytes: ["number", "of JavaScript's part of it"],
      eventLoopDelayMs: ["object", "how late timers were, lately: p50, p99 and max"],
      limitHits: ["object", "how often each limit was reached since the start"],
      perSecond: [
        "object or null",
        "updatesIn, bytesIn, updatesOut, bytesOut, catchUps, batches, since the look before; null for the first one",
      ],
      cpuShare: ["number or null", "of one core, since the look before"],
      latencyMs: [
        "object or null",
        "since the look before: delivery until an update was sent on, durable until it was on disk; each null for none",
      ],
      "busiest[].document": ["string", "rooms, in the order of --sort: the document's name"],
      "busiest[].state": ["string", "loading, live or closing"],
      "busiest[].sessions": ["number", "clients in it"],
      "busiest[].seq": ["number", "the last batch of its log"],
      "busiest[].bytes": ["number", "of its snapshot and log"],
      "busiest[].uncommittedBytes": ["number", "of updates that are not on disk yet"],
      "busiest[].batchesPerSecond": ["number or null", "since the look before"],
      "busiest[].loadedAt": ["string or null", "when it was loaded, ISO 8601"],
    },
  },
  exitCodes: [],
};

interface TopFlags extends ReadingFlags {
  readonly interval: number;
  readonly sort: Order;
  readonly limit: number;
  readonly once?: true;
}

export function topCommand(): Command {
  return readingCommand("top", PAGE)
    .addOption(
      new Option("--interval <seconds>", "how often it looks")
        .argParser(parseInterval)
        .default(DEFAULT_INTERVAL_SECONDS),
    )
    .addOption(
      new Option(
        "--sort <order>",
        "rooms by batches a second, sessions, size, what waits for the disk, or name",
      )
        .choices(ORDERS)
        .default("traffic"),
    )
    .option("--limit <number>", "without a terminal: at most so many rooms", parseWhole(0), DEFAULT_ROOMS)
    .option("--once", "print one frame and end")
    .action((flags: TopFlags) => leavingOnSignals(() => top(flags)));
}

function parseInterval(text: string): number {
  const seconds = Number(text);
  if (/^[\d.]{1,8}$/.test(text) && seconds >= MIN_INTERVAL_SECONDS && seconds <= MAX_INTERVAL_SECONDS)
    return seconds;
  throw new InvalidArgumentError(
    `It must be a number from ${MIN_INTERVAL_SECONDS} to ${MAX_INTERVAL_SECONDS}.`,
  );
}

async function top(flags: TopFlags): Promise<void> {
  const { json, once, interval: intervalSeconds, sort: order } = flags;
  const place = await findPlace(flags);
  if (place.kind === "folder") throw nothingToWatch(place.folder);
  const { url } = place.connection;
  const watch = new Watch(connectTo(place));
  if (json) await printLooks(watch, url, flags);
  else if (once || !Screen.isThere()) await printFrame(watch, url, flags);
  else await new LiveView({ url, watch, order, intervalSeconds }).run();
}

async function printFrame(watch: Watch, url: string, flags: TopFlags): Promise<void> {
  const { sample, rates } = await lookTwice(watch, flags);
  const { sort: order, limit } = flags;
  const rooms = inOrder(sample.rooms, order, rates).slice(0, limit);
  const shown = { ...sample, rooms };
  const view = {
    url,
    sample: shown,
    rates,
    order,
    offset: 0,
    nowMs: Date.now(),
    trouble: null,
    footer: null,
  };
  const lines = frameOf(view, { width: outputWidth(), rows: Number.POSITIVE_INFINITY });
  for (const line of lines) if (!(await print(line))) return;
}

async function lookTwice(watch: Watch, { interval }: TopFlags): Promise<Look> {
  await watch.look();
  await pause(Math.min(interval, ONCE_SECONDS) * 1000);
  return watch.look();
}

async function printLooks(watch: Watch, url: string, flags: TopFlags): Promise<void> {
  if (flags.once) {
    await printJsonLine(lookJson(await lookTwice(watch, flags), url, flags));
    return;
  }
  for (let isFirst = true; ; isFirst = false) {
    try {
      if (!(await printJsonLine(lookJson(await watch.look(), url, flags)))) return;
    } catch (error) {
      if (isFirst || !mayGoBy(error)) throw error;
      console.error(pc.dim(printable(error.message)));
    }
    await pause(flags.interval * 1000);
  }
}

function lookJson({ sample, rates }: Look, server: string, { sort, limit }: TopFlags): object {
  const { version, pid, startedAt, uptimeSeconds, connections, sessions, users, roomCount } = sample;
  const { uncommittedBytes, heldBytes, memory, eventLoop, limitHits } = sample;
  return {
    time: isoTime(Date.now()),
    server,
    version,
    pid,
    startedAt: isoTime(startedAt),
    uptimeSeconds,
    connections: Object.fromEntries(connections),
    sessions,
    users,
    rooms: roomCount,
    uncommittedBytes,
    heldBytes,
    rssBytes: memory.rss,
    heapBytes: memory.heapUsed,
    eventLoopDelayMs: { p50: eventLoop.p50 * 1000, p99: eventLoop.p99 * 1000, max: eventLoop.max * 1000 },
    limitHits: Object.fromEntries(limitHits),
    ...ratesJson(rates),
    busiest: inOrder(sample.rooms, sort, rates)
      .slice(0, limit)
      .map((room) => {
        const { document, state, sessions, seq, bytes, uncommittedBytes, loadedAt } = room;
        const batchesPerSecond = rates === null ? null : rates.ofRoom(room);
        return {
          document,
          state,
          sessions,
          seq,
          bytes,
          uncommittedBytes,
          batchesPerSecond,
          loadedAt: isoTime(loadedAt),
        };
      }),
  };
}

function ratesJson(rates: Look["rates"]): object {
  if (rates === null) return { perSecond: null, cpuShare: null, latencyMs: null };
  const { updatesIn, bytesIn, updatesOut, bytesOut, catchUps, batches } = rates.perSecond;
  const { cpuSeconds, deliveries, deliverySeconds, commits, commitSeconds } = rates.perSecond;
  return {
    perSecond: { updatesIn, bytesIn, updatesOut, bytesOut, catchUps, batches },
    cpuShare: cpuSeconds,
    latencyMs: {
      delivery: deliveries === 0 ? null : (deliverySeconds / deliveries) * 1000,
      durable: commits === 0 ? null : (commitSeconds / commits) * 1000,
    },
  };
}

function nothingToWatch(folder: string): JoineryError {
  return new JoineryError(
    "INVALID_OPTION",
    `there is nothing to watch: no server has the data folder ${printable(folder)} open`,
  );
}
