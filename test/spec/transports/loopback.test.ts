import { DEFAULT_LIMITS, JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import type { Outbox } from "../../../server/src/engine/ports.ts";
import type { Rooms } from "../../../server/src/engine/rooms.ts";
import type { DriverContext } from "../../../server/src/protocols/driver.ts";
import { Loopback } from "../../../server/src/transports/loopback.ts";
import { FakeClock } from "../../support/fake-clock.ts";

// The driver of this test opens no room.
const rooms = null as unknown as Rooms;

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** A loopback whose dialect takes down what happens, and does what it is told by the first byte. */
function stage(refuse?: () => never) {
  const clock = new FakeClock();
  const server: string[] = [];
  const client: string[] = [];
  const contexts: DriverContext[] = [];
  const loopback = new Loopback({
    rooms,
    clock,
    limits: DEFAULT_LIMITS,
    start: (context) => {
      refuse?.();
      contexts.push(context);
      return {
        receive: ([first = 0]) => {
          server.push(`received ${first}`);
          if (first === 99) throw new JoineryError("MALFORMED_FRAME", "99 is not allowed");
        },
        drained: () => server.push("drained"),
        keepAlive: () => server.push("keep alive"),
        goAway: (afterMs, withinMs) => server.push(`go away ${afterMs} ${withinMs}`),
        failing: (error) => context.outbox.send([bytes(error.row.closeCode % 256)]),
        closed: () => server.push("closed"),
      };
    },
  });
  const socket = loopback.connect("ws://host/some/notes?x", "some.protocol", {
    opened: () => client.push("opened"),
    message: ([first]) => client.push(`received ${first}`),
    closed: (code, reason) => client.push(`closed ${code} ${reason}`.trim()),
  });
  const [connection] = [...loopback.open];
  if (!connection) throw new Error("there is no connection");
  return { clock, server, client, loopback, socket, connection, contexts };
}

function opened() {
  const it = stage();
  it.clock.turn();
  const { outbox } = it.contexts[0] as DriverContext;
  return { ...it, outbox: outbox as Outbox };
}

describe("a connection without a socket", () => {
  test("opens at the end of the turn, with the path and the subprotocol", () => {
    const { clock, client, contexts } = stage();
    expect(client).toEqual([]);
    clock.turn();
    expect(client).toEqual(["opened"]);
    expect(contexts).toMatchObject([{ path: "some/notes", subprotocol: "some.protocol" }]);
  });

  test("delivers in both directions at the end of a turn, in order", () => {
    const { clock, server, client, socket, outbox } = opened();
    socket.send(bytes(1));
    socket.send(bytes(2));
    outbox.send([bytes(3), bytes(4)]);
    expect([server, client]).toEqual([[], ["opened"]]);
    expect([socket.bufferedBytes, outbox.bufferedBytes, outbox.remainingBytes]).toEqual([2, 2, 2]);
    clock.turn();
    expect(server).toEqual(["received 1", "received 2", "drained"]);
    expect(client).toEqual(["opened", "received 3", "received 4"]);
    expect([socket.bufferedBytes, outbox.bufferedBytes]).toEqual([0, 0]);
  });

  test("delivers what was sent before it opened", () => {
    const { clock, server, socket } = stage();
    socket.send(bytes(1));
    clock.turn();
    expect(server).toEqual(["received 1"]);
  });

  test("delivers nothing while the server pauses it, and goes on then", () => {
    const { clock, server, socket, outbox } = opened();
    outbox.pauseInput();
    outbox.pauseInput();
    socket.send(bytes(1));
    outbox.resumeInput();
    clock.turn();
    expect(server).toEqual([]);
    outbox.resumeInput();
    clock.turn();
    expect(server).toEqual(["received 1"]);
  });

  test("keeps what a client that stalls does not read", () => {
    const { clock, server, client, connection, outbox } = opened();
    connection.stall();
    outbox.send([bytes(1)]);
    clock.turn();
    expect([client, outbox.bufferedBytes, server]).toEqual([["opened"], 1, []]);
    connection.readAgain();
    clock.turn();
    expect([client, outbox.bufferedBytes, server]).toEqual([["opened", "received 1"], 0, ["drained"]]);
  });

  test("that the client closes delivers what it sent before, then ends on both sides", () => {
    const { clock, server, client, socket, loopback } = opened();
    socket.send(bytes(1));
    socket.close(4000, "done");
    socket.send(bytes(2));
    socket.close();
    clock.turn();
    expect(server).toEqual(["received 1", "closed"]);
    expect(client).toEqual(["opened", "closed 4000 done"]);
    expect(loopback.open.size).toBe(0);
  });

  test("that the client closes before it opened never reaches the server", () => {
    const { clock, server, client, socket, loopback } = stage();
    socket.close();
    clock.turn();
    expect([server, client, loopback.open.size]).toEqual([[], ["closed 1000"], 0]);
  });

  test("that the server closes says its last words and why, after what was sent before", () => {
    const { clock, server, client, socket, outbox, loopback } = opened();
    outbox.send([bytes(1)]);
    outbox.close(new JoineryError("SERVER_FULL", "no room"));
    outbox.close(new JoineryError("INTERNAL", "twice"));
    socket.send(bytes(2));
    clock.turn();
    expect(client).toEqual(["opened", "received 1", `received ${1013 % 256}`, "closed 1013 no room"]);
    expect(server).toEqual(["closed"]);
    expect(loopback.open.size).toBe(0);
  });

  test("is closed with what its dialect throws", () => {
    const { clock, client, socket } = opened();
    socket.send(bytes(99));
    clock.turn();
    expect(client.at(-1)).toBe("closed 4422 99 is not allowed");
  });

  test("that is refused at once is closed with the reason", () => {
    const { clock, client, loopback } = stage(() => {
      throw new JoineryError("INVALID_NAME", "no name");
    });
    clock.turn();
    expect(client).toEqual(["opened", "closed 4400 no name"]);
    expect(loopback.open.size).toBe(0);
  });

  test("that is cut loses what is on its way, and both ends know", () => {
    const { clock, server, client, socket, connection, outbox, loopback } = opened();
    socket.send(bytes(1));
    outbox.send([bytes(2)]);
    connection.cut();
    connection.cut();
    clock.turn();
    expect([server, client]).toEqual([["closed"], ["opened", "closed 1006"]]);
    expect([socket.bufferedBytes, outbox.bufferedBytes, loopback.open.size]).toEqual([0, 0, 0]);
  });

  test("passes on what a transport says now and then", () => {
    const { server, connection } = opened();
    connection.keepAlive();
    connection.goAway(1, 2);
    expect(server).toEqual(["keep alive", "go away 1 2"]);
  });
});
