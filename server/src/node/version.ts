import { readFileSync } from "node:fs";

/** Beside the sources as beside what was emitted from them, two folders up. */
const PACKAGE = new URL("../../package.json", import.meta.url);

/** The server's own version, as its package says. */
export function readVersion(): string {
  const { version } = JSON.parse(readFileSync(PACKAGE, "utf8")) as { readonly version: string };
  return version;
}
