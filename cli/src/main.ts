/** The `joinery` command. One file a subcommand, each parses, calls and prints. */

import { printableLines } from "@joinery/server";
import { JoineryError } from "@joinery/shared";
import { Command, CommanderError } from "commander";
import { diffCommand } from "./commands/diff.ts";
import { exportCommand } from "./commands/export.ts";
import { logCommand } from "./commands/log.ts";
import { lsCommand } from "./commands/ls.ts";
import { migrateCommand } from "./commands/migrate.ts";
import { serveCommand } from "./commands/serve.ts";
import { showCommand } from "./commands/show.ts";
import { statsCommand } from "./commands/stats.ts";
import { tokenCommand } from "./commands/token.ts";
import { verifyCommand } from "./commands/verify.ts";
import { EXIT_CODES } from "./output/exit-codes.ts";
import { VERSION } from "./version.ts";

/** The command with all its subcommands. */
export function joineryCommand(): Command {
  return new Command("joinery")
    .description("A collaboration server for Yjs: saved means saved.")
    .version(VERSION)
    .addCommand(serveCommand())
    .addCommand(lsCommand())
    .addCommand(showCommand())
    .addCommand(statsCommand())
    .addCommand(logCommand())
    .addCommand(diffCommand())
    .addCommand(exportCommand())
    .addCommand(verifyCommand())
    .addCommand(migrateCommand())
    .addCommand(tokenCommand());
}

/**
 * Runs the command line. Expected failures become one line on standard error and exit code 1, usage that there is not
 * becomes exit code 2; anything else is a bug and keeps its stack trace.
 *
 * @param args Arguments after the program's name.
 */
export async function run(args: readonly string[]): Promise<void> {
  const program = joineryCommand();
  for (const command of [program, ...program.commands]) command.exitOverride();
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      // It has printed what is wrong; help and version are no errors.
      process.exitCode = error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
    } else if (error instanceof JoineryError) {
      console.error(`joinery: ${printableLines(error.message)}`);
      process.exitCode = EXIT_CODES.error;
    } else throw error;
  }
}
