import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Where the editor page lies: beside this file in the published package, in the examples of a clone. */
const CANDIDATES = ["./page/", "../../examples/editor/dist/"];

/** Folder of the built editor page, or `undefined` if it was not built. */
export function findPageFolder(): string | undefined {
  return CANDIDATES.map((path) => fileURLToPath(new URL(path, import.meta.url))).find((folder) =>
    existsSync(`${folder}index.html`),
  );
}
