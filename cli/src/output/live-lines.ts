/** What happens to a document, in lines for people. */

import { insertedText } from "@joinery/server";
import { JoineryError } from "@joinery/shared";
import type { OpenedOrClosed } from "../remote/follow-all.ts";
import type { LiveBatch, LiveEvent, LivePart, LivePerson } from "../remote/live-event.ts";
import { People } from "../remote/people.ts";
import { pc } from "./colours.ts";
import { count, counted, localTime, size } from "./quantities.ts";
import { type Column, Table } from "./table.ts";
import { cutMiddle, printable, shownName } from "./text.ts";

/** Of what was typed; a terminal shows less. */
const MAX_TEXT_LENGTH = 200;
/** Larger ones are pasted, or imported: nobody would recognise them by their first words. */
const MAX_READ_BYTES = 1_000_000;
/** Of people who are told in one line. */
const MAX_NAMES = 10;
const MAX_SIGNAL_LENGTH = 100;

/** Below this the size is left out, and then the numbers. */
const NARROW = 70;
const VERY_NARROW = 50;

const AMOUNT_WIDTH = 8;

const COLUMNS: readonly Column[] = [
  { title: "TIME", width: 8, align: "left" },
  { title: "BATCH", width: 7, align: "right" },
  { title: "SIZE", width: 7, align: "right", minTableWidth: NARROW },
  { title: "INS", width: AMOUNT_WIDTH, align: "right", minTableWidth: VERY_NARROW },
  { title: "DEL", width: AMOUNT_WIDTH, align: "right", minTableWidth: VERY_NARROW },
];

/** What has lines. */
export type Told = Exclude<LiveEvent, { kind: "hello" | "end" }> | OpenedOrClosed;

/** Of the terminal's columns, for the names of documents: a quarter, within bounds. */
const NAME_SHARE = 4;
const MIN_NAME_WIDTH = 12;
const MAX_NAME_WIDTH = 40;

/** The lines of one document, or of several, which are named then. */
export class LiveLines {
  readonly #table: Table;
  /** 0 where there is one. */
  readonly #nameWidth: number;
  readonly #isEndless: boolean;
  readonly #people = new People();
  #isBegun = false;

  constructor(width: number, hasNames = false) {
    const share = Math.max(MIN_NAME_WIDTH, Math.min(MAX_NAME_WIDTH, Math.floor(width / NAME_SHARE)));
    this.#nameWidth = hasNames ? share : 0;
    this.#isEndless = width === Number.POSITIVE_INFINITY;
    const names: Column[] = hasNames ? [{ title: "DOCUMENT", width: share, align: "left" }] : [];
    this.#table = new Table([...COLUMNS, ...names], "AUTHOR", width);
  }

  head(): string {
    return this.#table.head();
  }

  /**
   * @param document Of several, which one it is.
   * @param nowMs For what has no time of its own.
   */
  linesOf(event: Told, nowMs: number, document = ""): readonly string[] {
    const name = this.#nameWidth === 0 ? "" : this.#nameOf(document);
    const note = (text: string) =>
      pc.dim([clock(nowMs), name, text].filter((part) => part !== "").join("  "));
    switch (event.kind) {
      case "batch":
        return this.#rowsOf(event, name);
      case "opened":
      case "closed":
        return [note(event.kind)];
      case "gap":
        return [
          note(
            `batches ${count(event.from)} to ${count(event.to)} are in a snapshot now: they are not told one by one`,
          ),
        ];
      case "presence":
        return this.#presence(event).map(note);
      case "signal":
        return [note(signalText(event))];
      case "missed":
        return [note(`${counted(event.signals, "signal")} were dropped: this reads too slowly`)];
      case "reset":
        return [
          note(
            `it is another document than before (${printable(event.reason)}): from here on it is that one`,
          ),
        ];
    }
  }

  #nameOf(document: string): string {
    const name = shownName(document);
    return this.#isEndless ? name : cutMiddle(name, this.#nameWidth);
  }

  #rowsOf({ seq, time, parts }: LiveBatch, name: string): string[] {
    return parts.map((part, i) => {
      const first = i === 0 ? [clock(time), count(seq)] : ["", ""];
      const cells = [...first, size(part.bytes), amount("+", part.inserted), amount("−", part.deleted), name];
      return this.#table.row(cells, whatOf(part));
    });
  }

  #presence(event: Extract<LiveEvent, { kind: "presence" }>): string[] {
    const { joined, left } = this.#people.take(event);
    const lines: string[] = [];
    if (left.length > 0) lines.push(`← ${together(left)} left`);
    if (joined.length > 0) {
      const mark = this.#isBegun ? "→" : "●";
      lines.push(`${mark} ${together(joined)} ${joined.length === 1 ? "is" : "are"} here`);
    }
    this.#isBegun = true;
    return lines;
  }
}

/** The text that a part of a batch inserted, shortened; empty where there is none, or it was not sent. */
export function typedText({ update, problem }: LivePart): string {
  if (update === null || problem !== null || update.length > MAX_READ_BYTES) return "";
  try {
    const text = insertedText(update, MAX_TEXT_LENGTH + 1);
    return text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH)}…` : text;
  } catch (error) {
    if (error instanceof JoineryError) return "";
    throw error;
  }
}

function whatOf(part: LivePart): string {
  const author = part.author === "" ? "-" : printable(part.author);
  if (part.problem !== null) return `${author}  does not decode: ${printable(part.problem)}`;
  const text = typedText(part);
  return text === "" ? author : `${author}  ${printable(JSON.stringify(text))}`;
}

function amount(sign: string, ticks: number): string {
  if (ticks === 0) return "";
  const text = sign + count(ticks);
  return text.length <= AMOUNT_WIDTH ? text : sign + COMPACT.format(ticks);
}

/** `1.2M`. */
const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

function clock(timeMs: number): string {
  return localTime(timeMs).split(" ")[1] ?? "unknown";
}

function signalText({ name, user, session, payload }: Extract<LiveEvent, { kind: "signal" }>): string {
  const whose = user !== "" ? user : session === 0 ? "the server" : `session ${session}`;
  const text = JSON.stringify(payload) ?? "";
  const shown = text.length > MAX_SIGNAL_LENGTH ? `${text.slice(0, MAX_SIGNAL_LENGTH)}…` : text;
  return printable(`signal "${name}" of ${whose}: ${shown}`);
}

/** Who somebody was verified to be, else what they call themselves, as editors do. */
function nameOf({ clientId, user, state }: LivePerson): string {
  if (user !== "") return printable(user);
  const { user: announced, name } = fieldsOf(state);
  const called = name ?? fieldsOf(announced).name;
  return typeof called === "string" && called !== "" ? printable(called) : `client ${clientId}`;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function together(people: readonly LivePerson[]): string {
  const shown = people.slice(0, MAX_NAMES).map((person) => pc.bold(nameOf(person)));
  const more = people.length - shown.length;
  return more > 0 ? `${shown.join(", ")} and ${count(more)} more` : shown.join(", ");
}
