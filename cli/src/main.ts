/** The `joinery` command: one file a subcommand, each parses, calls and prints. */

import { JoineryError } from "@joinery/shared";
import { Command } from "commander";
import { migrateCommand } from "./commands/migrate.ts";
import { serveCommand } from "./commands/serve.ts";
import { tokenCommand } from "./commands/token.ts";
import { VERSION } from "./version.ts";

/**
 * Runs the command line. Expected failures become one line on standard error and exit code 1; anything else is a
 * bug and keeps its stack trace.
 *
 * @param args Arguments after the program's name.
 */
export async function run(args: readonly string[]): Promise<void> {
  const program = new Command("joinery")
    .description("A collaboration server for Yjs: saved means saved.")
    .version(VERSION)
    .addCommand(serveCommand())
    .addCommand(migrateCommand())
    .addCommand(tokenCommand());
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof JoineryError)) throw error;
    console.error(`joinery: ${error.message}`);
    process.exitCode = 1;
  }
}
