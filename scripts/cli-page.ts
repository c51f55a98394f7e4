/**
 * Writes docs/cli.md from the commands: their help as it prints, what they print as JSON, and how they end.
 *
 *   node scripts/cli-page.ts            writes the page
 *   node scripts/cli-page.ts --print    prints it instead
 */

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { joineryCommand } from "../cli/src/main.ts";
import { type CommandPage, pageOf } from "../cli/src/output/command-page.ts";
import { EXIT_CODE_MEANINGS } from "../cli/src/output/exit-codes.ts";

const PAGE = fileURLToPath(new URL("../docs/cli.md", import.meta.url));
const HELP_WIDTH = 110;

type Command = Awaited<ReturnType<typeof joineryCommand>>;

const INTRODUCTION = `# The command line

<!-- Made of the commands by "npm run docs:cli". -->

\`joinery serve\` runs the server; \`migrate\` and \`token\` have pages of their own ([from another server](migrate.md),
[access](access.md)); \`doctor\` looks whether all is as it has to be. The other commands read and write documents: those of
a data folder, or of a running server, with the same output.

- **A data folder** is named with \`--data\`. When a server has it open, the command finds that server by the word that it
  left there, in \`server.json\`, and goes on over HTTP by itself.
- **A server** elsewhere is named with \`--server\`; what it lets the command do, its token says.

Commands that read **never write** to a folder: LevelDB rewrites its files whenever it opens them, so they open links to its
tables and copies of its small files in the folder for temporary files, and hold the folder's lock meanwhile, so that no
server starts on it, and no other command reads it. LevelDB passes damage over without a word, so every file is checked
first, which takes as long as reading it. On a file system that is mounted to be read no lock is taken; a folder that
changes meanwhile is refused. Commands that write (\`import\`, \`rm\`, \`restore\`, \`compact\`, \`repair\`) hold the
folder as a server does. \`repair\` needs it for itself: a server keeps what it has read in memory.

- A name that begins with a dash comes after \`--\`: \`joinery log --json -- -draft\`.
- Tables are as wide as the terminal, or as \`COLUMNS\` says; long names are cut in their middle. In a pipe nothing is cut.
- What Node compiled of the program is kept in \`~/.cache/joinery\`, or in \`joinery\` in the folder that \`XDG_CACHE_HOME\` names: some
  7 MB, with which a command starts in half the time and a server's worker in a quarter. With \`NODE_DISABLE_COMPILE_CACHE=1\`
  nothing is kept.
- Colour is for terminals only; \`NO_COLOR\` turns it off.
- Times are those of this machine's zone; in JSON they are ISO 8601 in UTC. Sizes are in powers of a thousand; in JSON
  they are bytes.
- \`--json\` prints one JSON document, or one a line where there may be many. Fields are added in later versions, and never
  change their meaning or go within a major one. What is wrong is told on standard error all the same.
`;

async function page(): Promise<string> {
  const program = await joineryCommand();
  const sections = program.commands.map((command) => section(command));
  return `${INTRODUCTION}\n## How commands end\n\n${exitCodes()}\n${sections.join("\n")}`;
}

function exitCodes(): string {
  const rows = [...EXIT_CODE_MEANINGS].map(([code, meaning]) => `| ${code} | ${meaning} |\n`);
  const signal = "| 128 + n | it was ended by signal n |\n";
  return `| code | |\n| --- | --- |\n${rows.join("")}${signal}\n\`diff\` ends as diff(1) does, see there.\n`;
}

function section(command: Command): string {
  const described = pageOf(command);
  const json = described === undefined ? "" : `\n${jsonOf(described)}`;
  return `## joinery ${command.name()}\n\n\`\`\`\n${helpOf(command)}\`\`\`\n${json}`;
}

/** The help as a terminal of a fixed width shows it. */
function helpOf(command: Command): string {
  const parts: string[] = [];
  command.configureOutput({
    writeOut: (part) => void parts.push(part),
    getOutHelpWidth: () => HELP_WIDTH,
  });
  command.outputHelp();
  return parts.join("");
}

function jsonOf({ json }: CommandPage): string {
  const rows = Object.entries(json.fields).map(([field, [type, meaning]]) => {
    return `| \`${field}\` | ${type.replaceAll("|", "or")} | ${meaning.replaceAll("|", "or")} |\n`;
  });
  const what = json.isStream ? "one document a line" : "one document";
  return `With \`--json\`, ${what}:\n\n| field | type | |\n| --- | --- | --- |\n${rows.join("")}`;
}

if (process.argv.includes("--print")) process.stdout.write(await page());
else writeFileSync(PAGE, await page());
