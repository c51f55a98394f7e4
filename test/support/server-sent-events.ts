/** Reads server-sent events as a client does (WHATWG HTML, section 9.2.6). */

import { until } from "./until.ts";

export interface ReceivedEvent {
  /** The last one that there was, of this event or one before. */
  readonly id: string;
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: reason: tests look at what they expect, whatever it is
  readonly data: any;
}

/** What a stream said so far. */
export class ReceivedEvents {
  readonly all: ReceivedEvent[] = [];
  /** Milliseconds after which to come back, as it was said last; `null` for nothing. */
  retryMs: number | null = null;
  /** Comments, which clients pass over. */
  comments = 0;
  isOver = false;
  lastId = "";
  readonly #decoder = new TextDecoder();
  #rest = "";

  take(bytes: Uint8Array): void {
    this.#rest += this.#decoder.decode(bytes, { stream: true });
    const blocks = this.#rest.split("\n\n");
    this.#rest = blocks.pop() ?? "";
    for (const block of blocks) this.#takeBlock(block);
  }

  #takeBlock(block: string): void {
    let event = "message";
    const data: string[] = [];
    for (const line of block.split("\n")) {
      const [, field = "", value = ""] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
      if (field === "") this.comments++;
      else if (field === "id") this.lastId = value;
      else if (field === "event") event = value;
      else if (field === "data") data.push(value);
      else if (field === "retry") this.retryMs = Number(value);
      else throw new Error(`no field of an event: ${line}`);
    }
    if (data.length > 0) this.all.push({ id: this.lastId, event, data: JSON.parse(data.join("\n")) });
  }

  /** Data of the events of one kind. */
  of(kind: string): ReceivedEvent["data"][] {
    return this.all.filter(({ event }) => event === kind).map(({ data }) => data);
  }

  get kinds(): string[] {
    return this.all.map(({ event }) => event);
  }

  /** Seqs of the batches. */
  get seqs(): number[] {
    return this.of("batch").map(({ seq }) => seq);
  }

  /** Waits for so many events of a kind; returns the data of the last one. */
  async got(kind: string, count = 1): Promise<ReceivedEvent["data"]> {
    await until(`${count} of ${kind}`, () => this.of(kind).length >= count, {
      saw: () => `${this.kinds.join(", ")}${this.isOver ? ", and its end" : ""}`,
    });
    return this.of(kind)[count - 1];
  }

  async ended(): Promise<void> {
    await until("the end of the events", () => this.isOver, { saw: () => this.kinds.join(", ") });
  }
}

/** Reads until it ends. */
export function receive(stream: AsyncIterable<Uint8Array>): ReceivedEvents {
  const received = new ReceivedEvents();
  const read = async () => {
    for await (const bytes of stream) received.take(bytes);
  };
  const over = () => {
    received.isOver = true;
  };
  void read().then(over, over);
  return received;
}
