/** Signals between clients, and through a server that checks them by libraries of others. */

import type { DocumentHandle, Failure, Signal } from "@joinery/client";
import { createServer, MemoryStorage, type Server } from "@joinery/server";
import * as v from "valibot";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { until } from "../support/until.ts";
import { openClient, SILENT, textOf } from "./native-client.ts";

interface Listener {
  readonly handle: DocumentHandle;
  readonly signals: Signal[];
  readonly notices: Failure[];
}

async function openServer(): Promise<{ server: Server; join: (name?: string) => Promise<Listener> }> {
  const server = createServer({ storage: new MemoryStorage(), logger: SILENT });
  onTestFinished(async () => {
    await server.close();
  });
  const { url } = await server.listen({ port: 0 });
  const join = async (name = "notes") => {
    const handle = openClient({ url: url.replace("http:", "ws:") }).open(name);
    const listener: Listener = { handle, signals: [], notices: [] };
    handle.on("signal", (signal) => listener.signals.push(signal));
    handle.on("notice", (notice) => listener.notices.push(notice));
    await handle.whenSynced();
    return listener;
  };
  return { server, join };
}

const PAYLOAD = { text: "hello 🪚", at: [1, 2.5, null], nested: { is: true } };

test("[G1] [G2] a signal reaches those for whom it is, as it was sent", async () => {
  const { join } = await openServer();
  const [ann, ben, cid] = [await join(), await join(), await join("another document")];
  expect(ann.handle.signal("hello", PAYLOAD)).toBe(true);
  await until("Ben to hear it", () => ben.signals.length === 1);
  expect(ben.signals[0]).toEqual({
    name: "hello",
    payload: PAYLOAD,
    user: null,
    session: expect.any(Number),
  });
  expect(ben.signals[0]?.session).toBeGreaterThan(0);
  ann.handle.signal("to everybody", 1, { to: "all" });
  await until("both to hear it", () => ann.signals.length === 1 && ben.signals.length === 2);
  // There is nobody of that name, so nobody hears it.
  ann.handle.signal("private", 2, { to: { user: "ben" } });
  ann.handle.signal("last", null, { to: "all" });
  await until("both to hear the last", () => ann.signals.length === 2 && ben.signals.length === 3);
  expect(ann.signals.map(({ name }) => name)).toEqual(["to everybody", "last"]);
  expect(ben.signals.map(({ name }) => name)).toEqual(["hello", "to everybody", "last"]);
  expect(cid.signals).toEqual([]);
  expect([ann, ben, cid].flatMap(({ notices }) => notices)).toEqual([]);
});

test("[G3] a signal that is too large is refused, and the document goes on", async () => {
  const { join } = await openServer();
  const [ann, ben] = [await join(), await join()];
  ann.handle.signal("large", "x".repeat(20_000));
  ann.handle.signal("", "without a name");
  await until("Ann to be told", () => ann.notices.length === 2);
  for (const notice of ann.notices) expect(notice).toMatchObject({ code: "SIGNAL_REFUSED", retry: "never" });
  textOf(ann.handle).insert(0, "on we go");
  await ann.handle.whenSaved();
  expect(ben.signals).toEqual([]);
});

test("[G5] [G6] a schema of zod decides what is passed on, and types what its handler gets", async () => {
  const { server, join } = await openServer();
  const handled: unknown[] = [];
  server.signal("reaction", {
    schema: z.object({ emoji: z.emoji(), at: z.coerce.date() }),
    handle: ({ emoji, at }, { document, session, send }) => {
      handled.push({ emoji: emoji.toUpperCase(), year: at.getUTCFullYear(), document });
      send("counted", { session, count: handled.length });
      return emoji !== "🤐";
    },
  });
  const [ann, ben] = [await join(), await join()];
  const at = "2026-02-03T04:05:06Z";
  ann.handle.signal("reaction", { emoji: "👍", at });
  await until("Ben to see it", () => ben.signals.length === 1);
  // It is passed on as it was sent, not as the schema made it.
  expect(ben.signals[0]).toMatchObject({ name: "reaction", payload: { emoji: "👍", at } });
  await until("Ann to be answered", () => ann.signals.length === 1);
  expect(ann.signals[0]).toMatchObject({ name: "counted", payload: { count: 1 }, session: 0, user: null });

  ann.handle.signal("reaction", { emoji: "no emoji", at });
  await until("Ann to be refused", () => ann.notices.length === 1);
  expect(ann.notices[0]).toMatchObject({ code: "SIGNAL_REFUSED" });
  expect(ann.notices[0]?.message).toContain("emoji");
  ann.handle.signal("reaction", { emoji: "🤐", at });
  await until("Ann to be answered again", () => ann.signals.length === 2);
  ann.handle.signal("unchecked", 1);
  await until("Ben to hear the last", () => ben.signals.length === 2);
  expect(ben.signals.map(({ name }) => name)).toEqual(["reaction", "unchecked"]);
  expect(handled).toEqual([
    { emoji: "👍", year: 2026, document: "notes" },
    { emoji: "🤐", year: 2026, document: "notes" },
  ]);
});

test("[G5] [G6] a schema of valibot does the same, also where it has to wait", async () => {
  const { server, join } = await openServer();
  const points: number[] = [];
  const isKnown = async (id: string) => Promise.resolve(id === "slide 1");
  server.signal("point", {
    schema: v.objectAsync({
      slide: v.pipeAsync(v.string(), v.checkAsync(isKnown, "there is no such slide")),
      x: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
    }),
    handle: async ({ x }) => {
      points.push(x * 100);
    },
  });
  const [ann, ben] = [await join(), await join()];
  ann.handle.signal("point", { slide: "slide 1", x: 0.5 });
  await until("Ben to see it", () => ben.signals.length === 1);
  ann.handle.signal("point", { slide: "slide 2", x: 0.5 });
  ann.handle.signal("point", { slide: "slide 1", x: 2 });
  await until("Ann to be refused", () => ann.notices.length === 2);
  expect(ann.notices.map(({ message }) => message).join()).toContain("there is no such slide");
  expect(points).toEqual([50]);
  expect(ben.signals).toHaveLength(1);
});
