import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Rolldown } from "vite";
import { expect, test } from "vitest";

const CLIENT = fileURLToPath(new URL("../../../client/", import.meta.url));
/** No such file: each page has its own code there. */
const ENTRY = "client-size";
const MAX_BYTES = 15 * 1024;

/** A page's bundle, minified and compressed, in bytes: what is loaded at once. */
async function pageBytes(page: string): Promise<number> {
  const built = await build({
    configFile: false,
    logLevel: "silent",
    root: CLIENT,
    plugins: [
      {
        name: "entry",
        resolveId: (id) => (id.endsWith(ENTRY) ? `${CLIENT}${ENTRY}.ts` : null),
        load: (id) => (id.endsWith(`${ENTRY}.ts`) ? page : null),
      },
    ],
    build: {
      write: false,
      target: "es2022",
      lib: { entry: ENTRY, formats: ["es"] },
      rolldownOptions: {
        // Loaded later: by clients that keep documents, and when somebody chooses about a refused one.
        external: [/kept-documents/, /level-store/, /choice/],
        output: { minify: true },
      },
    },
  });
  const { output } = (Array.isArray(built) ? built[0] : built) as Rolldown.RolldownOutput;
  expect(output).toHaveLength(1);
  return gzipSync(output[0].code, { level: 9 }).length;
}

test("the client adds at most 15 KiB to a page that has Yjs, compressed", async () => {
  const yjs = 'export * as Y from "yjs";';
  const withClient = await pageBytes(`${yjs} export { JoineryClient } from "./src/index.ts";`);
  expect(withClient - (await pageBytes(yjs))).toBeLessThanOrEqual(MAX_BYTES);
});
