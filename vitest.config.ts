import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** Start the command, and wait for what it prints: they take no notice of what else the machine does. */
const COMMANDS = [
  "cli-*",
  "migrate",
  "token-command",
  "names",
  "refusals",
  "origins",
  "http-writes-crash",
].map((name) => `test/interop/${name}.test.ts`);

/** Servers are started hundreds of times; each would compile the same files again. */
const COMPILED = { NODE_COMPILE_CACHE: fileURLToPath(new URL(".cache/compiled", import.meta.url)) };

// Six kinds of tests, by what they may touch: `spec` and `contract` run in memory or on a temporary folder and
// wait for conditions only; `simulation` plays seeded scenarios in a world without real time; `fuzz` sends hostile
// messages to the engine in memory; `interop` starts real servers, real clients and browsers, and `commands` real processes.
export default defineConfig({
  test: {
    projects: [
      // Some do seconds of work, and take several times as long where a machine does much else.
      { test: { name: "spec", include: ["test/spec/**/*.test.ts"], testTimeout: 20_000 } },
      { test: { name: "contract", include: ["test/contract/**/*.test.ts"] } },
      { test: { name: "simulation", include: ["test/simulation/**/*.test.ts"] } },
      { test: { name: "fuzz", include: ["test/fuzz/**/*.test.ts"], testTimeout: 120_000 } },
      {
        test: {
          name: "commands",
          include: COMMANDS,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          env: COMPILED,
        },
      },
      {
        test: {
          name: "interop",
          include: ["test/interop/**/*.test.ts", "test/browser/**/*.test.ts"],
          exclude: COMMANDS,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          env: COMPILED,
          // Each file starts servers and replays minutes of typing; side by side they only take turns.
          fileParallelism: false,
        },
      },
    ],
  },
});
