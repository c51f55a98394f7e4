import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** Measure, or count on seconds: side by side with others they would only take turns. */
const ALONE = [
  "test/browser/**/*.test.ts",
  ...["docs-*", "floods", "metrics", "presence*", "slow-*"].map((name) => `test/interop/${name}.test.ts`),
];

/** Servers are started hundreds of times; each would compile the same files again. */
const COMPILED = { NODE_COMPILE_CACHE: fileURLToPath(new URL(".cache/compiled", import.meta.url)) };

// Five kinds of tests, by what they may touch: `spec` and `contract` run in memory or on a temporary folder and
// wait for conditions only; `simulation` plays seeded scenarios in a world without real time; `fuzz` sends hostile
// messages to the engine in memory; `interop` and `browser` start real servers and real clients, some of them `alone`.
export default defineConfig({
  test: {
    // By itself the runner leaves a core to others: of two, that would be half of all.
    maxWorkers: "100%",
    projects: [
      // Some do seconds of work, and take several times as long where a machine does much else.
      { test: { name: "spec", include: ["test/spec/**/*.test.ts"], testTimeout: 20_000 } },
      { test: { name: "contract", include: ["test/contract/**/*.test.ts"] } },
      { test: { name: "simulation", include: ["test/simulation/**/*.test.ts"] } },
      { test: { name: "fuzz", include: ["test/fuzz/**/*.test.ts"], testTimeout: 120_000 } },
      {
        test: {
          name: "interop",
          include: ["test/interop/**/*.test.ts"],
          exclude: ALONE,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          env: COMPILED,
        },
      },
      {
        test: {
          name: "alone",
          include: ALONE,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          env: COMPILED,
          fileParallelism: false,
        },
      },
    ],
  },
});
