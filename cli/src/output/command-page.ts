/** What is said of a command beside its options: behind its `--help`, and on the page of all commands. */

import type { Command } from "commander";
import { EXIT_CODE_MEANINGS, EXIT_CODES } from "./exit-codes.ts";

/** A field of what a command prints with `--json`: its type, and what it is. */
export type JsonField = readonly [type: string, meaning: string];

export interface CommandPage {
  readonly description: string;
  /** Further sentences, in lines. */
  readonly more?: string;
  /** Each with what it does. At least one. */
  readonly examples: readonly (readonly [command: string, meaning: string])[];
  readonly json: {
    /** Whether it prints one document a line, as many as there are. */
    readonly isStream: boolean;
    /** By their paths: `roots[].bytes`. */
    readonly fields: Readonly<Record<string, JsonField>>;
  };
  /** What 0, 1 and 2 are, where that is not as of the others. */
  readonly exits?: string;
  /** Which exit codes it has, besides 0, 1 and 2. */
  readonly exitCodes: readonly (keyof typeof EXIT_CODES)[];
}

const PAGES = new WeakMap<Command, CommandPage>();

/** Puts a page's text behind the help of a command, and notes the page for {@link pageOf}. */
export function describeCommand(command: Command, page: CommandPage): Command {
  PAGES.set(command, page);
  const width = Math.max(...page.examples.map(([line]) => line.length));
  const examples = page.examples.map(([line, meaning]) => `  ${line.padEnd(width)}   ${meaning}`);
  const codes = page.exitCodes.map(
    (name) => `; ${EXIT_CODES[name]} ${EXIT_CODE_MEANINGS.get(EXIT_CODES[name])}`,
  );
  const more = page.more === undefined ? "" : `\n${page.more}\n`;
  const ending = `Exit codes: ${page.exits ?? "0 fine; 1 an error; 2 bad usage"}${codes.join("")}.`;
  return command.addHelpText("after", `${more}\nExamples:\n${examples.join("\n")}\n\n${ending}`);
}

/** The page of a command, if it has one. */
export function pageOf(command: Command): CommandPage | undefined {
  return PAGES.get(command);
}
