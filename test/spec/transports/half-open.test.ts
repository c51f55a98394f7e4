import { DEFAULT_LIMITS } from "@joinery/shared";
import { expect, test } from "vitest";
import { HalfOpenConnections } from "../../../server/src/transports/half-open.ts";
import { LimitHits } from "../../../server/src/transports/limit-hits.ts";

class Newcomer {
  isCut = false;

  destroy(): void {
    this.isCut = true;
  }
}

function stage() {
  const hits = new LimitHits();
  const limits = { ...DEFAULT_LIMITS, maxHalfOpenConnections: 4, maxAddressHalfOpenConnections: 2 };
  const halfOpen = new HalfOpenConnections({ limits, hits });
  const arrive = (address: string): Newcomer => {
    const newcomer = new Newcomer();
    halfOpen.add(newcomer, address);
    return newcomer;
  };
  return { hits, halfOpen, arrive };
}

test("an address has so many half-open connections: its oldest is cut for one more, and nobody else's", () => {
  const { hits, halfOpen, arrive } = stage();
  const other = arrive("b");
  const ofAddress = [arrive("a"), arrive("a"), arrive("a"), arrive("a")];
  expect(ofAddress.map(({ isCut }) => isCut)).toEqual([true, true, false, false]);
  expect(other.isCut).toBe(false);
  expect(halfOpen.count).toBe(3);
  expect(hits.counts().maxAddressHalfOpenConnections).toBe(2);
});

test("of all of them the oldest is cut for one more", () => {
  const { hits, halfOpen, arrive } = stage();
  const all = ["a", "b", "c", "d", "e", "f"].map(arrive);
  expect(all.map(({ isCut }) => isCut)).toEqual([true, true, false, false, false, false]);
  expect(halfOpen.count).toBe(4);
  expect(hits.counts().maxHalfOpenConnections).toBe(2);
});

test("who became a WebSocket, or left, is no longer one of them", () => {
  const { halfOpen, arrive } = stage();
  const first = arrive("a");
  halfOpen.remove(first);
  halfOpen.remove(first);
  for (let i = 0; i < 100; i++) halfOpen.remove(arrive("a"));
  expect(halfOpen.count).toBe(0);
  expect([arrive("a"), arrive("a")].map(({ isCut }) => isCut)).toEqual([false, false]);
  expect(first.isCut).toBe(false);
});
