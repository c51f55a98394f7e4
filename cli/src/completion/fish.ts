import {
  type CompletedCommand,
  type CompletedOption,
  type CompletedValue,
  PROGRAM_OPTIONS,
} from "./command-tree.ts";

/** A script for fish, to be sourced, or to be put into `~/.config/fish/completions/joinery.fish`. */
export function fishScript(commands: readonly CompletedCommand[]): string {
  return `# fish completion for joinery: joinery completion fish | source

complete -c joinery -e
complete -c joinery -f
${PROGRAM_OPTIONS.map((option) => optionLine("__fish_use_subcommand", option)).join("\n")}
${commands.map(commandLines).join("\n")}
`;
}

function commandLines({ name, description, options, values }: CompletedCommand): string {
  const isSeen = `__fish_seen_subcommand_from ${name}`;
  return [
    `complete -c joinery -n __fish_use_subcommand -a ${name} -d ${quoted(description)}`,
    ...options.map((option) => optionLine(isSeen, option)),
    ...values
      .filter(({ kind }) => kind !== "other")
      .map((value) => `complete -c joinery -n ${quoted(isSeen)}${actionOf(value)}`),
  ].join("\n");
}

function optionLine(
  condition: string,
  { names, description, value, isValueOptional }: CompletedOption,
): string {
  const flags = names.map((name) =>
    name.startsWith("--") ? ` -l ${name.slice(2)}` : ` -s ${name.slice(1)}`,
  );
  const taken = value === null || isValueOptional ? "" : ` -r${actionOf(value)}`;
  return `complete -c joinery -n ${quoted(condition)}${flags.join("")}${taken} -d ${quoted(description)}`;
}

function actionOf({ kind, choices }: CompletedValue): string {
  if (kind === "choice") return ` -f -a ${quoted(choices.join(" "))}`;
  if (kind === "other") return " -f";
  return kind === "folder" ? " -f -a '(__fish_complete_directories)'" : " -F";
}

function quoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, "\\$&")}'`;
}
