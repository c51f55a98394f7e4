/** What can follow what on the command line, read off the commands themselves. */

import type { Command, Option } from "commander";

/** What a value is, as far as a shell can complete it. */
type ValueKind = "file" | "folder" | "choice" | "other";

export interface CompletedValue {
  readonly name: string;
  readonly kind: ValueKind;
  /** Empty unless it is a choice. */
  readonly choices: readonly string[];
}

export interface CompletedOption {
  /** `--json`, `-h`; at least one. */
  readonly names: readonly string[];
  /** In one line. */
  readonly description: string;
  /** `null` for one that takes none. */
  readonly value: CompletedValue | null;
  readonly isValueOptional: boolean;
}

export interface CompletedCommand {
  readonly name: string;
  readonly description: string;
  readonly options: readonly CompletedOption[];
  readonly values: readonly CompletedValue[];
  /** Whether the last value may be given again and again. */
  readonly isLastRepeated: boolean;
}

/** The commands of a program, and the one that shows their help. */
export function commandTree(program: Command): CompletedCommand[] {
  const commands = program.commands.map(completed);
  const names = commands.map(({ name }) => name);
  const help: CompletedCommand = {
    name: "help",
    description: "Show the help of a command.",
    options: [],
    values: [{ name: "command", kind: "choice", choices: names }],
    isLastRepeated: false,
  };
  return [...commands, help];
}

/** What commander knows of a command, and its types leave out. */
interface Insides {
  readonly options: readonly Option[];
  readonly _args: readonly ArgumentInsides[];
}

interface ArgumentInsides {
  readonly variadic: boolean;
  readonly argChoices?: readonly string[];
  name(): string;
}

const HELP: CompletedOption = {
  names: ["--help", "-h"],
  description: "show its help",
  value: null,
  isValueOptional: false,
};

/** The options of the program itself. */
export const PROGRAM_OPTIONS: readonly CompletedOption[] = [
  HELP,
  { names: ["--version", "-V"], description: "show the version", value: null, isValueOptional: false },
];

function completed(command: Command): CompletedCommand {
  // reason: its own help is made of these.
  const { options, _args } = command as unknown as Insides;
  return {
    name: command.name(),
    description: oneLine(command.description()),
    options: [...options.filter(({ hidden }) => !hidden).map(completedOption), HELP],
    values: _args.map((argument) => completedValue(argument.name(), argument.argChoices)),
    isLastRepeated: _args.at(-1)?.variadic === true,
  };
}

function completedOption(option: Option): CompletedOption {
  const { long, short, flags, description, required, optional, argChoices } = option;
  const [, placeholder = ""] = /[<[](.+?)(?:\.\.\.)?[>\]]/.exec(flags) ?? [];
  return {
    names: [long, short].filter((name) => name != null),
    description: oneLine(description),
    value: required || optional ? completedValue(placeholder, argChoices) : null,
    isValueOptional: optional,
  };
}

function completedValue(name: string, choices: readonly string[] | undefined): CompletedValue {
  if (choices) return { name, kind: "choice", choices };
  // As placeholders are called in all commands.
  if (name === "file") return { name, kind: "file", choices: [] };
  return { name, kind: name === "folder" ? "folder" : "other", choices: [] };
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}
