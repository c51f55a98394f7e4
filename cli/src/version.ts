import { readFileSync } from "node:fs";

// One level above this file in a clone, beside it in the published package.
const manifest = ["../package.json", "./package.json"].map((path) => new URL(path, import.meta.url));

/** Version of the `joinery` package. */
export const VERSION: string = readVersion();

function readVersion(): string {
  for (const url of manifest) {
    try {
      const { name, version } = JSON.parse(readFileSync(url, "utf8")) as { name: string; version: string };
      if (name === "joinery") return version;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  throw new Error("the package manifest of joinery is missing");
}
