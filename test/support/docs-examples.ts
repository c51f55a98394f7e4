/** The code in a page of `docs/`: blocks under a comment that names the file of `examples/embed` which they show. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);

/** Where the files of the examples are. */
export const EXAMPLES = fileURLToPath(new URL("examples/embed/", ROOT));

/** The server's address in the examples: that of `joinery serve` without options. */
const ADDRESS = /ws:\/\/127\.0\.0\.1:4321/g;

/** Blocks of code by the names of their files, in order. */
export function readDocsExamples(page: string): ReadonlyMap<string, string> {
  const markdown = readFileSync(new URL(`docs/${page}`, ROOT), "utf8");
  const blocks = markdown.matchAll(/^<!-- example: (\S+) -->\n```tsx?\n(.*?)^```$/gms);
  return new Map([...blocks].map(([, file = "", code = ""]) => [file, code]));
}

/** How many blocks of TypeScript a page has, with and without such a comment. */
export function countDocsBlocks(page: string): number {
  const markdown = readFileSync(new URL(`docs/${page}`, ROOT), "utf8");
  return [...markdown.matchAll(/^```tsx?$/gm)].length;
}

/** The same code, for a server elsewhere. */
export function withServer(code: string, wsUrl: string): string {
  return code.replaceAll(ADDRESS, wsUrl);
}
