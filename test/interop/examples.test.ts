import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../support/free-port.ts";
import { Peer } from "../support/peer.ts";
import { until, within } from "../support/until.ts";

/** Runs an example as a reader of the README would, in a folder of its own. */
function run(example: string, folder: string, port: number): ChildProcess {
  const file = fileURLToPath(new URL(`../../examples/embed/${example}`, import.meta.url));
  const env = { PATH: process.env.PATH ?? "", PORT: String(port) };
  const child = spawn(process.execPath, [file], { cwd: folder, env, stdio: ["ignore", "ignore", "inherit"] });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child;
}

test("the README's server and client do together what it says", async () => {
  const folder = await mkdtemp(join(tmpdir(), "joinery-examples-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const port = await freePort();
  const server = run("attach.ts", folder, port);
  const address = `http://127.0.0.1:${port}`;
  const answers = async () => {
    try {
      return (await (await fetch(address)).text()) === "your application";
    } catch (error) {
      if (error instanceof TypeError) return false;
      throw error;
    }
  };
  await until("the example to listen", answers);

  run("client.ts", folder, port);
  const reader = new Peer(`ws://127.0.0.1:${port}/collaboration`, "notes/today");
  onTestFinished(() => reader.leave());
  await until("the client's text to arrive", () => reader.doc.getText("content").toString() === "Hello. ");

  const exited = once(server, "exit");
  server.kill("SIGTERM");
  const [code] = await within("the example to end", exited);
  expect(code).toBe(0);
});
