import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import {
  type Connection,
  Connections,
  DEFAULT_HEARTBEAT,
} from "../../../server/src/transports/connections.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const HEARTBEAT = { intervalMs: 1_000, timeoutMs: 2_500 };

/** A link that records what the store does with it. */
class Link implements Connection {
  readonly id: number;
  isPaused = false;
  receivedBytes = 0;
  pings = 0;
  keepAlives = 0;
  isTerminated = false;

  constructor(connections: Connections) {
    this.id = connections.nextId();
  }

  /** Sends something: a pong, or a piece of a long message. */
  speak(): void {
    this.receivedBytes++;
  }

  ping(): void {
    this.pings++;
  }

  keepAlive(): void {
    this.keepAlives++;
  }

  terminate(): void {
    this.isTerminated = true;
  }
}

function stage(maxConnections = 10) {
  const clock = new FakeClock();
  const connections = new Connections({ clock, heartbeat: HEARTBEAT, maxConnections });
  const connect = (): Link => {
    const link = new Link(connections);
    connections.add(link);
    return link;
  };
  return { clock, connections, connect };
}

describe("the heartbeat", () => {
  test("pings each connection and shows it a sign of life, once an interval", () => {
    const { clock, connect } = stage();
    const links = [connect(), connect()];
    clock.advance(999);
    expect(links.map(({ pings }) => pings)).toEqual([0, 0]);
    clock.advance(1);
    expect(links.map(({ pings }) => pings)).toEqual([1, 1]);
    for (const link of links) link.speak();
    clock.advance(2_000);
    expect(links.map(({ pings, keepAlives }) => [pings, keepAlives])).toEqual([
      [3, 3],
      [3, 3],
    ]);
  });

  test("gives a connection up that was silent for the interval and the timeout, and not before", () => {
    const { clock, connections, connect } = stage();
    const link = connect();
    // Beats come at 1,000 ms; the one at 4,000 ms is the first after 3,500 ms of silence.
    clock.advance(3_999);
    expect(link).toMatchObject({ isTerminated: false, pings: 3 });
    clock.advance(1);
    expect(link).toMatchObject({ isTerminated: true, pings: 3 });
    expect(connections.count).toBe(0);
  });

  test("counts the silence from the last sign of life", () => {
    const { clock, connect } = stage();
    const link = connect();
    for (let beat = 0; beat < 20; beat++) {
      clock.advance(2_000);
      link.speak();
    }
    // The last word is noticed by the next beat, and the silence counts from there.
    clock.advance(4_999);
    expect(link.isTerminated).toBe(false);
    clock.advance(1);
    expect(link.isTerminated).toBe(true);
  });

  test("gives up only who was silent", () => {
    const { clock, connections, connect } = stage();
    const [silent, lively] = [connect(), connect()];
    for (let beat = 0; beat < 4; beat++) {
      clock.advance(1_000);
      lively.speak();
    }
    expect([silent.isTerminated, lively.isTerminated]).toEqual([true, false]);
    expect(connections.count).toBe(1);
  });

  test("spares who is not read at the moment, and then waits for it anew", () => {
    const { clock, connect } = stage();
    const link = connect();
    link.isPaused = true;
    clock.advance(100_000);
    expect(link).toMatchObject({ isTerminated: false, pings: 100 });
    link.isPaused = false;
    clock.advance(3_000);
    expect(link.isTerminated).toBe(false);
    clock.advance(1_000);
    expect(link.isTerminated).toBe(true);
  });

  test("does not bring back who was given up and is heard late", () => {
    const { clock, connections, connect } = stage();
    const link = connect();
    clock.advance(4_000);
    link.speak();
    expect(connections.count).toBe(0);
    clock.advance(10_000);
    expect(link.pings).toBe(3);
  });

  test("survives a connection whose end removes others", () => {
    const { clock, connections, connect } = stage();
    const first = connect();
    const second = connect();
    first.terminate = () => connections.remove(second);
    clock.advance(4_000);
    expect(connections.count).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  test("comes often enough by default for clients that give a silent server up after 30 s", () => {
    expect(DEFAULT_HEARTBEAT.intervalMs).toBeLessThanOrEqual(15_000);
  });
});

describe("the timer", () => {
  test("is one for all connections", () => {
    const { clock, connect } = stage();
    expect(clock.pendingTimers).toBe(0);
    for (let i = 0; i < 5; i++) connect();
    expect(clock.pendingTimers).toBe(1);
    clock.advance(1_500);
    connect();
    expect(clock.pendingTimers).toBe(1);
  });

  test("is gone with the last connection, and comes back with the next", () => {
    const { clock, connections, connect } = stage();
    const [first, second] = [connect(), connect()];
    connections.remove(first);
    expect(clock.pendingTimers).toBe(1);
    connections.remove(second);
    connections.remove(second);
    expect(clock.pendingTimers).toBe(0);
    const third = connect();
    expect(clock.pendingTimers).toBe(1);
    clock.advance(1_000);
    expect([second.pings, third.pings]).toEqual([0, 1]);
  });

  test("is gone when the last connection was given up", () => {
    const { clock, connect } = stage();
    connect();
    connect();
    clock.advance(4_000);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe("the limit", () => {
  test("refuses one more with SERVER_FULL, and lets one in when another has gone", () => {
    const { clock, connections, connect } = stage(2);
    const first = connect();
    connect();
    expect(connect).toThrow(JoineryError);
    expect(connect).toThrow(
      expect.objectContaining({ code: "SERVER_FULL", message: expect.stringContaining("2") }),
    );
    expect(connections.count).toBe(2);
    connections.remove(first);
    connect();
    expect(connections.count).toBe(2);
    expect(clock.pendingTimers).toBe(1);
  });
});

test("connections are numbered from 1 in the order in which they come, and numbers are not used again", () => {
  const { connections, connect } = stage();
  const first = connect();
  connections.remove(first);
  expect([first.id, connect().id, connect().id]).toEqual([1, 2, 3]);
});
