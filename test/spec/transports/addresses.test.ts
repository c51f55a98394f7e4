import { DEFAULT_LIMITS, JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import { addressKey } from "../../../server/src/address-key.ts";
import { Addresses } from "../../../server/src/transports/addresses.ts";
import { LimitHits } from "../../../server/src/transports/limit-hits.ts";
import { FakeClock } from "../../support/fake-clock.ts";

function stage(changes: Partial<typeof DEFAULT_LIMITS> = {}) {
  const limits = {
    ...DEFAULT_LIMITS,
    maxAddressConnections: 3,
    maxAddressConnectionsPerSecond: 1,
    maxBurstMs: 5_000,
    maxAddresses: 2,
    ...changes,
  };
  const clock = new FakeClock();
  const hits = new LimitHits();
  const addresses = new Addresses({ clock, limits, hits });
  return { clock, hits, addresses };
}

describe("an address", () => {
  test("has so many connections at once; another has its own", () => {
    const { addresses, hits } = stage();
    const [first] = [1, 2, 3].map(() => addresses.enter("a"));
    expect(() => addresses.enter("a")).toThrow(JoineryError);
    expect(() => addresses.enter("a")).toThrow(
      expect.objectContaining({ code: "TOO_MANY_CONNECTIONS", message: expect.stringContaining("a has 3") }),
    );
    expect(hits.counts().maxAddressConnections).toBe(2);
    addresses.enter("b");
    first?.leave();
    first?.leave();
    addresses.enter("a");
    expect(() => addresses.enter("a")).toThrow("the limit");
  });

  test("opens so many a second, after those that it saved up", () => {
    const { clock, addresses, hits } = stage();
    for (let i = 0; i < 5; i++) addresses.enter("a").leave();
    expect(() => addresses.enter("a")).toThrow(expect.objectContaining({ code: "TOO_MANY_CONNECTIONS" }));
    expect(hits.counts().maxAddressConnectionsPerSecond).toBe(1);
    clock.advance(1_000);
    addresses.enter("a").leave();
    expect(() => addresses.enter("a")).toThrow("a second");
  });

  test("gets in however often it was refused before", () => {
    const { clock, addresses } = stage();
    for (let i = 0; i < 5; i++) addresses.enter("a").leave();
    for (let i = 0; i < 100; i++) {
      expect(() => addresses.enter("a")).toThrow();
      clock.advance(9);
    }
    clock.advance(100);
    addresses.enter("a");
  });

  test("shares a budget between its connections, and keeps it while they come and go", () => {
    const { clock, addresses } = stage();
    const [first, second] = [addresses.enter("a"), addresses.enter("a")];
    expect(second.budget).toBe(first.budget);
    expect(addresses.enter("b").budget).not.toBe(first.budget);
    first.budget.spendBytes(1, clock.monotonicMs());
    first.leave();
    second.leave();
    expect(addresses.enter("a").budget).toBe(first.budget);
  });
});

describe("what is remembered of addresses", () => {
  test("goes when there is nothing to remember", () => {
    const { clock, addresses } = stage();
    const visit = addresses.enter("a");
    visit.leave();
    expect(addresses.count).toBe(1);
    clock.advance(5_000);
    const other = addresses.enter("b");
    expect(addresses.count).toBe(1);
    other.leave();
  });

  test("is bounded: who left first is forgotten first, and nobody who is there", () => {
    const { addresses, hits } = stage();
    const present = ["p", "q", "r"].map((name) => addresses.enter(name));
    const budgets = new Map(present.map((visit, i) => [i, visit.budget]));
    const left = ["a", "b", "c", "d"].map((name) => {
      const visit = addresses.enter(name);
      visit.leave();
      return visit.budget;
    });
    expect(addresses.count).toBe(5);
    expect(hits.counts().maxAddresses).toBe(2);
    expect(addresses.enter("d").budget).toBe(left[3]);
    expect(addresses.enter("a").budget).not.toBe(left[0]);
    expect(addresses.enter("p").budget).toBe(budgets.get(0));
  });

  test("stays bounded over a hundred thousand addresses that come once", () => {
    const { clock, addresses } = stage();
    for (let i = 0; i < 100_000; i++) {
      addresses.enter(`${i}`).leave();
      if (i % 1000 === 0) clock.advance(1);
    }
    expect(addresses.count).toBeLessThanOrEqual(2);
  });
});

describe("clients are told apart", () => {
  test.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:c000:0201", "192.0.2.1"],
    ["0:0:0:0:0:ffff:c000:201", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:1:2::", "2001:db8:1:2::/64"],
    ["2001:0db8:0001:0002:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["::", "0:0:0:0::/64"],
    ["1::", "1:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["", ""],
    ["unknown", "unknown"],
  ])("%j as %j", (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});

describe("the documents of an address", () => {
  test("are counted over all of its connections, as long as any is open", () => {
    const { clock, addresses, hits } = stage({ maxAddressDocuments: 2 });
    const [first, second] = [addresses.enter("a"), addresses.enter("a")];
    first.documents.open();
    second.documents.open();
    expect(() => second.documents.open()).toThrow(
      expect.objectContaining({ code: "TOO_MANY_DOCUMENTS", message: expect.stringContaining("a has 2") }),
    );
    expect(hits.counts().maxAddressDocuments).toBe(1);
    addresses.enter("b").documents.open();
    // One that is still being loaded outlives its connection.
    for (const visit of [first, second]) visit.leave();
    clock.advance(60_000);
    const third = addresses.enter("a");
    expect(() => third.documents.open()).toThrow("the limit of one address");
    first.documents.close();
    third.documents.open();
  });
});
