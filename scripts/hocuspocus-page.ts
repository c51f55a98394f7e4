/**
 * Writes the table of hooks in docs/hocuspocus.md from the table in code, which the tests go through.
 *
 *   node scripts/hocuspocus-page.ts            writes the page
 *   node scripts/hocuspocus-page.ts --print    prints it instead
 */

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { HOOKS, type HookName } from "../server/src/extensions/hocuspocus/hooks.ts";

const PAGE = fileURLToPath(new URL("../docs/hocuspocus.md", import.meta.url));

const BEGIN =
  '<!-- hooks: made of server/src/extensions/hocuspocus/hooks.ts by "npm run docs:hocuspocus" -->\n';
const END = "<!-- end of hooks -->\n";

const FATES: { readonly [fate in (typeof HOOKS)[HookName]["onThrow"]]: string } = {
  refuses: "the client is refused",
  vetoes: "a veto",
  told: "reported",
  retried: "called again",
  answers: "it has answered",
  stops: "the server does not start",
};

/** The page with its table of hooks made anew. @throws Error if it has no place for it. */
function page(): string {
  const text = readFileSync(PAGE, "utf8");
  const [before, rest] = splitOnce(text, BEGIN);
  const [, after] = splitOnce(rest, END);
  return `${before}${BEGIN}\n${table()}\n${END}${after}`;
}

function table(): string {
  const rows = (Object.keys(HOOKS) as HookName[]).map((name) => {
    const { when, payload, onThrow, difference } = HOOKS[name];
    const fields = Object.keys(payload).map((field) => `\`${field}\``);
    return `| \`${name}\` | ${when} | ${fields.join(", ")} | ${FATES[onThrow]} | ${difference} |\n`;
  });
  return `| hook | when | payload | when it throws | difference |\n| --- | --- | --- | --- | --- |\n${rows.join("")}`;
}

function splitOnce(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  if (at === -1) throw new Error(`docs/hocuspocus.md has no line ${mark.trim()}`);
  return [text.slice(0, at), text.slice(at + mark.length)];
}

if (process.argv.includes("--print")) process.stdout.write(page());
else writeFileSync(PAGE, page());
