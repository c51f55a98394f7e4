/** The `joinery` command. One file a subcommand, each parses, calls and prints. */

import { printableLines } from "@joinery/server";
import { JoineryError } from "@joinery/shared";
import { Command, CommanderError } from "commander";
import { BadUsage } from "./output/bad-usage.ts";
import { EXIT_CODES } from "./output/exit-codes.ts";
import { requireWritten, surviveLostOutput } from "./output/terminal.ts";
import { VERSION } from "./version.ts";

/** A command's modules are read when it is needed: together they are a tenth of a server's start. */
const COMMANDS = {
  serve: async () => (await import("./commands/serve.ts")).serveCommand(),
  ls: async () => (await import("./commands/ls.ts")).lsCommand(),
  show: async () => (await import("./commands/show.ts")).showCommand(),
  stats: async () => (await import("./commands/stats.ts")).statsCommand(),
  log: async () => (await import("./commands/log.ts")).logCommand(),
  tail: async () => (await import("./commands/tail.ts")).tailCommand(),
  top: async () => (await import("./commands/top.ts")).topCommand(),
  diff: async () => (await import("./commands/diff.ts")).diffCommand(),
  export: async () => (await import("./commands/export.ts")).exportCommand(),
  verify: async () => (await import("./commands/verify.ts")).verifyCommand(),
  import: async () => (await import("./commands/import.ts")).importCommand(),
  rm: async () => (await import("./commands/rm.ts")).rmCommand(),
  restore: async () => (await import("./commands/restore.ts")).restoreCommand(),
  repair: async () => (await import("./commands/repair.ts")).repairCommand(),
  compact: async () => (await import("./commands/compact.ts")).compactCommand(),
  migrate: async () => (await import("./commands/migrate.ts")).migrateCommand(),
  token: async () => (await import("./commands/token.ts")).tokenCommand(),
  doctor: async () => (await import("./commands/doctor.ts")).doctorCommand(),
  completion: async () => (await import("./commands/completion.ts")).completionCommand(),
} as const satisfies Record<string, () => Promise<Command>>;

type CommandName = keyof typeof COMMANDS;

const ALL = Object.keys(COMMANDS) as CommandName[];

/** The command with all its subcommands, or with some. */
export async function joineryCommand(names: readonly CommandName[] = ALL): Promise<Command> {
  const commands = await Promise.all(names.map((name) => COMMANDS[name]()));
  const program = new Command("joinery")
    .description("A collaboration server for Yjs: saved means saved.")
    .version(VERSION);
  for (const command of commands) program.addCommand(command);
  return program;
}

/** Which subcommands it takes to understand what was typed. */
function neededFor([first]: readonly string[]): readonly CommandName[] {
  // The script that completes commands has all of them; and what is none of them is answered with those that there are.
  if (first === "completion") return ALL;
  const named = ALL.filter((name) => name === first);
  return named.length > 0 ? named : ALL;
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
    await parse(await joineryCommand(neededFor(args)), args);
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
