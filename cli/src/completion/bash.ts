import { type CompletedCommand, type CompletedValue, PROGRAM_OPTIONS } from "./command-tree.ts";

/** A script for bash 3.2 and newer, to be sourced. */
export function bashScript(commands: readonly CompletedCommand[]): string {
  const names = [...commands.map(({ name }) => name), ...PROGRAM_OPTIONS.flatMap((option) => option.names)];
  return `# bash completion for joinery: eval "$(joinery completion bash)"

_joinery() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" i
  # "--sort=name" is three words here.
  if [[ $current == "=" ]]; then
    current=""
  elif [[ $previous == "=" ]]; then
    previous="\${COMP_WORDS[COMP_CWORD-2]}"
  fi
  COMPREPLY=()
  if (( COMP_CWORD == 1 )); then
    _joinery_words "${names.join(" ")}"
    return
  fi
  local command="\${COMP_WORDS[1]}" isOption=1 count=0
  for (( i = 2; i < COMP_CWORD; i++ )); do
    if [[ \${COMP_WORDS[i]} == "--" ]]; then
      isOption=0
    elif (( isOption )) && [[ \${COMP_WORDS[i]} == -* ]]; then
      if _joinery_takes "$command \${COMP_WORDS[i]}"; then
        [[ \${COMP_WORDS[i+1]} == "=" ]] && (( i++ ))
        (( i++ ))
      fi
    else
      (( count++ ))
    fi
  done
  if (( isOption )) && _joinery_value "$command $previous"; then
    return
  fi
  if (( isOption )) && [[ $current == -* ]]; then
    case $command in
${commands.map(optionLine).join("\n")}
    esac
    return
  fi
  case "$command $count" in
${commands.flatMap(argumentLines).join("\n")}
  esac
}

_joinery_words() {
  local IFS=$' \\t\\n'
  COMPREPLY=( $(compgen -W "$1" -- "$current") )
}

_joinery_paths() {
  local IFS=$'\\n'
  COMPREPLY=( $(compgen "$1" -- "$current") )
  compopt -o filenames 2>/dev/null
}

# Completes the value of an option; fails where that takes none.
_joinery_value() {
  case "$1" in
${commands.flatMap(valueLines).join("\n")}
    *) return 1 ;;
  esac
}

# Whether an option takes a value.
_joinery_takes() {
  case "$1" in
    ${takers(commands).join("|") || "''"}) return 0 ;;
  esac
  return 1
}

complete -F _joinery joinery
`;
}

function optionLine({ name, options }: CompletedCommand): string {
  return `      ${name}) _joinery_words "${options.flatMap(({ names }) => names).join(" ")}" ;;`;
}

function argumentLines({ name, values, isLastRepeated }: CompletedCommand): string[] {
  return values.flatMap((value, i) => {
    if (value.kind === "other") return [];
    const places = isLastRepeated && i === values.length - 1 ? `"${name} "*` : `"${name} ${i}"`;
    return [`    ${places}) ${completionOf(value)} ;;`];
  });
}

/** An optional value is not waited for: what comes next may be something else. */
function valueLines({ name, options }: CompletedCommand): string[] {
  return options.flatMap(({ names, value, isValueOptional }) => {
    if (value === null || isValueOptional) return [];
    return [`    ${names.map((option) => `"${name} ${option}"`).join("|")}) ${completionOf(value)} ;;`];
  });
}

function takers(commands: readonly CompletedCommand[]): string[] {
  return commands.flatMap(({ name, options }) => {
    const taking = options.filter(({ value, isValueOptional }) => value !== null && !isValueOptional);
    return taking.flatMap(({ names }) => names.map((option) => `"${name} ${option}"`));
  });
}

function completionOf({ kind, choices }: CompletedValue): string {
  if (kind === "choice") return `_joinery_words "${choices.join(" ")}"`;
  if (kind === "other") return "return 0";
  return `_joinery_paths ${kind === "folder" ? "-d" : "-f"}`;
}
