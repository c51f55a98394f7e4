import type { Connect } from "@joinery/client";
import { afterEach, describe, expect, test } from "vitest";
import { ClientWorld } from "../../support/client-world.ts";
import type { FakeClock } from "../../support/fake-clock.ts";

const worlds: ClientWorld[] = [];

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

/**
 * Carries so many bytes a second to the server, and as many as there are to the client. A message arrives when its last
 * byte does, as a WebSocket's do.
 */
function slow(connect: Connect, clock: FakeClock, bytesPerSecond: number): Connect {
  return (url, subprotocol, events) => {
    const socket = connect(url, subprotocol, events);
    let waitingBytes = 0;
    let freeAtMs = 0;
    return {
      send: (message) => {
        waitingBytes += message.length;
        freeAtMs = Math.max(freeAtMs, clock.monotonicMs()) + (message.length / bytesPerSecond) * 1000;
        clock.setTimer(freeAtMs - clock.monotonicMs(), () => {
          waitingBytes -= message.length;
          socket.send(message);
        });
      },
      close: (code, reason) => socket.close(code, reason),
      get bufferedBytes() {
        return waitingBytes + socket.bufferedBytes;
      },
    };
  };
}

const TEXT = "0123456789abcdef".repeat((2 * 1024 * 1024) / 16);
const KEEP_ALIVE_MS = 15_000;

/** Ann types much while her link carries little, and others see what came of it after a while. */
async function typedOver(bytesPerSecond: number, options: { seconds: number; cutEverySeconds?: number }) {
  const world = new ClientWorld();
  worlds.push(world);
  const environment = world.environment();
  const connect = slow(environment.connect, world.clock, bytesPerSecond);
  // Each upload has an id of its own.
  let draws = 0;
  const random = () => (++draws % 251) / 251;
  const client = world.client({ environment: Object.assign(environment, { connect, random }) });
  const ann = world.person("notes", {}, client);
  await world.advance(1_000);
  ann.type(TEXT);
  for (let second = 1; second <= options.seconds && !ann.notes.saved; second++) {
    await world.advance(1_000);
    if ((second * 1000) % KEEP_ALIVE_MS === 0) for (const link of world.loopback.open) link.keepAlive();
    if (second % (options.cutEverySeconds ?? Number.POSITIVE_INFINITY) === 0) world.cut();
  }
  return { ann, ben: await world.join() };
}

describe("a link that carries 5 KB a second", () => {
  const BYTES_PER_SECOND = 5_000;
  const SECONDS = Math.ceil(TEXT.length / BYTES_PER_SECOND);

  test("is enough for an edit of 2 MB, with what goes around it", async () => {
    const { ann, ben } = await typedOver(BYTES_PER_SECOND, { seconds: Math.ceil(1.1 * SECONDS) });
    expect(ann.notes.saved).toBe(true);
    expect(ben.text === TEXT).toBe(true);
  });

  test("[B6] is enough for it too when it breaks once a minute", async () => {
    const { ann, ben } = await typedOver(BYTES_PER_SECOND, { seconds: 2 * SECONDS, cutEverySeconds: 60 });
    expect(ann.notes.saved).toBe(true);
    expect(ben.text === TEXT).toBe(true);
  });
});
