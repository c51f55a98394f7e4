import { SkipFurtherHooksError } from "@hocuspocus/common";
import { DEFAULT_LIMITS } from "@joinery/shared";
import { expect, test } from "vitest";
import { HookChain, HookTimedOut } from "../../../../server/src/extensions/hocuspocus/hook-chain.ts";
import type { AnyExtension, HookName, Hooks } from "../../../../server/src/extensions/hocuspocus/hooks.ts";
import type { PluginEvent } from "../../../../server/src/extensions/plugin.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { World } from "../../../support/world.ts";

const NAMES: readonly HookName[] = ["onChange", "onConnect", "onDestroy"];

function chainOf(extensions: readonly AnyExtension[], own: Hooks = {}) {
  const clock = new FakeClock();
  const reports: PluginEvent[] = [];
  const chain = new HookChain({ extensions, own, timeoutMs: 10_000, slowMs: 1_000 }, NAMES);
  chain.begin({
    rooms: new World().rooms,
    clock,
    limits: DEFAULT_LIMITS,
    report: (event) => reports.push(event),
    countLimit: () => undefined,
  });
  return { chain, clock, reports };
}

/** An extension that writes its name down. */
function named(extensionName: string, order: string[], priority?: number): AnyExtension {
  const onConnect = () => void order.push(extensionName);
  return { extensionName, onConnect, ...(priority !== undefined && { priority }) };
}

/** Runs everything that waits for nothing but promises. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test("greater priorities come first, equal ones in their order, and the configuration last", async () => {
  const order: string[] = [];
  const { chain } = chainOf(
    [named("a", order), named("late", order, 1), named("b", order, 100), named("early", order, 101)],
    { onConnect: () => void order.push("configuration") },
  );
  await chain.run("onConnect", {});
  expect(order).toEqual(["early", "a", "b", "late", "configuration"]);
});

test("one hook is called when the one before has finished, and its result is given before", async () => {
  const order: string[] = [];
  const first = Promise.withResolvers<string>();
  const { chain } = chainOf([
    { onConnect: () => first.promise },
    { onConnect: () => void order.push("second") },
  ]);
  const run = chain.run("onConnect", {}, { onResult: (result) => void order.push(String(result)) });
  await settle();
  expect(order).toEqual([]);
  first.resolve("result of the first");
  await run;
  expect(order).toEqual(["result of the first", "second", "undefined"]);
});

test("no hook is called before the call returns", async () => {
  const order: string[] = [];
  const { chain } = chainOf([named("hook", order)]);
  const run = chain.run("onConnect", {});
  order.push("returned");
  await run;
  expect(order).toEqual(["returned", "hook"]);
});

test("what a hook throws, at once or later, ends the chain as it was thrown", async () => {
  const forbidden = { code: 4403, reason: "Forbidden" };
  const order: string[] = [];
  for (const throwing of [
    () => {
      throw forbidden;
    },
    () => Promise.reject(forbidden),
  ]) {
    const { chain, reports } = chainOf([{ onConnect: throwing }, named("after", order)]);
    await expect(chain.run("onConnect", {})).rejects.toBe(forbidden);
    // It says no, and that is no mistake.
    expect(reports).toEqual([]);
  }
  expect(order).toEqual([]);
});

test("an error is reported with its document and who threw it", async () => {
  class Logger {
    onChange(): void {
      throw new Error("disk full");
    }
  }
  const { chain, reports } = chainOf([new Logger()]);
  await chain.told("onChange", {}, "notes");
  expect(reports).toMatchObject([
    { type: "hook-failed", hook: "Logger.onChange", document: "notes", error: { message: "disk full" } },
  ]);
});

test("an extension without a name is told by its place", async () => {
  const { chain, reports } = chainOf(
    [{ priority: 200 }, { onChange: () => Promise.reject(new Error("first")) }],
    { onChange: () => Promise.reject(new Error("own")) },
  );
  await chain.told("onChange", {}, null);
  expect(reports.map(({ hook }) => hook)).toEqual(["extension 2.onChange"]);
});

test("an extension that skips those after it has made no mistake", async () => {
  const order: string[] = [];
  const { chain, reports } = chainOf([
    { onConnect: () => Promise.reject(new SkipFurtherHooksError()) },
    named("after", order),
  ]);
  await expect(chain.run("onConnect", {})).rejects.toBeInstanceOf(SkipFurtherHooksError);
  expect([order, reports]).toEqual([[], []]);
});

test("a hook that hangs counts as one that threw, and what it does later is not heard of", async () => {
  const hanging = Promise.withResolvers<void>();
  const { chain, clock, reports } = chainOf([{ extensionName: "Slow", onConnect: () => hanging.promise }]);
  const run = chain.run("onConnect", {}, { document: "notes" });
  const refused = expect(run).rejects.toBeInstanceOf(HookTimedOut);
  await settle();
  clock.advance(10_000);
  await refused;
  hanging.reject(new Error("too late"));
  await settle();
  expect(reports).toMatchObject([{ type: "hook-timed-out", hook: "Slow.onConnect", document: "notes" }]);
  expect(clock.pendingTimers).toBe(0);
});

test("a hook that is slow is reported and has its way", async () => {
  const slow = Promise.withResolvers<void>();
  const { chain, clock, reports } = chainOf([{ extensionName: "Slow", onConnect: () => slow.promise }]);
  const run = chain.run("onConnect", {});
  await settle();
  clock.advance(1_000);
  slow.resolve();
  await run;
  expect(reports).toMatchObject([{ type: "hook-slow", hook: "Slow.onConnect", error: null, ms: 1_000 }]);
});

test("of calls that nobody waits for a document has at most a thousand, and others have theirs", async () => {
  const hanging = Promise.withResolvers<void>();
  let calls = 0;
  const onChange = () => {
    calls++;
    return hanging.promise;
  };
  const { chain, reports } = chainOf([{ onChange }]);
  for (let i = 0; i < 1_001; i++) chain.tell("onChange", {}, "notes");
  chain.tell("onChange", {}, "other");
  await settle();
  expect(calls).toBe(1_001);
  expect(reports).toMatchObject([{ type: "hook-failed", hook: "onChange", document: "notes" }]);
  hanging.resolve();
  await settle();
  chain.tell("onChange", {}, "notes");
  await settle();
  expect(calls).toBe(1_002);
});

test("says which hooks there are", () => {
  const { chain } = chainOf([{ onChange: () => undefined }], { onDestroy: () => undefined });
  expect([chain.has("onChange"), chain.has("onConnect", "onDestroy"), chain.has("onConnect")]).toEqual([
    true,
    true,
    false,
  ]);
});
