/** What a session takes: updates of the server into the Y.Doc and its copy on this device, and what is durable now. */

import { JoineryError } from "@joinery/shared";
import type { ServerFrame } from "@joinery/shared/protocol";
import type { Content } from "./content.ts";
import type { DocumentHost } from "./document-host.ts";
import type { Giving } from "./giving.ts";
import type { SessionState } from "./session-state.ts";

/** Whom what is taken belongs to. */
export interface Taker {
  readonly state: SessionState;
  /** Something that came cannot be taken. */
  broken(thrown: unknown): void;
}

type Frame<Type extends ServerFrame["type"]> = Extract<ServerFrame, { type: Type }>;

export class Taking {
  readonly #host: DocumentHost;
  readonly #content: Content;
  readonly #giving: Giving;
  readonly #taker: Taker;

  constructor(host: DocumentHost, content: Content, giving: Giving, taker: Taker) {
    this.#host = host;
    this.#content = content;
    this.#giving = giving;
    this.#taker = taker;
  }

  catchUp({ update }: Frame<"catchUp">): void {
    this.#apply(update, (news) => {
      if (news) this.#giving.position.caught(news);
    });
  }

  batch({ seq, durableSeq, update }: Frame<"batch">): void {
    this.#apply(update, (news) => {
      if (this.#giving.position.batch(seq, durableSeq, news)) return;
      this.#taker.broken(new JoineryError("INTERNAL", "A batch is missing."));
    });
  }

  /** Something may have become durable. */
  settle(): void {
    const { copy } = this.#content;
    const edits = this.#giving.settle();
    if (edits > 0) copy?.saved(edits);
    copy?.setPlace(this.#giving.position.storedPlace);
    this.#host.changed();
  }

  /** @param then Told what of it was not here, unless the application closed the document meanwhile. */
  #apply(update: Uint8Array, then: (news: Uint8Array | null) => void): void {
    let news: Uint8Array | null;
    try {
      news = this.#content.apply(update);
    } catch (thrown) {
      // Nobody can tell what of it is here, so all is compared.
      this.#giving.position.doubt();
      this.#host.report(thrown);
      this.#taker.broken(thrown);
      return;
    }
    if (this.#taker.state === "closed") return;
    then(news);
    this.settle();
  }
}
