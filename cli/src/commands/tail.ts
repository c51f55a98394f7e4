import { type DocumentName, JoineryError } from "@joinery/shared";
import type { Command } from "commander";
import { BadUsage } from "../output/bad-usage.ts";
import { pc } from "../output/colours.ts";
import type { CommandPage } from "../output/command-page.ts";
import { EXIT_CODES } from "../output/exit-codes.ts";
import { JsonPrinter, LinePrinter, type LivePrinter } from "../output/live-printers.ts";
import { counted } from "../output/quantities.ts";
import {
  leavingOnSignals,
  parseName,
  parseWhole,
  type ReadingFlags,
  readingCommand,
  tellServer,
} from "../output/reading-command.ts";
import { printable, quotedName } from "../output/text.ts";
import type { Lost } from "../remote/coming-back.ts";
import { type FollowEvent, type FollowOptions, follow } from "../remote/follow.ts";
import { type DocumentEvent, followAll } from "../remote/follow-all.ts";
import { batchesSince } from "../remote/logged-batches.ts";
import { connectTo, findPlace, type ServerPlace } from "../remote/place.ts";

const PAGE: CommandPage = {
  description:
    "Follow a document of a running server, or all that are open: who writes what, who comes and goes.",
  more: `It tells what is on disk, batch by batch, until Ctrl+C. INS and DEL count characters and values; where whoever asks may
read the history, the text that was typed is shown too. When the server is gone, it comes back to it by itself, and goes
on where it was. It ends when the document is deleted (4), or when it may not be read any more (1).

Without a document it asks every second which are open and have something new, which takes the right to manage all; then
it tells of no presence and no signals.`,
  examples: [
    ["joinery tail notes/plan", "of the server that has ./data open"],
    ["joinery tail", "all documents that are open"],
    ["joinery tail notes/plan --server https://docs.example --token-file token", "of another one"],
    [
      "joinery tail notes/plan --since 1200 --json",
      "what came after batch 1200, and then what comes, as JSON",
    ],
  ],
  json: {
    isStream: true,
    fields: {
      event: [
        "string",
        "what it is: start, batch, gap, joined, changed, left, signal, missed or reset; of all documents: start, batch, gap, opened or closed",
      ],
      document: ["string", "its name; absent in the start of all documents"],
      documents: ["number", "start of all documents: how many are open"],
      lineage: ["string", "start: which life of the name it is"],
      seq: ["number", "start, batch: position in the log; of start, the last batch so far"],
      time: ["string or null", "batch: when it was written, ISO 8601"],
      bytes: ["number", "batch: of its updates"],
      "parts[].author": ["string", "batch: who made it; empty for nobody in particular"],
      "parts[].bytes": ["number", "batch: of this author's update"],
      "parts[].clients[]": ["number", "batch: the Yjs clients whose edits it has"],
      "parts[].structs": ["number", "batch: Yjs structs in it"],
      "parts[].inserted": ["number", "batch: characters and values that it inserted"],
      "parts[].deleted": ["number", "batch: characters and values that it deleted"],
      "parts[].text": ["string", "batch, with --updates: the text that it inserted, its beginning"],
      "parts[].update": ["string", "batch, with --updates: the Yjs update, base64"],
      from: ["number", "gap: the first batch that is not told, because a snapshot stands for it"],
      to: ["number", "gap: the last one"],
      clientId: ["number", "joined, changed, left: the Yjs client"],
      user: ["string", "joined, changed, left, signal: verified user; empty for nobody in particular"],
      state: ["any", "joined, changed: what it announces of itself"],
      name: ["string", "signal: its name"],
      session: ["number", "signal: who sent it; 0 for the server"],
      payload: ["any", "signal: what it says"],
      signals: ["number", "missed: how many signals were dropped, because this reads too slowly"],
      reason: ["string", "reset: why it could not go on where it was"],
    },
  },
  exitCodes: ["noDocument"],
};

interface TailFlags extends ReadingFlags {
  readonly since?: number;
  readonly updates?: true;
}

export function tailCommand(): Command {
  return readingCommand("tail", PAGE)
    .argument("[document]", "name of the document (default: all documents)", parseName)
    .option("--since <seq>", "begin with what came after this batch", parseWhole(0))
    .option("--updates", "with --json: the updates too")
    .action((document: DocumentName | undefined, flags: TailFlags) =>
      leavingOnSignals(() => tail(document, flags)),
    );
}

async function tail(document: DocumentName | undefined, flags: TailFlags): Promise<void> {
  if (flags.updates && !flags.json) throw new BadUsage("--updates is for --json");
  if (document === undefined && flags.since !== undefined) throw new BadUsage("--since is for one document");
  const place = await findPlace(flags);
  if (place.kind === "folder") throw nobodyToFollow(place.folder);
  const { connection, folder } = place;
  if (folder !== null) tellServer(connection.url, folder);
  const printer = flags.json ? new JsonPrinter() : new LinePrinter(connection.url, document === undefined);
  await (document === undefined ? tailAll(place, printer, flags) : tailOne(document, place, printer, flags));
}

async function tailOne(
  ...[document, place, printer, flags]: [DocumentName, ServerPlace, LivePrinter, TailFlags]
): Promise<void> {
  for await (const event of eventsOf(place, document, flags)) {
    if (event.kind === "lost") tellLost(event);
    else if (event.kind === "end") tellEnd(event, document);
    else if (!(await printer.print(document, event))) return;
  }
}

async function tailAll(
  place: ServerPlace,
  printer: LivePrinter,
  { json, updates }: TailFlags,
): Promise<void> {
  const hasUpdates = !json || updates === true;
  for await (const event of followAll({ connect: connectTo(place), hasUpdates })) {
    if (event.kind === "lost") tellLost(event);
    else if (!(await (event.kind === "here" ? printer.begin(event.documents) : told(printer, event)))) return;
  }
}

async function told(printer: LivePrinter, { document, event }: DocumentEvent): Promise<boolean> {
  return event.kind === "end" || printer.print(document, event);
}

/** As {@link follow}; with what came before, and with what was typed where that may be read. */
async function* eventsOf(
  place: ServerPlace,
  document: DocumentName,
  { json, updates, since }: TailFlags,
): AsyncGenerator<FollowEvent> {
  const follower: Follower = { connect: connectTo(place), document };
  // A program that wants them says so.
  if (json && !updates) {
    yield* eventsSince({ ...follower, hasUpdates: false }, since);
    return;
  }
  let isBegun = false;
  try {
    for await (const event of eventsSince({ ...follower, hasUpdates: true }, since)) {
      isBegun = true;
      yield event;
    }
  } catch (error) {
    const isDenied = error instanceof JoineryError && error.code === "PERMISSION_DENIED";
    if (isBegun || updates || !isDenied) throw error;
    yield* eventsSince({ ...follower, hasUpdates: false }, since);
  }
}

type Follower = Omit<FollowOptions, "hasUpdates">;

async function* eventsSince(options: FollowOptions, since: number | undefined): AsyncGenerator<FollowEvent> {
  const { document, hasUpdates } = options;
  let isBegun = false;
  for await (const event of follow(options)) {
    yield event;
    if (event.kind !== "hello" || isBegun) continue;
    isBegun = true;
    if (since === undefined) continue;
    yield* batchesSince(await options.connect(), { document, after: since, last: event.seq, hasUpdates });
  }
}

function tellLost({ error, waitMs }: Lost): void {
  const seconds = Math.max(1, Math.round(waitMs / 1000));
  console.error(pc.dim(`${printable(error.message)}: trying again in ${counted(seconds, "second")}`));
}

function tellEnd({ code, message }: Extract<FollowEvent, { kind: "end" }>, document: DocumentName): void {
  if (code !== "DOCUMENT_DELETED") throw new JoineryError(code, message);
  process.exitCode = EXIT_CODES.noDocument;
  console.error(`joinery: the document ${quotedName(document)} was deleted`);
}

function nobodyToFollow(folder: string): JoineryError {
  return invalid(
    `there is nobody to follow: no server has the data folder ${printable(folder)} open ("joinery log" reads what is in it)`,
  );
}

function invalid(message: string): JoineryError {
  return new JoineryError("INVALID_OPTION", message);
}
