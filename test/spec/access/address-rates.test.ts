import { expect, test } from "vitest";
import { AddressRates } from "../../../server/src/address-rates.ts";
import { FakeClock } from "../../support/fake-clock.ts";

function stage() {
  const clock = new FakeClock();
  let forgotten = 0;
  const rates = new AddressRates({
    clock,
    perSecond: 2,
    burstMs: 2_000,
    maxAddresses: 3,
    onForgotten: () => forgotten++,
  });
  /** How many of so many are allowed. */
  const ask = (address: string, times: number): number => {
    let allowed = 0;
    for (let i = 0; i < times; i++) {
      if (!rates.has(address)) continue;
      rates.take(address);
      allowed++;
    }
    return allowed;
  };
  return { clock, rates, ask, forgotten: () => forgotten };
}

test("an address may so often a second, and what it did not use is saved up", () => {
  const { clock, ask } = stage();
  expect(ask("192.0.2.1", 10)).toBe(4);
  expect(ask("192.0.2.2", 10)).toBe(4);
  clock.advance(1_000);
  expect(ask("192.0.2.1", 10)).toBe(2);
  clock.advance(60_000);
  expect(ask("192.0.2.1", 10)).toBe(4);
});

test("who has one address of a kind has all of them", () => {
  const { ask } = stage();
  expect(ask("2001:db8::1", 3) + ask("2001:db8::2", 3)).toBe(4);
  expect(ask("192.0.2.1", 3) + ask("::ffff:192.0.2.1", 3)).toBe(4);
});

test("addresses are remembered until they have all of it again, and no more than so many", () => {
  const { clock, rates, ask, forgotten } = stage();
  ask("192.0.2.1", 4);
  for (let i = 0; i < 100; i++) ask(`198.51.100.${i}`, 2);
  expect([rates.count, forgotten()]).toEqual([3, 98]);
  clock.advance(2_000);
  ask("192.0.2.1", 1);
  expect([rates.count, forgotten()]).toEqual([1, 98]);
});

test("what was done is owed, and no longer than it could be saved up for", () => {
  const { clock, rates } = stage();
  for (let i = 0; i < 1_000; i++) rates.take("192.0.2.1");
  clock.advance(2_000);
  expect(rates.has("192.0.2.1")).toBe(false);
  clock.advance(500);
  expect(rates.has("192.0.2.1")).toBe(true);
});
