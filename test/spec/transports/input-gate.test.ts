import { DEFAULT_LIMITS, type Limits } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import {
  ADDRESS_BUDGET,
  Budget,
  BudgetTerms,
  CONNECTION_BUDGET,
} from "../../../server/src/transports/budget.ts";
import { InputGate } from "../../../server/src/transports/input-gate.ts";
import { LimitHits } from "../../../server/src/transports/limit-hits.ts";
import { FakeClock } from "../../support/fake-clock.ts";

/** A clock on which handling a message takes the time that a test says. */
class WorkClock extends FakeClock {
  workedMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.workedMs;
  }
}

function stage(changes: Partial<Limits> = {}) {
  const clock = new WorkClock();
  const limits = { ...DEFAULT_LIMITS, ...changes };
  const hits = new LimitHits();
  const delivered: string[] = [];
  /** What is done with a message, by its text. */
  const handlers = new Map<string, () => void>();
  let isReading = true;
  /** Parts of the last message that were left for later turns. */
  const rest: string[] = [];
  const gate = new InputGate({
    clock,
    owner: delivered,
    actions: {
      onLimit: (_, limit) => hits.count(limit),
      deliver: (texts, message) => {
        const text = new TextDecoder().decode(message);
        texts.push(text);
        handlers.get(text)?.();
      },
      hasRest: () => rest.length > 0,
      goOn: (texts) => {
        const part = rest.shift() ?? "";
        texts.push(part);
        handlers.get(part)?.();
      },
      read: (_, reads) => {
        isReading = reads;
      },
    },
    budget: new Budget(new BudgetTerms(clock, limits, CONNECTION_BUDGET)),
  });
  return {
    clock,
    limits,
    hits,
    gate,
    delivered,
    handlers,
    rest,
    isReading: () => isReading,
    arrive: (...texts: string[]) => {
      for (const text of texts) gate.message(new TextEncoder().encode(text));
    },
  };
}

describe("a gate that is held", () => {
  test("delivers nothing, and what has arrived in its order once it is released as often", () => {
    const { clock, gate, arrive, delivered, isReading } = stage();
    arrive("a");
    gate.hold();
    gate.hold();
    arrive("b", "c");
    gate.release();
    expect([delivered, isReading(), gate.isHeld]).toEqual([["a"], false, true]);
    gate.release();
    clock.turn();
    arrive("d");
    expect([delivered, isReading(), gate.isHeld]).toEqual([["a", "b", "c", "d"], true, false]);
  });

  test("delivers nothing while it is being released, and what comes meanwhile after what came before", () => {
    const { clock, gate, arrive, delivered } = stage();
    gate.hold();
    arrive("a");
    gate.release();
    arrive("b");
    expect(delivered).toEqual([]);
    clock.turn();
    expect(delivered).toEqual(["a", "b"]);
  });

  test("stops in the middle of what has arrived when a message makes the engine hold it", () => {
    const { clock, gate, arrive, delivered, handlers, isReading } = stage();
    gate.hold();
    arrive("a", "b", "c");
    handlers.set("b", () => gate.hold());
    gate.release();
    clock.turn();
    expect([delivered, isReading()]).toEqual([["a", "b"], false]);
    gate.release();
    clock.turn();
    expect([delivered, isReading()]).toEqual([["a", "b", "c"], true]);
  });

  test("keeps copies: the bytes that arrived may change", () => {
    const { clock, gate, delivered } = stage();
    gate.hold();
    const bytes = new TextEncoder().encode("before");
    gate.message(bytes);
    bytes.fill(0);
    gate.release();
    clock.turn();
    expect(delivered).toEqual(["before"]);
  });
});

describe("a gate over its budget", () => {
  const SLOW = { maxMessagesPerSecond: 10, maxBurstMs: 1_000 };

  test("delivers at the rate of the budget, loses nothing, and counts that it was reached", () => {
    const { clock, arrive, delivered, isReading, hits } = stage(SLOW);
    const all = Array.from({ length: 40 }, (_, i) => `${i}`);
    arrive(...all);
    expect(delivered.length).toBe(11);
    expect(isReading()).toBe(false);
    expect(hits.counts().maxMessagesPerSecond).toBe(1);
    clock.advance(1_000);
    expect(delivered.length).toBeGreaterThan(18);
    expect(delivered.length).toBeLessThan(23);
    clock.advance(3_000);
    expect(delivered).toEqual(all);
    expect(isReading()).toBe(true);
  });

  test("reads no more after bytes that are over it, whatever they are", () => {
    const { clock, gate, isReading, hits } = stage({ maxBytesPerSecond: 1_024, maxBurstMs: 1_000 });
    gate.bytes(1_024);
    expect(isReading()).toBe(true);
    gate.bytes(512);
    expect([isReading(), gate.isClosed, gate.isHeld]).toEqual([false, true, false]);
    expect(hits.counts().maxBytesPerSecond).toBe(1);
    clock.advance(500);
    expect(isReading()).toBe(true);
  });

  test("counts pings as messages", () => {
    const { clock, gate, isReading } = stage(SLOW);
    for (let i = 0; i < 11; i++) gate.control();
    expect(isReading()).toBe(false);
    clock.advance(1_000);
    expect(isReading()).toBe(true);
  });

  test("counts the time that handling its messages takes", () => {
    const { clock, arrive, delivered, handlers, isReading, hits } = stage({
      maxCpuMsPerSecond: 100,
      maxBurstMs: 1_000,
    });
    handlers.set("dear", () => {
      clock.workedMs += 150;
    });
    arrive("dear", "next");
    expect([delivered, isReading()]).toEqual([["dear"], false]);
    expect(hits.counts().maxCpuMsPerSecond).toBe(1);
    clock.advance(499);
    expect(delivered).toEqual(["dear"]);
    clock.advance(1);
    expect([delivered, isReading()]).toEqual([["dear", "next"], true]);
  });

  test("waits for the budget that it shares, too", () => {
    const { clock, limits, gate, arrive, delivered, hits } = stage({
      maxAddressMessagesPerSecond: 2,
      maxBurstMs: 1_000,
    });
    const shared = new Budget(new BudgetTerms(clock, limits, ADDRESS_BUDGET));
    gate.share(shared);
    for (let i = 0; i < 4; i++) shared.spendMessage(0, clock.monotonicMs());
    arrive("a", "b", "c", "d");
    expect(delivered).toEqual(["a"]);
    expect(hits.counts().maxAddressMessagesPerSecond).toBe(1);
    clock.advance(5_000);
    expect(delivered).toEqual(["a", "b", "c", "d"]);
  });

  test("is not opened by the engine, nor the engine's hold by the budget", () => {
    const { clock, gate, arrive, delivered, isReading } = stage(SLOW);
    arrive(..."abcdefghijkl");
    gate.hold();
    gate.release();
    clock.turn();
    expect([delivered.length, isReading()]).toEqual([11, false]);
    gate.hold();
    clock.advance(10_000);
    expect([delivered.length, isReading()]).toEqual([11, false]);
    gate.release();
    clock.turn();
    expect([delivered.length, isReading()]).toEqual([12, true]);
  });
});

describe("one turn of the event loop", () => {
  test("is shared: after 25 ms the rest waits until others had their turn", () => {
    const { clock, gate, arrive, handlers, isReading, hits } = stage();
    const happened: string[] = [];
    handlers.set("dear", () => {
      clock.workedMs += 10;
      happened.push("dear");
      clock.endOfTurn(() => happened.push("other"));
    });
    gate.hold();
    arrive(...Array.from({ length: 8 }, () => "dear"));
    gate.release();
    clock.turn();
    const pieces = happened.join(" ").match(/(?:dear ?)+/g) ?? [];
    expect(pieces.map((piece) => piece.trim().split(" ").length)).toEqual([3, 3, 2]);
    expect(isReading()).toBe(true);
    expect(hits.counts().maxCpuMsPerSecond).toBe(0);
  });

  test("ends for who had its share in pieces as well", () => {
    const { clock, arrive, delivered, handlers, isReading } = stage();
    handlers.set("dear", () => {
      clock.workedMs += 10;
    });
    for (let i = 0; i < 3; i++) arrive("dear");
    expect(isReading()).toBe(false);
    arrive("dear");
    expect(delivered.length).toBe(3);
    clock.turn();
    expect([delivered.length, isReading()]).toEqual([4, true]);
  });

  test("begins anew for who had little of the last one", () => {
    const { clock, arrive, handlers, isReading } = stage();
    handlers.set("dear", () => {
      clock.workedMs += 20;
    });
    for (let i = 0; i < 20; i++) {
      arrive("dear");
      expect(isReading()).toBe(true);
      clock.turn();
    }
  });
});

describe("the end", () => {
  test("comes when everything that arrived has been delivered", () => {
    const { clock, gate, arrive, delivered } = stage({ maxMessagesPerSecond: 10, maxBurstMs: 1_000 });
    arrive(..."abcdefghijklmn");
    let isOver = false;
    gate.end(() => {
      isOver = true;
    });
    expect([delivered.length, isOver]).toEqual([11, false]);
    clock.advance(2_000);
    expect([delivered.length, isOver]).toEqual([14, true]);
    expect(clock.pendingTimers).toBe(0);
  });

  test("comes at once when nothing waits, even while a budget is owed", () => {
    const { clock, gate, arrive } = stage({ maxMessagesPerSecond: 1, maxBurstMs: 1_000 });
    arrive("a", "b");
    clock.advance(1_000);
    let isOver = false;
    gate.end(() => {
      isOver = true;
    });
    expect(isOver).toBe(true);
  });

  test("comes at once when the rest is dropped, which reads on for the closing handshake, but not for free", () => {
    const { clock, gate, arrive, delivered, isReading } = stage({
      maxMessagesPerSecond: 10,
      maxBurstMs: 1_000,
    });
    gate.hold();
    arrive("a");
    gate.discard();
    expect(isReading()).toBe(true);
    arrive(..."bcdefghijkl");
    expect(isReading()).toBe(false);
    clock.advance(1_000);
    expect(isReading()).toBe(true);
    let ends = 0;
    gate.end(() => ends++);
    gate.discard();
    expect([ends, delivered]).toEqual([1, []]);
  });

  test("drops the rest when a message makes the connection close", () => {
    const { clock, gate, arrive, delivered, handlers } = stage();
    handlers.set("bad", () => gate.discard());
    gate.hold();
    arrive("a", "bad", "b");
    gate.release();
    clock.turn();
    expect(delivered).toEqual(["a", "bad"]);
  });
});

describe("a message that takes several turns", () => {
  test("lets others have theirs in between, and is over before the next one", () => {
    const { clock, gate, arrive, delivered, handlers, rest, isReading } = stage();
    handlers.set("a", () => rest.push("a2", "a3"));
    arrive("a", "b");
    expect([delivered, isReading()]).toEqual([["a"], false]);
    clock.endOfTurn(() => delivered.push("somebody else"));
    clock.turn();
    expect(delivered.slice(-2)).toEqual(["a3", "b"]);
    expect(delivered.indexOf("somebody else")).toBeLessThan(delivered.indexOf("a3"));
    expect(isReading()).toBe(true);
    gate.end(() => delivered.push("over"));
    expect(delivered.at(-1)).toBe("over");
  });

  test("is paid for like others, and read on when nothing is owed", () => {
    const { clock, gate, arrive, delivered, handlers, rest } = stage({
      maxCpuMsPerSecond: 100,
      maxBurstMs: 1000,
    });
    const work = () => {
      clock.workedMs += 150;
    };
    handlers.set("a", () => {
      rest.push("a2", "a3");
      work();
    });
    handlers.set("a2", work);
    arrive("a");
    clock.turn();
    expect(delivered).toEqual(["a"]);
    clock.advance(600);
    expect(delivered).toEqual(["a", "a2"]);
    gate.end(() => delivered.push("over"));
    clock.advance(2000);
    expect(delivered).toEqual(["a", "a2", "a3", "over"]);
  });

  test("is dropped when the connection is being closed", () => {
    const { clock, gate, arrive, delivered, handlers, rest } = stage();
    handlers.set("a", () => rest.push("a2"));
    arrive("a");
    gate.discard();
    clock.turn();
    gate.end(() => delivered.push("over"));
    expect(delivered).toEqual(["a", "over"]);
  });
});
