import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// Five kinds of tests, by what they may touch: `spec` and `contract` run in memory or on a temporary folder and
// wait for conditions only; `simulation` plays seeded scenarios in a world without real time; `fuzz` sends hostile
// messages to the engine in memory; `interop` and `browser` start real servers and real clients.
export default defineConfig({
  test: {
    projects: [
      { test: { name: "spec", include: ["test/spec/**/*.test.ts"] } },
      { test: { name: "contract", include: ["test/contract/**/*.test.ts"] } },
      { test: { name: "simulation", include: ["test/simulation/**/*.test.ts"] } },
      { test: { name: "fuzz", include: ["test/fuzz/**/*.test.ts"], testTimeout: 120_000 } },
      {
        test: {
          name: "interop",
          include: ["test/interop/**/*.test.ts", "test/browser/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          // Servers are started hundreds of times; each would compile the same files again.
          env: { NODE_COMPILE_CACHE: fileURLToPath(new URL(".cache/compiled", import.meta.url)) },
          // Each file starts servers and waits for them: two use what the other leaves, more only take turns.
          maxWorkers: 2,
        },
      },
    ],
  },
});
