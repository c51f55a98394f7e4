/** The `joinery` command. One file a subcommand, each parses, calls and prints. */

import { printableLines } from "@joinery/server";
import { JoineryError } from "@joinery/shared";
import { Command, CommanderError } from "commander";
import { compactCommand } from "./commands/compact.ts";
import { completionCommand } from "./commands/completion.ts";
import { diffCommand } from "./commands/diff.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { exportCommand } from "./commands/export.ts";
import { importCommand } from "./commands/import.ts";
import { logCommand } from "./commands/log.ts";
import { lsCommand } from "./commands/ls.ts";
import { migrateCommand } from "./commands/migrate.ts";
import { repairCommand } from "./commands/repair.ts";
import { restoreCommand } from "./commands/restore.ts";
import { rmCommand } from "./commands/rm.ts";
import { serveCommand } from "./commands/serve.ts";
import { showCommand } from "./commands/show.ts";
import { statsCommand } from "./commands/stats.ts";
import { tailCommand } from "./commands/tail.ts";
import { tokenCommand } from "./commands/token.ts";
import { topCommand } from "./commands/top.ts";
import { verifyCommand } from "./commands/verify.ts";
import { BadUsage } from "./output/bad-usage.ts";
import { EXIT_CODES } from "./output/exit-codes.ts";
import { requireWritten, surviveLostOutput } from "./output/terminal.ts";
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
    .addCommand(tailCommand())
    .addCommand(topCommand())
    .addCommand(diffCommand())
    .addCommand(exportCommand())
    .addCommand(verifyCommand())
    .addCommand(importCommand())
    .addCommand(rmCommand())
    .addCommand(restoreCommand())
    .addCommand(repairCommand())
    .addCommand(compactCommand())
    .addCommand(migrateCommand())
    .addCommand(tokenCommand())
    .addCommand(doctorCommand())
    .addCommand(completionCommand());
}

/**
 * Runs the command line. Expected failures become one line on standard error and exit code 1, usage that there is not
 * becomes exit code 2; anything else is a bug and keeps its stack trace.
 *
 * @param args Arguments after the program's name.
 */
export async function run(args: readonly string[]): Promise<void> {
  surviveLostOutput();
  try {
    await parse(joineryCommand(), args);
    await requireWritten();
  } catch (error) {
    if (!(error instanceof JoineryError) && !(error instanceof BadUsage)) throw error;
    console.error(`joinery: ${printableLines(error.message)}`);
    process.exitCode = error instanceof BadUsage ? EXIT_CODES.usage : EXIT_CODES.error;
  }
}

async function parse(program: Command, args: readonly string[]): Promise<void> {
  for (const command of [program, ...program.commands]) command.exitOverride();
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // It has printed what is wrong; help and version are no errors.
    process.exitCode = error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
  }
}
