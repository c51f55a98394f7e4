import { fileURLToPath } from "node:url";
import { DEFAULT_LIMITS, JoineryError, LIMITS, type LimitName, type LimitRow } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import { resolveAccess } from "../../../server/src/access/access-options.ts";
import { DEFAULT_FLUSH } from "../../../server/src/engine/flush-window.ts";
import { resolveOptions, type ServerOptions } from "../../../server/src/node/options.ts";
import { MemoryStorage } from "../../../server/src/storage/memory.ts";
import { DEFAULT_HEARTBEAT } from "../../../server/src/transports/connections.ts";

// Options come from files and from JavaScript, so they may be anything.
const resolve = (options: Record<string, unknown>) => resolveOptions(options as ServerOptions);

function refusalOf(options: Record<string, unknown>): JoineryError {
  try {
    resolve(options);
  } catch (error) {
    expect(error).toBeInstanceOf(JoineryError);
    expect(error).toMatchObject({ code: "INVALID_OPTION" });
    return error as JoineryError;
  }
  throw new Error("the options were accepted");
}

/** A folder with an `index.html`. */
const PAGE = fileURLToPath(new URL("../../../examples/editor", import.meta.url));

const limits = Object.entries(LIMITS) as [LimitName, LimitRow][];

describe("options", () => {
  test("all have defaults", () => {
    expect(resolve({})).toEqual({
      data: "./data",
      storage: null,
      page: null,
      origins: [],
      trustProxy: 0,
      limits: DEFAULT_LIMITS,
      flush: DEFAULT_FLUSH,
      heartbeat: DEFAULT_HEARTBEAT,
      idleRoomMs: 30_000,
      drainTimeoutMs: 6_000,
      logger: null,
      access: resolveAccess(),
      allowPublicWithoutAuthentication: false,
      hooks: null,
      hookTimeoutMs: 10_000,
      storeDelayMs: 2_000,
      maxStoreDelayMs: 10_000,
      extensions: [],
      hocuspocus: null,
      metrics: { token: null },
    });
  });

  test("that are undefined have their defaults", () => {
    const options = { data: undefined, page: undefined, limits: { maxRooms: undefined }, flush: undefined };
    expect(resolve(options)).toEqual(resolve({}));
  });

  test("that are given are taken", () => {
    const storage = new MemoryStorage();
    const given = {
      data: "/srv/joinery",
      storage,
      page: PAGE,
      origins: ["https://app.example.com", "null"],
      trustProxy: 2,
      flush: { kind: "fixed", windowMs: 50 },
      heartbeat: { intervalMs: 10, timeoutMs: 20 },
      idleRoomMs: 0,
      drainTimeoutMs: 600_000,
      logger: console,
      access: { recheckMs: 0 },
      allowPublicWithoutAuthentication: true,
      hooks: { load: () => null },
      hookTimeoutMs: 10,
      storeDelayMs: 0,
      maxStoreDelayMs: 3_600_000,
      extensions: [{ onChange: () => undefined }],
      hocuspocus: { debounce: 5 },
      metrics: { token: "a-token-for-scrapers" },
    };
    const resolved = resolve({ ...given, limits: { maxRooms: 3 } });
    expect(resolved).toEqual({
      ...given,
      limits: { ...DEFAULT_LIMITS, maxRooms: 3 },
      access: resolveAccess({ recheckMs: 0 }),
    });
    expect(resolved.storage).toBe(storage);
  });
});

test("all pages may be allowed by a star alone", () => {
  expect(resolve({ origins: "*" }).origins).toEqual(["*"]);
});

describe.each(limits)("the limit %s", (name, { min, max, unit }) => {
  test("may be the least and the most of the table", () => {
    expect(resolve({ limits: { [name]: min } }).limits[name]).toBe(min);
    expect(resolve({ limits: { [name]: max } }).limits[name]).toBe(max);
  });

  test.each([min - 1, max + 1, Number.NaN, Number.POSITIVE_INFINITY, "5", null, true])(
    "may not be %o: the refusal names it, what it may be, and its unit",
    (value) => {
      const { message } = refusalOf({ limits: { [name]: value } });
      expect(message).toContain(`"limits.${name}"`);
      expect(message).toContain(`from ${min} to ${max} (${unit})`);
    },
  );
});

describe("a refusal names the option and what it may be", () => {
  const fixed = (windowMs: unknown) => ({ flush: { kind: "fixed", windowMs } });
  const adaptive = (flush: object) => ({ flush: { ...DEFAULT_FLUSH, ...flush } });
  const heartbeat = (change: object) => ({ heartbeat: { ...DEFAULT_HEARTBEAT, ...change } });

  test.each([
    ["data", { data: "" }, "not empty"],
    ["data", { data: 5 }, "not empty"],
    ["page", { page: "" }, "not empty"],
    ["page", { page: "/nowhere" }, "index.html"],
    ["storage", { storage: 5 }, "a Storage"],
    ["storage", { storage: {} }, "append"],
    ["logger", { logger: { info: () => undefined } }, "debug"],
    ["limits", { limits: [] }, "an object"],
    ["limits", { limits: null }, "an object"],
    ["heartbeat", { heartbeat: null }, "an object"],
    ["page", { page: false }, "not empty"],
    ["flush.kind", { flush: { kind: "never" } }, '"adaptive" or "fixed"'],
    ["flush", { flush: "fixed" }, "an object"],
    ["flush.windowMs", fixed(-1), "from 0 to 10000"],
    ["flush.windowMs", fixed(10_001), "from 0 to 10000"],
    ["flush.windowMs", fixed(undefined), "from 0 to 10000"],
    ["flush.share", adaptive({ share: 0 }), "from 0.001 to 1"],
    ["flush.share", adaptive({ share: 25 }), "from 0.001 to 1"],
    ["flush.maxWindowMs", adaptive({ maxWindowMs: -1 }), "from 0 to 10000"],
    ["flush.maxWindowMs", adaptive({ maxWindowMs: "100" }), "from 0 to 10000"],
    ["heartbeat.intervalMs", heartbeat({ intervalMs: 9 }), "from 10 to 3600000"],
    ["heartbeat.timeoutMs", heartbeat({ timeoutMs: 3_600_001 }), "from 10 to 3600000"],
    ["heartbeat.timeoutMs", { heartbeat: { intervalMs: 1_000 } }, "from 10 to 3600000"],
    ["idleRoomMs", { idleRoomMs: -1 }, "from 0 to 86400000"],
    ["idleRoomMs", { idleRoomMs: Number.POSITIVE_INFINITY }, "from 0 to 86400000"],
    ["drainTimeoutMs", { drainTimeoutMs: 600_001 }, "from 0 to 600000"],
    ["origins", { origins: "https://app.example.com" }, 'a list of origins, or "*"'],
    ["origins", { origins: { 0: "*" } }, "a list of origins"],
    ["origins", { origins: [5] }, "https://app.example.com"],
    ["origins", { origins: ["https://app.example.com/"] }, "https://app.example.com"],
    ["trustProxy", { trustProxy: true }, "from 0 to 16"],
    ["trustProxy", { trustProxy: 17 }, "from 0 to 16"],
    ["limits.maxRooms", { limits: { maxRooms: 5n } }, "from 1 to 1000000"],
    ["limits", { limits: 5 }, ""],
    ["hooks", { hooks: 5 }, "an object"],
    ["hooks.change", { hooks: { change: "yes" } }, "a function"],
    ["extensions", { extensions: { onChange: () => undefined } }, "a list"],
    ["hocuspocus", { hocuspocus: 5 }, "an object"],
    ["hookTimeoutMs", { hookTimeoutMs: 9 }, "from 10 to 600000"],
    ["storeDelayMs", { storeDelayMs: -1 }, "from 0 to 3600000"],
    ["maxStoreDelayMs", { maxStoreDelayMs: 1.5 }, "from 0 to 3600000"],
  ])("%s in %o", (name, options, allowed) => {
    const { message } = refusalOf(options);
    expect(message).toContain(`"${name}"`);
    expect(message).toContain(allowed);
  });

  test("and repeats the value that it has, not what is around it", () => {
    expect(refusalOf({ data: 5 }).message).toContain("is 5,");
    expect(refusalOf({ flush: { kind: "never" } }).message).toContain('is "never",');
  });
});

test("hooks may be the methods of a class", () => {
  class Application {
    load(): null {
      return null;
    }
  }
  const hooks = new Application();
  expect(resolve({ hooks }).hooks).toBe(hooks);
});

describe("an option that does not exist is refused, with those that do", () => {
  test.each([
    ["dataFolder", { dataFolder: "x" }, "drainTimeoutMs"],
    ["limits.maxRoom", { limits: { maxRoom: 5 } }, "maxRooms"],
    ["flush.maxWindow", { flush: { ...DEFAULT_FLUSH, maxWindow: 5 } }, "maxWindowMs"],
    ["flush.share", { flush: { kind: "fixed", windowMs: 50, share: 0.5 } }, "windowMs"],
    ["hooks.onChange", { hooks: { onChange: () => undefined } }, "change"],
    ["heartbeat.interval", { heartbeat: { ...DEFAULT_HEARTBEAT, interval: 5 } }, "intervalMs"],
  ])("%s", (name, options, existing) => {
    const { message } = refusalOf(options);
    expect(message).toContain(`"${name}"`);
    expect(message).toContain(existing);
  });
});
