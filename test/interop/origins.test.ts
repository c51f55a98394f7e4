import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { runCommand } from "../support/server-process.ts";
import { within } from "../support/until.ts";
import { openStage, type Stage } from "./stage.ts";

test("F87 pages of the origins that flags name may connect; flags win over the environment", async () => {
  const stage = await openStage({
    args: ["--origin", "https://a.example", "--origin", "null"],
    env: { JOINERY_ORIGINS: "https://c.example" },
  });
  for (const origin of ["https://a.example", "null", "http://localhost:5173", undefined]) {
    expect(await isServed(stage, { origin }), origin).toBe(true);
  }
  for (const origin of ["https://b.example", "https://c.example"]) {
    expect(await isServed(stage, { origin }), origin).toBe(false);
  }
});

test("F87 pages of the origins that the environment names may connect, and the limits of one address are the client's", async () => {
  const stage = await openStage({
    args: ["--trust-proxy", "1"],
    env: { JOINERY_ORIGINS: "https://a.example https://b.example" },
  });
  for (const [origin, expected] of [
    ["https://b.example", true],
    ["https://c.example", false],
  ] as const) {
    expect(await isServed(stage, { origin, headers: { "X-Forwarded-For": "192.0.2.1" } })).toBe(expected);
  }
});

test.each([
  [["--origin", "a.example"], "origins"],
  [["--trust-proxy", "yes"], "--trust-proxy"],
  [["--trust-proxy", "50"], "trustProxy"],
])("%j is refused", async (args, named) => {
  const exit = await runCommand(["serve", "--port", "0", ...args]);
  expect(exit.code).toBe(1);
  expect(exit.stderr).toContain(named);
});

/** Whether the server sends something; otherwise it closes with 4403. */
async function isServed(
  stage: Stage,
  { origin, headers = {} }: { origin: string | undefined; headers?: Record<string, string> },
): Promise<boolean> {
  const socket = new WebSocket(`${stage.server.wsUrl}/notes`, {
    headers: { ...headers, ...(origin !== undefined && { Origin: origin }) },
  });
  onTestFinished(() => socket.terminate());
  // It asks who is here, as y-websocket does: the first message tells which dialect it is.
  socket.once("open", () => socket.send(Uint8Array.of(3)));
  const served = once(socket, "message").then(() => true);
  const closed = once(socket, "close").then(([code]) => {
    expect(code).toBe(4403);
    return false;
  });
  return await within("an answer", Promise.race([served, closed]));
}
