/** Server-sent events, read from an answer (WHATWG HTML, section 9.2). */

import { textOf } from "./byte-lines.ts";

export interface ServerEvent {
  /** `message` where it does not say. */
  readonly event: string;
  readonly data: string;
}

/** What came before an event, and holds from there on. */
export interface EventPlace {
  /** What is given back as `Last-Event-ID`; `null` before the first one. */
  id: string | null;
  /** After how many milliseconds to come back; `null` where the server does not say. */
  retryMs: number | null;
}

/**
 * Reads events from their lines. An event without its end is none.
 *
 * @param place Is kept up to date: when an event comes, it has its id.
 */
export async function* readEvents(
  lines: AsyncIterable<Uint8Array>,
  place: EventPlace,
): AsyncGenerator<ServerEvent> {
  let event = "";
  let data: string[] = [];
  let id = place.id;
  for await (const bytes of lines) {
    const line = textOf(bytes).replace(/\r$/, "");
    if (line === "") {
      place.id = id;
      if (data.length > 0) yield { event: event || "message", data: data.join("\n") };
      event = "";
      data = [];
      continue;
    }
    const { name, value } = fieldOf(line);
    if (name === "event") event = value;
    else if (name === "data") data.push(value);
    else if (name === "id" && !value.includes("\0")) id = value;
    else if (name === "retry" && /^\d{1,9}$/.test(value)) place.retryMs = Number(value);
    // A line that begins with a colon says that somebody is there.
  }
}

function fieldOf(line: string): { readonly name: string; readonly value: string } {
  const colon = line.indexOf(":");
  if (colon < 0) return { name: line, value: "" };
  return { name: line.slice(0, colon), value: line.slice(colon + 1).replace(/^ /, "") };
}
