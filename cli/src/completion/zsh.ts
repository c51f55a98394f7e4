import {
  type CompletedCommand,
  type CompletedOption,
  type CompletedValue,
  PROGRAM_OPTIONS,
} from "./command-tree.ts";

/** A script for zsh, to be sourced, or to be put into a folder of `fpath` as `_joinery`. */
export function zshScript(commands: readonly CompletedCommand[]): string {
  return `#compdef joinery
# zsh completion for joinery: source <(joinery completion zsh)

_joinery() {
  local curcontext="$curcontext" state line
  local -a commands
  commands=(
${commands.map(({ name, description }) => `    ${quoted(`${name}:${description}`)}`).join("\n")}
  )
  _arguments -C \\
${PROGRAM_OPTIONS.flatMap(optionSpecs)
  .map((spec) => `    ${spec} \\`)
  .join("\n")}
    '1: :->command' \\
    '*:: :->argument'
  case $state in
    command) _describe -t commands 'joinery command' commands ;;
    argument)
      case $words[1] in
${commands.map(caseOf).join("\n")}
      esac
      ;;
  esac
}

if [[ $funcstack[1] == _joinery ]]; then
  _joinery "$@"
else
  compdef _joinery joinery
fi
`;
}

function caseOf({ name, options, values, isLastRepeated }: CompletedCommand): string {
  const specs = [
    ...options.flatMap(optionSpecs),
    ...values.map((value, i) => {
      const place = isLastRepeated && i === values.length - 1 ? "*" : String(i + 1);
      return quoted(`${place}:${value.name}:${actionOf(value)}`);
    }),
  ];
  return `        ${name})\n          _arguments -s -S ${specs.map((spec) => `\\\n            ${spec}`).join(" ")}\n          ;;`;
}

/** Each may be given again: some are repeatable, and of the others the last one counts. */
function optionSpecs({ names, description, value, isValueOptional }: CompletedOption): string[] {
  const said = description.replaceAll(/[[\]\\]/g, "\\$&");
  const taken =
    value === null
      ? ""
      : `${isValueOptional ? "::" : ":"}${value.name.replaceAll(":", "\\:")}:${actionOf(value)}`;
  return names.map((name) =>
    quoted(`*${name}${value !== null && name.startsWith("--") ? "=" : ""}[${said}]${taken}`),
  );
}

function actionOf({ kind, choices }: CompletedValue): string {
  if (kind === "choice") return `(${choices.join(" ")})`;
  if (kind === "other") return " ";
  return kind === "folder" ? "_files -/" : "_files";
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
