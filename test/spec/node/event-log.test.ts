import { JoineryError } from "@joinery/shared";
import { expect, test } from "vitest";
import { EventLog } from "../../../server/src/node/event-log.ts";
import type { Logger, ServerEvent } from "../../../server/src/node/log.ts";
import { FakeClock } from "../../support/fake-clock.ts";

function stage() {
  const lines: { event?: string; unlogged?: number }[] = [];
  const take = (fields: object) => lines.push(fields);
  const logger: Logger = { debug: take, info: take, warn: take, error: take };
  const clock = new FakeClock();
  return { lines, clock, log: new EventLog(logger, clock) };
}

const NAME = { connection: 1, correlation: "a" };
const error = new JoineryError("TOO_MANY_CONNECTIONS", "too many");
const refused: ServerEvent = { type: "connection-refused", ...NAME, address: "", error };
const dead: ServerEvent = { type: "connection-dead", ...NAME };

test("whoever is refused again and again does not fill the disk: lines have a rate, and say how many are missing", () => {
  const { lines, clock, log } = stage();
  for (let i = 0; i < 10_000; i++) log.report(refused);
  expect(lines.length).toBe(100);
  clock.advance(100);
  log.report(refused);
  expect(lines.at(-1)).toMatchObject({ event: "connection-refused", unlogged: 9_900 });
  log.report(refused);
  clock.advance(10_000);
  log.report(refused);
  log.report(refused);
  expect(lines.slice(-2).map(({ unlogged }) => unlogged)).toEqual([1, undefined]);
  expect(lines.length).toBe(103);
});

test("events of other types have a rate of their own", () => {
  const { lines, log } = stage();
  for (let i = 0; i < 200; i++) log.report(refused);
  log.report(dead);
  expect(lines.at(-1)).toEqual({ event: "connection-dead", ...NAME });
});

test("errors are all logged, and so is what is for debugging", () => {
  const { lines, log } = stage();
  for (let i = 0; i < 500; i++) {
    log.report({ type: "storage-unavailable", error });
    log.report({ type: "disconnected", ...NAME, closeCode: 1000 });
  }
  expect(lines.length).toBe(1_000);
});
