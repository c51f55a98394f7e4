import { Argument, Command } from "commander";
import { bashScript } from "../completion/bash.ts";
import { commandTree } from "../completion/command-tree.ts";
import { fishScript } from "../completion/fish.ts";
import { zshScript } from "../completion/zsh.ts";
import { writeOut } from "../output/terminal.ts";

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
const SHELLS = ["bash", "zsh", "fish"] as const;

export function completionCommand(): Command {
  return new Command("completion")
    .description("Print a script that completes this command in a shell.")
    .allowExcessArguments(false)
    .addArgument(new Argument("<shell>", "which shell it is for").choices(SHELLS))
    .addHelpText(
      "after",
      `
It completes commands, options, what options may be, files and folders; not the names
of documents. Made of the commands of this version: make it anew after an update.

Examples:
  eval "$(joinery completion bash)"              in ~/.bashrc
  source <(joinery completion zsh)               in ~/.zshrc, after compinit
  joinery completion fish > ~/.config/fish/completions/joinery.fish

Exit codes: 0 fine; 1 an error; 2 bad usage.`,
    )
    .action(async (shell: (typeof SHELLS)[number], _flags: object, command: Command) => {
      const program = command.parent ?? command;
      await writeOut(SCRIPTS[shell](commandTree(program)));
    });
}
