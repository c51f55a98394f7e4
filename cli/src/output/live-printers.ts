/** Prints what happens to documents: in lines for people, or as JSON. */

import type { OpenedOrClosed } from "../remote/follow-all.ts";
import type { LiveBatch, LiveEvent } from "../remote/live-event.ts";
import { People } from "../remote/people.ts";
import { pc } from "./colours.ts";
import { LiveLines, typedText } from "./live-lines.ts";
import { count, isoTime } from "./quantities.ts";
import { outputWidth, print, printJsonLine } from "./terminal.ts";
import { shownName } from "./text.ts";

type Printed = Exclude<LiveEvent, { kind: "end" }> | OpenedOrClosed;

/** All methods tell whether anybody reads on. */
export interface LivePrinter {
  /** All documents are followed, so many of which are open. What is printed of it is printed once. */
  begin(documents: number): Promise<boolean>;
  print(document: string, event: Printed): Promise<boolean>;
}

export class LinePrinter implements LivePrinter {
  readonly #url: string;
  readonly #lines: LiveLines;
  #isBegun = false;

  /** @param isOfAll Whether documents are to be named. */
  constructor(url: string, isOfAll: boolean) {
    this.#url = url;
    this.#lines = new LiveLines(outputWidth(), isOfAll);
  }

  async begin(documents: number): Promise<boolean> {
    return this.#isBegun || this.#head("all documents", `${count(documents)} open`);
  }

  async print(document: string, event: Printed): Promise<boolean> {
    if (event.kind === "hello") return this.#greet(document, event.seq);
    for (const line of this.#lines.linesOf(event, Date.now(), document))
      if (!(await print(line))) return false;
    return true;
  }

  async #greet(document: string, seq: number): Promise<boolean> {
    if (!this.#isBegun) return this.#head(shownName(document), seq === 0 ? "not there yet" : `seq ${seq}`);
    console.error(pc.dim(`back at batch ${count(seq)}`));
    return true;
  }

  async #head(name: string, fact: string): Promise<boolean> {
    this.#isBegun = true;
    await print(`${pc.bold(name)}  ${pc.dim(`${fact} · ${this.#url}`)}\n`);
    return print(this.#lines.head());
  }
}

export class JsonPrinter implements LivePrinter {
  readonly #people = new People();
  #isBegun = false;

  async begin(documents: number): Promise<boolean> {
    const isFirst = !this.#isBegun;
    this.#isBegun = true;
    return !isFirst || printJsonLine({ event: "start", documents });
  }

  async print(document: string, event: Printed): Promise<boolean> {
    for (const { event: name, ...fields } of this.#jsonOf(event)) {
      if (!(await printJsonLine({ event: name, document, ...fields }))) return false;
    }
    return true;
  }

  #jsonOf(event: Printed): readonly ({ readonly event: string } & Readonly<Record<string, unknown>>)[] {
    switch (event.kind) {
      case "hello": {
        const isFirst = !this.#isBegun;
        this.#isBegun = true;
        return isFirst ? [{ event: "start", lineage: event.lineage, seq: event.seq }] : [];
      }
      case "batch":
        return [batchJson(event)];
      case "presence": {
        const { joined, changed, left } = this.#people.take(event);
        return [
          ...left.map(({ clientId, user }) => ({ event: "left", clientId, user })),
          ...joined.map((person) => ({ event: "joined", ...person })),
          ...changed.map((person) => ({ event: "changed", ...person })),
        ];
      }
      default: {
        const { kind, ...fields } = event;
        return [{ event: kind, ...fields }];
      }
    }
  }
}

function batchJson({ seq, time, bytes, parts }: LiveBatch): { readonly event: string } {
  const ofParts = parts.map((part) => {
    const { author, bytes, clients, structs, inserted, deleted, update } = part;
    const typed = update && { text: typedText(part), update: Buffer.from(update).toString("base64") };
    return { author, bytes, clients, structs, inserted, deleted, ...typed };
  });
  const batch = { event: "batch", seq, time: isoTime(time), bytes, parts: ofParts };
  return batch;
}
